"""Ingest that goes on for long: 10,000 readings each second while the database is at its own work.

`DDMS_TEST_DATABASE_URL=… python -m bench.ingest [--minutes 10]`. 1,000 devices × 10 points are stored by the collector's
own flush, once a second, as one batch. Beside it runs the API with its scheduler: rollups each 20 seconds, storage,
retention. The database has a past: ten days of 600 points. Meanwhile what is older than 7 days is compressed (community
edition), and one device's retention is shortened to 5 days.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import chain

import asyncpg
import numpy as np

from api.ground.database import Database
from api.retention.run import run
from bench.collector import fill, fresh_database
from bench.latest import free_port
from bench.processes import cpu_seconds, memory_mib, running
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch
from ddms.database import Edition, open_pool
from ddms.settings import Settings
from ddms.storing import COPY_END, COPY_HEAD, rows

POINTS, PAST_POINTS, PAST_DAYS, PAST_STEP = 10_000, 600, 10, 30
COMPRESSION = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' ORDER BY job_id"


@dataclass
class Phase:
    """What went on beside ingest, and how long each flush took meanwhile, in milliseconds."""

    label: str
    taken: list[float] = field(default_factory=list)
    seconds: float = 0


async def fill_past(connection: asyncpg.Connection, points: list[int]) -> int:
    """Store what was read in the days before; return how many readings."""
    now = int(time.time()) // 3600 * 3600 - 3600
    columns = ("time", "point_id", "value", "quality")
    random = np.random.default_rng(20261123)
    steps = 86_400 // PAST_STEP
    for day in range(PAST_DAYS):
        readings = np.zeros((steps, len(points)), READINGS)
        readings["time"] = ((now - (PAST_DAYS - day) * 86_400 + np.arange(steps) * PAST_STEP) * 1_000_000)[:, None]
        readings["point_id"] = points
        readings["value"] = np.round(50 + np.cumsum(random.normal(0, 0.1, (steps, len(points))), axis=0), 1)

        async def source(content: bytes = rows(readings.reshape(-1))):
            yield COPY_HEAD + content + COPY_END

        await connection.copy_to_table("readings", source=source(), columns=columns, format="binary")
    await connection.execute(
        "UPDATE rollup_levels SET complete = date_bin(unit, to_timestamp($1), '2000-01-01Z')", now - PAST_DAYS * 86_400
    )
    await connection.execute("CALL refresh_rollups()")
    await connection.execute("VACUUM ANALYZE")
    return steps * PAST_DAYS * len(points)


async def ingest(connection: asyncpg.Connection, points: list[int], phases: list[Phase], seconds: float) -> float:
    """Flush once a second, for `seconds`; the last phase takes note. Returns how late the last flush began."""
    random, values = np.random.default_rng(1), np.full(len(points), 50.0)
    began = time.monotonic()
    late = 0.0
    for number in range(int(seconds)):
        readings = np.zeros(len(points), READINGS)
        values += random.normal(0, 0.1, len(points))
        readings["point_id"], readings["value"], readings["stored"] = points, np.round(values, 1), True
        readings["time"] = int(time.time() * 1e6) - random.integers(0, 20_000, len(points))
        start = time.perf_counter()
        await flush_batch(connection, "bench", number, Batch(readings, []))
        phases[-1].taken.append((time.perf_counter() - start) * 1000)
        late = time.monotonic() - began - number - 1
        await asyncio.sleep(max(0, -late))
    return late


async def compress(url: str) -> None:
    """Have the policies compress what is old, as the database does it at its own time."""
    connection = await asyncpg.connect(url)
    for job in await connection.fetch(COMPRESSION):
        await connection.execute(f"CALL run_job({job['job_id']})")
    await connection.close()


async def expire(url: str) -> None:
    """Shorten one device's retention and have it applied, as `ddms retention run` does: 144,000 readings go."""
    pool = await open_pool(Settings(database_url=url), "bench", size=3, command_timeout=None)
    await pool.execute(
        "UPDATE devices SET retention_days = 5 WHERE id = (SELECT device_id FROM points ORDER BY id LIMIT 1)"
    )
    await run(Database(pool, Edition.COMMUNITY), "bench", announced=False)
    await pool.close()


async def measure(url: str, api: int, minutes: float) -> None:
    """Ingest, with one work after the other beside it; print the table."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0')")
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id")]
    past = await fill_past(connection, points[:PAST_POINTS])
    print(f"{past:,} readings of the past stored and rolled up", flush=True)
    community = await connection.fetchval("SELECT compression_available()")
    works: list[tuple[str, Callable[[str], Awaitable[None]]]] = [("retention", expire)]
    if community:
        works.insert(0, ("compression", compress))
    calm = "rollups each 20 s"
    phases, memory = [Phase(calm)], memory_mib(api)
    flushing = asyncio.create_task(ingest(connection, points, phases, minutes * 60))
    for label, work in works:
        await asyncio.sleep(minutes * 60 / (len(works) + 2))
        phases.append(Phase(f"… and {label}"))
        began = time.perf_counter()
        await work(url)
        phases[-1].seconds = time.perf_counter() - began
        phases.append(Phase(calm))
    late = await flushing
    print(f"\n{POINTS:,} readings each second for {minutes:g} minutes, one flush a second: ms a flush")
    print("| meanwhile | flushes | p50 | p99 | longest | the work took |\n|---|---|---|---|---|---|")
    for phase in [*phases, Phase("all of it", list(chain.from_iterable(phase.taken for phase in phases)))]:
        p50, p99 = (np.percentile(phase.taken, share) if phase.taken else np.nan for share in (50, 99))
        took = f"{phase.seconds:.1f} s" if phase.seconds else ""
        print(
            f"| {phase.label} | {len(phase.taken)} | {p50:.0f} | {p99:.0f} | {max(phase.taken, default=0):.0f} | {took} |"
        )
    stored = await connection.fetchval("SELECT count(*) FROM readings WHERE point_id > $1", points[PAST_POINTS - 1])
    expected = int(minutes * 60) * (POINTS - PAST_POINTS)
    failed = await connection.fetch("SELECT job, error FROM job_runs WHERE error IS NOT NULL")
    behind = await connection.fetchval("SELECT extract(epoch FROM now() - complete) FROM rollup_levels WHERE place = 1")
    print(
        f"\nStored {stored:,} of {expected:,}; the last flush ended {max(late, 0):.2f} s late; minutes are rolled up to {behind:.0f} s ago;"
        f" jobs that failed: {len(failed)}; the API took {cpu_seconds(api):.1f} s CPU and went from {memory:.0f} to {memory_mib(api):.0f} MiB"
    )
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_ingest"))
    asyncio.run(fill(url))
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(free_port()), "DDMS_LOG_LEVEL": "warning"}
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        asyncio.run(measure(url, api.pid, minutes))


if __name__ == "__main__":
    main()
