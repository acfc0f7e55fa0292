-- Compression belongs to the community edition. Functions of the owner do it, because policies are the owner's.

CREATE FUNCTION compression_available() RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AND coalesce(current_setting('timescaledb.license', true) = 'timescale', false)
$$;

CREATE FUNCTION apply_compression() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wanted interval := (SELECT make_interval(days => compress_after_days) FROM configuration);
    compressed record;
BEGIN
    IF NOT compression_available() THEN
        RETURN;
    END IF;
    FOR compressed IN
        SELECT t.name, t.time_column, h.compression_enabled, (j.config ->> 'compress_after')::interval AS after
          FROM (VALUES ('readings', 'time'), ('rollup_1m', 'bucket'), ('rollup_1h', 'bucket')) AS t (name, time_column)
          JOIN timescaledb_information.hypertables h ON h.hypertable_name = t.name AND h.hypertable_schema = 'public'
          LEFT JOIN timescaledb_information.jobs j ON j.hypertable_name = t.name AND j.proc_name = 'policy_compression'
    LOOP
        IF NOT compressed.compression_enabled THEN
            EXECUTE format('ALTER TABLE %I SET (timescaledb.enable_columnstore, timescaledb.segmentby = ''point_id'', timescaledb.orderby = %L)', compressed.name, compressed.time_column);
        END IF;
        IF compressed.after IS DISTINCT FROM wanted THEN
            CALL remove_columnstore_policy(compressed.name, if_exists => true);
            CALL add_columnstore_policy(compressed.name, after => wanted, if_not_exists => true);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION apply_compression() IS 'Has the database compress what is older than configuration.compress_after_days; called at each migration and each change';

CREATE FUNCTION configuration_compression() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM apply_compression();
    RETURN NULL;
END $$;
CREATE TRIGGER configuration_compression AFTER UPDATE OF compress_after_days ON configuration
    FOR EACH ROW WHEN (OLD.compress_after_days <> NEW.compress_after_days) EXECUTE FUNCTION configuration_compression();


-- Estimates from statistics: no table is read.
CREATE FUNCTION storage_tables() RETURNS TABLE (
    name text, rows bigint, bytes bigint, before_bytes bigint, after_bytes bigint, chunks int, compressed_chunks int, oldest timestamptz, newest timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    FOR name IN VALUES ('readings'), ('texts'), ('rollup_1m'), ('rollup_1h'), ('rollup_1d') LOOP
        before_bytes := NULL; after_bytes := NULL; chunks := NULL; compressed_chunks := NULL; oldest := NULL; newest := NULL;
        IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
            rows := approximate_row_count(name::regclass);
            bytes := hypertable_size(name::regclass);
            SELECT count(*), count(*) FILTER (WHERE is_compressed), min(range_start), max(range_end) INTO chunks, compressed_chunks, oldest, newest
              FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = name;
            IF compression_available() AND compressed_chunks > 0 THEN
                SELECT before_compression_total_bytes, after_compression_total_bytes INTO before_bytes, after_bytes
                  FROM hypertable_columnstore_stats(name::regclass);
            END IF;
        ELSE
            SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) INTO rows, bytes FROM pg_class WHERE oid = name::regclass;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION storage_tables() IS
    'What each table of history takes: rows (estimate), bytes now, bytes of the compressed chunks before and after, chunks, and from when to when they reach';

CREATE FUNCTION storage_jobs() RETURNS TABLE (
    job text, subject text, last_started timestamptz, last_success timestamptz, failures bigint, failed boolean, next_start timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF compression_available() THEN
        RETURN QUERY SELECT 'compression', s.hypertable_name::text, nullif(s.last_run_started_at, '-infinity'), nullif(s.last_successful_finish, '-infinity'),
                            coalesce(s.total_failures, 0), coalesce(s.last_run_status = 'Failed', false), nullif(s.next_start, '-infinity')
                       FROM timescaledb_information.job_stats s JOIN timescaledb_information.jobs j USING (job_id)
                      WHERE j.proc_name = 'policy_compression' AND s.hypertable_schema = 'public' ORDER BY 2;
    END IF;
END $$;
COMMENT ON FUNCTION storage_jobs() IS 'The jobs that the database runs by itself';

CREATE TABLE storage_history (
    day             date CONSTRAINT storage_history_pkey PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT now(),
    bytes           bigint NOT NULL,
    readings        bigint NOT NULL
);
COMMENT ON TABLE storage_history IS 'Size of the database and number of readings (estimate), the newest of each day, a year long';

CREATE FUNCTION storage_growth() RETURNS float8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (bytes.last - bytes.first) / nullif(extract(epoch FROM bytes.until - bytes.since) / 86400, 0)
      FROM (SELECT min(at) AS since, max(at) AS until, (array_agg(bytes ORDER BY day))[1] AS first, (array_agg(bytes ORDER BY day DESC))[1] AS last
              FROM storage_history WHERE day > current_date - 30) bytes
     WHERE until - since >= interval '20 hours'
$$;
COMMENT ON FUNCTION storage_growth() IS 'Bytes a day over the last 30 days; null before there are two days to compare';

CREATE VIEW grafana.storage AS
SELECT pg_database_size(current_database()) AS bytes, storage_growth() AS growth_bytes, compression_available() AS compression;
CREATE VIEW grafana.storage_tables AS
SELECT name, rows, bytes, before_bytes, after_bytes, 1 - after_bytes::float8 / nullif(before_bytes, 0) AS saved, bytes::float8 / nullif(rows, 0) AS row_bytes,
       chunks, compressed_chunks, oldest, newest FROM storage_tables();
CREATE VIEW grafana.storage_history AS SELECT at AS time, bytes, readings FROM storage_history;
CREATE VIEW grafana.jobs AS
SELECT DISTINCT ON (job) job, NULL AS subject, started_at AS last_started, max(finished_at) FILTER (WHERE error IS NULL) OVER (PARTITION BY job) AS last_success,
       count(*) FILTER (WHERE error IS NOT NULL) OVER (PARTITION BY job) AS failures, error IS NOT NULL AS failed, error, NULL::timestamptz AS next_start
  FROM (SELECT * FROM job_runs) r ORDER BY job, id DESC;
GRANT SELECT ON grafana.storage, grafana.storage_tables, grafana.storage_history, grafana.jobs TO ddms_grafana, ddms_app;

