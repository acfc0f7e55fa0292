"""Devices and points through GraphQL: read, filtered, paged, changed, deleted."""

import asyncpg
import pytest

from api.retention.deletions import erase_deleted
from tests.support.api_server import (  # noqa: F401 - fixtures
    CREATE,
    Api,
    add,
    api_fixture,
    pump,
    tokens_fixture,
)

DEVICE = """query ($id: ID, $name: String) { device(id: $id, name: $name) {
  id name endpoint unitId enabled version deletedAt status { state failures }
  points { id key name unit registerTable address dataType bit length byteOrder scale offset intervalSeconds deadband
           heartbeatSeconds validMin validMax sentinels enabled latest { value } device { name } } } }"""
UPDATE = """mutation ($id: ID!, $version: Int!, $changes: DeviceChanges!, $remove: Boolean = false) {
  updateDevice(id: $id, version: $version, changes: $changes, removePoints: $remove) {
    errors { code field message } device { name version endpoint unitId points { id key unit } } } }"""
DELETE = (
    "mutation ($id: ID!, $keep: Boolean!) { deleteDevice(id: $id, keepHistory: $keep) { errors { code } deletedId } }"
)


async def test_a_created_device_is_found_by_its_id_and_by_its_name_in_any_case(api: Api):
    device = await add(api, "Pump 1", endpoint="TCP://".lower() + "PLC-7.plant:502", unitId=7)
    found = await api.ask(DEVICE, id=device["id"])
    assert found == await api.ask(DEVICE, "viewer", name="pUMP 1")
    assert (found["endpoint"], found["unitId"], found["version"]) == ("tcp://plc-7.plant:502", 7, 1)
    assert found["status"] == {"state": "UNKNOWN", "failures": 0}
    by_key = {point["key"]: point for point in found["points"]}
    assert by_key["flow"] == {
        "id": f"pt_{device['points']['flow']}", "key": "flow", "name": "flow", "unit": "m³/h",
        "registerTable": "HOLDING", "address": 0, "dataType": "FLOAT32", "bit": None, "length": None,
        "byteOrder": "ABCD", "scale": 1.0, "offset": 0.0, "intervalSeconds": 10, "deadband": 0.0,
        "heartbeatSeconds": 600, "validMin": None, "validMax": None, "sentinels": [], "enabled": True, "latest": None,
        "device": {"name": "Pump 1"},
    }  # fmt: skip


async def test_the_point_that_stands_for_a_device_is_a_number_of_its_own(api: Api):
    ask = "mutation ($id: ID!, $version: Int!, $key: String) { updateDevice(id: $id, version: $version, changes: {trendPoint: $key}) { errors { field message } device { trendPoint } } }"
    device = await add(api, "Pump", trendPoint="flow")
    refused = (await api.ask(ask, id=device["id"], version=1, key="gone"))["errors"]
    assert [(one["field"], one["message"][:32]) for one in refused] == [
        ("trendPoint", "the device has no number 'gone':")
    ]
    assert (await api.ask(ask, id=device["id"], version=1, key=None))["device"] == {"trendPoint": None}


async def test_a_device_may_wait_longer_than_its_connection_and_ask_once_a_day(api: Api, owner: asyncpg.Connection):
    ask = "mutation ($id: ID!, $version: Int!, $ms: Int) { updateDevice(id: $id, version: $version, changes: {answerTimeoutMs: $ms}) { errors { field message } device { answerTimeoutMs } } }"
    device = await add(api, "Meter", answerTimeoutMs=4000)
    refused = (await api.ask(ask, id=device["id"], version=1, ms=40))["errors"]
    assert refused == [{"field": "answerTimeoutMs", "message": "it must be from 50 to 30000"}]
    assert (await api.ask(ask, id=device["id"], version=1, ms=250))["device"] == {"answerTimeoutMs": 250}
    assert (await api.ask(ask, id=device["id"], version=2, ms=None))["device"] == {"answerTimeoutMs": None}
    await owner.execute("UPDATE points SET interval_s = 86400")
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE points SET interval_s = 86401")


async def test_two_devices_at_one_endpoint_share_its_connection(api: Api, owner: asyncpg.Connection):
    await add(api, "A", endpoint="tcp://10.0.0.1:502", unitId=1)
    await add(api, "B", endpoint="tcp://10.0.0.1", unitId=2)
    assert await owner.fetchval("SELECT count(*) FROM connections") == 1


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": ""}, "INVALID", "name"),
        ({"name": "x" * 121}, "INVALID", "name"),
        ({"endpoint": "http://10.0.0.1"}, "INVALID", "endpoint"),
        ({"endpoint": "tcp://10.0.0.1:70000"}, "INVALID", "endpoint"),
        ({"unitId": 999}, "INVALID", "unitId"),
        ({"unitId": -1}, "INVALID", "unitId"),
        ({"retentionDays": 0}, "INVALID", "retentionDays"),
        ({"description": "x" * 2001}, "INVALID", "description"),
        ({"name": "null\0byte"}, "INVALID", "name"),
        ({"points": [{"key": "Ä", "registerTable": "COIL", "address": 0, "dataType": "BOOL"}]}, "INVALID", "points.0.key"),
        ({"points": [{"key": "a", "registerTable": "COIL", "address": 70000, "dataType": "BOOL"}]}, "INVALID", "points.0.address"),
        ({"points": [{"key": "a", "registerTable": "COIL", "address": 0, "dataType": "INT16"}]}, "INVALID", "points.0.dataType"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 0, "dataType": "BIT"}]}, "INVALID", "points.0.bit"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 65535, "dataType": "INT32"}]}, "INVALID", "points.0.address"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 1, "dataType": "INT32", "scale": 0}]}, "INVALID", "points.0.scale"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 1, "dataType": "INT32", "intervalSeconds": 0}]}, "INVALID", "points.0.intervalSeconds"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 1, "dataType": "INT32", "intervalSeconds": 0.09}]}, "INVALID", "points.0.intervalSeconds"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 1, "dataType": "INT32", "intervalSeconds": 0.3333}]}, "INVALID", "points.0.intervalSeconds"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": 1, "dataType": "INT32", "validMin": 2, "validMax": 1}]}, "INVALID", "points.0.validMax"),
        ({"points": [{"key": "a", "registerTable": "INPUT", "address": i, "dataType": "INT16"} for i in range(2)]}, "INVALID", "points.1.key"),
    ],
)  # fmt: skip
async def test_a_wrong_device_is_refused_by_field_and_nothing_is_stored(
    api: Api, owner: asyncpg.Connection, changes, code, field
):
    payload = await api.ask(CREATE, input=pump(**changes))
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert payload["device"] is None
    for table in ("devices", "points", "connections"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await owner.fetchval("SELECT count(*) FROM audit_log WHERE action LIKE 'device%'") == 0


async def test_a_name_can_be_taken_only_once(api: Api):
    await add(api, "Pump")
    payload = await api.ask(CREATE, input=pump("PUMP"))
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [("ALREADY_EXISTS", "name")]


async def test_devices_are_paged_by_name_in_both_directions(api: Api):
    for name in ("delta", "Alpha", "charlie", "Bravo", "echo"):
        await add(api, name)
    page = "query ($first: Int, $after: String, $last: Int, $before: String) { devices(first: $first, after: $after, last: $last, before: $before) { totalCount nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    first = await api.ask(page, first=2)
    assert ([n["name"] for n in first["nodes"]], first["totalCount"]) == (["Alpha", "Bravo"], 5)
    await add(api, "Aardvark")  # comes before: a cursor that counts would repeat one now
    second = await api.ask(page, first=2, after=first["pageInfo"]["endCursor"])
    assert [n["name"] for n in second["nodes"]] == ["charlie", "delta"]
    assert second["pageInfo"]["hasNextPage"]
    assert second["pageInfo"]["hasPreviousPage"]
    last = await api.ask(page, first=100, after=second["pageInfo"]["endCursor"])
    assert ([n["name"] for n in last["nodes"]], last["pageInfo"]["hasNextPage"]) == (["echo"], False)
    back = await api.ask(page, last=2, before=second["pageInfo"]["startCursor"])
    assert ([n["name"] for n in back["nodes"]], back["pageInfo"]["hasPreviousPage"]) == (["Alpha", "Bravo"], True)


async def test_devices_are_filtered_by_text_and_state(api: Api, owner: asyncpg.Connection):
    first, _ = await add(api, "Pump 100%"), await add(api, "Tank")
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'offline')", int(first["id"][4:]))
    names = "query ($text: String, $state: DeviceState) { devices(text: $text, state: $state) { totalCount nodes { name } } }"
    assert await api.ask(names, text="0%") == {"totalCount": 1, "nodes": [{"name": "Pump 100%"}]}
    assert (await api.ask(names, text="_"))["nodes"] == []
    assert [n["name"] for n in (await api.ask(names, state="OFFLINE"))["nodes"]] == ["Pump 100%"]
    assert [n["name"] for n in (await api.ask(names, state="UNKNOWN"))["nodes"]] == ["Tank"]


@pytest.mark.parametrize("arguments", ["first: 101", "first: 0", "last: 101", "first: 1, last: 1", 'after: "%%%"'])
async def test_a_page_that_cannot_be_is_refused(api: Api, arguments):
    assert await api.code(f"{{ devices({arguments}) {{ nodes {{ id }} }} }}") == "INVALID"


async def test_what_is_not_named_in_an_update_stays(api: Api):
    device = await add(api, unitId=9)
    payload = await api.ask(UPDATE, id=device["id"], version=1, changes={"name": "Pump A"})
    assert payload["errors"] == []
    assert payload["device"]["name"] == "Pump A"
    assert (payload["device"]["version"], payload["device"]["unitId"]) == (2, 9)
    assert len(payload["device"]["points"]) == 3


async def test_of_two_people_who_change_the_same_version_the_second_is_told(api: Api):
    device = await add(api)
    await api.ask(UPDATE, id=device["id"], version=1, changes={"unitId": 2})
    second = await api.ask(UPDATE, id=device["id"], version=1, changes={"unitId": 3})
    assert [(e["code"], e["field"]) for e in second["errors"]] == [("CONFLICT", "version")]
    assert (await api.ask(DEVICE, id=device["id"]))["unitId"] == 2


async def test_points_keep_their_ids_when_their_list_is_replaced(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    await api.read(owner, dict.fromkeys(device["points"].values(), 1.0))
    points = [{"key": "flow", "registerTable": "HOLDING", "address": 4, "dataType": "FLOAT32", "unit": "l/s"}]
    asked = {"id": device["id"], "version": 1, "changes": {"points": points}}
    refused = await api.ask(UPDATE, **asked)
    assert [(e["code"], e["field"]) for e in refused["errors"]] == [("INVALID", "points")]
    done = await api.ask(UPDATE, **asked, remove=True)
    assert done["device"]["points"] == [{"id": f"pt_{flow}", "key": "flow", "unit": "l/s"}]
    await erase_deleted(api.parts.database)
    for table in ("readings", "latest"):
        assert [row["point_id"] for row in await owner.fetch(f"SELECT point_id FROM {table}")] == [flow]


async def test_an_update_with_null_or_an_unknown_id_is_refused(api: Api):
    device = await add(api)
    for changed, code in (
        ({"id": device["id"], "version": 1, "changes": {"name": None}}, "INVALID"),
        ({"id": "dev_99999", "version": 1, "changes": {}}, "NOT_FOUND"),
        ({"id": "pt_1", "version": 1, "changes": {}}, "INVALID"),
        ({"id": "dev_99999999999999999999", "version": 1, "changes": {}}, "INVALID"),
    ):
        assert [e["code"] for e in (await api.ask(UPDATE, **changed))["errors"]] == [code]


@pytest.mark.parametrize("keep", [True, False])
async def test_a_deleted_device_keeps_its_history_only_if_asked_to(api: Api, owner: asyncpg.Connection, keep):
    device = await add(api)
    await api.read(owner, {device["points"]["flow"]: 3.5})
    assert await api.ask(DELETE, id=device["id"], keep=keep) == {"errors": [], "deletedId": device["id"]}
    assert (await api.ask("{ devices { nodes { id } } }"))["nodes"] == []
    assert (await api.ask("{ latest { count } }"))["count"] == 0
    await erase_deleted(api.parts.database)
    assert await owner.fetchval("SELECT count(*) FROM readings") == (1 if keep else 0)
    found = await api.ask(DEVICE, id=device["id"])
    assert (found is not None and found["deletedAt"] is not None) == keep
    assert (await api.ask(DELETE, id=device["id"], keep=keep))["errors"] == [{"code": "NOT_FOUND"}]
    await add(api)  # its name is free again


async def test_every_change_of_a_device_is_in_the_audit_log(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await api.ask(UPDATE, "admin", id=device["id"], version=1, changes={"unitId": 2})
    await api.ask(DELETE, "admin", id=device["id"], keep=False)
    rows = await owner.fetch("SELECT * FROM audit_log WHERE subject = $1 ORDER BY id", device["id"])
    assert [(r["actor"], r["action"]) for r in rows] == [
        ("the owner's", "device.create"),
        ("the admin's", "device.update"),
        ("the admin's", "device.delete"),
    ]
    assert (rows[1]["before"]["unit_id"], rows[1]["after"]["unit_id"]) == (1, 2)
    assert {r["address"] for r in rows} == {"127.0.0.1"}


async def test_points_are_found_by_id_and_by_device(api: Api):
    device = await add(api)
    flow = f"pt_{device['points']['flow']}"
    points = "query ($ids: [ID!], $device: ID) { points(ids: $ids, device: $device) { nodes { id key } } }"
    assert await api.ask(points, ids=[flow, "pt_77777"]) == {"nodes": [{"id": flow, "key": "flow"}]}
    found = await api.ask(points, device=device["id"])
    assert [point["key"] for point in found["nodes"]] == ["flow", "running", "mode"]
