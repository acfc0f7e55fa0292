-- Grafana for limited people (docs/decisions/0018). Whoever may look at dashboards may send any SQL through Grafana, and all
-- people share its sessions. So limited people have a role and a data source of their own, which shows nothing by itself: the
-- API puts /*ddms:person 17*/ at the very beginning of each text that it lets through, and the views show what is in that
-- person's sight. Before that beginning nobody can write anything. For everybody else nothing changes.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ddms_grafana_limited') THEN
        CREATE ROLE ddms_grafana_limited LOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
CREATE SCHEMA limited_grafana;
COMMENT ON SCHEMA limited_grafana IS 'What limited people see of the schema grafana, under the same names';

CREATE FUNCTION shown_person() RETURNS int
LANGUAGE sql STABLE AS $$ SELECT substring(current_query() FROM '^/\*ddms:person ([0-9]{1,9})\*/')::int $$;
COMMENT ON FUNCTION shown_person() IS 'The limited person for whom the API let this text through; null for a text that came another way';
CREATE FUNCTION shown_groups() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = public, pg_temp AS $$
    SELECT g.group_id FROM user_groups g JOIN users u ON u.id = g.user_id WHERE u.id = shown_person() AND u.limited AND u.enabled
$$;
CREATE FUNCTION shown_devices() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = public, pg_temp AS $$
    SELECT DISTINCT m.device_id FROM device_groups m JOIN shown_groups() g ON g = m.group_id
$$;
CREATE FUNCTION shown_points() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000 SET search_path = public, pg_temp AS $$
    SELECT p.id FROM points p JOIN shown_devices() d ON d = p.device_id
$$;

-- Each view of the schema grafana has one here, by what its rows are of; of one that is of nothing known, nothing is shown.
-- Called by each `ddms migrate`, so that no view is forgotten. security_barrier: an expression of the person, which could
-- tell a value by its error, sees only what is shown.
CREATE FUNCTION limit_views() RETURNS void
LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
    shown record;
BEGIN
    FOR shown IN
        SELECT c.relname AS name, a.nothing,
               CASE WHEN c.relname = 'erasures' THEN 'erasure_id IN (SELECT id FROM public.erasures WHERE user_id = shown_person())'
                    WHEN c.relname IN ('qualities', 'collectors') THEN 'shown_person() IS NOT NULL'
                    WHEN 'device_id' = ANY (a.names) THEN '(SELECT false) OR device_id IN (SELECT shown_devices())'
                    WHEN 'point_id' = ANY (a.names) THEN '(SELECT false) OR point_id IN (SELECT shown_points())'
                    WHEN 'group_id' = ANY (a.names) THEN '(SELECT false) OR group_id IN (SELECT shown_groups())'
                    END AS condition
          FROM pg_class c CROSS JOIN LATERAL (
               SELECT array_agg(attname::text) AS names, string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', ' ORDER BY attnum) AS nothing
                 FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0) a
         WHERE c.relnamespace = 'grafana'::regnamespace AND c.relkind = 'v' ORDER BY c.oid
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW limited_grafana.%I WITH (security_barrier = true) AS SELECT ', shown.name)
             || coalesce(format('* FROM grafana.%I WHERE ', shown.name) || shown.condition, shown.nothing || ' WHERE false');
    END LOOP;
END $$;
COMMENT ON FUNCTION limit_views() IS 'Makes the views of the schema limited_grafana after those of the schema grafana';
REVOKE EXECUTE ON FUNCTION limit_views() FROM PUBLIC;
SELECT limit_views();

CREATE FUNCTION limited_grafana.trend(
    point_ids int[], from_time timestamptz, to_time timestamptz, max_points int,
    step interval DEFAULT NULL, time_zone text DEFAULT 'UTC', origin timestamptz DEFAULT NULL, time_weighted boolean DEFAULT false)
RETURNS TABLE (point_id int, "time" timestamptz, value float8, lowest float8, highest float8, quality_code smallint, level text, bucket interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.trend(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, max_points, step, time_zone, origin, time_weighted)
$$;
COMMENT ON FUNCTION limited_grafana.trend(int[], timestamptz, timestamptz, int, interval, text, timestamptz, boolean) IS 'As grafana.trend, of the points in sight';
REVOKE EXECUTE ON FUNCTION limited_grafana.trend(int[], timestamptz, timestamptz, int, interval, text, timestamptz, boolean) FROM PUBLIC;


-- What must hold of ddms_grafana must hold of this role: the same checks under its names, and both are guarded.
DO $$
DECLARE
    faults CONSTANT text := pg_get_functiondef('role_faults()'::regprocedure);
    theirs text := faults;
    place CONSTANT text := E'    RETURN QUERY SELECT * FROM public.limited_faults();\n';
    guard text := pg_get_functiondef('guard_grafana(interval)'::regprocedure);
BEGIN
    theirs := replace(theirs, place, '');
    theirs := replace(theirs, 'FUNCTION public.role_faults', 'FUNCTION public.limited_grafana_faults');
    theirs := replace(theirs, 'ddms_grafana', 'ddms_grafana_limited');
    theirs := replace(theirs, '''grafana''', '''limited_grafana''');
    EXECUTE theirs;
    EXECUTE replace(faults, place, place || E'    RETURN QUERY SELECT f.fault, f.remedy, f.vital FROM public.limited_grafana_faults() f WHERE f.fault ~ ''ddms_grafana_limited|limited_grafana'';\n');
    guard := replace(guard, 'usename = ''ddms_grafana''', 'usename IN (''ddms_grafana'', ''ddms_grafana_limited'')');
    EXECUTE replace(guard, 'lomowner = ''ddms_grafana''::regrole', 'lomowner IN (''ddms_grafana''::regrole, ''ddms_grafana_limited''::regrole)');
END $$;
COMMENT ON FUNCTION limited_grafana_faults() IS 'What is not as it must be of the role ddms_grafana_limited; part of role_faults()';

CREATE OR REPLACE FUNCTION restore_roles() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $$
DECLARE
    wrong record;
    known CONSTANT text := (SELECT grafana_password FROM public.secrets);
    kept text;
    name text;
    done int := 0;
BEGIN
    FOR wrong IN SELECT f.remedy FROM public.role_faults() f LOOP
        BEGIN
            EXECUTE wrong.remedy;
            done := done + 1;
        EXCEPTION WHEN OTHERS THEN
            NULL;  -- role_faults() still tells it
        END;
    END LOOP;
    FOREACH name IN ARRAY ARRAY['ddms_grafana', 'ddms_grafana_limited'] LOOP
        BEGIN
            kept := known;
            IF has_table_privilege('pg_authid', 'SELECT') THEN  -- a superuser sees whether it is still the same
                kept := (SELECT nullif(known, rolpassword) FROM pg_authid WHERE rolname = name);
            END IF;
            IF kept IS NOT NULL THEN
                EXECUTE format('ALTER ROLE %I PASSWORD %L', name, kept);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN done;
END $$;
