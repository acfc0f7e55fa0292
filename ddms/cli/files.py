"""Files that a command reads or writes; `-` is standard input or standard output."""

from pathlib import Path

import click

from ddms.errors import Code, DdmsError

INPUT = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True, allow_dash=True)
DASH = Path("-")


def read(file: Path) -> str:
    """Return the text of a file, which has to be UTF-8; the mark that spreadsheets put at its beginning is dropped."""
    with click.open_file(str(file), "rb") as stream:
        content: bytes = stream.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DdmsError(Code.INVALID, f"line {line}: {file} is not UTF-8: save it as UTF-8 (`CSV UTF-8`)") from error


def named(file: Path | None) -> Path | None:
    """Return the file to write, None for standard output: that is no name, and `-`."""
    return None if file == DASH else file


def write(file: Path | None, text: str, said: str) -> None:
    """Write a text as it is to a file, and say so; or to standard output, and say nothing."""
    named_file = named(file)
    with click.open_file(str(named_file or DASH), "wb") as stream:
        stream.write(text.encode())
    if named_file:
        click.echo(f"{said} in {named_file}.", err=True)
