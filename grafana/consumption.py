# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Consumption: what chosen counters counted by hour, shift and day, and in total beside the time before."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from grafana import texts
from grafana import texts_consumption as words
from grafana.languages import Language
from grafana.panels import (
    CONSUMPTION_UID,
    Place,
    Property,
    Sql,
    column,
    everything,
    legend,
    link_languages,
    link_to_export,
    link_to_fleet,
    link_to_history,
    name_columns,
    name_of_device,
    new_dashboard,
    panel,
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
UNIT = f"SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points WHERE {_OF_UNIT}"
_FROM, _TO = "$__timeFrom()::timestamptz", "$__timeTo()::timestamptz"


def _total(begin: str, end: str) -> str:
    return f"""SELECT point_id, sum(increase) AS total, sum(restarts) AS restarts
      FROM consumption({_IDS}, {begin}, {end}, 'hour') WHERE time >= {begin} AND time < {end} GROUP BY point_id"""


TOTALS = f"""
WITH shown AS (
    {_total(_FROM, _TO)}
), before AS (
    {_total(f"({_FROM} - ({_TO} - {_FROM}))", _FROM)}
)
SELECT p.device_id, p.device, p.point, p.unit, s.total, b.total AS total_before, s.total / nullif(b.total, 0) - 1 AS change, s.restarts
  FROM shown s JOIN points p USING (point_id) LEFT JOIN before b USING (point_id) ORDER BY s.total DESC NULLS LAST, lower(p.device), p.point_id
"""


def by_counter(calendar: str) -> str:
    """Return what each chosen counter counted in each bucket of a calendar.

    A bucket that began before the chosen time has its bar from there: Grafana draws none that begins outside.
    """
    return f"""
SELECT greatest(c.time, {_FROM}) AS time, p.device || ' · ' || p.point AS point, c.increase AS value
  FROM consumption({_IDS}, $__timeFrom(), $__timeTo(), '{calendar}') c JOIN points p USING (point_id)
 ORDER BY lower(p.device), p.point_id, c.time
"""


def by_shift(language: Language) -> str:
    """Return what the chosen counters counted together in each shift, a series for each shift."""
    return f"""
SELECT greatest(c.time, {_FROM}) AS time, coalesce(shift, {language.sql(words.BETWEEN)}) AS point, sum(increase) AS value
  FROM consumption({_IDS}, $__timeFrom(), $__timeTo(), 'shift') c
 GROUP BY c.time, shift ORDER BY min(extract(epoch FROM c.time)::bigint) OVER (PARTITION BY shift), c.time
"""


def _bars(says: texts.Words, place: Place, sql: str) -> timeseries.Panel:
    unit = {
        "configRefId": "unit",
        "mappings": [{"fieldName": "unit", "handlerKey": "unit"}],
        "applyTo": {"id": "byType", "options": "number"},
    }
    split = {"fields": ["point"], "naming": {"asLabels": True}, "keepFields": False}
    blank = (
        timeseries.Panel()
        .with_target(Sql(sql))
        .with_target(Sql(UNIT, "unit"))
        .with_transformation(dashboard.DataTransformerConfig(id_val="configFromData", options=unit))
        .with_transformation(dashboard.DataTransformerConfig(id_val="partitionByValues", options=split))
        .draw_style(common.GraphDrawStyle.BARS)
        .bar_alignment(common.BarAlignment.AFTER)
        .bar_width_factor(0.9)
        .fill_opacity(80)
        .line_width(0)
        .stacking(build.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
        .display_name("${__field.labels.point}")
        .min(0)
        .legend(legend())
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )  # fmt: skip
    return panel(blank, says, place)


def _totals(language: Language) -> table.Panel:
    shown = text_table(language.says(words.TOTALS), Place(0, 27, 24, 9), TOTALS, hidden=["device_id"])
    number = [Property("decimals", 1)]
    columns = {
        "device": name_of_device(language),
        "point": sentence(),
        "unit": column(60),
        "total": [*column(100, unit="none", align="right"), *number],
        "total_before": [*column(150, unit="none", align="right"), *number],
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
    hours = _bars(says(words.HOURS), Place(0, 0, 24, 9), by_counter("hour"))
    shifts = _bars(says(words.SHIFTS), Place(0, 9, 24, 9), by_shift(language))
    days = _bars(says(words.DAYS), Place(0, 18, 24, 9), by_counter("day"))
    return place_panels(board, [hours, shifts, days, _totals(language)])
