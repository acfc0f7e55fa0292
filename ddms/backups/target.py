"""The new database that a backup is restored into: made, marked as unfinished until it is whole, dropped."""

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import asyncpg

from ddms.backups.folder import size
from ddms.backups.manifest import quoted
from ddms.database import Connection, connect, explained
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

SCRATCH = "ddms_verify_"
"""How the names of databases begin that a verification makes, and drops."""
SPARE = 1.2
"""A database being restored takes so much of what it takes in the end: what is written beside its tables."""
FORBIDDEN = {"postgres", "template0", "template1"}

READ_SERVER = """-- ddms:read_server
SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('server_version') AS version, r.rolsuper AS is_superuser,
       r.rolcreatedb AS may_create, current_user AS login, current_setting('data_directory', true) AS folder,
       current_setting('timescaledb.license', true) AS license,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%') AS has_timescaledb,
       ARRAY(SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb') AS timescaledb,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS newest
  FROM pg_roles r WHERE r.rolname = current_user
"""
# In a database without the extension the server does not know its licence yet: its library of the community is there, or not.
HAS_COMMUNITY = """-- ddms:has_community_library
SELECT (pg_stat_file(setting || '/timescaledb-tsl-' || $1::text || '.so', true)).size IS NOT NULL FROM pg_config WHERE name = 'PKGLIBDIR'
"""
HAS_DATABASE = "-- ddms:has_database\nSELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
HAS_ROLE = "-- ddms:has_role\nSELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
LIST_SCRATCH = """-- ddms:list_scratch
SELECT datname FROM pg_database d WHERE starts_with(datname, $1) AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.application_name = d.datname)
"""
# What an extension brings is no content.
IS_EMPTY = """-- ddms:is_database_empty
SELECT NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i', 'a'))
                      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'))
"""
IS_BEING_RESTORED = """-- ddms:is_restored_by_another
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ddms-restoring' AND pid <> pg_backend_pid())
"""
END_LEFT_OVERS = """-- ddms:end_left_overs
SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name IN ('ddms-restore', 'ddms-backup') AND pid <> pg_backend_pid()
"""
READ_MARK = "-- ddms:read_restore_mark\nSELECT backup, checksum, way, stage, differences FROM ddms_restore.state"
MAKE_MARK = """-- ddms:make_restore_mark
CREATE SCHEMA ddms_restore;
CREATE TABLE ddms_restore.state (backup text NOT NULL, checksum text NOT NULL, way text NOT NULL, stage text NOT NULL, differences jsonb, begun_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE ddms_restore.done (item text PRIMARY KEY);
COMMENT ON SCHEMA ddms_restore IS 'This database is being restored, or its restore was cut off: `ddms backup restore --again` goes on'
"""
WRITE_MARK = "-- ddms:write_restore_mark\nINSERT INTO ddms_restore.state (backup, checksum, way, stage) VALUES ($1, $2, $3, 'begun')"
SET_STAGE = "-- ddms:set_restore_stage\nUPDATE ddms_restore.state SET stage = $1, differences = $2"
REMOVE_MARK = "-- ddms:remove_restore_mark\nDROP SCHEMA ddms_restore CASCADE"


class Way(StrEnum):
    """How a file comes into a database."""

    NATIVE = "native"
    ROWS = "rows"


class Stage(StrEnum):
    """How far a restore is; each is reached once, and a restore that goes on begins with the one after."""

    BEGUN = "begun"
    ORDINARY = "ordinary"
    """Of rows: all but history is there."""
    LOADED = "loaded"
    SETTLED = "settled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What a database says of the restore that is not done."""

    backup: str
    checksum: str
    way: Way
    stage: Stage
    differences: list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """The server of the new database, as far as a restore must know it."""

    major: int
    is_superuser: bool
    may_create: bool
    login: str
    folder: str | None
    timescaledb: tuple[str, ...]
    """The versions that could be made there; none where it is not loaded."""
    newest: str | None
    is_community: bool


def at(settings: Settings, database: str) -> Settings:
    """Return the settings of a login in another database of the same server."""
    url = urlsplit(settings.database_url)
    return replace(settings, database_url=url._replace(path=f"/{quote(database, safe='')}").geturl())


def name_of(settings: Settings) -> str:
    """Return the name of the database that settings name."""
    return unquote(urlsplit(settings.database_url).path[1:])


async def visit(settings: Settings) -> asyncpg.Connection:
    """Connect to the server in whichever database it has: on a new one ours is not there yet."""
    for database in (None, "postgres", "template1"):
        try:
            return await connect(at(settings, database) if database else settings, "backup")
        except DdmsError as error:
            if not isinstance(error.__cause__, asyncpg.InvalidCatalogNameError) or database == "template1":
                raise
    raise AssertionError


async def read_server(settings: Settings) -> Server:
    """Find out what the server is; a login that may not make databases raises."""
    connection = await visit(settings)
    try:
        row = await connection.fetchrow(READ_SERVER)
        loaded, license_ = row["has_timescaledb"], row["license"]
        if loaded and license_ is None and row["is_superuser"]:
            license_ = "timescale" if await connection.fetchval(HAS_COMMUNITY, row["newest"]) else "apache"
    finally:
        await connection.close()
    server = Server(
        major=row["major"], is_superuser=row["is_superuser"], may_create=row["may_create"], login=row["login"],
        folder=row["folder"], timescaledb=tuple(row["timescaledb"]) if loaded else (), newest=row["newest"] if loaded else None,
        is_community=loaded and license_ == "timescale",
    )  # fmt: skip
    if not (server.is_superuser or (server.may_create and not server.timescaledb)):
        sentence = "the login {} may not make databases with TimescaleDB in them: let DDMS_BACKUP_DATABASE_URL name a superuser"
        raise DdmsError(Code.FORBIDDEN, Sentence(sentence, server.login))
    return server


def check_name(database: str) -> None:
    """Refuse the name of a database that is none, or is the server's own."""
    if not 1 <= len(database.encode()) <= 63 or not database.isprintable():
        raise DdmsError(Code.INVALID, "the name of a database has 1 to 63 bytes", field="database")
    if database in FORBIDDEN:
        raise DdmsError(
            Code.INVALID, Sentence("{} belongs to the server: give another name", database), field="database"
        )


async def read_mark(settings: Settings) -> Mark | None:
    """Return what a database says of a restore that is not done; None for an empty one. One that holds anything else raises."""
    connection = await connect(settings, "restore")
    try:
        with explained():
            if await connection.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ddms_restore')"):
                row = await connection.fetchrow(READ_MARK)
                if row:
                    kept = {name: row[name] for name in ("backup", "checksum", "differences")}
                    return Mark(**kept, way=Way(row["way"]), stage=Stage(row["stage"]))
            elif await connection.fetchval(IS_EMPTY):
                return None
    finally:
        await connection.close()
    name = name_of(settings)
    raise DdmsError(
        Code.CONFLICT,
        Sentence("the database {} is not empty, and nothing was changed: give the name of a new one", name),
        field="database",
    )


async def has(settings: Settings, database: str) -> bool:
    """Say whether the server has a database of this name."""
    connection = await visit(settings)
    try:
        return bool(await connection.fetchval(HAS_DATABASE, database))
    finally:
        await connection.close()


async def make(settings: Settings, database: str, owner: str) -> None:
    """Make the database, of the role that owned the one in the backup if it is here; only its owner may connect."""
    connection = await visit(settings)
    try:
        with explained():
            command = f"CREATE DATABASE {quoted(database)} TEMPLATE template0 ENCODING 'UTF8'"
            if await connection.fetchval(
                "SELECT pg_encoding_to_char(encoding) <> 'UTF8' FROM pg_database WHERE datname = 'template0'"
            ):
                command += " LOCALE 'C.UTF-8'"
            if owner and await connection.fetchval(HAS_ROLE, owner):
                command += f" OWNER {quoted(owner)}"
            await connection.execute(command)
            await connection.execute(f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC")
    finally:
        await connection.close()


async def write_mark(settings: Settings, backup: str, checksum: str, way: Way) -> None:
    """Mark the database as unfinished: DDMS does not start on it."""
    connection = await connect(settings, "restore")
    try:
        with explained():
            async with connection.transaction():
                await connection.execute(MAKE_MARK)
                await connection.execute(WRITE_MARK, backup, checksum, way.value)
    finally:
        await connection.close()


@asynccontextmanager
async def alone(settings: Settings) -> AsyncIterator[Connection]:
    """Be the only one who restores into a database; what a killed restore left running there is ended."""
    connection = await connect(settings, "restoring")
    try:
        with explained():
            if await connection.fetchval(IS_BEING_RESTORED):
                sentence = "somebody restores into the database {} just now: wait until that is done"
                raise DdmsError(Code.BUSY, Sentence(sentence, name_of(settings)))
            await connection.fetchval(END_LEFT_OVERS)
        yield connection
    finally:
        await connection.close()


async def reach(connection: Connection, stage: Stage, differences: list[str] | None = None) -> None:
    """Note that a stage is reached."""
    await connection.execute(SET_STAGE, stage.value, differences)


async def drop(settings: Settings, database: str) -> None:
    """Drop a database that a restore or a verification made, whoever is still connected."""
    connection = await visit(settings)
    try:
        with explained():
            await connection.execute(f"DROP DATABASE IF EXISTS {quoted(database)} WITH (FORCE)")
    finally:
        await connection.close()


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[str]:
    """Give the name of a database for a verification, and drop it in the end.

    From before it is made until it is gone a session of that name tells others that it is in use.
    """
    name = f"{SCRATCH}{secrets.token_hex(6)}"
    connection = await visit(settings)
    try:
        await connection.execute(f"SET application_name = '{name}'")
        try:
            yield name
        finally:
            await drop(settings, name)
    finally:
        await connection.close()


async def drop_scratch(settings: Settings) -> list[str]:
    """Drop what killed verifications left; those that run just now stay."""
    connection = await visit(settings)
    try:
        left = [row[0] for row in await connection.fetch(LIST_SCRATCH, SCRATCH)]
    finally:
        await connection.close()
    for name in left:
        await drop(settings, name)
    return left


def free_bytes(settings: Settings, server: Server) -> int | None:
    """Return how much is free on the server's disk; None where this machine cannot see it."""
    if settings.disk_path and settings.disk_path.is_dir():
        return shutil.disk_usage(settings.disk_path).free
    try:
        lines = Path(server.folder or "", "postmaster.pid").read_text().splitlines()
        ours = lines[3] == str(urlsplit(settings.database_url).port or 5432)
    except (OSError, IndexError, ValueError):  # several servers are no machine's
        return None
    return shutil.disk_usage(server.folder or "").free if ours else None


def check_room(settings: Settings, server: Server, needed: int | None) -> str | None:
    """Refuse what will not fit; return a sentence of what could not be found out."""
    free = free_bytes(settings, server)
    if needed is None:
        return "How much room the database needs is not known: the manifest is not beside the file."
    wanted = int(needed * SPARE)
    if free is None:
        return Sentence(
            "The database needs about {}; how much is free on the disk of the server cannot be seen from here.",
            size(wanted),
        )
    if free < wanted:
        sentence = (
            "the database needs about {}, and the disk of the server has {} free: make room first; nothing was made"
        )
        raise DdmsError(Code.UNAVAILABLE, Sentence(sentence, size(wanted), size(free)))
    return None
