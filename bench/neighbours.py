"""Bad neighbours: what honest clients feel while somebody else asks for all that is allowed.

`DDMS_TEST_DATABASE_URL=… python -m bench.neighbours [--seconds 60]`. 20 honest clients of one token ask for newest values,
a day of a point and pages of devices, and follow a device; they think for half a second in the mean. First they are alone,
then beside them, one after the other: an outsider without a token, a viewer, an admin, and Grafana's role with its
password, each in the worst way that it may. The attackers are a process of their own with the lowest priority: a real one
has another machine. The promise: p99 at most 2 × quiet, no error, memory back to within 5 %.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import httpx2
from websockets.asyncio.client import connect

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench import mix
from bench.collector import fresh_database
from bench.latest import free_port, until_ready
from bench.processes import memory_mib, running
from ddms.database import _prepare
from tests.support.hostile import HOSTILE

HONEST, AT_ONCE, REST_SECONDS = 20, 32, 8
GRAFANA_PASSWORD = "bench"
DEAR = "query { devices(first: 90) { nodes { id name points { id key name unit address scale offset latest { value quality } } } } } # %d"
SIGN_IN = 'mutation { signIn(name: "n%d", password: "guess") { errors { code } } }'
FOLLOW = "subscription ($d: [ID!]) { readings(devices: $d) { a%d: readings { time value quality reason key unit } } }"
GROUP = 'mutation { createGroup(input: {name: "g%d"}) { errors { code } } }'
POINTS = "mutation ($id: ID!, $p: [PointInput!]!) { createPoints(device: $id, points: $p) { errors { code } points { id } } }"
SQL = (
    "SELECT count(*) FROM generate_series(1, 3000000) a ORDER BY 1",
    "SELECT md5(string_agg(md5(n::text), '' ORDER BY md5(n::text))) FROM generate_series(1, 1000000) n",
)


class Attacker:
    """Somebody who asks for as much as is allowed, and counts what became of it."""

    def __init__(self, asked: dict, client: httpx2.AsyncClient) -> None:
        self.asked, self.client = asked, client
        self.told: Counter[str] = Counter()
        self.number = 0

    async def ask(self, query: str, **variables: object) -> None:
        self.number += 1
        query = query.replace("%d", str(self.number))
        answer = (await self.client.post("/graphql", json={"query": query, "variables": variables})).json()
        errors = answer.get("errors") or next(iter(answer["data"].values())).get("errors")
        self.told[(errors[0].get("extensions") or errors[0])["code"] if errors else "served"] += 1

    async def again(self, what: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await what()
            except (httpx2.HTTPError, OSError, ValueError, asyncpg.PostgresError) as error:
                self.told[type(error).__name__] += 1
                await asyncio.sleep(0.01)

    def outsider(self) -> list[Awaitable[None]]:
        documents = list(HOSTILE.values())

        async def hostile() -> None:
            await self.ask(random.choice(documents) + " # %d")

        async def half_heads() -> None:
            _, writer = await asyncio.open_connection("127.0.0.1", self.asked["port"])
            with suppress(ConnectionError):
                writer.write(b"GET / HTTP/1.1\r\nX-A: " + b"x" * 60_000)
                await writer.drain()
                await asyncio.sleep(15)
            writer.transport.abort()

        ways = [lambda: self.ask(SIGN_IN)] * AT_ONCE + [hostile] * AT_ONCE + [half_heads] * AT_ONCE
        return [self.again(way) for way in ways]

    def viewer(self) -> list[Awaitable[None]]:
        schema = (
            "{ "
            + " ".join(f"a{n}: __schema {{ types {{ name fields {{ name type {{ name }} }} }} }}" for n in range(6))
            + " } # %d"
        )
        samples = "query ($p: [ID!]!, $from: DateTime!) { series(points: $p, from: $from, raw: true) { samples(first: 3000) { nodes { time value } } } } # %d"

        async def export() -> None:
            params = {"device": self.asked["devices"][:50], "from": "-1d"}
            async with self.client.stream("GET", "/export", params=params) as response:
                self.told[f"export {response.status_code}"] += 1
                async for _ in response.aiter_raw(4096):
                    await asyncio.sleep(0.05)

        async def follow() -> None:
            url = f"ws://127.0.0.1:{self.asked['port']}/graphql"
            async with connect(url, subprotocols=["graphql-transport-ws"], max_size=None) as socket:
                await socket.send(json.dumps({"type": "connection_init", "payload": {"token": self.asked["viewer"]}}))
                for n in range(100):
                    payload = {"query": FOLLOW % n, "variables": {"d": self.asked["devices"][:200]}}
                    await socket.send(json.dumps({"id": str(n), "type": "subscribe", "payload": payload}))
                async for message in socket:
                    self.told["refused subscription" if '"error"' in message[:60] else "event"] += 1

        async def dear() -> None:
            await self.ask(DEAR)

        async def history() -> None:
            await self.ask(samples, p=self.asked["points"][:10], **{"from": self.asked["day_ago"]})

        async def questions() -> None:
            await self.ask(schema)

        ways = [dear] * AT_ONCE + [history] * AT_ONCE + [questions] * AT_ONCE + [export] * 6 + [follow] * 2
        return [self.again(way) for way in ways]

    def admin(self) -> list[Awaitable[None]]:
        points = [{"key": f"x{n}", "registerTable": "HOLDING", "address": n, "dataType": "INT16"} for n in range(2_000)]

        async def many() -> None:
            await self.ask(POINTS, id=self.asked["devices"][0], p=points)

        async def groups() -> None:
            await self.ask(GROUP)

        async def dear() -> None:
            await self.ask(DEAR)

        return [self.again(way) for way in [many] * 8 + [groups] * AT_ONCE + [dear] * AT_ONCE]

    def grafana(self) -> list[Awaitable[None]]:
        async def sql() -> None:
            connection = await asyncpg.connect(self.asked["grafana_url"], timeout=10)
            try:
                while True:
                    try:
                        await connection.fetch(random.choice(SQL))
                        self.told["served"] += 1
                    except asyncpg.PostgresError as error:
                        self.told[type(error).__name__] += 1
            finally:
                connection.terminate()

        return [self.again(sql) for _ in range(AT_ONCE)]


async def attack(asked: dict) -> None:
    """Attack for so long, then tell what came of it."""
    os.nice(19)
    token = asked.get(asked["who"])
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{asked['port']}", headers=headers, limits=limits, timeout=60
    ) as client:
        attacker = Attacker(asked, client)
        tasks = [asyncio.ensure_future(work) for work in getattr(attacker, asked["who"])()]
        await asyncio.sleep(asked["seconds"])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(attacker.told), flush=True)


def process(what: str, asked: dict) -> subprocess.Popen:
    command = [sys.executable, "-m", "bench.neighbours", what]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdin
    started.stdin.write(json.dumps(asked) + "\n")
    started.stdin.flush()
    return started


def honest(asked: dict, seconds: float) -> dict:
    """Be the honest clients for so long; return their times and errors."""
    clients = process("honest", asked)
    time.sleep(seconds)
    told, _ = clients.communicate("end\n")
    return json.loads(told)


async def prepare(url: str) -> dict:
    """Fill the database; return tokens and what can be asked for."""
    secret, points = await mix.prepare(url)
    connection = await asyncpg.connect(url)
    await _prepare(connection)
    asked = {"secret": secret, "points": [f"pt_{point}" for point in points[:100]], "clients": HONEST}
    for role in (Role.VIEWER, Role.ADMIN):
        _, asked[role.value] = await create(
            Statements(connection), COMMAND_LINE, name=f"bad {role.value}", role=role, lifetime=lifetime(1)
        )
    await connection.execute(f"ALTER ROLE ddms_grafana LOGIN PASSWORD '{GRAFANA_PASSWORD}'")
    await connection.close()
    asked["day_ago"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
    place = urlsplit(url)
    host = place.netloc.rpartition("@")[2]
    asked["grafana_url"] = place._replace(netloc=f"ddms_grafana:{GRAFANA_PASSWORD}@{host}").geturl()
    return asked


def slowest(told: dict) -> dict[str, float]:
    return {kind: told[kind]["p99"] for kind in ("latest", "series", "devices")}


def measure(asked: dict, api: int, seconds: float) -> None:
    """Measure quiet, then each attack; print the table."""
    honest(asked, 10)  # what is made once is made
    quiet = honest(asked, seconds)
    before, usual = memory_mib(api), slowest(quiet)
    print(f"\n{HONEST} honest clients beside each neighbour, {seconds:g} s each; load {os.getloadavg()[0]:.1f}")
    print(
        "| | latest p99 ms | series p99 ms | devices p99 ms | worst × quiet | errors | MiB after | what became of the attack |"
    )
    print("|---|---|---|---|---|---|---|---|")
    shown = " | ".join(f"{value:.0f}" for value in usual.values())
    print(f"| quiet | {shown} | 1.0 | {sum(quiet['errors'].values())} | {before:.0f} | – |", flush=True)
    for who in asked["attackers"]:
        attacker = process("attack", asked | {"who": who, "seconds": seconds + 4})
        time.sleep(2)
        told = honest(asked, seconds)
        became, _ = attacker.communicate()
        time.sleep(REST_SECONDS)
        times = slowest(told)
        worst = max(times[kind] / usual[kind] for kind in times)
        shown = " | ".join(f"{value:.0f}" for value in times.values())
        what = ", ".join(f"{name} {n:,}" for name, n in Counter(json.loads(became or "{}")).most_common(6))
        errors = f"{sum(told['errors'].values())} {told['errors'] or ''}"
        print(f"| {who} | {shown} | {worst:.1f} | {errors} | {memory_mib(api):.0f} | {what} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--attackers", default="outsider,viewer,admin,grafana")
    arguments = parser.parse_args()
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_neighbours"))
    asked = asyncio.run(prepare(url)) | {"attackers": arguments.attackers.split(",")}
    asked["port"] = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(asked["port"]), "DDMS_LOG_LEVEL": "error"}
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        asyncio.run(until_ready(f"http://127.0.0.1:{asked['port']}"))
        asked["devices"] = asyncio.run(mix.devices_of(asked["port"], asked["secret"]))
        measure(asked, api.pid, arguments.seconds)


if __name__ == "__main__":
    if sys.argv[1:] == ["honest"]:
        mix.THINK_SECONDS = 0.5
        mix.SHARES = {"latest": 0.4, "series": 0.2, "devices": 0.2, "subscription": 0.2}
        asyncio.run(mix.clients(json.loads(sys.stdin.readline())))
    elif sys.argv[1:] == ["attack"]:
        asyncio.run(attack(json.loads(sys.stdin.readline())))
    else:
        main()
