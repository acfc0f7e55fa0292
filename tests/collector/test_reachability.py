"""Devices that do not answer: one alarm for one cause, and what depends on it hushed with the cause named."""

from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from collector.storing import reachable
from collector.storing.reachable import HOLD_SECONDS, Reachability
from ddms.alarms import Event
from tests.support.alarmed import add_limit, events, the_alarm, watched
from tests.support.devices import scripted, words
from tests.support.running import background, until

NEIGHBOURS = frozenset(range(1, 11))


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


def watching(connections, active=()):
    reach = Reachability()
    reach.fit(connections, set(active))
    return reach


def told(reach, now):
    return sorted((lost.source, lost.number, lost.event.value) for lost in reach.look(now))


def note(reach, *devices, offline=True, now=0.0):
    for device in devices:
        reach.note(device, offline=offline, detail="no answer" if offline else None, now=now)


def test_a_device_alone_on_its_connection_is_an_alarm_at_once():
    reach = watching({7: frozenset({1})})
    note(reach, 1)
    assert told(reach, 0) == [("device", 1, "raised")]
    note(reach, 1, offline=False)
    assert told(reach, 1) == [("device", 1, "cleared")]


def test_ten_devices_behind_a_dead_gateway_are_one_alarm_before_any_of_theirs():
    reach = watching({7: NEIGHBOURS})
    note(reach, *NEIGHBOURS, offline=False)
    assert told(reach, 0) == []
    for device in sorted(NEIGHBOURS)[:9]:
        note(reach, device, now=device / 2)
        assert told(reach, device / 2) == []
    note(reach, 10, now=5.0)
    found = reach.look(5.0)
    assert (found[0].source, found[0].event) == ("connection", Event.RAISED)
    assert len(found) == 11


def test_one_of_ten_that_is_silent_is_its_own_alarm_after_a_moment():
    reach = watching({7: NEIGHBOURS})
    note(reach, *NEIGHBOURS, offline=False)
    note(reach, 3)
    assert told(reach, 1) == []
    assert told(reach, HOLD_SECONDS) == [("device", 3, "raised")]
    assert told(reach, HOLD_SECONDS + 1) == []


def returning():
    """Return ten neighbours whose gateway was dead, and the first of which answers."""
    reach = watching({7: NEIGHBOURS})
    note(reach, *NEIGHBOURS)
    reach.look(0)
    note(reach, 4, offline=False)
    assert told(reach, 1) == [("device", 4, "cleared")]
    return reach


def test_a_gateway_that_returns_waits_for_its_devices_so_that_none_calls_for_a_moment():
    reach = returning()
    note(reach, *NEIGHBOURS, offline=False)
    found = told(reach, 2)
    assert found[0] == ("connection", 7, "cleared")
    assert len(found) == 10


def test_the_alarm_of_a_connection_ends_though_some_devices_stay_away():
    reach = returning()
    note(reach, *(NEIGHBOURS - {9}), offline=False)
    assert ("connection", 7, "cleared") not in told(reach, HOLD_SECONDS)
    assert told(reach, HOLD_SECONDS + 1) == [("connection", 7, "cleared")]


def test_a_gateway_that_dies_again_while_it_returns_stays_one_alarm():
    reach = returning()
    note(reach, 4, now=3.0)
    assert told(reach, 3) == [("device", 4, "raised")]
    assert told(reach, HOLD_SECONDS + 9) == []


def test_who_takes_over_raises_nothing_twice_and_clears_what_is_well():
    reach = watching({7: frozenset({1})}, [("device", 1)])
    assert told(reach, 0) == [], "nobody knows yet"
    note(reach, 1)
    assert told(reach, 1) == []
    note(reach, 1, offline=False)
    assert told(reach, 2) == [("device", 1, "cleared")]


def test_what_is_not_polled_any_more_is_forgotten():
    reach = watching({7: NEIGHBOURS})
    note(reach, *NEIGHBOURS)
    reach.look(0)
    reach.fit({}, set())
    assert told(reach, 1) == []


@pytest.fixture
async def gateway(owner, make_device):
    """Ten devices behind one connection, the first with a limit; return their ids."""
    first = await make_device()
    await add_limit(owner, first)
    rows = await owner.fetch(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT 'Meter ' || n, connection_id, n FROM devices, generate_series(2, 10) n RETURNING id"
    )
    others = [row["id"] for row in rows]
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT id, 'level', 'Level', 'holding', 0, 'uint16', 1 FROM devices WHERE id = any($1)",
        others,
    )
    return [first, *others]


async def calling(owner):
    return [
        row["source"] for row in await owner.fetch("SELECT source FROM grafana.alarms WHERE calls ORDER BY alarm_id")
    ]


async def test_a_dead_gateway_calls_once_and_names_the_cause_of_all_others(settings, owner, gateway):
    first = gateway[0]
    async with watched(settings, owner, first) as point:
        await point.is_told("online", *gateway)
        await point.reads(81)
        assert await calling(owner) == ["limit"]
        await point.reads(None, at=1)
        await point.is_told("offline", *gateway)
        assert await calling(owner) == ["connection"]
        connection, device, limit = [await the_alarm(owner, s) for s in ("connection", "device", "limit")]
        assert device["suppressed_by"] == connection["id"]
        assert limit["suppressed_by"] == device["id"]
        assert limit["uncertain"]
        assert (await events(owner, "device")).count("suppressed") == 10

        await point.is_told("online", *gateway)
        await point.reads(81, at=2)
        assert await calling(owner) == ["limit"]
        assert await owner.fetchval("SELECT count(*) FROM alarms WHERE suppressed_by IS NOT NULL") == 0
        assert (await events(owner))[-2:] == ["unsuppressed", "certain"]


async def test_a_device_that_stays_away_when_the_gateway_is_back_calls_for_itself(
    settings, owner, gateway, monkeypatch
):
    monkeypatch.setattr(reachable, "HOLD_SECONDS", 0.0)
    async with watched(settings, owner, gateway[0]) as point:
        await point.is_told("offline", *gateway)
        await point.is_told("online", *gateway[1:])
        assert await calling(owner) == ["device"]


async def test_an_acknowledged_limit_does_not_call_again_because_its_device_was_away(settings, owner, gateway):
    async with watched(settings, owner, gateway[0]) as point:
        await point.is_told("online", *gateway)
        await point.reads(81)
        await owner.execute("UPDATE alarms SET acknowledged = true WHERE source = 'limit'")
        await point.is_told("offline", *gateway)
        await point.is_told("online", *gateway)
        await point.reads(81, at=1)
        assert await calling(owner) == []


@pytest.mark.parametrize("gone", ["UPDATE devices SET enabled = false", "UPDATE devices SET deleted_at = now()"])
async def test_the_alarm_of_a_connection_ends_when_none_of_its_devices_is_polled(gone, settings, owner, gateway):
    async with watched(settings, owner, gateway[0]) as point:
        await point.is_told("offline", *gateway)
        await owner.execute(gone)
        await point.configure()
        await point.store.flush()
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE active OR suppressed_by IS NOT NULL") == 0


async def test_a_real_gateway_that_dies_is_one_alarm(settings, owner, gateway):
    alive = True
    async with scripted(lambda request: words(request) if alive else None) as peer:
        await owner.execute("UPDATE connections SET endpoint = $1, timeout_ms = 50", f"tcp://127.0.0.1:{peer.port}")
        async with background(CollectorProgram(settings).run()):

            async def are_online():
                return await owner.fetchval("SELECT count(*) FROM device_states WHERE state = 'online'") == len(gateway)

            await until(are_online)
            alive = False

            async def is_one():
                return (await the_alarm(owner, "connection"))["active"]

            await until(is_one)

            async def are_hushed():
                return await owner.fetchval(
                    "SELECT count(*) FROM alarms WHERE source = 'device' AND suppressed_by IS NOT NULL"
                ) == len(gateway)

            await until(are_hushed)
            assert await calling(owner) == ["connection"]
            alive = True

            async def is_well():
                return (
                    await owner.fetchval("SELECT count(*) FROM alarms WHERE active OR suppressed_by IS NOT NULL") == 0
                )

            await until(is_well)
