"""`--write FILE`: what `ddms scan`, `probe` and `sunspec` found, as a file that `ddms devices import` takes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ddms.cli import files, reach
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError
from ddms.lines import LineSettings
from ddms.skeleton import FIND_PLACES, Existing


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Add where to write what was found."""
    write = click.option("--write", "file", type=files.OUTPUT, metavar="FILE", help="Write what was found as YAML for `ddms devices import`; - is standard output.")  # fmt: skip
    force = click.option("--force", is_flag=True, help="Write over a FILE that is there.")
    return write(force(command))


def check(file: Path | None, *, force: bool) -> None:
    """Refuse a file that would be lost, before anything is asked of a device."""
    if file is not None and file != files.DASH and not force and file.exists():
        raise DdmsError(Code.CONFLICT, f"{file} is there already: give another name, or --force to write over it", field="--write")  # fmt: skip
    if file is not None and file != files.DASH and not file.absolute().parent.is_dir():
        raise DdmsError(Code.INVALID, f"there is no directory {file.absolute().parent}", field="--write")


def existing() -> Existing:
    """Return the devices of the database; none when there is no database, or it is away."""
    return asyncio.run(_existing())


async def _existing() -> Existing:
    if (settings := reach.database()) is None or (connection := await reach.connected(settings)) is None:
        return Existing()
    try:
        return Existing.of_rows(await connection.fetch(FIND_PLACES))
    finally:
        await connection.close()


def line(endpoint: str, form: dict[str, Any], timeout: float | None = None) -> LineSettings:
    """Return the line that was asked, as the options say."""
    usual = LineSettings.to(Endpoint.parse(endpoint))
    return replace(reach.given_form(usual, form), timeout=max(timeout or 0, usual.timeout))


def connection(line: LineSettings) -> dict[str, Any]:
    """Return what the file says of a line, where it is not as usual; of a serial one also what is."""
    usual = LineSettings.to(line.endpoint)
    told: dict[str, Any] = {"endpoint": str(line.endpoint)}
    if line.endpoint.transport.is_serial:
        told |= {name: getattr(line, name) for name in ("baud_rate", "data_bits", "parity", "stop_bits")}
    for name, field in (
        ("timeout", "timeout_ms"),
        ("request_pause", "request_pause_ms"),
        ("connect_pause", "connect_pause_ms"),
    ):
        if (seconds := getattr(line, name)) != getattr(usual, name):
            told[field] = round(seconds * 1000)
    return told
