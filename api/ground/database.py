"""The database as the API uses it: named statements, timed, their errors explained."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from copy import copy
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg

from api.ground import spans
from api.ground.database_errors import of_database, unavailable
from api.ground.limits import CONNECTION_SECONDS, CONNECTIONS_EACH, IN_FLIGHT
from api.ground.limits import CONNECTIONS as PLACES
from api.ground.metrics import CONNECTIONS, HISTORY_READS, STATEMENT_SECONDS, WAITING_FOR_CONNECTION
from api.ground.turns import SERVED, Turns, Who, busy
from ddms import tracing
from ddms.database import READ_TIMESCALEDB, TROUBLE, Connection, Edition, TimescaleDb, unused
from ddms.edition_advice import ADVICE
from ddms.errors import Code, DdmsError, Sentence
from ddms.logs import REQUEST_ID
from ddms.settings import Settings

logger = logging.getLogger("api.statements")
Row: TypeAlias = asyncpg.Record

WORK_FOR = "-- ddms:work_for\nSELECT set_config('ddms.person', $1, false)"
CHECK_SIGHT = "-- ddms:check_sight\nSET CONSTRAINTS devices_in_sight, device_groups_in_sight IMMEDIATE"
LIMITED_ROLE = "ddms_limited"
LIMITED_PATH = "limited, public"
"""Where a session of that role looks for tables: first among the views that show what is in sight."""

SLOW_SECONDS = 1.0
"""A statement of a request that took longer is logged."""

HISTORY_AGE: ContextVar[float] = ContextVar("history_age", default=0.0)
"""How old history may be that is read here, in seconds: beyond 0 it may come from a replica. All else is the primary's."""

_NAME = re.compile(r"-- ddms:(\w+)( history)?\n")
_T = TypeVar("_T")
Work: TypeAlias = Callable[["Statements"], Awaitable[_T]]


@lru_cache(maxsize=1024)
def statement_name(sql: str) -> tuple[str, bool]:
    """Return the name that a statement begins with, and whether it reads nothing but history, as it says."""
    match = _NAME.match(sql)
    if not match:
        raise ValueError(Sentence("a statement begins with `-- ddms:<name>`: {!r}", sql[:60]))
    return match[1], match[2] is not None


BEFORE_COMMIT: ContextVar[Callable[["Statements"], Awaitable[None]] | None] = ContextVar("before_commit", default=None)
"""What is done last in every transaction of this operation."""


class Statements:
    """Runs statements on one connection; a database error that a caller can act on becomes a `DdmsError`."""

    def __init__(self, connection: Connection, person: int | None = None) -> None:
        self._connection = connection
        self.person = person
        """The limited person for whom they run: the database shows and changes only what is in that person's sight."""

    @property
    def connection(self) -> Connection:
        """The connection itself, for what `ddms` does with one; its statements are not timed."""
        return self._connection

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """Take back at the end what is done inside: a dry run does what the real one does, so that it meets what that meets."""
        inner = self._connection.transaction()
        await inner.start()
        try:
            yield
        finally:
            await inner.rollback()

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Do something that may fail alone: an exception takes back what was done inside, with its locks, and no more."""
        async with self._connection.transaction():
            yield

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Return all rows."""
        with _watched(sql, self._connection):
            return list(await self._connection.fetch(sql, *parameters))

    async def row(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row, or None."""
        with _watched(sql, self._connection):
            return await self._connection.fetchrow(sql, *parameters)

    async def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first column of the first row, or None."""
        with _watched(sql, self._connection):
            return await self._connection.fetchval(sql, *parameters)

    async def copy(self, sql: str, take: Callable[[bytes], Awaitable[None]], *parameters: Any, seconds: float) -> None:
        """Hand on the lines that COPY writes of a query, as fast as they are taken."""
        with _watched(sql):
            await self._connection.copy_from_query(sql, *parameters, output=take, format="text", timeout=seconds)


class _watched:  # noqa: N801 - used as a function, a class because a generator costs more than the statement's record
    """Times a statement and explains its errors."""

    __slots__ = ("_began", "_connection", "_name", "_span")

    def __init__(self, sql: str, connection: Connection | None = None) -> None:
        self._name, _ = statement_name(sql)
        self._connection = connection

    def __enter__(self) -> None:
        self._span = None if tracing.TRACER is None else spans.statement(self._name)
        self._began = time.perf_counter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        seconds = time.perf_counter() - self._began
        STATEMENT_SECONDS.labels(self._name).observe(seconds)
        if seconds > SLOW_SECONDS and self._connection and REQUEST_ID.get():
            _tell(self._name, seconds, self._connection)
        if self._span:
            self._span.end()
        if isinstance(error, Exception) and (explained := of_database(error)):
            raise explained from error


def _tell(name: str, seconds: float, connection: Connection) -> None:
    """Log a slow statement by what PostgreSQL's own log and pg_stat_activity know: the process, the statement's first line."""
    pid = None if connection.is_closed() else connection.get_server_pid()
    logger.warning("slow statement %s", name, extra={"statement": name, "seconds": round(seconds, 3), "pid": pid})


class HasDatabase(Protocol):
    """One of them."""

    database: "Database | None"


class HasReplicas(Protocol):
    """Replicas of the database, as `api.ground.replicas` watches them."""

    def fresh(self, seconds: float, who: Who) -> "HasDatabase | None":
        """Return one whose history is at most so old, and has what `who` wrote."""

    def places(self, seconds: float, who: Who) -> list[Settings]:
        """Return where to connect for history that is read at length: such a one, then the primary."""

    def wrote(self, who: Who) -> None:
        """Note that somebody wrote."""


class Database:
    """The pool of connections, lent in turn to the callers for whom something is asked."""

    _person: int | None = None
    replicas: "HasReplicas | None" = None
    patience = 5.0
    """For how long a new connection may be on its way, in seconds."""

    def __init__(self, pool: asyncpg.Pool, edition: Edition, limited: asyncpg.Pool | None = None) -> None:
        self._pool = pool
        self._limited = limited
        self._turns = Turns(
            min(PLACES, pool.get_max_size()), each=CONNECTIONS_EACH, waiting=10 * IN_FLIGHT, seconds=CONNECTION_SECONDS
        )
        self.edition = edition
        self._timescaledb: TimescaleDb | None = None

    def of_person(self, person: int) -> "Database":
        """Return the database as a limited person sees it: the same turns, connections of the role that row security binds."""
        if self._limited is None:
            raise unavailable()
        theirs = copy(self)
        theirs._pool, theirs._person = self._limited, person
        return theirs

    async def edition_advice(self) -> str | None:
        """Return how to come to a better storage edition; None where there is none to come to. Asked once a program."""
        if self.edition is not Edition.PLAIN:
            return None
        if self._timescaledb is None and (found := await self.row(READ_TIMESCALEDB)):
            self._timescaledb = unused(found)
        return ADVICE.get(self._timescaledb) if self._timescaledb else None

    @property
    def is_crowded(self) -> bool:
        """Whether callers hold all connections."""
        return not self._turns.free

    def measure(self) -> None:
        """Tell the metrics how busy the pool is."""
        idle = self._pool.get_idle_size()
        CONNECTIONS.labels("idle").set(idle)
        CONNECTIONS.labels("busy").set(self._pool.get_size() - idle)
        WAITING_FOR_CONNECTION.set(self._turns.waiting)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Statements]:
        """Lend a connection for several statements, each its own transaction."""
        async with self._acquired() as connection:
            yield Statements(connection, self._person)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Lend a connection inside a transaction, which an exception rolls back."""
        async with self._acquired() as connection, connection.transaction():
            statements = Statements(connection, self._person)
            yield statements
            if last := BEFORE_COMMIT.get():
                await last(statements)
            if self._person is not None:
                await statements.value(
                    CHECK_SIGHT
                )  # what would be refused at the commit is refused here, with a sentence
        if self.replicas:
            self.replicas.wrote(SERVED.get())

    async def of_history(self, work: Work[_T]) -> _T:
        """Do what reads nothing but history: at a replica that is fresh enough, else, and if that fails, at the primary."""
        if replica := self._fresh():
            try:
                async with replica.connection() as statements:
                    found = await work(statements)
            except TROUBLE as error:
                if isinstance(error, DdmsError) and error.code is not Code.UNAVAILABLE:
                    raise  # the primary would say the same, or be asked what is too much for a replica
                logger.info("a replica failed, the primary is asked: %s", error)
                HISTORY_READS.labels("again").inc()
            else:
                HISTORY_READS.labels("replica").inc()
                return found
        elif self.replicas:
            HISTORY_READS.labels("primary").inc()
        async with self.connection() as statements:
            return await work(statements)

    def _fresh(self) -> "Database | None":
        if (
            self.replicas is None or self._person is not None
        ):  # what is in a limited person's sight is the primary's to say
            return None
        replica = self.replicas.fresh(HISTORY_AGE.get(), SERVED.get())
        return replica.database if replica else None

    def move(self, new: "Database") -> None:
        """Lend the connections of another server from now on, and end those of ours: it is the primary no more."""
        old = copy(self)
        self._pool, self._limited = new._pool, new._limited
        old.terminate()

    def terminate(self) -> None:
        """End all connections, and with them what they do."""
        for pool in (self._pool, self._limited):
            if pool:
                pool.terminate()

    async def close(self) -> None:
        """Close the connections as soon as they have nothing to do."""
        await asyncio.gather(*(pool.close() for pool in (self._pool, self._limited) if pool))

    async def _run(self, sql: str, work: Work[_T]) -> _T:
        _, is_history = statement_name(sql)
        if is_history:
            return await self.of_history(work)
        async with self.connection() as statements:
            return await work(statements)

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Return all rows of one statement."""
        return await self._run(sql, lambda statements: statements.rows(sql, *parameters))

    async def row(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row of one statement, or None."""
        return await self._run(sql, lambda statements: statements.row(sql, *parameters))

    async def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first column of the first row of one statement, or None."""
        return await self._run(sql, lambda statements: statements.value(sql, *parameters))

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        who = SERVED.get()
        await self._turns.begin(who)
        try:
            pool = self._pool  # which may be another one when it is given back
            connection = await self._connected(pool)
            try:
                if self._person is not None:
                    await Statements(connection).value(WORK_FOR, str(self._person))
                yield connection
            except AttributeError as error:  # asyncpg's, of a connection that ended between two steps of a statement
                if pool.is_closing():
                    raise unavailable() from error
                raise
            finally:
                await pool.release(connection)
        finally:
            self._turns.end(who)

    async def _connected(self, pool: asyncpg.Pool) -> Connection:
        try:
            return await pool.acquire(timeout=self.patience)
        except asyncpg.TooManyConnectionsError as error:
            raise busy() from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable() from error
