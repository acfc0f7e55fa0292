"""Lines whose frames carry no number, RTU and ASCII: over a serial port, a TCP connection or datagrams.

An answer that comes late could pass for the answer to the next request. It never does here: an answer is only taken when
unit, function, length and checksum are those of the request, and after a time-out a unit is first asked for another
length, whose answer proves that the late one is behind us (units answer in order). This costs one short request instead
of waiting, and no other unit is held up. Datagrams keep no order and may come twice: there each request has a socket of its
own besides, at which no copy of another's answer can arrive.
"""

import asyncio
import struct
import time
from collections.abc import Iterator
from typing import Any, Protocol

from collector.line import ascii_frames, rtu
from collector.line.ports import NetworkPort, Port, SerialPort
from collector.line.requests import ReadError, Run, data_bytes, in_time, one_by_one
from collector.line.rtu import FrameShape
from ddms.endpoints import Endpoint, Frames, Transport
from ddms.lines import LineSettings
from ddms.quality import Reason

LATE_SECONDS = 10.0  # an answer that is later than this does not come any more
QUIET_SECONDS = 0.1  # after a whole answer with a wrong checksum: no use to wait on
_MOST_BUFFERED = 1024
_FLOOD = 1_000_000  # bytes after one request; no wire is so fast, so they come over TCP


class Framing(Protocol):
    """How bytes become frames: the modules `rtu` and `ascii_frames`."""

    def framed(self, body: bytes) -> bytes:
        """Return unit, function and what follows as a frame."""

    def frames(self, buffer: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the end and the bytes of each whole frame with a right checksum."""

    def holds_broken(self, buffer: bytes, shape: FrameShape) -> bool:
        """Whether a whole answer of a shape is there whose checksum is wrong."""


_LATE: dict[Endpoint, dict[FrameShape, float]] = {}
"""Answers that may still come, and until when (monotonic). They belong to the wire: whoever opens it next must know."""


class _Exchange:
    """One request and what came since it was sent."""

    def __init__(self, framing: Framing, request: bytes, shape: FrameShape, late: dict[FrameShape, float]) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.shape = shape
        self._framing = framing
        self._echo = request
        self._late = late
        self._buffer = b""
        self._strange: Reason | None = None
        self.dropped = 0

    @property
    def is_broken(self) -> bool:
        """Whether a whole answer came whose checksum is wrong. Stray bytes, however many, are none: they are waited out."""
        return self._framing.holds_broken(self._buffer, self.shape)

    def receive(self, data: bytes) -> None:
        """Take bytes; when the answer is whole, `answer` has it."""
        self._buffer = (self._buffer + data)[-_MOST_BUFFERED:]
        if self._echo and (at := self._buffer.find(self._echo)) >= 0:  # a two-wire adapter hears itself
            self._buffer, self._echo = self._buffer[at + len(self._echo) :], b""
        taken = 0
        for end, frame in self._framing.frames(self._buffer):
            if not self.answer.done():
                self._take(frame)
            taken = end
        self._buffer = self._buffer[taken:]

    def _take(self, frame: bytes) -> None:
        unit, function = frame[0], frame[1]
        if unit == self.shape.unit and function == self.shape.function | 0x80:
            self.answer.set_exception(ReadError.of_exception(frame[2]))
        elif (unit, function) == (self.shape.unit, rtu.IDENTIFICATION) == self.shape[:2]:
            self.answer.set_result(frame[2:])
        elif (found := FrameShape(unit, function, len(frame) - 3)) == self.shape:
            self.answer.set_result(frame[3:])
        elif found in self._late:
            self.dropped += 1
        else:
            self._strange = Reason.MALFORMED if unit == self.shape.unit else Reason.WRONG_UNIT

    def reason(self) -> Reason:
        """Say why there is no answer, from what came instead of it."""
        return self._strange or (Reason.MALFORMED if self._buffer else Reason.TIMEOUT)


class UnnumberedLine:
    """One request at a time, as a two-wire line has it; callers wait for their turn."""

    def __init__(self, settings: LineSettings) -> None:
        endpoint = settings.endpoint
        self._framing: Framing = ascii_frames if endpoint.transport.frames is Frames.ASCII else rtu
        self._port: Port = (
            SerialPort(settings, self._received, self._lost)
            if endpoint.transport.is_serial
            else NetworkPort(endpoint, self._received, self._lost)
        )
        self._silent_seconds = rtu.silent_seconds(settings.baud_rate) if endpoint.transport is Transport.SERIAL else 0.0
        self._is_datagram = endpoint.transport.is_datagram
        self._turn = asyncio.Lock()
        self._exchange: _Exchange | None = None
        self._late = _LATE.setdefault(endpoint, {})
        self._heard = 0.0
        self._come = 0  # bytes since the last request
        self._quiet: asyncio.TimerHandle | None = None
        self.late = 0

    @property
    def is_open(self) -> bool:
        """Whether the port is open or the connection stands."""
        return self._port.is_open

    async def open(self, timeout: float) -> None:
        """Open the port, or connect."""
        self.close()
        self._come = 0
        await self._port.open(timeout)

    def close(self) -> None:
        """Close the port or the connection. Late answers stay remembered: a serial gateway may still bring them."""
        self._port.close()
        self._lost()

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and wait for its answer; the time-out runs from when it is sent."""
        async with self._turn:
            now = time.monotonic()
            for shape in [shape for shape, until in self._late.items() if until <= now]:
                del self._late[shape]
            if FrameShape(unit, function, data_bytes(function, count)) in self._late:
                await self._pass_late(unit, function, address, timeout)
            answer = await self._read_once(unit, function, address, count, timeout)
            if self._late:
                self._forget_late(unit)
            return answer

    async def ask(self, unit: int, body: bytes, timeout: float) -> bytes:
        """Send any request whose answers the framing knows the length of."""
        async with self._turn:
            return await self._exchange_once(bytes([unit]) + body, FrameShape(unit, *body[:2]), timeout)

    async def follow(self, run: Run[Any], timeout: float, pause: float) -> None:
        """Send what is left of a run, one request at a time."""
        await one_by_one(self, run, timeout, pause)

    async def _pass_late(self, unit: int, function: int, address: int, timeout: float) -> None:
        """Ask for a length that no late answer has; once it is answered, all before it were, or never will be."""
        step = 8 if function <= 2 else 1
        count = next(
            c for c in range(1, 2000, step) if FrameShape(unit, function, data_bytes(function, c)) not in self._late
        )
        try:
            await self._read_once(unit, function, min(address, 65_536 - count), count, timeout)
        except ReadError as error:
            if error.reason < Reason.ILLEGAL_FUNCTION:  # no answer; an exception is one
                raise
            self._forget_late(unit)  # it was this exception, or that of the late request: then ours is still to come
            self._late[FrameShape(unit, function, data_bytes(function, count))] = time.monotonic() + LATE_SECONDS
        else:
            self._forget_late(unit)

    def _forget_late(self, unit: int) -> None:
        for shape in [shape for shape in self._late if shape.unit == unit]:
            del self._late[shape]

    async def _read_once(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        body = struct.pack(">BBHH", unit, function, address, count)
        return await self._exchange_once(body, FrameShape(unit, function, data_bytes(function, count)), timeout)

    async def _exchange_once(self, body: bytes, shape: FrameShape, timeout: float) -> bytes:
        if not self._port.is_open:
            raise ReadError(Reason.CLOSED)
        if self._is_datagram:
            await self._port.open(timeout)
        await self._keep_silent_time()
        request = self._framing.framed(body)
        self._exchange = exchange = _Exchange(self._framing, request, shape, self._late)
        self._come = 0
        try:
            self._port.send(request)
            async with in_time(timeout):
                return await exchange.answer
        except (TimeoutError, asyncio.CancelledError) as error:
            self._late[shape] = time.monotonic() + max(LATE_SECONDS, 2 * timeout)
            if isinstance(error, TimeoutError):
                raise ReadError(exchange.reason()) from None
            raise
        finally:
            self._exchange = None
            self.late += exchange.dropped

    async def _keep_silent_time(self) -> None:
        wait = self._heard + self._silent_seconds - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)

    def _received(self, data: bytes) -> None:
        self._heard = time.monotonic()
        if self._quiet is not None:
            self._quiet.cancel()
            self._quiet = None
        exchange = self._exchange
        self._come += len(data)
        if self._come > _FLOOD:  # to look at it has no end
            if exchange is not None:
                exchange.receive(data)
                self._fail(exchange)
            self.close()
            return
        if exchange is None:
            self.late += 1
            return
        exchange.receive(data)
        if exchange.is_broken and not exchange.answer.done():
            loop = asyncio.get_running_loop()
            self._quiet = loop.call_later(QUIET_SECONDS, self._fail, exchange)

    def _fail(self, exchange: _Exchange) -> None:
        if not exchange.answer.done():
            exchange.answer.set_exception(ReadError(exchange.reason()))

    def _lost(self, reason: Reason = Reason.CLOSED) -> None:
        if self._exchange is not None and not self._exchange.answer.done():
            self._exchange.answer.set_exception(ReadError(reason))
