"""Sight: the devices that a limited person may see, for what lives in memory; of all else the database takes care."""

from collections.abc import Iterable
from typing import TypeAlias

from api.ground.database import Database

Sight: TypeAlias = frozenset[int]

READ_SIGHTS = """-- ddms:read_sights
SELECT w.id, array_agg(DISTINCT m.device_id) FILTER (WHERE m.device_id IS NOT NULL) AS devices FROM unnest($1::int[]) AS w (id)
  LEFT JOIN user_groups u ON u.user_id = w.id LEFT JOIN device_groups m USING (group_id) GROUP BY w.id
"""


async def read_sights(database: Database, people: Iterable[int]) -> dict[int, Sight]:
    """Return the devices in the sight of each of these people."""
    return {row["id"]: frozenset(row["devices"] or ()) for row in await database.rows(READ_SIGHTS, list(people))}
