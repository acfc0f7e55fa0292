# ruff: noqa: S105 - the constants are statements
"""Sessions: browsers that are signed in; begun, renewed, listed and ended here, whoever signed the person in."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from api.ground import audit
from api.ground.actor import Actor, ActorKind
from api.ground.callers import COOKIE, COOKIE_PREFIX, digest_of
from api.ground.database import Statements
from api.ground.ids import IdKind, to_id
from ddms.errors import Code, DdmsError

CSRF_COOKIE = "__Host-ddms_csrf"
"""The cookie that our own pages can read, and nobody else's; they send it back as a header."""
GRACE = timedelta(seconds=30)
"""So long the old secret of a renewed session serves requests that were on their way."""
MOST = 100
"""So many sessions a person has at once; the next one ends the oldest."""
_AGENT_LENGTH = 200

BEGIN_SESSION = """-- ddms:begin_session
WITH person AS (
    SELECT u.id, u.name, u.role, u.rights, c.session_idle_minutes, c.session_hours
      FROM users u, configuration c WHERE u.id = $1 AND u.enabled
), key AS (
    INSERT INTO api_tokens (name, role, user_id, hash, expires_at)
    SELECT 'session of ' || left(name, 100), role, id, $2, coalesce($7, now() + session_hours * interval '1 hour') FROM person
    RETURNING id, expires_at
), session AS (
    INSERT INTO sessions (token_id, rights, idle, address, agent, provider, provider_hint)
    SELECT key.id, person.rights, person.session_idle_minutes * interval '1 minute', $3, $4, $5, $6 FROM key, person
)
SELECT key.id, key.expires_at, person.name FROM key, person
"""
FIND_OVER = """-- ddms:find_sessions_over
SELECT s.token_id FROM sessions s JOIN api_tokens t ON t.id = s.token_id LEFT JOIN valid_tokens v ON v.id = s.token_id
 WHERE t.user_id = $1 ORDER BY v.id IS NULL, s.token_id DESC OFFSET $2
"""
DELETE_SESSIONS = "-- ddms:delete_sessions\nDELETE FROM api_tokens WHERE id = any($1::int[])"
LOCK_OUTDATED = """-- ddms:lock_outdated_session
SELECT s.token_id, s.address, s.agent, s.provider, s.provider_hint, t.expires_at, t.user_id
  FROM sessions s JOIN api_tokens t ON t.id = s.token_id
 WHERE s.token_id = $1 AND s.replaced_by IS NULL AND t.revoked_at IS NULL FOR UPDATE OF s
"""
REPLACE_SESSION = """-- ddms:replace_session
WITH replaced AS (UPDATE sessions SET replaced_by = $2 WHERE token_id = $1)
UPDATE api_tokens SET expires_at = least(expires_at, now() + $3::interval) WHERE id = $1
"""
END_SESSION = """-- ddms:end_session
UPDATE api_tokens SET revoked_at = now() WHERE revoked_at IS NULL AND id IN (
    SELECT v.id FROM valid_tokens v LEFT JOIN sessions s ON s.token_id = v.id
     WHERE v.user_id = $1 AND (v.id = $2 OR s.replaced_by = $2)) RETURNING id
"""
END_REPLACED = """-- ddms:end_replaced_session
UPDATE api_tokens SET revoked_at = now() WHERE revoked_at IS NULL AND id IN (SELECT token_id FROM sessions WHERE replaced_by = $1)
"""
END_SESSIONS = """-- ddms:end_sessions
UPDATE api_tokens SET revoked_at = now() WHERE revoked_at IS NULL AND id IN (
    SELECT v.id FROM valid_tokens v LEFT JOIN sessions s ON s.token_id = v.id
     WHERE v.user_id = $1 AND ($2::int IS NULL OR (v.id <> $2 AND s.replaced_by IS DISTINCT FROM $2))) RETURNING id
"""
FIND_SECRET = "-- ddms:find_session_of_secret\nSELECT id, user_id FROM valid_tokens WHERE hash = $1 AND is_session"
FIND_HINT = "-- ddms:find_provider_hint\nSELECT provider, provider_hint FROM sessions WHERE token_id = $1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A session that began, and what its browser is given."""

    token_id: int
    name: str
    secret: str
    expires_at: datetime

    @property
    def cookies(self) -> tuple[str, str]:
        """The headers Set-Cookie."""
        seconds = max(0, int((self.expires_at - datetime.now(UTC)).total_seconds()))
        return _cookie(COOKIE, self.secret, seconds, "; HttpOnly"), _cookie(CSRF_COOKIE, csrf_of(self.secret), seconds)


def _cookie(name: str, value: str, seconds: int, more: str = "") -> str:
    return f"{name}={value}; Max-Age={seconds}; Path=/; Secure; SameSite=Lax{more}"


NO_COOKIES = (_cookie(COOKIE, "", 0, "; HttpOnly"), _cookie(CSRF_COOKIE, "", 0))
"""The headers Set-Cookie that make a browser forget its session."""


def csrf_of(secret: str) -> str:
    """Return what our own pages prove themselves by; it follows from the secret and is stored nowhere."""
    return sha256(f"csrf:{secret}".encode()).hexdigest()


async def begin(
    statements: Statements,
    actor: Actor,
    user_id: int,
    *,
    agent: str,
    provider: str | None = None,
    provider_hint: str | None = None,
    instead_of: str | None = None,
) -> Begun:
    """Begin a session of a person who has proved who they are; raises when the account is disabled.

    `instead_of` is the secret that the browser had until now, if any: that session ends, so that nobody who knows it
    gets the new one's rights.
    """
    if instead_of and (old := await statements.row(FIND_SECRET, digest_of(instead_of))):
        await end(statements, actor, old["user_id"], old["id"])
    secret, agent = COOKIE_PREFIX + secrets.token_urlsafe(32), _shown(agent)
    given = digest_of(secret), actor.address or "", agent, provider, provider_hint, None
    row = await statements.row(BEGIN_SESSION, user_id, *given)
    if row is None:
        raise DdmsError(Code.UNAUTHENTICATED, "this account is switched off: ask an owner to switch it on")
    if over := await statements.rows(FIND_OVER, user_id, MOST):
        await statements.value(DELETE_SESSIONS, [row["token_id"] for row in over])
    after = {"agent": agent, "provider": provider, "expires_at": row["expires_at"].isoformat()}
    named = replace(
        actor,
        name=row["name"],
        kind=ActorKind.PERSON,
        id=to_id(IdKind.USER, user_id),
        token=to_id(IdKind.TOKEN, row["id"]),
    )
    await audit.record(statements, named, "session.begin", to_id(IdKind.SESSION, row["id"]), after=after)
    return Begun(token_id=row["id"], name=row["name"], secret=secret, expires_at=row["expires_at"])


async def renew(statements: Statements, actor: Actor, token_id: int) -> Begun | None:
    """Give the browser of an outdated session a new secret; None when another request has done so.

    The old secret serves requests in flight for a moment longer. The end stays what it was.
    """
    old = await statements.row(LOCK_OUTDATED, token_id)
    if old is None:
        return None
    secret = COOKIE_PREFIX + secrets.token_urlsafe(32)
    kept = (old[name] for name in ("address", "agent", "provider", "provider_hint", "expires_at"))
    row = await statements.row(BEGIN_SESSION, old["user_id"], digest_of(secret), *kept)
    if row is None:
        return None
    await statements.value(END_REPLACED, token_id)
    await statements.value(REPLACE_SESSION, token_id, row["id"], GRACE)
    after = {"instead_of": to_id(IdKind.SESSION, token_id)}
    await audit.record(statements, actor, "session.renew", to_id(IdKind.SESSION, row["id"]), after=after)
    return Begun(token_id=row["id"], name=row["name"], secret=secret, expires_at=row["expires_at"])


async def end(statements: Statements, actor: Actor, user_id: int | None, token_id: int) -> None:
    """End one session of a person; raises NOT_FOUND when it has ended, or is another person's."""
    if not await statements.rows(END_SESSION, user_id, token_id):
        raise DdmsError(Code.NOT_FOUND, "no session that lasts has this id: it may have ended already", field="id")
    await audit.record(statements, actor, "session.end", to_id(IdKind.SESSION, token_id))


async def end_all(statements: Statements, actor: Actor, user_id: int, *, but: int | None = None) -> int:
    """End all sessions of a person, also those of programs that signed in by name and password; return how many."""
    ended = await statements.rows(END_SESSIONS, user_id, but)
    if ended:
        subject, after = to_id(IdKind.USER, user_id), {"sessions": len(ended), "all": but is None}
        await audit.record(statements, actor, "session.end_all", subject, after=after)
    return len(ended)


async def hint_of(statements: Statements, token_id: int) -> tuple[str | None, str | None]:
    """Return which provider signed the person in, and what it wants to hear when they sign out there."""
    row = await statements.row(FIND_HINT, token_id)
    return (row["provider"], row["provider_hint"]) if row else (None, None)


def _shown(agent: str) -> str:
    """Return what a browser calls itself, as it may stand in a list."""
    return "".join(character for character in agent if character.isprintable())[:_AGENT_LENGTH]
