-- Rights that reach to groups of devices (docs/decisions/0018). What a limited person asks runs as the role ddms_limited, and
-- the setting ddms.person names the person. So the database itself shows and changes nothing else, whatever is asked.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ddms_limited') THEN
        CREATE ROLE ddms_limited NOLOGIN ROLE ddms_app;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of the server made it at this moment
END $$;
DO $$
BEGIN
    IF NOT pg_has_role('ddms_app', 'ddms_limited', 'MEMBER') THEN
        GRANT ddms_limited TO ddms_app;
    END IF;
    IF NOT pg_has_role(current_user, 'ddms_limited', 'MEMBER') THEN
        EXECUTE format('GRANT ddms_limited TO %I', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege OR unique_violation OR internal_error THEN
    NULL;  -- another database of the server grants it at this moment; else role_faults() tells what is missing
END $$;
GRANT USAGE ON SCHEMA public, grafana TO ddms_limited;


-- Who asks, and what is in sight. Functions of the owner: they are what the policies stand on, so none applies to them.

CREATE FUNCTION person() RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('ddms.person', true), '')::int $$;
COMMENT ON FUNCTION person() IS 'The limited person for whom this session works now; null: for nobody in particular';

CREATE FUNCTION made_now(kind text) RETURNS int[]
LANGUAGE sql STABLE AS $$ SELECT string_to_array(nullif(current_setting('ddms.made_' || kind, true), ''), ',')::int[] $$;
COMMENT ON FUNCTION made_now(text) IS 'What this transaction of a limited person has made and may see before it is in a group';

CREATE FUNCTION person_groups() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT group_id FROM user_groups WHERE user_id = person()
$$;
CREATE FUNCTION person_devices() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT m.device_id FROM user_groups u JOIN device_groups m USING (group_id) WHERE u.user_id = person()
     UNION SELECT unnest(made_now('devices'))
$$;
CREATE FUNCTION person_points() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000 SET search_path = public, pg_temp AS $$
    SELECT p.id FROM points p JOIN person_devices() d ON d = p.device_id
$$;
CREATE FUNCTION person_connections() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT d.connection_id FROM devices d JOIN person_devices() mine ON mine = d.id UNION SELECT unnest(made_now('connections'))
$$;
CREATE FUNCTION person_own_connections() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT c FROM person_connections() c
     WHERE NOT EXISTS (SELECT FROM devices d WHERE d.connection_id = c AND d.deleted_at IS NULL AND d.id NOT IN (SELECT person_devices()))
$$;
COMMENT ON FUNCTION person_groups() IS 'The groups of the person';
COMMENT ON FUNCTION person_devices() IS 'The devices in sight: those of the person''s groups';
COMMENT ON FUNCTION person_points() IS 'The points of the devices in sight';
COMMENT ON FUNCTION person_connections() IS 'The connections of the devices in sight';
COMMENT ON FUNCTION person_own_connections() IS 'Those of them that no other device uses: whoever changes one changes nothing for others';

CREATE FUNCTION is_foreign(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM connections c JOIN devices d ON d.connection_id = c.id
                    WHERE split_part(c.endpoint, '//', 2) = split_part(wanted, '//', 2) AND d.deleted_at IS NULL AND d.id NOT IN (SELECT person_devices()))
$$;
COMMENT ON FUNCTION is_foreign(text) IS 'Whether devices out of sight are at an address, whatever the protocol: then a limited person asks nothing there';

CREATE FUNCTION use_endpoint(wanted text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number int;
BEGIN
    IF is_foreign(wanted) THEN
        RETURN NULL;
    END IF;
    INSERT INTO connections (endpoint) SELECT wanted WHERE NOT EXISTS (SELECT FROM connections WHERE endpoint = wanted) ON CONFLICT (endpoint) DO NOTHING;
    SELECT id INTO STRICT number FROM connections WHERE endpoint = wanted;
    PERFORM set_config('ddms.made_connections', array_to_string(made_now('connections') || number, ','), true);
    RETURN number;
END $$;
COMMENT ON FUNCTION use_endpoint(text) IS 'Makes the connection to an endpoint, or finds it, for a limited person; null when devices out of sight are there';


-- A device that a limited person makes is in sight from then on; when the transaction ends, it is in one of the person's groups.
CREATE FUNCTION note_made() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('ddms.made_devices', array_to_string(made_now('devices') || NEW.id, ','), true);
    RETURN NEW;
END $$;
CREATE TRIGGER devices_made BEFORE INSERT ON devices FOR EACH ROW WHEN (person() IS NOT NULL) EXECUTE FUNCTION note_made();

CREATE FUNCTION check_in_sight() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    device int := CASE TG_TABLE_NAME WHEN 'devices' THEN to_jsonb(NEW) ->> 'id' ELSE to_jsonb(OLD) ->> 'device_id' END;
BEGIN
    IF EXISTS (SELECT FROM devices WHERE id = device)
       AND NOT EXISTS (SELECT FROM user_groups u JOIN device_groups m USING (group_id) WHERE u.user_id = person() AND m.device_id = device) THEN
        RAISE EXCEPTION 'device % would be in none of the groups of person %', device, person() USING ERRCODE = '42501', CONSTRAINT = 'devices_in_sight';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER devices_in_sight AFTER INSERT ON devices DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (person() IS NOT NULL) EXECUTE FUNCTION check_in_sight();
CREATE CONSTRAINT TRIGGER device_groups_in_sight AFTER DELETE ON device_groups DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (person() IS NOT NULL) EXECUTE FUNCTION check_in_sight();

-- Who watches live hears when its sight changes.
CREATE TRIGGER device_groups_changed AFTER INSERT OR UPDATE OR DELETE ON device_groups
    FOR EACH STATEMENT EXECUTE FUNCTION notify_statement('ddms_sights');


-- Whose request it was: a limited person sees no others.
ALTER TABLE erasures ADD COLUMN user_id int DEFAULT person() CONSTRAINT erasures_user_fkey REFERENCES users ON DELETE SET NULL;
ALTER TABLE field_requests ADD COLUMN user_id int DEFAULT person() CONSTRAINT field_requests_user_fkey REFERENCES users ON DELETE SET NULL;
COMMENT ON COLUMN erasures.user_id IS 'The limited person who asked for it; null for others';
COMMENT ON COLUMN field_requests.user_id IS 'The limited person who asked for it; null for others';


-- The policies. That of the programs is constant, so that the plans of everybody else stay as they are.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['devices', 'points', 'device_groups', 'groups', 'connections', 'erasures', 'field_requests'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY everything ON %I TO ddms_app USING (true) WITH CHECK (true)', name);
    END LOOP;
END $$;
CREATE POLICY in_sight ON devices TO ddms_limited USING (id IN (SELECT person_devices()));
CREATE POLICY in_sight ON points TO ddms_limited USING (device_id IN (SELECT person_devices()));
CREATE POLICY in_sight ON device_groups TO ddms_limited USING (group_id IN (SELECT person_groups()))
    WITH CHECK (group_id IN (SELECT person_groups()) AND device_id IN (SELECT person_devices()));
CREATE POLICY in_sight ON groups FOR SELECT TO ddms_limited USING (id IN (SELECT person_groups()));
CREATE POLICY in_sight ON connections FOR SELECT TO ddms_limited USING (id IN (SELECT person_connections()));
CREATE POLICY own ON connections FOR UPDATE TO ddms_limited USING (id IN (SELECT person_own_connections()));
CREATE POLICY own ON erasures TO ddms_limited USING (user_id = person());
CREATE POLICY own ON field_requests TO ddms_limited USING (user_id = person());


-- History is in hypertables, which know no row security, and the newest readings are written too often for one more check. In
-- the search path of ddms_limited views come first that bear their names; on the tables themselves it has no right. "(SELECT
-- false) OR" keeps the planner from a join: what is in sight is looked up once a statement, then each row in a hash.
CREATE SCHEMA limited;
COMMENT ON SCHEMA limited IS 'What limited people see of tables without row security, under the same names';
GRANT USAGE ON SCHEMA limited TO ddms_limited;
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['readings', 'texts', 'rollup_1m', 'rollup_1h', 'rollup_1d', 'latest'] LOOP
        EXECUTE format('CREATE VIEW limited.%1$I AS SELECT * FROM public.%1$I WHERE (SELECT false) OR point_id IN (SELECT person_points())', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['device_states', 'retention_state'] LOOP
        EXECUTE format('CREATE VIEW limited.%1$I AS SELECT * FROM public.%1$I WHERE (SELECT false) OR device_id IN (SELECT person_devices())', name);
    END LOOP;
END $$;
CREATE VIEW limited.leases AS SELECT * FROM public.leases WHERE (SELECT false) OR connection_id IN (SELECT person_connections());
CREATE VIEW limited.retention_runs AS SELECT * FROM public.retention_runs WHERE false;
CREATE VIEW limited.sign_in_locks AS SELECT * FROM public.sign_in_locks WHERE false;
CREATE VIEW limited.point_holds WITH (security_invoker = true) AS SELECT * FROM public.point_holds WHERE (SELECT false) OR point_id IN (SELECT person_points());


-- What ddms_limited may do, all of it: a table that is not here is out of its reach, also one that comes later.
CREATE FUNCTION limited_rights() RETURNS TABLE (place text, rights text, columns text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(t.schema, 'public') || '.' || name, t.rights, t.columns
      FROM (VALUES
        -- with row security
        (NULL, '{devices,points,device_groups}', 'SELECT,INSERT,UPDATE,DELETE', NULL), (NULL, '{connections}', 'SELECT,UPDATE', NULL),
        (NULL, '{groups}', 'SELECT', NULL), (NULL, '{erasures}', 'SELECT,INSERT', NULL), (NULL, '{field_requests}', 'SELECT,INSERT,UPDATE', NULL),
        -- of no device
        (NULL, '{alembic_version,qualities,configuration,profile_points,collectors,flushes,rollup_levels,retention_notice}', 'SELECT', NULL),
        (NULL, '{profiles}', 'SELECT', 'UPDATE (id)'),  -- to lock the profile that a device follows; an id never changes
        (NULL, '{locks,idempotency_keys}', 'SELECT,UPDATE', NULL), (NULL, '{audit_log}', 'INSERT', NULL), (NULL, '{secrets}', '', 'SELECT (channel)'),
        -- views
        (NULL, '{point_holds}', 'SELECT', NULL), ('grafana', '{polling}', 'SELECT', NULL), ('limited', '{latest}', 'SELECT,DELETE', NULL),
        ('limited', '{readings,texts,rollup_1m,rollup_1h,rollup_1d,device_states,retention_state,leases,retention_runs,sign_in_locks,point_holds}', 'SELECT', NULL)
      ) AS t (schema, names, rights, columns) CROSS JOIN unnest(t.names::text[]) AS name
$$;
COMMENT ON FUNCTION limited_rights() IS 'The rights of the role ddms_limited, on whole tables and on columns';

CREATE FUNCTION limited_faults() RETURNS TABLE (fault text, remedy text, vital boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF to_regrole('ddms_limited') IS NULL THEN
        RETURN QUERY SELECT 'there is no role ddms_limited', 'CREATE ROLE ddms_limited NOLOGIN ROLE ddms_app', true;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT 'ddms_limited has other attributes than NOLOGIN', 'ALTER ROLE ddms_limited NOLOGIN' || CASE WHEN rolsuper THEN ' NOSUPERUSER' ELSE '' END
           || CASE WHEN rolbypassrls THEN ' NOBYPASSRLS' ELSE '' END || CASE WHEN rolcreaterole THEN ' NOCREATEROLE' ELSE '' END, true
      FROM pg_roles WHERE rolname = 'ddms_limited' AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole);
    RETURN QUERY
    SELECT format('ddms_limited is a member of %s', g.rolname), format('REVOKE %I FROM ddms_limited', g.rolname), true
      FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = to_regrole('ddms_limited');
    IF NOT pg_has_role('ddms_app', 'ddms_limited', 'MEMBER') THEN
        RETURN QUERY SELECT 'ddms_app cannot work for limited people', 'GRANT ddms_limited TO ddms_app', true;
    END IF;
    RETURN QUERY
    SELECT format('ddms_limited may not use the schema %s', place), format('GRANT USAGE ON SCHEMA %s TO ddms_limited', place), true
      FROM unnest(ARRAY['public', 'grafana', 'limited']) place WHERE NOT has_schema_privilege('ddms_limited', place, 'USAGE');
    IF NOT has_function_privilege('ddms_limited', 'pg_notify(text, text)', 'EXECUTE') THEN  -- taken from PUBLIC, since Grafana's roles may not
        RETURN QUERY SELECT 'ddms_limited may not tell what it changes', 'GRANT EXECUTE ON FUNCTION pg_notify(text, text) TO ddms_limited', true;
    END IF;
    RETURN QUERY
    SELECT format('%s has no row security', c.relname), format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', c.relname), true
      FROM pg_class c WHERE NOT c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'everything');
    RETURN QUERY
    WITH compared AS (
        SELECT format('%I.%I', n.nspname, c.relname) AS name, coalesce(w.rights, '') AS rights, w.columns,
               bool_or(has_table_privilege('ddms_limited', c.oid, r.kind) <> (r.kind = ANY (string_to_array(coalesce(w.rights, ''), ','))))
               OR (w.columns IS NOT NULL AND NOT has_any_column_privilege('ddms_limited', c.oid, split_part(w.columns, ' ', 1))) AS wrong
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          LEFT JOIN public.limited_rights() w ON w.place = format('%s.%s', n.nspname, c.relname)
         CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (kind)
         WHERE n.nspname IN ('public', 'grafana', 'limited') AND c.relkind IN ('r', 'p', 'v')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
         GROUP BY 1, w.rights, w.columns, c.oid
    )
    SELECT format('ddms_limited has other rights on %s than %s', c.name, coalesce(nullif(c.rights, ''), 'none')),
           format('REVOKE ALL ON %s FROM ddms_limited', c.name) || CASE WHEN c.rights <> '' THEN format('; GRANT %s ON %s TO ddms_limited', c.rights, c.name) ELSE '' END
           || CASE WHEN c.columns IS NOT NULL THEN format('; GRANT %s ON %s TO ddms_limited', c.columns, c.name) ELSE '' END, true
      FROM compared c WHERE c.wrong;
END $$;
COMMENT ON FUNCTION limited_faults() IS 'What is not as it must be of the role ddms_limited, and the SQL that mends it; part of role_faults()';

DO $$
DECLARE
    wrong record;
    definition text := pg_get_functiondef('role_faults()'::regprocedure);
    place CONSTANT text := E'        RETURN;\n    END IF;\n';
BEGIN
    FOR wrong IN SELECT remedy FROM limited_faults() LOOP
        BEGIN
            EXECUTE wrong.remedy;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- role_faults() still tells it
        END;
    END LOOP;
    IF position(place IN definition) = 0 THEN
        RAISE 'role_faults() has no place for limited_faults()';
    END IF;
    EXECUTE overlay(definition PLACING place || E'    RETURN QUERY SELECT * FROM public.limited_faults();\n' FROM position(place IN definition) FOR length(place));
END $$;
