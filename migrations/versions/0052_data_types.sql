DO $$
DECLARE
    place text;
BEGIN
    FOREACH place IN ARRAY '{points,profile_points}'::text[] LOOP
        EXECUTE format($sql$
            ALTER TABLE %I DROP CONSTRAINT points_data_type_known, DROP CONSTRAINT points_bit_given, DROP CONSTRAINT points_length_given,
                ADD CONSTRAINT points_data_type_known CHECK (data_type IN
                    ('bool', 'bit', 'uint8_low', 'uint8_high', 'int8_low', 'int8_high', 'uint16', 'int16', 'uint32',
                     'int32', 'uint64', 'int64', 'float16', 'float32', 'float64', 'string',
                     'bits', 'uint24', 'int24', 'uint48', 'int48', 'signed16', 'signed32', 'bcd16', 'bcd32', 'bcd64',
                     'mod10k16', 'mod10k32', 'mod10k48', 'mod10k64', 'unix32', 'unix64', 'datetime3', 'datetime4', 'datetime_bcd',
                     'string_low', 'string_utf16')),
                ADD CONSTRAINT points_bit_given CHECK ((data_type IN ('bit', 'bits')) = (bit IS NOT NULL)),
                ADD CONSTRAINT points_length_given CHECK ((data_type IN ('bits', 'string', 'string_low', 'string_utf16')) = (length IS NOT NULL))
        $sql$, place);
    END LOOP;
END $$;
COMMENT ON COLUMN points.length IS 'Registers of a text, or how many bits the type bits has';

-- As in 0048; decimal digits begin again at a power of ten.
CREATE OR REPLACE FUNCTION counter_modulus(data_type text, scale float8, modulus float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(modulus, power(2::float8, substring(data_type FROM '^u?int([0-9]+)')::int) * scale,
                    power(10::float8, substring(data_type FROM '^(?:bcd|mod10k)([0-9]+)')::int / 4) * scale)
$$;

-- As in 0047 and 0048; texts of all kinds are texts, dates are shown as dates and drawn by nothing.
CREATE OR REPLACE FUNCTION shown_time(value float8, data_type text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN data_type ~ '^(unix|datetime)' AND value BETWEEN 0 AND 253402300799
                THEN to_char(to_timestamp(value) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || CASE WHEN data_type ~ '^unix' THEN ' UTC' ELSE '' END END
$$;
COMMENT ON FUNCTION shown_time(float8, text) IS 'A date and time as a person reads it, of a type that is one; of the device''s own clock without a zone';

DO $$
DECLARE
    points text := pg_get_viewdef('grafana.points'::regclass);
    latest text := pg_get_viewdef('grafana.latest'::regclass);
    was CONSTANT text := 'p.data_type = ''string''::text THEN ''text''::text';
    named CONSTANT text := 'WHEN (named.name IS NOT NULL) THEN named.name';
BEGIN
    IF position(was IN points) = 0 AND position('(p.data_type = ''string''::text) THEN ''text''::text' IN points) = 0 OR position(named IN latest) = 0 THEN
        RAISE 'the views points and latest have no place for texts and dates';
    END IF;
    points := replace(replace(points, '(p.data_type = ''string''::text)', 'p.data_type LIKE ''string%'''), was, 'p.data_type LIKE ''string%'' THEN ''text''::text');
    EXECUTE 'CREATE OR REPLACE VIEW grafana.points AS ' || replace(points, 'WHEN (p.value_names <>', 'WHEN p.data_type ~ ''^(unix|datetime)'' THEN ''time'' WHEN (p.value_names <>');
    EXECUTE 'CREATE OR REPLACE VIEW grafana.latest AS ' || replace(latest, named, named || ' WHEN shown_time(l.value, p.data_type) IS NOT NULL THEN shown_time(l.value, p.data_type)');
END $$;
COMMENT ON COLUMN grafana.points.kind IS 'number; switch: a bit; state: its values have names; time: a date; text';

SELECT limit_views();
