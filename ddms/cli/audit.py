"""`ddms audit`: who did what, as a list or a file; whether it is still as it was written."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from ddms.cli import files
from ddms.cli.tables import AS_JSON, print_json, progress, table
from ddms.cli.transaction import in_transaction, with_database

if TYPE_CHECKING:
    from api.audit.chain import Verdict
    from api.audit.files import Chosen

_FILTERS = (
    click.option(
        "--from", "from_", type=click.DateTime(), help="Only since then, inclusive: 2026-07-04T06:00:00 (UTC)."
    ),
    click.option("--to", type=click.DateTime(), help="Only until then, exclusive (UTC)."),
    click.option("--actor", help="Only what this one did, by name."),
    click.option("--action", help="Only this, device.update, or all of a noun, device."),
    click.option("--subject", help="Only what was done to this: dev_12."),
)


def _filtered(command: Any) -> Any:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group
def audit() -> None:
    """Show who did what, write it to a file, check that nobody changed it."""


@audit.command
@_filtered
@click.option("--last", "most", type=click.IntRange(1, 1000), default=30, show_default=True, help="How many.")
@AS_JSON
def show(most: int, as_json: bool, **chosen: Any) -> None:
    """Show the newest entries, the newest first."""
    from api.audit.types import newest  # noqa: PLC0415 - GraphQL is slow to import

    rows = with_database(lambda database: newest(database, most=most, **_aware(chosen)))
    if as_json:
        print_json([dict(row) for row in rows])
        return
    columns = (">number", "at (UTC)", "who", "from", "action", "subject", "before", "after")
    table(columns, (_shown(row) for row in rows), empty="There is no such entry.")


def _shown(row: Any) -> tuple[object, ...]:
    values = (None if row[name] is None else _short(row[name]) for name in ("before", "after"))
    return (row["number"], row["at"], row["actor"], row["address"], row["action"], row["subject"], *values)


def _short(value: object, most: int = 60) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= most else text[: most - 1] + "…"


@audit.command
@_filtered
@click.option(
    "--after", type=click.IntRange(0), default=0, help="Only entries after this number: what came since last time."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    help="By default the ending of FILE says it; csv without one.",
)
@click.option("--output", "-o", type=files.OUTPUT, help="The FILE; standard output without it, or with -.")
def export(output: Path | None, form: str | None, **chosen: Any) -> None:
    """Write entries to a file, the oldest first: CSV for people, JSON lines for what collects logs. That is audited too."""
    from api.audit.files import AuditFormat, Chosen  # noqa: PLC0415 - GraphQL is slow to import

    output = files.named(output)
    form = form or ("jsonl" if output and output.suffix in {".jsonl", ".ndjson", ".json"} else "csv")
    count = with_database(lambda database: _write(database, Chosen(**_aware(chosen)), AuditFormat(form), output))
    click.echo(f"{count:,} entries" + (f" are in {output}." if output else "."), err=True)


async def _write(database: Any, chosen: "Chosen", form: Any, output: Path | None) -> int:
    from api.audit.files import export as parts  # noqa: PLC0415
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    count = 0
    with click.open_file(str(output or files.DASH), "wb") as stream:
        async for text, entries in parts(database, COMMAND_LINE, chosen, form):
            stream.write(text.encode())
            count += entries
    return count


@audit.command
@AS_JSON
def head(as_json: bool) -> None:
    """Print the end of the chain, to be noted where the owner of the database cannot change it: paper, another server."""
    from api.audit.chain import head_of  # noqa: PLC0415 - GraphQL is slow to import

    note = in_transaction(head_of)
    if as_json:
        print_json({"number": note.number, "hash": note.hash.hex(), "head": str(note)})
    else:
        click.echo(str(note))


@audit.command
@click.option("--expect", metavar="HEAD", help="What `ddms audit head` printed once: it must still be in the chain.")
@AS_JSON
@click.pass_context
def verify(context: click.Context, expect: str | None, as_json: bool) -> None:
    """Compute every hash anew and compare; fails at the first entry that is not as it was written.

    Whoever may change the tables and knows how can write the whole chain anew: only a head that was noted elsewhere
    shows that.
    """
    from api.audit import chain  # noqa: PLC0415 - GraphQL is slow to import

    note = chain.Note.parse(expect) if expect else None
    with progress("checking the audit", hidden=as_json):
        found = in_transaction(lambda statements: chain.verify(statements, note))
    if as_json:
        print_json({
            "ok": found.broken is None, "entries": found.entries, "head": str(found.head), "erased": found.erased,
            "brokenAt": found.at, "broken": found.broken, "noteErased": found.note_erased,
        })  # fmt: skip
    else:
        _tell(found, noted=expect is not None)
    if found.broken:
        context.exit(1)


def _tell(found: "Verdict", *, noted: bool) -> None:
    if found.broken:
        click.echo(f"Broken at entry {found.at:,}: {found.broken}.", err=True)
        click.echo(f"The {found.entries:,} entries before it are as they were written.", err=True)
        return
    click.echo(f"ok: {found.entries:,} entries, each as it was written; head {found.head}")
    if found.erased:
        click.echo(f"The first {found.erased:,} were erased by the retention of the audit.")
    if found.note_erased:
        click.echo("The noted entry was erased meanwhile by that retention: note a new head.", err=True)
    elif noted:
        click.echo("The noted entry is in the chain.")


def _aware(chosen: dict[str, Any]) -> dict[str, Any]:
    return {name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for name, value in chosen.items()}
