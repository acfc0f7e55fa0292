"""Single points through GraphQL: added, changed and deleted without naming the others."""

import asyncpg
import pytest

from api.retention.deletions import erase_deleted
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

CREATE = """mutation ($device: ID!, $points: [PointInput!]!) { createPoints(device: $device, points: $points) {
  errors { code field message } points { id key address } } }"""
UPDATE = """mutation ($id: ID!, $changes: PointChanges!) { updatePoint(id: $id, changes: $changes) {
  errors { code field message } point { id key name address dataType validMin validMax bit intervalSeconds } } }"""
DELETE = "mutation ($ids: [ID!]!) { deletePoints(ids: $ids) { errors { code field message } deletedIds } }"
UPDATE_DEVICE = """mutation ($id: ID!, $version: Int!, $changes: DeviceChanges!) { updateDevice(id: $id, version: $version, changes: $changes) {
  errors { code field message } device { profile points { key unit } } } }"""
KEYS = "query ($id: ID!) { device(id: $id) { version points { key } } }"
PROFILE = "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { code } profile { id } } }"


def word(key: str, address: int, **more) -> dict[str, object]:
    return {"key": key, "registerTable": "HOLDING", "address": address, "dataType": "UINT16"} | more


async def keys(api: Api, device: dict) -> tuple[int, set[str]]:
    found = await api.ask(KEYS, id=device["id"])
    return found["version"], {point["key"] for point in found["points"]}


async def test_points_are_added_to_those_that_are_there(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    payload = await api.ask(CREATE, "admin", device=device["id"], points=[word("level", 40), word("power", 41)])
    assert payload["errors"] == []
    assert [(p["key"], p["address"]) for p in payload["points"]] == [("level", 40), ("power", 41)]
    assert await keys(api, device) == (2, {"flow", "running", "mode", "level", "power"})
    assert await owner.fetchval("SELECT subject FROM audit_log WHERE action = 'point.create'") == device["id"]


@pytest.mark.parametrize(
    ("points", "code", "field"),
    [
        ([], "INVALID", "points"),
        ([word("flow", 40)], "ALREADY_EXISTS", "points.0.key"),
        ([word("a", 40), word("a", 41)], "INVALID", "points.1.key"),
        ([word("a", 40), word("b", 70000)], "INVALID", "points.1.address"),
        ([word("a", 40, intervalSeconds=0)], "INVALID", "points.0.intervalSeconds"),
        ([word("a", 40, dataType="BIT")], "INVALID", "points.0.bit"),
        ([word("a", 40, modulus=1000)], "INVALID", "points.0.modulus"),
        ([word("a", 40, counter=True, modulus=0)], "INVALID", "points.0.modulus"),
        ([word("a", 40, counter=True, scale=-1)], "INVALID", "points.0.scale"),
        ([word("a", 40, dataType="BIT", bit=1, counter=True)], "INVALID", "points.0.counter"),
    ],
)
async def test_points_that_do_not_fit_are_refused_all_together(api: Api, points, code, field):
    device = await add(api)
    payload = await api.ask(CREATE, device=device["id"], points=points)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert (await keys(api, device))[0] == 1


async def test_a_point_changes_where_it_is_named_and_keeps_its_readings(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    point = device["points"]["flow"]
    await owner.execute("INSERT INTO readings VALUES (now(), $1, 5, 0)", point)
    changes = {"key": "inflow", "address": 20, "intervalSeconds": 1, "validMin": 0.0, "validMax": 9.5}
    payload = await api.ask(UPDATE, "admin", id=f"pt_{point}", changes=changes)
    assert payload["errors"] == []
    assert {name: payload["point"][name] for name in changes} == changes
    assert payload["point"]["id"] == f"pt_{point}"
    assert await owner.fetchval("SELECT count(*) FROM readings WHERE point_id = $1", point) == 1
    row = await owner.fetchrow("SELECT * FROM audit_log WHERE action = 'point.update'")
    assert row["before"] == {"key": "flow", "address": 0, "interval_s": 10, "valid_min": None, "valid_max": None}
    assert row["after"]["valid_max"] == 9.5
    cleared = await api.ask(UPDATE, id=f"pt_{point}", changes={"validMax": None})
    assert (cleared["point"]["validMax"], cleared["point"]["validMin"]) == (None, 0.0)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"key": "mode"}, "ALREADY_EXISTS", "key"),
        ({"key": "Flow Rate"}, "INVALID", "key"),
        ({"address": 65535}, "INVALID", "address"),
        ({"dataType": "BOOL"}, "INVALID", "dataType"),
        ({"intervalSeconds": 86_400.5}, "INVALID", "intervalSeconds"),
        ({"scale": None}, "INVALID", "scale"),
        ({"validMin": 5.0, "validMax": 4.0}, "INVALID", "validMax"),
    ],
)
async def test_a_change_that_does_not_fit_is_refused(api: Api, changes, code, field):
    device = await add(api)
    payload = await api.ask(UPDATE, id=f"pt_{device['points']['flow']}", changes=changes)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert payload["point"] is None
    assert (await keys(api, device))[0] == 1


async def test_points_are_deleted_with_their_readings_and_no_others(api: Api, owner: asyncpg.Connection):
    pump, oven = await add(api, "Pump"), await add(api, "Oven")
    ids = [f"pt_{pump['points']['flow']}", f"pt_{oven['points']['mode']}"]
    await owner.execute("INSERT INTO readings SELECT now(), id, 5, 0 FROM points WHERE data_type <> 'string'")
    refused = await api.ask(DELETE, ids=[*ids, "pt_9999"])
    assert [(e["code"], e["field"]) for e in refused["errors"]] == [("NOT_FOUND", "ids")]
    assert await keys(api, pump) == (1, {"flow", "running", "mode"}), "all or none"
    payload = await api.ask(DELETE, "admin", ids=ids)
    assert payload == {"errors": [], "deletedIds": ids}
    assert await keys(api, pump) == (2, {"running", "mode"})
    assert await keys(api, oven) == (2, {"flow", "running"})
    await erase_deleted(api.parts.database)
    assert await owner.fetchval("SELECT count(*) FROM readings") == 3
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action = 'point.delete'") == 2


async def test_what_is_not_there_is_not_found(api: Api):
    assert (await api.ask(UPDATE, id="pt_99", changes={"unit": "V"}))["errors"][0]["code"] == "NOT_FOUND"
    assert (await api.ask(CREATE, device="dev_99", points=[word("a", 0)]))["errors"][0]["code"] == "NOT_FOUND"


async def test_a_device_takes_up_a_profile_changes_it_and_gives_it_up(api: Api, owner: asyncpg.Connection):
    for name, extra in (("Meter", "voltage"), ("Other", "current")):
        points = [word("flow", 7, unit="profile's"), word(extra, 8)]
        assert (await api.ask(PROFILE, input={"name": name, "points": points}))["errors"] == []
    device = await add(api)
    followers = "SELECT array_agg(key ORDER BY key) FROM points WHERE from_profile"
    taken = await api.ask(UPDATE_DEVICE, id=device["id"], version=1, changes={"profile": "meter"})
    assert taken["errors"] == []
    assert taken["device"]["profile"] == "Meter"
    assert {"key": "flow", "unit": "m³/h"} in taken["device"]["points"], "of the same key the device's own counts"
    assert await owner.fetchval(followers) == ["flow", "voltage"]
    changed = await api.ask(UPDATE_DEVICE, id=device["id"], version=2, changes={"profile": "Other"})
    assert changed["device"]["profile"] == "Other"
    assert await owner.fetchval(followers) == ["current", "flow"]
    given_up = await api.ask(UPDATE_DEVICE, id=device["id"], version=3, changes={"profile": None})
    assert given_up["device"]["profile"] is None
    assert len(given_up["device"]["points"]) == 5, "its points stay"
    assert await owner.fetchval(followers) is None
    unknown = await api.ask(UPDATE_DEVICE, id=device["id"], version=4, changes={"profile": "Nobody's"})
    assert [(e["code"], e["field"]) for e in unknown["errors"]] == [("NOT_FOUND", "profile")]
