-- The answers of 0057 for dashboards (docs/dashboards.md), as grafana.consumption has them of counters.

CREATE FUNCTION shown_calendar(calendar text, points int, length interval) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (SELECT step FROM calendar_grid(calendar)) IS NULL THEN NULL  -- no shifts are configured
                WHEN calendar IN ('hour', 'shift') AND hours * points > 40000 THEN CASE WHEN hours / 24 * points > 40000 THEN 'month' ELSE 'day' END
                WHEN calendar = 'day' AND hours / 24 * points > 40000 THEN 'month' ELSE calendar END
      FROM (SELECT extract(epoch FROM length) / 3600 AS hours) l
$$;
COMMENT ON FUNCTION shown_calendar(text, int, interval) IS 'The calendar that buckets are shown by: a longer one where a browser would get more than about 40,000 rows, null where there is none';

-- What api/readings/states.py reads too; here one condition, of what a person writes above a dashboard.
CREATE FUNCTION state_bounds(state text, value_names jsonb, OUT low float8, OUT high float8)
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(named, CASE sign WHEN '<' THEN '-infinity' WHEN '<=' THEN '-infinity' WHEN '>' THEN number + greatest(abs(number) * 2.3e-16, 1e-300) ELSE number END),
           coalesce(named, CASE sign WHEN '>' THEN 'infinity' WHEN '>=' THEN 'infinity' WHEN '<' THEN number - greatest(abs(number) * 2.3e-16, 1e-300) ELSE number END)
      FROM (SELECT (SELECT min(n.key::float8) FROM jsonb_each(value_names) n WHERE lower(n.value ->> 'name') = lower(trim(state))) AS named,
                   part[1] AS sign, part[2]::float8 AS number
              FROM (SELECT regexp_match(state, '^\s*(>=|<=|>|<|=|)\s*([+-]?\d{1,15}(?:\.\d{1,15})?)\s*$') AS part) p) c
$$;
COMMENT ON FUNCTION state_bounds(text, jsonb) IS 'The lowest and highest value of a state: > 0, <= 5, 3, or the name of a value; null where it is none of the point';

CREATE FUNCTION grafana.answers(point_ids int[], from_time timestamptz, to_time timestamptz, calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, mean float8, covered float8, lowest float8, highest float8, first float8, last float8, deviation float8, shift text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.point_id, r.time, coalesce(r.until, r.time + s.bucket), nullif(r.mean, 'NaN'), r.covered, nullif(r.lowest, 'NaN'), nullif(r.highest, 'NaN'),
           nullif(r.first, 'NaN'), nullif(r.last, 'NaN'), nullif(r.deviation, 'NaN'), r.name
      FROM (SELECT ids, shown_calendar(calendar, cardinality(ids), to_time - from_time) AS taken
              FROM (SELECT ARRAY(SELECT p.point_id FROM grafana.points p WHERE p.kind IN ('number', 'state') AND p.point_id = ANY (point_ids)) AS ids) n) c
     CROSS JOIN LATERAL series(c.ids, from_time, to_time, 1000000, NULL, 'UTC', '{weighted,covered,lowest,highest,first,last,deviation}', NULL, c.taken) s
     CROSS JOIN LATERAL unnest(s.times, s.until, s.weighted, s.covered, s.lowest, s.highest, s.first, s.last, s.deviation, s.names)
          AS r (time, until, mean, covered, lowest, highest, first, last, deviation, name)
     WHERE c.taken IS NOT NULL
$$;
COMMENT ON FUNCTION grafana.answers(int[], timestamptz, timestamptz, text) IS
    'What values were in each hour, shift, day, week, month, quarter, year, fiscal_quarter or fiscal_year of the site: mean in which each value counts by how long it held, for how many seconds one did, lowest, highest, first, last, standard deviation; longer buckets where there would be more than 40,000 rows';
CREATE FUNCTION limited_grafana.answers(point_ids int[], from_time timestamptz, to_time timestamptz, calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, mean float8, covered float8, lowest float8, highest float8, first float8, last float8, deviation float8, shift text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.answers(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, calendar)
$$;
COMMENT ON FUNCTION limited_grafana.answers(int[], timestamptz, timestamptz, text) IS 'As grafana.answers, of what is in sight';
REVOKE EXECUTE ON FUNCTION grafana.answers(int[], timestamptz, timestamptz, text), limited_grafana.answers(int[], timestamptz, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.answers(int[], timestamptz, timestamptz, text) TO ddms_grafana, ddms_app;
GRANT EXECUTE ON FUNCTION limited_grafana.answers(int[], timestamptz, timestamptz, text) TO ddms_grafana_limited;

CREATE FUNCTION grafana.in_state(point_ids int[], from_time timestamptz, to_time timestamptz, state text, calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, seconds float8, starts int, shift text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.point_id, r.time, coalesce(r.until, r.time + s.bucket), nullif(r.seconds, 'NaN'), r.starts, r.name
      FROM (SELECT array_agg(p.id) AS ids, b.low, b.high, shown_calendar(calendar, (sum(count(*)) OVER ())::int, to_time - from_time) AS taken
              FROM points p CROSS JOIN LATERAL state_bounds(state, p.value_names) b
             WHERE p.id = ANY (ARRAY(SELECT p.point_id FROM grafana.points p WHERE p.kind IN ('number', 'state') AND p.point_id = ANY (point_ids))) AND b.low IS NOT NULL GROUP BY b.low, b.high) c
     CROSS JOIN LATERAL series(c.ids, from_time, to_time, 1000000, NULL, 'UTC', '{in_state,entered}', NULL, c.taken, ARRAY[c.low], ARRAY[c.high]) s
     CROSS JOIN LATERAL unnest(s.times, s.until, s.in_state, s.entered, s.names) AS r (time, until, seconds, starts, name)
     WHERE c.taken IS NOT NULL
$$;
COMMENT ON FUNCTION grafana.in_state(int[], timestamptz, timestamptz, text, text) IS
    'For how many seconds of each hour, shift, day, week, month and so on of the site points were in a state (> 0, <= 5, 3, or the name of a value), and how often they came into it; points without such a state are left out';
CREATE FUNCTION limited_grafana.in_state(point_ids int[], from_time timestamptz, to_time timestamptz, state text, calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, seconds float8, starts int, shift text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.in_state(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, state, calendar)
$$;
COMMENT ON FUNCTION limited_grafana.in_state(int[], timestamptz, timestamptz, text, text) IS 'As grafana.in_state, of what is in sight';
REVOKE EXECUTE ON FUNCTION grafana.in_state(int[], timestamptz, timestamptz, text, text), limited_grafana.in_state(int[], timestamptz, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.in_state(int[], timestamptz, timestamptz, text, text) TO ddms_grafana, ddms_app;
GRANT EXECUTE ON FUNCTION limited_grafana.in_state(int[], timestamptz, timestamptz, text, text) TO ddms_grafana_limited;

CREATE FUNCTION grafana.percentiles(point_ids int[], from_time timestamptz, to_time timestamptz, shares float8[], calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, found float8[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.point_id, s.times[n], ARRAY(SELECT s.found[n][place] FROM generate_subscripts(shares, 1) AS place)
      FROM (SELECT ids, shown_calendar(calendar, cardinality(ids), to_time - from_time) AS taken
              FROM (SELECT ARRAY(SELECT p.point_id FROM grafana.points p WHERE p.kind IN ('number', 'state') AND p.point_id = ANY (point_ids)) AS ids) n) c
     CROSS JOIN LATERAL series_percentiles(c.ids, from_time, to_time, NULL, 'UTC', NULL, c.taken, shares) s
     CROSS JOIN LATERAL generate_subscripts(s.times, 1) AS n
     WHERE c.taken IS NOT NULL
$$;
COMMENT ON FUNCTION grafana.percentiles(int[], timestamptz, timestamptz, float8[], text) IS
    'Below which values these shares of the readings lay, 0.5 the median, in each hour, shift, day, week, month and so on of the site, in the order of `shares`';
CREATE FUNCTION limited_grafana.percentiles(point_ids int[], from_time timestamptz, to_time timestamptz, shares float8[], calendar text DEFAULT 'day')
RETURNS TABLE (point_id int, "time" timestamptz, found float8[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.percentiles(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, shares, calendar)
$$;
COMMENT ON FUNCTION limited_grafana.percentiles(int[], timestamptz, timestamptz, float8[], text) IS 'As grafana.percentiles, of what is in sight';
REVOKE EXECUTE ON FUNCTION grafana.percentiles(int[], timestamptz, timestamptz, float8[], text), limited_grafana.percentiles(int[], timestamptz, timestamptz, float8[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.percentiles(int[], timestamptz, timestamptz, float8[], text) TO ddms_grafana, ddms_app;
GRANT EXECUTE ON FUNCTION limited_grafana.percentiles(int[], timestamptz, timestamptz, float8[], text) TO ddms_grafana_limited;

CREATE FUNCTION grafana.availability(device_ids int[], from_time timestamptz, to_time timestamptz)
RETURNS TABLE (device_id int, share float8, online float8, error float8, offline float8, disabled float8, outages int, longest float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM device_availability(from_time, least(to_time, now()), device_ids)
$$;
COMMENT ON FUNCTION grafana.availability(int[], timestamptz, timestamptz) IS
    'For how many seconds each device was in each state, how often and how long at most it was offline; share: answered, of the time in which it was known and to be read';
CREATE FUNCTION limited_grafana.availability(device_ids int[], from_time timestamptz, to_time timestamptz)
RETURNS TABLE (device_id int, share float8, online float8, error float8, offline float8, disabled float8, outages int, longest float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.availability(ARRAY(SELECT unnest(device_ids) INTERSECT SELECT shown_devices()), from_time, to_time)
$$;
COMMENT ON FUNCTION limited_grafana.availability(int[], timestamptz, timestamptz) IS 'As grafana.availability, of what is in sight';
REVOKE EXECUTE ON FUNCTION grafana.availability(int[], timestamptz, timestamptz), limited_grafana.availability(int[], timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.availability(int[], timestamptz, timestamptz) TO ddms_grafana, ddms_app;
GRANT EXECUTE ON FUNCTION limited_grafana.availability(int[], timestamptz, timestamptz) TO ddms_grafana_limited;
