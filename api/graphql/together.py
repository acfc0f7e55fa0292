"""What many objects of one answer ask for is asked of the database together."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar, cast

from api.graphql.context import Context
from api.ground.database import Database

T = TypeVar("T")

Read: TypeAlias = Callable[[Database, list[int]], Awaitable[dict[int, T]]]
"""Reads something of all these objects by one statement; what is missing is left out."""


async def together(context: Context, read: Read[T], number: int) -> T | None:
    """Return what `read` finds for an object; all that ask in the same turn of the event loop are asked about at once."""
    batch: _Batch | None = context.batches.get(read)
    if batch is None:
        batch = context.batches[read] = _Batch(context, read)
    batch.numbers.add(number)
    found: dict[int, T] = await asyncio.shield(batch.reading)
    return found.get(number)


class _Batch:
    """The objects that ask, until the statement begins."""

    def __init__(self, context: Context, read: Any) -> None:
        self.numbers: set[int] = set()
        self.reading = asyncio.ensure_future(self._read(context, read))
        self.reading.add_done_callback(lambda task: task.cancelled() or task.exception())  # all may have left meanwhile

    async def _read(self, context: Context, read: Any) -> dict[int, Any]:
        await asyncio.sleep(0)  # the others come to ask
        del context.batches[read]
        return cast("dict[int, Any]", await read(context.database, sorted(self.numbers)))
