# ruff: noqa: S608 - made of constants only; what a person chooses is put in by Grafana
"""How well the alarm system serves its operators, after EEMUA 191 and ISA-18.2; in English and Chinese."""

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.models import common, dashboard

from grafana import alarm_sql
from grafana import texts_alarms as texts
from grafana.alarms import filters, link_boards, priorities
from grafana.languages import Language
from grafana.panels import (
    ALARM_HISTORY_UID,
    ALARM_PERFORMANCE_UID,
    GREEN,
    MOMENT,
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
    new_dashboard,
    panel,
    place_panels,
    sentence,
    text_table,
)
from grafana.texts import Words

VERDICT_COLOURS = {"good": GREEN, "edge": YELLOW, "bad": RED, "told": "transparent"}
DEVICES = """CASE WHEN ${device:sqlstring} <> 'all' THEN array(SELECT device_id FROM devices WHERE device_id::text = ${device:sqlstring})
     WHEN ${group:sqlstring} <> 'all' THEN array(SELECT device_id FROM group_devices WHERE group_id::text = ${group:sqlstring}) END"""
# How many operators; a foreign value in the page's address counts as one.
OPERATORS = "coalesce(nullif(strpos('123456789', '$operators'), 0), 1)"
PERIOD = f"$__timeFrom()::timestamptz, $__timeTo()::timestamptz, {DEVICES}"


def measures(language: Language) -> str:
    """Return a row for each measure: its value, what is good, and whether it is."""
    rows = []
    for number, (name, (value, good, edge)) in enumerate(_MEASURES.items()):
        said, aim = texts.MEASURE_NAMES[name]
        verdict = f"CASE WHEN {good} THEN 'good' WHEN {edge} THEN 'edge' ELSE 'bad' END" if good else "'told'"
        shown = value.replace("{duration}", alarm_sql.duration(language, "p.median_seconds")).replace(
            "{slowest}", alarm_sql.duration(language, "p.p95_seconds")
        )
        shown = shown.replace("{in_floods}", alarm_sql.duration(language, "p.flood_seconds"))
        rows.append(f"({number}, {language.sql(said)}, {shown}, {language.sql(aim)}, {verdict})")
    return f"""
SELECT m.measure, m.shown AS measured, m.aim, m.verdict
  FROM alarm_performance({PERIOD}, {OPERATORS}) p
 CROSS JOIN LATERAL (VALUES {", ".join(rows)}) m (number, measure, shown, aim, verdict)
 WHERE p.alarms + p.hidden + p.stale > 0 ORDER BY m.number
"""


def _percent(share: str) -> str:
    return f"round(({share} * 100)::numeric, 1) || ' %'"


# The value in SQL over a row p, when it is good, and when it can still be managed.
_MEASURES = {
    "per_day": ("round(p.per_day::numeric, 1)::text", "p.per_day <= 150", "p.per_day <= 300"),
    "per_10_minutes": ("round(p.per_10_minutes::numeric, 2)::text", "p.per_10_minutes <= 1", "p.per_10_minutes <= 2"),
    "most_in_10_minutes": ("p.most_in_10_minutes::text", "p.most_in_10_minutes <= 10", "p.most_in_10_minutes <= 10"),
    "share_over": (_percent("p.share_over"), "p.share_over < 0.01", "p.share_over < 0.05"),
    "floods": ("concat(p.floods, ' · ', {in_floods})", "p.share_in_flood < 0.01", "p.share_in_flood < 0.05"),
    "worst_share": (_percent("p.worst_share"), "p.worst_share < 0.05", "p.worst_share < 0.2"),
    "chattering": ("p.chattering::text", "p.chattering = 0", "p.chattering = 0"),
    "fleeting": ("p.fleeting::text", "p.fleeting = 0", "p.fleeting <= 0.05 * p.alarms"),
    "stale": ("p.stale::text", "p.stale < 5", "p.stale < 10"),
    "median_seconds": ("coalesce({duration}, '–')", "", ""),
    "p95_seconds": ("coalesce({slowest}, '–')", "", ""),
    "never": ("p.unacknowledged::text", "", ""),
    "hidden": ("p.hidden::text", "", ""),
}
RATE = f"""
SELECT w.time, w.critical::float8 / o.number AS critical, w.high::float8 / o.number AS high, w.medium::float8 / o.number AS medium, w.low::float8 / o.number AS low
  FROM (SELECT *, sum(alarms) OVER () AS of_all FROM alarm_windows({PERIOD}, interval '%s')) w CROSS JOIN (SELECT {OPERATORS} AS number) o
 WHERE w.of_all > 0 ORDER BY w.time
"""


def shares(language: Language) -> str:
    """Return how alarms are distributed over the priorities, and how fast they were acknowledged."""
    return f"""
SELECT priority, alarms, share, target_share, {alarm_sql.duration(language, "median_seconds")} AS median_seconds,
       {alarm_sql.duration(language, "p95_seconds")} AS p95_seconds, unacknowledged AS never
  FROM (SELECT *, sum(alarms) OVER () AS of_all FROM alarm_priorities({PERIOD})) each_priority WHERE of_all > 0 ORDER BY rank
"""


def worst(language: Language) -> str:
    """Return the alarms that called most often."""
    return f"""
SELECT {alarm_sql.about(language)} AS subject, s.priority, s.alarms, s.share, nullif(s.repeats, 0) AS repeats, nullif(s.fleeting, 0) AS fleeting_times,
       {alarm_sql.duration(language, "s.standing_seconds")} AS standing_seconds, {alarm_sql.ADDRESS}
  FROM alarm_worst({PERIOD}) s ORDER BY s.alarms DESC, s.alarm_id
"""


def floods(language: Language) -> str:
    """Return when there were more alarms than an operator can see to."""
    return f"""
SELECT s.begins, {alarm_sql.duration(language, "extract(epoch FROM s.ends - s.begins)")} AS lasted, s.alarms, s.most,
       {alarm_sql.window("s.begins", "s.ends")}
  FROM alarm_floods({PERIOD}, {OPERATORS}) s ORDER BY s.begins DESC LIMIT 100
"""


def stale(language: Language) -> str:
    """Return what stood for more than a day."""
    return f"""
SELECT {alarm_sql.about(language)} AS subject, s.priority, s.raised_at,
       {alarm_sql.duration(language, "extract(epoch FROM coalesce(s.ended_at, now()) - s.raised_at)")} AS lasted,
       CASE WHEN s.ended_at IS NULL THEN 'stands' ELSE 'over' END AS still, {alarm_sql.ADDRESS}, {alarm_sql.window("s.raised_at", "s.raised_at")}
  FROM alarm_stale({PERIOD}) s ORDER BY s.raised_at LIMIT 100
"""


def _measures(language: Language) -> table.Panel:
    shown = text_table(language.says(texts.MEASURES), Place(0, 0, 12, 17), alarm_sql.shortened(measures(language)))
    columns = {
        "measure": [*sentence(), Property("custom.minWidth", 180)],
        "measured": column(95, align="right"),
        "aim": [*sentence(), Property("custom.width", 125)],
        "verdict": coloured(language.table(texts.VERDICTS), VERDICT_COLOURS, 105),
    }
    shown.cell_height(common.TableCellHeight.SM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _bars(
    language: Language, words: Words, place: Place, step: str, benchmarks: tuple[float, float]
) -> timeseries.Panel:
    """Return alarms of each priority on top of each other, for each operator, with lines of the benchmarks."""
    edge, most = benchmarks
    blank = (
        timeseries.Panel()
        .with_target(Sql(alarm_sql.shortened(RATE % step)))
        .draw_style(common.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
        .stacking(build.StackingConfig().mode(common.StackingMode.NORMAL))
        .bar_alignment(common.BarAlignment.AFTER)
        .min(0)
        .axis_soft_max(edge * 1.1)
        .thresholds(dash.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(
            [dashboard.Threshold(None, "transparent"), dashboard.Threshold(edge, YELLOW), dashboard.Threshold(most, RED)]))
        .thresholds_style(build.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED))
        .legend(build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
                .placement(common.LegendPlacement.BOTTOM).calcs(["sum"]))
        .tooltip(build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.NONE))
    )  # fmt: skip
    columns = {
        p: [Property("color", {"mode": "fixed", "fixedColor": colour})] for p, colour in PRIORITY_COLOURS.items()
    }
    return name_columns(
        panel(blank, language.says(words), place, unit="short"), columns, language.table(texts.PRIORITIES)
    )


def _shares(language: Language) -> table.Panel:
    shown = text_table(language.says(texts.SHARES), Place(0, 17, 14, 7), alarm_sql.shortened(shares(language)))
    columns = {
        "priority": priorities(language),
        "alarms": column(70, unit="locale"),
        "share": [*column(65, unit="percentunit"), Property("decimals", 1)],
        "target_share": column(60, unit="percentunit"),
        "median_seconds": column(105),
        "p95_seconds": column(100),
        "never": column(115, unit="locale"),
    }
    shown.cell_height(common.TableCellHeight.SM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _history(language: Language, more: str) -> list[Property]:
    """Return the property of a column that leads to the history of its alarm."""
    url = f"/d/{ALARM_HISTORY_UID}{language.suffix}?var-device=${{__data.fields.device_id}}&var-point=${{__data.fields.point_id}}&var-alarm=${{__data.fields.alarm_id}}"
    return [link(language.says(texts.HOW_IT_CAME), f"{url}&{more}")]


HIDDEN = ["alarm_id", "device_id", "point_id"]


def _worst(language: Language) -> table.Panel:
    shown = text_table(
        language.says(texts.WORST), Place(0, 24, 24, 12), alarm_sql.shortened(worst(language)), hidden=HIDDEN
    )
    columns = {
        "subject": [*sentence(), *_history(language, "${__url_time_range}")],
        "priority": priorities(language),
        "alarms": column(90, unit="locale"),
        "share": [*column(90, unit="percentunit"), Property("decimals", 1)],
        "repeats": column(100, unit="locale"),
        "fleeting_times": column(90, unit="locale"),
        "standing_seconds": column(130),
    }
    shown.cell_height(common.TableCellHeight.SM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _floods(language: Language) -> table.Panel:
    shown = text_table(
        language.says(texts.FLOODS),
        Place(14, 17, 10, 7),
        alarm_sql.shortened(floods(language)),
        hidden=["from_ms", "to_ms"],
    )
    journal = f"/d/{ALARM_HISTORY_UID}{language.suffix}?from=${{__data.fields.from_ms}}&to=${{__data.fields.to_ms}}"
    columns = {
        "begins": [*column(160, unit=MOMENT), link(language.says(texts.HOW_IT_CAME), journal)],
        "lasted": column(80),
        "alarms": column(65, unit="locale"),
        "most": column(110, unit="locale"),
    }
    shown.cell_height(common.TableCellHeight.SM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _stale(language: Language) -> table.Panel:
    shown = text_table(
        language.says(texts.STALE),
        Place(0, 36, 24, 8),
        alarm_sql.shortened(stale(language)),
        hidden=[*HIDDEN, "from_ms", "to_ms"],
    )
    columns = {
        "subject": [*sentence(), *_history(language, "from=${__data.fields.from_ms}&to=${__data.fields.to_ms}")],
        "priority": priorities(language),
        "raised_at": column(180, unit=MOMENT),
        "lasted": column(130),
        "still": coloured(language.table(texts.STILL), {"stands": YELLOW, "over": "transparent"}, 120),
    }
    shown.cell_height(common.TableCellHeight.SM)
    return name_columns(shown, columns, language.table(texts.COLUMNS))


def _operators(language: Language) -> dash.CustomVariable:
    label, description = language.says(texts.OPERATORS)
    one = dashboard.VariableOption(selected=True, text="1", value="1")
    return (
        dash.CustomVariable("operators").label(label).description(description).values("1,2,3,4,5,6,7,8,9").current(one)
    )


def alarm_performance(language: Language) -> dashboard.Dashboard:
    """Return the dashboard of how well the alarm system does."""
    uid = f"{ALARM_PERFORMANCE_UID}{language.suffix}"
    board = new_dashboard(uid, language.says(texts.PERFORMANCE_TITLE), language.says(texts.PERFORMANCE_DESCRIPTION))
    link_boards(board.time("now-7d", "now").refresh("5m"), ALARM_PERFORMANCE_UID, language)
    group, device, _ = filters(language)
    for variable in (group, device, _operators(language)):
        board.with_variable(variable)
    rate = _bars(language, texts.RATE, Place(12, 0, 12, 9), "10 min", (2, 10))
    daily = _bars(language, texts.DAILY, Place(12, 9, 12, 8), "1 day", (150, 300))
    rest = [one(language) for one in (_shares, _floods, _worst, _stale)]
    return place_panels(board, [_measures(language), rate, daily, *rest])
