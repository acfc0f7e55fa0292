"""A working day's load in short: 200 clients of all kinds beside the collector's flush.

`DDMS_TEST_DATABASE_URL=… python -m bench.mix [--minutes 10] [--clients 200]`. 1,000 devices × 10 points are stored by the
collector's own flush, 10,000 readings each second. Of the clients 30 % look at the newest values of twenty devices, 20 %
at a day of a point, 20 % page through lists, 10 % change a device, 20 % follow a device by websocket. They think between
two questions as people and scripts do: 2 s in the mean, exponentially distributed. The clients are one more process. All
share the machine's cores, so the times hold the waiting for them.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from itertools import count

import asyncpg
import httpx2
import numpy as np
from websockets.asyncio.client import connect

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench.collector import fill, fresh_database
from bench.latest import free_port, until_ready
from bench.processes import TRUSTING, cpu_seconds, memory_mib, running
from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch
from ddms.database import _prepare

THINK_SECONDS = 2.0
SHARES = {"latest": 0.3, "series": 0.2, "devices": 0.2, "mutation": 0.1, "subscription": 0.2}
LATEST = "query MixLatest($d: [ID!]) { latest(devices: $d) { count columns { pointId time value quality } } }"
SERIES = (
    "query MixSeries($p: [ID!]!, $from: DateTime!) { series(points: $p, from: $from,"
    " maxPoints: 500) { count gaps { from to } columns { time value min max } } }"
)
DEVICES = "query MixDevices($after: String) { devices(first: 50, after: $after) { nodes { id name status { state lastSeen } } pageInfo { endCursor hasNextPage } } }"
CHANGE = "mutation MixChange($id: ID!, $v: Int!, $text: String) { updateDevice(id: $id, version: $v, changes: { description: $text }) { errors { code message } device { version } } }"
VERSION = "query MixDevice($id: ID!) { device(id: $id) { version } }"
FOLLOW = "subscription MixFollow($d: [ID!]) { readings(devices: $d) { kind columns { pointId time value quality } } }"


class Tally:
    """What the clients met: how long each kind took, and what went wrong."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.errors: dict[str, int] = defaultdict(int)

    def told(self) -> dict[str, dict]:
        """Return p50 and p99 in milliseconds, how many, and errors, by kind."""
        found = {}
        for kind in SHARES:
            times = np.array(self.taken[kind] or [np.nan])
            p50, p99 = np.percentile(times, (50, 99)).tolist()
            found[kind] = {"count": len(self.taken[kind]), "p50": p50, "p99": p99}
        return found | {"errors": dict(self.errors)}


class Person:
    """One client: it asks, thinks, asks again."""

    def __init__(self, kind: str, number: int, asked: dict, tally: Tally, client: httpx2.AsyncClient) -> None:
        self.kind, self.tally, self.client, self.asked = kind, tally, client, asked
        self.random = random.Random(number)
        self.mine = asked["devices"][number % len(asked["devices"])]
        self.cursor: str | None = None

    async def ask(self, query: str, **variables: object) -> dict:
        answer = await self.client.post("/graphql", json={"query": query, "variables": variables})
        found = answer.json()
        if found.get("errors"):
            raise RuntimeError(found["errors"][0]["message"])
        return found["data"]

    async def live(self) -> None:
        """Ask until cancelled; count what goes wrong and go on."""
        while True:
            await asyncio.sleep(self.random.expovariate(1 / THINK_SECONDS))
            began = time.perf_counter()
            try:
                await getattr(self, self.kind)()
                if self.kind != "subscription":
                    self.tally.taken[self.kind].append((time.perf_counter() - began) * 1000)
            except Exception as error:  # noqa: BLE001 - it is counted
                self.tally.errors[f"{self.kind}: {type(error).__name__}: {str(error)[:100]}"] += 1

    async def latest(self) -> None:
        found = await self.ask(LATEST, d=self.random.sample(self.asked["devices"], 20))
        assert found["latest"]["count"] == 200

    async def series(self) -> None:
        points = self.random.sample(self.asked["points"], 1)
        await self.ask(SERIES, p=points, **{"from": self.asked["day_ago"]})

    async def devices(self) -> None:
        page = (await self.ask(DEVICES, after=self.cursor))["devices"]["pageInfo"]
        self.cursor = page["endCursor"] if page["hasNextPage"] else None

    async def mutation(self) -> None:
        version = (await self.ask(VERSION, id=self.mine))["device"]["version"]
        text = f"changed {self.random.random()}"
        found = (await self.ask(CHANGE, id=self.mine, v=version, text=text))["updateDevice"]
        assert not found["errors"], found["errors"]

    async def subscription(self) -> None:
        """Follow a device for half a minute in the mean; each change is timed from its reading to here."""
        url = f"ws://127.0.0.1:{self.asked['port']}/graphql"
        until = time.monotonic() + self.random.expovariate(1 / 30)
        async with connect(url, subprotocols=["graphql-transport-ws"], compression=None) as socket:
            await socket.send(json.dumps({"type": "connection_init", "payload": {"token": self.asked["secret"]}}))
            await socket.recv()
            payload = {"query": FOLLOW, "variables": {"d": [self.mine]}}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            while time.monotonic() < until:
                message = json.loads(await socket.recv())
                assert message["type"] == "next", message
                event = message["payload"]["data"]["readings"]
                if event["kind"] == "CHANGES":
                    lag = time.time() * 1000 - max(event["columns"]["time"])
                    self.tally.taken["subscription"].append(lag)


async def clients(asked: dict) -> None:
    """Be all clients until a line comes, then tell."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tally = Tally()
    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * asked["clients"]))]
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    headers = {"Authorization": f"Bearer {asked['secret']}"}
    base = f"http://127.0.0.1:{asked['port']}"
    async with httpx2.AsyncClient(base_url=base, headers=headers, limits=limits, timeout=30) as client:
        people = [Person(kind, number, asked, tally, client) for number, kind in enumerate(kinds)]
        tasks = [asyncio.create_task(person.live()) for person in people]
        await lines.readline()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(tally.told()), flush=True)


async def ingest(url: str, points: list[int], seconds: float) -> list[float]:
    """Flush all points once a second; return how long each flush took, in milliseconds."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_INCOMING)
    await connection.execute("INSERT INTO collectors (name, version) VALUES ('bench', '0')")
    values, numbers, taken = np.random.default_rng(1), count(1), []
    began = time.monotonic()
    for number in numbers:
        if number > seconds:
            break
        readings = np.zeros(len(points), READINGS)
        readings["point_id"], readings["stored"], readings["time"] = points, True, int(time.time() * 1e6)
        readings["value"] = np.round(values.normal(50, 10, len(points)), 1)
        start = time.perf_counter()
        await flush_batch(connection, "bench", number, Batch(readings, []))
        taken.append((time.perf_counter() - start) * 1000)
        await asyncio.sleep(max(0.0, began + number - time.monotonic()))
    late = time.monotonic() - began - len(taken)
    print(f"\n{len(taken):,} flushes of {len(points):,} readings, the last one {max(0.0, late):.1f} s late")
    await connection.close()
    return taken


async def slow_operations(port: int) -> str:
    """Return what the API counted as slow: over a second, without the clients' own waiting."""
    async with httpx2.AsyncClient(timeout=30) as client:
        lines = (await client.get(f"http://127.0.0.1:{port}/metrics")).text.splitlines()
    return next(line.rpartition(" ")[2] for line in lines if line.startswith("ddms_api_slow_operations_total "))


async def prepare(url: str) -> tuple[str, list[int]]:
    """Make devices, a token of an admin, and a day of history of a hundred points."""
    await fill(url)
    connection = await asyncpg.connect(url)
    await _prepare(connection)
    _, secret = await create(Statements(connection), COMMAND_LINE, name="mix", role=Role.ADMIN, lifetime=lifetime(1))
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY id")]
    await connection.execute("INSERT INTO latest SELECT id, now(), 50, 0 FROM points")
    await connection.execute(
        "INSERT INTO readings SELECT t, p, 50 + random(), 0 FROM unnest($1::int[]) p,"
        " generate_series(now() - interval '1 day', now() - interval '1 min', interval '10 s') t",
        points[:100],
    )
    await connection.execute("CALL rebuild_rollups(now() - interval '25 hours', now())")
    await connection.execute("ANALYZE")
    await connection.close()
    return secret, points


async def devices_of(port: int, secret: str) -> list[str]:
    """Return the ids of all devices."""
    query = {"query": "{ latest { columns { deviceId } } }"}
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=30) as client:
        answer = (await client.post(f"http://127.0.0.1:{port}/graphql", json=query)).json()
    return sorted(set(answer["data"]["latest"]["columns"]["deviceId"]))


def report(told: dict, *, flushes: list[float], memory: list[float], cpu: float, minutes: float, people: int) -> None:
    """Print the tables."""
    errors = told.pop("errors")
    print(
        f"\n{people} clients beside 10,000 readings a second, {minutes:g} minutes; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    print("| | times | p50 ms | p99 ms |\n|---|---|---|---|")
    for kind, row in told.items():
        name = "subscription, from reading to client" if kind == "subscription" else kind
        print(f"| {name} | {row['count']:,} | {row['p50']:.0f} | {row['p99']:.0f} |")
    p50, p99 = np.percentile(flushes, (50, 99))
    print(f"| flush of 10,000 readings | {len(flushes)} | {p50:.0f} | {p99:.0f} |")
    print(f"\nErrors: {sum(errors.values())} {errors or ''}")
    print(
        f"The API: {cpu / minutes / 60:.0%} of a core; memory each tenth of the time, MiB: {', '.join(f'{m:.0f}' for m in memory)}"
    )


async def measure(url: str, points: list[int], asked: dict, api: int, minutes: float) -> None:
    """Run ingest and clients together; look at the memory eleven times."""
    seconds = minutes * 60
    command = [sys.executable, "-m", "bench.mix", "clients"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    assert process.stdin
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    before, memory = cpu_seconds(api), [memory_mib(api)]
    flushing = asyncio.create_task(ingest(url, points, seconds))
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
        memory.append(memory_mib(api))
    flushes = await flushing
    cpu = cpu_seconds(api) - before
    told, _ = await asyncio.to_thread(process.communicate, "end\n")
    print(f"Operations that took the API over a second: {await slow_operations(asked['port'])}")
    report(json.loads(told), flushes=flushes, memory=memory, cpu=cpu, minutes=minutes, people=asked["clients"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=200)
    arguments = parser.parse_args()
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_mix"))
    secret, points = asyncio.run(prepare(url))
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "error"} | TRUSTING
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
        asked = {
            "port": port,
            "secret": secret,
            "clients": arguments.clients,
            "devices": asyncio.run(devices_of(port, secret)),
        }
        asked["points"] = [f"pt_{point}" for point in points[:100]]
        asked["day_ago"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
        asyncio.run(measure(url, points, asked, api.pid, arguments.minutes))


if __name__ == "__main__":
    if sys.argv[1:] == ["clients"]:
        asyncio.run(clients(json.loads(sys.stdin.readline())))
    else:
        main()
