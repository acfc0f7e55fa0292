"""Backups that are cut off: cancelled, interrupted, killed, without room. Each is whole or absent, and there is a sentence.

A lock that somebody holds lets pg_dump wait, so that each is met in the middle.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from api.backups import store
from api.backups.work import Work
from api.ground.actor import COMMAND_LINE
from ddms.backups import dump
from ddms.backups.folder import BackupFiles
from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support import client_programs

DUMPS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ddms-backup' AND backend_type = 'client backend'"
WAITS = f"{DUMPS} AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%'"


@pytest.fixture
def settings(settings: Settings, database_url: str, tmp_path: Path) -> Settings:
    return client_programs.backing_up(settings, database_url, tmp_path / "backups")


@pytest.fixture
async def lock(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that holds what pg_dump wants, until it is closed."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("BEGIN; LOCK TABLE texts IN ACCESS EXCLUSIVE MODE")
    yield connection
    connection.terminate()


async def until(owner: asyncpg.Connection, question: str, number: int) -> None:
    async with asyncio.timeout(20):
        while await owner.fetchval(question) != number:
            await asyncio.sleep(0.02)


def left_in(settings: Settings) -> list[str]:
    folder = settings.backup_directory
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_a_cancelled_one_leaves_nothing_and_is_not_tried_again(settings, database, owner, lock):
    async with database.transaction() as statements:
        number = await store.create(statements, COMMAND_LINE, portable=False)
    working = asyncio.create_task(Work(settings)(database))
    await until(owner, WAITS, 1)
    assert any(name.endswith(".part") for name in left_in(settings))
    async with database.transaction() as statements:
        await store.cancel(statements, COMMAND_LINE, number)
    done = await working
    row = await store.read(database, number)
    assert (row["state"], row["attempt"], done[row["name"]]) == ("cancelled", 1, "cancelled")
    assert left_in(settings) == []
    await until(owner, DUMPS, 0)


def command(settings: Settings, *arguments: str) -> subprocess.Popen[str]:
    values = {
        "DDMS_DATABASE_URL": settings.database_url,
        "DDMS_BACKUP_DIRECTORY": str(settings.backup_directory),
        "DDMS_POSTGRES_PROGRAMS": str(settings.postgres_programs or ""),
    }
    given = {name: value for name, value in values.items() if value}
    return subprocess.Popen(
        [sys.executable, "-m", "ddms", "backup", *arguments],
        env=os.environ | given,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = await asyncio.to_thread(process.communicate)
    return process.returncode, out, err


async def test_ctrl_c_ends_the_command_and_leaves_nothing(settings, owner, lock):
    process = command(settings, "create")
    await until(owner, WAITS, 1)
    process.send_signal(signal.SIGINT)
    code, _, err = await ended(process)
    assert (code, err.strip()) == (1, "Aborted!")
    assert left_in(settings) == []
    assert [tuple(row) for row in await owner.fetch("SELECT state, attempt FROM backups")] == [("cancelled", 1)]
    await until(owner, DUMPS, 0)


async def test_a_killed_one_is_made_again_by_the_next_and_meanwhile_is_no_backup(settings, database, owner, lock):
    process = command(settings, "create")
    await until(owner, WAITS, 1)
    process.kill()
    await ended(process)
    assert [name[-5:] for name in left_in(settings)] == [".part"]
    await lock.close()
    await until(owner, DUMPS.replace("'ddms-backup'", "'ddms-command-line'"), 0)  # with its session goes its claim
    await Work(settings)(database)
    (row,) = await owner.fetch("SELECT name, state, attempt FROM backups")
    assert (row["state"], row["attempt"]) == ("done", 2)
    assert left_in(settings) == [f"{row['name']}.dump", f"{row['name']}.json"]


async def test_a_second_command_is_told_to_wait(settings, owner, lock):
    first = command(settings, "create")
    await until(owner, WAITS, 1)
    code, _, err = await ended(command(settings, "create"))
    assert (code, "another program makes or verifies a backup just now" in err) == (1, True)
    await lock.close()
    assert (await ended(first))[0] == 0
    assert len(left_in(settings)) == 2


async def test_a_lost_connection_is_a_sentence_and_leaves_nothing(settings, owner, lock):
    files = BackupFiles(folder=settings.backup_directory, name="one", portable=False, encrypted=False)
    making = asyncio.create_task(dump.make(settings, dump.Order(files=files)))
    await until(owner, WAITS, 1)
    await owner.execute(WAITS.replace("count(*)", "pg_terminate_backend(pid)"))
    with pytest.raises(DdmsError, match=r"the (database ended the connection|connection to the database was lost)"):
        await making
    assert left_in(settings) == []


async def test_a_backup_makes_way_for_who_wants_a_table_for_himself(settings, owner, lock, database_url, monkeypatch):
    monkeypatch.setattr("ddms.backups.way.LOOK_EVERY", 0.05)
    monkeypatch.setattr("ddms.backups.way.OF_OTHERS", 0.1)
    files = BackupFiles(folder=settings.backup_directory, name="one", portable=False, encrypted=False)
    making = asyncio.create_task(dump.make(settings, dump.Order(files=files)))
    await until(owner, WAITS, 1)
    other = await asyncpg.connect(database_url, server_settings={"application_name": "the migration"})
    altering = asyncio.create_task(other.execute("ALTER TABLE devices ADD COLUMN colour text"))
    with pytest.raises(DdmsError, match="the migration wanted a table for itself, so the backup made way"):
        await making
    await altering
    await other.close()
    assert left_in(settings) == []


@pytest.fixture
def small_disk(settings: Settings, monkeypatch) -> Iterator[Path]:
    """A disk of its own for the backups, and nothing that is left to others on it."""
    settings.backup_directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(settings.backup_directory)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root, and the right to mount")
    monkeypatch.setattr("ddms.backups.folder.SPARE_BYTES", 0)
    yield settings.backup_directory
    subprocess.run(["umount", "--lazy", str(settings.backup_directory)], check=False)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_disk_that_is_full_in_the_middle_is_a_sentence_and_leaves_nothing(
    settings, owner, lock, small_disk, encrypted
):
    keys = ["age1fl6jk4km6c6fsn6m6gapevy8z00dg72xszvgdh453g05vcjpp94sry4v3a"] if encrypted else []
    files = BackupFiles(folder=small_disk, name="one", portable=False, encrypted=encrypted)
    making = asyncio.create_task(dump.make(settings, dump.Order(files=files, recipients=keys)))
    await until(owner, WAITS, 1)
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while ballast.write(bytes(1 << 20)):
            pass
    await lock.close()
    with pytest.raises(DdmsError, match=r"cannot be written to .*No space left on device"):
        await making
    assert left_in(settings) == ["ballast"]
