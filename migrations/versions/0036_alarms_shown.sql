-- Alarms and their journal as people read them on dashboards: numbers with their units, the cause of what is suppressed by name.

CREATE FUNCTION shown_number(value float8, unit text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT rtrim(CASE WHEN value = 0 THEN '0'
                      WHEN abs(value) < 'Infinity' THEN trim_scale(round(value::numeric, greatest(0, 4 - floor(log(abs(value))))::int))::text
                      ELSE value::text END || ' ' || coalesce(unit, ''))
$$;
COMMENT ON FUNCTION shown_number(float8, text) IS 'A number as a person reads it: 5 significant digits and its unit';

CREATE VIEW grafana.alarms_shown AS
SELECT s.*, a.limit_id, l.key AS limit_key, l.direction, l.reference_key, l.period_s, l.bit, l.alarm_values, l.inverted,
       coalesce(p.data_type IN ('bool', 'bit'), false) AS is_switch,
       shown_number(coalesce(r.value, s.value), s.unit) AS value_shown, shown_number(coalesce(r.threshold, s.threshold), s.unit) AS threshold_shown,
       CASE WHEN s.quality_now IS NULL OR q.quality = 'good' THEN shown_number(s.value_now, s.unit) END AS now_shown, q.quality AS quality_word,
       replace(q.reason, '_', ' ') AS why_not_good,
       coalesce(c.device_name, c.subject) AS cause_subject,
       coalesce(l.cause, zh.cause) AS cause_zh, coalesce(l.consequence, zh.consequence) AS consequence_zh, coalesce(l.action, zh.action) AS action_zh
  FROM grafana.alarms s
  JOIN alarms a ON a.id = s.alarm_id
  LEFT JOIN limits l ON l.id = a.limit_id
  LEFT JOIN points p ON p.id = s.point_id
  LEFT JOIN qualities q ON q.code = s.quality_now
  LEFT JOIN alarms c ON c.id = s.suppressed_by
  LEFT JOIN alarm_texts zh ON zh.source = s.source AND zh.kind = s.kind AND zh.language = 'zh'
  LEFT JOIN LATERAL (SELECT e.value, e.threshold FROM alarm_events e WHERE e.alarm_id = s.alarm_id AND e.event = 'raised'
                      ORDER BY e.time DESC, e.id DESC LIMIT 1) r ON true;
COMMENT ON VIEW grafana.alarms_shown IS 'The view alarms with what is compared, numbers as people read them, and what suppresses an alarm';
COMMENT ON COLUMN grafana.alarms_shown.value_shown IS 'The value with which it was raised; alarms.value is that of its newest change';
COMMENT ON COLUMN grafana.alarms_shown.cause_zh IS 'As cause; of an alarm that comes from no limit in Chinese';
COMMENT ON COLUMN grafana.alarms_shown.now_shown IS 'The newest value; null when it is not good: see why_not_good';

CREATE VIEW grafana.alarm_journal AS
SELECT e.*, p.unit, coalesce(p.data_type IN ('bool', 'bit'), false) AS is_switch,
       shown_number(e.value, p.unit) AS value_shown, shown_number(e.threshold, p.unit) AS threshold_shown, q.quality,
       coalesce(c.device_name, c.subject) AS cause_subject
  FROM grafana.alarm_events e
  LEFT JOIN points p ON p.id = e.point_id
  LEFT JOIN qualities q ON q.code = e.quality_code
  LEFT JOIN alarms c ON c.id = e.cause_id;
COMMENT ON VIEW grafana.alarm_journal IS 'The view alarm_events with numbers as people read them';

GRANT SELECT ON grafana.alarms_shown, grafana.alarm_journal TO ddms_grafana, ddms_app;

-- For limited people they show what the views alarms and alarm_events do.
DO $$
DECLARE
    definition text := pg_get_functiondef('limit_views()'::regprocedure);
    place CONSTANT text := 'c.relname IN (''alarms'', ''alarm_events''';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'limit_views() has no place for the alarms on dashboards';
    END IF;
    EXECUTE replace(definition, place, place || ', ''alarms_shown'', ''alarm_journal''');
    PERFORM limit_views();
END $$;
