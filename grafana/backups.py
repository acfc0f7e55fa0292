# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Backups: whether what is kept can be restored, what runs just now, and what failed; in English and Chinese."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from ddms.languages import sentences
from grafana import alarm_sql, failures
from grafana import texts_backups as texts
from grafana.buttons import button
from grafana.languages import Language
from grafana.panels import (
    BACKUPS_UID,
    BLUE,
    GREEN,
    GREY,
    JOBS_UID,
    MOMENT,
    RED,
    YELLOW,
    Place,
    Property,
    Sql,
    coloured,
    coloured_text,
    column,
    gauge,
    last_values,
    legend,
    link_languages,
    link_to,
    link_to_fleet,
    name_columns,
    new_dashboard,
    numbers,
    panel,
    place_panels,
    sentence,
    text_table,
    thresholds,
    worded,
    words_of,
)
from grafana.texts import UNITS_OF_TIME
from grafana.texts_jobs import TITLE as JOBS_TITLE

_VERDICT_COLOURS = {"verified": GREEN, "old": RED, "unverified": YELLOW, "none": RED}
_STATE_COLOURS = {"running": BLUE, "waiting": GREY, "done": "text", "failed": RED, "cancelled": GREY, "missing": RED}
_TRIED_COLOURS = {"verified": GREEN, "failed": RED, "running": BLUE, "waiting": GREY, "never": YELLOW}
_CHOSEN = "BETWEEN $__timeFrom() AND $__timeTo()"
BY_HAND = """
SELECT newest_name, newest_name AS do_backup, newest_name AS do_newest, newest_id FROM backup_standing
"""
SIZES = f"""
SELECT made_at AS time, bytes AS backup_bytes, database_bytes FROM backups WHERE state = 'done' AND made_at {_CHOSEN} ORDER BY made_at
"""
DURATIONS = f"""
SELECT made_at AS time, seconds / 60 AS backup_seconds, verify_seconds / 60 AS verification_seconds FROM backups WHERE state = 'done' AND made_at {_CHOSEN} ORDER BY made_at
"""
FAILURES = f"""
SELECT since, kind, name, error FROM (
       SELECT finished_at AS since, 'backup' AS kind, name, error FROM backups WHERE state IN ('failed', 'waiting') AND error IS NOT NULL
        UNION ALL SELECT coalesce(verify_started_at, verify_asked_at), 'verification', name, verify_error FROM backups WHERE verification = 'failed'
        UNION ALL SELECT made_at, 'copy', name, copy_error FROM backups WHERE copy_error IS NOT NULL AND is_there
        UNION ALL SELECT finished_at, 'restore', database, error FROM restores WHERE state = 'failed') f
 WHERE f.since {_CHOSEN} ORDER BY f.since DESC LIMIT 100
"""


def _facts_sql(language: Language) -> str:
    newest, backup, verification = (
        alarm_sql.duration(language, f"extract(epoch FROM {length})")
        for length in ("now() - newest_at", "next_backup - now()", "next_verification - now()")
    )
    return f"""
SELECT {newest} AS newest_age, {backup} AS next_backup, {verification} AS next_verification, backups, bytes AS kept_bytes, free_bytes, failed_in_a_row FROM backup_standing
"""


def _now_sql(language: Language) -> str:
    return f"""
SELECT kind, state, coalesce(progress, 0) AS progress, name, {sentences.doing(language, "doing")} AS doing, {alarm_sql.duration(language, "extract(epoch FROM now() - since)")} AS lasts FROM (
       SELECT 'backup' AS kind, state, progress, name, coalesce(doing, {sentences.failure(language)}) AS doing, coalesce(started_at, due_at) AS since FROM backups WHERE state IN ('running', 'waiting')
        UNION ALL SELECT 'verification', verification, progress, name, doing, coalesce(verify_started_at, verify_asked_at) FROM backups
        WHERE verification IN ('running', 'waiting') AND state = 'done'
        UNION ALL SELECT 'restore', state, progress, backup || ' → ' || database, doing, coalesce(started_at, time) FROM restores WHERE state IN ('running', 'waiting')) w
 ORDER BY state, since LIMIT 50
"""


def _restores_sql(language: Language) -> str:
    return f"""
SELECT time AS since, backup AS name, database, state, seconds, coalesce({sentences.failure(language)}, {sentences.doing(language, "doing")}) AS doing
  FROM restores WHERE time {_CHOSEN} ORDER BY time DESC LIMIT 50
"""


def _standing_sql(language: Language) -> str:
    age = alarm_sql.duration(language, "extract(epoch FROM now() - verified_made_at)")
    return f"SELECT concat_ws(' ', verdict, {age}) AS verdict FROM backup_standing WHERE verdict IS NOT NULL"


def _standing(language: Language) -> stat.Panel:
    blank = (
        stat.Panel()
        .with_target(Sql(_standing_sql(language)))
        .reduce_options(last_values())
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text(build.VizTextDisplayOptions().value_size(52))
        .text_mode(common.BigValueTextMode.VALUE)
        .justify_mode(common.BigValueJustifyMode.CENTER)
    )
    words = [
        words_of(f"/^{verdict} ?(.*)$/", language.says(pair), _VERDICT_COLOURS[verdict])
        for verdict, pair in texts.VERDICTS.items()
    ]
    return panel(blank, language.says(texts.VERIFIED), Place(0, 0, 7, 5)).mappings(words)


def _facts(language: Language) -> stat.Panel:
    blank = numbers(Sql(_facts_sql(language))).text(build.VizTextDisplayOptions().title_size(11).value_size(15))
    units = {"newest_age": "none", "next_backup": "none", "next_verification": "none", "backups": "none", "kept_bytes": "decbytes",
             "free_bytes": "decbytes", "failed_in_a_row": "none"}  # fmt: skip
    plain = Property("thresholds", thresholds((None, "text")))
    columns = {name: [Property("unit", unit), Property("noValue", "–"), plain] for name, unit in units.items()}
    columns["failed_in_a_row"][-1] = Property("thresholds", thresholds((None, GREY), (1, YELLOW), (3, RED)))
    shown = panel(blank, language.says(texts.FACTS), Place(7, 0, 17, 5))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _by_hand(language: Language) -> table.Panel:
    verify = {"id": "bak_${__data.fields.newest_id}"}
    columns = {
        "newest_name": sentence(),
        "do_backup": button(language.says(texts.BACK_UP), "createBackup", {}, width=115),
        "do_newest": button(language.says(texts.VERIFY_NEWEST), "verifyBackup", verify, width=125),
    }
    shown = text_table(language.says(texts.BY_HAND), Place(0, 5, 9, 6), BY_HAND, hidden=["newest_id"])
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _now(language: Language) -> table.Panel:
    columns = {
        "kind": [*column(90), worded(language.table(texts.KINDS))],
        "state": coloured(language.table(texts.STATES), _STATE_COLOURS, 85),
        "progress": gauge(120),
        "name": sentence(),
        "doing": sentence(),
        "lasts": column(90),
    }
    return name_columns(
        text_table(language.says(texts.NOW), Place(9, 5, 15, 6), _now_sql(language)),
        columns,
        language.table(texts.COLUMNS),
    )


def _points(sql: str) -> timeseries.Panel:
    """Return lines between the backups; a column that is null for one goes on to the next."""
    return (
        timeseries.Panel()
        .with_target(Sql(sql))
        .draw_style(common.GraphDrawStyle.LINE)
        .show_points(common.VisibilityMode.ALWAYS)
        .span_nulls(True)
        .legend(legend())
        .min(0)
    )


def _sizes(language: Language) -> timeseries.Panel:
    shown = panel(_points(SIZES), language.says(texts.SIZES), Place(0, 11, 12, 8), unit="decbytes")
    return name_columns(shown, {"backup_bytes": [], "database_bytes": []}, language.table(texts.COLUMNS))


def _durations(language: Language) -> timeseries.Panel:
    shown = panel(
        _points(DURATIONS),
        language.says(texts.DURATIONS),
        Place(12, 11, 12, 8),
        unit=f"suffix:{language.says(UNITS_OF_TIME['min'])}",
    )
    return name_columns(shown, {"backup_seconds": [], "verification_seconds": []}, language.table(texts.COLUMNS))


def _list_sql(language: Language) -> str:
    flags = ", ".join(f"CASE WHEN {known} THEN {language.sql(word)} END" for known, word in texts.FLAGS.items())
    return f"""
SELECT made_at, name, bytes, seconds, coalesce(verification, 'never') AS tried, name AS do_verify, verified_at AS tried_at, state,
       concat_ws(' · ', {flags}) AS flags, backup_id
  FROM backups WHERE removed_at IS NULL AND state IN ('done', 'missing') AND made_at {_CHOSEN} ORDER BY made_at DESC LIMIT 200
"""


def _list(language: Language) -> table.Panel:
    states = {name: texts.STATES[name] for name in ("done", "missing")}
    columns = {
        "made_at": column(160, unit=MOMENT),
        "state": coloured_text(language.table(states), _STATE_COLOURS, 75),
        "name": column(180),
        "bytes": column(80, unit="decbytes"),
        "seconds": column(85, unit=language.duration),
        "tried": coloured_text(language.table(texts.TRIED), _TRIED_COLOURS, 110),
        "tried_at": column(155, unit=MOMENT),
        "flags": sentence(),
        "do_verify": button(
            language.says(texts.VERIFY), "verifyBackup", {"id": "bak_${__data.fields.backup_id}"}, width=72
        ),
    }
    shown = text_table(language.says(texts.LIST), Place(0, 19, 24, 11), _list_sql(language), hidden=["backup_id"])
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _failures(language: Language) -> table.Panel:
    columns = {
        "since": column(170, unit=MOMENT),
        "kind": [*column(110), worded(language.table(texts.KINDS))],
        "name": column(210),
        "error": sentence(),
    }
    shown = text_table(language.says(texts.FAILURES), Place(0, 30, 24, 8), sentences.failing(language, FAILURES))
    return name_columns(shown, columns, language.table(texts.COLUMNS | {"since": texts.COLUMNS["made_at"]}))


def _restores(language: Language) -> table.Panel:
    columns = {
        "since": column(160, unit=MOMENT),
        "name": column(190),
        "database": column(120),
        "state": coloured_text(language.table(texts.STATES), _STATE_COLOURS, 80),
        "seconds": column(85, unit=language.duration),
        "doing": sentence(),
    }
    shown = text_table(language.says(texts.RESTORES), Place(0, 38, 24, 7), _restores_sql(language))
    names = texts.COLUMNS | {"since": texts.COLUMNS["made_at"], "doing": texts.RESULT}
    return name_columns(shown, columns, language.table(names))


def backups(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of backups."""
    uid = f"{BACKUPS_UID}{language.suffix}"
    board = new_dashboard(uid, language.says(texts.TITLE), language.says(texts.DESCRIPTION)).time("now-30d", "now")
    board.link(link_to(language.says(JOBS_TITLE), JOBS_UID, "clock-nine", language)).link(link_to_fleet(language))
    link_languages(board, BACKUPS_UID, language)
    panels = (_standing, _facts, _by_hand, _now, _sizes, _durations, _list, _failures, _restores)
    failed = failures.of_buttons(Place(0, 45, 24, 5), language)
    return place_panels(board, [*(make(language) for make in panels), failed])
