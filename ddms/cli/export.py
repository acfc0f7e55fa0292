"""`ddms export`: history as a file, straight from the database, as the API's `/export` writes it."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ddms.cli import files, settings
from ddms.cli.tables import progress
from ddms.database import connect

if TYPE_CHECKING:
    from api.export.choice import ExportChoice
    from api.export.plan import ExportPlan

_SEVERAL = ("device", "group", "point", "key", "percentile")
_ENDINGS = {".xlsx": "xlsx", ".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrow"}


@click.command
@click.option("--device", multiple=True, help="A device, by name or id (dev_12); may be given several times.")
@click.option("--group", multiple=True, help="A group, by name or id: all points of all its devices.")
@click.option("--point", multiple=True, help="A point, by id (pt_345).")
@click.option(
    "--from", "from_", required=True, help="Beginning, inclusive: 2026-07-04T06:00:00Z, or back from now: -7d."
)
@click.option("--to", default="now", show_default=True, help="End, exclusive.")
@click.option(
    "--level",
    type=click.Choice(["raw", "1m", "1h", "1d"]),
    default="raw",
    show_default=True,
    help="Each reading, or buckets.",
)
@click.option("--bucket", help="Instead of a level: buckets of PT15M, PT8H, P1W, P1M; those of the time zone.")
@click.option(
    "--calendar", help="Instead of a level: buckets of the site's hour, shift, day, week, month, fiscal_year."
)
@click.option(
    "--state", help="Of buckets: for how long and how often each point was in it: '> 0', the name of a value."
)
@click.option("--percentile", multiple=True, help="Of buckets: a column with it, 95; may be given several times.")
@click.option("--origin", help="A time at which a bucket begins: shifts of PT8H from 2026-01-01T06:00+01:00.")
@click.option(
    "--shape",
    type=click.Choice(["long", "wide", "annotations"]),
    default="long",
    show_default=True,
    help="A row for each value, for each time with a column for each point, or for each annotation.",
)
@click.option("--key", multiple=True, help="Only points with this key; may be given several times.")
@click.option("--measure", help="Of wide buckets: what a cell holds, time_weighted_average, min, max, increase, rate.")
@click.option(
    "--over", type=click.Choice(["sum", "mean", "min", "max"]), help="Of wide buckets: all points as one column."
)
@click.option("--step", help="Of wide raw: a row each so many seconds.")
@click.option("--timezone", help="Of the times and days: Asia/Shanghai; the site's when left out.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "xlsx", "parquet", "arrow"]),
    help="By default the ending of FILE says it; csv without one.",
)
@click.option(
    "--dialect", type=click.Choice(["standard", "spreadsheet"]), default="standard", show_default=True, help="Of CSV."
)
@click.option(
    "--delimiter",
    type=click.Choice(["comma", "semicolon", "tab"]),
    help="Of CSV: comma by default, semicolon with a decimal comma.",
)
@click.option(
    "--decimal", type=click.Choice(["point", "comma"]), default="point", show_default=True, help="Of numbers in CSV."
)
@click.option(
    "--times",
    type=click.Choice(["local", "utc", "epoch"]),
    default="local",
    show_default=True,
    help="How CSV and xlsx write times: those of the time zone, of UTC, or seconds since 1970.",
)
@click.option("--language", help="In which the header is written, en or zh; without it as programs call the columns.")
@click.option(
    "--output",
    "-o",
    type=files.OUTPUT,
    help="The FILE; standard output without it, or with -.",
)
def export(output: Path | None, from_: str, form: str | None, **given: Any) -> None:
    """Write the history of devices, groups or points to a file.

    It reads the database directly, so it needs no token, and works while the API is away.
    """
    from api.export.choice import ExportChoice  # noqa: PLC0415 - the API is slow to import

    output = files.named(output)
    form = form or (_ENDINGS.get(output.suffix.lower(), "csv") if output else "csv")
    pairs = [("from", from_), ("format", form)]
    pairs += [(name, value) for name in _SEVERAL for value in given.pop(name)]
    pairs += [(name, value) for name, value in given.items() if value is not None]
    choice = ExportChoice.of(pairs)
    if output is None:
        asyncio.run(_write(choice, sys.stdout.buffer, quiet=sys.stdout.isatty()))
        return
    unfinished = output.with_name(output.name + ".part")
    try:
        with unfinished.open("wb") as file:
            rows = asyncio.run(_write(choice, file, quiet=False))
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{rows:,} rows are in {output}.", err=True)


async def _write(choice: "ExportChoice", file: BinaryIO, *, quiet: bool) -> int:
    from api.export.plan import plan  # noqa: PLC0415
    from api.export.stream import opened, write  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    async with opened([settings()]) as connection:
        statements = Statements(connection)
        made = await plan(statements, choice)
        await _audit(made)
        with progress(made.title, await made.rows(statements), hidden=quiet) as show:

            async def sink(part: bytes | bytearray) -> None:
                await asyncio.to_thread(file.write, part)

            return await write(connection, made, sink, show)


async def _audit(made: "ExportPlan") -> None:
    from api.ground import audit  # noqa: PLC0415
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    connection = await connect(settings(), "command-line")  # the export's own only reads
    try:
        await audit.record(Statements(connection), COMMAND_LINE, "export.history", made.title, after=made.audited)
    finally:
        await connection.close(timeout=5)
