# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""One group: how its devices do, their values side by side, their trends."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import dashboard

from ddms.languages import sentences
from grafana import limits, named, queries, standing, texts
from grafana import texts_plant as words
from grafana.languages import Language
from grafana.notes import show_notes
from grafana.panels import (
    GROUP_UID,
    STATE_COLOURS,
    Place,
    Property,
    Sql,
    coloured,
    column,
    counts,
    link_languages,
    link_to_alarms,
    link_to_export,
    link_to_fleet,
    name_columns,
    name_of_device,
    new_dashboard,
    place_panels,
    query_variable,
    sentence,
    text_table,
)
from grafana.trends import compare_variable, states, trend, unit_variable
from grafana.way import remember_fleet

_OF_GROUP = "device_id IN (SELECT device_id FROM group_devices WHERE group_id::text = '$group')"
GROUP_CHOICES = "SELECT group_name AS __text, group_id AS __value FROM groups ORDER BY lower(group_name)"
KEYS = f"""
SELECT min(point) || CASE WHEN count(*) OVER (PARTITION BY min(point)) > 1 THEN ' · ' || key ELSE '' END AS __text, key AS __value
  FROM points
 WHERE {_OF_GROUP} AND kind = 'number' GROUP BY key ORDER BY count(*) DESC, min(point_id)
"""
_CHOSEN_KEYS = f"{_OF_GROUP} AND kind = 'number' AND key = any (array[${{keys:sqlstring}}]::text[])"
UNIT = queries.unit(_CHOSEN_KEYS)
COUNTS = """
WITH members AS MATERIALIZED (SELECT device_id, state FROM group_devices WHERE group_id::text = '$group')
SELECT count(*) AS devices, count(*) FILTER (WHERE state = 'online') AS online, count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline, count(*) FILTER (WHERE state = 'disabled') AS disabled,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       (SELECT count(*) FROM latest l WHERE l.device_id IN (SELECT device_id FROM members WHERE state IN ('online', 'error'))
           AND l.quality IN ('bad', 'stale')) AS bad_points
  FROM members
"""
# With those of the connections by which members are suppressed.
ALARMS = standing.counts_sql(
    f"({_OF_GROUP} OR device_id IS NULL AND alarm_id IN (SELECT alarm_id FROM device_alarms WHERE {_OF_GROUP}))"
)


def members(language: Language) -> str:
    """Return the devices of the group, the worst alarm first."""
    return f"""
SELECT d.device_id, d.state, {standing.WORST} AS alarm, a.since AS alarm_since, d.device, d.last_seen, d.offline_seconds, {sentences.told(language, "d.last_error")} AS last_error,
       (SELECT count(*) FROM latest l WHERE l.device_id = d.device_id AND l.quality IN ('bad', 'stale')) AS bad_points
  FROM group_devices d LEFT JOIN device_alarms a USING (device_id)
 WHERE group_id::text = '$group' ORDER BY {standing.BY_WORST}, lower(device)
"""


def key_values(language: Language) -> str:
    """Return the newest values of the twelve points that most members have; "Grouping to matrix" makes columns of them."""
    return f"""
SELECT l.device, l.point, {queries.value_now(language, coloured=True)} AS shown
  FROM latest l
  JOIN (SELECT key, count(*) AS members, min(point_id) AS first FROM points WHERE {_OF_GROUP} GROUP BY key
         ORDER BY count(*) DESC, min(point_id) LIMIT 12) few USING (key)
 WHERE {_OF_GROUP}
 ORDER BY few.members DESC, few.first, lower(l.device)
"""


def _counts(language: Language) -> stat.Panel:
    return counts(language.says(words.GROUP_COUNTS), Place(0, 0, 24, 4), Sql(COUNTS), language)


def _alarms(language: Language) -> stat.Panel:
    return standing.counts(language.says(words.GROUP_ALARM_COUNTS), Place(0, 4, 24, 4), ALARMS, language)


def _members(language: Language) -> table.Panel:
    shown = text_table(language.says(words.MEMBERS), Place(0, 8, 24, 9), members(language), hidden=["device_id"])
    columns = {
        "state": coloured(language.table(texts.STATES), STATE_COLOURS, 100),
        **standing.worst(language),
        "device": name_of_device(language),
        "last_seen": column(145, unit="dateTimeFromNow"),
        "offline_seconds": column(120, unit=language.duration),
        "last_error": sentence(),
        "bad_points": column(100, unit="none"),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _states(language: Language) -> statetimeline.Panel:
    sql = queries.states(_OF_GROUP, troubled=False)
    return states(language.says(words.GROUP_STATES), Place(0, 17, 24, 9), sql, language)


def _key_values(language: Language) -> table.Panel:
    shown = text_table(language.says(words.KEY_VALUES), Place(0, 26, 24, 9), key_values(language))
    options = {"rowField": "device", "columnField": "point", "valueField": "shown", "emptyValue": "empty"}
    shown.with_transformation(dashboard.DataTransformerConfig(id_val="groupingToMatrix", options=options))
    shown.override_by_regexp("/.*/", [Property("noValue", "–"), Property("custom.minWidth", 110), *named.cells()])
    return name_columns(shown, {"device\\point": sentence()}, language.table(texts.COLUMNS))


def _trend(language: Language) -> timeseries.Panel:
    sql = queries.trend(language, _CHOSEN_KEYS)
    return trend(language.says(words.GROUP_TREND), Place(0, 35, 24, 10), sql, UNIT, language)


def _variables(language: Language) -> list[dash.QueryVariable]:
    return [
        query_variable("group", language.says(texts.GROUP), GROUP_CHOICES),
        query_variable("keys", language.says(texts.KEYS), KEYS).multi(multi=True).include_all(include_all=True),
        unit_variable(language, queries.unit_choices(_CHOSEN_KEYS)),
    ]


def group(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of one group."""
    says = language.says
    board = new_dashboard(f"{GROUP_UID}{language.suffix}", says(texts.GROUP_TITLE), says(texts.GROUP_DESCRIPTION))
    board.link(link_to_fleet(language)).link(link_to_alarms(language, "var-group=${group}"))
    board.link(link_to_export(language, "group=grp_${group}"))
    link_languages(board, GROUP_UID, language)
    for variable in _variables(language):
        board.with_variable(variable)
    panels = [one(language) for one in (_counts, _alarms, _members, _states, _key_values, _trend)]
    limits.show_alarms(board, language, len(panels), _CHOSEN_KEYS, whose=True, drawn="urgent")
    show_notes(board, language, len(panels), _OF_GROUP)
    board.with_variable(compare_variable(language))
    remember_fleet(board, language)
    return place_panels(board, panels)
