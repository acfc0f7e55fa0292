-- Readings that are published to a broker of MQTT (docs/mqtt.md): how far, and how it goes.
CREATE TABLE mqtt (
    one           boolean NOT NULL DEFAULT true CONSTRAINT mqtt_pkey PRIMARY KEY CHECK (one),
    heard         jsonb,
    births        int NOT NULL DEFAULT 0,
    topics        text[] NOT NULL DEFAULT '{}',
    published     bigint NOT NULL DEFAULT 0,
    published_at  timestamptz,
    seen_at       timestamptz,
    failing_since timestamptz,
    last_error    text,
    lost_from     timestamptz,
    lost_until    timestamptz
);
INSERT INTO mqtt DEFAULT VALUES;
COMMENT ON TABLE mqtt IS 'One row: what the publisher of readings has told the broker, and how it goes';
COMMENT ON COLUMN mqtt.heard IS 'By collector the newest flush and the newest replay that the broker has; null: nothing was published yet';
COMMENT ON COLUMN mqtt.births IS 'How often it connected: modulo 256 the bdSeq of Sparkplug';
COMMENT ON COLUMN mqtt.topics IS 'Those that the broker retains, so that they can be taken back when a point is gone';
COMMENT ON COLUMN mqtt.seen_at IS 'When the publisher last ran; while it does not, nothing of this is an alarm';
COMMENT ON COLUMN mqtt.lost_from IS 'The newest gap: what was committed then was not in the journal of flushes any more';
GRANT SELECT, UPDATE ON mqtt TO ddms_app;
