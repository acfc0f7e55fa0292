"""All of DDMS beyond one server, on this machine: started, shown, killed part by part, and counted.

`python -m bench.whole [--kills N] [--faults N] [--seed S] [--stay]`, or `make whole`. A PostgreSQL primary and a streaming
replica that takes over; at the site `mine` two collectors and a leaf node of NATS; at the centre the hub, two `ddms ingest`, a
third collector that writes to the database itself, two API replicas behind nginx, and Prometheus. The units count the reads
that they answered (`bench.faults`), a client asks ten times a second through nginx, and another one follows the readings. Each
part is killed (-9) once, then any of them until there were N kills. In the end each number that a unit sent must be in the
database once, but for the flush in flight of a collector that was killed. `--stay` leaves all running until Ctrl-C.

Without nginx or Prometheus on the machine it says so, and runs without them.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx2
import yaml

from bench import faults
from bench.faults_far import INGEST_METRICS, SITE, FarRun
from bench.latest import free_port, until_ready, viewers_token
from bench.pair import Pair
from bench.processes import TRUSTING, children
from bench.rolling import Listener
from tests.support.edge import NGINX, edge

HERE = Path(__file__).parents[1]
PROMETHEUS = shutil.which("prometheus")
QUESTION = "{ latest { columns { time } } }"
FRESH = 5.0  # seconds; all is well again when the last reading of each unit is younger
PATIENCE = 120.0


class Client(threading.Thread):
    """Asks what is newest ten times a second, and never twice when it fails; follows readings beside it."""

    def __init__(self, address: str, trust: ssl.SSLContext | None, secret: str, points: list[int]) -> None:
        super().__init__(daemon=True)
        self._address, self._trust = address, trust
        self._headers = {"Authorization": f"Bearer {secret}"}
        self.follower = Listener([f"pt_{point}" for point in points])
        self.asked = 0
        self.failed: list[str] = []
        self.took: list[float] = []
        self.age = float("inf")

    def run(self) -> None:
        asyncio.run(self._go())

    async def _go(self) -> None:
        following = asyncio.create_task(self.follower.follow(self._address, self._trust, self._headers))
        async with httpx2.AsyncClient(verify=self._trust or False, headers=self._headers, timeout=30) as client:
            while not following.done():
                await asyncio.gather(self._ask(client), asyncio.sleep(0.1))

    async def _ask(self, client: httpx2.AsyncClient) -> None:
        self.asked += 1
        began = time.perf_counter()
        try:
            answer = (await client.post(f"{self._address}/graphql", json={"query": QUESTION})).raise_for_status().json()
            times = answer["data"]["latest"]["columns"]["time"]
            self.age = time.time() - min(times) / 1000 if len(times) == faults.UNITS else float("inf")
        except (httpx2.HTTPError, TypeError, KeyError, ValueError) as error:
            self.failed.append(f"{type(error).__name__} {error}"[:150])
        self.took.append(time.perf_counter() - began)


class WholeRun(FarRun):
    """A run of everything."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        folder.chmod(0o755)  # PostgreSQL and nginx run as somebody else than root
        self.postgres = Pair(self.disk)  # type: ignore[assignment]
        self.ports = {name: free_port() for name in ("api 1", "api 2", "prometheus")}
        self.left = contextlib.ExitStack()
        self.client: Client | None = None
        self.told: list[tuple[str, float, int, int]] = []

    def start_collectors(self) -> None:
        self.postgres.copy()
        super().start_collectors()
        env = {k: v for k, v in self._central.items() if not k.startswith(("DDMS_NATS", "DDMS_INGEST"))}
        env |= {"DDMS_SPOOL_DIRECTORY": str(self.folder / "spool 3")}
        self.collectors.append(faults.Collector("three", env, self.log, faults.METRICS_PORT + 2))
        self.collectors[-1].start()
        for name in ("api 1", "api 2"):
            self.begin(name)
        for name in ("api 1", "api 2"):
            asyncio.run(until_ready(f"http://127.0.0.1:{self.ports[name]}"))
        secret, points = asyncio.run(self._token())
        address, trust = f"http://127.0.0.1:{self.ports['api 1']}", None
        if NGINX:
            replicas = ",".join(f"127.0.0.1:{self.ports[name]}" for name in ("api 1", "api 2"))
            (self.folder / "edge").mkdir()
            quick = {"API_REQUESTS_PER_MINUTE": "1000000"}
            self.front = self.left.enter_context(
                edge(self.folder / "edge", api=replicas, grafana=f"127.0.0.1:{free_port()}", **quick)
            )
            address, trust = self.front.https, self.front.trust()
            self.programs["nginx"] = self.front.process
        if PROMETHEUS:
            self._configure_prometheus()
            self.begin("prometheus")
        self.client = Client(address, trust, secret, points)
        self.client.start()
        self._show(address, secret)
        self._recovered()

    async def _assign(self) -> None:
        connection = await asyncpg.connect(self.postgres.url(database="faults"))
        await connection.execute(
            "UPDATE connections SET site = $1 WHERE id < 4", SITE
        )  # the fourth is the third collector's
        await connection.close()

    async def _token(self) -> tuple[str, list[int]]:
        connection = await asyncpg.connect(self.postgres.url(database="faults"))
        secret = await viewers_token(connection)
        points = [row["id"] for row in await connection.fetch("SELECT id FROM points WHERE key = 'count'")]
        await connection.close()
        return secret, points

    def _configure_prometheus(self) -> None:
        """Ask all programs, and judge by the rules that are shipped."""
        where = {
            "api": [self.ports["api 1"], self.ports["api 2"]],
            "collector": [collector.port for collector in self.collectors],
            "ingest": [INGEST_METRICS + 1, INGEST_METRICS + 2],
        }
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
            for name, ports in where.items()
        ]
        rules = [str(HERE / "provisioning/prometheus/rules/*.yaml")]
        whole = {"global": {"scrape_interval": "2s"}, "rule_files": rules, "scrape_configs": jobs}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(whole))

    def begin(self, name: str) -> None:
        environment = os.environ | TRUSTING | {"DDMS_DATABASE_URL": self._central["DDMS_DATABASE_URL"]}
        if name.startswith("api"):
            command: list[Any] = [sys.executable, "-m", "ddms", "api"]
            environment |= {"DDMS_API_PORT": str(self.ports[name]), "DDMS_TRUSTED_PROXIES": "127.0.0.1"}
        elif name == "nginx":
            command = list(self.front.command)
        elif name == "prometheus":
            here = f"127.0.0.1:{self.ports[name]}"
            data = self.folder / "prometheus"
            command = [
                PROMETHEUS,
                f"--config.file={data}.yml",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address={here}",
            ]
        else:
            super().begin(name)
            return
        with self.log.open("ab") as log:
            self.programs[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def _show(self, address: str, secret: str) -> None:
        shown = f"{address} (Authorization: Bearer {secret})"
        print(f"""
| part | where |
|---|---|
| PostgreSQL, primary and replica | {self.postgres.url(user="ddms_app", database="faults")} |
| NATS: hub, leaf node of the site `{SITE}` | ports {", ".join(str(p) for p in (20_120, 20_121))} |
| `ddms ingest` 1 and 2, metrics | ports {INGEST_METRICS + 1}, {INGEST_METRICS + 2} |
| collectors one, two (site `{SITE}`), three (at the centre), metrics | ports {", ".join(str(c.port) for c in self.collectors)} |
| `ddms api` 1 and 2 | ports {self.ports["api 1"]}, {self.ports["api 2"]} |
| {"nginx" if NGINX else "no nginx here: the API itself"} | {shown} |
| Prometheus | {f"http://127.0.0.1:{self.ports['prometheus']}" if PROMETHEUS else "not on this machine"} |
""", flush=True)  # fmt: skip

    def end(self) -> None:
        super().end()
        self.left.close()

    def kill_api(self) -> None:
        self._kill(self.random.choice(["api 1", "api 2"]))

    def kill_nginx(self) -> None:
        """With its workers, as a container ends; the master goes first, or it would start new ones meanwhile."""
        nginx = self.programs["nginx"]
        workers = children(nginx.pid)
        nginx.kill()
        for worker in workers:
            faults._signalled(worker, signal.SIGKILL)
        self._kill("nginx")

    def kill_prometheus(self) -> None:
        self._kill("prometheus")

    def kill_replica(self) -> None:
        self.postgres.restart_replica(self.random.uniform(0, 3))

    def kill_primary(self) -> None:
        """And let the replica take over."""
        self.postgres.promote(self.random.uniform(0, 2))

    def faults(self) -> dict[Callable[[], None], float]:
        here: dict[Callable[[], None], float] = {
            self.kill_collector: 5, self.kill_hub: 4, self.kill_leaf: 4, self.kill_ingest: 5, self.kill_replica: 3,
            self.kill_primary: 3, self.kill_api: 3,
        }  # fmt: skip
        return here | ({self.kill_nginx: 1} if NGINX else {}) | ({self.kill_prometheus: 1} if PROMETHEUS else {})

    @property
    def kills(self) -> int:
        return self.done.total()

    def fault(self) -> None:
        """Kill one part, and tell how long it was until the last reading of each unit was fresh again."""
        assert self.client
        before, asked, failed = self.done.copy(), self.client.asked, len(self.client.failed)
        began = time.monotonic()
        super().fault()
        (name,) = (self.done - before).keys()
        self._recovered()
        self.told.append((name, time.monotonic() - began, self.client.asked - asked, len(self.client.failed) - failed))
        if len(self.told) <= len(self.faults()):
            print(f"{name.replace('_', ' ')}: well again {self.told[-1][1]:.0f} s later", flush=True)

    def _recovered(self) -> None:
        assert self.client
        until = time.monotonic() + PATIENCE
        time.sleep(1.5)
        while self.client.age > FRESH:
            if time.monotonic() > until:
                raise RuntimeError(
                    f"not well after {PATIENCE:.0f} s: {self.client.failed[-3:]}\n{self.log.read_text()[-4000:]}"
                )
            time.sleep(0.2)

    def report(self) -> None:
        """Tell what became of questions, of the subscription, and what Prometheus saw."""
        assert self.client
        print(
            "\n| killed | times | well again after (median) | longest | questions asked | failed |\n|---|---|---|---|---|---|"
        )
        for name in sorted({name for name, *_ in self.told}):
            _, seconds, asked, failed = zip(*(row for row in self.told if row[0] == name), strict=True)
            print(
                f"| {name.removeprefix('kill_')} | {len(seconds)} | {median(seconds):.1f} s | {max(seconds):.1f} s | {sum(asked)} | {sum(failed)} |"
            )
        took = sorted(self.client.took)
        print(
            f"\nquestions {len(took):,}, failed {len(self.client.failed):,}; median {median(took) * 1000:.0f} ms, p99 {took[len(took) * 99 // 100] * 1000:.0f} ms"
        )
        follower = self.client.follower
        print(
            f"readings that the subscriber heard {len(follower.heard):,}, gaps that it was told {len(follower.gaps)}, connections that ended {len(follower.codes)}"
        )
        if PROMETHEUS:
            url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/targets"
            targets = httpx2.get(url).json()["data"]["activeTargets"]
            print(f"Prometheus: {sum(one['health'] == 'up' for one in targets)} of {len(targets)} targets up")


if __name__ == "__main__":
    faults.main(WholeRun)
