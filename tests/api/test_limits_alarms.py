"""What becomes of an alarm when somebody changes its limit, point, device or profile through GraphQL while it is active."""

from dataclasses import replace

import asyncpg
import pytest

from tests.support.alarmed import events, the_alarm, watched
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

LEVEL = {"key": "level", "registerTable": "HOLDING", "address": 0, "dataType": "UINT16"}
HIGH = {"kind": "HIGH", "threshold": 80.0}
CHANGE = 'mutation ($changes: LimitChanges!) { updateLimits(ids: ["lim_1"], changes: $changes) { errors { code } } }'
POINT = 'mutation ($changes: PointChanges!) { updatePoint(id: "pt_1", changes: $changes) { errors { code message } } }'
DEVICE = 'mutation ($version: Int!, $changes: DeviceChanges!) { updateDevice(id: "dev_1", version: $version, changes: $changes) { errors { code } } }'
PROFILE = 'mutation ($version: Int!, $points: [PointInput!]!) { updateProfile(id: "prof_1", version: $version, changes: {points: $points}, dryRun: false) { errors { code message } } }'
CREATE_PROFILE = (
    'mutation ($points: [PointInput!]!) { createProfile(input: {name: "Tank", points: $points}) { errors { code } } }'
)


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, spool_directory=tmp_path / "spool", flush_interval=0.0)


def level(*limits: dict, **more) -> dict:
    return LEVEL | {"limits": list(limits)} | more


async def done(api: Api, query: str, **variables) -> None:
    payload = await api.ask(query, **variables)
    assert payload["errors"] == []


async def state(owner: asyncpg.Connection) -> str:
    return (await the_alarm(owner))["state"]


@pytest.mark.parametrize(("threshold", "after"), [(85.0, "unacknowledged"), (95.0, "returned")])
async def test_a_threshold_that_is_changed_is_compared_with_the_next_reading(
    api: Api, settings, owner: asyncpg.Connection, threshold, after
):
    await add(api, points=[level(HIGH)])
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, CHANGE, changes={"threshold": threshold})
        assert await state(owner) == "unacknowledged", "nobody knows before the next reading"
        await point.configure()
        await point.reads(90, 90, at=1)
        assert await state(owner) == after
    assert await events(owner) == ["raised"] if after == "unacknowledged" else ["raised", "cleared"]


async def test_a_delay_that_runs_begins_anew_under_a_changed_limit(api: Api, settings, owner: asyncpg.Connection):
    await add(api, points=[level(HIGH | {"onDelaySeconds": 3})])
    async with watched(settings, owner, 1) as point:
        await point.reads(90, 90, 90)
        await done(api, CHANGE, changes={"threshold": 85.0})
        await point.configure()
        await point.reads(90, 90, 90, at=3)
        assert await events(owner) == []
        await point.reads(90, at=6)
    assert await events(owner) == ["raised"]


async def test_another_priority_is_that_of_the_alarm_at_once_and_it_goes_on(api: Api, settings, owner):
    await add(api, points=[level(HIGH)])
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, CHANGE, changes={"priority": "CRITICAL", "action": "Run."})
        await point.configure()
        await point.reads(90, at=1)
    alarm = await the_alarm(owner)
    assert (alarm["priority"], alarm["state"]) == ("critical", "unacknowledged")
    assert await events(owner) == ["raised"]


ENDS = {
    "the limit was disabled": (CHANGE, {"changes": {"enabled": False}}),
    "the limit was removed": ('mutation { deleteLimits(ids: ["lim_1"]) { errors { code } } }', {}),
    "the point was disabled": (POINT, {"changes": {"enabled": False}}),
    "the device was disabled": (DEVICE, {"version": 1, "changes": {"enabled": False}}),
    "the device was deleted": ('mutation { deleteDevice(id: "dev_1", keepHistory: true) { errors { code } } }', {}),
}


@pytest.mark.parametrize("why", ENDS)
async def test_an_alarm_ends_at_once_when_its_source_is_switched_off_or_goes(
    api: Api, settings, owner: asyncpg.Connection, why
):
    await add(api, points=[level(HIGH)])
    query, variables = ENDS[why]
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, query, **variables)
        assert await owner.fetchval("SELECT note FROM alarm_events ORDER BY id DESC LIMIT 1") == why
        await point.reads(90, at=1)  # the collector has not heard of it yet
        await point.configure()
        await point.reads(90, at=2)
    alarm = await the_alarm(owner)
    assert (alarm["state"], alarm["removed_at"] is None) == ("normal", "disabled" in why)
    assert await events(owner) == ["raised", "withdrawn"]


async def test_an_alarm_of_a_point_that_is_deleted_ends_with_it(api: Api, settings, owner: asyncpg.Connection):
    await add(api, points=[level(HIGH), LEVEL | {"key": "other", "address": 1}])
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, 'mutation { deletePoints(ids: ["pt_1"]) { errors { code } } }')
        await point.configure()
    assert await events(owner) == ["raised", "withdrawn"]
    assert await state(owner) == "normal"


async def test_a_limit_that_is_enabled_again_raises_anew(api: Api, settings, owner: asyncpg.Connection):
    await add(api, points=[level(HIGH)])
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        for second, enabled in ((1, False), (2, True)):
            await done(api, CHANGE, changes={"enabled": enabled})
            await point.configure()
            await point.reads(90, at=second)
    assert await events(owner) == ["raised", "withdrawn", "raised"]


async def test_a_change_of_the_profile_ends_or_keeps_the_alarms_of_its_devices(api: Api, settings, owner):
    await done(api, CREATE_PROFILE, points=[level(HIGH)])
    await add(api, points=[], profile="Tank")
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, PROFILE, version=1, points=[level(HIGH | {"threshold": 85.0, "cause": "x"})])
        await point.configure()
        await point.reads(90, at=1)
        assert await events(owner) == ["raised"], "the same limit of the same point: the alarm goes on"
        await done(api, PROFILE, version=2, points=[level()])
        assert await events(owner) == ["raised", "withdrawn"]


async def test_a_device_that_is_written_anew_keeps_the_alarms_of_limits_that_stay(api: Api, settings, owner):
    await add(api, points=[level(HIGH)])
    async with watched(settings, owner, 1) as point:
        await point.reads(90)
        await done(api, DEVICE, version=1, changes={"points": [level(HIGH, unit="%")]})
        await point.configure()
        await point.reads(90, at=1)
    assert await events(owner) == ["raised"]


REFERENCES = {
    "disabled": (POINT, {"changes": {"enabled": False}}, "normal"),
    "renamed": (POINT, {"changes": {"key": "wished"}}, "unacknowledged"),
    "another": (CHANGE, {"changes": {"referenceKey": "silent"}}, "normal"),
}


@pytest.mark.parametrize("what", REFERENCES)
async def test_a_deviation_goes_on_when_its_other_point_is_renamed_and_ends_when_that_is_not_read(
    api: Api, settings, owner: asyncpg.Connection, what
):
    deviation = {"kind": "DEVIATION", "threshold": 5.0, "referenceKey": "wanted"}
    silent = LEVEL | {"key": "silent", "address": 2, "enabled": False}
    await add(api, points=[LEVEL | {"key": "wanted", "address": 1}, level(deviation), silent])
    query, variables, after = REFERENCES[what]
    await owner.execute("UPDATE alarms SET active = true, acknowledged = false WHERE source = 'limit'")
    await done(api, query, **variables)
    assert await state(owner) == after


async def test_a_deviation_ends_when_the_profile_loses_its_other_point(api: Api, owner: asyncpg.Connection):
    wanted = LEVEL | {"key": "wanted", "address": 1}
    await done(api, CREATE_PROFILE, points=[wanted, LEVEL])
    await add(api, points=[], profile="Tank")
    own = [{"ids": ["pt_1"], "limits": [{"kind": "DEVIATION", "threshold": 5.0, "referenceKey": "wanted"}]}]
    await done(api, "mutation ($points: [PointLimitsInput!]!) { setLimits(points: $points) { errors { code } } }", points=own)  # fmt: skip
    await owner.execute("UPDATE alarms SET active = true, acknowledged = false WHERE source = 'limit'")
    query = PROFILE.replace("dryRun: false", "dryRun: false, removePoints: true")
    await done(api, query, version=1, points=[LEVEL])
    assert (await state(owner), await events(owner)) == ("normal", ["withdrawn"])
