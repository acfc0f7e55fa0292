"""What compression saves and what it costs: 15 million readings as a plant gives them, in rows and then in the columnstore.

`DDMS_TEST_DATABASE_URL=… python -m bench.storage [--days N]`, on the community edition. 6 devices × 10 points each 10 s
for 29 days: counters, temperatures, a pressure, noisy currents, a switch, a mode, as registers hold them (whole numbers
times a scale), with the jitter of polls in their times, and outages. They are stored and rolled up by the collector's
own code and compressed by the policy's own jobs. The same questions and changes go to the same day before and after.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
from numpy.typing import NDArray

from api.readings.history import READ_SERIES
from bench.collector import fill, fresh_database
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, replay_batch
from ddms.quality import Reason
from ddms.storing import COPY_END, COPY_HEAD, rows

DEVICES, POINTS, STEP, DAYS, CHUNK_DAYS = 6, 10, 10, 29, 60
A_DAY, AN_HOUR = 86_400 // STEP, 3600 // STEP
JOBS = "SELECT job_id, hypertable_name AS name FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' ORDER BY 2"
Change = Callable[[], Awaitable[object]]


def walk(random: np.random.Generator, count: int, step: float, low: float, high: float) -> NDArray[np.float64]:
    """Return a random walk that turns back at its bounds."""
    span = high - low
    return low + np.abs((random.uniform(0, span) + np.cumsum(random.normal(0, step, count))) % (2 * span) - span)


def registers(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return what the ten registers of a device show, each a whole number times its scale."""
    running = np.repeat(random.random(count // AN_HOUR + 1) < 0.8, AN_HOUR)[:count].astype(float)
    load = running * walk(random, count, 0.02, 0.4, 1.0)
    columns = [
        (482_110 + np.cumsum(load * 1.1), 0.1),  # energy in kWh
        (15_200 + np.cumsum(running) / 36, 0.1),  # hours of operation
        (walk(random, count, 0.3, 180, 420), 0.1),  # a slow temperature in °C
        (walk(random, count, 1.5, 300, 900) + random.normal(0, 1, count), 0.1),  # a quick one
        (walk(random, count, 2, 350, 650) + random.normal(0, 2, count), 0.01),  # a pressure in bar
        *((load * 2400 + running * random.normal(0, 8, count), 0.01) for _ in range(3)),  # currents in A
        (running, 1),
        (np.repeat(random.integers(0, 6, count // 1000 + 1), 1000)[:count], 1),  # a mode
    ]
    return np.stack([np.floor(column) * scale for column, scale in columns], axis=1)


def plant_of(days: int, start: datetime, points: list[int], seed: int = 20261123) -> NDArray[np.void]:
    """Return all readings by poll, device, point."""
    random = np.random.default_rng(seed)
    count = days * A_DAY
    readings = np.zeros((count, DEVICES, POINTS), READINGS)
    due = int(start.timestamp() * 1e6) + np.arange(count) * STEP * 1_000_000
    for device in range(DEVICES):
        late = 20_000 * device + random.exponential(1500, count) + 900  # µs; an answer within a few ms
        mine = readings[:, device]
        mine["time"] = (due + late.astype(np.int64))[:, None]
        mine["value"] = registers(random, count)
        for outage in random.integers(0, count, 2 * days):
            mine["value"][outage : outage + random.integers(1, 30)] = np.nan
    readings["point_id"] = np.array(points).reshape(DEVICES, POINTS)
    readings["quality"] = np.where(np.isnan(readings["value"]), Reason.TIMEOUT, Reason.GOOD)
    readings["stored"] = True
    return readings


async def copy(connection: asyncpg.Connection, readings: NDArray[np.void]) -> None:
    """Store readings as a flush does."""

    async def source():
        yield COPY_HEAD + rows(readings.reshape(-1)) + COPY_END

    columns = ("time", "point_id", "value", "quality")
    await connection.copy_to_table("readings", source=source(), columns=columns, format="binary")


async def milliseconds(action: Change, count: int = 1) -> float:
    """Return the median time of an action."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await action()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


class Bench:
    """A database, the day that is asked, and what of it comes late: two hours of all points."""

    def __init__(self, connection: asyncpg.Connection, points: list[int], end: datetime) -> None:
        self.connection, self.points = connection, points
        self.day = end - timedelta(days=2)
        self.late: list[NDArray[np.void]] = []
        self.known = np.empty(0)

    async def fill(self, days: int, start: datetime) -> int:
        """Store everything but the late hours, and roll it up."""
        await self.connection.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", start)
        await self.connection.execute("UPDATE devices SET retention_days = 3650")
        hours = np.split(plant_of(days, start, self.points), days * 24)
        self.late = [hours.pop(place) for place in (-40, -36)]  # of the day before the last
        self.known = hours[-1][0]
        for hour in hours:
            await copy(self.connection, hour)
        await self.connection.execute("VACUUM ANALYZE readings")
        await self.connection.execute("CALL refresh_rollups()")
        await self.connection.execute("VACUUM ANALYZE rollup_1m, rollup_1h, rollup_1d")
        return days * A_DAY * DEVICES * POINTS

    async def sizes(self) -> dict[str, asyncpg.Record]:
        """Return what each table takes."""
        return {row["name"]: row for row in await self.connection.fetch("SELECT * FROM storage_tables()")}

    async def store(self, readings: NDArray[np.void]) -> None:
        """Store readings as those of a spool are."""
        await replay_batch(self.connection, "bench", Batch(readings=readings.reshape(-1), texts=[]))

    async def refresh(self) -> None:
        """Roll up what came late."""
        await self.connection.execute("CALL refresh_rollups()")

    async def ask(self, place: int) -> dict[str, float]:
        """Return how long questions and changes take, in milliseconds; each place has late readings of its own."""
        hour, following, point = self.late[place], self.day + timedelta(days=1), self.points[3]
        arguments = ([point], self.day, following, 10_000, None, "UTC", ["average"])
        await self.store(self.known)  # statements are prepared
        delete = "DELETE FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3"
        return {
            "24 h of one point (`series`, 8,640 values)": await milliseconds(
                lambda: self.connection.fetch(READ_SERIES, *arguments), 21
            ),
            "a late flush: 60 readings of 60 points": await milliseconds(lambda: self.store(hour[0])),
            "… its rollups": await milliseconds(self.refresh),
            "the same flush again: nothing is stored twice": await milliseconds(lambda: self.store(hour[0])),
            "a late hour: 21,600 readings of 60 points": await milliseconds(lambda: self.store(hour)),
            "… its rollups (60 minutes × 60 points)": await milliseconds(self.refresh),
            "delete a day of one point": await milliseconds(
                lambda: self.connection.execute(delete, self.points[20 + place], self.day, following)
            ),
        }

    async def compress(self) -> dict[str, float]:
        """Run the policy's jobs; return the seconds of each."""
        return {
            job["name"]: await milliseconds(
                lambda number=job["job_id"]: self.connection.execute(f"CALL run_job({number})")
            )
            / 1000
            for job in await self.connection.fetch(JOBS)
        }


def print_sizes(readings: int, before: dict[str, asyncpg.Record], after: dict[str, asyncpg.Record]) -> None:
    """Print what is saved."""
    print(
        "\n| table | rows | before MB | bytes a reading | after MB | bytes a reading | saved |\n|---|---|---|---|---|---|---|"
    )
    for name in ("readings", "rollup_1m", "rollup_1h", "rollup_1d"):
        was, now = before[name]["bytes"], after[name]["bytes"]
        print(
            f"| `{name}` | {before[name]['rows']:,} | {was / 1e6:,.1f} | {was / readings:.2f} | {now / 1e6:,.1f} | {now / readings:.2f} | {1 - now / was:.1%} |"
        )
    was, now = (sum(row["bytes"] for row in sizes.values()) for sizes in (before, after))
    print(
        f"| together | | {was / 1e6:,.1f} | {was / readings:.2f} | {now / 1e6:,.1f} | {now / readings:.2f} | {1 - now / was:.1%} |"
    )


async def measure(url: str, days: int) -> None:
    """Fill, ask, compress, ask again."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY device_id, id")]
    # Where a chunk of rollup_1h ends, so that the policy finds all chunks old enough.
    end = datetime.fromtimestamp((time.time() - 8 * 86_400) // (CHUNK_DAYS * 86_400) * CHUNK_DAYS * 86_400, UTC)
    bench = Bench(connection, points, end)
    began = time.perf_counter()
    readings = await bench.fill(days, end - timedelta(days=days))
    print(f"\n{readings:,} readings stored and rolled up in {time.perf_counter() - began:.0f} s", flush=True)
    before, in_rows = await bench.sizes(), await bench.ask(0)
    jobs = await bench.compress()
    print_sizes(readings, before, await bench.sizes())
    in_columns = await bench.ask(1)
    again = await bench.compress()
    print("\n| ms | rows | columnstore |\n|---|---|---|")
    for label, taken in in_rows.items():
        print(f"| {label} | {taken:.1f} | {in_columns[label]:.1f} |")
    print(
        f"\nCompressed in {sum(jobs.values()):.1f} s ({readings / jobs['readings']:,.0f} readings/s); again after the changes in {sum(again.values()):.1f} s"
    )
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=DAYS)
    days = parser.parse_args().days
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_storage"))
    asyncio.run(fill(url, endpoints=1, units=DEVICES, registers=POINTS))
    asyncio.run(measure(url, days))


if __name__ == "__main__":
    main()
