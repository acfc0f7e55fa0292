"""Lists in pages: complete and without doubles while rows come, go and are renamed; filtered, ordered, bounded."""

import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from api.ground.metrics import REGISTRY
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

LISTS = ("collectors", "devices", "groups", "points", "profiles", "tokens", "users")
PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $by: DeviceOrder! = NAME, $down: Boolean! = false) {
  devices(first: $first, after: $after, last: $last, before: $before, orderBy: $by, descending: $down) {
    nodes { id name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
ADD = """WITH c AS (INSERT INTO connections (endpoint) VALUES ('tcp://10.0.0.1:502') ON CONFLICT (endpoint) DO UPDATE SET endpoint = excluded.endpoint RETURNING id)
INSERT INTO devices (name, connection_id, unit_id) SELECT unnest($1::text[]), c.id, 1 FROM c"""


async def walk(api: Api, *, forward: bool, **asked: Any) -> AsyncIterator[list[dict[str, str]]]:
    """Follow the cursors, a page at a time, as a client would."""
    cursor = None
    while True:
        place = {"first": 7, "after": cursor} if forward else {"last": 7, "before": cursor}
        page = await api.ask(PAGE, **place, **asked)
        yield page["nodes"] if forward else page["nodes"][::-1]
        info = page["pageInfo"]
        cursor = info["endCursor" if forward else "startCursor"]
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return


@pytest.mark.parametrize("order", ["NAME", "CREATED", "STATE", "LAST_SEEN"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("forward", [True, False])
async def test_a_walk_shows_each_device_once_while_others_come_and_go(
    api: Api, owner: asyncpg.Connection, order, descending, forward
):
    chance = random.Random(f"{order}{descending}{forward}")
    names = [f"{chance.choice('abCDéß水')} {number}" for number in range(60)]
    await owner.execute(ADD, names)
    staying, others = set(names[:40]), names[40:]
    seen: list[str] = []
    async for nodes in walk(api, forward=forward, by=order, down=descending):
        seen += [node["name"] for node in nodes]
        if others:
            await owner.execute("DELETE FROM devices WHERE name = $1", others.pop())
        await owner.execute(ADD, [f"{chance.choice('aéz')} new {len(seen)} {n}" for n in range(2)])
        if len(seen) > 300:
            break  # what is added behind the cursor makes the list as long as the walk
    assert staying <= set(seen)
    assert len(seen) == len(set(seen))


async def test_in_the_order_of_creation_a_renamed_device_is_neither_lost_nor_shown_twice(
    api: Api, owner: asyncpg.Connection
):
    await owner.execute(ADD, [f"pump {number}" for number in range(30)])
    seen: list[str] = []
    async for nodes in walk(api, forward=True, by="CREATED"):
        seen += [node["id"] for node in nodes]
        await owner.execute("UPDATE devices SET name = md5(random()::text)")
    assert len(seen) == len(set(seen)) == 30


async def test_an_order_may_begin_at_either_end_and_be_read_from_either_end(api: Api, owner: asyncpg.Connection):
    await owner.execute(ADD, ["b", "A", "c", "D"])
    names = {}
    for way in ("first", "last"):
        for down in (False, True):
            page = await api.ask(PAGE, **{way: 3}, down=down)
            names[way, down] = "".join(node["name"] for node in page["nodes"])
            assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (
                way == "first",
                way == "last",
            )
    assert names == {
        ("first", False): "Abc",
        ("last", False): "bcD",
        ("first", True): "Dcb",
        ("last", True): "cbA",
    }


async def test_devices_that_never_answered_come_before_the_others_by_last_seen(api: Api, owner: asyncpg.Connection):
    await owner.execute(ADD, ["never", "old", "new"])
    await owner.execute(
        "INSERT INTO device_states (device_id, state, last_seen) "
        "SELECT id, 'online', CASE name WHEN 'old' THEN timestamptz '2001-01-01 00:00:00.000001Z' ELSE now() END "
        "FROM devices WHERE name <> 'never'"
    )
    seen = [node["name"] async for nodes in walk(api, forward=True, by="LAST_SEEN") for node in nodes]
    assert seen == ["never", "old", "new"]
    cursor = (await api.ask(PAGE, first=2, by="LAST_SEEN"))["pageInfo"]["endCursor"]
    assert [n["name"] for n in (await api.ask(PAGE, first=2, after=cursor, by="LAST_SEEN"))["nodes"]] == ["new"]


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_bounded_and_refuses_what_is_no_cursor_of_it(api: Api, name):
    rest = "(first: $f, last: $l, after: $a) { totalCount edges { cursor } } }"
    query = "query ($f: Int, $l: Int, $a: String) { " + name + rest
    assert (await api.ask(query))["totalCount"] >= 0
    for asked in ({"f": 101}, {"f": 0}, {"l": 101}, {"l": -1}, {"f": 1, "l": 1}):
        assert await api.code(query, **asked) == "INVALID", asked
    for cursor in ("", "x", "bnVsbA", "WyJuYW1lIiwieCJd", "WyJuYW1lIiwieFx1MDAwMCIsMV0", "W1tdLFtdLFtdXQ", "é"):
        assert await api.code(query, a=cursor) == "INVALID", cursor


async def test_a_cursor_of_another_order_is_refused(api: Api, owner: asyncpg.Connection):
    await owner.execute(ADD, ["a", "b"])
    cursor = (await api.ask(PAGE, first=1))["pageInfo"]["endCursor"]
    assert await api.code(PAGE, first=1, after=cursor, by="STATE") == "INVALID"


async def test_a_total_is_counted_only_when_it_is_asked_for(api: Api, owner: asyncpg.Connection):
    await owner.execute(ADD, ["a", "b"])

    def counted() -> float:
        name = "ddms_database_query_duration_seconds_count"
        return REGISTRY.get_sample_value(name, {"statement": "count_devices"}) or 0.0

    before = counted()
    await api.ask("{ devices { nodes { id } pageInfo { hasNextPage } } }")
    assert counted() == before
    assert await api.ask("{ devices(first: 1) { totalCount } }") == {"totalCount": 2}
    assert counted() == before + 1


async def test_lists_are_filtered_by_what_people_look_for(api: Api, owner: asyncpg.Connection):
    await owner.execute(ADD, ["Pump 1", "Pump 2", "Tank"])
    await owner.execute("UPDATE devices SET enabled = false WHERE name = 'Pump 2'")
    await owner.execute("INSERT INTO groups (name) VALUES ('Hall'), ('Yard')")
    await owner.execute(
        "INSERT INTO users (name, role, password_hash) VALUES ('Ann', 'owner', ''), ('Bo', 'viewer', '')"
    )
    for asked, expected in {
        'devices(text: "pump", enabled: true)': {"Pump 1"},
        "devices(enabled: false, state: DISABLED)": {"Pump 2"},
        'devices(profile: "prof_1")': set(),
        'groups(text: "HAL")': {"Hall"},
        "users(role: VIEWER)": {"Bo"},
        'users(text: "an")': {"Ann"},
        "tokens(role: ADMIN)": {"the admin's"},
        'tokens(text: "owner")': {"the owner's"},
    }.items():
        found = await api.ask("{ " + asked + " { nodes { name } } }")
        assert {node["name"] for node in found["nodes"]} == expected, asked
