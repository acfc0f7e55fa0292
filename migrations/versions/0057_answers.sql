-- What a plant asks of its values: standard deviation, percentiles, duration and starts of a state, the value at a time
-- (docs/history.md#answers). Rollups keep the squares of the distances from their mean; those of hours and days a sketch of
-- how their values are distributed: at 21 shares of the readings (1, 5, 10 ... 90, 95, 99 %) the value below which they lie.
-- Of one hour these are exact. When sketches are put together each value stands for the readings half way to its neighbours.

-- As in 0049; what counts up is decided first.
CREATE OR REPLACE FUNCTION counted(before float8, value float8, modulus float8, zero float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value >= before AND value <= 1e290 AND before >= -1e290 THEN value - before
                WHEN before IS NULL OR abs(before) > 1e290 OR value IS NULL OR abs(value) > 1e290 THEN 0
                WHEN value >= before - 0.01 * abs(before - zero) THEN value - before
                WHEN value - before + modulus BETWEEN 0 AND modulus / 2 THEN value - before + modulus
                ELSE value - zero END
$$;

CREATE FUNCTION squarable(value float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value > 1e140 THEN 1e140 WHEN value < -1e140 THEN -1e140 ELSE value END
$$;
COMMENT ON FUNCTION squarable(float8) IS 'A value of whose squares the sum of a century cannot overflow, which would be an error for all points';
CREATE FUNCTION sketchable(value float8) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (CASE WHEN value > 3e38 THEN 3e38 WHEN value < -3e38 THEN -3e38 WHEN abs(value) < 1e-37 THEN 0 ELSE value END)::real
$$;
COMMENT ON FUNCTION sketchable(float8) IS 'A value as sketches keep it, with seven digits';
CREATE FUNCTION sketch_shares() RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{0.01,0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.45,0.5,0.55,0.6,0.65,0.7,0.75,0.8,0.85,0.9,0.95,0.99}'::float8[] $$;
COMMENT ON FUNCTION sketch_shares() IS 'Of which shares of the readings a sketch has the value';
CREATE FUNCTION sketch_weights() RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{0.005,0.025,0.045,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.045,0.025,0.005}'::float8[] $$;
COMMENT ON FUNCTION sketch_weights() IS 'Which share of the readings the lowest value, those of a sketch and the highest stand for when sketches are put together';
CREATE FUNCTION whole_sketch(min float8, max float8, sketch real[]) RETURNS real[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN min = max THEN array_fill(sketchable(min), ARRAY[23]) WHEN sketch IS NULL THEN array_fill(NULL::real, ARRAY[23])
                ELSE sketchable(min) || sketch || sketchable(max) END
$$;
COMMENT ON FUNCTION whole_sketch(float8, float8, real[]) IS 'A sketch with the lowest value before it and the highest after it; of one value that value; 23 nulls where it is not known';
CREATE FUNCTION merged_sketch(sketches real[], counts int[]) RETURNS real[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(value ORDER BY share)
      FROM (SELECT s.share, min(value) FILTER (WHERE upto >= s.share * (total - 1e-6)) AS value
              FROM (SELECT value, sum(weight) OVER (ORDER BY value ROWS UNBOUNDED PRECEDING) AS upto, sum(weight) OVER () AS total
                      FROM (SELECT value, counts[(n - 1) / 23 + 1] * (sketch_weights())[(n - 1) % 23 + 1] AS weight
                              FROM unnest(sketches) WITH ORDINALITY AS c (value, n)) w) u
             CROSS JOIN unnest(sketch_shares()) AS s (share) GROUP BY s.share) v
$$;
COMMENT ON FUNCTION merged_sketch(real[], int[]) IS 'The sketch of several whole sketches together, each of so many readings';

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rollup_1m', 'rollup_1h', 'rollup_1d'] LOOP
        EXECUTE format('ALTER TABLE %I ADD squares float8', name);
        IF name <> 'rollup_1m' THEN
            EXECUTE format('ALTER TABLE %I ADD sketch real[]', name);
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW limited.%1$I AS SELECT * FROM public.%1$I WHERE (SELECT false) OR point_id IN (SELECT person_points())', name);
    END LOOP;
END $$;
COMMENT ON COLUMN rollup_1m.squares IS 'The sum of the squares of the distances of its values from their mean; null in rollups of before that are not made again';
COMMENT ON COLUMN rollup_1h.sketch IS 'Below which values the sketch_shares() of its values lie; null where all values are one (min), and in rollups of before that are not made again';

CREATE OR REPLACE FUNCTION make_rollup_1m(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz) RETURNS SETOF rollup_1m
LANGUAGE sql STABLE AS $$
    SELECT point, bucket, count(*)::int, (count(*) FILTER (WHERE quality = 0))::int, count(value)::int,
           coalesce(sum(summable(value)), 0), min(value), max(value),
           (array_agg(value ORDER BY time) FILTER (WHERE value IS NOT NULL))[1],
           (array_agg(value ORDER BY time DESC) FILTER (WHERE value IS NOT NULL))[1], max(quality),
           min(time), max(time), (array_agg(value ORDER BY time DESC))[1], coalesce(sum(weighable(value) * seconds), 0), coalesce(sum(seconds), 0),
           sum(counted(before, value, modulus, zero)) FILTER (WHERE counter AND value IS NOT NULL),
           (sum(restarted(before, value, modulus, zero)::int) FILTER (WHERE counter AND value IS NOT NULL))::int,
           min(time) FILTER (WHERE counter AND value IS NOT NULL), max(time) FILTER (WHERE counter AND value IS NOT NULL), coalesce(var_pop(squarable(value)) * count(value), 0)
      FROM (SELECT r.*, modulus, zero, counter, CASE WHEN value IS NOT NULL AND next_at < bucket + interval '1 minute' THEN date_part('epoch', held_until(time, next_at, pace, gap) - time) END AS seconds
              FROM (SELECT time, value, quality, date_bin('1 minute', time, '2000-01-01Z') AS bucket, lead(time) OVER (ORDER BY time) AS next_at,
                           lag(value) OVER (PARTITION BY value IS NULL, date_bin('1 minute', time, '2000-01-01Z') ORDER BY time) AS before
                      FROM readings WHERE point_id = point AND time >= from_time AND time < to_time AND time >= lowest AND time < highest) r
             CROSS JOIN (SELECT * FROM point_holds WHERE point_id = point OFFSET 0) p) s
     GROUP BY 2
$$;
DO $$
DECLARE
    level record;
BEGIN
    FOR level IN VALUES ('rollup_1h', 'rollup_1m', '1 hour', '(SELECT percentile_disc(sketch_shares()) WITHIN GROUP (ORDER BY sketchable(value)) FROM readings
                        WHERE point_id = point AND time >= whole AND time < whole + interval ''1 hour'' AND time >= lowest AND time < highest AND value IS NOT NULL
                        HAVING count(*) = sum(s.count))'),  -- none of what is left where some are erased
                        ('rollup_1d', 'rollup_1h', '1 day', 'CASE WHEN bool_and(count = 0 OR min = max OR sketch IS NOT NULL)
                        THEN merged_sketch(array_agg(whole_sketch(min, max, sketch) ORDER BY bucket) FILTER (WHERE count > 0), array_agg(count ORDER BY bucket) FILTER (WHERE count > 0)) END') LOOP
        EXECUTE format($function$
            CREATE OR REPLACE FUNCTION %1$I(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz)
            RETURNS SETOF %2$I LANGUAGE sql STABLE AS $body$
                SELECT point, whole, sum(total)::int, sum(good)::int, sum(count)::int, sum(sum), min(min), max(max),
                       (array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1],
                       (array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1], max(worst),
                       CASE WHEN bool_and(known) THEN min(first_at) END, CASE WHEN bool_and(known) THEN max(last_at) END,
                       CASE WHEN bool_and(known) THEN (array_agg(held ORDER BY bucket DESC))[1] END,
                       CASE WHEN bool_and(known) THEN sum(integral + weighable(held) * coalesce(seconds, 0)) END,
                       CASE WHEN bool_and(known) THEN sum(covered + coalesce(seconds, 0)) END,
                       sum(coalesce(rise, counted(first, last, modulus, zero)) + counted(before, first, modulus, zero)) FILTER (WHERE counter AND count > 0),
                       (sum(coalesce(restarts, restarted(first, last, modulus, zero)::int) + restarted(before, first, modulus, zero)::int) FILTER (WHERE counter AND count > 0))::int,
                       min(coalesce(rise_from, first_at, bucket)) FILTER (WHERE counter AND count > 0), max(coalesce(rise_to, last_at, bucket)) FILTER (WHERE counter AND count > 0),
                       CASE WHEN bool_and(squares IS NOT NULL) THEN coalesce(sum(squares + count * power(squarable(sum / nullif(count, 0)) - mean, 2)), 0) END,
                       CASE WHEN min(min) < max(max) THEN %5$s END
                  FROM (SELECT r.*, modulus, zero, counter, first_at IS NOT NULL AS known,
                               CASE WHEN held IS NOT NULL AND next_at < whole + interval %3$L THEN date_part('epoch', held_until(last_at, next_at, pace, gap) - last_at) END AS seconds
                          FROM (SELECT *, date_bin(%3$L, bucket, '2000-01-01Z') AS whole, lead(first_at) OVER (ORDER BY bucket) AS next_at,
                                       lag(last) OVER (PARTITION BY count > 0, date_bin(%3$L, bucket, '2000-01-01Z') ORDER BY bucket) AS before,
                                       squarable(sum(sum) OVER day / nullif(sum(count) OVER day, 0)) AS mean
                                  FROM %4$I WHERE point_id = point AND bucket >= from_time AND bucket < to_time AND bucket >= lowest AND bucket < highest
                                WINDOW day AS (PARTITION BY date_bin(%3$L, bucket, '2000-01-01Z'))) r
                         CROSS JOIN (SELECT * FROM point_holds WHERE point_id = point OFFSET 0) p) s
                 GROUP BY 2
            $body$ $function$, 'make_' || level.column1, level.column1, level.column3, level.column2, level.column4);
    END LOOP;
END $$;

-- As in 0049, with the columns of this migration.
CREATE OR REPLACE FUNCTION store_rollup(level regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    sketch text := CASE WHEN level::text <> 'rollup_1m' THEN ', sketch = coalesce(excluded.sketch, r.sketch)' ELSE '' END;
BEGIN
    EXECUTE format('INSERT INTO %1$s AS r SELECT made.* FROM rollup_wanted w CROSS JOIN LATERAL make_%1$s(w.point_id, w.from_time, w.to_time, $1, $2) made
        ON CONFLICT (point_id, bucket) DO UPDATE SET total = excluded.total, good = excluded.good, count = excluded.count,
            sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last, worst = excluded.worst,
            first_at = excluded.first_at, last_at = excluded.last_at, held = excluded.held, integral = excluded.integral, covered = excluded.covered,
            rise = excluded.rise, restarts = excluded.restarts, rise_from = excluded.rise_from, rise_to = excluded.rise_to, squares = excluded.squares%2$s
        WHERE excluded.total >= r.total AND NOT EXISTS (
            SELECT FROM points p JOIN retention_state k ON k.device_id = p.device_id AND k.source = $3 WHERE p.id = r.point_id AND r.bucket < k.erased_before)', level, sketch)
        USING (SELECT min(from_time) FROM rollup_wanted), (SELECT max(to_time) FROM rollup_wanted),
              (SELECT below.source FROM rollup_levels l JOIN rollup_levels below ON below.place = l.place - 1 WHERE l.source = store_rollup.level::text);
END $$;

-- Those of before are made again, as 0019 has it done.
INSERT INTO rollup_backfill (since, before)
SELECT since, date_bin('1 day', now(), '2000-01-01Z') + interval '1 day'
  FROM (SELECT greatest(least((SELECT min(bucket) FROM rollup_1d), (SELECT complete FROM rollup_levels WHERE place = 3)),
                        date_bin('1 day', now() - make_interval(days => coalesce((SELECT max(retention_days) FROM devices), 0) + 1), '2000-01-01Z')) AS since) s
 WHERE EXISTS (SELECT FROM rollup_1m)
ON CONFLICT (single) DO UPDATE SET since = excluded.since, before = excluded.before;


-- The newest value before a moment: in the readings of its minute, else the whole minutes of its hour, and so on to the days.
CREATE FUNCTION value_before(point int, at timestamptz, OUT value float8, OUT "time" timestamptz)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    days timestamptz;
    hours timestamptz;
    minutes timestamptz;
BEGIN
    SELECT least(d.complete, date_bin('1 day', at, '2000-01-01Z')), least(h.complete, date_bin('1 hour', at, '2000-01-01Z')), least(m.complete, date_bin('1 minute', at, '2000-01-01Z'))
      INTO days, hours, minutes FROM rollup_levels d, rollup_levels h, rollup_levels m WHERE d.place = 3 AND h.place = 2 AND m.place = 1;
    IF minutes < at THEN
        SELECT r.value, r.time INTO value, "time" FROM readings r WHERE r.point_id = point AND r.value IS NOT NULL AND r.time >= minutes AND r.time < at ORDER BY r.time DESC LIMIT 1;
    END IF;
    IF "time" IS NULL AND hours < minutes THEN
        SELECT r.last, coalesce(rise_to, last_at, bucket) INTO value, "time" FROM rollup_1m r WHERE r.point_id = point AND r.count > 0 AND bucket >= hours AND bucket < minutes ORDER BY bucket DESC LIMIT 1;
    END IF;
    IF "time" IS NULL AND days < hours THEN
        SELECT r.last, coalesce(rise_to, last_at, bucket) INTO value, "time" FROM rollup_1h r WHERE r.point_id = point AND r.count > 0 AND bucket >= days AND bucket < hours ORDER BY bucket DESC LIMIT 1;
    END IF;
    IF "time" IS NULL THEN
        SELECT r.last, coalesce(rise_to, last_at, bucket) INTO value, "time" FROM rollup_1d r WHERE r.point_id = point AND r.count > 0 AND bucket < days ORDER BY bucket DESC LIMIT 1;
    END IF;
END $$;
COMMENT ON FUNCTION value_before(int, timestamptz) IS 'The newest value of a point before a moment, and when it was read; null when there was none';

CREATE FUNCTION state_condition(low text, high text, lows float8[], highs float8[]) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT format('CASE WHEN %1$s IS NULL THEN NULL WHEN %3$s THEN 1 WHEN %4$s THEN 0 END::float8', low, high,
                  string_agg(format('%s >= %L::float8 AND %s <= %L::float8', low, l, high, h), ' OR '), string_agg(format('(%s < %L::float8 OR %s > %L::float8)', high, l, low, h), ' AND '))
      FROM unnest(lows, highs) AS r (l, h)
$$;
COMMENT ON FUNCTION state_condition(text, text, float8[], float8[]) IS 'SQL that says whether all values from low to high lie in one of the ranges: 1, in none: 0, or that cannot be said: null';

-- The rows of some buckets of a point, looked up chunk by chunk with its bounds as constants: to leave out chunks at run time
-- costs 9 µs for each of them and bucket.
CREATE FUNCTION closer_look(source text, at text, point int, buckets timestamptz[], unit interval, chunk interval) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(format('SELECT r.* FROM unnest(%1$L::timestamptz[]) AS c (begin) CROSS JOIN LATERAL (SELECT * FROM %2$I WHERE point_id = %3$s AND %4$I >= c.begin AND %4$I < c.begin + %5$L::interval AND %4$I >= %6$L AND %4$I < %7$L OFFSET 0) r',
                             part, source, point, at, unit, part[1], part[cardinality(part)] + unit), ' UNION ALL ')
      FROM (SELECT array_agg(b ORDER BY b) AS part FROM unnest(buckets) AS b GROUP BY date_bin(chunk, b, '2000-01-01Z')) p
$$;
COMMENT ON FUNCTION closer_look(text, text, int, timestamptz[], interval, interval) IS 'SQL that gives the rows of a point in some buckets';

-- How a point was, in as few pieces as possible: a day, hour or minute whose values are all in the state, or all out of it, is
-- one; the others are looked at closer, down to the readings. So the seconds are exact, and a pump that starts ten times a day
-- costs ten minutes of readings a day. Where the readings are erased, a minute counts by its average, of a switch exactly.
CREATE FUNCTION state_pieces(point int, place int, from_time timestamptz, to_time timestamptz, lows float8[], highs float8[])
RETURNS TABLE (bucket timestamptz, count int, first float8, last float8, first_at timestamptz, last_at timestamptz, held float8, integral float8, covered float8, entered int)
LANGUAGE plpgsql STABLE ROWS 1000 AS $$
#variable_conflict use_column
DECLARE
    kept CONSTANT timestamptz := (SELECT now() - make_interval(days => d.retention_days) FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = point);
    switch CONSTANT boolean := (SELECT data_type IN ('bool', 'bit') FROM points WHERE id = point);
    whole CONSTANT text := state_condition('min', 'max', lows, highs);
    reached timestamptz := from_time;
    closer timestamptz[] := '{}';
    unit interval;
    level record;
    source text;
    chosen text;
BEGIN
    FOR level IN SELECT l.*, least(l.complete, to_time) AS until FROM rollup_levels l WHERE l.place > 0 AND l.place <= state_pieces.place ORDER BY l.place DESC LOOP
        source := format('(SELECT * FROM (%s) r WHERE point_id = %s AND bucket >= %L AND bucket < %L)',
            concat_ws(' UNION ALL ',
                closer_look(level.source, 'bucket', point, closer, unit, CASE level.place WHEN 1 THEN interval '3 days' ELSE '60 days' END),
                CASE WHEN reached < level.until THEN format('SELECT * FROM %I WHERE point_id = %s AND bucket >= %L AND bucket < %L', level.source, point, reached, level.until) END,
                CASE WHEN closer = '{}' AND reached >= level.until THEN format('SELECT * FROM %I WHERE false', level.source) END),
            point, least(from_time, closer[1]), to_time);
        RETURN QUERY EXECUTE format('
            SELECT bucket, count, state, state, coalesce(first_at, bucket), coalesce(last_at, bucket), CASE WHEN held IS NOT NULL THEN state END,
                   CASE WHEN state = 1 THEN coalesce(covered, 0) ELSE 0 END, coalesce(covered, 0), 0
              FROM (SELECT *, %s AS state FROM %s r) s WHERE count = 0 OR state IS NOT NULL', whole, source);
        EXECUTE format('SELECT coalesce(array_agg(bucket ORDER BY bucket), ''{}'') FROM %s r WHERE count > 0 AND %s IS NULL', source, whole) INTO closer;
        reached := greatest(reached, level.until);
        unit := level.unit;
    END LOOP;
    chosen := state_condition('value', 'value', lows, highs);
    source := '';
    IF closer <> '{}' AND kept > closer[1] THEN
        RETURN QUERY EXECUTE format('
            SELECT bucket, count, %1$s, %2$s, coalesce(first_at, bucket), coalesce(last_at, bucket), %3$s,
                   CASE WHEN min = 0 AND max = 1 AND %5$L THEN CASE WHEN %6$L THEN integral ELSE covered - integral END ELSE coalesce(covered, 0) * %4$s END, coalesce(covered, 0),
                   CASE WHEN %1$s = 0 THEN 1 ELSE (%2$s = 1)::int END
              FROM rollup_1m WHERE point_id = %7$s AND bucket = ANY (%8$L) AND bucket < %9$L',
            state_condition('first', 'first', lows, highs), state_condition('last', 'last', lows, highs), state_condition('held', 'held', lows, highs),
            state_condition('sum / count', 'sum / count', lows, highs), switch, 1 BETWEEN lows[1] AND highs[1], point, closer, kept);
        closer := ARRAY(SELECT c FROM unnest(closer) AS c WHERE c >= kept);
    END IF;
    RETURN QUERY EXECUTE format('
        SELECT time, (value IS NOT NULL)::int, %1$s, %1$s, time, time, %1$s, 0::float8, 0::float8, 0 FROM (%2$s) r', chosen,
        concat_ws(' UNION ALL ',
            'SELECT time, value FROM (' || closer_look('readings', 'time', point, closer, '1 minute', '1 day') || ') c',
            format('SELECT time, value FROM readings WHERE point_id = %s AND time >= %L AND time < %L', point, reached, to_time)));
END $$;
COMMENT ON FUNCTION state_pieces(int, int, timestamptz, timestamptz, float8[], float8[]) IS
    'The time of a point in pieces, from rollups of at most a place down to the readings; first, last and held are 1 in one of the ranges from lows to highs, 0 out of all, null without a value';

CREATE FUNCTION values_at(points int[], moments timestamptz[], interpolate boolean)
RETURNS TABLE (point_id int, moment timestamptz, value float8, "time" timestamptz, quality smallint, level text, interpolated boolean)
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT w.id, m.moment,
           CASE WHEN after.time > before.time THEN before.value + (after.value - before.value) * (extract(epoch FROM m.moment - before.time) / extract(epoch FROM after.time - before.time))::float8
                ELSE coalesce(before.value, older.value) END,
           coalesce(before.time, older.time), before.quality, CASE WHEN before.time IS NOT NULL THEN 'raw' WHEN older.time IS NOT NULL THEN 'rollup' END, after.time > before.time IS TRUE
      FROM unnest(points) WITH ORDINALITY AS w (id, place)
     CROSS JOIN unnest(moments) WITH ORDINALITY AS m (moment, place)
      JOIN point_holds h ON h.point_id = w.id
      LEFT JOIN LATERAL (SELECT r.value, r.time, r.quality FROM readings r WHERE r.point_id = w.id AND r.value IS NOT NULL AND r.time <= m.moment ORDER BY r.time DESC LIMIT 1) before ON true
      LEFT JOIN LATERAL (SELECT * FROM value_before(w.id, m.moment) v WHERE before.time IS NULL) older ON true
      LEFT JOIN LATERAL (SELECT r.value, r.time FROM readings r WHERE interpolate AND before.time < m.moment AND r.point_id = w.id AND r.time > m.moment AND r.time <= before.time + h.gap
                          ORDER BY r.time LIMIT 1) after ON after.value IS NOT NULL
     ORDER BY w.place, m.place
$$;
COMMENT ON FUNCTION values_at(int[], timestamptz[], boolean) IS
    'The last known value of each point at each moment, and when it was read; `interpolate`: on the straight line to the next reading, where that came before the value was too old to hold';


-- As in 0049, with deviation and states; the value before comes from one function, whose plans are made once a connection.
DROP FUNCTION series_rows(int, interval, timestamptz, timestamptz[], timestamptz, timestamptz, interval, text[]);
CREATE FUNCTION series_rows(place int, step interval, anchor timestamptz, edges timestamptz[], from_time timestamptz, to_time timestamptz, reach interval, wanted text[], lows float8[] DEFAULT NULL, highs float8[] DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    states boolean := wanted && '{in_state,entered}';
    weighs boolean := states OR wanted && '{weighted,covered}';
    counts boolean := wanted && '{increase,rate,restarts}';
    deviates boolean := wanted && '{deviation}';
    widened interval := CASE WHEN weighs THEN reach + (SELECT CASE WHEN l.place > 0 THEN l.unit ELSE '0' END FROM rollup_levels l WHERE l.place = series_rows.place) ELSE '0' END;
    until timestamptz := to_time + widened;
    reached timestamptz := from_time - widened;
    arms text[] := '{}';
    passed text;
    level record;
    arm text;
    each text;
    grouped text;
    before timestamptz;
    key text := CASE WHEN edges IS NULL THEN format('date_bin(%L, bucket, %L)', step, anchor) ELSE 'width_bucket(bucket, $7)' END;
    start text := CASE WHEN edges IS NULL THEN 'key' ELSE '$7[key]' END;
    stop text := CASE WHEN edges IS NULL THEN format('key + interval %L', step) ELSE '$7[key + 1]' END;
    ends text := CASE WHEN edges IS NULL THEN 'NULL::timestamptz' ELSE stop END;
BEGIN
    SELECT string_agg(one || ' AS ' || name, ', '), string_agg(many || ' AS ' || name, ', ') INTO each, grouped
      FROM (VALUES ('average', 'sum / nullif(count, 0)', 'sum(sum) / nullif(sum(count), 0)'), ('lowest', 'min', 'min(min)'), ('highest', 'max', 'max(max)'),
                   ('first', 'CASE WHEN count > 0 THEN first END', '(array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1]'),
                   ('last', 'CASE WHEN count > 0 THEN last END', '(array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1]'),
                   ('count', 'count::int', 'sum(count)::int'), ('good', 'good::float8 / total', 'sum(good)::float8 / sum(total)'), ('worst', 'worst', 'max(worst)'),
                   ('weighted', NULL, 'CASE WHEN count(integral) = count(*) THEN sum(integral + weighable(held) * tail + weighable(before_held) * head) / nullif(sum(covered + CASE WHEN held IS NULL THEN 0 ELSE tail END + CASE WHEN before_held IS NULL THEN 0 ELSE head END), 0) END'),
                   ('covered', NULL, 'CASE WHEN count(integral) = count(*) THEN sum(covered + CASE WHEN held IS NULL THEN 0 ELSE tail END + CASE WHEN before_held IS NULL THEN 0 ELSE head END) END'),
                   ('deviation', 'sqrt(squares / nullif(count, 0))', 'CASE WHEN count(squares) = count(*) THEN sqrt(sum(squares + count * power(squarable(sum / nullif(count, 0)) - mean, 2)) / nullif(sum(count), 0)) END'),
                   ('in_state', NULL, 'sum(integral + coalesce(held, 0) * tail + coalesce(before_held, 0) * head)'),
                   ('entered', NULL, '(sum(entered + (before = 0 AND first = 1)::int) FILTER (WHERE count > 0))::int'),
                   ('increase', NULL, 'CASE WHEN w.counter THEN sum(rise + step) FILTER (WHERE count > 0) END'),
                   ('rate', NULL, 'CASE WHEN w.counter THEN 3600 * sum(rise + step) FILTER (WHERE count > 0) / nullif(date_part(''epoch'', max(rise_to) FILTER (WHERE count > 0) - min(since) FILTER (WHERE count > 0)), 0) END'),
                   ('restarts', NULL, 'CASE WHEN w.counter THEN (sum(restarts + restarted(before, first, w.modulus, w.zero)::int) FILTER (WHERE count > 0))::int END')) AS c (name, one, many)
     WHERE name = ANY (wanted);
    before := reached;
    FOR level IN SELECT l.source, CASE l.place WHEN 0 THEN until ELSE least(l.complete, until) END AS until, l.place = series_rows.place AND l.unit = step AND NOT (weighs OR counts) AS passes
                   FROM rollup_levels l WHERE l.place <= series_rows.place ORDER BY l.place DESC LOOP
        CONTINUE WHEN level.until <= reached OR states;
        arm := CASE level.source WHEN 'readings' THEN
            format('SELECT time AS bucket, (quality = 0)::int AS good, 1 AS total, (value IS NOT NULL)::int AS count, summable(value) AS sum, value AS min, value AS max, value AS first, value AS last, quality AS worst%s
                      FROM readings WHERE point_id = w.id AND time >= %L AND time < %L',
                   CASE WHEN weighs THEN ', time AS first_at, time AS last_at, value AS held, 0::float8 AS integral, 0::float8 AS covered' ELSE '' END
                   || CASE WHEN counts THEN ', 0::float8 AS rise, 0 AS restarts, time AS rise_from, time AS rise_to' ELSE '' END
                   || CASE WHEN deviates THEN ', 0::float8 AS squares' ELSE '' END, reached, level.until)
            ELSE format('SELECT bucket, good, total, count, sum, min, max, first, last, worst%s
                      FROM %I WHERE point_id = w.id AND bucket >= %L AND bucket < %L',
                   CASE WHEN weighs THEN ', coalesce(first_at, ''infinity'') AS first_at, last_at, held, integral, covered' ELSE '' END
                   || CASE WHEN counts THEN ', coalesce(rise, counted(first, last, w.modulus, w.zero)) AS rise, coalesce(restarts, restarted(first, last, w.modulus, w.zero)::int) AS restarts, coalesce(rise_from, first_at, bucket) AS rise_from, coalesce(rise_to, last_at, bucket) AS rise_to' ELSE '' END
                   || CASE WHEN deviates THEN ', squares' ELSE '' END,
                   level.source, reached, level.until) END;
        IF level.passes THEN
            passed := format('SELECT bucket AS time, %s AS until, %s FROM (SELECT *, %s AS key FROM (%s) a) p', ends, coalesce(each, 'NULL'), key, arm);
        ELSE
            arms := arms || arm;
        END IF;
        reached := level.until;
    END LOOP;
    IF states THEN
        arms := ARRAY[format('SELECT * FROM state_pieces(w.id, %s, %L, %L, %L, %L)', place, reached, until, lows, highs)];
    END IF;
    arm := format('SELECT *, %s AS key FROM (%s) a', key, array_to_string(arms, ' UNION ALL '));
    IF deviates THEN
        arm := format('SELECT *, squarable(sum(sum) OVER k / nullif(sum(count) OVER k, 0)) AS mean FROM (%s) d WINDOW k AS (PARTITION BY key)', arm);
    END IF;
    IF states THEN
        arm := format('SELECT *, CASE WHEN count > 0 THEN coalesce(lag(last) OVER c, (SELECT %s FROM value_before(w.id, %L) seed)) END AS before
                         FROM (%s) b WINDOW c AS (PARTITION BY count > 0 ORDER BY bucket)', state_condition('seed.value', 'seed.value', lows, highs), before, arm);
    ELSIF counts THEN
        arm := format('SELECT *, CASE WHEN count > 0 THEN counted(before, first, w.modulus, w.zero) END AS step, coalesce(before_to, rise_from) AS since
                         FROM (SELECT *, CASE WHEN count > 0 THEN coalesce(lag(last) OVER c, CASE WHEN w.counter THEN (value_before(w.id, %2$L)).value END) END AS before,
                                      CASE WHEN count > 0 THEN coalesce(lag(rise_to) OVER c, CASE WHEN w.counter THEN (value_before(w.id, %2$L)).time END) END AS before_to
                                 FROM (%1$s) b WINDOW c AS (PARTITION BY count > 0 ORDER BY bucket)) v', arm, before);
    END IF;
    IF weighs THEN
        arm := format('SELECT *, CASE WHEN last_at < stop THEN date_part(''epoch'', least(held_until(last_at, next_at, w.pace, w.gap), stop) - last_at) ELSE 0 END AS tail,
                              CASE WHEN before_at < start THEN greatest(date_part(''epoch'', held_until(before_at, first_at, w.pace, w.gap) - start), 0) ELSE 0 END AS head
                         FROM (SELECT *, lead(first_at, 1, now()) OVER o AS next_at, lag(last_at) OVER o AS before_at, lag(held) OVER o AS before_held
                                 FROM (SELECT *, %s AS start, %s AS stop FROM (%s) k) b WINDOW o AS (ORDER BY bucket)) n
                        WHERE start >= %L AND start < %L OFFSET 0', start, stop, arm, from_time, to_time);
    END IF;
    IF arms <> '{}' THEN
        grouped := format('SELECT %s AS time, %s AS until, %s FROM (%s) r GROUP BY key', start, ends, coalesce(grouped, 'NULL'), arm);
    ELSE
        grouped := NULL;
    END IF;
    RETURN concat_ws(' UNION ALL ', passed, grouped) || ' ORDER BY 1';
END $$;

DROP FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[], timestamptz, text);
CREATE FUNCTION series(
    points int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 1000, step interval DEFAULT NULL, time_zone text DEFAULT 'UTC',
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst}', origin timestamptz DEFAULT NULL, calendar text DEFAULT NULL,
    lows float8[] DEFAULT NULL, highs float8[] DEFAULT NULL)
RETURNS TABLE (
    point_id int, level text, bucket interval, starts timestamptz, ends timestamptz, open_from timestamptz, size int, times timestamptz[], until timestamptz[],
    average float8[], lowest float8[], highest float8[], first float8[], last float8[], count int[], good float8[], worst smallint[], weighted float8[], covered float8[],
    increase float8[], rate float8[], restarts int[], deviation float8[], in_state float8[], entered int[], names text[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    rest int[] := points;
    span interval := to_time - from_time;
    few int[];
    returned int;
    place int;
    chosen record;
    arrays text;
    anchor timestamptz;
    edges timestamptz[];
BEGIN
    IF calendar IS NOT NULL THEN
        SELECT g.step, g.time_zone, g.origin INTO step, time_zone, origin FROM calendar_grid(calendar) g;
    ELSIF step IS NULL AND wanted && '{increase,rate,restarts,deviation,in_state,entered}' THEN  -- of readings there is none
        step := series_step(span, most);
    END IF;
    IF step IS NULL THEN
        -- As they are, where no more than `most` are to be expected, and no more were found.
        SELECT array_agg(p.id) INTO few FROM points p JOIN devices d ON d.id = p.device_id
         WHERE p.id = ANY (points) AND from_time >= now() - make_interval(days => d.retention_days)
           AND extract(epoch FROM span) <= most::float8 * p.interval_s;
        RETURN QUERY EXECUTE '
            SELECT w.id, ''raw'', NULL::interval, $2, $3, NULL::timestamptz, r.size, r.times, NULL::timestamptz[], r.average, NULL::float8[], NULL::float8[], NULL::float8[],
                   NULL::float8[], NULL::int[], NULL::float8[], r.worst, NULL::float8[], NULL::float8[], NULL::float8[], NULL::float8[], NULL::int[], NULL::float8[], NULL::float8[], NULL::int[], NULL::text[]
              FROM unnest($1) AS w (id)
             CROSS JOIN LATERAL (
                   SELECT count(*)::int AS size, array_agg(time) AS times, array_agg(value) AS average, array_agg(quality) AS worst
                     FROM (SELECT time, coalesce(value, ''NaN'') AS value, quality FROM readings
                            WHERE point_id = w.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4 + 1) f) r
             WHERE r.size <= $4' USING few, from_time, to_time, most;
        GET DIAGNOSTICS returned = ROW_COUNT;
        IF returned < cardinality(few) THEN
            few := ARRAY(SELECT w.id FROM unnest(few) AS w (id) WHERE (
                SELECT count(*) FROM (SELECT FROM readings WHERE point_id = w.id AND time >= from_time AND time < to_time LIMIT most + 1) f) <= most);
        END IF;
        rest := ARRAY(SELECT unnest(points) EXCEPT SELECT unnest(few));
        IF rest = '{}' THEN
            RETURN;
        END IF;
        step := series_step(span, most);
    END IF;

    SELECT string_agg(CASE WHEN name <> ALL (wanted) THEN 'NULL' ELSE format(CASE type WHEN 'float8' THEN 'array_agg(coalesce(%I, ''NaN''))' ELSE 'array_agg(%I)' END, name) END
                      || '::' || type || '[]', ', ' ORDER BY place) INTO arrays
      FROM (VALUES (1, 'average', 'float8'), (2, 'lowest', 'float8'), (3, 'highest', 'float8'), (4, 'first', 'float8'),
                   (5, 'last', 'float8'), (6, 'count', 'int'), (7, 'good', 'float8'), (8, 'worst', 'smallint'), (9, 'weighted', 'float8'), (10, 'covered', 'float8'),
                   (11, 'increase', 'float8'), (12, 'rate', 'float8'), (13, 'restarts', 'int'), (14, 'deviation', 'float8'), (15, 'in_state', 'float8'), (16, 'entered', 'int')) AS c (place, name, type);
    edges := calendar_edges(calendar, step, time_zone, origin, from_time, to_time);
    place := series_place(step, bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone, edges);
    FOR chosen IN
        SELECT greatest(place, (from_time < now() - make_interval(days => d.retention_days))::int) AS place, array_agg(p.id) AS ids, max(h.gap) AS gap
          FROM points p JOIN devices d ON d.id = p.device_id JOIN point_holds h ON h.point_id = p.id WHERE p.id = ANY (rest) GROUP BY 1
    LOOP
        SELECT l.level, greatest(series.step, CASE WHEN l.place > 0 THEN l.unit END) INTO level, bucket FROM rollup_levels l WHERE l.place = chosen.place;
        anchor := bucket_anchor(bucket, time_zone, origin) AT TIME ZONE time_zone;
        IF chosen.place > place THEN  -- the readings are gone, and a minute cannot be parted
            anchor := date_bin('1 minute', anchor, '2000-01-01Z');
            edges := bucket_edges(bucket, time_zone, anchor, from_time, to_time);
        END IF;
        IF edges IS NULL THEN
            starts := date_bin(bucket, from_time, anchor);
            ends := date_bin(bucket, to_time - interval '1 microsecond', anchor) + bucket;
            open_from := CASE WHEN now() < ends THEN date_bin(bucket, now(), anchor) END;
        ELSE
            starts := edges[1];
            ends := edges[cardinality(edges)];
            open_from := CASE WHEN now() < ends THEN edges[width_bucket(now(), edges)] END;
        END IF;
        RETURN QUERY EXECUTE format('
            SELECT w.id, $2, $3, $4, $5, $6, s.*, %s FROM (SELECT h.point_id AS id, h.pace, h.gap, h.counter, h.modulus, h.zero FROM point_holds h WHERE h.point_id = ANY ($1) OFFSET 0) w
             CROSS JOIN LATERAL (SELECT count(*)::int AS size, array_agg(time) AS times, %s, %s FROM (%s) b) s',
            CASE WHEN calendar = 'shift' THEN '(SELECT array_agg(p.name ORDER BY t.time) FROM unnest(s.times) AS t (time) LEFT JOIN shift_spans($8, $4, $5) p ON p.starts = t.time)' ELSE 'NULL::text[]' END,
            CASE WHEN edges IS NULL THEN 'NULL::timestamptz[]' ELSE 'array_agg(until)' END, arrays, series_rows(chosen.place, CASE WHEN calendar = 'shift' THEN NULL ELSE bucket END, anchor, edges, starts, ends, chosen.gap, wanted, lows, highs))
            USING chosen.ids, level, bucket, starts, ends, open_from, edges, time_zone;
    END LOOP;
END $$;
COMMENT ON FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[], timestamptz, text, float8[], float8[]) IS
    'History of points, one row each: the readings as they are where at most `most` are there (level raw, bucket null), else buckets of `step`, or of the shortest '
    'step with which there are at most `most`, from the highest level that makes them up. Buckets of hours and more are those of the time zone; one begins at `origin`. '
    'A reading without a value is NaN; a bucket without readings is left out. until is where each bucket ends, null where all are as long as `bucket`. '
    'starts and ends are from and to, widened to whole buckets; open_from is where the bucket begins that is not over yet. '
    'average, lowest, highest, first, last of the readings with a value, count of them, good as a share of all, worst quality code; '
    'weighted is the average in which each value counts by how long it held, covered for how many seconds one did; of a counter increase, rate an hour and how often it was set back, always in buckets; only `wanted` ones are made; deviation is the standard deviation of the values, of the whole population. '
    'in_state is for how many seconds the value was in one of the ranges from `lows` to `highs`, entered how often it came into one: only those two, without other columns. '
    'calendar: buckets of the site''s own, shift (with names), week, fiscal_year and so on, instead of step, time_zone and origin';

DROP FUNCTION series_buckets(int, timestamptz, timestamptz, interval, text, timestamptz, text[], text);
CREATE FUNCTION series_buckets(
    point int, from_time timestamptz, to_time timestamptz, step interval, time_zone text, origin timestamptz,
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst,weighted,covered}', calendar text DEFAULT NULL,
    lows float8[] DEFAULT NULL, highs float8[] DEFAULT NULL)
RETURNS TABLE ("time" timestamptz, average float8, lowest float8, highest float8, first float8, last float8, count int, good float8, worst smallint, weighted float8, covered float8,
    increase float8, rate float8, restarts int, deviation float8, in_state float8, entered int, name text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    edges timestamptz[];
    anchor timestamptz;
    place int;
    names text;
BEGIN
    IF calendar IS NOT NULL THEN
        SELECT g.step, g.time_zone, g.origin INTO step, time_zone, origin FROM calendar_grid(calendar) g;
    END IF;
    edges := calendar_edges(calendar, step, time_zone, origin, from_time, to_time);
    anchor := bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone;
    place := series_place(step, anchor, edges);
    SELECT string_agg(CASE WHEN name = ANY (wanted) THEN name ELSE 'NULL::' || type END, ', ' ORDER BY number) INTO names
      FROM unnest('{average,lowest,highest,first,last,count,good,worst,weighted,covered,increase,rate,restarts,deviation,in_state,entered}'::text[],
                  '{float8,float8,float8,float8,float8,int,float8,smallint,float8,float8,float8,float8,int,float8,float8,int}'::text[]) WITH ORDINALITY AS c (name, type, number);
    IF from_time < now() - make_interval(days => (SELECT d.retention_days FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = point)) THEN
        place := greatest(place, 1);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT s.time, %s, %s FROM (SELECT point_id AS id, pace, gap, counter, modulus, zero FROM point_holds WHERE point_id = $1 OFFSET 0) w CROSS JOIN LATERAL (%s) s', names,
        CASE WHEN calendar = 'shift' THEN '(SELECT p.name FROM shift_spans($2, s.time, s.time + interval ''1 second'') p WHERE p.starts = s.time)' ELSE 'NULL' END,
        series_rows(place, CASE WHEN calendar = 'shift' THEN NULL ELSE step END, anchor, edges, coalesce(edges[1], date_bin(step, from_time, anchor)),
                    coalesce(edges[cardinality(edges)], date_bin(step, to_time - interval '1 microsecond', anchor) + step),
                    (SELECT gap FROM point_holds WHERE point_id = point), wanted, lows, highs))
        USING point, time_zone, NULL::text, NULL::text, NULL::text, NULL::text, edges;
END $$;
COMMENT ON FUNCTION series_buckets(int, timestamptz, timestamptz, interval, text, timestamptz, text[], text, float8[], float8[]) IS 'The buckets of `series` of one point as rows, oldest first';

-- Percentiles by nearest rank: the lowest value at or below which so much of the readings lies.
CREATE FUNCTION series_percentiles(points int[], from_time timestamptz, to_time timestamptz, step interval, time_zone text, origin timestamptz, calendar text, shares float8[])
RETURNS TABLE (point_id int, level text, times timestamptz[], found float8[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    exact CONSTANT int := 10000;
    edges timestamptz[];
    anchor timestamptz;
    taken int;
    chosen record;
    made record;
    key text;
    start text;
    picked text;
    arms text;
    merged text;
BEGIN
    IF calendar IS NOT NULL THEN
        SELECT g.step, g.time_zone, g.origin INTO step, time_zone, origin FROM calendar_grid(calendar) g;
    END IF;
    edges := calendar_edges(calendar, step, time_zone, origin, from_time, to_time);
    anchor := bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone;
    taken := series_place(step, anchor, edges);
    from_time := coalesce(edges[1], date_bin(step, from_time, anchor));
    to_time := coalesce(edges[cardinality(edges)], date_bin(step, to_time - interval '1 microsecond', anchor) + step);
    start := CASE WHEN edges IS NULL THEN 'key' ELSE '$3[key]' END;
    FOR chosen IN SELECT p.id, taken < 2 OR from_time >= now() - make_interval(days => d.retention_days) AND extract(epoch FROM to_time - from_time) <= exact::float8 * p.interval_s AS raw
                    FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = ANY (points) LOOP
        key := CASE WHEN edges IS NULL THEN format('date_bin(%L, %%s, %L)', step, anchor) ELSE 'width_bucket(%s, $3)' END;
        IF chosen.raw THEN
            RETURN QUERY EXECUTE format('SELECT $1, ''raw'', array_agg(%s ORDER BY key), array_agg(found ORDER BY key)
                FROM (SELECT %s AS key, percentile_disc($2) WITHIN GROUP (ORDER BY value) AS found FROM readings
                       WHERE point_id = $1 AND value IS NOT NULL AND time >= %L AND time < %L GROUP BY 1) k', start, format(key, 'time'), from_time, to_time)
                USING chosen.id, shares, edges;
            CONTINUE;
        END IF;
        SELECT l.level, l.source, l.unit, least(l.complete, to_time) AS until INTO made FROM rollup_levels l WHERE l.place = taken;
        -- What is not rolled up yet is made of the readings.
        arms := concat_ws(' UNION ALL ',
            format('SELECT bucket, count, min, max, sketch FROM %I WHERE point_id = $1 AND count > 0 AND bucket >= %L AND bucket < %L', made.source, from_time, made.until),
            CASE WHEN made.until < to_time THEN format('SELECT date_bin(%L, time, ''2000-01-01Z''), count(*)::int, min(value), max(value), percentile_disc(sketch_shares()) WITHIN GROUP (ORDER BY sketchable(value))
                FROM readings WHERE point_id = $1 AND value IS NOT NULL AND time >= %L AND time < %L GROUP BY 1', made.unit, greatest(made.until, from_time), to_time) END);
        IF made.unit = step AND calendar IS DISTINCT FROM 'shift' THEN
            SELECT 'ARRAY[' || string_agg(CASE place WHEN 1 THEN 'min' WHEN 23 THEN 'max' ELSE format('CASE WHEN min = max THEN min ELSE sketch[%s] END', place - 1) END, ', ' ORDER BY n) || ']' INTO picked
              FROM unnest(shares) WITH ORDINALITY AS s (share, n)
             CROSS JOIN LATERAL (SELECT CASE WHEN share <= 0 THEN 1 WHEN share >= 1 THEN 23 ELSE min(w.place) FILTER (WHERE w.upto >= share - 1e-9) END AS place
                                   FROM (SELECT place, sum(weight) OVER (ORDER BY place) AS upto FROM unnest(sketch_weights()) WITH ORDINALITY AS c (weight, place)) w) p;
            merged := format('SELECT %s AS key, %s AS found FROM (%s) r', format(key, 'bucket'), picked, arms);
        ELSE
            merged := format('SELECT key, array_agg(value ORDER BY n) AS found
                FROM (SELECT key, s.n, CASE WHEN bool_or(value IS NULL) THEN NULL WHEN s.share >= 1 THEN max(value) ELSE min(value) FILTER (WHERE upto >= s.share * (total - 1e-6)) END AS value
                        FROM (SELECT key, value, sum(weight) OVER (PARTITION BY key ORDER BY value ROWS UNBOUNDED PRECEDING) AS upto, sum(weight) OVER (PARTITION BY key) AS total
                                FROM (SELECT %s AS key, c.value::float8 AS value, count * c.weight AS weight FROM (%s) r
                                       CROSS JOIN LATERAL unnest(whole_sketch(min, max, sketch), sketch_weights()) AS c (value, weight)) w) u
                       CROSS JOIN unnest($2) WITH ORDINALITY AS s (share, n) GROUP BY key, s.n, s.share) v GROUP BY key', format(key, 'bucket'), arms);
        END IF;
        RETURN QUERY EXECUTE format('SELECT $1, $4, array_agg(%s ORDER BY key), array_agg(found ORDER BY key) FROM (%s) k', start, merged)
            USING chosen.id, shares, edges, made.level;
    END LOOP;
END $$;
COMMENT ON FUNCTION series_percentiles(int[], timestamptz, timestamptz, interval, text, timestamptz, text, float8[]) IS
    'Percentiles of the values of each bucket, a row for each in `found`: of the readings (level raw) where they are there still and at most 10,000 are expected, or where buckets are not made of hours; else of the sketches of hours or days';

-- For how much of a time devices answered, by the changes of their state.
CREATE VIEW limited.device_state_changes AS SELECT * FROM public.device_state_changes WHERE (SELECT false) OR device_id IN (SELECT person_devices());
GRANT SELECT ON device_state_changes TO ddms_app;
DO $$
DECLARE
    rights text := pg_get_functiondef('limited_rights()'::regprocedure);
    place CONSTANT text := 'rollup_1d,device_states';
BEGIN
    IF position(place IN rights) = 0 THEN
        RAISE 'limited_rights() has no place for the changes of states';
    END IF;
    EXECUTE replace(rights, place, place || ',device_state_changes');
    GRANT SELECT ON limited.device_state_changes TO ddms_limited;
END $$;
CREATE FUNCTION device_availability(from_time timestamptz, to_time timestamptz, of_devices int[] DEFAULT NULL, of_groups int[] DEFAULT NULL)
RETURNS TABLE (device_id int, share float8, online float8, error float8, offline float8, disabled float8, outages int, longest float8)
LANGUAGE sql STABLE AS $$
    SELECT d.id, (t.online + t.error) / nullif(t.online + t.error + t.offline, 0), t.online, t.error, t.offline, t.disabled, t.outages, t.longest
      FROM devices d
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(seconds) FILTER (WHERE state = 'online'), 0) AS online, coalesce(sum(seconds) FILTER (WHERE state = 'error'), 0) AS error,
                  coalesce(sum(seconds) FILTER (WHERE state = 'offline'), 0) AS offline, coalesce(sum(seconds) FILTER (WHERE state = 'disabled'), 0) AS disabled,
                  (count(*) FILTER (WHERE state = 'offline'))::int AS outages, coalesce(max(seconds) FILTER (WHERE state = 'offline'), 0) AS longest
             FROM (SELECT state, date_part('epoch', least(until, to_time) - greatest(time, from_time)) AS seconds
                     FROM (SELECT c.state, c.time, lead(c.time, 1, 'infinity') OVER (ORDER BY c.time) AS until
                             FROM device_state_changes c
                            WHERE c.device_id = d.id AND c.time < to_time
                              AND c.time >= coalesce((SELECT max(b.time) FROM device_state_changes b WHERE b.device_id = d.id AND b.time <= from_time), '-infinity')) s
                    WHERE until > from_time) p) t
     WHERE d.deleted_at IS NULL AND (of_devices IS NULL OR d.id = ANY (of_devices))
       AND (of_groups IS NULL OR d.id IN (SELECT m.device_id FROM device_groups m WHERE m.group_id = ANY (of_groups)))
$$;
COMMENT ON FUNCTION device_availability(timestamptz, timestamptz, int[], int[]) IS
    'For how many seconds each device was in each state; share: answered, of the time in which it was known and to be read';
