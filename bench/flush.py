"""What one flush costs: readings a second through one connection, `latest` and the NOTIFY included.

`DDMS_TEST_DATABASE_URL=… python -m bench.flush`. The peers, on the same tables in the same run: a bare binary COPY
without `latest` (the upper bound), and `executemany` of an upsert, as an ORM would do it.
"""

import asyncio
import os
import statistics
import time

import asyncpg
import numpy as np

from bench.collector import fresh_database
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch, newest, replay_batch
from ddms.storing import rows

ROUNDS = 12
INSERT = (
    "INSERT INTO readings (time, point_id, value, quality) VALUES (to_timestamp($1), $2, $3, $4) ON CONFLICT DO NOTHING"
)


def batch(points: int, readings: int, start: int) -> Batch:
    """Return `readings` readings of `points` points, one a second each, from `start` (seconds) on."""
    array = np.empty(readings, READINGS)
    array["point_id"] = np.arange(readings) % points + 1
    array["time"] = (start + np.arange(readings) // points) * 1_000_000
    array["value"] = np.random.default_rng(start).normal(50, 10, readings)
    array["quality"], array["stored"] = 0, True
    return Batch(array, [])


async def timed(action, batches) -> float:
    """Return the median seconds that the action takes for a batch, the first two left out."""
    seconds = []
    for number, one in enumerate(batches):
        start = time.perf_counter()
        await action(number, one)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[2:])


async def measure(url: str, points: int, readings: int) -> dict[str, float]:
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")

    async def flush(number, one):
        await flush_batch(connection, "bench", number, one)

    async def again(_, one):
        await replay_batch(connection, "bench", one)

    async def bare(_, one):
        async def source():
            yield b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows(one.readings) + b"\xff\xff"

        columns = ("time", "point_id", "value", "quality")
        await connection.copy_to_table("readings", source=source(), columns=columns, format="binary")

    async def upsert(_, one):
        await connection.executemany(
            INSERT, [(r["time"] / 1e6, int(r["point_id"]), float(r["value"]), int(r["quality"])) for r in one.readings]
        )

    results = {}
    now = int(time.time()) - 86_400
    for i, (label, action) in enumerate(
        (("DDMS flush", flush), ("DDMS replay of a spooled batch", again), ("bare COPY, no latest", bare), ("executemany, no latest", upsert))
    ):  # fmt: skip
        batches = [batch(points, readings, now + (i * ROUNDS + k) * readings // points) for k in range(ROUNDS)]
        results[label] = readings / await timed(action, batches)
    assert len(newest(batches[0].readings)) == min(points, readings)
    await connection.close()
    return results


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    print("\nReadings a second through one connection (median of 10 flushes)")
    print("| | 10,000 points once | × bare COPY | 1,000 points ten times | × bare COPY |\n|---|---|---|---|---|")
    wide = asyncio.run(measure(asyncio.run(fresh_database(server, "ddms_bench")), 10_000, 10_000))
    deep = asyncio.run(measure(asyncio.run(fresh_database(server, "ddms_bench")), 1_000, 10_000))
    for label in wide:
        ratios = [result[label] / result["bare COPY, no latest"] for result in (wide, deep)]
        print(f"| {label} | {wide[label]:,.0f} | {ratios[0]:.2f} | {deep[label]:,.0f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
