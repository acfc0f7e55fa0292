-- History at every zoom, for GraphQL and Grafana alike.

CREATE FUNCTION bucket_start(moment timestamptz, step interval, time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN extract(year FROM step) > 0 THEN date_trunc('year', moment, time_zone)
                WHEN extract(month FROM step) = 3 THEN date_trunc('quarter', moment, time_zone)
                WHEN extract(month FROM step) > 0 THEN date_trunc('month', moment, time_zone)
                WHEN extract(day FROM step) > 0 THEN date_bin(step, moment AT TIME ZONE time_zone, '2000-01-03') AT TIME ZONE time_zone
                ELSE date_bin(step, moment, '2000-01-01Z') END
$$;
COMMENT ON FUNCTION bucket_start(timestamptz, interval, text) IS
    'Where the bucket of a moment begins. Hours and less count from 2000-01-01 UTC; days (weeks begin on Monday), months, quarters and years are those of the time zone';

CREATE FUNCTION bucket_end(moment timestamptz, step interval, time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN step < '1 day' THEN start + step ELSE ((start AT TIME ZONE time_zone) + step) AT TIME ZONE time_zone END
      FROM bucket_start(moment, step, time_zone) AS start
$$;

CREATE FUNCTION series_step(span interval, most int) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(min(step) FILTER (WHERE step * greatest(most - 1, 1) >= span), '1 year')
      FROM unnest('{1s,2s,5s,10s,15s,30s,1min,2min,5min,10min,15min,30min,1h,2h,3h,6h,12h,1d,2d,7d,14d,1mon,3mon,1y}'::interval[]) AS step
$$;
COMMENT ON FUNCTION series_step(interval, int) IS 'The shortest step a person would choose that has a time of this length in so many buckets';

-- The highest level whose buckets make up those of `step`. A day that does not begin at a full hour of UTC is made of minutes.
CREATE FUNCTION series_place(step interval, time_zone text, from_time timestamptz, to_time timestamptz) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN seconds < 60 OR seconds % 60 <> 0 THEN 0
                WHEN seconds < 3600 OR seconds % 3600 <> 0 OR NOT hourly THEN 1
                WHEN seconds < 86400 OR seconds % 86400 <> 0 OR NOT daily THEN 2
                ELSE 3 END
      FROM (SELECT extract(epoch FROM step)) AS s (seconds)
     CROSS JOIN (SELECT bool_and(extract(minute FROM t AT TIME ZONE time_zone) = 0), bool_and(t AT TIME ZONE time_zone = t AT TIME ZONE 'UTC')
                   FROM generate_series(date_trunc('month', from_time, 'UTC'), to_time + interval '1 month', '1 month') AS t) AS z (hourly, daily)
$$;

-- One statement over every level that has a part of the time: the complete ones from the highest down, at last the readings.
-- Buckets of the highest level that are as long as the step pass as they are; all others are grouped.
CREATE FUNCTION series_rows(place int, step interval, time_zone text, from_time timestamptz, to_time timestamptz, wanted text[]) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    arms text[] := '{}';
    passed text;
    reached timestamptz := from_time;
    level record;
    arm text;
    each text;
    grouped text;
BEGIN
    SELECT string_agg(one || ' AS ' || name, ', '), string_agg(many || ' AS ' || name, ', ') INTO each, grouped
      FROM (VALUES ('average', 'sum / nullif(count, 0)', 'sum(sum) / nullif(sum(count), 0)'), ('lowest', 'min', 'min(min)'), ('highest', 'max', 'max(max)'),
                   ('first', 'CASE WHEN count > 0 THEN first END', '(array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1]'),
                   ('last', 'CASE WHEN count > 0 THEN last END', '(array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1]'),
                   ('count', 'count::int', 'sum(count)::int'), ('good', 'good::float8 / total', 'sum(good)::float8 / sum(total)'), ('worst', 'worst', 'max(worst)')) AS c (name, one, many)
     WHERE name = ANY (wanted);
    FOR level IN SELECT l.source, CASE l.place WHEN 0 THEN to_time ELSE least(l.complete, to_time) END AS until, l.place = series_rows.place AND l.unit = step AS passes
                   FROM rollup_levels l WHERE l.place <= series_rows.place ORDER BY l.place DESC LOOP
        CONTINUE WHEN level.until <= reached;
        arm := CASE level.source WHEN 'readings' THEN
            format('SELECT time AS bucket, (quality = 0)::int AS good, 1 AS total, (value IS NOT NULL)::int AS count, summable(value) AS sum, value AS min, value AS max, value AS first, value AS last, quality AS worst
                      FROM readings WHERE point_id = w.id AND time >= %L AND time < %L', reached, level.until)
            ELSE format('SELECT bucket, good, total, count, sum, min, max, first, last, worst
                      FROM %I WHERE point_id = w.id AND bucket >= %L AND bucket < %L', level.source, reached, level.until) END;
        IF level.passes THEN
            passed := format('SELECT bucket AS time, %s FROM (%s) p', coalesce(each, 'NULL'), arm);
        ELSE
            arms := arms || arm;
        END IF;
        reached := level.until;
    END LOOP;
    IF arms <> '{}' THEN
        grouped := format('SELECT %s AS time, %s FROM (%s) r GROUP BY 1',
                          CASE WHEN step < '1 day' THEN format('date_bin(%L, bucket, ''2000-01-01Z'')', step)
                               ELSE format('bucket_start(bucket, %L, %L)', step, time_zone) END,
                          coalesce(grouped, 'NULL'), array_to_string(arms, ' UNION ALL '));
    ELSE
        grouped := NULL;
    END IF;
    RETURN concat_ws(' UNION ALL ', passed, grouped) || ' ORDER BY 1';
END $$;

CREATE FUNCTION series(
    points int[], from_time timestamptz, to_time timestamptz, most int DEFAULT 1000, step interval DEFAULT NULL, time_zone text DEFAULT 'UTC',
    wanted text[] DEFAULT '{average,lowest,highest,first,last,count,good,worst}')
RETURNS TABLE (
    point_id int, level text, bucket interval, starts timestamptz, ends timestamptz, open_from timestamptz, size int, times timestamptz[],
    average float8[], lowest float8[], highest float8[], first float8[], last float8[], count int[], good float8[], worst smallint[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    rest int[] := points;
    span interval := to_time - from_time;
    few int[];
    returned int;
    chosen record;
    arrays text;
BEGIN
    IF step IS NULL THEN
        -- As they are, where no more than `most` are to be expected, and no more were found.
        SELECT array_agg(p.id) INTO few FROM points p JOIN devices d ON d.id = p.device_id
         WHERE p.id = ANY (points) AND from_time >= now() - make_interval(days => d.retention_days)
           AND extract(epoch FROM span) <= most::float8 * p.interval_s;
        RETURN QUERY EXECUTE '
            SELECT w.id, ''raw'', NULL::interval, $2, $3, NULL::timestamptz, r.size, r.times, r.average, NULL::float8[], NULL::float8[], NULL::float8[],
                   NULL::float8[], NULL::int[], NULL::float8[], r.worst
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
                   (5, 'last', 'float8'), (6, 'count', 'int'), (7, 'good', 'float8'), (8, 'worst', 'smallint')) AS c (place, name, type);
    FOR chosen IN
        SELECT greatest(series_place(series.step, time_zone, from_time, to_time), (from_time < now() - make_interval(days => d.retention_days))::int) AS place,
               array_agg(p.id) AS ids
          FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = ANY (rest) GROUP BY 1
    LOOP
        SELECT l.level, greatest(series.step, CASE WHEN l.place > 0 THEN l.unit END) INTO level, bucket FROM rollup_levels l WHERE l.place = chosen.place;
        starts := bucket_start(from_time, bucket, time_zone);
        ends := bucket_end(to_time - interval '1 microsecond', bucket, time_zone);
        open_from := CASE WHEN now() < ends THEN bucket_start(now(), bucket, time_zone) END;
        RETURN QUERY EXECUTE format('
            SELECT w.id, $2, $3, $4, $5, $6, s.* FROM unnest($1) AS w (id)
             CROSS JOIN LATERAL (SELECT count(*)::int, array_agg(time), %s FROM (%s) b) s',
            arrays, series_rows(chosen.place, bucket, time_zone, starts, ends, wanted))
            USING chosen.ids, level, bucket, starts, ends, open_from;
    END LOOP;
END $$;
COMMENT ON FUNCTION series(int[], timestamptz, timestamptz, int, interval, text, text[]) IS
    'History of points, one row each: the readings as they are where at most `most` are there (level raw, bucket null), else buckets of `step`, or of the shortest '
    'step with which there are at most `most`, from the highest level that makes them up. A reading without a value is NaN; a bucket without readings is left out. '
    'starts and ends are from and to, widened to whole buckets; open_from is where the bucket begins that is not over yet. '
    'average, lowest, highest, first, last of the readings with a value, count of them, good as a share of all, worst quality code; only `wanted` ones are made';


-- The same for Grafana, as rows, with an outage as a row without a value. It runs with its owner's rights: Grafana's role
-- sees none of the tables.
DROP FUNCTION grafana.trend(int[], timestamptz, timestamptz, int);
CREATE FUNCTION grafana.trend(point_ids int[], from_time timestamptz, to_time timestamptz, max_points int)
RETURNS TABLE (point_id int, "time" timestamptz, value float8, lowest float8, highest float8, quality_code smallint, level text, bucket interval)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH found AS (
        SELECT s.*, make_interval(secs => p.gap_seconds) AS gap
          -- Whatever is asked for, a browser gets no more than about 40,000 rows.
          FROM series(point_ids, from_time, to_time, least(greatest(max_points, 2), greatest(100, 40000 / greatest(cardinality(point_ids), 1))),
                      wanted => '{average,lowest,highest,worst}') s
          JOIN grafana.points p USING (point_id)
    ), shown AS (
        SELECT f.point_id, r.*, f.level, f.bucket, f.gap
          FROM found f CROSS JOIN LATERAL unnest(f.times, f.average, f.lowest, f.highest, f.worst) AS r (time, value, lowest, highest, quality_code)
         UNION ALL  -- what the deadband kept out of the readings: the line reaches to now
        SELECT f.point_id, l.time, l.value, NULL, NULL, l.quality, f.level, f.bucket, f.gap
          FROM found f JOIN latest l USING (point_id)
         WHERE f.bucket IS NULL AND l.time BETWEEN from_time AND to_time AND l.time <> ALL (coalesce(f.times[f.size:], '{}'))
    ), followed AS (
        SELECT s.*, coalesce(lead(s.time) OVER (PARTITION BY s.point_id ORDER BY s.time), least(to_time, now())) AS next,
               coalesce(s.bucket, '0') + CASE WHEN s.bucket IS NULL AND s.quality_code >= 16 THEN greatest(s.gap, '3 min') ELSE s.gap END AS silence
          FROM shown s
    )
    SELECT point_id, time, nullif(value, 'NaN'), nullif(lowest, 'NaN'), nullif(highest, 'NaN'), quality_code, level, bucket FROM shown
     UNION ALL
    SELECT point_id, time + CASE WHEN bucket IS NULL THEN silence ELSE bucket END, NULL, NULL, NULL, NULL, level, bucket
      FROM followed WHERE next > time + silence
$$;
COMMENT ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int) IS
    'Readings of each point, or where more than max_points of them are to be expected average, lowest and highest of buckets; '
    'a bad reading and an outage are rows without a value; quality_code is the worst of a bucket; level and bucket say what is shown';
REVOKE EXECUTE ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grafana.trend(int[], timestamptz, timestamptz, int) TO ddms_grafana, ddms_app;
