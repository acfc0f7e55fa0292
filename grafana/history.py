# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""History: chosen points of several devices over any time, from a quarter to a minute."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import queries, texts
from grafana.panels import (
    HISTORY_UID,
    Place,
    column,
    everything,
    link_to_export,
    link_to_fleet,
    name_columns,
    name_of_device,
    new_dashboard,
    place_panels,
    query_variable,
    sentence,
    text_table,
)
from grafana.trends import qualities, trend, unit_variable

_CHOSEN = "point_id::text = any (array[${points:sqlstring}]::text[])"
POINTS = """
SELECT device || ' · ' || point || CASE WHEN count(*) OVER (PARTITION BY device_id, point) > 1 THEN ' · ' || key ELSE '' END AS __text,
       point_id AS __value
  FROM points
 WHERE device_id::text = any (array[${devices:sqlstring}]::text[]) AND kind = 'number' ORDER BY lower(device), point_id
"""
UNITS = queries.unit_choices(_CHOSEN)
TREND = queries.trend(_CHOSEN)
UNIT = queries.unit(_CHOSEN)
SHOWN = f"""
SELECT p.device_id, p.device, p.point, p.unit,
       min(coalesce(t.lowest, t.value)) AS lowest, max(coalesce(t.highest, t.value)) AS highest
  FROM trend(array(SELECT point_id FROM points WHERE {_CHOSEN}), $__timeFrom(), $__timeTo(), {queries.PIXELS}) t
  JOIN points p USING (point_id)
 GROUP BY p.point_id, p.device_id, p.device, p.point, p.unit ORDER BY lower(p.device), p.point_id
"""
QUALITY = f"""
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE {_CHOSEN}), $__timeFrom(), $__timeTo(), {queries.PIXELS})
)
SELECT c.time, point_id::text, p.device || ' · ' || p.point AS point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY lower(p.device), c.point_id, c.time
"""


def _trend() -> timeseries.Panel:
    place = Place(0, 0, 24, 11)
    return trend(texts.HISTORY_TREND, place, TREND, UNIT, per_row=2)


def _shown() -> table.Panel:
    shown = text_table(texts.HISTORY_SHOWN, Place(0, 11, 24, 8), SHOWN, hidden=["device_id"]).interval("1s")
    columns = {
        "device": name_of_device(),
        "point": sentence(),
        "unit": column(80),
        "lowest": column(140, unit="none", align="right"),
        "highest": column(140, unit="none", align="right"),
    }
    return name_columns(shown, columns)


def _quality() -> statetimeline.Panel:
    return qualities(texts.HISTORY_QUALITY, Place(0, 19, 24, 9), QUALITY)


def _variables() -> list[dash.QueryVariable]:
    devices = query_variable("devices", texts.DEVICES_SHOWN, queries.DEVICE_CHOICES).multi(multi=True)
    points = query_variable("points", texts.POINTS_SHOWN, POINTS).multi(multi=True)
    points = points.include_all(include_all=True).current(everything())
    return [devices, points, unit_variable(UNITS)]


def history() -> dashboard.Dashboard:
    """Return the dashboard of any points over any time."""
    board = new_dashboard(HISTORY_UID, texts.HISTORY_TITLE, texts.HISTORY_DESCRIPTION).time("now-24h", "now")
    board.link(link_to_fleet()).link(link_to_export("points=${points:csv}"))
    for variable in _variables():
        board.with_variable(variable)
    return place_panels(board, [_trend(), _shown(), _quality()])
