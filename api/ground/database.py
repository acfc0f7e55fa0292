"""The database as the API uses it: named statements, timed, their errors explained."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg

from api.ground import tracing
from api.ground.database_errors import of_database, unavailable
from api.ground.limits import CONNECTION_SECONDS, CONNECTIONS_EACH, IN_FLIGHT
from api.ground.limits import CONNECTIONS as PLACES
from api.ground.metrics import CONNECTIONS, STATEMENT_SECONDS, WAITING_FOR_CONNECTION
from api.ground.turns import SERVED, Turns, busy
from ddms.database import ADVICE, READ_TIMESCALEDB, Connection, Edition, TimescaleDb, unused
from ddms.errors import Sentence

Row: TypeAlias = asyncpg.Record

_NAME = re.compile(r"-- ddms:(\w+)\n")


@lru_cache(maxsize=1024)
def statement_name(sql: str) -> str:
    """Return the name that a statement begins with."""
    match = _NAME.match(sql)
    if not match:
        raise ValueError(Sentence("a statement begins with `-- ddms:<name>`: {!r}", sql[:60]))
    return match[1]


BEFORE_COMMIT: ContextVar[Callable[["Statements"], Awaitable[None]] | None] = ContextVar("before_commit", default=None)
"""What is done last in every transaction of this operation."""


class Statements:
    """Runs statements on one connection; a database error that a caller can act on becomes a `DdmsError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def undone(self) -> AsyncIterator[None]:
        """Take back at the end what is done inside: a dry run does what the real one does, so that it meets what that meets."""
        inner = self._connection.transaction()
        await inner.start()
        try:
            yield
        finally:
            await inner.rollback()

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Return all rows."""
        with _watched(sql):
            return list(await self._connection.fetch(sql, *parameters))

    async def row(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row, or None."""
        with _watched(sql):
            return await self._connection.fetchrow(sql, *parameters)

    async def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first column of the first row, or None."""
        with _watched(sql):
            return await self._connection.fetchval(sql, *parameters)


class _watched:  # noqa: N801 - used as a function, a class because a generator costs more than the statement's record
    """Times a statement and explains its errors."""

    __slots__ = ("_began", "_name", "_span")

    def __init__(self, sql: str) -> None:
        self._name = statement_name(sql)

    def __enter__(self) -> None:
        self._span = None if tracing.TRACER is None else tracing.statement(self._name)
        self._began = time.perf_counter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        STATEMENT_SECONDS.labels(self._name).observe(time.perf_counter() - self._began)
        if self._span:
            self._span.end()
        if isinstance(error, Exception) and (explained := of_database(error)):
            raise explained from error


class Database:
    """The pool of connections, lent in turn to the callers for whom something is asked."""

    def __init__(self, pool: asyncpg.Pool, edition: Edition) -> None:
        self._pool = pool
        self._turns = Turns(
            min(PLACES, pool.get_max_size()), each=CONNECTIONS_EACH, waiting=10 * IN_FLIGHT, seconds=CONNECTION_SECONDS
        )
        self.edition = edition
        self._timescaledb: TimescaleDb | None = None

    async def edition_advice(self) -> str | None:
        """Return how to come to a better storage edition; None where there is none to come to. Asked once a program."""
        if self.edition is not Edition.PLAIN:
            return None
        if self._timescaledb is None and (found := await self.row(READ_TIMESCALEDB)):
            self._timescaledb = unused(found)
        return ADVICE.get(self._timescaledb) if self._timescaledb else None

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
            yield Statements(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Lend a connection inside a transaction, which an exception rolls back."""
        async with self._acquired() as connection, connection.transaction():
            statements = Statements(connection)
            yield statements
            if last := BEFORE_COMMIT.get():
                await last(statements)

    async def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Return all rows of one statement."""
        async with self.connection() as connection:
            return await connection.rows(sql, *parameters)

    async def row(self, sql: str, *parameters: Any) -> Row | None:
        """Return the first row of one statement, or None."""
        async with self.connection() as connection:
            return await connection.row(sql, *parameters)

    async def value(self, sql: str, *parameters: Any) -> Any:
        """Return the first column of the first row of one statement, or None."""
        async with self.connection() as connection:
            return await connection.value(sql, *parameters)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Connection]:
        who = SERVED.get()
        await self._turns.begin(who)
        try:
            connection = await self._connected()
            try:
                yield connection
            finally:
                await self._pool.release(connection)
        finally:
            self._turns.end(who)

    async def _connected(self) -> Connection:
        try:
            return await self._pool.acquire(timeout=5)
        except asyncpg.TooManyConnectionsError as error:
            raise busy() from error
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unavailable() from error
