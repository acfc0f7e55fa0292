"""From a violation to its subscriber: 100 subscribers of `alarms`, over a real API and the collector's own store.

`DDMS_TEST_DATABASE_URL=… python -m bench.alarm_live`. The plant of `bench.alarms` answers 10,000 registers a second under
40,000 limits; first 20 violations a second, then a flood of 100. What the subscribers heard is held against the journal.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import asyncpg
import numpy as np
import orjson
from websockets.asyncio.client import connect

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench import alarms
from bench.latest import free_port, until_ready
from bench.processes import TRUSTING, cpu_seconds, running
from ddms.settings import Settings

SUBSCRIBERS = 100
CASES = (("20 violations a second", False), ("a flood: 1,000 alarms in 10 s", True))
ALARMS = "subscription { alarms { kind transitions { id event time alarm { id state deviceName } } } }"


async def subscribe(port: int, secret: str) -> tuple[list[float], set[str]]:
    """Follow until nothing comes for three seconds after something came; return delays and the ids that were heard."""
    delays, ids = [], set()
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"], max_size=None, compression=None) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {secret}"}}))
        await socket.recv()
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": ALARMS}}))
        while True:
            try:
                async with asyncio.timeout(5 if ids else 200):
                    message = orjson.loads(await socket.recv())
            except TimeoutError:
                return delays, ids
            now = time.time()
            for one in message["payload"]["data"]["alarms"]["transitions"]:
                ids.add(one["id"])
                if one["event"] == "RAISED":
                    delays.append(now - datetime.fromisoformat(one["time"]).timestamp())


async def follow(port: int, secret: str) -> None:
    """Be all subscribers, and print what they heard."""
    heard = await asyncio.gather(*(subscribe(port, secret) for _ in range(SUBSCRIBERS)))
    delays = np.concatenate([delays for delays, _ in heard])
    p50, p99 = np.percentile(delays, [50, 99])
    least, most = min(len(ids) for _, ids in heard), max(len(ids) for _, ids in heard)
    print(json.dumps({"p50": p50, "p99": p99, "worst": delays.max(), "least": least, "most": most}))


async def violate(url: str, *, flood: bool) -> int:
    """Let the plant answer; return how many entries the journal got."""
    connection = await asyncpg.connect(url)
    before = await connection.fetchval("SELECT count(*) FROM alarm_events")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=url, collector_name="live", spool_directory=Path(folder))
        async with alarms.store_running(settings) as store:
            await alarms.with_limits(store.alarms, connection)
            await alarms.plant(store, flood=flood)
            await asyncio.sleep(2)
    after = await connection.fetchval("SELECT count(*) FROM alarm_events")
    await connection.close()
    return after - before


async def token(url: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
    )
    _, secret = await create(Statements(connection), COMMAND_LINE, name="bench", role=Role.VIEWER, lifetime=lifetime(1))
    await connection.close()
    return secret


def main() -> None:
    url = asyncio.run(alarms.prepared(os.environ["DDMS_TEST_DATABASE_URL"]))
    secret, port = asyncio.run(token(url)), free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    print(
        f"\nFrom a violation to {SUBSCRIBERS} subscribers\n| | entries | heard by each | p50 ms | p99 ms | worst ms | CPU of the API |"
    )
    print("|---|---|---|---|---|---|---|")
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
        for label, flood in CASES:
            command = [sys.executable, "-m", "bench.alarm_live", "follow", str(port), secret]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as clients:
                time.sleep(5)
                used = cpu_seconds(api.pid)
                entries = asyncio.run(violate(url, flood=flood))
                heard = json.loads(clients.communicate()[0])
            used = cpu_seconds(api.pid) - used
            times = " | ".join(f"{heard[name] * 1000:.0f}" for name in ("p50", "p99", "worst"))
            print(
                f"| {label} | {entries} | {heard['least']} to {heard['most']} | {times} | {used / (alarms.FLOOD_SECONDS if flood else alarms.SECONDS):.0%} |"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["follow"]:
        asyncio.run(follow(int(sys.argv[2]), sys.argv[3]))
    else:
        main()
