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


def _trend() -> timeseries.Panel:
    place = Place(0, 0, 24, 11)
    return trend(texts.HISTORY_TREND, place, queries.HISTORY_TREND, queries.HISTORY_UNIT, per_row=2)


def _shown() -> table.Panel:
    shown = text_table(texts.HISTORY_SHOWN, Place(0, 11, 24, 8), queries.HISTORY_SHOWN, hidden=["device_id"]).interval(
        "1s"
    )
    columns = {
        "device": name_of_device(),
        "point": sentence(),
        "unit": column(80),
        "lowest": column(140, unit="none", align="right"),
        "highest": column(140, unit="none", align="right"),
    }
    return name_columns(shown, columns)


def _quality() -> statetimeline.Panel:
    return qualities(texts.HISTORY_QUALITY, Place(0, 19, 24, 9), queries.HISTORY_QUALITY)


def _variables() -> list[dash.QueryVariable]:
    devices = query_variable("devices", texts.DEVICES_SHOWN, queries.DEVICE_CHOICES).multi(multi=True)
    points = query_variable("points", texts.POINTS_SHOWN, queries.HISTORY_POINTS).multi(multi=True)
    points = points.include_all(include_all=True).current(everything())
    return [devices, points, unit_variable(queries.HISTORY_UNITS)]


def history() -> dashboard.Dashboard:
    """Return the dashboard of any points over any time."""
    board = new_dashboard(HISTORY_UID, texts.HISTORY_TITLE, texts.HISTORY_DESCRIPTION).time("now-24h", "now")
    board.link(link_to_fleet()).link(link_to_export("points=${points:csv}"))
    for variable in _variables():
        board.with_variable(variable)
    return place_panels(board, [_trend(), _shown(), _quality()])
