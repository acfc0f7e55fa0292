"""Changes of the configuration: what they are said to do is what they do, they are whole or absent, and in force at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from api.ground.actor import COMMAND_LINE
from api.ground.database import Database
from api.ground.scheduler import Job, Scheduler
from api.retention.run import run
from api.site import consequences
from api.site.configuration_store import Changed, change
from api.site.consequences import Concern, Consequence
from api.site.jobs import jobs_of
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from tests.support.command_line import started
from tests.support.running import background, until

FILL = """WITH made AS (SELECT $2::timestamptz + make_interval(mins => 10 * n) AS time, n FROM generate_series(0, 143) AS n),
     stored AS (INSERT INTO readings (time, point_id, value, quality) SELECT time, $1, n, 0 FROM made)
INSERT INTO rollup_late (bucket, points) SELECT time, array[$1::int] FROM made"""


class Owner:
    """Somebody who changes the configuration."""

    def __init__(self, database: Database, settings) -> None:
        self.database, self.settings = database, settings

    async def change(self, **changes: Any) -> Changed:
        async with self.database.transaction() as statements:
            return await change(statements, COMMAND_LINE, self.settings, changes)

    async def would(self, about: Concern, **changes: Any) -> list[Consequence]:
        """Make a dry run; return what it says about one concern."""
        async with self.database.transaction() as statements, statements.undone():
            changed = await change(statements, COMMAND_LINE, self.settings, changes)
        return [one for one in changed.consequences if one.about is about]


@pytest.fixture
def somebody(database: Database, settings) -> Owner:
    return Owner(database, settings)


async def fill(owner: asyncpg.Connection, point: int, *ages: int) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    await owner.execute("UPDATE rollup_levels SET complete = $1", today)
    for age in ages:
        await owner.execute(FILL, point, today - timedelta(days=age))
    await owner.execute("CALL refresh_rollups()")


async def test_the_history_that_a_shorter_retention_takes_is_told_and_is_what_goes(
    somebody, owner, make_device, database
):
    for port in (1, 2):
        await make_device(f"Mixer {port}", port=port)
        await fill(owner, port, 350, 200, 100, 1)
    await owner.execute("UPDATE devices SET retention_days = 300 WHERE id = 2")
    (told,) = await somebody.would(Concern.HISTORY, rollup_1m_days=150)
    assert (told.subject, told.rows, told.count, told.removes) == ("rollup_1m", 3 * 144, 2, True), (
        "one keeps its own 300 days"
    )
    assert told.message.startswith("rollup_1m: about 432 rows (26 kB) of 2 devices expire, and are erased at ")
    assert await owner.fetchval("SELECT rollup_1m_days FROM configuration") == 400
    real = await somebody.change(rollup_1m_days=150)
    assert [one.rows for one in real.consequences] == [432]
    before = await owner.fetchval("SELECT count(*) FROM rollup_1m")
    await run(database, "a test", announced=False)
    assert before - await owner.fetchval("SELECT count(*) FROM rollup_1m") == told.rows
    assert await somebody.would(Concern.HISTORY, rollup_1m_days=400) == []


async def test_a_site_without_devices_loses_nothing(somebody):
    assert await somebody.would(Concern.HISTORY, rollup_1m_days=1) == []


async def test_what_many_points_lose_is_estimated_from_some_of_them(somebody, owner, make_device, monkeypatch):
    monkeypatch.setattr(consequences, "COUNTED", 1)
    for port in range(1, 5):
        await make_device(f"Mixer {port}", port=port)
        await fill(owner, port, 200)
    (told,) = await somebody.would(Concern.HISTORY, rollup_1m_days=150)
    assert (told.rows, told.count) == (4 * 144, 4)


@pytest.mark.edition("apache", "plain")
async def test_it_is_told_that_an_edition_compresses_nothing(somebody):
    (told,) = await somebody.would(Concern.COMPRESSION, compress_after_days=2)
    assert told.message == "this edition of the storage compresses nothing"


@pytest.mark.edition("community")
async def test_the_chunks_that_are_compressed_earlier_are_counted(somebody, owner, make_device):
    await make_device()
    await fill(owner, 1, 20, 5, 4, 1)
    await owner.execute("ANALYZE")
    told = await somebody.would(Concern.COMPRESSION, compress_after_days=2)
    assert [(one.subject, one.count, one.rows) for one in told if one.subject == "readings"] == [("readings", 2, 288)]


async def test_each_job_that_moves_says_from_when_to_when(somebody):
    told = await somebody.would(
        Concern.JOBS, time_zone="Asia/Shanghai", backup_schedule="", verify_schedule="*/5 * * * *"
    )
    moved = {
        one.subject: (one.moved_from and f"{one.moved_from:%H:%M}", one.moved_to and f"{one.moved_to:%H:%M %z}")
        for one in told
    }
    assert moved["audit"] == ("03:30", "03:30 +0800")
    assert moved["backup"] == ("01:00", None)
    assert moved["verify"][0] == "04:00"
    (cleanup,) = await somebody.would(Concern.CLEANUP, cleanup_time="05:00")
    assert (f"{cleanup.moved_from:%H}", f"{cleanup.moved_to:%H}") == ("02", "05")


async def test_entries_of_the_audit_that_would_go_are_counted(somebody, owner):
    await owner.execute(
        "INSERT INTO audit_log (at, actor, action, subject) SELECT now() - make_interval(days => age), 'ann', 'group.update', 'grp_1'"
        " FROM unnest('{400,200,80}'::int[]) AS age"
    )
    (told,) = await somebody.would(Concern.AUDIT, audit_days=100)
    assert (told.count, told.removes) == (2, True)
    assert await somebody.would(Concern.AUDIT, audit_days=800) == []


async def test_alarms_that_get_another_priority_or_stay_shelved_are_counted(somebody, owner, make_device):
    for port in (1, 2, 3):
        await make_device(f"Mixer {port}", port=port)
    numbers = [row["id"] for row in await owner.fetch("SELECT id FROM alarms WHERE source = 'device' ORDER BY id")]
    now = await owner.fetchval("SELECT now()")
    async with owner.transaction():
        await happen(owner, [
            Happening(alarm_id=numbers[0], event=Event.RAISED, time=now),
            Happening(alarm_id=numbers[1], event=Event.SHELVED, time=now, actor="ann", note="x", until=now + timedelta(hours=9)),
        ])  # fmt: skip
    (told,) = await somebody.would(Concern.ALARMS, device_alarm_priority="low")
    assert told.message == "3 alarms, of which 1 are active, get the priority low instead of high at once"
    (told,) = await somebody.would(Concern.ALARMS, shelf_hours=8)
    assert told.count == 1


async def test_alarms_of_the_system_that_another_limit_raises_or_clears_are_told(somebody, owner):
    await owner.execute(
        "INSERT INTO collectors (name, version, seen_at, spool_max_bytes, spool_room_bytes) VALUES ('line 1', '0', now(), 1000, 400)"
    )
    (told,) = await somebody.would(Concern.SYSTEM_ALARMS, spool_filling_percent=50)
    assert (
        told.message == "an alarm of the system is raised: the spool of the collector line 1 fills, 60.0 is beyond 50"
    )
    assert await somebody.would(Concern.SYSTEM_ALARMS, spool_filling_percent=70) == []


async def test_backups_that_a_smaller_number_removes_are_told(somebody, owner):
    await owner.execute(
        "INSERT INTO backups (name, state, reason, asked_at, bytes, kept) SELECT 'b' || n, 'done', 'scheduled', '2020-01-01Z'::timestamptz + make_interval(days => n), 1e6, n = 2"
        " FROM generate_series(1, 6) n"
    )
    (told,) = await somebody.would(Concern.BACKUPS, backups_kept=2)
    assert (told.count, told.bytes, told.removes) == (3, 3_000_000, True), (
        "the newest two stay, and the one that a person keeps"
    )
    assert told.message == "3 backups (3.0 MB) are removed, the oldest is b1"


async def test_a_program_that_is_killed_in_the_middle_of_a_change_leaves_nothing_of_it(somebody, settings, owner):
    async with owner.transaction():
        await owner.execute("LOCK TABLE configuration_versions")
        program = await started("config", "set", "shelf_hours=48", settings=settings)
        await until(lambda: owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        assert program.returncode is None
        program.kill()
        await program.wait()
    assert tuple(await owner.fetchrow("SELECT version, shelf_hours FROM configuration")) == (1, 24)
    assert (await somebody.change(shelf_hours=48)).row["version"] == 2


async def test_a_change_is_in_force_at_once_on_whichever_replica_runs_the_jobs(somebody, settings, owner):
    looked = asyncio.Event()

    async def watch(_database: Database) -> None:
        looked.set()

    async def is_scheduled():
        return (
            await owner.fetchval("SELECT schedule FROM scheduled_jobs WHERE name = 'backup'")
            == "17 4 * * * Asia/Shanghai"
        )

    jobs = [
        Job(name="watch", every=timedelta(hours=1), work=watch, may_pause=False),
        *(job for job in jobs_of(settings) if job.name in {"audit", "backup"}),
    ]
    async with background(Scheduler(settings, jobs).run(), Scheduler(settings, jobs).run()):
        await asyncio.wait_for(looked.wait(), 60)
        looked.clear()
        await somebody.change(backup_schedule="17 4 * * *", time_zone="Asia/Shanghai", disk_filling_percent=50)
        await asyncio.wait_for(looked.wait(), 60)
        await until(is_scheduled)
