"""The API as a program: its routes, what runs beside them, and the server."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from api.access.openid import Providers
from api.alarms.feed import AlarmFeed
from api.backups.apart import done_apart
from api.backups.work import may_back_up
from api.execution.documents import Documents
from api.execution.extent import DocumentLimits
from api.execution.trusted import Trusted
from api.export.jobs import follow_exports
from api.export.maker import Maker
from api.graphql.context import Context
from api.ground import memory
from api.ground.budget import Budgets
from api.ground.callers import Callers
from api.ground.database import Database
from api.ground.failures import Keeper
from api.ground.limits import IDLE_SECONDS, MESSAGE_BYTES
from api.ground.pools import open_database
from api.ground.replicas import Replicas
from api.ground.scheduler import BACKUP_JOBS, SITE_JOBS, Job, Scheduler
from api.ground.signing import Keys
from api.live.hub import Hub
from api.mqtt.beside import publish_beside
from api.schema import build
from api.site.jobs import ROWS as JOB_ROWS
from api.site.jobs import follow_jobs, jobs_of
from api.subscriptions.backups import follow_backups
from api.transport import actions, identity, in_sight
from api.transport import http as over_http
from api.transport.astray import ASTRAY
from api.transport.browser_errors import reported, script_of_pages
from api.transport.export import ExportFiles, Exports
from api.transport.gate import Gate
from api.transport.grafana_paths import EMPTY, QUERY
from api.transport.graphiql import page
from api.transport.health import Health
from api.transport.pages.account import ACCOUNT
from api.transport.pages.openid import OPENID
from api.transport.pages.sign_in import SIGN_IN, SIGN_OUT
from api.transport.pages.start import START
from api.transport.server_sent_events import EventStreams
from api.transport.uvicorn_http import HttpProtocol
from api.transport.uvicorn_server import Server
from api.transport.uvicorn_websocket import WebSocketProtocol
from api.transport.websocket import Live, Sockets, end_invalid, end_out_of_sight
from api.webhooks.courier import Courier
from ddms import tracing
from ddms.addresses import listen_on
from ddms.database import wait_until_ready
from ddms.errors import DdmsError
from ddms.settings import Settings, Switch

logger = logging.getLogger("api.app")


class Parts:
    """What the program is made of; lives in `app.state`."""

    def __init__(
        self, settings: Settings, database: Database, documents: Documents, jobs: Sequence[Job], replicas: Replicas
    ) -> None:
        self.settings = settings
        self.replicas = replicas
        self.documents = documents
        self.database = database
        self.callers = Callers(database)
        self.trusted = Trusted(database)
        self.failures = Keeper(database)
        self.openid = Providers(settings)
        self.budgets = Budgets(settings.cost_per_second)
        self.gate = Gate(self)
        self.keys = Keys(settings.keys_directory)
        self.grafana = in_sight.open_grafana(settings)
        self.streams = EventStreams()
        self.alarms = AlarmFeed()
        followed = {JOB_ROWS: follow_jobs(settings), **follow_backups(), **follow_exports()}
        self.hub = Hub(settings, database, self.callers, self.alarms, followed)
        self.health = Health(
            database,
            self.measure,
            is_live=self.hub.connected.is_set,
            jobs=[job for job in jobs if job.claim == SITE_JOBS],
            replicas=replicas.all,
        )
        self.scheduler = Scheduler(settings, jobs)
        self.backups = Scheduler(settings, [done_apart(settings, job) for job in jobs], BACKUP_JOBS)

    def measure(self) -> None:
        """Tell the metrics what is read when somebody asks for them."""
        self.database.measure()
        self.gate.measure()
        self.hub.broadcasts.measure()
        for replica in self.replicas.all:
            replica.tell()

    def context(self, address: str) -> Context:
        """Return the context of a request or a websocket."""
        return Context(
            everything=self.database,
            hub=self.hub,
            callers=self.callers,
            budgets=self.budgets,
            address=address,
            settings=self.settings,
        )


class GraphQLEndpoint:
    """`/graphql`: a page for browsers, GraphQL over HTTP, GraphQL over websockets."""

    def __init__(self, settings: Settings) -> None:
        schema = build()
        self.documents = Documents(schema._schema, DocumentLimits(), introspection=settings.introspection is Switch.ON)
        self.sockets = Sockets(schema, settings.allowed_origins)

        self.parts: Parts | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one websocket."""
        assert self.parts is not None  # noqa: S101 - requests come after the start
        if scope["type"] == "websocket":
            await self.sockets(scope, receive, send)
        elif scope["method"] != "POST" and (response := _besides(scope)):
            await response(scope, receive, send)
        else:
            await over_http.serve(scope, receive, send, self.parts)


def _besides(scope: Scope) -> Response | None:
    """Return the answer to what is no GraphQL request: another method, or a browser that opens the page."""
    if scope["method"] != "GET":
        return Response("GraphQL is served by GET and POST", 405, {"Allow": "GET, POST"}, "text/plain")
    request = Request(scope)
    wants_page = "query" not in request.query_params and "text/html" in request.headers.get("accept", "")
    return page() if wants_page else None


class Application(Starlette):
    """Starlette's application, which GraphQL's requests need not pass through: its way costs more than a small query."""

    endpoint: GraphQLEndpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what comes."""
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def _died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        logger.critical("a part of the program died, so the program ends", exc_info=task.exception())


def create_app(
    settings: Settings, *, jobs: Sequence[Job] | None = None, stop: Callable[[], None] = lambda: None
) -> Starlette:
    """Make the ASGI application, with what it does from time to time; `stop` is called when one of its side tasks dies."""
    endpoint = GraphQLEndpoint(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        end_tracing = tracing.export_to(settings.otlp_endpoint, "api") if settings.otlp_endpoint else None
        edition = await wait_until_ready(settings, "api")
        database = await open_database(settings, edition)
        replicas = Replicas(settings, edition, database)
        database.replicas = replicas if replicas.all else None
        parts = Parts(
            settings, database, endpoint.documents, jobs_of(settings, replicas.all) if jobs is None else jobs, replicas
        )
        app.state.health, app.state.parts = parts.health, parts
        endpoint.parts, endpoint.sockets.gate = parts, parts.gate
        sweeper = _Sweeper(endpoint.sockets, parts)
        parts.hub.on_callers_changed = sweeper.wake.set
        parts.hub.on_sights_changed = sweeper.look_twice
        work = [
            parts.hub.run,
            sweeper.run,
            parts.failures.run,
            parts.scheduler.run,
            memory.give_back_now_and_then,
        ]
        work += [replicas.run] if replicas.all or "," in settings.database_url else []
        work += [Courier(settings).run] if jobs is None else []
        work += [partial(publish_beside, settings)] if jobs is None and settings.mqtt_url else []
        work += [Maker(settings, database.replicas).run] if jobs is None and settings.export_directory else []
        work += [parts.backups.run] if await may_back_up(settings) else []
        tasks = [asyncio.create_task(side()) for side in work]
        for task in tasks:
            task.add_done_callback(_died)
            task.add_done_callback(lambda task: None if task.cancelled() else stop())
        logger.info("the API is ready", extra={"edition": edition.value})
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await database.close()
            if parts.grafana:
                await parts.grafana.aclose()
            if end_tracing:
                await asyncio.to_thread(end_tracing)

    app = Application(lifespan=lifespan, routes=_routes(settings, endpoint), exception_handlers=ASTRAY)
    app.endpoint = endpoint
    return app


def _routes(settings: Settings, endpoint: GraphQLEndpoint) -> list[BaseRoute]:
    return [
        Route("/", START),
        Route("/sign-in", SIGN_IN),
        Route("/sign-out", SIGN_OUT),
        Route("/account", ACCOUNT),
        Route("/errors", reported, methods=["POST"]),
        Route("/pages/errors.js", script_of_pages),
        Mount("/pages", _Cached(directory=Path(__file__).parent / "static" / "pages")),
        WebSocketRoute("/graphql", endpoint),
        Route("/export", Exports(settings)),
        Route("/export/files/{id}", ExportFiles(settings)),
        Route("/openid-{provider}", OPENID),
        Mount("/export/page", _Cached(directory=Path(__file__).parent / "static" / "export")),
        Mount("/graphiql", _Cached(directory=Path(__file__).parent / "static" / "graphiql")),
        Route("/actions/{name}", _Action()),
        Route("/auth/grafana", identity.of_grafana),
        Route(QUERY, in_sight.query, methods=["POST"]),
        *(Route(path, in_sight.empty) for path in EMPTY),
        Route("/.well-known/jwks.json", identity.published),
        Route("/health", _health),
        Route("/metrics", _metrics),
    ]


class _Action:
    """The endpoint of the buttons: an object, to which Starlette gives the bare request, whatever its method."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await actions.serve(scope, receive, send)


async def _health(request: Request) -> Response:
    health: Health = request.app.state.health
    return await health.health()


async def _metrics(request: Request) -> Response:
    health: Health = request.app.state.health
    return await health.metrics()


class _Cached(StaticFiles):
    """GraphiQL's files: their names hold their versions, so that browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response


class _Sweeper:
    """Closes websockets and event streams whose tokens are no longer valid, as soon as tokens change or a session is idle too long."""

    def __init__(self, sockets: Sockets, parts: Parts) -> None:
        self._sockets = sockets
        self._parts = parts
        self.wake = asyncio.Event()

    def look_twice(self) -> None:
        """Look now, and once more for who was just reading what is in sight."""
        self.wake.set()
        asyncio.get_running_loop().call_later(0.5, self.wake.set)

    async def run(self) -> None:
        seconds = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.wake.wait()
            self.wake.clear()
            try:
                connections: list[Live] = [*self._sockets.open, *self._parts.streams.open]
                seconds = await end_invalid(self._parts.callers, connections)
                await end_out_of_sight(self._parts.database, connections)
            except DdmsError:
                seconds = 1.0


def how_to_serve(settings: Settings) -> dict[str, Any]:
    """Return how uvicorn serves the API, but for where; tests serve it in the same way."""
    return {
        "loop": "auto",
        "http": HttpProtocol,
        "ws": WebSocketProtocol,
        "ws_per_message_deflate": False,
        "ws_max_size": MESSAGE_BYTES,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "proxy_headers": bool(settings.trusted_proxies),  # without a proxy that vouches for it, nobody is believed
        "forwarded_allow_ips": ",".join(settings.trusted_proxies),
    }


def serve(settings: Settings) -> None:
    """Serve the API until SIGINT or SIGTERM; leaves with 1 when a part of it died.

    Waits for the database first; a schema that does not fit raises `DdmsError`.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(wait_until_ready(settings, "api"))
    listener = listen_on(settings.api_host, settings.api_port, "DDMS_API")
    failed: list[bool] = []

    def stop() -> None:
        failed.append(True)
        server.should_exit = True

    config = uvicorn.Config(
        create_app(settings, stop=stop),
        timeout_graceful_shutdown=10,
        **how_to_serve(settings),
    )
    server = Server(config)
    sys.setswitchinterval(0.001)  # what is done in a thread holds up the event loop for no longer
    gc.collect()
    gc.freeze()  # modules and schema stay: a full collection, which takes some 60 ms, need not look at them
    try:
        server.run(sockets=[listener])
    except SystemExit:  # uvicorn's own code for a start that failed; the reason is in the log
        failed.append(True)
    if failed or not server.started:
        sys.exit(1)
