-- Imports of history (docs/archive.md): what is there of each, so that one that was cut off goes on; and their rollups.
CREATE TABLE history_imports (
    id              int GENERATED ALWAYS AS IDENTITY CONSTRAINT history_imports_pkey PRIMARY KEY,
    file            text NOT NULL,
    fingerprint     text NOT NULL,
    requested_by    text NOT NULL,
    started_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'running' CONSTRAINT history_imports_state_known CHECK (state IN ('running', 'done', 'stopped')),
    place           bigint NOT NULL DEFAULT 0,
    line            bigint NOT NULL DEFAULT 0,
    rejects_bytes   bigint NOT NULL DEFAULT 0,
    counts          jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE history_imports IS 'Files of readings that were brought in by `ddms history import`; how far a file is, is stored with its readings';
COMMENT ON COLUMN history_imports.fingerprint IS 'SHA-256 of the file''s name, size, times and first megabyte and of how it is read: the same again goes on where it was cut off';
COMMENT ON COLUMN history_imports.state IS 'running: it is, or was cut off; done; stopped: at a mistake in the file';
COMMENT ON COLUMN history_imports.place IS 'So many bytes of the file, or rows of Parquet, are in the database';
COMMENT ON COLUMN history_imports.rejects_bytes IS 'So long was the file of rejects then';
COMMENT ON COLUMN history_imports.counts IS 'What became of its readings so far';
CREATE INDEX history_imports_fingerprint_idx ON history_imports (fingerprint);
GRANT SELECT, INSERT, UPDATE, DELETE ON history_imports TO ddms_app;

-- Beside rollup_late, which has a row a minute: of an import that would be as many rows as readings.
CREATE TABLE rollup_late_days (
    id              bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT rollup_late_days_pkey PRIMARY KEY,
    day             timestamptz NOT NULL,
    points          int[] NOT NULL
);
COMMENT ON TABLE rollup_late_days IS 'Whole days of UTC, before the running one, that got readings after they were rolled up, to be rolled up again';
CREATE INDEX rollup_late_days_day_idx ON rollup_late_days (day);
GRANT SELECT, INSERT, UPDATE, DELETE ON rollup_late_days TO ddms_app;

CREATE FUNCTION note_late_days(points int[], days timestamptz[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rollup_late_days (day, points)
    SELECT r.day, array_agg(DISTINCT r.point_id) FROM unnest(points, days) AS r (point_id, day) GROUP BY 1 ORDER BY 1
$$;
COMMENT ON FUNCTION note_late_days(int[], timestamptz[]) IS
    'As note_late(), for many readings of days that are over: to be called in their transaction, after rolled_up_to()';

-- The oldest day, of at most so many entries; returns whether there was one. Only one works at a time, so that none writes
-- what another one has read newer.
CREATE FUNCTION roll_up_late_days(most int DEFAULT 20) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    step record;
    oldest timestamptz;
    late int[];
BEGIN
    PERFORM FROM rollup_levels WHERE place = 3 FOR NO KEY UPDATE;
    SELECT min(day) INTO oldest FROM rollup_late_days WHERE day < (SELECT date_bin('1 day', complete, '2000-01-01Z') FROM rollup_levels WHERE place = 1);
    IF oldest IS NULL THEN
        RETURN false;
    END IF;
    WITH taken AS (
        DELETE FROM rollup_late_days WHERE id IN (SELECT id FROM rollup_late_days WHERE day = oldest ORDER BY id LIMIT most) RETURNING points
    )
    SELECT array_agg(DISTINCT p.id) INTO late FROM taken JOIN points p ON p.id = ANY (taken.points);
    IF compression_available() THEN
        SET LOCAL timescaledb.max_tuples_decompressed_per_dml_transaction = 0;
    END IF;
    PERFORM prepare_rollup();
    FOR step IN SELECT * FROM rollup_levels ORDER BY place LOOP
        DELETE FROM rollup_wanted;
        INSERT INTO rollup_wanted SELECT point, oldest, least(oldest + interval '1 day', step.complete) FROM unnest(late) AS point WHERE oldest < step.complete;
        IF step.place > 0 THEN
            PERFORM store_rollup(step.source);
        END IF;
        PERFORM note_expired(step.source);
    END LOOP;
    RETURN true;
END $$;
COMMENT ON FUNCTION roll_up_late_days(int) IS 'Rolls up again one day of rollup_late_days; returns whether there was one';

-- As in 0014, with the days of imports.
CREATE OR REPLACE FUNCTION rolled_up_before(source text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN source IN ('texts', 'rollup_1d') THEN 'infinity'
                ELSE least((SELECT complete FROM rollup_levels WHERE place = 3), (SELECT date_bin('1 day', min(bucket), '2000-01-01Z') FROM rollup_late),
                           (SELECT min(day) FROM rollup_late_days)) END
$$;

-- As in 0019; the days of imports after what is new.
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
    WHILE clock_timestamp() < began + interval '10 seconds' LOOP
        EXIT WHEN NOT roll_up_late_days();
        COMMIT;
    END LOOP;
    WHILE clock_timestamp() < began + interval '5 seconds' LOOP
        EXIT WHEN NOT backfill_rollups();
        COMMIT;
    END LOOP;
END $$;
