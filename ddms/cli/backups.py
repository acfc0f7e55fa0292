"""`ddms backup`: make, list, keep and remove backups; `ddms backups`: the program that makes them by itself."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ddms import logs
from ddms.cli import settings as read_settings
from ddms.cli.findings import size
from ddms.cli.restoring import restore, switch, verify
from ddms.cli.tables import AS_JSON, print_json, progress, table
from ddms.cli.transaction import in_transaction, with_database

_COLOURS = {"done": "green", "failed": "red", "missing": "red", "cancelled": "yellow", "never": "yellow"}
_SHOWN = (
    "name", "state", "reason", "asked_at", "asked_by", "portable", "encrypted", "attempt", "due_at", "started_at", "finished_at",
    "progress", "error", "bytes", "database_bytes", "checksum", "kept", "removed_at", "copied_at", "copy_error", "verification",
    "verified_at", "verify_seconds", "verify_error", "verify_details",
)  # fmt: skip
NAME = click.argument("name", metavar="NAME|newest")


@click.command
def backups() -> None:
    """Make, verify and restore backups when it is time and when somebody asks, until it is stopped."""
    settings = read_settings()
    logs.set_up(level=settings.log_level, form=settings.log_format)
    from api.backups.program import serve  # noqa: PLC0415 - each program loads only itself

    serve(settings)


@click.group
def backup() -> None:
    """Make a backup, verify and restore it; list, show, keep, remove and cancel them."""


for _command in (verify, restore, switch):
    backup.add_command(_command)


@backup.command
@click.option(
    "--portable", is_flag=True, help="Hold history as rows, which any edition of the storage reads; larger and slower."
)
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write it into this folder, to be carried away: it is not listed and not removed.",
)
@AS_JSON
def create(portable: bool, to: Path | None, as_json: bool) -> None:
    """Make a backup now, by this command itself; Ctrl-C ends it, and nothing is left of it.

    Needs DDMS_BACKUP_DATABASE_URL, or a DDMS_DATABASE_URL that may read everything.
    """
    from api.backups import by_hand  # noqa: PLC0415 - GraphQL is slow to import

    settings = read_settings()
    with progress("makes a backup", 1.0, hidden=as_json) as show:

        def hear(done: float | None, doing: str) -> None:
            show(done, doing=doing)

        if to is None:
            row = with_database(lambda database: by_hand.create(settings, database, portable=portable, hear=hear))
            found = dict(row) | {"folder": str(settings.backup_directory)}
        else:
            found = with_database(
                lambda database: by_hand.create_elsewhere(settings, database, portable=portable, to=to, hear=hear)
            )
            found |= {"folder": str(to), "state": "done"}
    if as_json:
        print_json(
            {
                name: found.get(name)
                for name in ("name", "folder", "state", "bytes", "checksum", "portable", "encrypted")
            }
        )
    elif found["state"] == "done":
        click.echo(f"{found['name']}: {size(found['bytes'])} in {found['folder']}")
        if found.get("copy_error"):
            click.echo(f"Warning: it is not copied to the second place yet: {found['copy_error']}", err=True)
    if found["state"] != "done":
        raise click.ClickException("the backup was cancelled: nothing is left of it")


@backup.command("list")
@click.option("--last", "most", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many.")
@click.option("--removed", is_flag=True, help="Also those whose files were removed.")
@AS_JSON
def list_(most: int, removed: bool, as_json: bool) -> None:
    """List the backups, the newest first."""
    from api.backups.store import LIST_BACKUPS  # noqa: PLC0415 - GraphQL is slow to import

    rows = with_database(lambda database: database.rows(LIST_BACKUPS, most, removed))
    if as_json:
        print_json([_values(row) for row in rows])
        return
    columns = ("name", "state", "asked for (UTC)", ">size", ">took", "verified (UTC)", "kept", "what")
    table(
        columns, map(_listed, rows), empty="There is no backup yet: `ddms backup create` makes one.", colours=_COLOURS
    )


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _SHOWN} | {"doing": row["shown"]}


def _listed(row: Mapping[str, Any]) -> tuple[object, ...]:
    kinds = [kind for kind in ("portable", "encrypted") if row[kind]]
    what = row["shown"] or row["error"] or ", ".join(kinds)
    state = "removed" if row["removed_at"] else row["state"]
    verified = row["verified_at"] or ("never" if state == "done" else None)
    return (
        row["name"],
        state,
        row["asked_at"],
        _size(row["bytes"]),
        _took(row),
        verified,
        "kept" if row["kept"] else "",
        what,
    )


def _size(number: int | None) -> str | None:
    return None if number is None else size(number)


def _took(row: Mapping[str, Any]) -> str | None:
    if not row["finished_at"] or not row["started_at"]:
        return None
    return f"{(row['finished_at'] - row['started_at']).total_seconds():.1f} s"


@backup.command
@NAME
@AS_JSON
def show(name: str, as_json: bool) -> None:
    """Show one backup, and what is in it."""
    from api.backups.store import find  # noqa: PLC0415 - GraphQL is slow to import

    row = with_database(lambda database: find(database, name))
    if as_json:
        print_json(_values(row) | {"manifest": row["manifest"]})
        return
    table(
        ("", ""),
        [(key, _written(value)) for key, value in _values(row).items() if value is not None and value is not False],
    )
    if manifest := row["manifest"]:
        click.echo()
        table(("", ""), [*manifest["versions"].items(), ("taken at", manifest["taken_at"])])
        click.echo()
        rows = ((t["name"], t["rows"], t.get("first"), t.get("last")) for t in manifest["tables"] if t["rows"])
        table(("table", ">rows", "first", "last"), rows)


def _written(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else str(value)


@backup.command
@NAME
@click.option("--no", "not_any_more", is_flag=True, help="Do not keep it any more than others.")
def keep(name: str, not_any_more: bool) -> None:
    """Keep a backup, however many follow."""
    from api.backups import store  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    async def work(statements: Any) -> None:
        row = await store.find(statements, name)
        await store.keep(statements, COMMAND_LINE, row["id"], kept=not not_any_more)

    in_transaction(work)


@backup.command
@NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Remove the files of a backup, here and at the second place; asks first."""
    from api.backups import by_hand  # noqa: PLC0415 - GraphQL is slow to import

    if not yes:
        click.confirm(f"Remove the files of {name}, for ever?", abort=True)
    row = with_database(lambda database: by_hand.remove(read_settings(), database, name))
    click.echo(f"{row['name']} is removed")


@backup.command
@NAME
def cancel(name: str) -> None:
    """End a backup that is being made, or its verification, whichever program does it."""
    from api.backups import store  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    async def work(statements: Any) -> None:
        row = await store.find(statements, name)
        await store.cancel(statements, COMMAND_LINE, row["id"])

    in_transaction(work)


@backup.command
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def keygen(file: Path) -> None:
    """Make a pair of keys of age: the secret one goes into FILE, the public one is printed.

    Put FILE where this server is not: without it nobody reads a backup that is encrypted for its public key.
    """
    from ddms.backups.sealed import new_pair  # noqa: PLC0415 - few need it

    secret, public = new_pair()
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as written:
        written.write(f"# public key: {public}\n{secret}\n")
    click.echo(public)
