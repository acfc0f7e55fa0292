"""What the executor and the transports of our own buy: the same schema on what Strawberry and uvicorn bring.

`DDMS_TEST_DATABASE_URL=… python -m bench.stock`. In turn in one run: DDMS; DDMS with uvicorn's HTTP class; DDMS with
graphql-core's way through fields; and Strawberry's view with its caches, as its manual has it, in which each subscriber
executes for itself. All have the same resolvers, statements, permissions, uvloop and orjson.
"""

import asyncio
import os
import statistics
import sys
from datetime import UTC, datetime, timedelta

import asyncpg

from bench.latest import free_port, prepared
from bench.live import SECONDS, clients, collect
from bench.live_clients import Asked
from bench.processes import TRUSTING, cpu_seconds, running
from bench.smallest import SECONDS as ASKED_SECONDS
from bench.smallest import SMALL, SMALLEST, asked, wait
from ddms.settings import Settings

ROUNDS, SUBSCRIBERS = 3, 200
FAN_OUT = "a message of the fan-out"
LIST = "{ devices(first: 100) { nodes { id name unitId status { state } } } }"
SERVERS = {
    "ours": "DDMS",
    "uvicorn": "DDMS with uvicorn's HTTP class",
    "graphql-core": "DDMS with graphql-core's way through fields",
    "stock": "Strawberry's view",
}


def serve(kind: str) -> None:
    """Serve in one of these ways."""
    import api.app  # noqa: PLC0415 - the clients need none of this
    import api.schema  # noqa: PLC0415
    from api.graphql.executor import PlainExecutor  # noqa: PLC0415

    settings = Settings.read(os.environ)
    if kind == "uvicorn":
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415

        api.app.HttpProtocol = HttpToolsProtocol
    elif kind != "ours":
        api.schema.shorten = lambda _schema: None
        del PlainExecutor.execute_fields
    if kind == "stock":
        _serve_stock(settings)
    else:
        api.app.serve(settings)


def _serve_stock(settings: Settings) -> None:  # noqa: C901 - a whole program for comparison
    import orjson  # noqa: PLC0415
    import uvicorn  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.routing import Route, WebSocketRoute  # noqa: PLC0415
    from strawberry.asgi import GraphQL  # noqa: PLC0415
    from strawberry.extensions import ParserCache, ValidationCache  # noqa: PLC0415

    from api.app import create_app  # noqa: PLC0415
    from api.execution.response import encode  # noqa: PLC0415
    from api.ground.callers import of_header  # noqa: PLC0415
    from api.live.broadcast import Broadcasts, Source  # noqa: PLC0415
    from api.schema import build  # noqa: PLC0415

    queues = set()

    async def events(self):
        queue = asyncio.Queue()
        queues.add(queue)
        yield self.snapshot("STARTED")
        while True:
            if (change := self.react(await queue.get())) is not None:
                yield change

    def publish(_self, event) -> None:
        for queue in queues:
            queue.put_nowait(event)

    Source.__aiter__, Broadcasts.publish = events, publish

    class View(GraphQL):
        async def get_context(self, request, response=None):
            context = request.app.state.parts.context("127.0.0.1")
            if token := of_header(request.headers.get("authorization")):
                context.caller = await context.callers.find(token)
            return context

        async def on_ws_connect(self, context):
            context.caller = await context.callers.find(context.connection_params["token"])
            return await super().on_ws_connect(context)

        def decode_json(self, data):
            return orjson.loads(data)

        def encode_json(self, data):
            return encode(data).decode()

    schema = build()
    schema.extensions = [ParserCache(), ValidationCache()]
    ours, view = create_app(settings), View(schema, graphql_ide=None)
    routes = [route for route in ours.routes if route.path != "/graphql"]
    app = Starlette(
        lifespan=ours.router.lifespan_context,
        routes=[Route("/graphql", view), WebSocketRoute("/graphql", view), *routes],
    )
    uvicorn.run(app, port=settings.api_port, ws_per_message_deflate=False, access_log=False, log_level="warning")


async def fill_day(url: str) -> str:
    """Give one point 24 hours of readings; return the question for them."""
    connection = await asyncpg.connect(url)
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    point = await connection.fetchval("SELECT min(id) FROM points")
    await connection.execute(
        "INSERT INTO readings SELECT t, $1, random() * 100, 0 FROM generate_series($2, $3, interval '10 s') t",
        point, end - timedelta(seconds=86_390), end,
    )  # fmt: skip
    await connection.execute("VACUUM ANALYZE readings")
    await connection.close()
    begin = (end - timedelta(days=1)).isoformat()
    return f'{{ series(points: [\\"pt_{point}\\"], from: \\"{begin}\\", to: \\"{end.isoformat()}\\") {{ columns {{ time value }} }} }}'


def fanned_out(url: str, port: int, secret: str, pid: int) -> float:
    """Return the CPU in microseconds of a message to one of many subscribers."""
    with clients(Asked(port, SUBSCRIBERS, 0, secret, 1)) as heard:
        before = cpu_seconds(pid)
        asyncio.run(collect(url))
        return (cpu_seconds(pid) - before) / heard()["messages"] * 1e6


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_stock", endpoints=10, units=100, registers=1))
    queries = {"`{ __typename }`": SMALLEST, "a small query": SMALL, "100 devices": LIST}
    queries["24 h of one point"] = asyncio.run(fill_day(url))
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    costs = {kind: {label: [] for label in (*queries, FAN_OUT)} for kind in SERVERS}
    for _ in range(ROUNDS):
        for kind in SERVERS:
            port = free_port()
            environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
            with running(sys.executable, "-m", "bench.stock", kind, env=environment) as api:
                wait(port, SMALLEST, secret)
                for label, query in queries.items():
                    before = cpu_seconds(api.pid)
                    answers = asked(port, query, secret) * (ASKED_SECONDS + 0.5)
                    costs[kind][label].append((cpu_seconds(api.pid) - before) / answers * 1e6)
                costs[kind][FAN_OUT].append(fanned_out(url, port, secret, api.pid))
    print(
        f"\nThe server's CPU in µs, 16 clients, {SUBSCRIBERS} subscribers for {SECONDS} s; medians of {ROUNDS} rounds"
    )
    print(f"| | {' | '.join(costs['stock'])} |\n|---|{'---|' * len(costs['stock'])}")
    middle = {kind: {label: statistics.median(each) for label, each in mine.items()} for kind, mine in costs.items()}
    for kind, name in SERVERS.items():
        cells = [f"{cost:,.0f} ({cost / middle['stock'][label]:.2f} ×)" for label, cost in middle[kind].items()]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if sys.argv[1:]:
        serve(sys.argv[1])
    else:
        main()
