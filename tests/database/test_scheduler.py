"""Scheduled jobs: one replica runs them, another takes over, a failure stops nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta

import pytest

from api.ground import scheduler
from api.ground.scheduler import Job, Scheduler
from api.site.jobs import jobs_of
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

LIST = "{ jobs { name startedAt finishedAt error lastSuccess } }"
RUN = "mutation ($name: String!) { runJob(name: $name) { errors { code field } job } }"


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(scheduler, "RETRY_SECONDS", 0.05)


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
    assert await api.ask(RUN, name="rollups") == {"errors": [], "job": "rollups"}
    async with asyncio.timeout(60):
        while await finished() == before:
            await asyncio.sleep(0.02)
    assert (await api.ask(RUN, name="nonsense"))["errors"] == [{"code": "NOT_FOUND", "field": "name"}]
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'job.run'") == 1
    assert await owner.fetchval("SELECT complete > now() - interval '5 min' FROM rollup_levels WHERE place = 1")
