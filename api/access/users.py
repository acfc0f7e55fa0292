"""Users: signing in with name and password."""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated

import strawberry
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from api.access import tokens
from api.access.tokens import Token
from api.graphql.context import Context, Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.pages import BY_NAME, After, Before, Connection, Descending, First, Last, Listing, NameOrder, Page
from api.graphql.payloads import UserError, mutation
from api.ground.callers import network_of
from api.ground.database import Row
from api.ground.ids import IdKind, to_id
from api.ground.limits import HASH_SECONDS, HASHES, HASHES_WAITING
from api.ground.roles import Role
from api.ground.turns import Turns
from ddms.errors import Code, DdmsError

SESSION = timedelta(hours=12)
ATTEMPTS = 5


def _come_after_requests() -> None:
    """Give way to what else runs here: whoever guesses passwords must not slow down others (on Linux, where threads can)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 3)


_HASHERS = ThreadPoolExecutor(HASHES, "argon2", _come_after_requests)
TURNS = Turns(HASHES, each=1, waiting=HASHES_WAITING, seconds=HASH_SECONDS)
"""Whose password is checked next: addresses take turns, so that one that tries many keeps nobody else waiting."""

LOCK_ATTEMPTS = "-- ddms:lock_attempts\nSELECT name FROM locks WHERE name = 'sign-in ' || (hashtext(lower($1) || ' ' || $2) & 63) FOR UPDATE"
NOTE_ATTEMPT = """-- ddms:note_attempt
INSERT INTO sign_in_failures (name, address)
SELECT $1, $2
 WHERE (SELECT count(*) FROM sign_in_failures f
         WHERE lower(f.name) = lower($1) AND f.address = $2 AND f.at > now() - interval '15 minutes') < $3
RETURNING at
"""
FORGET_ATTEMPTS = """-- ddms:forget_attempts
DELETE FROM sign_in_failures WHERE (lower(name) = lower($1) AND address = $2) OR at < now() - interval '1 day'
"""
FIND_USER = "-- ddms:find_user\nSELECT id, name, role, password_hash FROM users WHERE lower(name) = lower($1)"


@output_type
class SignInPayload:
    """The answer of signIn."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    secret: str | None = field(
        default=None,
        description="A token for the header `Authorization: Bearer …`, valid for 12 hours; null when there were errors.",
    )
    token: Token | None = field(
        default=None, description="The token's name, role and end; null when there were errors."
    )


@output_type
class SignOutPayload:
    """The answer of signOut."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    token: Token | None = field(
        default=None, description="The token that is no longer valid; null when there were errors."
    )


@output_type
class User:
    """A person who may sign in."""

    id: strawberry.ID = field(description="Opaque and stable, `usr_2`.")
    name: str = field(description="Unique; upper and lower case are the same.")
    role: Role = field(description="What the user may do.")
    created_at: datetime = field(description="When the user was added.")

    @classmethod
    def of(cls, row: Row) -> "User":
        """Make it of its row."""
        return cls(
            id=to_id(IdKind.USER, row["id"]), name=row["name"], role=Role(row["role"]), created_at=row["created_at"]
        )


USERS: Listing[User] = Listing(
    "users",
    """
SELECT id, name, lower(name) AS by_name, role, created_at FROM users
 WHERE ($1::text IS NULL OR position(lower($1) IN lower(name)) > 0) AND ($2::text IS NULL OR role = $2)
""",
    parameters=2,
    orders=BY_NAME,
)


@output_type
class Me:
    """The caller: what the token in use is and may do."""

    name: str = field(description="Name of the token; for a session it names the user.")
    role: Role = field(description="What the caller may do.")


async def sign_in(context: Context, name: str, password: str) -> tuple[Token, str]:
    """Exchange a name and password for a session's token; which of them was wrong is not told."""
    if len(name) > 64 or len(password) > 1024:
        raise DdmsError(Code.INVALID, "a name has at most 64 characters, a password 1024", field="name")
    address = network_of(context.address)
    async with TURNS.place(address):
        if not await _may_try(context, name, address):
            raise DdmsError(Code.RATE_LIMITED, "too many failed attempts: wait 15 minutes, then try again")
        user = await context.database.row(FIND_USER, name)
        right = await _verified(user["password_hash"] if user else None, password)
    if not right or user is None:
        raise DdmsError(Code.UNAUTHENTICATED, "name or password is wrong: after 5 failed attempts you have to wait")
    async with context.database.transaction() as statements:
        await statements.value(FORGET_ATTEMPTS, name, address)
        return await tokens.create(
            statements,
            context.actor,
            name=f"session of {user['name']}",
            role=Role(user["role"]),
            lifetime=SESSION,
            user_id=user["id"],
        )


async def _may_try(context: Context, name: str, address: str) -> bool:
    """Note the attempt before it is judged, one at a time, so that nobody gets more by asking all at once."""
    async with context.database.transaction() as statements:
        await statements.value(LOCK_ATTEMPTS, name, address)
        return await statements.value(NOTE_ATTEMPT, name, address, ATTEMPTS) is not None


async def _verified(password_hash: str | None, password: str) -> bool:
    loop = asyncio.get_running_loop()
    right = await loop.run_in_executor(_HASHERS, _verify, password_hash, password)
    return right and password_hash is not None


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        return PasswordHasher().verify(password_hash or _nobody(), password)
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False


@cache
def _nobody() -> str:
    """Return a hash that takes as long to refuse as a real one."""
    return PasswordHasher().hash("nobody has this password")


@strawberry.type
class UserQueries:
    """Queries about the caller and other people."""

    @resolver
    async def users(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        text: Annotated[str | None, argument("Only those with this text in their name.")] = None,
        role: Annotated[Role | None, argument("Only those with this role.")] = None,
        order_by: Annotated[NameOrder, argument("Their order.")] = NameOrder.NAME,
        descending: Descending = False,
    ) -> Connection[User]:
        """The people who may sign in, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        return await USERS.page(info.context.database, page, (text, role), lambda rows: [User.of(row) for row in rows])

    @resolver
    def me(self, info: Info) -> Me:
        """Who the token in use says that you are."""
        caller = info.context.require(Role.VIEWER)
        return Me(name=caller.name, role=caller.role)


@strawberry.type
class UserMutations:
    """Signing in and out."""

    @mutation
    async def sign_in(
        self,
        info: Info,
        name: Annotated[str, argument("The user's name; upper and lower case are the same.")],
        password: Annotated[str, argument("The user's password.")],
    ) -> SignInPayload:
        """Exchange name and password for a token; 5 failed attempts in 15 minutes lock the name for your address."""
        token, secret = await sign_in(info.context, name, password)
        return SignInPayload(token=token, secret=secret)

    @mutation
    async def sign_out(self, info: Info) -> SignOutPayload:
        """Make the token in use invalid, at once."""
        caller = info.context.require(Role.VIEWER)
        async with info.context.database.transaction() as statements:
            token = await tokens.revoke(statements, info.context.actor, caller.token_id)
        info.context.callers.forget()  # others are told by the database, we need not wait for that
        return SignOutPayload(token=token)
