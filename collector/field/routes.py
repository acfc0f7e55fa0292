"""Routes to the field for what is asked once: over the line that is polled already, or over one of its own."""

import asyncio
from collections.abc import Awaitable, Callable

from collector.line.tcp import Line, ReadError, line
from collector.polling.poller import ConnectionTask
from collector.polling.shared_line import BUSY_PAUSE, BUSY_RETRIES
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from ddms.quality import Reason


class Route:
    """Sends single requests to an endpoint. A polled line is borrowed for one request each, so that polls go between.

    Who polls is looked up for each request: while a long scan runs, the device may be added or taken away. Pauses are
    those of the line, and as when it is polled, a device that hung up is called again and a busy one asked again.
    """

    def __init__(
        self, settings: LineSettings, task_of: Callable[[Endpoint], ConnectionTask | None] = lambda _: None
    ) -> None:
        self._settings, self._task_of = settings, task_of
        self._own: Line | None = None

    async def open(self) -> None:
        """Make sure that the endpoint can be reached; raises `ReadError`."""
        if self._task_of(self._settings.endpoint) is None:
            await self._open_own()

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Read; a device that hung up after the last answer is asked once more over a new connection."""
        busy, closed = 0, False
        while True:
            try:
                return await self._read(unit, function, address, count, timeout)
            except ReadError as error:
                if error.reason is Reason.CLOSED and not closed:
                    closed = True
                elif error.reason is Reason.BUSY and busy < BUSY_RETRIES:
                    busy += 1
                    await asyncio.sleep(BUSY_PAUSE)
                else:
                    raise

    async def ask(self, unit: int, body: bytes, timeout: float) -> bytes:
        """Send any other request, once."""
        return await self._once(lambda link: link.ask(unit, body, timeout))

    async def _read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        return await self._once(lambda link: link.read(unit, function, address, count, timeout))

    async def _once(self, send: Callable[[Line], Awaitable[bytes]]) -> bytes:
        async def job(link: Line) -> bytes:
            await asyncio.sleep(self._settings.request_pause)
            return await send(link)

        task = self._task_of(self._settings.endpoint)
        if task is None:
            return await job(await self._open_own())
        self.close()
        return await task.borrow(job)

    async def _open_own(self) -> Line:
        settings = self._settings
        if self._own is None:
            self._own = line(settings)
        if not self._own.is_open:
            await self._own.open(settings.timeout)
            await asyncio.sleep(settings.connect_pause)
        return self._own

    def close(self) -> None:
        """Give an own line back."""
        if self._own is not None:
            self._own.close()
            self._own = None
