"""Files of devices: CSV (one row for each point) and YAML (devices with their points), read and written.

A mistake is a `DdmsError` that begins with the line it is on.
"""

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, get_type_hints

from api.devices.store import OWN_FIELDS, DeviceInput
from api.files.spreadsheet import defused, restored
from api.files.yaml import LINE, dump, load, plain, wrong
from api.graphql.payloads import snake
from api.points.types import POINT_FIELDS, PointInput
from ddms.errors import DdmsError, Sentence

DEVICE_COLUMNS = {"device": "name", "endpoint": "endpoint", "unit_id": "unit_id", "device_enabled": "enabled"} | {
    name: name for name in OWN_FIELDS if name not in {"name", "enabled"}
}
"""The device's columns in CSV, where its points have a name and are enabled as well."""
COLUMNS = (*DEVICE_COLUMNS, *POINT_FIELDS)
_LIST = ";"


class FileFormat(StrEnum):
    """How devices are written down."""

    CSV = "csv"
    YAML = "yaml"


@dataclass(kw_only=True)
class Entry:
    """A device in a file, with the lines that it and its points are on."""

    device: DeviceInput
    line: int
    point_lines: list[int] = field(default_factory=list)

    def checked(self) -> "Entry":
        """Check the device; a mistake names its line."""
        try:
            self.device.checked()
        except DdmsError as error:
            raise self._located(error) from error
        return self

    def _located(self, error: DdmsError) -> DdmsError:
        match (error.field or "").split("."):
            case ["points", place, name]:
                return wrong(self.point_lines[int(place)], snake(name), error.message)
            case [name, *_]:
                return wrong(self.line, snake(name), error.message)
            case _:
                return wrong(self.line, "", error.message)


def _bool(raw: Any) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if str(raw).lower() not in known:
        raise ValueError("write true or false")
    return known[str(raw).lower()]


def _int(raw: Any) -> int:
    try:
        if not isinstance(raw, bool):
            return int(str(raw))
    except ValueError:
        pass
    raise ValueError(Sentence("{!r} is not a whole number", raw))


def _float(raw: Any) -> float:
    try:
        number = math.nan if isinstance(raw, bool) else float(raw)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(Sentence("{!r} is not a number", raw))
    return number


def _floats(raw: Any) -> list[float]:
    parts = raw if isinstance(raw, list) else [part for part in str(raw).split(_LIST) if part.strip()]
    return [_float(part) for part in parts]


def _texts(raw: Any) -> list[str]:
    return [
        _str(part).strip() for part in (raw if isinstance(raw, list) else str(raw).split(_LIST)) if _str(part).strip()
    ]


def _str(raw: Any) -> str:
    if isinstance(raw, dict | list):
        raise ValueError("write a text")  # noqa: TRY004 - a mistake of the file, not of the program
    return str(raw)


def _enum(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    known = {member.value.lower(): member for member in kind}

    def read(raw: Any) -> StrEnum:
        if str(raw).lower() not in known:
            raise ValueError(
                Sentence("{!r} is not known here: write one of {}", raw, ", ".join(member.value for member in kind))
            )
        return known[str(raw).lower()]

    return read


_READERS: dict[Any, Callable[[Any], Any]] = {
    bool: _bool,
    int: _int,
    int | None: _int,
    float: _float,
    float | None: _float,
    str: _str,
    str | None: _str,
    list[float]: _floats,
    list[str] | None: _texts,
}


def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind) if f.name != "points"]
    return {name: _READERS.get(hints[name]) or _enum(hints[name]) for name in names}


_DEVICE_READERS, _POINT_READERS = _readers(DeviceInput), _readers(PointInput)
_DEVICE_NEEDS, _POINT_NEEDS = ("name", "endpoint"), ("key", "register_table", "address", "data_type")


def _values(
    raw: Mapping[str, Any], readers: dict[str, Callable[[Any], Any]], needs: Iterable[str], line: int
) -> dict[str, Any]:
    values = {}
    for name, cell in raw.items():
        if name not in readers:
            raise wrong(line, str(name), Sentence("this is not known here: write one of {}", ", ".join(readers)))
        if cell not in {None, ""} if not isinstance(cell, dict | list) else True:
            try:
                values[name] = readers[name](cell)
            except ValueError as error:
                raise wrong(line, name, error.args[0]) from error
    for name in needs:
        if name not in values:
            raise wrong(line, name, "this is needed")
    return values


def _point(raw: Mapping[str, Any], line: int) -> PointInput:
    return PointInput(**_values(raw, _POINT_READERS, _POINT_NEEDS, line))


def read(text: str, form: FileFormat) -> list[Entry]:
    """Read a file; every device is checked, and its name stands there once."""
    entries = [entry.checked() for entry in (_read_csv(text) if form is FileFormat.CSV else _read_yaml(text))]
    seen: dict[str, int] = {}
    for entry in entries:
        name = entry.device.name.lower()
        if name in seen:
            raise wrong(entry.line, "device", Sentence("{!r} is on line {} already", entry.device.name, seen[name]))
        seen[name] = entry.line
    return entries


def _read_csv(text: str) -> list[Entry]:
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True, restkey="")
    entries: dict[str, Entry] = {}
    try:
        if problem := _header_problem(list(rows.fieldnames or ())):
            raise wrong(1, "", Sentence("{}: the columns are {}", problem, ", ".join(COLUMNS)))
        for row in rows:
            if any(row.values()):
                _read_row(_restored(row), rows.line_num, entries)
    except csv.Error as error:
        raise wrong(rows.reader.line_num, "", Sentence("this is not CSV: {}", error)) from error
    return list(entries.values())


def _restored(row: dict[str, Any]) -> dict[str, Any]:
    return {column: restored(cell) if isinstance(cell, str) else cell for column, cell in row.items()}


def _header_problem(names: list[str]) -> str | None:
    for name in names:
        if name not in COLUMNS:
            return f"the column {name!r} is not known"
        if names.count(name) > 1:
            return f"the column {name!r} stands twice"
    return None if "device" in names else "the column 'device' is missing"


def _read_row(row: dict[str, Any], line: int, entries: dict[str, Entry]) -> None:
    if "" in row:
        raise wrong(line, "", "more cells than columns: a text with a comma is put in quotes")
    if not row.get("device"):
        raise wrong(line, "device", "each row names its device; only the device's other columns may be left empty")
    own = {name: row[column] for column, name in DEVICE_COLUMNS.items() if row.get(column)}
    values = _values(own, _DEVICE_READERS, ("name",), line)
    name = values["name"].strip().lower()
    if name not in entries:
        entries[name] = Entry(device=DeviceInput(**_values(own, _DEVICE_READERS, _DEVICE_NEEDS, line)), line=line)
    entry = entries[name]
    for column, value in values.items():
        if column != "name" and getattr(entry.device, column) != value:
            raise wrong(line, column, Sentence("differs from the same device's on line {}", entry.line))
    point = {column: row[column] for column in POINT_FIELDS if row.get(column)}
    if point:
        entry.device.points.append(_point(point, line))
        entry.point_lines.append(line)


def _read_yaml(text: str) -> list[Entry]:
    loaded = load(text)
    devices = loaded.get("devices") if isinstance(loaded, dict) else None
    if not isinstance(devices, list):
        raise wrong(1, "devices", "the file is a mapping with a list `devices`")
    return [_read_device(raw) for raw in devices]


def _read_device(raw: Any) -> Entry:
    if not isinstance(raw, dict):
        raise wrong(
            1, "devices", Sentence("{!r} is not a device: write a mapping with name and endpoint", str(raw)[:40])
        )
    own = {name: value for name, value in raw.items() if name not in {LINE, "points"}}
    device = DeviceInput(**_values(own, _DEVICE_READERS, _DEVICE_NEEDS, raw[LINE]))
    device.points, lines = read_points(raw)
    return Entry(device=device, line=raw[LINE], point_lines=lines)


def read_points(raw: dict[str, Any]) -> tuple[list[PointInput], list[int]]:
    """Read the list `points` of a mapping that `load` gave; return them, and the lines that they are on."""
    points = raw.get("points") or []
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise wrong(
            raw[LINE], "points", "write a list of mappings, each with key, register_table, address and data_type"
        )
    read_ = [_point({name: value for name, value in point.items() if name != LINE}, point[LINE]) for point in points]
    return read_, [point[LINE] for point in points]


def write(devices: list[DeviceInput], form: FileFormat) -> str:
    """Write devices down, so that reading them gives the same again."""
    return _write_csv(devices) if form is FileFormat.CSV else _write_yaml(devices)


def _write_csv(devices: list[DeviceInput]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for device in devices:
        own = {column: getattr(device, name) for column, name in DEVICE_COLUMNS.items()}
        points: list[dict[str, Any]] = [{name: getattr(p, name) for name in POINT_FIELDS} for p in device.points]
        for point in points or [{}]:
            writer.writerow({name: _cell(value) for name, value in (own | point).items()})
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if value and not isinstance(value[0], str):
            return _LIST.join(map(repr, value))
        value = _LIST.join(value)
    return defused(value) if isinstance(value, str) else value


def _write_yaml(devices: list[DeviceInput]) -> str:
    tree = [plain(d, OWN_FIELDS) | {"points": [plain(p, POINT_FIELDS) for p in d.points]} for d in devices]
    return dump({"devices": tree})
