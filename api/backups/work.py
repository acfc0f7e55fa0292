"""The queue of backups: one program at a time works it, makes what is due, verifies, copies, and removes what is surplus."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from api.backups import tries
from api.backups.store import LIST_BACKUPS
from api.ground.database import Database, Row
from api.ground.scheduler import report
from ddms.backups import dump, folder, sealed, source, verify
from ddms.backups.folder import BackupFiles, Kept
from ddms.backups.manifest import slim
from ddms.database import TROUBLE, connect
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

TRIES = 3
TELL_SECONDS = 1.0

CLAIM = "-- ddms:claim_backups\nSELECT claim('backups')"
RELEASE = "-- ddms:release_backups\nSELECT release('backups')"
# While another program works, all there is is its own.
IS_DUE = """-- ddms:is_backup_due
SELECT now() AS now, NOT EXISTS (
           SELECT FROM claims c JOIN pg_locks l ON l.pid = c.pid AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
              AND l.classid = c.beacon[1]::oid AND l.objid = c.beacon[2]::oid
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) WHERE c.name = 'backups')
       AND (EXISTS (SELECT FROM backups WHERE (state = 'waiting' AND due_at <= now()) OR state = 'running' OR verification IN ('waiting', 'running')
                        OR removed_at > now() - interval '1 minute'
                        OR ($1 AND state = 'done' AND due_at <= now() AND (removed_at IS NULL) = (copied_at IS NULL)))
         OR EXISTS (SELECT FROM restores WHERE state IN ('waiting', 'running'))) AS is_due
"""
# Whoever has the claim knows that nobody else works at them.
IS_VERIFYING = "-- ddms:is_verifying\nSELECT EXISTS (SELECT FROM backups WHERE verification = 'running')"
INTERRUPT = """-- ddms:interrupt_backups
UPDATE backups SET state = CASE WHEN state <> 'running' THEN state WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN attempt >= $1 THEN 'failed' ELSE 'waiting' END,
       error = CASE WHEN state = 'running' THEN 'the program that made it ended' ELSE error END,
       verification = CASE WHEN verification IS DISTINCT FROM 'running' THEN verification WHEN verify_asked_at > now() - interval '1 day' THEN 'waiting' ELSE 'failed' END,
       verify_error = CASE WHEN verification = 'running' THEN 'the program that verified it ended' ELSE verify_error END,
       finished_at = CASE WHEN state = 'running' THEN now() ELSE finished_at END, progress = NULL, doing = NULL
 WHERE state = 'running' OR verification = 'running'
"""
BEGIN_NEXT = """-- ddms:begin_backup
UPDATE backups SET state = 'running', started_at = now(), finished_at = NULL, attempt = attempt + 1, cancelled_at = NULL, progress = NULL, doing = NULL
 WHERE id = (SELECT id FROM backups WHERE state = 'waiting' AND due_at <= now() ORDER BY reason = 'scheduled', id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""
TELL = "-- ddms:tell_progress_of_backup\nUPDATE backups SET progress = $2, doing = left($3, 500) WHERE id = $1 RETURNING cancelled_at"
READ_CANCELLED = "-- ddms:read_cancelled_backup\nSELECT cancelled_at FROM backups WHERE id = $1"
FINISH = """-- ddms:finish_backup
UPDATE backups SET state = 'done', finished_at = now(), error = NULL, progress = NULL, doing = NULL, bytes = $2, database_bytes = $3, checksum = $4,
       manifest = $5, encrypted = $6 WHERE id = $1
"""
FAIL = """-- ddms:fail_backup
UPDATE backups SET state = CASE WHEN attempt >= $3 THEN 'failed' ELSE 'waiting' END, due_at = now() + interval '1 hour', finished_at = now(), error = $2,
       progress = NULL, doing = NULL WHERE id = $1
"""
CANCELLED = """-- ddms:end_cancelled_backup
UPDATE backups SET state = 'cancelled', finished_at = now(), progress = NULL, doing = NULL WHERE id = $1
"""
LIST_FILES = """-- ddms:list_files_of_backups
SELECT id, name, state, portable, encrypted, kept, verified_at, removed_at, asked_at FROM backups WHERE state IN ('done', 'missing')
"""
LOSE = "-- ddms:lose_backup\nUPDATE backups SET state = 'missing' WHERE id = $1"
FIND_AGAIN = "-- ddms:find_backup_again\nUPDATE backups SET state = 'done' WHERE id = $1"
PUT_BACK = "-- ddms:put_backup_back\nUPDATE backups SET state = 'done', removed_at = NULL, copied_at = NULL, kept = true WHERE id = $1"
# A person put it there, so only a person takes it away.
ADD_FOUND = """-- ddms:add_found_backup
INSERT INTO backups (name, state, reason, asked_at, portable, encrypted, started_at, finished_at, bytes, database_bytes, checksum, manifest, kept)
VALUES ($1, 'done', 'found', $2, $3, $4, $2, $5, $6, $7, $8, $9, true) ON CONFLICT (name) DO NOTHING
"""
READ_RULE = "-- ddms:read_rule_of_backups\nSELECT backups_kept, backups_kept_monthly, time_zone FROM configuration"
READ_RECIPIENTS = "-- ddms:read_recipients_of_backups\nSELECT backup_recipients FROM configuration"
SURPLUS = "-- ddms:remove_surplus_backup\nUPDATE backups SET removed_at = now() WHERE id = $1 AND NOT kept AND removed_at IS NULL"
FORGET = """-- ddms:forget_backups
DELETE FROM backups WHERE coalesce(removed_at, finished_at) < now() - interval '400 days' AND (removed_at IS NOT NULL OR state IN ('failed', 'cancelled', 'missing'))
"""

T = TypeVar("T")
logger = logging.getLogger("api.backups")


async def may_back_up(settings: Settings) -> bool:
    """Return whether backups are made here: a login for them is named, or the usual one may read everything."""
    if settings.backup_database_url:
        return True
    with suppress(*TROUBLE):
        connection = await connect(settings, "backup")
        try:
            return not await connection.fetch(source.LIST_UNREADABLE)
        finally:
            connection.terminate()
    return False


class Work:
    """The job that works the queue."""

    def __init__(self, settings: Settings, hear: dump.Report = report) -> None:
        self._settings, self._hear = settings, hear

    async def __call__(self, database: Database) -> dict[str, Any] | None:
        """Do what is due; return what was done, None while another program does it."""
        from api.backups.copying import copy_due  # noqa: PLC0415 - it works on the queue, which is here

        async with claimed(database) as has:
            if not has:
                return None
            queue = Queue(self._settings, database, self._hear)
            await queue.tidy()
            done = await queue.make_due()
            done |= await tries.do_due(queue)
            await queue.remove_surplus()
            done |= await copy_due(queue)
        return done | await asyncio.to_thread(room, self._settings.backup_directory)


@asynccontextmanager
async def claimed(database: Database) -> AsyncIterator[bool]:
    """Give whether this program alone works at backups while this lasts."""
    async with database.connection() as statements:
        has = await statements.value(CLAIM)
        try:
            yield bool(has)
        finally:
            if has:
                with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.shield(statements.value(RELEASE))


class Queue:
    """What there is to do, for the program that has the claim."""

    def __init__(self, settings: Settings, database: Database, hear: dump.Report = report) -> None:
        self.settings, self.database, self._hear = settings, database, hear
        self._folder = settings.backup_directory

    async def tidy(self) -> None:
        """End what a program before this did not, and let rows and files agree."""
        was_verifying = await self.database.value(IS_VERIFYING)
        await self.database.value(INTERRUPT, TRIES)
        if was_verifying:
            with suppress(*TROUBLE):  # the next verification comes by as well
                await verify.drop_left_overs(self.settings)
        await asyncio.to_thread(folder.prepare, self._folder)
        await asyncio.to_thread(folder.remove_parts, self._folder)
        found = {
            manifest["name"]: manifest for manifest in await asyncio.to_thread(lambda: list(folder.find(self._folder)))
        }
        for row in await self.database.rows(LIST_FILES):
            manifest = found.pop(row["name"], None)
            if row["removed_at"] and manifest:
                await self._remove_or_put_back(row, folder.files_of(self._folder, manifest))
            elif not row["removed_at"] and (manifest is None) != (row["state"] == "missing"):
                await self.database.value(LOSE if manifest is None else FIND_AGAIN, row["id"])
        for manifest in found.values():
            await self._add_found(manifest)

    async def _remove_or_put_back(self, row: Row, files: BackupFiles) -> None:
        """Remove files whose removal was only said; what came into the folder after that, a person put back."""
        there_since = (await asyncio.to_thread(files.data.stat)).st_ctime
        if there_since > row["removed_at"].timestamp():
            await self.database.value(PUT_BACK, row["id"])
        else:
            await asyncio.to_thread(files.remove)

    async def _add_found(self, manifest: dict[str, Any]) -> None:
        taken, ended = (datetime.fromisoformat(manifest[name]) for name in ("taken_at", "ended_at"))
        await self.database.value(
            ADD_FOUND, manifest["name"], taken, manifest["portable"], manifest["encrypted"], ended, manifest["bytes"],
            manifest["database"]["bytes"], manifest["checksum"], slim(manifest),
        )  # fmt: skip

    async def make_due(self) -> dict[str, Any]:
        """Make what is due, one after the other."""
        done: dict[str, Any] = {}
        failure = None
        while row := await self.database.row(BEGIN_NEXT):
            try:
                done[row["name"]] = await self.make(row)
            except DdmsError as error:
                failure = error
        if failure:
            raise failure
        return done

    async def make(self, row: Row) -> str:
        """Make one that is begun; return how it ended. What goes wrong is in its row, and raised."""
        number = row["id"]
        try:
            keys = sealed.recipients(await self.database.value(READ_RECIPIENTS))
            files = BackupFiles(folder=self._folder, name=row["name"], portable=row["portable"], encrypted=bool(keys))
            order = dump.Order(files=files, recipients=keys)
            manifest = await self.watched(number, lambda tell: dump.make(self.settings, order, tell))
        except Exception as error:
            await self.database.value(FAIL, number, str(error) or type(error).__name__, TRIES)
            if isinstance(error, DdmsError):
                raise
            raise DdmsError(Code.UNAVAILABLE, Sentence("{} failed: {}", row["name"], repr(error))) from error
        if manifest is None:
            await self.database.value(CANCELLED, number)
            return "cancelled"
        await self.database.value(
            FINISH,
            number,
            manifest["bytes"],
            manifest["database"]["bytes"],
            manifest["checksum"],
            slim(manifest),
            bool(keys),
        )
        logger.info("the backup %s is made: %s", row["name"], folder.size(manifest["bytes"]))
        return "done"

    async def watched(
        self, number: int, work: Callable[[dump.Report], Awaitable[T]], told: tuple[str, str] = (TELL, READ_CANCELLED)
    ) -> T | None:
        """Do something long, tell in the row how far it is, and end it when somebody cancels it: then return None."""
        tell_row, read_cancelled = told
        now: list[tuple[float | None, str | None]] = [(None, None)]

        def tell(progress: float | None, doing: str) -> None:
            now[0] = progress, doing
            self._hear(progress, doing)

        task = asyncio.ensure_future(work(tell))
        last = None
        try:
            while True:
                done, _ = await asyncio.wait((task,), timeout=TELL_SECONDS)
                if done:
                    return task.result()
                with suppress(DdmsError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    is_new, last = now[0] != last, now[0]
                    told_by = (tell_row, number, *last) if is_new else (read_cancelled, number)
                    if await self.database.value(*told_by):
                        return None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def remove_surplus(self) -> None:
        """Remove what newer ones made surplus, unless the newest that was tried failed; forget what is long gone."""
        rule = await self.database.row(READ_RULE)
        assert rule  # noqa: S101 - the configuration is one row
        rows = [row for row in await self.database.rows(LIST_FILES) if row["state"] == "done" and not row["removed_at"]]
        there = [
            Kept(
                name=row["name"],
                made_at=row["asked_at"],
                is_kept=row["kept"],
                is_verified=row["verified_at"] is not None,
            )
            for row in rows
        ]
        now = datetime.now(UTC)
        names = folder.surplus(
            there, newest=rule["backups_kept"], monthly=rule["backups_kept_monthly"], zone=rule["time_zone"], now=now
        )
        newest = await self.database.rows(LIST_BACKUPS, 1, True)
        if newest and newest[0]["state"] == "done":
            for row in rows:
                if row["name"] in names:
                    await self.database.value(SURPLUS, row["id"])
                    files = BackupFiles(
                        folder=self._folder, name=row["name"], portable=row["portable"], encrypted=row["encrypted"]
                    )
                    await asyncio.to_thread(files.remove)
        await self.database.value(FORGET)


def room(where: Path) -> dict[str, Any]:
    """Return what is free in the folder, which only the program that makes backups sees: alarms and dashboards take it from here."""
    disk = shutil.disk_usage(where)
    return {"folder": str(where), "free_bytes": disk.free, "size_bytes": disk.total}
