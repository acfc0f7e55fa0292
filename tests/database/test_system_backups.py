"""What DDMS watches of its backups: each trouble is one alarm with its reason, and none is there before it is one."""

import asyncpg
import pytest

from api.ground.database import Database
from api.site.watch import Watch
from ddms.database import read_edition
from tests.support.backup_rows import backup, verified


class Watched:
    """The job of one replica, and which alarms of backups stand."""

    def __init__(self, settings, owner: asyncpg.Connection, database: Database) -> None:
        self.owner, self.database, self.work = owner, database, Watch(settings)

    async def look(self) -> dict[str, str]:
        """Watch once; return the reasons of the alarms that are active, by kind."""
        await self.work(self.database)
        rows = await self.owner.fetch("SELECT kind, detail FROM alarms WHERE source = 'system' AND active")
        return {row["kind"]: row["detail"] for row in rows}


@pytest.fixture
async def system(settings, owner, pool: asyncpg.Pool) -> Watched:
    async with pool.acquire() as connection:
        return Watched(settings, owner, Database(pool, await read_edition(connection)))


async def grow_old(owner: asyncpg.Connection, days: int) -> None:
    await owner.execute("UPDATE system_watch SET backups_since = now() - make_interval(days => $1)", days)


async def test_a_new_installation_has_a_week_for_its_first_verified_backup(system, owner):
    await grow_old(owner, 6)
    assert await system.look() == {}
    await grow_old(owner, 8)
    assert await system.look() == {"backup_unverified": "there is no backup"}
    await backup(owner, "first")
    assert await system.look() == {"backup_unverified": "none of 1 backups was ever verified"}
    await verified(owner, "first")
    assert await system.look() == {}


async def test_the_newest_verified_backup_may_be_as_old_as_the_owner_says(system, owner):
    await backup(owner, "old", hours_ago=15 * 24)
    await backup(owner, "new")
    await verified(owner, "old")
    detail = (await system.look())["backup_unverified"]
    assert detail.startswith("the newest verified one is old, of ")
    await owner.execute("UPDATE configuration SET verified_within_days = 16")
    assert await system.look() == {}


async def test_who_wants_no_backups_of_ddms_is_told_of_none(system, owner):
    await grow_old(owner, 100)
    await owner.execute("UPDATE configuration SET backup_schedule = '', verify_schedule = ''")
    assert await system.look() == {}


async def test_three_tries_that_failed_in_a_row_are_an_alarm_until_a_backup_is_done(system, owner):
    await backup(owner, "first", hours_ago=30)
    await backup(owner, "second", state="failed", attempt=2, error="no room")
    assert await system.look() == {}
    number = await backup(owner, "third", state="waiting", attempt=1, error="still no room")
    await owner.execute("UPDATE backups SET due_at = now() + interval '1 hour' WHERE id = $1", number)
    assert await system.look() == {"backups_failing": "still no room"}
    await backup(owner, "fourth")
    assert await system.look() == {}


async def test_a_verification_that_failed_is_an_alarm_until_one_does_not(system, owner):
    await backup(owner, "first")
    await backup(owner, "second")
    await verified(owner, "first", hours_ago=3)
    await verified(owner, "second", hours_ago=2, error="readings: 12 rows are missing")
    assert await system.look() == {"verification_failed": "second: readings: 12 rows are missing"}
    await backup(owner, "third")
    await verified(owner, "third")
    assert await system.look() == {}


async def test_a_backup_that_waits_is_an_alarm_unless_somebody_makes_backups(system, owner, database_url):
    await backup(owner, "waits", state="waiting", hours_ago=0.2)
    assert (await system.look())["backup_waiting"].startswith("waits waits since ")
    maker = await asyncpg.connect(database_url)
    await maker.fetchval("SELECT claim('jobs of backups')")
    assert await system.look() == {}
    await owner.execute("UPDATE backups SET due_at = now() - interval '25 hours'")
    assert await system.look() == {}, "it was asked for later"
    await owner.execute("UPDATE backups SET asked_at = now() - interval '25 hours'")
    assert "backup_waiting" in await system.look(), "it hangs"
    await maker.close()


async def test_a_backup_that_is_to_be_tried_again_later_does_not_wait_for_anybody(system, owner):
    number = await backup(owner, "later", state="waiting", attempt=1, error="no room")
    await owner.execute("UPDATE backups SET due_at = now() + interval '10 minutes' WHERE id = $1", number)
    assert await system.look() == {}


async def test_a_folder_without_room_for_two_more_is_told_before_it_is_full(system, owner):
    await backup(owner, "newest")
    told = "INSERT INTO job_runs (job, started_at, details) VALUES ('backups', now(), jsonb_build_object('folder', '/b', 'size_bytes', 10^9::bigint, 'free_bytes', $1::bigint))"
    await owner.execute(told, 110_000_000)
    assert await system.look() == {}
    await owner.execute(told, 90_000_000)
    assert await system.look() == {
        "backup_folder_filling": "90 MB of 1000 MB are free in /b, the newest backup has 50 MB"
    }
    await owner.execute(told, 200_000_000)
    assert await system.look() == {}


async def test_a_copy_that_failed_is_an_alarm_until_one_is_made(system, owner):
    await backup(owner, "first", hours_ago=3, copied_at=None, copy_error="the bucket is away")
    await backup(owner, "second", hours_ago=1)
    assert await system.look() == {"backup_copy_failed": "first: the bucket is away"}, "the second is not copied yet"
    await owner.execute("UPDATE backups SET copied_at = now(), copy_error = NULL")
    assert await system.look() == {}
