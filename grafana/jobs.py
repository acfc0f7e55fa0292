# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""Jobs: what runs by itself, when it runs next, and how it went; in English and Chinese."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from ddms.languages import sentences
from grafana import alarm_sql, failures
from grafana import texts_jobs as texts
from grafana.buttons import button
from grafana.languages import Language
from grafana.panels import (
    BACKUPS_UID,
    BLUE,
    JOBS_UID,
    MOMENT,
    RED,
    YELLOW,
    Place,
    Property,
    Sql,
    coloured,
    column,
    legend,
    link_languages,
    link_to,
    link_to_fleet,
    name_columns,
    new_dashboard,
    panel,
    place_panels,
    sentence,
    text_table,
)
from grafana.texts_backups import TITLE as BACKUPS_TITLE

DURATIONS = """
SELECT time, job, seconds * 1000 AS ms FROM job_runs WHERE time BETWEEN $__timeFrom() AND $__timeTo() ORDER BY time
"""
FAILURES = """
SELECT time AS began, job, seconds, error FROM job_runs WHERE error IS NOT NULL AND time BETWEEN $__timeFrom() AND $__timeTo() ORDER BY time DESC LIMIT 200
"""
_COLOURS = {"running": BLUE, "failed": RED, "paused": YELLOW, "waiting": "transparent"}


def _every(language: Language) -> str:
    """Return the SQL of an interval in its largest whole unit."""
    cases = " ".join(
        f"WHEN seconds % {seconds} = 0 THEN replace({language.sql(texts.EVERY[unit])}, '{{}}', (seconds / {seconds})::text)"
        for unit, seconds in (("h", 3600), ("min", 60), ("s", 1))
    )
    return f"(SELECT CASE {cases} END FROM (SELECT substring(schedule FROM '^every ([0-9]+) s')::int AS seconds) every)"


def _jobs_sql(language: Language) -> str:
    purposes = " ".join(f"WHEN '{job}' THEN {language.sql(pair)}" for job, pair in texts.PURPOSES.items())
    due = alarm_sql.duration(language, "extract(epoch FROM next_start - now())")
    done = alarm_sql.duration(language, "extract(epoch FROM now() - last_success)")
    return f"""
SELECT job, CASE job {purposes} END AS purpose, state AS job_state, {due} AS next_start, job AS do_run, job AS do_pause, job AS do_resume,
       CASE WHEN schedule = 'never' THEN {language.sql(texts.NEVER)} WHEN schedule = 'not yet scheduled' THEN {language.sql(texts.NOT_YET)}
            ELSE coalesce({_every(language)}, schedule) END AS schedule, {done} AS last_success,
       CASE WHEN running_since IS NOT NULL THEN concat_ws(' · ', round(progress * 100) || ' %', {sentences.doing(language, "doing")})
            WHEN paused_at IS NOT NULL THEN {language.sql(texts.PAUSED_BY)} || paused_by ELSE {sentences.failure(language)} END AS detail
  FROM jobs WHERE subject IS NULL ORDER BY NOT failed, job
"""


def _jobs(language: Language) -> table.Panel:
    parameters = {"name": "${__data.fields.job}"}
    columns = {
        "job": column(80),
        "purpose": [*sentence(), Property("custom.minWidth", 180)],
        "job_state": coloured(language.table(texts.STATES), _COLOURS, 80),
        "next_start": column(95),
        "do_run": button(language.says(texts.RUN_NOW), "runJob", parameters, width=65),
        "do_pause": button(language.says(texts.PAUSE), "pauseJob", parameters, width=75),
        "do_resume": button(language.says(texts.RESUME), "resumeJob", parameters, width=85),
        "schedule": column(115),
        "last_success": column(105),
        "detail": sentence(),
    }
    shown = text_table(language.says(texts.JOBS), Place(0, 0, 24, 24), _jobs_sql(language))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _durations(language: Language) -> timeseries.Panel:
    blank = (
        timeseries.Panel()
        .with_target(Sql(DURATIONS))
        .with_transformation(dashboard.DataTransformerConfig(id_val="prepareTimeSeries", options={"format": "multi"}))
        .draw_style(common.GraphDrawStyle.POINTS)
        .point_size(6)
        .display_name("${__field.labels.job}")
        .legend(legend())
        .scale_distribution(build.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10))
    )
    return panel(blank, language.says(texts.DURATIONS), Place(0, 24, 12, 10), unit="ms")


def _failures(language: Language) -> table.Panel:
    columns = {
        "began": column(160, unit=MOMENT),
        "job": column(90),
        "seconds": column(80, unit="s"),
        "error": sentence(),
    }
    shown = text_table(language.says(texts.FAILURES), Place(12, 24, 12, 10), sentences.failing(language, FAILURES))
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def jobs(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of what runs by itself."""
    uid = f"{JOBS_UID}{language.suffix}"
    board = new_dashboard(uid, language.says(texts.TITLE), language.says(texts.DESCRIPTION)).time("now-6h", "now")
    board.link(link_to(language.says(BACKUPS_TITLE), BACKUPS_UID, "database", language)).link(link_to_fleet(language))
    link_languages(board, JOBS_UID, language)
    failed = failures.of_buttons(Place(0, 34, 24, 5), language)
    return place_panels(board, [*(make(language) for make in (_jobs, _durations, _failures)), failed])
