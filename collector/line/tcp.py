"""Lines: how requests reach a Modbus unit and answers come back.

Frames with a header are here, those of Modbus TCP, UDP and TLS; RTU and ASCII frames are in `collector.line.unnumbered`.
Both are own small protocols, since polling is what DDMS spends its time on, and since what carries no number needs care
that no library takes (late answers). DDMS reads and never writes.

Source: Modbus Messaging on TCP/IP V1.0b (section 3).
"""

import asyncio
import struct
import time
from typing import Any, cast

from collector.line import mbap, tls
from collector.line.carriers import Above, Carrying, connect
from collector.line.mbap import EXCEPTION_BYTES
from collector.line.requests import (
    CATCH_UP,
    HEAD_BYTES,
    HELD_UP,
    Line,
    Reader,
    ReadError,
    ReadRequest,
    Run,
    data_bytes,
    in_time,
    of_connecting,
    one_by_one,
)
from collector.line.unnumbered import UnnumberedLine
from ddms.endpoints import Endpoint, Frames
from ddms.lines import LineSettings
from ddms.quality import Reason

__all__ = ["Line", "ReadError", "ReadRequest", "Reader", "Run", "TcpLine", "data_bytes", "line"]

_FRAME = struct.Struct(">H10s")
_CLOCK_TICK = 0.002  # seconds by which a timer may fire before the deadline it was set for
_SETTLED = 0.05  # seconds after which nothing more comes of what was sent at once
_RECENT = 16  # requests after whose answer a second copy of it is still thought possible
_LATE = 64  # late answers that may come at once
_MOST_BYTES = 260  # of one answer


def line(settings: LineSettings) -> Line:
    """Return the line for an endpoint, not yet open."""
    if settings.endpoint.transport.frames is Frames.MBAP:
        return TcpLine(settings.endpoint)
    return UnnumberedLine(settings)


class _Exchange:
    """A run and its request that is on its way.

    `strange` is what came instead of an answer; `nameless` is a right answer but for its transaction id.
    """

    __slots__ = ("done", "nameless", "request", "run", "sent", "strange", "timeout", "transaction")

    def __init__(self, run: Run[Any], timeout: float, done: asyncio.Future[None]) -> None:
        self.run = run
        self.timeout = timeout
        self.done = done
        self.request: ReadRequest
        self.sent = 0.0  # by the monotonic clock
        self.transaction = 0
        self.strange: Reason | None = None
        self.nameless: bytes | None = None

    def fail(self, reason: Reason, *, ask_again: bool = False) -> None:
        """End the run at the request that it stands at."""
        self.refuse(ReadError(reason, ask_again=ask_again))

    def refuse(self, error: ReadError) -> None:
        """End the run at the request that it stands at, by what the device said."""
        if not self.done.done():
            self.done.set_exception(error)


class _AnyExchange:
    """A request of which only the answer's header tells the length."""

    def __init__(self, transaction: int, unit: int, function: int) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transaction, self._unit, self._function = transaction, unit, function
        self._buffer = b""

    def receive(self, data: bytes) -> None:
        """Take bytes; other answers, which come late, are passed over."""
        self._buffer = (self._buffer + data)[: 4 * _MOST_BYTES]
        while (found := mbap.frame(self._buffer)) is not None and len(self._buffer) >= found[1]:
            frame, self._buffer = self._buffer[: found[1]], self._buffer[found[1] :]
            if found[0] != self._transaction or frame[6] != self._unit or self.answer.done():
                continue
            if frame[7] == self._function:
                self.answer.set_result(frame[8:])
            elif frame[7] == self._function | 0x80 and len(frame) == EXCEPTION_BYTES:
                self.fail(ReadError.of_exception(frame[8]))
            else:
                self.fail(ReadError(Reason.MALFORMED))

    def fail(self, error: ReadError) -> None:
        """End it without an answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


class TcpLine(Above):
    """Modbus TCP, also over datagrams. Each request has its own transaction id, so a late answer is never taken for another's.

    Some devices do not return it. Such a line has one request in flight, whose answer can only be its own, and a time-out
    closes it: an answer that comes late could not be told from the next one.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: Carrying | None = None
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, _Exchange] = {}  # by transaction id
        self._abandoned: set[int] = set()  # transaction ids whose answers may still come over this connection
        self._watch: asyncio.TimerHandle | None = None
        self._watched = 0.0
        self._is_catching_up = False
        self._transaction = 0
        self._rest = b""
        self._come = 0  # bytes since the last right answer
        self._in_step = True  # whether the rest begins with a frame
        self._is_nameless = False  # whether the peer returns no transaction ids
        self._turn = asyncio.Lock()
        self._any: _AnyExchange | None = None
        self.late = 0

    @property
    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    async def open(self, timeout: float) -> None:
        """Connect, trying the host's addresses in turn."""
        await connect(self._endpoint, self, timeout)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the open connection."""
        self._transport = cast("Carrying", transport)
        self._rest, self._come = b"", 0
        self._abandoned.clear()

    def error_received(self, error: Exception) -> None:
        """Let all who wait fail: a datagram was refused. The next one may arrive."""
        self._fail_all(of_connecting(cast("OSError", error)).reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let all who wait fail."""
        if self._transport is None or self._transport.is_closing():  # else it is an earlier connection that ends late
            self._transport = None
            self._fail_all((exc and tls.reason_of(exc)) or Reason.CLOSED)

    def close(self) -> None:
        """Hang up."""
        self._close(ask_again=False)

    def _hang_up(self) -> None:
        """Close the connection to a peer that sends more than all answers that can come: to look at it has no end."""
        self._fail_all(Reason.MALFORMED)
        self._close(ask_again=False)

    def _close(self, *, ask_again: bool) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        self._fail_all(Reason.CLOSED, ask_again=ask_again)

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and wait for the answer that carries its transaction id."""
        answers: list[bytes] = []
        request = ReadRequest(unit, function, address, count)
        await self.follow(Run([request], lambda _, data, *__: answers.append(data)), timeout)
        return answers[0]

    async def ask(self, unit: int, body: bytes, timeout: float) -> bytes:
        """Send any request, whose answer is cut by its own header; without one the connection is closed."""
        async with self._turn:
            if self._transport is None:
                raise ReadError(Reason.CLOSED)
            self._transaction = self._transaction % 0xFFFF + 1
            self._any = wanted = _AnyExchange(self._transaction, unit, body[0])
            try:
                self._transport.write(struct.pack(">HHHB", self._transaction, 0, len(body) + 1, unit) + body)
                async with in_time(timeout):
                    return await wanted.answer
            except TimeoutError:
                self._close(ask_again=False)
                raise ReadError(Reason.TIMEOUT) from None
            finally:
                self._any = None

    async def follow(self, run: Run[Any], timeout: float, pause: float = 0.0) -> None:
        """Send what is left of a run; without a pause each right answer sends the next request as soon as it is here."""
        if pause:
            await one_by_one(self, run, timeout, pause)
        elif self._is_nameless:
            async with self._turn:
                await self._follow(run, timeout)
        else:
            await self._follow(run, timeout)

    async def _follow(self, run: Run[Any], timeout: float) -> None:
        exchange = _Exchange(run, timeout, self._loop.create_future())
        now = time.monotonic()
        if not self._waiting:
            self._rest, self._in_step, self._come = b"", True, 0
        self._send(exchange, run.request, now)
        self._watch_until(now + timeout)
        try:
            await exchange.done
        finally:
            if exchange.transaction in self._waiting:  # cancelled
                self._abandon(exchange)

    def _send(self, exchange: _Exchange, request: ReadRequest | None, now: float) -> None:
        if request is None:
            exchange.done.set_result(None)
        elif self._transport is None:
            exchange.fail(Reason.CLOSED)
        else:
            self._transaction = transaction = self._transaction % 0xFFFF + 1  # never 0, which some return always
            self._waiting[transaction] = exchange
            exchange.transaction, exchange.request, exchange.sent = transaction, request, now
            try:
                self._transport.write(_FRAME.pack(transaction, request.tail))
            except RuntimeError:  # uvloop's, for a connection that was lost before we heard of it
                self._transport = None
                self._fail_all(Reason.CLOSED)

    # -- time

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
        if now > self._watched + HELD_UP and not self._is_catching_up:
            self._is_catching_up = True
            self._watch_until(now + CATCH_UP)  # this program was held up: what came meanwhile is taken first
            return
        self._is_catching_up = False
        for exchange in list(self._waiting.values()):
            if exchange.sent + exchange.timeout <= now:
                self._time_out(exchange)
        if self._waiting:
            self._watch_until(min(exchange.sent + exchange.timeout for exchange in self._waiting.values()))

    def _time_out(self, exchange: _Exchange) -> None:
        """Nothing right came in time. A single answer that was right but for its number has had no rival: it is taken."""
        found, exchange.nameless = exchange.nameless, None
        if found is not None:
            self._is_nameless = True
        if found is not None and not self._abandoned:
            self._accept(exchange, found)
            return
        alone = len(self._waiting) == 1
        exchange.fail(exchange.strange or (Reason.MALFORMED if alone and self._rest else Reason.TIMEOUT))
        self._abandon(exchange)

    def _abandon(self, exchange: _Exchange) -> None:
        del self._waiting[exchange.transaction]
        self._abandoned.add(exchange.transaction)
        if self._is_nameless:
            self.close()

    # -- what comes

    def data_received(self, data: bytes) -> None:
        """Cut the stream into answers, however the network cut it; hang up on a peer that sends without end."""
        if self._any is not None:
            self._any.receive(data)
            return
        self._come += len(data)
        if self._come > _MOST_BYTES * (len(self._waiting) + min(len(self._abandoned), _LATE) + _RECENT):
            self._hang_up()
            return
        buffer = self._rest + data if self._rest else data
        self._rest = b""
        while buffer:
            exchange = self._waiting.get(buffer[0] << 8 | buffer[1]) if len(buffer) > HEAD_BYTES else None
            if exchange is not None and buffer[2:HEAD_BYTES] == exchange.request.right:
                whole = exchange.request.whole
                if len(buffer) >= whole and (len(self._waiting) == 1 or self._is_all_its_own(buffer, whole, exchange)):
                    self._take(exchange, buffer[HEAD_BYTES:whole])
                    buffer = buffer[whole:]
                    self._in_step = True
                    continue
            buffer = self._sift(buffer)

    def _is_all_its_own(self, buffer: bytes, end: int, exchange: _Exchange) -> bool:
        return not self._cut(buffer, 0, end, exchange) and not self._may_be_cut(buffer, 0, end, exchange)

    def _settle(self, held: bytes) -> None:
        """Take an answer that might have been too short, had more come."""
        if self._rest is held:
            self._rest = self._sift(held, is_settled=True)

    def _take(self, exchange: _Exchange, data: bytes) -> None:
        del self._waiting[exchange.transaction]
        self._come = 0
        if exchange.done.done():
            self.late += 1
            return
        if exchange.strange is not None or exchange.nameless is not None:
            exchange.strange = exchange.nameless = None
        now = time.monotonic()
        self._send(exchange, exchange.run.answered(exchange.request, data, exchange.sent, now), now)

    def _accept(self, exchange: _Exchange, answer: bytes) -> None:
        """Take an answer or an exception."""
        if mbap.is_exception(answer, 0, exchange.request):
            del self._waiting[exchange.transaction]
            exchange.refuse(ReadError.of_exception(answer[HEAD_BYTES - 1]))
        else:
            self._take(exchange, answer[HEAD_BYTES:])

    def _sift(self, buffer: bytes, *, is_settled: bool = False) -> bytes:
        """Make the best of bytes that do not begin with a right answer; return what is left to be looked at."""
        places = [self._place(buffer, exchange) for exchange in self._waiting.values()]
        at, is_nameless, transaction = min((place for place in places if place[0] >= 0), default=(-1, False, 0))
        if at < 0:
            return self._pass_over(buffer)
        self.late += at > 0
        exchange = self._waiting[transaction]
        end = mbap.end_of(buffer, at, exchange.request)
        if cut := self._cut(buffer, at, end, None if is_nameless else exchange):
            if not is_nameless:  # it is too short, and another's answer begins where it breaks off
                del self._waiting[transaction]
                exchange.fail(Reason.MALFORMED)
            return buffer[cut:]
        if len(buffer) < end:
            self._rest = buffer[at:]
            return b""
        if not is_nameless and not is_settled and self._may_be_cut(buffer, at, end, exchange):
            self._rest = buffer[at:]
            self._loop.call_later(_SETTLED, self._settle, self._rest)
            return b""
        self._in_step = True
        if is_nameless:
            self._accept_nameless(exchange, buffer[at:end])
            if transaction in self._waiting:  # it was not taken
                return self._behind(buffer, end)
            return buffer[end:]
        self._accept(exchange, buffer[at:end])
        return buffer[end:]

    def _place(self, buffer: bytes, exchange: _Exchange) -> tuple[int, bool, int]:
        """Return where an answer begins (-1: nowhere), whether its transaction id is missing, and the exchange's id."""
        transaction, request = exchange.transaction, exchange.request
        at = mbap.find(buffer, request, transaction)
        swapped = mbap.swapped(transaction)
        if at < 0 and swapped not in self._waiting and not self._is_known(swapped):
            at = mbap.find(buffer, request, swapped)
        nameless = mbap.find_nameless(buffer, request, in_step=self._in_step)
        return (at, False, transaction) if nameless < 0 or 0 <= at <= nameless else (nameless, True, transaction)

    def _cut(self, buffer: bytes, at: int, end: int, but: _Exchange | None) -> int:
        """Return where another's answer begins within one, which is too short then; 0 if none does."""
        places = (
            mbap.find(buffer, other.request, other.transaction, at + HEAD_BYTES)
            for other in self._waiting.values()
            if other is not but
        )
        return min((place for place in places if 0 < place < end), default=0)

    def _may_be_cut(self, buffer: bytes, at: int, end: int, exchange: _Exchange) -> bool:
        """Whether the end of an answer may be the beginning of another's, of which the rest is still to come."""
        return any(
            other is not exchange and mbap.may_begin(buffer, at + HEAD_BYTES, end, other.transaction) < end
            for other in self._waiting.values()
        )

    def _behind(self, buffer: bytes, end: int) -> bytes:
        """Return what lies behind bytes of which nobody can tell how many they are: an answer may begin in them."""
        place = min((mbap.may_begin(buffer, 1, end, one.transaction) for one in self._waiting.values()), default=end)
        self._in_step = place == end
        return buffer[place:]

    def _is_known(self, transaction: int) -> bool:
        """Whether an answer with this id may be a late one, or the second copy of one."""
        return transaction in self._abandoned or (
            transaction > 0 and 0 < self._transaction - transaction < _RECENT and not self._is_nameless
        )

    def _accept_nameless(self, exchange: _Exchange, answer: bytes) -> None:
        """Take an answer to the only request in flight, though its number is another; or wait whether a right one comes."""
        transaction = int.from_bytes(answer[:2])
        if self._is_known(transaction):
            self.late += 1
        elif len(self._waiting) > 1:
            exchange.strange = Reason.MALFORMED
            if transaction == 0:
                self._is_nameless = True
                self._close(ask_again=True)
        elif self._abandoned:
            self._is_nameless = self._is_nameless or transaction == 0
            exchange.strange = Reason.MALFORMED
            exchange.nameless = answer
        elif transaction == 0 or self._is_nameless:
            self._is_nameless = True
            self._accept(exchange, answer)
        else:
            exchange.nameless = answer

    def _pass_over(self, buffer: bytes) -> bytes:
        """Take note of what is no answer to anything; return what lies behind it."""
        if not self._waiting:
            self.late += 1
            return b""
        found = mbap.frame(buffer) if self._in_step else None
        if found is None:
            if self._in_step and len(buffer) < HEAD_BYTES:
                self._rest = buffer  # its head is still to come
            else:
                self._in_step = False
                self._rest = buffer[1 - HEAD_BYTES :]  # a head may begin in it
            return b""
        transaction, end = found
        if len(buffer) < end:
            self._rest = buffer
            return b""
        if (exchange := self._waiting.pop(transaction, None)) is not None:
            exchange.fail(_reason(buffer, exchange.request))
        elif self._is_known(transaction):
            self.late += 1
        elif len(self._waiting) == 1:
            (exchange,) = self._waiting.values()
            exchange.strange = _reason(buffer, exchange.request)
        return self._behind(buffer, end)

    def _fail_all(self, reason: Reason, *, ask_again: bool = False) -> None:
        if self._any is not None:
            self._any.fail(ReadError(reason))
        waiting, self._waiting = self._waiting, {}
        for exchange in waiting.values():
            exchange.fail(reason, ask_again=ask_again)


def _reason(frame: bytes, request: ReadRequest) -> Reason:
    """Say why a frame is not the answer to a request."""
    return Reason.WRONG_UNIT if frame[6] != request.unit else Reason.MALFORMED
