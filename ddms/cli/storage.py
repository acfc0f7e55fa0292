"""`ddms storage`: what is stored, and what it takes."""

import asyncio
from typing import Any

import click
import orjson

from ddms.cli import settings as read_settings
from ddms.cli.findings import size
from ddms.database import check_schema, open_pool, read_edition


@click.command
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def storage(as_json: bool) -> None:
    """Show what is stored, what it takes, what compression saves, and when the disk will be full."""
    values = asyncio.run(_read())
    if as_json:
        click.echo(orjson.dumps(values).decode())
        return
    click.echo(f"database     {size(values['bytes'])} ({values['edition']}, PostgreSQL {values['server_version']})")
    if values["edition_advice"]:
        click.echo(f"better       {values['edition_advice']}")
    growth = values["growth_bytes_per_day"]
    click.echo(f"growth       {'not known before the second day' if growth is None else size(growth) + ' a day'}")
    free = values["disk_free_bytes"]
    click.echo(f"disk free    {'not visible from here (DDMS_DISK_PATH)' if free is None else size(free)}")
    if values["full_on"]:
        click.echo(f"full on      {values['full_on'].date()}, if it goes on like this")
    click.echo(f"\n{'table':<12} {'rows':>14} {'size':>9} {'a row':>7} {'chunks':>7} {'compressed':>10} {'saved':>6}")
    for table in values["tables"]:
        click.echo(_line(table))


def _line(table: dict[str, Any]) -> str:
    each = "" if table["bytes_per_row"] is None else f"{table['bytes_per_row']:.0f} B"
    saved = "" if table["saved"] is None else f"{table['saved']:.0%}"
    chunks, compressed = ("" if table[name] is None else table[name] for name in ("chunks", "compressed_chunks"))
    return f"{table['name']:<12} {table['rows']:>14,} {size(table['bytes']):>9} {each:>7} {chunks:>7} {compressed:>10} {saved:>6}"


async def _read() -> dict[str, Any]:
    from api.ground.database import Database  # noqa: PLC0415 - GraphQL is slow to import
    from api.site.storage import read_storage, read_tables  # noqa: PLC0415

    settings = read_settings()
    pool = await open_pool(settings, "command-line", size=1)
    try:
        async with pool.acquire() as connection:
            await check_schema(connection)
            database = Database(pool, await read_edition(connection))
        values = vars(await read_storage(database, settings.disk_path))
        tables = [vars(table) for table in await read_tables(database)]
        return {name: value for name, value in values.items() if name != "database"} | {"tables": tables}
    finally:
        await pool.close()
