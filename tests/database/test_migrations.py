"""Migrations: from empty on every edition, two at once, and the rights that they leave."""

import asyncio

import asyncpg
import pytest

from ddms.database import SCHEMA_VERSION, check_schema, connect
from ddms.quality import Reason
from ddms.settings import Settings
from migrations import migrate


async def test_two_programs_that_migrate_at_once_do_not_collide(empty_database_url):
    await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url), migrate(empty_database_url))
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == SCHEMA_VERSION
    await check_schema(connection)
    await connection.close()


async def test_readings_are_a_hypertable_where_timescaledb_is(owner, edition):
    if edition == "plain":
        assert await owner.fetchval("SELECT relkind = 'r' FROM pg_class WHERE oid = 'readings'::regclass")
    else:
        tables = await owner.fetch("SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1")
        assert [row[0] for row in tables] == ["readings", "rollup_1d", "rollup_1h", "rollup_1m", "texts"]


async def test_the_meaning_of_qualities_is_in_the_database(owner):
    rows = await owner.fetch("SELECT code, quality, reason, explanation FROM qualities ORDER BY code")
    assert [tuple(row) for row in rows] == [(r.value, r.quality.value, r.label, r.explanation) for r in Reason]


async def test_programs_cannot_change_the_schema_or_rewrite_the_audit(database_url):
    program = await connect(Settings(database_url=database_url, database_role="ddms_app"), "test")
    for statement in (
        "CREATE TABLE mine (x int)", "DROP TABLE readings", "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log", "DELETE FROM qualities", "UPDATE alembic_version SET version_num = '0'",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await program.execute(statement)
    await program.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO connections (endpoint) VALUES ('http://x')",
        "INSERT INTO devices (name, connection_id, unit_id) VALUES ('MIXER 1', 1, 1)",
        "INSERT INTO devices (name, connection_id, unit_id) VALUES (' x', 1, 1)",
        "INSERT INTO devices (name, connection_id, unit_id) VALUES ('x', 1, 256)",
        "UPDATE points SET interval_s = 0",
        "UPDATE points SET data_type = 'float128'",
        "UPDATE points SET data_type = 'bit'",
        "UPDATE points SET scale = 'NaN'",
        "UPDATE points SET valid_min = 5, valid_max = 4",
        "UPDATE points SET key = 'Level'",
        "UPDATE devices SET retention_days = 3651",
    ],
)
async def test_the_database_itself_refuses_nonsense(owner, make_device, statement):
    await make_device()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await owner.execute(statement)
    assert caught.value.constraint_name


async def test_the_migrated_password_lets_the_program_in(empty_database_url):
    settings = Settings(app_password='it\'s "quoted" \\ %s')
    await migrate(empty_database_url, settings)
    connection = await asyncpg.connect(empty_database_url)
    stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'ddms_app'")
    await connection.execute("ALTER ROLE ddms_app PASSWORD NULL")
    await connection.close()
    assert stored.startswith("SCRAM-SHA-256$")
