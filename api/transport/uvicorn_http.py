"""uvicorn's HTTP protocol, but for two things.

Head and body of an answer leave in one write: uvicorn writes them apart, and uvloop makes a system call of each write;
on a small answer the second one, and the client's second awakening, cost as much as all that the API does for it.

Who does not read an answer loses the connection: uvicorn keeps what is unread, and what made it, for ever.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

UNREAD_SECONDS = 60.0
"""How long a client may read nothing while something waits for it."""

logger = logging.getLogger("api.requests")

_CONTINUE = b"HTTP/1.1 100 "


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


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _watching: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(_Joined(transport))  # type: ignore[arg-type]

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
        """Hand the connection over as it was made."""
        self.transport = self.transport.inner  # type: ignore[attr-defined]
        super().handle_websocket_upgrade()
