"""The scheduled jobs, what they did, and how the owner runs one at once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Self

import strawberry

from api.alarms.due import end_shelves
from api.audit.job import keep_audit
from api.backups.schedule import add_scheduled, ask_to_verify
from api.backups.store import JOB as BACKUPS
from api.backups.work import Work
from api.graphql.context import Context, Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.database import Database, Row
from api.ground.replicas import Replica
from api.ground.scheduler import BACKUP_JOBS, CHANNEL, Job
from api.live.followed import Followed
from api.retention.deletions import JOB as ERASURES
from api.retention.deletions import erase_deleted
from api.retention.rollups import refresh_rollups
from api.retention.run import retention
from api.site.roles import guard_grafana, restore_roles
from api.site.storage import record_storage
from api.site.watch import Watch
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

LIST_JOBS = """-- ddms:list_jobs
SELECT job.name, s.schedule, CASE WHEN s.paused_at IS NULL AND s.due_at < '9999-01-01Z' THEN s.due_at END AS next_run, s.started_at AS running_since, s.progress, s.doing,
       s.paused_at, s.paused_by, run.started_at, run.finished_at, run.error, done.finished_at AS last_success
  FROM unnest($1::text[]) WITH ORDINALITY AS job (name, place)
  LEFT JOIN scheduled_jobs s ON s.name = job.name
  LEFT JOIN LATERAL (SELECT * FROM job_runs WHERE job_runs.job = job.name ORDER BY id DESC LIMIT 1) run ON true
  LEFT JOIN LATERAL (SELECT * FROM job_runs WHERE job_runs.job = job.name AND error IS NULL ORDER BY id DESC LIMIT 1) done ON true
 WHERE job.name = $2 OR $2 IS NULL
 ORDER BY job.place
"""
LIST_JOB_RUNS = """-- ddms:list_job_runs
SELECT started_at, finished_at, error, details::text AS details FROM job_runs WHERE job = $1 ORDER BY id DESC LIMIT $2
"""
TELL_JOB = "-- ddms:tell_job\nSELECT pg_notify(channel($1), $2)"
# The row is there before the first replica took the job over, so that nothing that was asked for is lost.
CHANGE_JOB = """-- ddms:change_job
INSERT INTO scheduled_jobs AS s (name, schedule, due_at, {0}) VALUES ($1, 'not yet scheduled', now(), {1})
    ON CONFLICT (name) DO UPDATE SET ({0}) = ROW ({1}) WHERE {2}
RETURNING name
"""
ASK_FOR_JOB = CHANGE_JOB.format("asked_at", "now()", "true")
PAUSE_JOB = CHANGE_JOB.format("paused_at, paused_by", "now(), $2", "s.paused_at IS NULL")
RESUME_JOB = CHANGE_JOB.format("paused_at, paused_by", "NULL, NULL", "s.paused_at IS NOT NULL")
MOST_RUNS = 500
ROWS = "ddms_scheduled_jobs"
"""The channel on which the database tells that a job begins, ends, or is somewhere else."""
_SAME = (
    "name",
    "schedule",
    "next_run",
    "progress",
    "doing",
    "finished_at",
    "error",
    "last_success",
    "paused_at",
    "paused_by",
)


def jobs_of(settings: Settings, replicas: Sequence[Replica] = ()) -> tuple[Job, ...]:
    """Return all scheduled jobs; whoever watches the site has looked at the replicas of the database too."""
    return (
        Job(name="rollups", every=timedelta(seconds=20), work=refresh_rollups),
        Job(name="storage", every=timedelta(hours=1), work=partial(record_storage, settings.disk_path)),
        Job(name="retention", every=timedelta(minutes=1), work=retention),
        Job(name=ERASURES, every=timedelta(seconds=15), work=erase_deleted),
        Job(name="shelves", every=timedelta(seconds=5), work=end_shelves, may_pause=False),
        Job(name="audit", cron=lambda _: "30 3 * * *", work=keep_audit),
        Job(name="guard", every=timedelta(seconds=10), work=guard_grafana, may_pause=False),
        Job(name="roles", every=timedelta(minutes=1), work=restore_roles, may_pause=False),
        Job(name="watch", every=timedelta(seconds=10), work=Watch(settings, replicas), may_pause=False),
        Job(name="backup", cron=lambda site: str(site["backup_schedule"]), work=add_scheduled),
        Job(name="verify", cron=lambda site: str(site["verify_schedule"]), work=ask_to_verify),
        Job(name=BACKUPS, every=timedelta(seconds=30), work=Work(settings), claim=BACKUP_JOBS),
    )


class JobState(StrEnum):
    """What a scheduled job does just now."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    PAUSED = "paused"


describe_enum(
    JobState,
    name="JobState",
    description="What a scheduled job does just now.",
    values={
        "WAITING": "It waits for `nextRun`; its last run, if there was one, was done.",
        "RUNNING": "It runs.",
        "FAILED": "Its last run failed, and `error` says why; it waits for `nextRun`.",
        "PAUSED": "Somebody paused it: it runs only when it is asked to, until it is resumed.",
    },
)


@output_type
class JobRun:
    """A run of a scheduled job."""

    started_at: datetime = field(description="When it began.")
    finished_at: datetime = field(description="When it ended.")
    error: str | None = field(description="Why it failed; null when it was done.")
    details: str | None = field(
        description="What it did, as JSON: each job has its own fields; null when that is nothing."
    )


@strawberry.type
class JobFields:
    """What a job says by itself."""

    name: str = field(description="Its name, `rollups`.")
    schedule: str | None = field(
        description="When it runs: `every 20 s`, five fields of cron and the time zone, `0 2 * * * Europe/Berlin`, or `never`; null before the first program took it over."
    )
    state: JobState = field(description="What it does just now.")
    next_run: datetime | None = field(
        description="When it runs next; null while it is paused, and of what never runs by itself."
    )
    progress: float | None = field(
        description="How much of the run that goes on is done, 0 to 1; null when nobody knows."
    )
    doing: str | None = field(description="What the run that goes on does just now; null when it does not say.")
    started_at: datetime | None = field(
        description="When the run that goes on began, or the last one; null before the first."
    )
    finished_at: datetime | None = field(description="When its last run ended.")
    error: str | None = field(description="Why its last run failed; null when it was done.")
    last_success: datetime | None = field(description="When a run was last done without an error.")
    paused_at: datetime | None = field(description="Since when it is paused; null: it is not.")
    paused_by: str | None = field(description="Who paused it.")
    may_pause: bool = field(description="Whether it may be paused; what keeps the site safe may not.")

    @classmethod
    def of(cls, row: Row, *, may_pause: bool, **more: Any) -> Self:
        """Make it of its row and its newest run."""
        since = row["running_since"]
        state = (
            JobState.RUNNING
            if since
            else JobState.PAUSED
            if row["paused_at"]
            else JobState.FAILED
            if row["error"]
            else JobState.WAITING
        )
        return cls(
            **{name: row[name] for name in _SAME},
            state=state,
            started_at=since or row["started_at"],
            may_pause=may_pause,
            **more,
        )


@output_type
class ScheduledJob(JobFields):
    """A job that runs by itself, on one replica of the API or, of backups, in `ddms backups`."""

    database: strawberry.Private[Database]

    @resolver
    async def runs(
        self, first: Annotated[int, argument("How many, at most 500: older ones are forgotten.")] = 20
    ) -> list[JobRun]:
        """Its last runs, the newest first."""
        if not 0 <= first <= MOST_RUNS:
            raise DdmsError(Code.INVALID, Sentence("ask for 0 to {} runs", MOST_RUNS), field="first")
        return [JobRun(**dict(row)) for row in await self.database.rows(LIST_JOB_RUNS, self.name, first)]


@output_type
class JobPayload:
    """The answer of runJob, pauseJob and resumeJob."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    job: ScheduledJob | None = field(default=None, description="The job as it is then; null when there were errors.")


async def read_jobs(context: Context, name: str | None = None) -> list[ScheduledJob]:
    """Return the jobs of this version, or one of them."""
    jobs = {job.name: job for job in jobs_of(context.settings)}
    rows = await context.database.rows(LIST_JOBS, list(jobs), name)
    return [ScheduledJob.of(row, may_pause=jobs[row["name"]].may_pause, database=context.database) for row in rows]


def follow_jobs(settings: Settings) -> Followed:
    """Return the jobs of this version, for those who follow them."""
    return Followed(statement=LIST_JOBS, key="name", values=([job.name for job in jobs_of(settings)], None))


@strawberry.type
class JobQueries:
    """Queries about scheduled jobs."""

    @resolver
    async def jobs(self, info: Info) -> list[ScheduledJob]:
        """The scheduled jobs, what they do and how their last runs went."""
        return await read_jobs(info.context)


async def _change(context: Context, name: str, action: str, statement: str, *values: str) -> JobPayload:
    """Change a job's row and tell the replica that runs it; what is so already is changed no more."""
    job = next((job for job in jobs_of(context.settings) if job.name == name), None)
    if job is None:
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no job {!r}: `jobs` lists them", name[:40]), field="name")
    if statement == PAUSE_JOB and not job.may_pause:
        raise DdmsError(
            Code.CONFLICT, Sentence("the job {} keeps the site safe: it cannot be paused", name), field="name"
        )
    async with context.database.transaction() as statements:
        if await statements.value(statement, name, *values):
            await audit.record(statements, context.actor, action, name)
            await statements.value(TELL_JOB, CHANNEL, name)
    (changed,) = await read_jobs(context, name)
    return JobPayload(job=changed)


Name = Annotated[str, argument("Which one; `jobs` lists them.")]


@strawberry.type
class JobMutations:
    """What can be done to scheduled jobs."""

    @mutation
    async def run_job(self, info: Info, name: Name) -> JobPayload:
        """Run a job at once, also when it is paused; what runs already runs once more after that."""
        return await _change(info.context, name, "job.run", ASK_FOR_JOB)

    @mutation
    async def pause_job(self, info: Info, name: Name) -> JobPayload:
        """Let a job's due times go by until it is resumed; a run that goes on is not stopped."""
        return await _change(info.context, name, "job.pause", PAUSE_JOB, info.context.actor.name)

    @mutation
    async def resume_job(self, info: Info, name: Name) -> JobPayload:
        """Let a paused job run again at its next due time; what it missed is not made up for."""
        return await _change(info.context, name, "job.resume", RESUME_JOB)
