"""Limits as they are stored, a device at a time, and the profile's part in them."""

from collections.abc import Iterator, Sequence
from typing import Any

from api.ground.database import Database, Row, Statements
from api.limits.types import LIMIT_COLUMNS, LIST_LIMITS_OF_DEVICES, LIST_PROFILE_LIMITS, LimitInput, by_key
from api.points.types import PointInput
from ddms.errors import Code, DdmsError, Sentence

_COLUMNS = ", ".join(LIMIT_COLUMNS)


def listed(alias: str) -> str:
    """Return the columns that a person configures."""
    return ", ".join(f"{alias}.{column}" for column in LIMIT_COLUMNS)


# $1 device; $2 limits with the keys of their points, in `point_key`.
PUT_LIMITS = f"""-- ddms:put_limits
INSERT INTO limits AS l (point_id, {_COLUMNS})
SELECT p.id, {listed("w")} FROM jsonb_populate_recordset(NULL::profile_limits, $2) w JOIN points p ON p.device_id = $1 AND p.key = w.point_key
ON CONFLICT (point_id, key) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in LIMIT_COLUMNS)}
 WHERE ({listed("l")}) IS DISTINCT FROM ({listed("excluded")})
"""  # noqa: S608 - only names of columns are put in
# $1 device; $2 and $3 keys of points and limits.
DROP_LIMITS = """-- ddms:drop_limits
DELETE FROM limits l USING points p, unnest($2::text[], $3::text[]) AS gone (point_key, key)
 WHERE p.device_id = $1 AND p.key = gone.point_key AND l.point_id = p.id AND l.key = gone.key
"""
MARK_LIMITS = """-- ddms:mark_profile_limits
UPDATE limits l SET from_profile = m.follows
  FROM (SELECT x.id, q.from_profile AND EXISTS (
               SELECT FROM profile_limits y WHERE y.profile_id = d.profile_id AND y.point_key = q.key AND y.key = x.key) AS follows
          FROM limits x JOIN points q ON q.id = x.point_id JOIN devices d ON d.id = q.device_id WHERE d.id = any($1::int[])) m
 WHERE l.id = m.id AND l.from_profile <> m.follows
"""
READ_FOLLOWED_LIMITS = """-- ddms:read_followed_limits
SELECT l.* FROM devices d JOIN profile_limits l ON l.profile_id = d.profile_id WHERE d.id = $1
"""
FIND_DANGLING = """-- ddms:find_dangling_limits
SELECT p.key AS point, l.key, l.reference_key FROM limits l JOIN points p ON p.id = l.point_id
 WHERE p.device_id = any($1::int[]) AND l.reference_key IS NOT NULL
   AND NOT EXISTS (SELECT FROM points r WHERE r.device_id = p.device_id AND r.key = l.reference_key)
 ORDER BY p.key LIMIT 1
"""

Limits = dict[tuple[int, str], list[LimitInput]]
"""Limits by the number of their device or profile, and the key of their point."""


async def limits_of_devices(statements: Statements, devices: list[int] | None) -> Limits:
    """Return the limits of these devices, or of all."""
    return _by_point(await statements.rows(LIST_LIMITS_OF_DEVICES, devices), "device_id")


async def limits_of_device(statements: Statements, device: int) -> dict[str, list[LimitInput]]:
    """Return the limits of a device, by the keys of its points."""
    return {key: limits for (_, key), limits in (await limits_of_devices(statements, [device])).items()}


async def limits_of_profiles(statements: Statements | Database, profiles: list[int]) -> Limits:
    """Return the limits of these profiles."""
    return _by_point(await statements.rows(LIST_PROFILE_LIMITS, profiles), "profile_id")


def _by_point(rows: Sequence[Row], owner: str) -> Limits:
    found: Limits = {}
    for row in rows:
        found.setdefault((row[owner], row["point_key"]), []).append(LimitInput.of(row))
    return found


def rows(points: Sequence[PointInput]) -> list[dict[str, Any]]:
    """Return the limits of points as the statements want them."""
    return [limit.row() | {"point_key": point.key} for point in points for limit in point.limits or ()]


async def put_limits(
    statements: Statements, device: int, points: Sequence[PointInput], before: Sequence[PointInput] = ()
) -> None:
    """Give points of a device the limits that they have in `points`; those that they had `before`, and have no more, go."""
    had = {point.key: by_key(point.limits) for point in before}
    told = [(point.key, by_key(point.limits)) for point in points if point.limits is not None]
    gone = [(point, key) for point, limits in told for key in had.get(point, {}) if key not in limits]
    wanted = [
        limit.row() | {"point_key": point}
        for point, limits in told
        for key, limit in limits.items()
        if had.get(point, {}).get(key) != limit
    ]
    if gone:
        await statements.value(DROP_LIMITS, device, [point for point, _ in gone], [key for _, key in gone])
    if wanted:
        await statements.value(PUT_LIMITS, device, wanted)


def settled(points: list[PointInput], before: Sequence[PointInput]) -> None:
    """Let points that say nothing of limits keep what they had."""
    had = {point.key: point.limits for point in before}
    for point in points:
        if point.limits is None:
            point.limits = had.get(point.key) or []


async def with_those_of_the_profile(statements: Statements, device: int, points: Sequence[PointInput]) -> None:
    """Let new points of a device that say nothing of limits have those of its profile."""
    if all(point.limits is not None for point in points):
        return
    found: dict[str, list[LimitInput]] = {}
    for row in await statements.rows(READ_FOLLOWED_LIMITS, device):
        found.setdefault(row["point_key"], []).append(LimitInput.of(row))
    for point in points:
        if point.limits is None:
            point.limits = found.get(point.key, [])


def references(points: Sequence[PointInput], keys: set[str]) -> Iterator[tuple[str, str]]:
    """Give what is wrong with limits that compare two points, now that the keys of all points of the device are known."""
    for place, point in enumerate(points):
        if any(limit.reference_key for limit in point.limits or ()):
            for name, sentence in point.problems_of_limits(keys - {point.key}):
                yield f"points.{place}.{name}", sentence


def check_references(points: Sequence[PointInput], keys: set[str], *, where: str | None = None) -> None:
    """Refuse a limit that compares with a point that is not there; `where` stands before its field instead of the point."""
    for name, sentence in references(points, keys):
        raise DdmsError(Code.INVALID, sentence, field=name if where is None else where + name.split(".", 2)[2])


async def refuse_dangling(statements: Statements, devices: list[int], field: str) -> None:
    """Refuse that a point goes with which a limit of another one compares."""
    row = await statements.row(FIND_DANGLING, devices)
    if row is not None:
        sentence = Sentence(
            "the limit {} of {} compares with {}: delete or change that limit first",
            row["key"], row["point"], row["reference_key"],
        )  # fmt: skip
        raise DdmsError(Code.INVALID, sentence, field=field)


def differing_fields(before: LimitInput, after: LimitInput, names: Sequence[str]) -> Iterator[tuple[str, Any, Any]]:
    """Give the fields that are different, with both values."""
    for name in names:
        if (old := getattr(before, name)) != (new := getattr(after, name)):
            yield name, old, new


__all__ = [
    "Limits",
    "by_key",
    "check_references",
    "limits_of_device",
    "limits_of_devices",
    "limits_of_profiles",
    "put_limits",
    "references",
    "refuse_dangling",
    "rows",
    "settled",
    "with_those_of_the_profile",
]
