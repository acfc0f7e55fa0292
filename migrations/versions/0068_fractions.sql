-- A point may be read ten times a second. A view has the types of what it shows, so those of `interval_s` are made again, and those of these.
DO $$
DECLARE
    views text;
    made_again text[];
    made text;
BEGIN
    WITH RECURSIVE above (oid, depth) AS (
        SELECT 'points'::regclass::oid, 0
        UNION
        SELECT w.ev_class, a.depth + 1
          FROM above a
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid
          JOIN pg_rewrite w ON w.oid = d.objid AND w.ev_class <> a.oid
          LEFT JOIN pg_attribute c ON c.attrelid = d.refobjid AND c.attnum = d.refobjsubid
         WHERE a.depth > 0 OR c.attname = 'interval_s'
    ), shown AS (
        SELECT v.*, v.oid::regclass::text AS name, max(a.depth) AS depth
          FROM above a JOIN pg_class v ON v.oid = a.oid AND v.relkind = 'v' GROUP BY v.oid
    )
    SELECT string_agg(name, ', '),
           array_agg(concat_ws('; ',
               format('CREATE VIEW %s %s AS %s', name, 'WITH (' || array_to_string(reloptions, ', ') || ')', rtrim(pg_get_viewdef(oid), ';')),
               (SELECT string_agg(format('GRANT %s ON %s TO %s', r.privilege_type, name, coalesce(g.oid::regrole::text, 'PUBLIC')), '; ')
                  FROM aclexplode(relacl) r LEFT JOIN pg_roles g ON g.oid = r.grantee),
               (SELECT string_agg(CASE WHEN d.objsubid = 0 THEN format('COMMENT ON VIEW %s IS %L', name, d.description)
                                       ELSE format('COMMENT ON COLUMN %s.%I IS %L', name, c.attname, d.description) END, '; ')
                  FROM pg_description d LEFT JOIN pg_attribute c ON c.attrelid = d.objoid AND c.attnum = d.objsubid AND d.objsubid > 0
                 WHERE d.classoid = 'pg_class'::regclass AND d.objoid = shown.oid),
               format('ALTER VIEW %s OWNER TO %s', name, relowner::regrole)) ORDER BY depth)
      INTO views, made_again FROM shown;
    EXECUTE 'DROP VIEW ' || views;

    ALTER TABLE points ALTER COLUMN interval_s TYPE double precision, DROP CONSTRAINT points_interval_range,
        ADD CONSTRAINT points_interval_range CHECK (interval_s BETWEEN 0.1 AND 86400 AND interval_s = round(interval_s::numeric, 3));
    ALTER TABLE profile_points ALTER COLUMN interval_s TYPE double precision, DROP CONSTRAINT points_interval_range,
        ADD CONSTRAINT points_interval_range CHECK (interval_s BETWEEN 0.1 AND 86400 AND interval_s = round(interval_s::numeric, 3));

    FOREACH made IN ARRAY made_again LOOP
        EXECUTE made;
    END LOOP;
END
$$;
