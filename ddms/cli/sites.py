"""`ddms sites`: what a far site needs."""

import os
from pathlib import Path

import click

from ddms.errors import Code, DdmsError


@click.group
def sites() -> None:
    """Set up far sites, whose collectors send their readings over NATS (docs/sites.md)."""


@sites.command
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def key(file: Path) -> None:
    """Make a key for NATS: the secret goes into FILE, for its owner only; what is printed goes into the server's configuration."""
    from ddms import nkeys  # noqa: PLC0415 - a library that only this needs

    made = nkeys.make()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
            secret.write(made.seed + "\n")
    except FileExistsError as error:
        raise DdmsError(Code.ALREADY_EXISTS, f"{file} is there already: a key is not written over") from error
    click.echo(made.public)
