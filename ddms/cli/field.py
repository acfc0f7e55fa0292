"""`ddms read`: what a device answers right now, without touching what is stored."""

import asyncio
from dataclasses import asdict, replace
from difflib import get_close_matches
from typing import Any, NamedTuple

import click
import orjson

from ddms import lines
from ddms.cli import reach
from ddms.cli import settings as read_settings
from ddms.database import check_schema, connect
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError
from ddms.lines import LineSettings
from ddms.plan import PolledPoint, RequestLimits
from ddms.quality import Reason
from ddms.registers import MODBUS_TABLES, ByteOrder, DataType, Register, RegisterTable, manual_address
from ddms.settings import Settings

FIND_DEVICE = """-- ddms:find_read_device
SELECT d.id, d.name, d.unit_id, d.answer_timeout_ms, d.max_words, d.max_bits, d.max_gap, c.endpoint, c.baud_rate, c.data_bits, c.parity, c.stop_bits,
       c.timeout_ms, c.connect_pause_ms, c.request_pause_ms, c.max_in_flight, c.close_after_cycle
  FROM devices d JOIN connections c ON c.id = d.connection_id
 WHERE lower(d.name) = lower($1) AND d.deleted_at IS NULL
"""
FIND_POINTS = "-- ddms:find_points\nSELECT * FROM points WHERE device_id = $1 ORDER BY register_table, address, bit"


_KNOWN = (
    "TABLE is one of {}; ADDRESS a whole number; TYPE one of {} (a string with its length, string/8, a bit with its number, bit/3); "
    "ORDER one of {}"
).format(*(", ".join(member.value for member in kind) for kind in (MODBUS_TABLES, DataType, ByteOrder)))


class Asked(NamedTuple):
    """What is read."""

    line: LineSettings
    unit_id: int
    points: list[PolledPoint]
    limits: RequestLimits
    timeout: float | None = None


@click.command
@click.argument("device", required=False)
@click.option("--endpoint", help="Read an endpoint that is not in the database: tcp://host:port, …")
@click.option("--unit", "unit_id", type=click.IntRange(0, 255), help="With --endpoint: the unit id.  [default: 1]")
@click.option(
    "--point",
    "points",
    multiple=True,
    metavar="KEY|TABLE:ADDRESS[:TYPE[:ORDER]]",
    help="What to read: of a DEVICE the key of a point, else such as holding:100:float32:CDAB, coil:3:bool or input:0:string/8. Repeatable.",
)
@click.option(
    "--timeout", type=click.FloatRange(0.05, 30), help="Seconds to wait for each answer.  [default: as stored, or 1]"
)
@reach.line_options
@click.option("--json", "as_json", is_flag=True, help="Answer as one JSON object.")
def read(
    device: str | None,
    endpoint: str | None,
    unit_id: int | None,
    points: tuple[str, ...],
    timeout: float | None,
    as_json: bool,
    **form: Any,
) -> None:
    """Read a device once and print its raw words and its values.

    Names a DEVICE of the database, or an --endpoint and its --points. It is read as the collector reads it: the same line
    settings, pauses, requests and decoding. A line that a running collector polls is read through that collector, since
    many devices take one connection only. Exit code 1 when nothing could be read.
    """
    if (device is None) == (endpoint is None):
        raise click.UsageError("name a DEVICE of the database, or give --endpoint and --point")
    if device is not None and unit_id is not None:
        raise click.UsageError("--unit goes with --endpoint: the unit id of a DEVICE is stored")
    asked = (
        _given(endpoint, unit_id or 0, points)
        if endpoint
        else asyncio.run(_stored(read_settings(), device or "", points))
    )
    if endpoint and unit_id is None:
        asked = asked._replace(unit_id=1)
    line = reach.given_form(asked.line, form)
    wait = timeout or asked.timeout or line.timeout
    line = replace(line, timeout=max(wait, line.timeout if timeout is None else 0))
    parameters = {
        "unit_id": asked.unit_id,
        "timeout_ms": wait * 1000,
        "points": [lines.row_of(point) for point in asked.points],
    }
    answer = reach.ask(line, "test_connection", parameters | asdict(asked.limits), form)
    click.echo(orjson.dumps(answer).decode() if as_json else _table(answer, asked.points))
    if not any(request["reason"] is None for request in answer["requests"]):
        raise SystemExit(1)


def _given(endpoint: str, unit_id: int, texts: tuple[str, ...]) -> Asked:
    if not texts:
        raise click.UsageError("--endpoint needs at least one --point, such as holding:0:uint16")
    line = LineSettings.to(Endpoint.parse(endpoint, field="--endpoint"))
    return Asked(line, unit_id, [_written(i, text) for i, text in enumerate(texts)], RequestLimits())


def _written(number: int, text: str) -> PolledPoint:
    return PolledPoint(id=number, key=text, register=parse_point(text))


def parse_point(text: str) -> Register:
    """Read TABLE:ADDRESS[:TYPE[:ORDER]]; a text's length follows its type, string/8, a bit's number too, bit/3, and how many bits, bits/3+2."""
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
            bit=int(number.partition("+")[0]) if data_type in {DataType.BIT, DataType.BITS} else None,
            length=int(number.partition("+")[2] or number) if data_type.is_text or data_type is DataType.BITS else None,
        )
    except (ValueError, IndexError):
        raise DdmsError(
            Code.INVALID, f"{text!r} is not TABLE:ADDRESS[:TYPE[:ORDER]]; {_KNOWN}", field="--point"
        ) from None
    if problem := register.problem():
        raise DdmsError(Code.INVALID, f"{text!r}: {problem[1]}", field="--point")
    return register


async def _stored(settings: Settings, name: str, chosen: tuple[str, ...]) -> Asked:
    connection = await connect(settings, "read")
    try:
        await check_schema(connection)
        row = await connection.fetchrow(FIND_DEVICE, name)
        if row is None:
            raise DdmsError(Code.NOT_FOUND, f"there is no device {name!r}: `ddms devices export` lists them")
        points = [lines.point(point) for point in await connection.fetch(FIND_POINTS, row["id"])]
    finally:
        await connection.close()
    if chosen:
        asked = [_chosen(points, number, text) for number, text in enumerate(dict.fromkeys(chosen), 1)]
        points = lines.with_inputs(asked, points)
    elif not points:
        raise DdmsError(Code.NOT_FOUND, f"{row['name']!r} has no points: give --point, such as holding:0:uint16")
    limits = RequestLimits(max_words=row["max_words"], max_bits=row["max_bits"], max_gap=row["max_gap"])
    own = row["answer_timeout_ms"] and row["answer_timeout_ms"] / 1000
    return Asked(lines.line_settings(row), row["unit_id"], points, limits, own)


def _chosen(points: list[PolledPoint], number: int, text: str) -> PolledPoint:
    """Return the point of a key, or one that is written out."""
    if ":" in text:
        return _written(-number, text)
    keys = {point.key: point for point in points}
    if text in keys:
        return keys[text]
    close = get_close_matches(text.lower(), keys, n=3)
    shown = close or sorted(keys)[:10]
    meant = "did you mean" if close else "it has" if shown else "it has none"
    more = ", …" if not close and len(keys) > 10 else ""
    raise DdmsError(
        Code.NOT_FOUND, f"the device has no point {text!r}; {meant} {', '.join(shown)}{more}".rstrip(), field="--point"
    )


def _table(answer: dict[str, Any], points: list[PolledPoint]) -> str:
    shown = [
        f"{r['register_table']} {r['address']}, {r['count']}: "
        + (" ".join(f"{word:04x}" for word in r["words"]) if r["words"] else _why(r))
        + f"  ({r['milliseconds']:.1f} ms)"
        for r in answer["requests"]
    ]
    width = max((len(value["key"]) for value in answer["values"]), default=0)
    shown.append("")
    for value, point in zip(answer["values"], points, strict=True):
        found = value["text"] if value["text"] is not None else value["value"]
        shown.append(
            f"{value['key']:<{width}}  {found if found is not None else '– ' + _why(value) + _hint(value, point)}"
        )
    shown += reach.identified(answer)
    if answer["through"]:
        shown.append(f"\nRead through the collector {answer['through']!r}, which polls this line.")
    return "\n".join(shown)


def _why(answer: dict[str, Any]) -> str:
    return f"{answer['reason']}: {answer['explanation']}"


def _hint(value: dict[str, Any], point: PolledPoint) -> str:
    """Say what a refused address may have been meant to be."""
    if value["reason"] != Reason.ILLEGAL_ADDRESS.label:
        return ""
    table, address = point.register.table, point.register.address
    if (meant := manual_address(table, address)) is None:
        return ""
    return f"; if {address} is a manual's number, the address is {meant}"
