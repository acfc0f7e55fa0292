"""GraphQL over server-sent events: the same subscriptions, rights and limits as over a websocket."""

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from types import SimpleNamespace

import asyncpg
import httpx2
import numpy as np
import pytest

from api.live import broadcast
from api.transport import server_sent_events as over_events
from api.transport import uvicorn_http as http_protocol
from ddms.errors import DdmsError
from ddms.stream import CHANNEL, READING, Flush, pack
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.flushing import Collector, heard_by
from tests.support.node import ENVIRONMENT, needs_node_clients

EVENTS = "text/event-stream"
FOLLOW = "subscription ($devices: [ID!]) { readings(devices: $devices) { kind gaps { reason } columns { value } } }"


class Stream:
    """The events of one answer."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self, timeout: float = 60) -> tuple[str, dict | None, str | None]:
        """Return the name, the data and the id of the next event; comments are passed over."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(timeout):
            async for line in self._lines:
                if not line and fields:
                    data = fields.get("data")
                    return fields["event"], json.loads(data) if data else None, fields.get("id")
                name, _, value = line.partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
        raise EOFError

    async def readings(self) -> tuple[dict, str]:
        name, data, token = await self.event()
        assert (name, "errors" in data) == ("next", False), data
        return data["data"]["readings"], token

    async def ended(self, timeout: float = 60) -> None:
        with contextlib.suppress(EOFError, httpx2.RemoteProtocolError):
            while True:
                await self.event(timeout)


@contextlib.asynccontextmanager
async def streamed(api: Api, query: str, actor: str = "viewer", *, method: str = "POST", headers=None, **variables):
    body = {"query": query, "variables": variables}
    given = api.headers(actor) | {"Accept": EVENTS} | (headers or {})
    options = {"json": body} if method == "POST" else {"params": body | {"variables": json.dumps(variables)}}
    async with api.client.stream(method, f"{api.url}/graphql", headers=given, **options) as response:
        yield Stream(response)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_subscription_is_a_stream_of_next_events(api: Api, owner: asyncpg.Connection, method):
    device = await add(api)
    async with streamed(api, FOLLOW, method=method, devices=[device["id"]]) as stream:
        assert stream.response.headers["content-type"] == f"{EVENTS}; charset=utf-8"
        assert (await stream.readings())[0]["kind"] == "SNAPSHOT"
        await api.read(owner, {device["points"]["flow"]: 4.0})
        event, _ = await stream.readings()
        assert (event["kind"], event["columns"]["value"]) == ("CHANGES", [4.0])
    async with asyncio.timeout(60):
        while api.parts.hub.broadcasts._running or api.parts.streams.open:
            await asyncio.sleep(0.01)


async def test_who_connects_again_with_the_last_id_gets_what_was_missed(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    collector = await Collector.started(owner)
    await collector.flush((device["points"]["flow"], 1.0))
    await heard_by(api, collector)
    async with streamed(api, FOLLOW, devices=[device["id"]]) as stream:
        _, token = await stream.readings()
    await collector.flush((device["points"]["flow"], 2.0))
    await heard_by(api, collector)
    async with streamed(api, FOLLOW, devices=[device["id"]], headers={"Last-Event-ID": token}) as stream:
        event, _ = await stream.readings()
        assert (event["kind"], event["columns"]["value"]) == ("RESUMED", [2.0])
        assert (await stream.readings())[0]["kind"] == "SNAPSHOT"
    async with streamed(api, FOLLOW, devices=[device["id"]], headers={"Last-Event-ID": "x"}) as stream:
        assert stream.response.status_code == 400


async def test_websockets_and_event_streams_share_a_broadcast(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    async with streamed(api, FOLLOW, devices=[device["id"]]) as stream, api.socket() as socket:
        await socket.subscribe(FOLLOW, devices=[device["id"]])
        await socket.event("readings")
        await stream.readings()
        assert len(api.parts.hub.broadcasts._running) == 1


async def test_queries_and_mutations_are_one_event_and_complete(api: Api):
    async with streamed(api, "{ me { role } }") as stream:
        name, answer, _ = await stream.event()
        assert (name, answer["data"]) == ("next", {"me": {"role": "VIEWER"}})
        assert (await stream.event())[0] == "complete"
    async with streamed(api, "mutation { signOut { errors { code } } }") as stream:
        assert (await stream.event())[1]["data"] == {"signOut": {"errors": []}}


@pytest.mark.parametrize(
    ("query", "actor", "status", "code"),
    [
        ("subscription { nothing }", "viewer", 400, "INVALID"),
        ("subscription {", "viewer", 400, "INVALID"),
        ('subscription { readings(devices: ["dev_7"]) { kind } }', "viewer", 400, "NOT_FOUND"),
        ("subscription { deviceStates { kind } }", "outsider", 400, "UNAUTHENTICATED"),
        ("mutation { signOut { errors { code } } }", "viewer", 405, "INVALID"),
    ],
)
async def test_what_is_wrong_before_the_first_event_is_an_answer_in_json(api: Api, query, actor, status, code):
    async with streamed(api, query, actor, method="GET") as stream:
        await stream.response.aread()
        assert (stream.response.status_code, stream.response.headers["content-type"]) == (
            status,
            "application/json; charset=utf-8",
        )
        assert stream.response.json()["errors"][0]["extensions"]["code"] == code


async def test_a_revoked_token_ends_the_stream(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    number = await owner.fetchval("SELECT id FROM api_tokens WHERE role = 'viewer'")
    async with streamed(api, FOLLOW, devices=[device["id"]]) as stream, streamed(api, FOLLOW, "admin", devices=[device["id"]]) as other:  # fmt: skip
        await stream.readings()
        await other.readings()
        await api.ask(f'mutation {{ revokeToken(id: "tok_{number}") {{ errors {{ code }} }} }}')
        await stream.ended()
        await api.read(owner, {device["points"]["flow"]: 4.0})
        assert (await other.readings())[0]["columns"]["value"] == [4.0]


async def test_a_silent_stream_beats_so_that_proxies_keep_it(api: Api, monkeypatch):
    monkeypatch.setattr(over_events, "BEAT_SECONDS", 0.05)
    async with streamed(api, "subscription { deviceStates { kind } }") as stream:
        assert (await stream.event())[0] == "next"
        async with asyncio.timeout(60):
            async for line in stream._lines:
                if line == ":":
                    break


async def test_one_token_may_have_only_so_many_streams(api: Api, monkeypatch):
    monkeypatch.setattr(over_events, "LIVE_CONNECTIONS", 2)
    query = "subscription { deviceStates { kind } }"
    async with streamed(api, query) as first, streamed(api, query) as second:
        await first.event()
        await second.event()
        async with streamed(api, query) as third:
            assert third.response.status_code == 429
        async with streamed(api, query, "admin") as other:
            assert (await other.event())[0] == "next"


async def told(api: Api, owner: asyncpg.Connection, points: list[int]) -> None:
    """Tell everybody of a reading of each point, without storing it."""
    api.sequence += 1
    readings = np.zeros(len(points), READING)
    readings["point_id"], readings["time"], readings["value"] = points, int(time.time() * 1e6), time.time()
    async with owner.transaction():
        for payload in pack(Flush(collector="test", sequence=api.sequence, readings=readings, texts={})):
            await owner.execute("SELECT pg_notify(channel($1), $2)", CHANNEL, payload)


async def test_who_never_reads_a_stream_costs_bounded_memory_and_then_the_connection(
    api: Api, owner: asyncpg.Connection, monkeypatch
):
    monkeypatch.setattr(broadcast, "QUEUE_BYTES", 100_000)
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", 1.0)
    points = [{"key": f"k{i}", "registerTable": "INPUT", "address": i, "dataType": "INT16"} for i in range(1000)]
    device = await add(api, points=points)
    query = "subscription ($d: [ID!]) { readings(devices: $d) { kind columns { pointId time value quality } } }"
    body = json.dumps({"query": query, "variables": {"d": [device["id"]]}}).encode()
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", int(api.url.rsplit(":", 1)[1])))
    _, writer = await asyncio.open_connection(sock=deaf, limit=1024)
    writer.transport.pause_reading()
    lines = ["POST /graphql HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Accept: {EVENTS}"]
    lines += [f"Authorization: Bearer {api.tokens['viewer']}", f"Content-Length: {len(body)}", "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    running = api.parts.hub.broadcasts._running
    async with asyncio.timeout(60):
        while not running:
            await asyncio.sleep(0.01)
        points = list(device["points"].values())
        while running:
            await told(api, owner, points)
            assert max((max(one.waiting(), default=0) for one in running.values()), default=0) <= 100_000
    writer.transport.abort()


CLIENT = """
const { createClient } = require('graphql-sse');
const [url, token, device] = process.argv.slice(1);
const client = createClient({ url, headers: { Authorization: 'Bearer ' + token }, retryAttempts: 0 });
(async () => {
  const query = 'subscription ($devices: [ID!]) { readings(devices: $devices) { kind columns { value } } }';
  for await (const result of client.iterate({ query, variables: { devices: [device] } })) {
    console.log(JSON.stringify(result.data.readings));
    if (result.data.readings.kind === 'CHANGES') break;
  }
  for await (const result of client.iterate({ query: '{ __typename }' })) console.log(JSON.stringify(result.data));
})();
"""


@needs_node_clients
async def test_graphql_sse_the_known_client_works_unchanged(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    command = ["node", "-e", CLIENT, f"{api.url}/graphql", api.tokens["viewer"], device["id"]]
    client = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=ENVIRONMENT)
    async with asyncio.timeout(60):
        assert json.loads(await client.stdout.readline())["kind"] == "SNAPSHOT"
        await api.read(owner, {device["points"]["flow"]: 4.0})
        assert json.loads(await client.stdout.readline()) == {"kind": "CHANGES", "columns": {"value": [4.0]}}
        assert json.loads(await client.stdout.readline()) == {"__typename": "Query"}
        assert await client.wait() == 0


class Client:
    """A client that stays, and what was sent to it."""

    id = "1"

    def __init__(self) -> None:
        self.sent = b""

    async def left(self) -> None:
        await asyncio.Event().wait()

    async def send(self, message: dict) -> None:
        self.sent += message.get("body", b"")


async def test_a_mutation_that_ends_its_own_token_is_answered_all_the_same():
    client = Client()
    stream = over_events.EventStream(client, client.send, SimpleNamespace(caller=None, cookies=[]))

    async def sign_out() -> bytes:
        await stream.end("the token was revoked")
        await asyncio.sleep(0)
        return b"{}"

    await stream.run(lambda: stream.answer(sign_out, lambda _: contextlib.nullcontext()))
    assert client.sent == b"event: next\ndata: {}\n\nevent: complete\ndata:\n\n"


async def test_a_subscription_that_ends_before_its_first_event_tells_so():
    client = Client()
    stream = over_events.EventStream(client, client.send, SimpleNamespace(caller=None, cookies=[]))

    async def wait() -> None:
        await stream.end("the token was revoked")
        await asyncio.Event().wait()

    with pytest.raises(DdmsError, match="before the first event"):
        await stream.run(wait)
