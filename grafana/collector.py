"""The collectors: whether polls begin in time, what fails and why, what waits in the spools, how long flushes take."""

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard

from grafana import texts
from grafana import texts_collector as words
from grafana.fleet import COLLECTORS
from grafana.languages import Language
from grafana.panels import (
    COLLECTOR_COLOURS,
    COLLECTOR_UID,
    GREEN,
    GREY,
    RED,
    STATE_COLOURS,
    YELLOW,
    Place,
    Property,
    coloured,
    column,
    gauge,
    link_languages,
    link_to_fleet,
    name_columns,
    name_of_device,
    named,
    new_dashboard,
    place_panels,
    sentence,
    text_table,
    thresholds,
)
from grafana.prometheus import PrometheusSeries, by_labels, lines, number, whole

LINES = """
SELECT d.endpoint, count(*) AS devices, count(*) FILTER (WHERE state = 'online') AS online, count(*) FILTER (WHERE state = 'error') AS error,
       count(*) FILTER (WHERE state = 'offline') AS offline, count(*) FILTER (WHERE state = 'unknown') AS unknown,
       avg(p.answer_seconds) AS answer_seconds, max(p.late_seconds) AS late_seconds, count(p.overrun_since) AS overrun
  FROM devices d LEFT JOIN polling p USING (device_id) WHERE state <> 'disabled'
 GROUP BY d.endpoint ORDER BY count(p.overrun_since) DESC, count(*) FILTER (WHERE state <> 'online') DESC, max(p.late_seconds) DESC NULLS LAST, d.endpoint
"""
SITES = """
SELECT CASE WHEN reached THEN 'reached' ELSE 'unreached' END AS state, site, devices, behind_seconds, pending,
       stream_bytes::float8 / nullif(stream_max_bytes, 0) AS filled, newest_at, set_aside, concat_ws('; ', trouble, CASE WHEN set_aside > 0 THEN set_aside_reason END) AS trouble
  FROM sites ORDER BY reached, site
"""
_OVER = "[$__rate_interval]"


OVERRUN = """
SELECT device_id, device, overrun_since, late_seconds, endpoint
  FROM devices JOIN polling USING (device_id) WHERE overrun_since IS NOT NULL ORDER BY endpoint, overrun_since
"""


def _rate(name: str, *, by: str = "") -> str:
    return f"sum{f' by ({by}) ' if by else ''}(rate({name}_total{_OVER}))"


def _mean(seconds: str, times: str, *, by: str = "") -> str:
    return f"{_rate(seconds, by=by)} / ({_rate(times, by=by)} > 0)"


def _by_name(expression: str) -> str:
    """Return what is asked of each collector by its name: Prometheus knows it by its address."""
    return f"({expression}) * on (instance) group_left (collector) ddms_collector_info"


def _most(expression: str) -> str:
    return f"topk(10, {expression})"


def _now(language: Language) -> list[stat.Panel]:
    says, plain = language.says, thresholds((None, GREEN))
    bad = f"{_rate('ddms_collector_bad_readings')} / ({_rate('ddms_collector_readings')} > 0)"
    late = _mean("ddms_connection_late_seconds", "ddms_connection_polls")
    lost = "sum(increase(ddms_collector_lost_readings_total[$__range])) + sum(increase(ddms_collector_refused_readings_total[$__range]))"
    skipped = "sum(increase(ddms_connection_overruns_total[$__range]))"
    return [
        number(says(words.READINGS), Place(0, 0, 4, 4), _rate("ddms_collector_readings"), unit="suffix:/s", steps=plain),
        number(says(words.BAD), Place(4, 0, 4, 4), bad, unit="percentunit", steps=thresholds((None, GREEN), (0.01, YELLOW), (0.1, RED))),
        number(says(words.LATE), Place(8, 0, 4, 4), late, unit="s", steps=thresholds((None, GREEN), (0.5, YELLOW), (2, RED))),
        whole(number(says(words.SKIPPED), Place(12, 0, 4, 4), skipped, unit="locale", steps=thresholds((None, GREEN), (1, YELLOW)))),
        number(says(words.WAITS), Place(16, 0, 4, 4), "max(ddms_spool_age_seconds)", unit="s", steps=thresholds((None, GREEN), (15, YELLOW), (60, RED))),
        whole(number(says(words.LOST), Place(20, 0, 4, 4), lost, unit="locale", steps=thresholds((None, GREEN), (1, RED)))),
    ]  # fmt: skip


def _collectors(language: Language) -> table.Panel:
    shown = text_table(language.says(words.COLLECTORS), Place(0, 4, 12, 7), COLLECTORS)
    columns = {
        "state": coloured(language.table(texts.COLLECTOR_STATES), COLLECTOR_COLOURS, 90),
        "collector": column(),
        "seen_at": column(150, unit="dateTimeFromNow"),
        "version": column(90),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _overrun(language: Language) -> table.Panel:
    place = Place(12, 4, 12, 7)
    shown = text_table(language.says(words.OVERRUN), place, OVERRUN, hidden=["device_id"])
    columns = {
        "device": name_of_device(language),
        "overrun_since": column(145, unit="dateTimeFromNow"),
        "late_seconds": column(85, unit="s"),
        "endpoint": column(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS | words.COLUMNS))


def _lines(language: Language) -> table.Panel:
    shown = text_table(language.says(words.LINES), Place(0, 11, 24, 10), LINES)
    columns = {"endpoint": column(), "devices": column(90, unit="none")}
    for state in ("online", "error", "offline", "unknown"):
        columns[state] = column(90, unit="none", cellOptions={"type": "color-text"})
        columns[state].append(Property("thresholds", thresholds((None, GREY), (1, STATE_COLOURS[state]))))
    columns |= {"answer_seconds": column(120, unit="s"), "late_seconds": column(120, unit="s")}
    columns["overrun"] = column(120, unit="none", cellOptions={"type": "color-text"})
    columns["overrun"].append(Property("thresholds", thresholds((None, GREY), (1, YELLOW))))
    return name_columns(shown, columns, language.table(texts.COLUMNS | words.COLUMNS))


def _sites(language: Language, place: Place) -> table.Panel:
    shown = text_table(language.says(words.SITES), place, SITES)
    columns = {
        "state": coloured(language.table(words.SITE_STATES), {"reached": GREEN, "unreached": RED}, 100),
        "site": column(145),
        "devices": column(75, unit="none"),
        "behind_seconds": column(95, unit="s"),
        "pending": column(90, unit="locale"),
        "filled": gauge(110),
        "newest_at": column(150, unit="dateTimeFromNow"),
        "set_aside": column(90, unit="locale"),
        "trouble": sentence(),
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS | words.COLUMNS))


def _connections(language: Language, place: Place) -> table.Panel:
    def each(name: str, how: str = "increase") -> str:
        return f"sum by (endpoint, collector) ({_by_name(f'{how}(ddms_connection_{name}_total[$__range])')})"

    shown = by_labels(
        language.says(words.CONNECTIONS),
        place,
        each("requests", "rate"),
        f"{each('answer_seconds')} / ({each('answers')} > 0)",
        each("errors"),
        each("overruns"),
        each("connects"),
    )
    shown.override_by_name("Time", [Property("custom.hideFrom.viz", True)])
    count = [Property("decimals", 0), Property("noValue", "0")]
    columns = {
        "endpoint": [*sentence(), *named(language.table(words.OTHERS))],
        "collector": column(190),
        "Value #A": [*column(120, unit="suffix:/s"), Property("decimals", 2)],
        "Value #B": column(120, unit="s"),
        "Value #C": [*column(120, unit="locale"), *count],
        "Value #D": [*column(120, unit="locale"), *count],
        "Value #E": [*column(120, unit="locale"), *count],
    }
    return name_columns(shown, columns, language.table(texts.COLUMNS | words.COLUMNS))


def _over_time(language: Language) -> list[timeseries.Panel]:
    says = language.says
    kept = [
        PrometheusSeries(_rate(f"ddms_collector_{name}_readings".replace("__", "_")), says(label))
        for name, label in words.READING_LINES.items()
    ]
    reasons = PrometheusSeries(f"{_rate('ddms_connection_errors', by='reason')} > 0", "{{reason}}")
    late = PrometheusSeries(
        _most(_mean("ddms_connection_late_seconds", "ddms_connection_polls", by="endpoint")), "{{endpoint}}"
    )
    answers = PrometheusSeries(
        _most(_mean("ddms_connection_answer_seconds", "ddms_connection_answers", by="endpoint")), "{{endpoint}}"
    )
    spool = [
        PrometheusSeries(_by_name("ddms_spool_bytes"), f"{{{{collector}}}} · {says(words.SPOOL_BYTES)}"),
        PrometheusSeries(
            _by_name("ddms_spool_limit_bytes and ddms_spool_bytes > 0"),
            f"{{{{collector}}}} · {says(words.SPOOL_LIMIT)}",
        ),
    ]
    flush = [
        PrometheusSeries(
            _by_name(_mean("ddms_collector_flush_seconds", "ddms_collector_flushes", by="instance")),
            f"{{{{collector}}}} · {says(words.MEAN)}",
        ),
        PrometheusSeries(_by_name("ddms_collector_last_flush_seconds"), f"{{{{collector}}}} · {says(words.NEWEST)}"),
    ]
    restless = [
        PrometheusSeries(_rate(f"ddms_connection_{name}"), says(label)) for name, label in words.RESTLESS_LINES.items()
    ]
    states = PrometheusSeries("sum by (state) (ddms_collector_devices)", "{{state}}")
    memory = PrometheusSeries(_by_name('process_resident_memory_bytes{job="collector"}'), "{{collector}}")
    cpu = PrometheusSeries(
        _by_name('rate(process_cpu_seconds_total{job="collector"}[$__rate_interval])'), "{{collector}}"
    )
    shown: list[tuple[texts.Words, list[PrometheusSeries], str]] = [
        (says(words.LATENESS), [late], "s"),
        (says(words.ERRORS), [reasons], "suffix:/s"),
        (says(words.ANSWERS), [answers], "s"),
        (says(words.RESTLESS), restless, "suffix:/s"),
        (says(words.KEPT), kept, "suffix:/s"),
        (says(words.STATES), [states], "none"),
        (says(words.FLUSHES), flush, "s"),
        (says(words.PENDING), [PrometheusSeries(_by_name("ddms_collector_pending_answers"), "{{collector}}")], "none"),
        (says(words.SPOOL), spool, "bytes"),
        (says(words.TROUBLES), [PrometheusSeries(_by_name("ddms_collector_troubles"), "{{collector}}")], "none"),
        (says(words.MEMORY), [memory], "bytes"),
        (says(words.CPU), [cpu], "percentunit"),
    ]  # fmt: skip
    return [
        lines(text, Place(12 * (number_ % 2), 38 + 8 * (number_ // 2), 12, 8), *series, unit=unit)
        for number_, (text, series, unit) in enumerate(shown)
    ]


def _named_lines(panels: list[timeseries.Panel], language: Language) -> list[timeseries.Panel]:
    """Give lines that are called by what a metric's label says the words of the language."""
    for one in panels:
        for name, word in language.table(words.REASONS | texts.STATES).items():
            colour = (
                [Property("color", {"mode": "fixed", "fixedColor": STATE_COLOURS[name]})]
                if name in STATE_COLOURS
                else []
            )
            one.override_by_name(name, [Property("displayName", word), *colour])
    return panels


def collector(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of the collectors."""
    says = language.says
    board = new_dashboard(f"{COLLECTOR_UID}{language.suffix}", says(words.TITLE), says(words.DESCRIPTION))
    link_languages(board.link(link_to_fleet(language)), COLLECTOR_UID, language)
    tables = [
        _collectors(language), _overrun(language), _lines(language), _connections(language, Place(0, 21, 24, 10)),
        _sites(language, Place(0, 31, 24, 7)),
    ]  # fmt: skip
    over_time = _over_time(language)
    _named_lines([over_time[1], over_time[5]], language)
    return place_panels(board, [*_now(language), *tables, *over_time])
