# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Alarms now: what stands, what to do about it, and what is hidden; in English and Chinese."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common, dashboard

from grafana import alarm_sql, failures, queries
from grafana import texts_alarms as texts
from grafana.buttons import action, button, buttons
from grafana.languages import Language
from grafana.panels import (
    ALARM_HISTORY_UID,
    ALARM_PERFORMANCE_UID,
    ALARMS_UID,
    BLUE,
    DEVICE_UID,
    GREEN,
    GREY,
    MOMENT,
    ORANGE,
    PRIORITY_COLOURS,
    RED,
    YELLOW,
    Place,
    Property,
    Sql,
    choices,
    coloured,
    column,
    link_languages,
    link_to,
    link_to_fleet,
    name_columns,
    new_dashboard,
    numbers,
    panel,
    place_panels,
    query_variable,
    text_table,
    thresholds,
)

STATE_COLOURS = {
    "unacknowledged": RED,
    "acknowledged": "text",
    "returned": BLUE,
    "latched_unacknowledged": ORANGE,
    "latched_acknowledged": "text",
    "normal": GREEN,
}
HOW_COLOURS = {"shelved": BLUE, "suppressed": GREY, "out": GREY}
SINCE = "from=${__data.fields.from_ms}&to=${__data.fields.to_ms}"
NOT_SHOWN = ("told", "id", "alarm_id", "device_id", "point_id", "from_ms", "to_ms")
ID = {"id": "${__data.fields.id}"}
MOST = 200
"""How many alarms a list shows, and one press acknowledges: their ids are in the address of the request."""
ENDED = "'cleared', 'acknowledged', 'withdrawn', 'shelved', 'suppressed', 'out_of_service'"

CALM_SINCE = f"SELECT s.time FROM alarm_events s WHERE s.event IN ({ENDED}) AND {alarm_sql.CHOSEN} ORDER BY s.time DESC, s.event_id DESC LIMIT 1"


def situation(language: Language) -> str:
    """Return whether somebody has to do something, and since when it is so."""
    say = language.sql
    return f"""
WITH standing AS (
    SELECT count(*) AS of_all, count(*) FILTER (WHERE is_chosen) AS number, count(*) FILTER (WHERE is_chosen AND NOT acknowledged) AS calling,
           min(active_since) FILTER (WHERE is_chosen AND NOT acknowledged) AS calling_since, min(active_since) FILTER (WHERE is_chosen) AS standing_since
      FROM (SELECT s.*, coalesce({alarm_sql.CHOSEN}, false) AS is_chosen FROM alarms s WHERE {alarm_sql.STANDS}) stands
), told AS (
    SELECT *, CASE WHEN number = 0 THEN ({CALM_SINCE}) ELSE coalesce(calling_since, standing_since) END AS begun FROM standing
)
SELECT CASE WHEN number = 0 AND of_all > 0 THEN {say(texts.OTHERS)} || of_all WHEN number = 0 THEN {say(texts.CALM)} WHEN calling = 0 THEN {say(texts.ALL_KNOWN)} ELSE {say(texts.CALLING)} || calling END AS situation,
       {alarm_sql.duration(language, "extract(epoch FROM now() - begun)")} AS since
  FROM told
"""


COUNTS = f"""
SELECT count(*) FILTER (WHERE stands AND priority = 'critical') AS critical, count(*) FILTER (WHERE stands AND priority = 'high') AS high,
       count(*) FILTER (WHERE stands AND priority = 'medium') AS medium, count(*) FILTER (WHERE stands AND priority = 'low') AS low,
       count(*) FILTER (WHERE stands AND NOT acknowledged) AS unacknowledged, count(*) FILTER (WHERE stands AND uncertain) AS uncertain,
       count(*) FILTER (WHERE is_shelved) AS shelved, count(*) FILTER (WHERE suppressed AND NOT is_shelved AND NOT out_of_service) AS suppressed,
       count(*) FILTER (WHERE out_of_service) AS out_of_service
  FROM (SELECT s.*, {alarm_sql.STANDS} AS stands FROM alarms s WHERE {alarm_sql.CHOSEN_DEVICES}) chosen
"""


def all_at_once(language: Language) -> str:
    """Return the ids of what is not acknowledged, as one row; no row when there is nothing."""
    say = language.sql
    kinds = ", ".join(
        f"{say(pair)} || {say(texts.COLON)} || nullif(count(*) FILTER (WHERE priority = '{priority}'), 0)"
        for priority, pair in texts.PRIORITIES.items()
    )
    return f"""
SELECT concat_ws('  ·  ', {kinds}) AS situation, 1 AS do_all, count(*) AS number, string_agg('alm_' || alarm_id, ',') AS ids
  FROM (SELECT s.* FROM alarms s WHERE {alarm_sql.STANDS} AND NOT s.acknowledged AND {alarm_sql.CHOSEN}
         ORDER BY s.rank, s.active_since DESC, s.alarm_id LIMIT {MOST}) unknown
HAVING count(*) > 0
"""


def standing(language: Language) -> str:
    """Return what stands, the worst first."""
    say = language.sql
    # Grafana shows buttons of one title once: so an alarm that is acknowledged has a second "Note" and no "Acknowledge".
    acknowledge = (
        f"CASE WHEN {alarm_sql.TO_ACKNOWLEDGE} THEN {say(texts.ACKNOWLEDGE.title)} ELSE {say(texts.ADD_NOTE.title)} END"
    )
    age = f"""CASE WHEN s.active THEN {say(texts.FOR)} || {alarm_sql.duration(language, "s.age_seconds")}
            ELSE {alarm_sql.duration(language, "extract(epoch FROM now() - s.cleared_at)")} || {say(texts.AGO)} END"""
    return f"""
SELECT s.priority, concat({alarm_sql.word(language, "s.state", texts.STATES)}, CASE WHEN s.uncertain THEN E'\\n' || {say(texts.UNCERTAIN)} END, E'\\n', {age}) AS state,
       {alarm_sql.alarm(language)} AS alarm, {alarm_sql.advice(language)} AS todo, 1 AS do,
       {alarm_sql.told(language)} AS told, {acknowledge} AS acknowledge, 'alm_' || s.alarm_id AS id, {alarm_sql.ADDRESS},
       {alarm_sql.window("s.active_since", "s.active_since")}
  FROM alarms_shown s WHERE {alarm_sql.STANDS} AND {alarm_sql.CHOSEN}
 ORDER BY s.acknowledged, s.rank, NOT s.active, s.active_since DESC, s.alarm_id LIMIT {MOST}
"""


def hidden(language: Language) -> str:
    """Return what calls nobody for now, and why."""
    say = language.sql
    unshelve = f"CASE WHEN s.is_shelved THEN {say(texts.UNSHELVE.title)} ELSE {say(texts.ADD_NOTE.title)} END"
    return f"""
SELECT s.priority, CASE WHEN s.out_of_service THEN 'out' WHEN s.is_shelved THEN 'shelved' ELSE 'suppressed' END AS how,
       concat({alarm_sql.alarm(language)}, E'\\n', {alarm_sql.word(language, "s.state", texts.STATES)}) AS alarm,
       CASE WHEN s.out_of_service THEN s.out_of_service_until WHEN s.is_shelved THEN s.shelved_until END AS until,
       {
        alarm_sql.plain(f'''CASE WHEN s.out_of_service THEN concat_ws(': ', s.out_of_service_by, s.out_of_service_reason)
            WHEN s.is_shelved THEN concat_ws(': ', s.shelved_by, s.shelved_reason) ELSE {say(texts.BECAUSE_OF)} || s.cause_subject END''')
    } AS by_whom,
       1 AS do, {alarm_sql.told(language)} AS told, {unshelve} AS unshelve, 'alm_' || s.alarm_id AS id, {
        alarm_sql.ADDRESS
    },
       {alarm_sql.window("coalesce(s.active_since, now())", "coalesce(s.active_since, now())")}
  FROM alarms_shown s WHERE {alarm_sql.IS_HIDDEN} AND {alarm_sql.CHOSEN}
 ORDER BY s.is_shelved DESC, s.out_of_service DESC, s.rank, s.active_since DESC NULLS LAST, s.alarm_id LIMIT {MOST}
"""


def links(language: Language) -> Property:
    """Return where a row of an alarm leads: its history, its trend, its device, each at that time."""
    history = f"/d/{ALARM_HISTORY_UID}{language.suffix}?{SINCE}&var-device=${{__data.fields.device_id}}&var-point=${{__data.fields.point_id}}"
    says = language.says
    places = [
        (says(texts.OPEN_TREND), history),
        (says(texts.OPEN_JOURNAL), f"{history}&var-alarm=${{__data.fields.alarm_id}}"),
        (says(texts.OPEN_DEVICE), f"/d/{DEVICE_UID}{language.suffix}?var-device=${{__data.fields.device_id}}&{SINCE}"),
    ]
    return Property("links", [{"title": title, "url": url} for title, url in places])


def markdown() -> list[Property]:
    """Return the properties of a column of Markdown; with one of these, each row is as high as what is in it."""
    return [
        Property("custom.minWidth", 150),
        Property("noValue", "\u00a0"),
        Property("custom.cellOptions", {"type": "markdown", "dynamicHeight": True}),
    ]


def beginning(colours: dict[str, str]) -> Property:
    """Return the property that colours a text by how it begins."""
    found = [
        dashboard.RegexMap(
            options=dashboard.DashboardRegexMapOptions(
                pattern=f"/^{word}/", result=dashboard.ValueMappingResult(color=colour, index=index)
            )
        )
        for index, (word, colour) in enumerate(colours.items())
    ]
    return Property("mappings", found)


def states(language: Language) -> list[Property]:
    """Return the properties of a column of states: each begins with its word, and has the colour of it."""
    colours = {language.says(pair): STATE_COLOURS[state] for state, pair in texts.STATES.items()}
    steps = Property("thresholds", thresholds((None, "text")))
    return [*column(118, cellOptions={"type": "color-text"}, wrapText=True), beginning(colours), steps]


def priorities(language: Language, width: int = 84) -> list[Property]:
    """Return the properties of a column of priorities: number, word and colour."""
    return coloured(language.table(texts.PRIORITIES), PRIORITY_COLOURS, width)


def _situation(language: Language) -> stat.Panel:
    colours = {texts.OTHERS: ORANGE, texts.CALM: GREEN, texts.ALL_KNOWN: BLUE, texts.CALLING: RED}
    shown = _strip(situation(language)).text(build.VizTextDisplayOptions().title_size(12).value_size(20))
    shown.orientation(common.VizOrientation.HORIZONTAL)  # one under the other: beside each other they overlapped
    fields = {
        "situation": [beginning({language.says(pair): colour for pair, colour in colours.items()})],
        "since": [Property("noValue", "–")],
    }
    return name_columns(
        panel(shown, language.says(texts.SITUATION), Place(0, 0, 6, 4)), fields, language.table(texts.COLUMNS)
    )


def _strip(sql: str) -> stat.Panel:
    """Return numbers side by side, without graphs."""
    return (
        numbers(Sql(alarm_sql.shortened(sql)))
        .text(build.VizTextDisplayOptions().title_size(11).value_size(28))
        .thresholds(dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([dashboard.Threshold(None, "text")]))
    )  # fmt: skip


def _counts(language: Language) -> stat.Panel:
    colours = PRIORITY_COLOURS | {
        "unacknowledged": RED,
        "uncertain": YELLOW,
        "shelved": BLUE,
        "suppressed": BLUE,
        "out_of_service": BLUE,
    }
    fields = {name: [Property("thresholds", thresholds((None, GREY), (1, colour)))] for name, colour in colours.items()}
    for priority in PRIORITY_COLOURS:
        url = f"/d/{ALARMS_UID}{language.suffix}?var-priority={priority}&var-group=${{group}}&var-device=${{device}}"
        fields[priority].append(Property("links", [{"title": language.says(texts.SHOW_PRIORITY), "url": url}]))
    return name_columns(
        panel(_strip(COUNTS), language.says(texts.COUNTS), Place(6, 0, 18, 4)), fields, language.table(texts.COLUMNS)
    )


def _all_at_once(language: Language) -> table.Panel:
    shown = text_table(
        language.says(texts.ALL_AT_ONCE),
        Place(0, 4, 24, 3),
        alarm_sql.shortened(all_at_once(language)),
        hidden=["number", "ids"],
    )
    columns = {
        "situation": column(),
        "do_all": button(
            language.says(texts.ACKNOWLEDGE_ALL), "acknowledgeAlarms", {"ids": "${__data.fields.ids}"}, width=190
        ),
    }
    return name_columns(shown.show_header(show_header=False), columns, language.table(texts.COLUMNS))


def _standing(language: Language) -> table.Panel:
    says = language.says
    sql = alarm_sql.shortened(standing(language))
    shown = text_table(says(texts.STANDING), Place(0, 7, 24, 18), sql, hidden=[*NOT_SHOWN, "acknowledge"])
    # The one that a row may not have comes last: its title is then that of one before.
    acknowledge = says(texts.ACKNOWLEDGE)._replace(title="${__data.fields.acknowledge}")
    columns = {
        "priority": priorities(language),
        "state": states(language),
        "alarm": [*markdown(), links(language)],
        "todo": markdown(),
        "do": buttons([_note(language), _shelve(language), action(acknowledge, "acknowledgeAlarm", ID)], width=225),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _hidden(language: Language) -> table.Panel:
    says = language.says
    sql = alarm_sql.shortened(hidden(language))
    shown = text_table(says(texts.HIDDEN), Place(0, 25, 24, 8), sql, hidden=[*NOT_SHOWN, "unshelve"])
    unshelve = says(texts.UNSHELVE)._replace(title="${__data.fields.unshelve}")
    columns = {
        "priority": priorities(language),
        "how": coloured(language.table(texts.HOW_HIDDEN), HOW_COLOURS, 100),
        "alarm": [*markdown(), links(language)],
        "until": column(105, unit=MOMENT, wrapText=True),
        "by_whom": markdown(),
        "do": buttons([_note(language), action(unshelve, "unshelveAlarm", ID)], width=150),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _note(language: Language) -> dashboard.Action:
    return action(language.says(texts.ADD_NOTE), "noteAlarm", ID, asks={"note": language.says(texts.NOTE_TEXT)})


def _shelve(language: Language) -> dashboard.Action:
    asks = {"hours": language.says(texts.HOURS), "reason": language.says(texts.REASON)}
    return action(language.says(texts.SHELVE), "shelveAlarm", ID, asks=asks)


def all_of(variable: dash.QueryVariable, language: Language) -> dash.QueryVariable:
    """Let a variable of one choice have the choice All, whose value is `all`."""
    every = dashboard.VariableOption(selected=True, text=language.says(texts.ALL), value="$__all")
    return variable.include_all(include_all=True).all_value(alarm_sql.EVERY).current(every)


def filters(language: Language) -> list[dash.QueryVariable | dash.CustomVariable]:
    """Return the filters that the dashboards of alarms share: group, device, priority."""
    group = query_variable("group", language.says(texts.GROUP), alarm_sql.GROUP_CHOICES)
    device = query_variable("device", language.says(texts.DEVICE), queries.DEVICE_CHOICES)
    priority = choices("priority", language.says(texts.PRIORITY), language.table(texts.PRIORITIES))
    return [all_of(group, language), all_of(device, language), priority]


def link_boards(board: dash.Dashboard, uid: str, language: Language) -> dash.Dashboard:
    """Lead to the other dashboards of alarms with the same filters, to the fleet, and to this one in the other language."""
    others = {
        ALARMS_UID: texts.OPEN_NOW,
        ALARM_HISTORY_UID: texts.OPEN_HISTORY,
        ALARM_PERFORMANCE_UID: texts.OPEN_PERFORMANCE,
    }
    for other, title in others.items():
        if other != uid:
            board.link(_link(language.says(title), other, language))
    board.link(link_to_fleet(language))
    return link_languages(board, uid, language)


def _link(title: str, uid: str, language: Language) -> dash.DashboardLink:
    return link_to(title, uid, "bell", language).include_vars(include_vars=True)


def alarms(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of the alarms that stand."""
    uid = f"{ALARMS_UID}{language.suffix}"
    board = new_dashboard(uid, language.says(texts.NOW_TITLE), language.says(texts.NOW_DESCRIPTION))
    link_boards(board, ALARMS_UID, language)
    for variable in filters(language):
        board.with_variable(variable)
    panels = [_situation, _counts, _all_at_once, _standing, _hidden]
    failed = failures.of_buttons(Place(0, 33, 24, 5), language)
    return place_panels(board, [*(one(language) for one in panels), failed])
