"""The points that a device takes from its profile when it is created or imported."""

from dataclasses import dataclass

from api.ground.database import Statements
from api.limits.store import MARK_LIMITS, limits_of_profiles
from api.points.types import PointInput
from ddms.errors import Code, DdmsError, Sentence

# The lock makes a change of the profile wait until the device that just follows it can be seen, and the other way round.
SHARE_PROFILE = (
    "-- ddms:share_profile\nSELECT id, name FROM profiles WHERE lower(name) = lower(btrim($1::text)) FOR SHARE"
)
READ_PROFILE_POINTS = """-- ddms:read_profile_points
SELECT * FROM profile_points WHERE profile_id = $1 ORDER BY register_table, address, bit NULLS FIRST, key
"""
MARK_POINTS = """-- ddms:mark_profile_points
UPDATE points p SET from_profile = m.follows
  FROM (SELECT q.id, EXISTS (SELECT FROM profile_points x WHERE x.profile_id = d.profile_id AND x.key = q.key) AS follows
          FROM points q JOIN devices d ON d.id = q.device_id WHERE d.id = $1) m
 WHERE p.id = m.id AND p.from_profile <> m.follows
"""


@dataclass(kw_only=True, frozen=True)
class Followed:
    """A profile that a device follows, or shall follow."""

    name: str
    points: list[PointInput]

    @property
    def keys(self) -> set[str]:
        """The keys of its points."""
        return {point.key for point in self.points}

    def missing_in(self, points: list[PointInput]) -> list[PointInput]:
        """Return its points whose keys are not among these."""
        given = {point.key for point in points}
        return [point for point in self.points if point.key not in given]

    def lend_limits(self, points: list[PointInput]) -> None:
        """Give new points that say nothing of limits those of its points."""
        limits = {point.key: point.limits for point in self.points}
        for point in points:
            if point.limits is None:
                point.limits = limits.get(point.key)


async def followed(statements: Statements, name: str) -> Followed:
    """Return the profile of this name, locked against changes until the transaction ends."""
    row = await statements.row(SHARE_PROFILE, name)
    if row is None:
        raise DdmsError(
            Code.NOT_FOUND,
            Sentence("there is no profile {!r}: `ddms profiles list` shows them", name[:120]),
            field="profile",
        )
    limits = await limits_of_profiles(statements, [row["id"]])
    rows = await statements.rows(READ_PROFILE_POINTS, row["id"])
    points = [PointInput.of(point, limits.get((row["id"], point["key"]), [])) for point in rows]
    return Followed(name=row["name"], points=points)


async def mark_points(statements: Statements, device: int) -> None:
    """Mark which points and limits of a device follow its profile: those with the keys of the profile."""
    await statements.value(MARK_POINTS, device)
    await statements.value(MARK_LIMITS, [device])
