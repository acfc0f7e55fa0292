-- People who sign in by an OpenID Connect provider: sign-ins under way, and which issuer a provider's name stands for.

CREATE TABLE openid_sign_ins (
    state    bytea CONSTRAINT openid_sign_ins_pkey PRIMARY KEY,
    browser  bytea NOT NULL,
    provider text NOT NULL,
    address  text NOT NULL,
    go_on    text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE openid_sign_ins IS 'Sign-ins that were begun at a provider and are not finished; minutes old at most, each used once';
COMMENT ON COLUMN openid_sign_ins.state IS 'SHA-256 of the state that the provider brings back';
COMMENT ON COLUMN openid_sign_ins.browser IS 'SHA-256 of the cookie of the browser that began it: no other one may finish it';
COMMENT ON COLUMN openid_sign_ins.go_on IS 'Where the browser goes afterwards, a path of DDMS';
CREATE INDEX openid_sign_ins_address_idx ON openid_sign_ins (address);
CREATE INDEX openid_sign_ins_begun_idx ON openid_sign_ins (begun_at);

CREATE TABLE openid_issuers (
    provider text CONSTRAINT openid_issuers_pkey PRIMARY KEY,
    issuer   text NOT NULL
);
COMMENT ON TABLE openid_issuers IS 'Which issuer a provider''s name stands for, since its first sign-in: another one''s people are others';

GRANT SELECT, INSERT, UPDATE, DELETE ON openid_sign_ins, openid_issuers TO ddms_app;
