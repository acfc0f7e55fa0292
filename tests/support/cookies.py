"""People whose browsers are signed in, and the cookies that these send."""

from dataclasses import dataclass

import asyncpg

from api.access import sessions
from api.ground.actor import Actor
from api.ground.database import Statements

INSERT_PERSON = "INSERT INTO users (name, role, language, limited) VALUES ($1, $2, $3, $4) RETURNING id"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is signed in."""

    id: int
    name: str
    token_id: int
    secret: str

    @property
    def cookie(self) -> dict[str, str]:
        """What their browser sends."""
        return {"Cookie": f"{sessions.COOKIE}={self.secret}"}


async def signed_in(
    owner: asyncpg.Connection, name: str, role: str, *, language: str | None = None, limited: bool = False
) -> Person:
    """Make a person and a session of theirs."""
    number = await owner.fetchval(INSERT_PERSON, name, role, language, limited)
    begun = await sessions.begin(Statements(owner), Actor(name=name), number, agent="a test")
    return Person(id=number, name=name, token_id=begun.token_id, secret=begun.secret)
