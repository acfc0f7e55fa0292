"""How many of the smallest queries a second: what a request costs before any work is done.

`DDMS_TEST_DATABASE_URL=… NODE_PATH=… python -m bench.smallest`: `{ __typename }` and a small query, 16 clients that keep
their connections, one process for the server, another for the clients. The peers, in turn with ours in one run:
PostGraphile v4 (an npm package found by NODE_PATH; without it that row is left out), and a bare Starlette route that
answers with the same bytes, the lower bound.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import asyncpg

from bench.latest import free_port, prepared
from bench.processes import TRUSTING, cpu_seconds, running

CLIENTS, SECONDS, ROUNDS = 16, 2.0, 5
SMALLEST = "{ __typename }"
SMALL = "{ system { version edition live } }"
POSTGRAPHILE = """
const { postgraphile } = require('postgraphile');
const [url, port] = process.argv.slice(1);
require('http').createServer(postgraphile(url, 'peer', { disableQueryLog: true })).listen(Number(port), '127.0.0.1');
"""


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answers = 0
        self.buffer = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) >= length:
            assert head.startswith(b"HTTP/1.1 200"), head
            assert b'"data"' in body, body
            assert b'"errors"' not in body, body
            self.buffer = b""
            self.answers += 1
            self.transport.write(self.request)


async def load(port: int, request: bytes) -> float:
    """Return the answers a second of a server."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(lambda: Client(request), "127.0.0.1", port))[1] for _ in range(CLIENTS)]
    await asyncio.sleep(0.5)
    before, began = sum(client.answers for client in clients), time.perf_counter()
    await asyncio.sleep(SECONDS)
    after, ended = sum(client.answers for client in clients), time.perf_counter()
    assert after > before, "no answer in time"
    for client in clients:
        client.transport.abort()
    return (after - before) / (ended - began)


def request_of(query: str, secret: str) -> bytes:
    """Return a request as a client sends it."""
    body = b'{"query":"%s"}' % query.encode()
    authorization = f"Authorization: Bearer {secret}\r\n" if secret else ""
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{authorization}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def asked(port: int, query: str, secret: str = "") -> float:
    """Ask from a process of its own; return the answers a second."""
    command = [sys.executable, "-m", "bench.smallest", "load", str(port), query, secret]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wait(port: int, query: str, secret: str) -> None:
    """Wait until a server answers."""
    for _ in range(100):
        try:
            asyncio.run(_ask_once(port, request_of(query, secret)))
        except (OSError, EOFError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(port)


async def _ask_once(port: int, request: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await reader.readuntil(b"\r\n")
    writer.close()


async def _make_peer_schema(url: str) -> None:
    """Give PostGraphile a table that it can name; it refuses a table `points` beside PostgreSQL's type."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE SCHEMA peer; CREATE TABLE peer.machines (id int PRIMARY KEY, name text NOT NULL)")
    await connection.close()


def serve_bare(port: int) -> None:
    """Answer with the same bytes, and no GraphQL."""
    import uvicorn  # noqa: PLC0415 - the clients need none of this
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.responses import Response  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    async def endpoint(request):
        await request.body()
        return Response(b'{"data":{"__typename":"Query"}}', media_type="application/json")

    app = Starlette(routes=[Route("/graphql", endpoint, methods=["POST"])])
    uvicorn.run(app, port=port, http="httptools", access_log=False, log_level="error")


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_smallest", endpoints=1, units=1, registers=1))
    asyncio.run(_make_peer_schema(url))
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    ours, bare, theirs = free_port(), free_port(), free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(ours), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    node = shutil.which("node")
    packages = [Path(folder) / "postgraphile" for folder in os.environ.get("NODE_PATH", "").split(":") if folder]
    node_command = [node or "", "-e", POSTGRAPHILE, url, str(theirs)]
    has_peer = bool(node) and any(folder.is_dir() for folder in packages)
    rows = [("DDMS, `{ __typename }`", ours, SMALLEST, secret), ("DDMS, a small query", ours, SMALL, secret)]
    rows.append(("bare Starlette", bare, SMALLEST, ""))
    with (
        running(sys.executable, "-m", "ddms", "api", env=environment) as api,
        running(sys.executable, "-m", "bench.smallest", "bare", str(bare)) as plain,
        running(*(node_command if has_peer else ["sleep", "600"]), env={"NODE_ENV": "production"}) as peer,
    ):
        processes = {ours: api.pid, bare: plain.pid, theirs: peer.pid}
        if has_peer:
            rows.append(("PostGraphile v4, `{ __typename }`", theirs, SMALLEST, ""))
        for _, port, query, token in rows:
            wait(port, query, token)
        answers: dict[str, list[float]] = {label: [] for label, *_ in rows}
        costs: dict[str, list[float]] = {label: [] for label, *_ in rows}
        for _ in range(ROUNDS):
            for label, port, query, token in rows:
                before = cpu_seconds(processes[port])
                answers[label].append(asked(port, query, token))
                used = cpu_seconds(processes[port]) - before
                costs[label].append(used / (answers[label][-1] * (SECONDS + 0.5)) * 1e6)
    medians = {label: statistics.median(values) for label, values in answers.items()}
    against = medians.get("PostGraphile v4, `{ __typename }`")
    print(f"\nThe smallest queries, {CLIENTS} clients, median of {ROUNDS} rounds (goal: at least PostGraphile's)")
    print("| | requests/s | × PostGraphile | CPU µs a request |\n|---|---|---|---|")
    for label, median in medians.items():
        ratio = f"{median / against:.2f}" if against else "–"
        print(f"| {label} | {median:,.0f} | {ratio} | {statistics.median(costs[label]):.0f} |")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["load", port, query, secret]:
            import uvloop

            print(uvloop.run(load(int(port), request_of(query, secret))))
        case ["bare", port]:
            serve_bare(int(port))
        case _:
            main()
