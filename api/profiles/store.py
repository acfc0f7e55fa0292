"""Profiles: a register map written once, stored, changed together with the devices that follow it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from api.limits.store import limits_of_profiles, settled
from api.limits.store import rows as limit_rows
from api.limits.types import LIMIT_COLUMNS, LIMIT_FIELDS, LimitInput, by_key
from api.points.types import POINT_FIELDS, PointInput
from api.points.value_names import as_cell
from api.profiles.followed import READ_PROFILE_POINTS
from api.profiles.merge import COLUMN_NAMES, bring, differing, record, refuse_removal
from api.profiles.wanted import Change, Wanted
from ddms.errors import Code, DdmsError, Sentence

OWN_FIELDS = ("name", "manufacturer", "description", "source")

LOCK_PROFILE = "-- ddms:lock_profile\nSELECT * FROM profiles WHERE id = $1 FOR NO KEY UPDATE"
INSERT_PROFILE = """-- ddms:insert_profile
INSERT INTO profiles (name, manufacturer, description, source) VALUES ($1, $2, $3, $4) RETURNING id
"""
UPDATE_PROFILE = """-- ddms:update_profile
UPDATE profiles SET name = $2, manufacturer = $3, description = $4, source = $5, version = version + 1, updated_at = now()
 WHERE id = $1
"""
_COLUMNS = ", ".join(COLUMN_NAMES)
REPLACE_PROFILE_POINTS = f"""-- ddms:replace_profile_points
WITH wanted AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_points, $2)),
     gone AS (DELETE FROM profile_points WHERE profile_id = $1 AND key NOT IN (SELECT key FROM wanted))
INSERT INTO profile_points (profile_id, {_COLUMNS}) SELECT $1, {_COLUMNS} FROM wanted
ON CONFLICT (profile_id, key) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in COLUMN_NAMES)}
"""  # noqa: S608 - only names of columns are put in
_LIMIT_COLUMNS = ", ".join(LIMIT_COLUMNS)
DROP_PROFILE_LIMITS = """-- ddms:drop_profile_limits
DELETE FROM profile_limits WHERE profile_id = $1
   AND (point_key, key) NOT IN (SELECT w.point_key, w.key FROM jsonb_populate_recordset(NULL::profile_limits, $2) w)
"""
PUT_PROFILE_LIMITS = f"""-- ddms:put_profile_limits
INSERT INTO profile_limits (profile_id, point_key, {_LIMIT_COLUMNS})
SELECT $1, point_key, {_LIMIT_COLUMNS} FROM jsonb_populate_recordset(NULL::profile_limits, $2)
ON CONFLICT (profile_id, point_key, key) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in LIMIT_COLUMNS)}
"""  # noqa: S608 - only names of columns are put in
LOCK_FOLLOWERS = """-- ddms:lock_followers
SELECT id FROM devices WHERE profile_id = $1 AND deleted_at IS NULL ORDER BY id FOR UPDATE
"""
LOCK_DEVICES = """-- ddms:lock_some_devices
SELECT id FROM devices WHERE id = any($1::int[]) AND deleted_at IS NULL ORDER BY id FOR UPDATE
"""
OWN_THE_POINTS = """-- ddms:own_the_points
UPDATE points SET from_profile = false WHERE from_profile AND device_id = any($1::int[])
"""
OWN_THE_LIMITS = """-- ddms:own_the_limits
UPDATE limits l SET from_profile = false FROM points p
 WHERE p.id = l.point_id AND l.from_profile AND p.device_id = any($1::int[])
"""
DELETE_PROFILE = "-- ddms:delete_profile\nDELETE FROM profiles WHERE id = $1"


@dataclass(kw_only=True)
class ProfileMap:
    """A profile without its number: what a person writes."""

    name: str
    manufacturer: str = ""
    description: str = ""
    source: str = ""
    points: list[PointInput] = field(default_factory=list)

    def own(self) -> list[str]:
        """Return all but the points, as the statements want it."""
        return [getattr(self, name) for name in OWN_FIELDS]

    def rows(self) -> Wanted:
        """Return its points and their limits under the names of the database's columns."""
        return Wanted(points=[point.row() for point in self.points], limits=limit_rows(self.points))


async def create_profile(statements: Statements, actor: Actor, profile: ProfileMap) -> int:
    """Store a checked profile; return its number."""
    number: int = await statements.value(INSERT_PROFILE, *profile.own())
    await _put_points(statements, number, profile)
    await audit.record(statements, actor, "profile.create", to_id(IdKind.PROFILE, number), after=asdict(profile))
    return number


async def _put_points(statements: Statements, number: int, profile: ProfileMap) -> None:
    rows = profile.rows()
    await statements.value(REPLACE_PROFILE_POINTS, number, rows.points)
    await statements.value(DROP_PROFILE_LIMITS, number, rows.limits)
    await statements.value(PUT_PROFILE_LIMITS, number, rows.limits)


async def read_profile(statements: Statements, number: int, version: int | None = None) -> ProfileMap:
    """Return a stored profile, locked until the transaction ends; one that is not of this version is a CONFLICT."""
    row = await statements.row(LOCK_PROFILE, number)
    if row is None:
        raise unknown(number)
    if version not in {None, row["version"]}:
        sentence = Sentence("somebody changed the profile meanwhile (version {}): read it again", row["version"])
        raise DdmsError(Code.CONFLICT, sentence, field="version")
    limits = {key: found for (_, key), found in (await limits_of_profiles(statements, [number])).items()}
    return of_rows(row, await statements.rows(READ_PROFILE_POINTS, number), limits)


def of_rows(row: Row, points: Sequence[Row], limits: Mapping[str, list[LimitInput]]) -> ProfileMap:
    """Return what the rows of a profile, its points and their limits would be made of."""
    made = [PointInput.of(point, limits.get(point["key"], [])) for point in points]
    return ProfileMap(**{name: row[name] for name in OWN_FIELDS}, points=made)


async def change_profile(
    statements: Statements,
    actor: Actor,
    number: int,
    *,
    before: ProfileMap,
    after: ProfileMap,
    remove_points: bool,
    dry_run: bool,
) -> list[Change]:
    """Store a checked profile over the one that is there, and bring all its devices along; return what differs."""
    settled(after.points, before.points)
    own = differences(before, after)
    if not own:
        return []
    devices = [row["id"] for row in await statements.rows(LOCK_FOLLOWERS, number)]
    changes = await differing(statements, devices, after.rows(), before.rows())
    async with statements.undone() if dry_run else nullcontext():
        refuse_removal(changes, remove_points=remove_points or dry_run)
        await statements.value(UPDATE_PROFILE, number, *after.own())
        await _put_points(statements, number, after)
        await bring(statements, actor, number, devices, after=after.rows(), before=before.rows(), changes=changes)
        subject = to_id(IdKind.PROFILE, number)
        await audit.record(statements, actor, "profile.update", subject, before=asdict(before), after=asdict(after))
    return own + changes


async def apply_profile(
    statements: Statements,
    actor: Actor,
    number: int,
    devices: list[int],
    *,
    remove_points: bool,
    dry_run: bool,
) -> list[Change]:
    """Let devices follow a profile, with every field as it says; return what differs."""
    profile = await read_profile(statements, number)
    found = [row["id"] for row in await statements.rows(LOCK_DEVICES, devices)]
    if missing := [device for device in devices if device not in set(found)]:
        sentence = Sentence("there is no device {}: it may have been deleted", to_id(IdKind.DEVICE, missing[0]))
        raise DdmsError(Code.NOT_FOUND, sentence, field="devices")
    changes = await differing(statements, found, profile.rows(), None)
    async with statements.undone() if dry_run else nullcontext():
        refuse_removal(changes, remove_points=remove_points or dry_run)
        await bring(statements, actor, number, found, after=profile.rows(), before=None, changes=changes)
    return changes


async def delete_profile(statements: Statements, actor: Actor, number: int) -> None:
    """Delete a profile; the devices that followed it keep its points as their own."""
    before = await read_profile(statements, number)
    devices = [row["id"] for row in await statements.rows(LOCK_FOLLOWERS, number)]
    await statements.value(OWN_THE_POINTS, devices)
    await statements.value(OWN_THE_LIMITS, devices)
    await statements.value(DELETE_PROFILE, number)
    subject = to_id(IdKind.PROFILE, number)
    await audit.record(statements, actor, "profile.delete", subject, before=asdict(before))
    await record(statements, actor, dict.fromkeys(devices, number), None)


def differences(before: ProfileMap, after: ProfileMap) -> list[Change]:
    """Return what is different between two states of a profile, field by field."""
    old_points = {point.key: point for point in before.points}
    changes = list(_fields(None, before, after, OWN_FIELDS))
    for point in after.points:
        old = old_points.pop(point.key, None)
        changes += (
            [Change(point=point.key, after="point")] if old is None else _fields(point.key, old, point, POINT_FIELDS)
        )
        changes += _limits(point.key, by_key(None if old is None else old.limits), by_key(point.limits))
    return changes + [Change(point=key, before="point") for key in old_points]


def _limits(point: str, before: dict[str, LimitInput], after: dict[str, LimitInput]) -> Iterable[Change]:
    for key, limit in after.items():
        if key in before:
            yield from _fields(point, before[key], limit, LIMIT_FIELDS, limit=key)
        else:
            yield Change(point=point, limit=key, after="limit")
    yield from (Change(point=point, limit=key, before="limit") for key in before if key not in after)


def _fields(
    key: str | None, before: object, after: object, names: Iterable[str], *, limit: str | None = None
) -> Iterable[Change]:
    for name in names:
        if (old := getattr(before, name)) != (new := getattr(after, name)):
            yield Change(point=key, limit=limit, field=name, before=_shown(old), after=_shown(new))


def _shown(value: object) -> str:
    """Return a value as PostgreSQL writes it, so that all differences look the same."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        if (names := as_cell(value)) is not None:
            return names
        return ";".join(map(_shown, value)) or "none"
    text = f"{value:.15g}" if isinstance(value, float) else str(value)
    return "none" if value is None or text == "" else text


def unknown(number: int) -> DdmsError:
    """Return the error for a profile that is not there."""
    return DdmsError(
        Code.NOT_FOUND,
        Sentence("there is no profile {}: it may have been deleted", to_id(IdKind.PROFILE, number)),
        field="id",
    )
