"""`ddms users`: the people who may sign in, straight in the database; also when no owner can sign in any more."""

from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

import click

from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction
from ddms.errors import Code, DdmsError, Sentence
from ddms.languages import languages

ROLE = click.Choice(["owner", "admin", "viewer"])
LANGUAGE = click.Choice(list(languages()))


@click.group
def users() -> None:
    """List, add, change, enable and delete the people who may sign in.

    A person is named by NAME or id (`usr_2`). Each change stands in the audit log and holds at once.
    """


@users.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List all people, by name."""
    from api.access.accounts import LIST_ACCOUNTS  # noqa: PLC0415 - GraphQL is slow to import
    from api.access.rights import LIST_LIMITS  # noqa: PLC0415
    from api.access.users import User  # noqa: PLC0415
    from api.ground.ids import IdKind, to_id  # noqa: PLC0415

    async def read(s: Any) -> tuple[Any, Any]:
        return await s.rows(LIST_ACCOUNTS), await s.rows(LIST_LIMITS)

    people, limits = in_transaction(read)
    found, reach = [User.of(row) for row in people], {to_id(IdKind.USER, row["id"]): row["groups"] for row in limits}
    if as_json:
        print_json([_shown(one) | {"groups": reach.get(one.id)} for one in found])
        return
    rows = (
        (u.id, u.name, u.role.value, _reach(reach.get(u.id)), _state(u), u.provider or "password", u.last_sign_in_at)
        for u in found
    )
    columns = ("person", "name", "role", "rights reach to", "state", "signs in by", "last sign-in (UTC)")
    table(columns, rows, empty="Nobody yet: `ddms init` makes the first owner.", colours={"disabled": "red"})


def _reach(groups: list[str] | None) -> str:
    return "everything" if groups is None else ", ".join(groups) or "nothing"


def _shown(user: Any) -> dict[str, Any]:
    return {f.name: getattr(user, f.name) for f in fields(user) if f.init}


def _state(user: Any) -> str:
    if not user.enabled:
        return "disabled"
    return "must change password" if user.must_change_password else "enabled"


@users.command
@click.argument("name")
@click.option("--role", type=ROLE, default="viewer", show_default=True)
@click.option("--language", type=LANGUAGE, help="In which language the person is spoken to.")
@AS_JSON
def add(name: str, role: str, language: str | None, as_json: bool) -> None:
    """Add a person; the one-time password is shown this once, and must be changed at the first sign-in."""
    from api.access import accounts, passwords  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.roles import Role  # noqa: PLC0415

    password = passwords.one_time()
    kept = passwords.kept(password)

    async def work(s: Any) -> Any:
        number = await accounts.create(
            s,
            COMMAND_LINE,
            name=name,
            role=Role(role),
            language=language,
            password_hash=kept,
            must_change_password=True,
        )
        return await s.row(accounts.FIND_ACCOUNT, number, None)

    _show(in_transaction(work), as_json=as_json, password=password)


@users.command
@click.argument("who", metavar="NAME")
@click.option("--name", help="The new name.")
@click.option("--role", type=ROLE)
@click.option("--language", type=LANGUAGE, help="In which language the person is spoken to.")
@AS_JSON
def update(who: str, name: str | None, role: str | None, language: str | None, as_json: bool) -> None:
    """Rename a person, give another role or language."""
    changes = {k: v for k, v in (("name", name), ("role", role), ("language", language)) if v is not None}
    if not changes:
        raise click.UsageError("say what shall be different: --name, --role or --language")
    _change(who, changes, as_json=as_json)


@users.command
@click.argument("who", metavar="NAME")
@click.option("--group", "groups", multiple=True, help="A group of devices, by name; once for each.")
@click.option("--everything", is_flag=True, help="Take the limits away.")
@AS_JSON
def limit(who: str, groups: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Limit a person's rights to the devices of these groups, and of no others."""
    from api.access.rights import FIND_GROUPS, set_groups  # noqa: PLC0415 - GraphQL is slow to import

    if bool(groups) == everything:
        raise click.UsageError("say --group NAME, once for each group, or --everything")

    async def work(s: Any, actor: Any, number: int) -> None:
        found = {row["key"]: row["id"] for row in await s.rows(FIND_GROUPS, list(groups))}
        if missing := [name for name in groups if name.lower() not in found]:
            sentence = Sentence("there is no group {!r}: `ddms devices export` tells the groups of devices", missing[0])
            raise DdmsError(Code.NOT_FOUND, sentence, field="--group")
        await set_groups(s, actor, number, None if everything else list(found.values()))

    _show(_with_account(who, work), as_json=as_json)


@users.command
@click.argument("who", metavar="NAME")
@AS_JSON
def enable(who: str, as_json: bool) -> None:
    """Let a person sign in again."""
    _change(who, {"enabled": True}, as_json=as_json)


@users.command
@click.argument("who", metavar="NAME")
@AS_JSON
def disable(who: str, as_json: bool) -> None:
    """Keep a person from signing in, and end all sessions of the person."""
    _change(who, {"enabled": False}, as_json=as_json)


@users.command("reset-password")
@click.argument("who", metavar="NAME")
@AS_JSON
def reset_password(who: str, as_json: bool) -> None:
    """Give a person a one-time password, shown this once; all sessions of the person end."""
    from api.access import accounts, passwords  # noqa: PLC0415 - GraphQL is slow to import

    password = passwords.one_time()
    kept = passwords.kept(password)
    row = _with_account(who, lambda s, actor, number: accounts.reset_password(s, actor, number, kept))
    _show(row, as_json=as_json, password=password)


@users.command
@click.argument("who", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@AS_JSON
def delete(who: str, yes: bool, as_json: bool) -> None:
    """Delete a person, and end all sessions; what the person did stays in the audit log. Asks first."""
    from api.access import accounts  # noqa: PLC0415 - GraphQL is slow to import
    from api.access.users import User  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete {who!r} for ever?", abort=True)
    user = User.of(_with_account(who, accounts.delete))
    if as_json:
        print_json(_shown(user))
    else:
        click.echo(f"{user.name} ({user.id}) is deleted.")


@users.command
@click.argument("who", metavar="[NAME]", required=False)
@AS_JSON
def unlock(who: str | None, as_json: bool) -> None:
    """Let a person, or without NAME everybody, try again after too many failed attempts to sign in."""
    from api.access import accounts  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    count = in_transaction(lambda s: accounts.unlock(s, COMMAND_LINE, who))
    if as_json:
        print_json({"opened": count})
    else:
        click.echo(f"Locks opened: {count}.")


def _change(who: str, changes: dict[str, Any], *, as_json: bool) -> None:
    from api.access import accounts  # noqa: PLC0415 - GraphQL is slow to import

    row = _with_account(who, lambda s, actor, number: accounts.change(s, actor, number, changes))
    _show(row, as_json=as_json)


def _with_account(who: str, work: Callable[..., Awaitable[Any]]) -> Any:
    """Do something with a person's account in one transaction; return its row as it is then, or was when it is gone."""
    from api.access.accounts import FIND_ACCOUNT  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.ids import IdKind, from_id  # noqa: PLC0415

    async def run(s: Any) -> Any:
        found = await s.row(FIND_ACCOUNT, None, who)
        if found is None and who.startswith("usr_"):
            found = await s.row(FIND_ACCOUNT, from_id(IdKind.USER, who, "NAME"), None)
        if found is None:
            sentence = "no person has this name: `ddms users list` lists them"
            raise DdmsError(Code.NOT_FOUND, sentence, field="NAME")
        await work(s, COMMAND_LINE, found["id"])
        return await s.row(FIND_ACCOUNT, found["id"], None) or found

    return in_transaction(run)


def _show(row: Any, *, as_json: bool, password: str | None = None) -> None:
    from api.access.users import User  # noqa: PLC0415 - GraphQL is slow to import

    user = User.of(row)
    if as_json:
        print_json(_shown(user) | ({"password": password} if password else {}))
        return
    click.echo(f"{user.name} ({user.id}) is {user.role.value}, {_state(user)}.")
    if password:
        click.echo(f"The one-time password is {password}\nIt is not shown again, and is changed at the first sign-in.")
