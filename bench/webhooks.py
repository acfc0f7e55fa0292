"""Webhooks under a flood: 100,000 alarms in a minute, told to three targets of which one hangs and one answers 500.

`DDMS_TEST_DATABASE_URL=… python -m bench.webhooks`. A real API tells a receiver in this process; meanwhile somebody asks a
small query each 50 ms. Delays are from the entry in the journal to the receiver.
"""

import asyncio
import os
import statistics
import sys
import time
from contextlib import suppress
from datetime import datetime

import asyncpg
import httpx2

from bench.latest import free_port, prepared, until_ready
from bench.processes import TRUSTING, cpu_seconds, memory_mib, running
from tests.support.receiver import Receiver, receiving, says

EVENTS, SECONDS, AT_ONCE = 100_000, 60, 1_000
CALM, MOST_SECONDS = 20, 240
TARGET = "INSERT INTO webhooks (name, url, secret, created_by, device_states) VALUES ($1, $2, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'bench', false)"
HAPPEN = """INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, value)
SELECT clock_timestamp(), id, n % 1000 + 1, kind, priority, 'raised', 'unacknowledged', n FROM alarms, generate_series(1, $1) n WHERE id = 1"""


async def happen(connection: asyncpg.Connection, count: int, each: int, pause: float) -> None:
    begun = time.monotonic()
    for turn in range(count // each):
        await connection.execute(HAPPEN, each)
        await asyncio.sleep(max(0.0, begun + (turn + 1) * pause - time.monotonic()))


async def asking(address: str, taken: list[float]) -> None:
    async with httpx2.AsyncClient() as client:
        while True:
            began = time.perf_counter()
            await client.post(f"{address}/graphql", json={"query": "{ __typename }"})
            taken.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.05)


def told(receiver: Receiver, came: list[float]) -> str:
    """Return p50 and p99 of the delays in ms."""
    delays = sorted(
        (at - datetime.fromisoformat(one.json["timestamp"]).timestamp()) * 1000
        for one, at in zip(receiver.got, came, strict=False)
    )
    return f"{statistics.median(delays):,.0f} | {delays[int(len(delays) * 0.99)]:,.0f}"


async def measure(url: str, address: str, pid: int) -> None:
    connection = await asyncpg.connect(url)
    async with receiving() as good, receiving() as hanging, receiving() as broken:
        came: list[float] = []

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.append(time.time())
            await says(204)(reader, writer)

        good.answer, broken.answer = take, says(500)
        hanging.answer = lambda *_: asyncio.sleep(11)
        for name, target in (("good", good), ("hangs", hanging), ("fails", broken)):
            await connection.execute(TARGET, name, target.url)
        await happen(connection, CALM, 1, 0.5)
        await good.wait(CALM)
        print(f"| calm, 2 a second | {CALM} | {len(good.got)} | {told(good, came)} | – | – | – |")
        good.got.clear()
        came.clear()
        taken: list[float] = []
        asker = asyncio.create_task(asking(address, taken))
        memory, used, begun = memory_mib(pid), cpu_seconds(pid), time.monotonic()
        await happen(connection, EVENTS, AT_ONCE, SECONDS * AT_ONCE / EVENTS)
        written = time.monotonic() - begun
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_SECONDS), good.came:
                await good.came.wait_for(lambda: len(good.got) >= EVENTS)
        lasted = time.monotonic() - begun
        asker.cancel()
        taken.sort()
        used = cpu_seconds(pid) - used
        events = [int(one.event[4:]) for one in good.got]
        lanes: dict[str, list[int]] = {}
        for one in good.got:
            lanes.setdefault(one.json["data"]["deviceId"], []).append(int(one.event[4:]))
        ordered = all(own == sorted(own) for own in lanes.values())
        print(
            f"| {EVENTS:,} in {written:.0f} s | {EVENTS:,} | {len(set(events)):,}, {len(events) - len(set(events))} twice, {'of each device in order' if ordered else 'NOT in order'}, after {lasted:.0f} s: {len(events) / lasted:,.0f} a second "
            f"| {told(good, came)} | {statistics.median(taken):.1f} / {taken[int(len(taken) * 0.99)]:.1f} | {memory_mib(pid) - memory:.0f} | {used / lasted:.0%} |"
        )
        rows = await connection.fetch(
            "SELECT name, lost, (SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id AND state = 'waiting') AS waiting FROM webhooks w ORDER BY id"
        )
        print("\n" + "; ".join(f"{row['name']}: {row['waiting']:,} wait, {row['lost']:,} lost" for row in rows))
        print(f"the target that hangs was asked {len(hanging.got)} times, the one that fails {len(broken.got)} times")
    await connection.close()


def main() -> None:
    url, _ = asyncio.run(prepared(os.environ["DDMS_TEST_DATABASE_URL"], "bench_webhooks"))
    port = free_port()
    environment = {
        "DDMS_DATABASE_URL": url,
        "DDMS_API_PORT": str(port),
        "DDMS_LOG_LEVEL": "warning",
        "DDMS_WEBHOOK_TARGETS": "127.0.0.0/8",
    }
    print(
        "\n| | alarms | told to the target that is well | p50 ms | p99 ms | a small query meanwhile, p50 / p99 ms | API's memory grew by MiB | CPU of the API |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with running(sys.executable, "-m", "ddms", "api", env=environment | TRUSTING) as api:
        asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
        asyncio.run(measure(url, f"http://127.0.0.1:{port}", api.pid))


if __name__ == "__main__":
    main()
