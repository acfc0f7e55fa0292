"""The scheduled jobs, what they did, and how the owner runs one at once."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.database import Row
from api.ground.scheduler import CHANNEL, Job
from api.retention.deletions import JOB as ERASURES
from api.retention.deletions import erase_deleted
from api.retention.rollups import refresh_rollups
from api.retention.run import retention
from api.site.roles import guard_grafana, restore_roles
from api.site.storage import record_storage
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

LIST_JOB_RUNS = """-- ddms:list_job_runs
SELECT job.name AS job, run.started_at, run.finished_at, run.error, run.details, done.finished_at AS last_success
  FROM unnest($1::text[]) WITH ORDINALITY AS job (name, place)
  LEFT JOIN LATERAL (SELECT * FROM job_runs WHERE job_runs.job = job.name ORDER BY id DESC LIMIT 1) run ON true
  LEFT JOIN LATERAL (SELECT * FROM job_runs WHERE job_runs.job = job.name AND error IS NULL ORDER BY id DESC LIMIT 1) done ON true
 ORDER BY job.place
"""
TELL_JOB = "-- ddms:tell_job\nSELECT pg_notify(channel($1), $2)"


def jobs_of(settings: Settings) -> tuple[Job, ...]:
    """Return all scheduled jobs."""
    return (
        Job(name="rollups", every=timedelta(seconds=20), work=refresh_rollups),
        Job(name="storage", every=timedelta(hours=1), work=partial(record_storage, settings.disk_path)),
        Job(name="retention", every=timedelta(minutes=1), work=retention),
        Job(name=ERASURES, every=timedelta(seconds=15), work=erase_deleted),
        Job(name="guard", every=timedelta(seconds=10), work=guard_grafana),
        Job(name="roles", every=timedelta(minutes=1), work=restore_roles),
    )


@output_type
class ScheduledJob:
    """A job that runs from time to time, on one replica of the API."""

    name: str = field(description="Its name, `rollups`.")
    every_seconds: int = field(description="How often it looks whether there is something to do, in seconds.")
    started_at: datetime | None = field(description="When its last run began; null before the first one.")
    finished_at: datetime | None = field(description="When its last run ended.")
    error: str | None = field(description="Why its last run failed; null when it was done.")
    last_success: datetime | None = field(description="When a run was last done without an error.")

    @classmethod
    def of(cls, job: Job, row: Row) -> "ScheduledJob":
        """Make it of its newest run."""
        names = ("started_at", "finished_at", "error", "last_success")
        every = int(job.every.total_seconds())
        return cls(name=job.name, every_seconds=every, **{name: row[name] for name in names})


@output_type
class RunJobPayload:
    """The answer of runJob."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was told to run.")
    job: str | None = field(default=None, description="The job that runs now; `jobs` shows how it went.")


@strawberry.type
class JobQueries:
    """Queries about scheduled jobs."""

    @resolver
    async def jobs(self, info: Info) -> list[ScheduledJob]:
        """The scheduled jobs and how their last runs went."""
        jobs = jobs_of(info.context.settings)
        rows = await info.context.database.rows(LIST_JOB_RUNS, [job.name for job in jobs])
        return [ScheduledJob.of(job, row) for job, row in zip(jobs, rows, strict=True)]


@strawberry.type
class JobMutations:
    """What can be done to scheduled jobs."""

    @mutation
    async def run_job(
        self, info: Info, name: Annotated[str, argument("Which one; `jobs` lists them.")]
    ) -> RunJobPayload:
        """Run a job at once, instead of at its next time."""
        if name not in {job.name for job in jobs_of(info.context.settings)}:
            raise DdmsError(
                Code.NOT_FOUND, Sentence("there is no job {!r}: `jobs` lists them", name[:40]), field="name"
            )
        async with info.context.database.transaction() as statements:
            await audit.record(statements, info.context.actor, "job.run", name)
            await statements.value(TELL_JOB, CHANNEL, name)
        return RunJobPayload(job=name)
