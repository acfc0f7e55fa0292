"""The list of a person's sessions, and their ends: what people see and do about where they are signed in."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.access import sessions
from api.graphql.context import Context, Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id, to_id
from api.ground.roles import Role
from ddms.errors import Code, DdmsError

LIST_SESSIONS = """-- ddms:list_sessions
SELECT v.id, t.created_at, v.last_used_at, v.ends_at, s.address, s.agent, s.provider, v.is_session
  FROM valid_tokens v JOIN api_tokens t ON t.id = v.id LEFT JOIN sessions s ON s.token_id = v.id
 WHERE v.user_id = $1 AND s.replaced_by IS NULL ORDER BY coalesce(v.last_used_at, t.created_at) DESC, v.id DESC
"""
FIND_PERSON = "-- ddms:find_person_of_session\nSELECT user_id FROM valid_tokens WHERE id = $1 AND user_id IS NOT NULL"
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari"}
_SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Mac OS": "macOS", "Linux": "Linux"}  # fmt: skip
"""By which word of what it calls itself a browser and its system are known; the first that stands there counts."""


@output_type
class Session:
    """One place where a person is signed in: a browser, or a program that holds a token of signIn."""

    id: strawberry.ID = field(description="Opaque and stable, `ses_12`.")
    device: str | None = field(
        description="Browser and system, `Firefox, Windows`, as far as they can be told; null for a token of signIn."
    )
    agent: str | None = field(
        description="What the browser called itself at sign-in, shortened; null for a token of signIn."
    )
    address: str | None = field(description="The address it signed in from; null for a token of signIn.")
    provider: str | None = field(description="The OpenID provider that signed the person in; null for a password.")
    created_at: datetime = field(description="When it began.")
    last_used_at: datetime | None = field(description="When it was last used, to the minute; null when never.")
    ends_at: datetime = field(description="When it ends if it is not used any more.")
    is_current: bool = field(description="Whether it is the one that asks.")

    @classmethod
    def of(cls, row: Row, current: int | None) -> "Session":
        """Make it of its row."""
        device = device_of(row["agent"]) if row["is_session"] else None
        names = ("agent", "address", "provider", "created_at", "last_used_at", "ends_at")
        id_ = to_id(IdKind.SESSION, row["id"])
        return cls(id=id_, device=device, is_current=row["id"] == current, **{name: row[name] for name in names})


@output_type
class EndSessionPayload:
    """The answer of endSession."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    id: strawberry.ID | None = field(default=None, description="The session that ended; null when there were errors.")


@output_type
class EndSessionsPayload:
    """The answer of endSessions."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    ended: int | None = field(default=None, description="How many sessions ended; null when there were errors.")


def device_of(agent: str) -> str:
    """Return which browser on which system calls itself so: `Firefox, Windows`; the agent's first words when neither is known."""
    found = [next((name for mark, name in known.items() if mark in agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or agent[:40]


async def of_person(database: Database, user_id: int, current: int | None) -> list[Session]:
    """Return where a person is signed in, what was used last first."""
    return [Session.of(row, current) for row in await database.rows(LIST_SESSIONS, user_id)]


def _person(context: Context, user: str | None) -> int:
    """Return whose sessions are meant: the caller's own, or for an owner anybody's."""
    caller = context.require(Role.VIEWER)
    if user is not None and (number := from_id(IdKind.USER, user, "user")) != caller.user_id:
        context.require(Role.OWNER)
        return number
    if caller.user_id is None:
        raise DdmsError(Code.INVALID, "a program's token has no sessions: name the person", field="user")
    return caller.user_id


@strawberry.type
class SessionQueries:
    """Queries about sessions."""

    @resolver
    async def sessions(
        self,
        info: Info,
        user: Annotated[strawberry.ID | None, argument("Whose; an owner may ask about anybody.")] = None,
    ) -> list[Session]:
        """Where you are signed in, or for an owner where another person is; what was used last comes first."""
        caller = info.context.require(Role.VIEWER)
        if user is None and caller.user_id is None:
            return []
        return await of_person(info.context.everything, _person(info.context, user), caller.token_id)


@strawberry.type
class SessionMutations:
    """Ends of sessions."""

    @mutation
    async def end_session(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The session; an owner may end anybody's.")],  # noqa: A002 - GraphQL's word
    ) -> EndSessionPayload:
        """Sign out one browser or program of yours, at once; its open websockets are closed."""
        context, number = info.context, from_id(IdKind.SESSION, id)
        caller = context.require(Role.VIEWER)
        async with context.everything.transaction() as statements:
            owned = caller.role.includes(Role.OWNER)
            person = await statements.value(FIND_PERSON, number) if owned else caller.user_id
            await sessions.end(statements, context.actor, person, number)
        context.callers.forget()  # others are told by the database, we need not wait for that
        if number == caller.token_id and caller.is_session:
            context.cookies = sessions.NO_COOKIES
        return EndSessionPayload(id=id)

    @mutation
    async def end_sessions(
        self,
        info: Info,
        user: Annotated[strawberry.ID | None, argument("Whose; an owner may end anybody's.")] = None,
        keep_this: Annotated[bool, argument("Whether the one that asks stays.")] = True,
    ) -> EndSessionsPayload:
        """Sign out everywhere: all browsers of yours, and all programs that hold a token of signIn."""
        context = info.context
        caller, person = context.require(Role.VIEWER), _person(context, user)
        async with context.everything.transaction() as statements:
            but = caller.token_id if keep_this else None
            ended = await sessions.end_all(statements, context.actor, person, but=but)
        context.callers.forget()
        if caller.is_session and not keep_this and person == caller.user_id:
            context.cookies = sessions.NO_COOKIES
        return EndSessionsPayload(ended=ended)
