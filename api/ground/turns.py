"""Turns: few places for many callers, taken in turn, so that nobody waits in another one's queue."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import TypeAlias

from api.ground.metrics import BUSY
from ddms.errors import Code, DdmsError

Who: TypeAlias = int | str | None
"""Who is served: an account, an address of somebody without one, None for DDMS itself."""

SERVED: ContextVar[Who] = ContextVar("served", default=None)
"""For whom this is being done."""


class TryLater(DdmsError):  # noqa: N818 - nothing is wrong but the time
    """Something that would be right at another time; `seconds` says when to come back."""

    def __init__(self, code: Code, message: str, seconds: float) -> None:
        super().__init__(code, message)
        self.seconds = max(1, round(seconds + 0.5))


def busy(seconds: float = 2) -> TryLater:
    """Return the error for a turn that did not come."""
    BUSY.inc()
    return TryLater(Code.BUSY, "too much is asked at the moment, and your turn did not come: try again later", seconds)


class Turns:
    """So many `places`, of which one caller has at most `each`.

    Who finds none waits for at most `seconds`, with at most `waiting` others of the same caller; callers take turns,
    however many wait for each. What DDMS does for itself has no share. Raises BUSY.
    """

    def __init__(self, places: int, *, each: int, waiting: int, seconds: float) -> None:
        self._free = self._places = places
        self._each = each
        self._waiting = waiting
        self._seconds = seconds
        self._held: Counter[Who] = Counter()
        self._queues: OrderedDict[Who, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def free(self) -> int:
        """How many places are free."""
        return self._free

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._queues.values()))

    @asynccontextmanager
    async def place(self, who: Who) -> AsyncIterator[None]:
        """Hold a place."""
        await self.begin(who)
        try:
            yield
        finally:
            self.end(who)

    async def begin(self, who: Who) -> None:
        """Take a place, which must be given back by `end`."""
        if self._free and self._may(who):  # whoever waits while a place is free has all of its share
            self._take(who)
        else:
            await self._wait(who)

    def end(self, who: Who) -> None:
        """Give a place back."""
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
        self._free += 1
        while self._free and self._queues and self._pass_on():
            pass

    def _may(self, who: Who) -> bool:
        return who is None or self._held[who] < self._each

    def _take(self, who: Who) -> None:
        self._free -= 1
        self._held[who] += 1

    async def _wait(self, who: Who) -> None:
        queue = self._queues.setdefault(who, deque())
        if len(queue) >= self._waiting:
            raise busy(self._seconds)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came in the moment of giving up
                self.end(who)
            with suppress(ValueError):
                queue.remove(turn)
            if not queue and self._queues.get(who) is queue:
                del self._queues[who]
            if isinstance(error, TimeoutError):
                raise busy() from error
            raise

    def _pass_on(self) -> bool:
        """Give a free place to the first caller in turn who may have one; say whether there was one."""
        for who, queue in self._queues.items():
            if not self._may(who):
                continue
            turn = queue.popleft()
            if queue:
                self._queues.move_to_end(who)
            else:
                del self._queues[who]
            if not turn.done():
                self._take(who)
                turn.set_result(None)
            return True
        return False
