"""Panels of history that several dashboards share: trends by unit, and timelines of states."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import statetimeline, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.statetimeline import Options

from ddms.languages import sentences
from ddms.quality import Reason
from grafana import limits, queries, texts
from grafana.languages import Language
from grafana.panels import (
    DEVICE_UID,
    GREY,
    QUALITY_COLOURS,
    STATE_COLOURS,
    Place,
    Property,
    Sql,
    everything,
    link,
    mappings,
    one_of,
    panel,
    query_variable,
    url,
)

_EXTREMES = [
    Property("color", {"mode": "fixed", "fixedColor": "rgba(140, 140, 140, 0.35)"}),
    Property("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}),
]
_EARLIER = [
    Property("custom.lineStyle", {"fill": "dot", "dash": [0, 6]}),
    Property("custom.lineWidth", 2),
    Property("custom.showPoints", "never"),
]


_NOTHING = [Property("color", {"mode": "fixed", "fixedColor": GREY})]


def _unit_from_query() -> dashboard.DataTransformerConfig:
    options = {
        "configRefId": "unit",
        "mappings": [
            *({"fieldName": one, "handlerKey": one} for one in ("unit", "decimals", "min", "max")),
            *limits.tint_mappings(),
        ],
        "applyTo": {"id": "byType", "options": "number"},
    }
    return dashboard.DataTransformerConfig(id_val="configFromData", options=options)


def _split_by_point() -> dashboard.DataTransformerConfig:
    options = {"fields": ["number", "point_id", "point"], "naming": {"asLabels": True}, "keepFields": False}
    return dashboard.DataTransformerConfig(id_val="partitionByValues", options=options)


def trend(words: texts.Words, place: Place, sql: str, unit_sql: str, language: Language) -> timeseries.Panel:
    """Return one trend for each unit, with lowest and highest as grey lines where it shows buckets, and with limits."""
    blank = (
        timeseries.Panel()
        .with_target(Sql(sql))
        .with_target(Sql(unit_sql, "unit"))
        .with_transformation(_unit_from_query())
        .with_transformation(_split_by_point())
        .with_transformation(limits.own_alarms())
        .interval("1s")
        .repeat("unit")
        .repeat_direction("h")
        .max_per_row(2)
        .span_nulls(span_nulls=False)
        .thresholds(dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE)
                    .steps([dashboard.Threshold(None, "transparent")]))
        .thresholds_style(build.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.AREA))
        .line_width(1)
        .show_points(common.VisibilityMode.AUTO)
        .display_name("${__field.labels.point}")
        .legend(build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.NONE))
    )  # fmt: skip
    shown = panel(blank, words, place).override_by_regexp("/[↓↑]$/", _EXTREMES)
    shown.override_by_regexp(f"/^{texts.MARK_OF_NOTHING}/", _NOTHING)
    shown.override_by_regexp(
        f"/ · ({'|'.join(language.says(texts.COMPARED[one]) for one in ('day', 'week'))})$/", _EARLIER
    )
    return limits.draw_lines(shown, language)


class _OnePage(statetimeline.Panel):
    """A timeline without pages; the SDK only leaves their length out, and then Grafana takes its own."""

    def build(self) -> dashboard.Panel:
        """Return the panel."""
        if isinstance(self._internal.options, Options):
            self._internal.options.per_page = 0
        return super().build()


def timeline(
    words: texts.Words, place: Place, sql: str, blank: statetimeline.Panel | None = None, *, named: bool = False
) -> statetimeline.Panel:
    """Return states over time, a row for each point; `blank`: a panel with other ways.

    `named`: the states are texts, which prepareTimeSeries drops.
    """
    texts_too = {"fields": ["point_id", "point"], "keepFields": False}
    numbers = dashboard.DataTransformerConfig(id_val="prepareTimeSeries", options={"format": "multi"})
    split = dashboard.DataTransformerConfig(id_val="partitionByValues", options=texts_too) if named else numbers
    blank = (
        (blank or statetimeline.Panel())
        .with_target(Sql(sql))
        # Splits by the texts of a row; unlike partitionByValues it leaves the no-data text, but it would lose the unit.
        .with_transformation(split)
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


def states(words: texts.Words, place: Place, sql: str, language: Language) -> statetimeline.Panel:
    """Return how devices did over time, a row for each; `sql` is one of `queries.states`."""
    names = {str(number): language.says(texts.STATES[state]) for state, number in queries.STATES.items()}
    colours = {str(number): STATE_COLOURS[state] for state, number in queries.STATES.items()}
    shown = timeline(words, place, sql, _OnePage()).mappings(mappings(names, colours))
    here = url(DEVICE_UID, language, "device=${__field.labels.device_id}")
    shown.override_by_field_type("number", [link(language.says(texts.OPEN_DEVICE_OF_LINE), here)])
    return shown


def qualities(words: texts.Words, place: Place, sql: str, language: Language) -> statetimeline.Panel:
    """Return quality over time, a row for each point, with the reasons of what is bad."""
    names = {str(reason.value): language.says(sentences.REASONS[reason.label]) for reason in Reason}
    colours = {str(reason.value): QUALITY_COLOURS[reason.quality] for reason in Reason}
    return timeline(words, place, sql).per_page(25).mappings(mappings(names, colours))


def unit_variable(language: Language, sql: str) -> dash.QueryVariable:
    """Return the hidden variable by whose values trends are repeated."""
    unit = query_variable("unit", language.says(texts.UNIT), sql).multi(multi=True).include_all(include_all=True)
    return unit.current(everything()).hide(dashboard.VariableHide.HIDE_VARIABLE)


def compare_variable(language: Language) -> dash.CustomVariable:
    """Return the variable that says with which earlier time the trends are compared."""
    return one_of("compare", language.says(texts.COMPARE), language.table(texts.COMPARED), "none")
