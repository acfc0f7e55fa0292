"""What a collector tells of itself: its spool, its clock; and the alarms that come of it, from a real folder and a real kill."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.ground.database import Database
from api.site.watch import Watch
from collector import report
from collector.polling.clock import Clock
from collector.report import Report
from collector.storing.spool import Spool
from collector.storing.store import Store
from ddms.database import read_edition
from tests.support.ports import free_port
from tests.support.running import until

MEGABYTE = 1_000_000


@pytest.fixture
def settings(settings, tmp_path):
    return replace(
        settings, collector_name="line 1", spool_directory=tmp_path / "spool", spool_max_bytes=100 * MEGABYTE
    )


@pytest.fixture
def small_disk(settings, tmp_path):
    """The spool folder on a file system of four megabytes."""
    settings.spool_directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(settings.spool_directory)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may mount no file system")
    yield settings.spool_directory
    subprocess.run(["umount", "-l", str(settings.spool_directory)], check=True)


@pytest.fixture
async def watch(settings, pool):
    """Watch the system once, after all delays; return the kinds of alarms that are active."""
    async with pool.acquire() as connection:
        database = Database(pool, await read_edition(connection))
    work = Watch(settings)

    async def look() -> list[str]:
        await work(database)
        await pool.execute("UPDATE alarms SET pending_since = pending_since - interval '1 hour'")
        await work(database)
        rows = await pool.fetch("SELECT kind FROM alarms WHERE source = 'system' AND active ORDER BY kind")
        return [row["kind"] for row in rows]

    return look


def resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


class Telling:
    """A collector's store and its report, without polling."""

    def __init__(self, settings, owner, clock=None):
        self.settings, self.owner = settings, owner
        self.store = Store(settings, Spool(settings.spool_folder, settings.spool_max_bytes))
        settings.spool_folder.mkdir(parents=True, exist_ok=True)
        self.clock = clock or Clock()
        self.report = Report(settings, self.store, self.clock)

    async def tell(self):
        self.report._tried = float("-inf")
        await self.report.tell(self.owner)
        return await self.owner.fetchrow("SELECT * FROM collectors")


@pytest.fixture
async def telling(settings, owner):
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('line 1', '0')")
    return lambda clock=None: Telling(settings, owner, clock)


async def test_a_spool_with_room_is_told_and_is_no_alarm(telling, watch):
    row = await telling().tell()
    assert (row["spool_max_bytes"], row["spool_fault"]) == (100 * MEGABYTE, None)
    assert await watch() == []


async def test_a_disk_that_leaves_less_than_the_spool_may_take_fills_it(small_disk, telling, watch, settings):
    one = telling()
    row = await one.tell()
    assert 0 < row["spool_room_bytes"] <= 4 * 1024**2
    assert await watch() == ["spool_filling"]
    resize(small_disk, "200m")
    await one.tell()
    assert await watch() == []


async def test_a_disk_that_is_full_makes_the_spool_unusable_before_it_is_needed(small_disk, telling, watch):
    one = telling()
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(8 * 1024**2))
    row = await one.tell()
    assert row["spool_fault"].endswith("cannot be written (No space left on device)")
    assert await watch() == ["spool_filling", "spool_unusable"]
    ballast.unlink()
    await one.tell()
    assert await watch() == ["spool_filling"]


async def test_a_spool_folder_that_is_gone_is_unusable(telling, watch, settings):
    one = telling()
    settings.spool_folder.rmdir()
    await one.tell()
    assert "spool_unusable" in await watch()


class Wrong(Clock):
    """A clock that is ahead of what it should be."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def at(self, monotonic: float) -> int:
        return super().at(monotonic) + int(self.seconds * 1e6)


async def test_a_clock_that_is_wrong_is_an_alarm_until_it_is_right(telling, watch):
    one = telling(Wrong(-3600))
    row = await one.tell()
    assert row["clock_seconds"] < -3000
    assert await watch() == ["clock_off"]
    one.clock.seconds = 0.0
    await one.tell()
    assert await watch() == []


async def test_collectors_tell_once_that_nobody_watches_and_whoever_watches_again_clears_it(
    telling, watch, owner, monkeypatch
):
    monkeypatch.setattr(report, "UNWATCHED_SECONDS", 0.0)
    assert await watch() == []
    one, another = telling(), telling()
    await one.tell()
    await owner.execute("UPDATE system_watch SET watched_at = now() - interval '5 minutes'")
    await one.tell()
    await another.tell()
    assert await owner.fetchval("SELECT state FROM alarms WHERE kind = 'watch_stopped'") == "unacknowledged"
    assert await watch() == []
    events = await owner.fetch("SELECT event FROM alarm_events WHERE kind = 'watch_stopped' ORDER BY id")
    assert [row["event"] for row in events] == ["raised", "cleared"]


async def test_a_site_that_was_never_watched_misses_nothing(telling, owner, monkeypatch):
    monkeypatch.setattr(report, "UNWATCHED_SECONDS", 0.0)
    await telling().tell()
    assert await owner.fetchval("SELECT count(*) FROM alarms") == 0


async def test_the_end_of_an_outage_is_not_taken_for_an_api_that_is_gone(telling, owner):
    await owner.execute("UPDATE system_watch SET watched_at = now() - interval '5 minutes'")
    one = telling()
    await one.tell()
    await one.tell()
    assert await owner.fetchval("SELECT count(*) FROM alarms") == 0


@pytest.fixture
def program(settings):
    """A collector as a process of its own."""
    environment = {
        "DDMS_DATABASE_URL": settings.database_url, "DDMS_DATABASE_ROLE": "ddms_app", "DDMS_COLLECTOR_NAME": "line 1",
        "DDMS_SPOOL_DIRECTORY": str(settings.spool_directory), "DDMS_SPOOL_MAX_BYTES": str(settings.spool_max_bytes), "DDMS_COLLECTOR_METRICS_PORT": str(free_port()),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }  # fmt: skip
    running = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "ddms", "collector"], env=environment, stderr=subprocess.DEVNULL
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait(60)


async def is_heard(owner) -> bool:
    return await owner.fetchval(
        "SELECT EXISTS (SELECT FROM collectors WHERE stopped_at IS NULL AND spool_max_bytes IS NOT NULL AND seen_at > now() - interval '10 s')"
    )


async def test_a_collector_that_is_killed_is_an_alarm_until_it_runs_again_and_one_that_is_stopped_is_none(
    program, owner, watch
):
    process = program()
    await until(lambda: is_heard(owner))
    assert await watch() == []
    process.kill()
    await asyncio.to_thread(process.wait, 60)
    await owner.execute("UPDATE collectors SET seen_at = now() - interval '1 minute'")
    assert await watch() == ["collector_silent"]
    process = program()
    await until(lambda: is_heard(owner))
    assert await watch() == []
    process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(process.wait, 60)
    await owner.execute("UPDATE collectors SET seen_at = now() - interval '1 minute'")
    assert await watch() == []
    events = await owner.fetch("SELECT event FROM alarm_events WHERE kind = 'collector_silent' ORDER BY id")
    assert [row["event"] for row in events] == ["raised", "cleared"]
