# ruff: noqa: S105 - the constants are statements
"""API tokens: 256 random bits, of which only the SHA-256 is kept."""

import secrets
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.pages import BY_NAME, After, Before, Connection, Descending, First, Last, Listing, NameOrder, Page
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.actor import Actor
from api.ground.callers import PREFIX, digest_of
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, from_id, to_id
from api.ground.roles import Role
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

MAX_DAYS = 3650
INSERT_TOKEN = """-- ddms:insert_token
INSERT INTO api_tokens (name, role, user_id, hash, expires_at, trusted_only) VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id, name, role, created_at, expires_at, last_used_at, revoked_at, trusted_only
"""
REVOKE_TOKEN = """-- ddms:revoke_token
UPDATE api_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
RETURNING id, name, role, created_at, expires_at, last_used_at, revoked_at, trusted_only
"""
LIST_TOKENS = """-- ddms:list_tokens
SELECT id, name, role, created_at, expires_at, last_used_at, revoked_at, trusted_only FROM api_tokens
 WHERE $1 OR (revoked_at IS NULL AND expires_at > now()) ORDER BY id DESC LIMIT 1000
"""
TOKENS: Listing["Token"] = Listing(
    "tokens",
    """
SELECT id, name, lower(name) AS by_name, role, created_at, expires_at, last_used_at, revoked_at, trusted_only FROM api_tokens
 WHERE NOT EXISTS (SELECT FROM sessions WHERE token_id = api_tokens.id) AND ($1 OR (revoked_at IS NULL AND expires_at > now())) AND ($2::text IS NULL OR position(lower($2) IN lower(name)) > 0)
   AND ($3::text IS NULL OR role = $3)
""",
    parameters=3,
    orders=BY_NAME,
)


@output_type
class Token:
    """A key to this API, for a program; what it opens is its role's."""

    id: strawberry.ID = field(description="Opaque and stable, `tok_12`.")
    name: str = field(description="What the token is for, as its maker wrote it.")
    role: Role = field(description="What its bearer may do.")
    created_at: datetime = field(description="When it was made.")
    expires_at: datetime = field(description="When it stops being valid.")
    last_used_at: datetime | None = field(description="When it was last used, to the minute; null when never.")
    revoked_at: datetime | None = field(description="When it was revoked; null while it is not.")
    trusted_only: bool = field(description="Whether its bearer may send registered documents only.")

    @classmethod
    def of(cls, row: Row) -> "Token":
        """Make it of its row."""
        values = {f.name: row[f.name] for f in fields(cls)}
        return cls(**values | {"id": to_id(IdKind.TOKEN, row["id"]), "role": Role(row["role"])})


@output_type
class CreateTokenPayload:
    """The answer of createToken."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    token: Token | None = field(default=None, description="The new token; null when there were errors.")
    secret: str | None = field(
        default=None,
        description="The token's text, `ddms_…`: shown this once, and kept nowhere; null when there were errors.",
    )


@output_type
class RevokeTokenPayload:
    """The answer of revokeToken."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    token: Token | None = field(default=None, description="The revoked token; null when there were errors.")


async def create(
    statements: Statements,
    actor: Actor,
    *,
    name: str,
    role: Role,
    lifetime: timedelta,
    user_id: int | None = None,
    trusted_only: bool = False,
) -> tuple[Token, str]:
    """Make a token; return it and its text."""
    name = inputs.fit(inputs.name, name, "name")
    secret = PREFIX + secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + lifetime
    row = await statements.row(INSERT_TOKEN, name, role.value, user_id, digest_of(secret), expires_at, trusted_only)
    assert row is not None  # noqa: S101 - INSERT … RETURNING returns
    token = Token.of(row)
    await audit.record(
        statements,
        actor,
        "token.create",
        token.id,
        after={"name": name, "role": role.value, "expires_at": expires_at.isoformat(), "trusted_only": trusted_only},
    )
    return token, secret


def lifetime(number: int, field_name: str = "days") -> timedelta:
    """Return a lifetime in days."""
    if not 1 <= number <= MAX_DAYS:
        raise DdmsError(Code.INVALID, Sentence("a token is valid for 1 to {} days", MAX_DAYS), field=field_name)
    return timedelta(days=number)


async def revoke(statements: Statements, actor: Actor, number: int) -> Token:
    """Make a token invalid, at once and for ever."""
    row = await statements.row(REVOKE_TOKEN, number)
    if row is None:
        raise DdmsError(Code.NOT_FOUND, "no valid token has this id: it may have been revoked already", field="id")
    await audit.record(
        statements,
        actor,
        "token.revoke",
        to_id(IdKind.TOKEN, number),
        before={"name": row["name"], "role": row["role"]},
    )
    return Token.of(row)


@strawberry.type
class TokenQueries:
    """Queries about tokens."""

    @resolver
    async def tokens(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        include_invalid: Annotated[bool, argument("Also those that expired or were revoked.")] = False,
        text: Annotated[str | None, argument("Only those with this text in their name.")] = None,
        role: Annotated[Role | None, argument("Only those with this role.")] = None,
        order_by: Annotated[NameOrder, argument("Their order.")] = NameOrder.CREATED,
        descending: Descending = True,
    ) -> Connection[Token]:
        """API tokens, a page at a time, the newest first."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        filters = include_invalid, text, role
        return await TOKENS.page(info.context.everything, page, filters, lambda rows: [Token.of(row) for row in rows])


@strawberry.type
class TokenMutations:
    """Changes of tokens."""

    @mutation
    async def create_token(
        self,
        info: Info,
        name: Annotated[str, argument("What the token is for: `SCADA export`.")],
        role: Annotated[Role, argument("What its bearer may do.")],
        days: Annotated[int, argument("How long it is valid, in days, 1 to 3650.")] = 365,
        trusted_only: Annotated[
            bool, argument("Let its bearer send only documents that `ddms documents add` has registered.")
        ] = False,
    ) -> CreateTokenPayload:
        """Make an API token; its secret is in the answer, this once."""
        valid_for = lifetime(days)
        async with info.context.everything.transaction() as statements:
            token, secret = await create(
                statements, info.context.actor, name=name, role=role, lifetime=valid_for, trusted_only=trusted_only
            )
        return CreateTokenPayload(token=token, secret=secret)

    @mutation
    async def revoke_token(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The token.")],  # noqa: A002 - GraphQL's word
    ) -> RevokeTokenPayload:
        """Make a token invalid at once; open websockets of its bearer are closed."""
        async with info.context.everything.transaction() as statements:
            token = await revoke(statements, info.context.actor, from_id(IdKind.TOKEN, id))
        info.context.callers.forget()  # others are told by the database, we need not wait for that
        return RevokeTokenPayload(token=token)
