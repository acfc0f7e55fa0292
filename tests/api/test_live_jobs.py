"""Live jobs: a snapshot of all, then those that changed; read once for all who follow, and only while somebody does."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import pytest

from api.ground.database import Database
from api.ground.scheduler import Job, report
from tests.support.api_server import Api, Socket, api_fixture, tokens_fixture  # noqa: F401 - fixtures

JOBS = "subscription { jobs { kind reason jobs { name state progress doing error mayPause pausedBy } } }"
RUN = 'mutation { runJob(name: "rollups") { errors { code } } }'


def named(event, name):
    return next(job for job in event["jobs"] if job["name"] == name)


async def started(socket: Socket):
    """Follow; return the snapshot."""
    await socket.subscribe(JOBS)
    return await socket.event("jobs")


@dataclass
class Steps:
    """A job's work that a test lets go on."""

    may_go_on: asyncio.Semaphore

    async def __call__(self, database: Database) -> None:
        for progress in (0.25, 0.5):
            report(progress, f"at {progress:.0%}")
            await self.may_go_on.acquire()
        raise RuntimeError("the disk is full")


@pytest.fixture(name="steps")
def steps_fixture() -> Steps:
    return Steps(asyncio.Semaphore(0))


@pytest.fixture(name="jobs")
def jobs_fixture(steps: Steps) -> Sequence[Job]:
    """Jobs of the real names, which run only when they are asked to."""
    return [Job(name=name, cron=lambda _: "0 0 29 2 *", work=steps) for name in ("rollups", "storage")]


@pytest.fixture(autouse=True)
async def scheduled(api: Api, owner: asyncpg.Connection):
    """The scheduler has written down when they are due."""
    async with asyncio.timeout(30):
        while await owner.fetchval("SELECT count(*) FROM scheduled_jobs") < 2:
            await asyncio.sleep(0.01)


async def test_a_subscriber_gets_all_jobs_and_then_what_one_of_them_does(api: Api, steps: Steps):
    async with api.socket() as socket:
        event = await started(socket)
        assert (event["kind"], event["reason"]) == ("SNAPSHOT", "STARTED")
        assert [job["name"] for job in event["jobs"]] == [job["name"] for job in await api.ask("{ jobs { name } }")]
        assert named(event, "rollups")["state"] == "WAITING"
        await api.ask(RUN)
        for wanted in (
            {"state": "RUNNING", "progress": 0.25, "doing": "at 25%"},
            {"state": "RUNNING", "progress": 0.5, "doing": "at 50%"},
            {"state": "FAILED", "progress": None, "doing": None, "error": "the disk is full"},
        ):
            while not (job := named(event, "rollups")).items() >= wanted.items():
                event = await socket.event("jobs")
                assert (event["kind"], [job["name"] for job in event["jobs"]]) == ("CHANGES", ["rollups"])
            assert job["mayPause"] is True
            steps.may_go_on.release()


async def test_what_is_so_already_when_somebody_comes_is_told_to_all(api: Api, owner: asyncpg.Connection):
    async with api.socket() as first, api.socket("owner") as second:
        await started(first)
        await owner.execute("UPDATE scheduled_jobs SET started_at = now() WHERE name = 'storage'")
        event = await started(second)
        while named(event, "storage")["state"] != "RUNNING":  # the message may come after who comes
            event = await second.event("jobs")
        assert named(await first.event("jobs"), "storage")["state"] == "RUNNING"


async def test_what_happened_while_the_stream_was_lost_is_in_the_next_snapshot(api: Api, owner: asyncpg.Connection):
    async with api.socket() as socket:
        await started(socket)
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ddms-api-live' AND datname = current_database()"
        )
        await owner.execute("UPDATE scheduled_jobs SET started_at = now() WHERE name = 'storage'")
        event = await socket.event("jobs")
        while event["reason"] != "RECONNECTED":
            event = await socket.event("jobs")
        assert named(event, "storage")["state"] == "RUNNING"


async def test_jobs_that_nobody_follows_are_not_read(api: Api, owner: asyncpg.Connection):
    (followed,) = (rows for channel, rows in api.parts.hub.rows.items() if channel == "ddms_scheduled_jobs")
    async with api.socket() as socket:
        await started(socket)
    async with asyncio.timeout(30):
        while len(followed.followers):
            await asyncio.sleep(0.01)
    before = followed.rows
    await owner.execute("UPDATE scheduled_jobs SET started_at = now() WHERE name = 'storage'")
    async with asyncio.timeout(30):
        while not followed.is_old:
            await asyncio.sleep(0.01)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            while followed.rows is before:
                await asyncio.sleep(0.01)
    assert followed.rows is before
