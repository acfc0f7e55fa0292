-- What an operator's screen shows at a glance: the chosen point of each device and its line, how each device did over time.

ALTER TABLE devices ADD COLUMN trend_point text;
COMMENT ON COLUMN devices.trend_point IS 'Key of the point that stands for the device in lists; null, or a key that none of its points has: one is chosen (grafana.device_trends)';

-- What cannot be compared shares no axis: of points without a unit only those of one name do. Put into the newest view, whichever that is.
DO $$
DECLARE
    definition text := pg_get_viewdef('grafana.points'::regclass);
    axis CONSTANT text := '''no unit''::text) AS axis';
    place CONSTANT text := E'\n   FROM ';
BEGIN
    IF position(axis IN definition) = 0 OR position(place IN definition) = 0 THEN
        RAISE 'grafana.points has no place for the axis';
    END IF;
    definition := replace(definition, axis, 'p.name) AS axis');
    definition := overlay(definition PLACING E',\n    p.data_type ~ ''^u?int'' AND p.scale = 1 AND p.value_offset = trunc(p.value_offset) AS is_whole\n   FROM '
                          FROM position(place IN definition) FOR length(place));
    EXECUTE 'CREATE OR REPLACE VIEW grafana.points AS ' || definition;
END $$;
COMMENT ON COLUMN grafana.points.axis IS 'Points of one axis can be compared: they have the same unit, or none and the same name';
COMMENT ON COLUMN grafana.points.is_whole IS 'Whether its values are whole numbers, as counts and steps are';

-- The most important limit says what matters of a device; else what has a unit, and does not only grow.
CREATE VIEW grafana.device_trends AS
SELECT DISTINCT ON (p.device_id) p.device_id, p.id AS point_id, p.key, p.name AS point, p.unit
  FROM points p
  JOIN devices d ON d.id = p.device_id
  LEFT JOIN (SELECT point_id, min(array_position('{critical,high,medium,low}'::text[], priority)) AS rank FROM limits
              WHERE enabled AND kind IN ('low_low', 'low', 'high', 'high_high') GROUP BY point_id) l ON l.point_id = p.id
 WHERE d.deleted_at IS NULL AND p.enabled AND p.data_type NOT IN ('bool', 'bit') AND p.data_type !~ '^(string|unix|datetime)' AND (p.value_names = '{}' OR p.key = d.trend_point)
 ORDER BY p.device_id, CASE WHEN p.key = d.trend_point THEN 0 ELSE coalesce(l.rank, 5)
                            + CASE WHEN p.counter OR p.unit IN ('Wh', 'kWh', 'MWh', 'GWh', 'varh', 'kvarh', 'VAh', 'kVAh', 'h', 'd', 'min', 's') THEN 20 WHEN p.unit = '' THEN 10 ELSE 0 END
                            - CASE WHEN l.rank IS NOT NULL THEN 100 ELSE 0 END + 200 END, p.id;
COMMENT ON VIEW grafana.device_trends IS 'The point that stands for each device in lists: the one of devices.trend_point, else that with the most important limit, else the first number with a unit that is no counter''s';
GRANT SELECT ON grafana.device_trends TO ddms_grafana, ddms_app;


-- How devices did. Written by the database itself, so that none of the programs can forget it.
CREATE TABLE device_state_changes (
    device_id       int NOT NULL CONSTRAINT device_state_changes_device_fkey REFERENCES devices ON DELETE CASCADE,
    time            timestamptz NOT NULL,
    state           text NOT NULL CONSTRAINT device_state_changes_state_known CHECK (state IN ('unknown', 'online', 'error', 'offline', 'disabled')),
    CONSTRAINT device_state_changes_pkey PRIMARY KEY (device_id, time)
);
COMMENT ON TABLE device_state_changes IS 'When each device came into each state; kept as long as its readings';
COMMENT ON COLUMN device_state_changes.time IS 'Of offline: the first of the failures in a row, unless another change came later';

CREATE FUNCTION note_device_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO device_state_changes (device_id, time, state)
    SELECT d.id, greatest(CASE WHEN told.state = 'offline' THEN coalesce(s.first_failure, now()) ELSE now() END, last.time + interval '1 microsecond'), told.state
      FROM devices d LEFT JOIN device_states s ON s.device_id = d.id
     CROSS JOIN LATERAL (SELECT CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state) told
      LEFT JOIN LATERAL (SELECT c.time, c.state FROM device_state_changes c WHERE c.device_id = d.id ORDER BY c.time DESC LIMIT 1) last ON true
     WHERE d.id = (to_jsonb(NEW) ->> CASE TG_TABLE_NAME WHEN 'devices' THEN 'id' ELSE 'device_id' END)::int AND told.state IS DISTINCT FROM last.state;
    RETURN NULL;
END $$;
CREATE TRIGGER device_states_made AFTER INSERT ON device_states FOR EACH ROW EXECUTE FUNCTION note_device_state();
CREATE TRIGGER device_states_noted AFTER UPDATE OF state ON device_states
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION note_device_state();
CREATE TRIGGER devices_made_noted AFTER INSERT ON devices FOR EACH ROW EXECUTE FUNCTION note_device_state();
CREATE TRIGGER devices_enabled_noted AFTER UPDATE OF enabled ON devices
    FOR EACH ROW WHEN (OLD.enabled IS DISTINCT FROM NEW.enabled) EXECUTE FUNCTION note_device_state();

-- What the journal of the alarms still knows of the time before.
INSERT INTO device_state_changes (device_id, time, state)
SELECT a.device_id, e.time, CASE e.event WHEN 'raised' THEN 'offline' ELSE 'online' END
  FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id JOIN devices d ON d.id = a.device_id
 WHERE a.source = 'device' AND e.event IN ('raised', 'cleared') AND e.time > now() - make_interval(days => d.retention_days)
ON CONFLICT DO NOTHING;
INSERT INTO device_state_changes (device_id, time, state)
SELECT d.id, greatest(CASE WHEN d.enabled THEN coalesce(s.since, d.created_at) ELSE d.updated_at END, last.time + interval '1 microsecond'), told.state
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id
 CROSS JOIN LATERAL (SELECT CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state) told
  LEFT JOIN LATERAL (SELECT c.time, c.state FROM device_state_changes c WHERE c.device_id = d.id ORDER BY c.time DESC LIMIT 1) last ON true
 WHERE told.state IS DISTINCT FROM last.state;

CREATE VIEW grafana.device_state_changes AS SELECT device_id, time, state FROM device_state_changes;
COMMENT ON VIEW grafana.device_state_changes IS 'When each device came into each state';
GRANT SELECT ON grafana.device_state_changes TO ddms_grafana, ddms_app;

-- The last change before the device's retention stays: it says how the device was at its beginning.
CREATE OR REPLACE FUNCTION forget_journals() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH runs AS (DELETE FROM retention_runs WHERE started_at < now() - interval '3650 days' RETURNING 1),
         erased AS (DELETE FROM erasures WHERE state = 'done' AND finished_at < now() - interval '365 days' RETURNING 1),
         requests AS (DELETE FROM field_requests WHERE created_at < now() - interval '30 days' RETURNING 1),
         failures AS (DELETE FROM sign_in_failures WHERE at < now() - interval '30 days' RETURNING 1),
         keys AS (DELETE FROM idempotency_keys WHERE at < now() - interval '1 day' RETURNING 1),
         told AS (DELETE FROM flushes WHERE committed_at < now() - interval '1 day' RETURNING 1),
         states AS (DELETE FROM device_state_changes c USING devices d
                     WHERE d.id = c.device_id AND c.time < (SELECT max(kept.time) FROM device_state_changes kept WHERE kept.device_id = d.id
                                                               AND kept.time < now() - make_interval(days => d.retention_days)) RETURNING 1)
    SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM erased) + (SELECT count(*) FROM requests)
         + (SELECT count(*) FROM failures) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM told) + (SELECT count(*) FROM states)
$$;


CREATE FUNCTION grafana.site_time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT time_zone FROM configuration $$;
COMMENT ON FUNCTION grafana.site_time_zone() IS 'The time zone of the site: its hours and days are those that people see';

-- Lines of many points at once, for lists: their values at equal distances, from rollups. So that it reads about as many rows as it
-- shows, a range of more than 90 minutes is sampled: of each step one minute (or hour, or day) counts, and where nothing was stored in
-- that, the mean of the hour (or day) around it. What a deadband kept out is held as long as a trend holds it; what is not rolled up
-- yet is the newest value. NaN: there were readings, and all were bad. Merge joins by the point alone would compare each time with each.
CREATE FUNCTION grafana.sparklines(point_ids int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 30)
RETURNS TABLE (point_id int, line float4[])
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1000 SET search_path = public, pg_temp SET enable_mergejoin = off AS $$
DECLARE
    level record;
    step interval;
    first timestamptz;
    sampled boolean := to_time - from_time > '90 minutes';
    value CONSTANT text := 'coalesce(sum(r.sum) / nullif(sum(r.count), 0), ''NaN'')';
    one CONSTANT text := 'CASE WHEN r.count > 0 THEN r.sum / r.count ELSE ''NaN'' END';
BEGIN
    SELECT l.*, above.source AS coarse, above.unit AS coarse_unit INTO level
      FROM rollup_levels l LEFT JOIN rollup_levels above ON above.place = l.place + 1 AND sampled
     WHERE l.place = 1 OR l.place > 1 AND l.unit * 20 <= to_time - from_time ORDER BY l.place DESC LIMIT 1;
    step := level.unit * greatest(1, ceil(extract(epoch FROM to_time - from_time) / extract(epoch FROM level.unit) / least(greatest(most, 2), 200)));
    first := date_bin(step, from_time, '2000-01-01Z') + step;
    RETURN QUERY EXECUTE format($q$
        WITH found AS MATERIALIZED (%1$s), coarse AS MATERIALIZED (%2$s), slots AS (
            SELECT p.id, t.time, coalesce(f.value, c.value, CASE WHEN n.time >= t.time AND t.time > $5 THEN n.value END,
                   CASE WHEN p.deadband > 0 AND t.time <= $3 THEN
                        (SELECT %4$s FROM %3$I r WHERE r.point_id = p.id AND r.bucket < t.time AND r.bucket >= t.time - make_interval(secs => 10 + 3 * p.interval_s + p.heartbeat_s) ORDER BY r.bucket DESC LIMIT 1) END) AS value
              FROM points p CROSS JOIN generate_series($2, $3, $4) AS t (time)
              LEFT JOIN found f ON f.point_id = p.id AND f.time = t.time
              LEFT JOIN coarse c ON c.point_id = p.id AND c.time = date_bin($6, t.time, '2000-01-01Z')
              LEFT JOIN latest n ON n.point_id = p.id AND n.quality < 16
             WHERE p.id = ANY ($1)
        )
        SELECT id, array_agg(CASE WHEN abs(value) < 1e37 THEN value::float4 END ORDER BY time) FROM slots GROUP BY id
        $q$,
        CASE WHEN sampled THEN format('SELECT r.point_id, r.bucket AS time, %s AS value FROM %I r WHERE r.point_id = ANY ($1) AND r.bucket >= $2 AND r.bucket <= $3 AND r.bucket = ANY (ARRAY(SELECT generate_series($2, $3, $4)))', one, level.source)
             ELSE format('SELECT r.point_id, date_bin($4, r.bucket, ''2000-01-01Z'') AS time, %s AS value FROM %I r WHERE r.point_id = ANY ($1) AND r.bucket >= $2 AND r.bucket <= $3 GROUP BY 1, 2', value, level.source) END,
        CASE WHEN level.coarse IS NULL THEN 'SELECT NULL::int AS point_id, NULL::timestamptz AS time, NULL::float8 AS value WHERE false'
             ELSE format('SELECT r.point_id, r.bucket AS time, %s AS value FROM %I r WHERE r.point_id = ANY ($1) AND r.bucket >= $2 - $6 AND r.bucket <= $3', one, level.coarse) END,
        level.source, one)
        USING point_ids, first, least(to_time, now()), step, level.complete - level.unit, coalesce(level.coarse_unit, level.unit);
END $$;
COMMENT ON FUNCTION grafana.sparklines(int[], timestamptz, timestamptz, int) IS
    'Of each point its values at equal distances, at most so many and a few more, oldest first; null where there was none';
REVOKE EXECUTE ON FUNCTION grafana.site_time_zone(), grafana.sparklines(int[], timestamptz, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.site_time_zone(), grafana.sparklines(int[], timestamptz, timestamptz, int) TO ddms_grafana, ddms_app;

CREATE FUNCTION limited_grafana.site_time_zone() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ SELECT time_zone FROM configuration $$;
COMMENT ON FUNCTION limited_grafana.site_time_zone() IS 'As grafana.site_time_zone';
CREATE FUNCTION limited_grafana.sparklines(point_ids int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 30)
RETURNS TABLE (point_id int, line float4[])
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000 SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.sparklines(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, most)
$$;
COMMENT ON FUNCTION limited_grafana.sparklines(int[], timestamptz, timestamptz, int) IS 'As grafana.sparklines, of the points in sight';
REVOKE EXECUTE ON FUNCTION limited_grafana.site_time_zone(), limited_grafana.sparklines(int[], timestamptz, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION limited_grafana.site_time_zone(), limited_grafana.sparklines(int[], timestamptz, timestamptz, int) TO ddms_grafana_limited;

SELECT limit_views();
