"""Trusted documents and a silent schema: called by hash, enforced by token, nothing told."""

import asyncio
from dataclasses import replace
from hashlib import sha256

import asyncpg
import httpx2
import pytest

from api.access.tokens import create, lifetime
from api.execution.trusted import register, remove
from api.ground.actor import COMMAND_LINE
from api.ground.database import Statements
from api.ground.roles import Role
from api.transport import gate
from ddms.errors import DdmsError
from ddms.settings import Settings, Switch
from tests.support.api_server import Api, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures

NAMES = "query Names($first: Int) { devices(first: $first) { totalCount } }"
LIVE = "subscription Live { deviceStates { kind } }"


@pytest.fixture
async def bound(api: Api, owner: asyncpg.Connection) -> Api:
    """The API, with an actor `bound` whose token may send registered documents only, of which there are two."""
    statements = Statements(owner)
    for text in (NAMES, LIVE):
        id_, new = await register(statements, COMMAND_LINE, "names.graphql", text)
        assert (id_, new) == (f"sha256:{sha256(text.encode()).hexdigest()}", True)
    _, api.tokens["bound"] = await create(
        statements, COMMAND_LINE, name="bound", role=Role.VIEWER, lifetime=lifetime(1), trusted_only=True
    )
    return api


def id_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


async def post(api: Api, actor: str = "bound", **body):
    headers = api.headers(actor) | {"Accept": "application/graphql-response+json"}
    return await api.client.post(f"{api.url}/graphql", json=body, headers=headers)


@pytest.mark.parametrize("actor", ["bound", "viewer"])
async def test_a_registered_document_is_called_by_its_id(bound: Api, actor):
    for body in (
        {"documentId": id_of(NAMES), "variables": {"first": 3}},
        {"documentId": id_of(NAMES).upper().replace("SHA256", "sha256")},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id_of(NAMES)[7:]}}},
        {"query": NAMES},
    ):
        answer = await post(bound, actor, **body)
        assert (answer.status_code, answer.json()["data"]) == (200, {"devices": {"totalCount": 0}}), body
    got = await bound.client.get(
        f"{bound.url}/graphql", params={"documentId": id_of(NAMES)}, headers=bound.headers(actor)
    )
    assert got.json()["data"] == {"devices": {"totalCount": 0}}


async def test_a_bound_token_may_send_nothing_else(bound: Api):
    for text in ("{ devices { totalCount } }", NAMES + " ", "{ __schema { types { name } } }"):
        refused = await post(bound, query=text)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN"), text
    assert (await post(bound, "viewer", query="{ devices { totalCount } }")).status_code == 200


@pytest.mark.parametrize("path", ["export?device=Pump&from=-1h", "export/files/exp_1"])
async def test_a_bound_token_fetches_no_history(bound: Api, path):
    answer = await bound.client.get(f"{bound.url}/{path}", headers=bound.headers("bound"))
    assert answer.status_code == 403
    assert "registered documents" in answer.text


async def test_an_id_that_is_wrong_or_unknown_is_refused(bound: Api):
    for id_, code in (
        ("x", "INVALID"),
        (id_of("{ a }"), "NOT_FOUND"),
        ("sha512:" + "0" * 64, "INVALID"),
        (7, "INVALID"),
    ):
        refused = await post(bound, documentId=id_)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, code), id_


async def test_clients_that_send_apollos_hash_first_are_asked_for_the_text_unless_their_token_is_bound(bound: Api):
    text = "{ devices { totalCount } }"
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": id_of(text)[7:]}}
    (error,) = (await post(bound, "viewer", extensions=persisted)).json()["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("PersistedQueryNotFound", "NOT_FOUND")
    answer = await post(bound, "viewer", query=text, extensions=persisted)
    assert answer.json()["data"] == {"devices": {"totalCount": 0}}
    (error,) = (await post(bound, extensions=persisted)).json()["errors"]
    assert "ddms documents add" in error["message"]


async def test_a_websocket_calls_documents_by_id_and_holds_a_bound_token_to_them(bound: Api):
    async with bound.socket("bound") as socket:
        await socket.send(id="1", type="subscribe", payload={"documentId": id_of(LIVE)})
        assert (await socket.event("deviceStates"))["kind"] == "SNAPSHOT"
        await socket.send(id="2", type="subscribe", payload={"query": "subscription { deviceStates { kind reason } }"})
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
        await socket.send(id="3", type="subscribe", payload={"query": "", "documentId": "x"})
        assert (await socket.receive())["payload"][0]["extensions"]["code"] == "INVALID"


async def test_a_document_that_does_not_fit_the_schema_is_not_registered(owner: asyncpg.Connection):
    for text in ("{ nothing }", "{", "", "{ " + "a " * 3000 + "}"):
        with pytest.raises(DdmsError, match=r"names\.graphql"):
            await register(Statements(owner), COMMAND_LINE, "names.graphql", text)


async def test_a_document_that_was_removed_is_unknown(bound: Api, owner: asyncpg.Connection):
    await remove(Statements(owner), COMMAND_LINE, id_of(NAMES))
    assert (await post(bound, documentId=id_of(NAMES))).json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action LIKE 'document.%'") == 3


async def test_without_introspection_nothing_is_told_of_the_schema(settings: Settings, tokens):
    async with (
        serving(replace(settings, introspection=Switch.OFF)) as (url, _),
        httpx2.AsyncClient(timeout=60) as client,
    ):

        async def ask(query: str, **variables):
            body = {"query": query, "variables": variables}
            headers = {"Authorization": f"Bearer {tokens['owner']}"}
            return (await client.post(f"{url}/graphql", json=body, headers=headers)).json()

        assert "data" not in await ask("{ __schema { types { name } } }")
        assert "data" not in await ask('{ __type(name: "Device") { name } }')
        for query, variables in (
            ("{ device { nam } }", {}),
            ("{ devicez { id } }", {}),
            ("{ devices(stat: ONLINE) { totalCount } }", {}),
            ("{ devices(state: ONLIN) { totalCount } }", {}),
            ("fragment a on Devic { id } { __typename ...a }", {}),
            ("query ($s: DeviceState) { devices(state: $s) { totalCount } }", {"s": "ONLIN"}),
            ("mutation ($i: GroupInput!) { createGroup(input: $i) { errors { code } } }", {"i": {"nam": "x"}}),
        ):
            answer = await ask(query, **variables)
            assert answer["errors"], query
            assert "Did you mean" not in str(answer), query
        assert (await ask("{ __typename me { name } }"))["data"]["__typename"] == "Query"


async def test_one_caller_cannot_have_all_requests_in_flight(api: Api, owner: asyncpg.Connection, monkeypatch):
    monkeypatch.setattr(gate, "IN_FLIGHT", 3)
    async with owner.transaction():
        await owner.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        waiting = [asyncio.create_task(post(api, "viewer", query="{ devices { totalCount } }")) for _ in range(3)]
        async with asyncio.timeout(60):
            while sum(api.parts.gate._running.values()) < 3:
                await asyncio.sleep(0.01)
        refused = await post(api, "viewer", query="{ me { name } }")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await post(api, "owner", query="{ me { name } }")).status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
    assert not api.parts.gate._running
