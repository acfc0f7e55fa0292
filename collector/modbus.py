"""Lines: how requests reach a Modbus unit and answers come back.

Modbus TCP is our own small protocol, since polling is what DDMS spends its time on; serial lines and RTU over TCP
go through pymodbus, which only this module imports. DDMS reads and never writes.

Sources: Modbus Application Protocol V1.1b3 (sections 4 and 6.1–6.4), Modbus Messaging on TCP/IP V1.0b (section 3).
"""

import asyncio
import logging
import socket
import struct
from typing import Protocol, cast

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ExceptionResponse

from ddms.endpoints import Endpoint, Transport
from ddms.quality import Reason, of_exception

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # its errors come back as reasons

_REQUEST = struct.Struct(">HHHBBHH")
_HEADER = struct.Struct(">HHHBB")
_MOST_BYTES = 254  # of unit, function and data in a Modbus frame


class ReadError(Exception):
    """A request that brought no registers; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.explanation)
        self.reason = reason


class Line(Protocol):
    """A way to the units behind one endpoint. All methods raise `ReadError`."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""

    async def open(self, timeout: float) -> None:
        """Connect."""

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and return its data bytes: two a register, or eight bits a byte."""

    def close(self) -> None:
        """Hang up; what is waited for fails with CLOSED."""


def line(endpoint: Endpoint, *, baud_rate: int = 19200, parity: str = "even", stop_bits: int = 1) -> Line:
    """Return the line for an endpoint, not yet open."""
    if endpoint.transport is Transport.TCP:
        return TcpLine(endpoint)
    return RtuLine(endpoint, baud_rate=baud_rate, parity=parity, stop_bits=stop_bits)


def data_bytes(function: int, count: int) -> int:
    """Return how many bytes of data a right answer has."""
    return (count + 7) // 8 if function <= 2 else 2 * count


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
        except TimeoutError:
            raise ReadError(Reason.TIMEOUT) from None
        except ConnectionRefusedError:
            raise ReadError(Reason.REFUSED) from None
        except OSError:
            raise ReadError(Reason.UNREACHABLE) from None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._rest = b""
        if sock := transport.get_extra_info("socket"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

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


class RtuLine:
    """RTU frames over a serial port or a TCP connection, through pymodbus."""

    def __init__(self, endpoint: Endpoint, *, baud_rate: int, parity: str, stop_bits: int) -> None:
        self._endpoint = endpoint
        self._baud_rate, self._parity, self._stop_bits = baud_rate, parity[0].upper(), stop_bits
        self._client: AsyncModbusSerialClient | AsyncModbusTcpClient | None = None

    @property
    def is_open(self) -> bool:
        """Whether the port is open or the connection stands."""
        return self._client is not None and bool(self._client.connected)

    async def open(self, timeout: float) -> None:
        """Open the port, or connect."""
        self.close()
        # pymodbus would retry and reconnect by itself, holding its lock for seconds: both are our decisions.
        if self._endpoint.transport is Transport.SERIAL:
            self._client = AsyncModbusSerialClient(
                self._endpoint.host,
                baudrate=self._baud_rate,
                parity=self._parity,
                stopbits=self._stop_bits,
                retries=0,
                reconnect_delay=0,
                timeout=timeout,
            )
        else:
            self._client = AsyncModbusTcpClient(
                self._endpoint.host,
                port=self._endpoint.port,
                framer=FramerType.RTU,
                retries=0,
                reconnect_delay=0,
                timeout=timeout,
            )
        if not await self._client.connect():
            self.close()
            raise ReadError(Reason.NO_PORT if self._endpoint.transport is Transport.SERIAL else Reason.UNREACHABLE)

    def close(self) -> None:
        """Close the port or the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request; frames with a wrong checksum, unit or function count as no answer."""
        if self._client is None:
            raise ReadError(Reason.CLOSED)
        reads = {
            1: self._client.read_coils,
            2: self._client.read_discrete_inputs,
            3: self._client.read_holding_registers,
            4: self._client.read_input_registers,
        }
        self._client.comm_params.timeout_connect = timeout
        try:
            async with asyncio.timeout(timeout + 0.1):
                answer = await reads[function](address, count=count, device_id=unit)
        except (TimeoutError, asyncio.CancelledError) as error:
            self.close()  # what still comes belongs to nobody
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ReadError(Reason.TIMEOUT) from None
        except ConnectionException:
            raise ReadError(Reason.CLOSED) from None
        except ModbusException:
            self.close()  # RTU frames carry no number: a late one would pass for the next answer
            raise ReadError(Reason.TIMEOUT) from None
        if isinstance(answer, ExceptionResponse):
            raise ReadError(of_exception(answer.exception_code))
        return _checked(answer, unit, function, count)


def _checked(answer: object, unit: int, function: int, count: int) -> bytes:
    if getattr(answer, "dev_id", unit) != unit:
        raise ReadError(Reason.WRONG_UNIT)
    if function <= 2:
        bits = list(getattr(answer, "bits", ()))[:count]
        if len(bits) < count:
            raise ReadError(Reason.MALFORMED)
        return sum(1 << i for i, bit in enumerate(bits) if bit).to_bytes((count + 7) // 8, "little")
    registers = getattr(answer, "registers", ())
    if len(registers) != count:
        raise ReadError(Reason.MALFORMED)
    return struct.pack(f">{count}H", *registers)
