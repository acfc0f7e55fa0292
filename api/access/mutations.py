"""Changes of accounts through GraphQL, signing in and out."""

from datetime import timedelta
from typing import Annotated

import strawberry

from api.access import accounts, passwords, tokens
from api.access.sessions import END_REPLACED, NO_COOKIES
from api.access.sign_in import sign_in
from api.access.tokens import Token
from api.access.users import (
    DeleteUserPayload,
    MePayload,
    SignInPayload,
    SignOutPayload,
    UserChanges,
    UserInput,
    UserPasswordPayload,
    UserPayload,
    by_number,
    me_by_number,
)
from api.graphql.context import Context, Info
from api.graphql.described import argument, given
from api.graphql.payloads import mutation
from api.ground.callers import Caller
from api.ground.ids import IdKind, from_id
from api.ground.roles import Role
from api.site.record import Language
from ddms.errors import Code, DdmsError

SESSION = timedelta(hours=12)


@strawberry.type
class UserMutations:
    """Changes of accounts, for owners."""

    @mutation
    async def create_user(
        self,
        info: Info,
        input: Annotated[UserInput, argument("The person.")],  # noqa: A002 - GraphQL's word
    ) -> UserPasswordPayload:
        """Add a person; without a password one is made, which is in the answer this once and must be changed first."""
        name = accounts.name_of(input.name)
        made = passwords.one_time() if input.password is None else None
        password = made or passwords.fit(input.password or "", name)
        password_hash = await passwords.kept_aside(password, info.context.who)
        async with info.context.everything.transaction() as statements:
            number = await accounts.create(
                statements,
                info.context.actor,
                name=name,
                role=input.role,
                language=input.language,
                password_hash=password_hash,
                must_change_password=bool(made) or input.must_change_password,
            )
        return UserPasswordPayload(user=await by_number(info, number), password=made)

    @mutation
    async def update_user(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The person.")],  # noqa: A002 - GraphQL's word
        changes: Annotated[UserChanges, argument("What shall be different.")],
    ) -> UserPayload:
        """Rename a person, give another role or language, disable or enable; what is not named stays."""
        number = from_id(IdKind.USER, id)
        wanted = given(changes, nullable={"language"})
        async with info.context.everything.transaction() as statements:
            await accounts.change(statements, info.context.actor, number, wanted)
        info.context.callers.forget()  # others are told by the database, we need not wait for that
        return UserPayload(user=await by_number(info, number))

    @mutation
    async def delete_user(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The person.")],  # noqa: A002 - GraphQL's word
    ) -> DeleteUserPayload:
        """Delete a person, and end all sessions; what the person did stays in the audit log."""
        async with info.context.everything.transaction() as statements:
            await accounts.delete(statements, info.context.actor, from_id(IdKind.USER, id))
        info.context.callers.forget()
        return DeleteUserPayload(deleted_id=id)

    @mutation
    async def reset_password(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The person.")],  # noqa: A002 - GraphQL's word
    ) -> UserPasswordPayload:
        """Give a person a one-time password, which must be changed first; all sessions of the person end."""
        number = from_id(IdKind.USER, id)
        made = passwords.one_time()
        password_hash = await passwords.kept_aside(made, info.context.who)
        async with info.context.everything.transaction() as statements:
            await accounts.reset_password(statements, info.context.actor, number, password_hash)
        info.context.callers.forget()
        return UserPasswordPayload(user=await by_number(info, number), password=made)


@strawberry.type
class SignInMutations:
    """Signing in and out, and what everybody may change of the own account."""

    @mutation
    async def sign_in(
        self,
        info: Info,
        name: Annotated[str, argument("The person's name; upper and lower case are the same.")],
        password: Annotated[str, argument("The person's password.")],
    ) -> SignInPayload:
        """Exchange name and password for a token; 5 failed attempts in 15 minutes lock the name for your address."""
        token, secret = await _token(info.context, name, password)
        return SignInPayload(token=token, secret=secret)

    @mutation
    async def sign_out(self, info: Info) -> SignOutPayload:
        """Make the token in use invalid, at once."""
        caller = info.context.require(Role.VIEWER, before_password=True)
        async with info.context.everything.transaction() as statements:
            token = await tokens.revoke(statements, info.context.actor, caller.token_id)
            await statements.value(END_REPLACED, caller.token_id)
        if caller.is_session:
            info.context.cookies = NO_COOKIES
        info.context.callers.forget()
        return SignOutPayload(token=token)

    @mutation
    async def change_password(
        self,
        info: Info,
        old: Annotated[str, argument("The password until now.")],
        new: Annotated[
            str,
            argument("The password from now on: 8 to 128 characters, neither the name nor among the 10,000 commonest."),
        ],
    ) -> MePayload:
        """Change your own password; your other sessions, and tokens of other sign-ins, end."""
        caller = info.context.require(Role.VIEWER, before_password=True)
        await accounts.change_own_password(info.context.everything, info.context.actor, caller, old, new)
        info.context.callers.forget()
        return MePayload(me=await me_by_number(info, _person(caller)))

    @mutation
    async def update_me(
        self,
        info: Info,
        language: Annotated[
            Language | None, argument("In which language you are spoken to; null: as your browser asks.")
        ],
    ) -> MePayload:
        """Change what you may change of your own account."""
        number = _person(info.context.require(Role.VIEWER))
        async with info.context.everything.transaction() as statements:
            await accounts.set_language(statements, info.context.actor, number, language)
        info.context.callers.forget()
        return MePayload(me=await me_by_number(info, number))


def _person(caller: Caller) -> int:
    if caller.user_id is None:
        raise DdmsError(Code.INVALID, "this token is a program's, not a person's: it has no password and no language")
    return caller.user_id


async def _token(context: Context, name: str, password: str) -> tuple[Token, str]:
    """Exchange a name and password for a token; which of them was wrong is not told."""
    user = await sign_in(context.everything, context.actor, name, password)
    async with context.everything.transaction() as statements:
        return await tokens.create(
            statements,
            context.actor,
            name=f"session of {user['name']}",
            role=Role(user["role"]),
            lifetime=SESSION,
            user_id=user["id"],
        )
