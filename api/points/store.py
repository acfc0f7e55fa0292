"""Single points as they are stored: made, changed and deleted without naming the others of their device."""

from typing import Any

from api.devices.store import LOCK_DEVICE, checked_points, put_points, unknown
from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from api.limits.store import (
    check_references,
    limits_of_device,
    put_limits,
    refuse_dangling,
    with_those_of_the_profile,
)
from api.points.inputs import at, follow_key, refuse_lost, settle
from api.points.types import CALCULATED, MOST_POINTS, POINT_FIELDS, PointInput
from api.profiles.followed import mark_points
from api.retention.deletions import forget
from ddms.errors import Code, DdmsError, Sentence
from ddms.registers import RegisterTable

READ_KEYS = "-- ddms:read_point_keys\nSELECT key, id FROM points WHERE device_id = $1"
FIND_POINT = """-- ddms:find_point
SELECT p.*, d.name AS device_name FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = $1
"""
FIND_POINTS = (
    "-- ddms:find_points\nSELECT id, device_id, key FROM points WHERE id = any($1::int[]) ORDER BY device_id, id"
)
RENAME_KEY = "-- ddms:rename_point_key\nUPDATE points SET key = $2 WHERE id = $1"
DELETE_POINTS = "-- ddms:delete_points\nDELETE FROM points WHERE id = any($1::int[])"
TOUCH_DEVICE = "-- ddms:touch_device\nUPDATE devices SET version = version + 1, updated_at = now() WHERE id = $1"


async def _lock(statements: Statements, device: int) -> None:
    if await statements.value(LOCK_DEVICE, device) is None:
        raise unknown(device)


async def create_points(statements: Statements, actor: Actor, device: int, points: list[PointInput]) -> list[int]:
    """Add points to a device; return their numbers."""
    await _lock(statements, device)
    keys = {row["key"] for row in await statements.rows(READ_KEYS, device)}
    if not points or len(keys) + len(points) > MOST_POINTS:
        sentence = Sentence(
            "give at least one point; a device has at most {:,}, this one has {:,}", MOST_POINTS, len(keys)
        )
        raise DdmsError(Code.INVALID, sentence, field="points")
    for place, point in enumerate(checked_points(points)):
        if point.key in keys:
            sentence = Sentence(
                "the device has a point {!r} already: choose another key, or change it by updatePoint", point.key
            )
            raise DdmsError(Code.ALREADY_EXISTS, sentence, field=f"points.{place}.key")
    await with_those_of_the_profile(statements, device, points)
    check_references(points, keys | {point.key for point in points})
    await put_points(statements, device, points)
    await put_limits(statements, device, points)
    await mark_points(statements, device)
    await settle(statements, [device], where=at(device, (point.key for point in points)))
    await statements.value(TOUCH_DEVICE, device)
    after = {"points": [point.audited() for point in points]}
    await audit.record(statements, actor, "point.create", to_id(IdKind.DEVICE, device), after=after)
    numbers = {row["key"]: row["id"] for row in await statements.rows(READ_KEYS, device)}
    return [numbers[point.key] for point in points]


async def change_point(statements: Statements, actor: Actor, number: int, changes: dict[str, Any]) -> PointInput:
    """Change what is named of a point, and return it; raises `DdmsError`."""
    row = await statements.row(FIND_POINT, number)
    if row is None:
        raise _no_point(number)
    device: int = row["device_id"]
    await _lock(statements, device)
    before = await _point(statements, number)  # nobody changes it from here on
    values = {name: getattr(before, name) for name in (*POINT_FIELDS, "limits")}
    changes = _of_one_kind(changes)
    after = _checked(PointInput(**values | changes), limits_are_given="limits" in changes)
    if after == before:
        return after
    followers: list[int] = []
    if after.key != before.key:
        await statements.value(RENAME_KEY, number, after.key)
        names = row["device_name"], before.key, after.key
        followers = await follow_key(statements, actor, number, device, names)
    if any(limit.reference_key for limit in after.limits or ()):
        keys = {row["key"] for row in await statements.rows(READ_KEYS, device)}
        check_references([after], keys, where="")
    await put_points(statements, device, [after])
    if followers or {"key", "expression", "scale_by", "data_type"} & changes.keys():
        await settle(statements, [device, *followers])
    if "limits" in changes:
        await put_limits(statements, device, [after], [before])
    if after.key != before.key or "limits" in changes:
        await mark_points(statements, device)
    await statements.value(TOUCH_DEVICE, device)
    old, new = before.audited(), after.audited()
    different = [name for name in new if old[name] != new[name]]
    await audit.record(
        statements, actor, "point.update", to_id(IdKind.POINT, number),
        before={name: old[name] for name in different}, after={name: new[name] for name in different},
    )  # fmt: skip
    return after


def _of_one_kind(changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes with what follows from them: what gets an expression has no register, and the other way round."""
    if changes.get("expression"):
        return CALCULATED | {"bit": None, "length": None} | changes
    if changes.get("register_table", RegisterTable.CALCULATED) is not RegisterTable.CALCULATED:
        return {"expression": ""} | changes
    return changes


def _checked(point: PointInput, *, limits_are_given: bool) -> PointInput:
    """Check a point; what its limits say against its other fields is about them, when the limits were not given."""
    for name, sentence in point.problems():
        raise DdmsError(Code.INVALID, sentence, field=name if limits_are_given else name.split(".")[0])
    return point


async def _point(statements: Statements, number: int) -> PointInput:
    row = await statements.row(FIND_POINT, number)
    if row is None:
        raise _no_point(number)
    limits = await limits_of_device(statements, row["device_id"])
    return PointInput.of(row, limits.get(row["key"], []))


async def delete_points(statements: Statements, actor: Actor, points: list[int]) -> None:
    """Delete points with all their readings; one that is not there is a mistake, and then nothing is deleted."""
    found = await statements.rows(FIND_POINTS, points)
    if missing := set(points) - {row["id"] for row in found}:
        raise _no_point(min(missing), "ids")
    by_device: dict[int, list[Row]] = {}
    for row in found:
        by_device.setdefault(row["device_id"], []).append(row)
    for device, rows in by_device.items():
        await _lock(statements, device)
        await statements.value(TOUCH_DEVICE, device)
        keys = [row["key"] for row in rows]
        await audit.record(statements, actor, "point.delete", to_id(IdKind.DEVICE, device), before={"points": keys})
    await statements.value(DELETE_POINTS, points)
    await refuse_dangling(statements, list(by_device), "ids")
    await refuse_lost(statements, "ids")
    named = ", ".join(row["key"] for row in found[:10]) + (", …" if found[10:] else "")
    await forget(statements, actor, points, subject=f"points: {named}")


def _no_point(number: int, field: str = "id") -> DdmsError:
    sentence = Sentence("there is no point {}: it may have been deleted", to_id(IdKind.POINT, number))
    return DdmsError(Code.NOT_FOUND, sentence, field=field)
