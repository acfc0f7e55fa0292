"""The examples of the reference, run as they stand against a plant on which they are to make sense."""

import asyncpg
import pytest
from argon2 import PasswordHasher

from api.reference import EXAMPLES
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

OPERATIONS = {path.stem: path for path in sorted(EXAMPLES.glob("*.graphql"))}
QUERIES = [name for name in OPERATIONS if name.startswith("Query.")]
MUTATIONS = [name for name in OPERATIONS if name.startswith("Mutation.")]
SUBSCRIPTIONS = [name for name in OPERATIONS if name.startswith("Subscription.")]
WITHOUT_COLLECTOR = {"Mutation.testConnection", "Mutation.probe", "Mutation.scan"}


@pytest.fixture
async def plant(api: Api, owner: asyncpg.Connection) -> Api:
    """Two pumps in hall 1, a profile, a person, a scan that was asked for."""
    await add(api, "Pump 1", endpoint="tcp://10.0.0.1", groups=["Hall 1"])
    await add(api, "Pump 2", endpoint="tcp://10.0.0.2")
    await api.ask(
        'mutation { createProfile(input: {name: "Flow meter", points: [{key: "f", registerTable: INPUT, address: 0, dataType: INT16}]}) { errors { code } } }'
    )
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery")
    await owner.execute("INSERT INTO users (name, role, password_hash) VALUES ('ann', 'owner', $1)", password)
    await owner.execute(
        "INSERT INTO field_requests (kind, parameters, requested_by, state, finished_at) VALUES ('scan', '{}', 'ann', 'done', now())"
    )
    await owner.execute("INSERT INTO erasures (subject, points, requested_by) VALUES ('Pump 3', '{}', 'ann')")
    return api


async def test_every_query_answers_without_an_error(plant: Api):
    for name in QUERIES:
        answer = await plant.post(OPERATIONS[name].read_text(encoding="utf-8"))
        assert "errors" not in answer, (name, answer)
        (value,) = answer["data"].values()
        assert value is not None, name


@pytest.mark.parametrize("name", MUTATIONS)
async def test_every_mutation_does_what_it_says(plant: Api, name):
    payload = await plant.ask(OPERATIONS[name].read_text(encoding="utf-8"))
    codes = [error["code"] for error in payload["errors"]]
    assert codes == (["UNAVAILABLE"] if name in WITHOUT_COLLECTOR else []), payload


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_every_subscription_begins(plant: Api, name):
    async with plant.socket("owner") as socket:
        await socket.subscribe(OPERATIONS[name].read_text(encoding="utf-8"))
        assert await socket.event(name.partition(".")[2])
