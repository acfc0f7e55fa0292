"""The fleet: all devices, which answer and which do not, and what is wrong now."""

from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import dashboard

from grafana import queries, texts
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


def _show_state(state: str) -> Property:
    return link(texts.SHOW_STATE, f"/d/{FLEET_UID}?var-state={state}&${{__url_time_range}}")


def _counts() -> stat.Panel:
    shown = counts(texts.COUNTS, Place(0, 0, 15, 5), Sql(queries.COUNTS))
    for state in ("$__all", *STATE_COLOURS):
        shown.override_by_name("devices" if state == "$__all" else state, [_show_state(state)])
    return shown


def _collectors() -> table.Panel:
    shown = text_table(texts.COLLECTORS, Place(15, 0, 9, 5), queries.COLLECTORS)
    columns = {
        "state": coloured(texts.COLLECTOR_STATES, COLLECTOR_COLOURS, 85),
        "collector": column(),
        "seen_at": column(145, unit="dateTimeFromNow"),
        "version": column(75),
    }
    return name_columns(shown, columns)


def _offline() -> table.Panel:
    shown = text_table(texts.OFFLINE, Place(0, 5, 12, 8), queries.OFFLINE, hidden=["device_id"])
    columns = {
        "device": name_of_device(),
        "offline_seconds": column(150, unit="s", cellOptions={"type": "color-text"}),
        "last_error": sentence(),
    }
    columns["offline_seconds"].append(Property("thresholds", thresholds((None, RED))))
    return name_columns(shown, columns)


def _bad_now() -> table.Panel:
    shown = text_table(texts.BAD_NOW, Place(12, 5, 12, 8), queries.BAD_NOW, hidden=["device_id"])
    columns = {
        "device": name_of_device(),
        "point": sentence(),
        "quality": coloured(texts.QUALITIES, QUALITY_COLOURS, 90),
        "explanation": sentence(),
    }
    return name_columns(shown, columns)


def _devices() -> table.Panel:
    shown = text_table(texts.DEVICES, Place(0, 13, 24, 18), queries.DEVICES, hidden=["device_id"])
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
    shown = text_table(texts.GROUPS, Place(0, 31, 24, 8), queries.GROUPS, hidden=["group_id"])
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
