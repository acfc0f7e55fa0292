"""The scheduler: jobs that run from time to time, on one replica of the API.

The replica that has claimed them (`claim` in the database) runs them. The claim lives on a connection of its own: when
the replica or that connection dies it is void, and another replica takes over within seconds. What a job has to do stands
in the database, never in the scheduler, so that a restart loses nothing; and each run is recorded there.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from api.ground.database import Database
from api.ground.metrics import JOB_FAILURES, JOB_SECONDS, JOB_SUCCESS
from ddms.database import connect, open_pool, read_edition, secret_channel
from ddms.errors import DdmsError
from ddms.settings import Settings

CHANNEL = "ddms_jobs"
"""Who tells a job's name here has it run at once."""
RETRY_SECONDS = 5.0

CLAIM = "-- ddms:claim_jobs\nSELECT claim('scheduled jobs')"
INSERT_JOB_RUN = """-- ddms:insert_job_run
INSERT INTO job_runs (job, started_at, error, details) VALUES ($1, $2, $3, $4)
"""
FORGET_JOB_RUNS = """-- ddms:forget_job_runs
DELETE FROM job_runs WHERE job = $1 AND id <= (SELECT id FROM job_runs WHERE job = $1 ORDER BY id DESC OFFSET 500 LIMIT 1)
"""

logger = logging.getLogger("api.scheduler")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something to do from time to time.

    `work` finds out from the database what there is to do, does it, in whatever number of transactions, and returns what
    is worth recording. It may be cut off anywhere, and run on two replicas for a moment when a network breaks.
    """

    name: str
    every: timedelta
    work: Callable[[Database], Awaitable[dict[str, Any] | None]]


class Scheduler:
    """Runs jobs while this replica has the claim."""

    def __init__(self, settings: Settings, jobs: Sequence[Job]) -> None:
        self._settings = settings
        self._jobs = jobs
        self._wake = {job.name: asyncio.Event() for job in jobs}
        self._failing: set[str] = set()
        self.leads = False

    async def run(self) -> None:
        """Run the jobs whenever this replica has the claim, for ever."""
        while True:
            with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._with_connection()
            await asyncio.sleep(RETRY_SECONDS)

    async def _with_connection(self) -> None:
        connection = await connect(self._settings, "api-scheduler")
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            while not await connection.fetchval(CLAIM):  # noqa: ASYNC110 - nobody tells when it is free
                await asyncio.sleep(RETRY_SECONDS)
            await connection.add_listener(await secret_channel(connection, CHANNEL), self._hear)
            edition = await read_edition(connection)
            pool = await open_pool(self._settings, "api-jobs", size=6, command_timeout=None)
            try:
                await self._lead(Database(pool, edition), lost)
            finally:
                pool.terminate()
        finally:
            connection.terminate()

    async def _lead(self, database: Database, lost: asyncio.Event) -> None:
        logger.info("this replica runs the scheduled jobs")
        self.leads = True
        tasks = [asyncio.create_task(self._repeat(job, database)) for job in self._jobs]
        try:
            await lost.wait()
            logger.warning("the scheduled jobs stop here: the connection that holds their claim is lost")
        finally:
            self.leads = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _hear(self, _connection: object, _process: int, _channel: str, name: object) -> None:
        if wake := self._wake.get(str(name)):
            wake.set()

    async def _repeat(self, job: Job, database: Database) -> None:
        wake = self._wake[job.name]
        while True:
            wake.clear()
            await self._once(job, database)
            with suppress(TimeoutError):
                async with asyncio.timeout(job.every.total_seconds()):
                    await wake.wait()

    async def _once(self, job: Job, database: Database) -> None:
        started, began = datetime.now(UTC), time.monotonic()
        details, failure = None, None
        try:
            details = await job.work(database)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs go on, and this one the next time
            failure = str(error) or type(error).__name__
        JOB_SECONDS.labels(job.name).observe(time.monotonic() - began)
        self._tell(job, failure)
        with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await database.value(INSERT_JOB_RUN, job.name, started, failure, details)
            await database.value(FORGET_JOB_RUNS, job.name)

    def _tell(self, job: Job, failure: str | None) -> None:
        if failure is None:
            JOB_SUCCESS.labels(job.name).set_to_current_time()
            if job.name in self._failing:
                self._failing.discard(job.name)
                logger.info("the job %s works again", job.name)
        else:
            JOB_FAILURES.labels(job.name).inc()
            if job.name not in self._failing:
                self._failing.add(job.name)
                logger.error("the job %s failed, and is tried again: %s", job.name, failure)
