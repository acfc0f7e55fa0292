"""What a collector tells of itself, beside its sign of life: what keeps it from storing, how its spool and its clock do."""

import asyncio
from time import monotonic

from collector.polling.clock import Clock
from collector.storing.store import Store
from ddms.database import Connection
from ddms.settings import Settings
from ddms.system_watch import read_unwatched, tell_unwatched

TRY_SECONDS = 10.0
UNWATCHED_SECONDS = 60.0
"""How long a collector sees that nobody watches before it tells: after an outage the API may come back later than it does."""
CALLED_SECONDS = 30.0
MEGABYTE = 1_000_000

ASK_CLOCK = "-- ddms:ask_clock\nSELECT clock_timestamp()"
TELL_TROUBLE = """-- ddms:tell_trouble
UPDATE collectors SET trouble = left($2, 2000), refused_readings = $3, spool_max_bytes = $4, spool_room_bytes = $5, spool_fault = left($6, 2000),
       clock_seconds = $7
 WHERE name = $1 AND (trouble, refused_readings, spool_max_bytes, spool_room_bytes, spool_fault, clock_seconds)
       IS DISTINCT FROM (left($2, 2000), $3, $4::bigint, $5::bigint, left($6, 2000), $7::float8)
"""


class Report:
    """Tells the database, which may well take that when it takes no readings."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._tried = float("-inf")
        self._spool: tuple[int, str | None] = (0, None)
        self._called = self._unwatched_since = float("-inf")

    async def tell(self, connection: Connection) -> None:
        """Write into our row what is not told yet; what changes all the time is rounded."""
        if monotonic() - self._tried >= TRY_SECONDS:
            self._tried = monotonic()
            self._spool = await asyncio.to_thread(self._store.spool.try_out)
        room, fault = self._spool
        before = self._clock.now()
        theirs = await connection.fetchval(ASK_CLOCK)
        ahead = (before + self._clock.now()) / 2e6 - theirs.timestamp()
        await connection.execute(
            TELL_TROUBLE,
            self._settings.collector_name,
            "; ".join(self._store.troubles()) or None,
            self._store.statistics.refused,
            self._settings.spool_max_bytes,
            room if room < MEGABYTE else room // MEGABYTE * MEGABYTE,
            fault,
            round(ahead, 1) + 0.0,  # no -0.0
        )
        await self._see_that_somebody_watches(connection, monotonic())

    async def _see_that_somebody_watches(self, connection: Connection, now: float) -> None:
        """Raise the alarm that the API's job `watch` stands still: with no API nobody else could."""
        seconds = await read_unwatched(connection)
        if seconds is None or now - self._called > CALLED_SECONDS:
            self._unwatched_since = now
        self._called = now
        if seconds is not None and now - self._unwatched_since >= UNWATCHED_SECONDS:
            async with connection.transaction():
                await tell_unwatched(connection, seconds)
