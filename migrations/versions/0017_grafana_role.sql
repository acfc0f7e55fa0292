-- Whoever may look at dashboards may send any SQL as ddms_grafana (docs/decisions/0013). An advisory lock is open to
-- every role, so ours are locks of tables and rows on which that role has no rights.

CREATE TABLE locks (name text CONSTRAINT locks_pkey PRIMARY KEY);
COMMENT ON TABLE locks IS 'Rows to be locked (FOR UPDATE) by a transaction that wants to be alone at something; 64 of them share the sign-ins';
INSERT INTO locks SELECT unnest(ARRAY['leases', 'devices', 'first owner']) UNION ALL SELECT 'sign-in ' || n FROM generate_series(0, 63) n;
REVOKE INSERT, DELETE ON locks FROM ddms_app;

CREATE TABLE storing ();
COMMENT ON TABLE storing IS 'Empty. Locked (ROW SHARE) by a transaction that stores readings, and for a moment (EXCLUSIVE) by a claim of more minutes for the rollups';

CREATE TABLE claims (
    name            text CONSTRAINT claims_pkey PRIMARY KEY,
    pid             int NOT NULL,
    beacon          int[] NOT NULL,
    claimed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE claims IS 'What one session has for itself while it lives: a collector''s name, the scheduled jobs, a retention run';
COMMENT ON COLUMN claims.beacon IS 'The session holds an advisory lock of this random key as a sign of life; together with the pid nobody else can give it';

CREATE FUNCTION claim(wanted text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    random text := translate(gen_random_uuid()::text, '-', '');
    mine int[] := ARRAY[('x0' || left(random, 7))::bit(32)::int, ('x0' || right(random, 7))::bit(32)::int];
    holder int;
BEGIN
    LOCK TABLE claims IN SHARE ROW EXCLUSIVE MODE;
    SELECT c.pid INTO holder FROM claims c JOIN pg_locks l ON l.pid = c.pid AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
       AND l.classid = c.beacon[1]::oid AND l.objid = c.beacon[2]::oid
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) WHERE c.name = wanted;
    IF FOUND THEN
        RETURN holder = pg_backend_pid();
    END IF;
    PERFORM pg_advisory_lock(mine[1], mine[2]);
    INSERT INTO claims (name, pid, beacon) VALUES (wanted, pg_backend_pid(), mine)
    ON CONFLICT (name) DO UPDATE SET pid = excluded.pid, beacon = excluded.beacon, claimed_at = now();
    RETURN true;
END $$;
COMMENT ON FUNCTION claim(text) IS 'Takes a name for this session until release() or its end; false when another living session has it';

CREATE FUNCTION release(wanted text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    mine int[];
BEGIN
    DELETE FROM claims WHERE name = wanted AND pid = pg_backend_pid() RETURNING beacon INTO mine;
    IF FOUND THEN
        PERFORM pg_advisory_unlock(mine[1], mine[2]);
    END IF;
END $$;


-- As in 0007, with a lock of our own.
CREATE OR REPLACE FUNCTION rolled_up_to() RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE storing IN ROW SHARE MODE;
    RETURN (SELECT complete FROM rollup_levels WHERE place = 0);
END $$;

CREATE OR REPLACE FUNCTION claim_readings(up_to timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- One flush that hangs must not hold up all others, which queue behind this lock.
    SET LOCAL lock_timeout = '250ms';
    LOCK TABLE storing IN EXCLUSIVE MODE;
    UPDATE rollup_levels r SET complete = greatest(r.complete, least(m.complete + m.stride, date_bin(r.unit, up_to, '2000-01-01Z')))
      FROM rollup_levels m WHERE r.place = 0 AND m.place = 1;
EXCEPTION WHEN lock_not_available THEN
    RAISE LOG 'ddms: a transaction that stores readings takes long; the rollups wait for it';
END $$;


-- NOTIFY is open to every role too, so nobody is believed who does not know where we listen.
CREATE TABLE secrets (
    single          boolean DEFAULT true CONSTRAINT secrets_pkey PRIMARY KEY CONSTRAINT secrets_single CHECK (single),
    channel         text NOT NULL DEFAULT translate(gen_random_uuid()::text, '-', ''),
    grafana_password text
);
COMMENT ON TABLE secrets IS 'What Grafana''s role must not know; one row';
COMMENT ON COLUMN secrets.channel IS 'The end of the name of each channel of NOTIFY';
COMMENT ON COLUMN secrets.grafana_password IS 'What the last `ddms migrate` gave to ddms_grafana, hashed as PostgreSQL keeps it (SCRAM); null: it gave none';
INSERT INTO secrets DEFAULT VALUES;
REVOKE ALL ON secrets FROM ddms_app;
GRANT SELECT (channel) ON secrets TO ddms_app;

CREATE FUNCTION channel(subject text) RETURNS text
LANGUAGE sql STABLE AS $$ SELECT subject || '_' || secrets.channel FROM secrets $$;
COMMENT ON FUNCTION channel(text) IS 'Where messages about a subject are told and heard';

CREATE OR REPLACE FUNCTION notify_statement() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(channel(TG_ARGV[0]), TG_TABLE_NAME);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION notify_field_request() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(channel('ddms_field_requests'), NEW.id || ':' || NEW.state);
    RETURN NULL;
END $$;


-- Whether the tables of history are hypertables, which is more than that the extension is there: it may have come later.
CREATE FUNCTION chunked() RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = 'readings');
END $$;
COMMENT ON FUNCTION chunked() IS 'Whether history is kept in hypertables; `ddms migrate --to-timescaledb` makes them';

DO $$
DECLARE
    definition text;
    asked CONSTANT text := 'EXISTS (SELECT FROM pg_extension WHERE extname = ''timescaledb'')';
BEGIN
    FOR definition IN SELECT pg_get_functiondef(oid) FROM pg_proc
                       WHERE pronamespace = 'public'::regnamespace AND proname <> 'chunked' AND position(asked IN prosrc) > 0 LOOP
        EXECUTE replace(definition, asked, 'chunked()');
    END LOOP;
END $$;
