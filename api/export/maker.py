"""The maker of exports: one program of all makes what is asked for, a few at a time, and removes what is old.

What was under way when a program died is made again by the next, from its beginning.
"""

import asyncio
import logging
import os
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

import asyncpg

from api.export.choice import ExportChoice
from api.export.jobs import ROWS
from api.export.plan import plan
from api.export.stream import opened, write
from api.ground.claims import while_claimed
from api.ground.database import Database, HasReplicas, Row, Statements
from api.ground.database_errors import of_database
from ddms.database import secret_channel
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

CLAIM = "exports"
AT_ONCE, TRIES, LOOK_SECONDS, TELL_SECONDS, KEPT_DAYS = 2, 3, 5.0, 1.0, 30
SPARE_BYTES = 1024**3
"""So much stays free on the disk, which may be the database's."""

INTERRUPT = """-- ddms:interrupt_exports
UPDATE exports SET state = CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN attempts >= $1 THEN 'failed' ELSE 'waiting' END, progress = NULL, rows = NULL,
       error = CASE WHEN attempts >= $1 THEN 'the program that made it ended, several times' END, finished_at = CASE WHEN cancelled_at IS NOT NULL OR attempts >= $1 THEN now() END
 WHERE state = 'running'
"""
# One of an account at a time, and of the accounts the one whose turn was longest ago.
BEGIN_NEXT = """-- ddms:begin_export
UPDATE exports SET state = 'running', started_at = now(), attempts = attempts + 1, progress = 0 WHERE id = (
    SELECT w.id FROM exports w WHERE w.state = 'waiting' AND NOT EXISTS (SELECT FROM exports r WHERE r.state = 'running' AND r.account = w.account)
     ORDER BY (SELECT max(o.started_at) FROM exports o WHERE o.account = w.account) NULLS FIRST, w.id LIMIT 1) RETURNING *
"""
LIST_CANCELLED = (
    "-- ddms:list_cancelled_exports\nSELECT id FROM exports WHERE state = 'running' AND cancelled_at IS NOT NULL"
)
EXPIRE = "-- ddms:expire_exports\nUPDATE exports SET state = 'removed' WHERE state = 'done' AND expires_at <= now()"
FORGET = "-- ddms:forget_exports\nDELETE FROM exports WHERE finished_at < now() - make_interval(days => $1) AND state NOT IN ('waiting', 'running', 'done')"
LIST_FILES = (
    "-- ddms:list_files_of_exports\nSELECT id, account, bytes, state FROM exports WHERE state IN ('done', 'running')"
)
LOSE = "-- ddms:lose_export\nUPDATE exports SET state = 'removed' WHERE id = $1 AND state = 'done'"
# With the rights of now: for a token that ended nothing is made any more.
READ_ASKER = """-- ddms:read_asker_of_export
SELECT u.limited, u.id AS user_id FROM users u WHERE u.id = $1 AND u.enabled
 UNION ALL SELECT false, NULL FROM valid_tokens t WHERE t.id = $2 LIMIT 1
"""
TELL = "-- ddms:tell_progress_of_export\nUPDATE exports SET progress = $2, rows = $3, bytes = $4 WHERE id = $1 AND state = 'running'"
FINISH = """-- ddms:finish_export
UPDATE exports SET state = 'done', progress = 1, rows = $2, bytes = $3, points = $4, finished_at = now(), expires_at = now() + make_interval(hours => $5)
 WHERE id = $1 AND state = 'running' AND cancelled_at IS NULL RETURNING id
"""
FAIL = """-- ddms:fail_export
UPDATE exports SET state = CASE WHEN cancelled_at IS NULL THEN 'failed' ELSE 'cancelled' END, finished_at = now(), error = $2, progress = NULL
 WHERE id = $1 AND state = 'running'
"""
END_CANCELLED = """-- ddms:end_cancelled_export
UPDATE exports SET state = 'cancelled', finished_at = now(), progress = NULL WHERE id = $1 AND state = 'running' AND cancelled_at IS NOT NULL
"""

logger = logging.getLogger("api.exports")


class Maker:
    """Makes exports while this program has the claim."""

    def __init__(self, settings: Settings, replicas: HasReplicas | None = None) -> None:
        assert settings.export_directory is not None  # noqa: S101 - without one there is no maker
        self._settings, self._folder = settings, settings.export_directory
        self._replicas = replicas
        self._warned = False
        self._running: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Do it, for ever."""
        await while_claimed(self._settings, "api-exports", CLAIM, self._work, size=AT_ONCE + 1, fewest=0)

    async def _work(self, connection: asyncpg.Connection, database: Database) -> None:
        wake = asyncio.Event()
        connection.add_termination_listener(lambda _: wake.set())
        await connection.add_listener(await secret_channel(connection, ROWS), lambda *_: wake.set())
        await asyncio.to_thread(self._prepare)
        await database.value(INTERRUPT, TRIES)
        try:
            while not connection.is_closed():
                wake.clear()
                await self._round(database, wake)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await wake.wait()
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _prepare(self) -> None:
        """Have the folder there; say so once when it cannot be, since all that is asked for waits then."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            next(self._folder.iterdir(), None)
        except OSError as error:
            if not self._warned:
                logger.error("no export can be made in DDMS_EXPORT_DIRECTORY, %s: %s", self._folder, error.strerror)  # noqa: TRY400
            self._warned = True
            raise

    async def _round(self, database: Database, wake: asyncio.Event) -> None:
        for row in await database.rows(LIST_CANCELLED):
            if task := self._running.get(row["id"]):
                task.cancel()
            else:
                await database.value(FAIL, row["id"], None)
        await database.value(EXPIRE)
        await database.value(FORGET, KEPT_DAYS)
        for lost in await asyncio.to_thread(self._tidy, await database.rows(LIST_FILES)):
            await database.value(LOSE, lost)
        while len(self._running) < AT_ONCE and (row := await database.row(BEGIN_NEXT)):
            task = asyncio.create_task(self._make(database, row))
            self._running[row["id"]] = task
            task.add_done_callback(partial(self._ended, row["id"], wake))

    def _ended(self, number: int, wake: asyncio.Event, _: asyncio.Task[None]) -> None:
        del self._running[number]
        wake.set()

    def _tidy(self, rows: list[Row]) -> list[int]:
        """Remove files that no row knows any more; return the rows whose files are gone."""
        known = {str(row["id"]) for row in rows}  # what runs may be done by now
        for path in self._folder.iterdir():
            number = path.name.removesuffix(".part")
            if number.isdecimal() and number not in known:
                path.unlink(missing_ok=True)
        return [row["id"] for row in rows if row["state"] == "done" and not (self._folder / str(row["id"])).exists()]

    async def _make(self, database: Database, row: Row) -> None:
        number, part = row["id"], self._folder / f"{row['id']}.part"
        try:
            age, replicas = self._settings.replica_lag_seconds, self._replicas
            places = replicas.places(age, row["account"]) if replicas else [self._settings]
            try:
                await self._written(database, row, part, places)
            except (asyncpg.PostgresError, asyncpg.InterfaceError):
                if len(places) == 1:
                    raise
                await self._written(database, row, part, places[1:])  # a replica may cancel what reads for long
        except asyncio.CancelledError:
            with suppress(DdmsError):  # who cancelled it waits for this; a program that ends leaves it to the next
                await database.value(END_CANCELLED, number)
            raise
        except Exception as error:
            known = error if isinstance(error, DdmsError) else of_database(error)
            sentence = known.message if known else _of_disk(error) if isinstance(error, OSError) else None
            if sentence is None:
                logger.exception("an export failed")
            with suppress(DdmsError):
                await database.value(FAIL, number, sentence or f"it failed unexpectedly ({type(error).__name__})")
        finally:
            await asyncio.shield(asyncio.to_thread(part.unlink, missing_ok=True))

    async def _written(self, database: Database, row: Row, part: Path, places: list[Settings]) -> None:
        asker = await database.row(READ_ASKER, row["user_id"], row["token_id"])
        if asker is None:
            raise DdmsError(Code.FORBIDDEN, "who asked for it has no access any more")
        room = await self._room(database, row["account"])
        told = _Told(database, row["id"])
        person, places = (asker["user_id"], places[-1:]) if asker["limited"] else (None, places)
        async with opened(places, person) as connection:
            made = await plan(
                Statements(connection), ExportChoice.of([(name, text) for name, text in row["parameters"]])
            )
            told.total = max(1, await made.rows(Statements(connection)))
            file = await asyncio.to_thread(part.open, "wb")
            try:

                async def sink(piece: bytes | bytearray) -> None:
                    told.bytes += len(piece)
                    if told.bytes > room:
                        sentence = "there is room for {} MB of it: take less, or remove older ones by cancelExport"
                        raise DdmsError(Code.CONFLICT, Sentence(sentence, room // 10**6))
                    await asyncio.to_thread(file.write, piece)
                    if await told.now():
                        await asyncio.to_thread(self._check_disk)

                await asyncio.to_thread(self._check_disk)
                rows = await write(connection, made, sink, told.rows)
                await asyncio.to_thread(_close, file)
            finally:
                await asyncio.to_thread(file.close)
        await asyncio.to_thread(os.replace, part, part.with_suffix(""))
        points = [point.number for point in made.points]
        if not await database.value(FINISH, row["id"], rows, told.bytes, points, self._settings.export_hours):
            raise asyncio.CancelledError  # it was cancelled just now; its file goes with the next look
        logger.info(
            "exported %s", made.filename, extra={"rows": rows, "bytes": told.bytes, "caller": row["requested_by"]}
        )

    async def _room(self, database: Database, account: int) -> int:
        """Return how many bytes one more file may have: half of all is one account's."""
        files = await database.rows(LIST_FILES)
        most = self._settings.export_max_bytes
        taken = sum(row["bytes"] or 0 for row in files if row["state"] == "done")
        own = sum(row["bytes"] or 0 for row in files if row["state"] == "done" and row["account"] == account)
        return max(0, min(most // 2 - own, (most - taken) // AT_ONCE))

    def _check_disk(self) -> None:
        if shutil.disk_usage(self._folder).free < SPARE_BYTES:
            raise DdmsError(Code.UNAVAILABLE, "the disk of the folder for exports is full: remove what is not needed")


class _Told:
    """How far an export is, written down once a second."""

    def __init__(self, database: Database, number: int) -> None:
        self._database, self._number, self._next = database, number, 0.0
        self.total, self.done, self.bytes = 1, 0, 0

    def rows(self, done: int) -> None:
        """Take how many rows there are."""
        self.done = done

    async def now(self) -> bool:
        """Write it down, if it is time; return whether it was."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + TELL_SECONDS
        await self._database.value(TELL, self._number, min(0.99, self.done / self.total), self.done, self.bytes)
        return True


def _close(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()


def _of_disk(error: OSError) -> str:
    return f"the file cannot be written: {error.strerror}"
