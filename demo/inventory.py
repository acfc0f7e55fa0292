"""The demo's plant as a table: gateways, devices, points and faults, read from devices.yaml, and limits, from limits.yaml."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ddms import value_names
from ddms.registers import ByteOrder, DataType, Register, RegisterTable
from ddms.value_names import Named


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """A Modbus TCP port with units behind it; `port` is the one it likes best."""

    key: str
    port: int
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantPoint:
    """A measured value, as the database has it; `key` is also the attribute of the model that moves it."""

    key: str
    name: str
    register: Register
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    counter: bool = False
    interval_s: float = 10
    deadband: float = 0.0
    valid: tuple[float | None, float | None] = (None, None)
    sentinels: tuple[float, ...] = ()
    names: tuple[Named, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """Something that comes every so many seconds and lasts a while."""

    every: float
    lasting: float
    first: float | None = None
    points: tuple[str, ...] = ()

    def since(self, now: float, begun: float) -> float | None:
        """Return for how many seconds it is there, in a plant that was started at `begun`; None while it is not.

        `first`: how long after that start it comes first; else it goes by the clock.
        """
        gone_by = now if self.first is None else now - begun - self.first
        return gone_by % self.every if gone_by >= 0 and gone_by % self.every < self.lasting else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A point that goes wrong by so much: within `over` seconds and as slowly back, or to and fro in waves of `wave` seconds."""

    point: str
    by: float
    spell: Spell
    over: float = 0.0
    wave: float = 0.0

    def size(self, since: float) -> float:
        """Return by how much, so many seconds after it came."""
        if self.wave:
            return self.by * math.sin(2 * math.pi * since / self.wave)
        edge = min(since, self.spell.lasting - since)
        return self.by * (min(1.0, edge / self.over) if self.over else 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What is wrong with a device; see devices.yaml."""

    silent: Spell | None = None
    closes: Spell | None = None
    no_value: Spell | None = None
    trips: Spell | None = None
    shifts: tuple[Shift, ...] = ()
    slow: float = 0.0
    refuses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantLimit:
    """A limit of a point: `fields` are columns of the table `limits`, the texts included."""

    point: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlantDevice:
    """A unit behind a gateway; `model` names its class and `arguments` are what the class is told."""

    name: str
    description: str
    gateway: str
    unit_id: int
    model: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    points: tuple[PlantPoint, ...]
    limits: tuple[PlantLimit, ...] = ()
    faults: Faults = Faults()


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """The whole plant."""

    gateways: tuple[Gateway, ...]
    devices: tuple[PlantDevice, ...]

    def behind(self, gateway: str) -> tuple[PlantDevice, ...]:
        """Return the units of a gateway."""
        return tuple(device for device in self.devices if device.gateway == gateway)


@cache
def read() -> Inventory:
    """Read devices.yaml and limits.yaml; a slip in them raises `ValueError` or `TypeError`, which the tests see first."""
    table, limits = _table("devices.yaml"), _table("limits.yaml")
    gateways = tuple(Gateway(key=key, **values) for key, values in table["gateways"].items())
    maps = {name: tuple(_point(p, kind["table"]) for p in kind["points"]) for name, kind in table["kinds"].items()}
    devices = tuple(
        PlantDevice(
            name=row["name"],
            description=row.get("description", ""),
            gateway=row["gateway"],
            unit_id=row["unit"],
            model=table["kinds"][row["kind"]]["class"],
            arguments=row.get("with", {}),
            points=maps[row["kind"]],
            limits=tuple(_limit(limit) for limit in limits if row["name"].startswith(tuple(limit["devices"]))),
            faults=_faults(row.get("faults", {})),
        )
        for row in table["devices"]
    )
    return Inventory(gateways=gateways, devices=devices)


def _table(name: str) -> Any:
    return yaml.safe_load(files("demo").joinpath(name).read_text(encoding="utf-8"))


def _limit(row: Mapping[str, Any]) -> PlantLimit:
    texts = {name: row[name] for name in ("cause", "consequence", "action")}
    return PlantLimit(point=row["point"], fields=row["limit"] | texts)


def _point(row: Mapping[str, Any], table: str) -> PlantPoint:
    register = Register(
        table=RegisterTable(row.get("table", table)),
        address=row["address"],
        data_type=DataType(row.get("type", "uint16")),
        byte_order=ByteOrder(row.get("order", "ABCD")),
        bit=row.get("bit"),
        length=row.get("length"),
    )
    low, high = row.get("valid", (None, None))
    return PlantPoint(
        key=row["key"],
        name=row["name"],
        register=register,
        unit=row.get("unit", ""),
        scale=float(row.get("scale", 1)),
        offset=float(row.get("offset", 0)),
        counter=row.get("counter", False),
        interval_s=row["every"],
        deadband=float(row.get("deadband", 0)),
        valid=(low, high),
        sentinels=tuple(float(s) for s in row.get("sentinels", ())),
        names=tuple(value_names.read(row["names"])) if "names" in row else (),
    )


def _faults(row: Mapping[str, Any]) -> Faults:
    return Faults(
        silent=_spell(row.get("silent")),
        closes=_spell(row.get("closes")),
        no_value=_spell(row.get("no_value")),
        trips=_spell(row.get("trips")),
        shifts=tuple(_shift(shift) for shift in row.get("shifts", ())),
        slow=float(row.get("slow", 0)),
        refuses=tuple(row.get("refuses", ())),
    )


def _spell(row: Mapping[str, Any] | None) -> Spell | None:
    if row is None:
        return None
    first = row.get("first")
    return Spell(
        every=float(row["every"]),
        lasting=float(row["for"]),
        first=None if first is None else float(first),
        points=tuple(row.get("points", ())),
    )


def _shift(row: Mapping[str, Any]) -> Shift:
    return Shift(
        point=row["point"],
        by=float(row["by"]),
        spell=Spell(every=float(row["every"]), lasting=float(row["for"]), first=float(row["first"])),
        over=float(row.get("over", 0)),
        wave=float(row.get("wave", 0)),
    )
