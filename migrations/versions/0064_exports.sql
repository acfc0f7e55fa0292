-- Exports that are made in the background, and whose files are fetched later (docs/export.md).
CREATE TABLE exports (
    id           int GENERATED ALWAYS AS IDENTITY CONSTRAINT exports_pkey PRIMARY KEY,
    user_id      int CONSTRAINT exports_user_fkey REFERENCES users ON DELETE CASCADE,
    token_id     int CONSTRAINT exports_token_fkey REFERENCES api_tokens ON DELETE CASCADE,
    account      int GENERATED ALWAYS AS (coalesce(-user_id, token_id)) STORED,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    parameters   jsonb NOT NULL,
    points       int[] NOT NULL,
    filename     text NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CONSTRAINT exports_state_known CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'removed')),
    attempts     int NOT NULL DEFAULT 0,
    progress     real,
    rows         bigint,
    bytes        bigint,
    error        text,
    started_at   timestamptz,
    finished_at  timestamptz,
    expires_at   timestamptz,
    cancelled_at timestamptz,
    CONSTRAINT exports_of_one CHECK (num_nonnulls(user_id, token_id) = 1)
);
CREATE INDEX exports_account_idx ON exports (account, id DESC);
CREATE INDEX exports_undone_idx ON exports (id) WHERE state IN ('waiting', 'running', 'done');
CREATE TRIGGER exports_changed AFTER INSERT OR UPDATE ON exports FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_exports');
COMMENT ON TABLE exports IS 'Exports whose files are kept for a while in the folder of exports, each named after its id';
COMMENT ON COLUMN exports.account IS 'Whose it is: a person''s, however often signed in, or a token''s';
COMMENT ON COLUMN exports.parameters IS 'Names and values, as of /export';
COMMENT ON COLUMN exports.points IS 'Whose history is in the file: who fetches it must have all of them in sight';
GRANT SELECT, INSERT, UPDATE, DELETE ON exports TO ddms_app;
