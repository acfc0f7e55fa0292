"""The API, served on a free port in the test's own event loop, and the people who ask it."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx2
import numpy as np
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from api.access.tokens import create, lifetime
from api.app import create_app, how_to_serve
from api.ground import failures
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from api.ground.scheduler import Job
from api.transport import uvicorn_server
from ddms.settings import Settings
from ddms.stream import CHANNEL, READING, Flush, pack

ACTORS = ("owner", "admin", "viewer", "outsider")
PROTOCOL = "graphql-transport-ws"


class Server(uvicorn_server.Server):
    """The server without its hand on the signals, which are pytest's."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield


@dataclass
class Socket:
    """A graphql-transport-ws client that shows every message."""

    connection: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self, timeout: float = 60) -> dict[str, Any]:
        async with asyncio.timeout(timeout):
            return json.loads(await self.connection.recv())

    async def subscribe(self, query: str, id_: str = "1", **variables: Any) -> None:
        await self.send(id=id_, type="subscribe", payload={"query": query, "variables": variables})

    async def event(self, name: str, timeout: float = 60) -> dict[str, Any]:
        message = await self.receive(timeout)
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"][name]

    async def closed(self, timeout: float = 60) -> int:
        """Wait for the end; return its code."""
        async with asyncio.timeout(timeout):
            await self.connection.wait_closed()
        return self.connection.close_code


@dataclass
class Api:
    """The running API."""

    url: str
    client: httpx2.AsyncClient
    tokens: dict[str, str | None]
    parts: Any
    sequence: int = 0

    def headers(self, actor: str) -> dict[str, str]:
        token = self.tokens[actor]
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def post(self, query: str, actor: str = "owner", **variables: Any) -> dict[str, Any]:
        """Ask; return the whole answer."""
        body = {"query": query, "variables": variables}
        response = await self.client.post(f"{self.url}/graphql", json=body, headers=self.headers(actor))
        return response.json()

    async def ask(self, query: str, actor: str = "owner", **variables: Any) -> Any:
        """Ask for one root field; return it."""
        answer = await self.post(query, actor, **variables)
        assert "errors" not in answer, answer
        (data,) = answer["data"].values()
        return data

    async def code(self, query: str, actor: str = "owner", **variables: Any) -> str:
        """Ask for what is refused; return the code of the first error."""
        answer = await self.post(query, actor, **variables)
        error = answer["errors"][0]
        assert "Traceback" not in error["message"]
        return error["extensions"]["code"]

    def ruin(self, who: int | str) -> None:
        """Leave a caller so deep in debt that no wait of a slow machine restores the budget."""
        self.parts.budgets._left[who] = -1e9, time.monotonic()

    @contextlib.asynccontextmanager
    async def socket(self, actor: str = "viewer", **options: Any) -> AsyncIterator[Socket]:
        """A websocket after connection_init."""
        async with self.raw_socket(**options) as socket:
            await socket.send(type="connection_init", payload=self.headers(actor))
            assert (await socket.receive())["type"] == "connection_ack"
            yield socket

    @contextlib.asynccontextmanager
    async def raw_socket(self, **options: Any) -> AsyncIterator[Socket]:
        options = {"subprotocols": [PROTOCOL], "max_size": None, "ping_interval": None} | options
        async with connect(self.url.replace("http", "ws") + "/graphql", **options) as connection:
            yield Socket(connection)

    async def read(
        self, owner: asyncpg.Connection, values: dict[int, float | None], *, at: float | None = None, **texts: str
    ) -> None:
        """Do as a collector does: store readings and tell everybody, in one transaction; wait until the API heard it."""
        self.sequence += 1
        readings = np.zeros(len(values), READING)
        readings["point_id"] = list(values)
        readings["time"] = int((at or time.time()) * 1e6)
        readings["value"] = [np.nan if value is None else value for value in values.values()]
        readings["quality"] = [16 if value is None and f"p{p}" not in texts else 0 for p, value in values.items()]
        said = {int(name[1:]): text for name, text in texts.items()}
        flush = Flush(collector="test", sequence=self.sequence, readings=readings, texts=said)
        async with owner.transaction():
            for point, microseconds, value, quality in readings.tolist():
                row = (microseconds, point, None if np.isnan(value) else value, quality, said.get(point))
                await owner.execute(STORE_READING, *row[:4])
                await owner.execute(STORE_LATEST, *row)
            for payload in pack(flush):
                await owner.execute("SELECT pg_notify(channel($1), $2)", CHANNEL, payload)
        with contextlib.suppress(TimeoutError):  # the stream may be cut on purpose
            async with asyncio.timeout(1):
                while (heard := self.parts.hub.mirror.heard.get("test")) is None or heard.sequence < self.sequence:
                    await asyncio.sleep(0.002)


STORE_READING = """INSERT INTO readings (time, point_id, value, quality)
VALUES (to_timestamp($1::bigint / 1e6), $2, $3, $4)"""
STORE_LATEST = """INSERT INTO latest (time, point_id, value, quality, text)
VALUES (to_timestamp($1::bigint / 1e6), $2, $3, $4, $5) ON CONFLICT (point_id) DO UPDATE
SET time = excluded.time, value = excluded.value, quality = excluded.quality, text = excluded.text"""


@contextlib.asynccontextmanager
async def serving(settings: Settings, jobs: Sequence[Job] = (), port: int = 0) -> AsyncIterator[tuple[str, Any]]:
    """Serve the API, without its jobs unless told; give its address and its parts."""
    app = create_app(settings, jobs=jobs)
    config = uvicorn.Config(
        app,
        port=port,
        ws_ping_timeout=300,  # a client that is slow on purpose, on a loaded machine, is not a dead one
        timeout_graceful_shutdown=1,
        **how_to_serve(settings),
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        assert not task.done(), task
        await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await app.state.parts.hub.connected.wait()
    (listening,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", app.state.parts
    server.should_exit = True
    await task


@pytest.fixture(name="tokens")
async def tokens_fixture(owner: asyncpg.Connection) -> dict[str, str | None]:
    """A token for each actor; the outsider has none."""
    made: dict[str, str | None] = {"outsider": None}
    for role in Role:
        _, made[role.value] = await create(
            Statements(owner), COMMAND_LINE, name=f"the {role.value}'s", role=role, lifetime=lifetime(1)
        )
    return made


@pytest.fixture(name="api")
async def api_fixture(settings: Settings, jobs: Sequence[Job], tokens: dict[str, str | None]) -> AsyncIterator[Api]:
    """The API on a fresh database, where nobody has failed yet; a test that needs the jobs overrides `jobs`."""
    # Tests share the process: the callers of those before have used up what is listed, logged and kept of one caller.
    failures._listed = failures._Listed()
    failures._waiting.clear()
    async with serving(settings, jobs) as (url, parts), httpx2.AsyncClient(timeout=60) as client:
        yield Api(url=url, client=client, tokens=tokens, parts=parts)


CREATE = "mutation ($input: DeviceInput!) { createDevice(input: $input) { errors { code field message } device { id version points { id key } } } }"


def pump(name: str = "Pump", **changes: Any) -> dict[str, Any]:
    """Return a device with two numbers and a text, as createDevice takes it."""
    return {
        "name": name,
        "endpoint": "tcp://10.0.0.1",
        "points": [
            {"key": "flow", "registerTable": "HOLDING", "address": 0, "dataType": "FLOAT32", "unit": "m³/h"},
            {"key": "running", "registerTable": "COIL", "address": 3, "dataType": "BOOL"},
            {"key": "mode", "registerTable": "INPUT", "address": 10, "dataType": "STRING", "length": 4},
        ],
    } | changes


async def add(api: Api, name: str = "Pump", **changes: Any) -> dict[str, Any]:
    """Create a device, and wait until subscribers see it; return it with the numbers of its points by key."""
    payload = await api.ask(CREATE, input=pump(name, **changes))
    assert payload["errors"] == []
    device = payload["device"]
    async with asyncio.timeout(60):
        while int(device["id"][4:]) not in api.parts.hub.mirror.states:
            await asyncio.sleep(0.005)
    return device | {"points": {point["key"]: int(point["id"][3:]) for point in device["points"]}}
