"""`ddms errors`: what failed for people and programs, by the number that they were told."""

import re
from typing import TYPE_CHECKING, Any

import click

from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction
from ddms.errors import Code, DdmsError, Sentence

if TYPE_CHECKING:
    from api.ground.database import Statements

READ_ERRORS = """-- ddms:read_errors
SELECT time, reference, place, code, message, caller, address, client, request_id FROM errors
 WHERE ($1::text IS NULL OR reference = $1) ORDER BY time DESC, id DESC LIMIT $2
"""
_MOST = 1000


@click.group
def errors() -> None:
    """Show what failed for people and programs, by the number that they were told."""


@errors.command("list")
@click.option("--last", "most", type=click.IntRange(1, _MOST), default=30, show_default=True, help="How many.")
@AS_JSON
def list_(most: int, as_json: bool) -> None:
    """Show the newest, the newest first."""
    rows = in_transaction(lambda statements: _read(statements, None, most))
    if as_json:
        print_json(rows)
        return
    columns = ("at (UTC)", "number", "where", "code", "who", "from", "what")
    names = ("time", "reference", "place", "code", "caller", "address", "message")
    table(columns, ([row[name] for name in names] for row in rows), empty="Nothing failed, as far as it is kept.")


@errors.command
@click.argument("number")
@AS_JSON
def show(number: str, as_json: bool) -> None:
    """Show what NUMBER stands for: 4f7a-2c09, or the longer one of which it is the beginning (Grafana's trace id)."""
    wanted = reference_in(number)
    rows = in_transaction(lambda statements: _read(statements, wanted, _MOST))
    if not rows:
        sentence = "nothing is kept under {}: look for it in the logs of all programs, `docker compose logs | grep -e {} -e {}`"
        raise DdmsError(Code.NOT_FOUND, Sentence(sentence, wanted, wanted, wanted.replace("-", "")))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo("\n".join(f"{name:<11} {value}" for name, value in row.items() if value is not None) + "\n")
    click.echo(f"The log of the API has more: docker compose logs api | grep {wanted}")


def reference_in(number: str) -> str:
    """Return a number as it is kept, however it was read out or typed."""
    digits = re.sub(r"[\s-]", "", number).lower()
    if not re.fullmatch("[0-9a-f]{8,32}", digits):
        raise DdmsError(
            Code.INVALID,
            Sentence("{!r} is no such number: it is like 4f7a-2c09, digits and letters from a to f", number[:40]),
        )
    return f"{digits[:4]}-{digits[4:8]}"


async def _read(statements: "Statements", number: str | None, most: int) -> list[dict[str, Any]]:
    return [dict(row) for row in await statements.rows(READ_ERRORS, number, most)]
