"""The replay: what the spool has comes into the database, oldest first, on a connection of its own."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import asyncpg

from collector.complaints import Complaints
from collector.storing.flush import AWAY, COMMIT_SECONDS, MAKE_INCOMING, replay_batch
from collector.storing.spool import Spool, SpoolUnreadableError
from ddms.database import Connection, connect, explain
from ddms.errors import DdmsError
from ddms.settings import Settings

LOOK_SECONDS = 1.0
WAIT_SECONDS = 5.0

logger = logging.getLogger("ddms.collector")


class Counted(Protocol):
    """What the replay counts."""

    replayed: int
    refused: int


async def replay_spool(
    settings: Settings, spool: Spool, counted: Counted, complaints: Complaints, is_connected: Callable[[], bool]
) -> None:
    """Replay whenever there is something and the database is back; for ever. New readings do not wait for it."""
    while True:
        if spool.oldest() is None or not is_connected():
            await asyncio.sleep(LOOK_SECONDS)
            continue
        try:
            connection = await connect(settings, "collector-replay")
        except DdmsError:
            await asyncio.sleep(WAIT_SECONDS)
            continue
        try:
            await connection.execute(MAKE_INCOMING)
            while (path := spool.oldest()) is not None:
                await _replay_file(connection, settings.collector_name, spool, path, counted)
            complaints.over("replay")
        except SpoolUnreadableError as error:
            complaints.about("replay", f"the replay waits: {error}")
            await asyncio.sleep(WAIT_SECONDS)
        except AWAY as error:
            complaints.about("replay", f"the replay waits: {explain(error).message}")
            await asyncio.sleep(WAIT_SECONDS)
        finally:
            connection.terminate()


async def _replay_file(connection: Connection, collector: str, spool: Spool, path: Path, counted: Counted) -> None:
    batch = await asyncio.to_thread(spool.read, path)
    if batch is None:
        return
    try:
        async with asyncio.timeout(COMMIT_SECONDS * 3):
            await replay_batch(connection, collector, batch)
    except AWAY:
        raise
    except asyncpg.PostgresError:
        logger.exception("the database refuses a batch of the spool; it was set aside: %s", path)
        counted.refused += len(batch.readings)
        await asyncio.to_thread(spool.set_aside, path, ".refused")
        return
    counted.replayed += len(batch.readings)
    await asyncio.to_thread(spool.remove, path)
