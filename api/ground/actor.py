"""Actors: who does something, as the audit log names them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who does something, and from where; stores take it, so that they need to know nothing of requests."""

    name: str
    address: str | None = None


COMMAND_LINE = Actor(name="command line")
SCHEDULER = Actor(name="scheduler")
