"""What the commands that work on the database directly share: one transaction, with the API's own statements."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ddms.cli import settings
from ddms.database import check_schema, connect

T = TypeVar("T")


def in_transaction(work: Callable[[Any], Awaitable[T]]) -> T:
    """Do some work, which gets `api.database.Statements`, in one transaction; an error of it leaves nothing behind."""
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
