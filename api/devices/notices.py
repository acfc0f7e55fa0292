"""Notices: what is accepted, and yet often is a mistake. They are told with the answer, and refuse nothing."""

from collections.abc import Iterable, Iterator

from api.devices.store import DeviceInput
from api.graphql.messages import told
from api.ground.database import Statements
from api.points.types import PointInput
from ddms.errors import Sentence
from ddms.registers import RegisterTable, manual_address

SAME_UNIT = """-- ddms:find_same_unit
SELECT d.name FROM devices d JOIN connections c ON c.id = d.connection_id
 WHERE c.endpoint = $1 AND d.unit_id = $2 AND d.id <> $3 AND d.deleted_at IS NULL ORDER BY lower(d.name) LIMIT 4
"""
_SHOWN = 3


async def of_device(statements: Statements, number: int, device: DeviceInput) -> list[str]:
    """Return the notices for a device that was stored, in the caller's language."""
    rows = await statements.rows(SAME_UNIT, device.endpoint, device.unit_id, number)
    found = [*shared_unit([row["name"] for row in rows]), *of_addresses(device)]
    return [told(notice) for notice in found] + of_points(device.points)


def of_points(points: Iterable[PointInput]) -> list[str]:
    """Return the notices for points, in the caller's language."""
    return [told(notice) for point in points for notice in of_point(point)]


def of_point(point: PointInput) -> Iterator[Sentence]:
    """Say which sentinels were taken as a bit pattern, and what has no effect."""
    yield from of_sentinels(point, point.taken)
    if point.deadband and point.heartbeat_seconds < point.interval_seconds:
        yield Sentence(
            "the deadband of {!r} has no effect: its heartbeat of {} s is shorter than its interval of {} s",
            point.key, point.heartbeat_seconds, point.interval_seconds,
        )  # fmt: skip


def of_sentinels(point: PointInput, taken: Iterable[tuple[float, float]]) -> Iterator[Sentence]:
    """Say which sentinels were written as a bit pattern, and what they are taken as."""
    for given, meant in taken:
        yield Sentence(
            "the sentinel {:g} of {!r} is taken as its bit pattern: as {} it is {:g}",
            given, point.key, point.data_type.value, meant,
        )  # fmt: skip


def shared_unit(names: list[str]) -> Iterator[Sentence]:
    """Say that other devices have the same endpoint and unit id."""
    if names:
        more = f", … ({len(names)})" if len(names) > _SHOWN else ""
        yield Sentence(
            "{} has the same endpoint and unit id: right for parts of one device, wrong for a copy whose unit id was not changed",
            ", ".join(names[:_SHOWN]) + more,
        )


def of_addresses(device: DeviceInput) -> Iterator[Sentence]:
    """Say which addresses look like a manual's numbers; those of a profile were compared with the device's manual."""
    if device.profile is not None:
        return
    looking = [(p, meant) for p in device.points if (meant := manual_address(p.register_table, p.address)) is not None]
    if looking:
        point, meant = looking[0]
        yield Sentence(
            "the address {} of {!r} ({} points) is taken as it is: if it is a manual's number, write {} ({} is {} 0)",
            point.address, point.key, len(looking), meant, _first(point.register_table), point.register_table.value,
        )  # fmt: skip


def _first(table: RegisterTable) -> str:
    return {RegisterTable.HOLDING: "40001", RegisterTable.INPUT: "30001"}.get(table, "10001")
