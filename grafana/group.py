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


def _counts() -> stat.Panel:
    return counts(texts.GROUP_COUNTS, Place(0, 0, 24, 4), Sql(queries.GROUP_COUNTS))


def _members() -> table.Panel:
    shown = text_table(texts.MEMBERS, Place(0, 4, 24, 9), queries.MEMBERS, hidden=["device_id"])
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
    shown = text_table(texts.KEY_VALUES, Place(0, 13, 24, 9), queries.KEY_VALUES)
    options = {"rowField": "device", "columnField": "point", "valueField": "shown", "emptyValue": "empty"}
    shown.with_transformation(dashboard.DataTransformerConfig(id_val="groupingToMatrix", options=options))
    shown.override_by_regexp("/.*/", [Property("noValue", "–"), Property("custom.minWidth", 110)])
    return name_columns(shown, {"device\\point": sentence()})


def _trend() -> timeseries.Panel:
    return trend(texts.GROUP_TREND, Place(0, 22, 24, 10), queries.GROUP_TREND, queries.GROUP_UNIT)


def _variables() -> list[dash.QueryVariable]:
    return [
        query_variable("group", texts.GROUP, queries.GROUP_CHOICES),
        query_variable("keys", texts.KEYS, queries.GROUP_KEYS).multi(multi=True).include_all(include_all=True),
        unit_variable(queries.GROUP_UNITS),
    ]


def group() -> dashboard.Dashboard:
    """Return the dashboard of one group."""
    board = new_dashboard(GROUP_UID, texts.GROUP_TITLE, texts.GROUP_DESCRIPTION)
    board.link(link_to_fleet()).link(link_to_export("group=grp_${group}"))
    for variable in _variables():
        board.with_variable(variable)
    return place_panels(board, [_counts(), _members(), _key_values(), _trend()])
