"""Where the events of the subscription `backups` come from."""

from collections.abc import Iterable
from dataclasses import dataclass

from api.backups import restores, store
from api.backups.restores import Restore
from api.backups.types import BackupFields
from api.graphql.described import field, output_type
from api.ground.database import Row
from api.live.broadcast import Source
from api.live.followed import Followed, RowsChanged
from api.live.hub import Reconnected
from api.subscriptions.events import EventKind, SnapshotReason


@output_type
class LiveBackup(BackupFields):
    """A backup as it is pushed: all that `Backup` has, but for its contents."""


@output_type
class BackupsEvent:
    """Backups and restores: first those that wait, run or are there, then those that changed."""

    kind: EventKind = field(description="Whether these are all, or those that changed.")
    reason: SnapshotReason | None = field(description="Why all were sent; null for changes.")
    backups: list[LiveBackup] = field(
        description="How each is, what waits or runs first, then the newest; one that was removed has `removedAt`."
    )
    restores: list[Restore] = field(description="How each restore is, the newest first; of a snapshot the newest 20.")


def follow_backups() -> dict[str, Followed]:
    """Return backups and restores for those who follow them, by the channels on which the database tells of them."""
    return {
        store.ROWS: Followed(statement=store.FOLLOW_BACKUPS, key="id"),
        restores.ROWS: Followed(statement=restores.LIST_RESTORES, key="id", values=(restores.MOST_FOLLOWED,)),
    }


@dataclass(eq=False)
class BackupsSource(Source):
    """The newest backups and restores, and what is done to them."""

    backups: Followed
    restores: Followed

    def snapshot(self, reason: str) -> BackupsEvent:
        """Return those that were not removed."""
        there = [row for row in self.backups.rows.values() if row["removed_at"] is None]
        return _event(EventKind.SNAPSHOT, SnapshotReason[reason], there, self.restores.rows.values())

    def react(self, event: object) -> BackupsEvent | None:
        """Return those that are different now."""
        match event:
            case RowsChanged(self.backups, rows):
                return _event(EventKind.CHANGES, None, rows, ())
            case RowsChanged(self.restores, rows):
                return _event(EventKind.CHANGES, None, (), rows)
            case Reconnected():
                return self.snapshot("RECONNECTED")
            case _:
                return None


def _event(
    kind: EventKind, reason: SnapshotReason | None, backups: Iterable[Row], restored: Iterable[Row]
) -> BackupsEvent:
    return BackupsEvent(
        kind=kind,
        reason=reason,
        backups=[LiveBackup.of(row) for row in backups],
        restores=[Restore.of(row) for row in restored],
    )
