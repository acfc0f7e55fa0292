"""The steps up to what one machine can run: 100, 1,000 and 10,000 devices of 10 points, each read each 10 seconds.

`python -m bench.steps [--devices N,N] [--seconds 60]`. A primary and its streaming replica with TimescaleDB, three collectors that
share the lines among themselves, two APIs that read from the replica behind nginx, Prometheus, which scrapes them all; a client asks
ten times a second for a device's last values and an hour of a point, another one follows a device. Told are what each part took of
a core and of memory, how many of the readings that were due are rows, how old a reading was when it was committed, and how
long an answer took. The plant, the clients and this program run on the same cores, and are told as one line more.
"""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import uvloop
import yaml

from bench.collector import PORT, fill
from bench.latest import free_port, until_ready, viewers_token
from bench.nats import Ears
from bench.processes import TRUSTING, children, cpu_seconds, plant, running
from bench.rolling import Listener
from ddms.sizes import Plant
from tests.support.edge import Edge, edge
from tests.support.replica import Pair, folder_of, pair, processes

UNITS, INTERVAL = 20, 10
"""Devices on a line; seconds between two reads."""
SETTLE = 25.0
COLLECTORS = ("one", "two", "three")
QUESTION = """query ($device: ID!, $point: ID!, $from: DateTime!) {
  latest(devices: [$device]) { columns { value time } }
  series(points: [$point], from: $from) { columns { time value } }
}"""
STORED = "SELECT count(*) FROM readings WHERE time >= to_timestamp($1) AND time < to_timestamp($2)"
SHARES = "SELECT collector, count(*) FROM leases WHERE expires_at > now() GROUP BY 1 ORDER BY 1"
PACE = """SELECT count(*) FILTER (WHERE overrun_since IS NOT NULL) AS overrun, count(*) FILTER (WHERE state = 'online') AS online
  FROM device_states"""


class Client:
    """Asks for what an operator looks at, of one device after the other."""

    def __init__(self, devices: int) -> None:
        self.devices = devices
        self.took: list[float] = []

    async def run(self, address: str, trust: Any, headers: dict[str, str]) -> None:
        chance = random.Random(1)
        async with httpx2.AsyncClient(verify=trust, headers=headers, timeout=30) as client:
            while True:
                device = chance.randint(1, self.devices)
                hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
                variables = {"device": f"dev_{device}", "point": f"pt_{10 * device}", "from": hour_ago}
                began = time.perf_counter()
                answer = await client.post(f"{address}/graphql", json={"query": QUESTION, "variables": variables})
                assert answer.status_code == 200, answer.text[:500]
                assert b'"errors"' not in answer.content, answer.text[:500]
                self.took.append(time.perf_counter() - began)
                await asyncio.sleep(max(0.0, 0.1 - self.took[-1]))


def _prometheus(folder: Path, port: int, metrics: list[int]) -> list[str]:
    """Write what Prometheus scrapes, each 15 s as we ship it; return its command."""
    targets = [f"127.0.0.1:{metric}" for metric in metrics]
    jobs = {
        "global": {"scrape_interval": "15s"},
        "scrape_configs": [{"job_name": "ddms", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(jobs))
    return [
        shutil.which("prometheus") or "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


@contextmanager
def programs(both: Pair, folder: Path) -> Iterator[tuple[dict[str, list[int]], Edge]]:
    """Run all; give the processes of each part, and the front."""
    ours = {"DDMS_DATABASE_URL": both.url(both.primary), "DDMS_DATABASE_ROLE": "ddms_app", "DDMS_LOG_LEVEL": "warning"}
    found: dict[str, list[int]] = {}
    ports = [free_port() for _ in range(5)]
    with ExitStack() as stack:

        def start(part: str, *command: str, **env: str) -> None:
            log = folder / f"{part} {len(found.get(part, []))}.log"
            found.setdefault(part, []).append(stack.enter_context(running(*command, env=ours | env, log=log)).pid)

        for port in ports[:2]:
            env = TRUSTING | {"DDMS_API_PORT": str(port), "DDMS_TRUSTED_PROXIES": "127.0.0.1"}
            start("two APIs", sys.executable, "-m", "ddms", "api", **env, DDMS_REPLICA_URLS=both.url(both.replica))
        for port in ports[:2]:
            asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
        for name, port in zip(COLLECTORS, ports[2:], strict=True):
            env = {"DDMS_COLLECTOR_NAME": name, "DDMS_COLLECTOR_METRICS_PORT": str(port)}
            spool = str(folder / f"spool {name}")
            start("three collectors", sys.executable, "-m", "ddms", "collector", **env, DDMS_SPOOL_DIRECTORY=spool)
        if shutil.which("prometheus"):
            start("Prometheus", *_prometheus(folder, free_port(), ports))
        replicas = ",".join(f"127.0.0.1:{port}" for port in ports[:2])
        (folder / "edge").mkdir()
        front = stack.enter_context(
            edge(folder / "edge", api=replicas, grafana=f"127.0.0.1:{free_port()}", API_REQUESTS_PER_MINUTE="1000000")
        )
        found["nginx"] = [front.process.pid, *children(front.process.pid)]
        yield found, front


def spent(pids: list[int]) -> float:
    """Return the processor time of processes, and of those that they started and that ended."""
    total = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            total += cpu_seconds(pid)
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return total


def memory_of(pids: list[int]) -> float:
    """Return the memory of processes in MiB; what they share is counted once."""
    total = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
            total += int(lines["Pss"].split()[0]) / 1024
    return total


async def prepared(url: str, devices: int) -> str:
    """Make the devices; return a viewer's token."""
    await fill(url, endpoints=devices // UNITS, units=UNITS, changes=(f"UPDATE points SET interval_s = {INTERVAL}",))
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE")
    secret = await viewers_token(connection)
    await connection.close()
    return secret


async def measure(
    both: Pair, found: dict[str, list[int]], front: Edge, secret: str, *, devices: int, seconds: float
) -> None:
    """Look at what runs, as people do, and tell the step."""
    connection, ears = await asyncpg.connect(both.url(both.primary)), Ears()
    await connection.add_listener(await connection.fetchval("SELECT channel('ddms_readings')"), ears)
    looking = front.https, front.trust(), {"Authorization": f"Bearer {secret}"}
    client, follower = Client(devices), Listener([f"pt_{number}" for number in range(1, 11)])
    beside = [asyncio.create_task(client.run(*looking)), asyncio.create_task(follower.follow(*looking))]
    await asyncio.sleep(SETTLE)
    before = {name: spent(pids) for name, pids in _parts(both, found).items()}
    since, client.took, ears.ages, heard = time.time(), [], [], len(follower.heard)
    await asyncio.sleep(seconds)
    now, until = _parts(both, found), time.time()
    used = {name: spent(pids) - before[name] for name, pids in now.items()}
    memory = {name: memory_of(pids) for name, pids in now.items()}
    heard = len(follower.heard) - heard
    took, ages = statistics.quantiles(client.took, n=100), statistics.quantiles(ears.ages, n=100)
    for task in beside:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.sleep(5)  # until what was read is stored
    stored = await connection.fetchval(STORED, since, until)
    pace, shares = await connection.fetchrow(PACE), await connection.fetch(SHARES)
    await connection.close()
    _tell(devices, until - since, stored, used, memory)
    print(
        f"a reading was committed {1000 * ages[49]:.0f} ms after it was read (p99 {1000 * ages[98]:.0f} ms);"
        f" {len(client.took)} answers, median {1000 * took[49]:.1f} ms, p99 {1000 * took[98]:.1f} ms; the follower heard"
        f" {heard}; devices online {pace['online']:,}, behind their interval {pace['overrun']};"
        f" lines of each collector {', '.join(str(row[1]) for row in shares)}; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _parts(both: Pair, found: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the processes of each part; a server's come and go."""
    plants = [p for p in children(os.getpid()) if b"bench.plant" in Path(f"/proc/{p}/cmdline").read_bytes()]
    servers = {"primary": both.primary, "replica": both.replica}
    return (
        found
        | {name: processes(folder_of(server)) for name, server in servers.items()}
        | {"plant, clients, this": [os.getpid(), *plants]}
    )


def _tell(devices: int, taken: float, stored: int, used: dict[str, float], memory: dict[str, float]) -> None:
    due = devices * 10 / INTERVAL * taken
    print(f"\n{devices:,} devices: {stored / taken:,.0f} readings/s, {100 * stored / due:.1f} % of what was due\n")
    print("| part | cores | MiB |\n|---|---|---|")
    for name, seconds in used.items():
        print(f"| {name} | {seconds / taken:.3f} | {memory[name]:.0f} |")
    ours = sum(seconds for name, seconds in used.items() if name not in {"replica", "plant, clients, this"}) / taken
    print(f"\nwithout replica and plant {ours:.3f} cores; `ddms size` says {Plant(devices=devices).cores:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", default="100,1000,10000")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    os.environ["DDMS_TEST_DURABLE"] = "1"
    for devices in map(int, arguments.devices.split(",")):
        with tempfile.TemporaryDirectory(prefix="ddms-steps-") as name, pair() as both:
            Path(name).chmod(0o755)  # nginx runs as somebody else than root
            for variable in [variable for variable in os.environ if variable.startswith("DDMS_")]:
                if variable != "DDMS_TEST_DURABLE":
                    del os.environ[variable]
            secret = asyncio.run(prepared(both.url(both.primary), devices))
            with plant(PORT, devices // UNITS), programs(both, Path(name)) as (found, front):
                uvloop.run(measure(both, found, front, secret, devices=devices, seconds=arguments.seconds))


if __name__ == "__main__":
    main()
