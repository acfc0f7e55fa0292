"""People who sign in by an OpenID Connect provider: how a sign-in begins and ends, and whose account it is.

Who somebody is, the provider's name and its subject say, and nothing else: never a name or an address of mail, which others
may have had before or may give themselves.
"""

import re
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from api.access import sessions
from api.access.openid_provider import ProviderClient
from api.access.openid_token import sid_of
from api.ground import audit
from api.ground.actor import Actor, ActorKind, Transport
from api.ground.callers import network_of
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, to_id
from api.ground.roles import Role
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence
from ddms.openid import ROLES, Provider, at
from ddms.settings import Settings

MINUTES = 10
"""How long a person may take at the provider."""
MOST_BEGUN = 100
"""So many sign-ins of one address may be begun and not finished: a factory's people often share one."""
MOST_NAME = 64
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

BEGIN_SIGN_IN = """-- ddms:begin_openid_sign_in
WITH expired AS (DELETE FROM openid_sign_ins WHERE begun_at < now() - $6 * interval '1 minute')
INSERT INTO openid_sign_ins (state, browser, provider, address, go_on)
SELECT $1, $2, $3, $4, $5
 WHERE (SELECT count(*) FROM openid_sign_ins WHERE address = $4 AND begun_at > now() - $6 * interval '1 minute') < $7
RETURNING begun_at
"""
TAKE_SIGN_IN = """-- ddms:take_openid_sign_in
DELETE FROM openid_sign_ins WHERE state = $1 AND browser = $2 AND provider = $3 AND begun_at > now() - $4 * interval '1 minute'
RETURNING go_on
"""
KEEP_ISSUER = """-- ddms:keep_openid_issuer
INSERT INTO openid_issuers (provider, issuer) VALUES ($1, $2) ON CONFLICT DO NOTHING
"""
READ_ISSUER = "-- ddms:read_openid_issuer\nSELECT issuer FROM openid_issuers WHERE provider = $1"
FIND_PERSON = """-- ddms:find_openid_person
SELECT id, name, role, enabled, limited FROM users WHERE provider = $1 AND subject = $2 FOR UPDATE
"""
ADD_PERSON = """-- ddms:add_openid_person
INSERT INTO users (name, role, provider, subject) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
RETURNING id, name, role, enabled, limited
"""
GIVE_RIGHTS = """-- ddms:give_openid_rights
UPDATE users SET role = $2, limited = $3 WHERE id = $1
"""
READ_GROUPS = """-- ddms:read_openid_groups
SELECT g.id, g.name, EXISTS (SELECT FROM user_groups WHERE user_id = $1 AND group_id = g.id) AS given FROM groups g
"""
TAKE_GROUPS = "-- ddms:take_openid_groups\nDELETE FROM user_groups WHERE user_id = $1 AND NOT group_id = any($2::int[])"
GIVE_GROUPS = """-- ddms:give_openid_groups
INSERT INTO user_groups (user_id, group_id) SELECT $1, unnest($2::int[]) ON CONFLICT DO NOTHING
"""
FIND_SIGNED_OUT = """-- ddms:find_openid_signed_out
SELECT s.token_id, t.user_id, s.provider_hint FROM sessions s JOIN valid_tokens t ON t.id = s.token_id JOIN users u ON u.id = t.user_id
 WHERE s.provider = $1 AND ($2::text IS NULL OR u.subject = $2)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A sign-in that began: where the browser goes, and the secret of its cookie."""

    url: str
    browser: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Whom a provider vouches for, and what its claims give them here."""

    subject: str
    name: str
    role: Role | None
    """None where the configuration says nothing: the account keeps its own."""
    may_enter: bool
    """Whether the provider gives a role, where it must."""
    groups: frozenset[str] | None
    """Names of the groups of devices to which the person is limited; None: not limited, or not by the provider."""
    limits: bool
    """Whether the provider says to what people are limited."""


class NoRole(DdmsError):  # noqa: N818 - the person has none
    """Somebody whom the provider gives no role in DDMS."""

    def __init__(self, provider: Provider) -> None:
        sentence = Sentence(
            "{} knows you, but gives you no role in DDMS: ask whoever manages your groups there, or an owner of DDMS",
            provider.title,
        )
        super().__init__(Code.FORBIDDEN, sentence)


class Providers:
    """The providers of the configuration."""

    def __init__(self, settings: Settings) -> None:
        url = settings.public_url or ""
        self.clients = {one.name: ProviderClient(one, redirect_uri_of(one, url)) for one in settings.openid_providers}
        self.signed_out_url = f"{url}/sign-in?done=out"

    def client(self, name: str) -> ProviderClient:
        """Return the client of a provider; raises NOT_FOUND."""
        if name not in self.clients:
            raise DdmsError(Code.NOT_FOUND, "this provider is not configured here: choose one on the sign-in page")
        return self.clients[name]

    async def sign_out_url(self, provider: str | None, id_token: str | None) -> str | None:
        """Return where a browser goes to sign out at its provider too; None when there is no such place, or it is away."""
        client = self.clients.get(provider or "")
        if client is None or not id_token or not client.provider.sign_out:
            return None
        with suppress(DdmsError):
            return await client.sign_out_url(id_token, self.signed_out_url)
        return None


def redirect_uri_of(provider: Provider, public_url: str) -> str:
    """Return the address that must be registered at the provider, for sign-ins and for its word that somebody signed out."""
    return f"{public_url}/openid-{provider.name}"


async def begin(database: Database, client: ProviderClient, *, address: str, browser: str | None, go_on: str) -> Begun:
    """Begin a sign-in of a browser, which may have others under way in other tabs."""
    browser = browser if browser and _SECRET.fullmatch(browser) else secrets.token_urlsafe(32)
    state = secrets.token_urlsafe(32)
    url = await client.authorization_url(
        state=state, nonce=_derived("nonce", browser, state), verifier=_derived("verifier", browser, state)
    )
    kept = _digest(state), _digest(browser), client.provider.name, network_of(address), go_on, MINUTES, MOST_BEGUN
    if await database.value(BEGIN_SIGN_IN, *kept) is None:
        sentence = Sentence("too many sign-ins were begun from your address: finish them, or wait {} minutes", MINUTES)
        raise DdmsError(Code.RATE_LIMITED, sentence)
    return Begun(url=url, browser=browser)


async def taken(database: Database, client: ProviderClient, *, browser: str | None, state: str) -> str:
    """End what `begin` began, once; return where to go on. Raises when this browser began no such sign-in."""
    keys = _digest(state), _digest(browser or ""), client.provider.name, MINUTES
    go_on: str | None = await database.value(TAKE_SIGN_IN, *keys)
    if go_on is None:
        raise DdmsError(
            Code.UNAUTHENTICATED,
            "this sign-in was not begun in this browser, was used already, or took more than 10 minutes: begin again",
        )
    return go_on


async def identity(client: ProviderClient, *, code: str, browser: str, state: str) -> tuple[Identity, str]:
    """Ask the provider who came back with this code; return it with the ID token."""
    claims, id_token = await client.claims(
        code,
        verifier=_derived("verifier", browser, state),
        nonce=_derived("nonce", browser, state),
        wanted=_wanted(client.provider),
    )
    return identity_of(client.provider, claims), id_token


def identity_of(provider: Provider, claims: Mapping[str, Any]) -> Identity:
    """Read what the claims give somebody, by the provider's rules."""
    role = _role(provider, claims)
    groups: frozenset[str] | None = None
    if (rule := provider.groups) and role is not Role.OWNER:
        values = set(at(claims, rule.claim))
        if not values.intersection(rule.everything):
            groups = frozenset(name for value in values for name in rule.devices.get(value, ()))
    return Identity(
        subject=claims["sub"],
        name=_name(provider, claims),
        role=role,
        may_enter=role is not None or provider.roles is None,
        groups=groups,
        limits=provider.groups is not None,
    )


async def admit(statements: Statements, client: ProviderClient, who: Identity, came: Actor) -> int:
    """Return the account of somebody whom a provider vouches for, with the rights that the provider gives now.

    Raises FORBIDDEN with a sentence when the person may not come in.
    """
    provider, actor = client.provider, _actor(client.provider, who, came)
    await _keep_issuer(statements, provider)
    if not who.may_enter:
        raise NoRole(provider)
    row = await statements.row(FIND_PERSON, provider.name, who.subject)
    if row is None:
        row = await _added(statements, actor, provider, who)
    if not row["enabled"]:
        raise DdmsError(Code.FORBIDDEN, "your account in DDMS is switched off: ask an owner of DDMS")
    await _give_rights(statements, actor, row, who)
    after = {"provider": provider.name, "subject": who.subject, "role": who.role or row["role"]}
    await audit.record(
        statements,
        replace(came, name=row["name"], kind=ActorKind.PERSON, id=to_id(IdKind.USER, row["id"])),
        "openid.sign_in",
        to_id(IdKind.USER, row["id"]),
        after=after,
    )
    number: int = row["id"]
    return number


async def refuse(statements: Statements, client: ProviderClient, who: Identity, came: Actor, error: DdmsError) -> None:
    """Write down that somebody was refused; whoever has no role any more loses the sessions that were begun with one."""
    provider, actor = client.provider, _actor(client.provider, who, came)
    row = await statements.row(FIND_PERSON, provider.name, who.subject)
    if row and isinstance(error, NoRole):
        await sessions.end_all(statements, actor, row["id"])
    subject = to_id(IdKind.USER, row["id"]) if row else f"provider {provider.name}"
    after = {"provider": provider.name, "subject": who.subject, "because": error.message}
    await audit.record(statements, actor, "openid.refuse", subject, after=after)


async def end_signed_out(statements: Statements, client: ProviderClient, subject: str | None, sid: str | None) -> int:
    """End the sessions of somebody whom the provider signed out: of one session of theirs there, or of all; return how many."""
    rows = await statements.rows(FIND_SIGNED_OUT, client.provider.name, subject)
    actor = Actor(name=f"provider {client.provider.name}", kind=ActorKind.PROGRAM, transport=Transport.PAGE)
    ended = 0
    for row in rows:
        if sid is None or sid_of(row["provider_hint"]) == sid:
            with suppress(DdmsError):  # it ended a moment ago
                await sessions.end(statements, actor, row["user_id"], row["token_id"])
                ended += 1
    return ended


def _actor(provider: Provider, who: Identity, came: Actor) -> Actor:
    """Return who acts: somebody whom DDMS may know by another name, or not at all."""
    return replace(came, name=f"{who.name} ({provider.name})")


def _derived(what: str, browser: str, state: str) -> str:
    """Return a secret of a sign-in: whoever reads the database knows the browser's part of it as little as the state."""
    return urlsafe_b64encode(sha256(f"{what}:{browser}:{state}".encode()).digest()).rstrip(b"=").decode()


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "replace")).digest()


def _wanted(provider: Provider) -> set[str]:
    rules = (provider.roles, provider.groups)
    return {provider.name_claim, *(rule.claim for rule in rules if rule)}


def _role(provider: Provider, claims: Mapping[str, Any]) -> Role | None:
    """Return the most powerful role that the claims give, else the default one."""
    if provider.roles is None:
        return None
    values = set(at(claims, provider.roles.claim))
    role = next((role for role in ROLES if values.intersection(getattr(provider.roles, role))), provider.default_role)
    return Role(role) if role else None


def _name(provider: Provider, claims: Mapping[str, Any]) -> str:
    """Return what to call somebody: what the provider says, where that can stand in a list."""
    for path in (provider.name_claim, "preferred_username", "name"):
        for text in at(claims, path):
            name = unicodedata.normalize("NFC", text).strip()
            if name and not inputs.invisible(name):
                return name[:MOST_NAME].strip()
    return f"{provider.name} {sha256(claims['sub'].encode()).hexdigest()[:8]}"


def _names(provider: Provider, name: str) -> Iterator[str]:
    """Give names for a new account: what others are called already gets the provider's name behind it, then a number."""
    yield name
    for number in range(1, 100):
        behind = f" ({provider.name})" if number == 1 else f" ({provider.name} {number})"
        yield name[: MOST_NAME - len(behind)].strip() + behind


async def _keep_issuer(statements: Statements, provider: Provider) -> None:
    """Hold a provider's name to its first issuer: another one's subjects are other people."""
    await statements.value(KEEP_ISSUER, provider.name, provider.issuer)
    first = await statements.value(READ_ISSUER, provider.name)
    if first != provider.issuer:
        sentence = Sentence(
            "the provider {} was {} before, and its people are not those of {}: tell the owner of DDMS to give the new one another name",
            provider.name,
            first,
            provider.issuer,
        )
        raise DdmsError(Code.FORBIDDEN, sentence)


async def _added(statements: Statements, actor: Actor, provider: Provider, who: Identity) -> Row:
    """Make an account at the first sign-in, if that is allowed."""
    if not provider.new_accounts:
        sentence = Sentence("{} knows you, but DDMS has no account for you: ask an owner of DDMS", provider.title)
        raise DdmsError(Code.FORBIDDEN, sentence)
    role = who.role or Role(provider.default_role or Role.VIEWER)
    for name in _names(provider, who.name):
        if row := await statements.row(ADD_PERSON, name, role.value, provider.name, who.subject):
            after = {"name": name, "role": role.value, "provider": provider.name, "subject": who.subject}
            await audit.record(statements, actor, "user.create", to_id(IdKind.USER, row["id"]), after=after)
            return row
        if row := await statements.row(FIND_PERSON, provider.name, who.subject):  # in another tab, a moment ago
            return row
    raise DdmsError(Code.CONFLICT, "there are too many people of your name: ask an owner of DDMS")


async def _give_rights(statements: Statements, actor: Actor, row: Row, who: Identity) -> None:
    """Give what the provider says now: role and groups, each where it is configured."""
    role = who.role.value if who.role else row["role"]
    limited = row["limited"] if not who.limits else who.groups is not None
    limited = limited and role != Role.OWNER.value
    before = {"role": row["role"], "limited": row["limited"]}
    after: dict[str, Any] = {"role": role, "limited": limited}
    if after != before:
        await statements.value(GIVE_RIGHTS, row["id"], role, limited)
    if who.limits:
        groups = await statements.rows(READ_GROUPS, row["id"])
        wanted = who.groups or frozenset()
        given = [group["id"] for group in groups if group["name"] in wanted]
        if given != [group["id"] for group in groups if group["given"]]:
            before["groups"] = sorted(group["name"] for group in groups if group["given"])
            after["groups"] = sorted(group["name"] for group in groups if group["name"] in wanted)
            await statements.value(TAKE_GROUPS, row["id"], given)
            await statements.value(GIVE_GROUPS, row["id"], given)
    if after != before:
        await audit.record(statements, actor, "user.update", to_id(IdKind.USER, row["id"]), before=before, after=after)
