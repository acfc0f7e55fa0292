"""What DDMS watches of itself: each trouble is one alarm, raised once, cleared when it is over."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from api.ground.database import Database
from api.ground.scheduler import Job, Scheduler
from api.site.watch import Watch
from tests.support.certificates import write_certificate
from tests.support.running import background, until


class Watched:
    """The job of one replica, and what became of the alarms of the system."""

    def __init__(self, settings, owner: asyncpg.Connection, database: Database) -> None:
        self.settings, self.owner, self.database = settings, owner, database
        self.work = Watch(settings)

    async def look(self, *, later: bool = False) -> dict[tuple[str, str], str]:
        """Watch once, `later`: after all delays that run; return the states of alarms that are not normal."""
        if later:
            await self.owner.execute(
                "UPDATE alarms SET pending_since = pending_since - interval '1 hour' WHERE source = 'system'"
            )
        await self.work(self.database)
        return await self.states()

    async def states(self) -> dict[tuple[str, str], str]:
        rows = await self.owner.fetch(
            "SELECT kind, subject, state FROM alarms WHERE source = 'system' AND state <> 'normal'"
        )
        return {(row["kind"], row["subject"]): row["state"] for row in rows}

    async def events(self) -> list[tuple[str, str]]:
        rows = await self.owner.fetch(
            "SELECT e.kind, e.event FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id WHERE a.source = 'system' ORDER BY e.id"
        )
        return [tuple(row) for row in rows]

    async def is_heard(self, name: str, ago: float = 0, **more: object) -> None:
        """Have a collector give a sign of life, so long ago."""
        await self.owner.execute(
            "INSERT INTO collectors (name, version, seen_at) VALUES ($1, '0', now() - make_interval(secs => $2))"
            " ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at", name, float(ago)
        )  # fmt: skip
        for column, value in more.items():
            await self.owner.execute(f"UPDATE collectors SET {column} = $2 WHERE name = $1", name, value)


@pytest.fixture
def system(settings, owner, database) -> Watched:
    return Watched(settings, owner, database)


SILENT = ("collector_silent", "line 1")


async def test_a_site_where_all_is_well_has_no_alarm_of_the_system(system):
    await system.is_heard("line 1", spool_max_bytes=2**30, spool_room_bytes=2**30, clock_seconds=0.1)
    assert await system.look() == {}
    assert await system.look(later=True) == {}
    assert await system.owner.fetchval("SELECT count(*) FROM alarms WHERE source = 'system'") == 0


async def test_a_silent_collector_is_raised_after_its_delay_once_and_cleared_when_it_is_heard(system):
    await system.is_heard("line 1", ago=60)
    assert await system.look() == {}
    assert await system.look(later=True) == {SILENT: "unacknowledged"}
    assert await system.look(later=True) == {SILENT: "unacknowledged"}
    await system.is_heard("line 1")
    assert await system.look() == {SILENT: "returned"}
    assert await system.events() == [("collector_silent", "raised"), ("collector_silent", "cleared")]


async def test_between_the_limits_nothing_changes(system):
    await system.is_heard("line 1", ago=20)
    assert await system.look(later=True) == {}
    await system.is_heard("line 1", ago=60)
    await system.look()
    await system.look(later=True)
    await system.is_heard("line 1", ago=20)
    assert await system.look() == {SILENT: "unacknowledged"}


async def test_a_delay_begins_anew_when_nobody_watched_meanwhile(system):
    await system.is_heard("line 1", ago=60)
    await system.look()
    await system.owner.execute("UPDATE system_watch SET watched_at = watched_at - interval '5 minutes'")
    assert await system.look(later=True) == {}
    assert await system.look(later=True) == {SILENT: "unacknowledged"}


async def test_a_collector_that_was_stopped_is_no_alarm(system):
    await system.is_heard("line 1", ago=60, stopped_at=None)
    await system.owner.execute("UPDATE collectors SET stopped_at = now()")
    await system.look()
    assert await system.look(later=True) == {}


async def test_a_collector_that_is_removed_is_withdrawn(system):
    await system.is_heard("line 1", ago=60)
    await system.look()
    await system.look(later=True)
    await system.owner.execute("DELETE FROM collectors")
    assert await system.look() == {}
    assert (await system.events())[-1] == ("collector_silent", "withdrawn")
    assert await system.owner.fetchval("SELECT cleared_at IS NOT NULL FROM alarms WHERE source = 'system'")


async def test_a_collector_whose_work_others_have_done_for_a_day_is_not_missed(system, make_device):
    await system.is_heard("line 1", ago=2 * 86400)
    await system.look()
    assert await system.look(later=True) == {SILENT: "unacknowledged"}, "nobody does its work"
    await system.is_heard("line 2")
    assert await system.look() == {}


async def test_what_a_silent_collector_last_said_is_uncertain(system):
    await system.is_heard("line 1", spool_fault="no space left on device")
    assert await system.look() == {("spool_unusable", "line 1"): "unacknowledged"}
    await system.is_heard("line 1", ago=60)
    await system.look()
    assert await system.owner.fetchval("SELECT uncertain FROM alarms WHERE kind = 'spool_unusable'")
    await system.is_heard("line 1", spool_fault=None)
    await system.look()
    assert await system.events() == [("spool_unusable", name) for name in ("raised", "uncertain", "certain", "cleared")]


async def test_two_replicas_raise_an_alarm_once(system, settings, owner, database):
    await system.is_heard("line 1", spool_fault="no space left on device")
    others = [Watched(settings, owner, database) for _ in range(4)]
    await asyncio.gather(*(other.work(database) for other in (system, *others)))
    assert await system.events() == [("spool_unusable", "raised")]


@pytest.mark.parametrize(
    ("kind", "trouble", "over"),
    [
        ("spool_filling", {"spool_max_bytes": 1000, "spool_room_bytes": 100}, {"spool_room_bytes": 900}),
        ("backlog", {"spool_since": "now() - interval '1 hour'"}, {"spool_since": "NULL"}),
        ("readings_lost", {"lost_at": "now() - interval '1 minute'"}, {"lost_at": "now() - interval '1 hour'"}),
    ],
)  # fmt: skip
async def test_what_a_collector_tells_of_its_spool_comes_and_goes(system, kind, trouble, over):
    await system.is_heard("line 1")
    for changes, expected in ((trouble, {(kind, "line 1"): "unacknowledged"}), (over, {(kind, "line 1"): "returned"})):
        await system.owner.execute(
            "UPDATE collectors SET " + ", ".join(f"{name} = {value}" for name, value in changes.items())
        )
        await system.look()
        assert await system.look(later=True) == expected


async def test_a_clock_that_differs_is_an_alarm_of_its_collector(system):
    await system.is_heard("line 1", clock_seconds=-4.0)
    await system.look()
    assert await system.look(later=True) == {("clock_off", "collector line 1"): "unacknowledged"}
    detail = await system.owner.fetchval("SELECT detail FROM grafana.alarms WHERE kind = 'clock_off'")
    assert detail == "4.0 s behind the database"
    await system.is_heard("line 1", clock_seconds=0.2)
    assert await system.look() == {("clock_off", "collector line 1"): "returned"}


@pytest.mark.parametrize(
    ("kind", "trouble", "over"),
    [
        ("site_unreached", "reached_at = now() - interval '7 days'", "reached_at = now()"),
        ("site_behind", "waiting_since = now() - interval '1 hour', pending = 9", "waiting_since = NULL, pending = 0"),
        ("stream_filling", "stream_bytes = 90", "stream_bytes = 10"),
    ],
)  # fmt: skip
async def test_how_a_far_site_does_comes_and_goes(system, make_device, kind, trouble, over):
    await make_device()
    await system.is_heard("shaft 1")
    await system.owner.execute("UPDATE connections SET site = 'mine'; UPDATE collectors SET site = 'mine'")
    await system.owner.execute("INSERT INTO leases SELECT id, 'shaft 1', now() + interval '1 hour' FROM connections")
    await system.owner.execute("INSERT INTO site_states VALUES ('mine', now(), now(), now(), NULL, 0, 10, 100, NULL)")
    await system.look()
    assert await system.look(later=True) == {}
    for change, state in ((trouble, "unacknowledged"), (over, "returned")):
        await system.owner.execute(f"UPDATE site_states SET {change}")
        await system.look()
        assert await system.look(later=True) == {(kind, "mine"): state}


async def test_a_site_that_nobody_serves_and_messages_that_were_set_aside_are_alarms(system, make_device):
    device = await make_device()
    await system.owner.execute("UPDATE connections SET site = 'mine'")
    await system.owner.execute("UPDATE devices SET created_at = now() - interval '5 minutes' WHERE id = $1", device)
    await system.owner.execute("INSERT INTO set_aside (site, reason, message) VALUES ('plant', 'it is damaged', '')")
    await system.owner.execute("INSERT INTO site_states (site, told_at, reached_at) VALUES ('plant', now(), now())")
    await system.look()
    states = await system.look(later=True)
    assert states == {
        ("site_unreached", "mine"): "unacknowledged",
        ("messages_set_aside", "plant"): "unacknowledged",
        ("endpoints_unpolled", "endpoints"): "unacknowledged",
    }
    said = dict(await system.owner.fetch("SELECT kind, detail FROM grafana.alarms WHERE source = 'system'"))
    assert "`ddms ingest` does not run" in said["site_unreached"]
    assert said["messages_set_aside"] == "1 within a day, the newest: it is damaged"


async def test_points_without_new_readings_are_an_alarm_of_the_collector_that_polls_them(system, make_device):
    device = await make_device()
    await system.is_heard("line 1")
    await system.owner.execute(
        "WITH s AS (INSERT INTO device_states (device_id, state) VALUES ($1, 'online')),"
        " l AS (INSERT INTO leases (connection_id, collector, expires_at) SELECT connection_id, 'line 1', now() + interval '1 hour' FROM devices)"
        " INSERT INTO latest (point_id, time, value, quality) SELECT id, now() - interval '5 minutes', 1, 0 FROM points", device
    )  # fmt: skip
    await system.look()
    assert await system.look(later=True) == {("ingest_lagging", "line 1"): "unacknowledged"}
    await system.owner.execute("UPDATE latest SET time = now()")
    await system.look()
    assert await system.look(later=True) == {("ingest_lagging", "line 1"): "returned"}


async def test_endpoints_that_nobody_polls_are_one_alarm(system, make_device):
    for port in (1, 2):
        await make_device(f"Mixer {port}", port=port)
    await system.owner.execute("UPDATE devices SET created_at = now() - interval '1 hour'")
    await system.look()
    assert await system.look(later=True) == {("endpoints_unpolled", "endpoints"): "unacknowledged"}
    assert await system.owner.fetchval("SELECT value FROM alarms WHERE kind = 'endpoints_unpolled'") == 2


async def test_endpoints_of_a_collector_that_was_killed_are_that_ones_alarm(system, make_device):
    await make_device()
    await system.owner.execute("UPDATE devices SET created_at = now() - interval '1 hour'")
    await system.is_heard("line 1", ago=60)
    await system.owner.execute(
        "INSERT INTO leases (connection_id, collector, expires_at) SELECT id, 'line 1', now() - interval '40 s' FROM connections"
    )
    await system.look()
    assert await system.look(later=True) == {SILENT: "unacknowledged"}


async def test_a_job_that_is_due_and_that_nobody_runs_is_an_alarm_unless_it_is_paused(system, owner):
    await owner.execute(
        "INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('rollups', 'every 20 s', now() - interval '1 hour')"
    )
    await system.look()
    assert await system.look(later=True) == {("job_failed", "rollups"): "unacknowledged"}
    await owner.execute("UPDATE scheduled_jobs SET paused_at = now(), paused_by = 'ann'")
    assert await system.look() == {("job_failed", "rollups"): "returned"}


async def test_a_job_that_runs_for_long_is_excused_for_a_day(system, owner):
    await owner.execute(
        "INSERT INTO scheduled_jobs (name, schedule, due_at, started_at)"
        " VALUES ('retention', 'every 1 min', now() - interval '5 hours', now() - interval '5 hours')"
    )
    await system.look()
    assert await system.look(later=True) == {}
    await owner.execute("UPDATE scheduled_jobs SET started_at = now() - interval '2 days'")
    await system.look()
    assert await system.look(later=True) == {("job_failed", "retention"): "unacknowledged"}


async def test_a_job_that_fails_on_the_scheduler_is_an_alarm_until_it_is_done(system, settings, owner):
    failures = [RuntimeError("the disk is on fire")]

    async def work(_database):
        for failure in failures:
            raise failure

    async def newest_fails(*, expected: bool) -> bool:
        return await owner.fetchval("SELECT error IS NOT NULL FROM job_runs ORDER BY id DESC LIMIT 1") is expected

    job = Job(name="rollups", every=timedelta(milliseconds=10), work=work)
    async with background(Scheduler(settings, (job,)).run()):
        await until(lambda: newest_fails(expected=True))
        await system.look()
        assert await system.look(later=True) == {("job_failed", "rollups"): "unacknowledged"}
        assert await owner.fetchval("SELECT detail FROM grafana.alarms") == "the disk is on fire"
        failures.clear()
        await until(lambda: newest_fails(expected=False))
        assert await system.look() == {("job_failed", "rollups"): "returned"}


async def test_history_that_expires_as_every_day_calls_nobody_and_much_more_does(system, make_device):
    device = await make_device()
    await system.owner.execute("INSERT INTO retention_notice (due_at) VALUES (now() + interval '20 hours')")
    await system.owner.execute(
        "INSERT INTO retention_state (device_id, source, due_before, due_rows) VALUES ($1, 'readings', now(), 1000)"
        " ON CONFLICT (device_id, source) DO UPDATE SET due_rows = 1000", device
    )  # fmt: skip
    assert await system.look() == {("retention_due", "retention"): "unacknowledged"}
    await system.owner.execute("UPDATE retention_state SET due_rows = 0")
    assert await system.look() == {("retention_due", "retention"): "returned"}
    await system.owner.execute(
        "WITH run AS (INSERT INTO retention_runs (requested_by, state, finished_at) VALUES ('schedule', 'done', now()) RETURNING id)"
        " INSERT INTO retention_run_tables (run_id, source, rows) SELECT id, 'readings', 900 FROM run"
    )
    await system.owner.execute("UPDATE retention_state SET due_rows = 1000")
    assert await system.look() == {("retention_due", "retention"): "returned"}
    await system.owner.execute("UPDATE retention_state SET due_rows = 100000")
    assert await system.look() == {("retention_due", "retention"): "unacknowledged"}


async def test_a_certificate_is_an_alarm_a_month_before_it_expires_and_another_a_week_before(
    settings, owner, database, tmp_path
):
    file = tmp_path / "edge.pem"
    system = Watched(replace(settings, certificate_files=(file,)), owner, database)
    expected = []
    for days in (60, 20, 3, 90):
        write_certificate(file, days)
        expected.append({kind: state for (kind, _), state in (await system.look()).items()})
    early, late = "certificate_expiring", "certificate_expires_soon"
    called, gone = "unacknowledged", "returned"
    assert expected == [{}, {early: called}, {early: called, late: called}, {early: gone, late: gone}]


async def test_a_certificate_that_cannot_be_read_is_uncertain_and_clears_nothing(settings, owner, database, tmp_path):
    file = tmp_path / "edge.pem"
    write_certificate(file, 20)
    system = Watched(replace(settings, certificate_files=(file,)), owner, database)
    await system.look()
    file.write_text("no certificate")
    assert await system.look() == {("certificate_expiring", str(file)): "unacknowledged"}
    assert (await system.events())[-1] == ("certificate_expiring", "uncertain")


async def test_an_alarm_that_is_there_takes_the_priority_that_its_kind_has_in_a_new_version(
    system, settings, owner, database
):
    await system.is_heard("line 1", spool_fault="no space left on device")
    await system.look()
    await owner.execute("UPDATE alarms SET priority = 'low'")
    await Watched(settings, owner, database).look()
    assert await owner.fetchval("SELECT priority FROM alarms") == "high"


async def test_the_texts_are_beside_the_alarm_in_english_and_chinese(system):
    await system.is_heard("line 1", spool_fault="no space left on device")
    await system.look()
    row = await system.owner.fetchrow("SELECT cause, consequence, action FROM grafana.alarms WHERE source = 'system'")
    assert row["action"] == "Let the collector write there, or name another folder by DDMS_SPOOL_DIRECTORY."
    languages = await system.owner.fetch("SELECT language, count(*), min(cause) FROM alarm_texts GROUP BY 1 ORDER BY 1")
    assert [row["language"] for row in languages] == ["en", "zh"]
    assert languages[0]["count"] == languages[1]["count"]
