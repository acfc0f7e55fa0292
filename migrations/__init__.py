"""The database schema: forward-only migrations, each one file of SQL that Alembic runs in order.

`migrate` may be called by several programs at once: an advisory lock lets one do the work.
"""

import re
from importlib.resources import files

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ddms.database import explain
from ddms.quality import Reason
from ddms.settings import Settings

_LOCK = 0x44444D53  # "DDMS"
_ROLES = {"ddms_app": "app_password", "ddms_grafana": "grafana_password"}

FILL_QUALITIES = """-- ddms:fill_qualities
INSERT INTO qualities (code, quality, reason, explanation) SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (code) DO UPDATE SET quality = excluded.quality, reason = excluded.reason, explanation = excluded.explanation
"""


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, with the open connection that it is to use."""
    config = Config()
    config.set_main_option("script_location", str(files("migrations")))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(configuration(connection), "head")


async def migrate(url: str, settings: Settings | None = None) -> None:
    """Bring the database at `url` to the newest schema, as the role of the URL, which owns what it makes.

    Raises `DdmsError` when the database cannot be reached or used.
    """
    match = re.fullmatch(r"postgres(?:ql)?://(.*)", url)
    engine = create_async_engine(f"postgresql+asyncpg://{match[1] if match else url}", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.run_sync(_upgrade)
            await connection.commit()
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise explain(error) from error
    finally:
        await engine.dispose()
    await _fill(url, settings or Settings())


async def _fill(url: str, settings: Settings) -> None:
    connection = await asyncpg.connect(url)
    try:
        rows = [(r.value, r.quality.value, r.label, r.explanation) for r in Reason]
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(FILL_QUALITIES, *(list(column) for column in zip(*rows, strict=True)))
            await connection.execute("SELECT apply_compression()")  # also when the edition is another one since
            for role, setting in _ROLES.items():
                if password := getattr(settings, setting):
                    await set_password(connection, role, password)
    finally:
        await connection.close()


async def set_password(connection: asyncpg.Connection, role: str, password: str) -> None:
    """Give a role its password; the server hashes it (SCRAM), and quoting is the server's as well."""
    statement = await connection.fetchval(
        "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)", role, password
    )
    await connection.execute(statement)
