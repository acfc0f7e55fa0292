"""The line that all units of one endpoint share: opened when it is needed, with the pauses that the endpoint wants."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from collector.line.tcp import Line, ReadError, Run, line
from collector.polling.units import BlockRequest, Statistics
from ddms.lines import LineSettings
from ddms.quality import Reason

T = TypeVar("T")

BUSY_PAUSE = 0.1
BUSY_RETRIES = 2


class SharedLine:
    """One line, kept open between requests; it is opened at most once a cycle, which is enough for all units."""

    def __init__(self, settings: LineSettings, statistics: Statistics) -> None:
        self.settings = settings
        self._statistics = statistics
        self._line: Line | None = None
        self._opening = asyncio.Lock()
        self._broken: Reason | None = None  # why it could not be opened in this cycle

    def new_cycle(self) -> None:
        """Let a line that could not be opened be tried again."""
        self._broken = None

    async def follow(self, run: Run[BlockRequest], timeout: float) -> None:
        """Read what is left of a run. A busy device is asked again; one that hung up in the quiet is called again.

        Raises `ReadError` for the request at which the run stopped.
        """
        busy, asked = 0, run.request
        while run.request is not None:
            used = self._line is not None and self._line.is_open
            try:
                link = await self.open()
                await link.follow(run, timeout, self.settings.request_pause)
            except ReadError as error:
                if run.request is not asked:  # it had answered others, over this connection
                    busy, used, asked = 0, True, run.request
                self._count(run.request, error.reason)
                # Some devices hang up after an answer or a quiet minute: no failure, a new connection will tell.
                hung_up = error.reason is Reason.CLOSED and used
                if not hung_up and (error.reason is not Reason.BUSY or busy == BUSY_RETRIES):
                    raise
                if not hung_up:
                    busy += 1
                    await asyncio.sleep(BUSY_PAUSE)

    def _count(self, request: BlockRequest, reason: Reason) -> None:
        statistics = request.statistics
        statistics.requests += self._broken is None
        statistics.errors[reason] += 1

    async def open(self) -> Line:
        """Return the open line; raises `ReadError` with the reason of this cycle's first attempt."""
        if self._line is not None and self._line.is_open:
            return self._line
        async with self._opening:
            return await self._open()

    async def _open(self) -> Line:
        if self._line is not None and self._line.is_open:  # another worker did
            return self._line
        if self._broken is not None:
            raise ReadError(self._broken)
        self.hang_up()
        settings = self.settings
        new = line(
            settings.endpoint, baud_rate=settings.baud_rate, parity=settings.parity, stop_bits=settings.stop_bits
        )
        try:
            await new.open(settings.timeout)
        except ReadError as error:
            self._broken = error.reason
            raise
        self._line = new
        self._statistics.connects += 1
        await asyncio.sleep(settings.connect_pause)
        return new

    def hang_up(self) -> None:
        """Close it; the next request opens it again."""
        if self._line is not None:
            self._line.close()
            self._line = None


class Borrowers:
    """Who waits to use the line between two polls."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Callable[[Line], Awaitable[Any]], asyncio.Future[Any]]] = deque()

    def add(self, job: Callable[[Line], Awaitable[T]]) -> asyncio.Future[T]:
        """Put a job into the queue; the future has its result, or what it raised."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.waiting.append((job, done))
        return done

    async def serve(self, shared: SharedLine) -> None:
        """Run all jobs that wait; what a job raises is its own affair, the polling goes on."""
        while self.waiting:
            job, done = self.waiting.popleft()
            if done.done():  # whoever asked has gone
                continue
            try:
                result = await job(await shared.open())
            except asyncio.CancelledError:
                _fail(done, ReadError(Reason.CLOSED))
                raise
            except Exception as error:  # noqa: BLE001 - it is passed on to who asked
                _fail(done, error)
            else:
                if not done.done():
                    done.set_result(result)

    def refuse(self) -> None:
        """Tell all who wait that the line is gone."""
        for _, done in self.waiting:
            _fail(done, ReadError(Reason.CLOSED))


def _fail(done: asyncio.Future[Any], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
