ALTER TABLE storage_history ADD disk_bytes bigint, ADD disk_free_bytes bigint;
COMMENT ON COLUMN storage_history.disk_free_bytes IS 'What was free on the disk of the database; null when the API does not see it (DDMS_DISK_PATH)';

CREATE FUNCTION disk_full_on(free bigint, growth float8) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT now() + make_interval(days => (free / growth)::int) WHERE growth > 0 AND free / growth < 36500
$$;
COMMENT ON FUNCTION disk_full_on(bigint, float8) IS 'When a disk is full that loses so many bytes a day; null when it is not within a hundred years';

CREATE OR REPLACE VIEW grafana.storage AS
SELECT s.bytes, s.growth AS growth_bytes, compression_available() AS compression, h.disk_bytes, h.disk_free_bytes, disk_full_on(h.disk_free_bytes, s.growth) AS full_on,
       (SELECT 1 - sum(after_bytes)::float8 / nullif(sum(before_bytes), 0) FROM storage_tables()) AS saved,
       (SELECT bytes::float8 / nullif(rows, 0) FROM storage_tables() WHERE name = 'readings') AS reading_bytes
  FROM (SELECT pg_database_size(current_database()) AS bytes, storage_growth() AS growth) s
  LEFT JOIN (SELECT disk_bytes, disk_free_bytes FROM storage_history ORDER BY day DESC LIMIT 1) h ON true;

-- DDMS's own jobs, then those that the database runs by itself.
CREATE OR REPLACE VIEW grafana.jobs AS
SELECT * FROM (
    SELECT DISTINCT ON (job) job, NULL AS subject, started_at AS last_started, max(finished_at) FILTER (WHERE error IS NULL) OVER (PARTITION BY job) AS last_success,
           count(*) FILTER (WHERE error IS NOT NULL) OVER (PARTITION BY job) AS failures, error IS NOT NULL AS failed, error, NULL::timestamptz AS next_start
      FROM job_runs ORDER BY job, id DESC) own
UNION ALL
SELECT job, subject, last_started, last_success, failures, failed, NULL, next_start FROM storage_jobs();
