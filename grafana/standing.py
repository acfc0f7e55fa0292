# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Alarms that stand, on the dashboards of fleet, groups and devices: columns of the worst one, and how many there are."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.models import common, dashboard

from ddms.languages import sentences
from grafana import limits, texts
from grafana import texts_plant as words
from grafana.languages import Language
from grafana.panels import (
    ALARMS_UID,
    GREY,
    ORANGE,
    PRIORITY_COLOURS,
    RED,
    YELLOW,
    Place,
    Property,
    Sql,
    coloured,
    column,
    link,
    name_columns,
    numbers,
    of_row,
    panel,
    sentence,
    text_table,
    thresholds,
    url,
    words_of,
)
from grafana.texts import Words

WORST = """CASE WHEN a.priority IS NOT NULL THEN concat(CASE WHEN NOT a.there THEN '↩ ' WHEN a.acknowledged THEN '✓ ' END, a.priority, ' · ',
                 CASE WHEN a.there THEN a.alarms ELSE a.returned END)
            WHEN a.out_of_service_until IS NOT NULL THEN 'maintenance' WHEN a.hidden > 0 THEN 'hidden · ' || a.hidden END"""
"""Of a row of device_alarms a: `critical · 3`; ✓ when all that are as bad are acknowledged, ↩ when all are gone."""
BY_WORST = "a.priority IS NULL, a.there DESC NULLS LAST, a.rank, a.acknowledged"
"""Puts the worst first."""
FAINT = {
    "critical": "#702c38",
    "high": "#6d4a20",
    "medium": "#655b16",
    "low": "#2c4875",
}
"""Colours of alarms that are acknowledged, or gone; opaque, since Grafana chooses the text's colour by the cell's as if it were."""
STATE_COLOURS = dict.fromkeys(texts.ALARM_STATES, "transparent") | {
    "unacknowledged": RED,
    "returned": YELLOW,
    "latched_unacknowledged": ORANGE,
}


def worst_mappings(language: Language) -> list[dashboard.ValueMapping]:
    """Return the words and colours of WORST: full while nobody acknowledged, faint afterwards."""
    found = []
    for priority, word in language.table(texts.PRIORITIES).items():
        found.append(words_of(f"/^{priority}(.*)$/", f"{word}$1", PRIORITY_COLOURS[priority]))
        found.append(words_of(f"/^([✓↩]) {priority}(.*)$/", f"$1 {word}$2", FAINT[priority]))
    found.append(words_of("/^maintenance$/", language.says(texts.IN_MAINTENANCE), GREY))
    found.append(words_of("/^hidden(.*)$/", f"{language.says(texts.HIDDEN)}$1", GREY))
    return found


def coloured_worst(language: Language) -> list[Property]:
    """Return the properties of a column of WORST."""
    cell = {"type": "color-background", "mode": "basic"}
    blank = Property("thresholds", thresholds((None, "transparent")))
    nothing = Property("noValue", "\u200b")
    return [
        *column(130, cellOptions=cell, align="center"),
        Property("mappings", worst_mappings(language)),
        blank,
        nothing,
    ]


def worst(language: Language) -> dict[str, list[Property]]:
    """Return the columns `alarm` and `alarm_since` of a device: its worst alarm with their number, a link to them."""
    return {
        "alarm": [
            *coloured_worst(language),
            link(language.says(texts.OPEN_ALARMS), url(ALARMS_UID, language, of_row("device"))),
        ],
        "alarm_since": column(140, unit="dateTimeFromNow"),
    }


def counts_sql(which: str = "true") -> str:
    """Return the SQL of how many alarms stand, of those that fulfil a condition."""
    hidden = "is_shelved OR out_of_service OR suppressed"
    stand = ", ".join(
        f"count(*) FILTER (WHERE (active OR latched) AND NOT acknowledged AND NOT ({hidden}) AND priority = '{p}') AS {p}"
        for p in PRIORITY_COLOURS
    )
    return f"""
SELECT {stand},
       count(*) FILTER (WHERE (active OR latched) AND acknowledged AND NOT ({hidden})) AS acknowledged,
       count(*) FILTER (WHERE NOT (active OR latched) AND NOT acknowledged AND NOT ({hidden})) AS returned,
       count(*) FILTER (WHERE is_shelved) AS shelved,
       count(DISTINCT device_id) FILTER (WHERE out_of_service) AS in_maintenance
  FROM alarms WHERE (state <> 'normal' OR is_shelved OR out_of_service) AND {which}
"""


def sql_of_device(language: Language) -> str:
    """Return the SQL of what is not normal on a device, the worst first."""
    cause, action = language.of_alarm("a", "cause"), language.of_alarm("a", "action")
    shown = "alarms" if language.is_english else "alarms_shown"  # which has the texts in all languages, and costs more
    return f"""
SELECT device_id, priority,
       CASE WHEN is_shelved THEN 'shelved' WHEN out_of_service THEN 'out' WHEN suppressed THEN 'suppressed' ELSE state END AS alarm_state,
       active_since AS alarm_since, {limits.told(language, "a", "''")} AS what,
       CASE WHEN source = 'limit' THEN coalesce(round(value_now::numeric, 3)::float8 || coalesce(' ' || nullif(unit, ''), ''), '?') END AS value_now,
       nullif(concat_ws(' → ', nullif(coalesce(nullif({cause}, ''), {sentences.told(language, "detail")}), ''), nullif({action}, '')), '') AS advice
  FROM {shown} a WHERE state <> 'normal' AND (device_id::text = '$device'
       OR device_id IS NULL AND alarm_id IN (SELECT alarm_id FROM device_alarms WHERE device_id::text = '$device'))
 ORDER BY is_shelved OR out_of_service OR suppressed, NOT (active OR latched), rank, acknowledged, active_since DESC LIMIT 100
"""


def of_device(place: Place, language: Language) -> table.Panel:
    """Return what is not normal on a device."""
    shown = text_table(
        language.says(words.DEVICE_ALARMS), place, sql_of_device(language), hidden=["device_id"]
    ).cell_height(common.TableCellHeight.SM)
    columns = {
        "priority": coloured(language.table(texts.PRIORITIES), PRIORITY_COLOURS, 90),
        "alarm_state": coloured(language.table(texts.ALARM_STATES), STATE_COLOURS, 130),
        "alarm_since": column(140, unit="dateTimeFromNow"),
        "what": [*sentence(), link(language.says(texts.OPEN_ALARMS_HERE), url(ALARMS_UID, language, of_row("device")))],
        "value_now": column(130, align="right"),
        "advice": sentence(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def counts(words: Words, place: Place, sql: str, language: Language) -> stat.Panel:
    """Return how many alarms stand, each number in the colour of its priority when it is not 0."""
    blank = numbers(Sql(sql)).text(build.VizTextDisplayOptions().title_size(12).value_size(28))
    fields = {p: [Property("thresholds", thresholds((None, GREY), (1, c)))] for p, c in PRIORITY_COLOURS.items()}
    for name in ("acknowledged", "returned", "shelved", "in_maintenance"):
        fields[name] = [Property("thresholds", thresholds((None, GREY), (1, "text")))]
    return name_columns(panel(blank, words, place), fields, language.table(texts.COLUMNS))


def show_alarms_link(language: Language, *chosen: str) -> Property:
    """Return the link from a number to the list of these alarms."""
    return link(language.says(texts.SHOW_ALARMS), url(ALARMS_UID, language, *chosen))
