"""What all lines share: the request, the run of requests, the error, the length of a right answer.

Source: Modbus Application Protocol V1.1b3 (sections 4 and 6.1–6.4).
"""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

from ddms.quality import Reason, of_exception

HEAD_BYTES = 9  # of a Modbus TCP answer before its data: the header, the unit, the function, the number of data bytes
HELD_UP = 0.05  # seconds by which a time-out is looked at too late when this program was held up, not the device
CATCH_UP = 0.05  # seconds in which what came meanwhile is taken then

_REQUEST = struct.Struct(">HHBBHH")
_ANSWER = struct.Struct(">HHBBB")
_UNACKNOWLEDGED_MS = 10_000  # a gateway that lost its power says no word: what it never confirmed ends the connection


class ReadError(Exception):
    """A request that brought no registers; `reason` says why, the text in more detail where there is some.

    `ask_again`: nothing is wrong with the unit, the line was closed by ourselves, and a new connection will tell.
    """

    def __init__(self, reason: Reason, detail: str = "", *, ask_again: bool = False) -> None:
        super().__init__(f"{reason.explanation} ({detail})" if detail else reason.explanation)
        self.reason = reason
        self.ask_again = ask_again

    @classmethod
    def of_exception(cls, code: int) -> "ReadError":
        """Return the error for a Modbus exception; of one that Modbus does not know, its number is all there is to tell."""
        reason = of_exception(code)
        return cls(reason, f"exception {code}" if reason is Reason.UNKNOWN_EXCEPTION else "")


class ReadRequest:
    """A read of `count` addresses of a unit from `address` on: made once, sent as often as it is due.

    `tail` and `right` are its Modbus TCP frame and the head of a right answer, both without the transaction id;
    `whole` is the length of that answer with its head.
    """

    __slots__ = ("address", "count", "function", "right", "tail", "unit", "whole")

    def __init__(self, unit: int, function: int, address: int, count: int) -> None:
        self.unit, self.function, self.address, self.count = unit, function, address, count
        size = data_bytes(function, count)
        self.tail = _REQUEST.pack(0, 6, unit, function, address, count)
        self.right = _ANSWER.pack(0, 3 + size, unit, function, size)
        self.whole = HEAD_BYTES + size


R = TypeVar("R", bound=ReadRequest)


class Run(Generic[R]):
    """Requests that follow each other on a line for as long as all goes well, with no task that wakes up between them.

    `request` is the one that is sent next, or that failed; None at the end. `take` gets each request with the data
    bytes of its right answer, and when, by the monotonic clock, the one was sent and the other came.
    """

    __slots__ = ("_rest", "request", "take")

    def __init__(self, requests: Iterable[R], take: Callable[[R, bytes, float, float], None]) -> None:
        self._rest = iter(requests)
        self.take = take
        self.request: R | None = next(self._rest, None)

    def answered(self, request: R, data: bytes, sent: float, came: float) -> R | None:
        """Take the answer to `request`; return the next one."""
        self.take(request, data, sent, came)
        self.request = following = next(self._rest, None)
        return following

    def skip(self) -> None:
        """Leave `request` alone, and go on to the next one."""
        self.request = next(self._rest, None)


class Reader(Protocol):
    """What sends read requests to units. Raises `ReadError`."""

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and return its data bytes: two a register, or eight bits a byte."""

    async def ask(self, unit: int, body: bytes, timeout: float) -> bytes:
        """Send a function and its data; return what follows the function in the answer. Nothing else may be in flight."""


class Line(Reader, Protocol):
    """A way to the units behind one endpoint. All methods raise `ReadError`."""

    late: int
    """How many answers came that nobody waited for any more."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""

    async def open(self, timeout: float) -> None:
        """Connect."""

    def close(self) -> None:
        """Hang up; what is waited for fails with CLOSED."""

    async def follow(self, run: Run[Any], timeout: float, pause: float) -> None:
        """Send what is left of a run, each after a pause; what is raised belongs to `run.request`."""


async def one_by_one(reader: Reader, run: Run[Any], timeout: float, pause: float) -> None:
    """Follow a run by single reads."""
    while (request := run.request) is not None:
        if pause:
            await asyncio.sleep(pause)
        sent = time.monotonic()
        data = await reader.read(request.unit, request.function, request.address, request.count, timeout)
        run.answered(request, data, sent, time.monotonic())


def data_bytes(function: int, count: int) -> int:
    """Return how many bytes of data a right answer has."""
    return (count + 7) // 8 if function <= 2 else 2 * count


@asynccontextmanager
async def in_time(timeout: float) -> AsyncIterator[None]:
    """Raise `TimeoutError` as `asyncio.timeout` does, but not for what came in time and was only looked at too late.

    When this program was held up until after the time-out, it first takes what the system received meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    async with asyncio.timeout(None) as limit:

        def look() -> None:
            now = loop.time()
            limit.reschedule(now + CATCH_UP if now > deadline + HELD_UP else now)

        watch = loop.call_at(deadline, look)
        try:
            yield
        finally:
            watch.cancel()


def of_connecting(error: OSError) -> ReadError:
    """Return why a connection could not be made."""
    if isinstance(error, TimeoutError):
        return ReadError(Reason.TIMEOUT)
    return ReadError(Reason.REFUSED if isinstance(error, ConnectionRefusedError) else Reason.UNREACHABLE)


def tune(sock: socket.socket, unacknowledged_ms: int = _UNACKNOWLEDGED_MS) -> None:
    """Send at once, and notice within seconds that the other end is gone (RFC 5482)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, unacknowledged_ms)
