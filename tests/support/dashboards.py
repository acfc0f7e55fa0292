"""What the tests of dashboards share: a small plant with something for each panel, and queries as Grafana sends them."""

import re
from typing import Any

HOUR = 3_600_000

FILL = """
INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:502');
INSERT INTO devices (name, connection_id, unit_id, enabled)
    SELECT name, 1, n, name <> 'Resting' FROM unnest(array['Pump', 'Tank', 'Resting', 'Gone', 'O''Brien''s "oven"']) WITH ORDINALITY AS u (name, n);
INSERT INTO device_states (device_id, state, last_seen, failures, first_failure, last_error) VALUES
    (1, 'online', now(), 0, NULL, NULL), (4, 'offline', now() - interval '1 hour', 60, now() - interval '1 hour', 'the device did not answer in time'),
    (5, 'online', now() - interval '10 min', 0, NULL, NULL);
UPDATE device_states SET answer_seconds = 0.02, overrun_since = now() WHERE device_id = 1;
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type, length, deadband) SELECT id, u.* FROM devices,
    (VALUES ('flow', 'Flow', 'm³/h', 'holding', 0, 'float32', NULL, 0), ('ratio', 'Ratio', '', 'holding', 2, 'float32', NULL, 0.5),
            ('run', 'Running', '', 'coil', 0, 'bool', NULL, 0), ('mode', 'Mode', '', 'holding', 4, 'string', 8, 0)) u;
UPDATE points SET counter = true WHERE key = 'ratio';
UPDATE configuration SET shifts = '[{"name": "Day", "days": [1, 2, 3, 4, 5, 6, 7], "start": "06:00", "end": "18:00"}]';
INSERT INTO readings SELECT t, p.id, CASE WHEN p.key = 'run' THEN 1 ELSE 20 + p.id END, 0
    FROM points p, generate_series(now() - interval '50 min', now(), '10 s') t
   WHERE p.device_id = 1 AND p.key <> 'mode' AND (p.key = 'ratio' OR t NOT BETWEEN now() - interval '30 min' AND now() - interval '20 min');
UPDATE readings SET value = NULL, quality = 16 WHERE point_id = 1 AND time BETWEEN now() - interval '10 min' AND now() - interval '8 min';
INSERT INTO texts VALUES (now() - interval '2 days', 4, 'AUTO', 0), (now() - interval '5 min', 4, NULL, 16);
INSERT INTO latest SELECT DISTINCT ON (point_id) point_id, time, value, quality FROM readings ORDER BY point_id, time DESC;
INSERT INTO latest VALUES (4, now(), NULL, 16, NULL), (5, now() - interval '1 hour', 1e-9, 0, NULL), (6, now(), NULL, 34, NULL);
INSERT INTO groups (name) VALUES ('O''Brien''s hall'), ('Empty');
INSERT INTO device_groups SELECT 1, id FROM devices;
INSERT INTO collectors (name, version, seen_at) VALUES ('here', '0.1.0', now()), ('there', '0.1.0', now() - interval '1 min');
INSERT INTO site_states VALUES ('there', now(), now(), now(), now() - interval '5 min', 12, 90000, 100000, NULL);
INSERT INTO job_runs (job, started_at, error) VALUES ('rollups', now(), NULL), ('retention', now(), 'the disk is on fire');
INSERT INTO retention_notice (due_at) VALUES (now() + interval '1 day');
INSERT INTO retention_state (device_id, source, due_before, due_rows, due_bytes) VALUES (1, 'readings', now() - interval '90 days', 8640, 500000);
INSERT INTO retention_runs (requested_by, state, finished_at) VALUES ('schedule', 'done', now() + interval '3 s');
INSERT INTO retention_run_tables (run_id, source, rows, bytes, chunks) VALUES (1, 'readings', 100, 6000, 1), (1, 'texts', 5, 500, 0);
INSERT INTO erasures (subject, points, requested_by, progress, state) VALUES ('Old pump', '{77}', 'ann', 0.5, 'running');
INSERT INTO audit_log (actor, action, subject) VALUES ('ann', 'device.update', 'dev_1'), ('ann', 'token.create', 'tok_1');
INSERT INTO job_runs (job, started_at, details) VALUES ('audit', now(), '{"entries": 2, "number": 2, "erased": 0}');
INSERT INTO limits (point_id, key, kind, threshold, priority, cause) VALUES (1, 'high', 'high', 25, 'critical', 'Valve <stuck>'), (1, 'low', 'low', 5, 'medium', ''), (2, 'high', 'high', 99, 'low', '');
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value, threshold) SELECT now() - u.ago, a.id, a.device_id, a.kind, a.priority, u.event, u.state, 26.12345, 25
    FROM alarms a, (VALUES (interval '3 h', 'raised', 'unacknowledged'), ('2 h', 'cleared', 'returned'), ('90 min', 'raised', 'unacknowledged'), ('40 min', 'cleared', 'returned'),
                           ('15 min', 'raised', 'unacknowledged')) u (ago, event, state) WHERE a.limit_id IS NOT NULL OR a.source = 'device' AND a.device_id IN (1, 4);
UPDATE alarms SET active = true, acknowledged = false, active_since = now() - interval '15 min', value = 26.12345, threshold = 25 WHERE limit_id = 1 OR source = 'device' AND device_id = 4;
-- One is shelved, one is stale, and one brings a flood.
UPDATE alarms SET shelved = 'timed', shelved_at = now(), shelved_until = now() + interval '1 h', shelved_by = 'ann', shelved_reason = 'new pump' WHERE limit_id = 2;
INSERT INTO limits (point_id, key, kind, threshold) VALUES (2, 'low', 'low', 1);
INSERT INTO limits (point_id, key, kind, threshold, priority) VALUES (1, 'fast', 'rate', 1, 'low'), (1, 'high_high', 'high_high', 30, 'high');
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) SELECT now() - interval '5 min', id, device_id, kind, priority, 'raised', 'unacknowledged'
    FROM alarms WHERE limit_id IN (5, 6);
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value, threshold) SELECT now() - interval '2 days', id, device_id, kind, priority, 'raised', 'unacknowledged', 0.5, 1
    FROM alarms WHERE limit_id = 4;
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) SELECT now() - n * interval '1 s', id, device_id, kind, priority, u.event, u.state
    FROM alarms, generate_series(30, 1, -1) n, (VALUES ('raised', 'unacknowledged'), ('cleared', 'returned')) u (event, state) WHERE limit_id = 3 ORDER BY n DESC, u.event DESC;
INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('rollups', 'every 20 s', now()), ('backup', '0 1 * * * UTC', now() + interval '5 h');
INSERT INTO backups (name, state, reason, asked_at, started_at, finished_at, bytes, database_bytes, verification, verified_at, verify_started_at, verify_seconds, copy_error)
    SELECT 'ddms-' || n, 'done', 'scheduled', t, t, t + interval '90 s', 5e7, 4e8, CASE n WHEN 1 THEN 'verified' END, CASE n WHEN 1 THEN now() END, t, 40, CASE n WHEN 2 THEN 'the bucket is away' END
      FROM (SELECT n, now() - n * interval '20 min' AS t FROM generate_series(1, 2) n) backup;
INSERT INTO backups (name, state, reason, started_at, progress, doing) VALUES ('ddms-3', 'running', 'asked', now(), 0.5, 'reads readings_1m, 5 MB written');
INSERT INTO restores (backup, database, state, progress) VALUES ('ddms-1', 'again', 'running', 0.5);
INSERT INTO errors (time, reference, place, code, message, account) VALUES (now() - interval '5 min', '4f7a-2c09', 'button', 'CONFLICT', 'runJob: it runs already', -1);
INSERT INTO annotations (starts_at, text, created_by) VALUES (now() - interval '5 min', 'Old pump', 'ann');
ANALYZE readings;
"""


def as_grafana_sends(sql: str, *, hours: int = 1, **choices: str | list[str]) -> str:
    """Replace variables and macros as Grafana's PostgreSQL data source does: escaped choices, then the macros; of the last hours."""
    chosen: dict[str, Any] = {"state": ["online", "error", "offline", "disabled", "unknown"], "search": "", "device": "1", "devices": ["1", "2"], "group": "1", "keys": ["flow", "ratio"], "noun": ["device", "group"], "alarms": "all",
                              "priority": ["critical", "high", "medium", "low"], "event": ["raised", "cleared"], "alarm": "all", "operators": "1", "point": "1",
                              "points": ["1", "2", "3"], "unit": ["m³/h", "Ratio"], "compare": "none", "heat": "1", "by": "day", "condition": "> 0"} | choices  # fmt: skip

    def variable(match: re.Match[str]) -> str:
        name, form = match["braced"] or match["plain"], match["format"]
        values = chosen[name] if isinstance(chosen[name], list) else [chosen[name]]
        quoted = [value.replace("'", "''") for value in values]
        return ",".join(values if form == "csv" else [f"'{q}'" for q in quoted] if form == "sqlstring" else quoted)

    sql = sql.replace("${__user.login}", "usr_1")
    sql = (
        sql.replace("${__to}", str(hours * HOUR)).replace("${__from}", "0").replace("$__interval_ms", str(hours * 5000))
    )
    sql = sql.replace("$__timeFrom()", f"(now() - interval '{hours} hour')").replace("$__timeTo()", "now()")
    sql = re.sub(r"\$\{(?P<braced>\w+):(?P<format>\w+)\}|\$(?P<plain>[a-z]+)\b", variable, sql)
    assert "$" not in sql
    return sql
