"""Migrations: from empty on every edition, two at once, and the rights that they leave."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from ddms.cli.doctor_roles import examine_roles
from ddms.database import SCHEMA_VERSION, check_schema, connect, read_edition
from ddms.quality import Reason
from ddms.settings import Settings
from migrations import migrate
from tests.support.bare_server import as_role, bare, forget_everything, owned_database  # noqa: F401 - bare is a fixture
from tests.support.command_line import ddms
from tests.support.database import create, new_name


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
        "UPDATE points SET interval_s = 0.09",
        "UPDATE points SET interval_s = 0.3333",
        "UPDATE points SET interval_s = 'NaN'",
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


def told(done) -> str:
    """What a command that failed says: one sentence, no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def test_migrate_refuses_a_schema_from_the_future_and_says_so(database_url):
    async def age():
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()

    asyncio.run(age())
    assert "install the newer DDMS" in told(ddms("migrate", url=database_url))


async def test_migrate_refuses_a_database_of_another_encoding(bare):  # noqa: F811
    connection = await asyncpg.connect(bare.url)
    await connection.execute(
        "CREATE DATABASE ddms_latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc"
    )
    url = urlsplit(bare.url)._replace(path="/ddms_latin").geturl()
    said = told(await asyncio.to_thread(ddms, "migrate", url=url))
    assert "encoded in LATIN1" in said
    remedy = said.partition("make it anew: ")[2]
    await connection.execute("DROP DATABASE ddms_latin")
    await connection.execute(remedy)
    assert (await asyncio.to_thread(ddms, "migrate", url=url)).returncode == 0, "what the sentence advises works"
    await connection.close()
    await forget_everything(bare)


async def test_a_role_that_owns_nothing_is_told_what_it_lacks(bare):  # noqa: F811
    url = await owned_database(bare, "")
    connection = await asyncpg.connect(urlsplit(bare.url)._replace(path=urlsplit(url).path).geturl())
    await connection.execute("CREATE ROLE stranger LOGIN PASSWORD 's'")
    stranger = as_role(url, "stranger", "s")
    said = told(await asyncio.to_thread(ddms, "migrate", url=stranger))
    assert "the role stranger may not make schemas and tables" in said
    assert "as its owner (plant)" in said
    await connection.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} OWNER TO stranger")
    await connection.close()
    await forget_everything(bare)
    connection = await asyncpg.connect(bare.url)
    await connection.execute("DROP ROLE stranger")
    await connection.close()


async def test_a_role_without_createrole_is_told_what_a_superuser_has_to_do_and_then_does_the_rest(bare):  # noqa: F811
    url = await owned_database(bare, "")
    said = told(await asyncio.to_thread(ddms, "migrate", url=url))
    assert "the role plant may not create roles" in said
    superuser = await asyncpg.connect(urlsplit(bare.url)._replace(path=urlsplit(url).path).geturl())
    await superuser.execute(said.rpartition("or make them: ")[2])
    done = await asyncio.to_thread(ddms, "migrate", "--json", url=url)
    assert done.returncode == 0, done.stderr
    left = orjson.loads(done.stdout)["undone"]
    assert any(row["vital"] and "statement_timeout" in row["remedy"] for row in left)
    for row in left:
        await superuser.execute(row["remedy"])
    assert await superuser.fetch("SELECT * FROM role_faults()") == [], "what it told to do was all there was to do"
    assert orjson.loads((await asyncio.to_thread(ddms, "migrate", "--json", url=url)).stdout)["undone"] == []
    await superuser.close()
    await forget_everything(bare)


async def test_a_role_that_is_no_superuser_migrates_and_leaves_only_the_second_line(bare):  # noqa: F811
    url = await owned_database(bare, "CREATEROLE")
    left = await migrate(url, Settings(grafana_password="g"))
    assert [row["fault"] for row in left if row["vital"]] == []
    assert len(left) == 6
    connection = await asyncpg.connect(url)
    await connection.execute(
        "ALTER ROLE ddms_grafana PASSWORD 'stolen'; ALTER ROLE ddms_grafana SET statement_timeout = 0"
    )
    await connection.execute("SELECT restore_roles()")
    await connection.close()
    grafana = await asyncpg.connect(as_role(url, "ddms_grafana", "g"))
    assert await grafana.fetchval("SHOW statement_timeout") == "15s"
    await grafana.close()
    await forget_everything(bare)


async def test_a_server_that_has_timescaledb_but_does_not_load_it_is_told_how(bare):  # noqa: F811
    url = await create(bare.url, new_name())
    connection = await asyncpg.connect(url)
    has_it = await connection.fetchval("SELECT true FROM pg_available_extensions WHERE name = 'timescaledb'")
    await connection.close()
    if not has_it:
        pytest.skip("no Debian root here: this server has no TimescaleDB at all")
    done = await asyncio.to_thread(ddms, "migrate", url=url)
    assert done.returncode == 0, done.stderr
    assert "its storage edition is plain" in done.stdout
    assert "set shared_preload_libraries = 'timescaledb', restart PostgreSQL" in done.stderr
    assert "is installed but not loaded" in told(await asyncio.to_thread(ddms, "migrate", "--to-timescaledb", url=url))
    await forget_everything(bare)


@pytest.mark.edition("apache", "community")
async def test_plain_tables_become_hypertables_with_all_that_is_in_them(owner, database_url, make_device):
    await make_device()
    await owner.execute("DROP EXTENSION timescaledb CASCADE")  # leaves the plain tables that were beneath
    await owner.execute(
        "INSERT INTO readings SELECT t, 1, extract(epoch FROM t), 0 FROM generate_series(now() - interval '10 days', now(), '10 min') t"
    )
    await owner.execute(
        "INSERT INTO rollup_1h SELECT 1, date_trunc('hour', now()) - n * interval '1 h', 6, 6, 6, 1, 1, 1, 1, 1, 0 FROM generate_series(1, 100) n"
    )
    before = await owner.fetchrow("SELECT count(*), sum(value::numeric), min(time), max(time) FROM readings")
    assert await read_edition(owner) == "plain"
    told_plain = await asyncio.to_thread(ddms, "migrate", url=database_url)
    advice = "run `ddms migrate --to-timescaledb`, which keeps all readings"
    assert advice in told_plain.stderr
    assert advice in (await asyncio.to_thread(ddms, "storage", url=database_url)).stdout
    (told_by_doctor,) = [f async for f in examine_roles(owner) if f.check == "storage"]
    assert told_by_doctor.advice == advice
    done = await asyncio.to_thread(ddms, "migrate", "--to-timescaledb", url=database_url)
    assert done.returncode == 0, done.stderr
    assert "1 of 5: readings" in done.stderr
    assert await owner.fetchrow("SELECT count(*), sum(value::numeric), min(time), max(time) FROM readings") == before
    assert await owner.fetchval("SELECT count(*) FROM ONLY readings") == 0
    assert await owner.fetchval("SELECT count(*) FROM rollup_1h") == 100
    assert await owner.fetchval("SELECT chunks >= 10 FROM storage_tables() WHERE name = 'readings'")
    assert await read_edition(owner) != "plain"
    again = await asyncio.to_thread(ddms, "migrate", "--to-timescaledb", url=database_url)
    assert "hypertables already" in again.stderr


@pytest.mark.edition("apache", "community")
async def test_an_extension_that_came_later_changes_nothing_until_it_is_asked_for(owner, database_url, make_device):
    await make_device()
    await owner.execute("DROP EXTENSION timescaledb CASCADE")
    await owner.execute(
        "INSERT INTO readings SELECT t, 1, 1, 0 FROM generate_series(now() - interval '3 days', now(), '1 h') t"
    )
    later = await asyncpg.connect(database_url)
    await later.execute("CREATE EXTENSION timescaledb")
    assert await read_edition(later) == "plain"
    assert await later.fetchval("SELECT count(*) FROM storage_tables() WHERE bytes > 0 AND chunks IS NULL") == 5
    windows = "SELECT count(*) > 2 FROM history_windows('readings', '{1}', '2000-01-01Z', now())"
    assert await later.fetchval(windows), "retention finds them"
    await later.close()
