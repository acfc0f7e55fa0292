-- Limits, alarms and their journal (docs/alarms.md). The collector evaluates limits in its flush; the states are those of
-- ISA-18.2 and OPC UA part 9, whose machine is ddms.alarms.

CREATE TABLE limits (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT limits_pkey PRIMARY KEY,
    point_id        int NOT NULL CONSTRAINT limits_point_fkey REFERENCES points ON DELETE CASCADE,
    key             text NOT NULL CONSTRAINT limits_key_form CHECK (key ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind            text NOT NULL CONSTRAINT limits_kind_known
                    CHECK (kind IN ('low_low', 'low', 'high', 'high_high', 'deviation', 'rate', 'bit', 'value')),
    threshold       float8 CONSTRAINT limits_threshold_finite CHECK (abs(threshold) < 'Infinity'),
    direction       text NOT NULL DEFAULT 'either' CONSTRAINT limits_direction_known CHECK (direction IN ('either', 'above', 'below')),
    reference_key   text CONSTRAINT limits_reference_key_form CHECK (reference_key ~ '^[a-z][a-z0-9_]{0,62}$'),
    period_s        int NOT NULL DEFAULT 60 CONSTRAINT limits_period_range CHECK (period_s BETWEEN 1 AND 86400),
    bit             smallint CONSTRAINT limits_bit_range CHECK (bit BETWEEN 0 AND 52),
    alarm_values    float8[] NOT NULL DEFAULT '{}' CONSTRAINT limits_alarm_values_few CHECK (cardinality(alarm_values) <= 32),
    inverted        boolean NOT NULL DEFAULT false,
    hysteresis      float8 NOT NULL DEFAULT 0 CONSTRAINT limits_hysteresis_range CHECK (hysteresis >= 0 AND hysteresis < 'Infinity'),
    on_delay_s      int NOT NULL DEFAULT 0 CONSTRAINT limits_on_delay_range CHECK (on_delay_s BETWEEN 0 AND 86400),
    off_delay_s     int NOT NULL DEFAULT 0 CONSTRAINT limits_off_delay_range CHECK (off_delay_s BETWEEN 0 AND 86400),
    priority        text NOT NULL DEFAULT 'medium' CONSTRAINT limits_priority_known CHECK (priority IN ('critical', 'high', 'medium', 'low')),
    enabled         boolean NOT NULL DEFAULT true,
    latched         boolean NOT NULL DEFAULT false,
    cause           text NOT NULL DEFAULT '' CONSTRAINT limits_cause_length CHECK (char_length(cause) <= 2000),
    consequence     text NOT NULL DEFAULT '' CONSTRAINT limits_consequence_length CHECK (char_length(consequence) <= 2000),
    action          text NOT NULL DEFAULT '' CONSTRAINT limits_action_length CHECK (char_length(action) <= 2000),
    respond_within_s int CONSTRAINT limits_respond_range CHECK (respond_within_s BETWEEN 1 AND 604800),
    CONSTRAINT limits_threshold_given CHECK ((kind IN ('low_low', 'low', 'high', 'high_high', 'deviation', 'rate')) = (threshold IS NOT NULL)),
    CONSTRAINT limits_reference_given CHECK ((kind = 'deviation') = (reference_key IS NOT NULL)),
    CONSTRAINT limits_bit_given CHECK ((kind = 'bit') = (bit IS NOT NULL)),
    CONSTRAINT limits_alarm_values_given CHECK ((kind = 'value') = (cardinality(alarm_values) > 0)),
    CONSTRAINT limits_distance_positive CHECK (kind NOT IN ('deviation', 'rate') OR threshold > 0),
    CONSTRAINT limits_hysteresis_in_band CHECK (kind NOT IN ('deviation', 'rate') OR hysteresis < threshold),
    CONSTRAINT limits_hysteresis_of_number CHECK (kind NOT IN ('bit', 'value') OR hysteresis = 0)
);
COMMENT ON TABLE limits IS 'What of a point is an alarm, and what the operator reads then; each has one row in alarms';
COMMENT ON COLUMN limits.point_id IS 'The point whose readings are compared';
COMMENT ON COLUMN limits.key IS 'Name of the limit within its point, for files and profiles: high, fault_bit_3';
COMMENT ON COLUMN limits.kind IS 'low_low, low, high, high_high: a level; deviation: from another point; rate: of change; bit of an integer; value: an enumeration';
COMMENT ON COLUMN limits.threshold IS 'The level, in the unit of the value; deviation: the greatest distance; rate: the greatest change within period_s; none for bit and value';
COMMENT ON COLUMN limits.direction IS 'Deviation and rate: above or below the other point, rising (above) or falling (below), or either';
COMMENT ON COLUMN limits.reference_key IS 'Deviation: key of the other point, which is on the same device';
COMMENT ON COLUMN limits.period_s IS 'Rate: over how many seconds the change is taken';
COMMENT ON COLUMN limits.bit IS 'Bit: its number in the integer that was read, 0 the lowest';
COMMENT ON COLUMN limits.alarm_values IS 'Value: the values that are an alarm';
COMMENT ON COLUMN limits.inverted IS 'Bit: alarm when it is 0, not 1; value: alarm when it is none of alarm_values';
COMMENT ON COLUMN limits.hysteresis IS 'How far behind the threshold the value must be to be normal again, in its unit';
COMMENT ON COLUMN limits.on_delay_s IS 'How long it must be violated, by the times of the readings, before the alarm is raised';
COMMENT ON COLUMN limits.off_delay_s IS 'How long it must be normal, by the times of the readings, before the alarm is cleared';
COMMENT ON COLUMN limits.latched IS 'The alarm stays until it is acknowledged after the value is normal again';
COMMENT ON COLUMN limits.cause IS 'What is the matter, for the operator';
COMMENT ON COLUMN limits.consequence IS 'What happens when nobody does anything';
COMMENT ON COLUMN limits.action IS 'What to do';
COMMENT ON COLUMN limits.respond_within_s IS 'Within how long, in seconds';

CREATE TABLE profile_limits (
    profile_id      int NOT NULL,
    point_key       text NOT NULL,
    LIKE limits INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS
);
ALTER TABLE profile_limits DROP COLUMN id, DROP COLUMN point_id,
    ADD CONSTRAINT profile_limits_pkey PRIMARY KEY (profile_id, point_key, key),
    ADD CONSTRAINT profile_limits_point_fkey FOREIGN KEY (profile_id, point_key) REFERENCES profile_points ON DELETE CASCADE;
COMMENT ON TABLE profile_limits IS 'The limits of a profile''s points; each device that follows it has a copy in limits';

ALTER TABLE limits ADD COLUMN from_profile boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT limits_point_key UNIQUE (point_id, key);
COMMENT ON COLUMN limits.from_profile IS 'Came from the device''s profile and follows it; false: the device''s own, which no profile touches';

-- One level of each kind a point; they stand in order, and between them is a band in which all are normal, hysteresis
-- included. Looked at when the transaction commits, so that several may change one after the other.
CREATE FUNCTION levels_fault(threshold_of jsonb, hysteresis_of jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    kinds CONSTANT text[] := ARRAY['low_low', 'low', 'high', 'high_high'];
    kind text;
    before text;
    floor float8 := '-Infinity';
    ceiling float8 := 'Infinity';
BEGIN
    FOREACH kind IN ARRAY kinds LOOP
        CONTINUE WHEN NOT threshold_of ? kind;
        IF before IS NOT NULL AND (threshold_of ->> before)::float8 >= (threshold_of ->> kind)::float8 THEN
            RETURN 'order';
        END IF;
        before := kind;
        IF kind IN ('low_low', 'low') THEN
            floor := greatest(floor, (threshold_of ->> kind)::float8 + (hysteresis_of ->> kind)::float8);
        ELSE
            ceiling := least(ceiling, (threshold_of ->> kind)::float8 - (hysteresis_of ->> kind)::float8);
        END IF;
    END LOOP;
    RETURN CASE WHEN floor >= ceiling THEN 'band' END;
END $$;
COMMENT ON FUNCTION levels_fault(jsonb, jsonb) IS 'What is wrong with the levels of a point, by kind: order, band (hysteresis leaves nothing between them) or null';

CREATE FUNCTION check_levels() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    fault text;
    row_of jsonb := to_jsonb(NEW);
BEGIN
    IF TG_TABLE_NAME = 'limits' THEN
        SELECT levels_fault(jsonb_object_agg(kind, threshold), jsonb_object_agg(kind, hysteresis)) INTO fault
          FROM limits WHERE point_id = (row_of ->> 'point_id')::int AND kind IN ('low_low', 'low', 'high', 'high_high');
    ELSE
        SELECT levels_fault(jsonb_object_agg(kind, threshold), jsonb_object_agg(kind, hysteresis)) INTO fault
          FROM profile_limits WHERE profile_id = (row_of ->> 'profile_id')::int AND point_key = row_of ->> 'point_key'
           AND kind IN ('low_low', 'low', 'high', 'high_high');
    END IF;
    IF fault = 'order' THEN
        RAISE EXCEPTION 'the limits are not in order: low-low, low, high and high-high must each be above the one before'
              USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_order', TABLE = TG_TABLE_NAME;
    ELSIF fault = 'band' THEN
        RAISE EXCEPTION 'the hysteresis is larger than the band: no value between the limits would be normal'
              USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_band', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER limits_levels AFTER INSERT OR UPDATE OF point_id, kind, threshold, hysteresis ON limits
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind IN ('low_low', 'low', 'high', 'high_high')) EXECUTE FUNCTION check_levels();
CREATE CONSTRAINT TRIGGER profile_limits_levels AFTER INSERT OR UPDATE OF point_key, kind, threshold, hysteresis ON profile_limits
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind IN ('low_low', 'low', 'high', 'high_high')) EXECUTE FUNCTION check_levels();
CREATE UNIQUE INDEX limits_level_key ON limits (point_id, kind) WHERE kind IN ('low_low', 'low', 'high', 'high_high');
CREATE UNIQUE INDEX profile_limits_level_key ON profile_limits (profile_id, point_key, kind) WHERE kind IN ('low_low', 'low', 'high', 'high_high');
CREATE TRIGGER limits_changed AFTER INSERT OR UPDATE OR DELETE ON limits
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_configuration');


CREATE TABLE alarms (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT alarms_pkey PRIMARY KEY,
    source          text NOT NULL CONSTRAINT alarms_source_known CHECK (source IN ('limit', 'device', 'connection', 'system')),
    kind            text NOT NULL,
    limit_id        int CONSTRAINT alarms_limit_key UNIQUE,
    point_id        int,
    device_id       int,
    connection_id   int,
    subject         text,
    device_name     text,
    point_name      text,
    limit_key       text,
    priority        text NOT NULL CONSTRAINT alarms_priority_known CHECK (priority IN ('critical', 'high', 'medium', 'low')),

    active          boolean NOT NULL DEFAULT false,
    acknowledged    boolean NOT NULL DEFAULT true,
    latched         boolean NOT NULL DEFAULT false,
    state           text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN active THEN CASE WHEN acknowledged THEN 'acknowledged' ELSE 'unacknowledged' END
             WHEN latched THEN CASE WHEN acknowledged THEN 'latched_acknowledged' ELSE 'latched_unacknowledged' END
             WHEN acknowledged THEN 'normal' ELSE 'returned' END) STORED,
    uncertain       boolean NOT NULL DEFAULT false,
    active_since    timestamptz,
    cleared_at      timestamptz,
    value           float8,
    quality         smallint,
    threshold       float8,
    detail          text,
    pending_since   timestamptz,
    change_key      bigint,

    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text CONSTRAINT alarms_note_length CHECK (char_length(note) <= 2000),
    shelved         text CONSTRAINT alarms_shelved_known CHECK (shelved IN ('timed', 'once')),
    shelved_at      timestamptz,
    shelved_until   timestamptz,
    shelved_by      text,
    shelved_reason  text CONSTRAINT alarms_shelved_reason_length CHECK (char_length(shelved_reason) BETWEEN 1 AND 2000),
    suppressed_by   int,
    out_of_service_at timestamptz,
    out_of_service_until timestamptz,
    out_of_service_by text,
    out_of_service_reason text CONSTRAINT alarms_out_reason_length CHECK (char_length(out_of_service_reason) BETWEEN 1 AND 2000),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    removed_at      timestamptz,
    CONSTRAINT alarms_source_given CHECK (CASE source WHEN 'limit' THEN limit_id IS NOT NULL AND point_id IS NOT NULL AND device_id IS NOT NULL
        WHEN 'device' THEN device_id IS NOT NULL WHEN 'connection' THEN connection_id IS NOT NULL ELSE subject IS NOT NULL END),
    CONSTRAINT alarms_shelf_has_end CHECK (num_nulls(shelved, shelved_at, shelved_until, shelved_by, shelved_reason) IN (0, 5)),
    CONSTRAINT alarms_service_has_end CHECK (num_nulls(out_of_service_at, out_of_service_until, out_of_service_by, out_of_service_reason) IN (0, 4))
) WITH (fillfactor = 60);
COMMENT ON TABLE alarms IS 'The alarms and their present state: one row for each limit, each device''s and each connection''s reachability, each system alarm';
COMMENT ON COLUMN alarms.source IS 'What it watches: limit, device (does it answer), connection (does anything behind it answer), system';
COMMENT ON COLUMN alarms.kind IS 'limits.kind; offline for devices and connections; of a system alarm what it is about: collector_silent';
COMMENT ON COLUMN alarms.limit_id IS 'limits.id, also after the limit was removed; no id is used twice';
COMMENT ON COLUMN alarms.device_id IS 'Null for a connection and for the system';
COMMENT ON COLUMN alarms.connection_id IS 'Only of a connection''s alarm';
COMMENT ON COLUMN alarms.subject IS 'System: whose alarm it is of this kind, such as a collector''s name; connection: its endpoint';
COMMENT ON COLUMN alarms.device_name IS 'The device''s name, followed when it changes and kept when it is deleted';
COMMENT ON COLUMN alarms.point_name IS 'The point''s name, followed when it changes and kept when it is deleted';
COMMENT ON COLUMN alarms.limit_key IS 'limits.key';
COMMENT ON COLUMN alarms.priority IS 'Of a limit''s alarm always limits.priority';
COMMENT ON COLUMN alarms.active IS 'Whether the condition is there, delays included';
COMMENT ON COLUMN alarms.acknowledged IS 'Whether somebody took note of the newest occurrence; true when there is nothing to acknowledge';
COMMENT ON COLUMN alarms.latched IS 'Raised by a latched limit and not released yet: acknowledging releases it when the condition is gone';
COMMENT ON COLUMN alarms.state IS 'By ISA-18.2: normal, unacknowledged, acknowledged, returned (gone before anybody acknowledged it), latched_unacknowledged, latched_acknowledged. Shelved, suppressed and out of service come beside it';
COMMENT ON COLUMN alarms.uncertain IS 'The newest reading was bad or missing, so nobody knows whether active is still true; only of alarms whose state is not normal';
COMMENT ON COLUMN alarms.active_since IS 'Time of the reading with which it was raised last, delay included';
COMMENT ON COLUMN alarms.cleared_at IS 'Time of the reading with which it was cleared last; null while it is active';
COMMENT ON COLUMN alarms.value IS 'The value of the newest change of state; deviation: the distance, rate: the change within the period';
COMMENT ON COLUMN alarms.quality IS 'Quality code of the reading of the newest change of state';
COMMENT ON COLUMN alarms.threshold IS 'The limit in force at the newest change of state';
COMMENT ON COLUMN alarms.detail IS 'What is wrong, in words: of a device the last error';
COMMENT ON COLUMN alarms.pending_since IS 'Time of the reading since which a delay runs: the on-delay when it is not active, else the off-delay; null: none runs';
COMMENT ON COLUMN alarms.change_key IS 'Which change of the collector''s was applied last, so that none is applied twice';
COMMENT ON COLUMN alarms.note IS 'The newest note of a person';
COMMENT ON COLUMN alarms.shelved IS 'timed: until shelved_until; once: until it clears, at the longest until then; null: not shelved';
COMMENT ON COLUMN alarms.shelved_until IS 'When it returns by itself; also written when it did not yet: see now() <';
COMMENT ON COLUMN alarms.suppressed_by IS 'The alarm that explains this one (a device that does not answer), by which it is suppressed as long as that one is active';
COMMENT ON COLUMN alarms.out_of_service_until IS 'In maintenance until then';
COMMENT ON COLUMN alarms.changed_at IS 'When the row last changed its state';
COMMENT ON COLUMN alarms.removed_at IS 'Its limit, device or connection is gone; the row stays for the journal';
CREATE INDEX alarms_device_idx ON alarms (device_id);
CREATE INDEX alarms_point_idx ON alarms (point_id);
CREATE UNIQUE INDEX alarms_device_key ON alarms (device_id) WHERE source = 'device';
CREATE UNIQUE INDEX alarms_connection_key ON alarms (connection_id) WHERE source = 'connection';
CREATE UNIQUE INDEX alarms_system_key ON alarms (kind, subject) WHERE source = 'system';
CREATE INDEX alarms_shown_idx ON alarms (active_since, id)
    WHERE removed_at IS NULL AND (state <> 'normal' OR shelved IS NOT NULL OR out_of_service_until IS NOT NULL);
CREATE INDEX alarms_suppressed_idx ON alarms (suppressed_by) WHERE suppressed_by IS NOT NULL;


CREATE TABLE alarm_events (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT alarm_events_pkey PRIMARY KEY,
    time            timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    alarm_id        int NOT NULL CONSTRAINT alarm_events_alarm_fkey REFERENCES alarms,
    device_id       int,
    kind            text NOT NULL,
    priority        text NOT NULL CONSTRAINT alarm_events_priority_known CHECK (priority IN ('critical', 'high', 'medium', 'low')),
    event           text NOT NULL CONSTRAINT alarm_events_event_known CHECK (event IN
                    ('raised', 'cleared', 'uncertain', 'certain', 'acknowledged', 'noted', 'shelved', 'unshelved', 'shelf_ended',
                     'suppressed', 'unsuppressed', 'out_of_service', 'in_service', 'service_due', 'withdrawn')),
    state           text NOT NULL,
    actor           text,
    note            text CONSTRAINT alarm_events_note_length CHECK (char_length(note) <= 2000),
    until           timestamptz,
    value           float8,
    quality         smallint,
    threshold       float8,
    cause_id        int,
    late            boolean NOT NULL DEFAULT false,
    transaction     xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE alarm_events IS 'The journal of the alarms: append-only for the programs';
COMMENT ON COLUMN alarm_events.time IS 'When it happened: the time of the reading, or of what a person did';
COMMENT ON COLUMN alarm_events.recorded_at IS 'When the database learned of it';
COMMENT ON COLUMN alarm_events.kind IS 'alarms.kind';
COMMENT ON COLUMN alarm_events.priority IS 'The priority that the alarm had then';
COMMENT ON COLUMN alarm_events.event IS 'raised, cleared; uncertain, certain again; acknowledged, noted; shelved, unshelved by a person, shelf_ended by itself; suppressed, unsuppressed; out_of_service, in_service by a person, service_due by itself; withdrawn because its source was disabled or removed';
COMMENT ON COLUMN alarm_events.state IS 'alarms.state after it';
COMMENT ON COLUMN alarm_events.actor IS 'Who did it; null: the value did, or time';
COMMENT ON COLUMN alarm_events.note IS 'Why: the person''s reason or note, of the system a sentence';
COMMENT ON COLUMN alarm_events.until IS 'When a shelf or a maintenance will end';
COMMENT ON COLUMN alarm_events.value IS 'The value then; deviation: the distance, rate: the change within the period';
COMMENT ON COLUMN alarm_events.quality IS 'Quality code of the reading';
COMMENT ON COLUMN alarm_events.threshold IS 'The limit in force then';
COMMENT ON COLUMN alarm_events.cause_id IS 'The alarm that suppresses this one';
COMMENT ON COLUMN alarm_events.late IS 'Became known late: the database was away when it happened';
COMMENT ON COLUMN alarm_events.transaction IS 'Who follows the journal and was away goes on at the pg_snapshot_xmin of what it last saw: ids are not given in the order of commits';
CREATE INDEX alarm_events_time_idx ON alarm_events (time, id);
CREATE INDEX alarm_events_alarm_idx ON alarm_events (alarm_id, time, id);
CREATE INDEX alarm_events_device_idx ON alarm_events (device_id, time, id);
CREATE INDEX alarm_events_priority_idx ON alarm_events (priority, time, id);
CREATE INDEX alarm_events_event_idx ON alarm_events (event, time, id);
CREATE INDEX alarm_events_transaction_idx ON alarm_events (transaction);

CREATE FUNCTION tell_alarm_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify(channel('ddms_alarms'), string_agg(part.id::text, ',' ORDER BY part.id))
       FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 350 AS number FROM entered) part GROUP BY part.number ORDER BY part.number;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_alarm_events() IS 'Tells the ids of new entries of the journal, at most 350 a message';
CREATE TRIGGER alarm_events_told AFTER INSERT ON alarm_events REFERENCING NEW TABLE AS entered
    FOR EACH STATEMENT EXECUTE FUNCTION tell_alarm_events();


-- What is disabled or removed is no alarm any more, whoever did it and whether a collector runs or not.
CREATE FUNCTION withdraw_alarms(numbers int[], why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    shown int[];
BEGIN
    PERFORM FROM alarms WHERE id = ANY (numbers) ORDER BY id FOR NO KEY UPDATE;
    shown := ARRAY(SELECT id FROM alarms WHERE id = ANY (numbers)
                      AND (state <> 'normal' OR shelved IS NOT NULL OR out_of_service_until IS NOT NULL) ORDER BY id);
    UPDATE alarms SET active = false, acknowledged = true, latched = false, uncertain = false, pending_since = NULL,
           cleared_at = CASE WHEN active THEN now() ELSE cleared_at END, suppressed_by = NULL,
           shelved = NULL, shelved_at = NULL, shelved_until = NULL, shelved_by = NULL, shelved_reason = NULL, out_of_service_at = NULL,
           out_of_service_until = NULL, out_of_service_by = NULL, out_of_service_reason = NULL, changed_at = now()
     WHERE id = ANY (numbers) AND (id = ANY (shown) OR pending_since IS NOT NULL);
    INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, note, value, quality, threshold)
    SELECT now(), id, device_id, kind, priority, 'withdrawn', state, why, value, quality, threshold FROM alarms WHERE id = ANY (shown) ORDER BY id;
    WITH freed AS (UPDATE alarms SET suppressed_by = NULL, changed_at = now() WHERE suppressed_by = ANY (shown) RETURNING *)
    INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state)
    SELECT now(), id, device_id, kind, priority, 'unsuppressed', state FROM freed ORDER BY id;
END $$;
COMMENT ON FUNCTION withdraw_alarms(int[], text) IS 'Ends alarms whose source is disabled or removed, with their shelves, and writes so into the journal';

CREATE FUNCTION remove_alarms(numbers int[], why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM withdraw_alarms(numbers, why);
    DELETE FROM alarms a WHERE id = ANY (numbers) AND NOT EXISTS (SELECT FROM alarm_events e WHERE e.alarm_id = a.id);
    UPDATE alarms SET removed_at = now() WHERE id = ANY (numbers) AND removed_at IS NULL;
END $$;
COMMENT ON FUNCTION remove_alarms(int[], text) IS 'Ends alarms for ever; those of which the journal knows something stay as removed';

-- These follow the tables that are watched. They are the owner's, so that whoever may change a point need not have rights here.
CREATE FUNCTION follow_limits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO alarms (source, kind, limit_id, point_id, device_id, device_name, point_name, limit_key, priority)
        SELECT 'limit', l.kind, l.id, p.id, d.id, d.name, p.name, l.key, l.priority
          FROM made l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE alarms a SET kind = l.kind, limit_key = l.key, priority = l.priority FROM made l
         WHERE a.limit_id = l.id AND (a.kind, a.limit_key, a.priority) IS DISTINCT FROM (l.kind, l.key, l.priority);
        PERFORM withdraw_alarms(array_agg(a.id), 'the limit was disabled') FROM made l JOIN gone o USING (id) JOIN alarms a ON a.limit_id = l.id
          WHERE o.enabled AND NOT l.enabled HAVING count(*) > 0;
    ELSE
        PERFORM remove_alarms(array_agg(a.id), 'the limit was removed') FROM gone l JOIN alarms a ON a.limit_id = l.id HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER limits_made AFTER INSERT ON limits REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_limits();
CREATE TRIGGER limits_updated AFTER UPDATE ON limits REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_limits();
CREATE TRIGGER limits_gone AFTER DELETE ON limits REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION follow_limits();

CREATE FUNCTION follow_points() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE alarms a SET point_name = p.name FROM made p JOIN gone o USING (id) WHERE o.name <> p.name AND a.point_id = p.id;
    PERFORM withdraw_alarms(array_agg(a.id), 'the point was disabled') FROM made p JOIN gone o USING (id) JOIN alarms a ON a.point_id = p.id
      WHERE o.enabled AND NOT p.enabled HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER points_updated AFTER UPDATE ON points REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_points();

CREATE FUNCTION follow_devices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO alarms (source, kind, device_id, device_name, priority) SELECT 'device', 'offline', d.id, d.name, 'high' FROM made d;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE alarms a SET device_name = d.name FROM made d JOIN gone o USING (id) WHERE o.name <> d.name AND a.device_id = d.id;
        PERFORM withdraw_alarms(array_agg(a.id), 'the device was disabled') FROM made d JOIN gone o USING (id) JOIN alarms a ON a.device_id = d.id
          WHERE o.enabled AND NOT d.enabled AND d.deleted_at IS NULL HAVING count(*) > 0;
        PERFORM remove_alarms(array_agg(a.id), 'the device was deleted') FROM made d JOIN gone o USING (id) JOIN alarms a ON a.device_id = d.id
          WHERE o.deleted_at IS NULL AND d.deleted_at IS NOT NULL HAVING count(*) > 0;
        PERFORM withdraw_alarms(array_agg(a.id), 'no device of the connection is polled any more')
           FROM (SELECT DISTINCT connection_id FROM gone) o JOIN alarms a ON a.connection_id = o.connection_id AND a.active
          WHERE NOT EXISTS (SELECT FROM devices d WHERE d.connection_id = o.connection_id AND d.enabled AND d.deleted_at IS NULL) HAVING count(*) > 0;
    ELSE
        PERFORM remove_alarms(array_agg(a.id), 'the device was deleted') FROM gone d JOIN alarms a ON a.device_id = d.id HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER devices_made_alarms AFTER INSERT ON devices REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_devices();
CREATE TRIGGER devices_updated_alarms AFTER UPDATE ON devices REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_devices();
CREATE TRIGGER devices_gone_alarms AFTER DELETE ON devices REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION follow_devices();

CREATE FUNCTION follow_connections() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO alarms (source, kind, connection_id, subject, priority) SELECT 'connection', 'offline', c.id, c.endpoint, 'critical' FROM made c;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE alarms a SET subject = c.endpoint FROM made c JOIN gone o USING (id)
         WHERE o.endpoint <> c.endpoint AND a.connection_id = c.id AND a.source = 'connection';
    ELSE
        PERFORM remove_alarms(array_agg(a.id), 'the connection was removed') FROM gone c JOIN alarms a ON a.connection_id = c.id AND a.source = 'connection'
         HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER connections_made AFTER INSERT ON connections REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_connections();
CREATE TRIGGER connections_updated AFTER UPDATE ON connections REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION follow_connections();
CREATE TRIGGER connections_gone AFTER DELETE ON connections REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION follow_connections();

INSERT INTO alarms (source, kind, device_id, device_name, priority)
SELECT 'device', 'offline', id, name, 'high' FROM devices WHERE deleted_at IS NULL ORDER BY id;
INSERT INTO alarms (source, kind, connection_id, subject, priority) SELECT 'connection', 'offline', id, endpoint, 'critical' FROM connections ORDER BY id;
REVOKE EXECUTE ON FUNCTION withdraw_alarms(int[], text), remove_alarms(int[], text) FROM PUBLIC;


ALTER TABLE configuration ADD COLUMN shelf_hours int NOT NULL DEFAULT 24 CONSTRAINT configuration_shelf_range CHECK (shelf_hours BETWEEN 1 AND 720);
COMMENT ON COLUMN configuration.shelf_hours IS 'For how long an alarm may be shelved at the longest';


-- What Grafana sees.
CREATE VIEW grafana.limits AS
SELECT l.id AS limit_id, l.point_id, p.device_id, d.name AS device, p.key AS point_key, p.name AS point, p.unit, l.key, l.kind, l.threshold, l.direction,
       l.reference_key, l.period_s, l.bit, l.alarm_values, l.inverted, l.hysteresis, l.on_delay_s, l.off_delay_s, l.priority, l.latched,
       l.enabled AND p.enabled AND d.enabled AS enabled, l.cause, l.consequence, l.action, l.respond_within_s
  FROM limits l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL;
COMMENT ON VIEW grafana.limits IS 'The limits of all points, with what the operator reads';

CREATE VIEW grafana.alarms AS
SELECT a.id AS alarm_id, a.source, a.kind, a.device_id, a.device_name AS device, a.point_id, a.point_name AS point, p.key AS point_key, p.unit,
       coalesce(a.connection_id, d.connection_id) AS connection_id, c.endpoint, a.subject, a.priority,
       CASE a.priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS rank,
       a.state, a.active, a.acknowledged, a.latched, a.uncertain, a.active_since, a.cleared_at, extract(epoch FROM now() - a.active_since) AS age_seconds,
       a.value, a.quality AS quality_code, a.threshold, n.value AS value_now, n.time AS value_time, n.quality AS quality_now, a.detail,
       l.cause, l.consequence, l.action, l.respond_within_s,
       a.acknowledged_at, a.acknowledged_by, a.note,
       hidden.is_shelved, a.shelved, a.shelved_until, a.shelved_by, a.shelved_reason,
       a.suppressed_by IS NOT NULL AS suppressed, a.suppressed_by,
       hidden.is_out AS out_of_service, a.out_of_service_until, a.out_of_service_by, a.out_of_service_reason,
       a.active AND NOT a.acknowledged AND NOT hidden.is_shelved AND NOT hidden.is_out AND a.suppressed_by IS NULL AS calls, a.changed_at
  FROM alarms a
  LEFT JOIN limits l ON l.id = a.limit_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN devices d ON d.id = a.device_id
  LEFT JOIN connections c ON c.id = coalesce(a.connection_id, d.connection_id) LEFT JOIN latest n ON n.point_id = a.point_id
 CROSS JOIN LATERAL (SELECT coalesce(a.shelved_until > now(), false) AS is_shelved, coalesce(a.out_of_service_until > now(), false) AS is_out) hidden
 WHERE a.removed_at IS NULL AND (a.state <> 'normal' OR a.shelved IS NOT NULL OR a.out_of_service_until IS NOT NULL);
COMMENT ON VIEW grafana.alarms IS 'Alarms that are not normal, shelved or out of service, with their values and texts';
COMMENT ON COLUMN grafana.alarms.calls IS 'Whether somebody should be called: active, not acknowledged, not shelved, suppressed or out of service';

CREATE VIEW grafana.alarm_events AS
SELECT e.id AS event_id, e.time, e.recorded_at, e.alarm_id, a.source, e.kind, e.priority, e.event, e.state, e.device_id, a.device_name AS device,
       a.point_id, a.point_name AS point, a.subject, e.actor, e.note, e.until, e.value, e.quality AS quality_code, e.threshold, e.cause_id, e.late
  FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id;
COMMENT ON VIEW grafana.alarm_events IS 'The journal of the alarms';

GRANT SELECT ON grafana.limits, grafana.alarms, grafana.alarm_events TO ddms_grafana, ddms_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON limits, profile_limits, alarms TO ddms_app;
GRANT SELECT, INSERT ON alarm_events TO ddms_app;
REVOKE UPDATE, DELETE ON alarm_events FROM ddms_app;

-- The journal, as the audit log: nobody changes or deletes entries. Put into the newest role_faults(), whichever that is.
DO $$
DECLARE
    definition text := pg_get_functiondef('role_faults()'::regprocedure);
    place CONSTANT text := 'WHEN c.relname = ''audit_log'' THEN ''SELECT,INSERT''';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'role_faults() has no place for alarm_events';
    END IF;
    EXECUTE replace(definition, place, 'WHEN c.relname IN (''audit_log'', ''alarm_events'') THEN ''SELECT,INSERT''');
END $$;
