"""What retention takes, and what ingest notices of it: 100,000 expired readings of one device, again and again.

`DDMS_TEST_DATABASE_URL=… python -m bench.retention`. Twenty devices have 120,960 expired readings each (10 points each 10 s,
14 days old, in chunks that one more device keeps), while the collector's own flush code stores 5,000 readings a second.
Half of the devices lose theirs by retention runs, one after the other, half by the statement that one would write by hand.
On the community edition all again with these chunks compressed, which that statement would have to unpack.
"""

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np

from api.ground.database import Database
from api.retention.run import run
from bench.collector import fresh_database
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch
from ddms.database import connect, open_pool, read_edition
from ddms.settings import Settings
from ddms.storing import COPY_END, COPY_HEAD, rows

DEVICES, POINTS, STEP, EACH = 20, 10, 10, 12_096
AGE = timedelta(days=14)
FLUSHES, ROWS, QUIET = 50, 100, 15
MAKE = """
INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:502');
INSERT INTO devices (name, connection_id, unit_id, retention_days) SELECT 'Device ' || n, 1, n, 90 FROM generate_series(1, 60) n;
INSERT INTO points (device_id, key, name, register_table, address, data_type)
    SELECT id, 'p' || n, 'P', 'holding', n, 'uint16' FROM devices, generate_series(0, 9) n ORDER BY id, n;
INSERT INTO collectors (name, version) VALUES ('bench', '0');
"""
BY_HAND = "DELETE FROM readings WHERE time < $1 AND point_id IN (SELECT id FROM points WHERE device_id = $2)"


async def fill(connection: asyncpg.Connection, points: list[int], start: datetime) -> None:
    """Store what will expire, and roll it up."""
    random = np.random.default_rng(6)
    for point in points:
        readings = np.zeros(EACH, READINGS)
        readings["time"] = int(start.timestamp() * 1e6) + np.arange(EACH) * STEP * 1_000_000
        readings["point_id"], readings["value"] = point, np.round(np.cumsum(random.normal(0, 0.1, EACH)), 1)

        async def source(content: bytes = rows(readings)) -> AsyncIterator[bytes]:
            yield COPY_HEAD + content + COPY_END

        columns = ("time", "point_id", "value", "quality")
        await connection.copy_to_table("readings", source=source(), columns=columns, format="binary")
    await connection.execute(
        f"CALL rebuild_rollups('{start.isoformat()}', '{(start + timedelta(days=2)).isoformat()}')"
    )
    await connection.execute("VACUUM ANALYZE readings")


class Ingest:
    """Stores readings as a collector does, and remembers how long each flush took."""

    def __init__(self, connection: asyncpg.Connection, points: list[int]) -> None:
        self._connection = connection
        self._points = np.array(points)
        self.seconds: list[float] = []

    async def run(self) -> None:
        """Store ROWS readings FLUSHES times a second, for ever; late flushes follow at once."""
        await self._connection.execute(MAKE_INCOMING)
        began, number = time.perf_counter(), 0
        while True:
            number += 1
            readings = np.zeros(ROWS, READINGS)
            readings["point_id"] = self._points[:ROWS]
            readings["time"], readings["value"], readings["stored"] = int(time.time() * 1e6), number, True
            flushed = time.perf_counter()
            await flush_batch(self._connection, "bench", number, Batch(readings=readings, texts=[]))
            self.seconds.append(time.perf_counter() - flushed)
            await asyncio.sleep(max(0.0, began + number / FLUSHES - time.perf_counter()))


@asynccontextmanager
async def ingest(settings: Settings, points: list[int]) -> AsyncIterator[Ingest]:
    """Store readings meanwhile."""
    connection = await connect(settings, "bench")
    one = Ingest(connection, points)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        connection.terminate()


async def phase(label: str, ingesting: Ingest, steps: list[Callable[[], Awaitable[object]]]) -> None:
    """Do the steps with a second between them; print how long one took, and the flushes from its begin to its end."""
    taken: list[float] = []
    flushes: list[float] = []
    for step in steps:
        await asyncio.sleep(1)
        del ingesting.seconds[:]
        began = time.perf_counter()
        try:
            await step()
        except asyncpg.ConfigurationLimitExceededError as error:
            print(f"| {label} | fails: {str(error).partition(chr(10))[0]} |  |  |  |  |", flush=True)
            return
        taken.append(time.perf_counter() - began)
        await asyncio.sleep(1 / FLUSHES)
        flushes += ingesting.seconds
    p50, p99 = np.percentile(np.array(flushes) * 1000, [50, 99])
    shown = f"{statistics.median(taken):.2f} s" if steps[1:] else "–"
    print(
        f"| {label} | {shown} | {p50:.1f} ms | {p99:.1f} ms | {max(flushes) * 1000:.0f} ms | {len(flushes)} |",
        flush=True,
    )


async def measure(url: str, *, compressed: bool) -> None:
    """Print the table of one state of the chunks."""
    settings = Settings(database_url=url)
    pool = await open_pool(settings, "bench", size=2, command_timeout=None)
    connection = await connect(settings, "bench")
    database = Database(pool, await read_edition(connection))
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - AGE
    await connection.execute(MAKE)
    await connection.execute("UPDATE rollup_levels SET complete = date_bin('1 day', now(), '2000-01-01Z')")
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY device_id, id")]
    await fill(connection, points[: (DEVICES + 1) * POINTS], start)
    if compressed:
        await connection.execute(
            "SELECT compress_chunk(c) FROM show_chunks('readings', older_than => interval '7 days') c"
        )
    await connection.execute("CHECKPOINT")
    count = "SELECT count(*) FROM readings WHERE time < now() - interval '10 days'"
    before = await connection.fetchval(count)

    async def retention(device: int) -> None:
        await connection.execute("UPDATE devices SET retention_days = 10 WHERE id = $1", device)
        await run(database, "bench", announced=False)

    async def by_hand(device: int) -> None:
        await connection.execute(BY_HAND, start + timedelta(days=4), device)

    state = "compressed" if compressed else "not compressed"
    async with ingest(settings, points[-ROWS:]) as ingesting:
        await phase(f"{state}: nothing", ingesting, [lambda: asyncio.sleep(QUIET)])
        half = DEVICES // 2
        await phase(f"{state}: retention run", ingesting, [lambda d=d: retention(d) for d in range(1, half + 1)])
        await phase(f"{state}: one DELETE", ingesting, [lambda d=d: by_hand(d) for d in range(half + 1, DEVICES + 1)])
    gone = before - await connection.fetchval(count)
    assert gone in {DEVICES * POINTS * EACH, DEVICES // 2 * POINTS * EACH}, gone
    await connection.close()
    await pool.close()


async def main_async() -> None:
    """Measure each state that the edition has."""
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    print(
        f"\n{POINTS * EACH:,} expired readings of one device, while {FLUSHES * ROWS:,} readings a second are stored in {FLUSHES} flushes"
    )
    print("| chunks: what is done | takes (median) | flush p50 | p99 | longest | flushes |\n|---|---|---|---|---|---|")
    url = await fresh_database(server, "ddms_bench")
    connection = await asyncpg.connect(url)
    states = [False, True] if await connection.fetchval("SELECT compression_available()") else [False]
    await connection.close()
    for compressed in states:
        await measure(url if not compressed else await fresh_database(server, "ddms_bench"), compressed=compressed)


def main() -> None:
    asyncio.run(main_async())


if __name__ == "__main__":
    main()
