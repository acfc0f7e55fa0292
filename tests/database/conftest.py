"""What tests of dashboards ask for: the database as Grafana sees it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest


@pytest.fixture
async def viewer(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that has what Grafana's has: the role's rights and its settings."""
    connection = await asyncpg.connect(database_url)
    settings = await connection.fetchval(
        "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE datname = current_database() AND setrole = 'ddms_grafana'::regrole"
    )
    for setting in settings:
        name, _, value = setting.partition("=")
        await connection.execute(f"SET {name} = '{value}'")
    await connection.execute("SET SESSION AUTHORIZATION ddms_grafana")
    yield connection
    await connection.close()
