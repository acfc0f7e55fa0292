"""`ddms read`: what a device answers right now, without touching what is stored."""

import asyncio
from typing import Any

import click
import orjson

from collector.field.routes import Route
from collector.field.trial import read_once
from collector.line.tcp import ReadError
from ddms import lines
from ddms.cli import settings as read_settings
from ddms.database import check_schema, connect
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError
from ddms.plan import PolledPoint, RequestLimits
from ddms.registers import ByteOrder, DataType, Register, RegisterTable
from ddms.settings import Settings

FIND_DEVICE = """-- ddms:find_device
SELECT d.id, c.endpoint, c.timeout_ms, d.unit_id, d.max_words, d.max_bits, d.max_gap
  FROM devices d JOIN connections c ON c.id = d.connection_id
 WHERE lower(d.name) = lower($1) AND d.deleted_at IS NULL
"""
FIND_POINTS = "-- ddms:find_points\nSELECT * FROM points WHERE device_id = $1 ORDER BY register_table, address, bit"


@click.command
@click.argument("device", required=False)
@click.option("--endpoint", help="Read an endpoint that is not in the database: tcp://host:port, …")
@click.option("--unit", "unit_id", type=click.IntRange(0, 255), default=1, show_default=True, help="Unit id.")
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="TABLE:ADDRESS[:TYPE[:ORDER]]",
    help="With --endpoint: what to read, such as holding:100:float32:CDAB, coil:3:bool or input:0:string/8. Repeatable.",
)
@click.option("--timeout", type=click.FloatRange(0.05, 30), help="Seconds to wait for each answer.  [default: 1]")
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def read(
    device: str | None,
    endpoint: str | None,
    unit_id: int,
    points: tuple[str, ...],
    timeout: float | None,
    as_json: bool,
) -> None:
    """Read a device once and print its raw words and its values.

    Names a DEVICE of the database, or an --endpoint and its --points. It opens a connection of its own: a device that
    takes only one connection must not be polled at the same time. Exit code 1 when nothing could be read.
    """
    if (device is None) == (endpoint is None):
        raise click.UsageError("name a DEVICE of the database, or give --endpoint and --point")
    if endpoint is not None:
        target, unit, wanted, limits, seconds = _given(endpoint, unit_id, points)
    else:
        target, unit, wanted, limits, seconds = asyncio.run(_stored(read_settings(), device or ""))
    answer = asyncio.run(_read(target, unit, wanted, limits, timeout or seconds))
    click.echo(orjson.dumps(answer).decode() if as_json else _table(answer))
    if not any(request["reason"] is None for request in answer["requests"]):
        raise SystemExit(1)


Target = tuple[Endpoint, int, list[PolledPoint], RequestLimits, float]


def _given(endpoint: str, unit_id: int, texts: tuple[str, ...]) -> Target:
    if not texts:
        raise click.UsageError("--endpoint needs at least one --point, such as holding:0:uint16")
    points = [PolledPoint(id=i, key=text, register=parse_point(text)) for i, text in enumerate(texts)]
    return Endpoint.parse(endpoint, field="--endpoint"), unit_id, points, RequestLimits(), 1.0


def parse_point(text: str) -> Register:
    """Read TABLE:ADDRESS[:TYPE[:ORDER]]; a string's length follows its type, string/8, a bit's number too, bit/3."""
    parts = text.split(":")
    try:
        table = RegisterTable(parts[0])
        name, _, number = (parts[2] if len(parts) > 2 else "bool" if table.is_bits else "uint16").partition("/")
        data_type = DataType(name)
        register = Register(
            table=table,
            address=int(parts[1]),
            data_type=data_type,
            byte_order=ByteOrder(parts[3] if len(parts) > 3 else "ABCD"),
            bit=int(number) if data_type is DataType.BIT else None,
            length=int(number) if data_type is DataType.STRING else None,
        )
    except (ValueError, IndexError) as error:
        raise DdmsError(
            Code.INVALID, f"{text!r} is not TABLE:ADDRESS[:TYPE[:ORDER]] ({error})", field="--point"
        ) from None
    if problem := register.problem():
        raise DdmsError(Code.INVALID, f"{text!r}: {problem[1]}", field="--point")
    return register


async def _stored(settings: Settings, name: str) -> Target:
    connection = await connect(settings, "read")
    try:
        await check_schema(connection)
        row = await connection.fetchrow(FIND_DEVICE, name)
        if row is None:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {name!r}: `ddms devices export` lists them")
        points = [lines.point(point) for point in await connection.fetch(FIND_POINTS, row["id"])]
    finally:
        await connection.close()
    limits = RequestLimits(max_words=row["max_words"], max_bits=row["max_bits"], max_gap=row["max_gap"])
    return Endpoint.parse(row["endpoint"]), row["unit_id"], points, limits, row["timeout_ms"] / 1000


async def _read(
    endpoint: Endpoint, unit_id: int, points: list[PolledPoint], limits: RequestLimits, timeout: float
) -> dict[str, Any]:
    route = Route(endpoint, timeout)
    try:
        await route.open()
        return await read_once(route, unit_id, points, timeout, limits)
    except ReadError as error:
        raise DdmsError(Code.UNAVAILABLE, f"{endpoint}: {error}") from error
    finally:
        route.close()


def _table(answer: dict[str, Any]) -> str:
    lines = [
        f"{r['register_table']} {r['address']}, {r['count']}: "
        + (" ".join(f"{word:04x}" for word in r["words"]) if r["words"] else r["reason"])
        + f"  ({r['milliseconds']:.1f} ms)"
        for r in answer["requests"]
    ]
    width = max((len(value["key"]) for value in answer["values"]), default=0)
    lines.append("")
    for value in answer["values"]:
        shown = value["text"] if value["text"] is not None else value["value"]
        lines.append(f"{value['key']:<{width}}  {shown if shown is not None else '– ' + value['reason']}")
    return "\n".join(lines)
