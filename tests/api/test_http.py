"""GraphQL over HTTP to the letter: media types, status codes, GET, and what is not GraphQL at all."""

import asyncio
import json

import asyncpg
import httpx2
import pytest

from api.execution import run as execution
from api.ground.limits import BODY_BYTES
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

OLD, NEW = "application/json", "application/graphql-response+json"
TYPENAME = {"query": "{ __typename }"}


async def post(api: Api, body, accept: str = NEW, kind: str = OLD, actor: str = "owner"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = api.headers(actor) | {"Accept": accept, "Content-Type": kind}
    return await api.client.post(f"{api.url}/graphql", content=content, headers=headers)


@pytest.mark.parametrize(
    ("accept", "media"),
    [(NEW, NEW), (OLD, OLD), ("*/*", OLD), (f"{NEW}, {OLD};q=0.9", NEW), (f"{OLD}, {NEW}", NEW), ("", OLD)],
)
async def test_the_media_type_follows_accept(api: Api, accept, media):
    response = await post(api, TYPENAME, accept)
    assert (response.status_code, response.headers["content-type"]) == (200, f"{media}; charset=utf-8")
    assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("body", "new", "old"),
    [
        (b"{", 400, 400),
        (b'{"query": "{ __typename }", "variables": {"a": NaN}}', 400, 400),
        (b'{"query": "\\ud800"}', 400, 400),
        (b"\xff\xfe", 400, 400),
        (b"[" * 100_000, 400, 400),
        ([TYPENAME], 400, 400),
        ({}, 400, 400),
        ({"query": ""}, 400, 400),
        ({"query": 1}, 400, 400),
        (TYPENAME | {"variables": []}, 400, 400),
        (TYPENAME | {"operationName": 1}, 400, 400),
        (TYPENAME | {"extensions": "x"}, 400, 400),
        ({"query": "{"}, 400, 200),
        ({"query": "{ nothing }"}, 400, 200),
        ({"query": "query A { __typename } query B { __typename }"}, 400, 200),
        (TYPENAME | {"operationName": "C"}, 400, 200),
        ({"query": "query ($a: Int!) { devices(first: $a) { nodes { id } } }"}, 400, 200),
        ({"query": "query ($a: Int) { devices(first: $a) { nodes { id } } }", "variables": {"a": 2**53}}, 400, 200),
        ({"query": "query ($a: Int) { devices(first: $a) { nodes { id } } }", "variables": {"a": "x"}}, 400, 200),
        ({"query": "{ devices(first: 1e400) { nodes { id } } }"}, 400, 200),
        ({"query": '{ series(points: [], from: "yesterday") { count } }'}, 400, 200),
        ({"query": '{ series(points: [], from: "2026-01-01T00:00:00") { count } }'}, 400, 200),
        ({"query": "{ devices(first: 1000) { nodes { id } } }"}, 200, 200),
    ],
)  # fmt: skip
async def test_a_bad_request_is_a_typed_error_with_the_status_of_its_media_type(api: Api, body, new, old):
    for media, status in ((NEW, new), (OLD, old)):
        response = await post(api, body, media)
        assert (response.status_code, response.headers["content-type"]) == (status, f"{media}; charset=utf-8"), (
            response.text
        )
        answer = response.json()
        assert {error["extensions"]["code"] for error in answer["errors"]} == {"INVALID"}
        assert ("data" in answer) == (new == 200)
        assert "Traceback" not in response.text


async def test_only_json_in_utf_8_is_taken(api: Api):
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin-1",
    ):
        assert (await post(api, TYPENAME, kind=kind)).status_code == 415
    assert (await post(api, TYPENAME, kind="application/json; charset=UTF-8")).status_code == 200


async def test_get_serves_queries_only(api: Api):
    async def get(**parameters: str):
        return await api.client.get(
            f"{api.url}/graphql", params=parameters, headers=api.headers("owner") | {"Accept": NEW}
        )

    assert (await get(query="query ($n: ID!) { points(ids: [$n]) { totalCount } }", variables='{"n": "pt_1"}')).json()[
        "data"
    ] == {"points": {"totalCount": 0}}
    refused = await get(query="mutation { signOut { errors { code } } }")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await api.ask("{ me { role } }")) == {"role": "OWNER"}
    assert (await get(query="{ __typename }", variables="{")).status_code == 400
    assert (await get(query="subscription { deviceStates { kind } }")).status_code == 400
    assert (await get()).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_by_name(api: Api, method):
    response = await api.client.request(method, f"{api.url}/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


async def test_a_body_that_is_too_large_is_refused_also_without_its_length(api: Api):
    large = b'{"query": "{ __typename }", "x": "' + b"x" * BODY_BYTES + b'"}'
    assert (await post(api, large)).status_code == 413

    async def pieces():
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    headers = {"Content-Type": OLD}
    assert (await api.client.post(f"{api.url}/graphql", content=pieces(), headers=headers)).status_code == 413
    assert (await post(api, TYPENAME)).status_code == 200


@pytest.mark.parametrize("header", ["Bearer ddms_wrong", "Bearer", "Basic b3duZXI6eA==", "Bearer \xe4\xf6"])
async def test_a_wrong_token_is_401(api: Api, header):
    headers = {"Authorization": header.encode("latin-1")}
    response = await api.client.post(f"{api.url}/graphql", json=TYPENAME, headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "document",
    [
        "{ " + "devices { nodes { points { device { points { device { " * 4 + "id" + " } } } } } }" * 4 + " }",
        "{ " + " ".join(f"a{i}: __typename" for i in range(100)) + " }",
        "{ " + " ".join("__typename @include(if: true)" for _ in range(100)) + " }",
        "{ " + "a " * 10_000 + "}",
        "{" * 2_000,
        "query ($a: " + "[" * 1900 + "Int" + "]" * 1900 + ") { __typename }",
        "{ ...f0 } " + " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(60)) + " fragment f60 on Query { __typename me { name } }",
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    ],
    ids=["depth", "aliases", "directives", "tokens", "braces", "types", "fragments", "cycle", "introspection"],
)  # fmt: skip
async def test_a_hostile_document_is_refused(api: Api, document):
    response = await post(api, {"query": document})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "INVALID"


async def test_an_unexpected_error_is_masked_and_its_id_is_in_the_log(api: Api, owner, caplog):
    await owner.execute("DROP TABLE texts CASCADE")
    await owner.execute("INSERT INTO connections (endpoint) VALUES ('tcp://a:1')")
    await owner.execute("INSERT INTO devices (name, connection_id, unit_id) VALUES ('a', 1, 1)")
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, length) VALUES (1, 'a', 'a', 'input', 0, 'string', 2)"
    )
    answer = await api.post('{ series(points: ["pt_1"], from: "2026-01-01T00:00:00Z") { count } }')
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert "texts" not in json.dumps(answer)
    reference = error["message"].rsplit(" ", 1)[1]
    assert any(reference in record.getMessage() for record in caplog.records)


async def test_a_database_that_is_away_is_said_to_be_away_and_comes_back(api: Api, owner, server_url):
    name = await owner.fetchval("SELECT current_database()")
    server = await asyncpg.connect(server_url)
    await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    async with asyncio.timeout(60):
        health = await api.client.get(f"{api.url}/health")
    assert (health.status_code, health.json()["database"]) == (503, "unreachable")
    response = await post(api, {"query": "{ devices { nodes { id } } }"})
    assert response.status_code == 503
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await server.close()
    async with asyncio.timeout(60):
        await api.parts.hub.connected.wait()
    assert await api.ask("{ devices { nodes { id } } }") == {"nodes": []}
    assert (await api.client.get(f"{api.url}/health")).status_code == 200


async def test_the_statement_of_a_client_that_left_is_ended(api: Api, owner: asyncpg.Connection):
    async with owner.transaction():
        await owner.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(httpx2.ReadTimeout):
            await api.client.post(
                f"{api.url}/graphql",
                json={"query": "{ devices { nodes { id } } }"},
                headers=api.headers("viewer"),
                timeout=1.2,
            )
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%page_devices%' AND datname = current_database()"
        async with asyncio.timeout(15):
            while await owner.fetchval(waiting):
                await asyncio.sleep(0.05)
    assert await api.ask("{ devices { nodes { id } } }") == {"nodes": []}


async def test_an_operation_that_takes_too_long_is_ended_and_says_so(api: Api, owner: asyncpg.Connection, monkeypatch):
    monkeypatch.setattr(execution, "DEADLINE_SECONDS", 0.5)
    async with owner.transaction():
        await owner.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        assert await api.code("{ devices { nodes { id } } }") == "TIMEOUT"
