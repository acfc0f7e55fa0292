"""What a far collector sent: read, checked against what belongs to its site, and put together with its neighbours."""

import struct
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.polling.units import DeviceCondition, Pace
from collector.storing.alarms import Change
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import CollectorHealth
from collector.storing.spool import decode
from ddms.alarms import Event
from ddms.quality import Reason

MOST_TEXT = 4_000
_EARLIEST, _LATEST = 946_684_800_000_000, 4_102_444_800_000_000  # 2000 and 2100, in microseconds
_SOURCES = ("limit", "device", "connection")
_STATES = {"online", "offline", "error", "unknown", "disabled"}


class MessageError(Exception):
    """A message that cannot be stored, and why."""


class Belongings(NamedTuple):
    """The numbers of what belongs to a site."""

    connections: frozenset[int]
    devices: frozenset[int]
    limits: frozenset[int]
    points: NDArray[np.int32]

    @classmethod
    def of(cls, row: Any) -> "Belongings":
        """Make them of their row."""
        points = np.sort(np.array(row["points"], np.int32))
        return cls(frozenset(row["connections"]), frozenset(row["devices"]), frozenset(row["limits"]), points)


@dataclass(slots=True, kw_only=True)
class Message:
    """A message: who sent it, its number in that run, and what it says. `late`: it waited, so nobody follows it live."""

    collector: str
    epoch: str
    number: int
    version: str
    late: bool
    batch: Batch
    states: list[DeviceCondition]
    changes: list[Change]
    health: CollectorHealth | None
    seen: list[Pace]
    trace: str | None = None
    """The `traceparent` that came with it."""


def read(body: bytes, *, late: bool, trace: str | None = None) -> Message:
    """Read a message; raises `MessageError`."""
    try:
        batch = decode(body)
        if batch is None or batch.told is None:
            raise MessageError("it is damaged, or no collector sent it")
        told = batch.told
        _check(batch)
        message = Message(
            collector=_text(told["collector"], 64),
            epoch=_text(told["epoch"], 64),
            number=_whole(told["number"]),
            version=_text(told["version"], 64),
            late=late,
            batch=batch,
            states=[_state(*state) for state in told.get("states", [])],
            changes=[_change(late, *change) for change in told.get("changes", [])],
            health=_health(*told["health"]) if "health" in told else None,
            seen=[_pace(*pace) for pace in told.get("seen", [])],
            trace=trace,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error, RecursionError) as error:
        raise MessageError(f"it cannot be understood: {error!r}"[:300]) from error
    if message.health is not None and message.health.name != message.collector:
        raise MessageError("it tells of another collector")
    return message


def _check(batch: Batch) -> None:
    known = np.array([reason.value for reason in Reason])
    if not np.isin(batch.readings["quality"], known).all():
        raise MessageError("it has qualities that nobody knows")
    times = [_whole(text.time) for text in batch.texts]
    if len(batch.readings):
        times += [int(batch.readings["time"].min()), int(batch.readings["time"].max())]
    if not all(_EARLIEST < time < _LATEST for time in times):
        raise MessageError("it has readings of before 2000 or after 2100: what does the clock of its collector say?")
    for text in batch.texts:
        if len(text) != 4 or not (text.text is None or len(_text(text.text, MOST_TEXT)) >= 0):
            raise MessageError("it has texts that are none")
        _whole(text.point_id), _whole(text.time), _whole(text.quality)


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise ValueError(f"{str(value)[:40]!r} is no text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return value


def _moment(value: Any) -> datetime | None:
    moment = None if value is None else datetime.fromisoformat(value)
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return moment


def _state(device: Any, state: Any, failures: Any, first: Any, error: Any) -> DeviceCondition:
    if state not in _STATES:
        raise ValueError(f"{state!r} is no state")
    why = None if error is None else _text(error, MOST_TEXT)
    return DeviceCondition(_whole(device), state, _whole(failures), _moment(first), why)


def _pace(device: Any, answer: float | None, late: float | None, since: Any) -> Pace:
    return Pace(
        _whole(device), None if answer is None else float(answer), None if late is None else float(late), _moment(since)
    )


def _health(name: Any, lost: Any, lost_at: Any, spool_bytes: Any, age: Any) -> CollectorHealth:
    return CollectorHealth(_text(name, 64), _whole(lost), _moment(lost_at), _whole(spool_bytes), float(age))


def _change(late: bool, *fields: Any) -> Change:
    change = Change(*fields)
    if change.source not in _SOURCES:
        raise ValueError(f"{change.source!r} is no source of alarms")
    if change.event is not None:
        Event(change.event)
    for number in (change.number, change.time, change.key):
        _whole(number)
    return change._replace(late=bool(change.late) or late)


def foreign(message: Message, ours: Belongings) -> int:
    """Return how many things in a message do not belong to its site."""
    before: tuple[Sized, ...] = (
        message.batch.readings, message.batch.texts, message.states, message.changes, message.seen
    )  # fmt: skip
    return sum(map(len, before)) - sum(map(len, _kept(message, ours)))


def leave_foreign(message: Message, ours: Belongings) -> None:
    """Take out of a message what does not belong to its site."""
    readings, texts, message.states, message.changes, message.seen = _kept(message, ours)
    message.batch = Batch(readings, texts)


def _kept(message: Message, ours: Belongings) -> tuple[Any, list[Any], list[Any], list[Any], list[Any]]:
    readings, texts = message.batch.readings, message.batch.texts
    points = set(ours.points.tolist()) if texts else set()
    of_source = {"limit": ours.limits, "device": ours.devices, "connection": ours.connections}
    return (
        readings[np.isin(readings["point_id"], ours.points)],
        [text for text in texts if text.point_id in points],
        [state for state in message.states if state.device_id in ours.devices],
        [change for change in message.changes if change.number in of_source[change.source]],
        [pace for pace in message.seen if pace.device_id in ours.devices],
    )


def together(messages: Sequence[Message]) -> Batch:
    """Return the readings and texts of messages, in order."""
    if len(messages) == 1:
        return messages[0].batch
    readings = np.concatenate([message.batch.readings for message in messages] or [np.empty(0, READINGS)])
    return Batch(readings, [text for message in messages for text in message.batch.texts])


def newest_states(messages: Iterable[Message]) -> list[DeviceCondition]:
    """Return the last state of each device."""
    return list({state.device_id: state for message in messages for state in message.states}.values())


def newest_seen(messages: Iterable[Message]) -> list[Pace]:
    """Return the last pace of each device."""
    return list({pace.device_id: pace for message in messages for pace in message.seen}.values())
