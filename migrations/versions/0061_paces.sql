-- A device may take longer to answer, or less long, than its line waits; a point may be read once a day.
ALTER TABLE devices ADD COLUMN answer_timeout_ms int CONSTRAINT devices_answer_timeout_range CHECK (answer_timeout_ms BETWEEN 50 AND 30000);
COMMENT ON COLUMN devices.answer_timeout_ms IS 'How long an answer of this device is waited for; null: as long as its connection says';
ALTER TABLE points
    DROP CONSTRAINT points_interval_range,
    ADD CONSTRAINT points_interval_range CHECK (interval_s BETWEEN 1 AND 86400);
ALTER TABLE profile_points
    DROP CONSTRAINT points_interval_range,
    ADD CONSTRAINT points_interval_range CHECK (interval_s BETWEEN 1 AND 86400);
