-- Who is told of alarms and states of devices over HTTP, and what waits to be told (docs/webhooks.md).
CREATE TABLE webhooks (
    id            int GENERATED ALWAYS AS IDENTITY CONSTRAINT webhooks_pkey PRIMARY KEY,
    name          text NOT NULL CONSTRAINT webhooks_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    url           text NOT NULL CONSTRAINT webhooks_url_form CHECK (url ~ '^https?://' AND char_length(url) <= 2000),
    alarm_events  text[] NOT NULL DEFAULT '{raised,cleared}',
    device_states boolean NOT NULL DEFAULT true,
    priorities    text[],
    group_id      int CONSTRAINT webhooks_group_fkey REFERENCES groups ON DELETE CASCADE,
    enabled       boolean NOT NULL DEFAULT true,
    secret        text NOT NULL,
    old_secret    text,
    old_until     timestamptz,
    failures      int NOT NULL DEFAULT 0,
    failing_since timestamptz,
    next_at       timestamptz,
    last_error    text,
    lost          bigint NOT NULL DEFAULT 0,
    created_by    text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       int NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX webhooks_name_key ON webhooks (lower(name));
COMMENT ON TABLE webhooks IS 'Targets that are told over HTTP; secrets sign what is sent, so that they stand here as they are';
COMMENT ON COLUMN webhooks.priorities IS 'Null: alarms of all of them';
COMMENT ON COLUMN webhooks.next_at IS 'While it fails: when it is tried again';
COMMENT ON COLUMN webhooks.lost IS 'What found no room any more in its queue; the journal of the alarms has it';

CREATE TABLE webhook_deliveries (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT webhook_deliveries_pkey PRIMARY KEY,
    webhook_id  int NOT NULL CONSTRAINT webhook_deliveries_webhook_fkey REFERENCES webhooks ON DELETE CASCADE,
    event       text NOT NULL,
    type        text NOT NULL,
    body        text NOT NULL,
    state       text NOT NULL DEFAULT 'waiting' CONSTRAINT webhook_deliveries_state_known CHECK (state IN ('waiting', 'done', 'dead')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL DEFAULT now() + interval '1 day',
    attempts    int NOT NULL DEFAULT 0,
    tried_at    timestamptz,
    status      int,
    error       text,
    seconds     real,
    CONSTRAINT webhook_deliveries_event_key UNIQUE (webhook_id, event)
);
CREATE INDEX webhook_deliveries_waiting_idx ON webhook_deliveries (webhook_id, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_dead_idx ON webhook_deliveries (webhook_id, id) WHERE state = 'dead';
CREATE INDEX webhook_deliveries_tried_idx ON webhook_deliveries (webhook_id, tried_at DESC) WHERE tried_at IS NOT NULL;
CREATE INDEX webhook_deliveries_created_idx ON webhook_deliveries (created_at);
COMMENT ON TABLE webhook_deliveries IS 'What each target is told, in the order of its ids; kept for two weeks';
COMMENT ON COLUMN webhook_deliveries.event IS 'The receiver''s key against doubles: the same however often it is sent';
COMMENT ON COLUMN webhook_deliveries.expires_at IS 'When trying ends and it is dead';

CREATE TABLE webhook_cursor (one boolean NOT NULL DEFAULT true CONSTRAINT webhook_cursor_pkey PRIMARY KEY CHECK (one), position xid8 NOT NULL);
INSERT INTO webhook_cursor (position) VALUES (pg_snapshot_xmin(pg_current_snapshot()));
COMMENT ON TABLE webhook_cursor IS 'From which transaction on events may not be in the queues yet (decision 0023)';
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, webhook_deliveries TO ddms_app;
GRANT SELECT, UPDATE ON webhook_cursor TO ddms_app;

-- States of devices are followed as the journal of the alarms is.
ALTER TABLE device_state_changes ADD COLUMN transaction xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX device_state_changes_transaction_idx ON device_state_changes (transaction);
COMMENT ON COLUMN device_state_changes.transaction IS 'As alarm_events.transaction';
