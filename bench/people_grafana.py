"""What it costs that nginx asks the API for each request to Grafana.

`DDMS_TEST_DATABASE_URL=… DDMS_TEST_GRAFANA=… python -m bench.people_grafana`: an identity at the API, one client and 16;
then the same question to Grafana straight, with an identity at hand, and through the edge, which fetches one. Without nginx
or Grafana the second part is left out.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import httpx2

from api.ground import signing
from bench.latest import free_port, fresh_database, until_ready
from bench.processes import cpu_seconds, running
from tests.support import grafana
from tests.support.cookies import Person, signed_in
from tests.support.edge import NGINX, edge

REQUESTS, CLIENTS = 2_000, 16


async def timed(client: httpx2.AsyncClient, url: str, headers: dict[str, str], times: int) -> list[float]:
    """Return how long each of so many requests took, in milliseconds, one after the other."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        answer = await client.get(url, headers=headers)
        taken.append((time.perf_counter() - began) * 1e3)
        assert answer.status_code == 200, answer.text
    return taken


def row(name: str, taken: list[float], more: str = "") -> None:
    taken = sorted(taken)
    print(f"{name:<44}{statistics.median(taken):8.2f}{taken[int(len(taken) * 0.99)]:8.2f}  {more}", flush=True)


async def identities(url: str, cookie: dict[str, str], api: int) -> None:
    """Ask the API as nginx does."""
    headers = cookie | {"X-Original-Method": "GET", "X-Original-URI": "/grafana/api/user"}
    where = f"{url}/auth/grafana"
    async with httpx2.AsyncClient(timeout=60) as client:
        await timed(client, f"{url}/health", {}, 300)
        row("the API: /health, for comparison", await timed(client, f"{url}/health", {}, REQUESTS))
        before = cpu_seconds(api)
        taken = await timed(client, where, headers, REQUESTS)
        cpu = (cpu_seconds(api) - before) / REQUESTS * 1e6
        row("the API: an identity, one client", taken, f"{cpu:.0f} µs of processor each")
        many = await asyncio.gather(*(timed(client, where, headers, REQUESTS // CLIENTS) for _ in range(CLIENTS)))
        row(f"the API: an identity, {CLIENTS} clients in one process", [one for each in many for one in each])


async def dashboards(folder: Path, api: int, database: str, person: Person, keys: Path) -> None:
    """Ask Grafana with and without the question before."""
    port = free_port()
    with edge(folder, api=f"127.0.0.1:{api}", grafana=f"127.0.0.1:{port}", PAGE_REQUESTS_PER_MINUTE="600000") as front:
        started = grafana.running(folder, front, port, database)
        own = await asyncio.to_thread(started.__enter__)
        try:
            name, cookie = f"usr_{person.id}", person.cookie
            claims = {
                "iss": "ddms",
                "aud": "grafana",
                "sub": name,
                "login": name,
                "email": f"{name}@ddms.invalid",
                "name": "ann",
                "role": "Admin",
            }
            identity = {"X-DDMS-Identity": signing.Keys(keys).sign(claims)}
            async with httpx2.AsyncClient(verify=front.trust(), timeout=60) as client:
                straight, through = f"{own}/grafana/api/user", f"{front.https}/grafana/api/user"
                await timed(client, straight, identity, 20)
                await timed(client, through, cookie, 20)
                pairs = [
                    (await timed(client, straight, identity, 1), await timed(client, through, cookie, 1))
                    for _ in range(400)
                ]
                row("Grafana: an API call, straight", [one for one, _ in pairs for one in one])
                row("Grafana: the same through nginx and the API", [two for _, two in pairs for two in two])
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def measure(url: str) -> None:
    database = await fresh_database(url, "bench_people_grafana")
    owner = await asyncpg.connect(database)
    person = await signed_in(owner, "ann", "owner")
    await grafana.let_in(owner)
    with tempfile.TemporaryDirectory() as folder:
        keys, port = Path(folder) / "keys", free_port()
        signing.ensure(keys)
        env = {"DDMS_DATABASE_URL": database, "DDMS_API_PORT": str(port), "DDMS_KEYS_DIRECTORY": str(keys),
               "DDMS_TRUSTED_PROXIES": "127.0.0.1", "DDMS_LOG_LEVEL": "warning"}  # fmt: skip
        with running(sys.executable, "-m", "ddms", "api", env=env) as api:
            await until_ready(f"http://127.0.0.1:{port}")
            print(f"{'ms':<44}{'median':>8}{'99 %':>8}")
            await identities(f"http://127.0.0.1:{port}", person.cookie, api.pid)
            if NGINX and grafana.HOME:
                await dashboards(Path(folder), port, database, person, keys)
    await owner.close()


def main() -> None:
    asyncio.run(measure(os.environ["DDMS_TEST_DATABASE_URL"]))


if __name__ == "__main__":
    main()
