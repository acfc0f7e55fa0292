-- Alarms on the dashboards of fleet, groups and devices: the worst of each device, and when they stood, beside a trend.

-- The alarm of a connection counts for each device behind it: theirs are suppressed by it.
CREATE VIEW grafana.device_alarms AS
WITH shown AS (
    SELECT a.id, a.source, a.device_id, a.connection_id, a.priority, a.active OR a.latched AS there, a.acknowledged, a.active_since, a.state <> 'normal' AS stands,
           CASE a.priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS rank,
           a.shelved_until, a.out_of_service_until, a.suppressed_by
      FROM alarms a WHERE a.removed_at IS NULL AND (a.state <> 'normal' OR a.shelved IS NOT NULL OR a.out_of_service_until IS NOT NULL)
), of_devices AS (
    SELECT s.device_id AS device, s.* FROM shown s WHERE s.device_id IS NOT NULL
     UNION ALL
    SELECT d.id, s.* FROM shown s JOIN devices d ON d.connection_id = s.connection_id AND d.enabled AND d.deleted_at IS NULL WHERE s.source = 'connection'
), told AS (
    SELECT o.*, coalesce(o.shelved_until > now(), false) AS is_shelved, coalesce(o.out_of_service_until > now(), false) AS is_out FROM of_devices o
), judged AS (
    SELECT t.*, stands AND NOT is_shelved AND NOT is_out AND suppressed_by IS NULL AS counts FROM told t
)
SELECT device AS device_id,
       (array_agg(priority ORDER BY there DESC, rank) FILTER (WHERE counts))[1] AS priority,
       (array_agg(rank ORDER BY there DESC, rank) FILTER (WHERE counts))[1] AS rank,
       coalesce(bool_or(there) FILTER (WHERE counts), false) AS there,
       (array_agg(acknowledged ORDER BY there DESC, rank, acknowledged) FILTER (WHERE counts))[1] AS acknowledged,
       (array_agg(active_since ORDER BY there DESC, rank, acknowledged, active_since) FILTER (WHERE counts))[1] AS since,
       (array_agg(id ORDER BY there DESC, rank, acknowledged, active_since) FILTER (WHERE counts))[1] AS alarm_id,
       count(*) FILTER (WHERE counts AND there)::int AS alarms,
       count(*) FILTER (WHERE counts AND NOT there)::int AS returned,
       count(*) FILTER (WHERE stands AND NOT counts)::int AS hidden,
       max(out_of_service_until) FILTER (WHERE is_out) AS out_of_service_until
  FROM judged GROUP BY device;
COMMENT ON VIEW grafana.device_alarms IS 'Of each device with alarms that are not normal, shelved or out of service: the worst that is not hidden, how many';
COMMENT ON COLUMN grafana.device_alarms.priority IS 'Of the worst alarm; what is there (active or latched) is worse than what is gone and was not acknowledged; null: all are hidden';
COMMENT ON COLUMN grafana.device_alarms.there IS 'Whether the worst is active or latched; false: it is gone and was not acknowledged';
COMMENT ON COLUMN grafana.device_alarms.acknowledged IS 'Whether all that are as bad are acknowledged';
COMMENT ON COLUMN grafana.device_alarms.since IS 'When the worst one was raised';
COMMENT ON COLUMN grafana.device_alarms.alarms IS 'How many are active or latched';
COMMENT ON COLUMN grafana.device_alarms.returned IS 'How many are gone and were not acknowledged';
COMMENT ON COLUMN grafana.device_alarms.hidden IS 'How many are not normal and shelved, suppressed or out of service';
COMMENT ON COLUMN grafana.device_alarms.out_of_service_until IS 'In maintenance until then';
GRANT SELECT ON grafana.device_alarms TO ddms_grafana, ddms_app;

-- From the journal, by an index for each alarm. What began before the range is there too. What comes again and again is one: where less
-- than a sixtieth of the range lies between. Of more than `most` the longest.
CREATE FUNCTION grafana.alarm_spans(point_ids int[], from_time timestamptz, to_time timestamptz, of_priority text, most int DEFAULT 50)
RETURNS TABLE (alarm_id int, source text, kind text, device_id int, device text, point_id int, point text, unit text, limit_key text, priority text,
               raised_at timestamptz, ended_at timestamptz, times int, value float8, threshold float8, detail text, cause text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = public, pg_temp AS $$
    WITH mine AS MATERIALIZED (
        SELECT a.* FROM alarms a WHERE a.priority = of_priority AND a.source = 'limit' AND a.point_id = ANY (point_ids)
         UNION ALL
        SELECT a.* FROM alarms a WHERE a.priority = of_priority AND a.source = 'device'
           AND a.device_id IN (SELECT p.device_id FROM points p WHERE p.id = ANY (point_ids))
    ), raised AS (
        SELECT m.id AS alarm, e.id, e.time, e.value, e.threshold FROM mine m CROSS JOIN LATERAL (
               SELECT * FROM alarm_events e WHERE e.alarm_id = m.id AND e.time < from_time AND e.event IN ('raised', 'cleared', 'withdrawn')
                ORDER BY e.time DESC, e.id DESC LIMIT 1) e
         WHERE e.event = 'raised'
         UNION ALL
        SELECT m.id, e.* FROM mine m CROSS JOIN LATERAL (
               SELECT e.id, e.time, e.value, e.threshold FROM alarm_events e WHERE e.alarm_id = m.id AND e.time BETWEEN from_time AND to_time AND e.event = 'raised'
                ORDER BY e.time DESC, e.id DESC LIMIT 500) e
    ), spans AS (
        SELECT r.*, (SELECT e.time FROM alarm_events e WHERE e.alarm_id = r.alarm AND (e.time, e.id) > (r.time, r.id) AND e.event IN ('cleared', 'withdrawn')
                      ORDER BY e.time, e.id LIMIT 1) AS ended_at
          FROM (SELECT * FROM raised ORDER BY time DESC LIMIT 2000) r
    ), parted AS (
        SELECT *, sum(apart::int) OVER (PARTITION BY alarm ORDER BY time, id) AS part
          FROM (SELECT *, coalesce(time - lag(ended_at) OVER (PARTITION BY alarm ORDER BY time, id) > (to_time - from_time) / 60, true) AS apart FROM spans) s
    ), longest AS (
        SELECT alarm, min(time) AS time, CASE WHEN bool_and(ended_at IS NOT NULL) THEN max(ended_at) END AS ended_at, count(*)::int AS times,
               (array_agg(value ORDER BY time, id))[1] AS value, (array_agg(threshold ORDER BY time, id))[1] AS threshold
          FROM parted GROUP BY alarm, part ORDER BY coalesce(CASE WHEN bool_and(ended_at IS NOT NULL) THEN max(ended_at) END, now()) - min(time) DESC LIMIT most
    )
    SELECT m.id, m.source, m.kind, m.device_id, m.device_name, m.point_id, m.point_name, p.unit, m.limit_key, m.priority,
           s.time, s.ended_at, s.times, s.value, s.threshold, m.detail, l.cause
      FROM longest s JOIN mine m ON m.id = s.alarm LEFT JOIN points p ON p.id = m.point_id LEFT JOIN limits l ON l.id = m.limit_id
     ORDER BY s.time
$$;
COMMENT ON FUNCTION grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) IS
    'When alarms of some points and of their devices stood: from raised to cleared (null: still); of more than most the longest';
REVOKE EXECUTE ON FUNCTION grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) TO ddms_grafana, ddms_app;

CREATE FUNCTION limited_grafana.alarm_spans(point_ids int[], from_time timestamptz, to_time timestamptz, of_priority text, most int DEFAULT 50)
RETURNS TABLE (alarm_id int, source text, kind text, device_id int, device text, point_id int, point text, unit text, limit_key text, priority text,
               raised_at timestamptz, ended_at timestamptz, times int, value float8, threshold float8, detail text, cause text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.alarm_spans(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, of_priority, most)
$$;
COMMENT ON FUNCTION limited_grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) IS 'As grafana.alarm_spans, of the points in sight';
REVOKE EXECUTE ON FUNCTION limited_grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION limited_grafana.alarm_spans(int[], timestamptz, timestamptz, text, int) TO ddms_grafana_limited;

SELECT limit_views();
