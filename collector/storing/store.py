"""The way from answers to the database: collect, flush, spool when the database is away, replay when it is back."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from collector.complaints import Complaints
from collector.polling.units import DeviceCondition, Pace
from collector.storing.alarms import Alarms, AlarmsRefusedError
from collector.storing.calculated_devices import CalculatedDevices
from collector.storing.decode import Answer, Batch, PointArrays, decode
from collector.storing.flush import (
    COMMIT_SECONDS,
    MAKE_INCOMING,
    REFUSED,
    CollectorHealth,
    flush_batch,
    replay_batch,
    store_seen,
    store_states,
)
from collector.storing.replay import Replay
from collector.storing.spool import Spool, SpoolFullError, SpoolUnreadableError
from ddms import VERSION
from ddms.database import SESSION_SECONDS, TROUBLE, Connection, check_schema, connect, explain, explained
from ddms.errors import Code, DdmsError
from ddms.lines import ConnectionConfiguration
from ddms.plan import Block, PolledPoint
from ddms.quality import Reason
from ddms.settings import Settings

RECONNECT_SECONDS = 5.0
SPOOL_INTERVAL = 1.0  # seconds between two batches while they go to the disk
GATHER_SECONDS, GATHER_MOST = 0.02, 0.1  # until nothing came for so long; no answer waits longer for others
SEEN_SECONDS = 10.0
OTHERS_SECONDS = 0.9
LATE_SECONDS, TOLD_FOR = 15.0, timedelta(hours=1)

logger = logging.getLogger("ddms.collector")

CLAIM_NAME = "-- ddms:claim_name\nSELECT claim('collector ' || $1)"
# In microseconds, as the collector counts; a NULL is NaN.
READ_NEWEST = """-- ddms:read_newest_inputs
SELECT point_id, (extract(epoch FROM time) * 1000000)::bigint, coalesce(value, 'NaN'), quality FROM latest
 WHERE point_id = ANY ($1::int[]) AND time > now() - interval '1 day'
"""
REGISTER_COLLECTOR = """-- ddms:register_collector
INSERT INTO collectors (name, version, site) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET started_at = now(), seen_at = now(), stopped_at = NULL, version = excluded.version, site = excluded.site, epoch = NULL RETURNING sequence
"""


@dataclass(slots=True)
class StoreStatistics:
    """Counters since the program started."""

    readings: int = 0
    stored: int = 0
    bad: int = 0
    flushes: int = 0
    flush_seconds: float = 0.0
    last_flush_seconds: float = 0.0
    spooled: int = 0
    replayed: int = 0
    lost: int = 0
    lost_at: datetime | None = None
    refused: int = 0
    refused_at: datetime | None = None


def _is_recent(moment: datetime | None) -> bool:
    return moment is not None and datetime.now(UTC) - moment < TOLD_FOR


class Store:
    """Takes answers from the connection tasks (it is their `Sink`) and owns the connection that stores them."""

    def __init__(self, settings: Settings, spool: Spool) -> None:
        self.statistics = StoreStatistics()
        self.spool = spool
        self.name = settings.collector_name
        self._points = PointArrays()
        self._settings = settings
        self._answers: list[Answer] = []
        self._pending = asyncio.Event()
        self._first_came = 0.0
        self._states: dict[int, DeviceCondition] = {}
        self._seen: set[int] = set()
        self._paces: dict[int, Pace] = {}
        self._seen_stored = monotonic()
        self._connection: asyncpg.Connection | None = None
        self._sequence = 0
        self.complaints = Complaints()
        self.alarms = Alarms(settings.spool_folder, self.complaints, settings.collector_name)
        self._replay = Replay(settings, spool, self.statistics, self.complaints)
        spool.on_lost = self._lost
        self._registered = False
        self._calculated: list[PolledPoint] = []
        self._calculated_devices = CalculatedDevices()
        self._others: list[int] = []
        self._others_asked = 0.0

    @property
    def connected(self) -> bool:
        """Whether readings go to the database (else to the spool)."""
        return self._connection is not None

    @property
    def is_known(self) -> bool:
        """Whether the configuration and the leases can be asked for."""
        return self.connected

    @property
    def pending(self) -> int:
        """Answers that wait for the next flush."""
        return len(self._answers)

    @property
    def waits(self) -> float:
        """How long the oldest answer waits for a flush that was not begun yet, in seconds."""
        return monotonic() - self._first_came if self._answers else 0.0

    def troubles(self) -> list[str]:
        """Say, a sentence each, what keeps readings from being stored as fast as they are read; nothing when all is well."""
        statistics, said = self.statistics, list(self.complaints.current.values())
        if self.waits > LATE_SECONDS:
            said.append(f"answers wait for {self.waits:.0f} s for the flush before theirs")
        if self.connected and (age := self.spool.age()) > LATE_SECONDS:
            said.append(f"{self.spool.count} batches wait in the spool for the database, the oldest for {age:.0f} s")
        if _is_recent(statistics.lost_at):
            said.append(
                f"readings were lost, {statistics.lost:,} since the start, the last at {statistics.lost_at:%H:%M:%S} UTC"
            )
        if _is_recent(statistics.refused_at):
            said.append(
                f"the database refused {statistics.refused:,} readings: they are in {self.spool.directory}/*.refused"
            )
        return said

    def answer(self, block: Block, time: int, data: bytes | None, reason: int) -> None:
        """Take what a request brought."""
        if not self._answers:
            self._first_came = monotonic()
            self._pending.set()
        self._answers.append((block, time, data, reason))

    def seen(self, device_id: int) -> None:
        """Take note that a device answered just now."""
        self._seen.add(device_id)

    def state(self, state: DeviceCondition) -> None:
        """Take a device's new state; only the newest is stored."""
        self._states[state.device_id] = state
        self.alarms.device(state)
        self._pending.set()

    def pace(self, paces: Iterable[Pace]) -> None:
        """Take how fast devices answer; it is stored with the next note of those that were seen."""
        self._paces.update((pace.device_id, pace) for pace in paces)

    def place(self, points: Sequence[PolledPoint], interval_s: float) -> NDArray[np.intp]:
        """Return the slots of the points of a block."""
        return self._points.place(points, interval_s)

    async def calculate(self, lines: Mapping[int, ConnectionConfiguration], connection: Connection | None) -> None:
        """Go on with the calculated points of these lines; without a connection nothing is known but what is read from now on."""
        points = [point for line in lines.values() for point in line.calculated]
        if points != self._calculated:
            self._calculated = points
            self._points.calculate(points, time.time_ns() // 1000)
        self._calculated_devices.fit([one for line in lines.values() for one in line.calculated_devices], points)
        ours = {point.id for line in lines.values() for unit in line.units for point in unit.points}
        ours |= {point.id for point in points}
        self._others = sorted(self._points.calculated.inputs() - ours) if self._points.calculated else []
        if connection is not None and (unknown := self._points.cells.unknown()):
            for row in await connection.fetch(READ_NEWEST, unknown):
                self._points.cells.remember(*row)

    async def _hear_of_others(self) -> None:
        """Ask for the newest readings of inputs that other collectors poll."""
        if not self._others or self._connection is None or monotonic() - self._others_asked < OTHERS_SECONDS:
            return
        self._others_asked = monotonic()
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                for row in await self._connection.fetch(READ_NEWEST, self._others):
                    self._points.cells.hear(*row)
        except TROUBLE as error:
            self._disconnect(error)

    # -- flush

    async def run(self) -> None:
        """Flush whenever something is pending, at most once an interval; for ever."""
        while True:
            await self._pending.wait()
            await self._gather()
            start = monotonic()
            await self.flush()
            pause = self._settings.flush_interval if self.connected else SPOOL_INTERVAL
            await asyncio.sleep(start + pause - monotonic())

    async def _gather(self) -> None:
        """Wait while answers come one upon the other: polls are due together, and one flush of all costs the least."""
        before = -1
        while before != len(self._answers) and monotonic() < self._first_came + GATHER_MOST:
            before = len(self._answers)
            await asyncio.sleep(GATHER_SECONDS)

    async def flush(self) -> None:
        """Store what is pending, in the database or else in the spool."""
        self._pending.clear()
        await self._hear_of_others()
        answers, self._answers = self._answers, []
        start = monotonic()
        batch = decode(answers, self._points)
        self.alarms.judge(batch.readings)
        self.alarms.look()
        self._note_calculated(batch)
        if len(batch.readings) and not await self._store_or_keep(batch):
            await self._spool(batch)
        await self._store_states()
        if (self.alarms.waiting and not self.connected) or (self.alarms.on_file and not self.alarms.waiting):
            await asyncio.to_thread(self.alarms.keep)
        self._count(batch, monotonic() - start)

    def _note_calculated(self, batch: Batch) -> None:
        """Take how devices do that have only calculated points."""
        seen, changed = self._calculated_devices.look(batch.readings)
        self._seen.update(seen)
        for condition in changed:
            self.state(condition)

    async def _store_or_keep(self, batch: Batch) -> bool:
        """Store a batch; when the program is ended meanwhile, keep it: nobody knows then whether it was stored."""
        try:
            return await self._store(batch)
        except asyncio.CancelledError:
            try:
                self.spool.append(batch)
            except SpoolFullError:
                self.spool.lose(len(batch.readings))
            raise

    async def _store(self, batch: Batch) -> bool:
        if self._connection is None:
            return False
        self._sequence += 1
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                try:
                    await self._flush_batch(self._connection, batch)
                    self.alarms.settle()
                except asyncpg.UniqueViolationError:
                    # The clock was set back to the very microsecond of another reading.
                    await replay_batch(self._connection, self._settings.collector_name, batch)
        except REFUSED as error:  # the replay finds out more, and sets it aside
            logger.warning("the database refuses a flush (%s); it goes to the spool", error)
            return False
        except TROUBLE as error:
            self._disconnect(error)
            return False
        return True

    async def _flush_batch(self, connection: Connection, batch: Batch) -> None:
        name, sequence = self._settings.collector_name, self._sequence
        try:
            await flush_batch(connection, name, sequence, batch, self.alarms.store)
        except AlarmsRefusedError:
            await flush_batch(connection, name, sequence, batch, self.alarms.store)

    async def _store_states(self) -> None:
        if self._connection is None:
            return
        seen: list[Pace] | None = None
        if monotonic() - self._seen_stored >= SEEN_SECONDS:
            seen = [self._paces.get(device_id, Pace(device_id, None, None, None)) for device_id in self._seen]
            self._seen, self._seen_stored = set(), monotonic()
        states, self._states = self._states, {}
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await store_states(self._connection, list(states.values()))
                await self._store_alarms(self._connection)
            if seen is not None:
                await _whole(self._tell(self._connection, seen))
            self.complaints.over("states")
        except REFUSED as error:
            self.complaints.about("states", f"the database refuses what is known of the devices: {error}")
        except TROUBLE as error:
            self._states = states | self._states
            self._disconnect(error)

    async def _tell(self, connection: Connection, seen: list[Pace]) -> None:
        health = self._health()
        async with asyncio.timeout(COMMIT_SECONDS):
            await store_seen(connection, health, seen)
        await asyncio.to_thread(self.spool.told, health.lost)

    async def _store_alarms(self, connection: Connection) -> None:
        """Store what no flush of readings took along, and end shelves."""
        if self.alarms.waiting:
            with suppress(AlarmsRefusedError):  # they go with the next flush, or are left out then
                async with connection.transaction():
                    await self.alarms.store(connection)
                self.alarms.settle()
        await self.alarms.end_what_is_due(connection)

    def _health(self) -> CollectorHealth:
        lost_at = self.statistics.lost_at or (datetime.now(UTC) if self.spool.untold else None)
        return CollectorHealth(
            self._settings.collector_name, self.spool.untold, lost_at, self.spool.bytes, self.spool.age()
        )

    def _count(self, batch: Batch, seconds: float) -> None:
        statistics, readings = self.statistics, batch.readings
        statistics.readings += len(readings)
        statistics.stored += int(readings["stored"].sum())
        statistics.bad += int((readings["quality"] >= Reason.TIMEOUT).sum())
        statistics.flushes += 1
        statistics.flush_seconds += seconds
        statistics.last_flush_seconds = seconds

    # -- spool

    async def _spool(self, batch: Batch) -> bool:
        """Keep a batch on the disk; return whether there was room."""
        try:
            await asyncio.shield(asyncio.to_thread(self.spool.append, batch))
        except SpoolFullError as error:
            await asyncio.to_thread(self.spool.lose, len(batch.readings))
            self.complaints.about("spool", f"readings are lost: {error}")
            return False
        self.statistics.spooled += len(batch.readings)
        self.complaints.over("spool")
        return True

    def _lost(self, readings: int) -> None:
        self.statistics.lost += readings
        self.statistics.lost_at = datetime.now(UTC)

    async def replay_spool(self) -> None:
        """Bring the spool into the database whenever it is back; for ever."""
        await self._replay.run(lambda: self.connected)

    # -- connection

    async def stay_connected(self) -> None:
        """Connect again whenever the connection is lost, and give a sign of life; for ever.

        Raises `DdmsError` when another collector has this one's name before it ever had it itself.
        """
        while True:
            await asyncio.sleep(RECONNECT_SECONDS)
            if self._connection is not None and self._connection.is_closed():
                self._disconnect(ConnectionError("it closed the connection"))
            if self._connection is None:
                try:
                    await self.connect()
                except DdmsError as error:
                    if error.code is Code.CONFLICT and not self._registered:
                        raise
                    self.away(error)
            self._pending.set()

    async def connect(self) -> None:
        """Connect to the database, take this collector's name, and see that the database takes readings again.

        Raises `DdmsError`. What it takes first is the oldest batch of the spool: a database that lets in and answers
        may still have no room, or hold a lock, and nothing that was just read should wait for that.
        """
        connection = await connect(self._settings, "collector")
        try:
            with explained():
                async with asyncio.timeout(SESSION_SECONDS):
                    await self._register(connection)
                with suppress(SpoolUnreadableError):
                    await self._replay.one(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        self.complaints.over("database")
        self.complaints.over("spool")
        logger.info("connected to the database; %d batches wait in the spool", self.spool.count)

    async def _register(self, connection: Connection) -> None:
        await check_schema(connection)
        name = self._settings.collector_name
        if not await connection.fetchval(CLAIM_NAME, name):
            raise DdmsError(
                Code.CONFLICT, f"another collector runs under the name {name!r}: stop it, or set DDMS_COLLECTOR_NAME"
            )
        await connection.execute(MAKE_INCOMING)
        registered = await connection.fetchval(REGISTER_COLLECTOR, name, VERSION, self._settings.site or "")
        self._sequence = max(self._sequence, registered)
        self._registered = True

    def _disconnect(self, error: BaseException) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self.away(error)

    def away(self, error: BaseException) -> None:
        """Say why readings go to the spool."""
        self.complaints.about("database", f"readings go to the spool: {explain(error).message}")

    async def close(self) -> None:
        """Store what is pending, and hang up."""
        await self.flush()
        if self._connection is not None:
            with suppress(*TROUBLE):
                await self._connection.close(timeout=2)
            self._connection = None
        self.spool.close()


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Finish what was begun, also when the program is ended meanwhile: of a telling that is cut off, nobody knows whether it was heard."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
