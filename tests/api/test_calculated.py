"""Calculated points and those that registers scale: written, looked up, renamed, never lost."""

import asyncpg
import pytest

from api.devices.files import FileFormat, read, write
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

POINT = "{ key expression scaleBy registerTable address dataType }"
CREATE = "mutation ($device: ID!, $points: [PointInput!]!) { createPoints(device: $device, points: $points) { errors { code field message } points { id key } } }"
UPDATE = f"mutation ($id: ID!, $changes: PointChanges!) {{ updatePoint(id: $id, changes: $changes) {{ errors {{ code field message }} point {POINT} }} }}"
DELETE = "mutation ($ids: [ID!]!) { deletePoints(ids: $ids) { errors { field message } } }"
DELETE_DEVICE = (
    "mutation ($id: ID!, $keep: Boolean!) { deleteDevice(id: $id, keepHistory: $keep) { errors { field message } } }"
)
RENAME = "mutation ($id: ID!, $version: Int!, $name: String!) { updateDevice(id: $id, version: $version, changes: {name: $name}) { errors { message } device { version } } }"
POINTS = f"query ($id: ID!) {{ device(id: $id) {{ version points {POINT} }} }}"
IMPORT = "mutation ($text: String!, $dry: Boolean!, $prune: Boolean = false) { importDevices(text: $text, format: YAML, dryRun: $dry, prune: $prune) { errors { field message } changes { device point field before after } } }"
CREATE_PROFILE = "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { field message } profile { id version points { key expression scaleBy } } } }"
UPDATE_PROFILE = "mutation ($id: ID!, $version: Int!, $points: [PointInput!]!) { updateProfile(id: $id, version: $version, changes: {points: $points}, dryRun: false, removePoints: true) { errors { field message } difference { changes { device point field before after } } } }"
APPLY = "mutation ($profile: ID!, $devices: [ID!]!) { applyProfile(profile: $profile, devices: $devices, dryRun: false) { errors { field message } } }"
INPUTS = "SELECT p.key, i.reference, q.key AS input, q.device_id FROM point_inputs i JOIN points p ON p.id = i.point_id LEFT JOIN points q ON q.id = i.input_id ORDER BY p.id, i.place"


def word(key: str, address: int = 0, **more) -> dict[str, object]:
    return {"key": key, "registerTable": "HOLDING", "address": address, "dataType": "INT16"} | more


async def create(api: Api, device: dict, *points: dict) -> list[str]:
    """Add points; return their ids, or what was wrong."""
    payload = await api.ask(CREATE, device=device["id"], points=list(points))
    return [point["id"] for point in payload["points"]] or [f"{e['field']}: {e['message']}" for e in payload["errors"]]


async def points(api: Api, device: dict) -> dict[str, dict]:
    return {point["key"]: point for point in (await api.ask(POINTS, id=device["id"]))["points"]}


async def sentences(api: Api, query: str, **variables) -> list[str]:
    return [error["message"] for error in (await api.ask(query, **variables))["errors"]]


async def test_a_calculated_point_needs_its_expression_only_and_knows_its_inputs(api: Api, owner: asyncpg.Connection):
    pump, tank = await add(api), await add(api, "罐 'A'")
    made = {"key": "total", "expression": "  flow * 2 + \"罐 'a'\".flow ", "unit": "m³/h"}
    assert len(await create(api, pump, made, word("w", 20, scaleBy="10 ** w_sf"), word("w_sf", 21))) == 3
    found = await points(api, pump)
    assert found["total"] == {
        "key": "total", "expression": made["expression"].strip(), "scaleBy": "", "registerTable": "CALCULATED", "address": 0, "dataType": "FLOAT64",
    }  # fmt: skip
    assert found["w"]["scaleBy"] == "10 ** w_sf"
    tank_number = int(tank["id"].split("_")[1])
    assert [tuple(row)[:3] for row in await owner.fetch(INPUTS)] == [
        ("total", "flow", "flow"), ("total", "\"罐 'a'\".flow", "flow"), ("w", "w_sf", "w_sf"),
    ]  # fmt: skip
    assert (await owner.fetch(INPUTS))[1]["device_id"] == tank_number


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ([{"key": "x"}], "points.0.registerTable", "needed, unless the point has an expression"),
        ([{"key": "x", "registerTable": "CALCULATED"}], "points.0.address", "needed"),
        ([{"key": "x", "expression": "flow +"}], "points.0.expression", "ends too early"),
        ([{"key": "x", "expression": "(" * 10_000}], "points.0.expression", "at most 2,000 characters"),
        ([{"key": "x", "expression": "3"}], "points.0.expression", "names no point"),
        ([{"key": "x", "expression": "x + 1"}], "points.0.expression", "the point itself"),
        ([{"key": "x", "expression": "flow", "scale": 2}], "points.0.scale", "write it into the expression"),
        ([word("x", expression="flow")], "points.0.registerTable", "leave it out"),
        ([{"key": "x", "expression": "flow * lost"}], "points.0.expression", "Pump / x names lost, and the device has no such point"),
        ([{"key": "x", "expression": '"Pump 9".flow'}], "points.0.expression", 'names "Pump 9".flow, and there is no such point'),
        ([{"key": "x", "expression": "flow + mode"}], "points.0.expression", "names mode, which is a text"),
        ([{"key": "x", "expression": "y"}, {"key": "y", "expression": "z"}, {"key": "z", "expression": "flow + x"}], "points.0.expression", "of itself: Pump / x → Pump / y → Pump / z → Pump / x"),
        ([{"key": "x", "expression": '"pump".x'}], "points.0.expression", "of itself: Pump / x → Pump / x"),
        ([word("x", scaleBy='"Pump".flow')], "points.0.scaleBy", "same device"),
        ([word("x", scaleBy="y"), {"key": "y", "expression": "flow"}], "points.0.scaleBy", "is scaled by y, which is scaled or calculated itself"),
        ([word("x", scaleBy="flow", dataType="STRING", length=2)], "points.0.scaleBy", "a text is not scaled"),
    ],
)  # fmt: skip
async def test_what_cannot_be_computed_is_refused_with_the_way_there(api: Api, given, field, told):
    pump = await add(api)
    (error,) = await create(api, pump, *given)
    assert error.startswith(f"{field}: ")
    assert told in error
    assert len(await points(api, pump)) == 3


async def test_circles_over_three_devices_are_told_with_their_way(api: Api):
    a, b, c = [await add(api, name) for name in ("A", "B", "C")]
    await create(api, a, {"key": "x", "expression": "flow"})
    await create(api, b, {"key": "x", "expression": '"A".x'})
    (third,) = await create(api, c, {"key": "x", "expression": '"B".x + flow'})
    first = next(
        p["id"]
        for p in (await api.ask("query ($id: ID!) { device(id: $id) { points { id key } } }", id=a["id"]))["points"]
        if p["key"] == "x"
    )
    assert await sentences(api, UPDATE, id=first, changes={"expression": 'flow + "C".x'}) == [
        "it would be calculated of itself: A / x → C / x → B / x → A / x"
    ]
    assert (await points(api, a))["x"]["expression"] == "flow"
    assert await sentences(api, UPDATE, id=third, changes={"expression": "flow"}) == []
    assert await sentences(api, UPDATE, id=first, changes={"expression": 'flow + "C".x'}) == []


async def test_what_is_an_input_does_not_go_and_names_follow(api: Api, owner: asyncpg.Connection):
    pump, tank = await add(api), await add(api, "Tank")
    (level,) = await create(api, pump, word("level", 30))
    (own,) = await create(api, pump, {"key": "twice", "expression": "2 * level"})
    (other,) = await create(api, tank, {"key": "sum", "expression": "flow + 'Pump'.level"})
    assert await sentences(api, DELETE, ids=[level]) == [
        "it is an input of Pump / twice, Tank / sum: change or delete what is calculated of it first"
    ]
    for keep in (True, False):
        assert await sentences(api, DELETE_DEVICE, id=pump["id"], keep=keep) == [
            "Tank / sum is calculated of Pump / level: change or delete what is calculated first"
        ]
    assert await sentences(api, UPDATE, id=level, changes={"key": "height"}) == []
    assert await sentences(api, UPDATE, id=level, changes={"dataType": "STRING", "length": 2}) != []
    assert await sentences(api, DELETE, ids=[own]) == []
    (sentence,) = await sentences(api, UPDATE, id=level, changes={"dataType": "STRING", "length": 2})
    assert sentence == 'Tank / sum names "Pump".height, which is a text: name numbers'
    version = (await api.ask(POINTS, id=pump["id"]))["version"]
    assert await sentences(api, RENAME, id=pump["id"], version=version, name='Pump "1"') == []
    assert (await points(api, tank))["sum"]["expression"] == "flow + 'Pump \"1\"'.height"
    told = await owner.fetch(
        "SELECT subject, after ->> 'expression' AS now FROM audit_log WHERE action = 'point.update' AND after ? 'expression' ORDER BY id"
    )
    assert [tuple(row) for row in told] == [
        (own, "2 * height"),
        (other, 'flow + "Pump".height'),
        (other, "flow + 'Pump \"1\"'.height"),
    ]
    assert [row["reference"] for row in await owner.fetch(INPUTS)] == ["flow", "'Pump \"1\"'.height"]
    assert await sentences(api, DELETE, ids=[level, other]) == []
    assert await owner.fetch(INPUTS) == []


async def test_a_point_becomes_calculated_and_a_register_again(api: Api, owner: asyncpg.Connection):
    pump = await add(api)
    (point,) = await create(api, pump, word("x", 30))
    changed = await api.ask(UPDATE, id=point, changes={"expression": "flow"})
    assert changed["errors"] == []
    assert changed["point"]["registerTable"] == "CALCULATED"
    assert (await api.ask(UPDATE, id=point, changes={"expression": ""}))["errors"][0]["field"] == "expression"
    changed = await api.ask(UPDATE, id=point, changes={"registerTable": "INPUT", "address": 7, "dataType": "UINT16"})
    assert changed["point"] == {
        "key": "x",
        "expression": "",
        "scaleBy": "",
        "registerTable": "INPUT",
        "address": 7,
        "dataType": "UINT16",
    }
    assert await owner.fetch(INPUTS) == []


FILE = """
devices:
- name: Sum
  endpoint: tcp://10.0.0.1
  points:
  - {key: power, expression: '"Meter 1".p + "Meter 2".p', unit: kW}
- name: Meter 1
  endpoint: tcp://10.0.0.1
  points: &points
  - {key: p, register_table: holding, address: 0, data_type: int16, scale_by: 10 ** sf}
  - {key: sf, register_table: holding, address: 1, data_type: int16}
- name: Meter 2
  endpoint: tcp://10.0.0.1
  unit_id: 2
  points: *points
"""


async def test_a_file_is_looked_up_as_a_whole_and_read_again_as_it_was_written(api: Api, owner: asyncpg.Connection):
    text = FILE.replace("&points", "").replace(
        "*points", FILE.split("&points")[1].split("- name", maxsplit=1)[0].rstrip()
    )
    entries = [entry.device for entry in read(text, FileFormat.YAML).entries]
    for form in FileFormat:
        written = write(entries, form)
        assert "calculated" not in written
        assert [entry.device for entry in read(written, form).entries] == entries
    assert (await api.ask(IMPORT, text=text, dry=True))["errors"] == []
    assert (await api.ask(IMPORT, text=text, dry=False))["errors"] == []
    assert len(await owner.fetch(INPUTS)) == 4
    assert (await api.ask(IMPORT, text=text, dry=False))["changes"] == []
    wrong = text.replace('"Meter 2".p', '"Meter 3".p').replace("10 ** sf", "10 ** sv", 1)
    told = (await api.ask(IMPORT, text=wrong, dry=True))["errors"]
    assert [error["field"] for error in told] == ["line 10", "line 6"] or [error["field"] for error in told] == [
        "line 6",
        "line 10",
    ]
    changed = (await api.ask(IMPORT, text=text.replace("Meter 2\".p'", "Meter 2\".p * 2'"), dry=True))["changes"]
    assert [(c["point"], c["field"], c["after"]) for c in changed] == [
        ("power", "expression", '"Meter 1".p + "Meter 2".p * 2')
    ]
    without_meters = text.split("- name: Meter 1")[0]
    (error,) = (await api.ask(IMPORT, text=without_meters, dry=True, prune=True))["errors"]
    assert "Sum / power is calculated of Meter 1 / p" in error["message"]
    assert (await api.ask(IMPORT, text="devices: []", dry=False, prune=True))["errors"] == []


async def test_a_profile_carries_expressions_to_its_devices(api: Api, owner: asyncpg.Connection):
    pump = await add(api)
    made = [word("u", 40), word("i", 41, scaleBy="10 ** i_sf"), word("i_sf", 42), {"key": "p", "expression": "u * i"}]
    for wrong, told in (
        ({"key": "q", "expression": "u * lost"}, "the profile has no such point"),
        ({"key": "q", "expression": '"Pump".flow'}, "a profile names points of its own device"),
        ({"key": "q", "expression": "p + q2"}, "of itself: q → q2 → q"),
    ):
        more = [{"key": "q2", "expression": "q"}] if "q2" in wrong["expression"] else []
        (sentence,) = await sentences(api, CREATE_PROFILE, input={"name": "Meter", "points": [*made, wrong, *more]})
        assert told in sentence
    payload = await api.ask(CREATE_PROFILE, input={"name": "Meter", "points": made})
    profile = payload["profile"]
    assert {p["key"]: p["expression"] or p["scaleBy"] for p in profile["points"]} == {
        "p": "u * i",
        "u": "",
        "i": "10 ** i_sf",
        "i_sf": "",
    }
    assert await sentences(api, APPLY, profile=profile["id"], devices=[pump["id"]]) == []
    assert [tuple(row)[:3] for row in await owner.fetch(INPUTS)] == [
        ("i", "i_sf", "i_sf"),
        ("p", "u", "u"),
        ("p", "i", "i"),
    ]
    await create(api, pump, {"key": "mine", "expression": "p + i_sf"})
    fewer = [word("u", 40), word("i", 41), {"key": "p", "expression": "u * i / 1000"}]
    refused = await sentences(api, UPDATE_PROFILE, id=profile["id"], version=1, points=fewer)
    assert refused == ["Pump / mine names i_sf, and the device has no such point"]
    kept = [*fewer, word("i_sf", 42)]
    done = await api.ask(UPDATE_PROFILE, id=profile["id"], version=1, points=kept)
    assert done["errors"] == []
    assert ("Pump", "p", "expression", "u * i", "u * i / 1000") in [
        tuple(change.values()) for change in done["difference"]["changes"]
    ]


async def test_another_profile_without_the_key_is_refused_while_something_is_calculated_of_it(api: Api):
    pump, tank = await add(api), await add(api, "Tank")
    rich = await api.ask(CREATE_PROFILE, input={"name": "Rich", "points": [word("p", 50)]})
    poor = await api.ask(CREATE_PROFILE, input={"name": "Poor", "points": [word("q", 50)]})
    assert await sentences(api, APPLY, profile=rich["profile"]["id"], devices=[pump["id"]]) == []
    assert len(await create(api, tank, {"key": "twice", "expression": '2 * "Pump".p'})) == 1
    remove = APPLY.replace("dryRun: false", "dryRun: false, removePoints: true")
    for query in (remove, remove.replace("dryRun: false", "dryRun: true")):
        told = await sentences(api, query, profile=poor["profile"]["id"], devices=[pump["id"]])
        assert told == ["it is an input of Tank / twice: change or delete what is calculated of it first"]
    assert "p" in await points(api, pump)
