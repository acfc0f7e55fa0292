"""The API behind PgBouncer in transaction mode: two connections to the database serve what many ask at once."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from ddms.errors import DdmsError
from ddms.settings import Settings
from tests.support.api_server import CREATE, add, api_fixture, pump, tokens_fixture  # noqa: F401 - fixtures
from tests.support.pgbouncer import pooled
from tests.support.servers import PassedOver

SERIES = "query ($p: [ID!], $from: DateTime!) { series(points: $p, from: $from) { columns { value } } }"


@pytest.fixture(name="settings")
async def settings_fixture(settings: Settings, database_url: str):
    try:
        async with pooled(database_url, server_connections=2) as url:
            yield replace(settings, pooler_url=url, database_role="ddms_app")
    except PassedOver as reason:
        pytest.skip(str(reason))


async def test_many_share_two_connections_and_nobody_sees_anothers(api, owner):
    user = urlsplit(api.parts.settings.pooler_url).username
    device = await add(api)
    point = device["points"]["flow"]
    async with api.socket("viewer") as socket:
        await socket.subscribe(
            "subscription ($p: [ID!]) { readings(points: $p) { columns { value } } }", p=[f"pt_{point}"]
        )
        await socket.event("readings")
        await api.read(owner, {point: 42.0})
        assert (await socket.event("readings"))["columns"]["value"] == [42.0]
    made = await asyncio.gather(*(api.ask(CREATE, input=pump(f"Pump {n}")) for n in range(30)))
    assert [payload["errors"] for payload in made] == [[]] * 30
    asked = {"p": [f"pt_{point}"], "from": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    found = await asyncio.gather(*(api.ask(SERIES, "viewer", **asked) for _ in range(30)))
    assert all(42.0 in series["columns"]["value"] for (series,) in found)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()"
    assert 1 <= await owner.fetchval(sessions, user) <= 2
    assert await api.code('{ devices(first: 1, after: "wrong") { nodes { name } } }') == "INVALID"

    key, body = str(uuid4()), {"query": CREATE, "variables": {"input": pump("Once")}}
    headers = api.headers("admin") | {"Idempotency-Key": key}
    both = await asyncio.gather(*(api.client.post(f"{api.url}/graphql", json=body, headers=headers) for _ in range(2)))
    assert (
        sum("device" in json.loads(answer.text)["data"]["createDevice"] for answer in both if "data" in answer.text)
        >= 1
    )
    assert await owner.fetchval("SELECT count(*) FROM devices WHERE name = 'Once'") == 1


async def test_limited_people_go_past_it(api, owner):
    seen = "-- ddms:seen\nSELECT current_user || ' ' || current_setting('ddms.person')"
    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(api.parts.database.of_person(n).value(seen)) for n in range(20)]
    assert [one.result() for one in found] == [f"ddms_limited {n}" for n in range(20)]


def test_a_role_that_is_taken_on_does_not_go_with_it():
    with pytest.raises(DdmsError, match="PgBouncer keeps no role apart"):
        Settings.read({"DDMS_POOLER_URL": "postgresql://db/ddms", "DDMS_DATABASE_ROLE": "ddms_app"})
