-- Retention (docs/retention.md): days are days of UTC, which are the chunks of `readings`.

ALTER TABLE configuration
    ADD COLUMN retention_days smallint NOT NULL DEFAULT 90 CONSTRAINT configuration_retention_range CHECK (retention_days BETWEEN 1 AND 3650);
COMMENT ON COLUMN configuration.retention_days IS 'How long a new device keeps its readings, unless it says otherwise';

CREATE TABLE retention_notice (
    single          boolean DEFAULT true CONSTRAINT retention_notice_pkey PRIMARY KEY CONSTRAINT retention_notice_single CHECK (single),
    announced_at    timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL
);
COMMENT ON TABLE retention_notice IS 'The announcement of the next run: it takes nothing that is not announced in retention_state.due_before';

CREATE TABLE retention_state (
    device_id       int CONSTRAINT retention_state_device_fkey REFERENCES devices ON DELETE CASCADE,
    source          text CONSTRAINT retention_state_source_known CHECK (source IN ('readings', 'texts', 'rollup_1m', 'rollup_1h', 'rollup_1d')),
    due_before      timestamptz,
    due_rows        bigint NOT NULL DEFAULT 0,
    due_bytes       bigint NOT NULL DEFAULT 0,
    erased_before   timestamptz NOT NULL DEFAULT '-infinity',
    dirty_from      timestamptz,
    changes         int NOT NULL DEFAULT 0,
    CONSTRAINT retention_state_pkey PRIMARY KEY (device_id, source)
);
COMMENT ON COLUMN retention_state.due_before IS 'Announced: the next run takes what is older, about due_rows and due_bytes';
COMMENT ON COLUMN retention_state.erased_before IS 'What is older may be gone, so no rollup is made of it again; set before the first row goes';
COMMENT ON COLUMN retention_state.dirty_from IS 'From here up to erased_before something is to be erased still: a run was cut off, or it came late; null when not';
COMMENT ON COLUMN retention_state.changes IS 'Grows with each change of dirty_from, so that a run does not clear what came meanwhile';

CREATE TABLE retention_runs (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT retention_runs_pkey PRIMARY KEY,
    started_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    state           text NOT NULL DEFAULT 'running' CONSTRAINT retention_runs_state_known CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
    requested_by    text NOT NULL,
    error           text
);
COMMENT ON TABLE retention_runs IS 'Each run of the retention, for ten years';
CREATE TABLE retention_run_tables (
    run_id          int CONSTRAINT retention_run_tables_run_fkey REFERENCES retention_runs ON DELETE CASCADE,
    source          text,
    rows            bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    chunks          int NOT NULL DEFAULT 0,
    CONSTRAINT retention_run_tables_pkey PRIMARY KEY (run_id, source)
);
COMMENT ON COLUMN retention_run_tables.rows IS 'Rows that went: counted where they were deleted, by the rollups of their days where a chunk was dropped';
COMMENT ON COLUMN retention_run_tables.bytes IS 'What they took: exact of dropped chunks, else rows times the table''s bytes a row';

CREATE TABLE erasures (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT erasures_pkey PRIMARY KEY,
    subject         text NOT NULL,
    device_id       int,
    points          int[] NOT NULL,
    state           text NOT NULL DEFAULT 'pending' CONSTRAINT erasures_state_known CHECK (state IN ('pending', 'running', 'done')),
    progress        float8 NOT NULL DEFAULT 0,
    rows            bigint NOT NULL DEFAULT 0,
    error           text,
    requested_by    text NOT NULL,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz
);
COMMENT ON TABLE erasures IS 'Histories of deleted points, erased in the background in small batches; for a year';
COMMENT ON COLUMN erasures.device_id IS 'The number that the device had; null when only some of its points were deleted';
CREATE INDEX erasures_open_idx ON erasures (id) WHERE state <> 'done';


CREATE FUNCTION next_cleanup(since timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT min(moment) FROM configuration c
     CROSS JOIN LATERAL (SELECT ((since AT TIME ZONE c.time_zone)::date + days + c.cleanup_time) AT TIME ZONE c.time_zone AS moment FROM generate_series(0, 2) AS days) m
     WHERE moment >= since
$$;
COMMENT ON FUNCTION next_cleanup(timestamptz) IS 'The first cleanup time, in the time zone of the site, that is not before a moment';

-- Whole chunks only of what is compressed: part of a compressed chunk cannot go without unpacking it.
CREATE FUNCTION retention_cuts(at timestamptz) RETURNS TABLE (device_id int, source text, days int, before timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT d.id, s.source, s.days, date_bin(s.step, at - make_interval(days => s.days), '1970-01-01Z')
      FROM devices d CROSS JOIN configuration c
     CROSS JOIN LATERAL (VALUES
        ('readings', interval '1 day', d.retention_days::int),
        ('texts', '1 day', d.retention_days),
        ('rollup_1m', '3 days', greatest(c.rollup_1m_days, d.retention_days)),
        ('rollup_1h', '60 days', greatest(c.rollup_1h_days, d.retention_days)),
        ('rollup_1d', '1 day', greatest(c.rollup_1d_days, d.retention_days))) AS s (source, step, days)
$$;
COMMENT ON FUNCTION retention_cuts(timestamptz) IS 'Before which moment each device''s history is expired at a moment, by what is configured now';

CREATE FUNCTION rolled_up_before(source text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN source IN ('texts', 'rollup_1d') THEN 'infinity'
                ELSE least((SELECT complete FROM rollup_levels WHERE place = 3), (SELECT date_bin('1 day', min(bucket), '2000-01-01Z') FROM rollup_late)) END
$$;
COMMENT ON FUNCTION rolled_up_before(text) IS 'Nothing younger may be erased: not all levels above have it yet';

CREATE FUNCTION history_count(source text, device int, from_time timestamptz, to_time timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN source = 'texts' THEN
        (SELECT count(*) FROM texts t JOIN points p ON p.id = t.point_id WHERE p.device_id = device AND t.time >= from_time AND t.time < to_time)
    ELSE
        (SELECT coalesce(sum(CASE source WHEN 'readings' THEN r.total WHEN 'rollup_1m' THEN least(r.total, 1440) WHEN 'rollup_1h' THEN least(r.total, 24) ELSE 1 END), 0)
           FROM rollup_1d r JOIN points p ON p.id = r.point_id WHERE p.device_id = device AND r.bucket >= from_time AND r.bucket < to_time)
    END
$$;
COMMENT ON FUNCTION history_count(text, int, timestamptz, timestamptz) IS 'How many rows a device has in whole days, by their rollup: exact for readings, the most there can be for rollups';

CREATE FUNCTION history_widths() RETURNS TABLE (source text, width float8)
LANGUAGE sql STABLE AS $$
    SELECT name, least(coalesce(bytes::float8 / nullif(rows, 0), 60), 200) FROM storage_tables()
$$;
COMMENT ON FUNCTION history_widths() IS 'Bytes that a row takes, on average over the table and with its indexes; no more than one can take where deleted rows left room';

CREATE FUNCTION retention_preview(at timestamptz) RETURNS TABLE (
    device_id int, source text, days int, before timestamptz, since timestamptz, rows bigint, bytes bigint)
LANGUAGE sql STABLE AS $$
    SELECT c.device_id, c.source, c.days, c.before, nullif(s.since, '-infinity'), n.rows, (n.rows * w.width)::bigint
      FROM retention_cuts(at) c
      LEFT JOIN retention_state k USING (device_id, source)
     CROSS JOIN LATERAL (SELECT coalesce(k.dirty_from, k.erased_before, '-infinity') AS since) s
     CROSS JOIN LATERAL (SELECT CASE WHEN s.since < c.before THEN history_count(c.source, c.device_id, s.since, c.before) ELSE 0 END AS rows) n
      JOIN history_widths() w USING (source)
     WHERE s.since < c.before
$$;


-- Windows in which history is erased: its chunks, on plain PostgreSQL the days in which these points have some.
CREATE FUNCTION history_windows(source text, points int[], from_time timestamptz, to_time timestamptz) RETURNS TABLE (starts timestamptz, ends timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moment text := CASE WHEN source IN ('readings', 'texts') THEN 'time' ELSE 'bucket' END;
    step interval := CASE source WHEN 'readings' THEN '1 day' WHEN 'texts' THEN '7 days' WHEN 'rollup_1m' THEN '3 days' WHEN 'rollup_1h' THEN '60 days' ELSE '1200 days' END;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN QUERY SELECT greatest(c.range_start, from_time), least(c.range_end, to_time) FROM timescaledb_information.chunks c
                      WHERE c.hypertable_schema = 'public' AND c.hypertable_name = source AND c.range_end > from_time AND c.range_start < to_time ORDER BY 1;
    ELSE
        RETURN QUERY EXECUTE format(
            'SELECT greatest(start, $2), least(start + $4, $3)
               FROM (SELECT min(first) AS first, max(last) AS last FROM unnest($1) AS p (id)
                      CROSS JOIN LATERAL (SELECT min(%1$I) AS first, max(%1$I) AS last FROM %2$I WHERE point_id = p.id AND %1$I >= $2 AND %1$I < $3) t) AS found
              CROSS JOIN LATERAL generate_series(date_bin($4, first, ''1970-01-01Z''), last, $4) AS start ORDER BY 1', moment, source)
            USING points, from_time, to_time, step;
    END IF;
END $$;

-- Literals, so that the planner sees whole chunks: of compressed ones it then takes away whole batches, unpacking none.
CREATE FUNCTION erase_history(source text, points int[], from_time timestamptz, to_time timestamptz, most int) RETURNS bigint
LANGUAGE plpgsql SET lock_timeout = '2s' SET statement_timeout = '60s' AS $$
DECLARE
    moment text := CASE WHEN source IN ('readings', 'texts') THEN 'time' ELSE 'bucket' END;
    chosen text := format('FROM %1$I WHERE point_id = ANY (%2$L::int[]) AND %3$I >= %4$L AND %3$I < %5$L', source, points, moment, from_time, to_time);
    erased bigint;
BEGIN
    IF cardinality(points) > 1 THEN
        EXECUTE format('SELECT count(*) FROM (SELECT %s LIMIT %s) few', chosen, most + 1) INTO erased;
        IF erased > most THEN
            RETURN NULL;
        END IF;
    END IF;
    IF compression_available() THEN
        SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    END IF;
    EXECUTE 'DELETE ' || chosen;
    GET DIAGNOSTICS erased = ROW_COUNT;
    RETURN erased;
END $$;
COMMENT ON FUNCTION erase_history(text, int[], timestamptz, timestamptz, int) IS
    'Deletes one batch; returns how many rows, or null when several points have more than `most`: then take fewer points';

CREATE FUNCTION drop_expired_chunk(source text, before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    oldest record;
    freed bigint;
BEGIN
    IF source NOT IN ('readings', 'texts', 'rollup_1m', 'rollup_1h', 'rollup_1d') OR NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN NULL;
    END IF;
    SELECT chunk_schema, chunk_name, range_end INTO oldest FROM timescaledb_information.chunks
     WHERE hypertable_schema = 'public' AND hypertable_name = source AND range_end <= before ORDER BY range_start LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT total_bytes INTO freed FROM chunks_detailed_size(source::regclass) s WHERE s.chunk_schema = oldest.chunk_schema AND s.chunk_name = oldest.chunk_name;
    PERFORM drop_chunks(source::regclass, older_than => oldest.range_end);
    RETURN coalesce(freed, 0);
END $$;
COMMENT ON FUNCTION drop_expired_chunk(text, timestamptz) IS 'Drops the oldest chunk when all of it is older; returns its bytes, or null when there is none';


-- Before the first row goes: from now on no rollup is made again of what is older. Returns what there is to do.
CREATE FUNCTION begin_erasing(wanted text, at timestamptz, announced boolean) RETURNS TABLE (device_id int, since timestamptz, before timestamptz, changes int)
LANGUAGE sql AS $$
    WITH cuts AS MATERIALIZED (
        SELECT c.device_id, least(c.before, rolled_up_before(wanted), CASE WHEN announced THEN coalesce(k.due_before, '-infinity') END) AS before
          FROM retention_cuts(at) c LEFT JOIN retention_state k USING (device_id, source) WHERE c.source = wanted
    ), marked AS (
        INSERT INTO retention_state AS k (device_id, source, erased_before, dirty_from, changes)
        SELECT c.device_id, wanted, c.before, '-infinity', 1 FROM cuts c ORDER BY 1
        ON CONFLICT ON CONSTRAINT retention_state_pkey DO UPDATE
           SET erased_before = greatest(k.erased_before, excluded.erased_before), changes = k.changes + 1,
               dirty_from = CASE WHEN excluded.erased_before > k.erased_before THEN least(k.dirty_from, k.erased_before) ELSE k.dirty_from END
        RETURNING k.device_id, k.dirty_from, k.changes
    )
    SELECT m.device_id, CASE WHEN m.dirty_from IS NOT NULL THEN greatest(m.dirty_from, '1900-01-01Z') END, greatest(c.before, '1900-01-01Z'), m.changes FROM marked m JOIN cuts c USING (device_id)
$$;
COMMENT ON FUNCTION begin_erasing(text, timestamptz, boolean) IS
    'Marks what is expired and, when asked for, announced; returns from when to when each device is to be erased; since null, or not below before: nothing';

CREATE FUNCTION end_erasing(wanted text, device int, before timestamptz, seen int) RETURNS void
LANGUAGE sql AS $$
    UPDATE retention_state SET dirty_from = CASE WHEN before < erased_before THEN before END WHERE device_id = device AND source = wanted AND changes = seen
$$;
COMMENT ON FUNCTION end_erasing(text, int, timestamptz, int) IS 'All of a device is erased, unless something came late meanwhile';


-- As in 0007, but a stored rollup of readings that may be gone stays what it is, however many came late.
CREATE OR REPLACE FUNCTION store_rollup(level regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %1$s AS r SELECT made.* FROM rollup_wanted w CROSS JOIN LATERAL make_%1$s(w.point_id, w.from_time, w.to_time, $1, $2) made
        ON CONFLICT (point_id, bucket) DO UPDATE SET total = excluded.total, good = excluded.good, count = excluded.count,
            sum = excluded.sum, min = excluded.min, max = excluded.max, first = excluded.first, last = excluded.last, worst = excluded.worst
        WHERE excluded.total >= r.total AND NOT EXISTS (
            SELECT FROM points p JOIN retention_state k ON k.device_id = p.device_id AND k.source = $3 WHERE p.id = r.point_id AND r.bucket < k.erased_before)', level)
        USING (SELECT min(from_time) FROM rollup_wanted), (SELECT max(to_time) FROM rollup_wanted),
              (SELECT below.source FROM rollup_levels l JOIN rollup_levels below ON below.place = l.place - 1 WHERE l.source = store_rollup.level::text);
END $$;

CREATE FUNCTION note_expired(wanted text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE retention_state k SET dirty_from = least(k.dirty_from, w.first), changes = k.changes + 1
      FROM (SELECT p.device_id, min(date_bin('1 day', from_time, '2000-01-01Z')) AS first FROM rollup_wanted JOIN points p ON p.id = point_id GROUP BY 1) w
     WHERE k.device_id = w.device_id AND k.source = wanted AND w.first < k.erased_before;
END $$;
COMMENT ON FUNCTION note_expired(text) IS 'What came late for a time that is erased already is erased by the next run';

-- As in 0007, but not of points that were deleted meanwhile.
CREATE OR REPLACE FUNCTION roll_up_late(most int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    step record;
    took int;
BEGIN
    PERFORM prepare_rollup();
    WITH taken AS (  -- of one day, so that they are in one chunk
        DELETE FROM rollup_late WHERE id IN (
            SELECT t.id FROM rollup_late t JOIN rollup_levels m ON m.place = 1
             WHERE t.bucket < least(m.complete, (SELECT date_bin('1 day', min(bucket), '2000-01-01Z') + interval '1 day' FROM rollup_late))
             ORDER BY t.bucket LIMIT most)
        RETURNING bucket, points
    ), wanted AS (
        INSERT INTO rollup_wanted SELECT DISTINCT p.id, bucket, bucket + interval '1 minute' FROM taken JOIN points p ON p.id = ANY (taken.points)
    )
    SELECT count(*) INTO took FROM taken;
    IF took = 0 THEN
        RETURN false;
    END IF;
    PERFORM note_expired('readings');
    FOR step IN SELECT * FROM rollup_levels WHERE place > 0 ORDER BY place LOOP
        WITH below AS (DELETE FROM rollup_wanted RETURNING point_id, date_bin(step.unit, from_time, '2000-01-01Z') AS bucket)
        INSERT INTO rollup_wanted SELECT DISTINCT point_id, bucket, bucket + step.unit FROM below WHERE bucket < step.complete;
        PERFORM store_rollup(step.source);
        PERFORM note_expired(step.source);
    END LOOP;
    RETURN true;
END $$;


-- The audit log is append-only for the programs; only what is ten years old goes.
CREATE FUNCTION forget_journals() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH audit AS (DELETE FROM audit_log WHERE at < now() - interval '3650 days' RETURNING 1),
         runs AS (DELETE FROM retention_runs WHERE started_at < now() - interval '3650 days' RETURNING 1),
         erased AS (DELETE FROM erasures WHERE state = 'done' AND finished_at < now() - interval '365 days' RETURNING 1),
         requests AS (DELETE FROM field_requests WHERE created_at < now() - interval '30 days' RETURNING 1),
         failures AS (DELETE FROM sign_in_failures WHERE at < now() - interval '30 days' RETURNING 1),
         keys AS (DELETE FROM idempotency_keys WHERE at < now() - interval '1 day' RETURNING 1),
         told AS (DELETE FROM flushes WHERE committed_at < now() - interval '1 day' RETURNING 1)
    SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM runs) + (SELECT count(*) FROM erased) + (SELECT count(*) FROM requests)
         + (SELECT count(*) FROM failures) + (SELECT count(*) FROM keys) + (SELECT count(*) FROM told)
$$;
COMMENT ON FUNCTION forget_journals() IS 'Keeps the journals bounded; returns how many lines went';


CREATE VIEW grafana.retention_runs AS
SELECT r.id AS run_id, r.started_at AS time, r.finished_at, CASE WHEN r.finished_at IS NOT NULL THEN extract(epoch FROM r.finished_at - r.started_at) END AS seconds,
       r.state, r.requested_by, r.error, coalesce(sum(t.rows), 0)::bigint AS rows, coalesce(sum(t.bytes), 0)::bigint AS bytes, coalesce(sum(t.chunks), 0)::int AS chunks
  FROM retention_runs r LEFT JOIN retention_run_tables t ON t.run_id = r.id GROUP BY r.id;
CREATE VIEW grafana.retention_due AS
SELECT n.due_at, k.device_id, d.name AS device, d.deleted_at IS NOT NULL AS deleted, d.retention_days, k.source AS name, k.due_before AS before, k.due_rows AS rows, k.due_bytes AS bytes
  FROM retention_notice n CROSS JOIN retention_state k JOIN devices d ON d.id = k.device_id WHERE k.due_rows > 0;
CREATE VIEW grafana.erasures AS
SELECT id AS erasure_id, subject, state, progress, rows, requested_by, requested_at AS time, finished_at, error FROM erasures;
GRANT SELECT ON grafana.retention_runs, grafana.retention_due, grafana.erasures TO ddms_grafana, ddms_app;
