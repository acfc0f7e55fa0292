"""Alarms that become known late: after an outage, by a collector that lost its connections meanwhile, after a jump of the clock."""

from dataclasses import replace
from random import Random

import pytest

from tests.support.alarmed import add_limit, connections, events, journal, the_alarm, watched
from tests.support.running import database_away


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


@pytest.fixture
async def device(make_device):
    return await make_device()


@pytest.fixture
async def gateway(owner, device):
    """Return three devices behind one gateway."""
    rows = await owner.fetch(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT 'Meter ' || n, connection_id, n FROM devices, generate_series(2, 3) n RETURNING id"
    )
    others = [row["id"] for row in rows]
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT id, 'level', 'Level', 'holding', 0, 'uint16', 1 FROM devices WHERE id = any($1)",
        others,
    )
    return [device, *others]


async def test_a_gateway_that_died_and_returned_in_an_outage_leaves_nothing_suppressed(
    settings, owner, gateway, server_url
):
    await add_limit(owner, gateway[0])
    async with watched(settings, owner, gateway[0]) as point:
        await point.is_told("online", *gateway)
        await point.reads(81, 70)  # returned, and nobody acknowledged it
        async with database_away(owner, server_url):
            await point.reads(70, at=2)
            await point.is_told("offline", *gateway)
            await point.is_told("online", *gateway)
            await point.reads(70, at=3)
        await point.store.connect()
        await point.reads(70, at=4)
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE suppressed_by IS NOT NULL OR active") == 0
    assert await events(owner) == ["raised", "cleared", "suppressed", "unsuppressed"]
    assert (await events(owner, "device")).count("suppressed") == 3
    assert (await events(owner, "device")).count("unsuppressed") == 3


# -- a collector that lost its connections to another one while the database was away for it


async def lease(owner, collector: str) -> None:
    """Let a collector have the only connection."""
    await owner.execute("INSERT INTO collectors (name, version) VALUES ($1, '0') ON CONFLICT DO NOTHING", collector)
    await owner.execute(
        "INSERT INTO leases (connection_id, collector, expires_at) SELECT id, $1, now() + interval '1 h' FROM connections"
        " ON CONFLICT (connection_id) DO UPDATE SET collector = excluded.collector",
        collector,
    )


async def taken_over(settings, owner, device, server_url, *, seen: list[int], meanwhile: list[int]) -> None:
    """Let line 1 see values in an outage, line 2 others after it, and then line 1 come back with what it could not tell."""
    await lease(owner, "line 1")
    async with watched(settings, owner, device) as point, database_away(owner, server_url):
        await point.reads(70, *seen)
    await lease(owner, "line 2")
    async with watched(replace(settings, collector_name="line 2"), owner, device) as point:
        await point.reads(*meanwhile, at=20)
    async with watched(settings, owner, device) as point:
        assert point.store.alarms.waiting
        point.store.alarms.drop(await connections(owner))
        await point.store.flush()


async def test_what_a_former_owner_saw_does_not_overwrite_what_its_successor_told(settings, owner, device, server_url):
    await add_limit(owner, device)
    await taken_over(settings, owner, device, server_url, seen=[81], meanwhile=[81, 70])
    assert await journal(owner) == [("raised", 20), ("cleared", 21)]
    assert (await the_alarm(owner))["state"] == "returned"


async def test_what_a_former_owner_saw_and_its_successor_does_not_see_is_in_the_journal_and_calls_nobody(
    settings, owner, device, server_url
):
    await add_limit(owner, device)
    await taken_over(settings, owner, device, server_url, seen=[81], meanwhile=[70])
    assert await journal(owner) == [("raised", 1), ("cleared", 1)]
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 0


async def test_an_alarm_that_a_former_owner_saw_end_stays_when_its_successor_sees_it(
    settings, owner, device, server_url
):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81, at=-5)
    await taken_over(settings, owner, device, server_url, seen=[70], meanwhile=[81])
    assert (await the_alarm(owner))["active"]
    assert [event for event, _ in await journal(owner)] == ["raised", "cleared", "raised"]


async def test_what_began_and_ended_before_the_successor_came_is_in_the_journal_and_late(
    settings, owner, device, server_url
):
    await add_limit(owner, device)
    await taken_over(settings, owner, device, server_url, seen=[81, 70], meanwhile=[70])
    assert await journal(owner) == [("raised", 1), ("cleared", 2)]
    assert await owner.fetchval("SELECT bool_and(late) FROM alarm_events")


async def test_a_collector_that_kept_its_connections_tells_all_of_an_outage(settings, owner, device, server_url):
    await add_limit(owner, device)
    await lease(owner, "line 1")
    async with watched(settings, owner, device) as point:
        async with database_away(owner, server_url):
            await point.reads(70, 81)
        await point.store.connect()
        await point.reads(81, at=2)
    assert await journal(owner) == [("raised", 1)]
    assert (await the_alarm(owner))["active"]


async def test_two_collectors_that_see_one_device_at_once_raise_and_clear_its_alarm_once(settings, owner, device):
    await add_limit(owner, device, hysteresis=5)
    other = replace(settings, collector_name="line 2", spool_directory=settings.spool_directory / "2")
    async with watched(settings, owner, device) as one, watched(other, owner, device) as two:
        for second, value in enumerate((70, 81, 78, 82, 74, 70)):
            await one.reads(value, at=second)
            await two.reads(value, at=second + 0.5)
    assert await events(owner) == ["raised", "cleared"]


# -- an outage at any moment, and a clock that jumps


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_in_an_outage_the_journal_is_that_of_the_live_day(
    seed, settings, owner, make_device, server_url
):
    dice = Random(seed)
    values = [dice.choice((70, 78, 81, 90, None)) for _ in range(40)]
    limit = {"hysteresis": 5, "on_delay_s": dice.choice((0, 3)), "off_delay_s": dice.choice((0, 2))}
    begin, end = sorted(dice.sample(range(1, 40), 2))
    told = []
    for place, is_away in enumerate((False, True)):
        device = await make_device(f"Mixer {place}", port=place + 1)
        await add_limit(owner, device, **limit)
        async with watched(settings, owner, device) as point:
            await point.reads(*values[:begin])
            if is_away:
                async with database_away(owner, server_url):
                    await point.reads(*values[begin:end], at=begin)
                await point.store.connect()
            else:
                await point.reads(*values[begin:end], at=begin)
            await point.reads(*values[end:], at=end)
        rows = await owner.fetch(
            "SELECT event, time, value, state FROM alarm_events WHERE device_id = $1 AND kind <> 'offline' ORDER BY time, id", device
        )  # fmt: skip
        told.append([tuple(row) for row in rows])
    assert told[0]
    assert told[1] == told[0]


async def test_a_clock_that_is_set_back_neither_loses_nor_repeats_an_alarm(settings, owner, device):
    await add_limit(owner, device, on_delay_s=3)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 81, 81, 81, at=3600)
        await point.reads(81, at=0)
        assert (await the_alarm(owner))["active"]
        await point.reads(70, at=1)
        assert (await the_alarm(owner))["state"] == "returned"
        await point.reads(81, 81, 81, 81, at=2)
    assert await events(owner) == ["raised", "cleared", "raised"]


async def test_a_clock_that_is_set_forward_ends_a_delay_early_and_loses_no_alarm(settings, owner, device):
    await add_limit(owner, device, on_delay_s=60, off_delay_s=60)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 81)
        await point.reads(81, at=86_400)
        assert (await the_alarm(owner))["active"]
        await point.reads(70, at=86_401)
        await point.reads(70, at=2 * 86_400)
    assert await events(owner) == ["raised", "cleared"]


async def test_a_clock_that_jumps_in_an_outage_leaves_the_state_of_the_newest_reading(
    settings, owner, device, server_url
):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(70, at=3600)
        async with database_away(owner, server_url):
            await point.reads(81, at=3601)
            await point.reads(70, 81, at=0)
        await point.store.connect()
        await point.reads(81, at=2)
    assert await events(owner) == ["raised", "cleared", "raised"]
    assert (await the_alarm(owner))["active"]
