"""Names for the values of points: written in three ways, and shown wherever a value is."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
STATE = {
    "key": "state", "registerTable": "HOLDING", "address": 9, "dataType": "UINT16",
    "valueNames": [{"value": 3, "name": "Fault", "color": "RED"}, {"value": 0, "name": "Off"}],
}  # fmt: skip
POINT = "{ id key valueNames { value name color } latest { value valueName } }"
CREATE = f"mutation ($device: ID!, $points: [PointInput!]!) {{ createPoints(device: $device, points: $points) {{ errors {{ code field message }} points {POINT} }} }}"
UPDATE = f"mutation ($id: ID!, $changes: PointChanges!) {{ updatePoint(id: $id, changes: $changes) {{ errors {{ code field message }} point {POINT} }} }}"
LATEST = "{ latest { columns { key value valueName } } }"
LIVE = "subscription ($points: [ID!]) { readings(points: $points) { columns { value valueName } readings { value valueName } } }"
SERIES = "query ($points: [ID!]!, $from: DateTime!, $to: DateTime!, $bucket: Duration, $raw: Boolean = false) { series(points: $points, from: $from, to: $to, bucket: $bucket, raw: $raw) { columns { valueName } samples { nodes { valueName } } } }"
IMPORT = """mutation ($text: String!, $format: FileFormat!) { importDevices(text: $text, format: $format, dryRun: true) {
  errors { message } changes { point field before after } } }"""
NAMES = [{"value": 0, "name": "Off", "color": None}, {"value": 3, "name": "Fault", "color": "RED"}]


async def named(api: Api, device: dict, **changes) -> int:
    """Add the point with names; return its number."""
    payload = await api.ask(CREATE, device=device["id"], points=[STATE | changes])
    assert payload["errors"] == []
    assert payload["points"][0]["valueNames"] == NAMES
    return int(payload["points"][0]["id"][3:])


async def test_names_are_changed_and_taken_away_without_the_rest_of_the_point(api: Api):
    point = f"pt_{await named(api, await add(api))}"
    changed = await api.ask(UPDATE, id=point, changes={"valueNames": [{"value": 1, "name": "On", "color": "GREEN"}]})
    assert changed["point"]["valueNames"] == [{"value": 1, "name": "On", "color": "GREEN"}]
    kept = await api.ask(UPDATE, id=point, changes={"name": "State"})
    assert kept["point"]["valueNames"] == changed["point"]["valueNames"]
    assert (await api.ask(UPDATE, id=point, changes={"valueNames": []}))["point"]["valueNames"] == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"valueNames": [{"value": 1, "name": "A"}, {"value": 1, "name": "B"}]}, "two names"),
        ({"valueNames": [{"value": 70000, "name": "A"}]}, "70000 never comes: values of this point go from 0 to 65535"),
        ({"dataType": "STRING", "length": 4}, "a text needs no names"),
        ({"dataType": "INT16", "scale": 0.5, "valueNames": [{"value": 0.5, "name": "A"}]}, "whole numbers"),
    ],
)
async def test_names_that_cannot_be_are_refused_and_nothing_is_stored(api: Api, changes, told):
    device = await add(api)
    payload = await api.ask(CREATE, device=device["id"], points=[STATE | changes])
    (error,) = payload["errors"]
    assert (error["code"], error["field"]) == ("INVALID", "points.0.valueNames")
    assert told in error["message"]


async def test_the_newest_value_has_its_name_from_the_stream_and_from_the_database(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    state = await named(api, device)
    async with api.socket() as socket:
        await socket.subscribe(LIVE, points=[f"pt_{state}"])
        await socket.event("readings")
        await api.read(owner, {state: 3.0, device["points"]["flow"]: 3.0})
        event = await socket.event("readings")
        assert event["columns"] == {"value": [3], "valueName": ["Fault"]}
        assert event["readings"] == [{"value": 3, "valueName": "Fault"}]
        await api.read(owner, {state: 7.0})
        assert (await socket.event("readings"))["columns"] == {"value": [7], "valueName": [None]}
    point = await api.ask(f"query ($ids: [ID!]) {{ points(ids: $ids) {{ nodes {POINT} }} }}", ids=[f"pt_{state}"])
    assert point["nodes"][0]["latest"] == {"value": 7, "valueName": None}
    await api.read(owner, {state: 3.0})
    async with asyncio.timeout(60):
        while (columns := (await api.ask(LATEST))["columns"])["value"] != [3, 3]:
            await asyncio.sleep(0.01)
    assert dict(zip(columns["key"], columns["valueName"], strict=True)) == {"flow": None, "state": "Fault"}
    api.parts.hub.connected.clear()
    assert (await api.ask(LATEST))["columns"] == columns


async def test_a_series_names_readings_and_buckets_in_which_the_state_did_not_change(api: Api, owner):
    state = await named(api, await add(api))
    await owner.execute(
        "UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", START - timedelta(days=2)
    )
    rows = [(START + timedelta(seconds=20 * n), state, value, 0) for n, value in enumerate([0.0, 0, 0, 3, 0, 7])]
    await owner.copy_records_to_table("readings", records=rows)
    span = {"points": [f"pt_{state}"], "from": START.isoformat(), "to": (START + timedelta(minutes=2)).isoformat()}
    (raw,) = await api.ask(SERIES, raw=True, **span)
    assert raw["columns"]["valueName"] == ["Off", "Off", "Off", "Fault", "Off", None]
    assert [node["valueName"] for node in raw["samples"]["nodes"]] == raw["columns"]["valueName"]
    (buckets,) = await api.ask(SERIES, bucket="PT1M", **span)
    assert buckets["columns"]["valueName"] == ["Off", None]


async def test_exports_have_the_name_as_the_text_of_a_value(api: Api, owner):
    state = await named(api, await add(api))
    await owner.execute(
        """UPDATE points SET value_names = '{"0": {"name": "Off"}, "3": {"name": "Fault, \\"hot\\""}}' WHERE id = $1""",
        state,
    )
    rows = [(START + timedelta(seconds=20 * n), state, value, 0) for n, value in enumerate([0.0, 3, 7])]
    await owner.copy_records_to_table("readings", records=rows)
    parameters = {"point": f"pt_{state}", "from": START.isoformat(), "to": (START + timedelta(hours=1)).isoformat()}
    answer = await api.client.get(f"{api.url}/export", params=parameters, headers=api.headers("viewer"))
    assert [line.split(",", 5)[5] for line in answer.text.splitlines()[1:]] == [
        "0,Off,good,",
        '3,"Fault, ""hot""",good,',
        "7,,good,",
    ]


@pytest.mark.parametrize("form", FileFormat)
async def test_a_file_brings_names_and_a_dry_run_tells_what_is_different(api: Api, form):
    await named(api, await add(api, points=[]))
    state = "device,endpoint,key,register_table,address,data_type,value_names\nPump,tcp://10.0.0.1,state,holding,9,uint16,{}\n"
    devices = [entry.device for entry in read(state.format('"0=Off, 3=Fault:red"'), FileFormat.CSV).entries]
    text = write(devices, form)
    assert "0=Off, 3=Fault:red" in text
    assert [entry.device for entry in read(text, form).entries] == devices
    again = await api.ask(IMPORT, text=text, format=form.name)
    assert again == {"errors": [], "changes": []}
    changed = await api.ask(IMPORT, text=text.replace("0=Off", "0=Stopped:grey"), format=form.name)
    assert changed["changes"] == [
        {
            "point": "state",
            "field": "value_names",
            "before": "0=Off, 3=Fault:red",
            "after": "0=Stopped:grey, 3=Fault:red",
        }
    ]


async def test_names_of_a_profile_reach_its_devices_and_own_ones_stay(api: Api, owner):
    await api.ask(
        'mutation ($points: [PointInput!]!) { createProfile(input: {name: "Drive", points: $points}) { errors { message } } }',
        points=[STATE],
    )
    for name in ("One", "Two"):
        await api.ask(
            'mutation ($name: String!) { createDevice(input: {name: $name, endpoint: "tcp://10.0.0.1", profile: "Drive", groups: []}) { errors { message } } }',
            name=name,
        )
    await owner.execute(
        """UPDATE points SET value_names = '{"0": {"name": "Mine"}}' WHERE device_id = (SELECT id FROM devices WHERE name = 'Two')"""
    )
    profile = await api.ask('{ profile(name: "Drive") { id points { valueNames { value name color } } } }')
    assert profile["points"] == [{"valueNames": NAMES}]
    changes = {"points": [STATE | {"valueNames": [{"value": 3, "name": "Broken", "color": "RED"}]}]}
    told = await api.ask(
        "mutation ($id: ID!, $changes: ProfileChanges!) { updateProfile(id: $id, version: 1, changes: $changes, dryRun: false) { errors { message } difference { changes { device field before after } } } }",
        id=profile["id"],
        changes=changes,
    )
    wanted = {"field": "value_names", "before": "0=Off, 3=Fault:red", "after": "3=Broken:red"}
    assert told == {"errors": [], "difference": {"changes": [{"device": None, **wanted}, {"device": "One", **wanted}]}}
    names = (
        "SELECT d.name, value_names_text(p.value_names) FROM points p JOIN devices d ON d.id = p.device_id ORDER BY 1"
    )
    assert [tuple(row) for row in await owner.fetch(names)] == [("One", "3=Broken:red"), ("Two", "0=Mine")]
