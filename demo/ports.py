"""Ports: the one that is liked best, or another when it is taken."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PortChoice:
    """A port that is free, and what to say when it is not the one that was wanted."""

    port: int
    word: str = ""


def choose(wanted: int, what: str) -> PortChoice:
    """Return the wanted port of the loopback address if it is free, else any other; 0 asks for any."""
    try:
        return PortChoice(_open(wanted))
    except OSError:
        port = _open(0)
        return PortChoice(port, f"port {wanted} is taken: {what} uses {port}")


def _open(port: int) -> int:
    with socket.create_server(("127.0.0.1", port)) as listener:
        return int(listener.getsockname()[1])
