"""An update of the API: two replicas behind the edge are ended and started again in turn, while they are asked and listened to.

`DDMS_TEST_DATABASE_URL=… python -m bench.rolling`: 16 clients ask 10,000 questions over HTTPS through the real nginx with our
configuration; beside them four clients of graphql-transport-ws follow what a collector's flushes bring, and come back with
their resume token when a replica says that it goes. What fails, and what a subscriber never got, is counted: none may be.
"""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx2
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.latest import free_port, prepared, until_ready
from bench.processes import TRUSTING
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch
from tests.support.edge import edge

QUESTIONS, CLIENTS, SUBSCRIBERS = 10_000, 16, 4
PAUSE = 1.0  # seconds for which both replicas run between two changes
LIVE = "subscription ($points: [ID!], $from: String) { readings(points: $points, resumeFrom: $from) { kind resumeToken gaps { reason } columns { pointId time } } }"
QUESTION = "{ devices(first: 5) { totalCount nodes { name points { key latest { value } } } } }"


class Update:
    """Two replicas, of which one after the other is replaced, for as long as the block lasts."""

    def __init__(self, url: str, ports: list[int]) -> None:
        self._environment = {
            "DDMS_DATABASE_URL": url,
            "DDMS_LOG_LEVEL": "error",
            "DDMS_TRUSTED_PROXIES": "127.0.0.1",
        } | TRUSTING
        self._ports = ports
        self._replicas: dict[int, subprocess.Popen[bytes]] = {}
        self.replaced = 0

    def _start(self, port: int) -> None:
        command = [sys.executable, "-m", "ddms", "api"]
        self._replicas[port] = subprocess.Popen(
            command, env=os.environ | self._environment | {"DDMS_API_PORT": str(port)}
        )

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Replace replicas in turn."""
        for port in self._ports:
            self._start(port)
            await until_ready(f"http://127.0.0.1:{port}")
        task = asyncio.create_task(self._replace())
        try:
            yield
        finally:
            ended = task.done()
            task.cancel()
            (told,) = await asyncio.gather(task, return_exceptions=True)
            for replica in self._replicas.values():
                replica.terminate()
            for replica in self._replicas.values():
                await asyncio.to_thread(replica.wait, 30)
            if ended:
                raise RuntimeError("the update stopped") from told

    async def _replace(self) -> None:
        while True:
            for port in self._ports:
                await asyncio.sleep(PAUSE)
                self._replicas[port].send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(self._replicas[port].wait, 30)
                assert code in {0, -signal.SIGTERM}, code
                self._start(port)
                await until_ready(f"http://127.0.0.1:{port}")
                self.replaced += 1


class Asked:
    """What became of the questions."""

    def __init__(self) -> None:
        self.left = QUESTIONS
        self.took: list[float] = []
        self.failed: list[str] = []

    async def ask(self, address: str, trust: ssl.SSLContext, headers: dict[str, str]) -> None:
        """Ask until all questions were asked, each as a program does that never tries twice."""
        async with httpx2.AsyncClient(verify=trust, headers=headers, timeout=30) as client:
            while self.left > 0:
                self.left -= 1
                began = time.perf_counter()
                try:
                    answer = await client.post(f"{address}/graphql", json={"query": QUESTION})
                    if answer.status_code != 200 or b'"errors"' in answer.content:
                        self.failed.append(f"{answer.status_code} {answer.text[:100]}")
                except httpx2.HTTPError as error:
                    self.failed.append(repr(error))
                self.took.append(time.perf_counter() - began)


class Listener:
    """A client that follows readings, and comes back where it was when a connection ends."""

    def __init__(self, points: list[str]) -> None:
        self._points = points
        self.heard: set[tuple[str, int]] = set()
        self.gaps: list[Any] = []
        self.codes: list[int] = []
        self._token: str | None = None
        self.begun = asyncio.Event()

    async def follow(self, address: str, trust: ssl.SSLContext, headers: dict[str, str]) -> None:
        """Follow for ever."""
        while True:
            with suppress(OSError, InvalidStatus, ConnectionClosed, TimeoutError):
                await self._once(address, trust, headers)
            await asyncio.sleep(0.1)

    async def _once(self, address: str, trust: ssl.SSLContext, headers: dict[str, str]) -> None:
        url = address.replace("https", "wss") + "/graphql"
        async with connect(url, subprotocols=["graphql-transport-ws"], ssl=trust, max_size=None) as socket:  # type: ignore[list-item]
            try:
                await socket.send(json.dumps({"type": "connection_init", "payload": headers}))
                await socket.recv()
                payload = {"query": LIVE, "variables": {"points": self._points, "from": self._token}}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                async for text in socket:
                    message = json.loads(text)
                    assert message["type"] not in {"error", "complete"}, text
                    if message["type"] == "next":
                        self._take(message["payload"]["data"]["readings"])
            finally:
                if socket.close_code:
                    self.codes.append(socket.close_code)

    def _take(self, event: dict[str, Any]) -> None:
        self._token = event["resumeToken"] or self._token
        self.gaps += event["gaps"] or []
        columns = event["columns"] or {"pointId": [], "time": []}
        self.heard.update(zip(columns["pointId"], columns["time"], strict=True))
        self.begun.set()


async def collect(url: str, points: list[int], told: list[tuple[str, int]]) -> None:
    """Flush ten times a second, as a collector does."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0') ON CONFLICT DO NOTHING")
    sequence = await connection.fetchval("SELECT sequence FROM collectors WHERE name = 'bench'")
    try:
        while True:
            sequence += 1
            readings = np.zeros(len(points), READINGS)
            readings["point_id"], readings["time"] = points, time.time_ns() // 1_000_000 * 1000
            readings["stored"] = True
            await flush_batch(connection, "bench", sequence, Batch(readings, []))
            told += [(f"pt_{point}", int(readings["time"][0]) // 1000) for point in points]
            await asyncio.sleep(0.1)
    finally:
        connection.terminate()


async def measure(url: str, secret: str, folder: Path) -> None:
    connection = await asyncpg.connect(url)
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id LIMIT 100")]
    await connection.close()
    ports = [free_port(), free_port()]
    update, headers = Update(url, ports), {"Authorization": f"Bearer {secret}"}
    quick = {"API_REQUESTS_PER_MINUTE": "1000000"}
    replicas = ",".join(f"127.0.0.1:{port}" for port in ports)
    with edge(folder, api=replicas, grafana=f"127.0.0.1:{free_port()}", **quick) as front:
        trust = front.trust()
        async with update.going_on():
            told: list[tuple[str, int]] = []
            listeners = [Listener([f"pt_{point}" for point in points]) for _ in range(SUBSCRIBERS)]
            following = [asyncio.create_task(one.follow(front.https, trust, headers)) for one in listeners]
            async with asyncio.timeout(60):
                await asyncio.gather(*(one.begun.wait() for one in listeners))
            collecting = asyncio.create_task(collect(url, points, told))
            asked = Asked()
            began = time.perf_counter()
            await asyncio.gather(*(asked.ask(front.https, trust, headers) for _ in range(CLIENTS)))
            seconds = time.perf_counter() - began
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
            await asyncio.sleep(10)  # until the last of them is back
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    took, failed = sorted(asked.took), asked.failed
    lost = [len(set(told) - one.heard) for one in listeners]
    codes = sorted({code for one in listeners for code in one.codes})
    print(f"load {os.getloadavg()[0]:.1f}; {update.replaced} replicas replaced in {seconds:.0f} s")
    print(
        f"questions {len(took):,}, failed {len(failed):,}; median {median(took) * 1000:.0f} ms, p99 {took[len(took) * 99 // 100] * 1000:.0f} ms, longest {took[-1] * 1000:.0f} ms"
    )
    print(f"readings told {len(told):,}; of {SUBSCRIBERS} subscribers each lost {lost}, gaps {[len(one.gaps) for one in listeners]}, "
          f"connections ended {[len(one.codes) for one in listeners]} times with {codes}")  # fmt: skip
    for sentence in failed[:5]:
        print("  ", sentence)
    if failed or any(lost):
        sys.exit(1)


def main() -> None:
    url, secret = asyncio.run(
        prepared(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_rolling", endpoints=5, units=10)
    )
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(url, secret, Path(folder)))


if __name__ == "__main__":
    main()
