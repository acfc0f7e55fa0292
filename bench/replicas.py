"""What a streaming replica takes off the primary, and what a second program of the API adds.

`python -m bench.replicas`: a primary and its replica on this machine, both of our own. Clients ask for a day of ten points, as
fast as they are answered, while a collector's flushes go on; in turn with and without the replica, by one program of the API
and by two; and for next to nothing, which the API alone answers. Told are answers a second, the median and the 99th percentile of their time, and the primary's CPU for each answer.
Both servers share this machine's cores: what is to be seen is where the work goes, not how much more two machines do.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from bench.latest import free_port
from bench.processes import TRUSTING, cpu_seconds, running
from bench.smallest import request_of, wait
from ddms.database import connect
from ddms.settings import Settings
from tests.support.flushing import Collector
from tests.support.replica import Pair, folder_of, pair, processes

POINTS, WRITTEN, CLIENTS, SECONDS = 10, 500, 8, 8.0
FILL = """INSERT INTO readings (time, point_id, value, quality)
SELECT t, p.id, random() * 100, 0 FROM points p, generate_series(now() - interval '1 day', now(), '10 s') t WHERE p.id <= $1"""
MAKE = """WITH c AS (INSERT INTO connections (endpoint) VALUES ('tcp://10.0.0.1:502') RETURNING id),
d AS (INSERT INTO devices (name, connection_id, unit_id) SELECT 'Bench', id, 1 FROM c RETURNING id)
INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)
SELECT d.id, 'p' || n, 'p' || n, 'holding', n, 'uint16', 1 FROM d, generate_series(1, $1) n"""


async def prepared(url: str) -> str:
    """Fill the primary; return a viewer's token."""
    connection = await connect(Settings(database_url=url), "bench")
    await connection.execute(MAKE, WRITTEN)
    await connection.execute(FILL, POINTS)
    await connection.execute("ANALYZE")
    _, secret = await create(Statements(connection), COMMAND_LINE, name="bench", role=Role.VIEWER, lifetime=lifetime(1))
    await connection.close()
    return secret


async def write(url: str) -> None:
    """Flush as a collector does, twice a second."""
    connection = await asyncpg.connect(url)
    collector = await Collector.started(connection, f"bench {time.monotonic()}")
    while True:
        await collector.flush(*((point, 1.0) for point in range(1, WRITTEN + 1)))
        await asyncio.sleep(0.5)


async def ask(port: int, request: bytes, taken: list[float], until: float) -> None:
    """Ask again and again."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        assert b'"errors"' not in body, body[:500]
        taken.append(time.perf_counter() - began)
    writer.close()


async def load(url: str, ports: list[int], request: bytes) -> list[float]:
    """Return how long each answer took."""
    writing, taken = asyncio.create_task(write(url)), list[float]()
    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(ask(ports[n % len(ports)], request, taken, until) for n in range(CLIENTS)))
    writing.cancel()
    return taken


@contextmanager
def served(both: Pair, programs: int, *, replica: bool, secret: str) -> Iterator[list[int]]:
    """Run so many programs of the API; give their ports."""
    environment = {"DDMS_DATABASE_URL": both.url(both.primary), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    environment |= {"DDMS_REPLICA_URLS": both.url(both.replica)} if replica else {}
    ports = [free_port() for _ in range(programs)]
    with ExitStack() as stack:
        for port in ports:
            program = running(sys.executable, "-m", "ddms", "api", env=environment | {"DDMS_API_PORT": str(port)})
            stack.enter_context(program)
        for port in ports:
            wait(port, "{ __typename }", secret)
        time.sleep(4)  # until the replica is known to be fresh
        yield ports


def main() -> None:
    os.environ["DDMS_TEST_DURABLE"] = "1"
    with pair() as both:
        url = both.url(both.primary)
        secret = asyncio.run(prepared(url))
        start = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        points = ",".join(f'\\"pt_{number}\\"' for number in range(1, POINTS + 1))
        query = f'{{ series(points: [{points}], from: \\"{start}\\") {{ columns {{ time value }} }} }}'
        history, small = request_of(query, secret), request_of("{ system { version } }", secret)
        for name in [name for name in os.environ if name.startswith("DDMS_")]:
            del os.environ[name]
        print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores; {CLIENTS} clients, {POINTS} points, a day")
        print(f"{'':34}{'answers/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'primary CPU ms':>16}{'replica CPU ms':>16}")
        asked = [(1, False, history), (1, True, history), (2, False, history), (2, True, history)]
        for programs, replica, request in (*asked, (1, False, small), (2, False, small)):
            with served(both, programs, replica=replica, secret=secret) as ports:
                before = [_cpu(folder_of(server)) for server in (both.primary, both.replica)]
                taken = asyncio.run(load(url, ports, request))
                spent = [
                    _cpu(folder_of(server)) - b for server, b in zip((both.primary, both.replica), before, strict=True)
                ]
            row = f"{programs} of the API, {'with the replica' if replica else 'the primary alone'}"
            row = row if request is history else f"{programs} of the API, a small query"
            quantiles = statistics.quantiles(taken, n=100)
            cpu = "".join(f"{1000 * one / len(taken):>16.2f}" for one in spent)
            print(f"{row:34}{len(taken) / SECONDS:>10.0f}{1000 * quantiles[49]:>9.1f}{1000 * quantiles[98]:>9.1f}{cpu}")


def _cpu(folder: Path) -> float:
    """Return the CPU time of a server's processes that are there."""
    spent = 0.0
    for process in processes(folder):
        with suppress(FileNotFoundError):  # one that ended just now
            spent += cpu_seconds(process)
    return spent


if __name__ == "__main__":
    main()
