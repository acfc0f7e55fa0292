"""Limits of profiles: they come to all devices that follow, follow their changes, and leave alone what a device has of its own."""

import asyncpg
import pytest

from api.profiles.files import read, shipped, write
from ddms.limits import LimitKind
from tests.support.api_server import CREATE as CREATE_DEVICE
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_on

CREATE = "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { code field message } profile { id points { key limits { key kind threshold } } } } }"
DIFFERENCE = "errors { code field message } applied difference { devices added changed removed limits total changes { device point limit field before after } }"
UPDATE = f'mutation ($version: Int = 1, $changes: ProfileChanges!, $dry: Boolean = false, $remove: Boolean = false) {{ updateProfile(id: "prof_1", version: $version, changes: $changes, dryRun: $dry, removePoints: $remove) {{ {DIFFERENCE} }} }}'
APPLY = f'mutation ($devices: [ID!]!, $dry: Boolean = false) {{ applyProfile(profile: "prof_1", devices: $devices, dryRun: $dry) {{ {DIFFERENCE} }} }}'
SET = "mutation ($points: [PointLimitsInput!]!) { setLimits(points: $points) { errors { code field message } limits { id } } }"
CHANGE = "mutation ($ids: [ID!]!, $changes: LimitChanges!) { updateLimits(ids: $ids, changes: $changes) { errors { code field message } } }"
DELETE = "mutation ($ids: [ID!]!) { deleteLimits(ids: $ids) { errors { code } } }"
LIMITS = """SELECT d.name, l.key, l.threshold, l.priority, l.enabled, l.from_profile
  FROM limits l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id ORDER BY d.name, l.key"""


def high(threshold: float = 250.0, **more) -> dict:
    return {"kind": "HIGH", "threshold": threshold} | more


def voltage(*limits: dict, **changes) -> dict:
    point = {"key": "voltage", "registerTable": "INPUT", "address": 0, "dataType": "FLOAT32"}
    return point | {"limits": list(limits)} | changes


@pytest.fixture
async def meters(api: Api) -> list[dict]:
    """A profile with a high limit, and two meters that follow it."""
    payload = await api.ask(CREATE, input={"name": "Meter", "points": [voltage(high())]})
    assert payload["errors"] == []
    assert payload["profile"]["points"][0]["limits"] == [{"key": "high", "kind": "HIGH", "threshold": 250.0}]
    return [await add(api, f"M{n}", points=[], profile="Meter") for n in (1, 2)]


async def stored(owner: asyncpg.Connection) -> list[tuple]:
    return [tuple(row) for row in await owner.fetch(LIMITS)]


async def limit_of(owner: asyncpg.Connection, device: str, key: str = "high") -> str:
    number = await owner.fetchval(
        "SELECT l.id FROM limits l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id WHERE d.name = $1 AND l.key = $2",
        device, key,
    )  # fmt: skip
    return f"lim_{number}"


def told(payload) -> set[tuple]:
    assert payload["errors"] == []
    return {tuple(change.values()) for change in payload["difference"]["changes"]}


async def test_new_devices_get_the_limits_of_their_profile(meters, owner: asyncpg.Connection):
    assert await stored(owner) == [(f"M{n}", "high", 250.0, "medium", True, True) for n in (1, 2)]
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE source = 'limit'") == 2


async def test_a_point_that_a_device_writes_out_has_the_profiles_limits_unless_it_has_its_own(
    api: Api, meters, owner: asyncpg.Connection
):
    bare = voltage(unit="kV")
    del bare["limits"]
    for name, point in (("A", bare), ("B", voltage(high(9.0))), ("C", voltage())):
        made = await api.ask(CREATE_DEVICE, input={"name": name, "endpoint": "tcp://10.0.0.9", "profile": "Meter", "points": [point]})  # fmt: skip
        assert made["errors"] == []
    assert [row[:3] for row in await stored(owner)][:2] == [("A", "high", 250.0), ("B", "high", 9.0)]
    assert len(await stored(owner)) == 4


async def test_a_change_of_the_profile_reaches_all_devices_after_a_dry_run(api: Api, meters, owner: asyncpg.Connection):
    changes = {"points": [voltage(high(260.0, priority="CRITICAL"), {"kind": "LOW", "threshold": 200.0})]}
    dry = await api.ask(UPDATE, changes=changes, dry=True)
    assert told(dry) == {
        (name, "voltage", *change)
        for name in (None, "M1", "M2")
        for change in (
            ("high", "threshold", "250", "260"), ("high", "priority", "medium", "critical"), ("low", None, None, "limit")
        )
    }  # fmt: skip
    counted = {name: dry["difference"][name] for name in ("devices", "added", "changed", "removed", "limits")}
    assert counted == {"devices": 2, "added": 0, "changed": 0, "removed": 0, "limits": 4}
    assert {row[2] for row in await stored(owner)} == {250.0}
    ids = await owner.fetch("SELECT id FROM limits WHERE key = 'high' ORDER BY id")
    done = await api.ask(UPDATE, changes=changes)
    assert (done["applied"], done["difference"]) == (True, dry["difference"])
    assert await stored(owner) == [
        (f"M{n}", key, threshold, priority, True, True)
        for n in (1, 2) for key, threshold, priority in (("high", 260.0, "critical"), ("low", 200.0, "medium"))
    ]  # fmt: skip
    assert await owner.fetch("SELECT id FROM limits WHERE key = 'high' ORDER BY id") == ids, "the same alarms"


async def test_what_a_device_changed_stays_and_the_rest_follows(api: Api, meters, owner: asyncpg.Connection):
    await api.ask(CHANGE, ids=[await limit_of(owner, "M1")], changes={"threshold": 240.0})
    await api.ask(CHANGE, ids=[await limit_of(owner, "M2")], changes={"enabled": False})
    await api.ask(UPDATE, changes={"points": [voltage(high(260.0, priority="HIGH"))]})
    assert await stored(owner) == [
        ("M1", "high", 240.0, "high", True, True), ("M2", "high", 260.0, "high", False, True)
    ]  # fmt: skip


async def test_a_limit_that_a_device_deleted_comes_back_by_apply_only(api: Api, meters, owner: asyncpg.Connection):
    await api.ask(DELETE, ids=[await limit_of(owner, "M1")])
    await api.ask(UPDATE, changes={"points": [voltage(high(260.0))]})
    assert [row[0] for row in await stored(owner)] == ["M2"]
    dry = await api.ask(APPLY, devices=[meters[0]["id"]], dry=True)
    assert told(dry) == {("M1", "voltage", "high", None, None, "limit")}
    await api.ask(APPLY, devices=[meters[0]["id"]])
    assert [row[:3] for row in await stored(owner)] == [("M1", "high", 260.0), ("M2", "high", 260.0)]


async def test_a_devices_own_limit_is_not_touched(api: Api, meters, owner: asyncpg.Connection):
    point = await owner.fetchval("SELECT min(id) FROM points")
    await api.ask(SET, points=[{"ids": [f"pt_{point}"], "limits": [{"kind": "RATE", "threshold": 9.0}]}])
    both = voltage(high(), {"kind": "RATE", "threshold": 5.0})
    await api.ask(UPDATE, changes={"points": [both]})
    await api.ask(UPDATE, changes={"points": [voltage()]}, version=2)
    assert await stored(owner) == [("M1", "rate", 9.0, "medium", True, False)]


async def test_apply_puts_all_back_to_the_profiles(api: Api, meters, owner: asyncpg.Connection):
    changes = {"threshold": 240.0, "cause": "x", "enabled": False}
    await api.ask(CHANGE, ids=[await limit_of(owner, "M1")], changes=changes)
    dry = await api.ask(APPLY, devices=[meters[0]["id"]], dry=True)
    assert told(dry) == {
        ("M1", "voltage", "high", "threshold", "240", "250"),
        ("M1", "voltage", "high", "cause", "x", "none"),
        ("M1", "voltage", "high", "enabled", "false", "true"),
    }
    await api.ask(APPLY, devices=[meters[0]["id"]])
    assert (await stored(owner))[0] == ("M1", "high", 250.0, "medium", True, True)


@pytest.mark.parametrize("dry", [True, False])
async def test_levels_that_would_stand_out_of_order_on_a_device_are_refused_by_its_name(
    api: Api, meters, owner: asyncpg.Connection, dry
):
    await api.ask(CHANGE, ids=[await limit_of(owner, "M2")], changes={"threshold": 280.0})
    before = await stored(owner)
    changes = {"points": [voltage(high(), {"kind": "HIGH_HIGH", "threshold": 270.0})]}
    (error,) = (await api.ask(UPDATE, changes=changes, dry=dry))["errors"]
    assert (error["code"], error["field"]) == ("INVALID", "points")
    assert "(M2 / voltage)" in error["message"]
    assert await stored(owner) == before


async def test_left_out_limits_of_a_profile_stay_and_an_empty_list_takes_them_away(api: Api, meters, owner):
    kept = voltage(unit="V")
    del kept["limits"]
    await api.ask(UPDATE, changes={"points": [kept]})
    assert len(await stored(owner)) == 2
    done = await api.ask(UPDATE, changes={"points": [voltage(unit="V")]}, version=2)
    assert told(done) == {(name, "voltage", "high", None, "limit", None) for name in (None, "M1", "M2")}
    assert await stored(owner) == []


async def test_limits_of_a_profile_that_do_not_fit_are_refused(api: Api, meters):
    for limits, field in (
        ([{"kind": "LOW", "threshold": 300.0}, high()], "points.0.limits.1.threshold"),
        ([{"kind": "DEVIATION", "threshold": 1.0, "referenceKey": "other"}], "points.0.limits.0.referenceKey"),
    ):
        payload = await api.ask(UPDATE, changes={"points": [voltage(*limits)]})
        assert [(error["code"], error["field"]) for error in payload["errors"]] == [("INVALID", field)]


async def test_a_deleted_profile_leaves_its_limits_to_the_devices(api: Api, meters, owner: asyncpg.Connection):
    await api.ask('mutation { deleteProfile(id: "prof_1") { errors { code } } }')
    assert [row[5] for row in await stored(owner)] == [False, False]


async def test_a_point_that_leaves_the_profile_takes_its_limits_along(api: Api, meters, owner: asyncpg.Connection):
    current = voltage(key="current", address=4)
    done = await api.ask(UPDATE, changes={"points": [current]}, remove=True)
    assert [change for change in told(done) if change[0] and change[2]] == []
    assert await stored(owner) == []


YAML = """\
profiles:
- name: Meter
  points:
  - key: voltage
    register_table: input
    address: 0
    data_type: float32
    limits:
    - {kind: low, threshold: 210, enabled: false}
    - {kind: high, threshold: 250, hysteresis: 2, cause: The transformer's tap., action: Call the grid.}
"""


def test_a_profile_is_written_as_it_is_read():
    profiles = read(YAML)
    assert read(write(profiles)) == profiles
    assert "latched" not in write(profiles)


async def test_the_command_line_imports_a_profile_with_limits(settings, owner: asyncpg.Connection, tmp_path):
    file = tmp_path / "meter.yaml"
    file.write_text(YAML)
    assert "+ profile Meter / voltage / high\n" in (await ddms_on(settings, "profiles", "import", str(file))).stdout
    file.write_text(YAML.replace("250", "255"))
    done = await ddms_on(settings, "profiles", "import", str(file), "--dry-run")
    assert done.stdout == "~ profile Meter / voltage / high: threshold: 250 → 255\n"
    assert (await ddms_on(settings, "profiles", "show", "Meter")).stdout == write(read(YAML))


def test_profiles_that_come_with_ddms_raise_no_alarm_by_surprise():
    limits = [
        limit for text in shipped().values() for one in read(text) for p in one.points for limit in p.limits or ()
    ]
    assert limits
    assert {limit.kind for limit in limits if limit.enabled} == {LimitKind.VALUE}, "the device's own alarms"
    assert all(limit.cause and limit.consequence and limit.action for limit in limits)
