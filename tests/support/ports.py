"""Ports for the tests."""

from demo.ports import keep


def free_port() -> int:
    """Return a port of the loopback interface that is this process's: it refuses until a server of ours listens there."""
    return keep()
