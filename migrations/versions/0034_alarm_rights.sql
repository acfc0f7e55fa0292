-- Limits and alarms for limited people (docs/rights.md): of a connection that others share they see the alarm, which tells
-- nothing of those others, and change nothing. Alarms of the system are for people without limits.

CREATE FUNCTION person_connection_alarms() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT a.id FROM alarms a WHERE a.source = 'connection' AND a.connection_id IN (SELECT person_connections())
$$;
CREATE FUNCTION person_own_connection_alarms() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT a.id FROM alarms a WHERE a.source = 'connection' AND a.connection_id IN (SELECT person_own_connections())
$$;
COMMENT ON FUNCTION person_connection_alarms() IS 'The alarms of the connections of the devices in sight';
COMMENT ON FUNCTION person_own_connection_alarms() IS 'Those of them that no other device is behind: whoever changes one changes nothing for others';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['limits', 'alarms', 'alarm_events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everything ON %I TO ddms_app USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;
CREATE POLICY in_sight ON limits TO ddms_limited USING (point_id IN (SELECT person_points()));
CREATE POLICY in_sight ON alarms FOR SELECT TO ddms_limited
    USING (device_id IN (SELECT person_devices()) OR id IN (SELECT person_connection_alarms()));
CREATE POLICY own ON alarms FOR UPDATE TO ddms_limited
    USING (device_id IN (SELECT person_devices()) OR id IN (SELECT person_own_connection_alarms()));
CREATE POLICY in_sight ON alarm_events FOR SELECT TO ddms_limited
    USING (device_id IN (SELECT person_devices()) OR alarm_id IN (SELECT person_connection_alarms()));
CREATE POLICY own ON alarm_events FOR INSERT TO ddms_limited
    WITH CHECK ((device_id IN (SELECT person_devices()) OR alarm_id IN (SELECT person_own_connection_alarms()))
        AND EXISTS (SELECT FROM alarms a WHERE a.id = alarm_id AND a.device_id IS NOT DISTINCT FROM alarm_events.device_id));

-- Put into the newest limited_rights(), whichever that is.
DO $$
DECLARE
    wrong record;
    change record;
    definition text := pg_get_functiondef('limited_rights()'::regprocedure);
BEGIN
    FOR change IN SELECT * FROM (VALUES
        ('''{devices,points,device_groups', '''{devices,points,device_groups,limits'), ('''{connections', '''{connections,alarms'),
        ('''{erasures', '''{erasures,alarm_events'), (',profile_points,', ',profile_points,profile_limits,')) AS c (place, becomes)
    LOOP
        IF position(change.place IN definition) = 0 THEN
            RAISE 'limited_rights() has no place for %', change.becomes;
        END IF;
        definition := replace(definition, change.place, change.becomes);
    END LOOP;
    EXECUTE definition;
    FOR wrong IN SELECT remedy FROM limited_faults() LOOP
        BEGIN
            EXECUTE wrong.remedy;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- role_faults() still tells it
        END;
    END LOOP;
END $$;

-- What limited people see in Grafana. Put into the newest limit_views(), whichever that is.
CREATE FUNCTION shown_connection_alarms() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT a.id FROM alarms a JOIN devices d ON d.connection_id = a.connection_id JOIN shown_devices() s ON s = d.id WHERE a.source = 'connection'
$$;
COMMENT ON FUNCTION shown_connection_alarms() IS 'The alarms of the connections of the devices that the person is shown';
DO $$
DECLARE
    definition text := pg_get_functiondef('limit_views()'::regprocedure);
    place CONSTANT text := 'WHEN ''device_id'' = ANY (a.names)';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'limit_views() has no place for alarms';
    END IF;
    EXECUTE replace(definition, place, 'WHEN c.relname IN (''alarms'', ''alarm_events'')
                    THEN ''(SELECT false) OR device_id IN (SELECT shown_devices()) OR alarm_id IN (SELECT shown_connection_alarms())''
                    ' || place);
    PERFORM limit_views();
END $$;

-- What one person did, the newest first, however long the journal is: such entries are few. Row security lets no index be
-- searched by a function that might tell of what it was given, such as lower(): so its result is a column.
ALTER TABLE alarm_events ADD COLUMN actor_key text GENERATED ALWAYS AS (lower(actor)) STORED;
COMMENT ON COLUMN alarm_events.actor_key IS 'actor in lower case, to be found by';
CREATE INDEX alarm_events_actor_idx ON alarm_events (actor_key, time, id) WHERE actor_key IS NOT NULL;
