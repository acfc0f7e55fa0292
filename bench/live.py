"""From a reading's time to its subscriber, and what a delivered message costs.

`DDMS_TEST_DATABASE_URL=… python -m bench.live`: the collector's own flush (COPY, latest, NOTIFY) ten times a second
brings 100 devices × 10 points each second to 100 graphql-transport-ws subscribers of all of them. The peer: a bare
Starlette websocket that sends one encoded text of the same size to as many clients, as often.
"""

import asyncio
import json
import os
import re
import sys
import time

import asyncpg
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import connect

from bench.latest import free_port, prepared, until_ready
from bench.processes import cpu_seconds, memory_mib, running
from collector.decode import READINGS, Batch
from collector.flush import MAKE_INCOMING, store

DEVICES, POINTS, SUBSCRIBERS, SECONDS, FLUSHES = 100, 10, 100, 10, 10
SLOW = 10
QUERY = "subscription ($devices: [ID!]) { readings(devices: $devices) { kind columns { pointId time value quality } } }"
_TIME = re.compile(r'"time":\[(\d+)')


class Heard:
    """What the clients heard."""

    def __init__(self):
        self.lags: list[float] = []
        self.messages = self.characters = 0

    def take(self, text: str) -> None:
        now = time.time()
        self.messages += 1
        self.characters += len(text)
        if match := _TIME.search(text):
            self.lags.append((now - int(match[1]) / 1000) * 1000)


async def subscriber(address: str, secret: str, devices: list[str], heard: Heard, ready: asyncio.Semaphore) -> None:
    async with connect(
        f"{address}/graphql", subprotocols=["graphql-transport-ws"], compression=None, max_size=None
    ) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"token": secret}}))
        await socket.recv()
        payload = {"query": QUERY, "variables": {"devices": devices}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert '"SNAPSHOT"' in await socket.recv()
        ready.release()
        async for text in socket:
            if '"CHANGES"' in text:
                heard.take(text)


async def sleeper(address: str, secret: str, devices: list[str], ready: asyncio.Semaphore) -> None:
    """A client that asks and never reads."""
    options = {"subprotocols": ["graphql-transport-ws"], "compression": None, "max_queue": 1}
    async with connect(f"{address}/graphql", **options) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"token": secret}}))
        await socket.recv()
        payload = {"query": QUERY, "variables": {"devices": devices}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        socket.transport.pause_reading()
        ready.release()
        await asyncio.sleep(600)


async def collect(url: str, points: np.ndarray) -> None:
    """Flush as a collector does: each point once a second, a part of them in each flush."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")
    parts = np.array_split(points, FLUSHES)
    start = time.monotonic()
    for turn in range(SECONDS * FLUSHES):
        await asyncio.sleep(max(0.0, start + turn / FLUSHES - time.monotonic()))
        readings = np.empty(len(parts[turn % FLUSHES]), READINGS)
        readings["point_id"], readings["time"] = parts[turn % FLUSHES], int(time.time() * 1e6)
        readings["value"] = np.random.default_rng(turn).normal(50, 10, len(readings))
        readings["quality"], readings["stored"] = 0, True
        await store(connection, "bench", turn + 1, Batch(readings, []))
    await asyncio.sleep(0.5)
    await connection.close()


async def through_ddms(url: str, secret: str, port: int, pid: int, *, slow: int) -> tuple[Heard, float]:
    """Return what was heard, and the API's CPU in microseconds for each delivered message."""
    connection = await asyncpg.connect(url)
    devices = [f"dev_{row['id']}" for row in await connection.fetch("SELECT id FROM devices")]
    points = np.array([row["id"] for row in await connection.fetch("SELECT id FROM points")])
    await connection.execute("TRUNCATE readings")
    await connection.close()
    await until_ready(f"http://127.0.0.1:{port}")
    heard, ready, address = Heard(), asyncio.Semaphore(0), f"ws://127.0.0.1:{port}"
    tasks = [asyncio.create_task(subscriber(address, secret, devices, heard, ready)) for _ in range(SUBSCRIBERS - slow)]
    tasks += [asyncio.create_task(sleeper(address, secret, devices, ready)) for _ in range(slow)]
    for _ in tasks:
        await ready.acquire()
    before = cpu_seconds(pid)
    await collect(url, points)
    used = cpu_seconds(pid) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard, used / heard.messages * 1e6


async def through_bare(size: int, port: int) -> float:
    """Return the peer's CPU in microseconds for each delivered message."""
    command = [sys.executable, "-m", "bench.live", "bare", str(port), str(size)]
    heard = Heard()

    async def listen():
        async with connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None) as socket:
            async for text in socket:
                heard.take(text)

    with running(*command) as bare:
        await _listening(port)
        tasks = [asyncio.create_task(listen()) for _ in range(SUBSCRIBERS)]
        await asyncio.sleep(1)
        before, already = cpu_seconds(bare.pid), heard.messages
        await asyncio.sleep(SECONDS)
        used, messages = cpu_seconds(bare.pid) - before, heard.messages - already
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return used / messages * 1e6


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise TimeoutError(port)


def serve_bare(port: int, size: int) -> None:
    """Send one text to all websockets, as often as the collector flushes."""
    sockets, text = set(), "x" * size

    async def endpoint(socket):
        await socket.accept()
        sockets.add(socket)
        try:
            await socket.receive()
        finally:
            sockets.discard(socket)

    async def push():
        for _ in range(60 * FLUSHES):
            await asyncio.sleep(1 / FLUSHES)
            for socket in tuple(sockets):
                await socket.send_text(text)
        server.should_exit = True

    async def run():
        task = asyncio.create_task(push())
        await server.serve()
        task.cancel()

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    config = uvicorn.Config(app, port=port, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error")
    server = uvicorn.Server(config)
    import uvloop  # noqa: PLC0415

    uvloop.run(run())


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_live", endpoints=10, units=DEVICES // 10, registers=POINTS))
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"}
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    rows = []
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        for label, slow in ((f"{SUBSCRIBERS} subscribers", 0), (f"{SLOW} of them never read", SLOW)):
            heard, cost = asyncio.run(through_ddms(url, secret, port, api.pid, slow=slow))
            rows.append((label, heard, cost))
        memory = memory_mib(api.pid)
    size = rows[0][1].characters // rows[0][1].messages
    bare = asyncio.run(through_bare(size, free_port()))
    print(
        f"\nRead to subscriber: {DEVICES} devices × {POINTS} points each second in {FLUSHES} flushes (goal: p99 under 250 ms)"
    )
    print("| | p50 ms | p99 ms | messages/s | CPU µs/message | × bare |\n|---|---|---|---|---|---|")
    for label, heard, cost in rows:
        lags = sorted(heard.lags)
        p50, p99 = lags[len(lags) // 2], lags[int(0.99 * len(lags))]
        print(f"| {label} | {p50:.1f} | {p99:.1f} | {heard.messages / SECONDS:.0f} | {cost:.0f} | {cost / bare:.2f} |")
    print(f"| bare Starlette, {size} characters | – | – | {SUBSCRIBERS * FLUSHES} | {bare:.0f} | 1.00 |")
    print(f"\nThe API's memory afterwards: {memory:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        serve_bare(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
