"""Of which point a reading is: by device and key, by the name another system has for it, or by a file that says which is which."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.history.rows import Integers
from ddms.registers import DataType
from ddms.stream import to_microseconds

READ_TARGETS = """-- ddms:read_import_targets
SELECT p.id, p.key, p.data_type, d.id AS device_id, d.name AS device, d.deleted_at IS NULL AS lives, d.retention_days, c.before
  FROM points p JOIN devices d ON d.id = p.device_id JOIN retention_cuts(now()) c ON c.device_id = d.id AND c.source = 'readings'
 ORDER BY d.deleted_at NULLS FIRST, p.id
"""
UNKNOWN, SKIPPED = -1, -2
_OF_WIDE = re.compile(r"(.+?) */ *([a-z][a-z0-9_]*)(?: \[[^\]]*\])?")
_COLUMNS = ("tag", "device", "point", "factor", "offset")


class Target(NamedTuple):
    """A point that takes readings, and what becomes of a value on its way."""

    number: int
    name: str
    device: str
    is_text: bool
    is_long: bool
    keeps_days: int
    kept_from: int
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """What a file says of a tag; without a device it is left out."""

    device: str
    point: str
    factor: float = 1.0
    offset: float = 0.0


class Points:
    """Finds the target of a tag; remembers those that it does not know, and how often they came."""

    def __init__(self, rows: Iterable[Any], mapped: dict[str, Mapped] | None = None, *, device: str = "") -> None:
        self.targets: list[Target] = []
        self.unknown: Counter[str] = Counter()
        self._mapped, self._device = mapped or {}, device
        self._by_name: dict[tuple[str, str], Target] = {}
        self._by_number: dict[int, tuple[str, Target]] = {}
        self._places: dict[tuple[str, ...], int] = {}
        for row in rows:
            target = _target(row)
            self._by_name.setdefault((row["device"].lower(), row["key"]), target)
            self._by_number[row["id"]] = (row["device"].lower(), target)
            self._by_name.setdefault((f"dev_{row['device_id']}", row["key"]), target)
        self._devices = {device for device, _ in self._by_name}
        if device and device.strip().lower() not in self._devices:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {device!r} with points", field="device")

    def places(self, tags: Sequence[tuple[str, ...]]) -> Integers:
        """Return the places in `targets` of tags: of (tag), (device, key), or (device, key, point id)."""
        known = self._places
        for tag in set(tags) - known.keys():
            known[tag] = self._place(tag)
        places = np.fromiter(map(known.__getitem__, tags), np.int64, len(tags))
        if (places == UNKNOWN).any():
            self.unknown.update(" / ".join(tags[place][:2]) for place in np.flatnonzero(places == UNKNOWN).tolist())
        return places

    def _place(self, tag: tuple[str, ...]) -> int:
        found = self._find(tag)
        if not isinstance(found, Target):
            return found
        self.targets.append(found)
        return len(self.targets) - 1

    def _find(self, tag: tuple[str, ...]) -> Target | int:
        if len(tag) == 1:
            word = tag[0].strip()
            if (mapped := self._mapped.get(word)) is not None:
                if not mapped.device:
                    return SKIPPED
                target = self._named(mapped.device, mapped.point)
                return target._replace(factor=mapped.factor, offset=mapped.offset) if target else UNKNOWN
            if re.fullmatch("pt_[0-9]{1,9}", word):
                return self._by_number.get(int(word[3:]), ("", UNKNOWN))[1]
            device, key = self._split(word)
            return self._named(device, key) or UNKNOWN
        device, key = tag[:2]
        if len(tag) == 3 and tag[2].isdecimal():  # of devices of one name, one of which was deleted
            name, target = self._by_number.get(int(tag[2]), ("", None))
            if target and name == device.strip().lower() and target.name.endswith(f" / {key.strip()}"):
                return target
        return self._named(device, key) or UNKNOWN

    def _split(self, word: str) -> tuple[str, str]:
        if self._device:
            return self._device, word.rpartition("/")[2].partition("[")[0].strip()
        if match := _OF_WIDE.fullmatch(word):
            return match[1], match[2]
        device, _, key = word.rpartition(".")
        return device, key

    def _named(self, device: str, key: str) -> Target | None:
        return self._by_name.get((device.strip().lower(), key.strip().lower()))


def _target(row: Any) -> Target:
    return Target(
        number=row["id"],
        name=f"{row['device']} / {row['key']}",
        device=row["device"],
        is_text=DataType(row["data_type"]).is_text,
        is_long=row["data_type"] in {"int64", "uint64"},
        keeps_days=row["retention_days"],
        kept_from=to_microseconds(row["before"]),
    )


async def read_points(connection: Connection, mapped: dict[str, Mapped] | None, device: str) -> Points:
    """Read which points there are; of deleted devices those whose history was kept."""
    return Points(await connection.fetch(READ_TARGETS), mapped, device=device)


def read_map(file: Path) -> dict[str, Mapped]:
    """Read which tag is which point: CSV with the columns tag, device, point, factor, offset, or YAML of the same names."""
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix in {".yaml", ".yml"}:
        rows: Any = yaml.safe_load(text)
        if isinstance(rows, dict):  # tag: device / point
            rows = [_of_word(str(tag), str(word)) for tag, word in rows.items()]
    else:
        head = text.partition("\n")[0]
        rows = list(csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=head.count)))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DdmsError(Code.INVALID, f"{file} is no list of tags: write tag, device and point of each")
    return dict(_mapped(file, number, row) for number, row in enumerate(rows, 1))


def _of_word(tag: str, word: str) -> dict[str, str]:
    device, _, point = word.rpartition("/")
    return {"tag": tag, "device": device, "point": point}


def _mapped(file: Path, number: int, row: dict[Any, Any]) -> tuple[str, Mapped]:
    cells = {str(name).strip().lower(): str(value).strip() for name, value in row.items() if value is not None}
    if strange := cells.keys() - set(_COLUMNS):
        raise DdmsError(Code.INVALID, f"{file}: {min(strange)!r} is no column of it: there are {', '.join(_COLUMNS)}")
    if not cells.get("tag") or bool(cells.get("device")) != bool(cells.get("point")):
        raise DdmsError(
            Code.INVALID, f"{file}, entry {number}: write tag, device and point; only the tag of one to leave out"
        )
    try:
        factor, offset = (float(cells.get(name) or default) for name, default in (("factor", 1), ("offset", 0)))
    except ValueError:
        factor = offset = np.nan
    if not np.isfinite(factor * offset) or factor == 0:
        raise DdmsError(Code.INVALID, f"{file}, entry {number}: factor and offset are numbers, a factor not 0")
    return cells["tag"], Mapped(
        device=cells.get("device", ""), point=cells.get("point", ""), factor=factor, offset=offset
    )
