# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The SQL that several dashboards share; each has its own beside its panels. The role ddms_grafana runs it on the schema `grafana`.

Chosen ids are compared as text or through string_to_array: an empty or foreign value in the page's address then finds
nothing, where a cast would fail. `$__interval_ms` is the time that a pixel stands for, so the range divided by it is
how many readings a panel can show.
"""

from grafana import limits, named, texts
from grafana.languages import Language

DEVICE_CHOICES = "SELECT device AS __text, device_id AS __value FROM devices ORDER BY lower(device)"

PIXELS = "((${__to} - ${__from}) / $__interval_ms)::int"


def called(language: Language) -> str:
    """Return SQL of what a line is called: its device and point, and where it shows means of steps, how long these are."""
    second, minute, hour, day = (language.sql(pair) for pair in texts.UNITS_OF_TIME.values())
    return f"""p.device || ' · ' || p.point || coalesce(' ⌀ ' || CASE WHEN s.step >= 86400 THEN s.step / 86400 || {day}
            WHEN s.step >= 3600 THEN s.step / 3600 || {hour} WHEN s.step >= 60 THEN s.step / 60 || {minute} ELSE s.step || {second} END, '')"""


def age(language: Language, since: str) -> str:
    """Return SQL of how old a time is, in the largest unit: `3 d`."""
    second, minute, hour, day = (language.sql(pair) for pair in texts.UNITS_OF_TIME.values())
    old = f"extract(epoch FROM now() - ({since}))"
    return f"""CASE WHEN {old} >= 86400 THEN floor({old} / 86400) || {day} WHEN {old} >= 3600 THEN floor({old} / 3600) || {hour}
            WHEN {old} >= 60 THEN floor({old} / 60) || {minute} ELSE greatest(floor({old}), 0) || {second} END"""


def nothing(language: Language) -> str:
    """Return SQL of why a point, of which l is the row of the view latest, has no line in the chosen time, and how old its newest reading is."""
    says = language.sql
    return f"""CASE WHEN l.time IS NULL THEN {says(texts.NEVER_READ)}
            WHEN l.time BETWEEN $__timeFrom()::timestamptz AND $__timeTo()::timestamptz THEN {says(texts.ONLY_BAD_HERE)}
            ELSE {says(texts.NOTHING_HERE)} || {age(language, "l.time")} || {says(texts.AGO)} END"""


def trend(language: Language, chosen: str, name: str | None = None, whose: str = "p.device || ' · ' || p.point") -> str:
    """Return the trends of the chosen points of one unit with the lines of their limits.

    One series of each point; where it shows steps two more, marked by arrows, with the lowest and highest of each. A point without
    a value in this time has a line without values, whose name says that, and from when its newest reading is.
    `name` names a series by its point p and step s, `whose` a limit by its point.
    """
    shown = f"SELECT point_id FROM points WHERE {chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])"
    return f"""
WITH steps AS MATERIALIZED (
    SELECT t.*, extract(epoch FROM bucket)::int AS step, count(lowest) OVER (PARTITION BY point_id) > 0 AS has_extremes
      FROM trend(array({shown}), $__timeFrom(), $__timeTo(), {PIXELS}) t
), {limits.level_lines(language, shown, whose).strip()}
SELECT time, number, point_id, point, value FROM (
    SELECT s.time, shown.number, lower(p.device) AS device, point_id, {name or called(language)} || shown.arrow AS point, shown.value
      FROM steps s JOIN points p USING (point_id)
     CROSS JOIN LATERAL (VALUES (0, '', s.value), (1, ' ↓', s.lowest), (2, ' ↑', s.highest)) shown (number, arrow, value)
     WHERE shown.number = 0 OR s.has_extremes
     UNION ALL
    SELECT $__timeFrom()::timestamptz, 0, lower(p.device), p.point_id, {texts.MARK_OF_NOTHING!r} || {whose} || {language.sql(texts.COLON)} || {nothing(language)}, NULL
      FROM points p LEFT JOIN latest l USING (point_id) WHERE p.point_id IN ({shown})
       AND NOT EXISTS (SELECT FROM steps s WHERE s.point_id = p.point_id AND s.value IS NOT NULL)
     UNION ALL
    SELECT at.time, 3, '', l.number, l.name, l.value FROM lines l CROSS JOIN (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) at (time)
) drawn
 ORDER BY number, device, point_id, time
"""


def unit(chosen: str) -> str:
    """Return what reads the unit that the chosen points share, and the tints of their limits."""
    chosen = f"{chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])"
    return f"""
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit, {limits.TINTS} FROM points {limits.tints(chosen)}
 WHERE {chosen}
"""


def unit_choices(language: Language, chosen: str, order: str = "count(*) DESC, min(point_id)") -> str:
    """Return what lists the units of the chosen points, with what each is called."""
    shown = language.word("axis", texts.UNIT_SHOWN)
    return f"SELECT {shown} AS __text, axis AS __value FROM points WHERE {chosen} GROUP BY axis ORDER BY {order}"


def latest_coloured(language: Language) -> str:
    """Return SQL of a value of the view latest l as `latest_shown` does, with the colour of its name behind it (see `grafana.named`)."""
    return named.tag(latest_shown(language), "l.value_color")


def latest_shown(language: Language) -> str:
    """Return SQL of a value of the view latest l as a person reads it: a switch's in words, a text as it is."""
    word = language.word("l.shown", texts.SWITCH_SHOWN)
    return (
        word if word == "l.shown" else f"CASE WHEN coalesce(l.text, l.value_name) IS NULL THEN {word} ELSE l.shown END"
    )
