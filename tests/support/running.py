"""What runs beside a test, and what fails beside it."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg


@asynccontextmanager
async def background(*coroutines):
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@asynccontextmanager
async def database_away(owner, url):
    """Let nobody in and throw everybody out, as a database that restarts does; `owner` stays, it is outside."""
    name = await owner.fetchval("SELECT current_database()")
    admin = await asyncpg.connect(url, database="postgres")
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    mine = await owner.fetchval("SELECT pg_backend_pid()")
    await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2", name, mine
    )
    try:
        yield
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await admin.close()


async def until(condition, seconds: float = 60.0):
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.05)
        return result
