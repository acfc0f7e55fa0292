-- A browser whose person's rights have changed gets a new secret; the old one serves the requests that are on their way.

ALTER TABLE sessions ADD COLUMN replaced_by int CONSTRAINT sessions_replaced_fkey REFERENCES sessions ON DELETE CASCADE;
COMMENT ON COLUMN sessions.replaced_by IS 'The session that this browser got instead; this one ends in a moment';
CREATE INDEX sessions_replaced_idx ON sessions (replaced_by) WHERE replaced_by IS NOT NULL;

CREATE OR REPLACE VIEW valid_tokens AS
SELECT t.id, t.hash, coalesce(u.name, t.name) AS name, coalesce(u.role, t.role) AS role, t.user_id, t.expires_at, t.trusted_only, t.last_used_at,
       u.language, coalesce(u.limited, false) AS limited, coalesce(u.must_change_password, false) AS must_change_password,
       coalesce(u.rights, 0) AS rights, s.token_id IS NOT NULL AS is_session,
       coalesce(s.rights < u.rights AND s.replaced_by IS NULL, false) AS is_outdated,
       least(t.expires_at, coalesce(t.last_used_at, t.created_at) + s.idle) AS ends_at
  FROM api_tokens t LEFT JOIN users u ON u.id = t.user_id LEFT JOIN sessions s ON s.token_id = t.id
 WHERE t.revoked_at IS NULL AND t.expires_at > now() AND coalesce(u.enabled, true)
   AND (s.token_id IS NULL OR coalesce(t.last_used_at, t.created_at) + s.idle > now());
