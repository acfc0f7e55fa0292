-- Counters: points whose values only rise, as those of a meter do, until they begin at 0 again.
ALTER TABLE points
    ADD COLUMN counter boolean NOT NULL DEFAULT false,
    ADD COLUMN modulus float8,
    ADD CONSTRAINT points_counter_is_number CHECK (NOT counter OR (data_type NOT IN ('bool', 'bit', 'string') AND scale > 0)),
    ADD CONSTRAINT points_modulus_of_counter CHECK (modulus IS NULL OR (counter AND modulus > 0));
ALTER TABLE profile_points
    ADD COLUMN counter boolean NOT NULL DEFAULT false,
    ADD COLUMN modulus float8,
    ADD CONSTRAINT profile_points_counter_is_number CHECK (NOT counter OR (data_type NOT IN ('bool', 'bit', 'string') AND scale > 0)),
    ADD CONSTRAINT profile_points_modulus_of_counter CHECK (modulus IS NULL OR (counter AND modulus > 0));
COMMENT ON COLUMN points.counter IS 'Whether it counts up, as a meter does: then it has an increase and a rate';
COMMENT ON COLUMN points.modulus IS 'The value, in its unit, at which a counter begins at 0 again; null: as its data type says (counter_modulus)';
COMMENT ON COLUMN profile_points.counter IS 'As points.counter';
COMMENT ON COLUMN profile_points.modulus IS 'As points.modulus';

CREATE FUNCTION counter_modulus(data_type text, scale float8, modulus float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(modulus, power(2::float8, substring(data_type FROM '^u?int([0-9]+)')::int) * scale)
$$;
COMMENT ON FUNCTION counter_modulus(text, float8, float8) IS
    'At which value, in the point''s unit, a counter begins at 0 again: the given one, else that of an integer whose bits are full; null: never';

-- As in 0047, with whether it is a counter.
CREATE OR REPLACE VIEW grafana.points AS
SELECT p.id AS point_id, p.device_id, d.name AS device, p.key, p.name AS point, p.unit, coalesce(nullif(p.unit, ''), 'no unit') AS axis,
       p.data_type, p.interval_s, p.enabled,
       CASE WHEN p.data_type = 'string' THEN 'text' WHEN p.value_names <> '{}' THEN 'state'
            WHEN p.data_type IN ('bool', 'bit') THEN 'switch' ELSE 'number' END AS kind,
       10 + 3 * p.interval_s + CASE WHEN p.deadband > 0 THEN p.heartbeat_s ELSE 0 END AS gap_seconds,
       p.value_names, p.counter
  FROM points p
  JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL;
SELECT limit_views();
