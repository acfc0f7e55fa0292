"""The test database itself: what it promises the other tests."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import pytest

from ddms.database import SCHEMA_VERSION, Edition, read_edition
from tests.support.database import find_server, new_name
from tests.support.servers import PREFIX, PassedOver, Server


async def test_each_test_gets_a_migrated_database_of_its_own(owner, pool, edition):
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == SCHEMA_VERSION
    assert await pool.fetchval("SELECT current_user") == "ddms_app"
    assert await read_edition(owner) == Edition(edition)


async def test_the_copy_keeps_the_rights_and_settings_that_live_outside_of_a_database(owner, database_url):
    name = database_url.rpartition("/")[2]
    rights = await owner.fetchval("SELECT has_database_privilege('public', $1, 'CONNECT')", name)
    limits = await owner.fetchval(
        "SELECT s.setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE d.datname = $1 AND s.setrole = 'ddms_grafana'::regrole",
        name,
    )
    assert not rights
    assert "default_transaction_read_only=on" in limits


async def test_an_empty_database_knows_no_schema(empty_database_url):
    connection = await asyncpg.connect(empty_database_url)
    assert await connection.fetchval("SELECT to_regclass('alembic_version')") is None
    await connection.close()


def test_the_first_way_that_works_is_taken_and_the_others_say_why_not(monkeypatch):
    monkeypatch.delenv("DDMS_TEST_WAY", raising=False)

    def broken() -> Server:
        raise PassedOver("no wheels")

    server, reasons = find_server([broken, lambda: Server(url="postgresql://", origin="here")])
    assert server.origin == "here"
    assert reasons == ("no wheels",)
    with pytest.raises(PassedOver, match="no wheels; no wheels"):
        find_server([broken, broken])


def test_names_of_databases_never_meet():
    assert len({new_name() for _ in range(1000)}) == 1000


@pytest.fixture
def open_folder():
    """A folder that PostgreSQL's own user can enter, unlike tmp_path when we are root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_test_run_leaves_no_server_behind(open_folder):
    program = (
        "from tests.support.database_sources import wheel; import time; print(wheel().url, flush=True); time.sleep(60)"
    )
    environment = os.environ | {"TMPDIR": str(open_folder)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout
        assert run.stdout.readline().startswith("postgresql://")
        (folder,) = open_folder.glob(f"{PREFIX}*")
        server = int((folder / "data/postmaster.pid").read_text().splitlines()[0])
        run.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while folder.exists() or Path(f"/proc/{server}").exists():
        assert time.monotonic() < until, "the server outlived its test run"
        time.sleep(0.05)
