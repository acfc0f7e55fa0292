"""How the points of a profile reach devices: what would differ, in which fields, and the change itself.

A device that follows a profile has a copy of its points. On the device a copy may be changed; such a field then stays
as it is when the profile changes: of each field the device's value, the profile's value before and the one after are
compared, and only where the device has the value before it gets the one after. Applying a profile puts all of them
back to the profile's. Each is one statement, however many the devices.
"""

from collections.abc import Iterable

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Statements
from api.ground.ids import IdKind, to_id
from api.points.inputs import settle
from api.points.types import COLUMNS, POINT_FIELDS
from api.profiles.merge_limits import bring_limits, differing_limits
from api.profiles.wanted import Change, Wanted
from api.retention.deletions import forget
from ddms.errors import Code, DdmsError, Sentence

COLUMN_NAMES = tuple(COLUMNS.get(name, name) for name in POINT_FIELDS)
_TOGETHER = (
    ("register_table", "address", "data_type", "bit", "length", "byte_order", "expression"),
    ("valid_min", "valid_max"),
    ("counter", "modulus"),
)
"""Columns that make sense only together: a device follows all of them or none."""


def _group(column: str) -> tuple[str, ...]:
    return next((group for group in _TOGETHER if column in group), (column,))


def _listed(alias: str, columns: Iterable[str] = COLUMN_NAMES) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


def _merged(column: str) -> str:
    """Return the SQL of a column's new value: the profile's, or what the device was given of its own."""
    if column == "key":
        return "w.key"
    on_device, before = _listed("p", _group(column)), _listed("b", _group(column))
    own = f"p.id IS NOT NULL AND b.key IS NOT NULL AND ({on_device}) IS DISTINCT FROM ({before})"
    return f"CASE WHEN {own} THEN p.{column} ELSE w.{column} END AS {column}"


# $1 devices; $2 the profile's points as they shall be; $3 as they were, or null to put all back to the profile's.
_WANTED = f"""
WITH wanted AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_points, $2)),
     was AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_points, $3)),
     merged AS (
SELECT c.device_id, p.id, {", ".join(_merged(column) for column in COLUMN_NAMES)}
  FROM unnest($1::int[]) AS c (device_id) CROSS JOIN wanted w
  LEFT JOIN was b ON b.key = w.key
  LEFT JOIN points p ON p.device_id = c.device_id AND p.key = w.key
 WHERE $3::jsonb IS NULL OR CASE WHEN p.id IS NULL THEN b.key IS NULL ELSE p.from_profile END)
"""  # noqa: S608 - only names of columns are put in
_GONE = "p.device_id = any($1::int[]) AND p.from_profile AND p.key <> all(ARRAY(SELECT w.key FROM wanted w))"


_TEXTS = {
    "sentinels": "array_to_string({0}, ';')",
    "value_names": "CASE WHEN {0} <> '{{}}' THEN value_names_text({0}) END",  # few have names, and each call costs
}


def _text(alias: str, column: str) -> str:
    return _TEXTS.get(column, "{}::text").format(f"{alias}.{column}")


_VALUES = ", ".join(
    f"('{n}', {_text('p', c)}, {_text('m', c)})" for n, c in zip(POINT_FIELDS, COLUMN_NAMES, strict=True)
)

DIFFERENCES = f"""-- ddms:profile_differences
{_WANTED}
SELECT d.name AS device, d.id AS device_number, x.point, x.field, x.before, x.after FROM (
SELECT m.device_id, m.key AS point, f.field, coalesce(nullif(f.before, ''), 'none') AS before, coalesce(nullif(f.after, ''), 'none') AS after
  FROM merged m JOIN points p ON p.id = m.id CROSS JOIN LATERAL (VALUES {_VALUES}) AS f (field, before, after)
 WHERE ({_listed("m")}) IS DISTINCT FROM ({_listed("p")}) AND f.before IS DISTINCT FROM f.after
UNION ALL SELECT m.device_id, m.key, NULL, NULL, 'point' FROM merged m WHERE m.id IS NULL
UNION ALL SELECT p.device_id, p.key, NULL, 'point', NULL FROM points p WHERE {_GONE}
) x JOIN devices d ON d.id = x.device_id
"""  # noqa: S608 - only names of columns are put in
WRITE_POINTS = f"""-- ddms:write_profile_points
{_WANTED}
INSERT INTO points AS p (device_id, from_profile, {", ".join(COLUMN_NAMES)})
SELECT m.device_id, true, {_listed("m")} FROM merged m
ON CONFLICT (device_id, key) DO UPDATE SET from_profile = true, {", ".join(f"{c} = excluded.{c}" for c in COLUMN_NAMES)}
 WHERE NOT p.from_profile OR ({_listed("p")}) IS DISTINCT FROM ({_listed("excluded")})
"""  # noqa: S608 - only names of columns are put in
REMOVE_POINTS = f"""-- ddms:remove_profile_points
WITH wanted AS (SELECT unnest($2::text[]) AS key), gone AS (DELETE FROM points p WHERE {_GONE} RETURNING id)
SELECT coalesce(array_agg(id), '{{}}') FROM gone
"""  # noqa: S608 - only names of columns are put in
LIST_PROFILES_OF = "-- ddms:list_profiles_of\nSELECT id, profile_id FROM devices WHERE id = any($1::int[]) ORDER BY id"
FOLLOW_PROFILE = """-- ddms:follow_profile
UPDATE devices SET profile_id = $2, version = version + 1, updated_at = now()
 WHERE id = any($1::int[]) AND (profile_id IS DISTINCT FROM $2 OR id = any($3::int[]))
"""


async def differing(statements: Statements, devices: list[int], after: Wanted, before: Wanted | None) -> list[Change]:
    """Return what would be different on these devices; without `before` all goes back to the profile's."""
    rows = await statements.rows(DIFFERENCES, devices, after.points, before and before.points)
    changes = [Change(**row) for row in rows] + await differing_limits(statements, devices, after, before)
    return sorted(changes, key=lambda change: change.place)


async def bring(
    statements: Statements,
    actor: Actor,
    number: int,
    devices: list[int],
    *,
    after: Wanted,
    before: Wanted | None,
    changes: list[Change],
) -> None:
    """Do what `differing` said: bring these devices to the profile of this number."""
    gone = await statements.value(REMOVE_POINTS, devices, after.keys)
    if gone:
        await forget(statements, actor, gone, subject=f"{len(gone)} points that left the profile")
    await statements.value(WRITE_POINTS, devices, after.points, before and before.points)
    await bring_limits(statements, devices, after, before)
    await settle(statements, devices, where=lambda _: "points")
    touched = sorted({change.device_number for change in changes if change.device_number is not None})
    told = devices if before is None else touched
    were = {row["id"]: row["profile_id"] for row in await statements.rows(LIST_PROFILES_OF, told)}
    await statements.value(FOLLOW_PROFILE, devices, number, touched)
    await record(statements, actor, were, number)


async def record(statements: Statements, actor: Actor, were: dict[int, int | None], profile: int | None) -> None:
    """Write into the audit that devices follow a profile, or none any more; `were` tells which each of them followed."""
    subjects = [str(to_id(IdKind.DEVICE, device)) for device in were]
    before = [_followed(number) for number in were.values()]
    await audit.record_each(statements, actor, "device.profile", subjects, before=before, after=_followed(profile))


def _followed(profile: int | None) -> dict[str, str | None]:
    return {"profile": None if profile is None else to_id(IdKind.PROFILE, profile)}


def refuse_removal(changes: list[Change], *, remove_points: bool) -> None:
    """Stop before points would go with their readings, unless that was asked for."""
    gone = [f"{c.device} / {c.point}" for c in changes if c.limit is None and c.field is None and c.after is None]
    if gone and not remove_points:
        raise DdmsError(
            Code.INVALID,
            Sentence(
                "{} points would be removed with their readings ({}{}): keep them in the profile, or say removePoints: true (--remove-points)",
                len(gone),
                ", ".join(gone[:5]),
                ", …" if gone[5:] else "",
            ),
            field="removePoints",
        )
