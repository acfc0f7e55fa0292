# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""The wall of a control room: pages without controls, one question each, to be read from five metres.

They turn on the page `/wall` of the edge (nginx/pages/wall.html). Letters that matter are 52 px high and more on a
screen of 1,920 × 1,080, all others 28 px; grey is normal, colour is not.
"""

from collections.abc import Callable, Mapping

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models import common, dashboard

from ddms.languages import sentences
from grafana import limits, queries, standing, texts
from grafana import texts_wall as words
from grafana.languages import Language
from grafana.panels import (
    GREY,
    PRIORITY_COLOURS,
    RED,
    STATE_COLOURS,
    WALL_UID,
    YELLOW,
    Place,
    Property,
    Sql,
    everything,
    last_values,
    link_languages,
    name_columns,
    new_dashboard,
    panel,
    place_panels,
    query_variable,
    thresholds,
    words_of,
)
from grafana.texts import Words

MOST_ALARMS, MOST_DEVICES, MOST_GROUPS, MOST_VALUES = 8, 5, 24, 8
"""So many can be read from five metres; each page says how many more there are, or shows the worst."""
PLAIN = "#2c3137"
"""Behind what is as it should be."""
_HEIGHT = 25
"""Rows of the grid that fill 1,080 pixels together with the bar of `/wall`."""
_STANDS = "(active OR latched) AND NOT (is_shelved OR out_of_service OR suppressed)"

COUNTS = """
SELECT count(*) FILTER (WHERE state = 'online') AS online, count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline, count(*) FILTER (WHERE state = 'unknown') AS unknown
  FROM devices
"""
ALARMS = f"""
SELECT {", ".join(f"count(*) FILTER (WHERE NOT acknowledged AND priority = '{p}') AS {p}" for p in PRIORITY_COLOURS)},
       count(*) FILTER (WHERE acknowledged) AS acknowledged
  FROM alarms WHERE {_STANDS}
"""
FRESH = "SELECT greatest(0, floor(extract(epoch FROM now() - max(time)))) AS newest_reading FROM latest"


def _or_else(sql: str, fields: str, why: str) -> str:
    """Return SQL that says why it finds nothing.

    A panel's own text for that stands there too when the database gives no answer, and would be a lie in big letters.
    """
    title, value = fields.split(", ")
    return f"""
WITH found AS ({sql})
SELECT {fields} FROM found
 UNION ALL
SELECT '' AS {title}, 'plain|' || {why} AS {value} WHERE NOT EXISTS (SELECT FROM found)
"""


def _if(there: str, language: Language, one: str, other: str) -> str:
    return f"CASE WHEN EXISTS (SELECT FROM {there}) THEN {language.sql(one)} ELSE {language.sql(other)} END"


def offline(language: Language) -> str:
    """Return who does not answer, those who went last first: what happened now is what matters on a wall."""
    gone = f"""SELECT device, 'offline|' || {language.sql(words.GONE)} || {queries.age(language, "now() - offline_seconds * interval '1 s'")} AS since
  FROM devices WHERE state = 'offline' ORDER BY offline_seconds, lower(device) LIMIT {MOST_DEVICES}"""
    return _or_else(gone, "device, since", _if("devices", language, words.ALL_ANSWER, words.NO_DEVICES))


def newest(language: Language) -> str:
    """Return what nobody has acknowledged, the newest of the worst first."""
    word = language.word("a.priority", texts.PRIORITIES)
    shown = "alarms" if language.is_english else "alarms_shown"  # which has the texts in all languages, and costs more
    waiting = f"""SELECT concat_ws('  ·  ', {word}, {queries.age(language, "a.active_since")},
                 CASE WHEN source = 'limit' AND kind NOT IN ('bit', 'value') THEN {language.sql(words.NOW)} || round(value_now::numeric, 3)::float8 || coalesce(' ' || nullif(unit, ''), '') END) AS about,
       a.priority || '|' || {limits.told(language, "a", "device || ' · '")} AS alarm
  FROM {shown} a WHERE {_STANDS} AND NOT acknowledged ORDER BY rank, active_since DESC, alarm_id LIMIT {MOST_ALARMS}"""
    return _or_else(waiting, "about, alarm", _if("limits", language, words.CALM, words.NO_LIMITS))


def groups(language: Language) -> str:
    """Return how each group does: its worst alarm, else its worst device; in the order of their names, so that each keeps its place."""
    say = language.sql
    told = f"""WITH worst AS (
    SELECT DISTINCT ON (m.group_id) m.group_id, a.priority, a.acknowledged, a.rank, a.there,
           sum(a.alarms) OVER (PARTITION BY m.group_id) AS alarms
      FROM group_devices m JOIN device_alarms a USING (device_id) WHERE a.priority IS NOT NULL AND a.there ORDER BY m.group_id, {standing.BY_WORST}
), told AS (
    SELECT g.group_name,
           CASE WHEN w.priority IS NOT NULL AND NOT w.acknowledged THEN w.rank WHEN g.offline > 0 THEN 5 WHEN w.priority IS NOT NULL THEN 6
                WHEN g.error > 0 THEN 7 WHEN g.unknown > 0 THEN 8 ELSE 9 END AS rank,
           CASE WHEN w.priority IS NOT NULL AND NOT w.acknowledged THEN w.priority || '|' || {language.word("w.priority", texts.PRIORITIES)} || ' · ' || w.alarms
                WHEN g.offline > 0 THEN 'offline|' || g.offline || {say(words.OFFLINE_OF)} || g.devices
                WHEN w.priority IS NOT NULL THEN 'seen|✓ ' || {language.word("w.priority", texts.PRIORITIES)} || ' · ' || w.alarms
                WHEN g.error > 0 THEN 'error|' || g.error || {say(words.ERROR_OF)} || g.devices
                WHEN g.unknown > 0 THEN 'unknown|' || g.unknown || {say(words.UNKNOWN_OF)} || g.devices
                WHEN g.online = 0 THEN 'plain|–' ELSE 'plain|' || {say(words.FINE)} END AS shown
      FROM groups g LEFT JOIN worst w USING (group_id)
)
SELECT group_name, shown FROM (SELECT * FROM told ORDER BY rank, lower(group_name) LIMIT {MOST_GROUPS}) few ORDER BY lower(group_name)"""
    return _or_else(told, "group_name, shown", language.sql(words.NO_GROUPS))


POINTS = """
SELECT device || ' · ' || point AS __text, point_id AS __value FROM points WHERE enabled AND kind <> 'text' ORDER BY lower(device), point_id
"""
_CHOSEN = "array[${points:sqlstring}]::text[]"


def values(language: Language) -> str:
    """Return the chosen points, or without a choice those that have limits; in a fixed order, so that each keeps its place."""
    quality = language.word("l.quality", texts.QUALITIES)
    chosen = f"""SELECT l.device || ' · ' || l.point AS name,
       CASE WHEN a.priority IS NOT NULL THEN CASE WHEN a.acknowledged THEN 'seen' ELSE a.priority END
            WHEN l.quality IN ('bad', 'stale', 'none', 'disabled') THEN 'lost' ELSE 'plain' END || '|' ||
       CASE WHEN l.quality IN ('good', 'uncertain') THEN replace({queries.latest_shown(language)}, ' ', chr(160))
            ELSE '✗ ' || coalesce({sentences.reason(language, "l.reason")}, {quality}) END AS shown
  FROM latest l
  LEFT JOIN LATERAL (SELECT priority, acknowledged FROM alarms a WHERE a.point_id = l.point_id AND {_STANDS} ORDER BY acknowledged, rank LIMIT 1) a ON true
 WHERE CASE WHEN 'all' = any ({_CHOSEN}) THEN l.point_id IN (SELECT point_id FROM limits WHERE enabled) ELSE l.point_id::text = any ({_CHOSEN}) END
 ORDER BY lower(l.device), l.point_id LIMIT {MOST_VALUES}"""
    return _or_else(chosen, "name, shown", language.sql(words.NO_VALUES))


COLOURS: Mapping[str, str] = PRIORITY_COLOURS | {
    "offline": RED,
    "error": YELLOW,
    "unknown": "blue",
    "seen": "#6d4a20",
    "lost": GREY,
    "plain": PLAIN,
}
"""What stands before the bar of a text, and the colour that it gets."""


def _big(words_: Words, place: Place, sql: str, *, title: int, value: int, unit: str = "string") -> stat.Panel:
    blank = (
        stat.Panel()
        .with_target(Sql(sql))
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(common.BigValueJustifyMode.AUTO)
        .text(build.VizTextDisplayOptions().title_size(title).value_size(value))
    )
    return panel(blank, words_, place, unit=unit).transparent(transparent=True)


def _numbers(
    words_: Words, place: Place, sql: str, fields: Mapping[str, list[Property]], language: Language
) -> stat.Panel:
    shown = _big(words_, place, sql, title=40, value=110, unit="none").reduce_options(last_values())
    shown.orientation(common.VizOrientation.VERTICAL).justify_mode(common.BigValueJustifyMode.CENTER)
    return name_columns(shown, fields, language.table(texts.COLUMNS | words.COLUMNS))


def _rows(
    words_: Words, place: Place, sql: str, field: str, *, most: int, title: int = 36, value: int = 52
) -> stat.Panel:
    """Return a row, or a tile, for each row of the answer: `colour|text` of a field, under the texts of the others."""
    shown = _big(words_, place, sql, title=title, value=value)
    shown.reduce_options(build.ReduceDataOptions().calcs([]).values(values=True).fields(f"/^{field}$/").limit(most))
    found = [words_of(rf"/^{key}\|(.*)$/", "$1", colour) for key, colour in COLOURS.items()]
    return shown.mappings(found).thresholds(
        dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps([dashboard.Threshold(None, PLAIN)])
    )


def _when(colour: str, least: float = 1) -> list[Property]:
    return [Property("thresholds", thresholds((None, PLAIN), (least, colour)))]


def _plant(language: Language) -> list[stat.Panel]:
    says = language.says
    states = {"online": [Property("thresholds", thresholds((None, PLAIN)))]}
    states |= {state: _when(STATE_COLOURS[state]) for state in ("error", "offline", "unknown")}
    fresh = [
        Property("unit", "s"),
        Property("decimals", 0),
        Property("thresholds", thresholds((None, PLAIN), (30, YELLOW), (120, RED))),
    ]
    gone = _rows(says(words.OFFLINE), Place(0, 16, 16, 9), offline(language), "since", most=MOST_DEVICES)
    return [
        _numbers(says(words.COUNTS), Place(0, 0, 24, 8), COUNTS, states, language),
        _numbers(says(words.ALARMS), Place(0, 8, 24, 8), ALARMS, _priorities(), language),
        gone.orientation(common.VizOrientation.HORIZONTAL),
        _numbers(says(words.FRESH), Place(16, 16, 8, 9), FRESH, {"newest_reading": fresh}, language),
    ]


def _priorities() -> dict[str, list[Property]]:
    return {p: _when(colour) for p, colour in PRIORITY_COLOURS.items()} | {"acknowledged": _when(PLAIN)}


def _alarms(language: Language) -> list[stat.Panel]:
    says = language.says
    rows = _rows(says(words.NEWEST), Place(0, 6, 24, 19), newest(language), "alarm", most=MOST_ALARMS)
    return [
        _numbers(says(words.ALARMS), Place(0, 0, 24, 6), ALARMS, _priorities(), language),
        rows.orientation(common.VizOrientation.HORIZONTAL),
    ]


def _groups(language: Language) -> list[stat.Panel]:
    place = Place(0, 0, 24, _HEIGHT)
    return [_rows(language.says(words.GROUPS), place, groups(language), "shown", most=MOST_GROUPS, title=46, value=54)]


def _values(language: Language) -> list[stat.Panel]:
    place = Place(0, 0, 24, _HEIGHT)
    return [_rows(language.says(words.VALUES), place, values(language), "shown", most=MOST_VALUES, title=40, value=84)]


def _page(name: str, title: str, panels: Callable[[Language], list[stat.Panel]], language: Language) -> dash.Dashboard:
    uid = WALL_UID + (f"-{name}" if name else "")
    board = new_dashboard(f"{uid}{language.suffix}", language.says(title), language.says(words.DESCRIPTION))
    return link_languages(board, uid, language)


def wall(language: Language) -> dashboard.Dashboard:
    """Return the page of the plant."""
    return place_panels(_page("", words.PLANT_TITLE, _plant, language), _plant(language))


def wall_alarms(language: Language) -> dashboard.Dashboard:
    """Return the page of the alarms."""
    return place_panels(_page("alarms", words.ALARMS_TITLE, _alarms, language), _alarms(language))


def wall_groups(language: Language) -> dashboard.Dashboard:
    """Return the page of the groups."""
    return place_panels(_page("groups", words.GROUPS_TITLE, _groups, language), _groups(language))


def wall_values(language: Language) -> dashboard.Dashboard:
    """Return the page of the values."""
    board = _page("values", words.VALUES_TITLE, _values, language)
    points = (
        query_variable("points", language.says(words.POINTS), POINTS).multi(multi=True).include_all(include_all=True)
    )
    board.with_variable(points.current(everything()).all_value("'all'"))
    return place_panels(board, _values(language))
