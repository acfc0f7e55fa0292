"""Settings that cannot be are refused with a sentence; those that often are a mistake are taken, and told."""

import pytest

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures

CREATE = """mutation ($input: DeviceInput!) { createDevice(input: $input) {
    errors { field message } notices device { id version points { id sentinels } } } }"""
UPDATE = """mutation ($id: ID!, $changes: PointChanges!) { updatePoint(id: $id, changes: $changes) {
    errors { field message } notices point { sentinels } } }"""
IMPORT = """mutation ($text: String!) { importDevices(text: $text, format: YAML) {
    errors { message } changes { device point field notice } } }"""
POINT = {"key": "t", "registerTable": "HOLDING", "address": 0, "dataType": "INT16"}


async def created(api: Api, name: str = "A", *, unit: int = 1, words: int = 125, **point):
    device = {"name": name, "endpoint": "tcp://10.0.0.1", "unitId": unit, "maxWords": words, "points": [POINT | point]}
    return await api.ask(CREATE, "admin", input=device)


@pytest.mark.parametrize(
    ("point", "field", "said"),
    [
        ({"sentinels": [70000]}, "points.0.sentinels", "int16 holds -32768 to 32767: 70000 never comes"),
        ({"sentinels": [0.5]}, "points.0.sentinels", "0.5 is no whole number"),
        ({"dataType": "FLOAT32", "sentinels": [1e39]}, "points.0.sentinels", "never comes"),
        ({"dataType": "STRING", "length": 2, "sentinels": [1]}, "points.0.sentinels", "a text has no sentinels"),
        ({"dataType": "STRING", "length": 2, "validMin": 1}, "points.0.validMin", "a text has no valid range"),
        (
            {"address": 400001},
            "points.0.address",
            "400001 is a manual's number: as an address, counted from 0, it is 0",
        ),
        ({"scale": 0.1, "validMin": 5000}, "points.0.validMin", "values go from -3276.8 to 3276.7"),
        ({"dataType": "FLOAT32", "words": 1}, "points.0.dataType", "takes 2 registers, and maxWords allows 1"),
    ],
)
async def test_what_cannot_be_is_refused(api: Api, point, field, said):
    (error,) = (await created(api, **point))["errors"]
    assert error["field"] == field
    assert said in error["message"]


async def test_a_sentinel_is_taken_as_its_bit_pattern_and_told(api: Api):
    answer = await created(api, sentinels=[0x8000])
    assert answer["device"]["points"][0]["sentinels"] == [-32768]
    assert answer["notices"] == ["the sentinel 32768 of 't' is taken as its bit pattern: as int16 it is -32768"]
    changed = await api.ask(UPDATE, "admin", id=answer["device"]["points"][0]["id"], changes={"sentinels": [0xFFFF]})
    assert changed["point"]["sentinels"] == [-1]
    assert "65535" in changed["notices"][0]


async def test_a_manuals_number_and_a_shared_unit_are_told(api: Api):
    assert (await created(api, "A"))["notices"] == []
    first, second = (await created(api, "B", address=40001))["notices"]
    assert first.startswith("A has the same endpoint and unit id")
    assert "the address 40001 of 't'" in second
    assert (await created(api, "C", unit=2))["notices"] == []


async def test_a_dry_run_tells_the_same_beside_its_changes(api: Api):
    await created(api, "A")
    text = """devices:
  - {name: B, endpoint: "tcp://10.0.0.1", points: [
      {key: t, register_table: holding, address: 0, data_type: int16, sentinels: [32768]}]}
"""
    answer = await api.ask(IMPORT, "admin", text=text)
    assert answer["errors"] == []
    device, point = answer["changes"]
    assert device["notice"].startswith("A has the same endpoint and unit id")
    assert "as int16 it is -32768" in point["notice"]
