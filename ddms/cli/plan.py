"""`ddms plan`: what a device costs its line. The requests, how long all of them take, and whether that is too long."""

import asyncio
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import click
import orjson

from collector.field.routes import Route
from collector.line.tcp import ReadError
from ddms import load
from ddms.cli import reach
from ddms.cli import settings as read_settings
from ddms.database import check_schema, connect
from ddms.errors import Code, DdmsError
from ddms.lines import READ_LINES, LineSettings, of_rows
from ddms.load import Load, Request
from ddms.settings import Settings

FIND_PLANNED = """-- ddms:find_planned_device
SELECT id, name, connection_id FROM devices WHERE lower(name) = lower($1) AND deleted_at IS NULL
"""
READ_STATES = """-- ddms:read_states_on_line
SELECT d.id, d.name, CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state, s.since, s.last_error,
       s.answer_seconds
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id
 WHERE d.connection_id = $1 AND d.deleted_at IS NULL ORDER BY lower(d.name)
"""


_TROUBLE = {
    "offline": "The plan shows what it will cost when it answers again; until then it is tried now and then only.",
    "error": "It answers, but refuses some registers: `ddms read` shows which.",
    "disabled": "The plan shows what it would cost when it is enabled.",
}


@click.command
@click.argument("device")
@click.option("--measure", is_flag=True, help="Read each request of the line once, to know how long its answer takes.")
@reach.form_options
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def plan(device: str, measure: bool, as_json: bool, **form: Any) -> None:
    """Show the requests of a DEVICE, and how long a cycle of its whole line takes.

    The line is as it is stored; options show what another baud rate or pause would cost.

    Times are those that the collector measured; before it polled the device, an answer is assumed to take 20 ms, and on
    a serial line as long as its characters do besides. Busy is the share of time that the polls take: above 100 % they
    cannot be kept. While a collector polls the line, its times are the measured ones, and --measure adds nothing.
    """
    answer = asyncio.run(_planned(read_settings(), device, form, measure=measure))
    click.echo(orjson.dumps(answer).decode() if as_json else _shown(answer))


async def _planned(settings: Settings, name: str, form: dict[str, Any], *, measure: bool) -> dict[str, Any]:
    connection = await connect(settings, "plan")
    try:
        await check_schema(connection)
        row = await connection.fetchrow(FIND_PLANNED, name)
        if row is None:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {name!r}: `ddms devices export` lists them")
        lines = of_rows(await connection.fetch(READ_LINES, row["connection_id"], row["id"]))
        states = await connection.fetch(READ_STATES, row["connection_id"])
        line = lines.get(row["connection_id"])
        collector = await reach.poller_of(connection, line.line.endpoint) if line else None
    finally:
        await connection.close()
    units = {unit.device_id: unit.unit_id for unit in line.units} if line else {}
    if line is None or row["id"] not in units:
        raise DdmsError(Code.NOT_FOUND, f"{row['name']!r} has no enabled point: there is nothing to plan")
    line = replace(line, line=reach.given_form(line.line, form))
    times = {state["id"]: state["answer_seconds"] for state in states if state["answer_seconds"] is not None}
    requests = load.requests(line, times)
    if measure and collector is None:
        requests = await _measured(line.line, units, requests)
    own = [request for request in requests if request.device_id == row["id"]]
    return {
        "device": row["name"],
        "endpoint": str(line.line.endpoint),
        "collector": collector,
        "requests": [_request(request) for request in own],
        "load": _load(load.total(line.line, own)),
        "units_on_line": len(line.units),
        "line_load": _load(load.total(line.line, requests)),
        "states": [
            {name: state[name] for name in ("name", "state", "since", "last_error")}
            for state in sorted(states, key=lambda state: state["id"] != row["id"])
            if state["id"] in units
        ],
    }


async def _measured(line: LineSettings, units: dict[int, int], requests: list[Request]) -> list[Request]:
    async with reach.own(line) as route:
        return [await _timed(route, line, units[request.device_id], request) for request in requests]


async def _timed(route: Route, line: LineSettings, unit: int, request: Request) -> Request:
    block, began = request.block, time.monotonic()
    with suppress(ReadError):  # what a failure costs is what it took
        await route.read(unit, block.table.function, block.address, block.count, line.timeout)
    return replace(request, seconds=time.monotonic() - began, measured=True)  # the route pauses before it asks


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
        *_troubles(answer),
    ])  # fmt: skip


def _troubles(answer: dict[str, Any]) -> list[str]:
    """Say where the plan's assumptions do not hold: that the units answer, and that a collector polls them."""
    own, *others = answer["states"]
    told = []
    if own["state"] in _TROUBLE:
        since = f" since {own['since']:%Y-%m-%d %H:%M} UTC" if own["since"] and own["state"] != "disabled" else ""
        error = f": {own['last_error']}" if own["last_error"] and own["state"] != "disabled" else ""
        end = "" if error.endswith("?") else "."
        told.append(f"{own['name']} is {own['state']}{since}{error}{end} {_TROUBLE[own['state']]}")
    if offline := [state["name"] for state in others if state["state"] == "offline"]:
        more = f" and {len(offline) - 5} more" if len(offline) > 5 else ""
        told.append(f"Offline on this line: {', '.join(offline[:5])}{more}; each costs a time-out when it is tried.")
    if answer["collector"] is None and own["state"] != "disabled":
        told.append("No collector polls this line now.")
    return told


def _said(sum_of: dict[str, Any]) -> str:
    return (
        f"{sum_of['requests']} requests, {sum_of['requests_per_second']:.3g} a second; a cycle of all takes"
        f" {sum_of['cycle_seconds']:.3f} s, the shortest interval is {sum_of['budget_seconds']} s; busy {sum_of['busy']:.1%}"
    )
