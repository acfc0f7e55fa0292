# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The fleet: all devices, which answer and which do not, and what is wrong now."""

from grafana_foundation_sdk.builders import stat, statetimeline, table
from grafana_foundation_sdk.models import dashboard

from ddms.languages import sentences
from grafana import queries, standing, texts
from grafana import texts_plant as words
from grafana.languages import Language
from grafana.panels import (
    COLLECTOR_COLOURS,
    FLEET_UID,
    GREY,
    GROUP_UID,
    HISTORY_UID,
    PRIORITY_COLOURS,
    QUALITY_COLOURS,
    RED,
    STATE_COLOURS,
    Place,
    Property,
    Sql,
    choices,
    coloured,
    column,
    counts,
    link,
    link_languages,
    link_to_alarms,
    link_to_consumption,
    link_to_report,
    name_columns,
    name_of_device,
    new_dashboard,
    of_row,
    place_panels,
    search,
    sentence,
    sparkline,
    text_table,
    thresholds,
    url,
)
from grafana.trends import states

# Materialized: the planner expects few of a state and few bad points, and would look up each point by itself.
COUNTS = """
WITH devices AS MATERIALIZED (SELECT device_id, state FROM devices),
     bad AS MATERIALIZED (SELECT device_id FROM latest WHERE quality IN ('bad', 'stale'))
SELECT count(*) AS devices,
       count(*) FILTER (WHERE state = 'online') AS online,
       count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline,
       count(*) FILTER (WHERE state = 'disabled') AS disabled,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       (SELECT count(*) FROM bad JOIN devices a USING (device_id) WHERE a.state IN ('online', 'error')) AS bad_points
  FROM devices
"""
COLLECTORS = """
SELECT CASE WHEN silent_seconds > 30 THEN 'silent' ELSE 'running' END AS state, collector, seen_at, version
  FROM collectors ORDER BY silent_seconds DESC
"""
ALARMS = standing.counts_sql()
GROUPS = f"""
WITH a AS (
    SELECT DISTINCT ON (m.group_id) m.group_id, a.priority, a.acknowledged, a.there, a.out_of_service_until, a.hidden,
           sum(a.alarms) OVER (PARTITION BY m.group_id) AS alarms, sum(a.returned) OVER (PARTITION BY m.group_id) AS returned
      FROM group_devices m JOIN device_alarms a USING (device_id) WHERE a.priority IS NOT NULL ORDER BY m.group_id, {standing.BY_WORST}
)
SELECT g.group_id, g.group_name, {standing.WORST} AS worst_alarm, devices, online, error, offline, unknown, disabled, description
  FROM groups g LEFT JOIN a USING (group_id) ORDER BY lower(g.group_name)
"""


def offline(language: Language) -> str:
    """Return who does not answer, the longest first."""
    return f"""
SELECT device_id, device, offline_seconds, {sentences.told(language, "last_error")} AS last_error
  FROM devices WHERE state = 'offline' ORDER BY offline_seconds DESC
"""


def bad_now(language: Language) -> str:
    """Return which points have no trustworthy value, and why."""
    return f"""
WITH l AS MATERIALIZED (SELECT * FROM latest WHERE quality IN ('bad', 'uncertain', 'stale'))
SELECT l.device_id, l.device, l.point, l.quality, {sentences.told(language, "l.explanation")} AS explanation
  FROM l JOIN devices d USING (device_id)
 WHERE d.state IN ('online', 'error')
 ORDER BY l.quality, lower(l.device), l.point_id LIMIT 200
"""


DRAWN = 200
"""So many rows of the list, the worst, have a trend: those of 1,000 would cost four times all else on the page."""
_PASSES = """state = any (string_to_array('${state:csv}', ','))
   AND (strpos(lower(device), lower('$search')) > 0 OR strpos(endpoint, lower('$search')) > 0)"""


def devices(language: Language) -> str:
    """Return all devices that pass the filters, the worst alarm first, with the value and the line of the point that stands for each."""
    error = sentences.told(language, "nullif(concat_ws('; ', last_error, overrun), '')")
    return f"""
WITH shown AS MATERIALIZED (SELECT * FROM devices WHERE {_PASSES}),
     stands AS MATERIALIZED (SELECT t.* FROM device_trends t JOIN shown USING (device_id)),
     first AS (SELECT s.point_id FROM shown d JOIN stands s USING (device_id) LEFT JOIN device_alarms a USING (device_id)
                ORDER BY {standing.BY_WORST}, lower(d.device) LIMIT {DRAWN}),
     lines AS MATERIALIZED (SELECT * FROM sparklines(array(SELECT point_id FROM first), $__timeFrom(), $__timeTo()))
SELECT d.device_id, d.state, {standing.WORST} AS alarm, a.since AS alarm_since, d.device, s.point_id, s.point, {queries.value_now(language)} AS shown,
       json_build_object('trend', n.line)::text AS line, d.last_seen, d.offline_seconds, {error} AS last_error
  FROM shown d LEFT JOIN polling USING (device_id) LEFT JOIN device_alarms a USING (device_id)
  LEFT JOIN stands s USING (device_id) LEFT JOIN lines n USING (point_id) LEFT JOIN latest l USING (point_id)
 ORDER BY {standing.BY_WORST}, lower(d.device)
"""


def _counts(language: Language) -> stat.Panel:
    shown = counts(language.says(words.COUNTS), Place(0, 0, 15, 5), Sql(COUNTS), language)
    for column_, state in ({"devices": "$__all"} | {state: state for state in STATE_COLOURS}).items():
        shown.override_by_name(
            column_, [link(language.says(texts.SHOW_STATE), url(FLEET_UID, language, f"state={state}"))]
        )
    return shown


def _alarms(language: Language) -> stat.Panel:
    shown = standing.counts(language.says(words.ALARM_COUNTS), Place(0, 5, 24, 4), ALARMS, language)
    for priority in PRIORITY_COLOURS:
        shown.override_by_name(priority, [standing.show_alarms_link(language, f"priority={priority}")])
    return shown


def _collectors(language: Language) -> table.Panel:
    shown = text_table(language.says(words.COLLECTORS), Place(15, 0, 9, 5), COLLECTORS, hidden=["version"])
    columns = {
        "state": coloured(language.table(texts.COLLECTOR_STATES), COLLECTOR_COLOURS, 78),
        "collector": column(),
        "seen_at": column(145, unit="dateTimeFromNow"),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _offline(language: Language) -> table.Panel:
    shown = text_table(language.says(words.OFFLINE), Place(0, 9, 12, 8), offline(language), hidden=["device_id"])
    columns = {
        "device": name_of_device(language),
        "offline_seconds": column(110, unit=language.duration, cellOptions={"type": "color-text"}),
        "last_error": sentence(),
    }
    columns["offline_seconds"].append(Property("thresholds", thresholds((None, RED))))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _bad_now(language: Language) -> table.Panel:
    shown = text_table(language.says(words.BAD_NOW), Place(12, 9, 12, 8), bad_now(language), hidden=["device_id"])
    columns = {
        "device": name_of_device(language),
        "point": sentence(),
        "quality": coloured(language.table(texts.QUALITIES), QUALITY_COLOURS, 90),
        "explanation": sentence(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


_ORDER = (
    "state",
    "alarm",
    "device",
    "point",
    "shown",
    "trend",
    "alarm_since",
    "offline_seconds",
    "last_error",
    "last_seen",
)


def _devices(language: Language) -> table.Panel:
    hidden = ["device_id", "point_id", "line"]
    shown = text_table(language.says(words.DEVICES), Place(0, 17, 24, 18), devices(language), hidden=hidden)
    # Grafana draws a line in a cell of an array, and has arrays only from JSON.
    extract = {"source": "line", "format": "json"}
    order = {"indexByName": {name: place for place, name in enumerate((*_ORDER, *hidden))}}
    shown.with_transformation(dashboard.DataTransformerConfig(id_val="extractFields", options=extract))
    shown.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=order))
    history = url(HISTORY_UID, language, "devices=${__data.fields.device_id}", "points=${__data.fields.point_id}")
    to_history = link(language.says(texts.OPEN_TREND), history)
    columns = {
        "state": coloured(language.table(texts.STATES), STATE_COLOURS, 80),
        **standing.worst(language),
        # Each on one line: else Grafana measures the height of every row, which costs the browser most of the first view, and
        # those of offline devices would be three times as high as the others.
        "device": [*column(), name_of_device(language)[-1]],
        "point": [*column(), to_history],
        "shown": [*column(115, align="right"), to_history],
        "trend": sparkline(140),
        "offline_seconds": column(105, unit=language.duration),
        "last_error": [*column(), Property("noValue", "\u00a0"), Property("custom.minWidth", 170)],
        "last_seen": column(140, unit="dateTimeFromNow"),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _states(language: Language) -> statetimeline.Panel:
    sql = queries.states(_PASSES, troubled=True)
    return states(language.says(words.FLEET_STATES), Place(0, 35, 24, 9), sql, language)


def _groups(language: Language) -> table.Panel:
    shown = text_table(language.says(words.GROUPS), Place(0, 44, 24, 8), GROUPS, hidden=["group_id"])
    columns = {
        "group_name": [*sentence(), link(language.says(texts.OPEN_GROUP), url(GROUP_UID, language, of_row("group")))],
        "worst_alarm": standing.coloured_worst(language),
        "devices": column(90, unit="none"),
    }
    for state, colour in STATE_COLOURS.items():
        columns[state] = column(90, unit="none", cellOptions={"type": "color-text"})
        columns[state].append(Property("thresholds", thresholds((None, GREY), (1, colour))))
    columns["description"] = sentence()
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def fleet(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of all devices."""
    says = language.says
    board = new_dashboard(f"{FLEET_UID}{language.suffix}", says(texts.FLEET_TITLE), says(texts.FLEET_DESCRIPTION))
    link_languages(
        board.link(link_to_alarms(language)).link(link_to_consumption(language)).link(link_to_report(language)),
        FLEET_UID,
        language,
    )
    board.with_variable(choices("state", says(texts.STATE_FILTER), language.table(texts.STATES)))
    board.with_variable(search(says(texts.SEARCH)))
    panels = [_counts, _collectors, _alarms, _offline, _bad_now, _devices, _states, _groups]
    return place_panels(board, [one(language) for one in panels])
