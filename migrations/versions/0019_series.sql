-- Buckets by the calendar of a place (docs/history.md). Local times n steps from an origin are looked up in the time zone:
-- one that the clock skips begins as much later as was skipped, of one that it shows twice the first counts. Of steps no
-- longer than what is skipped or repeated, a skipped one falls out and a repeated one begins twice: a day of 25 hours has 25.

CREATE FUNCTION bucket_anchor(step interval, time_zone text, origin timestamptz) RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(origin AT TIME ZONE time_zone, CASE WHEN extract(year FROM step) + extract(month FROM step) > 0 THEN '2000-01-01' ELSE '2000-01-03' END::timestamp)
$$;
COMMENT ON FUNCTION bucket_anchor(interval, text, timestamptz) IS 'The local time at which a bucket begins: of the origin, else midnight of a first of January, for days and less of a Monday';

-- Null where buckets have one length: of less than an hour, and of UTC.
CREATE FUNCTION bucket_edges(step interval, time_zone text, origin timestamptz, from_time timestamptz, to_time timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    months int := extract(year FROM step) * 12 + extract(month FROM step);
    anchor timestamp := bucket_anchor(step, time_zone, origin);
    low timestamp := from_time AT TIME ZONE time_zone;
    high timestamp := to_time AT TIME ZONE time_zone;
    first int;
    final int;
    edges timestamptz[];
BEGIN
    IF months = 0 AND (step < '1 hour' OR time_zone = 'UTC') THEN
        RETURN NULL;
    END IF;
    IF months > 0 THEN
        first := floor(((extract(year FROM low) - extract(year FROM anchor)) * 12 + extract(month FROM low) - extract(month FROM anchor)) / months);
        final := ceil(((extract(year FROM high) - extract(year FROM anchor)) * 12 + extract(month FROM high) - extract(month FROM anchor)) / months);
    ELSE
        first := floor(extract(epoch FROM low - anchor) / extract(epoch FROM step));
        final := ceil(extract(epoch FROM high - anchor) / extract(epoch FROM step));
    END IF;
    SELECT array_agg(DISTINCT edge ORDER BY edge) INTO edges
      FROM (SELECT local, late, late AT TIME ZONE time_zone - local AS skipped, (local - before) AT TIME ZONE 'UTC' AS early
              FROM (SELECT local, late, (late - interval '1 day') AT TIME ZONE time_zone - (late - interval '1 day') AT TIME ZONE 'UTC' AS before
                      FROM (SELECT anchor + n * step AS local, (anchor + n * step) AT TIME ZONE time_zone AS late FROM generate_series(first - 1 - (86400 / extract(epoch FROM step))::int, final + 1 + (86400 / extract(epoch FROM step))::int) AS n) l) o) e
     CROSS JOIN LATERAL (SELECT early < late AND early AT TIME ZONE time_zone = local AS twice) t
     CROSS JOIN LATERAL (VALUES (CASE WHEN twice THEN early ELSE late END), (CASE WHEN twice AND late - early >= step THEN late END)) AS v (edge)
     WHERE edge IS NOT NULL AND (skipped = '0' OR skipped < step);
    RETURN ARRAY(SELECT edge FROM unnest(edges) AS edge WHERE edge >= (SELECT max(e) FROM unnest(edges) AS e WHERE e <= from_time)
                                                          AND edge <= (SELECT min(e) FROM unnest(edges) AS e WHERE e >= to_time));
END $$;
COMMENT ON FUNCTION bucket_edges(interval, text, timestamptz, timestamptz, timestamptz) IS
    'Where the buckets begin that hold a time, and where the last one ends; null where all are as long as the step';

CREATE FUNCTION bucket_starts(step interval, time_zone text, origin timestamptz, from_time timestamptz, to_time timestamptz) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE AS $$
DECLARE
    edges timestamptz[] := bucket_edges(step, time_zone, origin, from_time, to_time);
BEGIN
    IF edges IS NULL THEN
        RETURN QUERY SELECT generate_series(date_bin(step, from_time, bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone), to_time - interval '1 microsecond', step);
    ELSE
        RETURN QUERY SELECT unnest(trim_array(edges, 1));
    END IF;
END $$;
COMMENT ON FUNCTION bucket_starts(interval, text, timestamptz, timestamptz, timestamptz) IS 'Where each bucket begins that has a part of a time';

DROP FUNCTION grafana.trend(int[], timestamptz, timestamptz, int);
DROP FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[]);
DROP FUNCTION series_rows(int, interval, text, timestamptz, timestamptz, text[]);
DROP FUNCTION series_place(interval, text, timestamptz, timestamptz);
DROP FUNCTION bucket_end(timestamptz, interval, text);
DROP FUNCTION bucket_start(timestamptz, interval, text);

-- The highest level whose buckets make up those of a step: each begins and ends where one of the level does.
CREATE FUNCTION series_place(step interval, anchor timestamptz, edges timestamptz[]) RETURNS int
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(max(l.place), 0) FROM rollup_levels l
     WHERE l.place > 0 AND CASE WHEN edges IS NULL THEN mod(extract(epoch FROM step), extract(epoch FROM l.unit)) = 0 AND anchor = date_bin(l.unit, anchor, '2000-01-01Z')
                                ELSE NOT EXISTS (SELECT FROM unnest(edges) AS edge WHERE edge <> date_bin(l.unit, edge, '2000-01-01Z')) END
$$;

-- One statement over every level that has a part of the time: the complete ones from the highest down, at last the readings.
-- Buckets of the highest level that are as long as the step pass as they are; all others are grouped. What is weighted by
-- time needs the rows before and after too, which hold into the first bucket and end the last one. OFFSET 0: the intervals of
-- a point are computed once, not for each row. A neighbour that was rolled up before 0019 is as one far away.
CREATE FUNCTION series_rows(place int, step interval, anchor timestamptz, edges timestamptz[], from_time timestamptz, to_time timestamptz, reach interval, wanted text[]) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    weighs boolean := wanted && '{weighted,covered}';
    widened interval := CASE WHEN weighs THEN reach + (SELECT CASE WHEN l.place > 0 THEN l.unit ELSE '0' END FROM rollup_levels l WHERE l.place = series_rows.place) ELSE '0' END;
    until timestamptz := to_time + widened;
    reached timestamptz := from_time - widened;
    arms text[] := '{}';
    passed text;
    level record;
    arm text;
    each text;
    grouped text;
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
                   ('covered', NULL, 'CASE WHEN count(integral) = count(*) THEN sum(covered + CASE WHEN held IS NULL THEN 0 ELSE tail END + CASE WHEN before_held IS NULL THEN 0 ELSE head END) END')) AS c (name, one, many)
     WHERE name = ANY (wanted);
    FOR level IN SELECT l.source, CASE l.place WHEN 0 THEN until ELSE least(l.complete, until) END AS until, l.place = series_rows.place AND l.unit = step AND NOT weighs AS passes
                   FROM rollup_levels l WHERE l.place <= series_rows.place ORDER BY l.place DESC LOOP
        CONTINUE WHEN level.until <= reached;
        arm := CASE level.source WHEN 'readings' THEN
            format('SELECT time AS bucket, (quality = 0)::int AS good, 1 AS total, (value IS NOT NULL)::int AS count, summable(value) AS sum, value AS min, value AS max, value AS first, value AS last, quality AS worst%s
                      FROM readings WHERE point_id = w.id AND time >= %L AND time < %L',
                   CASE WHEN weighs THEN ', time AS first_at, time AS last_at, value AS held, 0::float8 AS integral, 0::float8 AS covered' ELSE '' END, reached, level.until)
            ELSE format('SELECT bucket, good, total, count, sum, min, max, first, last, worst%s
                      FROM %I WHERE point_id = w.id AND bucket >= %L AND bucket < %L',
                   CASE WHEN weighs THEN ', coalesce(first_at, ''infinity'') AS first_at, last_at, held, integral, covered' ELSE '' END, level.source, reached, level.until) END;
        IF level.passes THEN
            passed := format('SELECT bucket AS time, %s AS until, %s FROM (SELECT *, %s AS key FROM (%s) a) p', ends, coalesce(each, 'NULL'), key, arm);
        ELSE
            arms := arms || arm;
        END IF;
        reached := level.until;
    END LOOP;
    arm := format('SELECT *, %s AS key FROM (%s) a', key, array_to_string(arms, ' UNION ALL '));
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

CREATE FUNCTION series(
    points int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 1000, step interval DEFAULT NULL, time_zone text DEFAULT 'UTC',
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst}', origin timestamptz DEFAULT NULL)
RETURNS TABLE (
    point_id int, level text, bucket interval, starts timestamptz, ends timestamptz, open_from timestamptz, size int, times timestamptz[], until timestamptz[],
    average float8[], lowest float8[], highest float8[], first float8[], last float8[], count int[], good float8[], worst smallint[], weighted float8[], covered float8[])
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
    IF step IS NULL THEN
        -- As they are, where no more than `most` are to be expected, and no more were found.
        SELECT array_agg(p.id) INTO few FROM points p JOIN devices d ON d.id = p.device_id
         WHERE p.id = ANY (points) AND from_time >= now() - make_interval(days => d.retention_days)
           AND extract(epoch FROM span) <= most::float8 * p.interval_s;
        RETURN QUERY EXECUTE '
            SELECT w.id, ''raw'', NULL::interval, $2, $3, NULL::timestamptz, r.size, r.times, NULL::timestamptz[], r.average, NULL::float8[], NULL::float8[], NULL::float8[],
                   NULL::float8[], NULL::int[], NULL::float8[], r.worst, NULL::float8[], NULL::float8[]
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
                   (5, 'last', 'float8'), (6, 'count', 'int'), (7, 'good', 'float8'), (8, 'worst', 'smallint'), (9, 'weighted', 'float8'), (10, 'covered', 'float8')) AS c (place, name, type);
    edges := bucket_edges(step, time_zone, origin, from_time, to_time);
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
            SELECT w.id, $2, $3, $4, $5, $6, s.* FROM (SELECT h.point_id AS id, h.pace, h.gap FROM point_holds h WHERE h.point_id = ANY ($1) OFFSET 0) w
             CROSS JOIN LATERAL (SELECT count(*)::int, array_agg(time), %s, %s FROM (%s) b) s',
            CASE WHEN edges IS NULL THEN 'NULL::timestamptz[]' ELSE 'array_agg(until)' END, arrays, series_rows(chosen.place, bucket, anchor, edges, starts, ends, chosen.gap, wanted))
            USING chosen.ids, level, bucket, starts, ends, open_from, edges;
    END LOOP;
END $$;
COMMENT ON FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[], timestamptz) IS
    'History of points, one row each: the readings as they are where at most `most` are there (level raw, bucket null), else buckets of `step`, or of the shortest '
    'step with which there are at most `most`, from the highest level that makes them up. Buckets of hours and more are those of the time zone; one begins at `origin`. '
    'A reading without a value is NaN; a bucket without readings is left out. until is where each bucket ends, null where all are as long as `bucket`. '
    'starts and ends are from and to, widened to whole buckets; open_from is where the bucket begins that is not over yet. '
    'average, lowest, highest, first, last of the readings with a value, count of them, good as a share of all, worst quality code; '
    'weighted is the average in which each value counts by how long it held, covered for how many seconds one did; only `wanted` ones are made';

-- The buckets of one point as rows: for exports, which are too long for arrays.
CREATE FUNCTION series_buckets(
    point int, from_time timestamptz, to_time timestamptz, step interval, time_zone text, origin timestamptz,
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst,weighted,covered}')
RETURNS TABLE ("time" timestamptz, average float8, lowest float8, highest float8, first float8, last float8, count int, good float8, worst smallint, weighted float8, covered float8)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    edges timestamptz[] := bucket_edges(step, time_zone, origin, from_time, to_time);
    anchor timestamptz := bucket_anchor(step, time_zone, origin) AT TIME ZONE time_zone;
    place int := series_place(step, anchor, edges);
    names text;
BEGIN
    SELECT string_agg(CASE WHEN name = ANY (wanted) THEN name ELSE 'NULL::' || type END, ', ' ORDER BY number) INTO names
      FROM unnest('{average,lowest,highest,first,last,count,good,worst,weighted,covered}'::text[],
                  '{float8,float8,float8,float8,float8,int,float8,smallint,float8,float8}'::text[]) WITH ORDINALITY AS c (name, type, number);
    IF from_time < now() - make_interval(days => (SELECT d.retention_days FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = point)) THEN
        place := greatest(place, 1);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT s.time, %s FROM (SELECT point_id AS id, pace, gap FROM point_holds WHERE point_id = $1 OFFSET 0) w CROSS JOIN LATERAL (%s) s', names,
        series_rows(place, step, anchor, edges, coalesce(edges[1], date_bin(step, from_time, anchor)),
                    coalesce(edges[cardinality(edges)], date_bin(step, to_time - interval '1 microsecond', anchor) + step),
                    (SELECT gap FROM point_holds WHERE point_id = point), wanted))
        USING point, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, edges;
END $$;
COMMENT ON FUNCTION series_buckets(int, timestamptz, timestamptz, interval, text, timestamptz, text[]) IS 'The buckets of `series` of one point as rows, oldest first';


-- As in 0007; of buckets with a calendar each has its own length.
CREATE FUNCTION grafana.trend(
    point_ids int[], from_time timestamptz, to_time timestamptz, max_points int,
    step interval DEFAULT NULL, time_zone text DEFAULT 'UTC', origin timestamptz DEFAULT NULL, time_weighted boolean DEFAULT false)
RETURNS TABLE (point_id int, "time" timestamptz, value float8, lowest float8, highest float8, quality_code smallint, level text, bucket interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH found AS (
        SELECT s.*, make_interval(secs => p.gap_seconds) AS gap
          -- Whatever is asked for, a browser gets no more than about 40,000 rows.
          FROM series(point_ids, from_time, to_time, least(greatest(max_points, 2), greatest(100, 40000 / greatest(cardinality(point_ids), 1))),
                      CASE WHEN step * greatest(100, 40000 / greatest(cardinality(point_ids), 1)) >= to_time - from_time THEN step END, time_zone, CASE WHEN time_weighted THEN '{weighted,average,lowest,highest,worst}' ELSE '{average,lowest,highest,worst}' END::text[], origin) s
          JOIN grafana.points p USING (point_id)
    ), shown AS (
        SELECT f.point_id, r.*, f.level, f.bucket, f.gap
          FROM found f CROSS JOIN LATERAL unnest(f.times, coalesce(f.weighted, f.average), f.lowest, f.highest, f.worst, f.until) AS r (time, value, lowest, highest, quality_code, until)
         UNION ALL  -- what the deadband kept out of the readings: the line reaches to now
        SELECT f.point_id, l.time, l.value, NULL, NULL, l.quality, NULL, f.level, f.bucket, f.gap
          FROM found f JOIN latest l USING (point_id)
         WHERE f.bucket IS NULL AND l.time BETWEEN from_time AND to_time AND l.time <> ALL (coalesce(f.times[f.size:], '{}'))
    ), followed AS (
        SELECT s.*, coalesce(lead(s.time) OVER (PARTITION BY s.point_id ORDER BY s.time), least(to_time, now())) AS next,
               coalesce(s.until, s.time + coalesce(s.bucket, '0')) AS over,
               CASE WHEN s.bucket IS NULL AND s.quality_code >= 16 THEN greatest(s.gap, '3 min') ELSE s.gap END AS silence
          FROM shown s
    )
    SELECT point_id, time, nullif(value, 'NaN'), nullif(lowest, 'NaN'), nullif(highest, 'NaN'), quality_code, level, bucket FROM shown
     UNION ALL
    SELECT point_id, CASE WHEN bucket IS NULL THEN time + silence ELSE over END, NULL, NULL, NULL, NULL, level, bucket
      FROM followed WHERE next > over + silence
$$;
COMMENT ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int, interval, text, timestamptz, boolean) IS
    'Readings of each point, or where more than max_points of them are to be expected average, lowest and highest of buckets; '
    'a bad reading and an outage are rows without a value; quality_code is the worst of a bucket; level and bucket say what is shown. '
    'With step buckets of that length, of hours and more those of time_zone, of which one begins at origin; time_weighted: averages by how long each value held';
REVOKE EXECUTE ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int, interval, text, timestamptz, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int, interval, text, timestamptz, boolean) TO ddms_grafana, ddms_app;
