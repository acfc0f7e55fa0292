-- The increase of counters (docs/history.md#counters). Each step from one value to the next belongs to the bucket in which
-- the next one came, so that the buckets of any time add up to what was counted in it. A rollup keeps the increase from its
-- own first value to its last, as its readings say it; what lies between two rollups is added when they are put together.

CREATE FUNCTION restarted(before float8, value float8, modulus float8, zero float8) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN before IS NULL OR abs(before) > 1e290 OR value IS NULL OR abs(value) > 1e290 OR value >= before - 0.01 * abs(before - zero) THEN false
                ELSE (value - before + modulus BETWEEN 0 AND modulus / 2) IS NOT TRUE END
$$;
COMMENT ON FUNCTION restarted(float8, float8, float8, float8) IS
    'Whether a counter was set back between two values: it fell by more than a hundredth, and the way through its modulus would be longer than half of it';

CREATE FUNCTION counted(before float8, value float8, modulus float8, zero float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN before IS NULL OR abs(before) > 1e290 OR value IS NULL OR abs(value) > 1e290 THEN 0
                WHEN value >= before - 0.01 * abs(before - zero) THEN value - before
                WHEN value - before + modulus BETWEEN 0 AND modulus / 2 THEN value - before + modulus
                ELSE value - zero END
$$;
COMMENT ON FUNCTION counted(float8, float8, float8, float8) IS
    'What a counter counted between two values: their difference, also when it fell by a hundredth or less (rounding, a correction); '
    'through its modulus; of one that was set back what it shows above its zero. Values beyond 1e290 count nothing: their sum could overflow';

CREATE OR REPLACE VIEW point_holds AS
SELECT id AS point_id, make_interval(secs => interval_s) AS pace, make_interval(secs => 10 + 3 * interval_s + CASE WHEN deadband > 0 THEN heartbeat_s ELSE 0 END) AS gap,
       counter, counter_modulus(data_type, scale, modulus) AS modulus, value_offset AS zero
  FROM points;
COMMENT ON VIEW point_holds IS
    'How the values of each point are put together. One holds to the next reading, or where that is more than `gap` away for one `pace`; '
    'a counter begins again at `modulus` (null: never) with `zero`';
CREATE OR REPLACE VIEW limited.point_holds WITH (security_invoker = true) AS SELECT * FROM public.point_holds WHERE (SELECT false) OR point_id IN (SELECT person_points());

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rollup_1m', 'rollup_1h', 'rollup_1d'] LOOP
        EXECUTE format('ALTER TABLE %I ADD rise float8, ADD restarts int, ADD rise_from timestamptz, ADD rise_to timestamptz', name);
        EXECUTE format('CREATE OR REPLACE VIEW limited.%1$I AS SELECT * FROM public.%1$I WHERE (SELECT false) OR point_id IN (SELECT person_points())', name);
    END LOOP;
END $$;
COMMENT ON COLUMN rollup_1m.rise IS 'Of a counter: its increase from its first value to its last; null of other points, and where the readings were gone when it became a counter';
COMMENT ON COLUMN rollup_1m.restarts IS 'How often it was set back in between';
COMMENT ON COLUMN rollup_1m.rise_from IS 'When its first value was read';
COMMENT ON COLUMN rollup_1m.rise_to IS 'When its last value was read';

-- As in 0019, with the increase. What has no value is a partition of its own, so that it does not come between two values.
CREATE OR REPLACE FUNCTION make_rollup_1m(point int, from_time timestamptz, to_time timestamptz, lowest timestamptz, highest timestamptz) RETURNS SETOF rollup_1m
LANGUAGE sql STABLE AS $$
    SELECT point, bucket, count(*)::int, (count(*) FILTER (WHERE quality = 0))::int, count(value)::int,
           coalesce(sum(summable(value)), 0), min(value), max(value),
           (array_agg(value ORDER BY time) FILTER (WHERE value IS NOT NULL))[1],
           (array_agg(value ORDER BY time DESC) FILTER (WHERE value IS NOT NULL))[1], max(quality),
           min(time), max(time), (array_agg(value ORDER BY time DESC))[1], coalesce(sum(weighable(value) * seconds), 0), coalesce(sum(seconds), 0),
           sum(counted(before, value, modulus, zero)) FILTER (WHERE counter AND value IS NOT NULL),
           (sum(restarted(before, value, modulus, zero)::int) FILTER (WHERE counter AND value IS NOT NULL))::int,
           min(time) FILTER (WHERE counter AND value IS NOT NULL), max(time) FILTER (WHERE counter AND value IS NOT NULL)
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
    FOR level IN VALUES ('rollup_1h', 'rollup_1m', '1 hour'), ('rollup_1d', 'rollup_1h', '1 day') LOOP
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
                       min(coalesce(rise_from, first_at, bucket)) FILTER (WHERE counter AND count > 0), max(coalesce(rise_to, last_at, bucket)) FILTER (WHERE counter AND count > 0)
                  FROM (SELECT r.*, modulus, zero, counter, first_at IS NOT NULL AS known,
                               CASE WHEN held IS NOT NULL AND next_at < whole + interval %3$L THEN date_part('epoch', held_until(last_at, next_at, pace, gap) - last_at) END AS seconds
                          FROM (SELECT *, date_bin(%3$L, bucket, '2000-01-01Z') AS whole, lead(first_at) OVER (ORDER BY bucket) AS next_at,
                                       lag(last) OVER (PARTITION BY count > 0, date_bin(%3$L, bucket, '2000-01-01Z') ORDER BY bucket) AS before
                                  FROM %4$I WHERE point_id = point AND bucket >= from_time AND bucket < to_time AND bucket >= lowest AND bucket < highest) r
                         CROSS JOIN (SELECT * FROM point_holds WHERE point_id = point OFFSET 0) p) s
                 GROUP BY 2
            $body$ $function$, 'make_' || level.column1, level.column1, level.column3, level.column2);
    END LOOP;
END $$;

-- As in 0019, with the columns of this migration.
CREATE OR REPLACE FUNCTION store_rollup(level regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s AS r SELECT made.* FROM rollup_wanted w CROSS JOIN LATERAL make_%1$s(w.point_id, w.from_time, w.to_time, $1, $2) made
        ON CONFLICT (point_id, bucket) DO UPDATE SET total = excluded.total, good = excluded.good, count = excluded.count,
            sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last, worst = excluded.worst,
            first_at = excluded.first_at, last_at = excluded.last_at, held = excluded.held, integral = excluded.integral, covered = excluded.covered,
            rise = excluded.rise, restarts = excluded.restarts, rise_from = excluded.rise_from, rise_to = excluded.rise_to
        WHERE excluded.total >= r.total AND NOT EXISTS (
            SELECT FROM points p JOIN retention_state k ON k.device_id = p.device_id AND k.source = $3 WHERE p.id = r.point_id AND r.bucket < k.erased_before)', level)
        USING (SELECT min(from_time) FROM rollup_wanted), (SELECT max(to_time) FROM rollup_wanted),
              (SELECT below.source FROM rollup_levels l JOIN rollup_levels below ON below.place = l.place - 1 WHERE l.source = store_rollup.level::text);
END $$;

-- What becomes a counter, or counts in another way, has its rollups made again: the minutes of today at once, the days before
-- one after the other.
CREATE FUNCTION count_again() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed int[] := ARRAY(SELECT id FROM (SELECT id, counter_modulus(data_type, scale, modulus), value_offset FROM made WHERE counter
                                              EXCEPT SELECT id, counter_modulus(data_type, scale, modulus), value_offset FROM gone WHERE counter) d);
    today CONSTANT timestamptz := date_bin('1 day', now(), '2000-01-01Z');
BEGIN
    IF changed <> '{}' THEN
        INSERT INTO rollup_late (bucket, points) SELECT minute, changed FROM generate_series(today, now() + interval '1 minute', '1 minute') AS minute;
        INSERT INTO rollup_late_days (day, points)
        SELECT bucket, array_agg(point_id) FROM rollup_1d WHERE point_id = ANY (changed) AND bucket < today GROUP BY bucket ORDER BY bucket DESC;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER points_counted AFTER UPDATE ON points REFERENCING OLD TABLE AS gone NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_again();

-- The calendar of the site: its shifts, the first day of its week, the first month of its fiscal year.
ALTER TABLE configuration
    ADD COLUMN shifts jsonb NOT NULL DEFAULT '[]' CONSTRAINT configuration_shifts_list CHECK (jsonb_typeof(shifts) = 'array'),
    ADD COLUMN week_start text NOT NULL DEFAULT 'monday' CONSTRAINT configuration_week_start_known
        CHECK (week_start IN ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')),
    ADD COLUMN fiscal_month text NOT NULL DEFAULT 'january' CONSTRAINT configuration_fiscal_month_known
        CHECK (fiscal_month IN ('january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october', 'november', 'december'));
COMMENT ON COLUMN configuration.shifts IS 'Each with name, days (1 Monday to 7 Sunday on which it begins), start and end in local time; an end that is not after its start is of the next day';
COMMENT ON COLUMN configuration.week_start IS 'The first day of the week';
COMMENT ON COLUMN configuration.fiscal_month IS 'The first month of the fiscal year';

CREATE FUNCTION local_moment(local timestamp, time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN early < late AND early AT TIME ZONE time_zone = local THEN early ELSE late END
      FROM (SELECT late, (local - ((late - interval '1 day') AT TIME ZONE time_zone - (late - interval '1 day') AT TIME ZONE 'UTC')) AT TIME ZONE 'UTC' AS early
              FROM (SELECT local AT TIME ZONE time_zone AS late) l) e
$$;
COMMENT ON FUNCTION local_moment(timestamp, text) IS 'When a local time is: of one that the clock shows twice the first, of one that it skips as much later';

CREATE FUNCTION shift_spans(time_zone text, from_time timestamptz, to_time timestamptz) RETURNS TABLE (name text, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT s ->> 'name', local_moment(day + (s ->> 'start')::time, time_zone),
           local_moment(day + (s ->> 'end')::time + CASE WHEN (s ->> 'end')::time <= (s ->> 'start')::time THEN interval '1 day' ELSE '0' END, time_zone)
      FROM configuration c CROSS JOIN jsonb_array_elements(c.shifts) AS s
     CROSS JOIN generate_series(date_trunc('day', from_time AT TIME ZONE time_zone) - interval '2 days', to_time AT TIME ZONE time_zone + interval '1 day', '1 day') AS day
     WHERE s -> 'days' @> to_jsonb(extract(isodow FROM day)::int)
$$;
COMMENT ON FUNCTION shift_spans(text, timestamptz, timestamptz) IS 'The shifts of the site that have a part of a time, and some before and after';

CREATE FUNCTION calendar_grid(calendar text) RETURNS TABLE (step interval, time_zone text, origin timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT CASE calendar WHEN 'hour' THEN interval '1 hour' WHEN 'day' THEN '1 day' WHEN 'week' THEN '7 days' WHEN 'month' THEN '1 month' WHEN 'quarter' THEN '3 months' WHEN 'year' THEN '1 year'
                         WHEN 'fiscal_quarter' THEN '3 months' WHEN 'fiscal_year' THEN '1 year'
                         WHEN 'shift' THEN (SELECT max(CASE WHEN length > '0' THEN length ELSE length + interval '1 day' END)
                                              FROM (SELECT (s ->> 'end')::time - (s ->> 'start')::time AS length FROM jsonb_array_elements(c.shifts) AS s) l) END,
           c.time_zone,
           local_moment(CASE WHEN calendar = 'week' THEN timestamp '2000-01-03' + interval '1 day' * (array_position('{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[], c.week_start) - 1)
                             WHEN calendar IN ('fiscal_quarter', 'fiscal_year') THEN
                                 timestamp '2000-01-01' + interval '1 month' * (array_position('{january,february,march,april,may,june,july,august,september,october,november,december}'::text[], c.fiscal_month) - 1) END,
                        c.time_zone)
      FROM configuration c
$$;
COMMENT ON FUNCTION calendar_grid(text) IS 'How long the buckets of a calendar are (of shifts the longest), whose clock they follow, and where one begins; step is null when no shift is configured';

CREATE FUNCTION calendar_edges(calendar text, step interval, time_zone text, origin timestamptz, from_time timestamptz, to_time timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    reach CONSTANT interval := '8 days';  -- a shift comes at least once a week
    edges timestamptz[];
BEGIN
    IF calendar IS DISTINCT FROM 'shift' THEN
        RETURN bucket_edges(step, time_zone, origin, from_time, to_time);
    ELSIF step IS NULL THEN
        RAISE 'no shifts are configured' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    SELECT array_agg(DISTINCT edge ORDER BY edge) INTO edges
      FROM shift_spans(time_zone, from_time - reach, to_time + reach) s CROSS JOIN LATERAL (VALUES (s.starts), (s.ends)) AS v (edge);
    RETURN ARRAY(SELECT edge FROM unnest(edges) AS edge WHERE edge >= (SELECT max(e) FROM unnest(edges) AS e WHERE e <= from_time)
                                                          AND edge <= (SELECT min(e) FROM unnest(edges) AS e WHERE e >= to_time));
END $$;
COMMENT ON FUNCTION calendar_edges(text, interval, text, timestamptz, timestamptz, timestamptz) IS
    'As bucket_edges; of the calendar `shift` where shifts begin and end: what lies between two of them is a bucket too';

DROP FUNCTION bucket_starts(interval, text, timestamptz, timestamptz, timestamptz);
CREATE FUNCTION bucket_starts(step interval, time_zone text, origin timestamptz, from_time timestamptz, to_time timestamptz, calendar text DEFAULT NULL) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    edges timestamptz[];
BEGIN
    IF calendar IS NOT NULL THEN
        SELECT g.step, g.time_zone, g.origin INTO step, time_zone, origin FROM calendar_grid(calendar) g;
    END IF;
    edges := calendar_edges(calendar, step, time_zone, origin, from_time, to_time);
    IF edges IS NULL THEN
        RETURN QUERY SELECT generate_series(date_bin(step, from_time, bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone), to_time - interval '1 microsecond', step);
    ELSE
        RETURN QUERY SELECT unnest(trim_array(edges, 1));
    END IF;
END $$;
COMMENT ON FUNCTION bucket_starts(interval, text, timestamptz, timestamptz, timestamptz, text) IS 'Where each bucket begins that has a part of a time';

-- As in 0019, with increase, rate and restarts, and with the site's calendar. Of rows without a value there is no step: in a
-- partition of their own they do not come between those that have one.
CREATE OR REPLACE FUNCTION series_rows(place int, step interval, anchor timestamptz, edges timestamptz[], from_time timestamptz, to_time timestamptz, reach interval, wanted text[]) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    weighs boolean := wanted && '{weighted,covered}';
    counts boolean := wanted && '{increase,rate,restarts}';
    widened interval := CASE WHEN weighs THEN reach + (SELECT CASE WHEN l.place > 0 THEN l.unit ELSE '0' END FROM rollup_levels l WHERE l.place = series_rows.place) ELSE '0' END;
    until timestamptz := to_time + widened;
    reached timestamptz := from_time - widened;
    arms text[] := '{}';
    passed text;
    level record;
    arm text;
    each text;
    grouped text;
    seeds text[] := '{}';
    seed text;
    edge timestamptz := '-infinity';
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
                   ('increase', NULL, 'CASE WHEN w.counter THEN sum(rise + step) FILTER (WHERE count > 0) END'),
                   ('rate', NULL, 'CASE WHEN w.counter THEN 3600 * sum(rise + step) FILTER (WHERE count > 0) / nullif(date_part(''epoch'', max(rise_to) FILTER (WHERE count > 0) - min(since) FILTER (WHERE count > 0)), 0) END'),
                   ('restarts', NULL, 'CASE WHEN w.counter THEN (sum(restarts + restarted(before, first, w.modulus, w.zero)::int) FILTER (WHERE count > 0))::int END')) AS c (name, one, many)
     WHERE name = ANY (wanted);
    FOR level IN SELECT l.source, CASE l.place WHEN 0 THEN until ELSE least(l.complete, until) END AS until, l.place = series_rows.place AND l.unit = step AND NOT (weighs OR counts) AS passes
                   FROM rollup_levels l WHERE l.place <= series_rows.place ORDER BY l.place DESC LOOP
        CONTINUE WHEN level.until <= reached;
        arm := CASE level.source WHEN 'readings' THEN
            format('SELECT time AS bucket, (quality = 0)::int AS good, 1 AS total, (value IS NOT NULL)::int AS count, summable(value) AS sum, value AS min, value AS max, value AS first, value AS last, quality AS worst%s
                      FROM readings WHERE point_id = w.id AND time >= %L AND time < %L',
                   CASE WHEN weighs THEN ', time AS first_at, time AS last_at, value AS held, 0::float8 AS integral, 0::float8 AS covered' ELSE '' END
                   || CASE WHEN counts THEN ', 0::float8 AS rise, 0 AS restarts, time AS rise_from, time AS rise_to' ELSE '' END, reached, level.until)
            ELSE format('SELECT bucket, good, total, count, sum, min, max, first, last, worst%s
                      FROM %I WHERE point_id = w.id AND bucket >= %L AND bucket < %L',
                   CASE WHEN weighs THEN ', coalesce(first_at, ''infinity'') AS first_at, last_at, held, integral, covered' ELSE '' END
                   || CASE WHEN counts THEN ', coalesce(rise, counted(first, last, w.modulus, w.zero)) AS rise, coalesce(restarts, restarted(first, last, w.modulus, w.zero)::int) AS restarts, coalesce(rise_from, first_at, bucket) AS rise_from, coalesce(rise_to, last_at, bucket) AS rise_to' ELSE '' END,
                   level.source, reached, level.until) END;
        IF level.passes THEN
            passed := format('SELECT bucket AS time, %s AS until, %s FROM (SELECT *, %s AS key FROM (%s) a) p', ends, coalesce(each, 'NULL'), key, arm);
        ELSE
            arms := arms || arm;
        END IF;
        reached := level.until;
    END LOOP;
    arm := format('SELECT *, %s AS key FROM (%s) a', key, array_to_string(arms, ' UNION ALL '));
    IF counts THEN
        -- The newest value before: in the last whole day that has one, else in the whole hours after it, and so on to the readings.
        FOR level IN SELECT l.source, CASE l.place WHEN 0 THEN from_time ELSE least(l.complete, date_bin(l.unit, from_time, '2000-01-01Z')) END AS until FROM rollup_levels l ORDER BY l.place DESC LOOP
            CONTINUE WHEN level.until <= edge;
            seeds := seeds || CASE level.source WHEN 'readings' THEN
                format('(SELECT value AS seed, time AS seed_at FROM readings WHERE point_id = w.id AND w.counter AND value IS NOT NULL AND time >= %L AND time < %L ORDER BY time DESC LIMIT 1)', edge, level.until)
                ELSE format('(SELECT last, coalesce(rise_to, last_at, bucket) FROM %I WHERE point_id = w.id AND w.counter AND count > 0 AND bucket >= %L AND bucket < %L ORDER BY bucket DESC LIMIT 1)', level.source, edge, level.until) END;
            edge := level.until;
        END LOOP;
        seed := array_to_string(seeds, ' UNION ALL ');
        arm := format('SELECT *, CASE WHEN count > 0 THEN counted(before, first, w.modulus, w.zero) END AS step, coalesce(before_to, rise_from) AS since
                         FROM (SELECT b.*, coalesce(lag(last) OVER c, seed) AS before, coalesce(lag(rise_to) OVER c, seed_at) AS before_to
                                 FROM (%s) b LEFT JOIN (SELECT * FROM (%s) s (seed, seed_at) ORDER BY seed_at DESC LIMIT 1) s ON true
                               WINDOW c AS (PARTITION BY count > 0 ORDER BY bucket)) v', arm, seed);
    END IF;
    IF weighs THEN
        arm := format('SELECT *, CASE WHEN last_at < stop THEN date_part(''epoch'', least(held_until(last_at, next_at, w.pace, w.gap), stop) - last_at) ELSE 0 END AS tail,
                              CASE WHEN before_at < start THEN greatest(date_part(''epoch'', held_until(before_at, first_at, w.pace, w.gap) - start), 0) ELSE 0 END AS head
                         FROM (SELECT *, lead(first_at, 1, now()) OVER o AS next_at, lag(last_at) OVER o AS before_at, lag(held) OVER o AS before_held
                                 FROM (SELECT *, %s AS start, %s AS stop FROM (%s) k) b WINDOW o AS (ORDER BY bucket)) n
                        WHERE start >= %L AND start < %L', start, stop, arm, from_time, to_time);
    END IF;
    IF arms <> '{}' THEN
        grouped := format('SELECT %s AS time, %s AS until, %s FROM (%s) r GROUP BY key', start, ends, coalesce(grouped, 'NULL'), arm);
    ELSE
        grouped := NULL;
    END IF;
    RETURN concat_ws(' UNION ALL ', passed, grouped) || ' ORDER BY 1';
END $$;

DROP FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[], timestamptz);
CREATE FUNCTION series(
    points int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 1000, step interval DEFAULT NULL, time_zone text DEFAULT 'UTC',
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst}', origin timestamptz DEFAULT NULL, calendar text DEFAULT NULL)
RETURNS TABLE (
    point_id int, level text, bucket interval, starts timestamptz, ends timestamptz, open_from timestamptz, size int, times timestamptz[], until timestamptz[],
    average float8[], lowest float8[], highest float8[], first float8[], last float8[], count int[], good float8[], worst smallint[], weighted float8[], covered float8[],
    increase float8[], rate float8[], restarts int[], names text[])
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
    ELSIF step IS NULL AND wanted && '{increase,rate,restarts}' THEN  -- of readings there is none
        step := series_step(span, most);
    END IF;
    IF step IS NULL THEN
        -- As they are, where no more than `most` are to be expected, and no more were found.
        SELECT array_agg(p.id) INTO few FROM points p JOIN devices d ON d.id = p.device_id
         WHERE p.id = ANY (points) AND from_time >= now() - make_interval(days => d.retention_days)
           AND extract(epoch FROM span) <= most::float8 * p.interval_s;
        RETURN QUERY EXECUTE '
            SELECT w.id, ''raw'', NULL::interval, $2, $3, NULL::timestamptz, r.size, r.times, NULL::timestamptz[], r.average, NULL::float8[], NULL::float8[], NULL::float8[],
                   NULL::float8[], NULL::int[], NULL::float8[], r.worst, NULL::float8[], NULL::float8[], NULL::float8[], NULL::float8[], NULL::int[], NULL::text[]
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
                   (11, 'increase', 'float8'), (12, 'rate', 'float8'), (13, 'restarts', 'int')) AS c (place, name, type);
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
            CASE WHEN edges IS NULL THEN 'NULL::timestamptz[]' ELSE 'array_agg(until)' END, arrays, series_rows(chosen.place, CASE WHEN calendar = 'shift' THEN NULL ELSE bucket END, anchor, edges, starts, ends, chosen.gap, wanted))
            USING chosen.ids, level, bucket, starts, ends, open_from, edges, time_zone;
    END LOOP;
END $$;
COMMENT ON FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[], timestamptz, text) IS
    'History of points, one row each: the readings as they are where at most `most` are there (level raw, bucket null), else buckets of `step`, or of the shortest '
    'step with which there are at most `most`, from the highest level that makes them up. Buckets of hours and more are those of the time zone; one begins at `origin`. '
    'A reading without a value is NaN; a bucket without readings is left out. until is where each bucket ends, null where all are as long as `bucket`. '
    'starts and ends are from and to, widened to whole buckets; open_from is where the bucket begins that is not over yet. '
    'average, lowest, highest, first, last of the readings with a value, count of them, good as a share of all, worst quality code; '
    'weighted is the average in which each value counts by how long it held, covered for how many seconds one did; of a counter increase, rate an hour and how often it was set back, always in buckets; only `wanted` ones are made. '
    'calendar: buckets of the site''s own, shift (with names), week, fiscal_year and so on, instead of step, time_zone and origin';

DROP FUNCTION series_buckets(int, timestamptz, timestamptz, interval, text, timestamptz, text[]);
CREATE FUNCTION series_buckets(
    point int, from_time timestamptz, to_time timestamptz, step interval, time_zone text, origin timestamptz,
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst,weighted,covered}', calendar text DEFAULT NULL)
RETURNS TABLE ("time" timestamptz, average float8, lowest float8, highest float8, first float8, last float8, count int, good float8, worst smallint, weighted float8, covered float8,
    increase float8, rate float8, restarts int, name text)
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
      FROM unnest('{average,lowest,highest,first,last,count,good,worst,weighted,covered,increase,rate,restarts}'::text[],
                  '{float8,float8,float8,float8,float8,int,float8,smallint,float8,float8,float8,float8,int}'::text[]) WITH ORDINALITY AS c (name, type, number);
    IF from_time < now() - make_interval(days => (SELECT d.retention_days FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = point)) THEN
        place := greatest(place, 1);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT s.time, %s, %s FROM (SELECT point_id AS id, pace, gap, counter, modulus, zero FROM point_holds WHERE point_id = $1 OFFSET 0) w CROSS JOIN LATERAL (%s) s', names,
        CASE WHEN calendar = 'shift' THEN '(SELECT p.name FROM shift_spans($2, s.time, s.time + interval ''1 second'') p WHERE p.starts = s.time)' ELSE 'NULL' END,
        series_rows(place, CASE WHEN calendar = 'shift' THEN NULL ELSE step END, anchor, edges, coalesce(edges[1], date_bin(step, from_time, anchor)),
                    coalesce(edges[cardinality(edges)], date_bin(step, to_time - interval '1 microsecond', anchor) + step),
                    (SELECT gap FROM point_holds WHERE point_id = point), wanted))
        USING point, time_zone, NULL::text, NULL::text, NULL::text, NULL::text, edges;
END $$;
COMMENT ON FUNCTION series_buckets(int, timestamptz, timestamptz, interval, text, timestamptz, text[], text) IS 'The buckets of `series` of one point as rows, oldest first';

CREATE FUNCTION grafana.consumption(point_ids int[], from_time timestamptz, to_time timestamptz, calendar text DEFAULT 'hour')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, increase float8, rate float8, restarts int, shift text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    counters int[] := ARRAY(SELECT p.point_id FROM grafana.points p WHERE p.counter AND p.point_id = ANY (point_ids));
    -- A browser gets no more than about 40,000 rows.
    taken text := CASE WHEN calendar IN ('hour', 'shift') AND extract(epoch FROM to_time - from_time) / 3600 * greatest(cardinality(counters), 1) > 40000 THEN 'day' ELSE calendar END;
BEGIN
    IF NOT EXISTS (SELECT FROM calendar_grid(taken) g WHERE g.step IS NOT NULL) THEN  -- no shifts are configured
        RETURN;
    END IF;
    RETURN QUERY
    SELECT s.point_id, r.time, coalesce(r.until, r.time + s.bucket), nullif(r.increase, 'NaN'), nullif(r.rate, 'NaN'), r.restarts, r.name
      FROM series(counters, from_time, to_time, 1000000, NULL, 'UTC', '{increase,rate,restarts}', NULL, taken) s
     CROSS JOIN LATERAL unnest(s.times, s.until, s.increase, s.rate, s.restarts, s.names) AS r (time, until, increase, rate, restarts, name)
     WHERE r.increase <> 'NaN';
END $$;
COMMENT ON FUNCTION grafana.consumption(int[], timestamptz, timestamptz, text) IS
    'What counters counted in each hour, shift, day, week, month, quarter, year, fiscal_quarter or fiscal_year of the site: increase in the unit of the point, '
    'rate an hour, how often it was set back, and the name of the shift; points that are no counters are left out; days, where hours or shifts would be more than 40,000 rows';
REVOKE EXECUTE ON FUNCTION grafana.consumption(int[], timestamptz, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.consumption(int[], timestamptz, timestamptz, text) TO ddms_grafana, ddms_app;

CREATE FUNCTION limited_grafana.consumption(point_ids int[], from_time timestamptz, to_time timestamptz, calendar text DEFAULT 'hour')
RETURNS TABLE (point_id int, "time" timestamptz, until timestamptz, increase float8, rate float8, restarts int, shift text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM grafana.consumption(ARRAY(SELECT unnest(point_ids) INTERSECT SELECT shown_points()), from_time, to_time, calendar)
$$;
COMMENT ON FUNCTION limited_grafana.consumption(int[], timestamptz, timestamptz, text) IS 'As grafana.consumption, of the points in sight';
REVOKE EXECUTE ON FUNCTION limited_grafana.consumption(int[], timestamptz, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION limited_grafana.consumption(int[], timestamptz, timestamptz, text) TO ddms_grafana_limited;
