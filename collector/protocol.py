"""What all lines share: the request, the error, the length of a right answer.

Source: Modbus Application Protocol V1.1b3 (sections 4 and 6.1–6.4).
"""

import socket
from typing import Protocol

from ddms.quality import Reason

_UNACKNOWLEDGED_MS = 10_000  # a gateway that lost its power says no word: what it never confirmed ends the connection


class ReadError(Exception):
    """A request that brought no registers; `reason` says why, the text in more detail where there is some."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.explanation} ({detail})" if detail else reason.explanation)
        self.reason = reason


class Reader(Protocol):
    """What sends read requests to units. Raises `ReadError`."""

    async def read(self, unit: int, function: int, address: int, count: int, timeout: float) -> bytes:
        """Send one read request and return its data bytes: two a register, or eight bits a byte."""


class Line(Reader, Protocol):
    """A way to the units behind one endpoint. All methods raise `ReadError`."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be sent."""

    async def open(self, timeout: float) -> None:
        """Connect."""

    def close(self) -> None:
        """Hang up; what is waited for fails with CLOSED."""


def data_bytes(function: int, count: int) -> int:
    """Return how many bytes of data a right answer has."""
    return (count + 7) // 8 if function <= 2 else 2 * count


def of_connecting(error: OSError) -> ReadError:
    """Return why a TCP connection could not be made."""
    if isinstance(error, TimeoutError):
        return ReadError(Reason.TIMEOUT)
    return ReadError(Reason.REFUSED if isinstance(error, ConnectionRefusedError) else Reason.UNREACHABLE)


def tune(sock: socket.socket) -> None:
    """Send at once, and notice within seconds that the other end is gone (RFC 5482)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
