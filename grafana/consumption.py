# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Consumption: what chosen counters counted by hour, shift and day, and in total beside the time before."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from grafana import texts_consumption as words
from grafana.bars import FROM, TO, bars, when
from grafana.languages import Language
from grafana.panels import (
    CONSUMPTION_UID,
    GREY,
    Place,
    Property,
    column,
    everything,
    link_languages,
    link_to_export,
    link_to_fleet,
    link_to_history,
    name_columns,
    name_of_device,
    new_dashboard,
    place_panels,
    query_variable,
    sentence,
    text_table,
)

DEVICES = "SELECT device AS __text, device_id AS __value FROM points WHERE counter GROUP BY device, device_id ORDER BY lower(device)"
_OF_DEVICES = "counter AND device_id::text = any (array[${devices:sqlstring}]::text[])"
UNITS = f"SELECT axis AS __text, axis AS __value FROM points WHERE {_OF_DEVICES} GROUP BY axis ORDER BY count(*) DESC, min(point_id)"
_OF_UNIT = f"{_OF_DEVICES} AND axis = any (array[${{unit:sqlstring}}]::text[])"
POINTS = f"""
SELECT device || ' · ' || point || CASE WHEN count(*) OVER (PARTITION BY device_id, point) > 1 THEN ' · ' || key ELSE '' END AS __text,
       point_id AS __value
  FROM points WHERE {_OF_UNIT} ORDER BY lower(device), point_id
"""
_IDS = f"array(SELECT point_id FROM points WHERE {_OF_UNIT} AND point_id::text = any (array[${{points:sqlstring}}]::text[]))"
MOST = 11
"""So many counters have a colour of their own in a bar; more cannot be told apart."""
ROWS = 40_000
"""Of more hours than these `consumption` tells days instead."""
LONGEST = 62 * 24
"""Hours of more are bars of less than a pixel, and take the database longer than a person waits."""
UNIT = f"SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points WHERE {_OF_UNIT}"


def _total(begin: str, end: str) -> str:
    return f"""SELECT point_id, sum(increase) AS total, sum(restarts) AS restarts
      FROM consumption({_IDS}, {begin}, {end}, 'hour') WHERE time >= {begin} AND time < {end} GROUP BY point_id"""


TOTALS = f"""
WITH shown AS (
    {_total(FROM, TO)}
), before AS (
    {_total(f"({FROM} - ({TO} - {FROM}))", FROM)}
)
SELECT p.device_id, p.device, p.point, p.unit, s.total, b.total AS total_before, s.total / nullif(b.total, 0) - 1 AS change, s.restarts
  FROM shown s JOIN points p USING (point_id) LEFT JOIN before b USING (point_id) ORDER BY s.total DESC NULLS LAST, lower(p.device), p.point_id
"""


_COUNTED = f"consumption({_IDS}, $__timeFrom(), $__timeTo(), 'day')"
_RANKED = (
    "SELECT point_id, row_number() OVER (ORDER BY sum(increase) DESC, point_id) AS rank FROM counted GROUP BY point_id"
)


def by_day(language: Language) -> str:
    """Return what the chosen counters counted on each day: those that counted most, and the others together."""
    return f"WITH counted AS MATERIALIZED (SELECT * FROM {_COUNTED}), ranked AS ({_RANKED}) {_of_each('counted', language, '')}"


def by_hour(language: Language) -> str:
    """Return the same by hour; of very many counters, of whose hours there would be too many, only
    those that counted most; of more than two months nothing.
    """
    hours = f"extract(epoch FROM {TO} - {FROM}) / 3600"
    return f"""
WITH counted AS (SELECT * FROM {_COUNTED}), ranked AS MATERIALIZED ({_RANKED}),
     asked AS (SELECT array_agg(point_id) AS ids FROM ranked WHERE rank <= {MOST} OR (SELECT count(*) FROM ranked) * {hours} <= {ROWS}
              HAVING {hours} <= {LONGEST}),
     hours AS (SELECT h.* FROM asked, consumption(ids, $__timeFrom(), $__timeTo(), 'hour') h WHERE h.until <= h.time + interval '1 hour')
{_of_each("hours", language, " HH24:MI")}
"""


def _of_each(counted: str, language: Language, clock: str) -> str:
    return f"""
SELECT {when("c.time", clock)} AS bucket, CASE WHEN rank <= {MOST} THEN p.device || ' · ' || p.point ELSE {language.sql(words.OTHERS)} END AS point, sum(c.increase) AS value
  FROM {counted} c JOIN ranked USING (point_id) JOIN points p USING (point_id) GROUP BY c.time, 2, least(rank, {MOST} + 1) ORDER BY c.time, least(rank, {MOST} + 1)
"""


def by_shift(language: Language) -> str:
    """Return what the chosen counters counted together in each shift, a series for each; where it is told by days instead, nothing."""
    return f"""
SELECT {when("c.time")} AS bucket, coalesce(shift, {language.sql(words.BETWEEN)}) AS point, sum(increase) AS value
  FROM consumption({_IDS}, $__timeFrom(), $__timeTo(), 'shift') c WHERE shift IS NOT NULL OR until < time + interval '23 hours'
 GROUP BY c.time, shift ORDER BY c.time
"""


def _totals(language: Language) -> table.Panel:
    shown = text_table(language.says(words.TOTALS), Place(0, 27, 24, 9), TOTALS, hidden=["device_id"])
    number = [Property("decimals", 1)]
    columns = {
        "device": name_of_device(language),
        "point": sentence(),
        "unit": column(56),
        "total": [*column(110, unit="locale", align="right"), *number],
        "total_before": [*column(118, unit="locale", align="right"), *number],
        "change": [*column(90, unit="percentunit", align="right"), *number],
        "restarts": column(80, unit="none", align="right"),
    }
    return name_columns(shown, columns, language.table(words.COLUMNS))


def _variables(language: Language) -> list[dash.QueryVariable]:
    devices = query_variable("devices", language.says(words.DEVICES), DEVICES).multi(multi=True)
    points = query_variable("points", language.says(words.POINTS), POINTS).multi(multi=True)
    return [
        devices.include_all(include_all=True).current(everything()),
        query_variable("unit", language.says(words.UNIT), UNITS),
        points.include_all(include_all=True).current(everything()),
    ]


def consumption(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what counters counted."""
    says = language.says
    board = new_dashboard(f"{CONSUMPTION_UID}{language.suffix}", says(words.TITLE), says(words.DESCRIPTION))
    board.time("now-7d", "now").refresh("1m").link(link_to_fleet(language))
    board.link(link_to_history(language, "${devices:queryparam}&${points:queryparam}"))
    board.link(link_to_export(language, "points=${points:csv}&calendar=day"))
    link_languages(board, CONSUMPTION_UID, language)
    for variable in _variables(language):
        board.with_variable(variable)
    hours = bars(words.HOURS, Place(0, 0, 24, 9), by_hour(language), UNIT, language)
    shifts = bars(words.SHIFTS, Place(0, 9, 24, 9), by_shift(language), UNIT, language)
    days = bars(words.DAYS, Place(0, 18, 24, 9), by_day(language), UNIT, language)
    for chart in (hours, days):
        chart.override_by_name(says(words.OTHERS), [Property("color", {"mode": "fixed", "fixedColor": GREY})])
    return place_panels(board, [hours, shifts, days, _totals(language)])
