"""uvicorn's HTTP protocol, but for one thing: head and body of an answer leave in one write.

uvicorn writes them apart, and uvloop makes a system call of each write; on a small answer the second one, and the
client's second awakening, cost as much as all that the API does for it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        super().connection_made(_Joined(transport))  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        """Send a head that no body followed (to HEAD), and expect the head of another answer."""
        self.transport.flush()  # type: ignore[attr-defined]
        self.transport.expects_head = True  # type: ignore[attr-defined]
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over as it was made."""
        self.transport = self.transport.inner  # type: ignore[attr-defined]
        super().handle_websocket_upgrade()
