-- TimescaleDB where the server has it (both editions); without it the tables stay tables.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
       AND EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%') THEN  -- its settings are known: it is preloaded
        CREATE EXTENSION IF NOT EXISTS timescaledb;
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        -- The primary key starts with point_id and serves every query: no index on time alone to write.
        PERFORM create_hypertable('readings', by_range('time', interval '1 day'), create_default_indexes => false);
        PERFORM create_hypertable('texts', by_range('time', interval '7 days'), create_default_indexes => false);
    END IF;
END $$;


-- Roles belong to the whole server, so another database of it may have made them, even at this moment.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ddms_app', 'ddms_grafana'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I LOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO ddms_app', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO ddms_grafana', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO ddms_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ddms_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version, qualities FROM ddms_app;
REVOKE UPDATE, DELETE ON audit_log FROM ddms_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ddms_app;


-- What Grafana sees. The views run with their owner's rights, so its role needs none on the tables.
CREATE SCHEMA grafana;
GRANT USAGE ON SCHEMA grafana TO ddms_grafana, ddms_app;

CREATE VIEW grafana.devices AS
SELECT d.id AS device_id, d.name AS device, d.description, c.endpoint, d.unit_id,
       CASE WHEN NOT d.enabled THEN 'disabled' WHEN silent THEN 'unknown' ELSE coalesce(s.state, 'unknown') END AS state,
       s.since, s.last_seen, s.failures, s.first_failure,
       CASE WHEN d.enabled AND silent THEN 'no collector has reported this device since it was last seen' ELSE s.last_error END AS last_error,
       CASE WHEN d.enabled AND s.state = 'offline' THEN extract(epoch FROM now() - coalesce(s.first_failure, s.since)) END AS offline_seconds,
       coalesce(p.points, 0) AS points
  FROM devices d
  JOIN connections c ON c.id = d.connection_id
  LEFT JOIN device_states s ON s.device_id = d.id
  LEFT JOIN (SELECT device_id, count(*) AS points, min(interval_s) FILTER (WHERE enabled) AS fastest_s FROM points GROUP BY device_id) p
         ON p.device_id = d.id
 CROSS JOIN LATERAL (SELECT s.state IN ('online', 'error')
                            AND s.last_seen < now() - make_interval(secs => greatest(60, 3 * p.fastest_s)) AS silent) told
 WHERE d.deleted_at IS NULL;
COMMENT ON VIEW grafana.devices IS 'Devices and how they do; one that no collector reports any more is unknown, whatever was its last state';

CREATE VIEW grafana.points AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, coalesce(nullif(p.unit, ''), 'no unit') AS axis,
       p.data_type, p.interval_s, p.enabled,
       CASE WHEN p.data_type = 'string' THEN 'text' WHEN p.data_type IN ('bool', 'bit') THEN 'switch' ELSE 'number' END AS kind,
       10 + 3 * p.interval_s + CASE WHEN p.deadband > 0 THEN p.heartbeat_s ELSE 0 END AS gap_seconds
  FROM points p
  JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL;
COMMENT ON COLUMN grafana.points.gap_seconds IS 'Longer than this without a stored reading is an outage: it is drawn as a gap';

CREATE VIEW grafana.qualities AS
SELECT code AS quality_code, quality, reason, explanation FROM qualities;

CREATE VIEW grafana.latest AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, l.time, l.value, l.text, l.quality AS quality_code,
       CASE WHEN l.text IS NOT NULL THEN l.text
            WHEN p.data_type IN ('bool', 'bit') THEN CASE l.value WHEN 0 THEN 'off' WHEN 1 THEN 'on' END
            WHEN l.value = 0 THEN rtrim('0 ' || p.unit)
            ELSE rtrim(trim_scale(round(l.value::numeric, greatest(0, 4 - floor(log(abs(l.value))))::int)) || ' ' || p.unit) END AS shown,
       CASE WHEN NOT (d.enabled AND p.enabled) THEN 'disabled'
            WHEN l.time IS NULL THEN 'none'
            WHEN stale THEN 'stale'
            ELSE q.quality END AS quality,
       CASE WHEN stale THEN 'stale' ELSE q.reason END AS reason,
       CASE WHEN stale THEN 'no newer reading has come: does a collector run?' ELSE q.explanation END AS explanation,
       extract(epoch FROM now() - l.time) AS age_seconds
  FROM points p
  JOIN devices d ON d.id = p.device_id
  LEFT JOIN latest l ON l.point_id = p.id
  LEFT JOIN qualities q ON q.code = l.quality
 CROSS JOIN LATERAL (SELECT l.time < now() - make_interval(secs => greatest(120, 3 * p.interval_s)) AS stale) told
 WHERE d.deleted_at IS NULL;
COMMENT ON COLUMN grafana.latest.shown IS 'The value as a person reads it: 5 significant digits and its unit, on or off, or the text';
COMMENT ON COLUMN grafana.latest.quality IS 'good, uncertain, bad; stale: older than 2 minutes and 3 intervals; none: never read; disabled';

CREATE VIEW grafana.readings AS
SELECT r.time, r.point_id, r.value, r.quality AS quality_code FROM readings r;

CREATE VIEW grafana.texts AS
SELECT t.time, t.point_id, t.text, t.quality AS quality_code FROM texts t;

CREATE VIEW grafana.collectors AS
SELECT name AS collector, started_at, seen_at, version, extract(epoch FROM now() - seen_at) AS silent_seconds FROM collectors;

CREATE FUNCTION grafana.trend(point_ids int[], from_time timestamptz, to_time timestamptz, max_points int)
RETURNS TABLE (point_id int, "time" timestamptz, value float8, lowest float8, highest float8, quality_code smallint)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    -- Whatever is asked for, a browser gets no more than about 40,000 rows.
    most int := least(greatest(max_points, 2), greatest(100, 40000 / greatest(cardinality(point_ids), 1)));
    step interval := make_interval(secs => greatest(1, ceil(extract(epoch FROM to_time - from_time) / most)));
    until timestamptz := least(to_time, now());
    p record;
BEGIN
    FOR p IN SELECT i.point_id, make_interval(secs => i.gap_seconds) AS gap FROM grafana.points i WHERE i.point_id = ANY (point_ids) LOOP
        IF (SELECT count(*) FROM (SELECT FROM grafana.readings r WHERE r.point_id = p.point_id
                                     AND r.time BETWEEN from_time AND to_time LIMIT most + 1) few) <= most THEN
            RETURN QUERY
            WITH found AS (
                SELECT r.time, r.value, r.quality_code FROM grafana.readings r
                 WHERE r.point_id = p.point_id AND r.time BETWEEN from_time AND to_time
                UNION  -- what the deadband kept out of the readings: the line reaches to now
                SELECT l.time, l.value, l.quality_code FROM grafana.latest l
                 WHERE l.point_id = p.point_id AND l.time BETWEEN from_time AND to_time
            ), followed AS (
                SELECT f.*, coalesce(lead(f.time) OVER (ORDER BY f.time), until) AS next FROM found f
            )
            SELECT p.point_id, f.time, f.value, NULL::float8, NULL::float8, f.quality_code FROM found f
            UNION ALL
            SELECT p.point_id, f.time + gap, NULL, NULL, NULL, NULL
              FROM (SELECT f.time, f.next, CASE WHEN f.quality_code < 16 THEN p.gap ELSE greatest(p.gap, '3 min') END AS gap FROM followed f) f
             WHERE f.next > f.time + gap;
        ELSE
            RETURN QUERY
            WITH buckets AS (
                SELECT date_bin(step, r.time, '2000-01-01 00:00Z') AS time, avg(r.value) AS value, min(r.value) AS lowest,
                       max(r.value) AS highest, max(r.quality_code) AS quality_code
                  FROM grafana.readings r
                 WHERE r.point_id = p.point_id AND r.time BETWEEN from_time AND to_time
                 GROUP BY 1
            ), followed AS (
                SELECT b.time, coalesce(lead(b.time) OVER (ORDER BY b.time), until) AS next FROM buckets b
            )
            SELECT p.point_id, b.* FROM buckets b
            UNION ALL
            SELECT p.point_id, f.time + step, NULL, NULL, NULL, NULL FROM followed f WHERE f.next > f.time + step + p.gap;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int) IS
    'Readings of each point, or when there are more than max_points of them mean, lowest and highest of equal steps; '
    'a bad reading and an outage are rows without a value; quality_code is the worst of a step';

GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO ddms_grafana, ddms_app;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA grafana FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA grafana TO ddms_grafana, ddms_app;
