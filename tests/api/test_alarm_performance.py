"""`alarmPerformance`: the numbers of a journal, of all devices or some, each as far as the caller may see."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from ddms.alarms import Event
from tests.support.alarm_events import alarm_of, happens
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import halls_fixture  # noqa: F401 - a fixture

PERFORMANCE = """query ($from: DateTime!, $to: DateTime, $group: ID, $devices: [ID!], $operators: Int = 1, $first: Int = 10) {
  alarmPerformance(from: $from, to: $to, group: $group, devices: $devices, operators: $operators) {
    from to operators
    summary { alarms perDay benchmark perTenMinutes mostInTenMinutes shareOver floods shareInFlood worstShare chattering fleeting stale
              acknowledged unacknowledged acknowledgeMedianSeconds acknowledgeP95Seconds hidden shelved outOfService shelvedNow }
    windows { time alarms } floods { from to alarms most }
    worst(first: $first) { alarm { id deviceName } alarms share fleeting repeats standingSeconds }
    stale { alarm { deviceName } from to }
    priorities { priority alarms share targetShare acknowledged unacknowledged acknowledgeMedianSeconds acknowledgeP95Seconds } } }"""


def since(**ago: float) -> dict[str, str]:
    return {"from": (datetime.now(UTC) - timedelta(**ago)).isoformat()}


async def performance(api: Api, actor: str = "viewer", **variables):
    return await api.ask(PERFORMANCE, actor, **since(hours=1) | variables)


async def test_a_journal_becomes_numbers(api: Api, owner: asyncpg.Connection):
    device = await add(api, "Pump")
    pump = await alarm_of(owner, device["id"])
    for event in (Event.RAISED, Event.ACKNOWLEDGED, Event.CLEARED, Event.RAISED):
        await happens(owner, pump, event=event)
    found = await performance(api)
    summary = found["summary"]
    assert (summary["alarms"], summary["acknowledged"], summary["unacknowledged"], summary["fleeting"]) == (2, 1, 1, 1)
    assert (summary["benchmark"], summary["worstShare"]) == ("ACCEPTABLE", 1)
    assert [(one["alarm"]["deviceName"], one["alarms"]) for one in found["worst"]] == [("Pump", 2)]
    assert sum(found["windows"]["alarms"]) == 2
    assert len(found["windows"]["time"]) in {6, 7}
    high = next(one for one in found["priorities"] if one["priority"] == "HIGH")
    assert (high["alarms"], high["share"], high["targetShare"]) == (2, 1, 0.05)
    assert (found["floods"], found["stale"]) == ([], [])


async def test_a_stale_alarm_and_a_flood_are_named(api: Api, owner: asyncpg.Connection):
    device = await add(api, "Pump")
    pump = await alarm_of(owner, device["id"])
    old = datetime.now(UTC).replace(minute=0, second=1) - timedelta(days=3)
    await owner.execute(
        "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state) "
        "SELECT $1::timestamptz + make_interval(secs => n), $2, 1, 'offline', 'low', CASE n % 2 WHEN 0 THEN 'raised' ELSE 'cleared' END, 'normal' "
        "FROM generate_series(0, 40) n",
        old, pump,
    )  # fmt: skip
    found = await performance(api, **since(days=4))
    assert [(one["alarms"], one["most"]) for one in found["floods"]] == [(21, 21)]
    assert [(one["alarm"]["deviceName"], one["to"]) for one in found["stale"]] == [("Pump", None)]
    assert found["summary"]["chattering"] == 1


async def test_of_a_group_only_its_devices_count(halls):
    found = await performance(halls.api, group=halls.third.group)
    assert [one["alarm"]["deviceName"] for one in found["worst"]] == ["Pump of hall three"]
    assert found["summary"]["alarms"] == 1
    assert (await performance(halls.api))["summary"]["alarms"] == 2
    assert (await performance(halls.api, devices=[halls.fourth.device], group=halls.third.group))["summary"][
        "alarms"
    ] == 0


async def test_a_limited_person_counts_what_is_in_sight(halls):
    found = await performance(halls.api, "viewer3")
    assert [one["alarm"]["deviceName"] for one in found["worst"]] == ["Pump of hall three"]
    assert (found["summary"]["alarms"], sum(found["windows"]["alarms"])) == (1, 1)
    assert sum(one["alarms"] for one in found["priorities"]) == 1
    assert (await performance(halls.api, "viewer3", devices=[halls.fourth.device]))["summary"]["alarms"] == 0


@pytest.mark.parametrize(
    "variables",
    [
        {"from": "2199-01-01T00:00:00Z"},
        {"operators": 0},
        {"first": 101},
        {"from": "1971-01-01T00:00:00Z"},
        {"group": "dev_1"},
    ],
)
async def test_what_makes_no_sense_is_refused(api: Api, variables):
    assert await api.code(PERFORMANCE, **since(hours=1) | variables) == "INVALID"
