"""One device: how it does, its latest readings, their history and their quality."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from grafana import queries, texts
from grafana.panels import (
    DEVICE_UID,
    GREEN,
    QUALITY_COLOURS,
    RED,
    STATE_COLOURS,
    YELLOW,
    Place,
    Property,
    Sql,
    coloured,
    column,
    everything,
    last_values,
    link_to_export,
    link_to_fleet,
    link_to_history,
    mappings,
    name_columns,
    new_dashboard,
    panel,
    place_panels,
    query_variable,
    sentence,
    text_table,
    thresholds,
)
from grafana.trends import qualities, timeline, trend, unit_variable


def _header() -> stat.Panel:
    blank = (
        stat.Panel()
        .with_target(Sql(queries.HEADER))
        .reduce_options(last_values())
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text(build.VizTextDisplayOptions().title_size(14).value_size(16))
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.VERTICAL)
        .thresholds(
            dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([dashboard.Threshold(None, "text")])
        )
    )
    fields = {
        "state": [Property("mappings", mappings(texts.STATES, STATE_COLOURS))],
        "last_seen": [Property("unit", "dateTimeFromNow"), Property("noValue", "–")],
        "offline_seconds": [
            Property("unit", "s"),
            Property("noValue", "–"),
            Property("thresholds", thresholds((None, "text"), (0, RED))),
        ],
        "failures": [
            Property("noValue", "0"),
            Property("thresholds", thresholds((None, "text"), (1, YELLOW), (3, RED))),
        ],
    }
    return name_columns(panel(blank, texts.HEADER, Place(0, 0, 13, 4)), fields)


def _connection() -> table.Panel:
    shown = text_table(texts.CONNECTION, Place(13, 0, 11, 4), queries.CONNECTION)
    columns = {
        "endpoint": column(165),
        "unit_id": column(65),
        "answer_seconds": column(90, unit="s"),
        "last_error": sentence(),
        "description": sentence(),
    }
    return name_columns(shown, columns)


def _latest() -> table.Panel:
    shown = text_table(texts.LATEST, Place(0, 4, 24, 12), queries.LATEST).cell_height(common.TableCellHeight.SM)
    columns = {
        "point": column(),
        "shown": column(160, align="right"),
        "quality": coloured(texts.QUALITIES, QUALITY_COLOURS, 110),
        "time": column(150, unit="dateTimeFromNow"),
        "explanation": sentence(),
    }
    return name_columns(shown, columns)


def _trend() -> timeseries.Panel:
    return trend(texts.TREND, Place(0, 16, 24, 9), queries.READINGS, queries.READINGS_UNIT)


def _switches() -> statetimeline.Panel:
    colours = {"0": "rgba(123, 128, 135, 0.35)", "1": GREEN, "0.5": YELLOW}
    shown = timeline(texts.SWITCHES_OVER_TIME, Place(0, 25, 24, 6), queries.SWITCHES)
    return shown.per_page(25).mappings(mappings(texts.SWITCHES, colours))


def _quality() -> statetimeline.Panel:
    return qualities(texts.QUALITY_OVER_TIME, Place(0, 31, 24, 9), queries.QUALITY)


def _texts() -> table.Panel:
    shown = text_table(texts.TEXTS, Place(0, 40, 24, 5), queries.TEXTS).cell_height(common.TableCellHeight.SM)
    columns = {"changed": column(180, unit="dateTimeAsSystem"), "point": column(), "text": sentence()}
    return name_columns(shown, columns)


def _variables() -> list[dash.QueryVariable]:
    points = (
        query_variable("points", texts.POINTS, queries.POINT_CHOICES).multi(multi=True).include_all(include_all=True)
    )
    return [
        query_variable("device", texts.DEVICE, queries.DEVICE_CHOICES),
        points.current(everything()),
        unit_variable(queries.UNIT_CHOICES),
    ]


def device() -> dashboard.Dashboard:
    """Return the dashboard of one device."""
    board = new_dashboard(DEVICE_UID, texts.DEVICE_TITLE, texts.DEVICE_DESCRIPTION)
    board.link(link_to_fleet()).link(link_to_history("var-devices=${device}")).link(
        link_to_export("device=dev_${device}")
    )
    for variable in _variables():
        board.with_variable(variable)
    panels = [_header(), _connection(), _latest(), _trend(), _switches(), _quality(), _texts()]
    return place_panels(board, panels)
