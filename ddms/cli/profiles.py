"""`ddms profiles`: register maps that are written once and followed by many devices."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from ddms.cli import files
from ddms.cli.transaction import in_transaction
from ddms.errors import Code, DdmsError
from ddms.logs import visible

if TYPE_CHECKING:
    from api.profiles.wanted import Change

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only show what would be different.")
_REMOVE = click.option("--remove-points", is_flag=True, help="Points that are gone are removed with their readings.")

FIND_DEVICES = """-- ddms:find_devices_by_name
SELECT d.id, name.name FROM unnest($1::text[]) AS name (name)
  LEFT JOIN devices d ON lower(d.name) = lower(btrim(name.name)) AND d.deleted_at IS NULL
"""


@click.group
def profiles() -> None:
    """List, show, import, export and apply profiles (register maps)."""


@profiles.command("list")
@click.option("--shipped", is_flag=True, help="Those that come with DDMS, as `import` takes them.")
@_AS_JSON
def list_(shipped: bool, as_json: bool) -> None:
    """List profiles: how many devices follow each, how many points it has."""
    rows = _shipped_rows() if shipped else in_transaction(_stored_rows)
    if as_json:
        click.echo(orjson.dumps(rows).decode())
        return
    for row in rows:
        followed = row["file"] if shipped else f"{row['devices']} devices"
        click.echo(f"{row['name']:<40} {row['points']:>4} points  {followed}")
    if not rows:
        click.echo("No profiles yet: `ddms profiles import --shipped` brings those that come with DDMS.", err=True)


def _shipped_rows() -> list[dict[str, Any]]:
    from api.profiles.files import read, shipped  # noqa: PLC0415 - GraphQL is slow to import

    found = [(file, profile) for file, text in shipped().items() for profile in read(text)]
    return [{"name": one.name, "points": len(one.points), "file": file} for file, one in found]


async def _stored_rows(statements: Any) -> list[dict[str, Any]]:
    from api.profiles.files import stored_profiles  # noqa: PLC0415 - GraphQL is slow to import
    from api.profiles.types import LIST_PROFILES  # noqa: PLC0415

    points = {profile.name: len(profile.points) for profile in await stored_profiles(statements)}
    rows = await statements.rows(LIST_PROFILES, None, None)
    return [{"name": row["name"], "points": points[row["name"]], "devices": row["device_count"]} for row in rows]


@profiles.command
@click.argument("profile")
def show(profile: str) -> None:
    """Show PROFILE as YAML, as `import` reads it."""
    click.echo(_written(profile), nl=False)


@profiles.command
@click.argument("file", type=files.OUTPUT, required=False)
def export(file: Path | None) -> None:
    """Write all profiles as YAML to FILE, or to standard output (without FILE, or with -)."""
    files.write(file, _written(None), "The profiles are")


def _written(name: str | None) -> str:
    from api.profiles.files import stored_profiles, write  # noqa: PLC0415 - GraphQL is slow to import

    found = [one for one in in_transaction(stored_profiles) if name is None or one.name.lower() == name.strip().lower()]
    if name is not None and not found:
        raise DdmsError(Code.NOT_FOUND, f"there is no profile {name!r}: `ddms profiles list` shows them")
    return write(found)


@profiles.command("import")
@click.argument("file", required=False)
@click.option("--shipped", is_flag=True, help="All profiles that come with DDMS.")
@_DRY_RUN
@_REMOVE
@_AS_JSON
def import_(file: str | None, shipped: bool, dry_run: bool, remove_points: bool, as_json: bool) -> None:
    """Add and change profiles from FILE, and bring the devices along that follow them, all or nothing.

    FILE is a path, - for standard input, or the name of a profile that comes with DDMS (`list --shipped`).
    """
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.profiles.files import import_profiles, read  # noqa: PLC0415 - GraphQL is slow to import

    if (file is None) == (not shipped):
        raise click.UsageError("give FILE or --shipped")
    wanted = [profile for text in _texts(file) for profile in read(text)]
    done = in_transaction(
        lambda s: import_profiles(s, COMMAND_LINE, wanted, remove_points=remove_points, dry_run=dry_run)
    )
    _tell(done, dry_run=dry_run, as_json=as_json)


def _texts(file: str | None) -> list[str]:
    from api.profiles.files import shipped  # noqa: PLC0415 - GraphQL is slow to import

    known = shipped()
    if file is None:
        return list(known.values())
    if file in known and not Path(file).exists():
        return [known[file]]
    try:
        return [files.read(Path(file))]
    except OSError as error:
        sentence = f"{file} cannot be read ({error}): give a file, or one of {', '.join(known)}"
        raise DdmsError(Code.INVALID, sentence) from error


@profiles.command
@click.argument("profile")
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@_DRY_RUN
@_REMOVE
@_AS_JSON
def apply(profile: str, devices: tuple[str, ...], dry_run: bool, remove_points: bool, as_json: bool) -> None:
    """Let each DEVICE (its name) follow PROFILE, with every field as the profile says."""
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.profiles.files import by_name  # noqa: PLC0415 - GraphQL is slow to import
    from api.profiles.store import apply_profile  # noqa: PLC0415

    async def work(statements: Any) -> "list[Change]":
        number, rows = await by_name(statements, profile), await statements.rows(FIND_DEVICES, list(devices))
        if missing := [row["name"] for row in rows if row["id"] is None]:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {missing[0]!r}: `ddms devices export` shows them")
        numbers = list(dict.fromkeys(row["id"] for row in rows))
        return await apply_profile(
            statements, COMMAND_LINE, number, numbers, remove_points=remove_points, dry_run=dry_run
        )

    _tell([(profile, in_transaction(work))], dry_run=dry_run, as_json=as_json)


def _tell(done: "list[tuple[str, list[Change]]]", *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        changes = [{"profile": name} | asdict(change) for name, found in done for change in found]
        click.echo(orjson.dumps({"applied": not dry_run, "changes": changes}).decode())
        return
    for name, found in done:
        for change in found:
            click.echo(visible(_line(name, change)))
    said, count = "would change" if dry_run else "changed", sum(len(found) for _, found in done)
    click.echo(f"{count} things {said}." if count else "There is no difference.", err=True)


def _line(profile: str, change: "Change") -> str:
    what = " / ".join(filter(None, (change.device or f"profile {profile}", change.point, change.limit)))
    if change.field:
        return f"~ {what}: {change.field}: {change.before} → {change.after}"
    return f"{'+' if change.before is None else '-'} {what}"
