"""The queue of backups for a program that has other work: done by a process of its own, which is there only meanwhile.

The API answers requests while gigabytes are read and packed; what is done here costs it nothing but a look each half minute.
"""

import asyncio
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from api.backups.work import IS_DUE, Work, room
from api.ground.beside import beside, cancel_at_end, given
from api.ground.database import Database
from api.ground.scheduler import Job, report
from ddms.database import open_pool, read_edition
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

TIDY_EVERY = timedelta(hours=1)
"""So often the folder is looked at when nothing is due."""


def done_apart(settings: Settings, job: Job) -> Job:
    """Return a job as the API runs it: that of the backups by a process of its own."""
    return replace(job, work=WorkApart(settings)) if isinstance(job.work, Work) else job


class WorkApart:
    """The job that works the queue, for the API."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tidied: datetime | None = None

    async def __call__(self, database: Database) -> dict[str, Any] | None:
        """Let a process do what is due; return what was done."""
        found = await database.row(IS_DUE, self._settings.backup_copy is not None)
        assert found  # noqa: S101 - it is one row
        done = {}
        if found["is_due"] or self._tidied is None or found["now"] - self._tidied > TIDY_EVERY:
            self._tidied = found["now"]
            done = await _run(self._settings)
        return done | await asyncio.to_thread(room, self._settings.backup_directory)


async def _run(settings: Settings) -> dict[str, Any]:
    """Run the process to its end; when this is cancelled, or this program is killed, it ends as well."""
    told: dict[str, Any] = {"error": "the process that makes backups ended"}
    async with beside("api.backups.apart", settings, hears=True) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while line := await process.stdout.readline():
            told = orjson.loads(line)
            if "doing" in told:
                report(told["progress"], told["doing"])
    if "error" in told:
        raise DdmsError(Code.UNAVAILABLE, told["error"])
    return dict(told.get("done") or {})


def main() -> None:
    """Do what is due, once: the settings come on standard input, whose end is the end; progress goes to standard output."""
    settings = given()
    told: dict[str, Any]
    try:
        told = {"done": asyncio.run(_work(settings))}
    except DdmsError as error:
        told = {"error": error.message}
    except asyncio.CancelledError:
        return
    _tell(told)


async def _work(settings: Settings) -> dict[str, Any] | None:
    pool = await open_pool(settings, "backups", size=4, command_timeout=None)
    try:
        async with pool.acquire() as connection:
            edition = await read_edition(connection)
        work = Work(settings, lambda progress, doing: _tell({"progress": progress, "doing": doing}))
        task = asyncio.ensure_future(work(Database(pool, edition)))
        cancel_at_end(task)
        return await task
    finally:
        pool.terminate()


def _tell(values: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(values) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
