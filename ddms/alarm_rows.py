"""Alarms in the database: what happened to some of them is done to their rows, and written into the journal.

The collector and the API both go this way, each in a transaction of its own, so the rows of an alarm change one after the
other, by the rules of `ddms.alarms`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ddms.alarms import Alarm, Event, Shelf, transition


class Asks(Protocol):
    """A connection in a transaction."""

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Return the rows that a statement gives."""

    async def execute(self, query: str, *values: Any) -> Any:
        """Run a statement."""


# Row by row in one order, so that two who want the same ones wait, and do not stop each other. `is_watched`: whether the
# source is still there and enabled; a change that the collector saw before it heard of that is none any more.
LOCK_ALARMS = """-- ddms:lock_alarms
SELECT a.*, coalesce(l.latched, false) AS latches,
       CASE a.source WHEN 'limit' THEN coalesce(l.enabled AND p.enabled AND d.enabled AND d.deleted_at IS NULL, false)
                     WHEN 'device' THEN coalesce(d.enabled AND d.deleted_at IS NULL, false) ELSE a.removed_at IS NULL END AS is_watched,
       a.source IN ('device', 'connection') AS is_cause, a.source = 'device' OR coalesce(c.active, false) AS may_be_caused
  FROM alarms a
  LEFT JOIN limits l ON l.id = a.limit_id LEFT JOIN points p ON p.id = l.point_id LEFT JOIN devices d ON d.id = a.device_id
  LEFT JOIN alarms c ON c.device_id = a.device_id AND c.source = 'device' AND a.source = 'limit'
 WHERE a.id = any($1::int[]) ORDER BY a.id FOR NO KEY UPDATE OF a {how}
"""
LOCK_WAITING = LOCK_ALARMS.format(how="")
LOCK_FREE = LOCK_ALARMS.format(how="SKIP LOCKED")
_WRITTEN = {
    "active": "bool", "acknowledged": "bool", "latched": "bool", "uncertain": "bool", "active_since": "timestamptz",
    "cleared_at": "timestamptz", "value": "float8", "quality": "int2", "threshold": "float8", "detail": "text",
    "pending_since": "timestamptz", "change_key": "int8", "acknowledged_at": "timestamptz", "acknowledged_by": "text",
    "note": "text", "shelved": "text", "shelved_at": "timestamptz", "shelved_until": "timestamptz", "shelved_by": "text",
    "shelved_reason": "text", "suppressed_by": "int4", "out_of_service_at": "timestamptz",
    "out_of_service_until": "timestamptz", "out_of_service_by": "text", "out_of_service_reason": "text",
}  # fmt: skip
_ENTRY = (
    "timestamptz", "int4", "int4", "text", "text", "text", "text", "text", "text", "timestamptz", "float8", "int2", "float8",
    "int4", "bool", "bool",
)  # fmt: skip
# The rows and the journal in one statement: each trip to the database makes the readings of a flush wait.
WRITE = f"""-- ddms:write_alarms
WITH written AS (
UPDATE alarms a SET {", ".join(f"{name} = u.{name}" for name in _WRITTEN)},
       changed_at = CASE WHEN u.changed THEN now() ELSE a.changed_at END
  FROM unnest($1::int[], $2::text[], $3::bool[], {", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_WRITTEN.values(), 4))})
       AS u (id, old_state, changed, {", ".join(_WRITTEN)})
 WHERE a.id = u.id AND a.state = u.old_state
)
INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, actor, note, until, value, quality, threshold, cause_id, late, hidden)
SELECT * FROM unnest({", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_ENTRY, 4 + len(_WRITTEN)))})
"""  # noqa: S608 - only names of columns are put in
ARE_ALARMS = """-- ddms:are_alarms
SELECT id FROM alarms WHERE id = any($1::int[])
"""
READ_UNDER = """-- ddms:read_alarms_under
SELECT id, suppressed_by AS cause FROM alarms WHERE suppressed_by = any($1::int[])
"""
READ_DEPENDENT = """-- ddms:read_dependent_alarms
SELECT c.id AS cause, a.id FROM alarms c JOIN alarms a ON a.device_id = c.device_id AND a.source = 'limit' AND a.state <> 'normal'
 WHERE c.id = any($1::int[]) AND c.source = 'device'
UNION ALL
SELECT c.id, a.id FROM alarms c JOIN devices d ON d.connection_id = c.connection_id
  JOIN alarms a ON a.device_id = d.id AND a.source = 'device' AND a.state <> 'normal'
 WHERE c.id = any($1::int[]) AND c.source = 'connection'
"""
READ_CAUSES = """-- ddms:read_causes_of_alarms
SELECT a.id, c.id AS cause FROM alarms a JOIN devices d ON d.id = a.device_id
  JOIN alarms c ON c.active AND CASE a.source WHEN 'device' THEN c.source = 'connection' AND c.connection_id = d.connection_id
                                              ELSE c.source = 'device' AND c.device_id = d.id END
 WHERE a.id = any($1::int[]) AND a.source IN ('limit', 'device')
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """What happened to an alarm: the event, when, and what the journal wants to know of it.

    An event that is None only moves `pending_since`. `until`: the end of a shelf or a maintenance. `cause`: what suppresses it.
    `key`: names a change of the collector's, so that it is not done twice.
    """

    alarm_id: int
    event: Event | None
    time: datetime
    actor: str | None = None
    note: str | None = None
    until: datetime | None = None
    shelf: Shelf = Shelf.TIMED
    value: float | None = None
    quality: int | None = None
    threshold: float | None = None
    detail: str | None = None
    pending_since: datetime | None = None
    cause: int | None = None
    late: bool = False
    key: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What became of happenings: those that changed something, in order, and alarms that somebody else holds just now."""

    applied: tuple[tuple[Happening, Event], ...]
    busy: frozenset[int]


async def happen(connection: Asks, happenings: Sequence[Happening], *, wait: bool = True) -> Done:
    """Do to the alarms what happened, and write the journal; the transaction is the caller's.

    `wait`: for alarms that another transaction holds; else they are told as busy, and nothing was done to them.
    An event that does not apply (to acknowledge what is gone, to raise what is active) changes nothing and is not told as
    applied. What depends on a device or connection that is lost is suppressed with it, and released when it is back.
    """
    applied: list[tuple[Happening, Event]] = []
    rows = await _lock(connection, happenings, wait=wait)
    busy = frozenset() if wait else await _busy(connection, happenings, rows)
    causes = {number for number, row in rows.items() if row["is_cause"]}
    todo, later = _part(list(_fresh(happenings, rows)), causes)
    while todo:
        before = {number: dict(row) for number, row in rows.items()}
        done = [step for one in todo if one.alarm_id in rows for step in _apply(rows[one.alarm_id], one)]
        await _write(connection, rows, before, done)
        applied += [(one, event) for one, event, _ in done]
        todo = await _consequences(connection, rows, done)
        if not todo:
            todo, later = _part(later, causes)
        rows = await _lock(connection, todo, wait=True)
    return Done(applied=tuple(applied), busy=busy)


async def _lock(connection: Asks, happenings: Sequence[Happening], *, wait: bool) -> dict[int, dict[str, Any]]:
    wanted = sorted({one.alarm_id for one in happenings})
    if not wanted:
        return {}
    return {row["id"]: dict(row) for row in await connection.fetch(LOCK_WAITING if wait else LOCK_FREE, wanted)}


async def _busy(connection: Asks, happenings: Sequence[Happening], rows: dict[int, dict[str, Any]]) -> frozenset[int]:
    """Return those that exist and were not locked."""
    missing = list({one.alarm_id for one in happenings} - rows.keys())
    return frozenset(row["id"] for row in await connection.fetch(ARE_ALARMS, missing)) if missing else frozenset()


def _part(happenings: list[Happening], causes: set[int]) -> tuple[list[Happening], list[Happening]]:
    """Cut off what comes after a device or connection turned round: what its loss did to others must be done before it is back."""
    direction = None
    for place, one in enumerate(happenings):
        if one.alarm_id in causes and one.event in {Event.RAISED, Event.CLEARED}:
            if direction not in {None, one.event}:
                return happenings[:place], happenings[place:]
            direction = one.event
    return happenings, []


def alarm_of(row: Any) -> Alarm:
    """Return the state that a row of `alarms` holds."""
    return Alarm(
        active=row["active"],
        acknowledged=row["acknowledged"],
        latched=row["latched"],
        uncertain=row["uncertain"],
        shelved=Shelf(row["shelved"]) if row["shelved"] else None,
        suppressed=row["suppressed_by"] is not None,
        out_of_service=row["out_of_service_until"] is not None,
    )


def _fresh(happenings: Sequence[Happening], rows: dict[int, dict[str, Any]]) -> Iterable[Happening]:
    """Leave out what was done already, when a commit was cut off, and what is not watched any more."""
    last = {row["change_key"]: number for number, row in rows.items() if row["change_key"] is not None}
    done_up_to = {one.alarm_id: place for place, one in enumerate(happenings) if last.get(one.key) == one.alarm_id}
    for place, one in enumerate(happenings):
        if one.alarm_id not in rows or place <= done_up_to.get(one.alarm_id, -1):
            continue
        if one.key is None or rows[one.alarm_id]["is_watched"]:
            yield one


Step = tuple[Happening, Event, Alarm]


def _apply(row: dict[str, Any], one: Happening) -> list[Step]:
    if one.key is not None:
        row["change_key"], row["pending_since"] = one.key, one.pending_since
    if one.event is None:
        return []
    before = alarm_of(row)
    after, events = transition(before, one.event, latches=row["latches"], shelf=one.shelf)
    for event in events:
        _note(row, one, event)
    if not after.shelved:
        row |= dict.fromkeys(("shelved", "shelved_at", "shelved_until", "shelved_by", "shelved_reason"))
    if not after.out_of_service:
        row |= dict.fromkeys(
            ("out_of_service_at", "out_of_service_until", "out_of_service_by", "out_of_service_reason")
        )
    if not after.suppressed:
        row["suppressed_by"] = None
    row |= {
        "active": after.active,
        "acknowledged": after.acknowledged,
        "latched": after.latched,
        "uncertain": after.uncertain,
    }
    return [(one, event, after) for event in events]


def _note(row: dict[str, Any], one: Happening, event: Event) -> None:
    """Keep in the row what belongs to an event, beside the state."""
    if event in {Event.RAISED, Event.CLEARED}:
        row |= {"value": one.value, "quality": one.quality, "threshold": one.threshold, "changed": True}
        row["cleared_at"] = None if event is Event.RAISED else one.time
    if event is Event.RAISED:
        row |= {
            "active_since": one.time,
            "detail": one.detail,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "note": None,
        }
    elif event is Event.UNCERTAIN:
        row["quality"] = one.quality
    elif event is Event.ACKNOWLEDGED:
        row |= {"acknowledged_at": one.time, "acknowledged_by": one.actor, "note": one.note or row["note"]}
    elif event is Event.NOTED:
        row["note"] = one.note
    elif event is Event.SHELVED:
        row |= {"shelved": one.shelf.value, "shelved_at": one.time, "shelved_until": one.until, "shelved_by": one.actor}
        row["shelved_reason"] = one.note
    elif event is Event.OUT_OF_SERVICE:
        row |= {"out_of_service_at": one.time, "out_of_service_until": one.until, "out_of_service_by": one.actor}
        row["out_of_service_reason"] = one.note
    elif event is Event.SUPPRESSED:
        row["suppressed_by"] = one.cause
    elif event is Event.WITHDRAWN and row["active"]:
        row["cleared_at"] = one.time


async def _write(
    connection: Asks, rows: dict[int, dict[str, Any]], before: dict[int, dict[str, Any]], done: list[Step]
) -> None:
    changed = [(row, before[number]) for number, row in rows.items() if row != before[number]]
    if not changed and not done:
        return
    head = [
        [r["id"] for r, _ in changed],
        [b["state"] for _, b in changed],
        [r.get("changed", False) or _moved(r, b) for r, b in changed],
    ]
    entries = [_entry(rows[one.alarm_id], one, event, after) for one, event, after in done]
    columns = [list(column) for column in zip(*entries, strict=True)] if entries else [[] for _ in _ENTRY]
    await connection.execute(WRITE, *head, *([row[name] for row, _ in changed] for name in _WRITTEN), *columns)


def _moved(row: dict[str, Any], before: dict[str, Any]) -> bool:
    return alarm_of(row) != alarm_of(before)


def _entry(row: dict[str, Any], one: Happening, event: Event, after: Alarm) -> tuple[Any, ...]:
    until = one.until if event in {Event.SHELVED, Event.OUT_OF_SERVICE} else None
    note = one.note if one.note is not None else one.detail
    by_itself = event is not one.event
    return (
        one.time, one.alarm_id, row["device_id"], row["kind"], row["priority"], event.value, after.state.value,
        None if by_itself and event is Event.SHELF_ENDED else one.actor, None if by_itself else note, until,
        one.value, one.quality, one.threshold, one.cause, one.late, after.hidden,
    )  # fmt: skip


async def _consequences(connection: Asks, rows: dict[int, dict[str, Any]], done: list[Step]) -> list[Happening]:
    """Return what follows for alarms that depend on those of devices and connections, or whose cause stands already."""
    raised = {one.alarm_id: one for one, event, _ in done if event is Event.RAISED}
    ended = {one.alarm_id: one for one, event, _ in done if event in {Event.CLEARED, Event.WITHDRAWN}}
    causes = [number for number in raised if rows[number]["is_cause"]]
    found: list[Happening] = []
    if causes:
        for cause, number in await connection.fetch(READ_DEPENDENT, causes):
            found.append(_follows(number, Event.SUPPRESSED, raised[cause], cause))
    if caused := [number for number in raised if rows[number]["may_be_caused"]]:
        for number, cause in await connection.fetch(READ_CAUSES, caused):
            found.append(_follows(number, Event.SUPPRESSED, raised[number], cause))
    if sources := [number for number in ended if rows[number]["is_cause"]]:
        for number, cause in await connection.fetch(READ_UNDER, sources):
            found.append(_follows(number, Event.UNSUPPRESSED, ended[cause], None))
    return found


def _follows(number: int, event: Event, of: Happening, cause: int | None) -> Happening:
    return Happening(alarm_id=number, event=event, time=of.time, late=of.late, cause=cause)
