"""How the command line reaches the field: through the collector that polls a line, else over a line of its own.

A serial port, and many a gateway, has room for one master only. So what a living collector polls is asked through it: a row in
`field_requests`, told by NOTIFY, as the API does it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import click

from collector.field.requests import KINDS, Report
from collector.field.routes import Route
from collector.line import tls
from collector.line.tcp import ReadError
from ddms.cli import settings as read_settings
from ddms.database import Connection, check_schema, connect
from ddms.endpoints import Endpoint, Transport
from ddms.errors import Code, DdmsError
from ddms.lines import LineSettings
from ddms.logs import visible
from ddms.quality import Reason
from ddms.settings import Settings

CLAIM_SECONDS = 15.0
LOOK_SECONDS = 0.1

FIND_POLLER = """-- ddms:find_poller
SELECT l.collector FROM leases l JOIN connections c ON c.id = l.connection_id
 WHERE c.endpoint = $1 AND l.expires_at > now()
"""
ASK_FIELD = """-- ddms:ask_field
INSERT INTO field_requests (kind, parameters, requested_by) VALUES ($1, $2, 'command line') RETURNING id
"""
READ_FIELD_ANSWER = """-- ddms:read_field_answer
SELECT state, progress, result, error FROM field_requests WHERE id = $1
"""
END_FIELD_REQUEST = """-- ddms:end_field_request
UPDATE field_requests SET state = 'cancelled', finished_at = now() WHERE id = $1 AND state IN ('pending', 'running')
"""

_SERIAL_OPTIONS = {
    "baud_rate": "--baud-rate",
    "data_bits": "--data-bits",
    "parity": "--parity",
    "stop_bits": "--stop-bits",
}
_OPTIONS = _SERIAL_OPTIONS | {"request_pause": "--pause", "connect_pause": "--connect-pause"}


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add how a line is used: what is left out is as stored, or usual."""
    pause = click.FloatRange(0, 10)
    for option in (
        click.option("--connect-pause", type=pause, help="Seconds to wait after connecting."),
        click.option("--pause", "request_pause", type=pause, help="Seconds of silence before each request."),
        click.option("--stop-bits", type=click.Choice(["1", "2"]), help="Serial only.  [default: 1]"),
        click.option(
            "--data-bits", type=click.Choice(["7", "8"]), help="Serial only.  [default: 8, of ASCII frames 7]"
        ),
        click.option("--parity", type=click.Choice(["even", "odd", "none"]), help="Serial only.  [default: even]"),
        click.option(
            "--baud-rate", "--baud", type=click.IntRange(300, 4_000_000), help="Serial only.  [default: 19200]"
        ),
    ):
        command = option(command)
    return command


def line_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add how a line is used, and whether it may be used at all."""
    direct = click.option("--direct", is_flag=True, help="Open a line of its own, also where a collector polls it.")
    return form_options(direct(command))


def given_form(line: LineSettings, form: dict[str, Any]) -> LineSettings:
    """Return a line with the options that were given; those of a serial line are refused elsewhere."""
    given = {name: form[name] for name in _OPTIONS if form[name] is not None}
    if not line.endpoint.transport.is_serial and (wrong := [n for n in given if n in _SERIAL_OPTIONS]):
        raise click.UsageError(
            f"{_SERIAL_OPTIONS[wrong[0]]} is for serial lines: {line.endpoint} leads over a network, and its gateway has its own settings"
        )
    for name in ("data_bits", "stop_bits"):
        if name in given:
            given[name] = int(given[name])
    return replace(line, **given)


def identified(answer: dict[str, Any]) -> list[str]:
    """Return what the device says of itself, a line each; answers of an older collector have none."""
    found = answer.get("identity") or {}
    return ["", *(f"{name.replace('_', ' ')}: {visible(text)}" for name, text in found.items())] if found else []


def options_in(form: dict[str, Any]) -> list[str]:
    """Return the options of `form_options` that were given."""
    return [option for name, option in _OPTIONS.items() if form[name] is not None]


async def poller_of(connection: Connection, endpoint: Endpoint) -> str | None:
    """Return the name of the collector that polls an endpoint, or None."""
    name: str | None = await connection.fetchval(FIND_POLLER, str(endpoint))
    return name


def ask(
    line: LineSettings,
    kind: str,
    parameters: dict[str, Any],
    form: dict[str, Any],
    report: Report = lambda _p, _r: None,
) -> dict[str, Any]:
    """Do something at an endpoint; the answer says under `through` which collector did it, or null."""
    return asyncio.run(_ask(line, kind, parameters | {"endpoint": str(line.endpoint)}, form, report))


async def _ask(
    line: LineSettings, kind: str, parameters: dict[str, Any], form: dict[str, Any], report: Report
) -> dict[str, Any]:
    settings = None if form["direct"] else database()
    if settings is not None:
        connection = await connected(settings)
        try:
            if connection is not None and (collector := await poller_of(connection, line.endpoint)):
                if options := options_in(form):
                    raise DdmsError(
                        Code.CONFLICT,
                        f"the collector {collector!r} polls {line.endpoint} with its stored settings: leave out {', '.join(options)},"
                        " or disable its devices and say --direct",
                    )
                answer = await _through(connection, collector, kind, parameters, report)
                return answer | {"through": collector}
        finally:
            if connection is not None:
                await connection.close()
    async with own(line) as route:
        return await KINDS[kind](route, parameters, report) | {"through": None}


def database() -> Settings | None:
    """Return the settings of the database if there is one: an unknown device is read without."""
    return read_settings() if any(name.startswith("DDMS_DATABASE_URL") for name in os.environ) else None


async def connected(settings: Settings) -> Connection | None:
    """Connect to the database; None when it is away, or of another version."""
    with suppress(DdmsError):  # the database is away: then the field is reached without it
        connection = await connect(settings, "read")
        await check_schema(connection)
        return connection
    return None


@asynccontextmanager
async def own(line: LineSettings) -> AsyncIterator[Route]:
    """Open a line of our own; what goes wrong on it is a `DdmsError`."""
    if line.endpoint.transport is Transport.TLS:
        tls.use(read_settings().modbus_tls_directory)
    route = Route(line)
    try:
        await route.open()
        yield route
    except ReadError as error:
        advice = ""
        if error.reason is Reason.NO_PORT and "temporarily unavailable" in str(error):
            advice = "; if a collector polls it, set DDMS_DATABASE_URL, then it is asked through the collector"
        raise DdmsError(Code.UNAVAILABLE, f"{line.endpoint}: {error}{advice}") from error
    finally:
        route.close()


async def _through(
    connection: Connection, collector: str, kind: str, parameters: dict[str, Any], report: Report
) -> dict[str, Any]:
    number = await connection.fetchval(ASK_FIELD, kind, parameters)
    waited = 0.0
    try:
        while True:
            row = await connection.fetchrow(READ_FIELD_ANSWER, number)
            if row is None or row["state"] in {"failed", "cancelled"}:
                error = row["error"] if row else "the request is gone"
                raise DdmsError(Code.UNAVAILABLE, f"{parameters['endpoint']}, through collector {collector!r}: {error}")
            if row["state"] == "done":
                result: dict[str, Any] = row["result"]
                return result
            if row["result"] is not None:
                report(row["progress"], row["result"])
            waited += LOOK_SECONDS if row["state"] == "pending" else 0
            if waited > CLAIM_SECONDS:
                raise DdmsError(
                    Code.TIMEOUT,
                    f"the collector {collector!r}, which polls {parameters['endpoint']}, does not take the request: is it running?",
                )
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        await connection.execute(END_FIELD_REQUEST, number)
