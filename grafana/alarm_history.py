# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Alarm history: the journal beside the trend of a point with its limits; in English and Chinese."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from grafana import alarm_sql, queries
from grafana import texts_alarms as texts
from grafana.alarms import SINCE, all_of, filters, link_boards, priorities
from grafana.languages import Language
from grafana.panels import (
    ALARM_HISTORY_UID,
    DEVICE_UID,
    MOMENT,
    PRIORITY_COLOURS,
    SOURCE,
    Place,
    Property,
    Sql,
    choices,
    column,
    name_columns,
    new_dashboard,
    panel,
    place_panels,
    query_variable,
    search,
    sentence,
    text_table,
)

LEVEL = "┄"
"""Begins the name of each line of a limit, and so tells it from the point's own."""
LEVELS = "'low_low', 'low', 'high', 'high_high'"
# Points with limits come first.
POINTS = """
SELECT device || ' · ' || point || CASE WHEN count(*) OVER (PARTITION BY device_id, point) > 1 THEN ' · ' || key ELSE '' END AS __text, point_id AS __value
  FROM points p
 WHERE kind <> 'text' AND (${device:sqlstring} = 'all' OR device_id::text = ${device:sqlstring})
   AND (${group:sqlstring} = 'all' OR device_id IN (SELECT device_id FROM group_devices WHERE group_id::text = ${group:sqlstring}))
 ORDER BY point_id NOT IN (SELECT point_id FROM limits), lower(device), point_id
"""
_POINT = "(SELECT point_id FROM points WHERE point_id::text = ${point:sqlstring})"
UNIT = "SELECT coalesce('suffix:' || nullif(max(unit), ''), 'none') AS unit FROM points WHERE point_id::text = ${point:sqlstring}"


def readings(language: Language) -> str:
    """Return the point's readings, with the lowest and highest of each step where it shows steps, and the limits in force.

    What a limit was is known from the journal, where each entry has it: it holds until the next entry, or now.
    """
    kinds = alarm_sql.word(language, "l.kind", {kind: pair for kind, pair in texts.KINDS.items() if kind in LEVELS})
    words = alarm_sql.word(language, "l.priority", texts.PRIORITIES)
    return f"""
WITH steps AS (
    SELECT t.*, count(lowest) OVER () > 0 AS has_extremes FROM trend(array{_POINT}, $__timeFrom(), $__timeTo(), {queries.PIXELS}) t
), told AS (
    SELECT kind, priority, time, threshold FROM alarm_events
     WHERE point_id = {_POINT} AND kind IN ({LEVELS}) AND event IN ('raised', 'cleared') AND threshold IS NOT NULL AND time BETWEEN $__timeFrom() AND $__timeTo()
), levels AS (
    SELECT kind, priority, threshold FROM limits WHERE point_id = {_POINT} AND enabled AND kind IN ({LEVELS})
), lines AS (
    SELECT kind, priority, time, threshold FROM told
     UNION ALL
    SELECT l.kind, l.priority, $__timeFrom(), coalesce((SELECT t.threshold FROM told t WHERE t.kind = l.kind ORDER BY t.time LIMIT 1), l.threshold) FROM levels l
     UNION ALL
    SELECT l.kind, l.priority, least($__timeTo(), now()), l.threshold FROM levels l
)
SELECT s.time, shown.number, p.point || shown.arrow AS point, shown.value
  FROM steps s JOIN points p USING (point_id) CROSS JOIN LATERAL (VALUES (0, '', s.value), (1, ' ↓', s.lowest), (2, ' ↑', s.highest)) shown (number, arrow, value)
 WHERE shown.number = 0 OR s.has_extremes
 UNION ALL
SELECT l.time, 3, concat('{LEVEL} ', {kinds}, ' (', {words}, ')'), l.threshold FROM lines l
 ORDER BY 2, 3, 1
"""


def stood(language: Language, priority: str) -> str:
    """Return when alarms of a priority stood, of the point and of its device: regions of the trend."""
    return f"""
SELECT s.raised_at AS time, coalesce(s.ended_at, now()) AS "timeEnd",
       concat({alarm_sql.word(language, "s.kind", texts.KINDS)}, ' · ', {language.sql(texts.PRIORITIES[priority])}) AS text
  FROM alarm_spans(array{_POINT}, $__timeFrom(), $__timeTo(), '{priority}') s ORDER BY s.raised_at
"""


def journal(language: Language) -> str:
    """Return what happened, the newest first."""
    until = language.sql(texts.SHELF_UNTIL)
    return f"""
SELECT s.time AS happened, concat({alarm_sql.word(language, "s.event", texts.EVENTS)}, CASE WHEN s.late THEN ' ↻' END) AS event, s.priority, {alarm_sql.about(language)} AS subject,
       concat({alarm_sql.shown(language, "s.value_shown")}, E'\\n' || {language.sql(texts.OF_LIMIT)} || s.threshold_shown) AS value, s.actor,
       nullif(concat_ws(' · ', s.note, {language.sql(texts.BECAUSE_OF)} || s.cause_subject,
              {until} || {alarm_sql.duration(language, "extract(epoch FROM s.until - s.time)")}), '') AS note,
       {alarm_sql.ADDRESS}, {alarm_sql.window("s.time", "s.time")}
  FROM alarm_journal s
 WHERE s.time BETWEEN $__timeFrom() AND $__timeTo() AND {alarm_sql.CHOSEN}
   AND s.event = any (array[${{event:sqlstring}}]::text[]) AND (${{alarm:sqlstring}} = 'all' OR s.alarm_id::text = ${{alarm:sqlstring}})
   AND strpos(lower(concat_ws(' ', s.device, s.point, s.subject, s.actor, s.note)), lower('$search')) > 0
 ORDER BY s.time DESC, s.event_id DESC LIMIT 500
"""


def alarm_choices(language: Language) -> str:
    """Return the alarms of which the newest entries of the time range are."""
    return f"""
SELECT min(about) AS __text, alarm_id AS __value
  FROM (SELECT s.alarm_id, {alarm_sql.about(language)} AS about FROM alarm_journal s
         WHERE s.time BETWEEN $__timeFrom() AND $__timeTo() AND {alarm_sql.CHOSEN} ORDER BY s.time DESC LIMIT 5000) told
 GROUP BY alarm_id ORDER BY lower(min(about)), alarm_id
"""


def _trend(language: Language) -> timeseries.Panel:
    unit = {
        "configRefId": "unit",
        "mappings": [{"fieldName": "unit", "handlerKey": "unit"}],
        "applyTo": {"id": "byType", "options": "number"},
    }
    split = {"fields": ["number", "point"], "naming": {"asLabels": True}, "keepFields": False}
    blank = (
        timeseries.Panel()
        .with_target(Sql(alarm_sql.shortened(readings(language))))
        .with_target(Sql(UNIT, "unit"))
        .with_transformation(dashboard.DataTransformerConfig(id_val="configFromData", options=unit))
        .with_transformation(dashboard.DataTransformerConfig(id_val="partitionByValues", options=split))
        .interval("1s")
        .span_nulls(span_nulls=False)
        .line_width(1)
        .show_points(common.VisibilityMode.AUTO)
        .display_name("${__field.labels.point}")
        .legend(build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM).calcs([]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.NONE))
    )  # fmt: skip
    shown = panel(blank, language.says(texts.TREND), Place(0, 0, 24, 11))
    extremes = [Property("color", {"mode": "fixed", "fixedColor": "rgba(140, 140, 140, 0.35)"}),
                Property("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False})]  # fmt: skip
    shown.override_by_regexp("/[↓↑]$/", extremes)
    for priority, colour in PRIORITY_COLOURS.items():
        look = [
            Property("color", {"mode": "fixed", "fixedColor": colour}),
            Property("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}),
            Property("custom.lineInterpolation", "stepAfter"),
            Property("custom.lineWidth", 2),
            Property("custom.showPoints", "never"),
            Property("custom.spanNulls", value=True),
        ]
        shown.override_by_regexp(rf"/^{LEVEL} .*\({language.says(texts.PRIORITIES[priority])}\)$/", look)
    return shown


def _journal(language: Language) -> table.Panel:
    says = language.says
    hidden = ["alarm_id", "device_id", "point_id", "from_ms", "to_ms"]
    shown = text_table(says(texts.JOURNAL), Place(0, 11, 24, 18), alarm_sql.shortened(journal(language)), hidden=hidden)
    here = f"/d/{ALARM_HISTORY_UID}{language.suffix}?{SINCE}&var-point=${{__data.fields.point_id}}"
    places = [
        {"title": says(texts.OPEN_TREND), "url": f"{here}&var-device=${{__data.fields.device_id}}"},
        {"title": says(texts.OPEN_JOURNAL), "url": f"{here}&var-alarm=${{__data.fields.alarm_id}}"},
        {
            "title": says(texts.OPEN_DEVICE),
            "url": f"/d/{DEVICE_UID}{language.suffix}?var-device=${{__data.fields.device_id}}&{SINCE}",
        },
    ]
    narrow = [Property("custom.minWidth", 95), *sentence()[1:]]
    columns = {
        "happened": [*column(155, unit=MOMENT), Property("links", places)],
        "event": column(116, wrapText=True),
        "priority": priorities(language),
        "subject": narrow,
        "value": column(150, wrapText=True),
        "actor": column(84, wrapText=True),
        "note": narrow,
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def alarm_history(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what happened to alarms."""
    uid = f"{ALARM_HISTORY_UID}{language.suffix}"
    board = new_dashboard(uid, language.says(texts.HISTORY_TITLE), language.says(texts.HISTORY_DESCRIPTION))
    link_boards(board.time("now-24h", "now"), ALARM_HISTORY_UID, language)
    point = query_variable("point", language.says(texts.POINT), POINTS)
    alarm = query_variable("alarm", language.says(texts.CHOSEN_ALARM), alarm_sql.shortened(alarm_choices(language)))
    events = choices("event", language.says(texts.EVENT), language.table(texts.EVENTS))
    for variable in [*filters(language), point, all_of(alarm, language), events, search(language.says(texts.SEARCH))]:
        board.with_variable(variable)
    for priority in reversed(PRIORITY_COLOURS):
        board.annotation(
            dash.AnnotationQuery()
            .name(f"{language.says(texts.STOOD)}: {language.says(texts.PRIORITIES[priority])}")
            .datasource(SOURCE)
            .enable(enable=True)
            .hide(hide=True)
            .icon_color(PRIORITY_COLOURS[priority])
            .filter(dash.AnnotationPanelFilter().exclude(exclude=False).ids([1]))
            .target(Sql(alarm_sql.shortened(stood(language, priority)), "alarms"))
        )
    return place_panels(board, [_trend(language), _journal(language)])
