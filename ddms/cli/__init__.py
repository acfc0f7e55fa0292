"""The `ddms` command line: one group, whose commands are loaded when they are asked for."""

import os
import sys
from importlib import import_module

import click

from ddms import VERSION
from ddms.errors import Code, DdmsError, Mistakes
from ddms.logs import visible
from ddms.settings import Settings

_COMMANDS = {
    "migrate": "database",
    "init": "database",
    "settings": "database",
    "api": "programs",
    "collector": "programs",
    "ingest": "programs",
    "backups": "backups",
    "demo": "programs",
    "users": "users",
    "token": "tokens",
    "keys": "keys",
    "sites": "sites",
    "documents": "documents",
    "config": "configuration",
    "storage": "storage",
    "retention": "retention",
    "audit": "audit",
    "errors": "errors",
    "backup": "backups",
    "notifications": "notifications",
    "devices": "devices",
    "profiles": "profiles",
    "export": "export",
    "history": "history",
    "watch": "watch",
    "mqtt": "mqtt",
    "read": "field",
    "probe": "commissioning",
    "scan": "commissioning",
    "sunspec": "sunspec",
    "plan": "plan",
    "size": "size",
    "doctor": "doctor",
}
_EXIT_USAGE = 2
_EXIT_FAILED = 1


class LazyGroup(click.Group):
    """Imports a command's module only when it is used, so that help is quick and programs stay apart."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command from its module, `ddms.cli.<module>`, where it is called `<name>`."""
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"ddms.cli.{_COMMANDS[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip of the table above
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="ddms")
def ddms() -> None:
    """Watch industrial devices: poll them, keep their readings, serve and show them.

    Settings come from the environment (`ddms settings` lists them). Exit codes: 0 done, 1 failed, 2 used wrongly.
    """


def settings() -> Settings:
    """Read the settings; a wrong one ends the command."""
    return Settings.read(os.environ)


def main() -> None:
    """Run the command line; an error of ours is one sentence on standard error, the mistakes of a file one each."""
    try:
        ddms.main(standalone_mode=True)
    except Mistakes as error:
        for one in error.each:
            click.echo(f"Error: {_told(one)}", err=True)
        if error.count > 1:
            click.echo(f"{error.count:,} mistakes: nothing was changed.", err=True)
        sys.exit(_EXIT_FAILED)
    except DdmsError as error:
        click.echo(f"Error: {_told(error)}", err=True)
        sys.exit(_EXIT_USAGE if error.code is Code.SETTINGS else _EXIT_FAILED)
    except Exception as error:
        if (sentence := _of_database(error)) is None:
            raise
        click.echo(f"Error: {sentence}", err=True)
        sys.exit(_EXIT_FAILED)


def _told(error: DdmsError) -> str:
    where = f"{error.field}: " if error.field and error.field not in error.message else ""
    return f"{where}{visible(error.message)}"


def _of_database(error: Exception) -> str | None:
    """Say what an error of the database, or of a file, means; None for our own mistakes."""
    from ddms.database import TROUBLE, explain  # noqa: PLC0415 - help needs no database

    if isinstance(error, OSError) and error.filename is not None:
        return str(error)
    return explain(error).message if isinstance(error, TROUBLE) else None
