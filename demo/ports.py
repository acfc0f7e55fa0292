"""Ports: the one that is liked best, or another when it is taken."""

import os
import socket
import sys
from dataclasses import dataclass

_kept: list[socket.socket] = []


@dataclass(frozen=True, slots=True)
class PortChoice:
    """A port that is free, and what to say when it is not the one that was wanted."""

    port: int
    word: str = ""


def choose(wanted: int, what: str) -> PortChoice:
    """Return the wanted port of the loopback address if it is free, else any other; 0 asks for any."""
    try:
        return PortChoice(keep(wanted))
    except OSError:
        port = keep()
        return PortChoice(port, f"port {wanted} is taken: {what} uses {port}")


def keep(port: int = 0) -> int:
    """Keep a port of the loopback address, any by default, as long as this process lives; raises `OSError` when it is taken.

    Until a program of ours listens there it refuses. It stays bound without listening: Linux then gives it to nobody who
    lets the system choose, for a connection or a server, but lets listen there who asks with SO_REUSEADDR, as servers do.
    Elsewhere it is let go.
    """
    kept = socket.socket()
    if os.name == "posix":
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        kept.bind(("127.0.0.1", port))
    except OSError:
        kept.close()
        raise
    number: int = kept.getsockname()[1]
    if sys.platform == "linux":
        _kept.append(kept)
    else:
        kept.close()
    return number
