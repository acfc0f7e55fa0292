"""Files that a command reads or writes; `-` is standard input or standard output."""

import codecs
from pathlib import Path

import click

from ddms.errors import Code, DdmsError

INPUT = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
OUTPUT = click.Path(path_type=Path, dir_okay=False, writable=True, allow_dash=True)
DASH = Path("-")


_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read(file: Path) -> str:
    """Return the text of a file: UTF-8, or what spreadsheets write, UTF-16 with its mark and Windows-1252."""
    with click.open_file(str(file), "rb") as stream:
        content: bytes = stream.read()
    if content.startswith(_WORKBOOK):
        raise DdmsError(Code.INVALID, f"{file} is a workbook: save it as `CSV UTF-8`")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decoded(file, content, "utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = _decoded(file, content, "cp1252")
    click.echo(f"{file} is not UTF-8: it was read as Windows-1252; look at its ä, ° and ³ in what follows.", err=True)
    return text


def _decoded(file: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        sentence = f"line {line}: {file} is neither UTF-8 nor {encoding}: save it as UTF-8 (`CSV UTF-8`)"
        raise DdmsError(Code.INVALID, sentence) from error


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
