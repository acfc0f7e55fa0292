"""`ddms history import`: readings of whatever system into the database."""

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import orjson

from ddms import inputs
from ddms.cli import files, settings
from ddms.cli.tables import AS_JSON, print_json, progress, table
from ddms.database import Connection, check_schema, connect
from ddms.errors import Code, DdmsError
from ddms.stream import to_datetime

if TYPE_CHECKING:
    from ddms.history.work import Counts, Report, Wishes

_PARQUET = b"PAR1"
_ROLES = ("time", "point", "device", "value", "quality", "reason", "text")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--dry-run", is_flag=True, help="Say what is new, what is there and what is wrong; store nothing.")
@click.option(
    "--shape",
    type=click.Choice(["long", "wide"]),
    help="A row for each reading, or a column for each point; seen by the columns otherwise.",
)
@click.option("--time", help="The column of the times.")
@click.option(
    "--point", help="The column of the point: its key (with --device), `device / key`, pt_12, or a tag of --map."
)
@click.option("--device", help="The column of the device's name.")
@click.option("--value", help="The column of the values.")
@click.option("--quality", help="The column of the qualities; without one all are good.")
@click.option("--of-device", default="", help="All points of the file are of this device; tags and columns are keys.")
@click.option(
    "--map",
    "map_",
    type=files.INPUT,
    help="Which tag is which point: CSV (tag, device, point, factor, offset) or YAML.",
)
@click.option(
    "--unknown",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="Tags of no known point.",
)
@click.option(
    "--time-format",
    default="iso",
    show_default=True,
    help="iso, unix, unix-ms, unix-us, unix-ns, excel, or a pattern: '%d.%m.%Y %H:%M:%S'.",
)
@click.option("--timezone", help="Of times without an offset: Europe/Berlin.")
@click.option(
    "--ambiguous",
    type=click.Choice(["refuse", "earlier", "later"]),
    default="refuse",
    show_default=True,
    help="Local times that a clock shows twice.",
)
@click.option("--decimal", type=click.Choice(["point", "comma"]), default="point", show_default=True)
@click.option(
    "--qualities",
    type=click.Choice(["words", "ddms", "opc-da", "opc-ua"]),
    default="words",
    show_default=True,
    help="Whose numbers the qualities are; words (good, uncertain, bad) are understood always.",
)
@click.option(
    "--bad", multiple=True, help="A word in place of a value that says: a bad reading. May be given several times."
)
@click.option(
    "--delimiter", type=click.Choice(["comma", "semicolon", "tab"]), help="Of CSV; seen in its first line otherwise."
)
@click.option("--encoding", default="utf-8", show_default=True, help="Of CSV.")
@click.option("--columns", help="Of CSV without a line of names: time,tag,value.")
@click.option(
    "--skip-lines", type=click.IntRange(0, 1000), default=0, help="Lines of CSV before the names of the columns."
)
@click.option(
    "--replace",
    is_flag=True,
    help="A reading that is stored with another value gets the file's; without it the stored one stays.",
)
@click.option(
    "--expired",
    type=click.Choice(["refuse", "store"]),
    default="refuse",
    show_default=True,
    help="Readings that retention would erase at its next run.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write lines with mistakes to this file and take the others; without it the first mistake stops the import.",
)
@AS_JSON
def import_(file: Path, as_json: bool, **given: Any) -> None:
    """Bring the readings of FILE into the database: CSV (plain, .gz), Parquet, or a folder that `ddms history archive` made.

    What is there already is not stored twice; an import that was cut off goes on when it is run again.
    """
    reports = asyncio.run(_import(file, given))
    if as_json:
        told = [_as_json(report, dry=given["dry_run"]) for report in reports]
        print_json(told if file.is_dir() else told[0])
    else:
        for report in reports:
            if file.is_dir():
                click.echo(report.file)
            _show(report, dry=given["dry_run"])
    if any(report.stopped or (given["dry_run"] and report.mistakes.count) for report in reports):
        raise click.exceptions.Exit(1)


async def _import(file: Path, given: dict[str, Any]) -> "list[Report]":
    from ddms.history.archive import damaged, read_manifest  # noqa: PLC0415 - numpy is slow to import
    from ddms.history.points import read_map  # noqa: PLC0415
    from ddms.history.work import roll_up  # noqa: PLC0415

    each = [file]
    if await asyncio.to_thread(file.is_dir):
        each = [file / entry["file"] for entry in read_manifest(file)["files"]]
        if wrong := await asyncio.to_thread(damaged, file, lambda _: None):
            raise DdmsError(
                Code.INVALID, f"{file} is not as it was written, so nothing was imported: {'; '.join(wrong)}"
            )
    mapped = read_map(given["map_"]) if given["map_"] else None
    connection = await connect(settings(), "history-import")
    try:
        await check_schema(connection)
        reports: list[Report] = []
        for one in each:
            rejects = given["rejects"]
            if rejects and len(each) > 1:  # each file has one of its own
                rejects = rejects.with_name(f"{rejects.stem}-{one.name.partition('.')[0]}{rejects.suffix}")
            reports.append(await _import_one(connection, one, mapped, given | {"rejects": rejects}))
            if reports[-1].stopped:
                break
        if not given["dry_run"]:
            with progress("rolling up") as show:
                await roll_up(connection, show)
        return reports
    finally:
        await connection.close(timeout=5)


async def _import_one(connection: Connection, file: Path, mapped: Any, given: dict[str, Any]) -> "Report":
    from ddms.history.points import read_points  # noqa: PLC0415 - numpy is slow to import
    from ddms.history.work import Import  # noqa: PLC0415

    wishes, source = _wishes(given), await asyncio.to_thread(_source, file, given)
    points = await read_points(connection, mapped, given["of_device"])
    layout = _layout(source, points, given)
    size = (await asyncio.to_thread(file.stat)).st_size
    about = {"bytes": size, "replace": wishes.replace}
    with progress(f"importing {file.name}", source.total) as show:
        work = Import(connection, source, layout, wishes, lambda place, counts: show(place, doing=_doing(counts)))
        report = await work.run(_how(given), _who(), lambda: _audit(connection, file.name, about | {"state": "begun"}))
    if not wishes.dry:
        state = "stopped at a mistake" if report.stopped else "done"
        await _audit(
            connection, file.name, about | {"state": state, "points": len(report.used)} | _counted(report.counts)
        )
    return report


def _source(file: Path, given: dict[str, Any]) -> Any:
    from ddms.history.csv_source import CsvSource  # noqa: PLC0415
    from ddms.history.parquet_source import ParquetSource  # noqa: PLC0415

    with file.open("rb") as stream:
        if stream.read(4) == _PARQUET or file.suffix == ".parquet":
            return ParquetSource(file)
    delimiter = {None: "", "comma": ",", "semicolon": ";", "tab": "\t"}[given["delimiter"]]
    columns = [name.strip() for name in given["columns"].split(",")] if given["columns"] else ()
    return CsvSource(file, encoding=given["encoding"], delimiter=delimiter, columns=columns, skip=given["skip_lines"])


def _layout(source: Any, points: Any, given: dict[str, Any]) -> Any:
    from ddms.history.layout import Columns, Layout  # noqa: PLC0415
    from ddms.history.times import Ambiguous, TimeReader  # noqa: PLC0415
    from ddms.history.values import Qualities, QualityReader, ValueReader  # noqa: PLC0415

    zone = ZoneInfo(inputs.fit(inputs.zone, given["timezone"], "timezone")) if given["timezone"] else None
    roles = {role: given.get(role) or "" for role in _ROLES}
    wide = given["shape"] == "wide" if given["shape"] else None
    layout = Layout(
        columns=Columns.of(source.columns, roles, wide=wide),
        points=points,
        times=TimeReader(given["time_format"], zone, Ambiguous(given["ambiguous"])),
        values=ValueReader(comma=given["decimal"] == "comma", bad=given["bad"]),
        qualities=QualityReader(Qualities(given["qualities"])),
        skip_unknown=given["unknown"] == "skip",
    )
    layout.check(source.columns)
    return layout


def _wishes(given: dict[str, Any]) -> "Wishes":
    from ddms.history.work import Wishes  # noqa: PLC0415

    return Wishes(
        dry=given["dry_run"],
        replace=given["replace"],
        take_expired=given["expired"] == "store",
        rejects=given["rejects"],
    )


def _how(given: dict[str, Any]) -> str:
    """Say how a file is read: read in another way it is another import."""
    read = {name: str(value) for name, value in given.items() if name != "dry_run"}
    if given["map_"]:
        read["map_"] = given["map_"].read_text(encoding="utf-8-sig")
    return orjson.dumps(read, option=orjson.OPT_SORT_KEYS).decode()


def _who() -> str:
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415 - the API is slow to import

    return COMMAND_LINE.name


async def _audit(connection: Connection, subject: str, after: dict[str, Any]) -> None:
    from api.ground import audit  # noqa: PLC0415
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    await audit.record(Statements(connection), COMMAND_LINE, "history.import", subject, after=after)


def _counted(counts: "Counts") -> dict[str, Any]:
    shown = {name: value for name, value in dataclasses.asdict(counts).items() if name not in {"first", "last"}}
    ends = {"from": counts.first, "to": counts.last}
    return shown | {name: to_datetime(at).isoformat() if at is not None else None for name, at in ends.items()}


def _as_json(report: "Report", *, dry: bool) -> dict[str, Any]:
    return _counted(report.counts) | {
        "file": report.file,
        "dryRun": dry,
        "stopped": report.stopped,
        "points": len(report.used),
        "mistakes": report.mistakes.count,
        "told": report.mistakes.told(),
        "unknown": dict(report.points.unknown),
        "examples": report.examples,
    }


def _doing(counts: "Counts") -> str:
    return f"{counts.read:,} readings, {counts.new:,} new"


def _show(report: "Report", *, dry: bool) -> None:
    counts, would = report.counts, "would be " if dry else ""
    if report.went_on:
        click.echo(f"went on after line {report.went_on:,}, where it was cut off", err=True)
    ends = (
        f"{to_datetime(counts.first):%Y-%m-%d %H:%M:%S} to {to_datetime(counts.last):%Y-%m-%d %H:%M:%S} UTC"
        if counts.first is not None and counts.last is not None
        else ""
    )
    lines = [
        ("readings", counts.read, f"of {len(report.used):,} points, {ends}" if ends else ""),
        ("new", counts.new, f"{would}stored" if counts.new else ""),
        ("there", counts.there, f"already, {counts.differing:,} of them with another value" if counts.there else ""),
        ("replaced", counts.replaced, ""),
        ("repeated", counts.repeated, "the same reading again in the file"),
        ("expired", counts.expired, "older than their device keeps them: retention erases them at its next run"),
        ("rejected", counts.rejected, "mistakes"),
    ]
    always = {"readings", "new", "there"}
    shown = [(name, f"{number:,}", meant) for name, number, meant in lines if number or name in always]
    widest = max(len(number) for _, number, _ in shown)
    table(("", "", ""), ((name, number.rjust(widest), meant) for name, number, meant in shown))
    for sentence in report.examples:
        click.echo(
            f"differs: {sentence}{'' if dry else '; the stored one stays'}"
            if not counts.replaced
            else f"differs: {sentence}",
            err=True,
        )
    for sentence in report.mistakes.told():
        click.echo(f"Error: {sentence}", err=True)
    if report.points.unknown:
        click.echo(f"{len(report.points.unknown):,} tags are of no known point:", err=True)
        for tag, count in report.points.unknown.most_common(200):
            click.echo(f"  {tag}: {count:,}", err=True)
    if not report.has_end:
        click.echo("The last line has no end: look whether the file is whole.", err=True)
    if report.stopped:
        sentence = "Stopped at the first part with a mistake: what stands before it is stored. Mend the file and run it again, or take the rest with --rejects FILE."
        click.echo(sentence, err=True)
