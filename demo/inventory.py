"""The demo's plant as a table: gateways, devices, points and faults, read from devices.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ddms.registers import ByteOrder, DataType, Register, RegisterTable


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
    interval_s: int = 10
    deadband: float = 0.0
    valid: tuple[float | None, float | None] = (None, None)
    sentinels: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """Something that comes every so many seconds and lasts a while."""

    every: float
    lasting: float
    points: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """What is wrong with a device; see devices.yaml."""

    silent: Spell | None = None
    closes: Spell | None = None
    no_value: Spell | None = None
    slow: float = 0.0
    refuses: tuple[str, ...] = ()


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
    """Read devices.yaml; a slip in it raises `ValueError` or `TypeError`, which the tests see first."""
    table = yaml.safe_load(files("demo").joinpath("devices.yaml").read_text(encoding="utf-8"))
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
            faults=_faults(row.get("faults", {})),
        )
        for row in table["devices"]
    )
    return Inventory(gateways=gateways, devices=devices)


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
        interval_s=row["every"],
        deadband=float(row.get("deadband", 0)),
        valid=(low, high),
        sentinels=tuple(float(s) for s in row.get("sentinels", ())),
    )


def _faults(row: Mapping[str, Any]) -> Faults:
    return Faults(
        silent=_spell(row.get("silent")),
        closes=_spell(row.get("closes")),
        no_value=_spell(row.get("no_value")),
        slow=float(row.get("slow", 0)),
        refuses=tuple(row.get("refuses", ())),
    )


def _spell(row: Mapping[str, Any] | None) -> Spell | None:
    if row is None:
        return None
    return Spell(every=float(row["every"]), lasting=float(row["for"]), points=tuple(row.get("points", ())))
