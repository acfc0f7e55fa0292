"""Files of devices: CSV (one row for each point) and YAML (devices with their points), read and written.

All mistakes are found before any is told, each with its place.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from api.connections.store import SETTINGS
from api.connections.store import problems as problems_of_connection
from api.connections.types import ConnectionChanges
from api.devices.store import OWN_FIELDS, DeviceInput
from api.files.cells import LIST, Cell, readers, values
from api.files.mistakes import Finder, Place
from api.files.spreadsheet import defused
from api.files.table import Table
from api.files.yaml import OF_CALLERS, Limits, Node, dump, load, plain
from api.graphql.payloads import snake
from api.limits.types import LIMIT_FIELDS, LimitInput
from api.points.types import CALCULATED, POINT_FIELDS, PointInput
from api.points.value_names import as_cell
from ddms.endpoints import Endpoint
from ddms.errors import DdmsError, Sentence
from ddms.limits import LimitKind
from ddms.registers import ADDRESSES, DataType, RegisterTable

OWN_COLUMNS = {"device": "name", "endpoint": "endpoint", "unit_id": "unit_id", "device_enabled": "enabled"} | {
    name: name for name in OWN_FIELDS if name not in {"name", "enabled"}
}
"""The device's columns in CSV, where its points have a name and are enabled as well."""
CONNECTION_FIELDS = tuple(name for name in SETTINGS if name != "endpoint")
DEVICE_COLUMNS = OWN_COLUMNS | {name: name for name in CONNECTION_FIELDS}
LIMIT_COLUMNS = {
    {"key": "limit", "kind": "limit_kind", "bit": "limit_bit", "enabled": "limit_enabled"}.get(name, name): name
    for name in LIMIT_FIELDS
}
"""The columns of a limit in CSV, where its device and its point have names and switches as well."""
COLUMNS = (*DEVICE_COLUMNS, *POINT_FIELDS, *LIMIT_COLUMNS)
_DEVICE_NEEDS = ("name", "endpoint")
_POINT_STAND_IN: dict[str, Any] = {
    "key": "key",
    "register_table": RegisterTable.HOLDING,
    "address": 0,
    "data_type": DataType.UINT16,
}
"""What a point needs; the values take the place of what could not be read, so that the rest can be checked."""
_CHECKED_ALONE = {"key", "name", "unit", "scale", "interval_seconds", "deadband", "heartbeat_seconds"}
"""Fields of a point that are right or wrong whatever the others are."""

Cells = Mapping[str, Cell]


class LimitCells(NamedTuple):
    """The cells of a limit, and where it stands."""

    place: Place
    cells: Cells


class FileFormat(StrEnum):
    """How devices are written down."""

    CSV = "csv"
    YAML = "yaml"


@dataclass(kw_only=True)
class Entry:
    """A device in a file, with the places where it, its fields and its points stand."""

    device: DeviceInput
    place: Place
    places: dict[str, Place]
    point_places: list[dict[str, Place]]

    @property
    def line(self) -> int:
        """The line on which it begins."""
        return self.place.line

    def place_of(self, path: str | None) -> tuple[Place, str]:
        """Return where a field stands, `points.2.address`, and its name."""
        match (path or "").split("."):
            case ["points", number, *name] if name and int(number) < len(self.point_places):
                return place_of(self.point_places[int(number)], name)
            case path_:
                return self.places.get(snake(path_[0]), self.place), snake(path_[0])


def place_of(places: Mapping[str, Place], path: list[str]) -> tuple[Place, str]:
    """Return where a field of a point stands, `address` or `limits.1.threshold`, and its name."""
    name = snake(path[-1])
    for known in (".".join([*path[:-1], name]), ".".join(path[:2]), ""):
        if known in places:
            return places[known], name
    raise KeyError(path)


@dataclass(kw_only=True)
class ConnectionEntry:
    """What a file says about one connection."""

    endpoint: str
    settings: dict[str, Any]
    places: dict[str, Place]


@dataclass(kw_only=True)
class Contents:
    """What a file holds."""

    entries: list[Entry] = field(default_factory=list)
    connections: dict[str, ConnectionEntry] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Draft:
    """A device while it is read: what is right of it so far."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    points: list[PointInput] = field(default_factory=list)
    point_places: list[dict[str, Place]] = field(default_factory=list)
    rows: dict[str, int | None] = field(default_factory=dict)
    """Of CSV: which of the points the rows with a key are about; None: one with mistakes."""


class _Reading:
    """One reading of a file: the readers of its cells, what was found, the mistakes."""

    def __init__(self, finder: Finder, *, decimal_comma: bool = False) -> None:
        self.finder = finder
        self.contents = Contents()
        self.of_connections = readers(ConnectionChanges, decimal_comma=decimal_comma, without=("endpoint",))
        self.of_devices = readers(DeviceInput, decimal_comma=decimal_comma, without=("points",)) | self.of_connections
        self.of_points = readers(PointInput, decimal_comma=decimal_comma, without=("limits",))
        self.of_limits = readers(LimitInput, decimal_comma=decimal_comma)

    def point(self, cells: Cells, place: Place) -> PointInput | None:
        """Read a point; None when it has mistakes."""
        before = len(self.finder)
        found = values(cells, self.of_points, self.finder)
        is_calculated = "expression" in cells and not cells["expression"].is_empty
        for name in ("key",) if is_calculated else _POINT_STAND_IN:
            if name not in cells or cells[name].is_empty:
                self.finder.add(place, name, "this is needed")
        if len(self.finder) == before:
            return PointInput(**found)
        self._check_the_rest(cells, found)
        return None

    def _check_the_rest(self, cells: Cells, found: dict[str, Any]) -> None:
        """Check the cells of a point that could be read, although others could not."""
        unread = {name for name, cell in cells.items() if name not in found and not cell.is_empty}
        unread |= {name for name in _POINT_STAND_IN if name not in found}
        stand_in = {"key": "key"} if "expression" in found else _POINT_STAND_IN
        for path, sentence in PointInput(**(stand_in | found)).problems():
            name = snake(path)
            alone = name in _CHECKED_ALONE or (name == "address" and not 0 <= found.get(name, 0) < ADDRESSES)
            if name in found and (alone or unread <= _CHECKED_ALONE):
                self.finder.add(cells[name].place, name, sentence)

    def add_point(self, draft: _Draft, cells: Cells, place: Place, limits: list[LimitCells] | None = None) -> bool:
        """Read a point of a device with its limits; None: nothing is said of them. Return whether it is right so far."""
        point = self.point(cells, place)
        if point is None:
            for limit in limits or ():
                self.limit(limit)
            return False
        draft.points.append(point)
        draft.point_places.append({name: cell.place for name, cell in cells.items()} | {"": place})
        if limits is not None:
            point.limits = []
        for limit in limits or ():
            self.add_limit(point, draft.point_places[-1], limit)
        return True

    def add_limit(self, point: PointInput, places: dict[str, Place], cells: LimitCells) -> None:
        """Read a limit of a point."""
        limit = self.limit(cells)
        if limit is None or point.limits is None:
            return
        where = f"limits.{len(point.limits)}"
        point.limits.append(limit)
        places |= {where: cells.place} | {f"{where}.{name}": cell.place for name, cell in cells.cells.items()}

    def limit(self, limit: LimitCells) -> LimitInput | None:
        """Read a limit; None when it has mistakes. Its kind may be told by its key: `high`."""
        cells, before = dict(limit.cells), len(self.finder)
        if "kind" not in cells and str(cells["key"].value if "key" in cells else "") in [*LimitKind]:
            cells["kind"] = cells["key"]
        found = values(cells, self.of_limits, self.finder)
        if "kind" not in cells or cells["kind"].is_empty:
            self.finder.add(limit.place, "kind", "this is needed")
        return LimitInput(**found) if len(self.finder) == before else None

    def finish(self, draft: _Draft) -> None:
        """Check a device whose points are all read."""
        for name in _DEVICE_NEEDS:
            if name not in draft.places:
                self.finder.add(draft.place, name, "this is needed")
        own = {name: value for name, value in draft.values.items() if name in OWN_FIELDS}
        if not all(name in own for name in _DEVICE_NEEDS):
            return
        entry = Entry(
            device=DeviceInput(**own, points=draft.points),
            place=draft.place,
            places=draft.places,
            point_places=draft.point_places,
        )
        for path, sentence in entry.device.problems():
            self.finder.add(*entry.place_of(path), sentence)
        self.contents.entries.append(entry)
        self.connect(entry.device.endpoint, draft.values, draft.places)

    def connect(self, endpoint: str, found: Mapping[str, Any], places: Mapping[str, Place]) -> None:
        """Note the settings of a connection, which all that share it must agree on."""
        given = {name: found[name] for name in CONNECTION_FIELDS if name in found}
        try:
            parsed = Endpoint.parse(endpoint)
        except DdmsError:
            return  # it is among the device's mistakes
        for name, sentence in problems_of_connection(parsed, given.get("max_in_flight", 1), given):
            self.finder.add(places[name], name, sentence)
        known = self.contents.connections.setdefault(
            endpoint, ConnectionEntry(endpoint=endpoint, settings={}, places={})
        )
        for name, value in given.items():
            if known.settings.setdefault(name, value) != value:
                line = known.places[name].line
                self.finder.add(places[name], name, Sentence("differs from the same connection's on line {}", line))
            known.places.setdefault(name, places[name])


def read(text: str, form: FileFormat, limits: Limits = OF_CALLERS) -> Contents:
    """Read a file; every device is checked, and its name stands there once. It takes its time: see `api.files.aside`."""
    finder = Finder()
    reading = _read_csv(text, finder) if form is FileFormat.CSV else _read_yaml(text, finder, limits)
    seen: dict[str, int] = {}
    for entry in reading.contents.entries:
        line = seen.setdefault(entry.device.name.lower(), entry.line)
        if line != entry.line:
            sentence = Sentence("{!r} is on line {} already", entry.device.name, line)
            finder.add(*entry.place_of("name"), sentence)
    finder.finish()
    return reading.contents


def _read_csv(text: str, finder: Finder) -> _Reading:
    table = Table(text, COLUMNS, needs="device", finder=finder)
    reading = _Reading(finder, decimal_comma=table.decimal_comma)
    drafts: dict[str, _Draft] = {}
    says_limits = bool(LIMIT_COLUMNS.keys() & {*table.columns})
    for place, cells in table.rows():
        _read_row(reading, drafts, place, cells, says_limits=says_limits)
    for draft in drafts.values():
        reading.finish(draft)
    return reading


def _read_row(reading: _Reading, drafts: dict[str, _Draft], place: Place, cells: Cells, *, says_limits: bool) -> None:
    finder = reading.finder
    own = {name: cells[column] for column, name in DEVICE_COLUMNS.items() if column in cells}
    if "name" in own:
        _merge(reading, drafts, place, own)
    else:
        finder.add(place, "device", "each row names its device; only the device's other columns may be left empty")
    point = {column: cells[column] for column in POINT_FIELDS if column in cells}
    told = {name: cells[column] for column, name in LIMIT_COLUMNS.items() if column in cells}
    limit = [LimitCells(place, told)] if told else []
    draft = drafts[_key(own["name"])] if "name" in own else _Draft(place=place)
    if limit and "key" in point and (key := str(point["key"].value).strip()) in draft.rows:
        _read_further_limit(reading, draft, key, point, limit[0])
    elif point or limit:
        is_right = reading.add_point(draft, point, place, limit if says_limits else None)
        if "key" in point:
            draft.rows[str(point["key"].value).strip()] = len(draft.points) - 1 if is_right else None


def _read_further_limit(reading: _Reading, draft: _Draft, key: str, cells: Cells, limit: LimitCells) -> None:
    """Read a row with a further limit of a point; what is the point's may be left empty, or be said again."""
    number = draft.rows[key]
    if number is None:
        reading.limit(limit)
        return
    point, places = draft.points[number], draft.point_places[number]
    for name, value in values(cells, reading.of_points, reading.finder).items():
        if value != getattr(point, name):
            sentence = Sentence("differs from the same point's on line {}", places[""].line)
            reading.finder.add(cells[name].place, name, sentence)
    reading.add_limit(point, places, limit)


def _key(cell: Cell) -> str:
    return str(cell.value).strip().lower()


def _merge(reading: _Reading, drafts: dict[str, _Draft], place: Place, own: dict[str, Cell]) -> None:
    """Read the device's columns of a row; what was said on its first row may be said again."""
    found = values(own, reading.of_devices, reading.finder)
    draft = drafts.setdefault(_key(own["name"]), _Draft(place=place))
    for name, cell in own.items():
        if name not in draft.places:
            draft.places[name] = cell.place
            if name in found:
                draft.values[name] = found[name]
        elif name != "name" and name in found and draft.values.get(name, found[name]) != found[name]:
            sentence = Sentence("differs from the same device's on line {}", draft.places[name].line)
            reading.finder.add(cell.place, name, sentence)


def _read_yaml(text: str, finder: Finder, limits: Limits) -> _Reading:
    root = load(text, finder, limits)
    reading = _Reading(finder)
    parts = root.names or {}
    for name, (place, _) in parts.items():
        if name not in {"devices", "connections"}:
            finder.add(place, name, Sentence("this is not known here: write one of {}", "connections, devices"))
    devices = parts["devices"][1].items if "devices" in parts else None
    if devices is None:
        finder.add(root.place, "devices", "the file is a mapping with a list `devices`")
    connections = parts["connections"][1] if "connections" in parts else None
    if connections is not None and connections.value is not None:
        _read_connections(reading, connections)
    for node in devices or ():
        _read_device(reading, node)
    return reading


def _read_connections(reading: _Reading, listed: Node) -> None:
    by = reading.of_connections | {"endpoint": reading.of_devices["endpoint"]}
    for node in listed.items or [listed]:
        cells = cells_of(node)
        if cells is None:
            reading.finder.add(node.place, "connections", "write a list of mappings, each with endpoint and settings")
            continue
        found = values(cells, by, reading.finder)
        places = {name: cell.place for name, cell in cells.items()}
        try:
            endpoint = str(Endpoint.parse(found.get("endpoint", "")))
        except DdmsError as error:
            reading.finder.add(places.get("endpoint", node.place), "endpoint", error.message)
        else:
            reading.connect(endpoint, found, places)


def _read_device(reading: _Reading, node: Node) -> None:
    cells = cells_of(node, without="points")
    if cells is None:
        sentence = Sentence("{!r} is not a device: write a mapping with name and endpoint", str(node.value)[:40])
        reading.finder.add(node.place, "devices", sentence)
        return
    draft = _Draft(place=node.place, places={n: cell.place for n, cell in cells.items() if not cell.is_empty})
    draft.values = values(cells, reading.of_devices, reading.finder)
    for place, point, limits in points_of(node, reading.finder):
        reading.add_point(draft, point, place, limits)
    reading.finish(draft)


def cells_of(node: Node, without: str = "") -> dict[str, Cell] | None:
    """Return the cells of a mapping, or None when it is none."""
    names = node.names
    if names is None:
        return None
    return {name: Cell(value.place, _raw(value)) for name, (_, value) in names.items() if name != without}


def _raw(node: Node) -> Any:
    items = node.items
    return node.value if items is None else [item.value for item in items]


def points_of(node: Node, finder: Finder) -> Iterator[tuple[Place, Cells, list[LimitCells] | None]]:
    """Give the cells of each of the `points` of a mapping, where it stands, and its limits, when something is said of them."""
    _, listed = (node.names or {}).get("points", (node.place, Node(*node.place, [])))
    sentence = "write a list of mappings, each with key, register_table, address and data_type"
    if listed.value is not None and listed.items is None:
        finder.add(listed.place, "points", sentence)
    for point in listed.items or ():
        cells = cells_of(point, without="limits")
        if cells is None:
            finder.add(point.place, "points", sentence)
        else:
            yield point.place, cells, _limits_of(point, finder)


def _limits_of(point: Node, finder: Finder) -> list[LimitCells] | None:
    """Return the cells of each of the `limits` of a point; None when nothing is said of them."""
    _, listed = (point.names or {}).get("limits", (point.place, Node(*point.place, None)))
    if listed.value is None:
        return None
    found = []
    for node in [listed] if listed.items is None else listed.items:
        cells = cells_of(node)
        if cells is None or listed.items is None:
            finder.add(node.place, "limits", "write a list of mappings, each with kind and threshold")
        else:
            found.append(LimitCells(node.place, cells))
    return found


def read_points(node: Node, finder: Finder) -> tuple[list[PointInput], list[dict[str, Place]]]:
    """Read the `points` of a profile; return those that are right, and the places of their fields."""
    reading, draft = _Reading(finder), _Draft(place=node.place)
    for place, cells, limits in points_of(node, finder):
        reading.add_point(draft, cells, place, limits)
    return draft.points, draft.point_places


Connections = Mapping[str, Mapping[str, Any]]
"""The settings of connections, by endpoint."""


def write(devices: list[DeviceInput], form: FileFormat, connections: Connections | None = None) -> str:
    """Write devices and how they are reached, so that reading it gives the same again."""
    connections = connections or {}
    return _write_csv(devices, connections) if form is FileFormat.CSV else _write_yaml(devices, connections)


def _write_csv(devices: list[DeviceInput], connections: Connections) -> str:
    text = io.StringIO()
    says_limits = any(point.limits is not None for device in devices for point in device.points)
    columns = COLUMNS if says_limits else COLUMNS[: -len(LIMIT_COLUMNS)]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for device in devices:
        own = {column: getattr(device, name) for column, name in OWN_COLUMNS.items()}
        own |= connections.get(device.endpoint, {})
        for row in [row for point in device.points for row in _rows(point)] or [{}]:
            writer.writerow({name: _cell(value) for name, value in (own | row).items()})
    return text.getvalue()


def _rows(point: PointInput) -> Iterator[dict[str, Any]]:
    """Give a row for each limit of a point, or one."""
    own = {name: getattr(point, name) for name in fields_of(point)}
    if not point.limits:
        yield own
    for limit in point.limits or ():
        yield own | {column: getattr(limit, name) for column, name in LIMIT_COLUMNS.items()}


def fields_of(point: PointInput) -> list[str]:
    """Return what is written of a point: of a calculated one no register."""
    return [name for name in POINT_FIELDS if not (point.expression and name in CALCULATED)]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if (names := as_cell(value)) is not None:
            return defused(names)
        if value and not isinstance(value[0], str):
            return LIST.join(map(repr, value))
        value = LIST.join(value)
    return defused(str(value)) if isinstance(value, str) else value


def _write_yaml(devices: list[DeviceInput], connections: Connections) -> str:
    tree: dict[str, Any] = {}
    if connections:
        tree["connections"] = [{"endpoint": endpoint, **settings} for endpoint, settings in connections.items()]
    tree["devices"] = [
        plain(d, OWN_FIELDS) | {"points": [plain_point(p, fields_of(p)) for p in d.points]} for d in devices
    ]
    return dump(tree)


def plain_point(point: PointInput, names: Iterable[str]) -> dict[str, Any]:
    """Return these fields of a point as they are written in YAML, and its limits."""
    values = plain(point, names)
    if "value_names" in values:
        values["value_names"] = as_cell(point.value_names) or ""
    return values | plain_limits(point.limits)


def plain_limits(limits: list[LimitInput] | None) -> dict[str, Any]:
    """Return limits as they are written in YAML; what is as by default is left out."""
    return {} if limits is None else {"limits": [_plain_limit(limit) for limit in limits]}


def _plain_limit(limit: LimitInput) -> dict[str, Any]:
    usual = LimitInput(kind=limit.kind, key=limit.usual_key)
    told = [name for name in LIMIT_FIELDS if name == "kind" or getattr(limit, name) != getattr(usual, name)]
    return plain(limit, told)
