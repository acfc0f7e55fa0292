"""Idempotency keys: done once, answered alike, never kept when it failed or holds a secret."""

import asyncio
import json

import asyncpg
import pytest
from graphql import get_named_type

from api.schema import build
from api.transport import idempotency
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

GROUP = "mutation ($name: String!) { createGroup(input: {name: $name}) { errors { code } group { id name } } }"


async def send(api: Api, key: str, query: str = GROUP, actor: str = "owner", **variables):
    headers = api.headers(actor) | {"Idempotency-Key": key, "Accept": "application/graphql-response+json"}
    body = {"query": query, "variables": variables}
    return await api.client.post(f"{api.url}/graphql", json=body, headers=headers)


async def test_a_change_that_is_sent_again_is_answered_alike_and_done_once(api: Api, owner: asyncpg.Connection):
    first = await send(api, "a-1", name="Hall")
    again = await send(api, '"a-1"', name="Hall")
    assert first.content == again.content
    assert first.json()["data"]["createGroup"]["errors"] == []
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'group.create'") == 1
    assert (await send(api, "a-2", name="Hall")).json()["data"]["createGroup"]["errors"] == [{"code": "ALREADY_EXISTS"}]


async def test_twenty_at_once_are_done_once(api: Api, owner: asyncpg.Connection):
    answers = await asyncio.gather(*(send(api, "many", name="Hall") for _ in range(20)))
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].json()["data"]["createGroup"]["group"]["name"] == "Hall"
    assert await owner.fetchval("SELECT count(*) FROM groups") == 1


async def test_a_key_belongs_to_its_request_and_to_its_caller(api: Api):
    await send(api, "k", name="Hall")
    other = await send(api, "k", name="Yard")
    assert other.status_code == 400
    (error,) = other.json()["errors"]
    assert error["extensions"] | {"reference": ""} == {"code": "INVALID", "reference": "", "field": "Idempotency-Key"}
    assert "choose a new key" in error["message"]
    assert (await send(api, "k", actor="admin", name="Yard")).json()["data"]["createGroup"]["errors"] == []


async def test_what_failed_is_not_kept_and_may_be_tried_again(api: Api, owner: asyncpg.Connection):
    await owner.execute("INSERT INTO groups (name) VALUES ('Hall')")
    assert (await send(api, "k", name="Hall")).json()["data"]["createGroup"]["errors"] == [{"code": "ALREADY_EXISTS"}]
    assert await owner.fetchval("SELECT count(*) FROM idempotency_keys") == 0
    await owner.execute("DELETE FROM groups")
    assert (await send(api, "k", name="Hall")).json()["data"]["createGroup"]["errors"] == []


async def test_a_change_whose_answer_was_lost_is_not_done_again(api: Api, owner: asyncpg.Connection, monkeypatch):
    await send(api, "k", name="Hall")
    await owner.execute("UPDATE idempotency_keys SET answer = NULL, at = now() - interval '1 hour'")  # it was killed
    monkeypatch.setattr(idempotency, "DEADLINE_SECONDS", 0.2)
    lost = await send(api, "k", name="Hall")
    assert (lost.status_code, lost.json()["errors"][0]["extensions"]["code"]) == (409, "CONFLICT")
    assert await owner.fetchval("SELECT count(*) FROM groups") == 1


async def test_a_change_that_was_cut_off_before_it_was_done_is_done_by_the_next_one(
    api: Api, owner: asyncpg.Connection
):
    await send(api, "k", name="Hall")
    await owner.execute("DELETE FROM groups")
    await owner.execute("UPDATE idempotency_keys SET answer = NULL, done = false, at = now() - interval '2 minutes'")
    assert (await send(api, "k", name="Hall")).json()["data"]["createGroup"]["errors"] == []


async def test_a_key_is_forgotten_after_a_day(api: Api, owner: asyncpg.Connection):
    await send(api, "k", name="Hall")
    await owner.execute("UPDATE idempotency_keys SET at = now() - interval '25 hours'")
    assert (await send(api, "k", name="Yard")).json()["data"]["createGroup"]["errors"] == []
    await owner.execute("UPDATE idempotency_keys SET at = now() - interval '25 hours'")
    await send(api, "other", name="Roof")
    assert await owner.fetchval("SELECT array_agg(key) FROM idempotency_keys") == ["other"]


@pytest.mark.parametrize("key", ["x" * 256, "with space", "\x07", '""'])
async def test_a_key_that_is_none_is_refused(api: Api, key):
    refused = await send(api, key, name="Hall")
    assert refused.status_code == 400


async def test_a_secret_is_kept_nowhere(api: Api, owner: asyncpg.Connection):
    query = 'mutation { createToken(name: "x", role: VIEWER) { secret } }'
    refused = await send(api, "k", query)
    assert refused.json()["errors"][0]["extensions"]["code"] == "INVALID"
    sign_in = 'mutation { signIn(name: "a", password: "b") { secret } }'
    assert (await send(api, "k", sign_in, "outsider")).status_code == 400
    assert await owner.fetchval("SELECT count(*) FROM idempotency_keys") == 0


async def test_a_query_needs_no_key_and_keeps_none(api: Api, owner: asyncpg.Connection):
    answer = await send(api, "k", "{ me { name } }")
    assert json.loads(answer.content)["data"]["me"]["name"] == "the owner's"
    assert await owner.fetchval("SELECT count(*) FROM idempotency_keys") == 0


def test_every_mutation_that_answers_with_a_secret_takes_no_key():
    answered = {
        name
        for name, field in build()._schema.mutation_type.fields.items()
        if {"secret", "password"} & get_named_type(field.type).fields.keys()
    }
    assert answered
    assert all(idempotency._SECRET.search(name) for name in answered), answered
