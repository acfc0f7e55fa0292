-- TimescaleDB where the server has it (both editions); without it the tables stay tables.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
       AND current_setting('shared_preload_libraries') LIKE '%timescaledb%' THEN
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
    EXECUTE format('ALTER ROLE ddms_grafana IN DATABASE %I SET search_path = grafana', current_database());
    EXECUTE format('ALTER ROLE ddms_grafana IN DATABASE %I SET statement_timeout = ''15s''', current_database());
    EXECUTE format('ALTER ROLE ddms_grafana IN DATABASE %I SET default_transaction_read_only = on', current_database());
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
       CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state,
       s.since, s.last_seen, s.failures, s.first_failure, s.last_error,
       CASE WHEN s.state = 'offline' AND d.enabled THEN extract(epoch FROM now() - coalesce(s.first_failure, s.since)) END AS offline_seconds,
       (SELECT count(*) FROM points p WHERE p.device_id = d.id) AS points
  FROM devices d
  JOIN connections c ON c.id = d.connection_id
  LEFT JOIN device_states s ON s.device_id = d.id
 WHERE d.deleted_at IS NULL;

CREATE VIEW grafana.points AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, p.data_type, p.interval_s, p.enabled
  FROM points p
  JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL;

CREATE VIEW grafana.latest AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit,
       l.time, l.value, l.text, q.quality, q.reason, q.explanation, extract(epoch FROM now() - l.time) AS age_seconds
  FROM points p
  JOIN devices d ON d.id = p.device_id
  LEFT JOIN latest l ON l.point_id = p.id
  LEFT JOIN qualities q ON q.code = l.quality
 WHERE d.deleted_at IS NULL;

CREATE VIEW grafana.readings AS
SELECT r.time, r.point_id, r.value, r.quality AS quality_code FROM readings r;

CREATE VIEW grafana.collectors AS
SELECT name, started_at, seen_at, version, extract(epoch FROM now() - seen_at) AS silent_seconds FROM collectors;

GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO ddms_grafana, ddms_app;
