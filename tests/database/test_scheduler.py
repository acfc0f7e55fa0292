"""Scheduled jobs: one replica runs them, another takes over, a failure stops nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from api.ground import claims, scheduler
from api.ground.scheduler import BACKUP_JOBS, Job, Scheduler, report
from api.site.jobs import jobs_of
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

RUN = "mutation ($name: String!) { runJob(name: $name) { errors { code field } job { name } } }"
PAUSE = RUN.replace("runJob", "pauseJob")
RESUME = RUN.replace("runJob", "resumeJob")
STATE = "{ jobs { name state nextRun pausedBy progress doing mayPause schedule runs(first: 2) { error } } }"
LIST = "{ jobs { name startedAt finishedAt error lastSuccess } }"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(claims, "RETRY_SECONDS", 0.05)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(settings, *jobs: Job) -> AsyncIterator[Scheduler]:
    one = Scheduler(settings, jobs)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Counter:
    """A job's work that counts its runs, and fails while it is told to."""

    def __init__(self):
        self.runs, self.failure = 0, None

    async def __call__(self, database):
        self.runs += 1
        if self.failure:
            raise self.failure
        return {"sum": await database.value("-- ddms:test\nSELECT 1 + 1")}


async def test_one_replica_runs_the_jobs_and_another_takes_over(settings, owner):
    first, second = Counter(), Counter()
    async with running(settings, Job(name="a", every=timedelta(milliseconds=10), work=second)) as standby:
        await until(lambda: standby.leads)
        async with running(settings, Job(name="a", every=timedelta(milliseconds=10), work=first)) as other:
            await asyncio.sleep(0.2)
            assert (other.leads, first.runs) == (False, 0)
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ddms-api-scheduler' AND pid IN"
                " (SELECT pid FROM pg_locks WHERE locktype = 'advisory') AND datname = current_database()"
            )
            await until(lambda: first.runs or second.runs > 3)
            await until(lambda: other.leads or standby.leads)
            assert not (other.leads and standby.leads)


async def test_a_job_that_fails_is_recorded_tried_again_and_stops_no_other(settings, owner, caplog):
    caplog.set_level("INFO")
    bad, good = Counter(), Counter()
    bad.failure = RuntimeError("the disk is on fire")
    every = timedelta(milliseconds=20)
    async with running(settings, Job(name="bad", every=every, work=bad), Job(name="good", every=every, work=good)):
        await until(lambda: bad.runs > 3 and good.runs > 3)
        bad.failure = None
        runs = bad.runs
        await until(lambda: bad.runs > runs + 1)
    rows = await owner.fetch("SELECT job, error, details FROM job_runs ORDER BY id")
    assert {(row["job"], row["error"]) for row in rows} == {
        ("bad", "the disk is on fire"),
        ("bad", None),
        ("good", None),
    }
    assert {row["details"] and row["details"]["sum"] for row in rows} == {None, 2}
    assert [r.message for r in caplog.records if "bad" in r.message] == [
        "the job bad failed, and is tried again: the disk is on fire",
        "the job bad works again",
    ]


async def test_only_the_newest_runs_are_kept(settings, owner):
    await owner.execute(
        "INSERT INTO job_runs (job, started_at) SELECT CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END, now() FROM generate_series(1, 1400) n"
    )
    work = Counter()
    async with running(settings, Job(name="a", every=timedelta(hours=1), work=work)):
        async with asyncio.timeout(60):
            while await owner.fetchval("SELECT count(*) FROM job_runs WHERE job = 'a'") != 500:
                await asyncio.sleep(0.02)
    assert await owner.fetchval("SELECT count(*) FROM job_runs WHERE job = 'b'") == 700


@pytest.fixture(name="jobs")
def jobs_fixture(settings) -> Sequence[Job]:
    """For the API of these tests."""
    return jobs_of(settings)


async def test_the_owner_sees_the_jobs_and_runs_one_at_once(api: Api, owner):
    async def finished():
        (job,) = [job for job in await api.ask(LIST, actor="viewer") if job["name"] == "rollups"]
        return job["finishedAt"]

    async with asyncio.timeout(60):
        while (before := await finished()) is None:
            await asyncio.sleep(0.02)
    assert await api.ask(RUN, name="rollups") == {"errors": [], "job": {"name": "rollups"}}
    async with asyncio.timeout(60):
        while await finished() == before:
            await asyncio.sleep(0.02)
    assert (await api.ask(RUN, name="nonsense"))["errors"] == [{"code": "NOT_FOUND", "field": "name"}]
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'job.run'") == 1
    assert await owner.fetchval("SELECT complete > now() - interval '5 min' FROM rollup_levels WHERE place = 1")


async def test_jobs_of_another_claim_are_left_to_whoever_has_it(settings, owner):
    ours, theirs = Counter(), Counter()
    every = timedelta(milliseconds=20)
    jobs = (Job(name="a", every=every, work=ours), Job(name="b", every=every, work=theirs, claim=BACKUP_JOBS))
    async with running(settings, *jobs):
        await until(lambda: ours.runs > 3)
        assert theirs.runs == 0
        other = Scheduler(settings, jobs, BACKUP_JOBS)
        task = asyncio.create_task(other.run())
        await until(lambda: theirs.runs > 3)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {row["name"] for row in await owner.fetch("SELECT name FROM scheduled_jobs")} == {"a", "b"}


async def test_what_has_no_schedule_runs_when_it_is_asked_for(settings, owner):
    work = Counter()
    async with running(settings, Job(name="a", cron=lambda _: "", work=work)):
        found = await until_row(owner, lambda found: found["schedule"] == "never")
        assert (found["due_at"].year, work.runs) == (9999, 0)
        await owner.execute("UPDATE scheduled_jobs SET asked_at = now()")
        await owner.execute("SELECT pg_notify(channel('ddms_jobs'), 'a')")
        await until(lambda: work.runs == 1)


HOURLY = timedelta(hours=1)


async def row(owner, name="a"):
    return await owner.fetchrow("SELECT * FROM scheduled_jobs WHERE name = $1", name)


async def until_row(owner, condition, name="a"):
    async with asyncio.timeout(60):
        while not (found := await row(owner, name)) or not condition(found):
            await asyncio.sleep(0.02)
    return found


async def test_a_new_leader_waits_for_what_is_not_due_yet(settings, owner):
    work = Counter()
    async with running(settings, Job(name="a", every=HOURLY, work=work)):
        before = await until_row(owner, lambda found: work.runs and found["started_at"] is None)
    async with running(settings, Job(name="a", every=HOURLY, work=work)) as second:
        await until(lambda: second.leads)
        await owner.execute("INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('old', '', now())")
        await owner.execute("SELECT pg_notify(channel('ddms_site'), '')")
        await asyncio.sleep(0.3)
        assert ((await row(owner))["due_at"], work.runs) == (before["due_at"], 1)


@pytest.mark.parametrize("job", [{"every": HOURLY}, {"cron": lambda _: "0 2 * * *"}])
async def test_a_run_that_was_missed_is_made_up_for_once(settings, owner, job):
    work = Counter()
    one = Job(name="a", work=work, **job)
    schedule, _ = one.schedule({"time_zone": "UTC"})
    await owner.execute(
        "INSERT INTO scheduled_jobs (name, schedule, due_at) VALUES ('a', $1, now() - interval '3 days')", schedule
    )
    async with running(settings, one):
        found = await until_row(owner, lambda found: work.runs and found["started_at"] is None)
        assert found["due_at"] > datetime.now(UTC)
        await asyncio.sleep(0.2)
    assert work.runs == 1


async def test_a_run_that_was_cut_off_is_recorded_and_jobs_of_older_versions_go(settings, owner):
    await owner.execute(
        "INSERT INTO scheduled_jobs (name, schedule, due_at, started_at) VALUES ('a', 'every 3600 s', now() + interval '1 h', now()),"
        " ('old', 'every 5 s', now(), NULL)"
    )
    async with running(settings, Job(name="a", every=HOURLY, work=Counter())):
        await until_row(owner, lambda found: found["started_at"] is None)
    runs = await owner.fetch("SELECT job, error FROM job_runs")
    assert [tuple(run) for run in runs] == [("a", "the program that ran it ended")]
    assert await row(owner, "old") is None


async def test_another_time_zone_moves_what_is_due(settings, owner):
    async with running(settings, Job(name="a", cron=lambda _: "0 2 * * *", work=Counter())):
        before = await until_row(owner, lambda found: found["schedule"] == "0 2 * * * UTC")
        await owner.execute("UPDATE configuration SET time_zone = 'Asia/Kathmandu'")
        after = await until_row(owner, lambda found: found["schedule"] == "0 2 * * * Asia/Kathmandu")
    assert before["due_at"].strftime("%H:%M") == "02:00"
    assert after["due_at"].strftime("%H:%M") == "20:15"


async def test_a_job_tells_how_far_it_is(settings, owner, monkeypatch):
    monkeypatch.setattr(scheduler, "PROGRESS_SECONDS", 0.01)
    go_on = asyncio.Event()

    async def work(_database):
        report(0.25, "the first quarter")
        await go_on.wait()

    async with running(settings, Job(name="a", every=HOURLY, work=work)):
        found = await until_row(owner, lambda found: found["progress"])
        assert (found["progress"], found["doing"]) == (0.25, "the first quarter")
        go_on.set()
        found = await until_row(owner, lambda found: found["started_at"] is None)
        assert (found["progress"], found["doing"]) == (None, None)


async def job_named(api: Api, name: str):
    (job,) = [job for job in await api.ask(STATE) if job["name"] == name]
    return job


async def until_job(api: Api, name: str, condition):
    async with asyncio.timeout(60):
        while not condition(job := await job_named(api, name)):
            await asyncio.sleep(0.02)
    return job


async def test_a_paused_job_runs_only_when_it_is_asked_to(api: Api, owner):
    await until_job(api, "storage", lambda job: job["state"] == "WAITING" and job["runs"])
    assert (await api.ask(PAUSE, name="storage"))["errors"] == []
    paused = await job_named(api, "storage")
    assert (paused["state"], paused["nextRun"], paused["pausedBy"]) == ("PAUSED", None, "the owner's")
    assert (await api.ask(RUN, name="storage"))["errors"] == []
    await until_job(api, "storage", lambda job: len(job["runs"]) == 2 and job["state"] == "PAUSED")
    assert (await api.ask(RESUME, name="storage"))["errors"] == []
    await until_job(api, "storage", lambda job: job["nextRun"] and job["state"] == "WAITING")
    actions = await owner.fetch("SELECT action FROM audit_log WHERE action LIKE 'job.%' ORDER BY id")
    assert [entry["action"] for entry in actions] == ["job.pause", "job.run", "job.resume"]


async def test_what_is_paused_twice_is_told_and_audited_once(api: Api, owner):
    for _ in range(2):
        assert (await api.ask(PAUSE, name="audit"))["errors"] == []
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'job.pause'") == 1


async def test_what_keeps_the_site_safe_is_not_paused(api: Api):
    assert (await api.ask(PAUSE, name="guard"))["errors"] == [{"code": "CONFLICT", "field": "name"}]
    assert (await job_named(api, "guard"))["state"] != "PAUSED"


@pytest.mark.parametrize("first", [-1, 501])
async def test_more_runs_than_are_kept_cannot_be_asked_for(api: Api, first):
    answer = await api.post(f"{{ jobs {{ runs(first: {first}) {{ error }} }} }}")
    assert answer["errors"][0]["extensions"]["code"] == "INVALID"
