"""What publishing 10,000 readings a second to a real broker costs, and whether the collector's flushes feel it.

`DDMS_TEST_DATABASE_URL=… [DDMS_TEST_MOSQUITTO=…] python -m bench.mqtt`: the collector's own flush brings 1,000 devices of 10
points each second, ten times a second; first nobody publishes, then the publisher does, plainly with QoS 1, with QoS 0, and as
Sparkplug B. The broker is mosquitto; nobody subscribes, so what it has is what it acknowledged.
"""

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
import numpy as np

from bench.latest import prepared
from bench.processes import cpu_seconds, memory_mib
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch
from ddms.settings import MqttFormat, Settings
from tests.support.mqtt import broker_of

SECONDS, FLUSHES, SIZE = 10, 10, {"endpoints": 50, "units": 20, "registers": 10}
CASES = (
    ("nobody publishes", None),
    ("plain, QoS 1, retained", {}),
    ("plain, QoS 0, retained", {"mqtt_qos": 0}),
    ("Sparkplug B", {"mqtt_format": MqttFormat.SPARKPLUG}),
)


async def collect(connection: asyncpg.Connection) -> list[float]:
    """Flush as a collector does; return how many milliseconds each took, sorted."""
    points = np.array([row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id")])
    sequence = await connection.fetchval("SELECT sequence FROM collectors WHERE name = 'bench'")
    parts, taken, start = np.array_split(points, FLUSHES), [], time.monotonic()
    for turn in range(SECONDS * FLUSHES):
        await asyncio.sleep(max(0.0, start + turn / FLUSHES - time.monotonic()))
        readings = np.empty(len(parts[turn % FLUSHES]), READINGS)
        readings["point_id"], readings["time"] = parts[turn % FLUSHES], int(time.time() * 1e6)
        readings["value"] = np.random.default_rng(turn).normal(50, 10, len(readings))
        readings["quality"], readings["stored"] = 0, True
        began = time.perf_counter()
        await flush_batch(connection, "bench", sequence + turn + 1, Batch(readings, []))
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)


def publisher(settings: Settings) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-m", "api.mqtt.beside"], stdin=subprocess.PIPE)
    order = pickle.dumps(settings)
    process.stdin.write(len(order).to_bytes(4, "big") + order)
    process.stdin.flush()
    return process


async def published(connection: asyncpg.Connection, least: int) -> float:
    """Wait until the broker has so many; return when that was."""
    async with asyncio.timeout(60):
        while await connection.fetchval("SELECT heard IS NULL OR published < $1 FROM mqtt", least):  # noqa: ASYNC110 - a row tells nobody
            await asyncio.sleep(0.05)
    return time.monotonic()


async def measure(url: str, name: str, how: dict | None) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")
    await connection.execute("UPDATE mqtt SET heard = NULL, published = 0, seen_at = NULL, topics = '{}'")
    if how is None:
        taken, cost = await collect(connection), "– | – | –"
    else:
        with tempfile.TemporaryDirectory() as folder:
            async with broker_of(Path(folder)) as broker:
                process = publisher(replace(Settings(database_url=url), mqtt_url=broker.url, **how))
                await published(connection, 0)
                used = cpu_seconds(process.pid)
                taken = await collect(connection)
                ended = time.monotonic()
                count = SECONDS * 10_000
                late = await published(connection, count) - ended
                used = cpu_seconds(process.pid) - used
                cost = f"{used / count * 1e6:.1f} | {memory_mib(process.pid):.0f} | {late:.1f}"
                process.stdin.close()
                process.wait(20)
    await connection.close()
    print(f"| {name} | {taken[len(taken) // 2]:.0f} / {taken[int(len(taken) * 0.99)]:.0f} | {cost} |", flush=True)


def main() -> None:
    url, _ = asyncio.run(prepared(os.environ["DDMS_TEST_DATABASE_URL"], "bench_mqtt", **SIZE))
    print(
        "\n| | a flush, p50 / p99 ms | CPU of the publisher, µs a reading | its memory, MiB | all acknowledged after s |"
    )
    print("|---|---|---|---|---|", flush=True)
    for name, how in CASES:
        asyncio.run(measure(url, name, how))


if __name__ == "__main__":
    main()
