"""The one gate: each rule holds whatever the transport is."""

import asyncio
import json
import threading
from types import SimpleNamespace

import asyncpg
import pytest

from api.access.tokens import create, lifetime
from api.execution.documents import Operation
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.limits import BUDGET_SECONDS
from api.ground.roles import Role
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ME = "{ me { name } }"
GROUP = "mutation ($name: String!) { createGroup(input: {name: $name}) { errors { code } group { id name } } }"


async def by_http(api: Api, actor: str, query: str, key: str = "", **variables) -> dict:
    headers = api.headers(actor) | ({"Idempotency-Key": key} if key else {})
    body = {"query": query, "variables": variables}
    return (await api.client.post(f"{api.url}/graphql", json=body, headers=headers)).json()


async def by_events(api: Api, actor: str, query: str, key: str = "", **variables) -> dict:
    headers = api.headers(actor) | {"Accept": "text/event-stream"} | ({"Idempotency-Key": key} if key else {})
    body = {"query": query, "variables": variables}
    text = (await api.client.post(f"{api.url}/graphql", json=body, headers=headers)).text
    if text.startswith("{"):
        return json.loads(text)
    return json.loads(next(line[6:] for line in text.splitlines() if line.startswith("data: ")))


async def by_websocket(api: Api, actor: str, query: str, key: str = "", **variables) -> dict:
    async with api.socket(actor) as socket:
        payload = {"query": query, "variables": variables, "extensions": {"idempotencyKey": key} if key else {}}
        await socket.send(id="1", type="subscribe", payload=payload)
        message = await socket.receive()
        return message["payload"] if message["type"] == "next" else {"errors": message["payload"]}


async def by_export(api: Api, actor: str, query: str, key: str = "", **variables) -> dict:
    del query, key, variables
    response = await api.client.get(f"{api.url}/export?device=Pump&from=-1h&preview=1", headers=api.headers(actor))
    return response.json()


GRAPHQL = {"HTTP": by_http, "events": by_events, "websocket": by_websocket}
ALL = GRAPHQL | {"export": by_export}


def code(answer: dict) -> str | None:
    return answer["errors"][0]["extensions"]["code"] if answer.get("errors") else None


@pytest.fixture
async def bound(api: Api, owner: asyncpg.Connection) -> None:
    """A token that may only run trusted documents."""
    _, api.tokens["bound"] = await create(
        Statements(owner), COMMAND_LINE, name="bound", role=Role.VIEWER, lifetime=lifetime(1), trusted_only=True
    )


@pytest.mark.parametrize("ask", ALL.values(), ids=ALL)
async def test_what_a_token_that_is_bound_to_documents_may_not_do(api: Api, bound, ask):
    assert code(await ask(api, "bound", ME)) == "FORBIDDEN"


@pytest.mark.parametrize("ask", ALL.values(), ids=ALL)
async def test_how_often_one_caller_asks_and_nobody_else_pays_for_it(api: Api, ask, monkeypatch):
    await add(api)
    viewer = (await api.parts.callers.find(api.tokens["viewer"])).account
    monkeypatch.setattr("api.transport.gate.IN_FLIGHT", 2)
    api.parts.gate._running[viewer] = 2
    answer = await ask(api, "viewer", ME)
    assert (code(answer), "in flight" in answer["errors"][0]["message"]) == ("RATE_LIMITED", True)
    assert code(await ask(api, "owner", ME)) is None


@pytest.mark.parametrize("ask", ALL.values(), ids=ALL)
async def test_how_dear_it_is_over_time_and_when_to_come_back(api: Api, ask):
    await add(api)
    viewer = (await api.parts.callers.find(api.tokens["viewer"])).account
    api.parts.budgets._left[viewer] = (-100_000.0, asyncio.get_running_loop().time())
    answer = await ask(api, "viewer", ME)
    assert (code(answer), "budget" in answer["errors"][0]["message"]) == ("RATE_LIMITED", True)
    assert answer["errors"][0]["extensions"]["retryAfterSeconds"] > 1
    assert code(await ask(api, "owner", ME)) is None


@pytest.mark.parametrize("ask", GRAPHQL.values(), ids=GRAPHQL)
async def test_what_was_seen_before_is_not_done_again(api: Api, owner: asyncpg.Connection, ask):
    first = await ask(api, "admin", GROUP, "once", name="Hall")
    again = await ask(api, "admin", GROUP, "once", name="Hall")
    assert first["data"]["createGroup"]["errors"] == []
    assert again["data"] == first["data"]
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'group.create'") == 1


async def test_a_key_is_known_from_one_transport_to_the_next(api: Api, owner: asyncpg.Connection):
    answers = [await ask(api, "admin", GROUP, "once", name="Hall") for ask in GRAPHQL.values()]
    assert [answer["data"]["createGroup"]["errors"] for answer in answers] == [[], [], []]
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'group.create'") == 1


@pytest.mark.parametrize("ask", GRAPHQL.values(), ids=GRAPHQL)
async def test_an_answer_tells_its_cost_and_what_is_left(api: Api, ask):
    for query in (ME, "{ __typename }"):
        told = (await ask(api, "viewer", query))["extensions"]["cost"]
        assert told.keys() == {"requested", "limit", "available", "restoredPerSecond"}
        assert 0 < told["available"] <= BUDGET_SECONDS * told["restoredPerSecond"]


async def test_the_sessions_of_one_person_have_one_budget(api: Api, owner: asyncpg.Connection):
    user = await owner.fetchval(
        "INSERT INTO users (name, role, password_hash) VALUES ('Ada', 'viewer', 'x') RETURNING id"
    )
    accounts = set()
    for name in ("one", "two"):
        _, secret = await create(
            Statements(owner), COMMAND_LINE, name=name, role=Role.VIEWER, lifetime=lifetime(1), user_id=user
        )
        accounts.add((await api.parts.callers.find(secret)).account)
    assert len(accounts) == 1


async def test_a_full_pool_is_busy_with_a_time_to_come_back_and_only_for_who_filled_it(
    api: Api, owner: asyncpg.Connection, monkeypatch
):
    monkeypatch.setattr(api.parts.database._turns, "_seconds", 0.3)
    query = "{ devices { nodes { id } } }"
    for actor in ("viewer", "owner"):
        await by_http(api, actor, ME)
    async with owner.transaction():
        await owner.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        waiting = [asyncio.create_task(by_http(api, "viewer", query)) for _ in range(4)]
        async with asyncio.timeout(10):
            while sum(api.parts.database._turns._held.values()) < 4:
                await asyncio.sleep(0.01)
        response = await api.client.post(f"{api.url}/graphql", json={"query": query}, headers=api.headers("viewer"))
        answer = response.json()
        assert code(answer) == "BUSY"
        assert answer["errors"][0]["extensions"]["retryAfterSeconds"] >= 1
        assert code(await by_http(api, "owner", "{ tokens { nodes { id } } }")) is None
    assert [code(answer) for answer in await asyncio.gather(*waiting)] == [None] * 4


async def test_a_hundred_dear_subscriptions_with_different_words_are_not_all_taken(api: Api):
    pump = await add(api)
    many = [f"pt_{n}" for n in pump["points"].values()] * 3_000
    async with api.socket() as socket:
        for number in range(5):
            query = f"subscription ($p: [ID!]) {{ readings(points: $p) {{ a{number}: readings {{ value quality reason time key unit text }} }} }}"
            await socket.subscribe(query, str(number), p=many)
        kinds = [(await socket.receive()) for _ in range(5)]
    refused = [message["payload"][0]["extensions"]["code"] for message in kinds if message["type"] == "error"]
    assert len(refused) >= 3
    assert set(refused) == {"RATE_LIMITED"}


DEEP = [(ask, GROUP) for ask in GRAPHQL.values()] + [
    (ask, "subscription { deviceStates { devices { id } } }") for ask in (by_events, by_websocket)
]


@pytest.mark.parametrize(("ask", "query"), DEEP)
async def test_variables_that_are_nested_too_deeply_are_refused(api: Api, ask, query):
    deep: list = []
    for _ in range(600):
        deep = [deep]
    answer = await ask(api, "admin", query, "key", name="Hall", unused=deep)
    assert code(answer) == "INVALID"


@pytest.mark.parametrize("ask", GRAPHQL.values(), ids=GRAPHQL)
async def test_an_answer_counts_as_unread_until_it_is_read(api: Api, ask, monkeypatch):
    counted: list[int] = []
    unread = type(api.parts.gate).unread
    monkeypatch.setattr(type(api.parts.gate), "unread", lambda *given: counted.append(given[2]) or unread(*given))
    await ask(api, "viewer", "{ __schema { types { name description fields { name description type { name } } } } }")
    assert counted
    assert not api.parts.gate._unread


DEAR = "{ devices(first: 100) { nodes { name address: unitId points { key name unit scale offset } } } }"
POINTS = 'mutation ($p: [PointInput!]!) { createPoints(device: "dev_1", points: $p) { errors { code } } }'
MANY = [{"key": f"k{n}", "registerTable": "HOLDING", "address": n, "dataType": "INT16"} for n in range(500)]


async def test_dear_operations_of_one_caller_wait_for_each_other_and_nobody_else_does(api: Api):
    await add(api)
    viewer = (await api.parts.callers.find(api.tokens["viewer"])).account
    async with api.parts.gate._dear.place(viewer):
        waiting = asyncio.create_task(by_http(api, "viewer", DEAR))
        assert code(await by_http(api, "owner", DEAR)) is None
        assert code(await by_http(api, "viewer", ME)) is None
        assert not waiting.done()
    assert code(await waiting) is None


async def test_what_a_change_brings_is_paid_for_before_it_is_read(api: Api, monkeypatch):
    monkeypatch.setattr("api.ground.budget.time", SimpleNamespace(monotonic=lambda: 0.0))
    admin = (await api.parts.callers.find(api.tokens["admin"])).account
    before = api.parts.budgets.left(admin)
    wrong = await by_http(api, "admin", POINTS, p=[*MANY, {"key": 1}])
    assert "errors" in wrong
    assert before - api.parts.budgets.left(admin) > 500 * 5 * 5


@pytest.mark.parametrize(("points", "aside"), [(MANY, True), (MANY[:1], False)])
async def test_what_is_large_is_read_in_a_thread(api: Api, monkeypatch, points, aside):
    threads = []
    made = Operation.executor
    monkeypatch.setattr(Operation, "executor", lambda *given: threads.append(threading.get_ident()) or made(*given))
    await by_http(api, "admin", POINTS, p=points)
    assert [thread != threading.get_ident() for thread in threads] == [aside]


@pytest.mark.parametrize("ask", ALL.values(), ids=ALL)
async def test_the_refusal_of_who_asks_too_often_is_held_back_and_nobody_elses_answer(api: Api, ask, monkeypatch):
    released = asyncio.Event()
    held: list[float] = []

    async def sleep(seconds: float) -> None:
        held.append(seconds)
        await released.wait()

    monkeypatch.setattr("api.transport.gate.asyncio", SimpleNamespace(sleep=sleep, to_thread=asyncio.to_thread))
    viewer = (await api.parts.callers.find(api.tokens["viewer"])).account
    api.ruin(viewer)
    monkeypatch.setattr("api.transport.gate.IN_FLIGHT", 0)
    waiting = asyncio.create_task(ask(api, "viewer", ME))
    while not held:
        await asyncio.sleep(0.01)
    assert not waiting.done()
    released.set()
    assert code(await waiting) == "RATE_LIMITED"
