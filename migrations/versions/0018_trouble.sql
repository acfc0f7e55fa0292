ALTER TABLE collectors
    ADD COLUMN trouble text,
    ADD COLUMN refused_readings bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN collectors.trouble IS 'What keeps it from storing readings as fast as it reads them, as it last said; null when nothing does';
COMMENT ON COLUMN collectors.refused_readings IS 'Readings that the database refused for their content since the collector started; they lie in its spool folder';
