"""`ddms probe` and `ddms scan`: what a device has, and how it writes it, before anybody typed a register map."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from collector.field.requests import Report
from ddms import skeleton
from ddms.cli import files, reach, written
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError
from ddms.lines import LineSettings
from ddms.registers import MODBUS_TABLES

_TABLES = [table.value for table in MODBUS_TABLES]
_SHOWN = 12


def _line_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what says how an endpoint is reached, and where to write what was found."""
    endpoint = click.option(
        "--endpoint", required=True, help="Such as tcp://host:port, rtu+tcp://host:port or serial:///dev/ttyUSB0."
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
    return endpoint(reach.line_options(as_json(written.options(command))))


def work(
    endpoint: str, form: dict[str, Any], kind: str, parameters: dict[str, Any], report: Report = lambda _p, _r: None
) -> dict[str, Any]:
    """Do something at an endpoint that was given with the options of a line."""
    timeout = max(1.0, parameters["timeout_ms"] / 1000)  # to connect takes longer than to answer
    line = replace(LineSettings.to(Endpoint.parse(endpoint, field="--endpoint")), timeout=timeout)
    return reach.ask(reach.given_form(line, form), kind, parameters, form, report)


@click.command
@_line_options
@click.option("--unit", type=click.IntRange(0, 255), default=1, show_default=True, help="Unit id.")
@click.option("--table", type=click.Choice(_TABLES), default="holding", show_default=True, help="Register table.")
@click.option("--address", type=click.IntRange(0, 65_535), required=True, help="Address, counted from 0.")
@click.option("--expected", type=float, help="What the device's display shows: what comes closest is first.")
@click.option("--all", "everything", is_flag=True, help=f"Show all candidates, not the first {_SHOWN}.")
@click.option("--timeout", type=click.FloatRange(0.05, 30), default=1.0, show_default=True, help="Seconds to wait.")
def probe(
    unit: int,
    table: str,
    address: int,
    expected: float | None,
    everything: bool,
    timeout: float,
    as_json: bool,
    endpoint: str,
    file: Path | None,
    force: bool,
    **form: Any,
) -> None:
    """Decode registers in every type and byte order, the most plausible first.

    Also at the addresses before and after, since manuals count from 0 or from 1. Reads twice, half a second apart.
    """
    written.check(file, force=force)
    asked = {"unit_id": unit, "register_table": table, "address": address, "expected": expected}
    answer = work(endpoint, form, "probe", asked | {"timeout_ms": timeout * 1000})
    if file is not None:
        used = written.line(endpoint, form, timeout)
        text = skeleton.of_probe(answer, asked, str(used.endpoint), written.existing(), written.connection(used))
        files.write(file, text, "A device with the first of them is")
        if file == files.DASH:
            return
    if as_json:
        click.echo(orjson.dumps(answer).decode())
        return
    words = "  ".join(f"{a}: {word:04x}" for a, word in answer["words"] if -1 <= a - address <= 4)
    click.echo(f"{words}\n\nscore  address  type        order            value  why")
    for c in answer["candidates"] if everything else answer["candidates"][:_SHOWN]:
        click.echo(_candidate(c))
    for line in reach.identified(answer):
        click.echo(line)


def _candidate(c: dict[str, Any]) -> str:
    kind = c["data_type"] + (f"/{c['length']}" if c["length"] else "")
    value = repr(c["text"]) if c["text"] is not None else "–" if c["value"] is None else f"{c['value']:.9g}"
    times = f" × {c['scale']:g}" if c["scale"] != 1 else ""
    why = ", ".join(c["why"])
    return f"{c['score']:5.0f}  {c['address']:7}  {kind:<10}  {c['byte_order']:<5}  {value + times:>15}  {why}"


@click.command
@_line_options
@click.option("--units", default="1-247", show_default=True, metavar="FROM-TO", help="Unit ids to look for.")
@click.option("--table", "tables", type=click.Choice(_TABLES), multiple=True, help="Register tables; repeatable.  [default: holding, input]")  # fmt: skip
@click.option("--addresses", default="0-999", show_default=True, metavar="FROM-TO", help="Addresses to try.")
@click.option("--timeout", type=click.FloatRange(0.05, 30), default=0.3, show_default=True, help="Seconds to wait for each answer.")  # fmt: skip
def scan(
    units: str,
    tables: tuple[str, ...],
    addresses: str,
    timeout: float,
    as_json: bool,
    endpoint: str,
    file: Path | None,
    force: bool,
    **form: Any,
) -> None:
    """Find the units behind an endpoint that answer, and the registers they have.

    An exception is an answer too. Ctrl-C ends it and prints what was found so far. Reads only; a line that a running
    collector polls is scanned through that collector, between its polls.
    """
    written.check(file, force=force)
    unit_from, unit_to = _range(units, "--units", 255)
    address_from, address_to = _range(addresses, "--addresses", 65_535)
    parameters = {
        "unit_from": unit_from, "unit_to": unit_to, "address_from": address_from, "address_to": address_to,
        "tables": list(tables or ("holding", "input")), "timeout_ms": timeout * 1000,
    }  # fmt: skip
    found: dict[str, Any] = {"units": [], "notes": [], "requests": 0}
    complete = False
    with suppress(KeyboardInterrupt), _Bar() as bar:

        def report(progress: float, result: dict[str, Any]) -> None:
            found.update(result)
            bar.show(progress, len(result["units"]))

        found.update(work(endpoint, form, "scan", parameters, report))
        complete = True
    if file is not None and found["units"]:
        line = written.line(endpoint, form)
        text = skeleton.of_scan(found, str(line.endpoint), written.existing(), written.connection(line))
        files.write(file, text, f"{len(found['units'])} units are")
    answer = orjson.dumps(found | {"complete": complete}).decode() if as_json else _scanned(found, complete=complete)
    click.echo(answer, err=file == files.DASH)
    if not found["units"]:
        if Endpoint.parse(endpoint).transport.is_serial and not as_json:
            click.echo(
                "On a serial line check --baud-rate, --parity, the polarity of A and B, and the termination.", err=True
            )
        raise SystemExit(1)


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self) -> None:
        self._stream = sys.stderr
        self._shown = -1

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown >= 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def show(self, progress: float, units: int) -> None:
        """Draw it when a percent was done."""
        percent = int(progress * 100)
        if percent != self._shown and self._stream.isatty():
            self._shown = percent
            self._stream.write(f"\r{'█' * (percent // 4):░<25} {percent:3} %  {units} units found ")
            self._stream.flush()


def _range(text: str, option: str, most: int) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        result = int(first), int(last or first)
    except ValueError:
        result = (-1, -1)
    if not 0 <= result[0] <= result[1] <= most:
        raise DdmsError(Code.INVALID, f"{text!r} is not FROM-TO within 0-{most}", field=option)
    return result


def _scanned(found: dict[str, Any], *, complete: bool) -> str:
    lines = []
    for unit in found["units"]:
        reason = f", {unit['reason']}" if unit["reason"] else ""
        lines.append(f"unit {unit['unit_id']}  ({unit['milliseconds']:.1f} ms{reason})")
        for r in unit["ranges"]:
            last = r["address"] + r["count"] - 1
            lines.append(f"  {r['register_table']:<14}  {r['address']:>5} – {last:<5}  {r['count']:>5}")
        lines += [f"  {note}" for note in unit["notes"]]
    lines += found["notes"]
    end = "" if complete else "; the scan was ended before it was complete"
    lines.append(f"{len(found['units'])} units answered, {found['requests']} requests{end}.")
    return "\n".join(lines)
