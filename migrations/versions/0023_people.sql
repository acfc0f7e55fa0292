-- People: an account may be local (a password) or a provider's (OpenID Connect); its rights may be limited to groups.

ALTER TABLE users
    ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN language text CONSTRAINT users_language_known CHECK (language IN ('en', 'zh')),
    ADD COLUMN enabled boolean NOT NULL DEFAULT true,
    ADD COLUMN must_change_password boolean NOT NULL DEFAULT false,
    ADD COLUMN provider text,
    ADD COLUMN subject text,
    ADD COLUMN limited boolean NOT NULL DEFAULT false,
    ADD COLUMN rights int NOT NULL DEFAULT 1,
    ADD CONSTRAINT users_subject_key UNIQUE (provider, subject),
    ADD CONSTRAINT users_provider_form CHECK ((provider IS NULL) = (subject IS NULL)),
    ADD CONSTRAINT users_owner_unlimited CHECK (NOT limited OR role <> 'owner');
COMMENT ON COLUMN users.password_hash IS 'argon2id; null for an account that only a provider signs in';
COMMENT ON COLUMN users.language IS 'In which language pages and sentences come; null: as the browser says, else the site''s';
COMMENT ON COLUMN users.provider IS 'Name of the OpenID provider whose account this is; null for a local one';
COMMENT ON COLUMN users.subject IS 'What the provider calls the person (sub), never used again for another';
COMMENT ON COLUMN users.limited IS 'Whether the person sees and changes only devices of the groups in user_groups; without any, none';
COMMENT ON COLUMN users.rights IS 'Grows with each change of what the person may do: what remembers rights compares it';

CREATE TABLE user_groups (
    user_id  int NOT NULL CONSTRAINT user_groups_user_fkey REFERENCES users ON DELETE CASCADE,
    group_id int NOT NULL CONSTRAINT user_groups_group_fkey REFERENCES groups ON DELETE CASCADE,
    CONSTRAINT user_groups_pkey PRIMARY KEY (user_id, group_id)
);
COMMENT ON TABLE user_groups IS 'The groups of devices to which the rights of a limited person reach';
CREATE INDEX user_groups_group_idx ON user_groups (group_id);

-- A change of rights, by whichever way, is counted and told.
CREATE FUNCTION count_rights() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.role, NEW.enabled, NEW.limited, NEW.must_change_password)
       IS DISTINCT FROM (OLD.role, OLD.enabled, OLD.limited, OLD.must_change_password) THEN
        NEW.rights := OLD.rights + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_rights BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION count_rights();

CREATE FUNCTION count_group_rights() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE users SET rights = rights + 1 WHERE id = coalesce(NEW.user_id, OLD.user_id);
    RETURN NULL;
END $$;
CREATE TRIGGER user_groups_rights AFTER INSERT OR UPDATE OR DELETE ON user_groups FOR EACH ROW EXECUTE FUNCTION count_group_rights();
CREATE TRIGGER users_changed AFTER UPDATE OR DELETE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_tokens');

CREATE TABLE sessions (
    token_id     int CONSTRAINT sessions_pkey PRIMARY KEY CONSTRAINT sessions_token_fkey REFERENCES api_tokens ON DELETE CASCADE,
    rights       int NOT NULL,
    idle         interval NOT NULL,
    address      text NOT NULL,
    agent        text NOT NULL DEFAULT '',
    provider     text,
    provider_hint text
);
COMMENT ON TABLE sessions IS 'Browsers that are signed in: the key is a row of api_tokens, its secret a cookie';
COMMENT ON COLUMN sessions.rights IS 'users.rights when the cookie was given: when it has grown, the browser gets a new one';
COMMENT ON COLUMN sessions.idle IS 'How long after its last use the session ends';
COMMENT ON COLUMN sessions.agent IS 'What the browser calls itself (User-Agent), shortened';
COMMENT ON COLUMN sessions.provider IS 'Which OpenID provider signed the person in; null for a password';
COMMENT ON COLUMN sessions.provider_hint IS 'What the provider wants to hear when the person signs out there (id_token_hint)';
CREATE INDEX api_tokens_user_idx ON api_tokens (user_id) WHERE user_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON user_groups, sessions TO ddms_app;

ALTER TABLE configuration
    ADD COLUMN session_idle_minutes int NOT NULL DEFAULT 480 CONSTRAINT configuration_session_idle_range CHECK (session_idle_minutes BETWEEN 5 AND 43200),
    ADD COLUMN session_hours int NOT NULL DEFAULT 168 CONSTRAINT configuration_session_range CHECK (session_hours BETWEEN 1 AND 8760);
COMMENT ON COLUMN configuration.session_idle_minutes IS 'How long a browser that does nothing stays signed in';
COMMENT ON COLUMN configuration.session_hours IS 'How long a browser stays signed in whatever it does';

-- Which keys open, and what: of a person's key what the person may now. 0 rights: a program's token, whose role stays.
CREATE VIEW valid_tokens AS
SELECT t.id, t.hash, coalesce(u.name, t.name) AS name, coalesce(u.role, t.role) AS role, t.user_id, t.expires_at, t.trusted_only, t.last_used_at,
       u.language, coalesce(u.limited, false) AS limited, coalesce(u.must_change_password, false) AS must_change_password,
       coalesce(u.rights, 0) AS rights, s.token_id IS NOT NULL AS is_session
  FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id LEFT JOIN sessions s ON s.token_id = t.id
 WHERE t.revoked_at IS NULL AND t.expires_at > now() AND coalesce(u.enabled, true)
   AND (s.token_id IS NULL OR coalesce(t.last_used_at, t.created_at) + s.idle > now());
COMMENT ON VIEW valid_tokens IS 'Tokens and sessions that are valid now, with the rights of their bearers';
GRANT SELECT ON valid_tokens TO ddms_app;
