-- A one-time password that nobody used is not left lying about.
ALTER TABLE users ADD COLUMN one_time_until timestamptz;
COMMENT ON COLUMN users.one_time_until IS 'Until when a password that must be changed opens; null for one that the person chose';
UPDATE users SET one_time_until = now() + interval '7 days' WHERE must_change_password;
