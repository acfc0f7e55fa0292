"""Signing in with name and password: who may try, who it is, what failures lock.

`sign_in` checks and writes down; what the person then gets, a token or a browser's session, is its caller's affair. A
person whom a provider vouches for comes by `signed_in` alone.

Failures lock for 15 minutes: a name for one address, an address for all names, and, when many addresses guess at one
name, that name for all addresses from which its owner has not signed in before. So strangers cannot lock a person out
of where they work. Whether a name exists changes neither answer nor time. All is counted in the database, for all
replicas.
"""

from dataclasses import replace

from api.access import passwords
from api.ground import audit
from api.ground.actor import Actor, ActorKind
from api.ground.callers import network_of
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

MOST_NAME = 64
EACH, ADDRESS, NAME = 5, 20, 20
"""Failures that lock: of one name from one address, of one address, of one name from addresses that are not known."""
MINUTES = 15
TOLD = 100
"""Failures with names that nobody has which the audit log takes in 15 minutes; more are counted, but fill no disk."""
UNKNOWN = "unknown name"
"""How the audit log calls a name that nobody has: people type passwords into the wrong field."""

ONE_TIME_IS_OVER = Sentence(
    "nobody used this one-time password for a week, so it opens nothing any more: ask an owner for another"
)

LOCK_ATTEMPTS = """-- ddms:lock_attempts
SELECT name FROM locks
 WHERE name IN ('sign-in ' || (hashtext(name_key($1)) & 63), 'sign-in ' || (hashtext($2) & 63)) ORDER BY name FOR UPDATE
"""
FORGET_OLD_ATTEMPTS = """-- ddms:forget_old_attempts
WITH failures AS (DELETE FROM sign_in_failures WHERE id IN (
                    SELECT id FROM sign_in_failures WHERE at < now() - interval '15 minutes' ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED))
DELETE FROM sign_in_locks WHERE (name, address) IN (
    SELECT name, address FROM sign_in_locks WHERE until < now() - interval '1 day' ORDER BY until LIMIT 100 FOR UPDATE SKIP LOCKED)
"""
NOTE_ATTEMPT = """-- ddms:note_attempt
WITH tried AS (
    SELECT name_key($1) AS name, $2::text AS address,
           EXISTS (SELECT FROM sign_in_addresses a JOIN users u ON u.id = a.user_id
                    WHERE name_key(u.name) = name_key($1) AND a.address = $2) AS known
), locked AS (
    SELECT max(l.until) AS until FROM sign_in_locks l, tried t
     WHERE l.until > now() AND ((l.name, l.address) IN ((t.name, t.address), ('', t.address)) OR ((l.name, l.address) = (t.name, '') AND NOT t.known))
), failed AS (
    SELECT (SELECT count(*) FROM sign_in_failures f WHERE f.name = t.name AND f.address = t.address AND f.at > now() - interval '15 minutes') >= $3
        OR (SELECT count(*) FROM sign_in_failures f WHERE f.address = t.address AND f.at > now() - interval '15 minutes') >= $4
        OR (NOT t.known AND (SELECT count(*) FROM sign_in_failures f WHERE f.name = t.name AND NOT f.known AND f.at > now() - interval '15 minutes') >= $5)
           AS enough FROM tried t
), noted AS (
    INSERT INTO sign_in_failures (name, address, known)
    SELECT t.name, t.address, t.known FROM tried t, locked, failed WHERE locked.until IS NULL AND NOT failed.enough RETURNING id
)
SELECT (SELECT id FROM noted) AS id, ceil(extract(epoch FROM locked.until - now()) / 60)::int AS minutes FROM locked
"""
FIND_USER = """-- ddms:find_user
SELECT id, name, role, language, password_hash, enabled, provider, must_change_password, one_time_until < now() AS is_over
  FROM users WHERE name_key(name) = name_key($1)
"""
TELL_FAILURE = """-- ddms:tell_failure
UPDATE sign_in_failures SET told = NOT $2 WHERE id = $1
   AND ($2 OR (SELECT count(*) FROM sign_in_failures WHERE told AND at > now() - interval '15 minutes') < $3) RETURNING true
"""
LOCK_OUT = """-- ddms:lock_out
WITH this AS (SELECT name, address, known FROM sign_in_failures WHERE id = $1),
counted AS (
    SELECT t.name, t.address, count(*) >= $2 AS enough FROM this t JOIN sign_in_failures f ON f.name = t.name AND f.address = t.address
     WHERE f.at > now() - interval '15 minutes' GROUP BY t.name, t.address
    UNION ALL
    SELECT '', t.address, count(*) >= $3 FROM this t JOIN sign_in_failures f ON f.address = t.address
     WHERE f.at > now() - interval '15 minutes' GROUP BY t.address
    UNION ALL
    SELECT t.name, '', count(*) >= $4 FROM this t JOIN sign_in_failures f ON f.name = t.name AND NOT f.known
     WHERE NOT t.known AND f.at > now() - interval '15 minutes' GROUP BY t.name
)
INSERT INTO sign_in_locks AS l (name, address, until) SELECT name, address, now() + interval '15 minutes' FROM counted WHERE enough
ON CONFLICT (name, address) DO UPDATE SET since = now(), until = excluded.until WHERE l.until <= now()
RETURNING name, address, until
"""
FORGIVE = """-- ddms:forgive
WITH unlocked AS (DELETE FROM sign_in_locks WHERE name = name_key($1) AND address = $2)
DELETE FROM sign_in_failures WHERE name = name_key($1) AND address = $2
"""
KNOW_ADDRESS = """-- ddms:know_address
WITH old AS (DELETE FROM sign_in_addresses WHERE user_id = $1 AND address <> $2 AND (last_at < now() - interval '180 days' OR address IN (
                SELECT address FROM sign_in_addresses WHERE user_id = $1 ORDER BY last_at DESC OFFSET 49)))
INSERT INTO sign_in_addresses (user_id, address) VALUES ($1, $2) ON CONFLICT (user_id, address) DO UPDATE SET last_at = now()
"""


async def sign_in(database: Database, actor: Actor, name: str, password: str) -> Row:
    """Return the row of the person whose name and password these are: `id`, `name`, `role`, `language`, `must_change_password` …

    `actor` says from which address. Raises UNAUTHENTICATED, RATE_LIMITED, INVALID or BUSY, with one answer for names
    that exist, do not, are disabled or a provider's. The sign-in is in the audit log when this returns.
    """
    user = await verify(database, actor, name, password)
    async with database.transaction() as statements:
        await signed_in(statements, actor, user)
    return user


async def verify(database: Database, actor: Actor, name: str, password: str) -> Row:
    """Check a name and password as `sign_in` does, and count failures, but nobody signs in by it."""
    name = inputs.fit(lambda raw: inputs.name(raw[: 4 * MOST_NAME], most=MOST_NAME), name, "name")
    if len(password) > passwords.MOST_TYPED:
        sentence = Sentence("a password has at most {} characters", passwords.MOST)
        raise DdmsError(Code.INVALID, sentence, field="password")
    address = network_of(actor.address or "")
    async with passwords.TURNS.place(address):
        attempt, user = await _begun(database, name, address)
        right = await passwords.verified(user["password_hash"] if user else None, password)
    if user is None or not right or not user["enabled"]:
        await _failed(database, actor, (name, address), attempt, user)
        raise DdmsError(Code.UNAUTHENTICATED, "name or password is wrong: after 5 failed attempts you have to wait")
    if user["is_over"]:
        raise DdmsError(Code.UNAUTHENTICATED, ONE_TIME_IS_OVER)
    await database.value(FORGIVE, name, address)
    return user


async def signed_in(statements: Statements, actor: Actor, user: Row) -> None:
    """Write down that a person (`id`, `name`) has signed in, in the transaction that makes the key, or just before."""
    await statements.value(KNOW_ADDRESS, user["id"], network_of(actor.address or ""))
    person = to_id(IdKind.USER, user["id"])
    who = replace(actor, name=user["name"], kind=ActorKind.PERSON, id=person)
    await audit.record(statements, who, "user.sign_in", person)


async def _begun(database: Database, name: str, address: str) -> tuple[int, Row | None]:
    """Count the attempt before it is judged, one at a time, so that nobody gets more by asking all at once."""
    async with database.transaction() as statements:
        await statements.rows(LOCK_ATTEMPTS, name, address)
        await statements.value(FORGET_OLD_ATTEMPTS)
        noted = await statements.row(NOTE_ATTEMPT, name, address, EACH, ADDRESS, NAME)
        assert noted is not None  # noqa: S101 - an aggregate has a row
        if noted["id"] is None:
            sentence = Sentence(
                "too many failed attempts: wait {} minutes, then try again", noted["minutes"] or MINUTES
            )
            raise DdmsError(Code.RATE_LIMITED, sentence)
        return noted["id"], await statements.row(FIND_USER, name)


async def _failed(database: Database, actor: Actor, tried: tuple[str, str], attempt: int, user: Row | None) -> None:
    """Write a failure down, and lock what has failed too often: each lock once."""
    subject = to_id(IdKind.USER, user["id"]) if user else UNKNOWN
    why = (
        "unknown"
        if user is None
        else "disabled"
        if not user["enabled"]
        else "provider"
        if user["provider"]
        else "password"
    )
    async with database.transaction() as statements:
        await statements.rows(LOCK_ATTEMPTS, *tried)
        told = await statements.value(TELL_FAILURE, attempt, user is not None, TOLD)
        locks = await statements.rows(LOCK_OUT, attempt, EACH, ADDRESS, NAME)
        if not told:
            return
        await audit.record(statements, actor, "user.sign_in_failed", subject, after={"why": why})
        for lock in locks:
            after = {"address": lock["address"] or "every strange one", "until": lock["until"].isoformat()}
            whose = subject if lock["name"] else "every name"
            await audit.record(statements, actor, "user.sign_in_locked", whose, after=after)
