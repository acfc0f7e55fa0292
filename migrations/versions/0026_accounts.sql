-- Accounts: one name for all its spellings, and what failed sign-ins lock.

CREATE FUNCTION name_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$ SELECT lower(normalize(name, NFKC)) $$;
COMMENT ON FUNCTION name_key(text) IS 'What is the same for all spellings of a person''s name: upper and lower case, wide and narrow letters';

DROP INDEX users_name_key;
CREATE UNIQUE INDEX users_name_key ON users (name_key(name));

-- Failures count for 15 minutes only, so that none that stands there is needed afterwards.
TRUNCATE sign_in_failures;
DROP INDEX sign_in_failures_name_idx;
ALTER TABLE sign_in_failures
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT sign_in_failures_pkey PRIMARY KEY,
    ADD COLUMN known boolean NOT NULL DEFAULT false,
    ADD COLUMN told boolean NOT NULL DEFAULT false;
COMMENT ON TABLE sign_in_failures IS 'Attempts to sign in that failed or are being judged, of the last 15 minutes';
COMMENT ON COLUMN sign_in_failures.name IS 'name_key() of what was typed, whether somebody has that name or not';
COMMENT ON COLUMN sign_in_failures.known IS 'Whether the person signed in from this address before';
COMMENT ON COLUMN sign_in_failures.told IS 'Whether it stands in the audit log although nobody has this name: only so many do';
CREATE INDEX sign_in_failures_name_idx ON sign_in_failures (name, at);
CREATE INDEX sign_in_failures_address_idx ON sign_in_failures (address, at);
CREATE INDEX sign_in_failures_at_idx ON sign_in_failures (at);
CREATE INDEX sign_in_failures_told_idx ON sign_in_failures (at) WHERE told;

CREATE TABLE sign_in_locks (
    name        text NOT NULL DEFAULT '',
    address     text NOT NULL DEFAULT '',
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz NOT NULL,
    CONSTRAINT sign_in_locks_pkey PRIMARY KEY (name, address)
);
COMMENT ON TABLE sign_in_locks IS 'Who may not try to sign in until when, after too many failures; kept for a day to be told';
COMMENT ON COLUMN sign_in_locks.name IS 'name_key() of the name; empty: every name';
COMMENT ON COLUMN sign_in_locks.address IS 'From where; empty: every address from which the person has not signed in before';
CREATE INDEX sign_in_locks_until_idx ON sign_in_locks (until);

CREATE TABLE sign_in_addresses (
    user_id     int NOT NULL CONSTRAINT sign_in_addresses_user_fkey REFERENCES users ON DELETE CASCADE,
    address     text NOT NULL,
    last_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sign_in_addresses_pkey PRIMARY KEY (user_id, address)
);
COMMENT ON TABLE sign_in_addresses IS 'From where people have signed in: there, strangers who guess their passwords elsewhere do not lock them out';

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_failures, sign_in_locks, sign_in_addresses TO ddms_app;
