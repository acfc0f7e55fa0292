# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""One group: how its devices do, their values side by side, their trends."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import queries, texts
from grafana.panels import (
    GROUP_UID,
    STATE_COLOURS,
    Place,
    Property,
    Sql,
    coloured,
    column,
    counts,
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
from grafana.trends import trend, unit_variable

_OF_GROUP = "device_id IN (SELECT device_id FROM group_devices WHERE group_id::text = '$group')"
GROUP_CHOICES = "SELECT group_name AS __text, group_id AS __value FROM groups ORDER BY lower(group_name)"
KEYS = f"""
SELECT min(point) || CASE WHEN count(*) OVER (PARTITION BY min(point)) > 1 THEN ' · ' || key ELSE '' END AS __text, key AS __value
  FROM points
 WHERE {_OF_GROUP} AND kind = 'number' GROUP BY key ORDER BY count(*) DESC, min(point_id)
"""
_CHOSEN_KEYS = f"{_OF_GROUP} AND kind = 'number' AND key = any (array[${{keys:sqlstring}}]::text[])"
UNITS = queries.unit_choices(_CHOSEN_KEYS)
TREND = queries.trend(_CHOSEN_KEYS)
UNIT = queries.unit(_CHOSEN_KEYS)
COUNTS = """
SELECT devices, online, error, offline, disabled, unknown,
       (SELECT count(*) FROM latest l JOIN group_devices a USING (device_id)
         WHERE a.group_id = g.group_id AND l.quality IN ('bad', 'stale') AND a.state IN ('online', 'error')) AS bad_points
  FROM groups g WHERE group_id::text = '$group'
"""
MEMBERS = """
SELECT d.device_id, d.state, d.device, d.last_seen, d.offline_seconds, d.last_error,
       (SELECT count(*) FROM latest l WHERE l.device_id = d.device_id AND l.quality IN ('bad', 'stale')) AS bad_points
  FROM group_devices d WHERE group_id::text = '$group' ORDER BY lower(device)
"""
# The twelve points that most members have become columns by Grafana's transformation "Grouping to matrix".
KEY_VALUES = f"""
SELECT l.device, l.point,
       CASE l.quality WHEN 'good' THEN l.shown WHEN 'uncertain' THEN '? ' || l.shown WHEN 'stale' THEN '⌛ ' || l.shown
                      WHEN 'none' THEN '–' ELSE '✗ ' || coalesce(replace(l.reason, '_', ' '), l.quality) END AS shown
  FROM latest l
  JOIN (SELECT key, count(*) AS members, min(point_id) AS first FROM points WHERE {_OF_GROUP} GROUP BY key
         ORDER BY count(*) DESC, min(point_id) LIMIT 12) few USING (key)
 WHERE {_OF_GROUP}
 ORDER BY few.members DESC, few.first, lower(l.device)
"""


def _counts() -> stat.Panel:
    return counts(texts.GROUP_COUNTS, Place(0, 0, 24, 4), Sql(COUNTS))


def _members() -> table.Panel:
    shown = text_table(texts.MEMBERS, Place(0, 4, 24, 9), MEMBERS, hidden=["device_id"])
    columns = {
        "state": coloured(texts.STATES, STATE_COLOURS, 100),
        "device": name_of_device(),
        "last_seen": column(145, unit="dateTimeFromNow"),
        "offline_seconds": column(120, unit="s"),
        "last_error": sentence(),
        "bad_points": column(100, unit="none"),
    }
    return name_columns(shown, columns)


def _key_values() -> table.Panel:
    shown = text_table(texts.KEY_VALUES, Place(0, 13, 24, 9), KEY_VALUES)
    options = {"rowField": "device", "columnField": "point", "valueField": "shown", "emptyValue": "empty"}
    shown.with_transformation(dashboard.DataTransformerConfig(id_val="groupingToMatrix", options=options))
    shown.override_by_regexp("/.*/", [Property("noValue", "–"), Property("custom.minWidth", 110)])
    return name_columns(shown, {"device\\point": sentence()})


def _trend() -> timeseries.Panel:
    return trend(texts.GROUP_TREND, Place(0, 22, 24, 10), TREND, UNIT)


def _variables() -> list[dash.QueryVariable]:
    return [
        query_variable("group", texts.GROUP, GROUP_CHOICES),
        query_variable("keys", texts.KEYS, KEYS).multi(multi=True).include_all(include_all=True),
        unit_variable(UNITS),
    ]


def group() -> dashboard.Dashboard:
    """Return the dashboard of one group."""
    board = new_dashboard(GROUP_UID, texts.GROUP_TITLE, texts.GROUP_DESCRIPTION)
    board.link(link_to_fleet()).link(link_to_export("group=grp_${group}"))
    for variable in _variables():
        board.with_variable(variable)
    return place_panels(board, [_counts(), _members(), _key_values(), _trend()])
