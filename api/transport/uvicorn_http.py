"""uvicorn's HTTP protocol, but for four things.

Head and body of an answer leave in one write: uvicorn writes them apart, and uvloop makes a system call of each write;
on a small answer the second one, and the client's second awakening, cost as much as all that the API does for it.

Who does not read an answer loses the connection: uvicorn keeps what is unread, and what made it, for ever.

The head of a request has limits of size and time: uvicorn takes any, for ever. A proxy has them too, but not everybody
has a proxy. Who is refused so may still be sending: the connection is closed when that has arrived, or a second later,
because a system that closes with bytes unread takes back the answer as well (RFC 9112, 9.6).

When the program ends, a connection that has asked nothing yet is given a moment: uvicorn closes it at once, and what was on
its way over it is lost, though nobody refused it. So a replica that is replaced drops nothing.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.ground import limits
from api.transport.request import WHOLE

UNREAD_SECONDS = 60.0
"""How long a client may read nothing while something waits for it."""
FIRST_SECONDS = 1.0
"""How long a connection may still ask for the first time when the program ends."""
_LINGER_SECONDS, _LINGER_BYTES = 1.0, 1024 * 1024
"""How long, and how much of, what a refused client still sends is taken and thrown away."""

logger = logging.getLogger("api.requests")

_CONTINUE = b"HTTP/1.1 100 "


_TOO_LARGE = 431, f"the head of a request has at most {limits.HEADER_BYTES} bytes and {limits.HEADERS} headers"
_TOO_LONG = 414, f"an address has at most {limits.URL_BYTES} bytes: send a long document by POST"
_TOO_LATE = 408, "the head of the request did not come in time"


def _refused(status: int, sentence: str) -> bytes:
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(sentence)}\r\n"
    )
    return f"{head}connection: close\r\n\r\n{sentence}".encode("ascii")


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)


class _Joined:
    """A transport that holds the head of an answer back until its body comes."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.inner = transport
        self._head = b""
        self.expects_head = True
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.set_protocol = transport.set_protocol

    def write(self, data: bytes) -> None:
        if self.expects_head and not data.startswith(_CONTINUE):
            self._head, self.expects_head = data, False
            return
        if self.is_closing():  # uvloop raises, where asyncio drops
            return
        if self._head:
            data, self._head = self._head + data, b""
        self.inner.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self.inner.close()

    def end_writing(self) -> None:
        self.flush()
        self.inner.write_eof()


class _TooLarge(Exception):  # noqa: N818 - the parser passes it on to where the answer is made
    """A head that is not read any further."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _watching: asyncio.TimerHandle | None = None
    _late: asyncio.TimerHandle | None = None
    _in_head = _handed_over = _is_refused = _is_last = False
    _head_bytes = 0
    _refusal = (400, "this is not HTTP")

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(_Joined(transport))  # type: ignore[arg-type]
        self._late = self.loop.call_later(limits.HEADER_SECONDS, self._end_late)

    def data_received(self, data: bytes) -> None:
        """Read; a head that is not whole yet has a limit of bytes, and of time."""
        if self._is_refused:
            self._head_bytes += len(data)
            if self._head_bytes > _LINGER_BYTES:
                self.transport.close()
            return
        self._head_bytes = self._head_bytes + len(data) if self._in_head else len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > limits.HEADER_BYTES:
            self._refusal = _TOO_LARGE
            self.send_400_response("")
        elif self._handed_over:
            pass
        elif not self._in_head and self.cycle is not None and not self.cycle.response_complete:
            self._in_time()
        elif self._late is None:
            self._late = self.loop.call_later(limits.HEADER_SECONDS, self._end_late)

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End to read a head; raises when it is too large."""
        self._in_head = False
        if len(self.url) > limits.URL_BYTES:
            self._refusal = _TOO_LONG
            raise _TooLarge
        if len(self.headers) > limits.HEADERS or (
            self._head_bytes > limits.HEADER_BYTES and _size(self.headers) > limits.HEADER_BYTES
        ):
            self._refusal = _TOO_LARGE
            raise _TooLarge
        super().on_headers_complete()
        if self._is_last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """End to read a request."""
        cast("Any", self.scope)[WHOLE] = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or one too large, and end the connection."""
        if self.transport.is_closing() or self._is_refused:
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False  # its answer is on the way, and is the last
            return
        self._is_refused = True
        self._in_time()
        self.transport.write(_refused(*self._refusal))
        self.transport.end_writing()  # type: ignore[attr-defined]
        self._late = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _end_late(self) -> None:
        """End a connection whose head does not come; who has sent a part of it is told why."""
        self._late = None
        if self._in_head:
            self._refusal = _TOO_LATE
            self.send_400_response("")
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """End when all is answered that was asked, and what is being asked."""
        if self._is_refused or not (self.cycle is None or self._in_head):
            super().shutdown()
            return
        self._is_last = True
        self.loop.call_later(FIRST_SECONDS, super().shutdown)

    def _in_time(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None

    def on_response_complete(self) -> None:
        """Send a head that no body followed (to HEAD), and expect the head of another answer."""
        self.transport.flush()  # type: ignore[attr-defined]
        self.transport.expects_head = True  # type: ignore[attr-defined]
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Begin to watch whether the client reads what waits for it."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """It has read."""
        super().resume_writing()
        if self._watching:
            self._watching.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._in_time()
        if self._watching:
            self._watching.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._watching = self.loop.call_later(UNREAD_SECONDS, self._end_unread, self._unread())

    def _unread(self) -> int:
        return int(self.transport.inner.get_write_buffer_size())  # type: ignore[attr-defined]

    def _end_unread(self, before: int) -> None:
        if self._unread() < before:
            self._watch()
            return
        logger.warning("%s reads nothing: its connection is ended with %s bytes unread", self.client, before)
        self.transport.inner.abort()  # type: ignore[attr-defined]

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over as it was made; when the program ends there is none any more."""
        if self._is_last:
            self.transport.close()
            return
        self._in_time()
        self._handed_over = True
        self.transport = self.transport.inner  # type: ignore[attr-defined]
        super().handle_websocket_upgrade()
