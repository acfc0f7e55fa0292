-- What Grafana, metrics and system alarms tell of backups.

ALTER TABLE system_watch ADD COLUMN backups_since timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN system_watch.backups_since IS 'Since when there could have been backups; a week later one that was verified is missed';

CREATE VIEW grafana.backups AS
SELECT id AS backup_id, asked_at AS time, name, state, reason, asked_by, portable, encrypted, attempt, due_at, started_at, finished_at,
       extract(epoch FROM finished_at - started_at)::float8 AS seconds, progress, doing, error, bytes, database_bytes, kept, removed_at, copied_at, copy_error,
       verification, verify_asked_at, verify_asked_by, verify_started_at, verified_at, verify_seconds::float8 AS verify_seconds, verify_error,
       coalesce(started_at, asked_at) AS made_at, state = 'done' AND removed_at IS NULL AS is_there,
       state = 'done' AND removed_at IS NULL AND verified_at IS NOT NULL AND verification <> 'failed' AS is_verified
  FROM backups;
COMMENT ON VIEW grafana.backups IS 'Backups, one row a file, and what was and is done to each';
COMMENT ON COLUMN grafana.backups.made_at IS 'The moment whose state it holds, about; the age of a backup is counted from it';
COMMENT ON COLUMN grafana.backups.is_there IS 'Whether it is whole, and its file not removed';
COMMENT ON COLUMN grafana.backups.is_verified IS 'Whether it is there, and its last restore into a scratch database ended well';

CREATE VIEW grafana.restores AS
SELECT id AS restore_id, asked_at AS time, backup, database, state, asked_by, started_at, finished_at, extract(epoch FROM finished_at - started_at)::float8 AS seconds,
       progress, doing, error
  FROM restores;
COMMENT ON VIEW grafana.restores IS 'Backups that were restored into new databases';

-- A backup that failed waits to be tried again, so its tries count, and not only those that were given up.
CREATE VIEW grafana.backup_standing AS
SELECT newest.made_at AS newest_at, newest.backup_id AS newest_id, newest.name AS newest_name, newest.bytes AS newest_bytes, newest.seconds AS newest_seconds,
       newest.database_bytes AS newest_database_bytes, copied.name AS copied_name, copied.copied_at, copied.copy_error,
       verified.made_at AS verified_made_at, verified.name AS verified_name, verified.verified_at, verified.verify_seconds,
       c.verified_within_days AS within_days, c.backup_schedule <> '' OR c.verify_schedule <> '' AS is_scheduled, w.backups_since,
       CASE WHEN verified.made_at > now() - make_interval(days => c.verified_within_days) THEN 'verified' WHEN verified.made_at IS NOT NULL THEN 'old'
            WHEN newest.made_at IS NOT NULL THEN 'unverified' ELSE 'none' END AS verdict,
       there.backups, there.bytes, failed.in_a_row AS failed_in_a_row, failed.error AS last_error,
       checked.verification = 'failed' AS is_refuted, checked.name AS checked_name, checked.verify_error,
       now_.kind AS running_kind, now_.name AS running_name, now_.since AS running_since, now_.progress, now_.doing,
       waiting.since AS waiting_since, waiting.name AS waiting_name,
       next.backup AS next_backup, next.verification AS next_verification,
       maker.is_there AS maker_is_there, folder.directory, folder.free_bytes, folder.size_bytes, folder.free_bytes::float8 / nullif(newest.bytes, 0) AS room_for
  FROM configuration c CROSS JOIN system_watch w
 CROSS JOIN LATERAL (SELECT count(*) AS backups, coalesce(sum(bytes), 0)::bigint AS bytes FROM grafana.backups WHERE is_there) there
  LEFT JOIN LATERAL (SELECT * FROM grafana.backups WHERE is_there ORDER BY made_at DESC, backup_id DESC LIMIT 1) newest ON true
  LEFT JOIN LATERAL (SELECT * FROM grafana.backups WHERE is_verified ORDER BY made_at DESC, backup_id DESC LIMIT 1) verified ON true
  LEFT JOIN LATERAL (SELECT * FROM grafana.backups WHERE is_there AND (copied_at IS NOT NULL OR copy_error IS NOT NULL) ORDER BY made_at DESC LIMIT 1) copied ON true
  LEFT JOIN LATERAL (SELECT * FROM grafana.backups WHERE verify_started_at IS NOT NULL AND verification IN ('verified', 'failed')
                      ORDER BY verify_started_at DESC LIMIT 1) checked ON true
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(CASE WHEN state IN ('failed', 'waiting') THEN attempt WHEN state = 'running' THEN attempt - 1 ELSE 0 END), 0) AS in_a_row,
              (array_agg(error ORDER BY backup_id DESC) FILTER (WHERE error IS NOT NULL))[1] AS error
         FROM grafana.backups
        WHERE reason <> 'found' AND backup_id > coalesce((SELECT max(backup_id) FROM grafana.backups WHERE state = 'done' AND reason <> 'found'), 0)) failed
  LEFT JOIN LATERAL (
       SELECT 'backup' AS kind, name, started_at AS since, progress, doing FROM grafana.backups WHERE state = 'running'
        UNION ALL SELECT 'verification', name, verify_started_at, progress, doing FROM grafana.backups WHERE verification = 'running'
        UNION ALL SELECT 'restore', database, started_at, progress, doing FROM grafana.restores WHERE state = 'running' LIMIT 1) now_ ON true
  LEFT JOIN LATERAL (
       SELECT name, greatest(due_at, time) AS since FROM grafana.backups WHERE state = 'waiting' AND due_at <= now()
        UNION ALL SELECT name, verify_asked_at FROM grafana.backups WHERE verification = 'waiting'
        UNION ALL SELECT backup, time FROM grafana.restores WHERE state = 'waiting' ORDER BY since LIMIT 1) waiting ON true
 CROSS JOIN LATERAL (SELECT min(due_at) FILTER (WHERE name = 'backup') AS backup, min(due_at) FILTER (WHERE name = 'verify') AS verification
                       FROM scheduled_jobs WHERE paused_at IS NULL AND due_at < '9999-01-01') next
 CROSS JOIN LATERAL (SELECT count(*) > 0 AS is_there FROM claims k JOIN pg_locks l ON l.pid = k.pid AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
                        AND l.classid = k.beacon[1]::oid AND l.objid = k.beacon[2]::oid
                        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) WHERE k.name = 'jobs of backups') maker
  LEFT JOIN LATERAL (SELECT details ->> 'folder' AS directory, (details ->> 'free_bytes')::bigint AS free_bytes, (details ->> 'size_bytes')::bigint AS size_bytes
                       FROM job_runs WHERE job = 'backups' AND details ? 'free_bytes' ORDER BY id DESC LIMIT 1) folder ON true;
COMMENT ON VIEW grafana.backup_standing IS 'How the backups stand: the newest one, the newest verified one, what failed, runs and waits; one row';
COMMENT ON COLUMN grafana.backup_standing.verdict IS 'verified; old: the newest verified one is; unverified: none was ever restored; none: there is no backup';
COMMENT ON COLUMN grafana.backup_standing.failed_in_a_row IS 'How many tries failed since a backup was last done';
COMMENT ON COLUMN grafana.backup_standing.is_refuted IS 'Whether the last verification failed';
COMMENT ON COLUMN grafana.backup_standing.maker_is_there IS 'Whether a program that makes backups has the claim to do so';
COMMENT ON COLUMN grafana.backup_standing.free_bytes IS 'What is free on the disk of their folder, as the program that makes them last said';
COMMENT ON COLUMN grafana.backup_standing.room_for IS 'For how many more backups like the newest its folder has room';
GRANT SELECT ON grafana.backups, grafana.restores, grafana.backup_standing TO ddms_grafana, ddms_app;

-- Also jobs that never ran are shown; one that only runs when it is asked to has no next time.
CREATE OR REPLACE VIEW grafana.jobs AS
SELECT coalesce(r.job, s.name) AS job, NULL AS subject, coalesce(s.started_at, r.last_started) AS last_started, r.last_success, coalesce(r.failures, 0) AS failures,
       coalesce(r.failed, false) AS failed, r.error, CASE WHEN s.paused_at IS NULL AND s.due_at < '9999-01-01' THEN s.due_at END AS next_start, s.schedule,
       s.started_at AS running_since, s.progress, s.doing, s.paused_at, s.paused_by,
       CASE WHEN s.started_at IS NOT NULL THEN 'running' WHEN s.paused_at IS NOT NULL THEN 'paused' WHEN r.failed THEN 'failed' ELSE 'waiting' END AS state
  FROM (SELECT DISTINCT ON (job) job, started_at AS last_started, max(finished_at) FILTER (WHERE error IS NULL) OVER (PARTITION BY job) AS last_success,
               count(*) FILTER (WHERE error IS NOT NULL) OVER (PARTITION BY job) AS failures, error IS NOT NULL AS failed, error
          FROM job_runs ORDER BY job, id DESC) r
  FULL JOIN scheduled_jobs s ON s.name = r.job
UNION ALL
SELECT job, subject, last_started, last_success, failures, failed, NULL, next_start, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN failed THEN 'failed' ELSE 'waiting' END FROM storage_jobs();
SELECT limit_views();
