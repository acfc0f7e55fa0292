"""graphql-transport-ws to the letter, and sockets that mean no good."""

import asyncio
import socket as sockets

import asyncpg
import pytest

from api.ground.limits import MESSAGE_BYTES, SUBSCRIPTIONS_PER_SOCKET
from api.live import broadcast
from api.transport import websocket as over_websocket
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

STATES = "subscription { deviceStates { kind } }"


async def well(api: Api) -> None:
    """The server answers, and has forgotten what was closed."""
    assert await api.ask("{ me { role } }") == {"role": "OWNER"}
    async with asyncio.timeout(60):
        while api.parts.hub.broadcasts._running:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("payload", [{}, {"token": "ddms_wrong"}, {"Authorization": "Basic x"}, {"token": 7}, None])
async def test_init_without_a_good_token_is_closed_with_4403(api: Api, payload):
    async with api.raw_socket() as socket:
        await socket.send(type="connection_init", payload=payload)
        assert await socket.closed() == 4403
        assert "token" in socket.connection.close_reason or "Bearer" in socket.connection.close_reason
    await well(api)


async def test_the_reason_of_the_close_is_in_the_callers_language_and_fits(api: Api):
    async with api.raw_socket() as socket:
        await socket.send(type="connection_init", payload={"token": "ddms_wrong", "Accept-Language": "zh"})
        assert await socket.closed() == 4403
        assert "令牌" in socket.connection.close_reason
    reason = over_websocket._shortened("令" * 100, " (4f7a-2c09)")
    assert len(reason.encode()) == 123
    assert reason.endswith("令 (4f7a-2c09)"), "the number is whole"


async def test_while_the_database_is_away_a_client_is_told_to_come_again(api: Api):
    api.parts.database._pool.terminate()
    async with api.raw_socket() as socket:
        await socket.send(type="connection_init", payload={"token": "ddms_unknown"})
        assert await socket.closed() == 1013
        assert "try again" in socket.connection.close_reason


async def test_init_that_does_not_come_is_closed_with_4408(api: Api, monkeypatch):
    monkeypatch.setattr(over_websocket, "INIT_SECONDS", 0.1)
    async with api.raw_socket() as socket:
        assert await socket.closed(10) == 4408
    await well(api)


async def test_init_twice_is_closed_with_4429_whatever_the_second_one_says(api: Api):
    for second in ({"type": "connection_init"}, {"type": "connection_init", "payload": {"token": "ddms_wrong"}}):
        async with api.socket() as socket:
            await socket.send(**second)
            assert await socket.closed() == 4429


@pytest.mark.parametrize("payload", [None, {}, {"a": [1]}])
async def test_a_ping_gets_a_pong_and_a_pong_nothing_before_and_after_init(api: Api, payload):
    given = {} if payload is None else {"payload": payload}
    async with api.raw_socket() as socket:
        await socket.send(type="pong", **given)
        await socket.send(type="ping", **given)
        assert (await socket.receive())["type"] == "pong"
        await socket.send(type="connection_init", payload=api.headers("viewer"))
        assert (await socket.receive())["type"] == "connection_ack"
        await socket.send(type="ping", **given)
        assert (await socket.receive())["type"] == "pong"


async def test_no_protocol_or_another_one_is_closed_with_4406(api: Api):
    for offered in (["graphql-ws"], ["soap"], None):
        async with api.raw_socket(subprotocols=offered) as socket:
            assert await socket.closed() == 4406


async def test_completing_what_is_not_there_changes_nothing(api: Api):
    async with api.socket() as socket:
        await socket.send(type="complete", id="never begun")
        await socket.subscribe("{ __typename }")
        answer = await socket.receive()
        assert (answer["id"], answer["type"], answer["payload"]["data"]) == ("1", "next", {"__typename": "Query"})
        assert (await socket.receive())["type"] == "complete"
        await socket.send(type="complete", id="1")
        await socket.subscribe("{ __typename }")
        assert (await socket.receive())["type"] == "next"


async def test_subscriptions_of_one_socket_are_limited_and_ended_ones_make_room(api: Api):
    async with api.socket() as socket:
        for number in range(SUBSCRIPTIONS_PER_SOCKET):
            await socket.subscribe(STATES, str(number))
            assert (await socket.receive())["type"] == "next"
        await socket.subscribe(STATES, "more")
        refused = await socket.receive()
        assert (refused["type"], refused["id"]) == ("error", "more")
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
        await socket.send(type="complete", id="7")
        await socket.subscribe(STATES, "more")
        assert (await socket.receive())["type"] == "next"
    await well(api)


async def test_ten_thousand_subscriptions_are_refused_but_for_the_first_hundred(api: Api):
    async with api.socket() as socket:

        async def ask():
            for number in range(10_000):
                await socket.subscribe(STATES, str(number))

        asking = asyncio.create_task(ask())
        kinds = [(await socket.receive(60))["type"] for _ in range(10_000)]
        await asking
        assert (kinds.count("next"), kinds.count("error")) == (SUBSCRIPTIONS_PER_SOCKET, 10_000 - SUBSCRIPTIONS_PER_SOCKET)  # fmt: skip
    await well(api)


async def test_one_token_may_have_only_so_many_sockets(api: Api, monkeypatch):
    monkeypatch.setattr(over_websocket, "LIVE_CONNECTIONS", 1)
    async with api.socket() as first, api.socket("admin"):
        async with api.socket() as second:
            assert await second.closed() == 1013
        await first.subscribe("{ __typename }")
        assert (await first.receive())["type"] == "next"
    async with api.socket() as again:
        await again.subscribe("{ __typename }")
        assert (await again.receive())["type"] == "next"


async def test_another_token_of_the_same_user_brings_no_more_sockets(api: Api, owner: asyncpg.Connection, monkeypatch):
    await owner.execute("INSERT INTO users (name, password_hash, role) VALUES ('eve', '', 'viewer')")
    await owner.execute("UPDATE api_tokens SET user_id = (SELECT id FROM users WHERE name = 'eve')")
    monkeypatch.setattr(over_websocket, "LIVE_CONNECTIONS", 1)
    async with api.socket("viewer"), api.socket("admin") as second:
        assert await second.closed() == 1013


async def test_a_message_that_is_too_large_closes_the_socket(api: Api):
    async with api.socket() as socket:
        await socket.connection.send("x" * (MESSAGE_BYTES + 1))
        assert await socket.closed() == 1009
    await well(api)


@pytest.mark.parametrize(
    "garbage",
    ['{"id": "1", "type": "subscribe", "payload": {"query": "", "documentId": 5}}', "\x00", "null", '"connection_init"', "1e400", '{"type": "\\ud800"}', "[" * 50_000, '{"type": null}', '{"type": "ping", "payload": 7}'],
)  # fmt: skip
async def test_garbage_is_closed_with_4400(api: Api, garbage):
    async with api.raw_socket() as socket:
        await socket.connection.send(garbage)
        assert await socket.closed() == 4400
    await well(api)


@pytest.mark.parametrize(
    "variables",
    ['{"d": ["\\u0000"]}', '{"d": ["dev_99999999999999999999"]}', '{"d": {"a": 1}}', '{"d": [1e308]}', '{"d": 9007199254740993}', '{"d": [[["dev_1"]]]}', '{"d": ["x"], "more": 1}', "[]", "7"],
)  # fmt: skip
async def test_variables_of_no_shape_that_fits_are_an_error_and_the_socket_goes_on(api: Api, variables):
    query = "subscription ($d: [ID!]!) { readings(devices: $d) { kind } }"
    async with api.socket() as socket:
        await socket.connection.send(
            f'{{"id": "1", "type": "subscribe", "payload": {{"query": "{query}", "variables": {variables}}}}}'
        )
        if variables in {"[]", "7"}:  # no message of the protocol
            assert await socket.closed() == 4400
        else:
            refused = await socket.receive()
            assert refused["type"] == "error"
            assert refused["payload"][0]["extensions"]["code"] in {"INVALID", "NOT_FOUND"}
            await socket.subscribe("{ __typename }", "2")
            assert (await socket.receive())["type"] == "next"
    await well(api)


@pytest.mark.parametrize("variables", ['{"d": NaN}', '{"d": "\\ud800"}', '{"d": "\x00"}', '{"d": 1e999'])
async def test_variables_that_are_no_json_close_the_socket(api: Api, variables):
    async with api.socket() as socket:
        await socket.connection.send(
            f'{{"id": "1", "type": "subscribe", "payload": {{"query": "{{ __typename }}", "variables": {variables}}}}}'
        )
        assert await socket.closed() == 4400
    await well(api)


async def test_bytes_that_are_no_websocket_frame_close_the_connection(api: Api):
    async with api.socket() as socket:
        socket.connection.transport.write(b"\xff" * 100)
        assert await socket.closed() in {1002, 1006}
    await well(api)


async def test_who_never_reads_costs_bounded_memory_and_nobody_else(api: Api, owner: asyncpg.Connection, monkeypatch):
    monkeypatch.setattr(broadcast, "QUEUE_BYTES", 100_000)
    points = [{"key": f"k{i}", "registerTable": "INPUT", "address": i, "dataType": "INT16"} for i in range(500)]
    device = await add(api, points=points)
    query = "subscription ($d: [ID!]) { readings(devices: $d) { kind columns { pointId time value } } }"
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", int(api.url.rsplit(":", 1)[1])))
    async with api.socket() as quick, api.socket(sock=narrow, max_queue=1) as deaf:
        for socket in (quick, deaf):
            await socket.subscribe(query, d=[device["id"]])
        await quick.event("readings")
        deaf.connection.transport.pause_reading()
        values = dict.fromkeys(device["points"].values(), 1.0)
        for _ in range(40):
            await api.read(owner, values)
            assert (await quick.event("readings"))["kind"] == "CHANGES"
        (running,) = api.parts.hub.broadcasts._running.values()
        assert max(running.waiting()) <= 100_000
        deaf.connection.transport.abort()
    await well(api)


async def test_ids_are_any_text_and_the_answer_has_the_same(api: Api):
    async with api.socket() as socket:
        for id_ in ("1", 'a"b\\', "管线", "x" * 1000, "\u0001"):
            await socket.subscribe("{ __typename }", id_)
            assert (await socket.receive())["id"] == id_
            assert await socket.receive() == {"id": id_, "type": "complete"}
