"""PostgreSQL: connections, the storage edition, the schema's version, LISTEN."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import orjson

from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

SCHEMA_VERSION = "0068"
"""The migration that this program was written for: the newest in migrations/versions."""
OLDEST_PROGRAM = "0066"
"""The oldest schema whose programs can work with this one, so that they go on while they are replaced one by one.

A migration that they cannot work with raises it to its own number; `ddms migrate` writes it into the database.
"""

EMPTY = "the database is empty: run `ddms migrate` first"
CONNECT_SECONDS = 5.0
SESSION_SECONDS = 10.0  # until a new session has answered its first questions, behind a lock for example

logger = logging.getLogger("ddms.database")

TROUBLE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, DdmsError)
"""All that comes instead of an answer when something is wrong with the database; `TimeoutError` is an `OSError`."""

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
READ_CHANNEL = "-- ddms:read_channel\nSELECT channel($1)"
IS_BEING_RESTORED = "-- ddms:is_being_restored\nSELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'ddms_restore')"
READ_SCHEMA_VERSION = "-- ddms:read_schema_version\nSELECT version_num FROM alembic_version"
READ_OLDEST_PROGRAM = "-- ddms:read_oldest_program\nSELECT oldest FROM schema_support"


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="text",
        encoder=lambda v: orjson.dumps(v).decode(),
        decoder=orjson.loads,
    )


def _session(settings: Settings, program: str, search_path: str | None = None) -> dict[str, str]:
    session = {"application_name": f"ddms-{program}", "timezone": "UTC", "intervalstyle": "iso_8601"}
    # A session whose program is gone with its machine or its network ends within a minute, and so do its locks.
    session |= {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
    session |= {"search_path": search_path} if search_path else {}
    return session | ({"role": settings.database_role} if settings.database_role else {})


async def _connect_to_one(dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect to the first of the servers in a URL that answers and fits (`target_session_attrs`), the last found one first.

    asyncpg would wait for one whose machine is gone until there is no time left to ask the next.
    """
    url = urlsplit(dsn)
    user, at, hosts = url.netloc.rpartition("@")
    each = sorted(hosts.split(","), key=lambda host: host != _FOUND.get(hosts))
    troubles: list[Exception] = []
    for host in each:
        options["timeout"] = CONNECT_SECONDS / len(each)
        try:
            connection = await asyncpg.connect(url._replace(netloc=f"{user}{at}{host}").geturl(), **options)
        except TROUBLE as error:
            troubles.append(error)
        else:
            _FOUND[hosts] = host
            return connection
    raise min(
        troubles, key=lambda error: isinstance(error, OSError)
    )  # what a server said tells more than one that is gone


_FOUND: dict[str, str] = {}
"""Which of several hosts was found last."""


async def connect(settings: Settings, program: str, *, search_path: str | None = None) -> asyncpg.Connection:
    """Open one connection; trouble is a `DdmsError` that says what to do."""
    with explained():
        connection = await _connect_to_one(settings.dsn(), server_settings=_session(settings, program, search_path))
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                await _prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection


async def open_pool(
    settings: Settings,
    program: str,
    *,
    size: int = 8,
    command_timeout: float | None = 30,
    stateless: bool = False,
    fewest: int = 1,
    search_path: str | None = None,
    pooled: bool = False,
) -> asyncpg.Pool:
    """Open a pool of up to `size` connections; trouble is a `DdmsError` that says what to do.

    `stateless` says that no statement leaves anything in its session (a lock, a setting, a temporary table), so that
    giving a connection back needs no round trip to the database. `search_path` is where tables are looked for. `pooled`
    says that PgBouncer is asked, which takes nothing at a connection's beginning but what it can keep apart.
    """
    session = _session(settings, program, search_path)
    if pooled:
        session = {name: session[name] for name in ("application_name", "timezone", "intervalstyle")}
    with explained():
        return await asyncpg.create_pool(
            settings.dsn(),
            connect=_connect_to_one,
            min_size=fewest,
            max_size=size,
            command_timeout=command_timeout,
            init=_prepare,
            reset=_leave if stateless else None,
            server_settings=session,
        )


async def _leave(_connection: object) -> None:
    """Leave a session as it is."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn whatever is wrong with the database into a `DdmsError` that says what to do."""
    try:
        yield
    except TROUBLE as error:
        raise explain(error) from error


def explain(error: BaseException) -> DdmsError:
    """Turn what is wrong with the database into a sentence that says what to do."""
    if isinstance(error, DdmsError):
        return error
    for kind, template in _EXPLANATIONS.items():
        if isinstance(error, kind):
            return DdmsError(Code.UNAVAILABLE, Sentence(template, _first_line(error)))
    advice = "the database cannot be reached ({}): is it running, is DDMS_DATABASE_URL right?"
    return DdmsError(Code.UNAVAILABLE, Sentence(advice, _first_line(error)))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


_PASSWORD = "the database refuses the user or password ({}): check DDMS_DATABASE_URL and DDMS_DATABASE_PASSWORD"  # noqa: S105
_EXPLANATIONS: dict[type[BaseException], str] = {
    asyncpg.InvalidPasswordError: _PASSWORD,
    asyncpg.InvalidAuthorizationSpecificationError: _PASSWORD,
    asyncpg.InvalidCatalogNameError: "{}: create it, or correct DDMS_DATABASE_URL",
    asyncpg.CannotConnectNowError: "the database is starting up or shutting down: wait a moment",
    asyncpg.TooManyConnectionsError: "the database has no connection left: raise max_connections or stop other clients",
    asyncpg.DiskFullError: "the disk of the database is full ({}): make room on it; docs/troubleshooting.md says how",
    asyncpg.OutOfMemoryError: "the database is out of memory ({}): give it more, or lower work_mem and max_connections",
    asyncpg.InsufficientResourcesError: "the database has reached a limit: {}",
    asyncpg.ReadOnlySQLTransactionError: (
        "the database takes no writes ({}): if it is a standby, let DDMS_DATABASE_URL name the primary; "
        "else end its default_transaction_read_only"
    ),
    asyncpg.LockNotAvailableError: "the database waits for a lock that somebody holds ({}): pg_locks shows who",
    asyncpg.UndefinedTableError: "the database lacks a table ({}): is it the one of DDMS, and run `ddms migrate`",
    asyncpg.InsufficientPrivilegeError: "the database's role lacks a right ({}): run `ddms migrate` as the owner",
    asyncpg.PostgresSystemError: "the database cannot read or write its files ({}): look into its log and at its disk",
    asyncpg.UntranslatableCharacterError: (
        "the database cannot hold all characters ({}): make it with ENCODING 'UTF8' TEMPLATE template0"
    ),
    asyncpg.TargetServerAttributeNotMatched: (
        "no server in DDMS_DATABASE_URL takes writes ({}): start the primary again, or promote a replica (docs/replicas.md)"
    ),
    asyncpg.ClientConfigurationError: "DDMS_DATABASE_URL cannot be used: {}",
    asyncpg.PostgresError: "the database refuses: {}",
    asyncpg.InterfaceError: "the connection to the database was lost: {}",
    TimeoutError: (
        "the database does not answer in time ({}): can it be reached, does somebody hold a lock? pg_stat_activity shows who"
    ),
}
"""What each kind of trouble means, the particular before the general."""


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
    """Stop a program that meets a schema it cannot work with, or a database that is not restored whole.

    One for a newer program is worked with as long as it says that this one can: an upgrade replaces programs one by one.
    """
    await refuse_unfinished(connection)
    found = await read_schema(connection)
    if found is None:
        raise DdmsError(Code.SCHEMA_VERSION, EMPTY)
    if found < SCHEMA_VERSION:
        raise DdmsError(
            Code.SCHEMA_VERSION,
            Sentence("the database has schema {}, this program needs {}: run `ddms migrate`", found, SCHEMA_VERSION),
        )
    if found > SCHEMA_VERSION:
        try:
            oldest = await connection.fetchval(READ_OLDEST_PROGRAM)
        except asyncpg.UndefinedTableError:
            oldest = None
        if oldest is None or oldest > SCHEMA_VERSION:
            refuse_newer(found)
        logger.warning(
            "the database has the schema of a newer DDMS (%s): this program goes on until it is replaced", found
        )


async def refuse_unfinished(connection: Connection) -> None:
    """Stop whoever meets a database that a backup is being restored into."""
    if await connection.fetchval(IS_BEING_RESTORED):
        sentence = "a backup is being restored into this database, or was until something cut it off: wait, or go on by `ddms backup restore --again`"
        raise DdmsError(Code.SCHEMA_VERSION, sentence)


async def read_schema(connection: Connection) -> str | None:
    """Return the schema's version, None before the first migration."""
    try:
        found: str | None = await connection.fetchval(READ_SCHEMA_VERSION)
    except asyncpg.UndefinedTableError:
        return None
    return found


def refuse_newer(found: str | None) -> None:
    """Stop whoever would change or use a schema newer than this program."""
    if found is not None and found > SCHEMA_VERSION:
        sentence = (
            "the database has schema {}, this program knows only {}: install the newer DDMS; back to the older one leads "
            "`ddms backup restore` of a backup from before the upgrade"
        )
        raise DdmsError(Code.SCHEMA_VERSION, Sentence(sentence, found, SCHEMA_VERSION))


async def wait_until_ready(settings: Settings, program: str) -> Edition:
    """Wait for the database, saying once why; return its edition. A wrong schema raises."""
    said = ""
    while True:
        try:
            return await _look(settings, program)
        except DdmsError as error:
            if error.code is Code.SCHEMA_VERSION:
                raise
            if error.message != said:
                logger.warning("waiting for the database: %s", error.message)
                said = error.message
        await asyncio.sleep(2)


async def _look(settings: Settings, program: str) -> Edition:
    connection = await connect(settings, program)
    try:
        with explained():
            async with asyncio.timeout(SESSION_SECONDS):
                await check_schema(connection)
                return await read_edition(connection)
    finally:
        connection.terminate()


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
        with explained():
            for subject, hear in listeners.items():
                channel = await secret_channel(connection, subject)
                await connection.add_listener(channel, lambda _c, _p, _ch, payload, hear=hear: hear(payload))
        yield lost
    finally:
        with suppress(*TROUBLE):
            await connection.close(timeout=2)
