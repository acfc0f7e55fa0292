"""A backup makes way: who waits for a lock that it holds lets everybody else wait behind, for as long as the backup lasts.

pg_dump holds a light lock on every table, which readers and writers do not notice. But what wants a table for itself
(a migration, the compression of a chunk) waits for its end, and whoever comes later waits for that.
"""

import asyncio
import logging

import asyncpg

from ddms.backups.source import ended
from ddms.database import connect
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

LOOK_EVERY = 1.0
OF_JOBS, OF_OTHERS = 2.0, 6.0
"""For so many seconds a job of the database itself waits, and somebody else. Retention gives up by itself after two."""

LIST_WAITING = """-- ddms:list_waiting_for_backup
SELECT a.pid, a.backend_type, coalesce(nullif(a.application_name, ''), a.usename) AS name, extract(epoch FROM now() - l.waitstart)::float8 AS seconds
  FROM pg_locks l JOIN pg_stat_activity a USING (pid)
 WHERE NOT l.granted AND l.mode IN ('AccessExclusiveLock', 'ExclusiveLock') AND a.datname = current_database() AND pg_blocking_pids(a.pid) && ARRAY(
       SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ddms-backup')
"""
CANCEL = "-- ddms:cancel_job_of_database\nSELECT pg_cancel_backend($1)"

logger = logging.getLogger("ddms.backups")


async def make_way(settings: Settings) -> None:
    """Look who waits, until cancelled: a job of the database is cancelled, and comes again by itself; for anybody else raises."""
    connection = await connect(settings, "backup-way")
    try:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            for row in await connection.fetch(LIST_WAITING):
                await _consider(connection, row)
    finally:
        await ended(connection)


async def _consider(connection: asyncpg.Connection, row: asyncpg.Record) -> None:
    seconds = row["seconds"] or 0.0
    if row["backend_type"] != "client backend":
        if seconds >= OF_JOBS:
            logger.info("%s waits for a backup and is told to come again later", row["name"])
            await connection.fetchval(CANCEL, row["pid"])
    elif seconds >= OF_OTHERS:
        sentence = Sentence("{} wanted a table for itself, so the backup made way: it is tried again", row["name"])
        raise DdmsError(Code.BUSY, sentence)
