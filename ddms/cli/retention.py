"""`ddms retention`: show what will be erased, erase it now, show what was erased."""

import dataclasses
from typing import Any

import click

from ddms.cli.findings import size
from ddms.cli.tables import AS_JSON, print_json, progress, table
from ddms.cli.transaction import with_database


@click.group
def retention() -> None:
    """Show what will be erased because it is expired, erase it at once, show what was erased."""


@retention.command
@AS_JSON
def preview(as_json: bool) -> None:
    """Show what the next runs will erase, device by device, and until when it can be exported."""
    from api.retention.types import read_preview  # noqa: PLC0415 - GraphQL is slow to import

    _show(with_database(read_preview), as_json=as_json)


@retention.command
@click.option("--yes", is_flag=True, help="Do not ask.")
@AS_JSON
def run(yes: bool, as_json: bool) -> None:
    """Erase at once all that has expired, announced or not; asks first."""
    from api.retention.run import run_by_hand  # noqa: PLC0415
    from api.retention.types import read_preview, read_runs  # noqa: PLC0415 - GraphQL is slow to import

    if not yes:
        _show(with_database(lambda database: read_preview(database, at_once=True)), as_json=False)
        click.confirm("Erase what is expired by now, for ever?", abort=True)
    with progress("erasing what is expired"):
        with_database(run_by_hand)
    _show_runs(with_database(lambda database: read_runs(database, 1)), as_json=as_json)


@retention.command
@click.option("--last", "most", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many.")
@AS_JSON
def runs(most: int, as_json: bool) -> None:
    """Show what the newest runs erased."""
    from api.retention.types import read_runs  # noqa: PLC0415 - GraphQL is slow to import

    _show_runs(with_database(lambda database: read_runs(database, most)), as_json=as_json)


def _show(found: Any, *, as_json: bool) -> None:
    if as_json:
        values = dataclasses.asdict(found)
        print_json(values | {"devices": values.pop("expiring")})
        return
    told = f"announced {found.announced_at:%Y-%m-%d %H:%M} UTC" if found.announced_at else "not announced yet"
    click.echo(f"run          {found.due_at:%Y-%m-%d %H:%M} UTC ({told})")
    click.echo(f"will erase   {found.rows:,} rows, about {size(found.bytes)}" + ("\n" if found.expiring else ""))
    rows = (
        (f"{d.name} (deleted)" if d.deleted_at else d.name, d.retention_days, d.rows, size(d.bytes), d.export_until)
        for d in found.expiring
    )
    table(("device", ">days kept", ">rows", ">about", "export until (UTC)"), rows)
    if found.expiring:
        click.echo("`ddms history archive FOLDER` keeps it as files.", err=True)


def _show_runs(found: list[Any], *, as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
        return
    columns = ("began (UTC)", ">took", "state", ">rows", ">size", ">chunks", "by", "error")
    colours = {"failed": "red", "interrupted": "yellow"}
    table(columns, (_run_row(one) for one in found), empty="Nothing was erased yet.", colours=colours)


def _run_row(one: Any) -> tuple[object, ...]:
    took = f"{(one.finished_at - one.started_at).total_seconds():.1f} s" if one.finished_at else None
    chunks = sum(part.chunks for part in one.tables)
    return one.started_at, took, one.state, one.rows, size(one.bytes), chunks, one.requested_by, one.error
