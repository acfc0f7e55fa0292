"""Calculated points of people whose rights reach to one hall: they name what they see, and take nothing from others."""

import asyncpg

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import Halls, halls_fixture  # noqa: F401 - fixture

CREATE = "mutation ($device: ID!, $key: String!, $expression: String!) { createPoints(device: $device, points: [{key: $key, expression: $expression}]) { errors { field message } } }"
UPDATE = (
    "mutation ($id: ID!, $changes: PointChanges!) { updatePoint(id: $id, changes: $changes) { errors { message } } }"
)
DELETE = "mutation ($ids: [ID!]!) { deletePoints(ids: $ids) { errors { message } } }"
RENAME = (
    'mutation ($id: ID!) { updateDevice(id: $id, version: 1, changes: {name: "Other"}) { errors { field message } } }'
)


async def told(halls: Halls, query: str, actor: str = "admin3", **variables) -> list[str]:
    return [error["message"] for error in (await halls.api.ask(query, actor, **variables))["errors"]]


async def test_a_limited_admin_names_what_is_in_sight_and_keeps_what_was_there(halls: Halls, owner: asyncpg.Connection):
    device, hidden = halls.third.device, '"Pump of hall four".flow'
    own = {"device": device, "key": "own", "expression": "flow * 2"}
    assert await told(halls, CREATE, **own) == []
    assert await told(halls, CREATE, device=device, key="x", expression=hidden) == [
        f"Pump of hall three / x names {hidden}, and there is no such point"
    ]
    assert await told(halls, CREATE, "owner", device=device, key="sum", expression=f"flow + {hidden}") == []
    before = await owner.fetch("SELECT * FROM point_inputs ORDER BY 1, 2")
    assert await told(halls, CREATE, device=device, key="more", expression="sum + own") == []
    assert [row for row in await owner.fetch("SELECT * FROM point_inputs ORDER BY 1, 2") if row in before] == before


async def test_a_limited_admin_takes_no_input_from_a_device_out_of_sight(halls: Halls):
    flow = halls.third.point
    assert (
        await told(
            halls, CREATE, "owner", device=halls.fourth.device, key="sum", expression='flow + "Pump of hall three".flow'
        )
        == []
    )
    (sentence,) = await told(halls, DELETE, ids=[flow])
    assert sentence.startswith("it is an input of")
    assert await told(halls, UPDATE, id=flow, changes={"key": "other"}) == [
        "points of other devices are calculated of it: let an administrator rename it"
    ]
    assert (await halls.api.ask(RENAME, "admin3", id=halls.third.device))["errors"][0]["field"] == "name"
    assert await told(halls, UPDATE, "owner", id=flow, changes={"key": "other"}) == []
