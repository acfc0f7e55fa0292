"""Profiles through GraphQL: written once, followed by many devices, changed after a dry run."""

import asyncpg
import pytest

from api.ground.budget import Budgets
from api.retention.deletions import erase_deleted
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

CREATE = "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { code field message } profile { id name version deviceCount points { key address } } } }"
DIFFERENCE = "errors { code field message } applied profile { version deviceCount } difference { devices added changed removed total changes { device point field before after } }"
UPDATE = f"mutation ($id: ID!, $version: Int = 1, $changes: ProfileChanges!, $dry: Boolean = false, $remove: Boolean = false) {{ updateProfile(id: $id, version: $version, changes: $changes, dryRun: $dry, removePoints: $remove) {{ {DIFFERENCE} }} }}"
APPLY = f"mutation ($profile: ID!, $devices: [ID!]!, $dry: Boolean = false, $remove: Boolean = false) {{ applyProfile(profile: $profile, devices: $devices, dryRun: $dry, removePoints: $remove) {{ {DIFFERENCE} }} }}"
CREATE_DEVICE = "mutation ($input: DeviceInput!) { createDevice(input: $input) { errors { code field message } device { id profile points { key intervalSeconds } } } }"
UPDATE_DEVICE = "mutation ($id: ID!, $version: Int!, $changes: DeviceChanges!) { updateDevice(id: $id, version: $version, changes: $changes) { errors { code message } } }"
POINTS = "SELECT key, address, unit, interval_s, from_profile FROM points WHERE device_id = $1 ORDER BY key"


def voltage(**changes):
    return {"key": "voltage", "registerTable": "INPUT", "address": 0, "dataType": "FLOAT32", "unit": "V"} | changes


def current(**changes):
    return {"key": "current", "registerTable": "INPUT", "address": 6, "dataType": "FLOAT32", "unit": "A"} | changes


async def make(api: Api, name: str = "Meter", points=None) -> str:
    payload = await api.ask(CREATE, input={"name": name, "points": points or [voltage(), current()]})
    assert payload["errors"] == []
    return payload["profile"]["id"]


async def points_of(owner: asyncpg.Connection, device: dict) -> dict[str, tuple]:
    return {row[0]: tuple(row)[1:] for row in await owner.fetch(POINTS, int(device["id"][4:]))}


def told(payload) -> set[tuple]:
    return {tuple(change.values()) for change in payload["difference"]["changes"]}


async def test_a_profile_is_applied_after_a_dry_run_that_changes_nothing(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[])
    dry = await api.ask(APPLY, profile=profile, devices=[device["id"]], dry=True)
    assert (dry["errors"], dry["applied"], dry["difference"]["added"]) == ([], False, 2)
    assert told(dry) == {("Pump", key, None, None, "point") for key in ("voltage", "current")}
    assert await points_of(owner, device) == {}
    done = await api.ask(APPLY, profile=profile, devices=[device["id"]])
    assert (done["applied"], done["difference"], done["profile"]["deviceCount"]) == (True, dry["difference"], 1)
    assert await points_of(owner, device) == {"current": (6, "A", 10, True), "voltage": (0, "V", 10, True)}
    again = await api.ask(APPLY, profile=profile, devices=[device["id"]])
    assert again["difference"]["total"] == 0


async def test_a_change_of_a_profile_reaches_all_its_devices_and_no_other(api: Api, owner: asyncpg.Connection):
    profile = await make(api)
    devices = [await add(api, f"Pump {n}", points=[]) for n in range(3)]
    await api.ask(APPLY, profile=profile, devices=[device["id"] for device in devices[:2]])
    ids = await owner.fetch("SELECT id FROM points WHERE key = 'voltage' ORDER BY id")
    changes = {"points": [voltage(address=100), current(), voltage(key="power", address=52, unit="W")]}
    dry = await api.ask(UPDATE, id=profile, changes=changes, dry=True)
    assert told(dry) == {
        (None, "voltage", "address", "0", "100"),
        (None, "power", None, None, "point"),
        *((f"Pump {n}", "voltage", "address", "0", "100") for n in range(2)),
        *((f"Pump {n}", "power", None, None, "point") for n in range(2)),
    }
    assert {k: dry["difference"][k] for k in ("devices", "added", "changed", "removed")} == {
        "devices": 2, "added": 2, "changed": 2, "removed": 0
    }  # fmt: skip
    assert (await points_of(owner, devices[0]))["voltage"][0] == 0
    done = await api.ask(UPDATE, id=profile, changes=changes)
    assert (done["difference"], done["profile"]["version"]) == (dry["difference"], 2)
    for device in devices[:2]:
        assert {key: row[0] for key, row in (await points_of(owner, device)).items()} == {
            "current": 6, "power": 52, "voltage": 100
        }  # fmt: skip
    assert await points_of(owner, devices[2]) == {}
    assert await owner.fetch("SELECT id FROM points WHERE key = 'voltage' ORDER BY id") == ids, "their history stays"


async def test_what_was_changed_on_a_device_stays_when_the_profile_changes(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    own = {"key": "own", "registerTable": "COIL", "address": 1, "dataType": "BOOL"}
    mine = [voltage(intervalSeconds=1), current(address=500), own]
    await api.ask(UPDATE_DEVICE, id=device["id"], version=2, changes={"points": mine})
    theirs = [voltage(intervalSeconds=60, address=100), current(address=8, unit="mA")]
    payload = await api.ask(UPDATE, id=profile, changes={"points": theirs})
    on_device = {change for change in told(payload) if change[0]}
    assert on_device == {("Pump", "voltage", "address", "0", "100"), ("Pump", "current", "unit", "A", "mA")}
    assert await points_of(owner, device) == {
        "current": (500, "mA", 10, True), "own": (1, "", 10, False), "voltage": (100, "V", 1, True)
    }  # fmt: skip
    back = await api.ask(APPLY, profile=profile, devices=[device["id"]])
    assert told(back) == {
        ("Pump", "current", "address", "500", "8"), ("Pump", "voltage", "interval_seconds", "1", "60")
    }  # fmt: skip
    assert (await points_of(owner, device))["own"] == (1, "", 10, False)


async def test_where_a_value_lies_is_followed_as_a_whole_or_not_at_all(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    mine = [voltage(dataType="BIT", bit=3), current()]
    await api.ask(UPDATE_DEVICE, id=device["id"], version=2, changes={"points": mine})
    coil = {"key": "voltage", "registerTable": "COIL", "address": 7, "dataType": "BOOL"}
    payload = await api.ask(UPDATE, id=profile, changes={"points": [coil, current()]})
    assert payload["errors"] == []
    row = await owner.fetchrow("SELECT register_table, data_type, bit, unit FROM points WHERE key = 'voltage'")
    assert tuple(row) == ("input", "bit", 3, "")


async def test_a_point_that_is_removed_from_a_device_does_not_come_back(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    await owner.execute("DELETE FROM points WHERE key = 'current'")
    await api.ask(UPDATE, id=profile, changes={"points": [voltage(unit="kV"), current(unit="kA")]})
    assert set(await points_of(owner, device)) == {"voltage"}
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    assert set(await points_of(owner, device)) == {"voltage", "current"}


async def test_a_point_of_the_device_wins_over_one_that_the_profile_gets_later(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[voltage(key="power", unit="kW")])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    more = {"points": [voltage(), current(), voltage(key="power", address=52, unit="W")]}
    assert (await api.ask(UPDATE, id=profile, changes=more))["difference"]["devices"] == 0
    assert (await points_of(owner, device))["power"] == (0, "kW", 10, False)
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    assert (await points_of(owner, device))["power"] == (52, "W", 10, True)


async def test_points_go_with_their_readings_only_if_asked_for(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[voltage(key="spare"), current()])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    numbers = {r["key"]: r["id"] for r in await owner.fetch("SELECT key, id FROM points")}
    await api.read(owner, dict.fromkeys(numbers.values(), 1.0))
    asked = {"id": profile, "changes": {"points": [current()]}}
    refused = await api.ask(UPDATE, **asked)
    assert [(e["code"], e["field"]) for e in refused["errors"]] == [("INVALID", "removePoints")]
    assert (await api.ask(UPDATE, **asked, dry=True))["difference"]["removed"] == 1
    assert (await api.ask(UPDATE, **asked, remove=True))["difference"]["removed"] == 1
    left = {numbers["spare"], numbers["current"]}
    await erase_deleted(api.parts.database)
    for table in ("readings", "latest"):
        assert {row[0] for row in await owner.fetch(f"SELECT point_id FROM {table}")} == left
    assert set(await points_of(owner, device)) == {"spare", "current"}


async def test_a_device_that_changes_its_profile_loses_what_only_the_old_one_had(api: Api, owner: asyncpg.Connection):
    first, second = await make(api, "First"), await make(api, "Second", [voltage(address=9)])
    device = await add(api, "Pump", points=[])
    await api.ask(APPLY, profile=first, devices=[device["id"]])
    refused = await api.ask(APPLY, profile=second, devices=[device["id"]])
    assert [e["field"] for e in refused["errors"]] == ["removePoints"]
    await api.ask(APPLY, profile=second, devices=[device["id"]], remove=True)
    assert await points_of(owner, device) == {"voltage": (9, "V", 10, True)}


async def test_a_deleted_profile_leaves_its_points_to_the_devices(api: Api, owner: asyncpg.Connection):
    profile, device = await make(api), await add(api, "Pump", points=[])
    await api.ask(APPLY, profile=profile, devices=[device["id"]])
    delete = "mutation ($id: ID!) { deleteProfile(id: $id) { errors { code } deletedId } }"
    assert await api.ask(delete, id=profile) == {"errors": [], "deletedId": profile}
    assert [row[3] for row in (await points_of(owner, device)).values()] == [False, False]
    assert await api.ask("query ($id: ID) { profile(id: $id) { id } }", id=profile) is None
    assert (await api.ask(delete, id=profile))["errors"] == [{"code": "NOT_FOUND"}]


async def test_a_new_device_takes_the_points_of_its_profile_and_keeps_those_of_its_own(api: Api, owner):
    await make(api)
    spare = {"key": "spare", "registerTable": "COIL", "address": 1, "dataType": "BOOL"}
    given = {"name": "P", "endpoint": "tcp://a", "profile": "METER", "points": [voltage(intervalSeconds=0.25), spare]}
    device = (await api.ask(CREATE_DEVICE, input=given))["device"]
    assert device["profile"] == "Meter"
    rows = await points_of(owner, device)
    assert {key: row[2:] for key, row in rows.items()} == {
        "current": (10, True), "spare": (10, False), "voltage": (0.25, True)
    }  # fmt: skip
    unknown = await api.ask(CREATE_DEVICE, input=given | {"name": "Q", "profile": "none such"})
    assert [(e["code"], e["field"]) for e in unknown["errors"]] == [("NOT_FOUND", "profile")]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": " "}, "INVALID", "name"),
        ({"name": "METER"}, "ALREADY_EXISTS", "name"),
        ({"source": "x" * 2001}, "INVALID", "source"),
        ({"points": [voltage(), voltage()]}, "INVALID", "points.1.key"),
        ({"points": [voltage(address=65535)]}, "INVALID", "points.0.address"),
        ({"name": None}, "INVALID", "name"),
    ],
)
async def test_a_wrong_profile_is_refused_by_field(api: Api, changes, code, field):
    await make(api)
    other = await make(api, "Other")
    payload = await api.ask(UPDATE, id=other, changes=changes)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    if None not in changes.values():
        created = await api.ask(CREATE, input={"name": "New", "points": []} | changes)
        assert [(e["code"], e["field"]) for e in created["errors"]] == [(code, field)]


async def test_of_two_changes_of_the_same_version_the_second_is_told(api: Api):
    profile = await make(api)
    await api.ask(UPDATE, id=profile, changes={"source": "manual 1"})
    second = await api.ask(UPDATE, id=profile, changes={"source": "manual 2"})
    assert [(e["code"], e["field"]) for e in second["errors"]] == [("CONFLICT", "version")]
    unknown = await api.ask(APPLY, profile=profile, devices=["dev_99999"])
    assert [(e["code"], e["field"]) for e in unknown["errors"]] == [("NOT_FOUND", "devices")]


async def test_every_change_is_in_the_audit_log_of_the_profile_and_of_each_device(api: Api, owner):
    profile, device = await make(api), await add(api, "Pump", points=[])
    await api.ask(APPLY, "admin", profile=profile, devices=[device["id"]])
    await api.ask(UPDATE, "admin", id=profile, changes={"points": [voltage(unit="kV"), current()]})
    rows = await owner.fetch("SELECT actor, action, subject FROM audit_log WHERE action ~ 'profile' ORDER BY id")
    assert {tuple(row) for row in rows} == {
        ("the owner's", "profile.create", profile),
        ("the admin's", "device.profile", device["id"]),
        ("the admin's", "profile.update", profile),
    }
    assert len(rows) == 4


async def test_a_thousand_devices_follow_a_profile_of_fifty_points(api: Api, owner: asyncpg.Connection):
    points = [voltage(key=f"v{n}", address=2 * n) for n in range(50)]
    profile = await make(api, points=points)
    await owner.execute("INSERT INTO connections (endpoint) VALUES ('tcp://10.0.0.1:502')")
    await owner.execute(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT 'D' || n, 1, n % 250 FROM generate_series(1, 1000) n"
    )
    devices = [f"dev_{row[0]}" for row in await owner.fetch("SELECT id FROM devices")]
    applied = await api.ask(APPLY, profile=profile, devices=devices)
    changed = await api.ask(UPDATE, id=profile, changes={"points": [p | {"unit": "kV"} for p in points]})
    assert applied["difference"]["added"] == changed["difference"]["changed"] == 50_000
    assert (len(changed["difference"]["changes"]), changed["difference"]["total"]) == (1000, 50_050)
    assert await owner.fetchval("SELECT count(*) FROM points WHERE unit = 'kV' AND from_profile") == 50_000


async def test_points_beyond_what_was_priced_are_paid_when_they_are_there(api: Api):
    points = [{"key": f"p{n}", "registerTable": "HOLDING", "address": n, "dataType": "UINT16"} for n in range(210)]
    made = await api.ask("mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { message } } }", input={"name": "Large", "points": points})  # fmt: skip
    assert made["errors"] == []
    api.parts.budgets = Budgets(0)
    answer = await api.post('{ profile(name: "Large") { points { ...named } } } fragment named on ProfilePoint { key name }', "viewer")  # fmt: skip
    assert len(answer["data"]["profile"]["points"]) == 210
    cost = answer["extensions"]["cost"]
    assert cost["limit"] - cost["available"] >= cost["requested"] + 200 * 3
