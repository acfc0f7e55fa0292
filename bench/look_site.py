"""What `bench.look` and `bench.dashboards` look at: the filled database, polled meanwhile; the API, Grafana and nginx before it."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2

from api.access.tokens import create, lifetime
from api.ground import signing
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench import look_field, look_plant
from bench.collector import fresh_database
from bench.latest import free_port, until_ready
from bench.processes import running
from ddms.database import connect
from ddms.settings import Settings
from migrations import migrate
from tests.support import grafana
from tests.support.cookies import signed_in
from tests.support.edge import NGINX, edge

DATABASE = "ddms_bench_look"
PROMETHEUS = shutil.which("prometheus")
CHOSEN = {
    "device": "var-device=13",
    "group": "var-group=1",
    "consumption": "&".join(f"var-devices={n}" for n in range(3, 64, 4)),
    "report": "var-devices=13&var-devices=1&var-points=$__all&var-by=day",
    "history": "var-devices=1&var-devices=13&var-points=$__all",
    "alarm-history": "var-device=13&var-point=121",
}
"""What is chosen on dashboards that show little before: a pump on which an alarm stands, and its group; sixteen meters."""
PEOPLE = "DELETE FROM users WHERE name IN ('look-en', 'look-zh')"


@dataclass(frozen=True, kw_only=True)
class Site:
    """What runs: Grafana's address, how each language's person is signed in, the database's URL."""

    base: str
    cookies: dict[str, str]
    database: str


def url_of(server: str) -> str:
    """Return where the filled database is on a server."""
    return urlsplit(server)._replace(path=f"/{DATABASE}").geturl()


async def filled(server: str, devices: int, days: int, *, anew: bool = False) -> str:
    """Return the URL of the filled database: that of an earlier run where there is one of this size, else a new one."""
    url = url_of(server)
    if not anew and (await look_plant.standing(url)).startswith(look_plant.size(devices, days)):
        await migrate(url)
        connection = await asyncpg.connect(url)
        await look_plant.refresh(connection, devices, days)
    else:
        await fresh_database(server, DATABASE)
        connection = await asyncpg.connect(url)
        await look_plant.fill(connection, devices, days)
    await grafana.let_in(connection)
    await connection.close()
    return url


@contextlib.asynccontextmanager
async def site(url: str, folder: Path) -> AsyncIterator[Site]:
    """Start all of it; `folder` gets what the programs write."""
    owner = await connect(Settings(database_url=url), "bench")
    await owner.execute(PEOPLE)
    _, secret = await create(Statements(owner), COMMAND_LINE, name="look", role=Role.VIEWER, lifetime=lifetime(1))
    people = {one: await signed_in(owner, f"look-{one}", "owner", language=one) for one in ("en", "zh")}
    await owner.close()
    signing.ensure(folder / "keys")
    api, port = free_port(), free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(api), "DDMS_KEYS_DIRECTORY": str(folder / "keys"), "DDMS_TRUSTED_PROXIES": "127.0.0.1",
                   "DDMS_GRAFANA_URL": f"http://127.0.0.1:{port}", "DDMS_LOG_LEVEL": "warning", "DDMS_DISK_PATH": str(folder)}  # fmt: skip
    for name in [name for name in os.environ if name.startswith("DDMS_") and not name.startswith("DDMS_TEST_")]:
        del os.environ[name]
    limits = {"API_REQUESTS_PER_MINUTE": "6000", "PAGE_REQUESTS_PER_MINUTE": "600000"}
    collector, counter = free_port(), free_port()
    program = running(sys.executable, "-m", "ddms", "api", env=environment, log=folder / "api.log")
    with program, watched(folder, api=api, collector=collector, edge=counter) as metrics:
        await until_ready(f"http://127.0.0.1:{api}")
        asking = asyncio.create_task(asked(f"http://127.0.0.1:{api}", secret))
        front_of = edge(folder, api=f"127.0.0.1:{api}", grafana=f"127.0.0.1:{port}", **limits)
        with front_of as front, measured(folder, url, collector, counter):
            started = grafana.running(folder, front, port, url, PROMETHEUS_URL=metrics)
            await asyncio.to_thread(started.__enter__)
            try:
                cookies = {language: person.cookie["Cookie"] for language, person in people.items()}
                yield Site(base=f"{front.https}/grafana", cookies=cookies, database=url)
            finally:
                asking.cancel()
                await asyncio.to_thread(started.__exit__, None, None, None)


QUESTIONS = (
    "query Fleet { devices(first: 50) { nodes { id name status { state } } } }",
    "query Newest { latest { count columns { pointId time value } } }",
    "query Alarms { alarms(first: 50) { edges { node { id priority } } } }",
    'query Missing { device(id: "dev_0") { name } }',
)


async def asked(url: str, secret: str) -> None:
    """Ask the API now and then, so that its dashboard has something to show."""
    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {secret}"}, timeout=60) as client:
        while True:
            for question in (*QUESTIONS[:3] * 6, QUESTIONS[3]):
                with contextlib.suppress(httpx2.HTTPError):
                    await client.post("/graphql", json={"query": question})
                await asyncio.sleep(0.5)


@contextlib.contextmanager
def watched(folder: Path, **ports: int) -> Iterator[str]:
    """Let a Prometheus ask these programs, where one is installed; give its address."""
    address = f"127.0.0.1:{free_port()}"
    if PROMETHEUS:
        jobs = "".join(
            f"  - job_name: {job}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
            for job, port in ports.items()
        )
        (folder / "prometheus.yml").write_text(f"global: {{scrape_interval: 5s}}\nscrape_configs:\n{jobs}")
        command = [PROMETHEUS, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address={address}"]  # fmt: skip
        with running(*command, log=folder / "prometheus.log"):
            yield f"http://{address}"
    else:
        yield f"http://{address}"


@contextlib.contextmanager
def measured(folder: Path, url: str, collector: int, counter: int) -> Iterator[None]:
    """Run what else a Prometheus asks: the collector of what is really there, and the counter of the edge's requests."""
    if not PROMETHEUS:
        yield
        return
    environment = {"DDMS_DATABASE_URL": url, "DDMS_COLLECTOR_NAME": look_field.COLLECTOR, "DDMS_COLLECTOR_METRICS_PORT": str(collector),
                   "DDMS_SPOOL_DIRECTORY": str(folder / "spool"), "DDMS_LOG_LEVEL": "warning"}  # fmt: skip
    (folder / "spool").mkdir()
    edge_log = ("-m", "ddms.edge", "--socket", str(folder / "edge-log"), "--port", str(counter))
    with (
        running(sys.executable, "-m", "ddms", "collector", env=environment, log=folder / "collector.log"),
        running(sys.executable, *edge_log, log=folder / "edge.log"),
    ):
        yield


def missing() -> list[str]:
    """Return what the look needs and this machine has not."""
    needed = {
        "Grafana (its home folder in --grafana or DDMS_TEST_GRAFANA, or an installed one)": grafana.HOME,
        "nginx": NGINX,
        "Chromium": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    }
    return [name for name, found in needed.items() if not found]
