"""Limits of points: as a person writes them, and as they are shown."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

import strawberry

from api.graphql.described import describe_enum, field, input_type, output_type
from api.ground.database import Database, Row
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.alarms import Priority
from ddms.errors import Sentence
from ddms.limits import LEVELS, Direction, LimitKind, WrittenLimit

MOST_LIMITS = 100
"""Of one point."""
NULLABLE = frozenset({"respond_within_seconds"})
COLUMNS = {
    "period_seconds": "period_s",
    "on_delay_seconds": "on_delay_s",
    "off_delay_seconds": "off_delay_s",
    "respond_within_seconds": "respond_within_s",
}
"""Where a column has another name than the field."""
_RANGES: dict[str, tuple[int, int]] = {
    "period_seconds": (1, 86_400),
    "on_delay_seconds": (0, 86_400),
    "off_delay_seconds": (0, 86_400),
    "respond_within_seconds": (1, 604_800),
}
_TEXTS = ("cause", "consequence", "action")
_MOST_VALUES = 32

describe_enum(
    LimitKind,
    name="LimitKind",
    description="What of a point is compared, and with what.",
    values={
        "LOW_LOW": "The value is below the threshold; the lowest of four levels.",
        "LOW": "The value is below the threshold.",
        "HIGH": "The value is above the threshold.",
        "HIGH_HIGH": "The value is above the threshold; the highest of four levels.",
        "DEVIATION": "The value is further than the threshold from that of `referenceKey`.",
        "RATE": "The value changes by more than the threshold within `periodSeconds`.",
        "BIT": "The bit of this number is 1 (`inverted`: 0).",
        "VALUE": "The value is one of `alarmValues` (`inverted`: none of them).",
    },
)
describe_enum(
    Direction,
    name="LimitDirection",
    description="To which side a deviation or a change counts.",
    values={
        "EITHER": "Both.",
        "ABOVE": "The value is above the other point's, or rises.",
        "BELOW": "The value is below the other point's, or falls.",
    },
)

_SAID = {
    "key": "Its name within the point: `high`, `fault_bit_3`.",
    "kind": "What is compared.",
    "threshold": "In the unit of the point: the level; of DEVIATION the distance, of RATE the change within `periodSeconds`.",
    "direction": "Of DEVIATION and RATE: to which side it counts.",
    "reference_key": "Of DEVIATION: key of the point of the same device to compare with.",
    "period_seconds": "Of RATE: over how many seconds the change is taken.",
    "bit": "Of BIT: its number in the integer that was read, 0 the lowest.",
    "alarm_values": "Of VALUE: the values that are an alarm.",
    "inverted": "Of BIT: alarm when it is 0; of VALUE: when it is none of them.",
    "hysteresis": "How far behind the threshold the value must be before the alarm clears, in its unit.",
    "on_delay_seconds": "How long it must be violated, by the times of the readings, before the alarm is raised.",
    "off_delay_seconds": "How long it must be normal, by the times of the readings, before the alarm clears.",
    "priority": "How much the alarm matters.",
    "enabled": "Whether it is watched.",
    "latched": "Whether the alarm stays after the value is normal again, until somebody acknowledges it then.",
    "cause": "For the operator: what is probably the matter.",
    "consequence": "For the operator: what happens when nobody does anything.",
    "action": "For the operator: what to do.",
    "respond_within_seconds": "For the operator: within how many seconds.",
}
_NONE = "; null for the other kinds."


def _said(name: str, more: str = "") -> str:
    return _SAID[name].removesuffix(".") + more if more else _SAID[name]


@strawberry.type
class LimitFields:
    """What a limit of a point and one of a profile have alike."""

    key: str = field(description=_said("key"))
    kind: LimitKind = field(description=_said("kind"))
    threshold: float | None = field(description=_said("threshold", "; null for BIT and VALUE."))
    direction: Direction = field(description=_said("direction"))
    reference_key: str | None = field(description=_said("reference_key", _NONE))
    period_seconds: int = field(description=_said("period_seconds"))
    bit: int | None = field(description=_said("bit", _NONE))
    alarm_values: list[float] = field(description=_said("alarm_values", "; empty for the other kinds."))
    inverted: bool = field(description=_said("inverted"))
    hysteresis: float = field(description=_said("hysteresis"))
    on_delay_seconds: int = field(description=_said("on_delay_seconds"))
    off_delay_seconds: int = field(description=_said("off_delay_seconds"))
    priority: Priority = field(description=_said("priority"))
    enabled: bool = field(description=_said("enabled"))
    latched: bool = field(description=_said("latched"))
    cause: str = field(description=_said("cause"))
    consequence: str = field(description=_said("consequence"))
    action: str = field(description=_said("action"))
    respond_within_seconds: int | None = field(
        description=_said("respond_within_seconds", "; null when nothing is said.")
    )


@output_type
class AlarmLimit(LimitFields):
    """A limit of a point: what of its values is an alarm, and what the operator reads then."""

    id: strawberry.ID = field(description="Opaque and stable, `lim_4`.")
    point_id: strawberry.ID = field(description="The point whose readings are compared.")
    from_profile: bool = field(description="Whether it came from the device's profile, and follows that.")

    @classmethod
    def of(cls, row: Row) -> "AlarmLimit":
        """Make it of its row in `limits`."""
        return cls(
            id=to_id(IdKind.LIMIT, row["id"]),
            point_id=to_id(IdKind.POINT, row["point_id"]),
            from_profile=row["from_profile"],
            **configured(row),
        )


@output_type
class ProfileLimit(LimitFields):
    """A limit of a point of a profile; each device that follows it has a copy."""

    @classmethod
    def of(cls, limit: "LimitInput") -> "ProfileLimit":
        """Make it of what it was written as."""
        return cls(**{name: getattr(limit, name) for name in LIMIT_FIELDS})


@input_type
class LimitInput:
    """A limit of a point, as it shall be."""

    key: str = field(
        default="",
        description="Its name within the point; left out, that of its kind: `high`, `rate`, `bit_3`. A level has no other.",
    )
    kind: LimitKind = field(description=_said("kind"))
    threshold: float | None = field(default=None, description=_said("threshold", "; not for BIT and VALUE."))
    direction: Direction = field(default=Direction.EITHER, description=_said("direction"))
    reference_key: str | None = field(default=None, description=_said("reference_key"))
    period_seconds: int = field(default=60, description=_said("period_seconds", ", 1 to 86400."))
    bit: int | None = field(default=None, description=_said("bit"))
    alarm_values: list[float] = field(default_factory=list, description=_said("alarm_values", ", at most 32."))
    inverted: bool = field(default=False, description=_said("inverted"))
    hysteresis: float = field(default=0.0, description=_said("hysteresis"))
    on_delay_seconds: int = field(default=0, description=_said("on_delay_seconds", "; 0 to 86400."))
    off_delay_seconds: int = field(default=0, description=_said("off_delay_seconds", "; 0 to 86400."))
    priority: Priority = field(default=Priority.MEDIUM, description=_said("priority"))
    enabled: bool = field(default=True, description=_said("enabled"))
    latched: bool = field(default=False, description=_said("latched"))
    cause: str = field(default="", description=_said("cause", ", at most 2,000 characters."))
    consequence: str = field(default="", description=_said("consequence", ", at most 2,000 characters."))
    action: str = field(default="", description=_said("action", ", at most 2,000 characters."))
    respond_within_seconds: int | None = field(
        default=None, description=_said("respond_within_seconds", ", 1 to 604800.")
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Bring it to its one spelling; give each mistake with its field. `ddms.limits.faults` says what is wrong beside."""
        usual = self.usual_key
        self.key = self.key or usual
        yield from inputs.spell(self, "key", inputs.key)
        if self.kind in LEVELS and self.key != usual:
            yield "key", Sentence("a level is called as its kind: leave the key out, or write {}", usual)
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (low <= value <= high if value is not None else name in NULLABLE):
                yield name, Sentence("it must be from {} to {}", low, high)
        for name in _TEXTS:
            yield from inputs.spell(self, name, partial(inputs.text, most=inputs.MOST_TEXT))
        if len(self.alarm_values) > _MOST_VALUES:
            yield "alarm_values", Sentence("at most {} values", _MOST_VALUES)
        elif not all(map(math.isfinite, self.alarm_values)):
            yield "alarm_values", "a number is finite"

    @property
    def usual_key(self) -> str:
        """The key that it has when none is given."""
        has_bit = self.kind is LimitKind.BIT and self.bit is not None and self.bit >= 0
        return f"bit_{self.bit}" if has_bit else self.kind.value

    @property
    def written(self) -> WrittenLimit:
        """What `ddms.limits.faults` looks at."""
        names = [f.name for f in fields(WrittenLimit)]
        return WrittenLimit(**{n: getattr(self, n) for n in names} | {"alarm_values": tuple(self.alarm_values)})

    def row(self) -> dict[str, Any]:
        """Return it under the names of the database's columns."""
        return {COLUMNS.get(name, name): getattr(self, name) for name in LIMIT_FIELDS}

    @classmethod
    def of(cls, row: Row) -> "LimitInput":
        """Return what a stored limit would be made of."""
        return cls(**configured(row))


LIMIT_FIELDS = tuple(f.name for f in fields(LimitInput))
LIMIT_COLUMNS = tuple(COLUMNS.get(name, name) for name in LIMIT_FIELDS)


@input_type
class LimitChanges:
    """What shall be different; what is left out stays. A limit of another kind is another limit: see setLimits."""

    threshold: float | None = field(default=strawberry.UNSET, description=_said("threshold"))
    direction: Direction | None = field(default=strawberry.UNSET, description=_said("direction"))
    reference_key: str | None = field(default=strawberry.UNSET, description=_said("reference_key"))
    period_seconds: int | None = field(default=strawberry.UNSET, description=_said("period_seconds"))
    bit: int | None = field(default=strawberry.UNSET, description=_said("bit"))
    alarm_values: list[float] | None = field(default=strawberry.UNSET, description=_said("alarm_values"))
    inverted: bool | None = field(default=strawberry.UNSET, description=_said("inverted"))
    hysteresis: float | None = field(default=strawberry.UNSET, description=_said("hysteresis"))
    on_delay_seconds: int | None = field(default=strawberry.UNSET, description=_said("on_delay_seconds"))
    off_delay_seconds: int | None = field(default=strawberry.UNSET, description=_said("off_delay_seconds"))
    priority: Priority | None = field(default=strawberry.UNSET, description=_said("priority"))
    enabled: bool | None = field(default=strawberry.UNSET, description=_said("enabled"))
    latched: bool | None = field(default=strawberry.UNSET, description=_said("latched"))
    cause: str | None = field(default=strawberry.UNSET, description=_said("cause"))
    consequence: str | None = field(default=strawberry.UNSET, description=_said("consequence"))
    action: str | None = field(default=strawberry.UNSET, description=_said("action"))
    respond_within_seconds: int | None = field(
        default=strawberry.UNSET, description=_said("respond_within_seconds", "; null takes it away.")
    )


def configured(row: Row) -> dict[str, Any]:
    """Return what a person configures of a limit, under the names of `LimitInput`."""
    values = {name: row[COLUMNS.get(name, name)] for name in LIMIT_FIELDS}
    values["kind"] = LimitKind(values["kind"])
    values["direction"] = Direction(values["direction"])
    values["priority"] = Priority(values["priority"])
    return values


def own_problems(limits: list[LimitInput]) -> Iterator[tuple[str, str]]:
    """Bring limits to their one spelling; give each mistake with its field, `limits.1.threshold`."""
    if len(limits) > MOST_LIMITS:
        yield "limits", Sentence("a point has at most {} limits", MOST_LIMITS)
        return
    for place, limit in enumerate(limits):
        for name, sentence in limit.problems():
            yield f"limits.{place}.{name}", sentence


def by_key(limits: Iterable[LimitInput] | None) -> dict[str, LimitInput]:
    """Return limits by their keys: their order means nothing."""
    return {limit.key: limit for limit in limits or ()}


_ORDER = """array_position(ARRAY['low_low', 'low', 'high', 'high_high', 'deviation', 'rate', 'bit', 'value'], l.kind), l.bit, l.key"""
LIST_LIMITS = f"""-- ddms:list_limits
SELECT l.* FROM limits l WHERE l.point_id = any($1::int[]) ORDER BY l.point_id, {_ORDER}
"""  # noqa: S608 - a constant
FIND_LIMITS = f"""-- ddms:find_limits
SELECT l.* FROM limits l WHERE l.id = any($1::int[]) ORDER BY l.point_id, {_ORDER}
"""  # noqa: S608 - a constant
LIST_LIMITS_OF_DEVICES = f"""-- ddms:list_limits_of_devices
SELECT l.*, p.device_id, p.key AS point_key FROM limits l JOIN points p ON p.id = l.point_id
 WHERE $1::int[] IS NULL OR p.device_id = any($1) ORDER BY l.point_id, {_ORDER}
"""  # noqa: S608 - a constant
LIST_PROFILE_LIMITS = f"""-- ddms:list_profile_limits
SELECT l.* FROM profile_limits l WHERE l.profile_id = any($1::int[]) ORDER BY l.profile_id, l.point_key, {_ORDER}
"""  # noqa: S608 - a constant


async def limits_of(database: Database, points: list[int]) -> dict[int, list[AlarmLimit]]:
    """Return the limits of these points, by point."""
    found: dict[int, list[AlarmLimit]] = {}
    for row in await database.rows(LIST_LIMITS, points):
        found.setdefault(row["point_id"], []).append(AlarmLimit.of(row))
    return found
