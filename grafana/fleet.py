"""The fleet: all devices, which answer and which do not, and what is wrong now."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import dashboard

from grafana import texts
from grafana.panels import (
    COLLECTOR_COLOURS,
    FLEET_UID,
    GREY,
    GROUP_URL,
    QUALITY_COLOURS,
    RED,
    STATE_COLOURS,
    Place,
    Property,
    Sql,
    coloured,
    column,
    counts,
    everything,
    link,
    name_columns,
    name_of_device,
    new_dashboard,
    place_panels,
    sentence,
    text_table,
    thresholds,
)

COUNTS = """
SELECT count(*) AS devices,
       count(*) FILTER (WHERE state = 'online') AS online,
       count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline,
       count(*) FILTER (WHERE state = 'disabled') AS disabled,
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       (SELECT count(*) FROM latest l JOIN devices a USING (device_id)
         WHERE l.quality IN ('bad', 'stale') AND a.state IN ('online', 'error')) AS bad_points
  FROM devices
"""
COLLECTORS = """
SELECT CASE WHEN silent_seconds > 30 THEN 'silent' ELSE 'running' END AS state, collector, seen_at, version
  FROM collectors ORDER BY silent_seconds DESC
"""
OFFLINE = """
SELECT device_id, device, offline_seconds, last_error
  FROM devices WHERE state = 'offline' ORDER BY offline_seconds DESC
"""
BAD_NOW = """
SELECT l.device_id, l.device, l.point, l.quality, l.explanation
  FROM latest l JOIN devices d USING (device_id)
 WHERE l.quality IN ('bad', 'uncertain', 'stale') AND d.state IN ('online', 'error')
 ORDER BY l.quality, lower(l.device), l.point_id LIMIT 200
"""
DEVICES = """
SELECT device_id, state, device, last_seen, offline_seconds, failures,
       nullif(concat_ws('; ', last_error, overrun), '') AS last_error, points, endpoint
  FROM devices LEFT JOIN polling USING (device_id)
 WHERE state = any (string_to_array('${state:csv}', ','))
   AND (strpos(lower(device), lower('$search')) > 0 OR strpos(endpoint, lower('$search')) > 0)
 ORDER BY lower(device)
"""
GROUPS = """
SELECT group_id, group_name, devices, online, error, offline, unknown, disabled, description FROM groups ORDER BY lower(group_name)
"""


def _show_state(state: str) -> Property:
    return link(texts.SHOW_STATE, f"/d/{FLEET_UID}?var-state={state}&${{__url_time_range}}")


def _counts() -> stat.Panel:
    shown = counts(texts.COUNTS, Place(0, 0, 15, 5), Sql(COUNTS))
    for state in ("$__all", *STATE_COLOURS):
        shown.override_by_name("devices" if state == "$__all" else state, [_show_state(state)])
    return shown


def _collectors() -> table.Panel:
    shown = text_table(texts.COLLECTORS, Place(15, 0, 9, 5), COLLECTORS)
    columns = {
        "state": coloured(texts.COLLECTOR_STATES, COLLECTOR_COLOURS, 85),
        "collector": column(),
        "seen_at": column(145, unit="dateTimeFromNow"),
        "version": column(75),
    }
    return name_columns(shown, columns)


def _offline() -> table.Panel:
    shown = text_table(texts.OFFLINE, Place(0, 5, 12, 8), OFFLINE, hidden=["device_id"])
    columns = {
        "device": name_of_device(),
        "offline_seconds": column(150, unit="s", cellOptions={"type": "color-text"}),
        "last_error": sentence(),
    }
    columns["offline_seconds"].append(Property("thresholds", thresholds((None, RED))))
    return name_columns(shown, columns)


def _bad_now() -> table.Panel:
    shown = text_table(texts.BAD_NOW, Place(12, 5, 12, 8), BAD_NOW, hidden=["device_id"])
    columns = {
        "device": name_of_device(),
        "point": sentence(),
        "quality": coloured(texts.QUALITIES, QUALITY_COLOURS, 90),
        "explanation": sentence(),
    }
    return name_columns(shown, columns)


def _devices() -> table.Panel:
    shown = text_table(texts.DEVICES, Place(0, 13, 24, 18), DEVICES, hidden=["device_id"])
    columns = {
        "state": coloured(texts.STATES, STATE_COLOURS, 100),
        "device": name_of_device(),
        "last_seen": column(145, unit="dateTimeFromNow"),
        "offline_seconds": column(120, unit="s"),
        "failures": column(90, unit="none"),
        "last_error": sentence(),
        "points": column(80, unit="none"),
        "endpoint": column(190),
    }
    return name_columns(shown, columns)


def _groups() -> table.Panel:
    shown = text_table(texts.GROUPS, Place(0, 31, 24, 8), GROUPS, hidden=["group_id"])
    columns = {"group_name": [*sentence(), link(texts.OPEN_GROUP, GROUP_URL)], "devices": column(90, unit="none")}
    for state, colour in STATE_COLOURS.items():
        columns[state] = column(90, unit="none", cellOptions={"type": "color-text"})
        columns[state].append(Property("thresholds", thresholds((None, GREY), (1, colour))))
    columns["description"] = sentence()
    return name_columns(shown, columns)


def _state_filter() -> dash.CustomVariable:
    label, description = texts.STATE_FILTER
    return (
        dash.CustomVariable("state")
        .label(label)
        .description(description)
        .values(",".join(f"{text} : {state}" for state, text in texts.STATES.items()))
        .multi(multi=True)
        .include_all(include_all=True)
        .allow_custom_value(allow_custom_value=False)
        .current(everything())
    )


def _search() -> dash.TextBoxVariable:
    label, description = texts.SEARCH
    return dash.TextBoxVariable("search").label(label).description(description).default_value("")


def fleet() -> dashboard.Dashboard:
    """Return the dashboard of all devices."""
    board = new_dashboard(FLEET_UID, texts.FLEET_TITLE, texts.FLEET_DESCRIPTION)
    board.with_variable(_state_filter()).with_variable(_search())
    return place_panels(board, [_counts(), _collectors(), _offline(), _bad_now(), _devices(), _groups()])
