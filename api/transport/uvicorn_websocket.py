"""uvicorn's websocket protocol, with a way for frames that are made once and go to many."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "ddms.socket"
"""The key of the protocol in the scope's extensions."""


def text_frame(text: bytes) -> bytes:
    """Return an unmasked text frame, as a server sends it (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return b"\x81" + bytes((size,)) + text
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + text
    return b"\x81\x7f" + size.to_bytes(8, "big") + text


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    def handle_connect(self, event: Any) -> None:
        """Begin; the application finds the protocol in its scope."""
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def push(self, frame: bytes) -> bool:
        """Write a frame at once, or return False while the client reads too slowly for that."""
        if not self.writable.is_set():
            return False
        if not (self.disconnected or self.close_sent or self.transport.is_closing()):
            self.transport.write(frame)
        return True

    async def push_when_writable(self, frame: bytes) -> None:
        """Wait until the client has read enough, then write."""
        while not self.push(frame):
            await self.writable.wait()
