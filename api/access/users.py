"""Users: the people who may sign in, as GraphQL shows them."""

from dataclasses import fields
from datetime import datetime
from typing import Annotated

import strawberry

from api.access.accounts import FIND_ACCOUNT, READ_ACCOUNT
from api.access.rights import groups_of
from api.access.tokens import Token
from api.graphql.context import Info
from api.graphql.described import argument, field, input_type, output_type, resolver
from api.graphql.pages import BY_NAME, After, Before, Connection, Descending, First, Last, Listing, NameOrder, Page
from api.graphql.payloads import UserError
from api.graphql.together import together
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id
from api.ground.roles import Role
from api.groups.types import Group
from api.site.record import Language


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
    role: Role = field(description="What the person may do.")
    language: Language | None = field(
        description="In which language the person is spoken to; null: as the browser asks."
    )
    enabled: bool = field(description="Whether the person may sign in.")
    must_change_password: bool = field(
        description="Whether the password was given by somebody else, and must be changed first."
    )
    provider: str | None = field(
        description="Name of the OpenID provider that signs the person in; null for an account with a password."
    )
    created_at: datetime = field(description="When the person was added.")
    last_sign_in_at: datetime | None = field(description="When the person last signed in; null when not in 180 days.")

    @resolver
    async def groups(self, info: Info) -> list[Group] | None:
        """The groups to whose devices the rights reach; null when they reach to everything."""
        return await together(info.context, groups_of, from_id(IdKind.USER, self.id))

    @classmethod
    def of(cls, row: Row) -> "User":
        """Make it of its row."""
        values = {f.name: row[f.name] for f in fields(cls) if f.init}
        language = row["language"] and Language(row["language"])
        return cls(**values | {"id": to_id(IdKind.USER, row["id"]), "role": Role(row["role"]), "language": language})


USERS: Listing[User] = Listing(
    "users",
    f"""
{READ_ACCOUNT}
 WHERE ($1::text IS NULL OR position(lower($1) IN lower(u.name)) > 0) AND ($2::text IS NULL OR u.role = $2)
   AND ($3::boolean IS NULL OR u.enabled = $3)
""",
    parameters=3,
    orders=BY_NAME,
)


@output_type
class Me:
    """The caller: who bears the token in use, and what it may do."""

    id: strawberry.ID | None = field(description="The person, `usr_2`; null for a program's token.")
    name: str = field(description="The person's name; of a program's token the token's.")
    role: Role = field(description="What the caller may do.")
    language: Language | None = field(description="The person's language; null: as the browser asks.")
    must_change_password: bool = field(
        description="Whether changePassword must come first: until then nothing else is answered but `me` and signOut."
    )

    @resolver
    async def groups(self, info: Info) -> list[Group] | None:
        """The groups to whose devices the rights reach; null when they reach to everything."""
        person = info.context.person
        return None if person is None else (await groups_of(info.context.everything, [person])).get(person, [])


@input_type
class UserInput:
    """A person, as added."""

    name: str = field(
        description="1 to 64 characters, unique; upper and lower case, wide and narrow letters are the same."
    )
    role: Role = field(description="What the person may do.")
    language: Language | None = field(
        default=None, description="In which language the person is spoken to; null: as the browser asks."
    )
    password: str | None = field(
        default=None,
        description="8 to 128 characters, neither the name nor among the 10,000 commonest passwords; null: one is made, and answered this once.",
    )
    must_change_password: bool = field(
        default=True,
        description="Whether the person must change this `password` first; one that was made must always be changed.",
    )


@input_type
class UserChanges:
    """What shall be different; what is left out stays."""

    name: str | None = field(default=strawberry.UNSET, description="1 to 64 characters, unique.")
    role: Role | None = field(default=strawberry.UNSET, description="What the person may do; it holds at once.")
    language: Language | None = field(
        default=strawberry.UNSET, description="In which language the person is spoken to; null: as the browser asks."
    )
    enabled: bool | None = field(
        default=strawberry.UNSET,
        description="Whether the person may sign in; false ends sessions and tokens of sign-ins.",
    )


@output_type
class UserPayload:
    """The answer of updateUser."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    user: User | None = field(default=None, description="The person, as now; null when there were errors.")


@output_type
class UserPasswordPayload:
    """The answer of createUser and resetPassword."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    user: User | None = field(default=None, description="The person, as now; null when there were errors.")
    password: str | None = field(
        default=None,
        description="The one-time password that was made: shown this once, and kept nowhere; null when you gave one.",
    )


@output_type
class DeleteUserPayload:
    """The answer of deleteUser."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The person who is gone; null when there were errors."
    )


@output_type
class MePayload:
    """The answer of changePassword and updateMe."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    me: Me | None = field(default=None, description="You, as now; null when there were errors.")


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
        enabled: Annotated[bool | None, argument("Only those who may sign in, or may not.")] = None,
        order_by: Annotated[NameOrder, argument("Their order.")] = NameOrder.NAME,
        descending: Descending = False,
    ) -> Connection[User]:
        """The people who may sign in, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        filters = text, role, enabled
        return await USERS.page(info.context.everything, page, filters, lambda rows: [User.of(row) for row in rows])

    @resolver
    def me(self, info: Info) -> Me:
        """Who the token in use says that you are."""
        caller = info.context.require(Role.VIEWER, before_password=True)
        return Me(
            id=None if caller.user_id is None else to_id(IdKind.USER, caller.user_id),
            name=caller.name,
            role=caller.role,
            language=Language(caller.language) if caller.language else None,
            must_change_password=caller.must_change_password,
        )


async def by_number(info: Info, number: int) -> User | None:
    """Return a person, or None when gone."""
    row = await info.context.everything.row(FIND_ACCOUNT, number, None)
    return row and User.of(row)


async def me_by_number(info: Info, number: int) -> Me | None:
    """Return the caller as stored now, or None when gone."""
    user = await by_number(info, number)
    return None if user is None else Me(**{f.name: getattr(user, f.name) for f in fields(Me) if f.init})
