"""Limits for people whose rights reach to one hall: they see and change those of its devices, and no others are there."""

import asyncpg

from tests.support.api_server import Api, api_fixture, pump, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import Halls, halls_fixture  # noqa: F401 - fixture

SET = "mutation ($points: [PointLimitsInput!]!) { setLimits(points: $points) { errors { code field } limits { id } } }"
UPDATE = "mutation ($ids: [ID!]!) { updateLimits(ids: $ids, changes: {threshold: 7}) { errors { code field } } }"
DELETE = "mutation ($ids: [ID!]!) { deleteLimits(ids: $ids) { errors { code field } deletedIds } }"
CREATE = "mutation ($input: DeviceInput!) { createDevice(input: $input) { errors { code message } device { points { limits { key fromProfile } } } } }"
PROFILE = 'mutation { createProfile(input: {name: "Meter", points: [{key: "v", registerTable: INPUT, address: 0, dataType: INT16, limits: [{kind: HIGH, threshold: 5}]}]}) { errors { code } } }'
APPLY = 'mutation ($devices: [ID!]!) { applyProfile(profile: "prof_1", devices: $devices, dryRun: false) { errors { code message } difference { limits } } }'
IMPORT = (
    "mutation ($text: String!) { importDevices(text: $text, dryRun: false) { errors { message } changes { limit } } }"
)
LOW = {"kind": "LOW", "threshold": 1.0}


async def test_a_limited_admin_gives_the_own_points_limits_and_no_others(halls: Halls, owner: asyncpg.Connection):
    own, other = halls.third.point, halls.fourth.point
    payload = await halls.api.ask(SET, "admin3", points=[{"ids": [own], "limits": [LOW]}])
    assert payload["errors"] == []
    before = await owner.fetch("SELECT * FROM limits ORDER BY id")
    for points in ([other], [own, other]):
        payload = await halls.api.ask(SET, "admin3", points=[{"ids": points, "limits": [LOW | {"threshold": 0.5}]}])
        assert payload["errors"] == [{"code": "NOT_FOUND", "field": "points.0.ids"}]
    assert await owner.fetch("SELECT * FROM limits ORDER BY id") == before


async def test_a_limited_admin_changes_and_deletes_the_own_limits_and_no_others(
    halls: Halls, owner: asyncpg.Connection
):
    for ids in (["lim_2"], ["lim_1", "lim_2"]):
        for query in (UPDATE, DELETE):
            payload = await halls.api.ask(query, "admin3", ids=ids)
            assert payload["errors"] == [{"code": "NOT_FOUND", "field": "ids"}]
    assert (await halls.api.ask(UPDATE, "admin3", ids=["lim_1"]))["errors"] == []
    assert [row[0] for row in await owner.fetch("SELECT threshold FROM limits ORDER BY id")] == [7, 2]
    assert (await halls.api.ask(DELETE, "admin3", ids=["lim_1"]))["deletedIds"] == ["lim_1"]
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE limit_id = 1 AND removed_at IS NULL") == 0


async def test_a_viewer_of_one_hall_sees_its_limits_only(halls: Halls):
    found = await halls.api.ask("{ points { nodes { limits { id } } } }", "viewer3")
    assert [limit["id"] for node in found["nodes"] for limit in node["limits"]] == ["lim_1"]


async def test_a_limited_admin_makes_a_device_with_limits_of_its_own_and_of_its_profile(halls: Halls):
    assert (await halls.api.ask(PROFILE))["errors"] == []
    flow = pump()["points"][0] | {"limits": [LOW]}
    device = pump("New", endpoint="tcp://10.0.3.1", unitId=7, profile="Meter", points=[flow])
    made = await halls.api.ask(CREATE, "admin3", input=device)
    assert made["errors"] == []
    limits = [limit for point in made["device"]["points"] for limit in point["limits"]]
    assert sorted((limit["key"], limit["fromProfile"]) for limit in limits) == [("high", True), ("low", False)]


async def test_a_limited_admin_lets_own_devices_follow_a_profile_with_limits(halls: Halls):
    await halls.api.ask(PROFILE)
    done = await halls.api.ask(APPLY, "admin3", devices=[halls.third.device])
    assert (done["errors"], done["difference"]) == ([], {"limits": 1})


async def test_a_limited_admin_imports_limits_of_own_devices(halls: Halls, owner: asyncpg.Connection):
    head = "device,endpoint,key,register_table,address,data_type,limit,threshold\n"
    row = f"{halls.third.name},tcp://10.0.3.1,flow,holding,0,float32,high,9\n"
    payload = await halls.api.ask(IMPORT, "admin3", text=head + row)
    assert payload["errors"] == []
    assert [row[0] for row in await owner.fetch("SELECT threshold FROM limits ORDER BY id")] == [9, 2]
