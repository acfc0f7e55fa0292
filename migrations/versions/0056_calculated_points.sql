DO $$
DECLARE
    place text;
BEGIN
    FOREACH place IN ARRAY '{points,profile_points}'::text[] LOOP
        EXECUTE format($sql$
            ALTER TABLE %I ADD COLUMN expression text NOT NULL DEFAULT '', ADD COLUMN scale_by text NOT NULL DEFAULT '',
                DROP CONSTRAINT points_register_table_known,
                ADD CONSTRAINT points_register_table_known CHECK (register_table IN ('coil', 'discrete_input', 'input', 'holding', 'calculated')),
                ADD CONSTRAINT points_expression_of_calculated CHECK ((expression <> '') = (register_table = 'calculated')),
                ADD CONSTRAINT points_expressions_length CHECK (char_length(expression) <= 4000 AND char_length(scale_by) <= 4000),
                ADD CONSTRAINT points_scale_by_of_number CHECK (scale_by = '' OR (expression = '' AND data_type NOT LIKE 'string%%'))
        $sql$, place);
        EXECUTE format('COMMENT ON COLUMN %I.expression IS %L', place, 'Of a calculated point: over which points it is computed; else empty');
        EXECUTE format('COMMENT ON COLUMN %I.scale_by IS %L', place, 'By what of the same device the value is multiplied, an expression; empty: by nothing');
    END LOOP;
END $$;

CREATE TABLE point_inputs (
    point_id    int NOT NULL CONSTRAINT point_inputs_point_fkey REFERENCES points ON DELETE CASCADE,
    place       smallint NOT NULL,
    input_id    int CONSTRAINT point_inputs_input_fkey REFERENCES points ON DELETE SET NULL,
    reference   text NOT NULL,
    CONSTRAINT point_inputs_pkey PRIMARY KEY (point_id, place)
);
CREATE INDEX point_inputs_input_idx ON point_inputs (input_id);
COMMENT ON COLUMN point_inputs.reference IS 'How the expression names it';
COMMENT ON TABLE point_inputs IS 'The points that expression or scale_by of a point names, in their order; an input that is null went, which the API refuses';

GRANT SELECT, INSERT, UPDATE, DELETE ON point_inputs TO ddms_app;
ALTER TABLE point_inputs ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON point_inputs TO ddms_app USING (true) WITH CHECK (true);
CREATE POLICY in_sight ON point_inputs TO ddms_limited USING (point_id IN (SELECT person_points()));

-- Put into the newest limited_rights(), whichever that is.
DO $$
DECLARE
    wrong record;
    definition text := pg_get_functiondef('limited_rights()'::regprocedure);
    place CONSTANT text := '''{devices,points,device_groups';
BEGIN
    IF position(place IN definition) = 0 THEN
        RAISE 'limited_rights() has no place for point_inputs';
    END IF;
    EXECUTE replace(definition, place, place || ',point_inputs');
    FOR wrong IN SELECT remedy FROM limited_faults() LOOP
        BEGIN
            EXECUTE wrong.remedy;
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- role_faults() still tells it
        END;
    END LOOP;
END $$;

-- Who names a device's points from elsewhere, whoever asks: a limited person must not delete what others count on unseen.
CREATE FUNCTION calculations_over(devices int[]) RETURNS TABLE (device text, point text, input_device text, input text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.name, p.key, e.name, q.key FROM point_inputs i
      JOIN points q ON q.id = i.input_id JOIN devices e ON e.id = q.device_id
      JOIN points p ON p.id = i.point_id JOIN devices d ON d.id = p.device_id
     WHERE q.device_id = ANY (devices) AND p.device_id <> ALL (devices) AND d.deleted_at IS NULL
     ORDER BY lower(d.name), p.key
$$;
COMMENT ON FUNCTION calculations_over(int[]) IS 'The points of other devices that are calculated over points of these';
CREATE FUNCTION lost_inputs() RETURNS TABLE (device_id int, device text, point text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.id, d.name, p.key FROM point_inputs i JOIN points p ON p.id = i.point_id JOIN devices d ON d.id = p.device_id
     WHERE i.input_id IS NULL AND d.deleted_at IS NULL ORDER BY lower(d.name), p.key
$$;
COMMENT ON FUNCTION lost_inputs() IS 'The points that name a point which went: none, but inside the transaction that would let it go';
DO $$
DECLARE
    called text;
BEGIN
    FOREACH called IN ARRAY '{calculations_over(int[]),lost_inputs()}'::text[] LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %1$s FROM PUBLIC; GRANT EXECUTE ON FUNCTION %1$s TO ddms_app', called);
        IF to_regrole('ddms_limited') IS NOT NULL THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO ddms_limited', called);
        END IF;
    END LOOP;
END $$;
