"""Switching over: the restored database takes the name of the old one, which gets another; and so back."""

import asyncio

import asyncpg

from ddms.backups import target
from ddms.backups.manifest import quoted
from ddms.backups.target import at
from ddms.database import check_schema, connect, explained
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

TRIES = 20
PAUSE = 0.2  # seconds

LIST_DATABASES = "-- ddms:list_databases\nSELECT datname FROM pg_database WHERE datname = ANY ($1::text[])"
END_SESSIONS = """-- ddms:end_sessions
SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity WHERE datname = ANY ($1::text[]) AND pid <> pg_backend_pid()
"""


async def switch(settings: Settings, new: str, old_name: str) -> None:
    """Give the database `new` the name of the one that the programs use, which is called `old_name` from then on.

    Both names change in one transaction. The programs' sessions are ended; they come back by themselves, into the new
    one. A database that is unfinished or of another schema is refused, and nothing is changed.
    """
    login, live = settings.for_backups, target.name_of(settings)
    for name in (new, old_name):
        target.check_name(name)
    await target.read_server(login)
    connection = await connect(at(login, "postgres"), "switch")
    try:
        with explained():
            there = {row[0] for row in await connection.fetch(LIST_DATABASES, [new, live, old_name])}
            if new not in there or new == live:
                raise DdmsError(Code.NOT_FOUND, Sentence("there is no database {} to switch to", new), field="database")
            if old_name in there:
                sentence = "there is a database {} already: give the old one another name with --old-name"
                raise DdmsError(Code.ALREADY_EXISTS, Sentence(sentence, old_name), field="old_name")
            await _check(at(login, new))
            await _rename(connection, live if live in there else None, new, live, old_name)
    finally:
        await connection.close()


async def _check(settings: Settings) -> None:
    connection = await connect(settings, "switch")
    try:
        await check_schema(connection)
    finally:
        await connection.close()


async def _rename(connection: asyncpg.Connection, old: str | None, new: str, live: str, old_name: str) -> None:
    closed = [new, *([old] if old else [])]
    try:
        for name in closed:
            await connection.execute(f"ALTER DATABASE {quoted(name)} ALLOW_CONNECTIONS false")
        for attempt in range(TRIES):
            await connection.fetchval(END_SESSIONS, closed)
            try:
                async with connection.transaction():
                    if old:
                        await connection.execute(f"ALTER DATABASE {quoted(old)} RENAME TO {quoted(old_name)}")
                    await connection.execute(f"ALTER DATABASE {quoted(new)} RENAME TO {quoted(live)}")
                break
            except asyncpg.ObjectInUseError:
                if attempt == TRIES - 1:
                    raise
                await asyncio.sleep(PAUSE)
    finally:
        for row in await connection.fetch(LIST_DATABASES, [live, new, old_name]):
            await connection.execute(f"ALTER DATABASE {quoted(row[0])} ALLOW_CONNECTIONS true")
