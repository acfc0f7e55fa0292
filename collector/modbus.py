"""Lines: how requests reach a Modbus unit and answers come back.

Modbus TCP is here, RTU frames are in `collector.rtu`: both are own small protocols, since polling is what DDMS spends
its time on, and since RTU needs care that no library takes (late answers). DDMS reads and never writes.

Source: Modbus Messaging on TCP/IP V1.0b (section 3).
"""

import asyncio
import struct
from typing import cast

from collector.protocol import Line, Reader, ReadError, data_bytes, of_connecting, tune
from collector.rtu import RtuLine
from ddms.endpoints import Endpoint, Transport
from ddms.quality import Reason, of_exception

__all__ = ["Line", "ReadError", "Reader", "TcpLine", "data_bytes", "line"]

_REQUEST = struct.Struct(">HHHBBHH")
_HEADER = struct.Struct(">HHHBB")
_MOST_BYTES = 254  # of unit, function and data in a Modbus frame


def line(endpoint: Endpoint, *, baud_rate: int = 19200, parity: str = "even", stop_bits: int = 1) -> Line:
    """Return the line for an endpoint, not yet open."""
    if endpoint.transport is Transport.TCP:
        return TcpLine(endpoint)
    return RtuLine(endpoint, baud_rate=baud_rate, parity=parity, stop_bits=stop_bits)


class TcpLine(asyncio.Protocol):
    """Modbus TCP. Each request has its own transaction id, so a late answer is never taken for another's."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[asyncio.Future[bytes], int, int, int]] = {}
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
        self._waiting[transaction] = (answer, unit, function, count)
        self._transport.write(_REQUEST.pack(transaction, 0, 6, unit, function, address, count))
        expiry = self._loop.call_later(timeout, self._fail, transaction, Reason.TIMEOUT)
        try:
            return await answer
        finally:
            expiry.cancel()
            self._waiting.pop(transaction, None)

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
        answer, asked_unit, asked_function, count = self._waiting.pop(transaction)
        if answer.done():
            return
        if unit != asked_unit:
            answer.set_exception(ReadError(Reason.WRONG_UNIT))
        elif (
            function == asked_function
            and data[:1] == bytes([size := data_bytes(function, count)])
            and len(data) == size + 1
        ):
            answer.set_result(data[1:])
        elif function == asked_function | 0x80 and len(data) == 1:
            answer.set_exception(ReadError(of_exception(data[0])))
        else:
            answer.set_exception(ReadError(Reason.MALFORMED))

    def _fail(self, transaction: int, reason: Reason) -> None:
        waiting = self._waiting.pop(transaction, None)
        if waiting and not waiting[0].done():
            waiting[0].set_exception(ReadError(reason))

    def _fail_all(self, reason: Reason) -> None:
        for transaction in list(self._waiting):
            self._fail(transaction, reason)
