# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""A heat map of a point by hour of the day and by day, both by the site's clock: what comes back each day shows as a stripe."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import heatmap
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale

from grafana import texts
from grafana import texts_plant as words
from grafana.languages import Language
from grafana.panels import Place, Sql, one_of, panel, query_variable

_HOURS = ", ".join(f"""max(h.value) FILTER (WHERE h.hour = {hour}) AS "{hour:02}:00\"""" for hour in range(24))
# A day of the panel is drawn to the left of its time: that is where it ends. An hour that a clock shows twice is one.
HEAT = f"""
WITH site AS MATERIALIZED (
    SELECT site_time_zone() AS zone, date_trunc('day', $__timeFrom()::timestamptz, site_time_zone()) AS begin
), hours AS (
    SELECT date_trunc('day', t.time AT TIME ZONE zone) AS day, extract(hour FROM t.time AT TIME ZONE zone) AS hour, avg(t.value) AS value
      FROM site CROSS JOIN LATERAL trend(array(SELECT point_id FROM points WHERE point_id::text = '$heat'), begin, $__timeTo(), 10000, step => '1 hour', time_zone => zone) t
     WHERE t.value IS NOT NULL GROUP BY 1, 2
)
SELECT (d.day + interval '1 day') AT TIME ZONE zone AS time, {_HOURS}
  FROM site CROSS JOIN LATERAL generate_series(begin AT TIME ZONE zone, least($__timeTo()::timestamptz, now()) AT TIME ZONE zone, interval '1 day') AS d (day)
  LEFT JOIN hours h USING (day)
 WHERE EXISTS (SELECT FROM hours) GROUP BY d.day, zone ORDER BY d.day
"""
UNIT = "SELECT coalesce('suffix:' || nullif(unit, ''), 'none') AS unit FROM points WHERE point_id::text = '$heat'"


def heat_map(place: Place, language: Language) -> heatmap.Panel:
    """Return the heat map of the point that is chosen, over the days that are chosen."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Viridis").steps(64)
    config = {
        "configRefId": "unit",
        "mappings": [{"fieldName": "unit", "handlerKey": "unit"}],
        "applyTo": {"id": "byType", "options": "number"},
    }
    blank = (
        heatmap.Panel()
        .with_target(Sql(HEAT))
        .with_target(Sql(UNIT, "unit"))
        .with_transformation(dashboard.DataTransformerConfig(id_val="configFromData", options=config))
        .time_from("$days")
        .calculate(calculate=False)
        .color(colours.scale(HeatmapColorScale.LINEAR).reverse(reverse=False))
        .filter_values(heatmap.FilterValueRange())  # the SDK's own would hide all that is not above zero
        .show_value(common.VisibilityMode.NEVER)
        .cell_gap(1)
        .y_axis(heatmap.YAxisConfig().axis_placement(common.AxisPlacement.LEFT))
        .tooltip(
            heatmap.HeatmapTooltip().mode(common.TooltipDisplayMode.SINGLE).show_color_scale(show_color_scale=True)
        )
    )
    return panel(blank, language.says(words.HEAT), place)


def heat_variables(language: Language, choices: str) -> tuple[dash.QueryVariable, dash.CustomVariable]:
    """Return the variables of the heat map: its point, one of `choices`, and its days."""
    days = one_of("days", language.says(texts.HEAT_DAYS), language.table(texts.DAYS), "14d")
    return query_variable("heat", language.says(texts.HEAT), choices), days
