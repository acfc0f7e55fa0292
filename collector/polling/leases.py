"""Leases: which collector polls which connection.

Each collector renews its leases every few seconds and takes what nobody holds of its site, up to its fair share; what it has too
much of it gives back, after it stopped polling it. A lease that is not renewed runs out, and others take it over.
While the database is away leases cannot change hands, so everybody goes on polling into the spool.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from ddms.database import Connection

LEASE = timedelta(seconds=20)
TICK_SECONDS = 5.0

ONE_AT_A_TIME = "-- ddms:lock_leases\nSELECT name FROM locks WHERE name = 'leases' FOR UPDATE"
SHOW_LIFE = "-- ddms:show_life\nUPDATE collectors SET seen_at = now() WHERE name = $1"
RENEW_LEASES = """-- ddms:renew_leases
WITH ours AS (
    SELECT c.id FROM connections c WHERE c.site = $3
       AND EXISTS (SELECT FROM devices d WHERE d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL)
), idle AS (
    DELETE FROM leases l WHERE collector = $1 AND connection_id NOT IN (SELECT id FROM ours)
)
UPDATE leases l SET expires_at = now() + $2 WHERE collector = $1 AND connection_id IN (SELECT id FROM ours)
RETURNING connection_id
"""
READ_SHARE = """-- ddms:read_share
SELECT ceil((SELECT count(DISTINCT c.id) FROM devices d JOIN connections c ON c.id = d.connection_id AND c.site = $2 WHERE d.enabled AND d.deleted_at IS NULL)::float8
            / greatest(1, (SELECT count(*) FROM collectors WHERE site = $2 AND stopped_at IS NULL AND seen_at > now() - $1::interval)))::int
"""
CLAIM_LEASES = """-- ddms:claim_leases
INSERT INTO leases AS l (connection_id, collector, expires_at)
SELECT c.id, $1, now() + $2 FROM connections c LEFT JOIN leases h ON h.connection_id = c.id
 WHERE c.site = $4 AND (h.connection_id IS NULL OR h.expires_at < now())
   AND EXISTS (SELECT FROM devices d WHERE d.connection_id = c.id AND d.enabled AND d.deleted_at IS NULL)
 ORDER BY c.id LIMIT $3
ON CONFLICT (connection_id) DO UPDATE SET collector = excluded.collector, expires_at = excluded.expires_at
RETURNING connection_id
"""
RELEASE_LEASES = """-- ddms:release_leases
DELETE FROM leases WHERE collector = $1 AND connection_id = any($2::int[])
"""
RELEASE_ALL = """-- ddms:release_all_leases
WITH stopped AS (UPDATE collectors SET stopped_at = now() WHERE name = $1)
DELETE FROM leases WHERE collector = $1
"""


class Leases:
    """The connections that this collector may poll."""

    def __init__(self, collector: str, site: str = "") -> None:
        self.collector, self.site = collector, site
        self.held: frozenset[int] = frozenset()

    async def tick(self, connection: Connection, stop: Callable[[frozenset[int]], Awaitable[None]]) -> bool:
        """Renew, take and give back; return whether what is held changed.

        `stop` ends the polling of the connections that are given back, before anybody else may take them.
        """
        before = self.held
        held, share = await self.take(connection)
        surplus = frozenset(sorted(held)[share:])
        self.held = frozenset(held) - surplus
        if lost := before - self.held:
            await stop(lost)
        if surplus:
            await connection.execute(RELEASE_LEASES, self.collector, list(surplus))
        return self.held != before

    async def take(self, connection: Connection) -> tuple[set[int], int]:
        """Renew, and take what is free; return what is held, and how much of it is a fair share."""
        async with connection.transaction():
            await connection.execute(ONE_AT_A_TIME)
            await connection.execute(SHOW_LIFE, self.collector)
            held = {row[0] for row in await connection.fetch(RENEW_LEASES, self.collector, LEASE, self.site)}
            share = await connection.fetchval(READ_SHARE, LEASE, self.site)
            if room := max(0, share - len(held)):
                taken = await connection.fetch(CLAIM_LEASES, self.collector, LEASE, room, self.site)
                held |= {row[0] for row in taken}
        return held, share

    async def release(self, connection: Connection) -> None:
        """Give everything back at the end, so that others need not wait for it to run out."""
        self.held = frozenset()
        await connection.execute(RELEASE_ALL, self.collector)
