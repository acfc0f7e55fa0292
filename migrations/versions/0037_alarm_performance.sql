-- How well the alarm system does (docs/alarms.md), by the measures of ISA-18.2 (clause 16) and EEMUA 191. What counts is an
-- alarm that called: one that was raised while it was shelved, suppressed or out of service disturbed nobody.

ALTER TABLE alarm_events ADD COLUMN hidden boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN alarm_events.hidden IS 'Whether the alarm was shelved, suppressed or out of service after it';

-- The functions see what the caller sees: the programs all, ddms_limited what is in sight. Those of the schema grafana are
-- below. Events of one alarm are in the order of their ids; times may go back with the clock.

CREATE FUNCTION alarm_calls(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL)
RETURNS TABLE (alarm_id int, priority text, "time" timestamptz)
LANGUAGE sql STABLE ROWS 100000 AS $$
    SELECT alarm_id, priority, time FROM (
        SELECT e.alarm_id, e.priority, e.time, e.event, e.hidden,
               coalesce(lead(e.event) OVER w = 'suppressed' AND lead(e.transaction) OVER w = e.transaction, false) AS suppressed
          FROM alarm_events e
         WHERE e.event IN ('raised', 'suppressed') AND e.time >= from_time AND e.time < to_time AND (device_ids IS NULL OR e.device_id = ANY (device_ids))
        WINDOW w AS (PARTITION BY e.alarm_id ORDER BY e.id)) told
     WHERE event = 'raised' AND NOT hidden AND NOT suppressed
$$;
COMMENT ON FUNCTION alarm_calls(timestamptz, timestamptz, int[]) IS 'The times at which alarms called: raised, and neither shelved, suppressed nor out of service';

CREATE FUNCTION alarm_occurrences(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL)
RETURNS TABLE (alarm_id int, priority text, raised_at timestamptz, ended_at timestamptz, acknowledged_at timestamptz, called boolean, repeats boolean)
LANGUAGE sql STABLE ROWS 100000 AS $$
    WITH told AS (
        SELECT e.alarm_id, e.priority, e.time, e.event, e.hidden, e.transaction,
               count(*) FILTER (WHERE e.event = 'raised') OVER (PARTITION BY e.alarm_id ORDER BY e.id ROWS UNBOUNDED PRECEDING) AS number
          FROM alarm_events e
         WHERE e.event IN ('raised', 'cleared', 'withdrawn', 'acknowledged', 'suppressed') AND e.time >= from_time AND e.time < to_time + interval '1 day'
           AND (device_ids IS NULL OR e.device_id = ANY (device_ids))
    ), occurred AS (
        SELECT t.alarm_id, min(t.priority) FILTER (WHERE t.event = 'raised') AS priority, min(t.time) FILTER (WHERE t.event = 'raised') AS raised_at,
               min(t.time) FILTER (WHERE t.event IN ('cleared', 'withdrawn')) AS ended_at, min(t.time) FILTER (WHERE t.event = 'acknowledged') AS acknowledged_at,
               bool_or(t.event = 'raised' AND t.hidden) AS hidden, min(t.transaction) FILTER (WHERE t.event = 'raised') AS raised_in,
               min(t.transaction) FILTER (WHERE t.event = 'suppressed') AS suppressed_in
          FROM told t WHERE t.number > 0 GROUP BY t.alarm_id, t.number
    )
    SELECT o.alarm_id, o.priority, o.raised_at, o.ended_at, o.acknowledged_at, NOT o.hidden AND o.suppressed_in IS DISTINCT FROM o.raised_in,
           coalesce(o.raised_at - lag(o.raised_at, 2) OVER (PARTITION BY o.alarm_id ORDER BY o.raised_at) <= interval '1 minute', false)
      FROM occurred o WHERE o.raised_at < to_time
$$;
COMMENT ON FUNCTION alarm_occurrences(timestamptz, timestamptz, int[]) IS
    'Each time that an alarm was raised: when it ended and was acknowledged, looked for up to a day after the period; called: it was not hidden; '
    'repeats: it was the third time within a minute, so the alarm chatters';

CREATE FUNCTION alarm_windows(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL, step interval DEFAULT '10 min')
RETURNS TABLE ("time" timestamptz, alarms int, critical int, high int, medium int, low int)
LANGUAGE sql STABLE ROWS 1000 AS $$
    SELECT w.time, coalesce(c.alarms, 0), coalesce(c.critical, 0), coalesce(c.high, 0), coalesce(c.medium, 0), coalesce(c.low, 0)
      FROM generate_series(date_bin(step, from_time, '2000-01-01Z'), least(to_time, now()) - interval '1 microsecond', step) AS w (time)
      LEFT JOIN (SELECT date_bin(step, a.time, '2000-01-01Z') AS time, count(*)::int AS alarms, (count(*) FILTER (WHERE a.priority = 'critical'))::int AS critical,
                        (count(*) FILTER (WHERE a.priority = 'high'))::int AS high, (count(*) FILTER (WHERE a.priority = 'medium'))::int AS medium,
                        (count(*) FILTER (WHERE a.priority = 'low'))::int AS low
                   FROM alarm_calls(from_time, to_time, device_ids) a GROUP BY 1) c USING (time)
$$;
COMMENT ON FUNCTION alarm_windows(timestamptz, timestamptz, int[], interval) IS 'How many alarms called in each ten minutes, or steps of another length, of each priority';

CREATE FUNCTION alarm_floods(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL, operators int DEFAULT 1)
RETURNS TABLE (begins timestamptz, ends timestamptz, alarms int, most int)
LANGUAGE sql STABLE ROWS 10 AS $$
    WITH marked AS (
        SELECT w.time, w.alarms, CASE WHEN w.alarms > 10 * operators THEN true WHEN w.alarms < 5 * operators THEN false END AS mark
          FROM alarm_windows(from_time, to_time, device_ids) w
    ), known AS (
        SELECT m.*, count(m.mark) OVER (ORDER BY m.time) AS since FROM marked m
    ), state AS (
        SELECT k.time, k.alarms, coalesce(bool_or(k.mark) OVER (PARTITION BY k.since), false) AS flood FROM known k
    ), turns AS (
        SELECT s.*, count(*) FILTER (WHERE NOT s.flood) OVER (ORDER BY s.time) AS calm FROM state s
    )
    SELECT min(t.time), max(t.time) + interval '10 min', sum(t.alarms)::int, max(t.alarms) FROM turns t WHERE t.flood GROUP BY t.calm ORDER BY 1
$$;
COMMENT ON FUNCTION alarm_floods(timestamptz, timestamptz, int[], int) IS
    'Floods: from the first ten minutes with more than 10 alarms an operator up to the first with fewer than 5 (ISA-18.2, 16.5); most: in its worst ten minutes';

CREATE FUNCTION alarm_worst(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL, most int DEFAULT 10, fleeting_seconds float8 DEFAULT 10)
RETURNS TABLE (alarm_id int, source text, kind text, device_id int, device text, point_id int, point text, subject text, limit_key text, priority text,
               alarms int, share float8, fleeting int, repeats int, standing_seconds float8)
LANGUAGE sql STABLE ROWS 10 AS $$
    WITH counted AS (
        SELECT o.alarm_id, count(*)::int AS alarms, (count(*) FILTER (WHERE o.ended_at - o.raised_at < make_interval(secs => fleeting_seconds)))::int AS fleeting,
               (count(*) FILTER (WHERE o.repeats))::int AS repeats,
               avg(extract(epoch FROM coalesce(o.ended_at, now()) - o.raised_at))::float8 AS standing, sum(count(*)) OVER () AS of_all
          FROM alarm_occurrences(from_time, to_time, device_ids) o WHERE o.called GROUP BY o.alarm_id ORDER BY 2 DESC, 1 LIMIT greatest(most, 0)
    )
    SELECT a.id, a.source, a.kind, a.device_id, a.device_name, a.point_id, a.point_name, a.subject, a.limit_key, a.priority,
           c.alarms, c.alarms / c.of_all::float8, c.fleeting, c.repeats, c.standing
      FROM counted c JOIN alarms a ON a.id = c.alarm_id ORDER BY c.alarms DESC, a.id
$$;
COMMENT ON FUNCTION alarm_worst(timestamptz, timestamptz, int[], int, float8) IS
    'The alarms that called most often, with their share of all; fleeting: how often one cleared within fleeting_seconds; repeats: how often it was the third time '
    'within a minute (it chatters); standing_seconds: how long it stood on average';

CREATE FUNCTION alarm_stood(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL)
RETURNS TABLE (alarm_id int, raised_at timestamptz, ended_at timestamptz)
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT a.id, before.time, (SELECT e.time FROM alarm_events e WHERE e.alarm_id = a.id AND e.time >= from_time AND e.event IN ('cleared', 'withdrawn')
                                ORDER BY e.time, e.id LIMIT 1)
      FROM alarms a
     CROSS JOIN LATERAL (SELECT e.event, e.time FROM alarm_events e WHERE e.alarm_id = a.id AND e.time < from_time AND e.event IN ('raised', 'cleared', 'withdrawn')
                          ORDER BY e.time DESC, e.id DESC LIMIT 1) before
     WHERE before.event = 'raised' AND (device_ids IS NULL OR a.device_id = ANY (device_ids))
$$;
COMMENT ON FUNCTION alarm_stood(timestamptz, timestamptz, int[]) IS 'The alarms that stood already when the period began';

CREATE FUNCTION alarm_stale(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL)
RETURNS TABLE (alarm_id int, source text, kind text, device_id int, device text, point_id int, point text, subject text, priority text,
               raised_at timestamptz, ended_at timestamptz)
LANGUAGE sql STABLE ROWS 10 AS $$
    SELECT a.id, a.source, a.kind, a.device_id, a.device_name, a.point_id, a.point_name, a.subject, a.priority, s.raised_at, s.ended_at
      FROM (SELECT * FROM alarm_stood(from_time, to_time, device_ids)
             UNION ALL SELECT o.alarm_id, o.raised_at, o.ended_at FROM alarm_occurrences(from_time, to_time, device_ids) o) s
      JOIN alarms a ON a.id = s.alarm_id
     WHERE least(coalesce(s.ended_at, now()), to_time, now()) > s.raised_at + interval '1 day'
     ORDER BY s.raised_at, a.id
$$;
COMMENT ON FUNCTION alarm_stale(timestamptz, timestamptz, int[]) IS 'Alarms that stood for more than 24 hours without an end, some of it within the period; ended_at: null when it still stands';

CREATE FUNCTION alarm_priorities(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL)
RETURNS TABLE (priority text, rank int, alarms int, share float8, target_share float8, acknowledged int, unacknowledged int, median_seconds float8, p95_seconds float8)
LANGUAGE sql STABLE ROWS 4 AS $$
    SELECT p.priority, p.rank, coalesce(c.alarms, 0), coalesce(c.alarms / nullif(c.of_all, 0)::float8, 0), p.target, coalesce(c.acknowledged, 0),
           coalesce(c.alarms - c.acknowledged, 0), c.median, c.p95
      FROM (VALUES ('critical', 1, 0.01::float8), ('high', 2, 0.05), ('medium', 3, 0.15), ('low', 4, 0.8)) AS p (priority, rank, target)
      LEFT JOIN (SELECT o.priority, count(*)::int AS alarms, count(o.acknowledged_at)::int AS acknowledged, sum(count(*)) OVER () AS of_all,
                        percentile_cont(0.5) WITHIN GROUP (ORDER BY t.seconds) AS median, percentile_cont(0.95) WITHIN GROUP (ORDER BY t.seconds) AS p95
                   FROM alarm_occurrences(from_time, to_time, device_ids) o
                   LEFT JOIN LATERAL (SELECT extract(epoch FROM greatest(o.acknowledged_at, o.raised_at) - o.raised_at)::float8 AS seconds WHERE o.acknowledged_at IS NOT NULL) t ON true
                  WHERE o.called GROUP BY 1) c USING (priority)
     ORDER BY p.rank
$$;
COMMENT ON FUNCTION alarm_priorities(timestamptz, timestamptz, int[]) IS
    'How the alarms that called are distributed over the priorities, beside what ISA-18.2 (16.6) aims at for four of them, and after how long they were acknowledged; '
    'unacknowledged: not before the alarm was raised again, nor within a day after the period';

CREATE FUNCTION alarm_performance(from_time timestamptz, to_time timestamptz, device_ids int[] DEFAULT NULL, operators int DEFAULT 1, fleeting_seconds float8 DEFAULT 10)
RETURNS TABLE (alarms int, per_day float8, benchmark text, per_10_minutes float8, most_in_10_minutes int, windows int, windows_over int, share_over float8,
               floods int, flood_seconds float8, share_in_flood float8, worst_share float8, chattering int, fleeting int, stale int,
               acknowledged int, unacknowledged int, median_seconds float8, p95_seconds float8, hidden int, shelved int, out_of_service int, shelved_now int)
LANGUAGE sql STABLE ROWS 1 AS $$
    WITH occurred AS MATERIALIZED (
        SELECT * FROM alarm_occurrences(from_time, to_time, device_ids)
    ), called AS (
        SELECT count(*) FILTER (WHERE o.called)::int AS alarms, count(*) FILTER (WHERE NOT o.called)::int AS hidden,
               count(*) FILTER (WHERE o.called AND o.ended_at - o.raised_at < make_interval(secs => fleeting_seconds))::int AS fleeting,
               count(DISTINCT o.alarm_id) FILTER (WHERE o.called AND o.repeats)::int AS chattering,
               count(o.acknowledged_at) FILTER (WHERE o.called)::int AS acknowledged,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(o.acknowledged_at, o.raised_at) - o.raised_at)) FILTER (WHERE o.called AND o.acknowledged_at IS NOT NULL) AS median,
               percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM greatest(o.acknowledged_at, o.raised_at) - o.raised_at)) FILTER (WHERE o.called AND o.acknowledged_at IS NOT NULL) AS p95
          FROM occurred o
    ), worst AS (
        SELECT sum(alarms)::int AS alarms FROM (SELECT count(*) AS alarms FROM occurred o WHERE o.called GROUP BY o.alarm_id ORDER BY 1 DESC LIMIT 10) w
    ), rates AS (
        SELECT max(c.alarms)::int AS most, count(*) FILTER (WHERE c.alarms > 10 * operators)::int AS over,
               greatest(ceil(extract(epoch FROM least(to_time, now()) - date_bin('10 min', from_time, '2000-01-01Z')) / 600), 1)::int AS windows
          FROM (SELECT count(*) AS alarms FROM occurred o WHERE o.called GROUP BY date_bin('10 min', o.raised_at, '2000-01-01Z')) c
    ), floods AS (
        SELECT count(*)::int AS floods, coalesce(sum(extract(epoch FROM f.ends - f.begins)), 0)::float8 AS seconds FROM alarm_floods(from_time, to_time, device_ids, operators) f
    ), stale AS (
        SELECT count(*)::int AS stale
          FROM (SELECT raised_at, ended_at FROM occurred UNION ALL SELECT raised_at, ended_at FROM alarm_stood(from_time, to_time, device_ids)) s
         WHERE least(coalesce(s.ended_at, now()), to_time, now()) > s.raised_at + interval '1 day'
    ), hiding AS (
        SELECT count(*) FILTER (WHERE e.event = 'shelved')::int AS shelved, count(*) FILTER (WHERE e.event = 'out_of_service')::int AS out_of_service
          FROM alarm_events e WHERE e.event IN ('shelved', 'out_of_service') AND e.time >= from_time AND e.time < to_time AND (device_ids IS NULL OR e.device_id = ANY (device_ids))
    )
    SELECT c.alarms, d.per_day, CASE WHEN d.per_day <= 150 THEN 'acceptable' WHEN d.per_day <= 300 THEN 'manageable' ELSE 'overloaded' END,
           d.per_day / 144, coalesce(r.most, 0), r.windows, r.over, coalesce(r.over / nullif(r.windows, 0)::float8, 0),
           f.floods, f.seconds, coalesce(f.seconds / nullif(r.windows * 600, 0)::float8, 0), coalesce(w.alarms / nullif(c.alarms, 0)::float8, 0), c.chattering, c.fleeting,
           s.stale, c.acknowledged, c.alarms - c.acknowledged, c.median, c.p95,
           c.hidden, h.shelved, h.out_of_service,
           (SELECT count(*)::int FROM alarms a WHERE a.shelved_until > now() AND a.removed_at IS NULL AND (device_ids IS NULL OR a.device_id = ANY (device_ids)))
      FROM called c CROSS JOIN worst w CROSS JOIN rates r CROSS JOIN floods f CROSS JOIN stale s CROSS JOIN hiding h
     CROSS JOIN LATERAL (SELECT c.alarms / greatest(extract(epoch FROM least(to_time, now()) - from_time) / 86400.0, 1.0 / 144)::float8 / operators AS per_day) d
$$;
COMMENT ON FUNCTION alarm_performance(timestamptz, timestamptz, int[], int, float8) IS
    'How well the alarm system did in a period, by the measures of ISA-18.2 and EEMUA 191: rates are those of one operator; per_day up to 150 is acceptable, up to 300 '
    'manageable; windows are ten minutes, over: with more than 10 alarms an operator; worst_share: what the ten worst alarms bring; chattering: alarms that called three times '
    'within a minute; fleeting: cleared within fleeting_seconds; stale: stood more than 24 hours; hidden: raised while shelved, suppressed or out of service';


-- For Grafana: of all devices, and of those in sight.
DO $$
DECLARE
    one record;
    arguments text;
    results text;
BEGIN
    FOR one IN
        SELECT p.oid, p.proname AS name, pg_get_function_arguments(p.oid) AS parameters, pg_get_function_result(p.oid) AS result, obj_description(p.oid, 'pg_proc') AS said,
               (SELECT string_agg(CASE WHEN name = 'device_ids' THEN '{device_ids}' ELSE quote_ident(name) END, ', ' ORDER BY place)
                  FROM unnest(p.proargnames) WITH ORDINALITY AS a (name, place) WHERE p.proargmodes[place] = 'i') AS given
          FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
           AND p.proname IN ('alarm_windows', 'alarm_floods', 'alarm_worst', 'alarm_stale', 'alarm_priorities', 'alarm_performance')
    LOOP
        EXECUTE format('CREATE FUNCTION grafana.%1$I(%2$s) RETURNS %3$s LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS %4$L',
                       one.name, one.parameters, one.result, format('SELECT * FROM public.%I(%s)', one.name, replace(one.given, '{device_ids}', 'device_ids')));
        EXECUTE format('CREATE FUNCTION limited_grafana.%1$I(%2$s) RETURNS %3$s LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS %4$L',
                       one.name, one.parameters, one.result, format('SELECT * FROM public.%I(%s)', one.name,
                       replace(one.given, '{device_ids}', 'ARRAY(SELECT d FROM shown_devices() d WHERE device_ids IS NULL OR d = ANY (device_ids))')));
        arguments := pg_get_function_identity_arguments(one.oid);
        EXECUTE format('COMMENT ON FUNCTION grafana.%I(%s) IS %L', one.name, arguments, one.said);
        EXECUTE format('COMMENT ON FUNCTION limited_grafana.%I(%s) IS %L', one.name, arguments, one.said);
        EXECUTE format('REVOKE EXECUTE ON FUNCTION grafana.%1$I(%2$s), limited_grafana.%1$I(%2$s) FROM PUBLIC', one.name, arguments);
        EXECUTE format('GRANT EXECUTE ON FUNCTION grafana.%1$I(%2$s) TO ddms_grafana, ddms_app', one.name, arguments);
    END LOOP;
END $$;

-- What Grafana sees of the journal says it too.
CREATE OR REPLACE VIEW grafana.alarm_events AS
SELECT e.id AS event_id, e.time, e.recorded_at, e.alarm_id, a.source, e.kind, e.priority, e.event, e.state, e.device_id, a.device_name AS device,
       a.point_id, a.point_name AS point, a.subject, e.actor, e.note, e.until, e.value, e.quality AS quality_code, e.threshold, e.cause_id, e.late, e.hidden
  FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id;
SELECT limit_views();
