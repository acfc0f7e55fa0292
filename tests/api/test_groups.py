"""Groups of devices: made, changed, deleted, filtered by, written in files, seen by Grafana."""

import asyncio

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

CREATE = "mutation ($input: GroupInput!) { createGroup(input: $input) { errors { code field } group { id name version deviceCount } } }"
UPDATE = "mutation ($id: ID!, $changes: GroupChanges!, $version: Int) { updateGroup(id: $id, changes: $changes, version: $version) { errors { code field } group { name version deviceCount } } }"
DELETE = "mutation ($id: ID!) { deleteGroup(id: $id) { errors { code } deletedId } }"
MEMBERS = "query ($group: ID) { devices(group: $group) { totalCount nodes { name groups { name deviceCount } } } }"
IMPORT = "mutation ($text: String!, $dry: Boolean!) { importDevices(text: $text, dryRun: $dry) { errors { message } changes { device field before after } } }"


async def make(api: Api, name: str, *devices: str) -> str:
    payload = await api.ask(CREATE, input={"name": name, "devices": devices})
    assert payload["errors"] == []
    return payload["group"]["id"]


async def test_devices_are_listed_by_group_and_tell_their_groups(api: Api):
    pump, tank, _ = [(await add(api, name))["id"] for name in ("Pump", "Tank", "Fan")]
    hall = await make(api, "Hall 1", pump, tank)
    await make(api, "All pumps", pump)
    assert await api.ask(MEMBERS, "viewer", group=hall) == {
        "totalCount": 2,
        "nodes": [
            {"name": "Pump", "groups": [{"name": "All pumps", "deviceCount": 1}, {"name": "Hall 1", "deviceCount": 2}]},
            {"name": "Tank", "groups": [{"name": "Hall 1", "deviceCount": 2}]},
        ],
    }
    assert (await api.ask(MEMBERS))["totalCount"] == 3
    assert await api.ask("{ groups { nodes { name } } }") == {"nodes": [{"name": "All pumps"}, {"name": "Hall 1"}]}
    assert await api.ask('{ group(name: "hALL 1") { id } }') == {"id": hall}


async def test_devices_come_and_leave_and_the_list_can_be_replaced(api: Api):
    a, b, c = [(await add(api, name))["id"] for name in "abc"]
    hall = await make(api, "Hall", a, b)
    changes = {"name": "Hall 2", "addDevices": [b, c], "removeDevices": [a, a]}
    assert (await api.ask(UPDATE, id=hall, changes=changes))["group"] == {
        "name": "Hall 2",
        "version": 2,
        "deviceCount": 2,
    }
    assert [n["name"] for n in (await api.ask(MEMBERS, group=hall))["nodes"]] == ["b", "c"]
    assert (await api.ask(UPDATE, id=hall, changes={"devices": [a]}))["group"]["deviceCount"] == 1
    assert (await api.ask(UPDATE, id=hall, changes={"devices": [a]}))["group"]["version"] == 3, "nothing was different"


async def test_two_people_who_add_devices_at_once_both_have_their_way(api: Api):
    devices = [(await add(api, f"d{n}"))["id"] for n in range(6)]
    hall = await make(api, "Hall")
    await asyncio.gather(*(api.ask(UPDATE, id=hall, changes={"addDevices": [device]}) for device in devices))
    assert (await api.ask(MEMBERS, group=hall))["totalCount"] == 6


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": "OTHER"}, "ALREADY_EXISTS", "name"),
        ({"name": " "}, "INVALID", "name"),
        ({"name": "a;b"}, "INVALID", "name"),
        ({"name": None}, "INVALID", "name"),
        ({"description": "x" * 2001}, "INVALID", "description"),
        ({"devices": ["grp_1"]}, "INVALID", "devices"),
        ({"devices": ["dev_99"]}, "NOT_FOUND", "devices"),
        ({"addDevices": ["dev_99"]}, "NOT_FOUND", "addDevices"),
        ({"devices": [], "addDevices": []}, "INVALID", "devices"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_by_field_and_nothing_is_changed(api: Api, changes, code, field):
    hall, _ = await make(api, "Hall"), await make(api, "Other")
    payload = await api.ask(UPDATE, id=hall, changes=changes)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert (await api.ask('{ group(name: "Hall") { version } }'))["version"] == 1


async def test_who_asks_for_a_version_is_told_of_a_change_meanwhile(api: Api):
    hall = await make(api, "Hall")
    assert (await api.ask(UPDATE, id=hall, version=1, changes={"name": "A"}))["errors"] == []
    payload = await api.ask(UPDATE, id=hall, version=1, changes={"name": "B"})
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [("CONFLICT", "version")]


async def test_a_deleted_group_leaves_its_devices(api: Api, owner: asyncpg.Connection):
    pump = (await add(api))["id"]
    hall = await make(api, "Hall", pump)
    assert await api.ask(DELETE, "admin", id=hall) == {"errors": [], "deletedId": hall}
    assert (await api.ask(DELETE, id=hall))["errors"] == [{"code": "NOT_FOUND"}]
    assert (await api.ask(MEMBERS))["nodes"] == [{"name": "Pump", "groups": []}]
    rows = await owner.fetch("SELECT actor, action FROM audit_log WHERE subject = $1 ORDER BY id", hall)
    assert [tuple(row) for row in rows] == [("the owner's", "group.create"), ("the admin's", "group.delete")]


async def test_a_file_puts_devices_into_groups_and_one_without_the_column_leaves_them(api: Api):
    head, row = "device,endpoint,groups\n", "Pump,tcp://10.0.0.1,"
    await api.ask(IMPORT, text=f"{head}{row}Hall 1; Pumps\n", dry=False)
    for text in (f"{head}{row}\n", f"{head}{row}pumps;HALL 1\n", "device,endpoint\nPump,tcp://10.0.0.1\n"):
        assert (await api.ask(IMPORT, text=text, dry=False))["changes"] == []
    changed = await api.ask(IMPORT, text=f"{head}{row}Hall 2;Pumps\n", dry=False)
    assert changed["changes"] == [
        {"device": "Pump", "field": "groups", "before": "Hall 1;Pumps", "after": "Hall 2;Pumps"}
    ]
    (device,) = (await api.ask(MEMBERS))["nodes"]
    assert [g["name"] for g in device["groups"]] == ["Hall 2", "Pumps"]
    await api.ask(IMPORT, text=f"{head}{row};\n", dry=False)
    assert (await api.ask(MEMBERS))["nodes"] == [{"name": "Pump", "groups": []}]


@pytest.mark.parametrize("form", FileFormat)
def test_groups_that_are_written_are_read_as_the_same(form):
    devices = [e.device for e in read("device,endpoint,groups\nPump,tcp://10.0.0.1,b;A\n", FileFormat.CSV).entries]
    assert devices[0].groups == ["A", "b"]
    assert [e.device for e in read(write(devices, form), form).entries] == devices


async def test_grafana_sees_how_many_devices_of_a_group_are_in_which_state(api: Api, owner: asyncpg.Connection):
    pump, tank = [(await add(api, name))["id"] for name in ("Pump", "Tank")]
    await make(api, "Hall", pump, tank)
    await make(api, "Empty")
    await owner.execute("INSERT INTO device_states (device_id, state) VALUES ($1, 'offline')", int(pump[4:]))
    rows = await owner.fetch(
        "SELECT group_name, devices, online, offline, unknown FROM grafana.groups ORDER BY group_name"
    )
    assert [tuple(row) for row in rows] == [("Empty", 0, 0, 0, 0), ("Hall", 2, 0, 1, 1)]
