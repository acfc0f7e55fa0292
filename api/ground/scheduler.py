"""The scheduler: jobs that run by themselves, on one replica of the API.

The replica that has claimed them (`claim` in the database) runs them. The claim lives on a connection of its own: when
the replica or that connection dies it is void, and another replica takes over within seconds. APScheduler waits for the
due times. They stand in the database, as do the runs, so that a restart loses none and a run that was missed is made up
for; what a job has to do stands there as well.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from api.ground.claims import while_claimed
from api.ground.cron import Cron
from api.ground.database import Database, Row
from api.ground.metrics import JOB_FAILURES, JOB_SECONDS, JOB_SUCCESS
from ddms.database import secret_channel
from ddms.errors import DdmsError
from ddms.settings import Settings

CHANNEL, SITE = "ddms_jobs", "ddms_site"
"""Who asks for a job, pauses or resumes it tells its name on the first; the second tells of another configuration."""
SITE_JOBS, BACKUP_JOBS = "scheduled jobs", "jobs of backups"
"""The claims: the second is for programs that may read the whole database."""
PROGRESS_SECONDS = 1.0
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When something is due that waits until it is asked for."""

READ_SITE = "-- ddms:read_site_of_jobs\nSELECT * FROM configuration"
# A job whose schedule was changed is due by the new one.
SCHEDULE_JOB = """-- ddms:schedule_job
INSERT INTO scheduled_jobs AS s (name, schedule, due_at) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET schedule = $2, due_at = CASE WHEN s.schedule = $2 THEN least(s.due_at, $4) ELSE $4 END
RETURNING due_at, asked_at IS NOT NULL AS is_asked, paused_at IS NOT NULL AS is_paused
"""
READ_ASKED = """-- ddms:read_asked_job
SELECT due_at, asked_at IS NOT NULL AS is_asked, paused_at IS NOT NULL AS is_paused FROM scheduled_jobs WHERE name = $1
"""
# What the one before this did not end. Rows of jobs that this version does not have, here or elsewhere, are of an older one.
INTERRUPT_JOBS = """-- ddms:interrupt_jobs
WITH was AS (SELECT name, started_at FROM scheduled_jobs WHERE started_at IS NOT NULL AND name <> all($1::text[]) FOR UPDATE),
     cut AS (UPDATE scheduled_jobs s SET started_at = NULL, progress = NULL, doing = NULL FROM was WHERE s.name = was.name),
     gone AS (DELETE FROM scheduled_jobs WHERE name <> all($1::text[] || $2::text[]))
INSERT INTO job_runs (job, started_at, error) SELECT name, started_at, 'the program that ran it ended' FROM was
"""
BEGIN_JOB = """-- ddms:begin_job
UPDATE scheduled_jobs SET started_at = $2, due_at = $3, asked_at = NULL, progress = NULL, doing = NULL WHERE name = $1
"""
TELL_DUE = "-- ddms:tell_due_job\nUPDATE scheduled_jobs SET due_at = $2 WHERE name = $1"
TELL_PROGRESS = "-- ddms:tell_progress_of_job\nUPDATE scheduled_jobs SET progress = $2, doing = $3 WHERE name = $1"
END_JOB = """-- ddms:end_job
WITH run AS (INSERT INTO job_runs (job, started_at, error, details) VALUES ($1, $2, $3, $4))
UPDATE scheduled_jobs SET started_at = NULL, progress = NULL, doing = NULL WHERE name = $1
"""
FORGET_JOB_RUNS = """-- ddms:forget_job_runs
DELETE FROM job_runs WHERE job = $1 AND id <= (SELECT id FROM job_runs WHERE job = $1 ORDER BY id DESC OFFSET 500 LIMIT 1)
"""

logger = logging.getLogger("api.scheduler")
logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it tells of each run, and of each that is still running


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Something that runs by itself: `every` so often, or when `cron` says, given the row of the configuration; "" is never.

    `work` finds out from the database what there is to do, does it, in whatever number of transactions, and returns what
    is worth recording. It may be cut off anywhere, and run on two replicas for a moment when a network breaks.
    """

    name: str
    work: Callable[[Database], Awaitable[dict[str, Any] | None]]
    every: timedelta | None = None
    cron: Callable[[Row], str] | None = None
    may_pause: bool = True
    claim: str = SITE_JOBS
    """Under which claim it runs; whoever has it runs all jobs of that claim."""

    def schedule(self, site: Row) -> tuple[str, BaseTrigger]:
        """Return when it runs, as it is shown and as APScheduler wants it."""
        if self.every is not None:
            return f"every {self.every.total_seconds():g} s", IntervalTrigger(
                seconds=self.every.total_seconds(), timezone=UTC
            )
        assert self.cron is not None  # noqa: S101 - it has one of both
        if not self.cron(site).strip():
            return "never", _Never()
        return f"{self.cron(site)} {site['time_zone']}", Cron(self.cron(site), site["time_zone"])


class _Never(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Of a job that runs only when it is asked to."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return NEVER


@dataclass(slots=True)
class _Run:
    progress: float | None = None
    doing: str | None = None
    is_told: bool = True


_NOW: ContextVar[_Run | None] = ContextVar("run", default=None)


def report(progress: float | None, doing: str | None = None) -> None:
    """Say how far the job is in which this is called, 0 to 1, and what it does; elsewhere it does nothing."""
    if run := _NOW.get():
        run.progress, run.doing, run.is_told = progress, doing, False


class Scheduler:
    """Runs the jobs of a claim while this program has it; the others are run elsewhere, maybe by another program."""

    def __init__(self, settings: Settings, jobs: Sequence[Job], claim: str = SITE_JOBS) -> None:
        self._settings = settings
        self._jobs = {job.name: job for job in jobs if job.claim == claim}
        self._claim, self._elsewhere = claim, [job.name for job in jobs if job.claim != claim]
        self._failing: set[str] = set()
        self.leads = False

    async def run(self) -> None:
        """Run the jobs whenever this replica has the claim, for ever."""
        await while_claimed(self._settings, "api-scheduler", self._claim, self._lead, size=6, command_timeout=None)

    async def _lead(self, connection: asyncpg.Connection, database: Database) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        heard: asyncio.Queue[str] = asyncio.Queue()
        for subject in (CHANNEL, SITE):
            channel = await secret_channel(connection, subject)
            await connection.add_listener(channel, lambda *told: heard.put_nowait(told[3]))
        logger.info("this program runs the %s", self._claim)
        self.leads = True
        leading = _Leading(database, self._jobs, self._failing, self._elsewhere)
        tasks = [asyncio.create_task(work) for work in (lost.wait(), leading.follow(heard), leading.tell_progress())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            failed = [str(task.exception()) for task in done if task.exception()]
            logger.warning(
                "the %s stop here: %s", self._claim, failed or "the connection that holds their claim is lost"
            )
        finally:
            self.leads = False
            leading.stop()
            for task in (*tasks, *leading.running.values()):
                task.cancel()
            await asyncio.gather(*tasks, *leading.running.values(), return_exceptions=True)


class _Leading:
    """The jobs of the replica that runs them."""

    def __init__(self, database: Database, jobs: dict[str, Job], failing: set[str], elsewhere: list[str]) -> None:
        self._database, self._jobs, self._failing, self._elsewhere = database, jobs, failing, elsewhere
        self._timer = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        self._again: set[str] = set()
        self._is_over = False
        self._runs: dict[str, _Run] = {}
        self.running: dict[str, asyncio.Task[None]] = {}

    def stop(self) -> None:
        """Let nothing begin any more; APScheduler itself stops only with the next turn of the loop."""
        self._is_over = True
        self._again.clear()
        if self._timer.running:
            self._timer.shutdown(wait=False)

    async def follow(self, heard: asyncio.Queue[str]) -> None:
        """Run the jobs when they are due, and do what is told."""
        await self._database.value(INTERRUPT_JOBS, self._elsewhere, list(self._jobs))
        self._timer.start(paused=True)
        await self._schedule()
        self._timer.resume()
        while True:
            name = await heard.get()
            if name in self._jobs and (row := await self._database.row(READ_ASKED, name)):
                await self._follow(self._jobs[name], row)
            else:
                await self._schedule()

    async def tell_progress(self) -> None:
        """Write down how far the running jobs are, now and then."""
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            for name, run in [(name, run) for name, run in self._runs.items() if not run.is_told]:
                run.is_told = True
                with suppress(DdmsError, asyncpg.PostgresError):
                    await self._database.value(TELL_PROGRESS, name, run.progress, run.doing and run.doing[:500])

    async def _schedule(self) -> None:
        """Take the schedules from the configuration."""
        site = await self._database.row(READ_SITE)
        now = datetime.now(UTC)
        for job in self._jobs.values():
            text, trigger = job.schedule(site)
            following = trigger.get_next_fire_time(now if job.every else None, now)
            first = now if job.every else following
            row = await self._database.row(SCHEDULE_JOB, job.name, text, first, following)
            assert row  # noqa: S101 - it returns the row that it writes
            self._timer.add_job(
                self._due, trigger, [job], id=job.name, replace_existing=True, next_run_time=max(row["due_at"], now)
            )
            await self._follow(job, row)

    async def _follow(self, job: Job, row: Row) -> None:
        """Begin a run that somebody asked for; let due times go by while the job is paused."""
        if row["is_asked"]:
            self._begin(job)
        timed = self._timer.get_job(job.name)
        if row["is_paused"]:
            timed.pause()
        elif timed.next_run_time is None:
            timed.resume()
            await self._database.value(TELL_DUE, job.name, self._following(job))

    def _following(self, job: Job) -> datetime:
        timed = self._timer.get_job(job.name)
        now = datetime.now(UTC)
        following: datetime = timed.next_run_time or timed.trigger.get_next_fire_time(now, now)
        return following

    async def _due(self, job: Job) -> None:
        self._begin(job)

    def _begin(self, job: Job) -> None:
        if self._is_over:
            return
        if job.name in self.running:
            self._again.add(job.name)
            return
        task = self.running[job.name] = asyncio.create_task(self._once(job))
        task.add_done_callback(lambda _: self._ended(job))

    def _ended(self, job: Job) -> None:
        del self.running[job.name]
        if job.name in self._again:
            self._again.discard(job.name)
            self._begin(job)

    async def _once(self, job: Job) -> None:
        started, began = datetime.now(UTC), time.monotonic()
        run = self._runs[job.name] = _Run()
        _NOW.set(run)
        details, failure = None, None
        try:
            await self._database.value(BEGIN_JOB, job.name, started, self._following(job))
            details = await job.work(self._database)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other jobs go on, and this one the next time
            failure = str(error) or type(error).__name__
        finally:
            del self._runs[job.name]
        JOB_SECONDS.labels(job.name).observe(time.monotonic() - began)
        self._tell(job, failure)
        with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._database.value(END_JOB, job.name, started, failure, details)
            await self._database.value(FORGET_JOB_RUNS, job.name)

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
