"""`ddms retention`: what will be erased, erase it now, what was erased."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import click
import orjson

from ddms.cli import settings as read_settings
from ddms.cli.findings import size
from ddms.database import check_schema, open_pool, read_edition

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")


@click.group
def retention() -> None:
    """Show what will be erased because it is expired, erase it at once, show what was erased."""


@retention.command
@_AS_JSON
def preview(as_json: bool) -> None:
    """Show what the next runs will erase, device by device, and until when it can be exported."""
    from api.retention.types import read_preview  # noqa: PLC0415 - GraphQL is slow to import

    _show(_with_database(read_preview), as_json=as_json)


@retention.command
@click.option("--yes", is_flag=True, help="Do not ask.")
@_AS_JSON
def run(yes: bool, as_json: bool) -> None:
    """Erase at once what is expired by now, also what is not announced yet; asks first."""
    from api.retention.run import run_by_hand  # noqa: PLC0415
    from api.retention.types import read_preview, read_runs  # noqa: PLC0415 - GraphQL is slow to import

    if not yes:
        _show(_with_database(lambda database: read_preview(database, at_once=True)), as_json=False)
        click.confirm("Erase what is expired by now, for ever?", abort=True)
    _with_database(run_by_hand)
    _show_runs(_with_database(lambda database: read_runs(database, 1)), as_json=as_json)


@retention.command
@click.option("--last", "most", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many.")
@_AS_JSON
def runs(most: int, as_json: bool) -> None:
    """Show what the newest runs erased."""
    from api.retention.types import read_runs  # noqa: PLC0415 - GraphQL is slow to import

    _show_runs(_with_database(lambda database: read_runs(database, most)), as_json=as_json)


def _show(found: Any, *, as_json: bool) -> None:
    if as_json:
        values = dataclasses.asdict(found)
        click.echo(orjson.dumps(values | {"devices": values.pop("expiring")}).decode())
        return
    told = f"announced {found.announced_at:%Y-%m-%d %H:%M} UTC" if found.announced_at else "not announced yet"
    click.echo(f"run          {found.due_at:%Y-%m-%d %H:%M} UTC ({told})")
    click.echo(f"will erase   {found.rows:,} rows, about {size(found.bytes)}")
    if found.expiring:
        click.echo(f"\n{'device':<32} {'keeps':>7} {'rows':>14} {'about':>9}  export until (UTC)")
    for device in found.expiring:
        gone = " (deleted)" if device.deleted_at else ""
        click.echo(
            f"{device.name + gone:<32} {device.retention_days:>5} d {device.rows:>14,} {size(device.bytes):>9}  {device.export_until:%Y-%m-%d %H:%M}"
        )


def _show_runs(found: list[Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps([dataclasses.asdict(one) for one in found]).decode())
        return
    click.echo(f"{'began (UTC)':<17} {'took':>8} {'state':<12} {'rows':>14} {'size':>9} {'chunks':>7}  by")
    for one in found:
        took = f"{(one.finished_at - one.started_at).total_seconds():.1f} s" if one.finished_at else ""
        chunks = sum(table.chunks for table in one.tables)
        click.echo(
            f"{one.started_at:%Y-%m-%d %H:%M}  {took:>8} {one.state:<12} {one.rows:>14,} {size(one.bytes):>9} {chunks:>7}  {one.requested_by}"
        )
        if one.error:
            click.echo(f"  {one.error}")


def _with_database(work: Callable[[Any], Awaitable[Any]]) -> Any:
    from api.ground.database import Database  # noqa: PLC0415 - GraphQL is slow to import

    async def run() -> Any:
        pool = await open_pool(read_settings(), "command-line", size=2, command_timeout=None)
        try:
            async with pool.acquire() as connection:
                await check_schema(connection)
                edition = await read_edition(connection)
            return await work(Database(pool, edition))
        finally:
            await pool.close()

    return asyncio.run(run())
