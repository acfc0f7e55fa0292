"""Lines: the endpoints, and the units and points behind them, as the database has them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ddms import intervals
from ddms.endpoints import Endpoint, Transport
from ddms.expressions import parse
from ddms.limits import Limit
from ddms.plan import PolledPoint, RequestLimits
from ddms.registers import ByteOrder, DataType, Register, RegisterTable, as_read

# $1: this connection only. $2: also this device when it is disabled, to know what it would cost.
READ_LINES = """-- ddms:read_lines
SELECT c.id AS connection_id, c.endpoint, c.baud_rate, c.data_bits, c.parity, c.stop_bits, c.timeout_ms, c.connect_pause_ms,
       c.request_pause_ms, c.max_in_flight, c.close_after_cycle,
       d.id AS device_id, d.name AS device, d.unit_id, d.answer_timeout_ms, d.max_words, d.max_bits, d.max_gap,
       p.id, p.key, p.register_table, p.address, p.data_type, p.bit, p.length, p.byte_order, p.scale, p.value_offset,
       p.interval_s, p.deadband, p.heartbeat_s, p.valid_min, p.valid_max, p.sentinels, p.expression, p.scale_by,
       CASE WHEN p.expression <> '' OR p.scale_by <> '' THEN
            array(SELECT coalesce(i.input_id, 0) FROM point_inputs i WHERE i.point_id = p.id ORDER BY i.place) END AS inputs,
       CASE WHEN p.expression <> '' OR p.scale_by <> '' THEN
            array(SELECT coalesce(q.interval_s, 0) FROM point_inputs i LEFT JOIN points q ON q.id = i.input_id WHERE i.point_id = p.id ORDER BY i.place) END AS input_intervals
  FROM connections c
  JOIN devices d ON d.connection_id = c.id AND (d.enabled OR d.id = $2) AND d.deleted_at IS NULL
  JOIN points p ON p.device_id = d.id AND p.enabled
 WHERE $1::int IS NULL OR c.id = $1
 ORDER BY c.id, d.id, p.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A device as the collector sees it: a unit id and its points. `timeout` in seconds, None for that of its line."""

    device_id: int
    name: str
    unit_id: int
    limits: RequestLimits
    points: tuple[PolledPoint, ...]
    timeout: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LineSettings:
    """How one endpoint is reached; times in seconds."""

    endpoint: Endpoint
    baud_rate: int = 19200
    data_bits: int = 8
    parity: str = "even"
    stop_bits: int = 1
    timeout: float = 1.0
    connect_pause: float = 0.0
    request_pause: float = 0.0
    max_in_flight: int = 1
    close_after_cycle: bool = False

    @classmethod
    def to(cls, endpoint: Endpoint) -> "LineSettings":
        """Return what a connection has that nobody set: characters of 7 bits for ASCII frames on a serial line, as Modbus says."""
        return cls(endpoint=endpoint, data_bits=7 if endpoint.transport is Transport.ASCII_SERIAL else 8)


@dataclass(frozen=True, kw_only=True, slots=True)
class CalculatedDevice:
    """A device without a point that is polled: how it does follows from what is calculated."""

    device_id: int
    points: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionConfiguration:
    """One endpoint, the units behind it, what is calculated of their points, and the limits of all."""

    id: int
    line: LineSettings
    units: tuple[Unit, ...]
    calculated: tuple[PolledPoint, ...] = ()
    calculated_devices: tuple[CalculatedDevice, ...] = ()
    limits: tuple[Limit, ...] = ()


def of_rows(rows: Iterable[Any]) -> dict[int, ConnectionConfiguration]:
    """Return the connections that rows of `READ_LINES` describe, by id."""
    by_connection: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        by_connection[row["connection_id"]].append(row)
    return {connection_id: _connection(rows) for connection_id, rows in by_connection.items()}


def _connection(rows: list[Any]) -> ConnectionConfiguration:
    first = rows[0]
    polled: dict[int, list[Any]] = defaultdict(list)
    calculated: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        (calculated if row["expression"] else polled)[row["device_id"]].append(row)
    return ConnectionConfiguration(
        id=first["connection_id"],
        line=line_settings(first),
        units=tuple(_unit(members) for members in polled.values()),
        calculated=tuple(point(row) for row in rows if row["expression"]),
        calculated_devices=tuple(
            CalculatedDevice(device_id=device, points=tuple(row["id"] for row in members))
            for device, members in calculated.items()
            if device not in polled
        ),
    )


def line_settings(row: Any) -> LineSettings:
    """Return the settings that a row of `connections` holds."""
    return LineSettings(
        endpoint=Endpoint.parse(row["endpoint"]),
        baud_rate=row["baud_rate"],
        data_bits=row["data_bits"],
        parity=row["parity"],
        stop_bits=row["stop_bits"],
        timeout=row["timeout_ms"] / 1000,
        connect_pause=row["connect_pause_ms"] / 1000,
        request_pause=row["request_pause_ms"] / 1000,
        max_in_flight=row["max_in_flight"],
        close_after_cycle=row["close_after_cycle"],
    )


def _unit(rows: Iterable[Any]) -> Unit:
    rows = list(rows)
    first = rows[0]
    return Unit(
        device_id=first["device_id"],
        name=first["device"],
        unit_id=first["unit_id"],
        limits=RequestLimits(max_words=first["max_words"], max_bits=first["max_bits"], max_gap=first["max_gap"]),
        points=tuple(point(row) for row in rows),
        timeout=first["answer_timeout_ms"] and first["answer_timeout_ms"] / 1000,
    )


def point(row: Any) -> PolledPoint:
    """Return the point of a row of `points`, or of a request's JSON."""
    where = register(row)
    return PolledPoint(
        id=row["id"],
        key=row["key"],
        register=where,
        scale=row["scale"],
        offset=row["value_offset"],
        interval_s=intervals.tidy(row["interval_s"]),
        deadband=row["deadband"],
        heartbeat_s=row["heartbeat_s"],
        valid_min=row["valid_min"],
        valid_max=row["valid_max"],
        sentinels=tuple(as_read(where.data_type, number) for number in row["sentinels"]),
        **_computed(row),
    )


def _computed(row: Any) -> dict[str, Any]:
    """Return what a point is computed of or scaled by; input 0 is one that is not there.

    An expression that this version cannot read, or whose inputs are not those that were looked up, must not stop a collector:
    its value is bad.
    """
    found = {name: row[name] for name in ("expression", "scale_by")}
    if not any(found.values()):
        return {}
    inputs, intervals = (tuple(row.get(name) or ()) for name in ("inputs", "input_intervals"))
    try:
        count = len(parse(row["expression"] or row["scale_by"]).references)
    except ValueError:
        found = {name: "unreadable" if text else "" for name, text in found.items()}
        inputs, count = (), 1
    if not count == len(inputs) == len(intervals):
        inputs, intervals = (0,) * count, (0,) * count
    return found | {"inputs": inputs, "input_intervals": intervals}


def linked(points: Iterable[PolledPoint]) -> list[PolledPoint]:
    """Return points of one device with their inputs found among themselves; those of other devices are not there, which 0 says."""
    points = list(points)
    by_key = {point.key: point for point in points}
    found = []
    for point in points:
        named = parse(point.expression or point.scale_by).references if point.expression or point.scale_by else ()
        read = [None if one.device else by_key.get(one.key) for one in named]
        found.append(
            replace(
                point,
                inputs=tuple(one.id if one else 0 for one in read),
                input_intervals=tuple(one.interval_s if one else 0 for one in read),
            )
            if named
            else point
        )
    return found


def with_inputs(chosen: Iterable[PolledPoint], points: Iterable[PolledPoint]) -> list[PolledPoint]:
    """Return points of one device, followed by those of its `points` that they are computed of."""
    by_key = {point.key: point for point in points}
    found = list(chosen)
    for point in found:
        named = parse(point.expression or point.scale_by).references if point.expression or point.scale_by else ()
        needed = [by_key[one.key] for one in named if one.device is None and one.key in by_key]
        found += [one for one in dict.fromkeys(needed) if one not in found]
    return found


def row_of(point: PolledPoint) -> dict[str, Any]:
    """Return a point as a request's JSON has it, of which `point` makes it again."""
    where = point.register
    return {
        "key": point.key,
        "register_table": where.table.value,
        "address": where.address,
        "data_type": where.data_type.value,
        "byte_order": where.byte_order.value,
        "bit": where.bit,
        "length": where.length,
        "scale": point.scale,
        "value_offset": point.offset,
        "interval_s": point.interval_s,
        "deadband": point.deadband,
        "heartbeat_s": point.heartbeat_s,
        "valid_min": point.valid_min,
        "valid_max": point.valid_max,
        "sentinels": list(point.sentinels),
        "expression": point.expression,
        "scale_by": point.scale_by,
    }


def register(row: Any) -> Register:
    """Return the register that a row, or a request's JSON, describes."""
    return Register(
        table=RegisterTable(row["register_table"]),
        address=row["address"],
        data_type=DataType(row["data_type"]),
        byte_order=ByteOrder(row["byte_order"]),
        bit=row["bit"],
        length=row["length"],
    )
