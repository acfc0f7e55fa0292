-- What is known of requests: keys that keep a change from being done twice, and documents that may be called by their hash.

CREATE TABLE idempotency_keys (
    token_id        int NOT NULL CONSTRAINT idempotency_keys_token_fkey REFERENCES api_tokens ON DELETE CASCADE,
    key             text NOT NULL CONSTRAINT idempotency_keys_key_length CHECK (char_length(key) BETWEEN 1 AND 255),
    request         bytea NOT NULL CONSTRAINT idempotency_keys_request_sha256 CHECK (octet_length(request) = 32),
    at              timestamptz NOT NULL DEFAULT now(),
    done            boolean NOT NULL DEFAULT false,
    answer          bytea,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (token_id, key)
);
CREATE INDEX idempotency_keys_at_idx ON idempotency_keys (at);
COMMENT ON TABLE idempotency_keys IS 'Keys of the header Idempotency-Key of the last 24 hours, with the first answer';
COMMENT ON COLUMN idempotency_keys.done IS 'Set by the transaction of the change itself';

CREATE TABLE documents (
    hash            bytea CONSTRAINT documents_pkey PRIMARY KEY CONSTRAINT documents_hash_sha256 CHECK (octet_length(hash) = 32),
    name            text NOT NULL,
    text            text NOT NULL,
    added_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE documents IS 'GraphQL documents that are called by the SHA-256 of their text';

ALTER TABLE api_tokens ADD COLUMN trusted_only boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN api_tokens.trusted_only IS 'Its bearer may send registered documents only';
