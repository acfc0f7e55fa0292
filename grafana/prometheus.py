"""Building blocks of panels that show the programs' own metrics, from Prometheus."""

from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.panels import Place, panel
from grafana.texts import Words

METRICS = common.DataSourceRef(type_val="prometheus", uid="prometheus")

P = TypeVar("P", stat.Panel, table.Panel, timeseries.Panel)


class PrometheusSeries(NamedTuple):
    """A question to Prometheus and what its answer is called on the screen; `{{label}}` is the label's value."""

    expression: str
    legend: str


def metrics_panel(blank: P, words: Words, place: Place, *, unit: str) -> P:
    """Give a panel of metrics its words, its place and its unit."""
    return panel(blank, words, place, unit=unit).datasource(METRICS)


def question(series: PrometheusSeries, ref: str) -> prometheus.Dataquery:
    """Return a question for a line over time."""
    return (
        prometheus.Dataquery().ref_id(ref).datasource(METRICS)
        .expr(series.expression).legend_format(series.legend).range()
    )  # fmt: skip


def lines(
    words: Words, place: Place, *shown: PrometheusSeries, unit: str, stacked: bool = False, many: bool = False
) -> timeseries.Panel:
    """Return lines over time; a program that was not asked leaves a gap. `many`: their names stand beside them, and scroll."""
    mode = common.StackingMode.NORMAL if stacked else common.StackingMode.NONE
    blank = (
        timeseries.Panel()
        .span_nulls(span_nulls=False)
        .line_width(1)
        .min(0)
        # Of what is counted and does not happen: else its axis would go to 100.
        .axis_soft_max({"suffix:/s": 0.1, "none": 1, "bytes": 1024}.get(unit, 0))
        .fill_opacity(20 if stacked else 0)
        .stacking(build.StackingConfig().mode(mode))
        .show_points(common.VisibilityMode.AUTO)
        .legend(build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.RIGHT if many else common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )  # fmt: skip
    for number, series in enumerate(shown):
        blank.with_target(question(series, chr(ord("A") + number)))
    return metrics_panel(blank, words, place, unit=unit)


def number(words: Words, place: Place, expression: str, *, unit: str, steps: dashboard.ThresholdsConfig) -> stat.Panel:
    """Return one number with its recent past behind it, coloured by thresholds."""
    blank = (
        stat.Panel()
        .with_target(question(PrometheusSeries(expression, ""), "A"))
        .reduce_options(build.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.AREA)
        .text_mode(common.BigValueTextMode.VALUE)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .thresholds(dash.ThresholdsConfig().mode(steps.mode).steps(steps.steps))
        .decimals(0 if unit == "none" else 1)
    )
    return metrics_panel(blank, words, place, unit=unit)


def whole(shown: stat.Panel) -> stat.Panel:
    """Make a number one of things that are counted."""
    return shown.decimals(0)


def by_labels(words: Words, place: Place, *asked: str) -> table.Panel:
    """Return a table with a row for each set of labels and a column for each question, `Value #A`, `Value #B` …"""
    blank = table.Panel().cell_height(common.TableCellHeight.LG)
    for number_, expression in enumerate(asked):
        ref = chr(ord("A") + number_)
        blank.with_target(
            prometheus.Dataquery().ref_id(ref).datasource(METRICS).expr(expression).instant()
            .format(PromQueryFormat.TABLE)
        )  # fmt: skip
    blank.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    return metrics_panel(blank, words, place, unit="string")
