"""Live readings over graphql-transport-ws: snapshot first, then changes, whatever happens meanwhile."""

import asyncio
import contextlib
import socket as sockets

import asyncpg
import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

from api.live import broadcast
from tests.support.api_server import PROTOCOL, Api, Socket, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

READINGS = """subscription ($points: [ID!], $devices: [ID!]) { readings(points: $points, devices: $devices) {
  kind reason columns { pointId time value quality text } readings { key value text quality reason device unit } } }"""
STATES = "subscription ($devices: [ID!]) { deviceStates(devices: $devices) { kind reason devices { name state } } }"


def by_key(event) -> dict:
    return {reading["key"]: reading["text"] or reading["value"] for reading in event["readings"]}


async def test_a_subscriber_gets_a_snapshot_and_then_only_what_changes(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow, running, mode = (device["points"][key] for key in ("flow", "running", "mode"))
    async with api.socket() as socket:
        await api.read(owner, {flow: 1.5, mode: None}, **{f"p{mode}": "auto"})
        await socket.subscribe(READINGS, devices=[device["id"]])
        first = await socket.event("readings")
        assert (first["kind"], first["reason"]) == ("SNAPSHOT", "STARTED")
        assert by_key(first) == {"flow": 1.5, "mode": "auto"}
        await api.read(owner, {running: 1.0, flow: None})
        change = await socket.event("readings")
        assert (change["kind"], change["reason"]) == ("CHANGES", None)
        assert by_key(change) == {"running": 1.0, "flow": None}
        bad = next(reading for reading in change["readings"] if reading["key"] == "flow")
        assert (bad["quality"], bad["reason"], bad["device"], bad["unit"]) == ("BAD", "TIMEOUT", "Pump", "m³/h")
        columns = change["columns"]
        assert dict(zip(columns["pointId"], columns["value"], strict=True)) == {
            f"pt_{flow}": None,
            f"pt_{running}": 1.0,
        }
        assert sorted(columns["quality"]) == [0, 16]
        assert columns["text"] == [None, None]
        assert all(isinstance(time, int) for time in columns["time"])


async def test_readings_of_others_are_not_sent(api: Api, owner: asyncpg.Connection):
    mine, other = await add(api, "Mine"), await add(api, "Other")
    async with api.socket() as socket:
        await socket.subscribe(READINGS, points=[f"pt_{mine['points']['flow']}"])
        assert by_key(await socket.event("readings")) == {}
        await api.read(owner, {other["points"]["flow"]: 1.0, mine["points"]["running"]: 1.0})
        await api.read(owner, {mine["points"]["flow"]: 2.0})
        assert by_key(await socket.event("readings")) == {"flow": 2.0}


async def test_a_flush_with_several_readings_of_a_point_brings_all_of_them(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    async with api.socket() as socket:
        await socket.subscribe(READINGS, devices=[device["id"]])
        await socket.event("readings")
        from ddms.stream import CHANNEL, Flush, pack  # noqa: PLC0415

        readings = replayed(flow, 3)
        for payload in pack(Flush(collector="c", sequence=9, readings=readings, texts={})):
            await owner.execute("SELECT pg_notify(channel($1), $2)", CHANNEL, payload)
        assert (await socket.event("readings"))["columns"]["value"] == [0.0, 1.0, 2.0]


def replayed(point: int, count: int):
    import numpy as np  # noqa: PLC0415

    from ddms.stream import READING  # noqa: PLC0415

    readings = np.zeros(count, READING)
    readings["point_id"], readings["value"] = point, np.arange(count)
    readings["time"] = 1_700_000_000_000_000 + np.arange(count) * 1_000_000
    return readings


async def test_a_point_that_is_added_to_a_watched_device_joins_with_a_snapshot(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    async with api.socket() as socket:
        await socket.subscribe(READINGS, devices=[device["id"]])
        await socket.event("readings")
        added = """INSERT INTO points (device_id, key, name, register_table, address, data_type)
                   VALUES ($1, 'new', 'new', 'input', 7, 'int16') RETURNING id"""
        point = await owner.fetchval(added, int(device["id"][4:]))
        event = await socket.event("readings")
        assert (event["kind"], event["reason"]) == ("SNAPSHOT", "CONFIGURATION")
        await api.read(owner, {point: 5.0})
        assert by_key(await socket.event("readings")) == {"new": 5.0}


async def test_after_a_lost_connection_to_the_database_a_new_snapshot_has_what_was_missed(api: Api, owner):
    device = await add(api)
    flow = device["points"]["flow"]
    async with api.socket() as socket:
        await socket.subscribe(READINGS, devices=[device["id"]])
        await socket.event("readings")
        await owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ddms-api-live' AND datname = current_database()"
        )
        await api.read(owner, {flow: 7.0})
        event = await socket.event("readings")
        assert (event["kind"], event["reason"], by_key(event)) == ("SNAPSHOT", "RECONNECTED", {"flow": 7.0})
        await api.read(owner, {flow: 8.0})
        assert by_key(await socket.event("readings")) == {"flow": 8.0}


async def test_device_states_are_pushed(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    number = int(device["id"][4:])
    async with api.socket() as socket:
        await socket.subscribe(STATES)
        assert (await socket.event("deviceStates"))["devices"] == [{"name": "Pump", "state": "UNKNOWN"}]
        async with owner.transaction():
            await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'online')", number)
            await owner.execute("SELECT pg_notify(channel('ddms_states'), $1)", str(number))
        event = await socket.event("deviceStates")
        assert (event["kind"], event["devices"]) == ("CHANGES", [{"name": "Pump", "state": "ONLINE"}])
        await add(api, "Second")
        event = await socket.event("deviceStates")
        assert (event["reason"], len(event["devices"])) == ("CONFIGURATION", 2)


async def test_the_state_that_is_told_last_is_the_newest(api: Api, owner: asyncpg.Connection, monkeypatch):
    hub, device = api.parts.hub, await add(api)
    number, may_go_on, loads = int(device["id"][4:]), asyncio.Event(), asyncio.Event()
    load = hub.alarms.load

    async def slowly(database):
        loads.set()
        await may_go_on.wait()
        await load(database)

    async def becomes(state: str) -> None:
        upsert = "INSERT INTO device_states (device_id, state) VALUES ($1, $2) ON CONFLICT (device_id) DO UPDATE SET state = $2"
        await owner.execute(upsert, number, state)

    async def told(state: str) -> None:
        await becomes(state)
        await owner.execute("SELECT pg_notify(channel('ddms_states'), $1)", str(number))

    async with api.socket() as socket:
        await socket.subscribe(STATES)
        await socket.event("deviceStates")
        monkeypatch.setattr(hub.alarms, "load", slowly)
        await becomes("online")
        refreshing = asyncio.create_task(hub.refresh())
        await loads.wait()
        await told("offline")
        await asyncio.wait([refreshing], timeout=0.5)  # in which it would be told beside
        may_go_on.set()
        await refreshing
        await told("error")
        heard = []
        while not heard or heard[-1] != "ERROR":
            heard += [one["state"] for one in (await socket.event("deviceStates"))["devices"]]
        assert "ONLINE" not in heard[heard.index("OFFLINE") :]


async def test_all_who_ask_the_same_are_served_by_one_broadcast(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    async with contextlib.AsyncExitStack() as stack:
        watching = [await stack.enter_async_context(api.socket(actor)) for actor in ("viewer",) * 5 + ("owner",)]
        for socket in watching:
            await socket.subscribe(READINGS, devices=[device["id"]])
            await socket.event("readings")
        assert len(api.parts.hub.broadcasts._running) == 2  # one for each role
        await api.read(owner, {device["points"]["flow"]: 4.0})
        for socket in watching:
            assert by_key(await socket.event("readings")) == {"flow": 4.0}
    async with asyncio.timeout(60):
        while api.parts.hub.broadcasts._running:
            await asyncio.sleep(0.01)


async def test_a_slow_client_is_told_and_skipped_forward_while_others_get_everything(api: Api, owner, monkeypatch):
    monkeypatch.setattr(broadcast, "QUEUE_MESSAGES", 4)
    device = await add(
        api, points=[{"key": f"k{i}", "registerTable": "INPUT", "address": i, "dataType": "INT16"} for i in range(500)]
    )
    points = list(device["points"].values())
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", int(api.url.rsplit(":", 1)[1])))
    async with api.socket() as quick, api.socket(sock=narrow, max_queue=1) as slow:
        for socket in (quick, slow):
            await socket.subscribe(READINGS, devices=[device["id"]])
            await socket.event("readings")
        for value in range(300):
            await api_flush(owner, points, value)
            assert (await quick.event("readings"))["columns"]["value"][0] == value
        events = [await slow.event("readings")]
        while events[-1]["reason"] != "TOO_SLOW":
            events.append(await slow.event("readings"))
        assert events[-1]["columns"]["value"] == [299.0] * 500
        assert len(events) < 290


async def api_flush(owner: asyncpg.Connection, points: list[int], value: float) -> None:
    import numpy as np  # noqa: PLC0415

    from ddms.stream import CHANNEL, READING, Flush, pack  # noqa: PLC0415

    readings = np.zeros(len(points), READING)
    readings["point_id"], readings["value"], readings["time"] = points, value, 1_700_000_000_000_000 + int(value)
    payloads = pack(Flush(collector="c", sequence=int(value), readings=readings, texts={}))
    await owner.execute("SELECT count(pg_notify(channel($1), p)) FROM unnest($2::text[]) AS p", CHANNEL, payloads)


@pytest.mark.parametrize("end", ["revoke", "expire", "sign out"])
async def test_a_token_that_ends_closes_its_websocket(api: Api, owner: asyncpg.Connection, end):
    device = await add(api)
    number = await owner.fetchval("SELECT id FROM api_tokens WHERE role = 'viewer'")
    if end == "expire":
        await owner.execute("UPDATE api_tokens SET expires_at = now() + interval '4 s' WHERE id = $1", number)
    async with api.socket("viewer") as socket, api.socket("admin") as other:
        for one in (socket, other):
            await one.subscribe(READINGS, devices=[device["id"]])
            await one.event("readings")
        if end == "revoke":
            await api.ask(f'mutation {{ revokeToken(id: "tok_{number}") {{ errors {{ code }} }} }}')
        elif end == "sign out":
            await api.ask("mutation { signOut { errors { code } } }", "viewer")
        assert await socket.closed() == 4401
        await api.read(owner, {device["points"]["flow"]: 1.0})
        assert by_key(await other.event("readings")) == {"flow": 1.0}
    assert await api.code("{ me { name } }", "viewer") == "UNAUTHENTICATED"


async def test_a_mistake_in_a_subscription_is_an_error_message_and_the_socket_goes_on(api: Api):
    device = await add(api)
    async with api.socket() as socket:
        for number, (query, variables) in enumerate([
            (READINGS, {}),
            (READINGS, {"points": ["pt_777"]}),
            (READINGS, {"devices": ["pt_1"]}),
            (READINGS, {"devices": ["dev_777"]}),
            (READINGS, {"devices": 7.5}),
            ("subscription { nothing }", {}),
            ("subscription {", {}),
        ]):  # fmt: skip
            await socket.subscribe(query, str(number), **variables)
            message = await socket.receive()
            assert (message["type"], message["id"]) == ("error", str(number))
            assert message["payload"][0]["extensions"]["code"] in {"INVALID", "NOT_FOUND"}
        await socket.subscribe(READINGS, "again", devices=[device["id"]])
        assert (await socket.receive())["id"] == "again"


async def test_queries_and_changes_work_over_a_websocket_too(api: Api):
    async with api.socket("admin") as socket:
        await socket.subscribe("{ me { role } }")
        assert await socket.event("me") == {"role": "ADMIN"}
        assert await socket.receive() == {"id": "1", "type": "complete"}


async def test_a_subscription_ends_when_its_client_completes_it(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    async with api.socket() as socket:
        await socket.subscribe(READINGS, devices=[device["id"]])
        await socket.event("readings")
        await socket.send(id="1", type="complete")
        await socket.subscribe("{ __typename }", "2")
        assert (await socket.receive())["id"] == "2"
        assert (await socket.receive())["type"] == "complete"
        assert not api.parts.hub.broadcasts._running
        await socket.subscribe(READINGS, devices=[device["id"]])  # its id is free again
        await socket.event("readings")


CLOSES = [
    ("garbage", "{", 4400),
    ("a list", "[]", 4400),
    ("no type", "{}", 4400),
    ("an unknown type", '{"type": "start"}', 4400),
    ("a number as id", '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}', 4400),
    ("no query", '{"type": "subscribe", "id": "1", "payload": {}}', 4400),
    ("a payload that is none", '{"type": "subscribe", "id": "1", "payload": "x"}', 4400),
    ("variables as a list", '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}', 4400),
    ("a second init", '{"type": "connection_init"}', 4429),
    ("a binary frame", b"{}", 4400),
    ("an id in use", '{"type": "subscribe", "id": "used", "payload": {"query": "{ __typename }"}}', 4409),
]


@pytest.mark.parametrize(("what", "message", "code"), CLOSES, ids=[what for what, _, _ in CLOSES])
async def test_what_is_not_the_protocol_closes_the_socket_with_its_code(api: Api, what, message, code):
    async with api.socket() as socket:
        if what == "an id in use":
            await socket.subscribe(STATES, "used")
            await socket.event("deviceStates")
        await socket.connection.send(message)
        assert await socket.closed() == code
    assert await api.ask("{ __typename }") == "Query"


async def test_a_socket_without_init_may_not_subscribe_and_the_old_protocol_is_off(api: Api):
    async with api.raw_socket() as socket:
        await socket.subscribe(STATES)
        assert await socket.closed() == 4401
    async with api.raw_socket(subprotocols=["graphql-ws"]) as socket:
        assert await socket.closed() == 4406
    async with api.raw_socket() as socket:
        await socket.send(type="ping")
        assert (await socket.receive())["type"] == "pong"


async def test_a_page_of_another_origin_may_not_open_a_websocket(api: Api):
    from websockets.exceptions import InvalidStatus  # noqa: PLC0415

    with pytest.raises(InvalidStatus, match="403"):
        async with api.raw_socket(origin="https://evil.example"):
            pass


async def test_gql_the_python_client_works_unchanged(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    transport = WebsocketsTransport(
        url=api.url.replace("http", "ws") + "/graphql", init_payload=api.headers("viewer"), subprotocols=[PROTOCOL]
    )
    query = gql(READINGS)
    query.variable_values = {"devices": [device["id"]]}
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        events = []
        async for event in session.subscribe(query):
            events.append(event["readings"])
            if len(events) == 2:
                break
            await api.read(owner, {device["points"]["flow"]: 2.5})
    assert [event["kind"] for event in events] == ["SNAPSHOT", "CHANGES"]
    assert events[1]["readings"][0]["value"] == 2.5
