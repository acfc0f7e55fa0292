"""`ddms config`: what the owner decides for the whole site."""

from typing import Any

import click

from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction


@click.group
def config() -> None:
    """Show and change what is decided for the whole site: time zone, compression, how long rollups are kept."""


@config.command
@AS_JSON
def show(as_json: bool) -> None:
    """Show the configuration."""
    _change({}, as_json=as_json)


@config.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...")
@AS_JSON
def set_(settings: tuple[str, ...], as_json: bool) -> None:
    """Change it: `ddms config set time_zone=Europe/Berlin cleanup_time=03:30`. It is in force at once."""
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.UsageError(f"write NAME=VALUE, not {setting!r}")
        changes[name] = value
    _change(changes, as_json=as_json)


def _change(changes: dict[str, Any], *, as_json: bool) -> None:
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.site.configuration import change_configuration, parse, shown  # noqa: PLC0415 - GraphQL is slow to import

    row = in_transaction(lambda statements: change_configuration(statements, COMMAND_LINE, parse(changes)))
    values = shown(row)
    if as_json:
        print_json(values)
    else:
        table(("", ""), values.items())
