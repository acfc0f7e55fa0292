"""Limits of single points: set, changed and deleted without naming the others, of many points at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from api.limits.store import MARK_LIMITS, limits_of_devices, put_limits
from api.limits.types import FIND_LIMITS, LIMIT_FIELDS, LimitInput, by_key
from api.points.types import PointInput
from ddms.errors import Code, DdmsError, Sentence

MOST_AT_ONCE = 10_000
"""Limits of one call."""

FIND_DEVICES_OF = "-- ddms:find_devices_of_points\nSELECT DISTINCT device_id FROM points WHERE id = any($1::int[])"
LOCK_DEVICES = """-- ddms:lock_devices_of_points
SELECT id FROM devices WHERE id = any($1::int[]) AND deleted_at IS NULL ORDER BY id FOR UPDATE
"""
READ_POINTS_OF = "-- ddms:read_points_of_devices\nSELECT * FROM points WHERE device_id = any($1::int[]) ORDER BY id"
TOUCH_DEVICES = """-- ddms:touch_devices
UPDATE devices SET version = version + 1, updated_at = now() WHERE id = any($1::int[])
"""
FIND_POINTS_OF = "-- ddms:find_points_of_limits\nSELECT id, point_id FROM limits WHERE id = any($1::int[])"
READ_IDS = "-- ddms:read_ids_of_limits\nSELECT id, point_id, key FROM limits WHERE point_id = any($1::int[])"
DELETE_LIMITS = "-- ddms:delete_limits\nDELETE FROM limits WHERE id = any($1::int[])"


@dataclass(kw_only=True)
class _Locked:
    """Points whose devices nobody else changes until the transaction ends, with all limits that they have."""

    device: dict[int, int]
    points: dict[int, PointInput]
    keys: dict[int, set[str]]


async def _lock(statements: Statements, numbers: Sequence[int]) -> _Locked:
    found = [row["device_id"] for row in await statements.rows(FIND_DEVICES_OF, numbers)]
    devices = [row["id"] for row in await statements.rows(LOCK_DEVICES, found)]
    rows = await statements.rows(READ_POINTS_OF, devices)
    limits = await limits_of_devices(statements, devices)
    wanted, keys = set(numbers), dict[int, set[str]]()
    for row in rows:
        keys.setdefault(row["device_id"], set()).add(row["key"])
    chosen = [row for row in rows if row["id"] in wanted]
    return _Locked(
        device={row["id"]: row["device_id"] for row in chosen},
        points={row["id"]: PointInput.of(row, limits.get((row["device_id"], row["key"]), [])) for row in chosen},
        keys=keys,
    )


async def set_limits(
    statements: Statements, actor: Actor, wanted: Sequence[tuple[list[int], list[LimitInput]]]
) -> list[int]:
    """Give points limits, or change those of the same keys; their others stay. Return the numbers of those that were given."""
    count = sum(len(points) * len(limits) for points, limits in wanted)
    if not 0 < count <= MOST_AT_ONCE:
        sentence = Sentence("give 1 to {:,} limits at once, these are {:,}: go on in parts", MOST_AT_ONCE, count)
        raise DdmsError(Code.INVALID, sentence, field="points")
    locked = await _lock(statements, [point for points, _ in wanted for point in points])
    before = {number: by_key(point.limits) for number, point in locked.points.items()}
    given: dict[int, dict[str, LimitInput]] = {}
    for place, (points, limits) in enumerate(wanted):
        for number in points:
            if number not in locked.points:
                raise _gone(IdKind.POINT, number, f"points.{place}.ids")
            _put(locked, number, limits, f"points.{place}.")
            given.setdefault(number, {}).update(by_key(limits))
    told = {number: [*limits.values()] for number, limits in given.items()}
    after = await _store(statements, locked, told)
    for device, numbers in after.items():
        keys = {locked.points[number].key: number for number in numbers}
        old = {key: [one.row() for k, one in before[n].items() if k in given[n]] for key, n in keys.items()}
        new = {key: [one.row() for one in told[n]] for key, n in keys.items()}
        await audit.record(statements, actor, "limit.set", to_id(IdKind.DEVICE, device), before=old, after=new)
    ids = {(row["point_id"], row["key"]): row["id"] for row in await statements.rows(READ_IDS, list(told))}
    return [ids[number, limit.key] for number, limits in told.items() for limit in limits]


def _put(locked: _Locked, number: int, limits: list[LimitInput], where: str) -> None:
    """Put limits over those of a point, and check what comes of it; a mistake in what was not given is told of all."""
    point = locked.points[number]
    alone = replace(point, limits=limits)
    for name, sentence in alone.problems_of_limits(locked.keys[locked.device[number]] - {point.key}):
        raise DdmsError(Code.INVALID, sentence, field=where + name)
    known = by_key(point.limits) | by_key(limits)
    point.limits = [*known.values()]
    places = {limit.key: place for place, limit in enumerate(limits)}
    for name, sentence in point.problems_of_limits():
        _, _, rest = name.partition(".")
        number_of, _, field = rest.partition(".")
        key = point.limits[int(number_of)].key if rest else ""
        told = f"limits.{places[key]}.{field}" if key in places else "limits"
        raise DdmsError(Code.INVALID, sentence, field=where + told)


async def _store(statements: Statements, locked: _Locked, told: Mapping[int, list[LimitInput]]) -> dict[int, list[int]]:
    """Write limits over those of the same keys; return the points by device."""
    devices: dict[int, list[int]] = {}
    for number in told:
        devices.setdefault(locked.device[number], []).append(number)
    for device, numbers in devices.items():
        points = [replace(locked.points[number], limits=told[number]) for number in numbers]
        await put_limits(statements, device, points)
    await statements.value(MARK_LIMITS, list(devices))
    await statements.value(TOUCH_DEVICES, list(devices))
    return devices


async def change_limits(statements: Statements, actor: Actor, ids: list[int], changes: dict[str, Any]) -> None:
    """Change the same of many limits; raises `DdmsError`."""
    found = await statements.rows(FIND_POINTS_OF, ids)
    locked = await _lock(statements, [row["point_id"] for row in found])
    rows = {row["id"]: row for row in await statements.rows(FIND_LIMITS, ids)}  # nobody changes them from here on
    told: dict[int, list[LimitInput]] = {}
    for number in ids:
        if number not in rows or rows[number]["point_id"] not in locked.points:
            raise _gone(IdKind.LIMIT, number, "ids")
        before = LimitInput.of(rows[number])
        values = {name: getattr(before, name) for name in LIMIT_FIELDS}
        told.setdefault(rows[number]["point_id"], []).append(LimitInput(**values | changes))
    for number, limits in told.items():
        _change(locked, number, limits, changes)
    await _store(statements, locked, told)
    after = {limit.key: limit for limits in told.values() for limit in limits}
    for number, row in rows.items():
        after = by_key(told[row["point_id"]])
        old, new = LimitInput.of(row).row(), after[row["key"]].row()
        different = [name for name in new if old[name] != new[name]]
        if different:
            await audit.record(
                statements, actor, "limit.update", to_id(IdKind.LIMIT, number),
                before={name: old[name] for name in different}, after={name: new[name] for name in different},
            )  # fmt: skip


def _change(locked: _Locked, number: int, limits: list[LimitInput], changes: dict[str, Any]) -> None:
    """Check what comes of a change of some of a point's limits; its mistakes are those of the changes."""
    point = locked.points[number]
    point.limits = [*(by_key(point.limits) | by_key(limits)).values()]
    for name, sentence in point.problems_of_limits(locked.keys[locked.device[number]] - {point.key}):
        field = name.rpartition(".")[2]
        raise DdmsError(Code.INVALID, sentence, field=field if field in changes else "changes")


async def delete_limits(statements: Statements, actor: Actor, ids: list[int]) -> None:
    """Delete limits; one that is not there is a mistake, and then nothing is deleted."""
    found = await statements.rows(FIND_POINTS_OF, ids)
    locked = await _lock(statements, [row["point_id"] for row in found])
    rows: dict[int, Row] = {row["id"]: row for row in await statements.rows(FIND_LIMITS, ids)}
    for number in ids:
        if number not in rows or rows[number]["point_id"] not in locked.points:
            raise _gone(IdKind.LIMIT, number, "ids")
    await statements.value(DELETE_LIMITS, ids)
    await statements.value(TOUCH_DEVICES, sorted(set(locked.device.values())))
    by_device: dict[int, dict[str, list[Any]]] = {}
    for row in rows.values():
        gone = by_device.setdefault(locked.device[row["point_id"]], {})
        gone.setdefault(locked.points[row["point_id"]].key, []).append(LimitInput.of(row).row())
    for device, before in by_device.items():
        await audit.record(statements, actor, "limit.delete", to_id(IdKind.DEVICE, device), before=before)


def _gone(kind: IdKind, number: int, field: str) -> DdmsError:
    if kind is IdKind.POINT:
        sentence = Sentence("there is no point {}: it may have been deleted", to_id(kind, number))
    else:
        sentence = Sentence("there is no limit {}: it may have been deleted", to_id(kind, number))
    return DdmsError(Code.NOT_FOUND, sentence, field=field)
