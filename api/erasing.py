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

from api.database import Statements

SOURCES = ("readings", "texts", "rollup_1m", "rollup_1h", "rollup_1d")
"""The tables of history, in the order in which they are erased: no rollup goes before its readings."""
BATCH_ROWS = 20_000
"""About as many rows go at once; one point's window may be more."""
ALWAYS = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
"""All times there are."""
RETRIES = 5
MOST_PAUSE = 0.2

LIST_WINDOWS = "-- ddms:list_history_windows\nSELECT * FROM history_windows($1, $2::int[], $3, $4)"
# A lock that somebody holds for long (an export of that chunk, its compression), or a device that is deleted just now.
PASSING = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError, asyncpg.ForeignKeyViolationError)

T = TypeVar("T")
logger = logging.getLogger("api.erasing")


class Batch(NamedTuple):
    """Some points in one window."""

    source: str
    points: list[int]
    starts: datetime
    ends: datetime


def reason(error: BaseException) -> str:
    """Return an error in one line."""
    return (str(error) or type(error).__name__).partition("\n")[0]


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do one step, again after a pause when something passing is in its way; at last raises what it was."""
    for _ in range(RETRIES - 1):
        try:
            return await work()
        except PASSING as error:
            logger.info("erasing waits for others: %s", error)
            await asyncio.sleep(0.5)
    return await work()


async def erase(
    statements: Statements,
    source: str,
    points: list[int],
    span: tuple[datetime, datetime],
    erase_batch: Callable[[Batch], Awaitable[int]],
) -> AsyncIterator[float]:
    """Erase what these points have in a time; `erase_batch` does it and returns the rows. Yields how far it is, 0 to 1.

    After each batch it rests half as long as that took, so that it never takes the database for itself.
    """
    if not points:
        return
    windows = await statements.rows(LIST_WINDOWS, source, points, *span)
    together, done = 1, 0
    for starts, ends in windows:
        place = 0
        while place < len(points):
            batch = Batch(source, points[place : place + together], starts, ends)
            began = time.monotonic()
            rows = await patiently(lambda batch=batch: erase_batch(batch))  # type: ignore[misc]
            place += len(batch.points)
            done += len(batch.points)
            together = _next(together, rows)
            yield done / (len(points) * len(windows))
            await asyncio.sleep(min((time.monotonic() - began) / 2, MOST_PAUSE))


def _next(together: int, rows: int) -> int:
    """Return how many points go together next, after so many rows."""
    if rows > BATCH_ROWS:
        return max(1, together // 2)
    return together * 2 if rows < BATCH_ROWS // 2 else together
