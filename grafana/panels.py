"""Building blocks that the dashboards share: queries, columns, state colours, panels in their places."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import dashboard as dash
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common, dashboard

from grafana import texts
from grafana.texts import COLUMNS, Words

SOURCE = common.DataSourceRef(type_val="grafana-postgresql-datasource", uid="ddms")
FLEET_UID = "ddms-fleet"
DEVICE_UID = "ddms-device"
HISTORY_UID = "ddms-history"
GROUP_UID = "ddms-group"
STORAGE_UID = "ddms-storage"
API_UID = "ddms-api"
GROUP_URL = f"/d/{GROUP_UID}?var-group=${{__data.fields.group_id}}&${{__url_time_range}}"
DEVICE_URL = f"/d/{DEVICE_UID}?var-device=${{__data.fields.device_id}}&${{__url_time_range}}"

GREEN, YELLOW, RED, GREY, BLUE = "green", "yellow", "red", "#7b8087", "blue"
STATE_COLOURS = {"online": GREEN, "error": YELLOW, "offline": RED, "disabled": GREY, "unknown": BLUE}
QUALITY_COLOURS = {"good": GREEN, "uncertain": YELLOW, "bad": RED, "stale": BLUE, "none": BLUE, "disabled": GREY}
RUN_COLOURS = {"done": GREEN, "running": BLUE, "pending": BLUE, "interrupted": YELLOW, "failed": RED}
COLLECTOR_COLOURS = {"running": GREEN, "silent": RED}

Property = dashboard.DynamicConfigValue
P = TypeVar("P", stat.Panel, table.Panel, timeseries.Panel, statetimeline.Panel)


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


def name_of_device() -> list[Property]:
    """Return the properties of a column of devices' names: each is a link to the device, in the same time range."""
    return [*sentence(), link(texts.OPEN_DEVICE, DEVICE_URL)]


def mappings(words: Mapping[str, str], colours: Mapping[str, str]) -> list[dashboard.ValueMapping]:
    """Return how values become words and colours."""
    options = {
        value: dashboard.ValueMappingResult(text=text, color=colours[value], index=index)
        for index, (value, text) in enumerate(words.items())
    }
    return [dashboard.ValueMap(options=options)]


def coloured(words: Mapping[str, str], colours: Mapping[str, str], width: int) -> list[Property]:
    """Return the properties of a column whose cells have the colour of their value."""
    cell = {"type": "color-background", "mode": "basic"}
    return [*column(width, cellOptions=cell, align="center"), Property("mappings", mappings(words, colours))]


def link(title: str, url: str) -> Property:
    """Return the property that makes a column a link."""
    return Property("links", [{"title": title, "url": url}])


def name_columns(shown: P, columns: Mapping[str, list[Property]]) -> P:
    """Give columns of the query their names on the screen and their properties."""
    name: str
    for name in columns:
        shown.override_by_name(name, [Property("displayName", COLUMNS[name]), *columns[name]])
    return shown


def thresholds(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    """Return thresholds from pairs of a value (None: from the bottom) and a colour."""
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE, steps=[dashboard.Threshold(value, colour) for value, colour in steps]
    )


def last_values() -> build.ReduceDataOptions:
    """Return the reduction that shows every field of a one-row answer."""
    return build.ReduceDataOptions().calcs(["lastNotNull"]).fields("/.*/").values(values=False)


def counts(words: Words, place: Place, query: Sql) -> stat.Panel:
    """Return how many devices are in each state, each number in the colour of its state when it is not 0."""
    blank = (
        stat.Panel()
        .with_target(query)
        .reduce_options(last_values())
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .orientation(common.VizOrientation.VERTICAL)
    )
    fields = {"devices": [Property("thresholds", thresholds((None, "text")))]}
    for state, colour in (STATE_COLOURS | {"bad_points": RED}).items():
        fields[state] = [Property("thresholds", thresholds((None, GREY), (1, colour)))]
    return name_columns(panel(blank, words, place), fields)


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


def link_to_fleet() -> dash.DashboardLink:
    """Return the link back to all devices, in the same time range."""
    return (
        dash.DashboardLink(texts.ALL_DEVICES)
        .type(dashboard.DashboardLinkType.LINK)
        .icon("apps")
        .url(f"/d/{FLEET_UID}")
        .keep_time(keep_time=True)
    )


def link_to_history(query: str) -> dash.DashboardLink:
    """Return the link to the history of what a dashboard shows, in the same time range."""
    url = f"/d/{HISTORY_UID}?{query}"
    return (
        dash.DashboardLink(texts.SHOW_HISTORY)
        .type(dashboard.DashboardLinkType.LINK)
        .icon("info")
        .url(url)
        .keep_time(keep_time=True)
    )


def link_to_export(query: str) -> dash.DashboardLink:
    """Return the link to the API's page from which history is downloaded, with the choice filled in."""
    times = "from=${__from:date:iso}&to=${__to:date:iso}&timezone=${__timezone}"
    return (
        dash.DashboardLink(texts.EXPORT)
        .type(dashboard.DashboardLinkType.LINK)
        .icon("doc")
        .url(f"/export?{query}&{times}")
        .target_blank(target_blank=True)
    )
