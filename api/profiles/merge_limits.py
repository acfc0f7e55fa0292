"""How the limits of a profile reach devices, by the same rules as its points (`api.profiles.merge`).

What a limit compares goes together; its delays, its priority, whether it is watched and what the operator reads, field by
field. A limit that was changed on a device, or deleted there, stays so; one of the device's own is not touched.
"""

from api.ground.database import Statements
from api.limits.store import listed
from api.limits.types import LIMIT_COLUMNS, LIMIT_FIELDS
from api.profiles.wanted import Change, Wanted
from ddms.errors import Code, DdmsError, Sentence

_COMPARED = (
    "kind", "threshold", "direction", "reference_key", "period_s", "bit", "alarm_values", "inverted", "hysteresis",
)  # fmt: skip
_LEVELS = "('low_low', 'low', 'high', 'high_high')"


def _merged(column: str) -> str:
    """Return the SQL of a column's new value: the profile's, or what the device was given of its own."""
    if column == "key":
        return "w.key"
    group = _COMPARED if column in _COMPARED else (column,)
    on_device, before = (", ".join(f"{alias}.{one}" for one in group) for alias in ("l", "b"))
    own = f"l.id IS NOT NULL AND b.key IS NOT NULL AND ({on_device}) IS DISTINCT FROM ({before})"
    return f"CASE WHEN {own} THEN l.{column} ELSE w.{column} END AS {column}"


# $1 devices; $2 the profile's limits as they shall be; $3 as they were, or null to put all back; $4 the keys of the points
# that the profile had. A point that the device has not follows only when it is new in the profile.
_WANTED = f"""
WITH wanted AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_limits, $2)),
     was AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_limits, $3)),
     merged AS (
SELECT c.device_id, p.id AS point_id, w.point_key, l.id, {", ".join(_merged(column) for column in LIMIT_COLUMNS)}
  FROM unnest($1::int[]) AS c (device_id) CROSS JOIN wanted w
  LEFT JOIN was b ON b.point_key = w.point_key AND b.key = w.key
  LEFT JOIN points p ON p.device_id = c.device_id AND p.key = w.point_key
  LEFT JOIN limits l ON l.point_id = p.id AND l.key = w.key
 WHERE $3::jsonb IS NULL OR (CASE WHEN p.id IS NULL THEN w.point_key <> all($4::text[]) ELSE p.from_profile END
                             AND CASE WHEN l.id IS NULL THEN b.key IS NULL ELSE l.from_profile END))
"""  # noqa: S608 - only names of columns are put in
_GONE = """p.device_id = any($1::int[]) AND p.from_profile AND l.from_profile
   AND (p.key, l.key) NOT IN (SELECT w.point_key, w.key FROM wanted w)"""


def _text(alias: str, column: str) -> str:
    return f"array_to_string({alias}.{column}, ';')" if column == "alarm_values" else f"{alias}.{column}::text"


_VALUES = ", ".join(
    f"('{n}', {_text('l', c)}, {_text('m', c)})" for n, c in zip(LIMIT_FIELDS, LIMIT_COLUMNS, strict=True)
)
# $5 the keys of the points that the profile will have: limits of the others go with their points.
DIFFERENCES = f"""-- ddms:profile_limit_differences
{_WANTED}
SELECT d.name AS device, d.id AS device_number, x.point, x.limit, x.field, x.before, x.after FROM (
SELECT m.device_id, m.point_key AS point, m.key AS limit, f.field, coalesce(nullif(f.before, ''), 'none') AS before, coalesce(nullif(f.after, ''), 'none') AS after
  FROM merged m JOIN limits l ON l.id = m.id CROSS JOIN LATERAL (VALUES {_VALUES}) AS f (field, before, after)
 WHERE ({listed("m")}) IS DISTINCT FROM ({listed("l")}) AND f.before IS DISTINCT FROM f.after
UNION ALL SELECT m.device_id, m.point_key, m.key, NULL, NULL, 'limit' FROM merged m WHERE m.id IS NULL
UNION ALL SELECT p.device_id, p.key, l.key, NULL, 'limit', NULL FROM points p JOIN limits l ON l.point_id = p.id
  WHERE p.key = any($5::text[]) AND {_GONE}
) x JOIN devices d ON d.id = x.device_id
"""  # noqa: S608 - only names of columns are put in
REMOVE_LIMITS = f"""-- ddms:remove_profile_limits
WITH wanted AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_limits, $2))
DELETE FROM limits l USING points p WHERE p.id = l.point_id AND {_GONE}
"""  # noqa: S608 - only names of columns are put in
# Sorted, so that all is read before the first row is written: a table without statistics may be scanned for each row.
WRITE_LIMITS = f"""-- ddms:write_profile_limits
{_WANTED}
INSERT INTO limits AS l (point_id, from_profile, {", ".join(LIMIT_COLUMNS)})
SELECT m.point_id, true, {listed("m")} FROM merged m WHERE m.point_id IS NOT NULL ORDER BY m.point_id, m.key
ON CONFLICT (point_id, key) DO UPDATE SET from_profile = true, {", ".join(f"{c} = excluded.{c}" for c in LIMIT_COLUMNS)}
 WHERE NOT l.from_profile OR ({listed("l")}) IS DISTINCT FROM ({listed("excluded")})
"""  # noqa: S608 - only names of columns are put in
# Only a point can be wrong that has a level of its own, or one that was changed on the device.
FAULTY_LEVELS = f"""-- ddms:find_faulty_levels
WITH wanted AS (SELECT * FROM jsonb_populate_recordset(NULL::profile_limits, $2) WHERE kind IN {_LEVELS}),
     mixed AS (SELECT DISTINCT p.id FROM points p JOIN limits l ON l.point_id = p.id LEFT JOIN wanted w ON w.point_key = p.key AND w.kind = l.kind
                WHERE p.device_id = any($1::int[]) AND l.kind IN {_LEVELS}
                  AND (l.threshold, l.hysteresis) IS DISTINCT FROM (w.threshold, w.hysteresis))
SELECT d.name AS device, p.key AS point FROM points p JOIN devices d ON d.id = p.device_id JOIN limits l ON l.point_id = p.id
 WHERE p.id IN (SELECT id FROM mixed) AND l.kind IN {_LEVELS}
 GROUP BY d.name, p.id, p.key
HAVING levels_fault(jsonb_object_agg(l.kind, l.threshold), jsonb_object_agg(l.kind, l.hysteresis)) IS NOT NULL
 ORDER BY lower(d.name), p.key LIMIT 6
"""  # noqa: S608 - a constant


async def differing_limits(
    statements: Statements, devices: list[int], after: Wanted, before: Wanted | None
) -> list[Change]:
    """Return what would be different of the limits of these devices, before anything is written."""
    if not (after.limits or (before and before.limits) or before is None):
        return []
    rows = await statements.rows(
        DIFFERENCES, devices, after.limits, before and before.limits, before and before.keys, after.keys
    )
    return [Change(**row) for row in rows]


async def bring_limits(statements: Statements, devices: list[int], after: Wanted, before: Wanted | None) -> None:
    """Bring these devices to the profile's limits, when they have its points."""
    await statements.value(REMOVE_LIMITS, devices, after.limits)
    if after.limits:
        await statements.value(WRITE_LIMITS, devices, after.limits, before and before.limits, before and before.keys)
    found = [f"{row['device']} / {row['point']}" for row in await statements.rows(FAULTY_LEVELS, devices, after.limits)]
    if found:
        raise DdmsError(
            Code.INVALID,
            Sentence(
                "limits that were changed on devices do not go with those of the profile, by their order or hysteresis ({}{}): change them first",
                ", ".join(found[:5]),
                ", …" if found[5:] else "",
            ),
            field="points",
        )
