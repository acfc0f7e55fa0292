"""Links to an export: each is good for one use within a minute, and for nothing but the export it was made for."""

import secrets
from hashlib import sha256
from typing import Any, NamedTuple

from api.ground.callers import Caller, caller_of
from api.ground.database import Database
from ddms.errors import Code, DdmsError

VALID_SECONDS = 60

ADD_LINK = """-- ddms:add_export_link
WITH old AS (DELETE FROM export_links WHERE expires_at < now())
INSERT INTO export_links (hash, token_id, parameters) VALUES ($1, $2, $3)
"""
USE_LINK = """-- ddms:use_export_link
WITH used AS (DELETE FROM export_links WHERE hash = $1 RETURNING token_id, parameters, expires_at AS until)
SELECT t.*, u.parameters FROM used u JOIN valid_tokens t ON t.id = u.token_id WHERE u.until > now()
"""


class Link(NamedTuple):
    """Whose a link was, and to what."""

    caller: Caller
    parameters: list[tuple[str, str]]


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


async def make(database: Database, caller: Caller, parameters: list[tuple[str, str]]) -> str:
    """Make a link for a caller; return its secret."""
    secret = secrets.token_urlsafe(32)
    await database.value(ADD_LINK, _digest(secret), caller.token_id, parameters)
    return secret


async def use(database: Database, secret: str) -> Link:
    """Use a link up; raises UNAUTHENTICATED for one that is unknown, old or used."""
    row: Any = await database.row(USE_LINK, _digest(secret))
    if row is None:
        sentence = "this link was used already, or is older than a minute: ask for a new one"
        raise DdmsError(Code.UNAUTHENTICATED, sentence, field="link")
    return Link(caller_of(row), [(name, text) for name, text in row["parameters"]])
