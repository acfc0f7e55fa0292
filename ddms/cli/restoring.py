"""`ddms backup verify`, `restore` and `switch`: what a backup is for."""

import asyncio
from pathlib import Path
from typing import Any

import click

from ddms.cli import settings as read_settings
from ddms.cli.findings import size
from ddms.cli.tables import AS_JSON, print_json, progress
from ddms.errors import DdmsError

IDENTITY = click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the secret key of age that an encrypted backup needs.",
)
BACKUP = click.argument("backup", metavar="NAME|FILE")


def _keys(identity: Path | None) -> list[Any]:
    from ddms.backups.sealed import read_identities  # noqa: PLC0415 - few need it

    return read_identities(identity) if identity else []


@click.command
@BACKUP
@IDENTITY
@AS_JSON
def verify(backup: str, identity: Path | None, as_json: bool) -> None:
    """Restore a backup into a scratch database, compare it with its manifest to the last row, and drop it again.

    BACKUP is a name in DDMS_BACKUP_DIRECTORY, or the path of a file. Works without the API; the result is noted in the
    database of DDMS where that knows the backup. The scratch database is made on the server of DDMS_VERIFY_DATABASE_URL,
    else on that of DDMS_BACKUP_DATABASE_URL.
    """
    from ddms.backups.verify import note  # noqa: PLC0415 - only this needs it
    from ddms.backups.verify import verify as run  # noqa: PLC0415

    settings = read_settings()
    with progress(f"verifies {backup}", 1.0, hidden=as_json) as show:

        def hear(done: float | None, doing: str) -> None:
            show(done, doing=doing)

        told, error = None, None
        try:
            told = asyncio.run(run(settings, backup, keys=_keys(identity), report=hear))
        except DdmsError as trouble:
            error = trouble
    noted = asyncio.run(note(settings, backup, told, str(error) if error else None))
    if error:
        raise error
    assert told is not None  # noqa: S101 - else there was an error
    if as_json:
        print_json(told | {"noted": noted})
    elif told["differences"]:
        for difference in told["differences"]:
            click.echo(difference)
    else:
        click.echo(
            f"Verified: {told['rows']:,} rows in {told['tables']} tables are as the manifest says, and {told['samples']} samples "
            f"to the last bit; {size(told['bytes'])} restored in {told['seconds']} s."
        )
    if told["differences"]:
        raise click.ClickException(f"{len(told['differences'])} differences: this backup is not verified")


@click.command
@BACKUP
@click.argument("database")
@click.option("--again", is_flag=True, help="Go on with a restore that was cut off.")
@click.option(
    "--update-extension", is_flag=True, help="Also bring TimescaleDB to the newest version that the server has."
)
@IDENTITY
@AS_JSON
def restore(
    backup: str, database: str, again: bool, update_extension: bool, identity: Path | None, as_json: bool
) -> None:
    """Restore a backup into a new DATABASE; the one in use is not touched, and at the end is told how to switch over.

    BACKUP is a name in DDMS_BACKUP_DIRECTORY, or the path of a file, with its manifest beside it if it is still there.
    DATABASE must not be there yet, or be empty. Needs DDMS_BACKUP_DATABASE_URL, the login of a superuser.
    """
    from ddms.backups.restore import Order  # noqa: PLC0415 - only this needs it
    from ddms.backups.restore import restore as run  # noqa: PLC0415

    order = Order(named=backup, database=database, again=again, keys=_keys(identity), update_extension=update_extension)
    with progress(f"restores {backup}", 1.0, hidden=as_json) as show:
        told = asyncio.run(run(read_settings(), order, lambda done, doing: show(done, doing=doing)))
    if as_json:
        print_json(told)
        return
    for note in told["notes"]:
        click.echo(f"Note: {note}", err=True)
    click.echo(
        f"{told['backup']} is restored into {told['database']} in {told['seconds']} s: {size(told['bytes'])}, "
        f"schema {told['schema']}, storage edition {told['edition']}."
    )
    _tell_compared(told)
    click.echo("\nWhat to do now:")
    for number, step in enumerate(told["steps"], 1):
        click.echo(f"{number}. {step}")


def _tell_compared(told: dict[str, Any]) -> None:
    if told["compared"] and not told["differences"]:
        click.echo("All of it is as the manifest says.")
    for difference in told["differences"]:
        click.secho(f"Not as the manifest says: {difference}", fg="red")
    for fault in told["faults"]:
        click.secho(f"Not as it must be: {fault}", fg="red")


@click.command
@click.argument("database")
@click.option("--old-name", help="What the one in use is called then. [default: its name and _before]")
def switch(database: str, old_name: str | None) -> None:
    """Give a restored DATABASE the name of the one in use, which gets another, both in one moment.

    The sessions of all programs end; they come back by themselves. Collectors keep what they read meanwhile in their
    spools. Needs DDMS_BACKUP_DATABASE_URL, the login of a superuser.
    """
    from ddms.backups import switch as switching  # noqa: PLC0415 - only this needs it
    from ddms.backups.target import name_of  # noqa: PLC0415

    settings = read_settings()
    live = name_of(settings)
    old = old_name or f"{live}_before"
    asyncio.run(switching.switch(settings, database, old))
    click.echo(
        f"{database} is {live} now; the one before is {old}.\nBack: ddms backup switch {old} --old-name {database}"
    )
