"""Decoding: from the bytes of many answers to readings, all blocks of one layout at once.

What must be known of each point (scale, limits, what was stored last) lies in arrays; a block carries the places
of its points in them, its slots.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.plan import Block, Point
from ddms.quality import Reason
from ddms.registers import DataType

MICROSECONDS = 1_000_000

READINGS = np.dtype([("point_id", "i4"), ("time", "i8"), ("value", "f8"), ("quality", "i2"), ("stored", "?")])
"""One reading: point, microseconds since 1970 UTC, value (NaN when there is none), quality code, whether it is kept."""


class Answer(NamedTuple):
    """What one request brought: the bytes of a block, or None and the reason; and when (microseconds, UTC)."""

    block: Block
    time: int
    data: bytes | None
    reason: int


class Text(NamedTuple):
    """A string that was read."""

    point_id: int
    time: int
    text: str | None
    quality: int


class Batch(NamedTuple):
    """The readings of one flush; a string has a row in `readings` too, without a value, that is never stored."""

    readings: NDArray[Any]
    texts: list[Text]


class PointArrays:
    """All points of this collector as arrays, one slot each."""

    def __init__(self, points: Sequence[Point], intervals: Sequence[int]) -> None:
        """`intervals` has the seconds at which each point's block is read, which may be shorter than its own."""
        count = len(points)
        self.slot = {point.id: i for i, point in enumerate(points)}
        self.point_id = np.array([p.id for p in points], np.int32)
        self.scale = np.array([p.scale for p in points])
        self.offset = np.array([p.offset for p in points])
        self.low = np.array([-np.inf if p.valid_min is None else p.valid_min for p in points])
        self.high = np.array([np.inf if p.valid_max is None else p.valid_max for p in points])
        self.deadband = np.array([p.deadband for p in points])
        self.heartbeat = np.array([p.heartbeat_s * MICROSECONDS for p in points], np.int64)
        # Half a poll of tolerance, so that a late poll does not make a rider miss its turn.
        self.spacing = np.array(
            [(p.interval_s - i / 2) * MICROSECONDS if i < p.interval_s else 0 for p, i in zip(points, intervals, strict=True)],
            np.int64,
        )  # fmt: skip
        self.is_text = np.array([p.register.data_type is DataType.STRING for p in points], bool)
        self.sentinels = _sentinels(points)
        self.has_sentinels = ~np.isnan(self.sentinels).all(axis=1)
        self.stored_time = np.full(count, np.iinfo(np.int64).min // 2)
        self.stored_value = np.full(count, np.nan)
        self.stored_quality = np.full(count, -1, np.int16)
        self.text: dict[int, tuple[str | None, int]] = {}

    def take_over(self, old: "PointArrays") -> None:
        """Go on from what the arrays before a change of configuration knew was stored."""
        pairs = [(i, old.slot[point_id]) for point_id, i in self.slot.items() if point_id in old.slot]
        if not pairs:
            return
        new, before = np.array(pairs, np.intp).T
        for name in ("stored_time", "stored_value", "stored_quality"):
            getattr(self, name)[new] = getattr(old, name)[before]
        self.text = {point_id: text for point_id, text in old.text.items() if point_id in self.slot}

    def slots(self, block: Block) -> NDArray[np.intp]:
        """Return the slots of a block's points."""
        return np.array([self.slot[point.id] for point in block.points], np.intp)


def _sentinels(points: Sequence[Point]) -> NDArray[np.float64]:
    width = max((len(p.sentinels) for p in points), default=0) or 1
    return np.array([[*p.sentinels, *[np.nan] * (width - len(p.sentinels))] for p in points]).reshape(-1, width)


def decode(answers: Iterable[Answer], points: PointArrays) -> Batch:
    """Turn answers, in the order in which they came, into readings; remember what is stored."""
    parts: list[NDArray[Any]] = []
    texts: list[Text] = []
    for once in _rounds(answers):
        with np.errstate(all="ignore"):  # a device may send any bits; what is not finite is judged below
            slots, times, raw, quality = _flatten(once)
            parts.append(_judge(points, slots, times, raw, quality))
        for answer in once:
            texts += _texts(answer, points)
    readings = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, READINGS)])
    return Batch(readings, texts)


def _rounds(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Part the answers so that no point is twice in a round: a deadband compares with the reading before."""
    rounds: list[list[Answer]] = []
    turns: dict[int, int] = defaultdict(int)
    for answer in answers:
        # A block that was split shares points with its halves, so the turn is that of its first point.
        key = answer.block.points[0].id
        turn = turns[key]
        turns[key] += 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(answer)
    return rounds


def _flatten(answers: list[Answer]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Decode the answers of each layout together; return slot, time, raw value and quality code of each reading."""
    groups: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        groups[id(answer.block.layout) if answer.data is not None else 0].append(answer)
    raw: list[NDArray[Any]] = []
    for key, group in groups.items():
        if key:
            block = group[0].block
            data = np.frombuffer(b"".join([a.data for a in group if a.data is not None]), np.uint8)
            raw.append(block.layout.decode(data.reshape(len(group), block.bytes)).ravel())
        else:
            raw.append(np.full(sum(len(a.block.slots) for a in group), np.nan))
    ordered = [answer for group in groups.values() for answer in group]
    sizes = [len(a.block.slots) for a in ordered]
    return (
        np.concatenate([a.block.slots for a in ordered]),
        np.repeat(np.array([a.time for a in ordered], np.int64), sizes),
        np.concatenate(raw),
        np.repeat(np.array([a.reason for a in ordered], np.int16), sizes),
    )


def _judge(
    points: PointArrays, slots: NDArray[Any], times: NDArray[Any], raw: NDArray[Any], quality: NDArray[Any]
) -> NDArray[Any]:
    """Scale, check sentinels and ranges, and decide what is stored."""
    value = raw * points.scale[slots] + points.offset[slots]
    answered = (quality < Reason.TIMEOUT) & ~points.is_text[slots]
    quality = np.where(answered & ~np.isfinite(value), Reason.NOT_A_NUMBER, quality)
    outside = (value < points.low[slots]) | (value > points.high[slots])
    quality = np.where(answered & outside, Reason.OUT_OF_RANGE, quality)
    told = points.has_sentinels[slots]
    if told.any():
        silent = np.isclose(raw[told][:, None], points.sentinels[slots[told]], rtol=0, atol=0).any(axis=1)
        quality[np.flatnonzero(told)[silent]] = Reason.SENTINEL
    readings = np.empty(len(slots), READINGS)
    readings["point_id"] = points.point_id[slots]
    readings["time"] = times
    readings["value"] = np.where(quality < Reason.TIMEOUT, value, np.nan)
    readings["quality"] = quality
    readings["stored"] = _is_stored(points, slots, readings)
    kept = readings["stored"]
    points.stored_time[slots[kept]] = times[kept]
    points.stored_value[slots[kept]] = readings["value"][kept]
    points.stored_quality[slots[kept]] = readings["quality"][kept]
    return readings


def _is_stored(points: PointArrays, slots: NDArray[Any], readings: NDArray[Any]) -> NDArray[Any]:
    since = readings["time"] - points.stored_time[slots]
    changed = readings["quality"] != points.stored_quality[slots]
    deadband = points.deadband[slots]
    moved = np.abs(readings["value"] - points.stored_value[slots]) > deadband
    # A clock that was set back makes `since` negative: then store, rather than wait for the old time to come again.
    due = (since >= points.heartbeat[slots]) | (since < 0)
    wanted = (deadband == 0) | moved | due
    turn = (since >= points.spacing[slots]) | (since < 0)
    stored: NDArray[Any] = ~points.is_text[slots] & (changed | (wanted & turn))
    return stored


def _texts(answer: Answer, points: PointArrays) -> list[Text]:
    """Return the strings in an answer that changed."""
    block = answer.block
    changed = []
    for column in block.layout.text_columns:
        point_id = block.points[column].id
        text = None if answer.data is None else block.layout.text(column, answer.data)
        if points.text.get(point_id) != (text, answer.reason):
            points.text[point_id] = (text, answer.reason)
            changed.append(Text(point_id, answer.time, text, answer.reason))
    return changed
