"""Outages: how long and how often a device, or what is behind a connection, did not answer."""

from datetime import UTC, datetime

from api.graphql.described import field, output_type
from api.ground.database import Database

READ_OUTAGES = """-- ddms:read_outages
SELECT a.id, min(s.outage_from) AS first_failure, max(s.outage_to) AS last_failure, sum(s.outage_failures)::int AS failures, a.cleared_at
  FROM (SELECT id, cleared_at, device_id FROM alarms WHERE source = 'device' AND id = any($1::int[])
        UNION ALL
        SELECT c.id, c.cleared_at, d.id FROM alarms c JOIN devices d ON d.connection_id = c.connection_id AND d.enabled AND d.deleted_at IS NULL
         WHERE c.source = 'connection' AND c.id = any($1::int[])) a
  JOIN device_states s ON s.device_id = a.device_id AND s.outage_from IS NOT NULL GROUP BY a.id, a.cleared_at
"""


@output_type
class Outage:
    """A run of failures of a device, or of all behind a connection together."""

    first_failure: datetime = field(description="When it failed first.")
    last_failure: datetime = field(description="When it failed last.")
    failures: int = field(description="How many attempts failed.")
    seconds: float = field(description="How long it lasts, or lasted until the alarm cleared.")


async def outages(database: Database, numbers: list[int]) -> dict[int, Outage]:
    """Return the newest outages by the numbers of alarms."""
    found = {}
    for row in await database.rows(READ_OUTAGES, numbers):
        first = row["first_failure"]
        until = max(first, row["cleared_at"] or datetime.now(UTC))
        found[row["id"]] = Outage(
            first_failure=first,
            last_failure=row["last_failure"],
            failures=row["failures"],
            seconds=(until - first).total_seconds(),
        )
    return found
