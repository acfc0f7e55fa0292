-- When the scheduled jobs run next, which run now and how far they are: rows, so that a restart loses none (decision 0020).
CREATE TABLE scheduled_jobs (
    name            text CONSTRAINT scheduled_jobs_pkey PRIMARY KEY,
    schedule        text NOT NULL,
    due_at          timestamptz NOT NULL,
    started_at      timestamptz,
    progress        real CONSTRAINT scheduled_jobs_progress_range CHECK (progress BETWEEN 0 AND 1),
    doing           text CONSTRAINT scheduled_jobs_doing_length CHECK (char_length(doing) <= 500),
    asked_at        timestamptz,
    paused_at       timestamptz,
    paused_by       text,
    CONSTRAINT scheduled_jobs_paused_by_somebody CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);
COMMENT ON TABLE scheduled_jobs IS 'The scheduled jobs of the API as they are now; what they did stands in job_runs';
COMMENT ON COLUMN scheduled_jobs.schedule IS 'Five fields of cron in the site''s time zone, followed by the zone, or: every 20 s';
COMMENT ON COLUMN scheduled_jobs.due_at IS 'When it runs next; one in the past was missed and is made up for, once';
COMMENT ON COLUMN scheduled_jobs.started_at IS 'Since when it runs; null: it does not';
COMMENT ON COLUMN scheduled_jobs.progress IS 'How much of the run is done, 0 to 1; null: unknown';
COMMENT ON COLUMN scheduled_jobs.doing IS 'What it does just now, in words';
COMMENT ON COLUMN scheduled_jobs.asked_at IS 'When somebody asked for a run that has not begun yet';
COMMENT ON COLUMN scheduled_jobs.paused_at IS 'Since when its due times are let go by';
CREATE TRIGGER scheduled_jobs_changed AFTER INSERT OR UPDATE ON scheduled_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_scheduled_jobs');
GRANT SELECT, INSERT, UPDATE, DELETE ON scheduled_jobs TO ddms_app;

COMMENT ON TABLE job_runs IS 'What the scheduled jobs did, the newest 500 runs of each';

CREATE OR REPLACE VIEW grafana.jobs AS
SELECT r.job, NULL AS subject, coalesce(s.started_at, r.last_started) AS last_started, r.last_success, r.failures, r.failed, r.error,
       CASE WHEN s.paused_at IS NULL THEN s.due_at END AS next_start, s.schedule, s.started_at AS running_since, s.progress, s.doing, s.paused_at, s.paused_by,
       CASE WHEN s.started_at IS NOT NULL THEN 'running' WHEN s.paused_at IS NOT NULL THEN 'paused' WHEN r.failed THEN 'failed' ELSE 'waiting' END AS state
  FROM (SELECT DISTINCT ON (job) job, started_at AS last_started, max(finished_at) FILTER (WHERE error IS NULL) OVER (PARTITION BY job) AS last_success,
               count(*) FILTER (WHERE error IS NOT NULL) OVER (PARTITION BY job) AS failures, error IS NOT NULL AS failed, error
          FROM job_runs ORDER BY job, id DESC) r
  LEFT JOIN scheduled_jobs s ON s.name = r.job
UNION ALL
SELECT job, subject, last_started, last_success, failures, failed, NULL, next_start, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN failed THEN 'failed' ELSE 'waiting' END FROM storage_jobs();

CREATE VIEW grafana.job_runs AS
SELECT started_at AS time, job, finished_at, extract(epoch FROM finished_at - started_at)::float8 AS seconds, error FROM job_runs;
COMMENT ON VIEW grafana.job_runs IS 'What the scheduled jobs did, the newest 500 runs of each';
GRANT SELECT ON grafana.job_runs TO ddms_grafana, ddms_app;
