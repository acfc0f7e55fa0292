"""How commands work on the database directly, with the API's own statements: in one transaction, or in several."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ddms.cli import settings
from ddms.database import check_schema, connect, open_pool, read_edition

T = TypeVar("T")


def in_transaction(work: Callable[[Any], Awaitable[T]]) -> T:
    """Do some work, which gets `api.ground.database.Statements`, in one transaction; an error of it leaves nothing behind."""
    from api.ground.database import Statements  # noqa: PLC0415 - GraphQL is slow to import

    async def run() -> T:
        connection = await connect(settings(), "command-line")
        try:
            await check_schema(connection)
            async with connection.transaction():
                return await work(Statements(connection))
        finally:
            await connection.close(timeout=5)

    return asyncio.run(run())


def with_database(work: Callable[[Any], Awaitable[T]]) -> T:
    """Do some work, which gets an `api.ground.database.Database` and may take as long as it needs."""
    from api.ground.database import Database  # noqa: PLC0415 - GraphQL is slow to import

    async def run() -> T:
        pool = await open_pool(settings(), "command-line", size=2, command_timeout=None)
        try:
            async with pool.acquire() as connection:
                await check_schema(connection)
                edition = await read_edition(connection)
            return await work(Database(pool, edition))
        finally:
            await pool.close()

    return asyncio.run(run())
