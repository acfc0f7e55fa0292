"""What `bench.look` puts into its database beside readings: devices, limits, alarms in every state, backups, jobs, audit.

All of it is SQL over the ids of devices, so that the same size gives the same plant.
"""

ALARM_STATES = """
CREATE TEMPORARY TABLE alarmed AS SELECT (1 + 10 * (n - 1)) AS point_id, n % 10 AS how, now() - (n % 37) * interval '11 min' - interval '6 min' AS since
  FROM generate_series(4, $devices, 9) n WHERE NOT EXISTS (SELECT FROM device_states s WHERE s.device_id = n AND s.state = 'offline');
UPDATE alarms a SET active = true, acknowledged = how IN (0, 1, 2), active_since = since, value = threshold_of * 1.04, quality = 0, threshold = threshold_of,
       acknowledged_at = CASE WHEN how IN (0, 1, 2) THEN since + interval '3 min' END, acknowledged_by = CASE WHEN how IN (0, 1, 2) THEN 'ann' END,
       note = CASE how WHEN 1 THEN 'The fitter is on the way' END, changed_at = since
  FROM alarmed, LATERAL (SELECT threshold AS threshold_of FROM limits l WHERE l.point_id = alarmed.point_id AND l.kind = 'high') l
 WHERE a.point_id = alarmed.point_id AND a.kind = 'high' AND how < 7;
UPDATE alarms a SET active = false, acknowledged = false, active_since = since - interval '9 min', cleared_at = since, value = l.threshold * 0.97, quality = 0, threshold = l.threshold
  FROM alarmed, limits l WHERE a.point_id = alarmed.point_id AND a.kind = 'high' AND l.id = a.limit_id AND how = 8;
UPDATE alarms SET shelved = 'timed', shelved_at = now() - interval '1 h', shelved_until = now() + interval '7 h', shelved_by = 'ben', shelved_reason = 'The sensor is being replaced'
 WHERE point_id IN (SELECT point_id FROM alarmed WHERE how = 6) AND kind = 'high';
UPDATE alarms SET out_of_service_at = now() - interval '2 h', out_of_service_until = now() + interval '6 h', out_of_service_by = 'ann', out_of_service_reason = 'New seals'
 WHERE device_id IN (40, 80, 120);
UPDATE alarms a SET active = true, acknowledged = a.device_id % 4 = 0, active_since = s.first_failure, detail = s.last_error
  FROM device_states s WHERE a.source = 'device' AND a.device_id = s.device_id AND s.state = 'offline';
UPDATE alarms a SET active = true, acknowledged = false, active_since = now() - interval '48 min', detail = 'the device did not answer in time'
 WHERE a.source = 'connection' AND a.connection_id = $gateways;
UPDATE alarms a SET suppressed_by = c.id, acknowledged = true FROM alarms c, devices d
 WHERE a.source = 'device' AND d.id = a.device_id AND c.source = 'connection' AND c.connection_id = d.connection_id AND c.active;
"""
# Since when each device is as it is, and trouble that some had in the last day.
CHANGES = """
DELETE FROM device_state_changes c WHERE time > (SELECT min(time) FROM device_state_changes o WHERE o.device_id = c.device_id);
UPDATE device_state_changes c SET state = s.state, time = CASE s.state WHEN 'online' THEN now() - interval '6 days' ELSE coalesce(s.first_failure, now() - interval '5 h') END
  FROM device_states s WHERE s.device_id = c.device_id;
INSERT INTO device_state_changes (device_id, time, state)
SELECT d.id, now() - h.ago * interval '1 min' - d.id % 17 * interval '1 min' + part.after * interval '1 min', part.state
  FROM devices d JOIN device_states s ON s.device_id = d.id AND s.state = 'online', (VALUES (38), (310), (1100)) h (ago),
       LATERAL (VALUES (0, CASE WHEN d.id % 3 = 0 THEN 'error' ELSE 'offline' END), (4 + d.id % 9, 'online')) part (after, state)
 WHERE d.id % 97 = 4 ON CONFLICT DO NOTHING;
"""
JOURNAL = """
SELECT setseed(0.2026);
CREATE TEMPORARY TABLE happened AS
SELECT a.id, a.device_id, a.kind, a.priority, l.threshold, at, at + (60 + random() * random() * 5400) * interval '1 s' AS until, random() AS luck
  FROM generate_series(1, $days * 160) n
 CROSS JOIN LATERAL (SELECT now() - (random() * $days + n * 0) * interval '1 day' - interval '2 h' AS at,
                            1 + 10 * floor(power(random(), 3) * $devices + n * 0)::int AS point, CASE WHEN random() + n * 0 < 0.7 THEN 'high' ELSE 'low' END AS which) dice
  JOIN alarms a ON a.point_id = dice.point AND a.kind = dice.which JOIN limits l ON l.id = a.limit_id;
INSERT INTO happened SELECT a.id, a.device_id, a.kind, a.priority, l.threshold, now() - interval '26 h' + n * interval '11 s', now() - interval '25 h' + n * interval '17 s', 0.5
  FROM generate_series(0, least(60, $devices - 1)) n JOIN alarms a ON a.point_id = 1 + 10 * n AND a.kind = 'high' JOIN limits l ON l.id = a.limit_id;
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, actor, note, value, threshold)
SELECT e.time, h.id, device_id, kind, priority, e.event, e.state, e.actor, e.note, CASE WHEN e.actor IS NULL THEN threshold * e.factor END, CASE WHEN e.actor IS NULL THEN threshold END
  FROM happened h CROSS JOIN LATERAL (VALUES (at, 'raised', 'unacknowledged', NULL, NULL, 1.03), (until, 'cleared', CASE WHEN luck < 0.8 THEN 'normal' ELSE 'returned' END, NULL, NULL, 0.98),
           (at + (until - at) * (0.05 + luck / 2), 'acknowledged', 'acknowledged', CASE WHEN luck < 0.4 THEN 'ann' ELSE 'ben' END, CASE WHEN luck < 0.05 THEN 'Cleaned the strainer' END, 1)) e (time, event, state, actor, note, factor)
 WHERE (luck < 0.8 OR e.event <> 'acknowledged') ORDER BY 1;
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value, threshold, note)
SELECT active_since, id, device_id, kind, priority, 'raised', 'unacknowledged', value, threshold, detail FROM alarms WHERE state <> 'normal' AND active_since IS NOT NULL;
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, actor, note)
SELECT acknowledged_at, id, device_id, kind, priority, 'acknowledged', 'acknowledged', acknowledged_by, note FROM alarms WHERE acknowledged_at IS NOT NULL;
"""
TEXTS = """
INSERT INTO texts SELECT now() - n * interval '19 h' - p.id * interval '7 s', p.id, words[1 + (p.id / 10 + n) % 3], 0
  FROM points p, generate_series(0, 6) n, LATERAL (SELECT CASE p.key WHEN 'mode' THEN ARRAY['AUTO', 'MANUAL', 'REMOTE'] WHEN 'medium' THEN ARRAY['Process water', 'Brine 12 %', 'Rinse']
           WHEN 'tariff' THEN ARRAY['Day', 'Night', 'Peak'] ELSE ARRAY['R-104 slow cure', 'R-220 dry', 'Idle'] END AS words) w WHERE p.data_type = 'string';
INSERT INTO latest (point_id, time, quality, text) SELECT DISTINCT ON (point_id) point_id, now(), quality, text FROM texts ORDER BY point_id, time DESC
    ON CONFLICT (point_id) DO UPDATE SET text = excluded.text;
"""
OFFICE = """
UPDATE configuration SET shifts = '[{"end": "14:00", "days": [1, 2, 3, 4, 5, 6, 7], "name": "Early", "start": "06:00"}, {"end": "22:00", "days": [1, 2, 3, 4, 5, 6, 7], "name": "Late", "start": "14:00"}, {"end": "06:00", "days": [1, 2, 3, 4, 5, 6, 7], "name": "Night", "start": "22:00"}]';
INSERT INTO collectors (name, version, started_at, seen_at) VALUES ('hall-north', '0.1.0', now() - interval '9 days', now()), ('hall-south', '0.1.0', now() - interval '2 days', now() - interval '1 h');
INSERT INTO storage_history (day, at, bytes, readings, disk_bytes, disk_free_bytes)
SELECT d::date, d, 9e9 + 310e6 * n, 1.2e9 + 86.4e6 * n, 120e9, 95e9 - 320e6 * n FROM generate_series(0, $days - 1) n, LATERAL (SELECT now() - ($days - 1 - n) * interval '1 day' AS d) at;
INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('rollups', 'every 20 s', now() + interval '10 s'), ('retention', '0 2 * * * UTC', now() + interval '6 h'),
    ('backup', '0 1 * * * UTC', now() + interval '5 h'), ('storage', 'every 600 s', now() + interval '4 min'), ('audit', '30 3 * * * UTC', now() + interval '7 h') ON CONFLICT DO NOTHING;
INSERT INTO scheduled_jobs (name, schedule, due_at, paused_at, paused_by) VALUES ('backups', 'every 30 s', now(), now(), 'bench.look'), ('erasures', 'every 15 s', now(), now(), 'bench.look') ON CONFLICT DO NOTHING;
INSERT INTO job_runs (job, started_at, finished_at, error, details)
SELECT job, t, t + (seconds * (1 + n % 7 * 0.2)) * interval '1 s', CASE WHEN job = 'backup' AND n = 3 THEN 'the folder /backups has 1.2 GB left, a backup needs 9.8 GB' WHEN job = 'retention' AND n = 9 THEN 'canceling statement due to lock timeout' END,
       CASE job WHEN 'audit' THEN jsonb_build_object('entries', 4000 - n * 40, 'number', 4000 - n * 40, 'erased', 0) END
  FROM (VALUES ('rollups', 0.6, interval '20 s', 400), ('retention', 41, '1 day', 90), ('backup', 190, '1 day', 90), ('storage', 0.3, '10 min', 400), ('audit', 2, '1 day', 90)) j (job, seconds, every, times),
       LATERAL generate_series(times, 1, -1) n, LATERAL (SELECT now() - n * every AS t) at;
INSERT INTO retention_notice (due_at) VALUES (now() + interval '6 h') ON CONFLICT DO NOTHING;
INSERT INTO retention_state (device_id, source, due_before, due_rows, due_bytes) SELECT id, 'readings', now() - interval '90 days', 86400, 5.2e6 FROM devices WHERE id % 125 = 2;
INSERT INTO retention_runs (requested_by, state, started_at, finished_at) SELECT 'schedule', 'done', t, t + interval '41 s' FROM generate_series(20, 1, -1) n, LATERAL (SELECT now() - n * interval '1 day' AS t) at;
INSERT INTO retention_run_tables (run_id, source, rows, bytes, chunks) SELECT id, 'readings', 8640000 + id * 1000, 61e6, 1 FROM retention_runs;
INSERT INTO erasures (subject, points, requested_by, progress, rows, state, requested_at, finished_at) VALUES ('Pump 7 (old)', '{70001}', 'ann', 1, 777600, 'done', now() - interval '9 days', now() - interval '9 days' + interval '80 s'),
    ('Oven 3 (scrapped)', '{70002}', 'ben', 0.4, 310000, 'running', now() - interval '3 min', NULL);
INSERT INTO audit_log (at, actor, actor_kind, action, subject, transport)
SELECT now() - n * interval '31 min', who[1 + n % 4], CASE n % 4 WHEN 3 THEN 'token' ELSE 'person' END, what[1 + n % 9], CASE WHEN n % 9 IN (4, 5) THEN 'alm_' || n % 300 + 1 WHEN n % 9 = 6 THEN 'grp_' || n % 20 + 1 ELSE 'dev_' || n % $devices + 1 END, 'graphql'
  FROM generate_series(4000, 1, -1) n, LATERAL (SELECT ARRAY['ann', 'ben', 'olga', 'scada-bridge'] AS who, ARRAY['device.update', 'point.update', 'limit.update', 'device.create', 'alarm.acknowledge', 'alarm.shelve', 'group.update', 'device.test', 'point.create'] AS what) w;
INSERT INTO backups (name, state, reason, asked_at, started_at, finished_at, bytes, database_bytes, verification, verified_at, verify_started_at, verify_seconds, copy_error, copied_at, error)
SELECT 'ddms-' || to_char(t, 'YYYYMMDD-HH24MISS'), CASE n WHEN 4 THEN 'failed' ELSE 'done' END, CASE WHEN n % 10 = 1 THEN 'asked' ELSE 'scheduled' END, t, t, t + (170 + n) * interval '1 s', CASE n WHEN 4 THEN NULL ELSE 2.1e9 - n * 12e6 END, 3.6e10 - n * 310e6,
       CASE WHEN n % 7 = 2 THEN 'verified' END, CASE WHEN n % 7 = 2 THEN t + interval '20 min' END, CASE WHEN n % 7 = 2 THEN t + interval '10 min' END, CASE WHEN n % 7 = 2 THEN 610 END,
       CASE n WHEN 9 THEN 'the bucket answered 403: is the key still valid?' END, CASE WHEN n NOT IN (4, 9) THEN t + interval '5 min' END, CASE n WHEN 4 THEN 'the folder /backups has 1.2 GB left, a backup needs 9.8 GB' END
  FROM generate_series(30, 1, -1) n, LATERAL (SELECT now() - n * interval '1 day' + interval '5 h' AS t) at;
INSERT INTO backups (name, state, reason, attempt, asked_by, asked_at, started_at, progress, doing) VALUES ('ddms-now', 'running', 'asked', 1, 'olga', now() - interval '3 min', now() - interval '3 min', 0.62, 'reads rollup_1h, 1,204 MB written');
INSERT INTO restores (backup, database, state, progress, asked_by, started_at, finished_at) VALUES ((SELECT name FROM backups ORDER BY id LIMIT 1), 'ddms_trial', 'done', 1, 'olga', now() - interval '2 days', now() - interval '2 days' + interval '14 min');
INSERT INTO field_requests (kind, parameters, state, requested_by, created_at, finished_at, result)
SELECT 'test_connection', jsonb_build_object('device_id', 13), 'done', 'ann', now() - interval '40 min', now() - interval '40 min', jsonb_build_object('values', jsonb_agg(jsonb_build_object('value', n, 'reason', 'good')), 'requests', '[{"milliseconds": 23}]'::jsonb) FROM generate_series(1, 10) n;
"""
