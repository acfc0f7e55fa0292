# ruff: noqa: S105 - the constants are statements
"""Callers: who sends a request, found by the token that they bear."""

import ipaddress
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from api.ground.database import Database, Row
from api.ground.roles import Role
from ddms.errors import Code, DdmsError

PREFIX = "ddms_"
COOKIE_PREFIX = "ddms-session_"
"""How the secret of a browser's session begins: it is no token, and a token is no cookie."""
COOKIE = "__Host-ddms_session"
"""The cookie of a session; browsers send one of this name over TLS only, and to nobody else."""
_CACHED_SECONDS = 30.0
_CACHED_TOKENS = 10_000
_MARKED_SECONDS = 60.0

FIND_TOKEN = """-- ddms:find_token
SELECT *, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS unmarked FROM valid_tokens WHERE hash = $1
"""
MARK_TOKEN_USED = """-- ddms:mark_token_used
UPDATE api_tokens SET last_used_at = now()
  FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried  -- a mark that a crash loses is made again
 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
FIND_VALID_TOKENS = """-- ddms:find_valid_tokens
SELECT id, rights, ends_at FROM valid_tokens WHERE id = any($1::int[])
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: the bearer of a token, or a browser that is signed in."""

    token_id: int
    name: str
    role: Role
    expires_at: datetime
    trusted_only: bool = False
    user_id: int | None = None
    language: str | None = None
    limited: bool = False
    """Whether the rights reach only to devices of the person's groups."""
    must_change_password: bool = False
    is_session: bool = False
    rights: int = 0
    """Grows with each change of what the person may do."""
    is_outdated: bool = False
    """Whether the rights have changed since the browser got its secret: it has to get a new one."""

    @property
    def account(self) -> int:
        """Whose budget and share it is: the person's, however often they signed in, else the token's."""
        return self.token_id if self.user_id is None else -self.user_id


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what one stranger surely has: an IPv4 address, or a network /64 of IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped) if ip.ipv4_mapped else str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


class _Known(NamedTuple):
    caller: Caller
    until: float


class Callers:
    """Finds the caller of a token; a found one is remembered until the database says that tokens changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, _Known] = {}
        self._used: dict[int, float] = {}
        self._changes = 0
        self.may_remember = False
        """Whether changes of tokens are being heard; without that every look-up asks the database."""

    def forget(self) -> None:
        """Drop what is remembered: tokens changed, or changes may have been missed."""
        self._known.clear()
        self._changes += 1

    async def find(self, token: str) -> Caller:
        """Return who bears this token; raises UNAUTHENTICATED."""
        digest = digest_of(token)
        known = self._known.get(digest)
        if known and self.may_remember and known.until > time.monotonic():
            return known.caller
        changes = self._changes
        row = await self._database.row(FIND_TOKEN, digest) if token.startswith((PREFIX, COOKIE_PREFIX)) else None
        if row is None:
            raise DdmsError(
                Code.UNAUTHENTICATED,
                "your session has ended: sign in again"
                if token.startswith(COOKIE_PREFIX)
                else "the token is unknown, expired or revoked: sign in again, or ask for a new one",
            )
        if row["unmarked"]:
            await self._database.value(MARK_TOKEN_USED, row["id"])
        caller = caller_of(row)
        if changes != self._changes:  # rights that changed since the row was read are not remembered
            return caller
        if len(self._known) >= _CACHED_TOKENS:
            self.forget()
        seconds = min(_CACHED_SECONDS, (caller.expires_at - datetime.now(UTC)).total_seconds())
        self._known[digest] = _Known(caller, time.monotonic() + seconds)
        return caller

    async def valid(self, callers: Iterable[Caller]) -> dict[int, datetime]:
        """Return when those tokens end that are still valid, with the rights they had; by their ids."""
        rights = {caller.token_id: caller.rights for caller in callers}
        rows = await self._database.rows(FIND_VALID_TOKENS, list(rights))
        return {row["id"]: row["ends_at"] for row in rows if rights[row["id"]] == row["rights"]}

    async def used(self, caller: Caller) -> None:
        """Note that a session does something over a connection that lasts, so that it does not end as idle."""
        now = time.monotonic()
        if caller.is_session and self._used.get(caller.token_id, -_MARKED_SECONDS) + _MARKED_SECONDS <= now:
            if len(self._used) >= _CACHED_TOKENS:
                self._used.clear()
            self._used[caller.token_id] = now
            await self._database.value(MARK_TOKEN_USED, caller.token_id)


def caller_of(row: Row) -> Caller:
    """Make a caller of the row of a token."""
    return Caller(
        token_id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        expires_at=row["expires_at"],
        trusted_only=row["trusted_only"],
        user_id=row["user_id"],
        language=row["language"],
        limited=row["limited"],
        must_change_password=row["must_change_password"],
        is_session=row["is_session"],
        rights=row["rights"],
        is_outdated=row["is_outdated"],
    )


def digest_of(token: str) -> bytes:
    """Return what is kept of a token; it has 256 random bits, so that a plain hash suffices."""
    return sha256(token.encode("utf-8", "replace")).digest()


def of_header(value: str | None) -> str | None:
    """Return the token of an Authorization header, or None without one."""
    scheme, _, token = (value or "").strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer" or not token.strip() or token.strip().startswith(COOKIE_PREFIX):
        raise DdmsError(Code.UNAUTHENTICATED, "the header Authorization must be `Bearer ddms_…`")
    return token.strip()


def of_cookies(header: str | None) -> str | None:
    """Return the secret of the session in a header Cookie; None without one, and when there are two that differ.

    Only the blanks of HTTP are taken off: for a browser a name that begins with another one, as U+00A0, is not `__Host-…`, so
    that a neighbour's host could set it.
    """
    found = set()
    for part in (header or "").split(";"):
        name, _, value = part.strip(" \t").partition("=")
        if name == COOKIE and value.startswith(COOKIE_PREFIX):
            found.add(value)
    return found.pop() if len(found) == 1 else None
