# ruff: noqa: S105 - the constants are statements
"""Accounts as they are stored, and the statements that change them.

Whoever changes an account first locks the rows of all owners in the order of their ids: two who take each other's role
at the same moment come one after the other, and the second one is refused.
"""

from typing import Any

from api.access import passwords
from api.access.sign_in import MOST_NAME, verify
from api.ground import audit
from api.ground.actor import COMMAND_LINE, SCHEDULER, Actor
from api.ground.callers import Caller, network_of
from api.ground.database import Database, Row, Statements
from api.ground.ids import IdKind, to_id
from api.ground.roles import Role
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence

TOLD = ("name", "role", "language", "enabled", "must_change_password")
"""What the audit log says of an account before and after a change."""
_ACTORS = {COMMAND_LINE.name, SCHEDULER.name, "nobody"}

READ_ACCOUNT = """
SELECT u.*, lower(u.name) AS by_name,
       (SELECT max(last_at) FROM sign_in_addresses a WHERE a.user_id = u.id) AS last_sign_in_at FROM users u
"""
FIND_ACCOUNT = f"""-- ddms:find_account
{READ_ACCOUNT} WHERE ($1::int IS NULL OR u.id = $1) AND ($2::text IS NULL OR name_key(u.name) = name_key(btrim($2)))
"""
LIST_ACCOUNTS = f"-- ddms:list_accounts\n{READ_ACCOUNT} ORDER BY lower(u.name) LIMIT 10000"
LOCK_ACCOUNTS = """-- ddms:lock_accounts
SELECT *, provider IS NULL AND password_hash IS NOT NULL AND coalesce(one_time_until > now(), true) AS has_password
  FROM users WHERE role = 'owner' OR id = $1 ORDER BY id FOR UPDATE
"""
INSERT_USER = """-- ddms:insert_user
INSERT INTO users (name, role, language, password_hash, must_change_password, one_time_until)
VALUES ($1, $2, $3, $4, $5, CASE WHEN $5 THEN now() + interval '7 days' END) RETURNING id
"""
UPDATE_USER = """-- ddms:update_user
UPDATE users SET name = $2, role = $3, language = $4, enabled = $5, limited = limited AND $3 <> 'owner' WHERE id = $1
"""
UPDATE_TOKENS_ROLE = "-- ddms:update_tokens_role\nUPDATE api_tokens SET role = $2 WHERE user_id = $1 AND role <> $2"
DELETE_USER = "-- ddms:delete_user\nDELETE FROM users WHERE id = $1"
REPLACE_PASSWORD = """-- ddms:replace_password
UPDATE users SET password_hash = $2, must_change_password = $3, one_time_until = CASE WHEN $3 THEN now() + interval '7 days' END
 WHERE id = $1 AND ($4::text IS NULL OR password_hash = $4) RETURNING true
"""
END_KEYS = """-- ddms:end_keys
UPDATE api_tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2
"""
UNLOCK = """-- ddms:unlock
WITH failures AS (DELETE FROM sign_in_failures WHERE $1::text IS NULL OR name = name_key($1)),
     locks AS (DELETE FROM sign_in_locks WHERE ($1::text IS NULL OR name = name_key($1)) RETURNING until)
SELECT count(*) FROM locks WHERE until > now()
"""
SET_LANGUAGE = "-- ddms:set_language\nUPDATE users SET language = $2 WHERE id = $1"


def name_of(raw: str) -> str:
    """Return a person's name in its one spelling; raises INVALID."""
    name = inputs.fit(lambda text: inputs.name(text, most=MOST_NAME), raw, "name")
    if name.casefold() in _ACTORS:
        sentence = "the audit log calls DDMS itself by this name: choose another name"
        raise DdmsError(Code.INVALID, sentence, field="name")
    return name


async def create(
    statements: Statements,
    actor: Actor,
    *,
    name: str,
    role: Role,
    language: str | None,
    password_hash: str,
    must_change_password: bool,
) -> int:
    """Store a person with a password that fits; return the number."""
    name = name_of(name)
    number: int = await statements.value(INSERT_USER, name, role.value, language, password_hash, must_change_password)
    values = (name, role.value, language, True, must_change_password)
    after = dict(zip(TOLD, values, strict=True))
    await audit.record(statements, actor, "user.create", to_id(IdKind.USER, number), after=after)
    return number


async def change(statements: Statements, actor: Actor, number: int, changes: dict[str, Any]) -> None:
    """Change what is named of `name`, `role`, `language` and `enabled`; the keys of a disabled person end."""
    owners, before = await _locked(statements, number)
    old = {field: before[field] for field in TOLD}
    new = old | changes
    if "name" in changes:
        new["name"] = name_of(changes["name"])
    new["role"] = Role(new["role"]).value
    if new == old:
        return
    if new["role"] != Role.OWNER or not new["enabled"]:
        _keep_an_owner(owners, before, field="enabled" if new["role"] == Role.OWNER else "role")
    await statements.value(UPDATE_USER, number, *(new[field] for field in TOLD[:4]))
    if new["role"] != old["role"]:
        await statements.value(UPDATE_TOKENS_ROLE, number, new["role"])
    if not new["enabled"]:
        await statements.value(END_KEYS, number, None)
    await audit.record(statements, actor, "user.update", to_id(IdKind.USER, number), before=old, after=new)


async def delete(statements: Statements, actor: Actor, number: int) -> None:
    """Delete a person, with all keys and sessions; what the person did stays in the audit log."""
    owners, before = await _locked(statements, number)
    _keep_an_owner(owners, before, field="id")
    await statements.value(DELETE_USER, number)
    await statements.value(UNLOCK, before["name"])
    old = {field: before[field] for field in TOLD}
    await audit.record(statements, actor, "user.delete", to_id(IdKind.USER, number), before=old)


async def reset_password(statements: Statements, actor: Actor, number: int, password_hash: str) -> None:
    """Give a person a one-time password; all keys of the person end, and what failures had locked is open."""
    _, before = await _locked(statements, number)
    _has_password(before, "id")
    await statements.value(REPLACE_PASSWORD, number, password_hash, True, None)
    await statements.value(END_KEYS, number, None)
    await statements.value(UNLOCK, before["name"])
    await audit.record(statements, actor, "user.reset_password", to_id(IdKind.USER, number))


async def change_password(statements: Statements, actor: Actor, user: Row, password_hash: str, keeps: int) -> None:
    """Replace the password that was just verified; all keys of the person end but the token or session `keeps`."""
    if await statements.value(REPLACE_PASSWORD, user["id"], password_hash, False, user["password_hash"]) is None:
        raise DdmsError(Code.CONFLICT, "the password was changed meanwhile: sign in again")
    await statements.value(END_KEYS, user["id"], keeps)
    await audit.record(statements, actor, "user.change_password", to_id(IdKind.USER, user["id"]))


async def change_own_password(database: Database, actor: Actor, caller: Caller, old: str, new: str) -> None:
    """Check the old password of whoever asks, as at a sign-in, and replace it."""
    row = await database.row(FIND_ACCOUNT, caller.user_id, None) if caller.user_id else None
    if row is None:
        raise DdmsError(Code.INVALID, "this token is a program's, not a person's: it has no password and no language")
    _has_password(row, "old")
    password = passwords.fit(new, row["name"], "new")
    if password == passwords.normal(old):
        raise DdmsError(Code.INVALID, "the new password is the old one: choose another", field="new")
    try:
        user = await verify(database, actor, row["name"], old)
    except DdmsError as error:
        if error.code is not Code.UNAUTHENTICATED:
            raise
        sentence = "the old password is wrong: after 5 failed attempts you have to wait"
        raise DdmsError(Code.INVALID, sentence, field="old") from error
    password_hash = await passwords.kept_aside(password, network_of(actor.address or ""))
    async with database.transaction() as statements:
        await change_password(statements, actor, user, password_hash, caller.token_id)


async def set_language(statements: Statements, actor: Actor, number: int, language: str | None) -> None:
    """Choose in which language a person is spoken to; None: as the browser asks for."""
    _, before = await _locked(statements, number)
    if before["language"] != language:
        await statements.value(SET_LANGUAGE, number, language)
        old, new = {"language": before["language"]}, {"language": language}
        await audit.record(statements, actor, "user.update", to_id(IdKind.USER, number), before=old, after=new)


async def unlock(statements: Statements, actor: Actor, name: str | None) -> int:
    """Let a person, or everybody, try again to sign in; return how many locks were open."""
    count: int = await statements.value(UNLOCK, name)
    await audit.record(statements, actor, "user.unlock", "every name" if name is None else name, after={"locks": count})
    return count


async def _locked(statements: Statements, number: int) -> tuple[list[Row], Row]:
    """Lock all owners and this person; return them, and the person; raises NOT_FOUND."""
    rows = await statements.rows(LOCK_ACCOUNTS, number)
    for row in rows:
        if row["id"] == number:
            return rows, row
    raise DdmsError(Code.NOT_FOUND, "no person has this id: `users` lists them", field="id")


def _has_password(account: Row, field: str) -> None:
    """Refuse what is about a password where there is none."""
    if account["provider"] is not None:
        sentence = Sentence("{} signs this person in: the password is changed there", account["provider"])
        raise DdmsError(Code.INVALID, sentence, field=field)


def _keep_an_owner(rows: list[Row], without: Row, *, field: str) -> None:
    """Refuse what would leave no owner who can sign in without a provider."""
    able = {row["id"] for row in rows if row["role"] == Role.OWNER and row["enabled"] and row["has_password"]}
    if able == {without["id"]}:
        sentence = "this is the last owner who can sign in with a password: make another one first"
        raise DdmsError(Code.INVALID, sentence, field=field)
