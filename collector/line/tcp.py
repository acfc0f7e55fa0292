"""Lines: how requests reach a Modbus unit and answers come back.

Modbus TCP is here, RTU frames are in `collector.line.rtu`: both are own small protocols, since polling is what DDMS spends
its time on, and since RTU needs care that no library takes (late answers). DDMS reads and never writes.

Source: Modbus Messaging on TCP/IP V1.0b (section 3).
"""

import asyncio
import struct
import time
from typing import Any, cast

from collector.line.requests import (
    Line,
    Reader,
    ReadError,
    ReadRequest,
    Run,
    data_bytes,
    of_connecting,
    one_by_one,
    tune,
)
from collector.line.rtu import RtuLine
from ddms.endpoints import Endpoint, Transport
from ddms.quality import Reason, of_exception

__all__ = ["Line", "ReadError", "ReadRequest", "Reader", "Run", "TcpLine", "data_bytes", "line"]

_HEADER = struct.Struct(">HHH")
_FRAME = struct.Struct(">H10s")
_LEAST_FRAME = 8  # the header, the unit, the function
_EXCEPTION_FRAME = 9
_CLOCK_TICK = 0.002  # seconds by which a timer may fire before the deadline it was set for
_MOST_BYTES = 254  # of unit, function and data in a Modbus frame


def line(endpoint: Endpoint, *, baud_rate: int = 19200, parity: str = "even", stop_bits: int = 1) -> Line:
    """Return the line for an endpoint, not yet open."""
    if endpoint.transport is Transport.TCP:
        return TcpLine(endpoint)
    return RtuLine(endpoint, baud_rate=baud_rate, parity=parity, stop_bits=stop_bits)


class _Exchange:
    """A run and its request that is on its way."""

    __slots__ = ("done", "request", "run", "sent", "timeout", "transaction")

    def __init__(self, run: Run[Any], timeout: float, done: asyncio.Future[None]) -> None:
        self.run = run
        self.timeout = timeout
        self.done = done
        self.request: ReadRequest
        self.sent = 0.0  # by the monotonic clock
        self.transaction = 0

    def fail(self, reason: Reason) -> None:
        """End the run at the request that it stands at."""
        if not self.done.done():
            self.done.set_exception(ReadError(reason))


class TcpLine(asyncio.Protocol):
    """Modbus TCP. Each request has its own transaction id, so a late answer is never taken for another's."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Exchange] = {}  # by transaction id
        self._watch: asyncio.TimerHandle | None = None
        self._watched = 0.0
        self._transaction = 0
        self._rest = b""
        self.late = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    async def open(self, timeout: float) -> None:
        """Connect, trying the host's addresses in turn."""
        try:
            async with asyncio.timeout(timeout):
                await self._loop.create_connection(lambda: self, self._endpoint.host, self._endpoint.port)
        except OSError as error:  # TimeoutError is one
            raise of_connecting(error) from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        if sock := transport.get_extra_info("socket"):
            tune(sock)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let all who wait fail."""
        self._transport = None
        self._fail_all(Reason.CLOSED)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._fail_all(Reason.CLOSED)

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and wait for the answer that carries its transaction id."""
        answers: list[bytes] = []
        request = ReadRequest(unit, function, address, count)
        await self.follow(Run([request], lambda _, data, *__: answers.append(data)), timeout)
        return answers[0]

    async def follow(self, run: Run[Any], timeout: float, pause: float = 0.0) -> None:
        """Send what is left of a run; without a pause each right answer sends the next request as soon as it is here."""
        if pause:
            await one_by_one(self, run, timeout, pause)
            return
        exchange = _Exchange(run, timeout, self._loop.create_future())
        now = time.monotonic()
        self._send(exchange, run.request, now)
        self._watch_until(now + timeout)
        try:
            await exchange.done
        finally:
            self._waiting.pop(exchange.transaction, None)

    def _send(self, exchange: _Exchange, request: ReadRequest | None, now: float) -> None:
        if request is None:
            exchange.done.set_result(None)
        elif self._transport is None:
            exchange.fail(Reason.CLOSED)
        else:
            self._transaction = transaction = (self._transaction + 1) & 0xFFFF
            self._waiting[transaction] = exchange
            exchange.transaction, exchange.request, exchange.sent = transaction, request, now
            self._transport.write(_FRAME.pack(transaction, request.tail))

    def _watch_until(self, deadline: float) -> None:
        """One timer for the line instead of one a request: it looks at the earliest deadline, and then at the next."""
        if self._watch is None or deadline < self._watched:
            if self._watch is not None:
                self._watch.cancel()
            self._watched = deadline
            self._watch = self._loop.call_later(deadline - time.monotonic(), self._look)

    def _look(self) -> None:
        self._watch = None
        now = time.monotonic() + _CLOCK_TICK
        for exchange in list(self._waiting.values()):
            if exchange.sent + exchange.timeout <= now:
                del self._waiting[exchange.transaction]
                exchange.fail(Reason.TIMEOUT)
        if self._waiting:
            self._watch_until(min(exchange.sent + exchange.timeout for exchange in self._waiting.values()))

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames, however the network cut it."""
        buffer = self._rest + data if self._rest else data
        while len(buffer) >= _LEAST_FRAME:
            transaction, protocol, length = _HEADER.unpack_from(buffer)
            if protocol != 0 or not 2 <= length <= _MOST_BYTES:
                self._fail_all(Reason.MALFORMED)  # not Modbus: where the next frame starts is unknown
                self.close()
                return
            end = 6 + length
            if len(buffer) < end:
                break
            self._answer(transaction, buffer[:end])
            buffer = buffer[end:]
        self._rest = buffer

    def _answer(self, transaction: int, frame: bytes) -> None:
        exchange = self._waiting.pop(transaction, None)
        if exchange is None:
            self.late += 1
        elif not exchange.done.done():
            request = exchange.request
            if frame[2:9] == request.right:
                now = time.monotonic()
                self._send(exchange, exchange.run.answered(request, frame[9:], exchange.sent, now), now)
            else:
                exchange.fail(_reason(frame, request))

    def _fail_all(self, reason: Reason) -> None:
        waiting, self._waiting = self._waiting, {}
        for exchange in waiting.values():
            exchange.fail(reason)


def _reason(frame: bytes, request: ReadRequest) -> Reason:
    """Say why a frame is not the answer to a request."""
    if frame[6] != request.unit:
        return Reason.WRONG_UNIT
    if frame[7] == request.function | 0x80 and len(frame) == _EXCEPTION_FRAME:
        return of_exception(frame[8])
    return Reason.MALFORMED
