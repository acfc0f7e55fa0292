ALTER TABLE collectors
    ADD COLUMN lost_readings bigint NOT NULL DEFAULT 0,
    ADD COLUMN lost_at timestamptz,
    ADD COLUMN spool_bytes bigint NOT NULL DEFAULT 0,
    ADD COLUMN spool_since timestamptz;
COMMENT ON COLUMN collectors.lost_readings IS 'Readings that were lost because neither the database nor the spool took them';
COMMENT ON COLUMN collectors.lost_at IS 'When readings were last lost';
COMMENT ON COLUMN collectors.spool_bytes IS 'What waits in its spool to be replayed, as it last said';
COMMENT ON COLUMN collectors.spool_since IS 'How old the oldest batch in its spool is; null when it is empty';
