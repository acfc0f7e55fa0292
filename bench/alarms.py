"""What alarms cost: 40,000 limits over 10,000 readings a second, from a violation to its row, a flood.

`DDMS_TEST_DATABASE_URL=… python -m bench.alarms`. The peer of the first is the same flush without limits, turn by turn in
one run. A long journal is `bench.alarm_journal`'s.
"""

import asyncio
import os
import statistics
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import numpy as np

from bench.collector import fill, fresh_database
from bench.flush import batch
from collector.complaints import Complaints
from collector.polling.polled_lines import PolledLines
from collector.storing.alarms import Alarms
from collector.storing.flush import MAKE_INCOMING, flush_batch
from collector.storing.spool import Spool
from collector.storing.store import Store
from ddms.database import connect, listen
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from ddms.settings import Settings
from tests.support.polled import point

POINTS, ROUNDS, SECONDS, VIOLATIONS = 10_000, 304, 30, 20
FLOOD, FLOOD_SECONDS = 100, 10
ADD_LIMITS = """
INSERT INTO limits (point_id, key, kind, threshold, hysteresis, on_delay_s)
SELECT p.id, k.kind, k.kind, k.threshold, 2, k.delay FROM points p
 CROSS JOIN (VALUES ('low_low', -50, 0), ('low', -20, 5), ('high', 120, 5), ('high_high', 150, 0)) AS k (kind, threshold, delay)
"""


async def prepared(server: str) -> str:
    url = await fresh_database(server, "ddms_bench")
    await fill(url)
    connection = await asyncpg.connect(url)
    await connection.execute(ADD_LIMITS)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return url


def cpu_of(pid: int) -> float:
    """Return the seconds that a process has used; of PostgreSQL's that stores for us."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def with_limits(store: Alarms, connection: asyncpg.Connection) -> None:
    lines = await PolledLines().read(
        connection, {r["id"] for r in await connection.fetch("SELECT id FROM connections")}
    )
    store.fit(lines, await store.ask(connection, lines))


def _together(took: list[tuple[float, float, float]]) -> float:
    """Return the CPU of collector and database, of which a disturbance of the machine takes part in few flushes."""
    return sum(
        statistics.median(one[n] for one in took) if n == 1 else statistics.mean(one[n] for one in took) for n in (1, 2)
    )


async def measure_flushes(url: str) -> None:
    """Flush in turn with and without limits, and print what each costs."""
    connection = await connect(Settings(database_url=url), "bench")
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")
    server = await connection.fetchval("SELECT pg_backend_pid()")
    with tempfile.TemporaryDirectory() as folder:
        alarms = Alarms(Path(folder), Complaints(), "bench")
        await with_limits(alarms, connection)
        begin, found = int(time.time()) - 86_400, 0
        took: dict[bool, list[tuple[float, float, float]]] = {False: [], True: []}
        for number in range(2 * ROUNDS):
            judged = bool(number % 2)
            one = batch(POINTS, POINTS, begin + number)
            one.readings["value"] = np.clip(one.readings["value"], 0, 100)
            if judged:  # each flush ten go beyond, and ten come back
                one.readings["value"][[(number * 10 + k) % POINTS for k in range(10)]] = 160
            start = time.perf_counter(), time.process_time(), cpu_of(server)
            if judged:
                alarms.judge(one.readings)
                alarms.look()
                found += alarms.waiting
            await flush_batch(connection, "bench", number, one, alarms.store if judged else None)
            alarms.settle()
            end = time.perf_counter(), time.process_time(), cpu_of(server)
            took[judged].append(tuple(e - s for s, e in zip(start, end, strict=True)))  # type: ignore[arg-type]
    print(
        f"\nFlushes of {POINTS:,} readings, {len(alarms.limits):,} limits, {found / ROUNDS:.0f} changes a flush, in turn"
    )
    print("| | collector, CPU ms | database, CPU ms | together | median ms | p99 ms |\n|---|---|---|---|---|---|")
    rows = []
    for judged, label in ((False, "without limits"), (True, "with limits")):
        walls, own, theirs = ([one[n] * 1000 for one in took[judged][4:]] for n in range(3))
        row = statistics.mean(own), statistics.mean(theirs), statistics.mean(own) + statistics.mean(theirs)
        rows.append((*row, statistics.median(walls), float(np.percentile(walls, 99))))
        print(f"| {label} | " + " | ".join(f"{x:.1f}" for x in rows[-1]) + " |")
    print("| ratio | " + " | ".join(f"{b / a:.2f}" for a, b in zip(*rows, strict=True)) + " |")
    blocks = [_together(took[True][n : n + 20]) / _together(took[False][n : n + 20]) for n in range(4, ROUNDS - 19, 20)]
    said = ", ".join(f"{ratio:.2f}" for ratio in sorted(blocks))
    print(f"\nCPU together, each 20 flushes of either kind: {said}; median {statistics.median(blocks):.2f}")
    await connection.close()


@asynccontextmanager
async def store_running(settings: Settings):
    store = Store(settings, Spool(settings.spool_folder, settings.spool_max_bytes))
    store.spool.open()
    await store.connect()
    running = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()


async def measure_delay(url: str, *, flood: bool = False) -> None:
    """Answer as a plant does, with violations among the answers, and see when another session hears of each.

    `flood`: a thousand alarms within ten seconds, of which none may be missing.
    """
    watcher = await asyncpg.connect(url)
    heard: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=url, collector_name="delay", spool_directory=Path(folder))
        hear = {"ddms_alarms": lambda ids: heard.append((time.time(), ids))}
        async with listen(settings, "bench", hear), store_running(settings) as store:
            await with_limits(store.alarms, watcher)
            await plant(store, flood=flood)
            await asyncio.sleep(2)
    numbers = {int(number): moment for moment, ids in heard for number in ids.split(",")}
    rows = await watcher.fetch(
        "SELECT id, extract(epoch FROM time)::float8 AS time FROM alarm_events WHERE event = 'raised'"
    )
    delays = [numbers[row["id"]] - row["time"] for row in rows if row["id"] in numbers]
    if flood:
        raised = await watcher.fetchval(
            "SELECT count(DISTINCT alarm_id) FROM alarm_events WHERE kind = 'high_high' AND event = 'raised'"
        )
        print(
            f"\nA flood: {raised:,} of {FLOOD * FLOOD_SECONDS:,} alarms are raised, another session heard of {len(delays):,} entries"
        )
    p50, p99 = np.percentile(delays, [50, 99])
    seconds = FLOOD_SECONDS if flood else SECONDS
    print(f"\nFrom the violation to its row: {len(delays)} alarms in {seconds} s over {POINTS:,} readings a second: ")
    print(
        f"median {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, worst {max(delays) * 1000:.0f} ms (another session hears of it)"
    )
    await watcher.close()


async def plant(store: Store, *, flood: bool) -> None:
    """Answer for 1,000 units of 10 registers each second, spread over it."""
    blocks = []
    for unit in range(POINTS // 10):
        ((block,),) = [poll.blocks for poll in plan([point(unit * 10 + n + 1, n) for n in range(10)], RequestLimits())]
        block.slots = store.place(block.points, 1)
        blocks.append(block)
    dice = np.random.default_rng(1)
    quiet, loud = (50).to_bytes(2, "big"), (160).to_bytes(2, "big")
    begin = time.time()
    for second in range(FLOOD_SECONDS if flood else SECONDS):
        chosen = {int(unit) for unit in dice.choice(len(blocks), VIOLATIONS)}
        if flood:
            chosen = set(range(second * FLOOD, (second + 1) * FLOOD))
        for share in range(10):
            await asyncio.sleep(max(0.0, begin + second + share / 10 - time.time()))
            for unit in range(share, len(blocks), 10):
                data = (loud if unit in chosen else quiet) + quiet * 9
                store.answer(blocks[unit], int(time.time() * 1e6), data, Reason.GOOD)


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url = asyncio.run(prepared(server))
    asyncio.run(measure_flushes(url))
    asyncio.run(measure_delay(asyncio.run(prepared(server))))
    asyncio.run(measure_delay(asyncio.run(prepared(server)), flood=True))


if __name__ == "__main__":
    main()
