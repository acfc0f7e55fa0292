"""Points: one measured value of a device, where it lies and how it is read."""

import math
from collections.abc import Collection, Iterator
from dataclasses import fields
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import strawberry

from api.graphql.context import Info
from api.graphql.described import field, input_type, output_type, resolver
from api.graphql.enums import reason_of
from api.graphql.together import together
from api.ground.database import Row
from api.ground.ids import IdKind, to_id
from api.limits.types import AlarmLimit, LimitInput, limits_of, own_problems
from api.points.value_names import ValueName, ValueNameInput
from ddms import inputs, intervals, value_names
from ddms.errors import Code, DdmsError, Sentence
from ddms.expressions import Reference, parse, problems_of
from ddms.limits import faults
from ddms.quality import Quality, Reason, quality_of
from ddms.registers import ByteOrder, DataType, Register, RegisterTable, sentinel, value_span
from ddms.value_names import Lookup

if TYPE_CHECKING:
    from api.devices.types import Device

MOST_POINTS = 20_000

LIST_POINTS = """-- ddms:list_points
SELECT p.*, l.time AS latest_time, l.value AS latest_value, l.text AS latest_text, l.quality AS latest_quality
  FROM points p LEFT JOIN latest l ON l.point_id = p.id
 WHERE ($1::int[] IS NULL OR p.id = any($1)) AND ($2::int[] IS NULL OR p.device_id = any($2))
 ORDER BY p.device_id, p.register_table, p.address, p.bit NULLS FIRST, p.key
"""


@output_type
class Reading:
    """One reading of a point."""

    time: datetime = field(description="When it was read.")
    value: float | None = field(description="The value in the point's unit; null when it is bad or a text.")
    text: str | None = field(description="The text of a string point; null where the point has a number.")
    quality: Quality = field(description="How far it can be trusted.")
    reason: Reason = field(description="Why it is not better.")
    value_name: str | None = field(default=None, description="What the value is called: `Fault`; null without a name.")


@output_type
class Point:
    """One measured value of a device: which register, how it is decoded, how often it is read."""

    id: strawberry.ID = field(description="Opaque and stable, `pt_345`.")
    device_id: strawberry.ID = field(description="The device it belongs to.")
    key: str = field(description="Its short name, unique in its device: `flow_rate`.")
    name: str = field(description="Its name for people, `Flow rate`.")
    unit: str = field(description="Unit of the value, `°C`; empty when it has none.")
    register_table: RegisterTable = field(description="The table it is read from.")
    address: int = field(description="Protocol address, counted from 0: a manual's holding register 40001 is 0.")
    data_type: DataType = field(description="What its bits mean.")
    bit: int | None = field(
        description="Which bit of the word, 0 (least significant) to 15, of BITS the lowest; null for other types than BIT and BITS."
    )
    length: int | None = field(description="Words of a text, or how many bits BITS has; null for other types.")
    byte_order: ByteOrder = field(description="The order of its bytes.")
    scale: float = field(description="value = raw × scale + offset.")
    offset: float = field(description="value = raw × scale + offset.")
    scale_by: str = field(
        description="By what registers the value is multiplied besides, `10 ** w_sf`; empty: by none."
    )
    expression: str = field(
        description="Of a calculated point: what is computed, over points of the same device by their keys and of others as "
        '`"Pump 1".flow`; empty for one that is read.'
    )
    counter: bool = field(
        description="Whether it counts up, as a meter does: `series` then has its increase and its rate."
    )
    modulus: float | None = field(
        description="The value at which a counter begins at 0 again, in its unit; null: as its data type says, a float's never."
    )
    interval_seconds: float = field(description="How often it is read, in seconds.")
    deadband: float = field(description="A change smaller than this, in its unit, is not stored before the heartbeat.")
    heartbeat_seconds: int = field(description="With a deadband it is stored at least this often, in seconds.")
    valid_min: float | None = field(description="A value below this, in the point's unit, is bad; null: no limit.")
    valid_max: float | None = field(description="A value above this, in the point's unit, is bad; null: no limit.")
    sentinels: list[float] = field(description="Raw values with which the device says that it has no value.")
    value_names: list[ValueName] = field(
        description="What its values are called, by value; one without a name is a number."
    )
    enabled: bool = field(description="Whether it is read.")
    latest: Reading | None = field(description="The newest reading; null before the first one.")
    number: strawberry.Private[int]
    device_number: strawberry.Private[int]

    @property
    def names(self) -> Lookup:
        """What its values are called, for one look each."""
        return {one.value: one.name for one in self.value_names}

    @resolver
    async def device(self, info: Info) -> Annotated["Device", strawberry.lazy("api.devices.types")]:
        """The device it belongs to."""
        from api.devices.types import by_numbers  # noqa: PLC0415 - devices and points know each other

        device = await together(info.context, by_numbers, self.device_number)
        assert device is not None  # noqa: S101 - a point has a device
        return device

    @resolver
    async def limits(self, info: Info) -> list[AlarmLimit]:
        """What of its values is an alarm, levels from low-low to high-high first."""
        return await together(info.context, limits_of, self.number) or []

    @classmethod
    def of(cls, row: Row) -> "Point":
        """Make it of its row in `points`, with its row in `latest`."""
        return cls(
            id=to_id(IdKind.POINT, row["id"]),
            device_id=to_id(IdKind.DEVICE, row["device_id"]),
            number=row["id"],
            device_number=row["device_id"],
            latest=_latest(row),
            **_configured(row)
            | {"value_names": [ValueName(**one._asdict()) for one in value_names.of_stored(row["value_names"])]},
        )


def _latest(row: Row) -> Reading | None:
    if row["latest_time"] is None:
        return None
    code = row["latest_quality"]
    return Reading(
        time=row["latest_time"],
        value=row["latest_value"],
        text=row["latest_text"],
        quality=quality_of(code),
        reason=reason_of(code),
        value_name=value_names.lookup(row["value_names"]).get(row["latest_value"]),
    )


def _configured(row: Row) -> dict[str, Any]:
    """Return what a person configures of a point, under the names of `PointInput`."""
    values = {name: row[COLUMNS.get(name, name)] for name in POINT_FIELDS}
    values["register_table"] = RegisterTable(values["register_table"])
    values["data_type"] = DataType(values["data_type"])
    values["byte_order"] = ByteOrder(values["byte_order"])
    values["interval_seconds"] = intervals.tidy(values["interval_seconds"])
    values["value_names"] = ValueNameInput.of(value_names.of_stored(values["value_names"]))
    return values


@input_type
class PointInput:
    """One measured value of a device, as it shall be."""

    key: str = field(
        description="A short name, unique in the device: lower-case letters, digits and `_`, a letter first."
    )
    register_table: RegisterTable = field(
        default=None,
        graphql_type=RegisterTable | None,
        description="The table it is read from; needed, unless it has an expression.",
    )
    address: int = field(
        default=None,
        graphql_type=int | None,
        description="Protocol address, counted from 0: a manual's holding register 40001 is 0; needed, unless it has an expression.",
    )
    data_type: DataType = field(
        default=None,
        graphql_type=DataType | None,
        description="What its bits mean; needed, unless it has an expression.",
    )
    name: str = field(default="", description="A name for people; the key when left out.")
    unit: str = field(default="", description="Unit of the value, `m³/h`, at most 24 characters.")
    bit: int | None = field(
        default=None, description="Which bit of the word, 0 to 15, of BITS the lowest; only for these."
    )
    length: int | None = field(
        default=None, description="Words of a text, 1 to 125, or bits of BITS, 2 to 16; only for these."
    )
    byte_order: ByteOrder = field(default=ByteOrder.ABCD, description="The order of its bytes.")
    scale: float = field(default=1.0, description="value = raw × scale + offset; not 0.")
    offset: float = field(default=0.0, description="value = raw × scale + offset.")
    scale_by: str = field(
        default="",
        description="By what registers of the same device the value is multiplied besides: `10 ** w_sf` where a power of ten is in the "
        "point `w_sf`, `1 / divisor`, `ct_ratio * pt_ratio`; an expression, at most 2,000 characters.",
    )
    expression: str = field(
        default="",
        description="Makes it a calculated point: `volts * amperes / 1000`, `if(running, power / flow, 0)`. It names points of the same device by "
        'their keys, and of others as `"Pump 1".flow`; at most 2,000 characters and 100 points.',
    )
    counter: bool = field(
        default=False, description="Whether it counts up, as a meter does: `series` then has its increase and its rate."
    )
    modulus: float | None = field(
        default=None,
        description="Of a counter: the value, in its unit, at which it begins at 0 again, `1000000` of a meter with six digits. "
        "Left out, an integer begins again when its bits are full, a float never.",
    )
    interval_seconds: float = field(
        default=10, description="How often it is read, 0.1 to 86,400 seconds (a day), to the millisecond."
    )
    deadband: float = field(
        default=0.0,
        description="A change smaller than this, in its unit, is not stored before the heartbeat; 0 stores all.",
    )
    heartbeat_seconds: int = field(
        default=600, description="With a deadband it is stored at least this often, 1 to 86400 seconds."
    )
    valid_min: float | None = field(
        default=None, description="A value below this, in the point's unit, is bad; null: no limit."
    )
    valid_max: float | None = field(
        default=None, description="A value above this, in the point's unit, is bad; null: no limit."
    )
    sentinels: list[float] = field(
        default_factory=list, description="Raw values with which the device says that it has no value; at most 8."
    )
    value_names: list[ValueNameInput] = field(
        default_factory=list,
        description="What its values are called, as of a state: at most 256 whole numbers, each with its name.",
    )
    enabled: bool = field(default=True, description="Whether it is read.")
    limits: list[LimitInput] | None = field(
        default=None,
        description="All its limits, at most 100: what of its values is an alarm. Left out, a point keeps those that it has, "
        "and a new one gets those of its profile.",
    )
    taken: ClassVar[tuple[tuple[float, float], ...]] = ()
    """Sentinels that were written as a bit pattern, with the raw values that they stand for."""

    def checked(self, where: str = "") -> "PointInput":
        """Return it in its one spelling; a mistake raises, with `where` before the name of its field."""
        for field_name, sentence in self.problems():
            raise DdmsError(Code.INVALID, sentence, field=where + field_name)
        return self

    def problems(self) -> Iterator[tuple[str, str]]:
        """Bring it to its one spelling; give each mistake with its field."""
        yield from inputs.spell(self, "name", partial(inputs.name, least=0))
        yield from inputs.spell(self, "unit", partial(inputs.name, least=0, most=24))
        self.name = self.name or self.key
        yield from inputs.spell(self, "key", inputs.key)
        if lacking := [*self._lacks()]:
            yield from lacking
            return
        yield from self._expressions()
        for name, (low, high) in _RANGES.items():
            if not low <= getattr(self, name) <= high:
                yield name, Sentence("it must be from {} to {}", low, high)
        self.interval_seconds = intervals.tidy(self.interval_seconds)
        if (told := round(self.interval_seconds, 3)) != self.interval_seconds:
            yield "interval_seconds", Sentence("an interval is told to the millisecond: write {}", told)
        if self.scale == 0:
            yield "scale", "a scale of 0 would make every value the same: use 1 for raw values"
        if self.valid_min is not None and self.valid_max is not None and self.valid_min >= self.valid_max:
            yield "valid_max", "validMax must be above validMin"
        yield from self._counts()
        yield from self._range()
        if not self.expression and (problem := self.register.problem()):
            yield problem
        else:
            yield from self._sentinels()
            yield from self._names()
        if self.limits:
            yield from self.problems_of_limits()

    def _lacks(self) -> Iterator[tuple[str, str]]:
        """Give which fields of its register it lacks; what is calculated has none."""
        self.expression, self.scale_by = self.expression.strip(), self.scale_by.strip()
        for name, stand_in in CALCULATED.items():
            if self.expression and getattr(self, name) is None:
                setattr(self, name, stand_in)
            elif getattr(self, name) is None:
                yield name, "this is needed, unless the point has an expression"
        if self.register_table is RegisterTable.CALCULATED and not self.expression:
            yield "expression", "a calculated point has an expression over other points, as `volts * amperes`"

    def _expressions(self) -> Iterator[tuple[str, str]]:
        if self.expression:
            for name, usual in _OF_CALCULATED.items():
                if getattr(self, name) != usual:
                    yield name, "what is calculated has none of this: leave it out, or write it into the expression"
        if self.scale_by and self.data_type.is_text:
            yield "scale_by", "a text is not scaled"
        if self.expression:
            yield from (("expression", problem) for problem in problems_of(self.expression, self.key))
        if self.scale_by:
            yield from (("scale_by", problem) for problem in problems_of(self.scale_by, self.key, is_factor=True))

    @property
    def references(self) -> tuple[Reference, ...]:
        """The points that it is computed of or scaled by; it was checked."""
        return parse(self.expression or self.scale_by).references if self.expression or self.scale_by else ()

    def _counts(self) -> Iterator[tuple[str, str]]:
        if not self.counter:
            if self.modulus is not None:
                yield "modulus", "only a counter begins again: set `counter`, or leave the modulus out"
            return
        if self.data_type in _NO_COUNTERS:
            yield "counter", Sentence("a {} does not count: leave `counter` out", self.data_type.value)
        if self.scale < 0:
            yield "scale", "a counter counts up: its scale is above 0"
        if self.modulus is not None and not 0 < self.modulus <= _LARGEST:
            yield "modulus", "a modulus is a number above 0, as 1000000; leave it out when the data type says it"

    def _sentinels(self) -> Iterator[tuple[str, str]]:
        if len(self.sentinels) > 8:
            yield "sentinels", "at most 8 sentinels"
        if not all(map(math.isfinite, self.sentinels)):
            yield "sentinels", "a number is finite"
            return
        try:
            self._take([sentinel(self.data_type, number) for number in self.sentinels])
        except ValueError as error:
            yield "sentinels", error.args[0]

    def _names(self) -> Iterator[tuple[str, str]]:
        if self.value_names and self.data_type.is_text:
            yield "value_names", "a text needs no names: they are for numbers"
            return
        try:
            names = value_names.checked(one.named for one in self.value_names)
        except ValueError as error:
            yield "value_names", error.args[0]
            return
        low, high = self._span()
        for one in names:
            if not low <= one.value <= high:
                yield (
                    "value_names",
                    Sentence(
                        "{:.15g} never comes: values of this point go from {:.15g} to {:.15g}", one.value, low, high
                    ),
                )
                return
        self.value_names = ValueNameInput.of(names)

    def _range(self) -> Iterator[tuple[str, str]]:
        limits = {"valid_min": self.valid_min, "valid_max": self.valid_max}
        for name, limit in limits.items():
            if limit is not None and not -_LARGEST <= limit <= _LARGEST:
                yield name, "a limit is a finite number: leave it out for none"
        if self.data_type.is_text and limits != {"valid_min": None, "valid_max": None}:
            yield "valid_min" if self.valid_min is not None else "valid_max", "a text has no valid range"
        elif not self.scale_by and (span := value_span(self.data_type, self.scale, self.offset)):
            low, high = span
            if (self.valid_min is not None and self.valid_min > high) or (
                self.valid_max is not None and self.valid_max < low
            ):
                sentence = Sentence(
                    "no value can lie in the valid range: with this type, scale and offset values go from {:g} to {:g}",
                    low,
                    high,
                )
                yield "valid_min" if self.valid_min is not None and self.valid_min > high else "valid_max", sentence

    def problems_of_limits(self, other_keys: Collection[str] | None = None) -> Iterator[tuple[str, str]]:
        """Give each mistake in its limits with its field; `other_keys` are those of the device's other points, once they are known."""
        limits = self.limits or []
        own = [*own_problems(limits)]
        yield from own
        if own:
            return
        for fault in faults(
            [limit.written for limit in limits],
            own_key=self.key,
            other_keys=other_keys,
            span=self._span(),
            data_type=self.data_type,
            is_scaled=(self.scale, self.offset, self.scale_by) != (1, 0, ""),
        ):
            yield f"limits.{fault.place}.{fault.field}", fault.sentence

    def _span(self) -> tuple[float, float]:
        """Return its smallest and its largest valid value."""
        span = None if self.scale_by else value_span(self.data_type, self.scale, self.offset)
        low, high = span or (-math.inf, math.inf)
        return (
            low if self.valid_min is None else max(low, self.valid_min),
            high if self.valid_max is None else min(high, self.valid_max),
        )

    def _take(self, raw: list[float]) -> None:
        """Take sentinels as raw values, and remember what was written as a bit pattern."""
        taken = [(given, meant) for given, meant in zip(self.sentinels, raw, strict=True) if given != meant]
        if taken:
            object.__setattr__(self, "taken", (*self.taken, *taken))
            self.sentinels = raw

    @property
    def register(self) -> Register:
        """Where it lies."""
        return Register(
            table=self.register_table,
            address=self.address,
            data_type=self.data_type,
            byte_order=self.byte_order,
            bit=self.bit,
            length=self.length,
        )

    def row(self) -> dict[str, Any]:
        """Return it, without its limits, under the names of the database's columns."""
        row = {COLUMNS.get(name, name): getattr(self, name) for name in POINT_FIELDS}
        return row | {"value_names": value_names.stored(one.named for one in self.value_names)}

    def audited(self) -> dict[str, Any]:
        """Return it with its limits, as the audit shows it."""
        return self.row() | ({} if self.limits is None else {"limits": [limit.row() for limit in self.limits]})

    @classmethod
    def of(cls, row: Row, limits: list[LimitInput] | None = None) -> "PointInput":
        """Return what a stored point would be made of."""
        return cls(**_configured(row), limits=limits)


COLUMNS = {"interval_seconds": "interval_s", "heartbeat_seconds": "heartbeat_s", "offset": "value_offset"}
"""Where a column has another name than the field."""
POINT_FIELDS = tuple(f.name for f in fields(PointInput) if f.name != "limits")
CALCULATED: dict[str, Any] = {
    "register_table": RegisterTable.CALCULATED,
    "address": 0,
    "data_type": DataType.FLOAT64,
}
"""What a calculated point has in place of its register."""
_OF_CALCULATED = CALCULATED | {
    "bit": None, "length": None, "byte_order": ByteOrder.ABCD, "scale": 1.0, "offset": 0.0, "scale_by": "", "sentinels": [],
}  # fmt: skip
_LARGEST = 1.7e308
_NO_COUNTERS = {DataType.BOOL, DataType.BIT, DataType.BITS} | {
    kind for kind in DataType if kind.is_text or kind.is_time
}
_RANGES: dict[str, tuple[float, float]] = {
    "interval_seconds": (intervals.SHORTEST, intervals.LONGEST),
    "heartbeat_seconds": (1, 86400),
    "deadband": (0, _LARGEST),
    "scale": (-_LARGEST, _LARGEST),
    "offset": (-_LARGEST, _LARGEST),
}
