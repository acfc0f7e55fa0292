"""The hub: one LISTEN for the whole program, and what follows from what it hears."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from weakref import WeakSet

import numpy as np
import orjson

from api.ground.callers import Callers
from api.ground.database import Database, Row
from api.ground.metrics import LIVE_LAG, READINGS
from api.live.broadcast import Broadcasts
from api.live.followed import Followed
from api.live.latest import LatestOfAll
from api.live.mirror import Arrived, Mirror, MirroredState
from api.live.resume import Span
from ddms import tracing
from ddms.database import listen
from ddms.errors import DdmsError
from ddms.settings import Settings
from ddms.stream import CHANNEL, Unpacker

HEARTBEAT_SECONDS = 10.0
READ_FOLLOWED = """-- ddms:read_followed_requests
SELECT id, state, progress, result, error, created_at, finished_at FROM field_requests WHERE id = any($1::bigint[])
"""
HEARTBEAT = "-- ddms:heartbeat\nSELECT pg_notify(channel('ddms_heartbeat'), $1)"

logger = logging.getLogger("api.live")


@dataclass(frozen=True)
class Reconnected:
    """Changes may have been missed: what a subscriber knows is void."""


@dataclass(frozen=True)
class Replayed:
    """A collector stored readings late, from its spool."""

    span: Span


@dataclass(frozen=True)
class Configured:
    """Devices or points were changed."""


@dataclass(frozen=True)
class FieldRequestChanged:
    """A request to the field that somebody follows went on."""

    number: int


class Follower(Protocol):
    """Who follows one request to the field."""

    number: int

    def take(self, row: Row) -> None:
        """Take what it is now."""


@dataclass(frozen=True)
class StatesChanged:
    """Devices went online, offline or into error."""

    states: tuple[MirroredState, ...]


class AlarmFollower(Protocol):
    """Who keeps the alarms that are shown, for those who follow them."""

    behind: bool
    """Whether there is more to read."""

    async def load(self, database: Database) -> None:
        """Read what is shown."""

    async def follow(self, database: Database) -> object | None:
        """Read what happened since the last time; return what is told of it."""


class Hub:
    """Listens on one connection, keeps the mirror, tells the broadcasts; reconnects for ever."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        callers: Callers,
        alarms: AlarmFollower,
        rows: Mapping[str, Followed],
    ) -> None:
        self.alarms = alarms
        self.rows = rows
        """What is read again when the database tells of it on a channel, by the channel."""
        self._settings = settings
        self._database = database
        self._callers = callers
        self._name = secrets.token_hex(8)
        self._wake = asyncio.Event()
        self._refreshing = asyncio.Lock()
        self._configured = False
        self._replayed = False
        self._callers_changed = False
        self._alarms_told = False
        self._states: set[int] = set()
        self._heard = 0.0
        self._field_waiters: set[asyncio.Event] = set()
        self._requests: set[int] = set()
        self._followers: WeakSet[Follower] = WeakSet()
        self.mirror = Mirror()
        self.newest = LatestOfAll(self.mirror)
        self.broadcasts = Broadcasts(self.mirror)
        self.connected = asyncio.Event()
        self.on_callers_changed: Callable[[], None] = lambda: None
        self.on_sights_changed: Callable[[], None] = lambda: None

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except* DdmsError as group:
                logger.warning("the live stream waits for the database: %s", group.exceptions[0])
            finally:
                self._callers.may_remember = False
                self.connected.clear()
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        unpacker = Unpacker()
        channels: dict[str, Callable[[str], None]] = {
            CHANNEL: lambda payload: self._hear_readings(unpacker, payload),
            "ddms_replays": self._hear_replay,
            "ddms_configuration": lambda _: self._note(configured=True),
            "ddms_tokens": lambda _: self._note(tokens=True),
            "ddms_sights": lambda _: self._hear_sights(),
            "ddms_alarms": lambda _: self._note(alarms=True),
            "ddms_states": self._hear_state,
            "ddms_field_requests": self._hear_field,
            "ddms_heartbeat": self._hear_heartbeat,
            **{subject: partial(self._hear_rows, followed) for subject, followed in self.rows.items()},
        }
        async with listen(self._settings, "api-live", channels) as lost:
            self._callers.forget()
            self._callers.may_remember = True
            await self.mirror.load(self._database)
            await self.alarms.load(self._database)
            for followed in self.rows.values():
                followed.is_old = True
            await self._read_all_rows()
            self.broadcasts.publish(Reconnected())
            self._alarms_told = True  # what happened while nobody listened
            self._requests.update(follower.number for follower in self._followers)
            self._wake.set()
            self.on_callers_changed()
            self._heard = time.monotonic()
            self.connected.set()
            logger.info("the live stream is connected")
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._end_with(lost))
                beat = tasks.create_task(self._beat(lost))
                await self._work(lost)
                watch.cancel()
                beat.cancel()
            logger.warning("the live stream lost its connection")

    async def _end_with(self, lost: asyncio.Event) -> None:
        await lost.wait()
        self._wake.set()

    async def _beat(self, lost: asyncio.Event) -> None:
        """Send ourselves a message now and then: a dead connection may look like a silent one."""
        while time.monotonic() - self._heard < 2.5 * HEARTBEAT_SECONDS:
            with suppress(DdmsError):
                await self._database.value(HEARTBEAT, self._name)
            await asyncio.sleep(HEARTBEAT_SECONDS)
        lost.set()

    async def _work(self, lost: asyncio.Event) -> None:
        while not lost.is_set():
            await self._wake.wait()
            self._wake.clear()
            if self._callers_changed:
                self._callers_changed = False
                self._callers.forget()
                self.on_callers_changed()
            if self._alarms_told:
                self._alarms_told = False
                if happened := await self.alarms.follow(self._database):
                    self.broadcasts.publish(happened)
                if self.alarms.behind:
                    self._note(alarms=True)
            await self._read_all_rows()
            if self._configured:
                self._configured = False
                await self.refresh()
            if self._replayed:
                self._replayed = False
                await self.mirror.load_newest(self._database)
            if self._states:
                devices, self._states = self._states, set()
                async with self._refreshing:
                    self._publish_states(await self.mirror.load_states(self._database, sorted(devices)))
            if self._requests:
                await self._tell_followers()

    async def refresh(self) -> None:
        """Read again which devices and points there are, and tell the broadcasts."""
        async with self._refreshing:
            await self.mirror.load_directory(self._database)
            await self.alarms.load(self._database)
            # Told in the moment in which they are read, and one reading after the other: what is told last is the newest.
            states = await self.mirror.load_states(self._database, None)
            self.broadcasts.publish(Configured())
            self._publish_states(states)

    def _publish_states(self, states: list[MirroredState]) -> None:
        if states:
            self.broadcasts.publish(StatesChanged(tuple(states)))

    def _hear_sights(self) -> None:
        self.on_sights_changed()
        self._note(configured=True)

    def _note(self, *, configured: bool = False, tokens: bool = False, alarms: bool = False) -> None:
        self._configured |= configured
        self._alarms_told |= alarms
        self._callers_changed |= tokens
        if tokens:
            self._callers.forget()
        self._wake.set()

    def _hear_readings(self, unpacker: Unpacker, payload: str) -> None:
        flush = unpacker.feed(payload)
        if flush is None:
            return
        with tracing.arrival(flush.collector, flush.sequence):
            arrived = self.mirror.apply(flush)
            if len(arrived.points):
                self.broadcasts.publish(Arrived(arrived, len(self.mirror.times)))
        if len(arrived.points):
            READINGS.inc(len(arrived.points))
            LIVE_LAG.observe(max(0.0, time.time() - int(np.max(arrived.times)) / 1000))

    def _hear_replay(self, payload: str) -> None:
        told = orjson.loads(payload)
        if told["collector"]:  # an import is of none
            self.mirror.hear(told["collector"], 0, told["sequence"])
        self._replayed = True
        self._wake.set()
        if told["first"]:
            self.broadcasts.publish(
                Replayed(Span(datetime.fromisoformat(told["first"]), datetime.fromisoformat(told["last"])))
            )

    def _hear_state(self, payload: str) -> None:
        if payload.isdecimal():
            self._states.add(int(payload))
            self._wake.set()

    def _hear_rows(self, followed: Followed, _: str) -> None:
        followed.is_old = True
        self._wake.set()

    async def follow_rows(self, followed: Followed, follower: object) -> None:
        """Read rows that change, as long as the follower lives."""
        followed.followers.add(follower)
        await self._read_rows(followed)

    async def _read_rows(self, followed: Followed) -> None:
        """Read rows that somebody follows, if they may be others now, and tell those who do."""
        if changed := await followed.read(self._database):
            self.broadcasts.publish(changed)

    async def _read_all_rows(self) -> None:
        """Read what is followed and may be different now, and tell those who follow it."""
        for followed in self.rows.values():
            if followed.is_wanted:
                await self._read_rows(followed)

    def _hear_heartbeat(self, payload: str) -> None:
        if payload == self._name:
            self._heard = time.monotonic()

    def _hear_field(self, payload: str) -> None:
        for waiter in self._field_waiters:
            waiter.set()
        number = int(payload.partition(":")[0])
        if any(follower.number == number for follower in self._followers):
            self._requests.add(number)
            self._wake.set()

    def follow(self, follower: Follower) -> None:
        """Tell a follower of its request's progress, as long as it lives."""
        self._followers.add(follower)

    async def _tell_followers(self) -> None:
        numbers, self._requests = self._requests, set()
        for row in await self._database.rows(READ_FOLLOWED, list(numbers)):
            for follower in self._followers:
                if follower.number == row["id"]:
                    follower.take(row)
            self.broadcasts.publish(FieldRequestChanged(row["id"]))

    @contextmanager
    def field_changes(self) -> Iterator[asyncio.Event]:
        """Return an event that is set whenever a request to the field changed its state."""
        waiter = asyncio.Event()
        self._field_waiters.add(waiter)
        try:
            yield waiter
        finally:
            self._field_waiters.discard(waiter)
