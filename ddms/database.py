"""PostgreSQL: connections, the storage edition, the schema's version, LISTEN."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TypeAlias

import asyncpg
import orjson

from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

SCHEMA_VERSION = "0019"
"""The migration that this program was written for: the newest in migrations/versions."""

logger = logging.getLogger("ddms.database")

Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
"""An open connection, its own or out of a pool."""


class Edition(StrEnum):
    """What the database can do beyond PostgreSQL."""

    COMMUNITY = "community"
    APACHE = "apache"
    PLAIN = "plain"


class TimescaleDb(StrEnum):
    """How far TimescaleDB is from being used here."""

    ABSENT = "absent"
    NOT_LOADED = "not loaded"
    READY = "ready"
    USED = "used"


READ_TIMESCALEDB = """-- ddms:read_timescaledb
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS made,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS installed,
       EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%') AS loaded,
       current_setting('timescaledb.license', true) AS license
"""
READ_CHUNKED = """-- ddms:read_chunked
SELECT EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = 'readings')
"""
ADVICE = {
    TimescaleDb.NOT_LOADED: (
        "TimescaleDB is installed on the server but not loaded, so history is kept in plain tables, uncompressed: set "
        "shared_preload_libraries = 'timescaledb', restart PostgreSQL, then run `ddms migrate --to-timescaledb`"
    ),
    TimescaleDb.READY: (
        "TimescaleDB is on the server, but history is kept in plain tables, uncompressed: run "
        "`ddms migrate --to-timescaledb`, which keeps all readings"
    ),
}
"""How to come to a better edition, where there is one to come to."""
READ_CHANNEL = "-- ddms:read_channel\nSELECT channel($1)"
READ_SCHEMA_VERSION = "-- ddms:read_schema_version\nSELECT version_num FROM alembic_version"


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="text",
        encoder=lambda v: orjson.dumps(v).decode(),
        decoder=orjson.loads,
    )


def _session(settings: Settings, program: str) -> dict[str, str]:
    session = {"application_name": f"ddms-{program}", "timezone": "UTC", "intervalstyle": "iso_8601"}
    return session | ({"role": settings.database_role} if settings.database_role else {})


async def connect(settings: Settings, program: str) -> asyncpg.Connection:
    """Open one connection; trouble is a `DdmsError` that says what to do."""
    try:
        connection = await asyncpg.connect(settings.dsn(), timeout=5, server_settings=_session(settings, program))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise explain(error) from error
    await _prepare(connection)
    return connection


async def open_pool(
    settings: Settings, program: str, *, size: int = 8, command_timeout: float | None = 30, stateless: bool = False
) -> asyncpg.Pool:
    """Open a pool of up to `size` connections; trouble is a `DdmsError` that says what to do.

    `stateless` says that no statement leaves anything in its session (a lock, a setting, a temporary table), so that
    giving a connection back needs no round trip to the database.
    """
    try:
        return await asyncpg.create_pool(
            settings.dsn(),
            min_size=1,
            max_size=size,
            timeout=5,
            command_timeout=command_timeout,
            init=_prepare,
            reset=_leave if stateless else None,
            server_settings=_session(settings, program),
        )
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise explain(error) from error


async def _leave(_connection: object) -> None:
    """Leave a session as it is."""


def explain(error: BaseException) -> DdmsError:
    """Turn a failed connection into a sentence that says what to do."""
    match error:
        case DdmsError():
            return error
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            sentence: str = Sentence(
                "the database refuses the user or password ({}): check DDMS_DATABASE_URL and DDMS_DATABASE_PASSWORD",
                error,
            )
        case asyncpg.InvalidCatalogNameError():
            sentence = Sentence("{}: create it, or correct DDMS_DATABASE_URL", error)
        case asyncpg.CannotConnectNowError():
            sentence = "the database is starting up or shutting down: wait a moment"
        case asyncpg.TooManyConnectionsError():
            sentence = "the database has no connection left: raise max_connections or stop other clients"
        case asyncpg.PostgresError() | asyncpg.InterfaceError():
            sentence = Sentence("the database refuses the connection: {}", error)
        case _:
            sentence = Sentence(
                "the database cannot be reached ({}): is it running, is DDMS_DATABASE_URL right?",
                str(error) or type(error).__name__,
            )
    return DdmsError(Code.UNAVAILABLE, sentence)


async def read_edition(connection: Connection) -> Edition:
    """Find out which storage edition this database is; one without tables yet is plain."""
    if await find_timescaledb(connection) is not TimescaleDb.USED:
        return Edition.PLAIN
    license = (await connection.fetchrow(READ_TIMESCALEDB))["license"]  # noqa: A001 - TimescaleDB's word
    return Edition.COMMUNITY if license == "timescale" else Edition.APACHE


async def find_timescaledb(connection: Connection) -> TimescaleDb:
    """Find out whether the server has TimescaleDB, and whether the tables of history are its hypertables."""
    found = await connection.fetchrow(READ_TIMESCALEDB)
    if found["made"] and await connection.fetchval(READ_CHUNKED):
        return TimescaleDb.USED
    return unused(found)


def unused(found: asyncpg.Record) -> TimescaleDb:
    """Return what `READ_TIMESCALEDB` found means where the tables are plain."""
    if found["loaded"]:
        return TimescaleDb.READY
    return TimescaleDb.NOT_LOADED if found["installed"] else TimescaleDb.ABSENT


async def check_schema(connection: Connection) -> None:
    """Stop a program that meets a schema older or newer than itself."""
    found = await refuse_newer_schema(connection)
    if found is None:
        raise DdmsError(Code.SCHEMA_VERSION, "the database is empty: run `ddms migrate` first")
    if found < SCHEMA_VERSION:
        raise DdmsError(
            Code.SCHEMA_VERSION,
            Sentence("the database has schema {}, this program needs {}: run `ddms migrate`", found, SCHEMA_VERSION),
        )


async def refuse_newer_schema(connection: Connection) -> str | None:
    """Return the schema's version, None before the first migration; one newer than this program is an error."""
    try:
        found: str | None = await connection.fetchval(READ_SCHEMA_VERSION)
    except asyncpg.UndefinedTableError:
        return None
    if found is not None and found > SCHEMA_VERSION:
        raise DdmsError(
            Code.SCHEMA_VERSION,
            Sentence(
                "the database has schema {}, this program knows only {}: install the newer DDMS", found, SCHEMA_VERSION
            ),
        )
    return found


async def wait_until_ready(settings: Settings, program: str) -> Edition:
    """Wait for the database, saying once why; return its edition. A wrong schema raises."""
    said = ""
    while True:
        try:
            connection = await connect(settings, program)
        except DdmsError as error:
            if error.message != said:
                logger.warning("waiting for the database: %s", error.message)
                said = error.message
            await asyncio.sleep(2)
            continue
        try:
            await check_schema(connection)
            return await read_edition(connection)
        finally:
            await connection.close(timeout=2)


async def secret_channel(connection: Connection, subject: str) -> str:
    """Return the channel on which a subject is told: its end is a secret, so that only our own programs are heard."""
    channel: str = await connection.fetchval(READ_CHANNEL, subject)
    return channel


@asynccontextmanager
async def listen(
    settings: Settings, program: str, listeners: dict[str, Callable[[str], None]]
) -> AsyncIterator[asyncio.Event]:
    """LISTEN on a connection of its own (a pooled one forgets its listeners); the event is set when it is lost.

    `listeners` maps a subject (`secret_channel`) to what is called with each payload, in the order of commits.
    """
    connection = await connect(settings, program)
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        for subject, hear in listeners.items():
            channel = await secret_channel(connection, subject)
            await connection.add_listener(channel, lambda _c, _p, _ch, payload, hear=hear: hear(payload))
        yield lost
    finally:
        await connection.close(timeout=2)
