-- Statements of Grafana's role compete with all others for the cores of the server, and PostgreSQL knows no priority: so
-- it has few sessions, and none that is divided among cores.

ALTER TABLE secrets ADD COLUMN grafana_sessions int NOT NULL DEFAULT 3 CONSTRAINT secrets_grafana_sessions CHECK (grafana_sessions BETWEEN 2 AND 100);
COMMENT ON COLUMN secrets.grafana_sessions IS 'How many sessions ddms_grafana may have: one more than its data source opens. More than the server has cores are felt by everybody';
GRANT SELECT (grafana_sessions) ON secrets TO ddms_app;

-- As in 0017, with both.
CREATE OR REPLACE FUNCTION role_faults() RETURNS TABLE (fault text, remedy text, vital boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    db CONSTANT text := quote_ident(current_database());
    config text[];
    sessions CONSTANT int := (SELECT grafana_sessions FROM public.secrets);
BEGIN
    RETURN QUERY SELECT format('there is no role %s', name), format('CREATE ROLE %I LOGIN', name), true
                   FROM unnest(ARRAY['ddms_app', 'ddms_grafana']) name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);
    IF FOUND THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT format('ddms_grafana has other attributes than LOGIN CONNECTION LIMIT %s', sessions),
           format('ALTER ROLE ddms_grafana LOGIN CONNECTION LIMIT %s', sessions)
           || CASE WHEN rolsuper THEN ' NOSUPERUSER' ELSE '' END || CASE WHEN rolcreatedb THEN ' NOCREATEDB' ELSE '' END
           || CASE WHEN rolcreaterole THEN ' NOCREATEROLE' ELSE '' END || CASE WHEN rolreplication THEN ' NOREPLICATION' ELSE '' END
           || CASE WHEN rolbypassrls THEN ' NOBYPASSRLS' ELSE '' END, true
      FROM pg_roles WHERE rolname = 'ddms_grafana'
       AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR NOT rolcanlogin OR rolconnlimit <> sessions);
    RETURN QUERY
    SELECT format('ddms_grafana is a member of %s', g.rolname), format('REVOKE %I FROM ddms_grafana', g.rolname), true
      FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = 'ddms_grafana'::regrole;
    IF NOT pg_has_role('ddms_app', 'ddms_grafana', 'USAGE') THEN
        RETURN QUERY SELECT 'ddms_app cannot end sessions of ddms_grafana that take too much', 'GRANT ddms_grafana TO ddms_app', true;
    END IF;

    -- Settings: exactly these in this database, and none of its own for all databases.
    config := (SELECT setconfig FROM pg_db_role_setting
                WHERE setrole = 'ddms_grafana'::regrole AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()));
    RETURN QUERY
    SELECT format('ddms_grafana has not %s = %s in this database', w.name, w.value),
           format('ALTER ROLE ddms_grafana IN DATABASE %s SET %I = %L', db, w.name, w.value), w.name <> 'temp_file_limit'
      FROM (VALUES ('search_path', 'grafana'), ('statement_timeout', '15s'), ('idle_in_transaction_session_timeout', '15s'),
                   ('default_transaction_read_only', 'on'), ('max_parallel_workers_per_gather', '0'), ('temp_file_limit', '1GB')) AS w (name, value)
     WHERE w.name || '=' || w.value <> ALL (coalesce(config, '{}'));
    RETURN QUERY
    SELECT format('ddms_grafana has a setting of its own: %s', split_part(own.setting, '=', 1)),
           format('ALTER ROLE ddms_grafana%s RESET %I', own.place, split_part(own.setting, '=', 1)), true
      FROM (SELECT ' IN DATABASE ' || db AS place, unnest(config) AS setting
             UNION ALL SELECT '', unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 'ddms_grafana'::regrole AND setdatabase = 0) own
     WHERE own.place = '' OR split_part(own.setting, '=', 1) NOT IN
           ('search_path', 'statement_timeout', 'idle_in_transaction_session_timeout', 'default_transaction_read_only',
            'max_parallel_workers_per_gather', 'temp_file_limit');
    IF NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = 0 AND 'jit=off' = ANY (setconfig)
                      AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) THEN
        RETURN QUERY SELECT 'the database has not jit = off', format('ALTER DATABASE %s SET jit = off', db), true;
    END IF;

    -- The database, the schemas.
    RETURN QUERY
    SELECT 'every role may connect to this database or make temporary tables in it', format('REVOKE ALL ON DATABASE %s FROM PUBLIC', db), true
      FROM pg_database d WHERE datname = current_database()
       AND (d.datacl IS NULL OR EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = 0));
    RETURN QUERY
    SELECT format('%s may not %s this database', w.who, w.what), format('GRANT %s ON DATABASE %s TO %s', w.what, db, w.who), true
      FROM (VALUES ('ddms_app', 'CONNECT'), ('ddms_app', 'TEMPORARY'), ('ddms_grafana', 'CONNECT')) AS w (who, what)
     WHERE NOT EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a
                        WHERE d.datname = current_database() AND a.grantee = w.who::regrole AND a.privilege_type = w.what);
    RETURN QUERY
    SELECT format('%s may not use the schema %s', w.who, w.place), format('GRANT USAGE ON SCHEMA %s TO %s', w.place, w.who), true
      FROM (VALUES ('ddms_app', 'public'), ('ddms_app', 'grafana'), ('ddms_grafana', 'grafana')) AS w (who, place)
     WHERE NOT has_schema_privilege(w.who, w.place, 'USAGE');
    IF has_schema_privilege('ddms_grafana', 'public', 'USAGE') OR has_schema_privilege('ddms_grafana', 'public', 'CREATE') THEN
        RETURN QUERY SELECT 'ddms_grafana may use the schema public', 'REVOKE ALL ON SCHEMA public FROM PUBLIC, ddms_grafana', true;
    END IF;

    -- Tables, views and functions.
    RETURN QUERY
    WITH wanted AS (
        SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, n.nspname,
               CASE WHEN n.nspname = 'grafana' OR c.relkind = 'v' OR c.relname IN ('alembic_version', 'qualities') THEN 'SELECT'
                    WHEN c.relname = 'audit_log' THEN 'SELECT,INSERT'
                    WHEN c.relname IN ('configuration', 'locks') THEN 'SELECT,UPDATE'
                    WHEN c.relname IN ('secrets', 'migrating') THEN ''
                    ELSE 'SELECT,INSERT,UPDATE,DELETE' END AS rights
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname IN ('public', 'grafana') AND c.relkind IN ('r', 'p', 'v')
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ), compared AS (
        SELECT w.*, bool_or(has_table_privilege('ddms_app', w.oid, r.kind) <> (r.kind = ANY (string_to_array(w.rights, ','))))
                        FILTER (WHERE w.nspname = 'public' OR r.kind = 'SELECT') AS wrong
          FROM wanted w CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (kind) GROUP BY w.oid, w.name, w.nspname, w.rights
    )
    SELECT format('ddms_app has other rights on %s than %s', c.name, coalesce(nullif(c.rights, ''), 'none')),
           format('REVOKE ALL ON %s FROM ddms_app', c.name) || CASE WHEN c.rights <> '' THEN format('; GRANT %s ON %s TO ddms_app', c.rights, c.name) ELSE '' END
           || CASE WHEN c.name = 'public.secrets' THEN '; GRANT SELECT (channel, grafana_sessions) ON public.secrets TO ddms_app' ELSE '' END, true
      FROM compared c WHERE c.wrong OR (c.name = 'public.secrets' AND NOT (has_column_privilege('ddms_app', c.oid, 'channel', 'SELECT')
                                                                 AND has_column_privilege('ddms_app', c.oid, 'grafana_sessions', 'SELECT')))
    UNION ALL
    SELECT format('ddms_grafana may not read %s', c.name), format('GRANT SELECT ON %s TO ddms_grafana', c.name), true
      FROM compared c WHERE c.nspname = 'grafana' AND NOT has_table_privilege('ddms_grafana', c.oid, 'SELECT')
    UNION ALL
    SELECT format('ddms_grafana has rights on %s', c.name), format('REVOKE ALL ON %s FROM ddms_grafana, PUBLIC', c.name), true
      FROM compared c WHERE c.nspname = 'public' AND has_any_column_privilege('ddms_grafana', c.oid, 'SELECT, INSERT, UPDATE');
    RETURN QUERY
    SELECT format('%s may not call %s', who, p.oid::regprocedure), format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, who), true
      FROM pg_proc p CROSS JOIN unnest(ARRAY['ddms_app', 'ddms_grafana']) who
     WHERE p.pronamespace = to_regnamespace('grafana') AND NOT has_function_privilege(who, p.oid, 'EXECUTE');

    -- The second line: server functions that lock, or write where no right is asked for.
    RETURN QUERY
    SELECT 'ddms_grafana may take advisory locks, make large objects and write into the log of changes',
           string_agg(format('REVOKE EXECUTE ON FUNCTION %1$s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %1$s TO ddms_app, %2$I',
                             p.oid::regprocedure, pg_get_userbyid(owner.datdba)), '; ' ORDER BY p.oid), false
      FROM pg_proc p JOIN pg_database owner ON owner.datname = current_database()
     WHERE p.pronamespace = 'pg_catalog'::regnamespace AND has_function_privilege('ddms_grafana', p.oid, 'EXECUTE')
       AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_put', 'lowrite', 'lo_open', 'pg_logical_emit_message'))
    HAVING count(*) > 0;
END $$;

CREATE OR REPLACE FUNCTION guard_grafana(longest interval DEFAULT '20 s') RETURNS TABLE (ended int, removed int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT count(pg_terminate_backend(a.pid)) INTO ended FROM pg_stat_activity a
     WHERE a.usename = 'ddms_grafana' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
       AND (a.xact_start < clock_timestamp() - longest
            OR EXISTS (SELECT FROM pg_stat_activity worker WHERE worker.leader_pid = a.pid)
            OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'));
    SELECT count(lo_unlink(o.oid)) INTO removed FROM (SELECT oid FROM pg_largeobject_metadata WHERE lomowner = 'ddms_grafana'::regrole LIMIT 500) o;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION guard_grafana(interval) IS 'Ends sessions of ddms_grafana that hold advisory locks, have parallel workers, or a transaction for longer than any dashboard''s, removes 500 of its large objects; returns how many';
