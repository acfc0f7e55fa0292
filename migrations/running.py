"""Runs the migrations by Alembic. It is imported when they are run: Alembic and SQLAlchemy take seconds of a small machine."""

from functools import partial
from importlib.resources import files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ddms.database import CONNECT_SECONDS


async def upgrade(url: str, revision: str, lock: str) -> None:
    """Bring the schema to a revision, under a lock; raises what asyncpg raised."""
    # The programs connect by asyncpg itself, which knows more of URLs (sslmode, several hosts) than SQLAlchemy passes on.
    creator = partial(asyncpg.connect, url, timeout=CONNECT_SECONDS)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(lock))
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    except DBAPIError as error:
        cause = error.orig.__cause__ if error.orig else None
        raise cause or asyncpg.InterfaceError(str(error)) from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
