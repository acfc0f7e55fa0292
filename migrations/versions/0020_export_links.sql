CREATE TABLE export_links (
    hash       bytea PRIMARY KEY,
    token_id   int NOT NULL REFERENCES api_tokens ON DELETE CASCADE,
    parameters jsonb NOT NULL,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 minute'
);
COMMENT ON TABLE export_links IS 'Links to one export each, good for a minute and for one use; only their hashes are kept';
GRANT SELECT, INSERT, UPDATE, DELETE ON export_links TO ddms_app;
