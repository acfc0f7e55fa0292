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
_CACHED_SECONDS = 30.0
_CACHED_TOKENS = 10_000

FIND_TOKEN = """-- ddms:find_token
SELECT id, name, role, user_id, expires_at, trusted_only, last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS unmarked
  FROM api_tokens WHERE hash = $1 AND revoked_at IS NULL AND expires_at > now()
"""
MARK_TOKEN_USED = """-- ddms:mark_token_used
UPDATE api_tokens SET last_used_at = now() WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
FIND_VALID_TOKENS = """-- ddms:find_valid_tokens
SELECT id, role FROM api_tokens WHERE id = any($1::int[]) AND revoked_at IS NULL AND expires_at > now()
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: the bearer of a token."""

    token_id: int
    name: str
    role: Role
    expires_at: datetime
    trusted_only: bool = False
    user_id: int | None = None

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
        self.may_remember = False
        """Whether changes of tokens are being heard; without that every look-up asks the database."""

    def forget(self) -> None:
        """Drop what is remembered: tokens changed, or changes may have been missed."""
        self._known.clear()

    async def find(self, token: str) -> Caller:
        """Return who bears this token; raises UNAUTHENTICATED."""
        digest = digest_of(token)
        known = self._known.get(digest)
        if (
            known
            and self.may_remember
            and known.until > time.monotonic()
            and known.caller.expires_at > datetime.now(UTC)
        ):
            return known.caller
        row = await self._database.row(FIND_TOKEN, digest) if token.startswith(PREFIX) else None
        if row is None:
            raise DdmsError(
                Code.UNAUTHENTICATED, "the token is unknown, expired or revoked: sign in again, or ask for a new one"
            )
        if row["unmarked"]:
            await self._database.value(MARK_TOKEN_USED, row["id"])
        caller = caller_of(row)
        if len(self._known) >= _CACHED_TOKENS:
            self.forget()
        self._known[digest] = _Known(caller, time.monotonic() + _CACHED_SECONDS)
        return caller

    async def valid(self, callers: Iterable[Caller]) -> set[int]:
        """Return the ids of those tokens that are still valid, with the role they had."""
        roles = {caller.token_id: caller.role for caller in callers}
        rows = await self._database.rows(FIND_VALID_TOKENS, list(roles))
        return {row["id"] for row in rows if roles[row["id"]] == row["role"]}


def caller_of(row: Row) -> Caller:
    """Make a caller of the row of a token."""
    return Caller(
        token_id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        expires_at=row["expires_at"],
        trusted_only=row["trusted_only"],
        user_id=row["user_id"],
    )


def digest_of(token: str) -> bytes:
    """Return what is kept of a token; it has 256 random bits, so that a plain hash suffices."""
    return sha256(token.encode("utf-8", "replace")).digest()


def of_header(value: str | None) -> str | None:
    """Return the token of an Authorization header, or None without one."""
    scheme, _, token = (value or "").strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer" or not token.strip():
        raise DdmsError(Code.UNAUTHENTICATED, "the header Authorization must be `Bearer ddms_…`")
    return token.strip()
