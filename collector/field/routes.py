"""Routes to the field for what is asked once: over the line that is polled already, or over one of its own."""

from collections.abc import Callable
from typing import NamedTuple

from collector.line.tcp import Line, ReadError, line
from collector.polling.poller import ConnectionTask
from ddms.endpoints import Endpoint
from ddms.quality import Reason


class SerialForm(NamedTuple):
    """How characters are sent on a serial line."""

    baud_rate: int = 19_200
    parity: str = "even"
    stop_bits: int = 1


USUAL_FORM = SerialForm()


class Route:
    """Sends single requests to an endpoint. A polled line is borrowed for one request each, so that polls go between.

    Who polls is looked up for each request: while a long scan runs, the device may be added or taken away.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timeout: float,
        task_of: Callable[[Endpoint], ConnectionTask | None] = lambda _: None,
        form: SerialForm = USUAL_FORM,
    ) -> None:
        self._endpoint, self._timeout, self._task_of, self._form = endpoint, timeout, task_of, form
        self._own: Line | None = None

    async def open(self) -> None:
        """Make sure that the endpoint can be reached; raises `ReadError`."""
        if self._task_of(self._endpoint) is None:
            await self._open_own()

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Read; a device that hung up after the last answer is asked once more over a new connection."""
        try:
            return await self._read(unit, function, address, count, timeout)
        except ReadError as error:
            if error.reason is not Reason.CLOSED:
                raise
        return await self._read(unit, function, address, count, timeout)

    async def _read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        task = self._task_of(self._endpoint)
        if task is not None:
            self.close()
            return await task.borrow(lambda link: link.read(unit, function, address, count, timeout))
        link = await self._open_own()
        return await link.read(unit, function, address, count, timeout)

    async def _open_own(self) -> Line:
        if self._own is None:
            self._own = line(self._endpoint, **self._form._asdict())
        if not self._own.is_open:
            await self._own.open(self._timeout)
        return self._own

    def close(self) -> None:
        """Give an own line back."""
        if self._own is not None:
            self._own.close()
            self._own = None
