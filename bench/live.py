"""From a reading's time to its subscriber, and what a delivered message costs.

`DDMS_TEST_DATABASE_URL=… python -m bench.live`: the collector's own flush (COPY, latest, NOTIFY) four times a second
brings 1,000 devices, each read once a second, to 1,000 graphql-transport-ws subscribers of all of them: all asking in
the same words, then in ten different ones, then with ten among them who never read. The peer: a bare Starlette
websocket that sends one encoded text of the same size to as many clients, as often. The clients are one more process.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import asyncpg
import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from bench.latest import free_port, prepared, until_ready
from bench.live_clients import Asked
from bench.processes import TRUSTING, cpu_seconds, memory_mib, running
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch

DEVICES, SUBSCRIBERS, SECONDS, FLUSHES, SLOW = 1_000, 1_000, 8, 4, 10
CASES = (
    (f"{SUBSCRIBERS:,} subscribers, one document", 1, 0),
    ("ten different documents", 10, 0),
    (f"{SLOW} of them never read", 1, SLOW),
)


async def collect(url: str) -> None:
    """Flush as a collector does: each point once a second, a part of them in each flush."""
    connection = await asyncpg.connect(url)
    points = np.array([row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id")])
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")
    parts = np.array_split(points, FLUSHES)
    sequence = await connection.fetchval("SELECT sequence FROM collectors WHERE name = 'bench'")
    start = time.monotonic()
    for turn in range(SECONDS * FLUSHES):
        await asyncio.sleep(max(0.0, start + turn / FLUSHES - time.monotonic()))
        readings = np.empty(len(parts[turn % FLUSHES]), READINGS)
        readings["point_id"], readings["time"] = parts[turn % FLUSHES], int(time.time() * 1e6)
        readings["value"] = np.random.default_rng(turn).normal(50, 10, len(readings))
        readings["quality"], readings["stored"] = 0, True
        await flush_batch(connection, "bench", sequence + turn + 1, Batch(readings, []))
    await asyncio.sleep(0.5)
    await connection.close()


@contextmanager
def clients(asked: Asked):
    """Run the clients until all have their snapshot; ask them at the end what they heard."""
    command = [sys.executable, "-m", "bench.live_clients"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        process.stdin.write(json.dumps(asked._asdict()) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"

        def heard() -> dict:
            process.stdin.write("tell\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield heard
        process.stdin.close()


def through_ddms(url: str, secret: str, port: int, pid: int, *, documents: int, slow: int) -> tuple[dict, float]:
    """Return what was heard, and the API's CPU in microseconds for each delivered message."""
    asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
    with clients(Asked(port, SUBSCRIBERS - slow, slow, secret, documents)) as heard:
        before = cpu_seconds(pid)
        asyncio.run(collect(url))
        used = cpu_seconds(pid) - before
        told = heard()
    return told, used / told["messages"] * 1e6


def through_bare(size: int, port: int) -> float:
    """Return the peer's CPU in microseconds for each delivered message."""
    with running(sys.executable, "-m", "bench.live", "bare", str(port), str(size)) as bare:
        asyncio.run(_listening(port))
        with clients(Asked(port, SUBSCRIBERS, 0, "", 0)) as heard:
            before, already = cpu_seconds(bare.pid), heard()["messages"]
            time.sleep(SECONDS)
            return (cpu_seconds(bare.pid) - before) / (heard()["messages"] - already) * 1e6


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

    app = Starlette(routes=[WebSocketRoute("/graphql", endpoint)])
    config = uvicorn.Config(app, port=port, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error")
    server = uvicorn.Server(config)
    import uvloop  # noqa: PLC0415

    uvloop.run(run())


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_live", endpoints=10, units=DEVICES // 10, registers=1))
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    rows = []
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        for label, documents, slow in CASES:
            rows.append((label, *through_ddms(url, secret, port, api.pid, documents=documents, slow=slow)))
        memory = memory_mib(api.pid)
    size = rows[0][1]["characters"] // rows[0][1]["messages"]
    bare = through_bare(size, free_port())
    print(
        f"\nRead to subscriber: {DEVICES:,} devices each second in {FLUSHES} flushes (goals: p99 < 250 ms, ≤ 1.2 × bare)"
    )
    print("| | p50 ms | p99 ms | messages/s | CPU µs/message | × bare |\n|---|---|---|---|---|---|")
    for label, heard, cost in rows:
        rate = heard["messages"] / SECONDS
        print(f"| {label} | {heard['p50']:.1f} | {heard['p99']:.1f} | {rate:,.0f} | {cost:.0f} | {cost / bare:.2f} |")
    print(f"| bare Starlette, {size:,} characters | – | – | {SUBSCRIBERS * FLUSHES:,} | {bare:.0f} | 1.00 |")
    print(f"\nThe API's memory afterwards: {memory:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        serve_bare(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
