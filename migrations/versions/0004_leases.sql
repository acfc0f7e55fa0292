CREATE TABLE leases (
    connection_id   int CONSTRAINT leases_pkey PRIMARY KEY CONSTRAINT leases_connection_fkey REFERENCES connections ON DELETE CASCADE,
    collector       text NOT NULL CONSTRAINT leases_collector_fkey REFERENCES collectors (name) ON DELETE CASCADE,
    expires_at      timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE leases IS 'Which collector polls which connection, and until when if it does not renew';
GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO ddms_app;

ALTER TABLE collectors ADD COLUMN stopped_at timestamptz;
COMMENT ON COLUMN collectors.stopped_at IS 'Stopped in order at this time; null while it runs, or when it was cut off';
