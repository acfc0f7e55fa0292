"""`ddms config`: what the owner decides for the whole site, all that it was, and files of it."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddms.cli import files
from ddms.cli import settings as read_settings
from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction
from ddms.logs import visible

if TYPE_CHECKING:
    from api.ground.database import Statements
    from api.site.configuration_store import Changed

LIST_VERSIONS = """-- ddms:list_configuration_versions
SELECT v.*, p.settings AS before FROM configuration_versions v
  LEFT JOIN LATERAL (SELECT settings FROM configuration_versions o WHERE o.version < v.version ORDER BY o.version DESC LIMIT 1) p ON true
 ORDER BY v.version DESC LIMIT $1
"""
_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Change nothing: only show what would be different, and what would follow."
)
_VERSION = click.option("--version", "version", type=int, help="Only if the configuration still has this version.")


@click.group
def config() -> None:
    """Show and change what is decided for the whole site: time zone, retention, backups, limits of alarms of the system."""


@config.command
@AS_JSON
def show(as_json: bool) -> None:
    """Show the configuration."""
    from api.site.configuration_store import READ_CONFIGURATION  # noqa: PLC0415 - GraphQL is slow to import
    from api.site.record import shown, written  # noqa: PLC0415

    row = in_transaction(lambda statements: statements.row(READ_CONFIGURATION))
    if as_json:
        print_json(shown(row) | {"version": row["version"]})
    else:
        table(("", ""), [*written(shown(row)).items(), ("version", row["version"])])


@config.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...")
@_DRY_RUN
@_VERSION
@AS_JSON
def set_(settings: tuple[str, ...], dry_run: bool, version: int | None, as_json: bool) -> None:
    """Change it: `ddms config set time_zone=Europe/Berlin cleanup_time=03:30`. It is in force within seconds."""
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.site.configuration_store import change, parse  # noqa: PLC0415 - GraphQL is slow to import

    texts: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"write NAME=VALUE, not {setting!r}")
        texts[name] = value
    changes = parse(texts)
    _change(lambda to: change(to, COMMAND_LINE, read_settings(), changes, version), dry_run=dry_run, as_json=as_json)


@config.command
@click.argument("to", type=int, metavar="VERSION")
@_DRY_RUN
@AS_JSON
def revert(to: int, dry_run: bool, as_json: bool) -> None:
    """Take the values of VERSION again (`history` lists them), as a new version; fields that came later stay."""
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.site import configuration_store  # noqa: PLC0415 - GraphQL is slow to import

    _change(
        lambda on: configuration_store.revert(on, COMMAND_LINE, read_settings(), to), dry_run=dry_run, as_json=as_json
    )


@config.command
@click.argument("file", type=files.OUTPUT, required=False)
@click.option(
    "--for-another-site", is_flag=True, help="What is of this site alone, as its name, is written as a comment."
)
def export(file: Path | None, for_another_site: bool) -> None:
    """Write the configuration as YAML, with what each field means, to FILE or to standard output (without FILE, or with -)."""
    from api.site.configuration_file import write  # noqa: PLC0415 - GraphQL is slow to import
    from api.site.configuration_store import READ_CONFIGURATION  # noqa: PLC0415

    row = in_transaction(lambda statements: statements.row(READ_CONFIGURATION))
    files.write(file, write(row, for_another_site=for_another_site), "The configuration is")


@config.command("import")
@click.argument("file", type=files.INPUT)
@_DRY_RUN
@AS_JSON
def import_(file: Path, dry_run: bool, as_json: bool) -> None:
    """Take the configuration from FILE (- is standard input), all or nothing; fields that it leaves out stay."""
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.site.configuration_file import import_configuration, read  # noqa: PLC0415 - GraphQL is slow to import

    found = read(files.read(file))
    _change(lambda to: import_configuration(to, COMMAND_LINE, read_settings(), found), dry_run=dry_run, as_json=as_json)


@config.command
@click.option("--last", "most", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@AS_JSON
def history(most: int, as_json: bool) -> None:
    """Show the versions, the newest first: who changed what, when and from where."""
    from api.site.configuration_store import differences  # noqa: PLC0415 - GraphQL is slow to import

    rows = in_transaction(lambda statements: statements.rows(LIST_VERSIONS, most))
    changes = [differences(row["before"], row["settings"]) if row["before"] else [] for row in rows]
    if as_json:
        told = ("version", "at", "how", "reverted_to", "actor", "address", "client")
        print_json(
            [
                {name: row[name] for name in told} | {"changes": [asdict(one) for one in each]}
                for row, each in zip(rows, changes, strict=True)
            ]
        )
        return
    table(
        (">version", "at (UTC)", "how", "who", "from", "what"),
        [
            (row["version"], row["at"], _how(row), row["actor"], row["address"] or row["client"], _summary(each))
            for row, each in zip(rows, changes, strict=True)
        ],
    )


def _how(row: Any) -> str:
    return f"revert to {row['reverted_to']}" if row["reverted_to"] else str(row["how"])


def _summary(changes: list[Any]) -> str:
    return visible(", ".join(f"{one.name}: {_short(one.before)} → {_short(one.after)}" for one in changes))


def _short(text: str) -> str:
    return "nothing" if not text else text.replace("\n", " ")


def _change(work: Callable[["Statements"], Awaitable["Changed"]], *, dry_run: bool, as_json: bool) -> None:
    """Make a change, and of a dry run take it back; tell what is different and what follows."""

    async def done(statements: "Statements") -> "Changed":
        async with statements.undone() if dry_run else nullcontext():
            return await work(statements)

    changed = in_transaction(done)
    if as_json:
        from api.site.record import shown  # noqa: PLC0415 - GraphQL is slow to import

        print_json(
            {
                "version": changed.row["version"],
                "configuration": shown(changed.row),
                "changes": [asdict(one) for one in changed.differences],
                "consequences": [asdict(one) for one in changed.consequences],
            }
        )
        return
    if not changed.differences:
        click.echo("Nothing is different.", err=True)
        return
    table(("", "before", "after"), [(one.name, _short(one.before), _short(one.after)) for one in changed.differences])
    for one in changed.consequences:
        click.echo(f"{'!' if one.removes else '-'} {visible(one.message)}")
    said = "Nothing was changed: this was a dry run." if dry_run else f"This is version {changed.row['version']}."
    click.echo(said, err=True)
