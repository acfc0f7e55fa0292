"""What one program of all does at a time: when it dies, another takes over within seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from api.ground.database import Database
from ddms.database import connect, open_pool, read_edition
from ddms.errors import DdmsError
from ddms.settings import Settings

RETRY_SECONDS = 5.0
CLAIM = "-- ddms:claim\nSELECT claim($1)"


async def while_claimed(
    settings: Settings,
    program: str,
    claim: str,
    work: Callable[[asyncpg.Connection, Database], Awaitable[None]],
    **pool: Any,
) -> None:
    """Do `work` whenever this program has the claim, for ever.

    The claim lives on a connection of its own and is void when that ends; `work` gets it, to listen on, and to end when
    it is closed. The database that it gets as well has a pool of `program`, as `pool` says.
    """
    while True:
        with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await _once(settings, program, claim, work, pool)
        await asyncio.sleep(RETRY_SECONDS)


async def _once(settings: Settings, program: str, claim: str, work: Any, kind: dict[str, Any]) -> None:
    connection = await connect(settings, program)
    try:
        while not await connection.fetchval(CLAIM, claim):  # noqa: ASYNC110 - nobody tells when it is free
            await asyncio.sleep(RETRY_SECONDS)
        edition = await read_edition(connection)
        pool = await open_pool(settings, program, **kind)
        try:
            await work(connection, Database(pool, edition))
        finally:
            pool.terminate()
    finally:
        connection.terminate()
