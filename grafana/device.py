# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""One device: how it does, its latest readings, their history and their quality."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from ddms.languages import sentences
from grafana import failures, limits, named, queries, standing, texts
from grafana import texts_plant as words
from grafana.buttons import button
from grafana.languages import Language
from grafana.notes import show_notes
from grafana.panels import (
    DEVICE_UID,
    HISTORY_UID,
    QUALITY_COLOURS,
    RED,
    STATE_COLOURS,
    TEST_COLOURS,
    YELLOW,
    Place,
    Property,
    Sql,
    coloured,
    column,
    everything,
    link,
    link_languages,
    link_to_alarms,
    link_to_consumption,
    link_to_export,
    link_to_fleet,
    link_to_history,
    link_to_report,
    mappings,
    name_columns,
    new_dashboard,
    numbers,
    panel,
    place_panels,
    query_variable,
    sentence,
    text_table,
    thresholds,
    url,
)
from grafana.trends import compare_variable, qualities, states, timeline, trend, unit_variable
from grafana.way import remember_fleet

# With its key where the name alone names several: Grafana shows one choice of each text only.
POINT_CHOICES = """
SELECT point || CASE WHEN count(*) OVER (PARTITION BY point) > 1 THEN ' · ' || key ELSE '' END AS __text, point_id AS __value
  FROM points WHERE device_id::text = '$device' AND kind = 'number' ORDER BY point_id
"""
HEADER = """
SELECT d.state, extract(epoch FROM d.last_seen) * 1000 AS last_seen, d.offline_seconds, d.failures,
       extract(epoch FROM a.out_of_service_until) * 1000 AS out_of_service_until
  FROM devices d LEFT JOIN device_alarms a USING (device_id) WHERE d.device_id::text = '$device'
"""
_CHOSEN = "point_id::text = any (string_to_array('${points:csv}', ','))"
# The unit becomes the axis' own by Grafana's transformation "Config from query results".
TREND_UNIT = queries.unit(_CHOSEN)
# The trends also show alarms of what they do not draw: switches and texts.
_ALARMED = f"device_id::text = '$device' AND (kind <> 'number' OR {_CHOSEN})"
QUALITY = """
WITH changes AS (
    SELECT point_id, time, quality_code, lag(quality_code, 1, -1::smallint) OVER (PARTITION BY point_id ORDER BY time) AS before
      FROM trend(array(SELECT point_id FROM points WHERE device_id::text = '$device' AND kind <> 'text'),
                 $__timeFrom(), $__timeTo(), ((${__to} - ${__from}) / $__interval_ms)::int)
)
SELECT c.time, point_id::text, p.point, c.quality_code FROM changes c JOIN points p USING (point_id)
 WHERE c.quality_code IS DISTINCT FROM c.before ORDER BY c.point_id, c.time
"""


def connection(language: Language) -> str:
    """Return where the device is, and what went wrong last."""
    error = sentences.told(language, "nullif(concat_ws('; ', last_error, overrun), '')")
    return f"""
SELECT endpoint, unit_id, answer_seconds, {error} AS last_error, description
  FROM devices LEFT JOIN polling USING (device_id) WHERE device_id::text = '$device'
"""


def last_test(language: Language) -> str:
    """Return how the last test went."""
    return f"""
SELECT device_id AS do_test, outcome, tested_at, requested_by, good_points, tested_points, seconds AS took_seconds, {sentences.told(language, "explanation")} AS explanation
  FROM device_tests WHERE device_id::text = '$device'
"""


def latest(language: Language) -> str:
    """Return the newest reading of each point, and why it is not good."""
    return f"""
SELECT CASE WHEN p.kind IN ('number', 'state') THEN l.point_id::text ELSE chr(36) || '__all' END AS point_id, l.point, {queries.latest_coloured(language)} AS shown, l.quality, l.time, CASE WHEN l.quality <> 'good' THEN {sentences.told(language, "l.explanation")} END AS explanation
  FROM latest l JOIN points p USING (point_id) WHERE l.device_id::text = '$device' ORDER BY l.point_id
"""


def received(language: Language) -> str:
    """Return the texts that the device gave, or why it gave none."""
    return f"""
SELECT t.time AS changed, p.point, coalesce(t.text, {sentences.told(language, "q.explanation")}) AS text
  FROM points p
 CROSS JOIN LATERAL (SELECT * FROM texts t WHERE t.point_id = p.point_id AND t.time <= $__timeTo()
                      ORDER BY t.time DESC LIMIT 20) t
  JOIN qualities q USING (quality_code)
 WHERE p.device_id::text = '$device' AND p.kind = 'text'
 ORDER BY t.time DESC
"""


def _header(language: Language) -> stat.Panel:
    blank = (
        numbers(Sql(HEADER))
        .text(build.VizTextDisplayOptions().title_size(14).value_size(16))
        .thresholds(
            dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([dashboard.Threshold(None, "text")])
        )
    )
    fields = {
        "state": [Property("mappings", mappings(language.table(texts.STATES), STATE_COLOURS))],
        "last_seen": [Property("unit", "dateTimeFromNow"), Property("noValue", "–")],
        "offline_seconds": [
            Property("unit", language.duration),
            Property("noValue", "–"),
            Property("thresholds", thresholds((None, "text"), (0, RED))),
        ],
        "failures": [
            Property("noValue", "0"),
            Property("thresholds", thresholds((None, "text"), (1, YELLOW), (3, RED))),
        ],
        "out_of_service_until": [Property("unit", "dateTimeFromNow"), Property("noValue", "–")],
    }
    return name_columns(
        panel(blank, language.says(words.HEADER), Place(0, 0, 24, 3)), fields, language.table(texts.COLUMNS)
    )


def _connection(language: Language) -> table.Panel:
    shown = text_table(language.says(words.CONNECTION), Place(0, 3, 24, 4), connection(language))
    columns = {
        "endpoint": column(165),
        "unit_id": column(65),
        "answer_seconds": column(90, unit="s"),
        "last_error": sentence(),
        "description": sentence(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _test(language: Language) -> table.Panel:
    columns = {
        "do_test": button(language.says(words.TEST_NOW), "testDevice", {"id": "dev_${device}"}),
        "outcome": coloured(language.table(texts.TEST_OUTCOMES), TEST_COLOURS, 90),
        "tested_at": column(150, unit="dateTimeFromNow"),
        "requested_by": column(120),
        "good_points": column(110, unit="none"),
        "tested_points": column(90, unit="none"),
        "took_seconds": column(80, unit="s"),
        "explanation": sentence(),
    }
    return name_columns(
        text_table(language.says(words.TEST), Place(0, 7, 24, 4), last_test(language)),
        columns,
        language.table(texts.COLUMNS),
    )


def _states(language: Language) -> statetimeline.Panel:
    sql = queries.states("device_id::text = '$device'", troubled=False)
    return states(language.says(words.DEVICE_STATES), Place(0, 11, 24, 4), sql, language)


def _latest(language: Language) -> table.Panel:
    shown = text_table(language.says(words.LATEST), Place(0, 22, 24, 12), latest(language), hidden=["point_id"])
    shown.cell_height(common.TableCellHeight.SM)
    # History has numbers only: of another point it shows the whole device.
    trend_of_point = url(HISTORY_UID, language, "devices=${device}", "points=${__data.fields.point_id}")
    columns = {
        "point": [*column(), link(language.says(texts.OPEN_TREND), trend_of_point)],
        "shown": [*column(160, align="right"), *named.cells()],
        "quality": coloured(language.table(texts.QUALITIES), QUALITY_COLOURS, 110),
        "time": column(150, unit="dateTimeFromNow"),
        "explanation": sentence(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _trend(language: Language) -> timeseries.Panel:
    sql = queries.trend(language, _CHOSEN, "p.point", "p.point")
    return trend(language.says(words.TREND), Place(0, 34, 24, 9), sql, TREND_UNIT, language)


def _switches(language: Language) -> statetimeline.Panel:
    said = language.says(words.SWITCHES_OVER_TIME)
    sql = named.states(language, "device_id::text = '$device'", said.empty)
    shown = timeline(said, Place(0, 43, 24, 6), sql, named=True)
    return shown.per_page(25).mappings(named.state_mappings(language))


def _quality(language: Language) -> statetimeline.Panel:
    return qualities(language.says(words.QUALITY_OVER_TIME), Place(0, 49, 24, 9), QUALITY, language)


def _texts(language: Language) -> table.Panel:
    shown = text_table(language.says(words.TEXTS), Place(0, 58, 24, 5), received(language))
    shown.cell_height(common.TableCellHeight.SM)
    columns = {"changed": column(180, unit="dateTimeAsSystem"), "point": column(), "text": sentence()}
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _variables(language: Language) -> list[dash.QueryVariable]:
    says = language.says
    points = query_variable("points", says(texts.POINTS), POINT_CHOICES).multi(multi=True).include_all(include_all=True)
    return [
        query_variable("device", says(texts.DEVICE), queries.DEVICE_CHOICES),
        points.current(everything()),
        unit_variable(language, queries.unit_choices(_CHOSEN, "min(point_id)")),
    ]


def device(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of one device."""
    says = language.says
    board = new_dashboard(f"{DEVICE_UID}{language.suffix}", says(texts.DEVICE_TITLE), says(texts.DEVICE_DESCRIPTION))
    board.link(link_to_fleet(language)).link(link_to_history(language, "var-devices=${device}"))
    board.link(link_to_consumption(language, "var-devices=${device}"))
    board.link(link_to_report(language, "var-devices=${device}"))
    board.link(link_to_alarms(language, "var-device=${device}")).link(link_to_export(language, "device=dev_${device}"))
    link_languages(board, DEVICE_UID, language)
    for variable in _variables(language):
        board.with_variable(variable)
    alarms = standing.of_device(Place(0, 15, 24, 7), language)
    above = [_header(language), _connection(language), _test(language), _states(language), alarms, _latest(language)]
    below = [_trend(language), _switches(language), _quality(language), _texts(language)]
    limits.show_alarms(board, language, len(above) + 1, _ALARMED, whose=False)
    show_notes(board, language, len(above) + 1, "device_id::text = '$device'")
    board.with_variable(compare_variable(language))
    remember_fleet(board, language)
    failed = failures.of_buttons(Place(0, 63, 24, 5), language)
    return place_panels(board, [*above, *below, failed])
