-- What people know of a time: "filter changed". Of a point, a device, a group, or the whole site. Of a point device_id stands
-- there too, so that rights and lists of a device need no look at the points.
CREATE TABLE annotations (
    id          int GENERATED ALWAYS AS IDENTITY CONSTRAINT annotations_pkey PRIMARY KEY,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    text        text NOT NULL CONSTRAINT annotations_text_length CHECK (char_length(text) BETWEEN 1 AND 2000),
    device_id   int CONSTRAINT annotations_device_fkey REFERENCES devices ON DELETE CASCADE,
    point_id    int CONSTRAINT annotations_point_fkey REFERENCES points ON DELETE CASCADE,
    group_id    int CONSTRAINT annotations_group_fkey REFERENCES groups ON DELETE CASCADE,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_by  text,
    updated_at  timestamptz,
    version     int NOT NULL DEFAULT 1,
    CONSTRAINT annotations_of_one CHECK (num_nonnulls(device_id, group_id) < 2 AND (point_id IS NULL OR device_id IS NOT NULL)),
    CONSTRAINT annotations_ends_later CHECK (ends_at > starts_at)
);
CREATE INDEX annotations_time_idx ON annotations (starts_at, id);
CREATE INDEX annotations_device_idx ON annotations (device_id, starts_at);
CREATE INDEX annotations_point_idx ON annotations (point_id) WHERE point_id IS NOT NULL;
CREATE INDEX annotations_group_idx ON annotations (group_id) WHERE group_id IS NOT NULL;
COMMENT ON TABLE annotations IS 'What people know of a time: of a point, a device, a group or (none of them) the whole site';
COMMENT ON COLUMN annotations.ends_at IS 'Null: a moment';
GRANT SELECT, INSERT, UPDATE, DELETE ON annotations TO ddms_app;

-- Limited people see and change what is of their devices and groups, and see what is of the whole site.
ALTER TABLE annotations ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON annotations TO ddms_app USING (true) WITH CHECK (true);
CREATE POLICY own ON annotations TO ddms_limited
    USING (device_id IN (SELECT person_devices()) OR group_id IN (SELECT person_groups()));
CREATE POLICY of_site ON annotations FOR SELECT TO ddms_limited USING (device_id IS NULL AND group_id IS NULL);

-- Put into the newest limited_rights(), whichever that is, and into the view of changes.
DO $$
DECLARE
    wrong record;
    rights text := pg_get_functiondef('limited_rights()'::regprocedure);
    changes text := pg_get_viewdef('grafana.changes'::regclass);
    place CONSTANT text := '''{devices,points,device_groups';
    noun CONSTANT text := '''connection''::text,';
BEGIN
    IF position(place IN rights) = 0 OR position(noun IN changes) = 0 THEN
        RAISE 'limited_rights() or the view changes have no place for annotations';
    END IF;
    EXECUTE replace(rights, place, place || ',annotations');
    EXECUTE 'CREATE OR REPLACE VIEW grafana.changes AS ' || replace(changes, noun, '''annotation''::text, ' || noun);
    FOR wrong IN SELECT remedy FROM limited_faults() LOOP
        BEGIN
            EXECUTE wrong.remedy;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- role_faults() still tells it
        END;
    END LOOP;
END $$;

CREATE FUNCTION grafana.annotations(point_ids int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 200)
RETURNS TABLE (annotation_id int, "time" timestamptz, time_end timestamptz, text text, author text, device_id int, device text,
               point_id int, point text, group_id int, group_name text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = public, pg_temp AS $$
    WITH mine AS MATERIALIZED (SELECT DISTINCT p.device_id FROM points p WHERE p.id = ANY (point_ids)),
    newest AS (
        SELECT a.* FROM annotations a
         WHERE a.starts_at < to_time AND coalesce(a.ends_at, a.starts_at) >= from_time
           AND (a.point_id = ANY (point_ids) OR (a.point_id IS NULL AND a.device_id IN (SELECT m.device_id FROM mine m))
                OR a.group_id IN (SELECT m.group_id FROM device_groups m JOIN mine USING (device_id))
                OR (a.device_id IS NULL AND a.group_id IS NULL))
         ORDER BY a.starts_at DESC LIMIT most
    )
    SELECT a.id, a.starts_at, a.ends_at, a.text, a.created_by, a.device_id, d.name, a.point_id, p.name, a.group_id, g.name
      FROM newest a LEFT JOIN devices d ON d.id = a.device_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN groups g ON g.id = a.group_id
     ORDER BY a.starts_at
$$;
COMMENT ON FUNCTION grafana.annotations(int[], timestamptz, timestamptz, int) IS
    'What people know of some points in a time: of themselves, their devices, their groups, the whole site; of more than most the newest';
CREATE FUNCTION limited_grafana.annotations(point_ids int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 200)
RETURNS TABLE (annotation_id int, "time" timestamptz, time_end timestamptz, text text, author text, device_id int, device text,
               point_id int, point text, group_id int, group_name text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.annotations(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, most) a
     WHERE shown_person() IS NOT NULL AND (a.group_id IS NULL OR a.group_id IN (SELECT shown_groups()))
$$;
COMMENT ON FUNCTION limited_grafana.annotations(int[], timestamptz, timestamptz, int) IS 'As grafana.annotations, of the points in sight';
REVOKE EXECUTE ON FUNCTION grafana.annotations(int[], timestamptz, timestamptz, int), limited_grafana.annotations(int[], timestamptz, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.annotations(int[], timestamptz, timestamptz, int) TO ddms_grafana, ddms_app;
GRANT EXECUTE ON FUNCTION limited_grafana.annotations(int[], timestamptz, timestamptz, int) TO ddms_grafana_limited;
SELECT limit_views();
