"""One device: how it does, its latest readings, their history and their quality."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from ddms.quality import Reason
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
    link_to_fleet,
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


_EXTREMES = [
    Property("color", {"mode": "fixed", "fixedColor": "rgba(140, 140, 140, 0.35)"}),
    Property("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
]


def _unit_from_query() -> dashboard.DataTransformerConfig:
    options = {
        "configRefId": "unit",
        "mappings": [{"fieldName": "unit", "handlerKey": "unit"}],
        "applyTo": {"id": "byType", "options": "number"},
    }
    return dashboard.DataTransformerConfig(id_val="configFromData", options=options)


def _split_by_point() -> dashboard.DataTransformerConfig:
    options = {"fields": ["number", "point_id", "point"], "naming": {"asLabels": True}, "keepFields": False}
    return dashboard.DataTransformerConfig(id_val="partitionByValues", options=options)


def _trend() -> timeseries.Panel:
    blank = (
        timeseries.Panel()
        .with_target(Sql(queries.READINGS))
        .with_target(Sql(queries.READINGS_UNIT, "unit"))
        .with_transformation(_unit_from_query())
        .with_transformation(_split_by_point())
        .interval("1s")
        .repeat("unit")
        .repeat_direction("h")
        .max_per_row(2)
        .span_nulls(span_nulls=False)
        .line_width(1)
        .show_points(common.VisibilityMode.AUTO)
        .display_name("${__field.labels.point}")
        .legend(build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.NONE))
    )  # fmt: skip
    return panel(blank, texts.TREND, Place(0, 16, 24, 9)).override_by_regexp("/[↓↑]/", _EXTREMES)


def _timeline(words: texts.Words, place: Place, sql: str) -> statetimeline.Panel:
    blank = (
        statetimeline.Panel()
        .with_target(Sql(sql))
        # Splits by the texts of a row; unlike partitionByValues it leaves the no-data text, but it would lose the unit.
        .with_transformation(dashboard.DataTransformerConfig(id_val="prepareTimeSeries", options={"format": "multi"}))
        .interval("1s")
        .display_name("${__field.labels.point}")
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(build.VizLegendOptions().show_legend(show_legend=False).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE).sort(common.SortOrder.NONE))
    )  # fmt: skip
    return panel(blank, words, place, unit="string")


def _switches() -> statetimeline.Panel:
    colours = {"0": "rgba(123, 128, 135, 0.35)", "1": GREEN, "0.5": YELLOW}
    shown = _timeline(texts.SWITCHES_OVER_TIME, Place(0, 25, 24, 6), queries.SWITCHES)
    return shown.per_page(25).mappings(mappings(texts.SWITCHES, colours))


def _quality() -> statetimeline.Panel:
    words = {str(reason.value): reason.label.replace("_", " ") for reason in Reason}
    colours = {str(reason.value): QUALITY_COLOURS[reason.quality] for reason in Reason}
    shown = _timeline(texts.QUALITY_OVER_TIME, Place(0, 31, 24, 9), queries.QUALITY)
    return shown.per_page(25).mappings(mappings(words, colours))


def _texts() -> table.Panel:
    shown = text_table(texts.TEXTS, Place(0, 40, 24, 5), queries.TEXTS).cell_height(common.TableCellHeight.SM)
    columns = {"changed": column(180, unit="dateTimeAsSystem"), "point": column(), "text": sentence()}
    return name_columns(shown, columns)


def _variables() -> list[dash.QueryVariable]:
    points = (
        query_variable("points", texts.POINTS, queries.POINT_CHOICES).multi(multi=True).include_all(include_all=True)
    )
    unit = query_variable("unit", texts.UNIT, queries.UNIT_CHOICES).multi(multi=True).include_all(include_all=True)
    return [
        query_variable("device", texts.DEVICE, queries.DEVICE_CHOICES),
        points.current(everything()),
        unit.current(everything()).hide(dashboard.VariableHide.HIDE_VARIABLE),
    ]


def device() -> dashboard.Dashboard:
    """Return the dashboard of one device."""
    board = new_dashboard(DEVICE_UID, texts.DEVICE_TITLE, texts.DEVICE_DESCRIPTION).link(link_to_fleet())
    for variable in _variables():
        board.with_variable(variable)
    panels = [_header(), _connection(), _latest(), _trend(), _switches(), _quality(), _texts()]
    return place_panels(board, panels)
