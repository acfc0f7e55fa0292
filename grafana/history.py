# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""History: chosen points of several devices over any time, from a quarter to a minute."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import limits, named, queries, texts
from grafana import texts_plant as words
from grafana.heat import heat_map, heat_variables
from grafana.languages import Language
from grafana.notes import show_notes
from grafana.panels import (
    HISTORY_UID,
    Place,
    column,
    everything,
    link_languages,
    link_to_consumption,
    link_to_export,
    link_to_fleet,
    link_to_report,
    name_columns,
    name_of_device,
    new_dashboard,
    place_panels,
    query_variable,
    sentence,
    text_table,
)
from grafana.trends import compare_variable, qualities, timeline, trend, unit_variable
from grafana.way import remember_fleet

_CHOSEN = "point_id::text = any (array[${points:sqlstring}]::text[])"
_NAMED = """SELECT device || ' · ' || point || CASE WHEN count(*) OVER (PARTITION BY device_id, point) > 1 THEN ' · ' || key ELSE '' END AS __text,
       point_id AS __value
  FROM points WHERE"""
POINTS = f"""
{_NAMED} device_id::text = any (array[${{devices:sqlstring}}]::text[]) AND kind IN ('number', 'state') ORDER BY lower(device), point_id
"""
_NUMBERS = f"{_CHOSEN} AND kind = 'number'"
POINTS_CHOSEN = f"{_NAMED} {_NUMBERS} ORDER BY lower(device), point_id"
UNIT = queries.unit(_NUMBERS)
QUALITY = f"""
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE {_CHOSEN}), $__timeFrom(), $__timeTo(), {queries.PIXELS})
)
SELECT c.time, point_id::text, p.device || ' · ' || p.point AS point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY lower(p.device), c.point_id, c.time
"""


def in_range(language: Language) -> str:
    """Return of each chosen point what it was within the range, and what it is now."""
    return f"""
SELECT p.device_id, p.device, p.point, t.lowest, t.highest, p.unit, {queries.value_now(language)} AS shown, l.time
  FROM (SELECT point_id, min(coalesce(lowest, value)) AS lowest, max(coalesce(highest, value)) AS highest
          FROM trend(array(SELECT point_id FROM points WHERE {_NUMBERS}), $__timeFrom(), $__timeTo(), {queries.PIXELS}) GROUP BY point_id) t
  JOIN points p USING (point_id) JOIN latest l USING (point_id)
 ORDER BY lower(p.device), p.point_id
"""


def _trend(language: Language) -> timeseries.Panel:
    sql = queries.trend(language, _NUMBERS)
    return trend(language.says(words.HISTORY_TREND), Place(0, 0, 24, 11), sql, UNIT, language)


def _shown(language: Language) -> table.Panel:
    place = Place(0, 11, 24, 8)
    shown = text_table(language.says(words.HISTORY_SHOWN), place, in_range(language), hidden=["device_id"]).interval(
        "1s"
    )
    columns = {
        "device": name_of_device(language),
        "point": sentence(),
        "lowest": column(120, unit="none", align="right"),
        "highest": column(120, unit="none", align="right"),
        "unit": column(80),
        "shown": column(170, align="right"),
        "time": column(150, unit="dateTimeFromNow"),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _states(language: Language) -> statetimeline.Panel:
    said = language.says(words.HISTORY_STATES)
    sql = named.states(language, _CHOSEN, said.empty, "p.device || ' · ' || p.point")
    shown = timeline(said, Place(0, 28, 24, 7), sql, named=True)
    return shown.per_page(25).mappings(named.state_mappings(language))


def _quality(language: Language) -> statetimeline.Panel:
    return qualities(language.says(words.HISTORY_QUALITY), Place(0, 19, 24, 9), QUALITY, language)


def _variables(language: Language) -> list[dash.QueryVariable]:
    devices = query_variable("devices", language.says(texts.DEVICES_SHOWN), queries.DEVICE_CHOICES).multi(multi=True)
    points = query_variable("points", language.says(texts.POINTS), POINTS).multi(multi=True)
    points = points.include_all(include_all=True).current(everything())
    return [devices, points, unit_variable(language, queries.unit_choices(_NUMBERS))]


def history(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of any points over any time."""
    says = language.says
    board = new_dashboard(f"{HISTORY_UID}{language.suffix}", says(texts.HISTORY_TITLE), says(texts.HISTORY_DESCRIPTION))
    board.time("now-24h", "now").link(link_to_fleet(language)).link(
        link_to_consumption(language, "${devices:queryparam}")
    ).link(link_to_report(language, "${devices:queryparam}&${points:queryparam}")).link(
        link_to_export(language, "points=${points:csv}")
    )
    link_languages(board, HISTORY_UID, language)
    for variable in _variables(language):
        board.with_variable(variable)
    limits.show_alarms(board, language, 1, _CHOSEN, whose=True)
    show_notes(board, language, 1, _CHOSEN)
    board.with_variable(compare_variable(language))
    remember_fleet(board, language)
    heat, days = heat_variables(language, POINTS_CHOSEN)
    board.with_variable(heat).with_variable(days)
    below = heat_map(Place(0, 35, 24, 11), language)
    return place_panels(board, [_trend(language), _shown(language), _quality(language), _states(language), below])
