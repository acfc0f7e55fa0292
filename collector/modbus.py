"""Lines: how requests reach a Modbus unit and answers come back.

Modbus TCP is here, RTU frames are in `collector.rtu`: both are own small protocols, since polling is what DDMS spends
its time on, and since RTU needs care that no library takes (late answers). DDMS reads and never writes.

Source: Modbus Messaging on TCP/IP V1.0b (section 3).
"""

import asyncio
import struct
from typing import NamedTuple, cast

from collector.protocol import Line, Reader, ReadError, data_bytes, of_connecting, tune
from collector.rtu import RtuLine
from ddms.endpoints import Endpoint, Transport
from ddms.quality import Reason, of_exception

__all__ = ["Line", "ReadError", "Reader", "TcpLine", "data_bytes", "line"]

_REQUEST = struct.Struct(">HHHBBHH")
_HEADER = struct.Struct(">HHHBB")
_CLOCK_TICK = 0.002  # seconds by which a timer may fire before the deadline it was set for
_MOST_BYTES = 254  # of unit, function and data in a Modbus frame


def line(endpoint: Endpoint, *, baud_rate: int = 19200, parity: str = "even", stop_bits: int = 1) -> Line:
    """Return the line for an endpoint, not yet open."""
    if endpoint.transport is Transport.TCP:
        return TcpLine(endpoint)
    return RtuLine(endpoint, baud_rate=baud_rate, parity=parity, stop_bits=stop_bits)


class _Waiting(NamedTuple):
    """A request whose answer, of `size` data bytes, is awaited until `deadline` by the loop's clock."""

    answer: asyncio.Future[bytes]
    unit: int
    function: int
    size: int
    deadline: float


class TcpLine(asyncio.Protocol):
    """Modbus TCP. Each request has its own transaction id, so a late answer is never taken for another's."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Waiting] = {}
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
        if self._transport is None:
            raise ReadError(Reason.CLOSED)
        self._transaction = transaction = (self._transaction + 1) & 0xFFFF
        answer: asyncio.Future[bytes] = self._loop.create_future()
        deadline = self._loop.time() + timeout
        self._waiting[transaction] = _Waiting(answer, unit, function, data_bytes(function, count), deadline)
        self._watch_until(deadline)
        self._transport.write(_REQUEST.pack(transaction, 0, 6, unit, function, address, count))
        try:
            return await answer
        except BaseException:
            self._waiting.pop(transaction, None)
            raise

    def _watch_until(self, deadline: float) -> None:
        """One timer for the line instead of one a request: it looks at the earliest deadline, and then at the next."""
        if self._watch is None or deadline < self._watched:
            if self._watch is not None:
                self._watch.cancel()
            self._watched = deadline
            self._watch = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._watch = None
        now = self._loop.time() + _CLOCK_TICK
        for transaction, waiting in list(self._waiting.items()):
            if waiting.deadline <= now:
                self._fail(transaction, Reason.TIMEOUT)
        if self._waiting:
            self._watch_until(min(waiting.deadline for waiting in self._waiting.values()))

    def data_received(self, data: bytes) -> None:
        """Cut the stream into frames, however the network cut it."""
        buffer = self._rest + data if self._rest else data
        while len(buffer) >= _HEADER.size:
            transaction, protocol, length, unit, function = _HEADER.unpack_from(buffer)
            if protocol != 0 or not 2 <= length <= _MOST_BYTES:
                self._fail_all(Reason.MALFORMED)  # not Modbus: where the next frame starts is unknown
                self.close()
                return
            end = 6 + length
            if len(buffer) < end:
                break
            self._answer(transaction, unit, function, buffer[8:end])
            buffer = buffer[end:]
        self._rest = buffer

    def _answer(self, transaction: int, unit: int, function: int, data: bytes) -> None:
        if transaction not in self._waiting:
            self.late += 1
            return
        answer, asked_unit, asked_function, size, _ = self._waiting.pop(transaction)
        if answer.done():
            return
        if unit != asked_unit:
            answer.set_exception(ReadError(Reason.WRONG_UNIT))
        elif function == asked_function and data[:1] == bytes([size]) and len(data) == size + 1:
            answer.set_result(data[1:])
        elif function == asked_function | 0x80 and len(data) == 1:
            answer.set_exception(ReadError(of_exception(data[0])))
        else:
            answer.set_exception(ReadError(Reason.MALFORMED))

    def _fail(self, transaction: int, reason: Reason) -> None:
        waiting = self._waiting.pop(transaction, None)
        if waiting and not waiting.answer.done():
            waiting.answer.set_exception(ReadError(reason))

    def _fail_all(self, reason: Reason) -> None:
        for transaction in list(self._waiting):
            self._fail(transaction, reason)
