"""Grafana's role against the rest: a viewer of dashboards may send any SQL through it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from api.site.jobs import jobs_of
from ddms.cli.doctor_roles import examine_roles
from ddms.cli.findings import Verdict
from ddms.database import connect, listen
from ddms.settings import Settings
from migrations import migrate
from tests.support.bare_server import as_role, bare  # noqa: F401 - a fixture
from tests.support.database import create, drop, new_name

PASSWORD = "what Grafana knows"
FORMER_KEYS = (
    "1145327955, 1", "1145326402", "1145328197", "1145326931", "hashtext('ddms_leases')", "hashtext('ddms_import')",
    "hashtext('ddms_first_owner')", "hashtext('ddms_collector'), hashtext('here')", "hashtextextended('ann 10.0.0.1', 0)",
)  # fmt: skip
"""The advisory locks that programs once took."""
OPEN_AGAIN = """
DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname ~ 'advisory' OR proname ~ '^lo') LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', f);
    END LOOP; END $$
"""
"""As where migrate runs as a role that is no superuser: the server's functions stay open."""


@pytest.fixture
async def site(bare) -> AsyncIterator[str]:  # noqa: F811
    """A migrated database on a server of its own; the URL is the superuser's."""
    url = await create(bare.url, name := new_name())
    assert await migrate(url, Settings(grafana_password=PASSWORD, app_password="a")) == []
    yield url
    await drop(bare.url, name)


@pytest.fixture
async def superuser(site: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(site)
    yield connection
    await connection.close()


@pytest.fixture
async def program(site: str) -> AsyncIterator[asyncpg.Connection]:
    """A program's connection; what it has to wait for is an error."""
    connection = await connect(Settings(database_url=as_role(site, "ddms_app", "a")), "test")
    await connection.execute("SET lock_timeout = '3s'")
    yield connection
    await connection.close()


@pytest.fixture
async def attacker(site: str) -> AsyncIterator[asyncpg.Connection]:
    """A viewer who sends SQL through Grafana, and begins by lifting what can be lifted."""
    connection = await grafana(site)
    await connection.execute("SET default_transaction_read_only = off")
    yield connection
    connection.terminate()


async def grafana(site: str, password: str = PASSWORD) -> asyncpg.Connection:
    return await asyncpg.connect(as_role(site, "ddms_grafana", password))


LOCKED = {
    "storing readings": "SELECT rolled_up_to()",
    "claiming minutes for the rollups": "SELECT claim_readings(now())",
    "the leases of collectors": "SELECT name FROM locks WHERE name = 'leases' FOR UPDATE",
    "a sign-in": "SELECT name FROM locks WHERE name = 'sign-in 7' FOR UPDATE",
    "a collector's name": "SELECT true = claim('collector here')",
    "the scheduled jobs": "SELECT claim('scheduled jobs')",
    "a retention run": "SELECT claim('retention')",
}


@pytest.mark.parametrize("statement", LOCKED.values(), ids=LOCKED)
async def test_whatever_locks_grafanas_role_holds_it_does_not_stop(statement, superuser, program, attacker):
    await superuser.execute(OPEN_AGAIN)
    for key in FORMER_KEYS:
        await attacker.execute(f"SELECT pg_advisory_lock({key})")
    assert await program.fetchval(statement) is not False


async def test_grafanas_role_can_lock_no_table_of_ours(superuser, attacker):
    tables = await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    assert len(tables) > 30
    for (table,) in tables:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await attacker.execute(f"BEGIN; LOCK TABLE public.{table} IN ACCESS SHARE MODE")
        await attacker.execute("ROLLBACK")


async def test_grafanas_role_can_lock_no_row(superuser, attacker):
    for (view,) in await superuser.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'grafana'::regnamespace AND relkind = 'v'"
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.FeatureNotSupportedError)):
            await attacker.execute(f"BEGIN; SELECT * FROM grafana.{view} FOR UPDATE")
        await attacker.execute("ROLLBACK")


async def test_a_name_that_is_claimed_is_free_when_its_session_ends_and_not_before(site, program):
    other = await asyncpg.connect(site)
    assert await other.fetchval("SELECT claim('collector here')")
    assert await other.fetchval("SELECT claim('collector here')"), "it has it already"
    assert not await program.fetchval("SELECT claim('collector here')")
    pid = other.get_server_pid()
    await other.close()
    async with asyncio.timeout(10):
        while await program.fetchval("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", pid):
            await asyncio.sleep(0.01)
    assert await program.fetchval("SELECT claim('collector here')")


async def test_the_sign_of_life_of_a_dead_session_cannot_be_given_by_another(superuser, site, program, attacker):
    await superuser.execute(OPEN_AGAIN)
    other = await asyncpg.connect(site)
    await other.fetchval("SELECT claim('retention')")
    beacon = await superuser.fetchval("SELECT beacon FROM claims")
    await other.fetchval("SELECT pg_advisory_unlock_all()")
    await attacker.execute("SELECT pg_advisory_lock($1, $2)", *beacon)
    assert await program.fetchval("SELECT claim('retention')")
    await other.close()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock_shared(1, 2)", "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')", "SELECT pg_logical_emit_message(false, 'x', 'y')", "CREATE TEMPORARY TABLE t (x int)",
        "CREATE TABLE grafana.t (x int)", "SET temp_file_limit = -1", "ALTER ROLE ddms_grafana SET temp_file_limit = -1",
        "ALTER ROLE ddms_grafana CONNECTION LIMIT -1", "SELECT * FROM public.secrets", "SELECT public.channel('ddms_readings')",
        "SELECT public.restore_roles()", "SELECT * FROM public.users", "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_notify('x', n::text) FROM generate_series(1, 100000) n", "DO $$ BEGIN PERFORM 1; END $$",
        "COPY (SELECT 1) TO PROGRAM 'true'", "GRANT ddms_app TO ddms_grafana", "SET ROLE ddms_app",
    ],
)  # fmt: skip
async def test_the_server_refuses_grafanas_role(attacker, statement):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await attacker.execute(statement)


async def too_many(site: str, allowed: int) -> bool:
    sessions = [await grafana(site) for _ in range(allowed)]
    with pytest.raises(asyncpg.TooManyConnectionsError):
        await grafana(site)
    for session in sessions:
        await session.close()
    return True


async def test_grafanas_role_gets_no_more_than_4_sessions(site):
    assert await too_many(site, 4)


async def test_the_owner_says_how_many_sessions_grafanas_role_gets(site, superuser):
    await superuser.execute("UPDATE secrets SET grafana_sessions = 5; SELECT restore_roles()")
    try:
        assert await too_many(site, 5)
        assert await superuser.fetch("SELECT * FROM role_faults()") == []
    finally:  # a role belongs to all databases of the server
        await superuser.execute("UPDATE secrets SET grafana_sessions = 4; SELECT restore_roles()")


async def test_who_divides_a_statement_among_cores_is_ended(superuser, program, attacker):
    older = superuser.get_server_version().major < 16
    await attacker.execute(
        f"SET max_parallel_workers_per_gather = 2; SET {'force_parallel_mode' if older else 'debug_parallel_query'} = on"
    )
    running = asyncio.ensure_future(attacker.fetch("SELECT pg_sleep(60)"))
    async with asyncio.timeout(10):
        while not await superuser.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE leader_pid = $1", attacker.get_server_pid()
        ):
            await asyncio.sleep(0.01)
    assert await program.fetchval("SELECT ended FROM guard_grafana()") > 0
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await running


async def test_a_password_that_grafanas_role_changed_is_changed_back(site, program, attacker):
    await attacker.execute("ALTER ROLE ddms_grafana PASSWORD 'mine'")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await grafana(site)
    await program.execute("SELECT restore_roles()")
    await (await grafana(site)).close()


async def test_settings_that_grafanas_role_changed_are_changed_back(site, program, attacker):
    name = site.rpartition("/")[2]
    await attacker.execute(
        "ALTER ROLE ddms_grafana SET statement_timeout = 0; ALTER ROLE ddms_grafana SET work_mem = '4GB';"
        f"ALTER ROLE ddms_grafana IN DATABASE {name} RESET ALL; ALTER ROLE ddms_grafana IN DATABASE {name} SET search_path = nowhere"
    )
    assert await program.fetchval("SELECT restore_roles()") > 0
    fresh = await grafana(site)
    for setting, wanted in {
        "search_path": "grafana", "statement_timeout": "15s", "default_transaction_read_only": "on",
        "idle_in_transaction_session_timeout": "15s", "temp_file_limit": "1GB", "work_mem": "4MB",
        "max_parallel_workers_per_gather": "0",
    }.items():  # fmt: skip
        assert await fresh.fetchval(f"SHOW {setting}") == wanted
    await fresh.close()
    assert await program.fetch("SELECT * FROM role_faults()") == []


async def ended(session: asyncpg.Connection) -> bool:
    async with asyncio.timeout(10):
        while not session.is_closed():
            await asyncio.sleep(0.01)
    return True


async def test_who_lifted_the_limit_of_its_session_is_ended_and_honest_dashboards_are_not(site, program, attacker):
    honest = await grafana(site)
    await attacker.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; BEGIN")
    assert await program.fetchval("SELECT ended FROM guard_grafana()") == 0, "not yet longer than any dashboard's"
    assert await program.fetchval("SELECT ended FROM guard_grafana('0 s')") == 1
    assert await ended(attacker)
    assert await honest.fetchval("SELECT count(*) FROM devices") == 0
    await honest.close()


async def test_who_holds_advisory_locks_is_ended(superuser, program, attacker):
    await superuser.execute(OPEN_AGAIN)
    await attacker.execute("SELECT pg_advisory_lock(generate_series(1, 100))")
    assert await program.fetchval("SELECT ended FROM guard_grafana()") == 1
    assert await ended(attacker)


@pytest.mark.parametrize("statement", ["BEGIN; NOTIFY mine, 'x'", "listen mine", "SELECT 1;\n NOTIFY mine"])
async def test_who_sends_or_awaits_messages_is_ended(program, attacker, statement):
    await attacker.execute(statement)
    assert await program.fetchval("SELECT ended FROM guard_grafana()") == 1
    assert await ended(attacker)


async def test_a_dashboard_that_asks_for_the_word_notify_is_not_ended(site, program):
    honest = await grafana(site)
    await honest.fetch("SELECT count(*) FROM devices WHERE 'please notify' <> ''")
    assert await program.fetchval("SELECT ended FROM guard_grafana()") == 0
    await honest.close()


async def test_large_objects_of_grafanas_role_are_removed(superuser, program, attacker):
    await superuser.execute(OPEN_AGAIN)
    await attacker.execute("BEGIN; SELECT lo_from_bytea(0, 'x') FROM generate_series(1, 3); COMMIT")
    assert await program.fetchval("SELECT removed FROM guard_grafana()") == 3
    assert await superuser.fetchval("SELECT count(*) FROM pg_largeobject_metadata") == 0


async def test_the_api_does_both_from_time_to_time(site):
    every = {job.name: job.every.total_seconds() for job in jobs_of(Settings(database_url=site)) if job.every}
    assert (every["guard"], every["roles"]) == (10, 60)


SUBJECTS = (
    "ddms_readings",
    "ddms_replays",
    "ddms_states",
    "ddms_configuration",
    "ddms_tokens",
    "ddms_field_requests",
    "ddms_jobs",
)


async def test_a_message_of_grafanas_role_is_heard_by_nobody_and_a_programs_is(site, program, attacker):
    heard: list[str] = []
    settings = Settings(database_url=as_role(site, "ddms_app", "a"))
    async with listen(settings, "test", dict.fromkeys(SUBJECTS, heard.append)):
        for subject in SUBJECTS:
            await attacker.execute(f"NOTIFY {subject}, 'forged'")
        for subject in SUBJECTS:
            await program.execute("SELECT pg_notify(channel($1), $1)", subject)
        async with asyncio.timeout(10):
            while len(heard) < len(SUBJECTS):
                await asyncio.sleep(0.01)
    assert heard == list(SUBJECTS)


async def test_grafanas_role_sees_nowhere_on_which_channels_programs_listen(site, superuser, attacker):
    secret = await superuser.fetchval("SELECT channel FROM secrets")
    await superuser.execute("ANALYZE secrets")
    async with listen(Settings(database_url=as_role(site, "ddms_app", "a")), "test", {"ddms_readings": print}):
        for question in (
            "SELECT query FROM pg_stat_activity",
            "SELECT most_common_vals::text FROM pg_stats",
            "SELECT pg_listening_channels()",
        ):
            assert not any(secret in (row[0] or "") for row in await attacker.fetch(question))
        assert any(
            "LISTEN" in row[0] and secret in row[0]
            for row in await superuser.fetch("SELECT query FROM pg_stat_activity")
        )


def test_no_program_takes_an_advisory_lock_or_tells_on_a_channel_that_can_be_guessed():
    root = Path(__file__).parents[2]
    for folder in ("api", "collector", "ddms", "migrations"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text()
            assert not re.search(r"advisory_(xact_)?lock", text), path
            assert not re.search(r"pg_notify\((?!channel\(|told\.channel)", text), path


async def test_migrate_brings_back_what_a_restored_database_lacks(bare, site):  # noqa: F811
    connection = await asyncpg.connect(bare.url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", site.rpartition("/")[2]
    )
    restored = await create(bare.url, name := new_name(), template=None)
    await connection.execute(f"DROP DATABASE {name}")
    await connection.execute(
        f"CREATE DATABASE {name} TEMPLATE {site.rpartition('/')[2]}"
    )  # as pg_restore: without what belongs to a database
    await connection.close()
    copy = await asyncpg.connect(restored)
    await copy.execute(
        "REVOKE ALL ON ALL TABLES IN SCHEMA public, grafana FROM ddms_app, ddms_grafana"
    )  # pg_restore --no-privileges
    lacking = {row["fault"] for row in await copy.fetch("SELECT fault FROM role_faults()")}
    assert "ddms_grafana has not statement_timeout = 15s in this database" in lacking
    assert "every role may connect to this database or make temporary tables in it" in lacking
    assert "ddms_grafana may not read grafana.devices" in lacking
    assert ("roles", Verdict.BAD) in [(f.check, f.state) async for f in examine_roles(copy)]
    assert await migrate(restored) == []
    assert ("roles", Verdict.OK) in [(f.check, f.state) async for f in examine_roles(copy)]
    assert await copy.fetch("SELECT * FROM role_faults()") == []
    await copy.close()
    await drop(bare.url, name)
