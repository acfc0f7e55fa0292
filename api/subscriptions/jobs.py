"""Where the events of the subscription `jobs` come from."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.graphql.described import field, output_type
from api.ground.database import Row
from api.ground.scheduler import Job
from api.live.broadcast import Source
from api.live.followed import Followed, RowsChanged
from api.live.hub import Reconnected
from api.site.jobs import JobFields
from api.subscriptions.events import EventKind, SnapshotReason


@output_type
class LiveJob(JobFields):
    """A scheduled job as it is pushed: all that `ScheduledJob` has, but for its runs."""


@output_type
class JobsEvent:
    """Scheduled jobs: first all of them, then those that began, ended, are further, were paused or are due at another time."""

    kind: EventKind = field(description="Whether these are all, or those that changed.")
    reason: SnapshotReason | None = field(description="Why all were sent; null for changes.")
    jobs: list[LiveJob] = field(description="How each job is.")


@dataclass(eq=False)
class JobsSource(Source):
    """The scheduled jobs of this version."""

    followed: Followed
    jobs: dict[str, Job]

    def snapshot(self, reason: str) -> JobsEvent:
        """Return all jobs."""
        return JobsEvent(
            kind=EventKind.SNAPSHOT, reason=SnapshotReason[reason], jobs=self._jobs(self.followed.rows.values())
        )

    def react(self, event: object) -> JobsEvent | None:
        """Return the jobs that are different now."""
        match event:
            case RowsChanged(self.followed, rows):
                return JobsEvent(kind=EventKind.CHANGES, reason=None, jobs=self._jobs(rows))
            case Reconnected():
                return self.snapshot("RECONNECTED")
            case _:
                return None

    def _jobs(self, rows: Iterable[Row]) -> list[LiveJob]:
        return [LiveJob.of(row, may_pause=self.jobs[row["name"]].may_pause) for row in rows]
