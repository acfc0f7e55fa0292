"""`ddms devices`: import and export of devices and their points."""

from pathlib import Path
from typing import Any

import click
import orjson

from ddms.cli import files
from ddms.cli.transaction import in_transaction
from ddms.logs import visible

_FORMATS = click.Choice(["csv", "yaml"])


def _format(path: Path | None, given: str | None) -> str:
    if given:
        return given
    if path and path.suffix.lower() in {".yaml", ".yml"}:
        return "yaml"
    return "csv"


@click.group
def devices() -> None:
    """Import and export devices with their points."""


@devices.command("import")
@click.argument("file", type=files.INPUT)
@click.option("--dry-run", is_flag=True, help="Only show what would be different.")
@click.option(
    "--prune",
    is_flag=True,
    help="Remove what FILE has not: devices (their history is kept) and points (with their readings).",
)
@click.option("--format", "form", type=_FORMATS, help="By default the ending of FILE says it.")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def import_(file: Path, dry_run: bool, prune: bool, form: str | None, as_json: bool) -> None:
    """Add and change devices from FILE (CSV or YAML; - is standard input), all or nothing.

    docs/import.md has every column. All mistakes of FILE are told at once.
    """
    from api.devices.files import FileFormat, read  # noqa: PLC0415 - GraphQL is slow to import
    from api.devices.imports import import_devices  # noqa: PLC0415
    from api.files.yaml import OF_FILES  # noqa: PLC0415
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    kind = FileFormat(_format(file, form))
    contents = read(files.read(file), kind, OF_FILES)
    changes = in_transaction(lambda s: import_devices(s, COMMAND_LINE, contents, prune=prune, dry_run=dry_run))
    if as_json:
        click.echo(orjson.dumps({"applied": not dry_run, "changes": changes}).decode())
        return
    for change in changes:
        click.echo("\n".join(map(visible, str(change).split("\n"))))
    said = "would change" if dry_run else "changed"
    click.echo(f"{len(changes)} things {said}." if changes else "There is no difference.", err=True)


@devices.command("export")
@click.argument("file", type=files.OUTPUT, required=False)
@click.option("--format", "form", type=_FORMATS, help="By default the ending of FILE says it; csv without one.")
def export(file: Path | None, form: str | None) -> None:
    """Write all devices with their points, and how they are reached, to FILE, or to standard output (without FILE, or with -)."""
    from api.devices.files import FileFormat, write  # noqa: PLC0415 - GraphQL is slow to import
    from api.devices.imports import stored_connections, stored_devices  # noqa: PLC0415

    async def both(statements: Any) -> Any:
        return await stored_devices(statements), await stored_connections(statements)

    stored, connections = in_transaction(both)
    text = write([one.device for one in stored], FileFormat(_format(file, form)), connections)
    files.write(file, text, f"{len(stored)} devices are")
