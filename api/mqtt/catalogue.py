"""What is published: the devices of the groups that are chosen, their points, and what these are called at the broker."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.ground.database import Database
from ddms.registers import DataType

# A device is under the first of its groups, of those that are published.
READ_CATALOGUE = """-- ddms:read_published
SELECT d.id AS device_id, d.name AS device, coalesce(g.name, '') AS "group", p.id AS point_id, p.key, p.unit, p.data_type, p.scale,
       p.value_offset, p.expression <> '' OR p.scale_by <> '' AS is_computed
  FROM devices d JOIN points p ON p.device_id = d.id
  LEFT JOIN LATERAL (SELECT g.name FROM device_groups m JOIN groups g ON g.id = m.group_id
                      WHERE m.device_id = d.id AND ($1::text[] = '{}' OR lower(g.name) = any($1)) ORDER BY lower(g.name) LIMIT 1) g ON true
 WHERE d.deleted_at IS NULL AND d.enabled AND p.enabled AND ($1::text[] = '{}' OR g.name IS NOT NULL) ORDER BY d.id, p.id
"""
READ_MISSING_GROUPS = (
    "-- ddms:read_missing_groups\nSELECT array(SELECT unnest($1::text[]) EXCEPT SELECT lower(name) FROM groups)"
)


def escaped(name: str) -> str:
    """Return a name as one level of a topic: what means something there, and what no topic may hold, as `%2F`."""
    return re.sub(r"[%/+#\x00-\x1f\x7f-\x9f]", lambda found: "".join(f"%{b:02X}" for b in found[0].encode()), name)


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedPoint:
    """A point, as it is published."""

    number: int
    key: str
    unit: str
    kind: type
    """bool, int, float or str: what its values are."""
    is_unsigned: bool = False
    """Whether it may be a whole number of 64 bits without a sign."""

    def typed(self, value: float, text: str | None) -> bool | int | float | str | None:
        """Return a value as what it is; None for none. A text is that of a string, or all digits of a large integer."""
        if self.kind is str:
            return text
        if self.kind is int and text is not None and re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        if math.isnan(value):
            return None
        return self.kind(value) if self.kind is not int or value.is_integer() else value


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedDevice:
    """A device, as it is published."""

    number: int
    name: str
    group: str
    points: tuple[PublishedPoint, ...]


class Catalogue:
    """All devices that are published, by number."""

    def __init__(self, devices: Iterable[PublishedDevice]) -> None:
        self.devices = {device.number: device for device in devices}
        self.points = {point.number: (device, point) for device in self.devices.values() for point in device.points}
        self.numbers: NDArray[np.intp] = np.array(sorted(self.points), np.intp)

    @classmethod
    async def read(cls, database: Database, groups: Iterable[str]) -> "Catalogue":
        """Read it."""
        rows = await database.rows(READ_CATALOGUE, [group.lower() for group in groups])
        points: dict[int, list[PublishedPoint]] = {}
        for row in rows:
            point = PublishedPoint(
                number=row["point_id"], key=row["key"], unit=row["unit"], kind=_kind(row), is_unsigned=_is_unsigned(row)
            )
            points.setdefault(row["device_id"], []).append(point)
        named = {row["device_id"]: (row["device"], row["group"]) for row in rows}
        return cls(
            PublishedDevice(number=number, name=name, group=group, points=tuple(points[number]))
            for number, (name, group) in named.items()
        )


def _kind(row: Any) -> type:
    data_type = DataType(row["data_type"])
    if data_type.is_text:
        return str
    if row["is_computed"] or not (float(row["scale"]).is_integer() and float(row["value_offset"]).is_integer()):
        return float
    if data_type.bits == 1 and row["scale"] == 1 and row["value_offset"] == 0:
        return bool
    return float if data_type.value.startswith("float") or data_type.is_time else int


def _is_unsigned(row: Any) -> bool:
    return _kind(row) is int and row["data_type"] == DataType.UINT64 and row["scale"] > 0 and row["value_offset"] >= 0
