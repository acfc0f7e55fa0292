"""Devices as they are stored: what one is made of, checked, and the statements that change it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from api.devices.types import FIND_DEVICE
from api.graphql.described import field, input_type
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.database_errors import foreign
from api.ground.ids import IdKind, to_id
from api.groups.store import checked_names, only_group, put_in_groups
from api.limits.store import (
    check_references,
    limits_of_device,
    put_limits,
    settled,
    with_those_of_the_profile,
)
from api.limits.types import LimitInput
from api.points.inputs import at, follow_name, refuse_used, settle
from api.points.types import MOST_POINTS, PointInput
from api.profiles.followed import followed, mark_points
from api.retention.deletions import forget
from ddms import inputs
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError, Sentence
from ddms.registers import DataType

USE_ENDPOINT = "-- ddms:use_endpoint\nSELECT use_endpoint($1)"
ENSURE_CONNECTION = """-- ddms:ensure_connection
INSERT INTO connections (endpoint, data_bits) SELECT $1, usual_data_bits($1) WHERE NOT EXISTS (SELECT FROM connections WHERE endpoint = $1)
ON CONFLICT (endpoint) DO NOTHING
"""
INSERT_DEVICE = """-- ddms:insert_device
INSERT INTO devices (name, description, connection_id, unit_id, enabled, max_words, max_bits, max_gap, retention_days, profile_id, trend_point, answer_timeout_ms)
SELECT $1, $2, c.id, $4, $5, $6, $7, $8, coalesce($9, (SELECT retention_days FROM configuration)), (SELECT id FROM profiles WHERE lower(name) = lower($10)), $11, $12 FROM connections c WHERE c.endpoint = $3
RETURNING id
"""
UPDATE_DEVICE = """-- ddms:update_device
UPDATE devices SET name = $2, description = $3, connection_id = (SELECT id FROM connections WHERE endpoint = $4),
       unit_id = $5, enabled = $6, max_words = $7, max_bits = $8, max_gap = $9, retention_days = coalesce($10, retention_days), profile_id = (SELECT id FROM profiles WHERE lower(name) = lower($11)), trend_point = $12, answer_timeout_ms = $13,
       version = version + 1, updated_at = now()
 WHERE id = $1
"""
LOCK_DEVICE = "-- ddms:lock_device\nSELECT version FROM devices WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"
LOCK_ANY_DEVICE = "-- ddms:lock_any_device\nSELECT version FROM devices WHERE id = $1 FOR UPDATE"
READ_POINTS = "-- ddms:read_points\nSELECT * FROM points WHERE device_id = $1 ORDER BY id"
PUT_POINTS = """-- ddms:put_points
INSERT INTO points AS p (device_id, key, name, unit, register_table, address, data_type, bit, length, byte_order, scale,
       value_offset, scale_by, expression, counter, modulus, interval_s, deadband, heartbeat_s, valid_min, valid_max, sentinels, value_names, enabled)
SELECT $1, r.* FROM jsonb_to_recordset($2::jsonb) AS r (key text, name text, unit text, register_table text, address int,
       data_type text, bit smallint, length smallint, byte_order text, scale float8, value_offset float8, scale_by text, expression text, counter boolean, modulus float8, interval_s float8,
       deadband float8, heartbeat_s int, valid_min float8, valid_max float8, sentinels float8[], value_names jsonb, enabled boolean)
ON CONFLICT (device_id, key) DO UPDATE SET name = excluded.name, unit = excluded.unit,
       register_table = excluded.register_table, address = excluded.address, data_type = excluded.data_type,
       bit = excluded.bit, length = excluded.length, byte_order = excluded.byte_order, scale = excluded.scale,
       value_offset = excluded.value_offset, scale_by = excluded.scale_by, expression = excluded.expression, counter = excluded.counter, modulus = excluded.modulus, interval_s = excluded.interval_s, deadband = excluded.deadband,
       heartbeat_s = excluded.heartbeat_s, valid_min = excluded.valid_min, valid_max = excluded.valid_max,
       sentinels = excluded.sentinels, value_names = excluded.value_names, enabled = excluded.enabled
"""
REMOVE_POINTS = """-- ddms:remove_points
WITH gone AS (DELETE FROM points WHERE device_id = $1 AND key = any($2::text[]) RETURNING id) SELECT array_agg(id) FROM gone
"""
LIST_POINT_NUMBERS = "-- ddms:list_point_numbers\nSELECT coalesce(array_agg(id), '{}') FROM points WHERE device_id = $1"
HIDE_DEVICE = (
    "-- ddms:hide_device\nUPDATE devices SET deleted_at = now(), enabled = false, version = version + 1 WHERE id = $1"
)
DELETE_DEVICE = "-- ddms:delete_device\nDELETE FROM devices WHERE id = $1"


@input_type
class DeviceInput:
    """A device, as it shall be."""

    name: str = field(description="1 to 120 characters, unique; upper and lower case are the same.")
    endpoint: str = field(
        description="Where it is, such as `tcp://host:502`, `rtu+udp://host:4001` or `serial:///dev/ttyUSB0`."
    )
    unit_id: int = field(default=1, description="Its Modbus unit id, 0 to 255.")
    description: str = field(default="", description="What a person should know of it, at most 2,000 characters.")
    enabled: bool = field(default=True, description="Whether it is polled.")
    max_words: int = field(default=125, description="Most registers in one request, 1 to 125.")
    max_bits: int = field(default=2000, description="Most coils or discrete inputs in one request, 1 to 2000.")
    max_gap: int = field(
        default=16, description="Unwanted registers that may be read along to join two requests into one, 0 to 124."
    )
    retention_days: int | None = field(
        default=None,
        description="How long its readings are kept, 1 to 3650 days; left out, a new device gets what the configuration says.",
    )
    profile: str | None = field(
        default=None,
        description="Name of the profile that it follows: the points of the profile come to those that are given here; "
        "of the same key the one given here counts.",
    )
    trend_point: str | None = field(
        default=None,
        description="Key of the point that stands for the device in lists, with its value and its trend; left out, it is the one with the most "
        "important limit, else the first number with a unit that is no counter's.",
    )
    answer_timeout_ms: int | None = field(
        default=None,
        description="How long an answer of it is waited for, 50 to 30,000 ms; left out, as long as its connection says.",
    )
    groups: list[str] | None = field(
        default=None,
        description="Names of the groups that it shall be in; one that is not there yet is made. Left out, it stays in those it is in.",
    )
    points: list[PointInput] = field(default_factory=list, description="What is measured there.")

    def checked(self) -> "DeviceInput":
        """Return it in its one spelling; a mistake raises and names its field."""
        for name, sentence in self.problems():
            raise DdmsError(Code.INVALID, sentence, field=name)
        return self

    def problems(self) -> Iterator[tuple[str, str]]:
        """Bring it to its one spelling; give each mistake with its field."""
        yield from inputs.spell(self, "name", inputs.name)
        yield from inputs.spell(self, "description", inputs.text)
        try:
            self.endpoint = str(Endpoint.parse(self.endpoint))
        except DdmsError as error:
            yield "endpoint", error.message
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not (low <= value <= high if value is not None else name in _LEFT_OUT):
                yield name, Sentence("it must be from {} to {}", low, high)
        self.trend_point = (self.trend_point or "").strip() or None
        of_points = [*problems_of_points(self.points)]
        for place, point in enumerate(self.points):
            if None in {point.register_table, point.address, point.data_type} or point.expression:
                continue
            if not point.register_table.is_bits and point.register.size > self.max_words:
                yield (
                    f"points.{place}.{'data_type' if point.length is None else 'length'}",
                    Sentence(
                        "{!r} takes {} registers, and maxWords allows {} in one request",
                        point.key,
                        point.register.size,
                        self.max_words,
                    ),
                )
        try:
            self.groups = self.groups and checked_names(self.groups)
        except DdmsError as error:
            yield "groups", error.message
        yield from of_points

    def own(self) -> dict[str, Any]:
        """Return all but the points."""
        return {name: getattr(self, name) for name in OWN_FIELDS}


RANGES = {
    "unit_id": (0, 255),
    "max_words": (1, 125),
    "max_bits": (1, 2000),
    "max_gap": (0, 124),
    "retention_days": (1, 3650),
    "answer_timeout_ms": (50, 30_000),
}
_LEFT_OUT = frozenset({"retention_days", "answer_timeout_ms"})
OWN_FIELDS = tuple(f.name for f in fields(DeviceInput) if f.name != "points")
_STORED = (
    "name",
    "description",
    "endpoint",
    "unit_id",
    "enabled",
    "max_words",
    "max_bits",
    "max_gap",
    "retention_days",
    "profile",
    "trend_point",
    "answer_timeout_ms",
)


def checked_points(points: list[PointInput]) -> list[PointInput]:
    """Return points in their one spelling, with unique keys."""
    for name, sentence in problems_of_points(points):
        raise DdmsError(Code.INVALID, sentence, field=name)
    return points


def problems_of_points(points: list[PointInput]) -> Iterator[tuple[str, str]]:
    """Bring points to their one spelling; give each mistake with its field, `points.2.key`."""
    if len(points) > MOST_POINTS:
        yield "points", Sentence("a device has at most {} points", MOST_POINTS)
        return
    seen: set[str] = set()
    for place, point in enumerate(points):
        for name, sentence in point.problems():
            yield f"points.{place}.{name}", sentence
        if point.key in seen:
            yield (
                f"points.{place}.key",
                Sentence("two points have the key {!r}: keys are unique in a device", point.key[:70]),
            )
        seen.add(point.key)


def check_trend_point(device: DeviceInput) -> None:
    """Raise unless the point that shall stand for a device is a number of its own."""
    numbers = [p.key for p in device.points if p.data_type not in {DataType.STRING, DataType.BOOL, DataType.BIT}]
    if device.trend_point is not None and device.trend_point not in numbers:
        sentence = Sentence(
            "the device has no number {!r}: write the key of one of its points, neither a text nor a switch ({})",
            device.trend_point[:70],
            ", ".join(numbers[:10]),
        )
        raise DdmsError(Code.INVALID, sentence, field="trend_point")


async def create_device(statements: Statements, actor: Actor, device: DeviceInput, *, settles: bool = True) -> int:
    """Store a checked device with its points and those of its profile; return its number.

    Without `settles` the caller looks up what is calculated, when all devices are there.
    """
    if device.profile is not None:
        profile = await followed(statements, device.profile)
        profile.lend_limits(device.points)
        device = replace(device, profile=profile.name, points=device.points + profile.missing_in(device.points))
    check_references(device.points, {point.key for point in device.points})
    check_trend_point(device)
    await ensure_connection(statements, device.endpoint)
    if statements.person is not None and device.groups is None:
        device = replace(device, groups=await only_group(statements))
    own = device.own()
    number: int = await statements.value(INSERT_DEVICE, *(own[name] for name in _STORED))
    await put_points(statements, number, device.points)
    await put_limits(statements, number, device.points)
    if device.profile is not None:
        await mark_points(statements, number)
    if settles:
        await settle(statements, [number], where=at(number, (point.key for point in device.points)))
    await put_in_groups(statements, actor, number, device.groups or [])
    await audit.record(statements, actor, "device.create", to_id(IdKind.DEVICE, number), after=plain(device))
    return number


async def ensure_connection(statements: Statements, endpoint: str) -> None:
    """Have a connection to an endpoint; a limited person gets none to where devices out of sight are."""
    if statements.person is None:
        await statements.value(ENSURE_CONNECTION, endpoint)
    elif await statements.value(USE_ENDPOINT, endpoint) is None:
        raise foreign()


async def read_device(statements: Statements, number: int) -> DeviceInput | None:
    """Return what a stored device would be made of."""
    row = await statements.row(FIND_DEVICE, number)
    if row is None:
        return None
    return of_rows(row, await statements.rows(READ_POINTS, number), await limits_of_device(statements, number))


def of_rows(row: Row, points: Sequence[Row], limits: Mapping[str, list[LimitInput]]) -> DeviceInput:
    """Return what the rows of a device, its points and their limits would be made of."""
    made = [PointInput.of(point, limits.get(point["key"], [])) for point in points]
    return DeviceInput(**{name: row[name] for name in OWN_FIELDS}, points=made)


async def store_device(
    statements: Statements,
    actor: Actor,
    number: int,
    before: DeviceInput,
    after: DeviceInput,
    *,
    remove_points: bool,
    settles: bool = True,
) -> None:
    """Store a checked device over the one that is there; `settles` as of `create_device`."""
    keys = {point.key for point in after.points}
    missing = [key for key in (p.key for p in before.points) if key not in keys]
    if missing and not remove_points:
        raise DdmsError(
            Code.INVALID,
            Sentence(
                "points would be removed with their readings ({}): keep them, or say removePoints: true",
                ", ".join(missing[:10]),
            ),
            field="points",
        )
    if before.endpoint != after.endpoint:
        await ensure_connection(statements, after.endpoint)
    own = after.own()
    await statements.value(UPDATE_DEVICE, number, *(own[name] for name in _STORED))
    known = {point.key: point for point in before.points}
    await with_those_of_the_profile(statements, number, [p for p in after.points if p.key not in known])
    settled(after.points, before.points)
    check_references(after.points, keys)
    if before.trend_point != after.trend_point:
        check_trend_point(after)
    if missing:
        gone = await statements.value(REMOVE_POINTS, number, missing)
        await forget(statements, actor, gone, subject=_subject(after.name, missing))
    changed = [point for point in after.points if known.get(point.key) != point]
    await put_points(statements, number, changed)
    await put_limits(statements, number, changed, before.points)
    followers: list[int] = []
    if before.name != after.name:
        followers = await follow_name(statements, actor, number, before.name, after.name)
    if settles:
        await settle(statements, [number, *followers], where=at(number, (point.key for point in after.points)))
    follows = after.profile is not None and any(point.limits for point in changed)
    if before.profile != after.profile or follows:
        await mark_points(statements, number)
    if after.groups is not None and before.groups != after.groups:
        await put_in_groups(statements, actor, number, after.groups)
    await audit.record(
        statements, actor, "device.update", to_id(IdKind.DEVICE, number), before=plain(before), after=plain(after)
    )


def _subject(device: str, keys: list[str]) -> str:
    return f"{device}: {', '.join(keys[:10])}{', …' if keys[10:] else ''}"


async def put_points(statements: Statements, number: int, points: list[PointInput]) -> None:
    """Insert points, or change those of the same keys."""
    if points:
        await statements.value(PUT_POINTS, number, [point.row() for point in points])


async def delete_device(
    statements: Statements, actor: Actor, number: int, *, keep_history: bool, settles: bool = True
) -> int | None:
    """Delete a device, hiding it only or with its history; that is erased in the background: return the erasure's number.

    One that was deleted with its history kept can be deleted again without.
    """
    erasure = None
    locked = await statements.value(LOCK_DEVICE if keep_history else LOCK_ANY_DEVICE, number)
    before = await read_device(statements, number)
    if locked is None or before is None:
        raise unknown(number)
    if settles:
        await refuse_used(statements, [number], "id")
    if keep_history:
        await statements.value(HIDE_DEVICE, number)
    else:
        points = await statements.value(LIST_POINT_NUMBERS, number)
        await statements.value(DELETE_DEVICE, number)
        erasure = await forget(statements, actor, points, subject=before.name, device=number)
    subject = to_id(IdKind.DEVICE, number)
    await audit.record(
        statements, actor, "device.delete", subject, before=plain(before), after={"keep_history": keep_history}
    )
    return erasure


def unknown(number: int) -> DdmsError:
    """Return the error for a device that is not there."""
    return DdmsError(
        Code.NOT_FOUND,
        Sentence("there is no device {}: it may have been deleted", to_id(IdKind.DEVICE, number)),
        field="id",
    )


def plain(device: DeviceInput) -> dict[str, Any]:
    """Return a device as plain data."""
    return asdict(device)
