-- NOTIFY needs no right, and who sends messages waits at commit for all others who do: so flushes waited for Grafana's role,
-- which sent a million with one statement. What makes many of one statement is taken from it, and who sends any is ended.

CREATE FUNCTION message_faults() RETURNS TABLE (fault text, remedy text, vital boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    programs CONSTANT text := (SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) FROM pg_roles
                                WHERE rolname IN ('ddms_app', 'ddms_limited')
                                   OR oid = (SELECT datdba FROM pg_database WHERE datname = current_database()));
BEGIN
    RETURN QUERY
    SELECT format('ddms_grafana may %s', w.what), format('REVOKE %1$s FROM PUBLIC; GRANT %1$s TO %2$s', w.privilege, programs), false
      FROM (VALUES ('send many messages with one statement', 'EXECUTE ON FUNCTION pg_notify(text, text)',
                    has_function_privilege('ddms_grafana', 'pg_notify(text, text)', 'EXECUTE')),
                   ('run loops (DO)', 'USAGE ON LANGUAGE plpgsql', has_language_privilege('ddms_grafana', 'plpgsql', 'USAGE')))
           AS w (what, privilege, may)
     WHERE w.may;
END $$;
COMMENT ON FUNCTION message_faults() IS 'What lets ddms_grafana send many messages with one statement, and the SQL that takes it away; part of role_faults()';

-- Other migrations change these functions as well, so only parts of them are replaced.
DO $$
DECLARE
    part record;
    definition text;
BEGIN
    FOR part IN SELECT * FROM (VALUES
        ('role_faults()'::regprocedure, E'        RETURN;\n    END IF;\n',
         E'        RETURN;\n    END IF;\n    RETURN QUERY SELECT * FROM public.message_faults();\n'),
        ('guard_grafana(interval)', 'l.locktype = ''advisory''',
         '(l.locktype = ''advisory'' OR (l.classid = ''pg_database''::regclass AND l.objid = 0))'),  -- what who sends waits for
        ('guard_grafana(interval)', 'OR EXISTS (SELECT FROM pg_stat_activity worker',
         E'OR a.query ~* ''(^|;)\\s*(notify|listen)\\M''\n            OR EXISTS (SELECT FROM pg_stat_activity worker')) AS p (what, before, after)
    LOOP
        definition := pg_get_functiondef(part.what);
        IF position(part.before IN definition) = 0 THEN
            RAISE '% has no part that reads %', part.what, part.before;
        END IF;
        EXECUTE replace(definition, part.before, part.after);
    END LOOP;
END $$;
COMMENT ON FUNCTION guard_grafana(interval) IS 'Ends sessions of ddms_grafana that hold advisory locks, send or await messages, have parallel workers, or a transaction for longer than any dashboard''s, removes 500 of its large objects; returns how many';
