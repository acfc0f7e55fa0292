"""Restores that people asked for: their rows, what is shown of them, and how the queue does them."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.backups import store
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.payloads import UserError
from api.graphql.scalars import Json
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, from_id, to_id
from ddms.backups import target
from ddms.errors import Code, DdmsError, Sentence

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
LIST_RESTORES = "-- ddms:list_restores\nSELECT * FROM restores ORDER BY id DESC LIMIT $1"
ROWS, MOST_FOLLOWED = "ddms_restores", 20
"""The channel on which the database tells of changes, and how many restores are told of to those who follow them."""
READ_RESTORE = "-- ddms:read_restore\nSELECT * FROM restores WHERE id = $1"
LOCK_RESTORE = "-- ddms:lock_restore\nSELECT * FROM restores WHERE id = $1 FOR UPDATE"
READ_UNDONE = "-- ddms:read_undone_restore\nSELECT id, backup FROM restores WHERE database = $1 AND state IN ('waiting', 'running')"
ADD_RESTORE = "-- ddms:add_restore\nINSERT INTO restores (backup, database, asked_by) VALUES ($1, $2, $3) RETURNING id"
CANCEL_RESTORE = """-- ddms:cancel_restore
UPDATE restores SET cancelled_at = now(), state = CASE WHEN state = 'waiting' THEN 'cancelled' ELSE state END,
       finished_at = CASE WHEN state = 'waiting' THEN now() ELSE finished_at END WHERE id = $1
"""


class RestoreState(StrEnum):
    """How far a restore is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


describe_enum(
    RestoreState,
    name="RestoreState",
    description="How far a restore is.",
    values={
        "WAITING": "It is done next.",
        "RUNNING": "It goes on.",
        "DONE": "The new database is whole; `steps` says how to switch over.",
        "FAILED": "It could not be done, `error` says why; asked for again with the same backup and database, it goes on.",
        "CANCELLED": "A person ended it; the new database is gone.",
    },
)


@output_type
class Restore:
    """A backup that is restored into a new database, beside the one in use, which is not touched."""

    id: strawberry.ID = field(description="Opaque.")
    backup: str = field(description="The name of the backup.")
    database: str = field(description="The name of the new database, on the server of the backups.")
    state: RestoreState = field(description="How far it is.")
    asked_at: datetime = field(description="When it was asked for.")
    asked_by: str | None = field(description="Who asked.")
    started_at: datetime | None = field(description="When it began.")
    finished_at: datetime | None = field(description="When it ended.")
    progress: float | None = field(description="How much is done, 0 to 1; null when nobody knows.")
    doing: str | None = field(description="What is done just now.")
    error: str | None = field(description="Why it could not be done.")
    differences: list[str] = field(description="What is not as the manifest of the backup says; empty: all of it is.")
    steps: list[str] = field(
        description="What to do now: to look at it, to switch over, and back; empty until it is done."
    )
    details: Json | None = field(description="What was done: edition, schema, size, seconds, notes.")

    @classmethod
    def of(cls, row: Row) -> "Restore":
        """Make it of its row."""
        details: dict[str, Any] = row["details"] or {}
        shown: Any = {name: value for name, value in details.items() if name not in {"steps", "differences"}}
        same = ("backup", "database", "asked_at", "asked_by", "started_at", "finished_at", "progress", "doing", "error")
        return cls(
            **{name: row[name] for name in same},
            id=to_id(IdKind.RESTORE, row["id"]),
            state=RestoreState(row["state"]),
            differences=details.get("differences") or [],
            steps=details.get("steps") or [],
            details=shown or None,
        )


@output_type
class RestorePayload:
    """The answer of the mutations of restores."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    restore: Restore | None = field(default=None, description="The restore as it is then; null when there were errors.")


async def read(database: Database, number: int) -> Row:
    """Return the row of a restore; one that is not there raises."""
    row = await database.row(READ_RESTORE, number)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, "there is no such restore: `restores` lists them", field="id")
    return row


async def ask(statements: Statements, actor: Actor, number: int, database: str) -> int:
    """Ask for a restore of a backup into a new database; one that goes on already is the one. Returns its number."""
    backup = await store.there(statements, number)
    if backup["encrypted"]:
        sentence = "{} is encrypted and its key is not here: restore it where the key is, `ddms backup restore {} {} --identity FILE`"
        raise DdmsError(Code.CONFLICT, Sentence(sentence, backup["name"], backup["name"], database), field="id")
    if not NAME.fullmatch(database) or database in target.FORBIDDEN:
        sentence = "{} cannot be the name of a new database: it has up to 63 letters, digits and _, and is none of the server's own"
        raise DdmsError(Code.INVALID, Sentence(sentence, database[:70]), field="database")
    if database == await statements.value("-- ddms:read_live_database\nSELECT current_database()"):
        sentence = "{} is in use: give the name of a new database, such as {}_new"
        raise DdmsError(Code.INVALID, Sentence(sentence, database, database), field="database")
    undone = await statements.row(READ_UNDONE, database)
    if undone and undone["backup"] != backup["name"]:
        sentence = "{} is being restored into {}: cancel that first, or give another name"
        raise DdmsError(Code.CONFLICT, Sentence(sentence, undone["backup"], database), field="database")
    if undone:
        return int(undone["id"])
    new: int = await statements.value(ADD_RESTORE, backup["name"], database, actor.name)
    about = {"backup": backup["name"], "database": database}
    await audit.record(statements, actor, "backup.restore", to_id(IdKind.RESTORE, new), after=about)
    await store.ask(statements)
    return new


async def cancel(statements: Statements, actor: Actor, number: int) -> None:
    """End a restore that waits or goes on; the new database is dropped."""
    row = await statements.row(LOCK_RESTORE, number)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, "there is no such restore: `restores` lists them", field="id")
    if row["state"] not in {"waiting", "running"}:
        raise DdmsError(Code.CONFLICT, Sentence("the restore into {} has ended already", row["database"]), field="id")
    await statements.value(CANCEL_RESTORE, number)
    about = {"backup": row["backup"], "database": row["database"]}
    await audit.record(statements, actor, "backup.cancel_restore", to_id(IdKind.RESTORE, number), before=about)


@strawberry.type
class RestoreQueries:
    """Queries about restores."""

    @resolver
    async def restores(
        self, info: Info, last: Annotated[int, argument("How many of the newest, at most 100.")] = 20
    ) -> list[Restore]:
        """The restores that were asked for, the newest first."""
        rows = await info.context.everything.rows(LIST_RESTORES, min(max(last, 1), 100))
        return [Restore.of(row) for row in rows]

    @resolver
    async def restore(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The restore.")],  # noqa: A002 - GraphQL's word
    ) -> Restore | None:
        """One restore; null when there is none with this id."""
        row = await info.context.everything.row(READ_RESTORE, from_id(IdKind.RESTORE, id))
        return Restore.of(row) if row else None
