# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The SQL of every panel and variable, as the role ddms_grafana runs it on the schema `grafana`.

Chosen ids are compared as text or through string_to_array: an empty or foreign value in the page's address then finds
nothing, where a cast would fail. `$__interval_ms` is the time that a pixel stands for, so the range divided by it is
how many readings a panel can show.
"""

# -- fleet

COUNTS = """
SELECT count(*) AS devices,
       count(*) FILTER (WHERE state = 'online') AS online,
       count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline,
       count(*) FILTER (WHERE state = 'disabled') AS disabled,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       (SELECT count(*) FROM latest l JOIN devices a USING (device_id)
         WHERE l.quality IN ('bad', 'stale') AND a.state IN ('online', 'error')) AS bad_points
  FROM devices
"""
COLLECTORS = """
SELECT CASE WHEN silent_seconds > 30 THEN 'silent' ELSE 'running' END AS state, collector, seen_at, version
  FROM collectors ORDER BY silent_seconds DESC
"""
OFFLINE = """
SELECT device_id, device, offline_seconds, last_error
  FROM devices WHERE state = 'offline' ORDER BY offline_seconds DESC
"""
BAD_NOW = """
SELECT l.device_id, l.device, l.point, l.quality, l.explanation
  FROM latest l JOIN devices d USING (device_id)
 WHERE l.quality IN ('bad', 'uncertain', 'stale') AND d.state IN ('online', 'error')
 ORDER BY l.quality, lower(l.device), l.point_id LIMIT 200
"""
DEVICES = """
SELECT device_id, state, device, last_seen, offline_seconds, failures,
       nullif(concat_ws('; ', last_error, overrun), '') AS last_error, points, endpoint
  FROM devices LEFT JOIN polling USING (device_id)
 WHERE state = any (string_to_array('${state:csv}', ','))
   AND (strpos(lower(device), lower('$search')) > 0 OR strpos(endpoint, lower('$search')) > 0)
 ORDER BY lower(device)
"""

GROUPS = """
SELECT group_id, group_name, devices, online, error, offline, unknown, disabled, description FROM groups ORDER BY lower(group_name)
"""

# -- device: variables

DEVICE_CHOICES = "SELECT device AS __text, device_id AS __value FROM devices ORDER BY lower(device)"
POINT_CHOICES = """
SELECT point AS __text, point_id AS __value FROM points
 WHERE device_id::text = '$device' AND kind = 'number' ORDER BY point_id
"""
UNIT_CHOICES = """
SELECT axis FROM points WHERE point_id::text = any (string_to_array('${points:csv}', ','))
 GROUP BY axis ORDER BY min(point_id)
"""

# -- device: panels

HEADER = """
SELECT state, extract(epoch FROM last_seen) * 1000 AS last_seen, offline_seconds, failures
  FROM devices WHERE device_id::text = '$device'
"""
CONNECTION = """
SELECT endpoint, unit_id, answer_seconds, nullif(concat_ws('; ', last_error, overrun), '') AS last_error, description
  FROM devices LEFT JOIN polling USING (device_id) WHERE device_id::text = '$device'
"""
LATEST = """
SELECT point, shown, quality, time, CASE WHEN quality <> 'good' THEN explanation END AS explanation
  FROM latest WHERE device_id::text = '$device' ORDER BY point_id
"""
# One series of each point, and in wide ranges two more (marked by arrows) with the lowest and highest of each step.
READINGS = """
WITH steps AS (
    SELECT t.*, count(lowest) OVER (PARTITION BY point_id) > 0 AS has_extremes
      FROM trend(array(SELECT point_id FROM points WHERE point_id::text = any (string_to_array('${points:csv}', ','))
                          AND axis = any (array[${unit:sqlstring}]::text[])),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int) t
)
SELECT s.time, shown.number, point_id, p.point || shown.arrow AS point, shown.value
  FROM steps s JOIN points p USING (point_id)
 CROSS JOIN LATERAL (VALUES (0, '', s.value), (1, ' ↓', s.lowest), (2, ' ↑', s.highest)) shown (number, arrow, value)
 WHERE shown.number = 0 OR s.has_extremes
 ORDER BY shown.number, point_id, s.time
"""
# The unit becomes the axis' own by Grafana's transformation "Config from query results".
READINGS_UNIT = """
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points
 WHERE point_id::text = any (string_to_array('${points:csv}', ',')) AND axis = any (array[${unit:sqlstring}]::text[])
"""
SWITCHES = """
WITH states AS (
    SELECT point_id, time, CASE WHEN lowest < highest THEN 0.5 ELSE value END AS state
      FROM trend(array(SELECT point_id FROM points WHERE device_id::text = '$device' AND kind = 'switch'),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int)
), changes AS (
    SELECT s.*, lag(state, 1, -1) OVER (PARTITION BY point_id ORDER BY time) AS before FROM states s
)
SELECT c.time, point_id::text, p.point, c.state FROM changes c JOIN points p USING (point_id)
 WHERE c.state IS DISTINCT FROM c.before ORDER BY c.point_id, c.time
"""
QUALITY = """
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE device_id::text = '$device' AND kind <> 'text'),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int)
)
SELECT c.time, point_id::text, p.point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY c.point_id, c.time
"""
TEXTS = """
SELECT t.time AS changed, p.point, coalesce(t.text, q.explanation) AS text
  FROM points p
 CROSS JOIN LATERAL (SELECT * FROM texts t WHERE t.point_id = p.point_id AND t.time <= $__timeTo()
                      ORDER BY t.time DESC LIMIT 20) t
  JOIN qualities q USING (quality_code)
 WHERE p.device_id::text = '$device' AND p.kind = 'text'
 ORDER BY t.time DESC
"""

# -- history and group

_PIXELS = "((${__to} - ${__from}) / $__interval_ms)::int"
# What a line is called: its device and point, and where it shows means of steps, how long these are.
_CALLED = """p.device || ' · ' || p.point || coalesce(' ⌀ ' || CASE WHEN s.step >= 86400 THEN s.step / 86400 || ' d'
            WHEN s.step >= 3600 THEN s.step / 3600 || ' h' WHEN s.step >= 60 THEN s.step / 60 || ' min' ELSE s.step || ' s' END, '')"""


def _trend(chosen: str) -> str:
    """Return the trends of the chosen points of one unit, as READINGS does for those of a device."""
    return f"""
WITH steps AS (
    SELECT t.*, extract(epoch FROM bucket)::int AS step, count(lowest) OVER (PARTITION BY point_id) > 0 AS has_extremes
      FROM trend(array(SELECT point_id FROM points WHERE {chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])),
                 $__timeFrom(), $__timeTo(), {_PIXELS}) t
)
SELECT s.time, shown.number, point_id, {_CALLED} || shown.arrow AS point, shown.value
  FROM steps s JOIN points p USING (point_id)
 CROSS JOIN LATERAL (VALUES (0, '', s.value), (1, ' ↓', s.lowest), (2, ' ↑', s.highest)) shown (number, arrow, value)
 WHERE shown.number = 0 OR s.has_extremes
 ORDER BY shown.number, lower(p.device), point_id, s.time
"""


def _unit(chosen: str) -> str:
    return f"""
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points
 WHERE {chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])
"""


def _unit_choices(chosen: str) -> str:
    return f"SELECT axis FROM points WHERE {chosen} GROUP BY axis ORDER BY count(*) DESC, min(point_id)"


# -- history

_CHOSEN = "point_id::text = any (array[${points:sqlstring}]::text[])"
HISTORY_POINTS = """
SELECT device || ' · ' || point AS __text, point_id AS __value FROM points
 WHERE device_id::text = any (array[${devices:sqlstring}]::text[]) AND kind = 'number' ORDER BY lower(device), point_id
"""
HISTORY_UNITS = _unit_choices(_CHOSEN)
HISTORY_TREND = _trend(_CHOSEN)
HISTORY_UNIT = _unit(_CHOSEN)
HISTORY_SHOWN = f"""
SELECT p.device_id, p.device, p.point, p.unit,
       min(coalesce(t.lowest, t.value)) AS lowest, max(coalesce(t.highest, t.value)) AS highest
  FROM trend(array(SELECT point_id FROM points WHERE {_CHOSEN}), $__timeFrom(), $__timeTo(), {_PIXELS}) t
  JOIN points p USING (point_id)
 GROUP BY p.point_id, p.device_id, p.device, p.point, p.unit ORDER BY lower(p.device), p.point_id
"""
HISTORY_QUALITY = f"""
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE {_CHOSEN}), $__timeFrom(), $__timeTo(), {_PIXELS})
)
SELECT c.time, point_id::text, p.device || ' · ' || p.point AS point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY lower(p.device), c.point_id, c.time
"""

# -- group

GROUP_CHOICES = "SELECT group_name AS __text, group_id AS __value FROM groups ORDER BY lower(group_name)"
_OF_GROUP = "device_id IN (SELECT device_id FROM group_devices WHERE group_id::text = '$group')"
GROUP_KEYS = f"""
SELECT min(point) AS __text, key AS __value FROM points
 WHERE {_OF_GROUP} AND kind = 'number' GROUP BY key ORDER BY count(*) DESC, min(point_id)
"""
_CHOSEN_KEYS = f"{_OF_GROUP} AND kind = 'number' AND key = any (array[${{keys:sqlstring}}]::text[])"
GROUP_UNITS = _unit_choices(_CHOSEN_KEYS)
GROUP_TREND = _trend(_CHOSEN_KEYS)
GROUP_UNIT = _unit(_CHOSEN_KEYS)
GROUP_COUNTS = """
SELECT devices, online, error, offline, disabled, unknown,
       (SELECT count(*) FROM latest l JOIN group_devices a USING (device_id)
         WHERE a.group_id = g.group_id AND l.quality IN ('bad', 'stale') AND a.state IN ('online', 'error')) AS bad_points
  FROM groups g WHERE group_id::text = '$group'
"""
MEMBERS = """
SELECT d.device_id, d.state, d.device, d.last_seen, d.offline_seconds, d.last_error,
       (SELECT count(*) FROM latest l WHERE l.device_id = d.device_id AND l.quality IN ('bad', 'stale')) AS bad_points
  FROM group_devices d WHERE group_id::text = '$group' ORDER BY lower(device)
"""
# The twelve points that most members have become columns by Grafana's transformation "Grouping to matrix".
KEY_VALUES = f"""
SELECT l.device, l.point,
       CASE l.quality WHEN 'good' THEN l.shown WHEN 'uncertain' THEN '? ' || l.shown WHEN 'stale' THEN '⌛ ' || l.shown
                      WHEN 'none' THEN '–' ELSE '✗ ' || coalesce(replace(l.reason, '_', ' '), l.quality) END AS shown
  FROM latest l
  JOIN (SELECT key, count(*) AS members, min(point_id) AS first FROM points WHERE {_OF_GROUP} GROUP BY key
         ORDER BY count(*) DESC, min(point_id) LIMIT 12) few USING (key)
 WHERE {_OF_GROUP}
 ORDER BY few.members DESC, few.first, lower(l.device)
"""

# -- storage

STORAGE_NOW = """
SELECT bytes AS database_bytes, saved, reading_bytes, growth_bytes, disk_free_bytes, full_on FROM storage
"""
STORAGE_JOBS = """
SELECT job, subject, CASE WHEN failed THEN 'failed' ELSE 'done' END AS run_state, last_success, failures, error, next_start FROM jobs ORDER BY failed DESC, job, subject
"""
STORED = """
SELECT name AS stored, rows, bytes, row_bytes, saved, chunks, compressed_chunks, oldest FROM storage_tables WHERE rows > 0 ORDER BY bytes DESC
"""
RETENTION_DUE = """
SELECT device_id, device, name AS stored, retention_days, before, rows, bytes, due_at FROM retention_due ORDER BY bytes DESC, lower(device) LIMIT 200
"""
RETENTION_RUNS = """
SELECT time AS began, seconds, state AS run_state, rows, bytes, chunks, requested_by, error FROM retention_runs ORDER BY time DESC LIMIT 50
"""
ERASURES = """
SELECT time AS began, subject, state AS run_state, progress, rows, requested_by, error FROM erasures ORDER BY time DESC LIMIT 50
"""
