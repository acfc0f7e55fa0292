"""Connections through GraphQL: what is set on an endpoint, by whom, and what cannot be set on it."""

import asyncpg
import pytest

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

ALL = """query ($text: String) { connections(text: $text) { id endpoint baudRate parity stopBits timeoutMs connectPauseMs
  requestPauseMs maxInFlight closeAfterCycle version collector devices { name points { key } } load { requests busy overrun } } }"""
UPDATE = """mutation ($id: ID!, $version: Int!, $changes: ConnectionChanges!) {
  updateConnection(id: $id, version: $version, changes: $changes) { errors { code field message }
  connection { endpoint baudRate parity stopBits timeoutMs maxInFlight version devices { name endpoint } } } }"""


async def only(api: Api) -> dict:
    (connection,) = await api.ask(ALL, "viewer")
    return connection


async def test_connections_show_their_settings_their_devices_and_what_they_cost(api: Api):
    await add(api, "A", endpoint="tcp://10.0.0.1:502", unitId=1)
    await add(api, "B", endpoint="tcp://10.0.0.1", unitId=2)
    await add(api, "C", endpoint="serial:///dev/ttyUSB0", points=[])
    serial, tcp = await api.ask(ALL, "viewer")
    assert (serial["endpoint"], serial["baudRate"], serial["parity"]) == ("serial:///dev/ttyUSB0", 19200, "EVEN")
    assert serial["load"] is None
    assert [device["name"] for device in tcp["devices"]] == ["A", "B"]
    assert len(tcp["devices"][1]["points"]) == 3
    assert (tcp["load"]["requests"], tcp["load"]["overrun"]) == (6, "NONE")
    assert (tcp["timeoutMs"], tcp["maxInFlight"], tcp["version"], tcp["collector"]) == (1000, 1, 1, None)
    assert [c["endpoint"] for c in await api.ask(ALL, text="USB0")] == ["serial:///dev/ttyUSB0"]


async def test_settings_change_and_the_audit_tells_who_when_and_what(api: Api, owner: asyncpg.Connection):
    await add(api, "Oven", endpoint="serial:///dev/ttyUSB0")
    connection = await only(api)
    changes = {"baudRate": 9600, "parity": "NONE", "stopBits": 2, "timeoutMs": 500}
    payload = await api.ask(UPDATE, "admin", id=connection["id"], version=1, changes=changes)
    assert payload["errors"] == []
    changed = payload["connection"]
    assert {name: changed[name] for name in changes} == changes
    assert changed["version"] == 2
    row = await owner.fetchrow("SELECT * FROM audit_log WHERE action = 'connection.update'")
    assert (row["actor"], row["subject"]) == ("the admin's", connection["id"])
    assert row["before"] == {"baud_rate": 19200, "parity": "even", "stop_bits": 1, "timeout_ms": 1000}
    assert row["after"] == {"baud_rate": 9600, "parity": "none", "stop_bits": 2, "timeout_ms": 500}
    same = await api.ask(UPDATE, id=connection["id"], version=2, changes=changes)
    assert same["connection"]["version"] == 2, "what is the same already changes nothing"


async def test_a_gateway_that_moved_takes_all_its_devices_along(api: Api):
    await add(api, "A", endpoint="tcp://10.0.0.1", unitId=1)
    await add(api, "B", endpoint="tcp://10.0.0.1", unitId=2)
    connection = await only(api)
    payload = await api.ask(UPDATE, id=connection["id"], version=1, changes={"endpoint": "tcp://10.0.0.9"})
    assert [d["endpoint"] for d in payload["connection"]["devices"]] == ["tcp://10.0.0.9:502"] * 2


@pytest.mark.parametrize(
    ("endpoint", "changes", "code", "field"),
    [
        ("tcp://a", {"timeoutMs": 49}, "INVALID", "timeoutMs"),
        ("tcp://a", {"maxInFlight": 17}, "INVALID", "maxInFlight"),
        ("tcp://a", {"requestPauseMs": -1}, "INVALID", "requestPauseMs"),
        ("tcp://a", {"baudRate": 9600}, "INVALID", "baudRate"),
        ("tcp://a", {"parity": "ODD"}, "INVALID", "parity"),
        ("tcp://a", {"timeoutMs": None}, "INVALID", "timeoutMs"),
        ("tcp://a", {"endpoint": "a:502"}, "INVALID", "endpoint"),
        ("tcp://a", {"endpoint": "tcp://other"}, "ALREADY_EXISTS", "endpoint"),
        ("rtu+tcp://a", {"maxInFlight": 2}, "INVALID", "maxInFlight"),
        ("serial:///dev/x", {"stopBits": 3}, "INVALID", "stopBits"),
    ],
)
async def test_what_cannot_be_set_says_why_and_changes_nothing(api: Api, endpoint, changes, code, field):
    await add(api, "Other", endpoint="tcp://other")
    await add(api, "Device", endpoint=endpoint)
    connection = next(c for c in await api.ask(ALL) if "other" not in c["endpoint"])
    payload = await api.ask(UPDATE, id=connection["id"], version=1, changes=changes)
    ((error),) = payload["errors"]
    assert (error["code"], error["field"]) == (code, field)
    assert connection in await api.ask(ALL)


async def test_several_in_flight_do_not_come_along_to_an_rtu_line(api: Api):
    await add(api, "Device", endpoint="tcp://a")
    connection = await only(api)
    await api.ask(UPDATE, id=connection["id"], version=1, changes={"maxInFlight": 4})
    moved = await api.ask(UPDATE, id=connection["id"], version=2, changes={"endpoint": "rtu+tcp://a"})
    assert moved["errors"][0]["field"] == "maxInFlight"
    both = {"endpoint": "rtu+tcp://a", "maxInFlight": 1}
    assert (await api.ask(UPDATE, id=connection["id"], version=2, changes=both))["errors"] == []


async def test_of_two_who_change_it_at_once_the_second_is_told(api: Api):
    await add(api, "Device")
    connection = await only(api)
    assert (await api.ask(UPDATE, id=connection["id"], version=1, changes={"timeoutMs": 200}))["errors"] == []
    late = await api.ask(UPDATE, id=connection["id"], version=1, changes={"timeoutMs": 300})
    assert late["errors"][0]["code"] == "CONFLICT"
    missing = await api.ask(UPDATE, id="con_999", version=1, changes={})
    assert missing["errors"][0]["code"] == "NOT_FOUND"
    assert await api.ask(UPDATE, id="dev_1", version=1, changes={}) == {
        "errors": [{"code": "INVALID", "field": "id", "message": "'dev_1' is not the id of a connection: such an id looks like con_12"}],
        "connection": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "endpoint",
    [
        "udp://10.0.0.1:502", "tls://meter.plant:802", "rtu+udp://10.0.0.1:4001", "ascii+tcp://10.0.0.1:4001",
        "ascii+udp://10.0.0.1:4001", "ascii+serial:///dev/ttyUSB0", "tcp://[fe80::1%eth0]:502",
        "tcp-listen://0.0.0.0:5020", "rtu+tcp-listen://0.0.0.0:5020?id=GW-7", "ascii+tcp-listen://[::]:5020?from=10.1.2.3",
    ],
)  # fmt: skip
async def test_every_way_to_a_device_is_stored_and_comes_back(api: Api, endpoint):
    await add(api, "Meter", endpoint=endpoint)
    found = await api.ask("{ connections { endpoint dataBits devices { name endpoint } } }")
    bits = 7 if endpoint.startswith("ascii+serial") else 8
    assert found == [{"endpoint": endpoint, "dataBits": bits, "devices": [{"name": "Meter", "endpoint": endpoint}]}]
