"""The alarms of this collector: limits and reachability are judged as readings come, and what happened waits here for the next
transaction of the flush.

What waits is told in order, so that the journal after an outage of the database is the one of the live day. While the
database is away it lies in a file beside the spool too.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from time import monotonic, time
from typing import Any, NamedTuple

import asyncpg
import orjson
from numpy.typing import NDArray

from collector.complaints import Complaints
from collector.polling.units import DeviceCondition
from collector.storing.flush import AWAY
from collector.storing.reachable import Lost, Reachability
from ddms import stream
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from ddms.alarms_due import end_due
from ddms.database import Connection
from ddms.judged import Found, JudgedLimits, Standing
from ddms.lines import ConnectionConfiguration

MOST_WAITING = 200_000
DUE_SECONDS = 2.0

_SHOWN = "removed_at IS NULL AND (state <> 'normal' OR shelved IS NOT NULL OR out_of_service_until IS NOT NULL)"
READ_STANDINGS = """-- ddms:read_standings
SELECT limit_id, active, uncertain, pending_since FROM alarms
 WHERE limit_id = any($1::int[]) AND (active OR pending_since IS NOT NULL)
"""
READ_ACTIVE = f"""-- ddms:read_active_alarms
SELECT source, coalesce(limit_id, CASE source WHEN 'device' THEN device_id ELSE connection_id END) AS number
  FROM alarms WHERE {_SHOWN} AND active AND source <> 'system'
"""  # noqa: S608 - a constant is put in
READ_NUMBERS = """-- ddms:read_alarm_numbers
SELECT 'limit' AS source, limit_id AS number, id FROM alarms WHERE limit_id = any($1::int[])
 UNION ALL SELECT 'device', device_id, id FROM alarms WHERE source = 'device' AND device_id = any($2::int[])
 UNION ALL SELECT 'connection', connection_id, id FROM alarms WHERE source = 'connection' AND connection_id = any($3::int[])
"""
READ_TAKEN_OVER = """-- ddms:read_alarms_taken_over
SELECT a.id, a.active, greatest(a.active_since, a.cleared_at) AS newest
  FROM alarms a LEFT JOIN devices d ON d.id = a.device_id
  JOIN leases l ON l.connection_id = coalesce(a.connection_id, d.connection_id) AND l.collector <> $2 AND l.expires_at > now()
 WHERE a.id = any($1::int[])
"""


class Change(NamedTuple):
    """What happened to the alarm of a limit, device or connection; times in microseconds. Without an event a delay moved."""

    source: str
    number: int
    event: str | None
    time: int
    value: float | None
    quality: int | None
    threshold: float | None
    detail: str | None
    pending_since: int | None
    late: bool
    key: int


class Known(NamedTuple):
    """What the database said of the alarms of what is polled."""

    standings: dict[int, Standing]
    active: set[tuple[str, int]]
    compare: bool
    """Whether nothing was on its way meanwhile, so that what differs from ours was lost."""


class AlarmsRefusedError(Exception):
    """The database refuses changes of alarms, and so the whole transaction; the next one goes without them."""


class Alarms:
    """Judges what comes, and keeps what happened until it is stored."""

    def __init__(self, folder: Path, complaints: Complaints, collector: str) -> None:
        self.limits = JudgedLimits()
        self.reach = Reachability()
        self.path = folder / "alarms.waiting"
        self._complaints = complaints
        self._collector = collector
        self._numbers: dict[tuple[str, int], int] = {}  # alarms.id by what it watches; it never changes
        self._waiting: list[Change] = []
        self.on_file = 0
        self._sent: tuple[int, frozenset[tuple[str, int]]] = (0, frozenset())
        self._refused = False
        self.patient = False
        """Whether alarms that somebody holds just now are waited for: where what is not stored now comes never again."""
        self._due = 0.0
        self._fitted: Mapping[int, ConnectionConfiguration] = {}

    @property
    def waiting(self) -> int:
        """How many changes wait to be stored."""
        return len(self._waiting)

    def open(self) -> None:
        """Take up what an earlier run could not store."""
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                self._waiting.append(Change(*orjson.loads(line)))
            except (ValueError, TypeError):  # the end, cut off
                break
        self.on_file = len(self._waiting)

    # -- what is watched

    async def ask(self, connection: Connection, lines: Mapping[int, ConnectionConfiguration]) -> Known:
        """Read how the alarms stand of what is new among these lines, and whether those that are not agree with us."""
        numbers = self.limits.unknown(limit.id for line in lines.values() for limit in line.limits)
        standings = {number: Standing() for number in numbers}
        before = self._waiting
        active = {(row["source"], row["number"]) for row in await connection.fetch(READ_ACTIVE)}
        if numbers:
            for number, is_active, uncertain, since in await connection.fetch(READ_STANDINGS, numbers):
                pending = None if since is None else stream.to_microseconds(since)
                standings[number] = Standing(is_active, uncertain, pending)
        return Known(standings, active, compare=not before and self._waiting is before)

    def fit(self, lines: Mapping[int, ConnectionConfiguration], known: Known | None) -> None:
        """Go on with other lines; without `known` the database is away, and nobody knows how the new ones stand."""
        self._fitted = lines
        known = known or Known({}, set(), compare=False)
        standings, active = dict(known.standings), set(known.active)
        for change in self._waiting:
            _fold(change, standings, active)
        self.limits.fit([limit for line in lines.values() for limit in line.limits], standings)
        self.reach.fit({n: frozenset(unit.device_id for unit in line.units) for n, line in lines.items()}, active)
        if known.compare:
            self._heal({number for source, number in active if source == "limit"})
            self._tell(self.reach.differing(active))

    def drop(self, connections: Iterable[int]) -> None:
        """Judge nothing any more of connections that go to another collector."""
        gone = set(connections)
        self.fit({n: line for n, line in self._fitted.items() if n not in gone}, None)

    def _heal(self, active: set[int]) -> None:
        """Tell the database again what it and we know differently; whoever wrote into it, or whatever was lost."""
        for number, standing in self.limits.standing().items():
            if standing.active != (number in active):
                limit = self.limits.limit(number)
                event = Event.RAISED if standing.active else Event.CLEARED
                now = _now()
                self._add("limit", number, Found(number, event, now, None, 0, limit.threshold, standing.pending_since))

    # -- what comes

    def judge(self, readings: NDArray[Any]) -> None:
        """Compare the readings of a flush with the limits."""
        for found in self.limits.judge(readings):
            self._add("limit", found.limit_id, found)

    def device(self, state: DeviceCondition) -> None:
        """Take a device's state."""
        self.reach.note(state.device_id, offline=state.state == "offline", detail=state.last_error, now=monotonic())

    def look(self) -> None:
        """See what became of devices and connections."""
        self._tell(self.reach.look(monotonic()))

    def _tell(self, all_lost: Iterable[Lost]) -> None:
        for lost in all_lost:
            began, event = _now() - int(lost.seconds * 1e6), lost.event.value
            self._append(
                Change(
                    lost.source, lost.number, event, began, None, None, None, lost.detail, None, late=False, key=_key()
                )
            )

    def _add(self, source: str, number: int, found: Found) -> None:
        event = found.event.value if found.event else None
        self._append(
            Change(
                source,
                number,
                event,
                found.time,
                found.value,
                found.quality,
                found.threshold,
                None,
                found.pending_since,
                False,
                _key(),
            )
        )

    def _append(self, change: Change) -> None:
        self._waiting.append(change)
        if len(self._waiting) > MOST_WAITING:
            self._complaints.about(
                "alarms", f"more than {MOST_WAITING:,} changes of alarms wait: the oldest are forgotten"
            )
            del self._waiting[: MOST_WAITING // 10]
            self.on_file = 0

    # -- storing

    async def store(self, connection: Connection) -> None:
        """Store what waits, within the caller's transaction; it is forgotten by `settle`, after the commit.

        What the database refuses must not keep readings from being stored. So `AlarmsRefusedError` asks for the same
        transaction once more: that time it is told of, and left out. A savepoint each time would cost two more trips.
        """
        changes = list(self._waiting)
        if not changes:
            self._sent = (0, frozenset())
            return
        busy: frozenset[tuple[str, int]] = frozenset()
        try:
            async with connection.transaction() if self._refused else nullcontext():
                busy = await self._happen(connection, changes)
            self._refused = False
            self._complaints.over("alarms")
        except AWAY:
            raise
        except asyncpg.PostgresError as error:
            self._complaints.about("alarms", f"the database refuses changes of alarms: {error}")
            if not self._refused:
                self._refused = True
                raise AlarmsRefusedError from error
        self._sent = (len(changes), busy)

    def send(self) -> list[Change]:
        """Return what waits, to be stored elsewhere; it is forgotten by `settle`, once it is sure to come there."""
        self._sent = (len(self._waiting), frozenset())
        return list(self._waiting)

    def give(self, changes: Iterable[Change]) -> None:
        """Take what another program sent, instead of what waits here."""
        self._waiting = list(changes)

    def settle(self) -> None:
        """Forget what was stored."""
        (sent, busy), self._sent = self._sent, (0, frozenset())
        if sent:
            held = [change for change in self._waiting[:sent] if (change.source, change.number) in busy]
            self._waiting = held + self._waiting[sent:]

    def keep(self) -> None:
        """Write what waits to the file, when the database is away; blocks. And remove the file when nothing waits."""
        if not self._waiting:
            if self.on_file:
                self.path.unlink(missing_ok=True)
                self.on_file = 0
            return
        self._waiting = [change._replace(late=True) for change in self._waiting]
        new = self._waiting[self.on_file :]
        if not new and self.path.exists():
            return
        try:
            with os.fdopen(
                os.open(self.path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.on_file else os.O_TRUNC), 0o600),
                "ab",
            ) as file:
                file.writelines(orjson.dumps(list(change)) + b"\n" for change in new)
                file.flush()
                os.fsync(file.fileno())
            self.on_file = len(self._waiting)
        except OSError as error:
            self._complaints.about("alarms file", f"changes of alarms cannot be kept in {self.path}: {error.strerror}")

    async def _happen(self, connection: Connection, changes: list[Change]) -> frozenset[tuple[str, int]]:
        """Do the changes; return whose alarms somebody else holds just now."""
        new = {(c.source, c.number) for c in changes} - self._numbers.keys()
        if new:
            wanted = [
                [number for kind, number in new if kind == source] for source in ("limit", "device", "connection")
            ]
            self._numbers |= {(source, n): alarm for source, n, alarm in await connection.fetch(READ_NUMBERS, *wanted)}
        numbers = self._numbers
        if any(change.late for change in changes):
            changes = await _not_taken_over(connection, changes, numbers, self._collector)
        happenings = [_happening(numbers[c.source, c.number], c) for c in changes if (c.source, c.number) in numbers]
        done = await happen(connection, happenings, wait=self.patient)
        names = ((c.source, c.number) for c in changes) if done.busy else ()
        return frozenset(name for name in names if numbers.get(name) in done.busy)

    async def end_what_is_due(self, connection: Connection) -> None:
        """Let shelves and maintenance end whose time has come."""
        if monotonic() < self._due:
            return
        self._due = monotonic() + DUE_SECONDS
        async with connection.transaction():
            await end_due(connection)


async def _not_taken_over(
    connection: Connection, changes: list[Change], numbers: Mapping[tuple[str, int], int], collector: str
) -> list[Change]:
    """Return what of late changes may still be done where another collector polls meanwhile: how it is now, that one knows.

    What is older than what it told already is left out. The rest goes into the journal, and the alarm is then as it was.
    """
    alarms = {numbers[c.source, c.number] for c in changes if (c.source, c.number) in numbers}
    taken = {row["id"]: row for row in await connection.fetch(READ_TAKEN_OVER, list(alarms), collector)}
    kept: list[Change] = []
    last: dict[int, Change] = {}
    for change in changes:
        row = taken.get(numbers.get((change.source, change.number), -1))
        if row is None:
            kept.append(change)
        elif change.event and (row["newest"] is None or stream.to_datetime(change.time) > row["newest"]):
            kept.append(change)
            if change.event in {Event.RAISED, Event.CLEARED}:
                last[row["id"]] = change
    for number, change in last.items():
        if (change.event == Event.RAISED) != taken[number]["active"]:
            back = Event.RAISED if taken[number]["active"] else Event.CLEARED
            detail = "as the collector sees it that took over"
            kept.append(change._replace(event=back.value, detail=detail, pending_since=None, key=_key()))
    return kept


def _happening(alarm_id: int, change: Change) -> Happening:
    return Happening(
        alarm_id=alarm_id,
        event=Event(change.event) if change.event else None,
        time=stream.to_datetime(change.time),
        value=change.value,
        quality=change.quality,
        threshold=change.threshold,
        detail=change.detail,
        pending_since=None if change.pending_since is None else stream.to_datetime(change.pending_since),
        late=change.late,
        key=change.key,
    )


def _fold(change: Change, standings: dict[int, Standing], active: set[tuple[str, int]]) -> None:
    """Take into account what the database does not know yet."""
    name = (change.source, change.number)
    if change.event in {Event.RAISED, Event.CLEARED}:
        (active.add if change.event == Event.RAISED else active.discard)(name)
    if change.source != "limit":
        return
    before = standings.get(change.number, Standing())
    stands = change.event == Event.RAISED if change.event in {Event.RAISED, Event.CLEARED} else before.active
    uncertain = change.event == Event.UNCERTAIN or (before.uncertain and change.event is None)
    standings[change.number] = Standing(stands, uncertain, change.pending_since)


def _now() -> int:
    return int(time() * 1e6)


def _key() -> int:
    return secrets.randbits(62)
