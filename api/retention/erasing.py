"""Erasing history in batches so small that ingest does not notice: each is one transaction of a tenth of a second.

A batch is some points in one window of time. The windows are the chunks of the table, so that on the community edition
whole compressed batches go without being unpacked; how many points go together is found out on the way.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import asyncpg

from api.ground.database import Statements

SOURCES = ("readings", "texts", "rollup_1m", "rollup_1h", "rollup_1d")
"""The tables of history, in the order in which they are erased: no rollup goes before its readings."""
BATCH_ROWS = 20_000
"""As many rows go at once at most, unless a single point has more in its window (at most 86,400 in a day)."""
ALWAYS = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
"""All times there are."""
RETRIES = 5
MOST_TOGETHER = 4096
MOST_PAUSE = 0.2

LIST_WINDOWS = "-- ddms:list_history_windows\nSELECT * FROM history_windows($1, $2::int[], $3, $4)"
# A lock that somebody holds for long (an export of that chunk, its compression), or a device that is deleted just now.
_PASSING = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.ForeignKeyViolationError)

T = TypeVar("T")
logger = logging.getLogger("api.erasing")


class ErasingBatch(NamedTuple):
    """Some points in one window."""

    source: str
    points: list[int]
    starts: datetime
    ends: datetime


def reason(error: BaseException) -> str:
    """Return an error in one line."""
    return (str(error) or type(error).__name__).partition("\n")[0]


class ErasingPace:
    """How many points go together: found out on the way, for a table with as many rows a point."""

    def __init__(self) -> None:
        self.together = 1

    def saw(self, points: int, rows: int | None) -> None:
        """Learn from a batch of these points; None: they have too many rows together."""
        if rows is None:
            self.together = max(1, points // 2)
        elif rows < BATCH_ROWS // 2:
            self.together = min(self.together * 2, MOST_TOGETHER)


def passing(error: Exception) -> str:
    """Return what is in the way, if it is something that passes; else raises the error again."""
    found = error if isinstance(error, _PASSING) else error.__cause__  # what callers are told hides it
    if not isinstance(found, _PASSING):
        raise error
    return reason(found)


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do one step, again after a pause when something passing is in its way; at last raises what it was."""
    for _ in range(RETRIES - 1):
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - what does not pass is raised again
            logger.info("erasing waits for others: %s", passing(error))
            await asyncio.sleep(0.5)
    return await work()


async def erase(
    statements: Statements,
    source: str,
    points: list[int],
    span: tuple[datetime, datetime],
    *,
    erase_batch: Callable[[ErasingBatch], Awaitable[int | None]],
    pace: ErasingPace,
) -> AsyncIterator[float]:
    """Erase what these points have in a time, yielding how far it is, 0 to 1.

    `erase_batch` calls erase_history with BATCH_ROWS and returns what that does: the rows, or None for too many.

    After each batch it rests half as long as that took, so that it never takes the database for itself.
    """
    if not points:
        return
    windows = await statements.rows(LIST_WINDOWS, source, points, *span)
    done = 0
    for starts, ends in windows:
        place = 0
        while place < len(points):
            batch = ErasingBatch(source, points[place : place + pace.together], starts, ends)
            began = time.monotonic()
            rows = await patiently(lambda batch=batch: erase_batch(batch))  # type: ignore[misc]
            pace.saw(len(batch.points), rows)
            if rows is None:
                continue
            place += len(batch.points)
            done += len(batch.points)
            yield done / (len(points) * len(windows))
            await asyncio.sleep(min((time.monotonic() - began) / 2, MOST_PAUSE))
