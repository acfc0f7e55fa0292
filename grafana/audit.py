"""The audit: who changed what of the plant, and whether the record is still as it was written."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard

from ddms.languages import sentences
from grafana import texts
from grafana import texts_audit as words
from grafana.languages import Language
from grafana.panels import (
    AUDIT_UID,
    RUN_COLOURS,
    Place,
    choices,
    coloured,
    column,
    link_languages,
    link_to_fleet,
    name_columns,
    named,
    new_dashboard,
    place_panels,
    search,
    sentence,
    text_table,
)

CHECKED = """
SELECT CASE WHEN error IS NULL THEN 'done' ELSE 'failed' END AS run_state, time AS checked_at, entries, error FROM audit_checks ORDER BY time DESC LIMIT 1
"""
_CHOSEN = """
  FROM changes WHERE time BETWEEN $__timeFrom() AND $__timeTo() AND noun = any (string_to_array('${noun:csv}', ','))
   AND (strpos(lower(subject), lower('$search')) > 0 OR strpos(lower(actor), lower('$search')) > 0 OR strpos(subject_id, lower('$search')) > 0)
"""
BY_WHOM = f"""
SELECT actor, count(*) AS changes, max(time) AS last_change {_CHOSEN} GROUP BY actor ORDER BY changes DESC, actor LIMIT 50
"""
BY_KIND = f"""
SELECT action, count(*) AS changes, max(time) AS last_change {_CHOSEN} GROUP BY action ORDER BY changes DESC, action LIMIT 50
"""
CHANGES = f"""
SELECT time AS changed_at, actor, action, subject {_CHOSEN} ORDER BY time DESC, number DESC LIMIT 500
"""


def _checked(language: Language) -> table.Panel:
    columns = {
        "run_state": coloured(language.table(words.CHECK_STATES), RUN_COLOURS, 160),
        "checked_at": column(150, unit="dateTimeFromNow"),
        "entries": column(110, unit="locale"),
        "error": sentence(),
    }
    shown = text_table(language.says(words.CHECKED), Place(0, 0, 24, 4), sentences.failing(language, CHECKED))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _by_whom(language: Language) -> table.Panel:
    columns = {
        "actor": [*sentence(), *named(language.table(words.ACTORS))],
        "changes": column(100, unit="locale"),
        "last_change": column(150, unit="dateTimeFromNow"),
    }
    shown = text_table(language.says(words.BY_WHOM), Place(0, 4, 12, 7), BY_WHOM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _by_kind(language: Language) -> table.Panel:
    columns = {
        "action": [*sentence(), *named(language.table(words.ACTIONS))],
        "changes": column(100, unit="locale"),
        "last_change": column(150, unit="dateTimeFromNow"),
    }
    shown = text_table(language.says(words.BY_KIND), Place(12, 4, 12, 7), BY_KIND)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _changes(language: Language) -> table.Panel:
    columns = {
        "changed_at": column(180, unit="dateTimeAsIso"),
        "actor": [*column(190), *named(language.table(words.ACTORS))],
        "action": [*column(190), *named(language.table(words.ACTIONS))],
        "subject": sentence(),
    }
    shown = text_table(language.says(words.CHANGES), Place(0, 11, 24, 18), CHANGES)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def audit(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what was changed."""
    says = language.says
    board = new_dashboard(f"{AUDIT_UID}{language.suffix}", says(texts.AUDIT_TITLE), says(texts.AUDIT_DESCRIPTION))
    link_languages(board.link(link_to_fleet(language)), AUDIT_UID, language).time("now-7d", "now")
    board.with_variable(choices("noun", says(texts.NOUN), language.table(words.NOUNS)))
    board.with_variable(search(says(texts.SEARCH_CHANGES)))
    return place_panels(board, [one(language) for one in (_checked, _by_whom, _by_kind, _changes)])
