"""Building blocks that the dashboards share: queries, columns, state colours, panels in their places."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import barchart, heatmap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard

from grafana import texts
from grafana.languages import Language, known
from grafana.texts import Words

SOURCE = common.DataSourceRef(type_val="grafana-postgresql-datasource", uid="ddms")
FLEET_UID = "ddms-fleet"
DEVICE_UID = "ddms-device"
HISTORY_UID = "ddms-history"
CONSUMPTION_UID = "ddms-consumption"
REPORT_UID = "ddms-report"
GROUP_UID = "ddms-group"
STORAGE_UID = "ddms-storage"
API_UID = "ddms-api"
AUDIT_UID = "ddms-audit"
JOBS_UID = "ddms-jobs"
BACKUPS_UID = "ddms-backups"
ALARMS_UID = "ddms-alarms"
ALARM_HISTORY_UID = "ddms-alarm-history"
WALL_UID = "ddms-wall"
COLLECTOR_UID = "ddms-collector"
ALARM_PERFORMANCE_UID = "ddms-alarm-performance"

GREEN, YELLOW, RED, GREY, BLUE, ORANGE = "green", "yellow", "red", "#7b8087", "blue", "orange"
STATE_COLOURS = {"online": GREEN, "error": YELLOW, "offline": RED, "disabled": GREY, "unknown": BLUE}
QUALITY_COLOURS = {"good": GREEN, "uncertain": YELLOW, "bad": RED, "stale": BLUE, "none": BLUE, "disabled": GREY}
RUN_COLOURS = {"done": GREEN, "running": BLUE, "pending": BLUE, "interrupted": YELLOW, "failed": RED}
TEST_COLOURS = {"good": GREEN, "partly": YELLOW, "failed": RED, "running": BLUE}
PRIORITY_COLOURS = {"critical": RED, "high": ORANGE, "medium": YELLOW, "low": BLUE}
COLLECTOR_COLOURS = {"running": GREEN, "silent": RED}

Property = dashboard.DynamicConfigValue
MOMENT = "time:YYYY-MM-DD HH:mm:ss"
"""The unit of moments in tables. Grafana's own for it adds milliseconds, which are cut off, where all rows are of one minute."""
P = TypeVar("P", barchart.Panel, stat.Panel, table.Panel, timeseries.Panel, statetimeline.Panel, heatmap.Panel)


class Sql(Builder[Dataquery], Dataquery):
    """A query to PostgreSQL; the SDK has none. Always as a table: as `time_series` Grafana joins the points on equal
    times and fills the rest with nulls, which would tear every line apart.
    """

    def __init__(self, sql: str, ref: str = "A") -> None:
        self._sql = sql.strip()
        self._ref = ref

    def build(self) -> Dataquery:
        """Return the query."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what Grafana's PostgreSQL data source wants."""
        return {
            "refId": self._ref,
            "datasource": SOURCE,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self._sql,
        }


class Place(NamedTuple):
    """Where a panel stands, in Grafana's grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


def panel(blank: P, words: Words, place: Place, *, unit: str = "none") -> P:
    """Give a panel its words, its place and its unit."""
    return (
        blank.title(words.title)
        .description(words.description)
        .no_value(words.empty)
        .datasource(SOURCE)
        .unit(unit)
        .grid_pos(dashboard.GridPos(x=place.x, y=place.y, w=place.width, h=place.height))
    )


def text_table(words: Words, place: Place, sql: str, *, hidden: Iterable[str] = ()) -> table.Panel:
    """Return a table with rows high enough for a finger (44 px and more)."""
    blank = table.Panel().cell_height(common.TableCellHeight.LG).with_target(Sql(sql))
    result = panel(blank, words, place, unit="string")
    for name in hidden:
        result.override_by_name(name, [Property("custom.hideFrom.viz", True)])
    return result


def column(width: int | None = None, *, unit: str | None = None, **custom: object) -> list[Property]:
    """Return the properties of a column: its width in pixels (None: it takes what is left) and its unit.

    The panel's no-data text would stand in every empty cell, so each column has its own.
    """
    size = Property("custom.width", width) if width else Property("custom.minWidth", 130)
    units = [Property("unit", unit)] if unit else []
    return [
        size,
        Property("noValue", "–"),
        *units,
        *(Property(f"custom.{name}", value) for name, value in custom.items()),
    ]


def sentence() -> list[Property]:
    """Return the properties of a column of sentences: they wrap, and an empty cell stays empty."""
    cell = Property("custom.cellOptions", {"type": "auto", "wrapText": True})
    return [Property("custom.minWidth", 130), Property("noValue", "\u00a0"), cell]


def url(uid: str, language: Language, *chosen: str) -> str:
    """Return the address of a dashboard in a language and in the same time range; `chosen`: `device=${{…}}`."""
    variables = "".join(f"var-{one}&" for one in chosen)
    return f"/d/{uid}{language.suffix}?{variables}${{__url_time_range}}"


def of_row(name: str) -> str:
    """Return the variable `name` with the id that stands in the row: `device=${__data.fields.device_id}`."""
    return f"{name}=${{__data.fields.{name}_id}}"


def name_of_device(language: Language) -> list[Property]:
    """Return the properties of a column of devices' names: each is a link to the device, in the same time range."""
    return [*sentence(), link(language.says(texts.OPEN_DEVICE), url(DEVICE_UID, language, of_row("device")))]


def mappings(words: Mapping[str, str], colours: Mapping[str, str]) -> list[dashboard.ValueMapping]:
    """Return how values become words and colours."""
    options = {
        value: dashboard.ValueMappingResult(text=text, color=colours[value], index=index)
        for index, (value, text) in enumerate(words.items())
    }
    return [dashboard.ValueMap(options=options)]


def named(words: Mapping[str, str]) -> list[Property]:
    """Return the properties of a column whose values are shown as words; a value without one stands for itself."""
    options = {value: dashboard.ValueMappingResult(text=text) for value, text in words.items() if text != value}
    return [Property("mappings", [dashboard.ValueMap(options=options)])] if options else []


def worded(words: Mapping[str, str]) -> Property:
    """Return the property that makes a column say words for its values; others stay as they are."""
    options = {value: dashboard.ValueMappingResult(text=text) for value, text in words.items()}
    return Property("mappings", [dashboard.ValueMap(options=options)])


def coloured(words: Mapping[str, str], colours: Mapping[str, str], width: int) -> list[Property]:
    """Return the properties of a column whose cells have the colour of their value; an empty one has none."""
    cell = {"type": "color-background", "mode": "basic"}
    blank = Property("thresholds", {"mode": "absolute", "steps": [{"color": "transparent", "value": None}]})
    return [*column(width, cellOptions=cell, align="center"), Property("mappings", mappings(words, colours)), blank]


def gauge(width: int) -> list[Property]:
    """Return the properties of a column that shows how much is done, 0 to 1, as a bar."""
    cell = Property("custom.cellOptions", {"type": "gauge", "mode": "basic"})
    colour = Property("thresholds", thresholds((None, BLUE)))
    return [*column(width, unit="percentunit"), cell, Property("min", 0), Property("max", 1), colour]


def sparkline(width: int) -> list[Property]:
    """Return the properties of a column of arrays, each drawn as a line; what stands for nothing is a gap in it."""
    cell = {
        "type": "sparkline",
        "hideValue": True,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 12,
        "spanNulls": False,
    }
    return [
        *column(width, cellOptions=cell),
        Property("noValue", "\u00a0"),
        Property("color", {"mode": "fixed", "fixedColor": BLUE}),
    ]


def words_of(pattern: str, text: str, colour: str) -> dashboard.ValueMapping:
    """Return how a value that matches becomes words, with what the pattern caught, and a colour."""
    result = dashboard.ValueMappingResult(text=text, color=colour)
    return dashboard.RegexMap(options=dashboard.DashboardRegexMapOptions(pattern=pattern, result=result))


def coloured_text(words: Mapping[str, str], colours: Mapping[str, str], width: int) -> list[Property]:
    """Return the properties of a column whose words have the colour of their value: of what is usual, and not to shine."""
    cell = Property("custom.cellOptions", {"type": "color-text"})
    blank = Property("thresholds", thresholds((None, "text")))
    return [*column(width), cell, Property("mappings", mappings(words, colours)), blank]


def legend() -> build.VizLegendOptions:
    """Return a legend below, with the names only."""
    shown = build.VizLegendOptions().show_legend(show_legend=True).display_mode(common.LegendDisplayMode.LIST)
    return shown.placement(common.LegendPlacement.BOTTOM).calcs([])


def link(title: str, address: str) -> Property:
    """Return the property that makes a column a link."""
    return Property("links", [{"title": title, "url": address}])


def name_columns(
    shown: P,
    columns: Mapping[str, list[Property]],
    names: Mapping[str, str],
) -> P:
    """Give columns of the query their names on the screen and their properties."""
    name: str
    for name in columns:
        shown.override_by_name(name, [Property("displayName", names[name]), *columns[name]])
    return shown


def thresholds(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Return thresholds from pairs of a value (None: from the bottom) and a colour."""
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE, steps=[dashboard.Threshold(value, colour) for value, colour in steps]
    )


def last_values() -> build.ReduceDataOptions:
    """Return the reduction that shows every field of a one-row answer."""
    return build.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(values=False)


def numbers(query: Sql) -> stat.Panel:
    """Return a panel of the columns of one row, side by side, each with its name above it."""
    return (
        stat.Panel()
        .with_target(query)
        .reduce_options(last_values())
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.VERTICAL)
    )


def counts(words: Words, place: Place, query: Sql, language: Language) -> stat.Panel:
    """Return how many devices are in each state, each number in the colour of its state when it is not 0."""
    blank = numbers(query)
    fields = {"devices": [Property("thresholds", thresholds((None, "text")))]}
    for state, colour in (STATE_COLOURS | {"bad_points": RED}).items():
        fields[state] = [Property("thresholds", thresholds((None, GREY), (1, colour)))]
    return name_columns(panel(blank, words, place), fields, language.table(texts.COLUMNS))


def choices(name: str, words: tuple[str, str], options: Mapping[str, str]) -> dash.CustomVariable:
    """Return a variable of several choices among words."""
    return (
        dash.CustomVariable(name)
        .label(words[0])
        .description(words[1])
        .values(",".join(f"{text} : {value}" for value, text in options.items()))
        .multi(multi=True)
        .include_all(include_all=True)
        .allow_custom_value(allow_custom_value=False)
        .current(everything())
    )


def one_of(name: str, words: tuple[str, str], options: Mapping[str, str], chosen: str) -> dash.CustomVariable:
    """Return a variable of one choice among words."""
    variable = dash.CustomVariable(name).label(words[0]).description(words[1])
    variable.values(",".join(f"{text} : {value}" for value, text in options.items()))
    variable.allow_custom_value(allow_custom_value=False)
    return variable.current(dashboard.VariableOption(selected=True, text=options[chosen], value=chosen))


def search(words: tuple[str, str]) -> dash.TextBoxVariable:
    """Return a variable of what a person types."""
    return dash.TextBoxVariable("search").label(words[0]).description(words[1]).default_value("")


def query_variable(name: str, words: tuple[str, str], sql: str) -> dash.QueryVariable:
    """Return a variable whose choices come from the database."""
    return (
        dash.QueryVariable(name)
        .label(words[0])
        .description(words[1])
        .datasource(SOURCE)
        .query(sql.strip())
        .definition(sql.strip())
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.DISABLED)
        .allow_custom_value(allow_custom_value=False)
    )


def everything() -> dashboard.VariableOption:
    """Return the choice All."""
    return dashboard.VariableOption(selected=True, text="All", value="$__all")


def new_dashboard(uid: str, title: str, description: str) -> dash.Dashboard:
    """Return an empty dashboard with what all of them have in common."""
    return (
        dash.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["ddms"])
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .timepicker(dash.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m", "15m"]))
    )


def place_panels(board: dash.Dashboard, panels: Iterable[Builder[dashboard.Panel]]) -> dashboard.Dashboard:
    """Put the panels on a dashboard, numbered in their order: the number is the panel's address."""
    for number, each in enumerate(panels, 1):
        board.with_panel(each)
        each.build().id_val = number
    return board.build()


def link_to(title: str, uid: str, icon: str, language: Language, *, query: str = "") -> dash.DashboardLink:
    """Return a link to another dashboard in the same language and time range."""
    return (
        dash.DashboardLink(title)
        .type(dashboard.DashboardLinkType.LINK)
        .icon(icon)
        .url(f"/d/{uid}{language.suffix}" + (f"?{query}" if query else ""))
        .keep_time(keep_time=True)
    )


def link_to_fleet(language: Language) -> dash.DashboardLink:
    """Return the link back to all devices, in the same time range."""
    return link_to(language.says(texts.ALL_DEVICES), FLEET_UID, "apps", language)


def link_to_history(language: Language, query: str) -> dash.DashboardLink:
    """Return the link to the history of what a dashboard shows, in the same time range."""
    return link_to(language.says(texts.SHOW_HISTORY), HISTORY_UID, "info", language, query=query)


def link_to_consumption(language: Language, query: str = "") -> dash.DashboardLink:
    """Return the link to what the counters of what a dashboard shows counted, in the same time range."""
    return link_to(language.says(texts.SHOW_CONSUMPTION), CONSUMPTION_UID, "bolt", language, query=query)


def link_to_report(language: Language, query: str = "") -> dash.DashboardLink:
    """Return the link to the report of what a dashboard shows, in the same time range."""
    return link_to(language.says(texts.SHOW_REPORT), REPORT_UID, "document-info", language, query=query)


def link_to_alarms(language: Language, query: str = "") -> dash.DashboardLink:
    """Return the link to the alarms of what a dashboard shows."""
    return link_to(language.says(texts.SHOW_ALARMS_NOW), ALARMS_UID, "bell", language, query=query)


def link_to_export(language: Language, query: str) -> dash.DashboardLink:
    """Return the link to the API's page from which history is downloaded, with the choice filled in."""
    times = "from=${__from:date:iso}&to=${__to:date:iso}&timezone=${__timezone}"
    return (
        dash.DashboardLink(language.says(texts.EXPORT))
        .type(dashboard.DashboardLinkType.LINK)
        .icon("doc")
        .url(f"/export?{query}&{times}")
        .target_blank(target_blank=True)
    )


def link_languages(board: dash.Dashboard, uid: str, language: Language) -> dash.Dashboard:
    """Lead to the same dashboard in the other languages, with the same choices in the same time range."""
    for other in known():
        if other != language:
            board.link(link_to(other.of.name, uid, "comment-alt", other).include_vars(include_vars=True))
    return board
