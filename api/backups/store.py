"""The rows of backups: what is listed, what a person may change, and what the queue takes from them."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.backups.types import COLUMNS, Backup, BackupState
from api.graphql.context import Info
from api.graphql.described import argument, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, from_id, to_id
from api.ground.scheduler import CHANNEL
from ddms.backups.folder import new_name
from ddms.errors import Code, DdmsError, Sentence

JOB = "backups"
"""The job that works the queue."""
NOBODY = "nobody makes backups: start `ddms backups`, or give `ddms api` DDMS_BACKUP_DATABASE_URL"
# Who works the queue says so each half minute; until then, and when it is gone, the one that waits says what for.
_COLUMNS = f"""
SELECT b.*, CASE WHEN b.state = 'waiting' AND b.due_at < now() - interval '1 minute' AND NOT EXISTS (
            SELECT FROM scheduled_jobs j WHERE j.name = '{JOB}' AND (j.started_at IS NOT NULL OR j.due_at > now() - interval '2 minutes'))
       THEN '{NOBODY}' ELSE b.doing END AS shown
  FROM backups b"""  # noqa: S608 - constants
ROWS, MOST_FOLLOWED = "ddms_backups", 100
"""The channel on which the database tells of changes, and how many backups are told of to those who follow them."""
_TIME = StrEnum("_TIME", {"TIME": "time"})
BACKUPS: Listing[Backup] = Listing(
    "backups",
    f"{_COLUMNS} WHERE ($1::text IS NULL OR b.state = $1) AND ($2 OR b.removed_at IS NULL)",
    parameters=2,
    orders={_TIME.TIME: ("asked_at", "timestamptz")},
)
READ_BACKUP = f"-- ddms:read_backup\n{_COLUMNS} WHERE b.id = $1"
FIND_BACKUP = f"-- ddms:find_backup\n{_COLUMNS} WHERE b.name = $1"
LIST_BACKUPS = (
    f"-- ddms:list_backups\n{_COLUMNS} WHERE b.removed_at IS NULL OR $2 ORDER BY b.asked_at DESC, b.id DESC LIMIT $1"
)
FOLLOW_BACKUPS = f"""-- ddms:follow_backups
SELECT {", ".join(COLUMNS)} FROM ({_COLUMNS}) b
 ORDER BY state IN ('waiting', 'running') OR verification IN ('waiting', 'running') DESC NULLS LAST, asked_at DESC, id DESC LIMIT {MOST_FOLLOWED}
"""  # noqa: S608 - constants
LOCK_BACKUP = "-- ddms:lock_backup\nSELECT * FROM backups WHERE id = $1 FOR UPDATE"
READ_UNDONE = "-- ddms:read_undone_backup\nSELECT id FROM backups WHERE state IN ('waiting', 'running') AND reason = 'asked' AND portable = $1 ORDER BY id LIMIT 1"
ADD_BACKUP = """-- ddms:add_backup
INSERT INTO backups (name, reason, asked_by, portable, encrypted)
SELECT $1, $2, $3, $4, backup_recipients <> '' FROM configuration ON CONFLICT (name) DO NOTHING RETURNING id
"""
CANCEL_BACKUP = """-- ddms:cancel_backup
UPDATE backups SET cancelled_at = now(), state = CASE WHEN state = 'waiting' THEN 'cancelled' ELSE state END,
       finished_at = CASE WHEN state = 'waiting' THEN now() ELSE finished_at END,
       verification = CASE WHEN verification = 'waiting' THEN CASE WHEN verified_at IS NULL THEN NULL ELSE 'verified' END ELSE verification END
 WHERE id = $1
"""
VERIFY_BACKUP = """-- ddms:verify_backup
UPDATE backups SET verification = 'waiting', verify_asked_at = now(), verify_asked_by = $2, cancelled_at = NULL WHERE id = $1
"""
KEEP_BACKUP = "-- ddms:keep_backup\nUPDATE backups SET kept = $2 WHERE id = $1"
REMOVE_BACKUP = "-- ddms:remove_backup\nUPDATE backups SET kept = false, removed_at = now() WHERE id = $1"
TELL_JOB = "-- ddms:tell_job_of_backups\nSELECT pg_notify(channel($1), $2)"
# As api/site/jobs.py asks for a job: the row is there before the first program took the job over.
ASK_JOB = """-- ddms:ask_for_job_of_backups
INSERT INTO scheduled_jobs AS s (name, schedule, due_at, asked_at) VALUES ($1, 'not yet scheduled', now() - interval '1 h', now())
    ON CONFLICT (name) DO UPDATE SET asked_at = now()
"""


async def ask(statements: Statements) -> None:
    """Let the queue be looked at now; it hears of it when this transaction is committed."""
    await statements.value(ASK_JOB, JOB)
    await statements.value(TELL_JOB, CHANNEL, JOB)


async def read(database: Database | Statements, number: int) -> Row:
    """Return the row of a backup; one that is not there raises."""
    row = await database.row(READ_BACKUP, number)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, "there is no such backup: `backups` lists them", field="id")
    return row


async def find(database: Database, text: str) -> Row:
    """Return the row of a backup by its name or id, or of the newest that is there, `newest`."""
    if text == "newest":
        rows = [row for row in await database.rows(LIST_BACKUPS, 1000, False) if row["state"] == BackupState.DONE]
        row = rows[0] if rows else None
    elif text.startswith(f"{IdKind.BACKUP.value}_"):
        row = await database.row(READ_BACKUP, from_id(IdKind.BACKUP, text))
    else:
        row = await database.row(FIND_BACKUP, text)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no backup {!r}: `ddms backup list` shows them", text[:60]))
    return row


async def create(statements: Statements, actor: Actor, *, portable: bool) -> int:
    """Ask for a backup; one that a person asked for and that is not made yet is the one. Returns its number."""
    waiting = await statements.row(READ_UNDONE, portable)
    number: int | None = waiting["id"] if waiting else None
    if number is None:
        moment = datetime.now(UTC)
        number = await statements.value(ADD_BACKUP, new_name(moment), "asked", actor.name, portable)
        if number is None:  # the second of another one
            number = await statements.value(
                ADD_BACKUP, f"{new_name(moment)}-{moment:%f}", "asked", actor.name, portable
            )
        assert number is not None  # noqa: S101 - it has the microsecond in its name
        await audit.record(
            statements, actor, "backup.create", to_id(IdKind.BACKUP, number), after={"portable": portable}
        )
    await ask(statements)
    return number


async def _locked(statements: Statements, number: int) -> Row:
    row = await statements.row(LOCK_BACKUP, number)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, "there is no such backup: `backups` lists them", field="id")
    return row


async def cancel(statements: Statements, actor: Actor, number: int) -> None:
    """End a backup that waits or is made, or its verification; the program that works at it does so within seconds."""
    row = await _locked(statements, number)
    if row["state"] not in {"waiting", "running"} and row["verification"] not in {"waiting", "running"}:
        raise DdmsError(Code.CONFLICT, Sentence("{} is not being made or verified any more", row["name"]), field="id")
    await statements.value(CANCEL_BACKUP, number)
    await audit.record(statements, actor, "backup.cancel", to_id(IdKind.BACKUP, number), before={"name": row["name"]})


async def there(statements: Statements, number: int) -> Row:
    """Return the row of a backup whose files are there, locked; another one raises."""
    row = await _locked(statements, number)
    _there(row)
    return row


async def verify(statements: Statements, actor: Actor, number: int) -> None:
    """Ask for a verification."""
    row = await there(statements, number)
    if row["verification"] not in {"waiting", "running"}:
        await statements.value(VERIFY_BACKUP, number, actor.name)
        await audit.record(
            statements, actor, "backup.verify", to_id(IdKind.BACKUP, number), after={"name": row["name"]}
        )
    await ask(statements)


def _there(row: Row) -> None:
    if row["state"] != BackupState.DONE or row["removed_at"]:
        raise DdmsError(Code.CONFLICT, Sentence("{} is not there: it is {}", row["name"], _standing(row)), field="id")


def _standing(row: Row) -> Any:
    return "removed" if row["removed_at"] else row["state"]


async def keep(statements: Statements, actor: Actor, number: int, *, kept: bool) -> None:
    """Keep a backup however many follow, or not any more."""
    row = await _locked(statements, number)
    _there(row)
    if row["kept"] != kept:
        await statements.value(KEEP_BACKUP, number, kept)
        await audit.record(
            statements,
            actor,
            "backup.keep",
            to_id(IdKind.BACKUP, number),
            before={"kept": row["kept"]},
            after={"kept": kept},
        )


async def remove(statements: Statements, actor: Actor, number: int) -> Row:
    """Say that a backup is removed; its files go by whoever has the folder, here or at the next look at the queue."""
    row = await _locked(statements, number)
    if row["removed_at"]:
        return row
    if row["state"] in {"waiting", "running"} or row["verification"] == "running":
        raise DdmsError(Code.CONFLICT, Sentence("{} is being worked at: cancel it first", row["name"]), field="id")
    if row["kept"]:
        raise DdmsError(
            Code.CONFLICT, Sentence("{} is kept: take that back first, by keepBackup", row["name"]), field="id"
        )
    await statements.value(REMOVE_BACKUP, number)
    about = {name: row[name] for name in ("name", "bytes", "checksum")}
    await audit.record(statements, actor, "backup.delete", to_id(IdKind.BACKUP, number), before=about)
    await ask(statements)
    return row


@strawberry.type
class BackupQueries:
    """Queries about backups."""

    @resolver
    async def backups(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        state: Annotated[BackupState | None, argument("Only those in this state.")] = None,
        include_removed: Annotated[bool, argument("Also those whose files were removed.")] = False,
        descending: Descending = True,
    ) -> Connection[Backup]:
        """The backups, a page at a time, the newest first."""
        page = Page(first=first, after=after, last=last, before=before, order=_TIME.TIME, descending=descending)
        filters = state and state.value, include_removed
        return await BACKUPS.page(info.context.everything, page, filters, lambda rows: [Backup.of(row) for row in rows])

    @resolver
    async def backup(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The backup.")],  # noqa: A002 - GraphQL's word
    ) -> Backup | None:
        """One backup; null when there is none with this id."""
        row = await info.context.everything.row(READ_BACKUP, from_id(IdKind.BACKUP, id))
        return Backup.of(row) if row else None
