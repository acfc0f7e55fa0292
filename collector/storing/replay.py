"""The replay: what the spool has comes into the database, oldest first, on a connection of its own."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Protocol

import asyncpg

from collector.complaints import Complaints
from collector.storing.decode import Batch
from collector.storing.flush import AWAY, COMMIT_SECONDS, MAKE_INCOMING, REFUSED, replay_batch
from collector.storing.spool import Spool, SpoolUnreadableError, abandoned
from ddms.database import TROUBLE, Connection, connect, explain
from ddms.errors import DdmsError
from ddms.settings import Settings

LOOK_SECONDS = 1.0
WAIT_SECONDS = 5.0
ABANDONED_SECONDS, LOOK_FOR_ABANDONED_SECONDS = 600.0, 60.0
REPLAY_SECONDS = 3 * COMMIT_SECONDS

logger = logging.getLogger("ddms.collector")


class Counted(Protocol):
    """What the replay counts."""

    replayed: int
    refused: int
    refused_at: datetime | None


class Replay:
    """Empties a spool into the database, one batch at a time."""

    def __init__(self, settings: Settings, spool: Spool, counted: Counted, complaints: Complaints) -> None:
        self._settings, self._spool, self._counted, self._complaints = settings, spool, counted, complaints
        self._turn = asyncio.Lock()
        self._next_look = 0.0

    async def run(self, is_connected: Callable[[], bool]) -> None:
        """Replay whenever there is something and the database is back; for ever. New readings do not wait for it."""
        while True:
            if self._spool.oldest() is None or not is_connected():
                if is_connected():
                    self._complaints.over("replay")
                await asyncio.sleep(LOOK_SECONDS)
                if not is_connected() or monotonic() < self._next_look:
                    continue
            try:
                await self._empty()
                await self._empty_abandoned()
                self._complaints.over("replay")
            except SpoolUnreadableError as error:
                self._complaints.about("replay", f"the replay waits: {error}")
                await asyncio.sleep(WAIT_SECONDS)
            except TROUBLE as error:
                self._complaints.about("replay", f"the replay waits: {explain(error).message}")
                await asyncio.sleep(WAIT_SECONDS)

    async def _empty(self) -> None:
        if self._spool.oldest() is None:
            return
        connection = await connect(self._settings, "collector-replay")
        try:
            await connection.execute(MAKE_INCOMING, timeout=COMMIT_SECONDS)
            while self._spool.oldest() is not None:
                await self.one(connection)
        finally:
            connection.terminate()

    async def _empty_abandoned(self) -> None:
        """Bring in what a collector left that was renamed, or whose container got another name: nobody else would."""
        self._next_look = monotonic() + LOOK_FOR_ABANDONED_SECONDS
        for folder in await asyncio.to_thread(abandoned, self._spool.directory, ABANDONED_SECONDS):
            other = Spool(folder, self._spool.max_bytes)
            other.on_lost = self._spool.lose
            try:
                await asyncio.to_thread(other.open)
            except DdmsError:  # its collector runs
                continue
            logger.info("the spool in %s is nobody's: it is brought into the database", folder)
            try:
                await Replay(self._settings, other, self._counted, self._complaints)._empty()
            finally:
                other.close()

    async def one(self, connection: Connection) -> None:
        """Bring the oldest batch into the database, if there is one; raises what says that the database is away."""
        async with self._turn:
            path = self._spool.oldest()
            batch = await asyncio.to_thread(self._spool.read, path) if path else None
            if path is None or batch is None:
                return
            try:
                await self._store(connection, path, batch)
            except asyncpg.PostgresError as error:
                if isinstance(error, REFUSED):
                    await self._set_aside(path, batch, error)
                elif isinstance(error, AWAY) or not await self._takes_another(connection, path):
                    raise
                else:
                    await self._store_or_set_aside(connection, path, batch)

    async def _store(self, connection: Connection, path: Path, batch: Batch) -> None:
        async with asyncio.timeout(REPLAY_SECONDS):
            await replay_batch(connection, self._settings.collector_name, batch)
        self._counted.replayed += len(batch.readings)
        await asyncio.to_thread(self._spool.remove, path)

    async def _store_or_set_aside(self, connection: Connection, path: Path, batch: Batch) -> None:
        """Try once more, now that the database takes another batch: what failed may have been over just then."""
        try:
            await self._store(connection, path, batch)
        except AWAY:
            raise
        except asyncpg.PostgresError as error:
            await self._set_aside(path, batch, error)

    async def _takes_another(self, connection: Connection, path: Path) -> bool:
        """Find out whether the database would take the newest batch; nothing of it is stored.

        An error that says neither may be the batch's or the database's own; then it does not take another one either.
        """
        newest = self._spool.newest()
        if newest is None or newest == path or (batch := await asyncio.to_thread(self._spool.peek, newest)) is None:
            return False
        trial = connection.transaction()
        try:
            async with asyncio.timeout(REPLAY_SECONDS):
                await trial.start()
                await replay_batch(connection, self._settings.collector_name, batch)
                await trial.rollback()
        except asyncpg.PostgresError:
            return False
        return True

    async def _set_aside(self, path: Path, batch: Batch, error: Exception) -> None:
        logger.error("the database refuses a batch of the spool (%s); it was set aside: %s", error, path)
        self._counted.refused += len(batch.readings)
        self._counted.refused_at = datetime.now(UTC)
        await asyncio.to_thread(self._spool.set_aside, path, ".refused")
