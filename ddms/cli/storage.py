"""`ddms storage`: what is stored, and what it takes."""

from typing import Any

import click

from ddms.cli import settings as read_settings
from ddms.cli.findings import size
from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import with_database


@click.command
@AS_JSON
def storage(as_json: bool) -> None:
    """Show what is stored, what it takes, what compression saves, and when the disk will be full."""
    values = with_database(_read)
    if as_json:
        print_json(values)
        return
    growth, free, full = (values[name] for name in ("growth_bytes_per_day", "disk_free_bytes", "full_on"))
    facts = (
        ("database", f"{size(values['bytes'])} ({values['edition']}, PostgreSQL {values['server_version']})"),
        ("better", values["edition_advice"]),
        ("growth", "not known before the second day" if growth is None else f"{size(growth)} a day"),
        ("disk free", "not visible from here (DDMS_DISK_PATH)" if free is None else size(free)),
        ("full on", full and f"{full.date()}, if it goes on like this"),
    )
    table(("", ""), (fact for fact in facts if fact[1]))
    click.echo()
    columns = ("table", ">rows", ">size", ">a row", ">chunks", ">compressed", ">saved")
    table(columns, (_row(one) for one in values["tables"]))


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    each = None if one["bytes_per_row"] is None else f"{one['bytes_per_row']:.0f} B"
    saved = None if one["saved"] is None else f"{one['saved']:.0%}"
    return one["name"], one["rows"], size(one["bytes"]), each, one["chunks"], one["compressed_chunks"], saved


async def _read(database: Any) -> dict[str, Any]:
    from api.site.storage import read_storage, read_tables  # noqa: PLC0415 - GraphQL is slow to import

    values = vars(await read_storage(database, read_settings().disk_path))
    tables = [vars(table) for table in await read_tables(database)]
    return {name: value for name, value in values.items() if name != "database"} | {"tables": tables}
