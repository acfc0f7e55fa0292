"""`ddms history`: readings out of the database as an archive, and into it from files of whatever system."""

import asyncio
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ddms.cli import settings
from ddms.cli.findings import size
from ddms.cli.history_import import import_
from ddms.cli.tables import AS_JSON, print_json, progress, table
from ddms.database import Connection, check_schema, connect
from ddms.errors import Code, DdmsError

if TYPE_CHECKING:
    from ddms.history.archive import Told

READ_IMPORTS = """-- ddms:read_imports
SELECT id, file, state, requested_by, started_at, updated_at, line, counts FROM history_imports ORDER BY id DESC LIMIT $1
"""
CLAIM = "-- ddms:claim_archive\nSELECT claim($1)"
_MEANT = {
    "late": "has less than the database, where something came late: --renew writes it again",
    "erased": "the database has less of it now; the file keeps it",
    "damaged": "is gone or has another size, and the database has not all of it any more",
}


@click.group
def history() -> None:
    """Keep readings as an archive outside of the database, and bring readings in from files."""


history.add_command(import_)


@history.command
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--device", multiple=True, help="Only this device, by name or id (dev_12); may be given several times.")
@click.option("--group", multiple=True, help="Only the devices of this group, by name or id.")
@click.option("--point", multiple=True, help="Only this point, by id (pt_345).")
@click.option(
    "--from", "from_", type=click.DateTime(["%Y-%m"]), help="The first month: 2026-01; the oldest reading's otherwise."
)
@click.option("--to", type=click.DateTime(["%Y-%m"]), help="The last month; the last one that is over otherwise.")
@click.option(
    "--running",
    is_flag=True,
    help="The running month too, up to yesterday; needed where readings are kept for less than two months.",
)
@click.option(
    "--by",
    type=click.Choice(["month", "device"]),
    default="month",
    show_default=True,
    help="A file for each month, or for each month and device.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="csv is packed as .csv.gz.",
)
@click.option("--renew", is_flag=True, help="Write a month again to which readings came late.")
@AS_JSON
def archive(folder: Path, as_json: bool, **given: Any) -> None:
    """Write readings into FOLDER, a file for each month (of UTC) that is over; what is there already is left as it is.

    `ddms history import FOLDER/FILE` brings them back; pandas, polars and DuckDB read them as they are.
    """
    told = asyncio.run(_archive(folder, given))
    if as_json:
        print_json([vars(one) for one in told])
    else:
        shown = (
            (one.file, one.done, one.rows, size(one.bytes) if one.bytes else "", _MEANT.get(one.done, ""))
            for one in told
        )
        table(("file", "", ">rows", ">size", ""), shown, empty="There are no readings to archive.")
    if any(one.done == "damaged" for one in told):
        raise click.exceptions.Exit(1)


async def _archive(folder: Path, given: dict[str, Any]) -> "list[Told]":
    from ddms.history.archive import Archive, Choice, Manifest, read_points  # noqa: PLC0415 - numpy is slow to import

    if given["form"] == "parquet" and find_spec("pyarrow") is None:
        sentence = "Parquet is not installed here (`pip install 'ddms[parquet]'`, 165 MB, so it is not in the image): --format csv writes .csv.gz"
        raise DdmsError(Code.INVALID, sentence, field="format")
    begin, end = _range(given)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    connection = await connect(settings(), "history-archive")
    try:
        await check_schema(connection)
        if not await connection.fetchval(CLAIM, f"archive {folder}"):
            raise DdmsError(Code.CONFLICT, f"another program writes into {folder} just now")
        chosen = {name: sorted(given[name]) for name in ("device", "group", "point") if given[name]}
        choice = Choice(
            by_device=given["by"] == "device", form="csv.gz" if given["form"] == "csv" else "parquet", chosen=chosen
        )
        manifest = Manifest(folder, choice)
        points = await read_points(connection, await _chosen(connection, chosen) if chosen else None)
        work = Archive(connection, manifest, choice, points, renew=given["renew"])
        with progress("archiving") as show:
            told = [one async for one in work.write(begin, end, lambda name: show(0, doing=f"archiving {name}"))]
        await _audit(connection, folder, told)
        return told
    finally:
        await connection.close(timeout=5)


def _range(given: dict[str, Any]) -> tuple[datetime | None, datetime]:
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = now.replace(hour=0, minute=0, second=0, microsecond=0) if given["running"] else month
    if given["to"]:
        end = min(end, (given["to"].replace(tzinfo=UTC) + timedelta(days=32)).replace(day=1))
    return given["from_"].replace(tzinfo=UTC) if given["from_"] else None, end


async def _chosen(connection: Connection, chosen: dict[str, list[str]]) -> list[int]:
    from api.export.choice import ExportChoice  # noqa: PLC0415 - the API is slow to import
    from api.export.plan import plan  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    pairs = [("from", "-1d"), *((name, value) for name, values in chosen.items() for value in values)]
    return [point.number for point in (await plan(Statements(connection), ExportChoice.of(pairs))).points]


async def _audit(connection: Connection, folder: Path, told: "list[Told]") -> None:
    from api.ground import audit  # noqa: PLC0415
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    written = {one.file: one.rows for one in told if one.done in {"written", "renewed"}}
    if written:
        await audit.record(
            Statements(connection), COMMAND_LINE, "history.archive", folder.name, after={"files": written}
        )


@history.command
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
def verify(folder: Path) -> None:
    """Say whether all files of an archive are as they were written, by their checksums."""
    from ddms.history.archive import damaged, read_manifest  # noqa: PLC0415

    with progress("verifying") as show:
        wrong = damaged(folder, lambda file: show(0, doing=f"verifying {file}"))
    for sentence in wrong:
        click.echo(f"Error: {sentence}", err=True)
    if wrong:
        raise click.exceptions.Exit(1)
    entries = read_manifest(folder)["files"]
    click.echo(f"{len(entries):,} files with {sum(one['rows'] for one in entries):,} rows are as they were written.")


@history.command
@click.option("--last", "most", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many.")
@AS_JSON
def imports(most: int, as_json: bool) -> None:
    """Show the newest imports, and how far those are that were cut off."""
    rows = asyncio.run(_read_imports(most))
    if as_json:
        print_json([dict(row) for row in rows])
        return
    shown = (
        (
            row["started_at"],
            row["file"],
            row["state"],
            row["counts"].get("read", 0),
            row["counts"].get("new", 0),
            row["counts"].get("rejected", 0),
            row["requested_by"],
        )
        for row in rows
    )
    table(
        ("began (UTC)", "file", "state", ">readings", ">new", ">rejected", "by"),
        shown,
        empty="Nothing was imported yet.",
    )


async def _read_imports(most: int) -> Any:
    connection = await connect(settings(), "command-line")
    try:
        await check_schema(connection)
        return await connection.fetch(READ_IMPORTS, most)
    finally:
        await connection.close(timeout=5)
