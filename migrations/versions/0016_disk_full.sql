-- The planner may work out both sides of a condition, so each part must stand for any number by itself.
CREATE OR REPLACE FUNCTION disk_full_on(free bigint, growth float8) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT now() + least(free / greatest(growth, 1), 36500) * interval '1 day'
     WHERE growth >= 1 AND free / greatest(growth, 1) < 36500
$$;
