-- The average weighted by time. A value holds from its reading to the next one; through an outage no longer than one
-- interval of its point; after a bad reading nothing holds. A rollup keeps what its own readings say: the integral and the
-- seconds from its first reading to its last, and what holds after that. So it depends on nothing outside of its bucket, and
-- late readings reach it as they reach the sum; what lies between two rollups is added when they are put together.

ALTER TABLE rollup_1m ADD first_at timestamptz, ADD last_at timestamptz, ADD held float8, ADD integral float8, ADD covered float8;
ALTER TABLE rollup_1h ADD first_at timestamptz, ADD last_at timestamptz, ADD held float8, ADD integral float8, ADD covered float8;
ALTER TABLE rollup_1d ADD first_at timestamptz, ADD last_at timestamptz, ADD held float8, ADD integral float8, ADD covered float8;
COMMENT ON COLUMN rollup_1m.first_at IS 'When its first reading was, good or bad; null in rollups of before this column that are not made again yet';
COMMENT ON COLUMN rollup_1m.last_at IS 'When its last reading was, good or bad';
COMMENT ON COLUMN rollup_1m.held IS 'The value of its last reading, which holds after it; null when that one is bad';
COMMENT ON COLUMN rollup_1m.integral IS 'Value times seconds from its first reading to its last';
COMMENT ON COLUMN rollup_1m.covered IS 'Of how many of these seconds the value is known';

CREATE VIEW point_holds AS
SELECT id AS point_id, make_interval(secs => interval_s) AS pace, make_interval(secs => 10 + 3 * interval_s + CASE WHEN deadband > 0 THEN heartbeat_s ELSE 0 END) AS gap
  FROM points;
COMMENT ON VIEW point_holds IS 'How long a value of each point holds: to the next reading, or where that is more than `gap` away for one `pace`';

CREATE FUNCTION held_until(last_at timestamptz, next_at timestamptz, pace interval, gap interval) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN next_at <= last_at + gap THEN next_at WHEN next_at > last_at + gap THEN last_at + pace END
$$;
COMMENT ON FUNCTION held_until(timestamptz, timestamptz, interval, interval) IS 'Until when a reading holds, by when the next one came';

CREATE FUNCTION weighable(value float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN value > 1e290 THEN 1e290 WHEN value < -1e290 THEN -1e290 WHEN value IS NULL THEN 0 ELSE value END
$$;
COMMENT ON FUNCTION weighable(float8) IS 'A value whose integral over centuries cannot overflow, which would be an error for all points; none weighs nothing';

CREATE OR REPLACE FUNCTION make_rollup_1m(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz) RETURNS SETOF rollup_1m
LANGUAGE sql STABLE AS $$
    SELECT point, bucket, count(*)::int, (count(*) FILTER (WHERE quality = 0))::int, count(value)::int,
           coalesce(sum(summable(value)), 0), min(value), max(value),
           (array_agg(value ORDER BY time) FILTER (WHERE value IS NOT NULL))[1],
           (array_agg(value ORDER BY time DESC) FILTER (WHERE value IS NOT NULL))[1], max(quality),
           min(time), max(time), (array_agg(value ORDER BY time DESC))[1], coalesce(sum(weighable(value) * seconds), 0), coalesce(sum(seconds), 0)
      FROM (SELECT r.*, CASE WHEN value IS NOT NULL AND next_at < bucket + interval '1 minute' THEN date_part('epoch', held_until(time, next_at, pace, gap) - time) END AS seconds
              FROM (SELECT time, value, quality, date_bin('1 minute', time, '2000-01-01Z') AS bucket, lead(time) OVER (ORDER BY time) AS next_at
                      FROM readings WHERE point_id = point AND time >= from_time AND time < to_time AND time >= lowest AND time < highest) r
             CROSS JOIN (SELECT pace, gap FROM point_holds WHERE point_id = point OFFSET 0) p) s
     GROUP BY 2
$$;
DO $$
DECLARE
    level record;
BEGIN
    FOR level IN VALUES ('rollup_1h', 'rollup_1m', '1 hour'), ('rollup_1d', 'rollup_1h', '1 day') LOOP
        EXECUTE format($function$
            CREATE OR REPLACE FUNCTION %I(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz)
            RETURNS SETOF %I LANGUAGE sql STABLE AS $body$
                SELECT point, whole, sum(total)::int, sum(good)::int, sum(count)::int, sum(sum), min(min), max(max),
                       (array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1],
                       (array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1], max(worst),
                       CASE WHEN bool_and(known) THEN min(first_at) END, CASE WHEN bool_and(known) THEN max(last_at) END,
                       CASE WHEN bool_and(known) THEN (array_agg(held ORDER BY bucket DESC))[1] END,
                       CASE WHEN bool_and(known) THEN sum(integral + weighable(held) * coalesce(seconds, 0)) END,
                       CASE WHEN bool_and(known) THEN sum(covered + coalesce(seconds, 0)) END
                  FROM (SELECT r.*, first_at IS NOT NULL AS known,
                               CASE WHEN held IS NOT NULL AND next_at < whole + interval %3$L THEN date_part('epoch', held_until(last_at, next_at, pace, gap) - last_at) END AS seconds
                          FROM (SELECT *, date_bin(%3$L, bucket, '2000-01-01Z') AS whole, lead(first_at) OVER (ORDER BY bucket) AS next_at
                                  FROM %4$I WHERE point_id = point AND bucket >= from_time AND bucket < to_time AND bucket >= lowest AND bucket < highest) r
                         CROSS JOIN (SELECT pace, gap FROM point_holds WHERE point_id = point OFFSET 0) p) s
                 GROUP BY 2
            $body$ $function$, 'make_' || level.column1, level.column1, level.column3, level.column2);
    END LOOP;
END $$;

-- As in 0014, with the columns of this migration.
CREATE OR REPLACE FUNCTION store_rollup(level regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s AS r SELECT made.* FROM rollup_wanted w CROSS JOIN LATERAL make_%1$s(w.point_id, w.from_time, w.to_time, $1, $2) made
        ON CONFLICT (point_id, bucket) DO UPDATE SET total = excluded.total, good = excluded.good, count = excluded.count,
            sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last, worst = excluded.worst,
            first_at = excluded.first_at, last_at = excluded.last_at, held = excluded.held, integral = excluded.integral, covered = excluded.covered
        WHERE excluded.total >= r.total AND NOT EXISTS (
            SELECT FROM points p JOIN retention_state k ON k.device_id = p.device_id AND k.source = $3 WHERE p.id = r.point_id AND r.bucket < k.erased_before)', level)
        USING (SELECT min(from_time) FROM rollup_wanted), (SELECT max(to_time) FROM rollup_wanted),
              (SELECT below.source FROM rollup_levels l JOIN rollup_levels below ON below.place = l.place - 1 WHERE l.source = store_rollup.level::text);
END $$;


-- Rollups of before are made again in the background, day by day backwards, from the readings that are there still.
CREATE TABLE rollup_backfill (
    single          boolean DEFAULT true CONSTRAINT rollup_backfill_pkey PRIMARY KEY CONSTRAINT rollup_backfill_single CHECK (single),
    since           timestamptz NOT NULL,
    before          timestamptz NOT NULL
);
COMMENT ON TABLE rollup_backfill IS 'Days whose rollups were made before 0019 and have no integral yet; empty when all have, or have no readings to make it of';
INSERT INTO rollup_backfill (since, before)
SELECT since, date_bin('1 day', now(), '2000-01-01Z') + interval '1 day'
  FROM (SELECT greatest(least((SELECT min(bucket) FROM rollup_1d), (SELECT complete FROM rollup_levels WHERE place = 3)),
                        date_bin('1 day', now() - make_interval(days => coalesce((SELECT max(retention_days) FROM devices), 0) + 1), '2000-01-01Z')) AS since) s
 WHERE EXISTS (SELECT FROM rollup_1m);

CREATE FUNCTION backfill_rollups() RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    day timestamptz;
    step record;
BEGIN
    UPDATE rollup_backfill SET before = before - interval '1 day' WHERE before > since RETURNING before INTO day;
    IF day IS NULL THEN
        DELETE FROM rollup_backfill;
        RETURN false;
    END IF;
    IF compression_available() THEN
        SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    END IF;
    PERFORM prepare_rollup();
    FOR step IN SELECT * FROM rollup_levels WHERE place > 0 ORDER BY place LOOP
        DELETE FROM rollup_wanted;
        INSERT INTO rollup_wanted SELECT id, day, least(day + interval '1 day', step.complete) FROM points WHERE day < step.complete;
        PERFORM store_rollup(step.source);
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION backfill_rollups() IS 'Makes the rollups of one more day again; returns whether there was one';

-- As in 0007; what is left of 5 seconds is for the days of before.
CREATE OR REPLACE PROCEDURE refresh_rollups(up_to timestamptz DEFAULT now() - interval '10 seconds')
LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
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
    WHILE clock_timestamp() < began + interval '5 seconds' LOOP
        EXIT WHEN NOT backfill_rollups();
        COMMIT;
    END LOOP;
END $$;
