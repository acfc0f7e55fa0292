-- What DDMS watches of itself (docs/alarms.md, ddms.system_alarms): its alarms are rows of `alarms` with the source `system`.

-- One row: who evaluates locks it, so that two replicas take turns, and sees whether the watch was interrupted.
CREATE TABLE system_watch (
    single          boolean DEFAULT true CONSTRAINT system_watch_pkey PRIMARY KEY CONSTRAINT system_watch_single CHECK (single),
    watched_at      timestamptz NOT NULL DEFAULT '1970-01-01 00:00+00'
);
COMMENT ON TABLE system_watch IS 'When the system was last watched by the job `watch` of the API; one row';
INSERT INTO system_watch DEFAULT VALUES;

CREATE TABLE alarm_texts (
    source          text NOT NULL CONSTRAINT alarm_texts_source_known CHECK (source IN ('device', 'connection', 'system')),
    kind            text NOT NULL,
    language        text NOT NULL CONSTRAINT alarm_texts_language_known CHECK (language IN ('en', 'zh')),
    title           text NOT NULL,
    cause           text NOT NULL,
    consequence     text NOT NULL,
    action          text NOT NULL,
    CONSTRAINT alarm_texts_pkey PRIMARY KEY (source, kind, language)
);
COMMENT ON COLUMN alarm_texts.title IS 'What is the matter, in few words, with {} where the name of the device, connection or subject comes';
COMMENT ON TABLE alarm_texts IS 'What the operator reads beside alarms that come from no limit; written by the programs, which have it in ddms.system_alarms';

ALTER TABLE alarms ADD COLUMN measured float8, ADD COLUMN measured_at timestamptz;
COMMENT ON COLUMN alarms.measured IS 'System: the newest value while it is active, when it was known';
COMMENT ON COLUMN alarms.measured_at IS 'When that was measured';

-- What a collector says of itself, beside its sign of life.
ALTER TABLE collectors
    ADD COLUMN spool_max_bytes bigint,
    ADD COLUMN spool_room_bytes bigint,
    ADD COLUMN spool_fault text,
    ADD COLUMN clock_seconds float8;
COMMENT ON COLUMN collectors.spool_max_bytes IS 'How large its spool may become (DDMS_SPOOL_MAX_BYTES)';
COMMENT ON COLUMN collectors.spool_room_bytes IS 'How much its spool can still take: what its limit leaves, or its disk, whichever is less';
COMMENT ON COLUMN collectors.spool_fault IS 'Why its spool could not be written when it last tried; null when it could';
COMMENT ON COLUMN collectors.clock_seconds IS 'By how much its clock is ahead of the database''s, in seconds; to the time that a question takes';

-- The newest outage of a device, kept after it answers again.
ALTER TABLE device_states
    ADD COLUMN outage_from timestamptz,
    ADD COLUMN outage_to timestamptz,
    ADD COLUMN outage_failures int NOT NULL DEFAULT 0;
CREATE OR REPLACE VIEW limited.device_states AS SELECT * FROM public.device_states WHERE (SELECT false) OR device_id IN (SELECT person_devices());
COMMENT ON COLUMN device_states.outage_from IS 'First failure of the newest run of failures, also after the device answers again';
COMMENT ON COLUMN device_states.outage_to IS 'Last failure of it';
COMMENT ON COLUMN device_states.outage_failures IS 'How many failures it had';


-- The priorities of alarms of devices and connections are the owner's to say.
ALTER TABLE configuration
    ADD COLUMN device_alarm_priority text NOT NULL DEFAULT 'high'
        CONSTRAINT configuration_device_alarm_priority_known CHECK (device_alarm_priority IN ('critical', 'high', 'medium', 'low')),
    ADD COLUMN connection_alarm_priority text NOT NULL DEFAULT 'critical'
        CONSTRAINT configuration_connection_alarm_priority_known CHECK (connection_alarm_priority IN ('critical', 'high', 'medium', 'low'));
COMMENT ON COLUMN configuration.device_alarm_priority IS 'Priority of the alarm of a device that does not answer';
COMMENT ON COLUMN configuration.connection_alarm_priority IS 'Priority of the alarm of a connection behind which nothing answers';

DO $$
DECLARE
    devices text := pg_get_functiondef('follow_devices()'::regprocedure);
    connections text := pg_get_functiondef('follow_connections()'::regprocedure);
    of_device CONSTANT text := '''offline'', d.id, d.name, ''high'' FROM';
    of_connection CONSTANT text := '''offline'', c.id, c.endpoint, ''critical'' FROM';
BEGIN
    IF position(of_device IN devices) = 0 OR position(of_connection IN connections) = 0 THEN
        RAISE 'the functions that follow devices and connections have no place for a priority';
    END IF;
    EXECUTE replace(devices, of_device, '''offline'', d.id, d.name, (SELECT device_alarm_priority FROM configuration) FROM');
    EXECUTE replace(connections, of_connection, '''offline'', c.id, c.endpoint, (SELECT connection_alarm_priority FROM configuration) FROM');
END $$;

CREATE FUNCTION follow_priorities() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE alarms SET priority = CASE source WHEN 'device' THEN NEW.device_alarm_priority ELSE NEW.connection_alarm_priority END
     WHERE source IN ('device', 'connection') AND removed_at IS NULL
       AND priority <> CASE source WHEN 'device' THEN NEW.device_alarm_priority ELSE NEW.connection_alarm_priority END;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION follow_priorities() IS 'Gives alarms of devices and connections the priority that the configuration says now';
CREATE TRIGGER configuration_priorities AFTER UPDATE OF device_alarm_priority, connection_alarm_priority ON configuration
    FOR EACH ROW WHEN ((OLD.device_alarm_priority, OLD.connection_alarm_priority) IS DISTINCT FROM (NEW.device_alarm_priority, NEW.connection_alarm_priority))
    EXECUTE FUNCTION follow_priorities();


-- What Grafana shows: texts also where there is no limit, and how long and how often a device failed. Put into the newest
-- grafana.alarms, whichever that is.
DO $$
DECLARE
    view text := rtrim(pg_get_viewdef('grafana.alarms'::regclass), ';');
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['cause', 'consequence', 'action'] LOOP
        IF position(format(E'    l.%s,\n', name) IN view) = 0 THEN
            RAISE 'grafana.alarms has no place for the texts';
        END IF;
        view := replace(view, format(E'    l.%s,\n', name), format(E'    coalesce(l.%1$s, text_of.%1$s) AS %1$s,\n', name));
    END LOOP;
    IF position('n.value AS value_now' IN view) = 0 OR position('n."time" AS value_time' IN view) = 0 THEN
        RAISE 'grafana.alarms has no place for the value now';
    END IF;
    view := replace(view, 'n.value AS value_now', 'coalesce(n.value, a.measured) AS value_now');
    view := replace(view, 'n."time" AS value_time', 'coalesce(n."time", a.measured_at) AS value_time');
    view := regexp_replace(view, E'\n   FROM ', E',\n    replace(text_of.title, ''{}'', coalesce(a.device_name, a.subject)) AS title,\n    outage.first_failure, outage.last_failure, outage.failures,\n'
        '    extract(epoch FROM coalesce(a.cleared_at, now()) - outage.first_failure) AS offline_seconds\n   FROM ');
    view := regexp_replace(view, E'\n  WHERE ', E'\n'
        '     LEFT JOIN alarm_texts text_of ON text_of.source = a.source AND text_of.kind = a.kind AND text_of.language = ''en''\n'
        '     LEFT JOIN LATERAL (\n'
        '         SELECT s.outage_from AS first_failure, s.outage_to AS last_failure, s.outage_failures::bigint AS failures\n'
        '           FROM device_states s WHERE a.source = ''device'' AND s.device_id = a.device_id\n'
        '          UNION ALL\n'
        '         SELECT min(s.outage_from), max(s.outage_to), sum(s.outage_failures) FROM devices x JOIN device_states s ON s.device_id = x.id\n'
        '          WHERE a.source = ''connection'' AND x.connection_id = a.connection_id AND x.enabled AND x.deleted_at IS NULL\n'
        '         HAVING a.source = ''connection'') outage ON a.source IN (''device'', ''connection'')\n'
        '  WHERE ');
    EXECUTE 'CREATE OR REPLACE VIEW grafana.alarms AS ' || view;
END $$;
COMMENT ON COLUMN grafana.alarms.title IS 'What is the matter, in few words; null of a limit';
COMMENT ON COLUMN grafana.alarms.first_failure IS 'Of a device or connection: the first failure of the outage';
COMMENT ON COLUMN grafana.alarms.offline_seconds IS 'Of a device or connection: how long the outage lasts, or lasted';
SELECT limit_views();
