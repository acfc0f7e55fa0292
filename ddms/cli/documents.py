"""`ddms documents`: trusted documents, straight in the database."""

from pathlib import Path
from typing import Any

import click

from ddms.cli import files
from ddms.cli.tables import AS_JSON, print_json, table
from ddms.cli.transaction import in_transaction


@click.group
def documents() -> None:
    """Register GraphQL documents that clients call by their hash; `ddms token create --trusted-only` binds a token to them."""


@documents.command
@click.argument("paths", metavar="FILES...", nargs=-1, required=True, type=files.INPUT)
@AS_JSON
def add(paths: tuple[Path, ...], as_json: bool) -> None:
    """Register each of FILES (- is standard input), all or none; a client sends the id that is printed as `documentId`."""
    from api.execution.trusted import register  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    async def put(statements: Any) -> list[tuple[str, bool]]:
        return [await register(statements, COMMAND_LINE, file.name, files.read(file)) for file in paths]

    made = in_transaction(put)
    if as_json:
        print_json({str(file): id_ for file, (id_, _) in zip(paths, made, strict=True)})
        return
    for file, (id_, new) in zip(paths, made, strict=True):
        click.echo(f"{id_}  {file}{'' if new else ' (was there)'}")


@documents.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List the registered documents."""
    from api.execution.trusted import id_of, stored  # noqa: PLC0415 - GraphQL is slow to import

    rows = [
        {"id": id_of(row["hash"]), "name": row["name"], "addedAt": row["added_at"]} for row in in_transaction(stored)
    ]
    if as_json:
        print_json(rows)
        return
    empty = "No documents yet: `ddms documents add FILE…` registers some."
    table(("document", "name", "added (UTC)"), (row.values() for row in rows), empty=empty)


@documents.command
@click.argument("document_id")
def remove(document_id: str) -> None:
    """Take DOCUMENT_ID out; clients may use it for half a minute more."""
    from api.execution.trusted import remove as take_out  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415

    in_transaction(lambda statements: take_out(statements, COMMAND_LINE, document_id))
    click.echo(f"{document_id} is no longer registered.")
