ALTER TABLE collectors ADD COLUMN replays bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN collectors.replays IS 'Number of the newest batch that came late, from the spool; it grows by one with each';

CREATE TABLE flushes (
    collector       text NOT NULL,
    replayed        bool NOT NULL,
    sequence        bigint NOT NULL,
    first_time      timestamptz,
    last_time       timestamptz,
    committed_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT flushes_pkey PRIMARY KEY (collector, replayed, sequence)
);
COMMENT ON TABLE flushes IS 'The flushes of the last hour and the times of the readings that they stored; who resumes finds what was missed by it';
COMMENT ON COLUMN flushes.sequence IS 'collectors.sequence, or collectors.replays of a batch that came late; grows with each commit, numbers may be left out';
CREATE INDEX flushes_committed_at_idx ON flushes (committed_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON flushes TO ddms_app;
