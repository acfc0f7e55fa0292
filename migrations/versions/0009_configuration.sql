CREATE TABLE configuration (
    single          boolean DEFAULT true CONSTRAINT configuration_pkey PRIMARY KEY CONSTRAINT configuration_single CHECK (single),
    time_zone       text NOT NULL DEFAULT 'UTC',
    language        text NOT NULL DEFAULT 'en' CONSTRAINT configuration_language_known CHECK (language IN ('en', 'zh')),
    cleanup_time    time NOT NULL DEFAULT '02:00',
    compress_after_days smallint NOT NULL DEFAULT 7 CONSTRAINT configuration_compress_range CHECK (compress_after_days BETWEEN 1 AND 365),
    rollup_1m_days  int NOT NULL DEFAULT 400 CONSTRAINT configuration_rollup_1m_range CHECK (rollup_1m_days BETWEEN 1 AND 36500),
    rollup_1h_days  int NOT NULL DEFAULT 3650 CONSTRAINT configuration_rollup_1h_range CHECK (rollup_1h_days BETWEEN rollup_1m_days AND 36500),
    rollup_1d_days  int NOT NULL DEFAULT 36500 CONSTRAINT configuration_rollup_1d_range CHECK (rollup_1d_days BETWEEN rollup_1h_days AND 36500),
    version         int NOT NULL DEFAULT 1,
    updated_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE configuration IS 'What the owner decides for the whole site; one row';
COMMENT ON COLUMN configuration.cleanup_time IS 'When expired readings are removed each day, in the time zone of the site';
COMMENT ON COLUMN configuration.rollup_1m_days IS 'How long rollups of a minute are kept, but never shorter than the readings they were made of';
INSERT INTO configuration DEFAULT VALUES;
REVOKE INSERT, DELETE ON configuration FROM ddms_app;
CREATE TRIGGER configuration_changed AFTER UPDATE ON configuration
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_site');

CREATE TABLE job_runs (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT job_runs_pkey PRIMARY KEY,
    job             text NOT NULL,
    started_at      timestamptz NOT NULL,
    finished_at     timestamptz NOT NULL DEFAULT now(),
    error           text,
    details         jsonb
);
COMMENT ON TABLE job_runs IS 'What the scheduled jobs did, the newest 500 runs of each; a run that was cut off is not here';
COMMENT ON COLUMN job_runs.error IS 'Why it failed; null when it was done';
CREATE INDEX job_runs_job_idx ON job_runs (job, id);
