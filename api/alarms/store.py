"""What people do about alarms: checked against the rules of the states, done to the rows, journalled and audited."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from api.alarms.enums import AlarmResult
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.alarm_rows import Happening, alarm_of, happen
from ddms.alarms import Event, Shelf, transition
from ddms.errors import Code, DdmsError, Sentence

MOST_ALARMS = 500
"""So many are changed at a time."""
MOST_DEVICES = 100
MOST_OF_DEVICES = 5_000
"""So many alarms those devices may have together."""
LOCK_TRIES, LOCK_SECONDS = 200, 0.05
SERVICE_DAYS = 366
"""So long a maintenance may last."""

READ_CLOCK = "-- ddms:read_clock_and_shelf\nSELECT clock_timestamp() AS now, shelf_hours FROM configuration"
# All or none: a flush keeps alarms locked while it waits for those that depend on them. Whoever waited for one of these with
# others in hand could stop it, and be stopped by it.
LOCK_ALARMS = """-- ddms:lock_alarms_for_a_person
SELECT * FROM alarms WHERE id = any($1::int[]) AND removed_at IS NULL ORDER BY id FOR NO KEY UPDATE NOWAIT
"""
ARE_SHARED = "-- ddms:are_shared_alarms\nSELECT id FROM alarms WHERE id = any($1::int[]) AND removed_at IS NULL"
READ_ALARMS_OF_DEVICES = """-- ddms:read_alarms_of_devices
SELECT id, device_id FROM alarms WHERE device_id = any($1::int[]) AND removed_at IS NULL ORDER BY device_id, id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What somebody wants to be done to alarms."""

    event: Event
    action: str
    """Its name in the audit."""
    note: str | None = None
    until: datetime | None = None
    shelf: Shelf = Shelf.TIMED

    def plain(self) -> dict[str, Any]:
        """Return it for the audit."""
        told = {"note": self.note, "until": self.until and self.until.isoformat()}
        if self.event is Event.SHELVED:
            told["kind"] = self.shelf.value
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Became:
    """What became of one alarm, and the sentence that says why it was not done."""

    number: int
    result: AlarmResult
    message: str | None = None


class Asking:
    """Statements under the names by which `ddms.alarm_rows` asks."""

    def __init__(self, statements: Statements) -> None:
        self.fetch, self.execute = statements.rows, statements.value


async def change(
    statements: Statements, actor: Actor, numbers: Sequence[int], wish: Wish, *, of: Mapping[int, str] | None = None
) -> list[Became]:
    """Do to each alarm what is wished, and say what became of it, in their order; the transaction is the caller's.

    `of`: what was meant by alarms that were not named themselves, for the audit: their device.
    """
    rows = {row["id"]: row for row in await lock(statements, numbers)}
    now: datetime = (await clock(statements))["now"]
    missing = [number for number in numbers if number not in rows]
    seen = {row["id"] for row in await statements.rows(ARE_SHARED, missing)} if missing else set()
    became = {number: _shared(number) if number in seen else _gone(number) for number in missing}
    became |= {number: _foreseen(row, wish, actor, now) for number, row in rows.items()}
    wanted = sorted(number for number, one in became.items() if one.result is AlarmResult.DONE)
    happenings = [
        Happening(
            alarm_id=number,
            event=wish.event,
            time=now,
            actor=actor.name,
            note=wish.note,
            until=wish.until,
            shelf=wish.shelf,
        )
        for number in wanted
    ]
    await happen(Asking(statements), happenings)
    before = {of[n]: None for n in wanted} if of else {to_id(IdKind.ALARM, n): _before(rows[n]) for n in wanted}
    if before:
        told = list(before.values())
        await audit.record_each(statements, actor, wish.action, list(before), before=told, after=wish.plain())
    return [became[number] for number in numbers]


async def lock(statements: Statements, numbers: Sequence[int]) -> list[Row]:
    """Lock those of these alarms that are there and may be changed, when nobody else holds one of them."""
    for _ in range(LOCK_TRIES):
        try:
            async with statements.step():
                return await statements.rows(LOCK_ALARMS, list(numbers))
        except DdmsError as error:
            if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise
        await asyncio.sleep(LOCK_SECONDS)
    raise DdmsError(Code.BUSY, "others change these alarms just now: try again")


async def clock(statements: Statements) -> Row:
    """Return the database's time, and for how many hours an alarm may be shelved."""
    row = await statements.row(READ_CLOCK)
    assert row is not None  # noqa: S101 - the configuration is one row
    return row


def _before(row: Row) -> dict[str, Any]:
    names = ("state", "shelved_by", "shelved_until", "out_of_service_by", "out_of_service_until", "note")
    values = {name: row[name] for name in names if row[name] is not None}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _gone(number: int) -> Became:
    sentence = Sentence("there is no alarm {}: it may have been removed", to_id(IdKind.ALARM, number))
    return Became(number=number, result=AlarmResult.GONE, message=sentence)


def _shared(number: int) -> Became:
    sentence = "devices outside of your groups share this connection: whoever may change all devices does it"
    return Became(number=number, result=AlarmResult.SHARED, message=sentence)


def _foreseen(row: Row, wish: Wish, actor: Actor, now: datetime) -> Became:
    """Return what will become of an alarm that is there: done, or why not."""
    number = row["id"]
    by_another = _TAKEN.get(wish.event)
    if by_another and (taken := by_another(row, actor, now)):
        return Became(number=number, result=AlarmResult.TAKEN, message=taken)
    _, events = transition(alarm_of(row), wish.event, shelf=wish.shelf)
    if not events:
        return Became(number=number, result=AlarmResult.NOTHING, message=_NOTHING[wish.event](row))
    return Became(number=number, result=AlarmResult.DONE)


def _shelved_by_another(row: Row, actor: Actor, now: datetime) -> Sentence | None:
    until, by = row["shelved_until"], row["shelved_by"]
    if until is None or until <= now or by == actor.name:
        return None
    return Sentence("{} has shelved it until {}: take it from the shelf first", by, _time(until))


def _out_by_another(row: Row, actor: Actor, now: datetime) -> Sentence | None:
    until, by = row["out_of_service_until"], row["out_of_service_by"]
    if until is None or until <= now or by == actor.name:
        return None
    return Sentence("{} has put it out of service until {}: return it to service first", by, _time(until))


_TAKEN: dict[Event, Callable[[Row, Actor, datetime], Sentence | None]] = {
    Event.SHELVED: _shelved_by_another,
    Event.OUT_OF_SERVICE: _out_by_another,
}


def _nothing_to_acknowledge(row: Row) -> str:
    if row["active"] and row["acknowledged_by"]:
        return Sentence("{} has acknowledged it already", row["acknowledged_by"])
    return Sentence("there is nothing to acknowledge")


_NOTHING: Mapping[Event, Callable[[Row], str]] = {
    Event.ACKNOWLEDGED: _nothing_to_acknowledge,
    Event.SHELVED: lambda _: Sentence("it is out of service, which hides it already"),
    Event.UNSHELVED: lambda _: Sentence("it is not shelved"),
    Event.IN_SERVICE: lambda _: Sentence("it is not out of service"),
}


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def given_reason(text: str | None, field: str = "reason") -> str:
    """Return why somebody does it, in its one spelling; without a reason it is refused."""
    said = inputs.fit(inputs.text, text or "", field).strip()
    if not said:
        raise DdmsError(Code.INVALID, "say why: whoever comes next reads it", field=field)
    return said


def end(now: datetime, until: datetime | None, hours: float | None, *, most: float) -> datetime:
    """Return when a shelf or a maintenance ends; `most` is in hours."""
    if (until is None) == (hours is None):
        raise DdmsError(Code.INVALID, "say until when: give until or hours, one of them", field="until")
    name = "until" if hours is None else "hours"
    if hours is not None:
        if not 0 < hours <= most:
            raise DdmsError(
                Code.INVALID, Sentence("it must be more than 0 and at most {:g} hours", most), field="hours"
            )
        until = now + timedelta(hours=hours)
    assert until is not None  # noqa: S101 - one of them was given
    if until <= now:
        raise DdmsError(Code.INVALID, "the end lies in the past", field=name)
    if until > now + timedelta(hours=most):
        sentence = Sentence("it ends at most {:g} hours from now, before {}", most, _time(now + timedelta(hours=most)))
        raise DdmsError(Code.INVALID, sentence, field=name)
    return until


async def of_devices(statements: Statements, devices: Sequence[int]) -> dict[int, list[int]]:
    """Return the alarms of devices; a device that is not there has none."""
    found: dict[int, list[int]] = {}
    for row in await statements.rows(READ_ALARMS_OF_DEVICES, list(devices)):
        found.setdefault(row["device_id"], []).append(row["id"])
    if (count := sum(map(len, found.values()))) > MOST_OF_DEVICES:
        sentence = Sentence(
            "these devices have {:,} alarms, at most {:,} at a time: do it in parts", count, MOST_OF_DEVICES
        )
        raise DdmsError(Code.INVALID, sentence, field="devices")
    return found
