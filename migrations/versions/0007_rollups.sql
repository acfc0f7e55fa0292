-- Rollups: the same tables and functions on every storage edition (docs/decisions/0006).

CREATE TABLE rollup_1m (
    point_id        int NOT NULL,
    bucket          timestamptz NOT NULL,
    total           int NOT NULL,
    good            int NOT NULL,
    count           int NOT NULL,
    sum             float8 NOT NULL,
    min             float8,
    max             float8,
    first           float8,
    last            float8,
    worst           smallint NOT NULL,
    CONSTRAINT rollup_1m_pkey PRIMARY KEY (point_id, bucket)
);
CREATE TABLE rollup_1h (LIKE rollup_1m, CONSTRAINT rollup_1h_pkey PRIMARY KEY (point_id, bucket));
CREATE TABLE rollup_1d (LIKE rollup_1m, CONSTRAINT rollup_1d_pkey PRIMARY KEY (point_id, bucket));
COMMENT ON TABLE rollup_1m IS 'What was read in a minute, of each point that was read; complete up to rollup_state.minutes';
COMMENT ON TABLE rollup_1h IS 'What was read in an hour, from rollup_1m; complete up to rollup_state.hours';
COMMENT ON TABLE rollup_1d IS 'What was read in a day of UTC, from rollup_1h; complete up to rollup_state.days';
COMMENT ON COLUMN rollup_1m.total IS 'Readings of any quality';
COMMENT ON COLUMN rollup_1m.good IS 'Readings of good quality: good / total is how much of the bucket was good';
COMMENT ON COLUMN rollup_1m.count IS 'Readings that have a value, good or uncertain: sum / count is their average';
COMMENT ON COLUMN rollup_1m.sum IS 'Sum of the values, each taken as 1e300 at most so that no sum overflows; min and max are exact';
COMMENT ON COLUMN rollup_1m.worst IS 'The highest quality code';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('rollup_1m', by_range('bucket', interval '3 days'), create_default_indexes => false);
        PERFORM create_hypertable('rollup_1h', by_range('bucket', interval '60 days'), create_default_indexes => false);
        PERFORM create_hypertable('rollup_1d', by_range('bucket', interval '1200 days'), create_default_indexes => false);
    END IF;
END $$;

CREATE FUNCTION summable(value float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value > 1e300 THEN 1e300 WHEN value < -1e300 THEN -1e300 ELSE value END
$$;
COMMENT ON FUNCTION summable(float8) IS 'A value of which a day''s sum cannot overflow, which would be an error for all points';

CREATE TABLE rollup_levels (
    place           smallint CONSTRAINT rollup_levels_pkey PRIMARY KEY,
    level           text NOT NULL CONSTRAINT rollup_levels_level_key UNIQUE,
    source          text NOT NULL,
    unit            interval NOT NULL,
    stride          interval NOT NULL,
    complete        timestamptz NOT NULL,
    refreshed_at    timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE rollup_levels IS 'How far each level is complete; what is younger is computed from the level below when it is asked for';
COMMENT ON COLUMN rollup_levels.complete IS 'Of raw: who stores an older reading says so in rollup_late, because its minute is or is being rolled up';
COMMENT ON COLUMN rollup_levels.stride IS 'As much is rolled up in one transaction';
INSERT INTO rollup_levels (place, level, source, unit, stride, complete)
SELECT place, level, source, unit, stride, date_bin(unit, start, '2000-01-01Z')
  FROM (VALUES (0, 'raw', 'readings', interval '1 minute', interval '0'), (1, '1m', 'rollup_1m', '1 minute', '1 hour'),
               (2, '1h', 'rollup_1h', '1 hour', '1 day'), (3, '1d', 'rollup_1d', '1 day', '30 days')) AS l (place, level, source, unit, stride)
 CROSS JOIN (SELECT least(min(time), now()) AS start FROM readings) r;

CREATE TABLE rollup_late (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT rollup_late_pkey PRIMARY KEY,
    bucket          timestamptz NOT NULL,
    points          int[] NOT NULL
);
COMMENT ON TABLE rollup_late IS 'Minutes that got readings after they were rolled up (late or replayed), to be rolled up again';


-- A transaction that stores readings holds a shared lock from before it looks how far they are rolled up. A claim of
-- more minutes takes that lock alone for a moment: whoever comes later sees the claim, whoever came earlier is stored.
CREATE FUNCTION rolled_up_to() RETURNS timestamptz
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1145327955, 1);
    RETURN (SELECT complete FROM rollup_levels WHERE place = 0);
END $$;
COMMENT ON FUNCTION rolled_up_to() IS 'To be called in each transaction that stores readings, before it does: older ones go to note_late()';

CREATE FUNCTION note_late(points int[], times timestamptz[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rollup_late (bucket, points)
    SELECT date_bin('1 minute', r.time, '2000-01-01Z'), array_agg(DISTINCT r.point_id) FROM unnest(points, times) AS r (point_id, time) GROUP BY 1
$$;
COMMENT ON FUNCTION note_late(int[], timestamptz[]) IS 'To be called in the transaction that stores these readings, when they are older than rolled_up_to()';

CREATE FUNCTION claim_readings(up_to timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- One flush that hangs must not hold up all others, which queue behind this lock.
    SET LOCAL lock_timeout = '250ms';
    PERFORM pg_advisory_xact_lock(1145327955, 1);
    UPDATE rollup_levels r SET complete = greatest(r.complete, least(m.complete + m.stride, date_bin(r.unit, up_to, '2000-01-01Z')))
      FROM rollup_levels m WHERE r.place = 0 AND m.place = 1;
EXCEPTION WHEN lock_not_available THEN
    RAISE LOG 'ddms: a transaction that stores readings takes long; the rollups wait for it';
END $$;


-- What the readings of a point make of each minute of a time; and of each hour and day what the level below makes.
-- `lowest` and `highest` say the same again for all points together, as constants: with them the planner leaves out
-- chunks, which at run time costs a millisecond a chunk and point.
CREATE FUNCTION make_rollup_1m(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz) RETURNS SETOF rollup_1m
LANGUAGE sql STABLE AS $$
    SELECT point, date_bin('1 minute', time, '2000-01-01Z'), count(*)::int, (count(*) FILTER (WHERE quality = 0))::int, count(value)::int,
           coalesce(sum(summable(value)), 0), min(value), max(value),
           (array_agg(value ORDER BY time) FILTER (WHERE value IS NOT NULL))[1],
           (array_agg(value ORDER BY time DESC) FILTER (WHERE value IS NOT NULL))[1], max(quality)
      FROM readings WHERE point_id = point AND time >= from_time AND time < to_time AND time >= lowest AND time < highest GROUP BY 2
$$;
DO $$
DECLARE
    level record;
BEGIN
    FOR level IN VALUES ('rollup_1h', 'rollup_1m', '1 hour'), ('rollup_1d', 'rollup_1h', '1 day') LOOP
        EXECUTE format($function$
            CREATE FUNCTION %I(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz)
            RETURNS SETOF %I LANGUAGE sql STABLE AS $body$
                SELECT point, date_bin(%L, bucket, '2000-01-01Z'), sum(total)::int, sum(good)::int, sum(count)::int, sum(sum), min(min), max(max),
                       (array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1],
                       (array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1], max(worst)
                  FROM %I WHERE point_id = point AND bucket >= from_time AND bucket < to_time AND bucket >= lowest AND bucket < highest GROUP BY 2
            $body$ $function$, 'make_' || level.column1, level.column1, level.column3, level.column2);
    END LOOP;
END $$;


-- Rolls up what `rollup_wanted` names. What is stored is replaced only by a rollup of at least as many readings:
-- retention may have removed some of those below, and a late one must not cost the rest.
CREATE FUNCTION store_rollup(level regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s AS r SELECT made.* FROM rollup_wanted w CROSS JOIN LATERAL make_%1$s(w.point_id, w.from_time, w.to_time, $1, $2) made
        ON CONFLICT (point_id, bucket) DO UPDATE SET total = excluded.total, good = excluded.good, count = excluded.count,
            sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last, worst = excluded.worst
        WHERE excluded.total >= r.total', level)
        USING (SELECT min(from_time) FROM rollup_wanted), (SELECT max(to_time) FROM rollup_wanted);
END $$;

CREATE FUNCTION prepare_rollup() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('pg_temp.rollup_wanted') IS NULL THEN
        CREATE TEMPORARY TABLE rollup_wanted (point_id int, from_time timestamptz, to_time timestamptz) ON COMMIT DELETE ROWS;
    END IF;
END $$;

-- One stride of one level; returns whether there was something to do.
CREATE FUNCTION advance_rollup(wanted smallint) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    step record;
BEGIN
    SELECT l.*, least(l.complete + l.stride, date_bin(l.unit, below.complete, '2000-01-01Z')) AS until INTO step
      FROM rollup_levels l JOIN rollup_levels below ON below.place = l.place - 1 WHERE l.place = wanted FOR UPDATE OF l;
    IF step.complete >= step.until THEN
        RETURN false;
    END IF;
    PERFORM prepare_rollup();
    INSERT INTO rollup_wanted SELECT id, step.complete, step.until FROM points;
    PERFORM store_rollup(step.source);
    UPDATE rollup_levels SET complete = step.until, refreshed_at = now() WHERE place = wanted;
    RETURN true;
END $$;

-- Some of the minutes that got late readings, with their hours and days; returns whether there were any.
CREATE FUNCTION roll_up_late(most int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    step record;
BEGIN
    PERFORM prepare_rollup();
    WITH taken AS (  -- of one day, so that they are in one chunk
        DELETE FROM rollup_late WHERE id IN (
            SELECT t.id FROM rollup_late t JOIN rollup_levels m ON m.place = 1
             WHERE t.bucket < least(m.complete, (SELECT date_bin('1 day', min(bucket), '2000-01-01Z') + interval '1 day' FROM rollup_late))
             ORDER BY t.bucket LIMIT most)
        RETURNING bucket, points
    )
    INSERT INTO rollup_wanted SELECT DISTINCT point, bucket, bucket + interval '1 minute' FROM taken CROSS JOIN unnest(points) AS point;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR step IN SELECT * FROM rollup_levels WHERE place > 0 ORDER BY place LOOP
        WITH below AS (DELETE FROM rollup_wanted RETURNING point_id, date_bin(step.unit, from_time, '2000-01-01Z') AS bucket)
        INSERT INTO rollup_wanted SELECT DISTINCT point_id, bucket, bucket + step.unit FROM below WHERE bucket < step.complete;
        PERFORM store_rollup(step.source);
    END LOOP;
    RETURN true;
END $$;

CREATE PROCEDURE refresh_rollups(up_to timestamptz DEFAULT now() - interval '10 seconds')
LANGUAGE plpgsql AS $$
DECLARE
    more boolean := true;
BEGIN
    WHILE more LOOP
        PERFORM claim_readings(up_to);
        COMMIT;
        more := advance_rollup(1::smallint);
        COMMIT;
    END LOOP;
    WHILE roll_up_late(100) LOOP
        COMMIT;
    END LOOP;
    FOR place IN 2..3 LOOP
        WHILE advance_rollup(place::smallint) LOOP
            COMMIT;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON PROCEDURE refresh_rollups(timestamptz) IS 'Brings every level up to date, in transactions of one stride; may be called at any time, by several at once';

CREATE PROCEDURE rebuild_rollups(from_time timestamptz, to_time timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    step record;
    day timestamptz;
BEGIN
    FOR step IN SELECT * FROM rollup_levels WHERE place > 0 ORDER BY place LOOP
        day := date_bin('1 day', from_time, '2000-01-01Z');
        WHILE day < least(to_time, step.complete) LOOP
            PERFORM prepare_rollup();
            INSERT INTO rollup_wanted SELECT id, day, least(day + interval '1 day', step.complete) FROM points;
            PERFORM store_rollup(step.source);
            COMMIT;
            day := day + interval '1 day';
        END LOOP;
    END LOOP;
END $$;
COMMENT ON PROCEDURE rebuild_rollups(timestamptz, timestamptz) IS 'Rolls up days again, after readings were stored without note_late(): an import, a repair';


-- Each level in real time: what is complete, and for the rest what the level below has.
CREATE VIEW readings_1m AS
SELECT * FROM rollup_1m
 UNION ALL
SELECT point_id, date_bin('1 minute', time, '2000-01-01Z'), count(*)::int, (count(*) FILTER (WHERE quality = 0))::int, count(value)::int,
       coalesce(sum(summable(value)), 0), min(value), max(value),
       (array_agg(value ORDER BY time) FILTER (WHERE value IS NOT NULL))[1],
       (array_agg(value ORDER BY time DESC) FILTER (WHERE value IS NOT NULL))[1], max(quality)
  FROM readings WHERE time >= (SELECT complete FROM rollup_levels WHERE place = 1) GROUP BY 1, 2;
DO $$
DECLARE
    level record;
BEGIN
    FOR level IN VALUES ('1h', '1m', '1 hour', 2), ('1d', '1h', '1 day', 3) LOOP
        EXECUTE format($view$
            CREATE VIEW readings_%1$s AS SELECT * FROM rollup_%1$s UNION ALL
            SELECT point_id, date_bin(%3$L, bucket, '2000-01-01Z'), sum(total)::int, sum(good)::int, sum(count)::int, sum(sum), min(min), max(max),
                   (array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1],
                   (array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1], max(worst)
              FROM readings_%2$s WHERE bucket >= (SELECT complete FROM rollup_levels WHERE place = %4$s) GROUP BY 1, 2
            $view$, level.column1, level.column2, level.column3, level.column4);
        EXECUTE format('COMMENT ON VIEW readings_%s IS %L', level.column1, 'Readings by ' || level.column3 || ', in real time');
    END LOOP;
END $$;

-- Plans over many chunks look expensive enough to compile, which takes longer than to run them.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET jit = off', current_database());
END $$;
