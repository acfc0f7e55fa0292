# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Report: what chosen points did by shift, day, week or month, and which devices answered least."""

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from grafana import queries
from grafana import texts_report as words
from grafana.bars import FROM, TO, bars, when
from grafana.languages import Language
from grafana.panels import (
    REPORT_UID,
    Place,
    Property,
    column,
    everything,
    link_languages,
    link_to_consumption,
    link_to_export,
    link_to_fleet,
    link_to_history,
    name_columns,
    name_of_device,
    new_dashboard,
    one_of,
    place_panels,
    query_variable,
    sentence,
    text_table,
)

_OF_DEVICES = "kind IN ('number', 'state') AND device_id::text = any (array[${devices:sqlstring}]::text[])"
POINTS = f"""
SELECT device || ' · ' || point || CASE WHEN count(*) OVER (PARTITION BY device_id, point) > 1 THEN ' · ' || key ELSE '' END AS __text,
       point_id AS __value
  FROM points WHERE {_OF_DEVICES} ORDER BY lower(device), point_id
"""
_CHOSEN = f"{_OF_DEVICES} AND point_id::text = any (array[${{points:sqlstring}}]::text[])"
_OF_UNIT = f"{_CHOSEN} AND axis = any (array[${{unit:sqlstring}}]::text[])"
_BY, _STATE = "${by:sqlstring}", "${condition:sqlstring}"
MOST = 11
"""So many points have a colour of their own; more cannot be told apart."""
UNIT = f"SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points WHERE {_OF_UNIT}"
HOURS, NO_UNIT = "SELECT 'suffix: h' AS unit", "SELECT 'none' AS unit"
_ROWS = 2000
"""Of a table; a browser is slow with more, and nobody reads them."""


def _ids(which: str) -> str:
    return f"array(SELECT point_id FROM points WHERE {which} ORDER BY lower(device), point_id LIMIT {MOST})"


_ALL = f"array(SELECT point_id FROM points WHERE {_CHOSEN})"
_NAME = "p.device || ' · ' || p.point"
# A day is called by its date, a shift by its hour too.
_CLOCK = "' || CASE WHEN c.until - c.time < interval '23 hours' THEN ' HH24:MI' ELSE '' END || '"
_BUCKET = when("c.time", _CLOCK)

MEANS = f"""
SELECT {_BUCKET} AS bucket, {_NAME} AS point, c.mean AS value
  FROM answers({_ids(_OF_UNIT)}, {FROM}, {TO}, {_BY}) c JOIN points p USING (point_id) ORDER BY c.time, lower(p.device), point_id
"""


def of_state(what: str) -> str:
    """Return the SQL of something of the state, by bucket and point."""
    return f"""
SELECT {_BUCKET} AS bucket, {_NAME} AS point, {what} AS value
  FROM in_state({_ids(_CHOSEN)}, {FROM}, {TO}, {_STATE}, {_BY}) c JOIN points p USING (point_id) ORDER BY c.time, lower(p.device), point_id
"""


VALUES = f"""
SELECT {_BUCKET} AS bucket, p.device_id, p.device, p.point, p.unit, c.mean, c.lowest, q.found[1] AS p5, q.found[2] AS p50, q.found[3] AS p95, c.highest, c.deviation,
       c.first, c.last, s.seconds / 3600 AS hours, s.starts
  FROM answers({_ALL}, {FROM}, {TO}, {_BY}) c JOIN points p USING (point_id)
  LEFT JOIN percentiles({_ALL}, {FROM}, {TO}, '{{0.05,0.5,0.95}}', {_BY}) q USING (point_id, time)
  LEFT JOIN in_state({_ALL}, {FROM}, {TO}, {_STATE}, {_BY}) s USING (point_id, time)
 ORDER BY c.time DESC, lower(p.device), p.point_id LIMIT {_ROWS}
"""
AVAILABILITY = f"""
SELECT a.device_id, d.device, a.share, a.offline / 3600 AS offline_hours, a.outages, a.longest, (a.online + a.error) / 3600 AS online_hours
  FROM availability(array(SELECT device_id FROM devices), {FROM}, {TO}) a JOIN devices d USING (device_id)
 WHERE a.share IS NOT NULL ORDER BY a.share, a.offline DESC, lower(d.device) LIMIT 10
"""


def _number(width: int = 88, unit: str = "short", decimals: int = 2) -> list[Property]:
    return [*column(width, unit=unit, align="right"), Property("decimals", decimals)]


def _values(language: Language) -> table.Panel:
    shown = text_table(language.says(words.VALUES), Place(0, 18, 24, 10), VALUES, hidden=["device_id"])
    numbers = ("mean", "lowest", "p5", "p50", "p95", "highest", "deviation", "first", "last")
    columns: Mapping[str, list[Property]] = {
        "bucket": column(104),
        "device": name_of_device(language),
        "point": sentence(),
        "unit": column(56),
        **{name: _number() for name in numbers},
        "hours": _number(72, "none", 2),
        "starts": _number(72, "none", 0),
    }
    return name_columns(shown, columns, language.table(words.COLUMNS))


def _availability(language: Language) -> table.Panel:
    place = Place(0, 28, 24, 10)
    shown = text_table(language.says(words.AVAILABILITY), place, AVAILABILITY, hidden=["device_id"])
    columns: Mapping[str, list[Property]] = {
        "device": name_of_device(language),
        "share": _number(110, "percentunit"),
        "offline_hours": _number(130, "none", 2),
        "outages": _number(100, "none", 0),
        "longest": _number(150, "s", 1),
        "online_hours": _number(130, "none", 2),
    }
    return name_columns(shown, columns, language.table(words.COLUMNS))


def _variables(language: Language) -> list[dash.QueryVariable | dash.CustomVariable | dash.TextBoxVariable]:
    says = language.says
    points = query_variable("points", says(words.POINTS), POINTS).multi(multi=True)
    state = says(words.STATE)
    return [
        query_variable("devices", says(words.DEVICES), queries.DEVICE_CHOICES).multi(multi=True),
        points.include_all(include_all=True).current(everything()),
        query_variable("unit", says(words.UNIT), queries.unit_choices(_CHOSEN)),
        one_of("by", says(words.BY), language.table(words.BUCKETS), "day"),
        dash.TextBoxVariable("condition").label(state[0]).description(state[1]).default_value("> 0"),
    ]


def report(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what a plant asks of its values."""
    says = language.says
    board = new_dashboard(f"{REPORT_UID}{language.suffix}", says(words.TITLE), says(words.DESCRIPTION))
    board.time("now-7d", "now").refresh("1m").link(link_to_fleet(language))
    board.link(link_to_history(language, "${devices:queryparam}&${points:queryparam}"))
    board.link(link_to_consumption(language, "${devices:queryparam}"))
    board.link(link_to_export(language, "points=${points:csv}&calendar=${by}"))
    link_languages(board, REPORT_UID, language)
    for variable in _variables(language):
        board.with_variable(variable)
    means = bars(words.MEANS, Place(0, 0, 24, 9), MEANS, UNIT, language, stacked=False)
    hours = bars(words.HOURS, Place(0, 9, 12, 9), of_state("c.seconds / 3600"), HOURS, language, stacked=False)
    starts = bars(words.STARTS, Place(12, 9, 12, 9), of_state("c.starts"), NO_UNIT, language, stacked=False)
    return place_panels(board, [means, hours, starts, _values(language), _availability(language)])
