"""What `latest` of 1,000 devices × 10 points takes through GraphQL over HTTP, and the same as PostgreSQL alone does it.

`DDMS_TEST_DATABASE_URL=… python -m bench.latest`. The peers, on the same rows in the same run: the bare statement,
fetched and dropped (the lower bound), and 10,000 records made into JSON objects, as an ORM would do it.
"""

import asyncio
import os
import socket
import statistics
import sys
import time

import asyncpg
import httpx2
import orjson

from api.access.tokens import create, lifetime
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from api.live.latest import READ_LATEST
from bench.collector import fill, fresh_database
from bench.processes import TRUSTING, memory_mib, running

ROUNDS = 200
QUERY = "{ latest { count columns { pointId time value quality } } }"
OBJECTS = """SELECT l.point_id, p.device_id, l.time, l.value, l.quality FROM latest l JOIN points p ON p.id = l.point_id
             JOIN devices d ON d.id = p.device_id WHERE d.deleted_at IS NULL ORDER BY 2, 1"""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def prepared(server: str, name: str, **size: int) -> tuple[str, str]:
    """Return the URL of a filled database and a viewer's token."""
    url = await fresh_database(server, name)
    await fill(url, **size)
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO latest SELECT id, now(), random() * 100, 0 FROM points")
    await connection.execute("VACUUM ANALYZE latest")
    secret = await viewers_token(connection)
    await connection.close()
    return url, secret


async def viewers_token(connection: asyncpg.Connection) -> str:
    """Return a token that may read for a day."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda v: orjson.dumps(v).decode(), decoder=orjson.loads
    )
    _, secret = await create(Statements(connection), COMMAND_LINE, name="bench", role=Role.VIEWER, lifetime=lifetime(1))
    return secret


async def until_ready(url: str) -> None:
    """Wait until the API answers and its live stream is connected."""
    async with httpx2.AsyncClient() as client:
        for _ in range(1200):
            try:
                if (await client.get(f"{url}/health")).status_code == 200:
                    await asyncio.sleep(1)
                    return
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)
    raise TimeoutError(url)


async def timed(action) -> list[float]:
    """Return sorted milliseconds of the action, the first ten left out."""
    taken = []
    for _ in range(ROUNDS + 10):
        began = time.perf_counter()
        await action()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken[10:])


async def measure(url: str, secret: str, address: str) -> dict[str, list[float]]:
    connection = await asyncpg.connect(url)

    async def bare():
        await connection.fetchrow(READ_LATEST, None, None)

    async def objects():
        orjson.dumps([dict(row) for row in await connection.fetch(OBJECTS)])

    await until_ready(address)
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)

    async def ask(query: str):
        body = orjson.dumps({"query": query})
        head = f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert answered.startswith(b"http/1.1 200"), answered
        content = await reader.readexactly(int(answered.partition(b"content-length:")[2].split(b"\r\n")[0]))
        assert b'"errors"' not in content[:100], content[:300]

    smallest = await timed(lambda: ask("{ __typename }"))
    latest = await timed(lambda: ask(QUERY))
    writer.close()
    results = {
        "GraphQL, columns": latest,
        "the bare statement": await timed(bare),
        "records as JSON objects": await timed(objects),
    }
    await connection.close()
    return results | {"GraphQL, `{ __typename }`": smallest}


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_latest"))
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        results = asyncio.run(measure(url, secret, f"http://127.0.0.1:{port}"))
        memory = memory_mib(api.pid)
    print(f"\nLatest of 1,000 devices × 10 points ({ROUNDS} requests one after the other; goal: under 50 ms)")
    print("| | median ms | p99 ms | × bare statement |\n|---|---|---|---|")
    base = statistics.median(results["the bare statement"])
    for label, taken in results.items():
        middle = statistics.median(taken)
        print(f"| {label} | {middle:.1f} | {taken[int(0.99 * len(taken))]:.1f} | {middle / base:.2f} |")
    print(f"\nThe API's memory afterwards: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
