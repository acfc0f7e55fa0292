-- Backups (decision 0024): a row a file, which is also the queue of what is to be made; and restores.
CREATE TABLE backups (
    id                 int GENERATED ALWAYS AS IDENTITY CONSTRAINT backups_pkey PRIMARY KEY,
    name               text NOT NULL CONSTRAINT backups_name_key UNIQUE CONSTRAINT backups_name_form CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
    state              text NOT NULL DEFAULT 'waiting'
        CONSTRAINT backups_state_known CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'missing')),
    reason             text NOT NULL CONSTRAINT backups_reason_known CHECK (reason IN ('scheduled', 'asked', 'found')),
    asked_at           timestamptz NOT NULL DEFAULT now(),
    asked_by           text,
    portable           boolean NOT NULL DEFAULT false,
    encrypted          boolean NOT NULL DEFAULT false,
    attempt            int NOT NULL DEFAULT 0,
    due_at             timestamptz NOT NULL DEFAULT now(),
    cancelled_at       timestamptz,
    started_at         timestamptz,
    finished_at        timestamptz,
    progress           real CONSTRAINT backups_progress_range CHECK (progress BETWEEN 0 AND 1),
    doing              text CONSTRAINT backups_doing_length CHECK (char_length(doing) <= 500),
    error              text,
    bytes              bigint,
    database_bytes     bigint,
    checksum           text CONSTRAINT backups_checksum_form CHECK (checksum ~ '^[0-9a-f]{64}$'),
    manifest           jsonb,
    kept               boolean NOT NULL DEFAULT false,
    removed_at         timestamptz,
    copied_at          timestamptz,
    copy_error         text,
    verification       text CONSTRAINT backups_verification_known CHECK (verification IN ('waiting', 'running', 'verified', 'failed')),
    verify_asked_at    timestamptz,
    verify_asked_by    text,
    verify_started_at  timestamptz,
    verified_at        timestamptz,
    verify_seconds     real,
    verify_error       text,
    verify_details     jsonb
);
COMMENT ON TABLE backups IS 'Backups, one row a file; those that wait are the queue, one is made at a time';
COMMENT ON COLUMN backups.name IS 'The name of its files without their ends; they lie in DDMS_BACKUP_DIRECTORY';
COMMENT ON COLUMN backups.state IS 'waiting, running, done, failed, cancelled; missing: it was done, and its file is gone';
COMMENT ON COLUMN backups.reason IS 'scheduled; asked: by a person; found: its file lay in the folder';
COMMENT ON COLUMN backups.portable IS 'Whether history is in it as rows, for any edition of the storage';
COMMENT ON COLUMN backups.attempt IS 'How often it was tried; a failed one waits again until due_at';
COMMENT ON COLUMN backups.cancelled_at IS 'When somebody asked to end it';
COMMENT ON COLUMN backups.progress IS 'How much of what runs just now, the backup or its verification, is done, 0 to 1; null: unknown';
COMMENT ON COLUMN backups.bytes IS 'The size of its file';
COMMENT ON COLUMN backups.database_bytes IS 'The size of the database when it was made';
COMMENT ON COLUMN backups.checksum IS 'SHA-256 of its file, as it lies on the disk';
COMMENT ON COLUMN backups.manifest IS 'What is in it; as NAME.json beside the file';
COMMENT ON COLUMN backups.kept IS 'Whether a person said that it is kept, however many follow';
COMMENT ON COLUMN backups.removed_at IS 'When its file was removed, because newer ones followed or a person said so';
COMMENT ON COLUMN backups.copied_at IS 'When it was copied to the second place';
COMMENT ON COLUMN backups.verification IS 'Of its restore into a scratch database; null: never asked for. verified_at: when it last ended well';
COMMENT ON COLUMN backups.verify_details IS 'What was compared, and what differs';
CREATE INDEX backups_by_time ON backups (asked_at DESC, id DESC);
CREATE TRIGGER backups_changed AFTER INSERT OR UPDATE OR DELETE ON backups FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_backups');

CREATE TABLE restores (
    id           int GENERATED ALWAYS AS IDENTITY CONSTRAINT restores_pkey PRIMARY KEY,
    backup       text NOT NULL,
    database     text NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CONSTRAINT restores_state_known CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    asked_at     timestamptz NOT NULL DEFAULT now(),
    asked_by     text,
    cancelled_at timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    progress     real CONSTRAINT restores_progress_range CHECK (progress BETWEEN 0 AND 1),
    doing        text CONSTRAINT restores_doing_length CHECK (char_length(doing) <= 500),
    error        text,
    details      jsonb
);
COMMENT ON TABLE restores IS 'Backups that were restored into new databases, and the queue of those that are to be';
COMMENT ON COLUMN restores.backup IS 'The name of the backup';
COMMENT ON COLUMN restores.database IS 'The name of the new database, on the server of DDMS_BACKUP_DATABASE_URL';
COMMENT ON COLUMN restores.details IS 'What was restored, and the steps to switch over';
CREATE TRIGGER restores_changed AFTER INSERT OR UPDATE OR DELETE ON restores FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_restores');
GRANT SELECT, INSERT, UPDATE, DELETE ON backups, restores TO ddms_app;

ALTER TABLE configuration
    ADD COLUMN backup_schedule text NOT NULL DEFAULT '0 1 * * *',
    ADD COLUMN backups_kept int NOT NULL DEFAULT 30 CONSTRAINT configuration_backups_kept_range CHECK (backups_kept BETWEEN 1 AND 1000),
    ADD COLUMN backups_kept_monthly int NOT NULL DEFAULT 12 CONSTRAINT configuration_backups_kept_monthly_range CHECK (backups_kept_monthly BETWEEN 0 AND 1200),
    ADD COLUMN backup_portable boolean NOT NULL DEFAULT false,
    ADD COLUMN backup_recipients text NOT NULL DEFAULT '',
    ADD COLUMN verify_schedule text NOT NULL DEFAULT '0 4 * * 0',
    ADD COLUMN verified_within_days int NOT NULL DEFAULT 14 CONSTRAINT configuration_verified_within_range CHECK (verified_within_days BETWEEN 1 AND 3650);
COMMENT ON COLUMN configuration.backup_schedule IS 'When a backup is made, five fields of cron in the site''s time zone; empty: never by itself';
COMMENT ON COLUMN configuration.backups_kept IS 'How many of the newest backups are kept';
COMMENT ON COLUMN configuration.backups_kept_monthly IS 'Of how many months the first backup is kept besides';
COMMENT ON COLUMN configuration.backup_portable IS 'Whether scheduled backups hold history as rows, for any edition of the storage';
COMMENT ON COLUMN configuration.backup_recipients IS 'Public keys of age, one a line, that scheduled and asked backups are encrypted for; empty: not encrypted';
COMMENT ON COLUMN configuration.verify_schedule IS 'When the newest backup is restored into a scratch database and compared; empty: never by itself';
COMMENT ON COLUMN configuration.verified_within_days IS 'How old the newest verified backup may be before it is a system alarm';
