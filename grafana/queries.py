# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The SQL that several dashboards share; each has its own beside its panels. The role ddms_grafana runs it on the schema `grafana`.

Chosen ids are compared as text or through string_to_array: an empty or foreign value in the page's address then finds
nothing, where a cast would fail. `$__interval_ms` is the time that a pixel stands for, so the range divided by it is
how many readings a panel can show.
"""

from ddms.languages import sentences
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


def _moved(time: str, sign: str) -> str:
    """Return SQL of a time that is moved by what the trends are compared with: `-` to then, `+` back. By the clock of the site:
    a day on which it is put forward has 23 hours.
    """
    ago = "CASE '$compare' WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' ELSE '0' END"
    return f"(({time})::timestamptz AT TIME ZONE (SELECT site_time_zone()) {sign} {ago}) AT TIME ZONE (SELECT site_time_zone())"


def _earlier(language: Language, shown: str, name: str) -> str:
    """Return SQL of the points `shown` at the same time of an earlier day, when that was chosen; `name` names a series."""
    begin, end = _moved("$__timeFrom()", "-"), _moved("$__timeTo()", "-")
    return f"""SELECT {_moved("s.time", "+")}, 4, lower(p.device), point_id, {name} || ' · ' || {language.word("'$compare'", texts.COMPARED)}, s.value
      FROM (SELECT t.*, extract(epoch FROM bucket)::int AS step
              FROM trend(array(SELECT point_id FROM ({shown}) p WHERE '$compare' IN ('day', 'week')), {begin}, {end}, {PIXELS}) t) s
      JOIN points p USING (point_id)"""


def trend(language: Language, chosen: str, name: str | None = None, whose: str = "p.device || ' · ' || p.point") -> str:
    """Return the trends of the chosen points of one unit with the lines of their limits, and what they are compared with.

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
    {_earlier(language, shown, name or called(language))}
     UNION ALL
    SELECT at.time, 3, '', l.number, l.name, l.value FROM lines l CROSS JOIN (VALUES ($__timeFrom()::timestamptz), ($__timeTo()::timestamptz)) at (time)
) drawn
 ORDER BY number, device, point_id, time
"""


def unit(chosen: str) -> str:
    """Return what reads the axis of the chosen points: their unit, no decimals where all are counts, and the tints of their limits.

    Percentages have 0 to 100, unless all of them are so small that nobody would see them move.
    """
    chosen = f"{chosen} AND axis = any (array[${{unit:sqlstring}}]::text[])"
    return f"""
WITH extent AS (
    SELECT least(0, min(coalesce(lowest, value))) AS low, max(coalesce(highest, value)) AS high
      FROM trend(array(SELECT point_id FROM points WHERE {chosen}), $__timeFrom(), $__timeTo(), 50)
)
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit, CASE WHEN bool_and(is_whole) THEN 0 END AS decimals,
       CASE WHEN max(unit) = '%' THEN (SELECT low FROM extent) END AS min,
       CASE WHEN max(unit) = '%' THEN (SELECT CASE WHEN high >= 10 THEN greatest(100, high) END FROM extent) END AS max, {limits.TINTS}
  FROM points {limits.tints(chosen)}
 WHERE {chosen}
"""


def unit_choices(chosen: str, order: str = "count(*) DESC, min(point_id)") -> str:
    """Return what lists the axes of the chosen points: their units, and the names of those that have none."""
    return f"SELECT axis AS __text, axis AS __value FROM points WHERE {chosen} GROUP BY axis ORDER BY {order}"


def value_now(language: Language, *, coloured: bool = False) -> str:
    """Return SQL of a row of the view latest l as a list shows it: the value, with a sign and how old it is or why there is none when it is not good.

    `coloured`: a name has its colour behind it (see `grafana.named`).
    """
    shown = latest_shown(language)
    quality = language.word("l.quality", texts.QUALITIES)
    return f"""CASE l.quality WHEN 'good' THEN {latest_coloured(language) if coloured else shown} WHEN 'uncertain' THEN '? ' || {shown} WHEN 'stale' THEN '⌛ ' || coalesce({shown} || ' · ', '') || {age(language, "l.time")}
                      WHEN 'none' THEN '–' ELSE '✗ ' || coalesce({sentences.reason(language, "l.reason")}, {quality}) END"""


STATES = {"online": 1, "error": 2, "offline": 3, "unknown": 4, "disabled": 5}
"""States of devices as a timeline draws them: numbers, which it tells from names of rows."""


def states(which: str, *, troubled: bool, most: int = 10) -> str:
    """Return how devices did over time, a row for each change, of those that fulfil a condition; who had trouble longest comes first.

    `troubled`: only those that had some; that a new device was not polled yet is none. One that no collector reports any more is unknown from then on.
    """
    code = " ".join(f"WHEN '{state}' THEN {number}" for state, number in STATES.items())
    return f"""
WITH mine AS MATERIALIZED (
    SELECT device_id, device, CASE WHEN state = 'unknown' THEN last_seen + interval '1 minute' END AS silent_from FROM devices WHERE {which}
), told AS (
    SELECT m.device_id, greatest(c.time, $__timeFrom()::timestamptz) AS time, c.state, c.state IN ('error', 'offline') AS is_trouble
      FROM mine m CROSS JOIN LATERAL (
           (SELECT time, state FROM device_state_changes c WHERE c.device_id = m.device_id AND c.time <= $__timeFrom() ORDER BY c.time DESC LIMIT 1)
            UNION ALL
           (SELECT time, state FROM device_state_changes c WHERE c.device_id = m.device_id AND c.time > $__timeFrom() AND c.time <= $__timeTo() ORDER BY c.time DESC LIMIT 1000)) c
     UNION ALL
    SELECT device_id, greatest(silent_from, $__timeFrom()::timestamptz), 'unknown', true FROM mine WHERE silent_from <= $__timeTo()
), spans AS (
    SELECT *, coalesce(lead(time) OVER (PARTITION BY device_id ORDER BY time), least($__timeTo()::timestamptz, now())) - time AS lasted FROM told
), worst AS (
    SELECT m.device_id, m.device, sum(lasted) FILTER (WHERE is_trouble) AS trouble
      FROM spans JOIN mine m USING (device_id) GROUP BY m.device_id, m.device{" HAVING bool_or(is_trouble)" if troubled else ""}
     ORDER BY trouble DESC NULLS LAST, lower(m.device) LIMIT {most}
)
SELECT s.time, w.device AS point, w.device_id::text, CASE s.state {code} END AS state
  FROM spans s JOIN worst w USING (device_id) ORDER BY w.trouble DESC NULLS LAST, lower(w.device), s.time
"""


def latest_coloured(language: Language) -> str:
    """Return SQL of a value of the view latest l as `latest_shown` does, with the colour of its name behind it (see `grafana.named`)."""
    return named.tag(latest_shown(language), "l.value_color")


def latest_shown(language: Language) -> str:
    """Return SQL of a value of the view latest l as a person reads it: a switch's in words, a text as it is."""
    word = language.word("l.shown", texts.SWITCH_SHOWN)
    return (
        word if word == "l.shown" else f"CASE WHEN coalesce(l.text, l.value_name) IS NULL THEN {word} ELSE l.shown END"
    )
