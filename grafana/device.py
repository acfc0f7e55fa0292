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

# With its key where the name alone names several: Grafana shows one choice of each text only.
POINT_CHOICES = """
SELECT point || CASE WHEN count(*) OVER (PARTITION BY point) > 1 THEN ' · ' || key ELSE '' END AS __text, point_id AS __value
  FROM points WHERE device_id::text = '$device' AND kind = 'number' ORDER BY point_id
"""
UNIT_CHOICES = """
SELECT axis FROM points WHERE point_id::text = any (string_to_array('${points:csv}', ','))
 GROUP BY axis ORDER BY min(point_id)
"""
HEADER = """
SELECT state, extract(epoch FROM last_seen) * 1000 AS last_seen, offline_seconds, failures
  FROM devices WHERE device_id::text = '$device'
"""
CONNECTION = """
SELECT endpoint, unit_id, answer_seconds, nullif(concat_ws('; ', last_error, overrun), '') AS last_error, description
  FROM devices LEFT JOIN polling USING (device_id) WHERE device_id::text = '$device'
"""
LATEST = """
SELECT point, shown, quality, time, CASE WHEN quality <> 'good' THEN explanation END AS explanation
  FROM latest WHERE device_id::text = '$device' ORDER BY point_id
"""
# The unit becomes the axis' own by Grafana's transformation "Config from query results".
READINGS_UNIT = """
SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points
 WHERE point_id::text = any (string_to_array('${points:csv}', ',')) AND axis = any (array[${unit:sqlstring}]::text[])
"""
SWITCHES = """
WITH states AS (
    SELECT point_id, time, CASE WHEN lowest < highest THEN 0.5 ELSE value END AS state
      FROM trend(array(SELECT point_id FROM points WHERE device_id::text = '$device' AND kind = 'switch'),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int)
), changes AS (
    SELECT s.*, lag(state, 1, -1) OVER (PARTITION BY point_id ORDER BY time) AS before FROM states s
)
SELECT c.time, point_id::text, p.point, c.state FROM changes c JOIN points p USING (point_id)
 WHERE c.state IS DISTINCT FROM c.before ORDER BY c.point_id, c.time
"""
QUALITY = """
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE device_id::text = '$device' AND kind <> 'text'),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int)
)
SELECT c.time, point_id::text, p.point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY c.point_id, c.time
"""
TEXTS = """
SELECT t.time AS changed, p.point, coalesce(t.text, q.explanation) AS text
  FROM points p
 CROSS JOIN LATERAL (SELECT * FROM texts t WHERE t.point_id = p.point_id AND t.time <= $__timeTo()
                      ORDER BY t.time DESC LIMIT 20) t
  JOIN qualities q USING (quality_code)
 WHERE p.device_id::text = '$device' AND p.kind = 'text'
 ORDER BY t.time DESC
"""


def _header() -> stat.Panel:
    blank = (
        stat.Panel()
        .with_target(Sql(HEADER))
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
    shown = text_table(texts.CONNECTION, Place(13, 0, 11, 4), CONNECTION)
    columns = {
        "endpoint": column(165),
        "unit_id": column(65),
        "answer_seconds": column(90, unit="s"),
        "last_error": sentence(),
        "description": sentence(),
    }
    return name_columns(shown, columns)


def _latest() -> table.Panel:
    shown = text_table(texts.LATEST, Place(0, 4, 24, 12), LATEST).cell_height(common.TableCellHeight.SM)
    columns = {
        "point": column(),
        "shown": column(160, align="right"),
        "quality": coloured(texts.QUALITIES, QUALITY_COLOURS, 110),
        "time": column(150, unit="dateTimeFromNow"),
        "explanation": sentence(),
    }
    return name_columns(shown, columns)


def _trend() -> timeseries.Panel:
    return trend(texts.TREND, Place(0, 16, 24, 9), queries.READINGS, READINGS_UNIT)


def _switches() -> statetimeline.Panel:
    colours = {"0": "rgba(123, 128, 135, 0.35)", "1": GREEN, "0.5": YELLOW}
    shown = timeline(texts.SWITCHES_OVER_TIME, Place(0, 25, 24, 6), SWITCHES)
    return shown.per_page(25).mappings(mappings(texts.SWITCHES, colours))


def _quality() -> statetimeline.Panel:
    return qualities(texts.QUALITY_OVER_TIME, Place(0, 31, 24, 9), QUALITY)


def _texts() -> table.Panel:
    shown = text_table(texts.TEXTS, Place(0, 40, 24, 5), TEXTS).cell_height(common.TableCellHeight.SM)
    columns = {"changed": column(180, unit="dateTimeAsSystem"), "point": column(), "text": sentence()}
    return name_columns(shown, columns)


def _variables() -> list[dash.QueryVariable]:
    points = query_variable("points", texts.POINTS, POINT_CHOICES).multi(multi=True).include_all(include_all=True)
    return [
        query_variable("device", texts.DEVICE, queries.DEVICE_CHOICES),
        points.current(everything()),
        unit_variable(UNIT_CHOICES),
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
