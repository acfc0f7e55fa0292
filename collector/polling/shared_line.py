"""The line that all units of one endpoint share: opened when it is needed, with the pauses that the endpoint wants.

A session can hang: the other end goes on acknowledging bytes and never answers again. So a connection on which nothing was
answered for the time of three time-outs, or for three requests to which only strange answers came, is closed; the next
request opens it again. Where that does not help it is done again after 5, 10, 20, 40 s and then every 60 s.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from collector.line.tcp import Line, ReadError, Run, line
from collector.polling.polls import BlockRequest
from collector.polling.retry import wait_before
from collector.polling.units import Reopening, Statistics
from ddms.lines import LineSettings
from ddms.quality import Reason

T = TypeVar("T")

BUSY_PAUSE = 0.1
BUSY_RETRIES = 2
UNANSWERED_UNTIL_REOPENED = 3.0  # requests that waited a whole time-out, or got a strange answer
_NEARLY = 0.05  # of a request: time-outs are not kept to the millisecond

_UNANSWERED = frozenset({Reason.TIMEOUT, Reason.MALFORMED, Reason.WRONG_UNIT})

logger = logging.getLogger("ddms.collector")


class Silence:
    """What went unanswered on a line, one request after the other, and when the line is closed for it."""

    def __init__(self) -> None:
        self.unanswered = 0.0
        self._late_before = 0
        self._strange = False
        self._closed = 0
        self._not_before = 0.0

    def broken(self, late: int) -> None:
        """Begin anew: a request was answered."""
        self.unanswered, self._strange, self._late_before = 0.0, False, late
        self._closed, self._not_before = 0, 0.0

    def lasts(self, reason: Reason, share: float, late: int) -> Reopening | None:
        """Count a request that was not answered for a share of the time-out; return why the line is to be closed."""
        self._strange = self._strange or reason is not Reason.TIMEOUT
        self.unanswered += 1.0 if reason is not Reason.TIMEOUT else min(1.0, share)
        now = time.monotonic()
        if self.unanswered < UNANSWERED_UNTIL_REOPENED - _NEARLY or now < self._not_before:
            return None
        why = Reopening.OUT_OF_STEP if self._strange or late > self._late_before else Reopening.SILENT
        self.unanswered, self._strange, self._late_before = 0.0, False, late
        self._not_before = now + wait_before(self._closed)
        self._closed += 1
        return why

    @property
    def lasts_on(self) -> bool:
        """Whether the last request was not answered."""
        return self.unanswered > 0 or self._closed > 0

    @property
    def is_news(self) -> bool:
        """Whether the line was closed for the first time since it answered."""
        return self._closed == 1


class SharedLine:
    """One line, kept open between requests; it is opened at most once a cycle, which is enough for all units."""

    def __init__(self, settings: LineSettings, statistics: Statistics) -> None:
        self.settings = settings
        self._statistics = statistics
        self._line: Line | None = None
        self._opening = asyncio.Lock()
        self._broken: Reason | None = None  # why it could not be opened in this cycle
        self._silence = Silence()

    def new_cycle(self) -> None:
        """Let a line that could not be opened be tried again."""
        self._broken = None

    @property
    def is_silent(self) -> bool:
        """Whether nothing was answered any more since a request that was not, or since it was closed for that."""
        return self._broken is None and self._silence.lasts_on

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
                    self._answered()
                self._count(run.request, error.reason)
                # Some devices hang up after an answer or a quiet minute: no failure, a new connection will tell.
                hung_up = error.reason is Reason.CLOSED and (used or error.ask_again)
                if not hung_up and (error.reason is not Reason.BUSY or busy == BUSY_RETRIES):
                    self._judge(error.reason, timeout)
                    raise
                if not hung_up:
                    busy += 1
                    await asyncio.sleep(BUSY_PAUSE)
            else:
                self._answered()

    def _count(self, request: BlockRequest, reason: Reason) -> None:
        statistics = request.statistics
        statistics.requests += self._broken is None
        statistics.errors[reason] += 1

    # -- silence

    def _answered(self) -> None:
        if self._line is not None:
            self._silence.broken(self._line.late)

    def _judge(self, reason: Reason, timeout: float) -> None:
        """Close a connection that hangs or is out of step."""
        link = self._line
        if link is None or self._broken is not None or self.settings.endpoint.transport.is_serial:
            return
        if reason not in _UNANSWERED:
            if reason >= Reason.ILLEGAL_FUNCTION:
                self._answered()
        elif not link.is_open:  # it closed itself
            self._reopen(Reopening.UNNUMBERED)
        elif why := self._silence.lasts(reason, timeout / self.settings.timeout, link.late):
            self._reopen(why)

    def _reopen(self, why: Reopening) -> None:
        self._statistics.reopens[why] += 1
        if why is not Reopening.UNNUMBERED and self._silence.is_news:
            logger.warning("%s is closed and opened again: %s", self.settings.endpoint, why.explanation)
        self.hang_up()

    # -- opening

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
        settings = self.settings
        if self._line is None:  # else it is opened again, and knows what it learned of the peer
            self._line = line(settings)
        try:
            await self._line.open(settings.timeout)
        except ReadError as error:
            self._broken = error.reason
            raise
        self._statistics.connects += 1
        await asyncio.sleep(settings.connect_pause)
        return self._line

    def hang_up(self) -> None:
        """Close it; the next request opens it again."""
        if self._line is not None:
            self._line.close()


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
