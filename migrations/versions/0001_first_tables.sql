-- The contract between collector, api and Grafana: what is watched, what was read, who may ask.

CREATE FUNCTION notify_statement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], TG_TABLE_NAME);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_statement() IS 'Statement trigger: tells the channel in its argument which table changed; PostgreSQL folds equal messages of one transaction into one';


CREATE TABLE connections (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT connections_pkey PRIMARY KEY,
    endpoint        text NOT NULL CONSTRAINT connections_endpoint_key UNIQUE
                    CONSTRAINT connections_endpoint_form CHECK (endpoint ~ '^(tcp|rtu\+tcp)://[^/\s]+:[0-9]{1,5}$|^serial:///[^\s]+$'),
    baud_rate       int NOT NULL DEFAULT 19200 CONSTRAINT connections_baud_rate_range CHECK (baud_rate BETWEEN 300 AND 4000000),
    parity          text NOT NULL DEFAULT 'even' CONSTRAINT connections_parity_known CHECK (parity IN ('none', 'even', 'odd')),
    stop_bits       smallint NOT NULL DEFAULT 1 CONSTRAINT connections_stop_bits_range CHECK (stop_bits IN (1, 2)),
    timeout_ms      int NOT NULL DEFAULT 1000 CONSTRAINT connections_timeout_range CHECK (timeout_ms BETWEEN 50 AND 30000),
    connect_pause_ms int NOT NULL DEFAULT 0 CONSTRAINT connections_connect_pause_range CHECK (connect_pause_ms BETWEEN 0 AND 10000),
    request_pause_ms int NOT NULL DEFAULT 0 CONSTRAINT connections_request_pause_range CHECK (request_pause_ms BETWEEN 0 AND 10000),
    max_in_flight   smallint NOT NULL DEFAULT 1 CONSTRAINT connections_in_flight_range CHECK (max_in_flight BETWEEN 1 AND 16),
    close_after_cycle boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE connections IS 'One Modbus endpoint, shared by all units behind it; made when a device first names it';
COMMENT ON COLUMN connections.endpoint IS 'tcp://host:port, rtu+tcp://host:port (RTU frames over TCP) or serial:///dev/name';


CREATE TABLE devices (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT devices_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT devices_name_length CHECK (char_length(name) BETWEEN 1 AND 120 AND name = btrim(name)),
    description     text NOT NULL DEFAULT '' CONSTRAINT devices_description_length CHECK (char_length(description) <= 2000),
    connection_id   int NOT NULL CONSTRAINT devices_connection_fkey REFERENCES connections,
    unit_id         smallint NOT NULL CONSTRAINT devices_unit_id_range CHECK (unit_id BETWEEN 0 AND 255),
    enabled         boolean NOT NULL DEFAULT true,
    max_words       smallint NOT NULL DEFAULT 125 CONSTRAINT devices_max_words_range CHECK (max_words BETWEEN 1 AND 125),
    max_bits        smallint NOT NULL DEFAULT 2000 CONSTRAINT devices_max_bits_range CHECK (max_bits BETWEEN 1 AND 2000),
    max_gap         smallint NOT NULL DEFAULT 16 CONSTRAINT devices_max_gap_range CHECK (max_gap BETWEEN 0 AND 124),
    retention_days  smallint NOT NULL DEFAULT 90 CONSTRAINT devices_retention_range CHECK (retention_days BETWEEN 1 AND 3650),
    version         int NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
COMMENT ON COLUMN devices.max_gap IS 'Unwanted registers that may be read along to join two wanted ones into one request';
COMMENT ON COLUMN devices.deleted_at IS 'Deleted, but its history was kept: no longer polled or listed, its name is free again';
CREATE UNIQUE INDEX devices_name_key ON devices (lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX devices_connection_id_idx ON devices (connection_id);


CREATE TABLE device_states (
    device_id       int CONSTRAINT device_states_pkey PRIMARY KEY CONSTRAINT device_states_device_fkey REFERENCES devices ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'unknown' CONSTRAINT device_states_state_known
                    CHECK (state IN ('unknown', 'online', 'error', 'offline', 'disabled')),
    since           timestamptz NOT NULL DEFAULT now(),
    last_seen       timestamptz,
    failures        int NOT NULL DEFAULT 0,
    first_failure   timestamptz,
    last_error      text
) WITH (fillfactor = 50);
COMMENT ON TABLE device_states IS 'What the collector sees of a device; apart from devices, so that polling never looks like a change of configuration';
COMMENT ON COLUMN device_states.state IS 'online: answers; error: answers, but refuses some registers; offline: 3 failures in a row; unknown: not polled yet';
COMMENT ON COLUMN device_states.failures IS 'Failed attempts in a row';


CREATE TABLE points (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT points_pkey PRIMARY KEY,
    device_id       int NOT NULL CONSTRAINT points_device_fkey REFERENCES devices ON DELETE CASCADE,
    key             text NOT NULL CONSTRAINT points_key_form CHECK (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    name            text NOT NULL CONSTRAINT points_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    unit            text NOT NULL DEFAULT '' CONSTRAINT points_unit_length CHECK (char_length(unit) <= 24),
    register_table  text NOT NULL CONSTRAINT points_register_table_known
                    CHECK (register_table IN ('coil', 'discrete_input', 'input', 'holding')),
    address         int NOT NULL CONSTRAINT points_address_range CHECK (address BETWEEN 0 AND 65535),
    data_type       text NOT NULL CONSTRAINT points_data_type_known CHECK (data_type IN
                    ('bool', 'bit', 'uint8_low', 'uint8_high', 'int8_low', 'int8_high', 'uint16', 'int16', 'uint32',
                     'int32', 'uint64', 'int64', 'float16', 'float32', 'float64', 'string')),
    bit             smallint CONSTRAINT points_bit_range CHECK (bit BETWEEN 0 AND 15),
    length          smallint CONSTRAINT points_length_range CHECK (length BETWEEN 1 AND 125),
    byte_order      text NOT NULL DEFAULT 'ABCD' CONSTRAINT points_byte_order_known CHECK (byte_order IN ('ABCD', 'DCBA', 'BADC', 'CDAB')),
    scale           float8 NOT NULL DEFAULT 1 CONSTRAINT points_scale_finite CHECK (scale <> 0 AND abs(scale) < 'Infinity'),
    value_offset    float8 NOT NULL DEFAULT 0 CONSTRAINT points_value_offset_finite CHECK (abs(value_offset) < 'Infinity'),
    interval_s      int NOT NULL DEFAULT 10 CONSTRAINT points_interval_range CHECK (interval_s BETWEEN 1 AND 3600),
    deadband        float8 NOT NULL DEFAULT 0 CONSTRAINT points_deadband_range CHECK (deadband >= 0 AND deadband < 'Infinity'),
    heartbeat_s     int NOT NULL DEFAULT 600 CONSTRAINT points_heartbeat_range CHECK (heartbeat_s BETWEEN 1 AND 86400),
    valid_min       float8 CONSTRAINT points_valid_min_finite CHECK (abs(valid_min) < 'Infinity'),
    valid_max       float8 CONSTRAINT points_valid_max_finite CHECK (abs(valid_max) < 'Infinity'),
    sentinels       float8[] NOT NULL DEFAULT '{}' CONSTRAINT points_sentinels_few CHECK (cardinality(sentinels) <= 8),
    enabled         boolean NOT NULL DEFAULT true,
    CONSTRAINT points_device_key UNIQUE (device_id, key),
    CONSTRAINT points_valid_order CHECK (valid_min IS NULL OR valid_max IS NULL OR valid_min < valid_max),
    CONSTRAINT points_bool_on_bits CHECK ((data_type = 'bool') = (register_table IN ('coil', 'discrete_input'))),
    CONSTRAINT points_bit_given CHECK ((data_type = 'bit') = (bit IS NOT NULL)),
    CONSTRAINT points_length_given CHECK ((data_type = 'string') = (length IS NOT NULL))
);
COMMENT ON TABLE points IS 'One measured value of a device: which register, how it is decoded, how often it is read';
COMMENT ON COLUMN points.address IS 'Protocol address, counted from 0 (a manual''s holding register 40001 is 0)';
COMMENT ON COLUMN points.scale IS 'value = raw × scale + value_offset';
COMMENT ON COLUMN points.deadband IS 'In the unit of the value: a smaller change than this is not stored before the heartbeat';
COMMENT ON COLUMN points.heartbeat_s IS 'A point with a deadband is stored at least this often, in seconds';
COMMENT ON COLUMN points.sentinels IS 'Raw values (before scale) with which the device says that it has no value';

CREATE TRIGGER connections_changed AFTER INSERT OR UPDATE OR DELETE ON connections
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_configuration');
CREATE TRIGGER devices_changed AFTER INSERT OR UPDATE OR DELETE ON devices
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_configuration');
CREATE TRIGGER points_changed AFTER INSERT OR UPDATE OR DELETE ON points
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_configuration');


CREATE TABLE qualities (
    code            smallint CONSTRAINT qualities_pkey PRIMARY KEY,
    quality         text NOT NULL CONSTRAINT qualities_quality_known CHECK (quality IN ('good', 'uncertain', 'bad')),
    reason          text NOT NULL CONSTRAINT qualities_reason_key UNIQUE,
    explanation     text NOT NULL
);
COMMENT ON TABLE qualities IS 'What a reading''s quality code means; filled from ddms.quality at each migration';

CREATE TABLE readings (
    time            timestamptz NOT NULL,
    point_id        int NOT NULL,
    value           float8,
    quality         smallint NOT NULL DEFAULT 0,
    CONSTRAINT readings_pkey PRIMARY KEY (point_id, time)
);
COMMENT ON TABLE readings IS 'Every reading: the time it was taken, its value (null when bad) and its quality code';
COMMENT ON COLUMN readings.quality IS '0 good, 1–15 uncertain, 16 and more bad: see qualities';

CREATE TABLE texts (
    time            timestamptz NOT NULL,
    point_id        int NOT NULL,
    text            text,
    quality         smallint NOT NULL DEFAULT 0,
    CONSTRAINT texts_pkey PRIMARY KEY (point_id, time)
);
COMMENT ON TABLE texts IS 'Readings of string points, stored when they change';

CREATE TABLE latest (
    point_id        int NOT NULL CONSTRAINT latest_pkey PRIMARY KEY,
    time            timestamptz NOT NULL,
    value           float8,
    quality         smallint NOT NULL,
    text            text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.5);
COMMENT ON TABLE latest IS 'The newest reading of each point, written in the transaction that stores the readings';


CREATE TABLE collectors (
    name            text CONSTRAINT collectors_pkey PRIMARY KEY,
    started_at      timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now(),
    version         text NOT NULL,
    sequence        bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON COLUMN collectors.sequence IS 'Number of the newest flush; it grows by one with each, also over restarts';

CREATE TABLE field_requests (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT field_requests_pkey PRIMARY KEY,
    kind            text NOT NULL CONSTRAINT field_requests_kind_known CHECK (kind IN ('test_connection')),
    parameters      jsonb NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CONSTRAINT field_requests_state_known
                    CHECK (state IN ('pending', 'running', 'done', 'failed', 'cancelled')),
    progress        float8 NOT NULL DEFAULT 0,
    result          jsonb,
    error           text,
    collector       text,
    requested_by    text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz
);
COMMENT ON TABLE field_requests IS 'What the API asks a collector to do at the devices: only collectors have a route to the field';
CREATE INDEX field_requests_pending_idx ON field_requests (id) WHERE state IN ('pending', 'running');
CREATE FUNCTION notify_field_request() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ddms_field_requests', NEW.id || ':' || NEW.state);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION notify_field_request() IS 'Tells <id>:<state>: the collector waits for pending ones, the API for its own';
CREATE TRIGGER field_requests_changed AFTER INSERT OR UPDATE OF state, progress ON field_requests
    FOR EACH ROW EXECUTE FUNCTION notify_field_request();


CREATE TABLE users (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT users_name_form CHECK (name ~ '^[^\s].{0,62}[^\s]$|^[^\s]$'),
    role            text NOT NULL CONSTRAINT users_role_known CHECK (role IN ('owner', 'admin', 'viewer')),
    password_hash   text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_name_key ON users (lower(name));

CREATE TABLE api_tokens (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT api_tokens_pkey PRIMARY KEY,
    name            text NOT NULL CONSTRAINT api_tokens_name_length CHECK (char_length(name) BETWEEN 1 AND 120),
    role            text NOT NULL CONSTRAINT api_tokens_role_known CHECK (role IN ('owner', 'admin', 'viewer')),
    user_id         int CONSTRAINT api_tokens_user_fkey REFERENCES users ON DELETE CASCADE,
    hash            bytea NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE CONSTRAINT api_tokens_hash_sha256 CHECK (octet_length(hash) = 32),
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
COMMENT ON COLUMN api_tokens.hash IS 'SHA-256 of the token, which is 256 random bits and shown once';
COMMENT ON COLUMN api_tokens.user_id IS 'Whose sign-in made it; null when the command line did';
-- Not last_used_at: what is only used did not change.
CREATE TRIGGER api_tokens_changed AFTER UPDATE OF role, expires_at, revoked_at OR DELETE ON api_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_tokens');

CREATE TABLE sign_in_failures (
    at              timestamptz NOT NULL DEFAULT now(),
    name            text NOT NULL,
    address         text NOT NULL
);
CREATE INDEX sign_in_failures_name_idx ON sign_in_failures (lower(name), address, at);

CREATE TABLE audit_log (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_log_pkey PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT now(),
    actor           text NOT NULL,
    address         text,
    action          text NOT NULL,
    subject         text NOT NULL,
    before          jsonb,
    after           jsonb
);
CREATE INDEX audit_log_at_idx ON audit_log (at);
