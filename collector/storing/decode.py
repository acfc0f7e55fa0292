"""Decoding: from the bytes of many answers to readings, all blocks of one layout at once.

What must be known of each point (scale, limits, what was stored last) lies in arrays; a block carries the places
of its points in them, its slots.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.storing.calculated import Calculated, Cells, Scalers
from ddms.codings import shortest
from ddms.intervals import microseconds
from ddms.plan import Block, PolledPoint
from ddms.quality import Reason
from ddms.registers import EXACT, DataType, Layout

MICROSECONDS = 1_000_000

READINGS = np.dtype([("point_id", "i4"), ("time", "i8"), ("value", "f8"), ("quality", "i2"), ("stored", "?")])
"""One reading: point, microseconds since 1970 UTC, value (NaN when there is none), quality code, whether it is kept."""


Answer = tuple[Block, int, bytes | None, int]
"""What one request brought: block; when, in microseconds UTC; its bytes, or None; and then the reason."""


class Text(NamedTuple):
    """A string that was read, or all digits of an integer beyond 2^53; None when there is none any more."""

    point_id: int
    time: int
    text: str | None
    quality: int


class Batch(NamedTuple):
    """The readings of one flush; a string has a row in `readings` too, without a value, that is never stored.

    `told` is what else a far collector tells with them: `collector.far.store`.
    """

    readings: NDArray[Any]
    texts: list[Text]
    told: dict[str, Any] | None = None


_ARRAYS: dict[str, tuple[Any, Any]] = {
    "point_id": (np.int32, 0),
    "factor": (np.float64, 1),
    "addend": (np.float64, 0),
    "divisor": (np.float64, 1),
    "is_rounded": (np.bool_, False),
    "low": (np.float64, -np.inf),
    "high": (np.float64, np.inf),
    "deadband": (np.float64, 0),
    "heartbeat": (np.int64, 0),
    "spacing": (np.int64, 0),
    "is_text": (np.bool_, False),
    "nothing": (np.int16, Reason.NOT_A_NUMBER),
    "is_short": (np.bool_, False),
    "has_sentinels": (np.bool_, False),
    "cell": (np.int32, -1),
    "scaler": (np.int32, -1),
    "stored_time": (np.int64, np.iinfo(np.int64).min // 2),
    "stored_value": (np.float64, np.nan),
    "stored_quality": (np.int16, -1),
}
_MOST_SENTINELS = 8
_SHORT_FLOATS = {DataType.FLOAT32, DataType.FLOAT16}
_EXACT_POWER = 22  # up to here a float of 64 bits holds every power of ten


class PointArrays:
    """The points of this collector as arrays, one slot each.

    A changed point gets a new slot and the old one stays, so that answers on their way are decoded as they were
    asked for; what a change leaves behind is a hundred bytes a point until the next start.
    """

    point_id: NDArray[np.int32]
    factor: NDArray[np.float64]
    addend: NDArray[np.float64]
    divisor: NDArray[np.float64]
    is_rounded: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    deadband: NDArray[np.float64]
    heartbeat: NDArray[np.int64]
    spacing: NDArray[np.int64]
    is_text: NDArray[np.bool_]
    nothing: NDArray[np.int16]
    is_short: NDArray[np.bool_]
    has_sentinels: NDArray[np.bool_]
    cell: NDArray[np.int32]
    """Where its newest value is kept because others are computed of it; -1: nowhere."""
    scaler: NDArray[np.int32]
    """Which of `scalers` its value is multiplied by; -1: by none."""
    stored_time: NDArray[np.int64]
    stored_value: NDArray[np.float64]
    stored_quality: NDArray[np.int16]

    def __init__(self) -> None:
        self.texts: dict[int, tuple[str | None, int]] = {}
        self.lines: dict[int, tuple[Decimal, Decimal]] = {}
        self.sentinels = np.empty((0, _MOST_SENTINELS))
        self.cells = Cells()
        self.scalers = Scalers(self.cells)
        self.calculated: Calculated | None = None
        for name, (dtype, _) in _ARRAYS.items():
            setattr(self, name, np.empty(0, dtype))
        self._places: dict[int, tuple[int, PolledPoint, float]] = {}
        self._used = 0

    def calculate(self, points: Sequence[PolledPoint], clock: int) -> None:
        """Go on with these calculated points; `clock` is the time, in microseconds UTC, from when on their inputs are waited for."""
        if not points and self.calculated is None:
            return
        slots = [int(self.place([point], point.interval_s)[0]) for point in points]
        self.calculated = Calculated(self.cells, points, slots, clock, self.calculated) if points else None
        self.cells.is_followed = bool(points)
        self._note_cells()

    def _note_cells(self) -> None:
        for number, cell in self.cells.take_new():
            if (known := self._places.get(number)) is not None:
                self.cell[known[0]] = cell

    def place(self, points: Sequence[PolledPoint], interval_s: float) -> NDArray[np.intp]:
        """Return the slots of the points of a block that is read every `interval_s` seconds."""
        if self._used + len(points) > len(self.point_id):
            self._grow(max(2 * len(self.point_id), self._used + len(points), 1024))
        slots = np.array([self._slot(point, interval_s) for point in points], np.intp)
        self._note_cells()
        return slots

    def _grow(self, size: int) -> None:
        more = size - len(self.point_id)
        for name, (dtype, blank) in _ARRAYS.items():
            setattr(self, name, np.concatenate([getattr(self, name), np.full(more, blank, dtype)]))
        self.sentinels = np.concatenate([self.sentinels, np.full((more, _MOST_SENTINELS), np.nan)])

    def _slot(self, point: PolledPoint, interval_s: float) -> int:
        known = self._places.get(point.id)
        if known is not None and known[1:] == (point, interval_s):
            return known[0]
        slot, self._used = self._used, self._used + 1
        self._places[point.id] = (slot, point, interval_s)
        self._fill(slot, point, interval_s)
        if known is not None:  # what was stored last still counts
            for name in ("stored_time", "stored_value", "stored_quality"):
                getattr(self, name)[slot] = getattr(self, name)[known[0]]
        return slot

    def _fill(self, slot: int, point: PolledPoint, interval_s: float) -> None:
        self.point_id[slot] = point.id
        self.cell[slot] = self.cells.of.get(point.id, -1)
        if point.scale_by:
            self.scaler[slot] = self.scalers.add(point, interval_s)
        data_type = point.register.data_type
        self.factor[slot], self.addend[slot], self.divisor[slot] = line = _line(point.scale, point.offset)
        if data_type.is_long:
            self.lines[slot] = Decimal(repr(point.scale)).normalize(), Decimal(repr(point.offset)).normalize()
        self.is_rounded[slot] = data_type in _SHORT_FLOATS and line != (1, 0, 1)
        self.low[slot] = -np.inf if point.valid_min is None else point.valid_min
        self.high[slot] = np.inf if point.valid_max is None else point.valid_max
        self.deadband[slot] = point.deadband
        self.heartbeat[slot] = point.heartbeat_s * MICROSECONDS
        if interval_s < point.interval_s:  # half a poll of tolerance: a late poll must not make a rider miss its turn
            self.spacing[slot] = microseconds(point.interval_s - interval_s / 2)
        self.is_text[slot] = data_type.is_text
        self.nothing[slot] = Reason.NO_VALUE if data_type.is_checked else Reason.NOT_A_NUMBER
        self.has_sentinels[slot] = bool(point.sentinels)
        sentinels = np.array(point.sentinels)
        if data_type in _SHORT_FLOATS:  # as what is read, whichever of its decimals was written down
            with np.errstate(over="ignore"):
                sentinels = shortest(sentinels.astype(data_type.dtype))
        self.sentinels[slot, : len(point.sentinels)] = sentinels


def _line(scale: float, offset: float) -> tuple[float, float, float]:
    """Return factor, addend and divisor of a scale and an offset: 2301 × 0.1 as 2301 × 1 / 10, which is 230.1 and not 230.10000000000002."""
    exact_scale, exact_offset = Decimal(repr(scale)).normalize(), Decimal(repr(offset)).normalize()
    power = max(0, *(-int(number.as_tuple().exponent) for number in (exact_scale, exact_offset)))
    factor, addend = exact_scale.scaleb(power), exact_offset.scaleb(power)
    if power > _EXACT_POWER or max(abs(factor), abs(addend)) > EXACT:
        return scale, offset, 1.0
    return float(factor), float(addend), float(10**power)


def decode(answers: Sequence[Answer], points: PointArrays) -> Batch:
    """Turn answers, in the order in which they came, into readings; remember what is stored."""
    parts: list[NDArray[Any]] = []
    texts: list[Text] = []
    with np.errstate(all="ignore"):  # a device may send any bits; what is not finite is judged below
        for once in _rounds(answers):
            for layout, group in _by_layout(once).items():
                flat = _flatten(layout, group)
                if flat.long and points.scalers:  # of what is scaled by a register nobody wrote all digits
                    own = {place: n for place, n in flat.long.items() if points.scaler[flat.slots[place]] < 0}
                    flat = flat._replace(long=own)
                parts.append(_judge(points, flat))
                if layout.text_columns:
                    texts += [text for answer in group for text in _texts(answer, points)]
                if layout.long_columns:
                    texts += _digits(layout, points, flat, parts[-1])
            if points.calculated is not None:
                parts += _calculate(points, points.calculated)
    readings = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, READINGS)])
    return Batch(readings, texts)


def _rounds(answers: Sequence[Answer]) -> Iterable[Sequence[Answer]]:
    """Part the answers so that no point is twice in a round: a deadband compares with the reading before."""
    # A block that was split shares points with its halves, so the turn is that of its first point.
    keys = [answer[0].points[0].id for answer in answers]
    if len(set(keys)) == len(keys):
        return [answers]  # also of none: what is calculated may have heard of other inputs
    rounds: dict[int, list[Answer]] = defaultdict(list)
    turns: dict[int, int] = defaultdict(int)
    for key, answer in zip(keys, answers, strict=True):
        rounds[turns[key]].append(answer)
        turns[key] += 1
    return rounds.values()


def _by_layout(answers: Iterable[Answer]) -> dict[Layout, list[Answer]]:
    groups: dict[Layout, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[answer[0].layout].append(answer)
    return groups


class _Flat(NamedTuple):
    """Slot, time, raw value and quality code of each reading; and by their place the integers beyond 2^53."""

    slots: NDArray[np.intp]
    times: NDArray[np.int64]
    raw: NDArray[np.float64]
    quality: NDArray[np.int16]
    long: Mapping[int, int]


def _flatten(layout: Layout, answers: list[Answer]) -> _Flat:
    """Decode the answers of one layout together; return slot, time, raw value and quality code of each reading."""
    blocks, times, data, reasons = zip(*answers, strict=True)
    missing = [number for number, found in enumerate(data) if found is None] if None in data else []
    blank = bytes(blocks[0].bytes)
    joined = b"".join([found or blank for found in data] if missing else data)
    sent = np.frombuffer(joined, np.uint8).reshape(len(answers), -1)
    raw = layout.decode(sent)
    if missing:
        raw[missing] = np.nan
    fields = raw.shape[1]
    return _Flat(
        np.concatenate([block.slots for block in blocks]),
        np.array(times, np.int64).repeat(fields),
        raw.ravel(),
        np.fromiter(reasons, np.int16, len(answers)).repeat(fields),
        layout.long_integers(sent) if layout.long_columns else {},
    )


def _judge(points: PointArrays, flat: _Flat) -> NDArray[Any]:
    """Scale, check sentinels and ranges, and decide what is stored."""
    slots, times, raw, answered, long = flat
    value = (raw * points.factor[slots] + points.addend[slots]) / points.divisor[slots]
    if (noisy := points.is_rounded[slots]).any():
        value[noisy] = _rounded(value[noisy])
    quality = _judged(points, slots, raw, value, answered)
    for place in long:
        if quality[place] == Reason.GOOD and Decimal(value[place]) != _exact(points, flat, place):
            quality[place] = Reason.ROUNDED
    if points.cells:
        if points.scalers and (scaled := points.scaler[slots] >= 0).any():
            own = ~scaled
            points.cells.note(points.cell[slots[own]], times[own], value[own], quality[own])
            value[scaled], quality[scaled] = _scaled(points, flat, scaled)
        points.cells.note(points.cell[slots], times, value, quality)
    return _kept(points, slots, times, value, quality)


def _judged(
    points: PointArrays, slots: NDArray[Any], raw: NDArray[Any], value: NDArray[Any], quality: NDArray[Any]
) -> NDArray[np.int16]:
    """Return the quality of values: of those that were answered, whether they are numbers, in range, and no sentinel."""
    answered = (quality < Reason.TIMEOUT) & ~points.is_text[slots]
    quality = np.where(answered & ~np.isfinite(value), points.nothing[slots], quality)
    outside = (value < points.low[slots]) | (value > points.high[slots])
    quality = np.where(answered & outside, Reason.OUT_OF_RANGE, quality)
    told = points.has_sentinels[slots]
    if told.any():
        equal: NDArray[np.bool_] = np.equal(raw[told][:, np.newaxis], points.sentinels[slots[told]])
        silent = equal.any(axis=1)
        quality[np.flatnonzero(told)[silent]] = Reason.SENTINEL
    return quality


def _scaled(points: PointArrays, flat: _Flat, scaled: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return values and qualities of what registers scale, by what these registers hold now."""
    slots, times, raw, answered = flat.slots[scaled], flat.times[scaled], flat.raw[scaled], flat.quality[scaled]
    by = points.scalers.factors(points.scaler[slots], times)
    value = raw * points.factor[slots] * by.value / points.divisor[slots] + points.addend[slots] / points.divisor[slots]
    value = _rounded(value)
    usable = by.quality < Reason.TIMEOUT
    quality = _judged(points, slots, raw, np.where(usable, value, 0.0), answered)
    waits = (quality < Reason.TIMEOUT) | (quality == Reason.OUT_OF_RANGE)
    return value, np.where(waits & (~usable | (quality < by.quality)), by.quality, quality)


def _calculate(points: PointArrays, calculated: Calculated) -> list[NDArray[Any]]:
    """Return the readings of what is calculated and due, one kind of expression after the other."""
    parts = []
    for slots, times, term in calculated.due():
        value = _rounded(term.value)
        quality = _judged(points, slots, value, value, term.quality)
        points.cells.note(points.cell[slots], times, value, quality)
        parts.append(_kept(points, slots, times, value, quality))
    return parts


def _kept(
    points: PointArrays, slots: NDArray[Any], times: NDArray[Any], value: NDArray[Any], quality: NDArray[Any]
) -> NDArray[Any]:
    """Return readings; remember those that are stored."""
    value[quality >= Reason.TIMEOUT] = np.nan
    stored = _is_stored(points, slots, times, value, quality)
    kept = np.flatnonzero(stored)
    places = slots[kept]
    points.stored_time[places] = times[kept]
    points.stored_value[places] = value[kept]
    points.stored_quality[places] = quality[kept]
    readings = np.empty(len(slots), READINGS)
    readings["point_id"] = points.point_id[slots]
    readings["time"], readings["value"], readings["quality"], readings["stored"] = times, value, quality, stored
    return readings


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to 15 digits: a float of 32 bits has 9, so of a product with a scale that is its noise, 0.1 × 3 is 0.3."""
    power = 14 - np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** np.clip(power, 0, _EXACT_POWER)
    return np.where((power >= 0) & (power <= _EXACT_POWER), np.rint(values * scale) / scale, values)


def _exact(points: PointArrays, flat: _Flat, place: int) -> Decimal:
    """Return a value whose raw integer is beyond 2^53 with all of its digits."""
    scale, offset = points.lines[int(flat.slots[place])]
    return flat.long[place] * scale + offset


def _digits(layout: Layout, points: PointArrays, flat: _Flat, readings: NDArray[Any]) -> list[Text]:
    """Return the integers beyond 2^53 as texts where they changed; None where there is none, or none any more."""
    places = np.arange(len(readings)).reshape(-1, len(layout.fields))[:, layout.long_columns].ravel()
    same = points.is_short[flat.slots[places]]  # seen without a text, as most are
    if flat.long:
        same &= ~np.isin(places, [*flat.long])
    changed = []
    for place in places[~same & (readings["quality"][places] < Reason.TIMEOUT)].tolist():
        text = format(_exact(points, flat, place), "f") if place in flat.long else None
        number, time, _, quality, _ = readings[place].item()
        points.is_short[flat.slots[place]] = text is None
        if points.texts.get(number) != (text, 0):
            points.texts[number] = (text, 0)
            changed.append(Text(number, time, text, quality))
    return changed


def _is_stored(
    points: PointArrays, slots: NDArray[Any], times: NDArray[Any], value: NDArray[Any], quality: NDArray[Any]
) -> NDArray[Any]:
    since = times - points.stored_time[slots]
    changed = quality != points.stored_quality[slots]
    deadband = points.deadband[slots]
    moved = np.abs(value - points.stored_value[slots]) > deadband
    # A clock that was set back makes `since` negative: then store, rather than wait for the old time to come again.
    due = (since >= points.heartbeat[slots]) | (since < 0)
    wanted = (deadband == 0) | moved | due
    turn = (since >= points.spacing[slots]) | (since < 0)
    stored: NDArray[Any] = ~points.is_text[slots] & (changed | (wanted & turn))
    return stored


def _texts(answer: Answer, points: PointArrays) -> list[Text]:
    """Return the strings in an answer that changed."""
    block, time, data, reason = answer
    changed = []
    for column in block.layout.text_columns:
        point_id = block.points[column].id
        text = None if data is None else block.layout.text(column, data)
        if points.texts.get(point_id) != (text, reason):
            points.texts[point_id] = (text, reason)
            changed.append(Text(point_id, time, text, reason))
    return changed
