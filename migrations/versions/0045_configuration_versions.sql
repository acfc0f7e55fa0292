-- What was configuration: also the name of the site, and from where on the system's own measures are alarms.
ALTER TABLE configuration
    ADD COLUMN site_name text NOT NULL DEFAULT '' CONSTRAINT configuration_site_name_length CHECK (char_length(site_name) <= 120),
    ADD COLUMN disk_filling_percent int NOT NULL DEFAULT 85 CONSTRAINT configuration_disk_filling_range CHECK (disk_filling_percent BETWEEN 10 AND 99),
    ADD COLUMN disk_full_percent int NOT NULL DEFAULT 95 CONSTRAINT configuration_disk_full_range CHECK (disk_full_percent BETWEEN disk_filling_percent AND 99),
    ADD COLUMN spool_filling_percent int NOT NULL DEFAULT 80 CONSTRAINT configuration_spool_filling_range CHECK (spool_filling_percent BETWEEN 10 AND 99),
    ADD COLUMN late_points_percent int NOT NULL DEFAULT 5 CONSTRAINT configuration_late_points_range CHECK (late_points_percent BETWEEN 1 AND 99),
    ADD COLUMN backlog_seconds int NOT NULL DEFAULT 120 CONSTRAINT configuration_backlog_range CHECK (backlog_seconds BETWEEN 10 AND 86400),
    ADD COLUMN clock_off_seconds int NOT NULL DEFAULT 2 CONSTRAINT configuration_clock_off_range CHECK (clock_off_seconds BETWEEN 1 AND 3600),
    ADD COLUMN certificate_soon_days int NOT NULL DEFAULT 7 CONSTRAINT configuration_certificate_soon_range CHECK (certificate_soon_days BETWEEN 1 AND 365),
    ADD COLUMN certificate_days int NOT NULL DEFAULT 30 CONSTRAINT configuration_certificate_range CHECK (certificate_days BETWEEN certificate_soon_days AND 365);
COMMENT ON COLUMN configuration.site_name IS 'What the site is called, on pages and in files; may be empty';
COMMENT ON COLUMN configuration.disk_filling_percent IS 'Beyond this the fullness of the database''s disk is an alarm';
COMMENT ON COLUMN configuration.disk_full_percent IS 'Beyond this it is a critical one';
COMMENT ON COLUMN configuration.spool_filling_percent IS 'Beyond this the fullness of a spool is an alarm';
COMMENT ON COLUMN configuration.late_points_percent IS 'Beyond this the share of points without a timely reading is an alarm';
COMMENT ON COLUMN configuration.backlog_seconds IS 'Readings that wait in a spool for longer are an alarm';
COMMENT ON COLUMN configuration.clock_off_seconds IS 'A clock that is off by more is an alarm';
COMMENT ON COLUMN configuration.certificate_soon_days IS 'A certificate with fewer days left is an alarm of high priority';
COMMENT ON COLUMN configuration.certificate_days IS 'A certificate with fewer days left is an alarm';

CREATE TABLE configuration_versions (
    version      int CONSTRAINT configuration_versions_pkey PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT now(),
    actor        text NOT NULL,
    actor_kind   text,
    actor_id     text,
    address      text,
    client       text,
    transport    text,
    how          text NOT NULL CONSTRAINT configuration_versions_how_known CHECK (how IN ('found', 'update', 'revert', 'import')),
    reverted_to  int CONSTRAINT configuration_versions_reverted_fkey REFERENCES configuration_versions,
    settings     jsonb NOT NULL
);
COMMENT ON TABLE configuration_versions IS 'Each version of the configuration, whole, for ever; programs only add to it';
COMMENT ON COLUMN configuration_versions.how IS 'found: it was so when this table was made';
COMMENT ON COLUMN configuration_versions.reverted_to IS 'The version whose values were taken again';
COMMENT ON COLUMN configuration_versions.settings IS 'All fields as GraphQL shows them, under their names in the table configuration';
INSERT INTO configuration_versions (version, at, actor, how, settings)
SELECT version, updated_at, 'not recorded', 'found',
       to_jsonb(c) - '{single,version,updated_at}'::text[] || jsonb_build_object('cleanup_time', to_char(cleanup_time, 'HH24:MI')) FROM configuration c;
GRANT SELECT, INSERT ON configuration_versions TO ddms_app;
REVOKE UPDATE, DELETE, TRUNCATE ON configuration_versions FROM ddms_app;

-- As the journal of the alarms: nobody changes or deletes versions. Put into the newest role_faults(), whichever that is.
DO $$
DECLARE
    definition text := pg_get_functiondef('role_faults()'::regprocedure);
    place CONSTANT text := '''audit_log'', ''alarm_events''';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'role_faults() has no place for configuration_versions';
    END IF;
    EXECUTE replace(definition, place, place || ', ''configuration_versions''');
END $$;

CREATE FUNCTION compression_due(days int) RETURNS TABLE (source text, chunks int, rows bigint, bytes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF compression_available() THEN
        RETURN QUERY
        SELECT c.hypertable_name::text, count(*)::int, sum(greatest(k.reltuples, 0))::bigint, sum(pg_total_relation_size(k.oid))::bigint
          FROM timescaledb_information.chunks c JOIN pg_class k ON k.oid = format('%I.%I', c.chunk_schema, c.chunk_name)::regclass
         WHERE c.hypertable_schema = 'public' AND c.hypertable_name IN ('readings', 'rollup_1m', 'rollup_1h')
           AND NOT c.is_compressed AND c.range_end < now() - make_interval(days => days)
         GROUP BY 1 ORDER BY 1;
    END IF;
END $$;
COMMENT ON FUNCTION compression_due(int) IS 'What is not compressed and would be if all older than so many days were: chunks, rows (estimate), bytes; nothing where nothing is compressed';
REVOKE ALL ON FUNCTION compression_due(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compression_due(int) TO ddms_app;
