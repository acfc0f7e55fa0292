"""Actors: who does something, as the audit names them."""

import getpass
import platform
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from ddms import VERSION

CLIENT_CHARACTERS = 200
"""So much is kept of what a client calls itself."""


class ActorKind(StrEnum):
    """What somebody is who does something."""

    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - a word
    PROGRAM = "program"
    NOBODY = "nobody"


class Transport(StrEnum):
    """By which way a request comes."""

    GRAPHQL = "graphql"
    WEBSOCKET = "websocket"
    PAGE = "page"
    ACTION = "action"
    EXPORT = "export"
    COMMAND_LINE = "command line"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who does something, from where and by what; stores take it, so that they need to know nothing of requests."""

    name: str
    address: str | None = None
    kind: ActorKind | None = None
    id: str | None = None
    """usr_2 of a person, tok_5 of a token."""
    token: str | None = None
    """The key in use; of a person it names the session."""
    client: str | None = None
    transport: Transport | None = None


def client_name(text: str) -> str:
    """Return what a client calls itself, fit to be kept: short, and without control characters."""
    return "".join(c if c.isprintable() else "�" for c in text[:CLIENT_CHARACTERS])


def _at_the_keyboard() -> str:
    account = "unknown"
    with suppress(OSError, KeyError, ImportError):  # a container may know no name for its user
        account = getpass.getuser()
    return client_name(f"ddms {VERSION} of {account}@{platform.node()}")


COMMAND_LINE = Actor(
    name="command line", kind=ActorKind.PROGRAM, client=_at_the_keyboard(), transport=Transport.COMMAND_LINE
)
SCHEDULER = Actor(name="scheduler", kind=ActorKind.PROGRAM, transport=Transport.SCHEDULER)
