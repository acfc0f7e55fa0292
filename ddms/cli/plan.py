"""`ddms plan`: what a device costs its line. The requests, how long all of them take, and whether that is too long."""

import asyncio
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import click
import orjson

from collector.field.routes import Route, SerialForm
from collector.line.tcp import ReadError
from ddms import load
from ddms.cli import settings as read_settings
from ddms.database import check_schema, connect
from ddms.errors import Code, DdmsError
from ddms.lines import READ_LINES, LineSettings, of_rows
from ddms.load import Load, Request
from ddms.settings import Settings

FIND_PLANNED = """-- ddms:find_planned_device
SELECT id, name, connection_id FROM devices WHERE lower(name) = lower($1) AND deleted_at IS NULL
"""
READ_ANSWER_TIMES = """-- ddms:read_answer_times
SELECT s.device_id, s.answer_seconds FROM device_states s JOIN devices d ON d.id = s.device_id
 WHERE d.connection_id = $1 AND s.answer_seconds IS NOT NULL
"""


@click.command
@click.argument("device")
@click.option("--measure", is_flag=True, help="Read each request of the line once, to know how long its answer takes.")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def plan(device: str, measure: bool, as_json: bool) -> None:
    """Show the requests of a DEVICE, and how long a cycle of its whole line takes.

    Times are those that the collector measured; before it polled the device, an answer is assumed to take 20 ms, and on
    a serial line as long as its characters do besides. Busy is the share of time that the polls take: above 100 % they
    cannot be kept.
    """
    answer = asyncio.run(_planned(read_settings(), device, measure=measure))
    click.echo(orjson.dumps(answer).decode() if as_json else _shown(answer))


async def _planned(settings: Settings, name: str, *, measure: bool) -> dict[str, Any]:
    connection = await connect(settings, "plan")
    try:
        await check_schema(connection)
        row = await connection.fetchrow(FIND_PLANNED, name)
        if row is None:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {name!r}: `ddms devices export` lists them")
        lines = of_rows(await connection.fetch(READ_LINES, row["connection_id"], row["id"]))
        times = {
            r["device_id"]: r["answer_seconds"] for r in await connection.fetch(READ_ANSWER_TIMES, row["connection_id"])
        }
    finally:
        await connection.close()
    line = lines.get(row["connection_id"])
    units = {unit.device_id: unit.unit_id for unit in line.units} if line else {}
    if line is None or row["id"] not in units:
        raise DdmsError(Code.NOT_FOUND, f"{row['name']!r} has no enabled point: there is nothing to plan")
    requests = load.requests(line, times)
    if measure:
        requests = await _measured(line.line, units, requests)
    own = [request for request in requests if request.device_id == row["id"]]
    return {
        "device": row["name"],
        "endpoint": str(line.line.endpoint),
        "requests": [_request(request) for request in own],
        "load": _load(load.total(line.line, own)),
        "units_on_line": len(line.units),
        "line_load": _load(load.total(line.line, requests)),
    }


async def _measured(line: LineSettings, units: dict[int, int], requests: list[Request]) -> list[Request]:
    route = Route(line.endpoint, line.timeout, form=SerialForm(line.baud_rate, line.parity, line.stop_bits))
    try:
        await route.open()
        return [await _timed(route, line, units[request.device_id], request) for request in requests]
    except ReadError as error:
        raise DdmsError(Code.UNAVAILABLE, f"{line.endpoint}: {error}") from error
    finally:
        route.close()


async def _timed(route: Route, line: LineSettings, unit: int, request: Request) -> Request:
    block, began = request.block, time.monotonic()
    with suppress(ReadError):  # what a failure costs is what it took
        await route.read(unit, block.table.function, block.address, block.count, line.timeout)
    return replace(request, seconds=time.monotonic() - began + line.request_pause, measured=True)


def _request(request: Request) -> dict[str, Any]:
    block = request.block
    return {
        "register_table": block.table.value,
        "address": block.address,
        "count": block.count,
        "wanted": block.wanted,
        "filled": block.count - block.wanted,
        "points": [point.key for point in block.points],
        "interval_s": request.interval_s,
        "seconds": round(request.seconds, 6),
        "measured": request.measured,
    }


def _load(sum_of: Load) -> dict[str, Any]:
    numbers = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(sum_of).items()}
    return numbers | {"overrun": sum_of.overrun.value, "meaning": sum_of.overrun.sentence}


def _shown(answer: dict[str, Any]) -> str:
    lines = ["table           address  count  wanted  filled  points  interval       time"]
    lines += [
        f"{r['register_table']:<14}  {r['address']:>7}  {r['count']:>5}  {r['wanted']:>6}  {r['filled']:>6}"
        f"  {len(r['points']):>6}  {r['interval_s']:>6} s  {r['seconds'] * 1000:>6.1f} ms"
        for r in answer["requests"]
    ]
    own, line = answer["load"], answer["line_load"]
    how = (
        "as measured"
        if line["measured"]
        else "partly assumed: the collector has not measured all of it, --measure does"
    )
    return "\n".join([
        *lines,
        "",
        f"{answer['device']}: {_said(own)}",
        f"{answer['endpoint']}, {answer['units_on_line']} units: {_said(line)}",
        f"Overrun: {line['overrun'].replace('_', ' ')} ({line['meaning']}). Times are {how}.",
    ])  # fmt: skip


def _said(sum_of: dict[str, Any]) -> str:
    return (
        f"{sum_of['requests']} requests, {sum_of['requests_per_second']:.3g} a second; a cycle takes"
        f" {sum_of['cycle_seconds']:.3f} s of the {sum_of['budget_seconds']} s of the shortest interval; busy {sum_of['busy']:.1%}"
    )
