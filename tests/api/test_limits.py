"""Limits through GraphQL: given to one point or many, changed, deleted, checked as a whole, shown with their point."""

import asyncio

import asyncpg
import pytest

from api.ground.database import Statements
from ddms.errors import Code, DdmsError
from tests.support.api_server import CREATE, Api, add, api_fixture, pump, tokens_fixture  # noqa: F401 - fixtures

FIELDS = "id key kind threshold hysteresis priority enabled fromProfile"
SET = f"mutation ($points: [PointLimitsInput!]!) {{ setLimits(points: $points) {{ errors {{ code field message }} limits {{ {FIELDS} }} }} }}"
UPDATE = f"mutation ($ids: [ID!]!, $changes: LimitChanges!) {{ updateLimits(ids: $ids, changes: $changes) {{ errors {{ code field message }} limits {{ {FIELDS} }} }} }}"
DELETE = "mutation ($ids: [ID!]!) { deleteLimits(ids: $ids) { errors { code field } deletedIds } }"
UPDATE_POINT = "mutation ($id: ID!, $changes: PointChanges!) { updatePoint(id: $id, changes: $changes) { errors { code field message } point { limits { key threshold } } } }"
UPDATE_DEVICE = "mutation ($id: ID!, $changes: DeviceChanges!) { updateDevice(id: $id, version: 1, changes: $changes) { errors { code field } device { points { key limits { key } } } } }"
CREATE_POINTS = "mutation ($device: ID!, $points: [PointInput!]!) { createPoints(device: $device, points: $points) { errors { code field } points { limits { key kind bit } } } }"
HIGH = {"kind": "HIGH", "threshold": 80.0}


def point_of(device: dict, key: str = "flow") -> str:
    return f"pt_{device['points'][key]}"


async def give(api: Api, device: dict, *limits: dict, key: str = "flow", actor: str = "admin") -> dict:
    return await api.ask(SET, actor, points=[{"ids": [point_of(device, key)], "limits": list(limits)}])


def wrong(payload: dict) -> list[tuple[str, str]]:
    return [(error["code"], error["field"]) for error in payload["errors"]]


async def test_a_limit_needs_its_kind_and_threshold_only(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    payload = await give(api, device, HIGH)
    assert payload["errors"] == []
    (limit,) = payload["limits"]
    assert limit == {
        "id": "lim_1", "key": "high", "kind": "HIGH", "threshold": 80.0, "hysteresis": 0.0, "priority": "MEDIUM", "enabled": True, "fromProfile": False
    }  # fmt: skip
    assert await owner.fetchval("SELECT state FROM alarms WHERE limit_id = 1") == "normal"


async def test_many_points_get_the_same_limits_and_each_its_own_in_one_call(api: Api):
    devices = [await add(api, f"Pump {n}") for n in range(3)]
    ids = [point_of(device) for device in devices]
    own = [
        {"ids": [number], "limits": [{"kind": "LOW", "threshold": float(place)}]} for place, number in enumerate(ids)
    ]
    payload = await api.ask(SET, points=[{"ids": ids, "limits": [HIGH]}, *own])
    assert payload["errors"] == []
    assert [(limit["key"], limit["threshold"]) for limit in payload["limits"]] == [
        (key, threshold) for place in range(3) for key, threshold in (("high", 80.0), ("low", float(place)))
    ]


async def test_setting_again_changes_the_same_limit_and_keeps_the_others(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await give(api, device, HIGH, {"kind": "LOW", "threshold": 10.0})
    (limit,) = (await give(api, device, HIGH | {"threshold": 70.0}))["limits"]
    assert (limit["id"], limit["threshold"]) == ("lim_1", 70.0)
    assert await owner.fetchval("SELECT count(*) FROM limits") == 2


async def test_one_threshold_is_changed_in_one_call_and_many_limits_at_once(api: Api):
    device, other = await add(api), await add(api, "Other")
    ids = [(await give(api, one, HIGH))["limits"][0]["id"] for one in (device, other)]
    (limit,) = (await api.ask(UPDATE, "admin", ids=ids[:1], changes={"threshold": 85.0}))["limits"]
    assert limit["threshold"] == 85.0
    payload = await api.ask(UPDATE, "admin", ids=ids, changes={"priority": "CRITICAL", "enabled": False})
    assert [(one["threshold"], one["priority"], one["enabled"]) for one in payload["limits"]] == [
        (85.0, "CRITICAL", False), (80.0, "CRITICAL", False)
    ]  # fmt: skip


async def test_limits_come_with_their_points_by_one_statement(api: Api):
    devices = [await add(api, f"Pump {n}") for n in range(3)]
    for device in devices:
        await give(api, device, HIGH, {"kind": "LOW_LOW", "threshold": 1.0}, {"kind": "RATE", "threshold": 5.0})
    found = await api.ask("{ devices { nodes { points { key limits { key kind direction periodSeconds } } } } }")
    for node in found["nodes"]:
        assert [limit["key"] for limit in node["points"][-1]["limits"]] in (["low_low", "high", "rate"], [])


BAD = [
    ([HIGH, {"kind": "HIGH_HIGH", "threshold": 80.0}], "points.0.limits.1.threshold"),
    ([HIGH, {"kind": "LOW", "threshold": 81.0}], "points.0.limits.0.threshold"),
    ([HIGH | {"hysteresis": 75.0}, {"kind": "LOW", "threshold": 10.0}], "points.0.limits.0.hysteresis"),
    ([HIGH, HIGH], "points.0.limits.1.key"),
    ([{"kind": "HIGH"}], "points.0.limits.0.threshold"),
    ([HIGH | {"hysteresis": -1.0}], "points.0.limits.0.hysteresis"),
    ([HIGH | {"threshold": 1e39}], "points.0.limits.0.threshold"),
    ([HIGH | {"key": "too_hot"}], "points.0.limits.0.key"),
    ([HIGH | {"onDelaySeconds": -1}], "points.0.limits.0.onDelaySeconds"),
    ([HIGH | {"respondWithinSeconds": 0}], "points.0.limits.0.respondWithinSeconds"),
    ([HIGH | {"cause": "x" * 2001}], "points.0.limits.0.cause"),
    ([HIGH | {"referenceKey": "running"}], "points.0.limits.0.referenceKey"),
    ([{"kind": "DEVIATION", "threshold": 1.0, "referenceKey": "gone"}], "points.0.limits.0.referenceKey"),
    ([{"kind": "DEVIATION", "threshold": 1.0, "referenceKey": "flow"}], "points.0.limits.0.referenceKey"),
    ([{"kind": "RATE", "threshold": 1.0, "hysteresis": 1.0}], "points.0.limits.0.hysteresis"),
    ([{"kind": "RATE", "threshold": 1.0, "periodSeconds": 0}], "points.0.limits.0.periodSeconds"),
    ([{"kind": "BIT", "bit": 1}], "points.0.limits.0.kind"),
    ([{"kind": "VALUE"}], "points.0.limits.0.alarmValues"),
    ([{"kind": "VALUE", "alarmValues": [1.0, 1e39]}], "points.0.limits.0.alarmValues"),
    ([{"kind": "VALUE", "alarmValues": [1.0] * 33}], "points.0.limits.0.alarmValues"),
    ([{"kind": "VALUE", "key": "2", "alarmValues": [1.0]}], "points.0.limits.0.key"),
    ([{"kind": "VALUE", "key": f"v{n}", "alarmValues": [1.0]} for n in range(101)], "points.0.limits"),
    ([], "points"),
]


@pytest.mark.parametrize(("limits", "field"), BAD)
async def test_limits_that_do_not_fit_are_refused_with_the_field(api: Api, owner: asyncpg.Connection, limits, field):
    device = await add(api)
    assert wrong(await give(api, device, *limits))[0] == ("INVALID", field)
    assert await owner.fetchval("SELECT count(*) FROM limits") == 0


@pytest.mark.parametrize(
    ("key", "limit", "field"),
    [
        ("running", HIGH, "points.0.limits.0.kind"),
        ("running", {"kind": "BIT", "bit": 1}, "points.0.limits.0.bit"),
        ("running", {"kind": "BIT", "bit": -1}, "points.0.limits.0.bit"),
        ("mode", HIGH, "points.0.limits.0.kind"),
    ],
)
async def test_a_kind_that_makes_no_sense_of_a_point_is_refused(api: Api, key, limit, field):
    device = await add(api)
    assert wrong(await give(api, device, limit, key=key)) == [("INVALID", field)]


async def test_a_limit_is_checked_with_those_that_the_point_has(api: Api):
    device = await add(api)
    await give(api, device, HIGH)
    assert wrong(await give(api, device, {"kind": "LOW", "threshold": 90.0})) == [("INVALID", "points.0.limits")]
    assert wrong(await api.ask(UPDATE, ids=["lim_1"], changes={"threshold": None})) == [("INVALID", "threshold")]
    assert wrong(await api.ask(UPDATE, ids=["lim_1"], changes={"alarmValues": [1.0]})) == [("INVALID", "alarmValues")]


async def test_what_is_not_there_is_told(api: Api):
    device = await add(api)
    assert wrong(await api.ask(SET, points=[{"ids": ["pt_99"], "limits": [HIGH]}])) == [("NOT_FOUND", "points.0.ids")]
    assert wrong(await api.ask(UPDATE, ids=["lim_99"], changes={"threshold": 1.0})) == [("NOT_FOUND", "ids")]
    await give(api, device, HIGH)
    assert wrong(await api.ask(DELETE, ids=["lim_1", "lim_99"])) == [("NOT_FOUND", "ids")]
    assert await api.ask(DELETE, "admin", ids=["lim_1"]) == {"errors": [], "deletedIds": ["lim_1"]}


async def test_ten_thousand_limits_at_once_are_taken_and_one_more_is_not(api: Api, owner: asyncpg.Connection):
    points = [{"key": f"p{n}", "registerTable": "HOLDING", "address": n, "dataType": "UINT16"} for n in range(2500)]
    await owner.execute("UPDATE connections SET close_after_cycle = false")
    device = await api.ask(CREATE, input=pump(points=[]))
    created = await api.ask(CREATE_POINTS, device=device["device"]["id"], points=points)
    assert created["errors"] == []
    ids = [f"pt_{row[0]}" for row in await owner.fetch("SELECT id FROM points ORDER BY id")]
    levels = [
        {"kind": kind, "threshold": float(n + 1)} for n, kind in enumerate(("LOW_LOW", "LOW", "HIGH", "HIGH_HIGH"))
    ]
    quiet = "mutation ($points: [PointLimitsInput!]!) { setLimits(points: $points) { errors { code field } } }"
    assert (await api.ask(quiet, points=[{"ids": ids, "limits": levels}]))["errors"] == []
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE source = 'limit'") == 10_000
    more = [{"ids": ids, "limits": levels}, {"ids": ids[:1], "limits": levels[:1]}]
    assert wrong(await api.ask(quiet, points=more)) == [("INVALID", "points")]


async def test_two_people_at_once_never_leave_limits_out_of_order(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await give(api, device, HIGH, {"kind": "LOW", "threshold": 10.0})
    both = [
        api.ask(UPDATE, ids=["lim_1"], changes={"threshold": 40.0}),
        api.ask(UPDATE, ids=["lim_2"], changes={"threshold": 60.0}),
    ]
    answers = await asyncio.gather(*both)
    assert sorted(len(answer["errors"]) for answer in answers) == [0, 1]
    high, low = [row[0] for row in await owner.fetch("SELECT threshold FROM limits ORDER BY id")]
    assert low < high


async def test_a_device_and_a_point_are_made_with_limits(api: Api):
    flow = pump()["points"][0] | {"limits": [HIGH, {"kind": "LOW", "threshold": 1.0}]}
    made = await api.ask(CREATE, input=pump(points=[flow]))
    assert made["errors"] == []
    word = {"key": "faults", "registerTable": "HOLDING", "address": 9, "dataType": "UINT16"}
    word["limits"] = [{"kind": "BIT", "bit": 3}, {"kind": "BIT", "bit": 4, "key": "overload"}]
    added = await api.ask(CREATE_POINTS, device=made["device"]["id"], points=[word])
    assert added["points"] == [
        {"limits": [{"key": "bit_3", "kind": "BIT", "bit": 3}, {"key": "overload", "kind": "BIT", "bit": 4}]}
    ]
    bad = flow | {"key": "other", "limits": [HIGH | {"hysteresis": -1.0}]}
    refused = await api.ask(CREATE_POINTS, device=made["device"]["id"], points=[bad])
    assert wrong(refused) == [("INVALID", "points.0.limits.0.hysteresis")]


async def test_a_change_of_a_point_keeps_its_limits_unless_they_are_named(api: Api):
    device = await add(api)
    await give(api, device, HIGH)
    done = await api.ask(UPDATE_POINT, id=point_of(device), changes={"unit": "l/s"})
    assert done["point"]["limits"] == [{"key": "high", "threshold": 80.0}]
    done = await api.ask(UPDATE_POINT, id=point_of(device), changes={"limits": [{"kind": "LOW", "threshold": 5.0}]})
    assert done["point"]["limits"] == [{"key": "low", "threshold": 5.0}]
    assert (await api.ask(UPDATE_POINT, id=point_of(device), changes={"limits": []}))["point"]["limits"] == []


async def test_a_change_of_a_point_that_its_limits_do_not_fit_is_refused(api: Api):
    device = await add(api)
    await give(api, device, HIGH)
    for changes in ({"validMax": 50.0}, {"dataType": "STRING", "length": 2}):
        assert wrong(await api.ask(UPDATE_POINT, id=point_of(device), changes=changes)) == [("INVALID", "limits")]


async def test_a_device_that_gets_other_points_keeps_the_limits_of_those_that_stay(api: Api):
    device = await add(api)
    await give(api, device, HIGH)
    points = [point | {"unit": "l"} if point["key"] == "flow" else point for point in pump()["points"]]
    payload = await api.ask(UPDATE_DEVICE, id=device["id"], changes={"points": points})
    assert wrong(payload) == [("CONFLICT", "version")], "a limit is a change of the device"
    update = UPDATE_DEVICE.replace("version: 1", "version: 2")
    payload = await api.ask(update, id=device["id"], changes={"points": points})
    assert {point["key"]: point["limits"] for point in payload["device"]["points"]}["flow"] == [{"key": "high"}]


async def test_a_deviation_follows_the_point_that_it_compares_with(api: Api, owner: asyncpg.Connection):
    setpoint = {"key": "setpoint", "registerTable": "HOLDING", "address": 8, "dataType": "FLOAT32"}
    device = await add(api, points=[*pump()["points"], setpoint])
    payload = await give(api, device, {"kind": "DEVIATION", "threshold": 2.0, "referenceKey": "setpoint"})
    assert payload["errors"] == []
    await api.ask(UPDATE_POINT, id=point_of(device, "setpoint"), changes={"key": "wanted"})
    assert await owner.fetchval("SELECT reference_key FROM limits") == "wanted"
    gone = "mutation ($ids: [ID!]!) { deletePoints(ids: $ids) { errors { code field } } }"
    assert wrong(await api.ask(gone, ids=[point_of(device, "setpoint")])) == [("INVALID", "ids")]
    both = [point_of(device, "setpoint"), point_of(device)]
    assert (await api.ask(gone, ids=both))["errors"] == [], "with the limit's own point it goes"


@pytest.mark.parametrize(("kind", "threshold"), [("low", 90), ("high_high", 80), ("high", 1)])
async def test_what_the_database_refuses_is_told_as_a_mistake(api: Api, owner: asyncpg.Connection, kind, threshold):
    device = await add(api)
    await give(api, device, HIGH)
    insert = "-- ddms:by_hand\nINSERT INTO limits (point_id, key, kind, threshold) VALUES ($1, 'odd', $2, $3)"
    with pytest.raises(DdmsError) as refused:
        await Statements(owner).value(insert, device["points"]["flow"], kind, threshold)
    assert (refused.value.code, refused.value.field) == (Code.INVALID, "limits")


async def test_each_change_is_in_the_audit(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await give(api, device, HIGH)
    await api.ask(UPDATE, "admin", ids=["lim_1"], changes={"threshold": 85.0})
    await api.ask(DELETE, "admin", ids=["lim_1"])
    rows = await owner.fetch("SELECT * FROM audit_log WHERE action LIKE 'limit.%' ORDER BY number")
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("limit.set", device["id"]), ("limit.update", "lim_1"), ("limit.delete", device["id"])
    ]  # fmt: skip
    assert (rows[1]["before"], rows[1]["after"]) == ({"threshold": 80.0}, {"threshold": 85.0})
    assert rows[0]["after"]["flow"][0]["threshold"] == rows[2]["before"]["flow"][0]["threshold"] - 5


async def test_a_mistake_is_told_in_chinese(api: Api):
    device = await add(api)
    headers = api.headers("owner") | {"Accept-Language": "zh"}
    variables = {"points": [{"ids": [point_of(device)], "limits": [HIGH, {"kind": "LOW", "threshold": 90.0}]}]}
    answer = await api.client.post(f"{api.url}/graphql", json={"query": SET, "variables": variables}, headers=headers)
    (error,) = answer.json()["data"]["setLimits"]["errors"]
    assert error["message"] == "low（90.0）必须低于 high（80.0）"
