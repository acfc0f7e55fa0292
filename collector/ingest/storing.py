"""Messages into the database: all that one transaction can take of a collector, each message once.

A message is known by the run of its collector and its number in it. How far each run came is written in the transaction
that stores its messages, so what comes again, for whatever reason, is seen to be stored.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import asyncpg

from collector.complaints import Complaints
from collector.ingest import messages
from collector.ingest.messages import Belongings, Message, MessageError
from collector.ingest.statements import READ_BELONGINGS
from collector.storing.alarms import Alarms, AlarmsRefusedError
from collector.storing.flush import COMMIT_SECONDS, REFUSED, flush_batch, replay_batch, store_seen, store_states
from ddms.database import Connection

logger = logging.getLogger("ddms.ingest")

UNFIT = (*REFUSED, asyncpg.IntegrityConstraintViolationError, ValueError, TypeError, ArithmeticError, LookupError)
"""What says that a message itself cannot be stored, and would keep those behind it waiting for ever."""

KNOW_COLLECTOR = """-- ddms:know_collector
INSERT INTO collectors (name, version, site) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING
"""
# Two that store messages of one collector come one after the other.
LOCK_COLLECTOR = "-- ddms:lock_collector\nSELECT sequence, site FROM collectors WHERE name = $1 FOR NO KEY UPDATE"
READ_INGESTED = (
    "-- ddms:read_ingested\nSELECT epoch, number FROM ingested WHERE collector = $1 AND epoch = any($2::text[])"
)
WRITE_INGESTED = """-- ddms:write_ingested
INSERT INTO ingested (collector, epoch, number) SELECT $1, * FROM unnest($2::text[], $3::bigint[])
ON CONFLICT (collector, epoch) DO UPDATE SET number = excluded.number, changed_at = now()
"""
FORGET_INGESTED = """-- ddms:forget_ingested
DELETE FROM ingested i WHERE collector = $1 AND changed_at < now() - interval '1 year'
"""
SET_ASIDE = """-- ddms:set_message_aside
WITH old AS (DELETE FROM set_aside WHERE id < (SELECT id FROM set_aside ORDER BY id DESC OFFSET 999 LIMIT 1))
INSERT INTO set_aside (site, reason, message) VALUES ($1, left($2, 1000), $3)
"""


@dataclass(slots=True)
class Counted:
    """Counters of a site since the program started."""

    messages: int = 0
    readings: int = 0
    transactions: int = 0
    again: int = 0
    missing: int = 0
    set_aside: int = 0
    foreign: int = 0
    late: int = 0


@dataclass(slots=True)
class Received:
    """What came: a message, or why it is none; and its bytes."""

    body: bytes
    message: Message | None
    reason: str = ""


class SiteStore:
    """Stores the messages of a site."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.counted = Counted()
        self.is_stale = True
        """Whether what belongs to the site is to be read again."""
        self._ours: Belongings | None = None
        self._alarms: dict[str, Alarms] = {}

    def read(self, body: bytes, *, late: bool, trace: str | None = None) -> Received:
        """Read what came; whatever it is."""
        try:
            return Received(body, messages.read(body, late=late, trace=trace))
        except MessageError as error:
            return Received(body, None, str(error))

    async def store(self, connection: Connection, came: Sequence[Received]) -> None:
        """Store all, or set it aside; raises `TROUBLE` when the database is away, and then all is to come again."""
        for received in came:
            if received.message is None:
                await self._set_aside(connection, received.body, received.reason)
            else:
                await self._leave_foreign(connection, received)
        told = [received for received in came if received.message is not None]
        by_collector: dict[str, list[Received]] = {}
        for received in told:
            assert received.message is not None  # noqa: S101 - just chosen
            by_collector.setdefault(received.message.collector, []).append(received)
        for collector, mine in by_collector.items():
            for _, run in groupby(mine, lambda received: received.message is not None and received.message.late):
                await self._store_or_part(connection, collector, list(run))

    async def _leave_foreign(self, connection: Connection, received: Received) -> None:
        """Take out what is not the site's; a device may just have been added, so what belongs to it is read again first."""
        assert received.message is not None  # noqa: S101
        if self._ours is None or self.is_stale or messages.foreign(received.message, self._ours):
            self._ours = Belongings.of(await connection.fetchrow(READ_BELONGINGS, self.site))
            self.is_stale = False
        if foreign := messages.foreign(received.message, self._ours):
            messages.leave_foreign(received.message, self._ours)
            self.counted.foreign += foreign
            reason = f"{foreign} things in it are not of this site: the rest is stored"
            await self._set_aside(connection, received.body, reason)

    async def _store_or_part(self, connection: Connection, collector: str, run: list[Received]) -> None:
        """Store messages in one transaction; where one is refused, each in its own, and that one is set aside."""
        try:
            await self._store(connection, collector, [one.message for one in run if one.message])
        except UNFIT as error:
            if len(run) > 1:
                for one in run:
                    await self._store_or_part(connection, collector, [one])
                return
            await self._set_aside(connection, run[0].body, f"it cannot be stored: {error!r}")

    async def _store(self, connection: Connection, collector: str, run: list[Message]) -> None:
        try:
            await self._transact(connection, collector, run)
        except AlarmsRefusedError:
            await self._transact(connection, collector, run)

    async def _transact(self, connection: Connection, collector: str, run: list[Message]) -> None:
        alarms = self._alarms.setdefault(collector, _alarms(collector))
        async with asyncio.timeout(3 * COMMIT_SECONDS), connection.transaction():
            if (known := await connection.fetchrow(LOCK_COLLECTOR, collector)) is None:
                await connection.execute(KNOW_COLLECTOR, collector, run[0].version, self.site)
                known = await connection.fetchrow(LOCK_COLLECTOR, collector)
            if known["site"] != self.site:
                raise asyncpg.CheckViolationError(
                    f"the collector {collector!r} is of another site: give it another name"
                )
            fresh, reached = await self._fresh(connection, collector, run)
            if not fresh:
                return
            alarms.give(change for message in fresh for change in message.changes)
            await self._write(connection, known["sequence"] + 1, fresh, alarms)
            await connection.execute(WRITE_INGESTED, collector, list(reached), list(reached.values()))
            if any(message.number == 1 for message in fresh):
                await connection.execute(FORGET_INGESTED, collector)
        self.counted.messages += len(fresh)
        self.counted.readings += sum(len(message.batch.readings) for message in fresh)
        self.counted.late += sum(message.late for message in fresh)
        self.counted.transactions += 1

    async def _fresh(
        self, connection: Connection, collector: str, run: Iterable[Message]
    ) -> tuple[list[Message], dict[str, int]]:
        """Return the messages that are not stored yet, and how far each run came with them."""
        run = list(run)
        epochs = list({message.epoch for message in run})
        before: dict[str, int] = dict(await connection.fetch(READ_INGESTED, collector, epochs))
        reached: dict[str, int] = {}
        fresh: list[Message] = []
        for message in run:
            last = reached.get(message.epoch, before.get(message.epoch, 0))
            if message.number <= last:
                self.counted.again += 1
                continue
            if message.number > last + 1 and message.epoch in before:
                logger.warning(
                    "%s: messages %d to %d of %s never came", self.site, last + 1, message.number - 1, collector
                )
                self.counted.missing += message.number - last - 1
            reached[message.epoch] = message.number
            fresh.append(message)
        return fresh, reached

    async def _write(self, connection: Connection, sequence: int, fresh: list[Message], alarms: Alarms) -> None:
        batch, collector = messages.together(fresh), fresh[0].collector
        if len(batch.readings) and not fresh[0].late:
            try:
                traces = [message.trace for message in fresh if message.trace]
                await flush_batch(connection, collector, sequence, batch, alarms.store, published=traces)
            except asyncpg.UniqueViolationError:  # a clock that was set back, or what came over another way already
                await replay_batch(connection, collector, batch)
                await alarms.store(connection)
        else:
            if len(batch.readings):
                await replay_batch(connection, collector, batch)
            await alarms.store(connection)
        await store_states(connection, messages.newest_states(fresh))
        healths = [message.health for message in fresh if message.health is not None]
        for health in healths:
            await store_seen(connection, health, messages.newest_seen(fresh) if health is healths[-1] else [])

    async def _set_aside(self, connection: Connection, body: bytes, reason: str) -> None:
        logger.warning("a message of the site %s was set aside: %s", self.site, reason)
        await connection.execute(SET_ASIDE, self.site, reason.replace("\0", "?"), body)
        self.counted.set_aside += 1


def _alarms(collector: str) -> Alarms:
    alarms = Alarms(Path(), Complaints(), collector)
    alarms.patient = True
    return alarms
