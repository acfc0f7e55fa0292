"""Restoring a backup into a new database of a server: the way it takes, stage by stage, and what is told at the end.

The old database is never touched. The new one is marked as unfinished from its first moment to the last (`target`), so
that no program starts on it, and a restore that was cut off goes on where it was.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from ddms.backups import loading, manifest, programs, reading, roles, settle, target
from ddms.backups.folder import size
from ddms.backups.reading import Found, Opened, Report
from ddms.backups.steps import steps
from ddms.backups.target import Mark, Server, Stage, Way, at
from ddms.database import SCHEMA_VERSION, Connection, check_schema, connect, explained, read_edition
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

LOOK_EVERY = 1.0  # seconds
DATABASE_SIZE = "-- ddms:database_size\nSELECT pg_database_size($1::text)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is restored, and into which database."""

    named: str
    """A backup's name in the folder of backups, or the path of its file or manifest."""
    database: str
    again: bool = False
    """Go on with a restore that was cut off."""
    keys: Sequence[Any] = ()
    """Secret keys of age."""
    update_extension: bool = False
    """Bring TimescaleDB to the newest version of the server at the end."""
    asked_by: str = "command line"
    is_scratch: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A restore that runs: what it takes, where it goes, and who hears of it."""

    settings: Settings
    """Of the login, in the new database."""
    server: Server
    source: Opened
    order: Order
    way: Way
    report: Report
    made_roles: Sequence[str]


async def restore(settings: Settings, order: Order, report: Report = lambda _, __: None) -> dict[str, Any]:
    """Restore a backup; return what was done and the steps to switch over. What goes wrong is a `DdmsError`.

    Cancelled or killed, it leaves the new database marked as unfinished; `again` goes on with it.
    """
    began = time.monotonic()
    login = settings.for_backups
    if not order.is_scratch:
        target.check_name(order.database)
    found = reading.find(settings, order.named)
    server = await target.read_server(login)
    program = await programs.find(settings, "pg_restore", server.major)
    async with reading.open_backup(login, found, program, order.keys, report) as opened:
        way = choose_way(opened, server)
        notes = [note for note in (_unknown(found), target.check_room(login, server, opened.bytes_needed)) if note]
        async with _prepared(login, order, opened, way) as (mark, made):
            where = at(login, order.database)
            told = await _run(
                Job(settings=where, server=server, source=opened, order=order, way=way, report=report, made_roles=made),
                mark,
            )
    details = {
        "backup": found.name,
        "database": order.database,
        "way": way.value,
        "seconds": round(time.monotonic() - began, 1),
    }
    return details | told | {"notes": notes, "steps": steps(target.name_of(settings), order.database)}


def _unknown(found: Found) -> str | None:
    if found.manifest:
        return None
    return Sentence(
        "The manifest of {} is not beside it: whether the file is as it was written, and all of it, could not be compared.",
        found.data.name,
    )


def choose_way(opened: Opened, server: Server) -> Way:
    """Decide how the file comes into a database of this server; what cannot be done raises, before anything is made."""
    if opened.schema > SCHEMA_VERSION:
        made_by = opened.found.manifest["versions"]["ddms"] if opened.found.manifest else None
        sentence = "the backup has schema {}, this DDMS knows only {}: restore it with DDMS {} or newer"
        raise DdmsError(
            Code.SCHEMA_VERSION, Sentence(sentence, opened.schema, SCHEMA_VERSION, made_by or "of that time")
        )
    if opened.tar:
        return Way.ROWS
    is_older = server.major < opened.contents.postgresql
    if opened.timescaledb is None:
        return Way.ROWS if server.timescaledb or is_older else Way.NATIVE
    if opened.is_community:
        is_same = opened.timescaledb in server.timescaledb and server.is_community
    else:
        is_same = opened.timescaledb == server.newest and not server.is_community
    if is_same and not is_older:
        return Way.NATIVE
    if not opened.is_packed:
        return Way.ROWS
    raise DdmsError(Code.CONFLICT, _why_not(opened, server))


def _why_not(opened: Opened, server: Server) -> Sentence:
    """Say what a file with compressed history needs that the server has not."""
    if not server.is_community:
        sentence = "history lies compressed in the backup, which only TimescaleDB Community reads, version {}: install it on the server, or make a portable backup of the old database"
        return Sentence(sentence, opened.timescaledb)
    if opened.timescaledb not in server.timescaledb:
        sentence = "the backup needs TimescaleDB {}, and the server has {}: install that version beside it, restore, then update the extension; or make a portable backup of the old database"
        return Sentence(sentence, opened.timescaledb, ", ".join(server.timescaledb) or "none")
    sentence = "the backup is of PostgreSQL {}, and the server is {}: restore it onto that version or a newer one, or make a portable backup of the old database"
    return Sentence(sentence, opened.contents.postgresql, server.major)


@asynccontextmanager
async def _prepared(
    login: Settings, order: Order, opened: Opened, way: Way
) -> AsyncIterator[tuple[Mark | None, list[str]]]:
    """Make the database and the roles, or find the restore to go on with; alone at it while this lasts."""
    mark = await _found(login, order, opened, way)
    if mark is None and not await target.has(login, order.database):
        await target.make(login, order.database, opened.contents.owner)
    where = at(login, order.database)
    async with target.alone(where) as connection:
        with explained():
            made = await roles.make_missing(connection)
        if mark is None:
            await target.write_mark(where, opened.found.name, opened.checksum, way)
        yield mark, made


async def _found(login: Settings, order: Order, opened: Opened, way: Way) -> Mark | None:
    """Return the mark of the restore to go on with; one of another backup is given up, with its database."""
    if not await target.has(login, order.database):
        return None
    mark = await target.read_mark(at(login, order.database))
    if mark is None:
        return None
    if not order.again:
        sentence = "the database {} holds a restore of {} that is not done: go on with --again, or give another name"
        raise DdmsError(Code.CONFLICT, Sentence(sentence, order.database, mark.backup), field="database")
    if mark.checksum == opened.checksum and mark.way is way:
        return mark
    async with target.alone(at(login, order.database)):
        pass
    await target.drop(login, order.database)
    return None


async def _run(job: Job, mark: Mark | None) -> dict[str, Any]:
    """Do the stages that are not done yet."""
    stages = list(Stage)
    reached = stages.index(mark.stage) if mark else 0
    if reached < stages.index(Stage.LOADED):
        async with _told_by_size(job) as tell:
            load = loading.load_native if job.way is Way.NATIVE else loading.load_rows
            await load(job.settings, job.source, mark is not None, mark.stage if mark else Stage.BEGUN, tell)
    connection = await connect(job.settings, "restore")
    try:
        with explained():
            differences = mark.differences if mark else None
            if reached < stages.index(Stage.SETTLED):
                await target.reach(connection, Stage.LOADED)
                differences = await _compare(job, connection)
                async with connection.transaction():
                    await settle.settle(connection, job.source.found.manifest)
                    await target.reach(connection, Stage.SETTLED, differences)
            return await _finish(job, connection) | {
                "compared": job.source.found.manifest is not None,
                "differences": differences,
            }
    finally:
        await connection.close()


async def _compare(job: Job, connection: Connection) -> list[str]:
    """Compare with the manifest, to the last row; what differs is told, and stops no restore: there may be no better file."""
    told = job.source.found.manifest
    if told is None:
        return []
    job.report(0.97, "compares with the manifest")
    await manifest.prepare_session(connection)
    return manifest.differences(told["tables"], await manifest.read_again(connection, told["tables"]))


async def _finish(job: Job, connection: Connection) -> dict[str, Any]:
    newer = job.server.newest if job.way is Way.NATIVE and job.source.timescaledb != job.server.newest else None
    if newer and job.source.timescaledb and job.order.update_extension:
        await loading.update_extension(job.settings)
    job.report(0.98, "brings the schema, the roles and their rights to what they must be")
    faults = await roles.finish(job.settings, connection, job.made_roles)
    job.report(0.99, "collects statistics of the tables")
    await connection.execute("SET statement_timeout = 0")
    await connection.execute("ANALYZE")
    if not job.order.is_scratch:
        told = orjson.dumps(
            {"database": job.order.database, "taken_at": (job.source.found.manifest or {}).get("taken_at")}
        ).decode()
        await connection.execute(settle.ENTER, job.order.asked_by, job.source.found.name, told)
    await connection.execute(target.REMOVE_MARK)
    await check_schema(connection)
    return {
        "edition": (await read_edition(connection)).value,
        "faults": faults,
        "madeRoles": list(job.made_roles),
        "schemaBefore": job.source.schema,
        "schema": SCHEMA_VERSION,
        "bytes": await connection.fetchval(DATABASE_SIZE, job.order.database),
    }


@asynccontextmanager
async def _told_by_size(job: Job) -> AsyncIterator[Report]:
    """Tell each second how far a restore is, by what the new database takes of what it will take in the end."""
    whole = job.source.bytes_needed
    now: dict[str, Any] = {"done": None, "doing": "begins", "size": ""}

    def tell(done: float | None, doing: str) -> None:
        now.update(doing=doing, done=now["done"] if done is None else max(done, now["done"] or 0.0))
        job.report(now["done"], f"{now['doing']}{now['size']}")

    async def look() -> None:
        connection = await connect(job.settings, "restore")
        try:
            while True:
                taken = await connection.fetchval(DATABASE_SIZE, job.order.database)
                now["size"] = f"; the new database has {size(taken)}"
                tell(min(0.97, taken / whole) if whole else None, now["doing"])
                await asyncio.sleep(LOOK_EVERY)
        finally:
            connection.terminate()

    looking = asyncio.create_task(look())
    try:
        yield tell
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
