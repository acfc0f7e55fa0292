"""Bars by the site's calendar: hours, shifts, days and longer, each with its own name below it."""

from grafana_foundation_sdk.builders import barchart
from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.models import common, dashboard

from grafana import texts
from grafana.languages import Language
from grafana.panels import Place, Property, Sql, legend, panel

FROM, TO = "$__timeFrom()::timestamptz", "$__timeTo()::timestamptz"


def when(time: str, clock: str = " HH24:MI") -> str:
    """Return what a bar is called: when it begins, by the site's clock; an hour that comes twice is told from its first."""
    local, before = (f"({begin} AT TIME ZONE site_time_zone())" for begin in (time, f"({time} - interval '1 hour')"))
    form = f"CASE WHEN {TO} - {FROM} > interval '300 days' THEN 'YYYY-' ELSE '' END || 'MM-DD{clock}'"
    return f"to_char({local}, {form}) || CASE WHEN {local} = {before} THEN ' ₂' ELSE '' END"


def bars(
    said: texts.Words, place: Place, sql: str, unit_sql: str, language: Language, *, stacked: bool = True
) -> barchart.Panel:
    """Return a bar for each bucket, of what can be added up, or else (not `stacked`) for each bucket and point.

    Not in a chart over time: there all bars are as narrow as the shortest step between two.
    """
    unit = {
        "configRefId": "unit",
        "mappings": [{"fieldName": "unit", "handlerKey": "unit"}],
        "applyTo": {"id": "byType", "options": "number"},
    }
    matrix = {"columnField": "point", "rowField": "bucket", "valueField": "value", "emptyValue": "null"}
    blank = (
        barchart.Panel()
        .with_target(Sql(sql))
        .with_target(Sql(unit_sql, "unit"))
        .with_transformation(dashboard.DataTransformerConfig(id_val="configFromData", options=unit))
        .with_transformation(dashboard.DataTransformerConfig(id_val="groupingToMatrix", options=matrix))
        .orientation(common.VizOrientation.VERTICAL)
        .stacking(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE)
        .show_value(common.VisibilityMode.NEVER)
        .x_tick_label_spacing(100)
        .x_tick_label_max_length(20)
        .bar_width(0.9)
        .fill_opacity(80)
        .line_width(0)
        .legend(legend())
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )  # fmt: skip
    if stacked:
        blank.min(0)
    # What stands where a name has no room, of which else each would be the panel's text for nothing.
    blank.override_by_name("bucket\\point", [Property("noValue", "\u200b")])
    return panel(blank, language.says(said), place)
