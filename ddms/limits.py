"""Limits: what of a point is an alarm, and what is wrong with those that somebody wrote. Pure, but for the SQL's text."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from ddms.errors import Sentence
from ddms.registers import DataType


class LimitKind(StrEnum):
    """What is compared with the threshold."""

    LOW_LOW = "low_low"
    LOW = "low"
    HIGH = "high"
    HIGH_HIGH = "high_high"
    DEVIATION = "deviation"
    RATE = "rate"
    BIT = "bit"
    VALUE = "value"


class Direction(StrEnum):
    """To which side a deviation or a change counts."""

    EITHER = "either"
    ABOVE = "above"
    BELOW = "below"


LEVELS = (LimitKind.LOW_LOW, LimitKind.LOW, LimitKind.HIGH, LimitKind.HIGH_HIGH)
_LOWER = LEVELS[:2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A limit as the collector evaluates it; the columns of `limits` say what each field means."""

    id: int
    point_id: int
    kind: LimitKind
    threshold: float | None = None
    direction: str = "either"
    reference_id: int | None = None
    period_s: int = 60
    bit: int | None = None
    alarm_values: tuple[float, ...] = ()
    inverted: bool = False
    hysteresis: float = 0.0
    on_delay_s: int = 0
    off_delay_s: int = 0


# $1: of this connection only. What is disabled, or compares with a point that is not read, is not evaluated.
READ_LIMITS = """-- ddms:read_limits
SELECT d.connection_id, l.id, l.point_id, l.kind, l.threshold, l.direction, r.id AS reference_id, l.period_s, l.bit, l.alarm_values,
       l.inverted, l.hysteresis, l.on_delay_s, l.off_delay_s
  FROM limits l
  JOIN points p ON p.id = l.point_id AND p.enabled
  JOIN devices d ON d.id = p.device_id AND d.enabled AND d.deleted_at IS NULL
  LEFT JOIN points r ON r.device_id = p.device_id AND r.key = l.reference_key AND r.enabled
 WHERE l.enabled AND (l.kind <> 'deviation' OR r.id IS NOT NULL) AND ($1::int IS NULL OR d.connection_id = $1)
 ORDER BY l.point_id, l.id
"""


def of_row(row: Any) -> Limit:
    """Return the limit of a row of `READ_LIMITS`."""
    fields = dict(row)
    del fields["connection_id"]
    return Limit(**fields | {"kind": LimitKind(row["kind"]), "alarm_values": tuple(row["alarm_values"])})


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenLimit:
    """A limit as somebody wrote it, before it has a number."""

    key: str
    kind: LimitKind
    threshold: float | None = None
    reference_key: str | None = None
    bit: int | None = None
    alarm_values: tuple[float, ...] = ()
    hysteresis: float = 0.0


class Fault(NamedTuple):
    """What is wrong with limits: at which of them, in which field, and a sentence."""

    place: int
    field: str
    sentence: Sentence


def faults(
    limits: Sequence[WrittenLimit],
    *,
    own_key: str,
    other_keys: Iterable[str] | None = None,
    span: tuple[float, float] = (-math.inf, math.inf),
    data_type: DataType | None = None,
    is_scaled: bool = False,
) -> list[Fault]:
    """Return what is wrong with all limits of one point.

    `own_key` is the point's key and `other_keys` those of the other points of its device, when they are known; `span` its
    smallest and largest valid value.
    """
    if data_type is not None and data_type.is_text:
        return [Fault(place, "kind", Sentence("a text has no limits")) for place in range(min(1, len(limits)))]
    found = [*_double_faults(limits)]
    others = None if other_keys is None else set(other_keys)
    for place, limit in enumerate(limits):
        pairs = (
            *_threshold_faults(limit),
            *_kind_faults(limit),
            *_type_faults(limit, data_type, is_scaled=is_scaled),
            *_reference_faults(limit, own_key, others),
            *_span_faults(limit, span),
        )
        found += [Fault(place, field, sentence) for field, sentence in pairs]
    return found + list(_level_faults(limits))


def _double_faults(limits: Sequence[WrittenLimit]) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, one in enumerate(limits):
        if one.key in seen:
            yield Fault(place, "key", Sentence("there are two limits with the key {}", one.key))
        elif one.kind in LEVELS and one.kind in seen:
            sentence = Sentence("there are two limits of the kind {}: a point has one of each level", one.kind)
            yield Fault(place, "kind", sentence)
        seen |= {one.key, one.kind}


def _threshold_faults(limit: WrittenLimit) -> Iterator[tuple[str, Sentence]]:
    kind, threshold = limit.kind, limit.threshold
    if kind in {LimitKind.BIT, LimitKind.VALUE}:
        if threshold is not None or limit.hysteresis:
            name = "threshold" if threshold is not None else "hysteresis"
            yield name, Sentence("a limit of the kind {} has neither threshold nor hysteresis", kind)
    elif threshold is None or not math.isfinite(threshold):
        yield "threshold", Sentence("a limit of the kind {} needs a threshold", kind)
    elif kind not in LEVELS and threshold <= 0:
        yield (
            "threshold",
            Sentence("the threshold of a limit of the kind {} is a distance: it must be above 0", kind),
        )
    elif kind not in LEVELS and limit.hysteresis >= threshold:
        yield (
            "hysteresis",
            Sentence("the hysteresis {} must be smaller than the threshold {}", limit.hysteresis, threshold),
        )
    if not (math.isfinite(limit.hysteresis) and limit.hysteresis >= 0):
        yield "hysteresis", Sentence("the hysteresis must be 0 or more")


def _kind_faults(limit: WrittenLimit) -> Iterator[tuple[str, Sentence]]:
    """Tell of fields that are missing, or belong to another kind."""
    if (limit.kind is LimitKind.BIT) != (limit.bit is not None):
        yield "bit", Sentence("the number of the bit belongs to a limit of the kind bit, and to no other")
    if (limit.kind is LimitKind.VALUE) != bool(limit.alarm_values):
        yield (
            "alarm_values",
            Sentence("the values that are an alarm belong to a limit of the kind value, and to no other"),
        )
    if (limit.kind is LimitKind.DEVIATION) != (limit.reference_key is not None):
        yield (
            "reference_key",
            Sentence("another point to compare with belongs to a limit of the kind deviation, and to no other"),
        )


def _type_faults(limit: WrittenLimit, data_type: DataType | None, *, is_scaled: bool) -> Iterator[tuple[str, Sentence]]:
    """Tell of a kind that makes no sense of this type; a deviation between two bits does: told to open, and closed."""
    if data_type is None:
        return
    bits = data_type.bits
    if bits == 1 and limit.kind in {*LEVELS, LimitKind.RATE}:
        yield "kind", Sentence("the point is 0 or 1: write a limit of the kind bit (bit 0) or value")
    elif limit.kind is LimitKind.BIT and bits is None:
        yield "kind", Sentence("{} has no bits: they are those of whole numbers", data_type)
    elif limit.kind is LimitKind.BIT and is_scaled:
        yield "kind", Sentence("bits are those of the value: they mean nothing with a scale or an offset")
    elif limit.kind is LimitKind.BIT and bits is not None and limit.bit is not None and not 0 <= limit.bit < bits:
        yield "bit", Sentence("{} has the bits 0 (the lowest) to {}", data_type, bits - 1)


def _reference_faults(limit: WrittenLimit, own_key: str, others: set[str] | None) -> Iterator[tuple[str, Sentence]]:
    if limit.reference_key == own_key:
        yield "reference_key", Sentence("a point cannot deviate from itself")
    elif limit.reference_key is not None and others is not None and limit.reference_key not in others:
        yield "reference_key", Sentence("the device has no point {} to compare with", limit.reference_key)


def _span_faults(limit: WrittenLimit, span: tuple[float, float]) -> Iterator[tuple[str, Sentence]]:
    """Tell what could never be raised, or never be cleared: beyond its valid range a value is bad, and no alarm."""
    for value in limit.alarm_values:
        if not span[0] <= value <= span[1]:
            yield "alarm_values", Sentence("{} is no valid value: they go from {} to {}", value, *span)
    if limit.kind not in LEVELS or limit.threshold is None:
        return
    lower = limit.kind in _LOWER
    beyond, behind = span if lower else span[::-1]
    sign = -1 if lower else 1
    if sign * limit.threshold >= sign * beyond:
        yield (
            "threshold",
            Sentence("no valid value is beyond {}: the valid range of the point ends at {}", limit.threshold, beyond),
        )
    if sign * (limit.threshold - sign * limit.hysteresis) < sign * behind:
        name = "hysteresis" if limit.hysteresis else "threshold"
        yield (
            name,
            Sentence("it would never clear: the hysteresis reaches beyond the valid range, which ends at {}", behind),
        )


def _level_faults(limits: Sequence[WrittenLimit]) -> Iterator[Fault]:
    """Tell what the constraints limits_order and limits_band refuse."""
    placed = {one.kind: (place, one, one.threshold) for place, one in enumerate(limits) if one.threshold is not None}
    present = [placed[kind] for kind in LEVELS if kind in placed]
    ordered = True
    for (_, one, least), (place, following, most) in pairwise(present):
        if least >= most:
            ordered = False
            sentence = Sentence("{} ({}) must be below {} ({})", one.kind, least, following.kind, most)
            yield Fault(place, "threshold", sentence)
    floor = max((level + one.hysteresis for _, one, level in present if one.kind in _LOWER), default=-math.inf)
    ceiling = min((level - one.hysteresis for _, one, level in present if one.kind not in _LOWER), default=math.inf)
    if ordered and floor >= ceiling:
        widest = max(present, key=lambda one: one[1].hysteresis)[0]
        sentence = Sentence("the hysteresis is larger than the band: no value between the limits would be normal")
        yield Fault(widest, "hysteresis", sentence)
