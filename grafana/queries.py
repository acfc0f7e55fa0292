# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The SQL that several dashboards share; each has its own beside its panels. The role ddms_grafana runs it on the schema `grafana`.

Chosen ids are compared as text or through string_to_array: an empty or foreign value in the page's address then finds
nothing, where a cast would fail. `$__interval_ms` is the time that a pixel stands for, so the range divided by it is
how many readings a panel can show.
"""

DEVICE_CHOICES = "SELECT device AS __text, device_id AS __value FROM devices ORDER BY lower(device)"

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

PIXELS = "((${__to} - ${__from}) / $__interval_ms)::int"
# What a line is called: its device and point, and where it shows means of steps, how long these are.
CALLED = """p.device || ' · ' || p.point || coalesce(' ⌀ ' || CASE WHEN s.step >= 86400 THEN s.step / 86400 || ' d'
            WHEN s.step >= 3600 THEN s.step / 3600 || ' h' WHEN s.step >= 60 THEN s.step / 60 || ' min' ELSE s.step || ' s' END, '')"""


def trend(chosen: str) -> str:
    """Return the trends of the chosen points of one unit, as READINGS does for those of a device."""
    return f"""
WITH steps AS (
    SELECT t.*, extract(epoch FROM bucket)::int AS step, count(lowest) OVER (PARTITION BY point_id) > 0 AS has_extremes
      FROM trend(array(SELECT point_id FROM points WHERE {chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])),
                 $__timeFrom(), $__timeTo(), {PIXELS}) t
)
SELECT s.time, shown.number, point_id, {CALLED} || shown.arrow AS point, shown.value
  FROM steps s JOIN points p USING (point_id)
 CROSS JOIN LATERAL (VALUES (0, '', s.value), (1, ' ↓', s.lowest), (2, ' ↑', s.highest)) shown (number, arrow, value)
 WHERE shown.number = 0 OR s.has_extremes
 ORDER BY shown.number, lower(p.device), point_id, s.time
"""


def unit(chosen: str) -> str:
    """Return what reads the unit that the chosen points share."""
    return f"""
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points
 WHERE {chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])
"""


def unit_choices(chosen: str) -> str:
    """Return what lists the units of the chosen points."""
    return f"SELECT axis FROM points WHERE {chosen} GROUP BY axis ORDER BY count(*) DESC, min(point_id)"
