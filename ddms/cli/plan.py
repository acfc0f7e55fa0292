"""`ddms plan`: what a device costs its line. The requests, how long all of them take, and whether that is too long."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import click
import orjson

from collector.modbus import ReadError
from collector.routes import Route, SerialForm
from ddms import lines
from ddms.cli import settings as read_settings
from ddms.database import check_schema, connect
from ddms.errors import Code, DdmsError
from ddms.lines import ConnectionConfiguration
from ddms.plan import Poll
from ddms.plan import plan as make_plan
from ddms.settings import Settings

ASSUMED_SECONDS = 0.02
_BITS_A_CHARACTER = 11

FIND_PLANNED = """-- ddms:find_planned_device
SELECT id, connection_id FROM devices WHERE lower(name) = lower($1) AND deleted_at IS NULL
"""


@click.command
@click.argument("device")
@click.option("--measure", is_flag=True, help="Read each request once, to know how long its answer takes.")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def plan(device: str, measure: bool, as_json: bool) -> None:
    """Show the requests of a DEVICE, and how long a cycle of its whole line takes.

    Without --measure an answer is assumed to take 20 ms, on a serial line as long as its characters do besides.
    Overrun is the load of the line: above 1 the polls cannot be kept.
    """
    line, device_id = asyncio.run(_load(read_settings(), device))
    seconds = asyncio.run(_measured(line)) if measure else {}
    answer = planned(line, device_id, seconds)
    click.echo(orjson.dumps(answer).decode() if as_json else _shown(answer, measured=measure))


async def _load(settings: Settings, name: str) -> tuple[ConnectionConfiguration, int]:
    connection = await connect(settings, "plan")
    try:
        await check_schema(connection)
        row = await connection.fetchrow(FIND_PLANNED, name)
        if row is None:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {name!r}: `ddms devices export` lists them")
        found = await lines.read(connection)
    finally:
        await connection.close()
    line = found.get(row["connection_id"])
    if line is None or row["id"] not in {unit.device_id for unit in line.units}:
        raise DdmsError(Code.NOT_FOUND, f"{name!r} is not polled: it is disabled, or has no enabled point")
    return line, row["id"]


Seconds = dict[tuple[int, str, int], float]
"""Answer time by device, table and address."""


async def _measured(line: ConnectionConfiguration) -> Seconds:
    settings = line.line
    route = Route(
        settings.endpoint, settings.timeout, form=SerialForm(settings.baud_rate, settings.parity, settings.stop_bits)
    )
    seconds: Seconds = {}
    try:
        await route.open()
        for unit in line.units:
            for block in [block for poll in make_plan(unit.points, unit.limits) for block in poll.blocks]:
                began = time.monotonic()
                with suppress(ReadError):  # what a failure costs is what it took
                    await route.read(unit.unit_id, block.table.function, block.address, block.count, settings.timeout)
                seconds[unit.device_id, block.table.value, block.address] = time.monotonic() - began
    except ReadError as error:
        raise DdmsError(Code.UNAVAILABLE, f"{settings.endpoint}: {error}") from error
    finally:
        route.close()
    return seconds


def planned(line: ConnectionConfiguration, device_id: int, measured: Seconds) -> dict[str, Any]:
    """Return a device's requests and the load of its line; times in seconds."""
    polls = {unit.device_id: make_plan(unit.points, unit.limits) for unit in line.units}
    rows = {
        number: [_request(line, number, poll, block, measured) for poll in unit_polls for block in poll.blocks]
        for number, unit_polls in polls.items()
    }
    everything = [row for unit_rows in rows.values() for row in unit_rows]
    return {
        "endpoint": str(line.line.endpoint),
        "requests": rows[device_id],
        "units_on_line": len(line.units),
        "requests_on_line": len(everything),
        "cycle_seconds": round(sum(row["seconds"] for row in everything) / line.line.max_in_flight, 6),
        "overrun": round(sum(r["seconds"] / r["interval_s"] for r in everything) / line.line.max_in_flight, 4),
    }


def _request(
    line: ConnectionConfiguration, device_id: int, poll: Poll, block: Any, measured: Seconds
) -> dict[str, Any]:
    seconds = measured.get((device_id, block.table.value, block.address))
    if seconds is None:
        seconds = ASSUMED_SECONDS
        if line.line.endpoint.transport.value == "serial":
            seconds += (8 + 5 + block.bytes + 7) * _BITS_A_CHARACTER / line.line.baud_rate  # both frames, two silences
    return {
        "register_table": block.table.value,
        "address": block.address,
        "count": block.count,
        "wanted": block.wanted,
        "filled": block.count - block.wanted,
        "points": len(block.points),
        "interval_s": poll.interval_s,
        "seconds": round(seconds + line.line.request_pause, 6),
    }


def _shown(answer: dict[str, Any], *, measured: bool) -> str:
    lines = ["table           address  count  wanted  filled  interval       time"]
    lines += [
        f"{r['register_table']:<14}  {r['address']:>7}  {r['count']:>5}  {r['wanted']:>6}  {r['filled']:>6}"
        f"  {r['interval_s']:>6} s  {r['seconds'] * 1000:>6.1f} ms"
        for r in answer["requests"]
    ]
    how = "measured" if measured else "assumed; --measure measures it"
    lines += [
        "",
        f"{answer['endpoint']}: {answer['units_on_line']} units, {answer['requests_on_line']} requests",
        f"One cycle of all of them takes {answer['cycle_seconds']:.3f} s ({how}).",
        f"Load {answer['overrun']:.1%}: "
        + ("too much, polls will be late" if answer["overrun"] > 1 else "the intervals can be kept")
        + ".",
    ]
    return "\n".join(lines)
