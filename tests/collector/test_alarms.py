"""Alarms in the flush: from a reading to the row and the journal, in one transaction, never lost, stuck or raised twice."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from collector.app import CollectorProgram
from collector.storing import alarms as alarms_module
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event, Shelf
from ddms.database import listen
from tests.support.alarmed import START, add_limit, events, journal, the_alarm, watched
from tests.support.devices import answer, scripted
from tests.support.running import background, database_away, until


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Shelves are looked at with each flush."""
    monkeypatch.setattr(alarms_module, "DUE_SECONDS", 0.0)


@pytest.fixture
async def device(make_device):
    return await make_device()


async def person(owner, event: Event, *, note: str | None = None, **more):
    """Do what a person does to the alarm of the limit, as the API does it."""
    alarm = await the_alarm(owner)
    now = await owner.fetchval("SELECT clock_timestamp()")
    async with owner.transaction():
        one = Happening(alarm_id=alarm["id"], event=event, time=now, actor="Ann", note=note, **more)
        return await happen(owner, [one])


async def test_a_violation_is_a_row_and_an_entry_with_the_value_and_the_limit_in_force(settings, owner, device):
    await add_limit(owner, device, priority="critical")
    async with watched(settings, owner, device) as point:
        await point.reads(79, 81)
        alarm = await the_alarm(owner)
        assert (alarm["state"], alarm["value"], alarm["threshold"]) == ("unacknowledged", 81, 80)
        assert (alarm["active_since"] - START).total_seconds() == 1
        entry = await owner.fetchrow("SELECT * FROM alarm_events")
        assert (entry["event"], entry["value"], entry["quality"], entry["threshold"]) == ("raised", 81, 0, 80)
        assert (entry["priority"], entry["state"], entry["late"]) == ("critical", "unacknowledged", False)


async def test_an_alarm_is_raised_once_and_cleared_once(settings, owner, device):
    await add_limit(owner, device, hysteresis=5)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 90, 78, 81, 75, 74)
    assert await journal(owner) == [("raised", 0), ("cleared", 4)]
    assert (await the_alarm(owner))["state"] == "returned"


async def test_a_reading_and_its_alarm_are_stored_in_one_transaction(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
    reading = await owner.fetchval("SELECT xmin::text FROM readings")
    assert await owner.fetchval("SELECT transaction::xid::text FROM alarm_events") == reading


async def test_an_alarm_that_the_database_refuses_does_not_keep_its_reading_from_being_stored(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await owner.execute("ALTER TABLE alarm_events ADD CONSTRAINT broken CHECK (id < 0) NOT VALID")
        await point.reads(81)
        assert await owner.fetchval("SELECT count(*) FROM readings") == 1
        assert any("refuses changes of alarms" in said for said in point.store.troubles())


async def test_a_bad_value_makes_an_active_alarm_uncertain(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81, None)
        alarm = await the_alarm(owner)
        assert (alarm["active"], alarm["uncertain"], alarm["quality"]) == (True, True, 16)
        await point.reads(None, 81, at=2)
        assert not (await the_alarm(owner))["uncertain"]
    assert await journal(owner) == [("raised", 0), ("uncertain", 1), ("certain", 3)]


async def test_a_latched_alarm_stays_after_it_cleared(settings, owner, device):
    await add_limit(owner, device, latched=True)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 79)
        assert (await the_alarm(owner))["state"] == "latched_unacknowledged"
        await person(owner, Event.ACKNOWLEDGED)
        assert (await the_alarm(owner))["state"] == "normal"


async def test_a_collector_that_takes_over_goes_on_with_a_delay_that_runs(settings, owner, device):
    await add_limit(owner, device, on_delay_s=10)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 81)
        assert (await the_alarm(owner))["pending_since"] == START
    async with watched(replace(settings, collector_name="line 2"), owner, device) as point:
        await point.reads(81, at=9)
        assert await events(owner) == []
        await point.reads(81, at=10)
    assert await journal(owner) == [("raised", 10)]


async def test_a_collector_that_takes_over_does_not_raise_again_and_clears(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
    async with watched(replace(settings, collector_name="line 2"), owner, device) as point:
        await point.reads(81, 79, at=1)
    assert await journal(owner) == [("raised", 0), ("cleared", 2)]


async def test_after_an_outage_the_journal_is_that_of_the_live_day_and_late(settings, owner, device, server_url):
    await add_limit(owner, device, on_delay_s=2)
    async with watched(settings, owner, device) as point:
        await point.reads(70)
        async with database_away(owner, server_url):
            await point.reads(81, 81, 81, 70, 81, 81, 81, 81, at=1)
            assert not point.store.connected
        await point.store.connect()
        await point.reads(81, at=9)
    assert await journal(owner) == [("raised", 3), ("cleared", 4), ("raised", 7)]
    assert await owner.fetchval("SELECT bool_and(late) FROM alarm_events")
    assert (await the_alarm(owner))["state"] == "unacknowledged"


async def test_what_is_over_after_an_outage_calls_nobody(settings, owner, device, server_url):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        async with database_away(owner, server_url):
            await point.reads(70, 81, 70)
        await point.store.connect()
        await point.reads(70, at=3)
    assert await journal(owner) == [("raised", 1), ("cleared", 2)]
    assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE calls") == 0


async def test_what_happened_in_an_outage_survives_the_collector(settings, owner, device, server_url):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point, database_away(owner, server_url):
        await point.reads(70, 81, 70, 81)
        point.store.alarms.limits.fit([], {})  # nothing that follows comes from memory
    async with watched(settings, owner, device) as point:
        await point.reads(81, at=9)
    assert await journal(owner) == [("raised", 1), ("cleared", 2), ("raised", 3)]


async def test_changes_whose_commit_was_cut_off_are_not_done_twice(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81, 79)
        key = (await the_alarm(owner))["change_key"]
        alarm = (await the_alarm(owner))["id"]
        raised = Happening(alarm_id=alarm, event=Event.RAISED, time=START, key=key - 1)
        cleared = Happening(alarm_id=alarm, event=Event.CLEARED, time=START, key=key)
        async with owner.transaction():
            done = await happen(owner, [raised, cleared])
    assert done.applied == ()
    assert await events(owner) == ["raised", "cleared"]


async def test_an_alarm_that_somebody_holds_waits_and_keeps_no_reading_waiting(settings, owner, database_url, device):
    await add_limit(owner, device)
    other = await asyncpg.connect(database_url)
    async with watched(settings, owner, device) as point:
        held = other.transaction()
        await held.start()
        await other.execute("SELECT FROM alarms WHERE source = 'limit' FOR UPDATE")
        await point.reads(81)
        assert await owner.fetchval("SELECT count(*) FROM readings") == 1
        assert await events(owner) == []
        await held.rollback()
        await point.reads(81, at=1)
    await other.close()
    assert await journal(owner) == [("raised", 0)]


async def test_the_live_channel_tells_of_entries_of_the_journal(settings, owner, device):
    await add_limit(owner, device)
    told: list[str] = []
    async with listen(settings, "tests", {"ddms_alarms": told.append}), watched(settings, owner, device) as point:
        await point.reads(81)

        async def is_told():
            return told

        await until(is_told)
    assert told == [str(await owner.fetchval("SELECT id FROM alarm_events"))]


# -- what changes while an alarm is active


async def test_a_limit_that_is_moved_behind_the_value_clears_its_alarm(settings, owner, device):
    number = await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        await owner.execute("UPDATE limits SET threshold = 90, priority = 'low' WHERE id = $1", number)
        await point.configure()
        await point.reads(81, at=1)
        alarm = await the_alarm(owner)
        assert (alarm["state"], alarm["threshold"], alarm["priority"]) == ("returned", 90, "low")
    assert await journal(owner) == [("raised", 0), ("cleared", 1)]


GONE = {
    "limit disabled": "UPDATE limits SET enabled = false",
    "limit deleted": "DELETE FROM limits",
    "point disabled": "UPDATE points SET enabled = false",
    "point deleted": "DELETE FROM points",
    "device disabled": "UPDATE devices SET enabled = false",
    "device deleted, its history kept": "UPDATE devices SET deleted_at = now(), enabled = false",
    "device deleted": "DELETE FROM devices",
}


@pytest.mark.parametrize("gone", GONE)
async def test_an_alarm_ends_when_its_source_is_gone(gone, settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        await person(owner, Event.SHELVED, note="works", until=START, shelf=Shelf.TIMED)
        await owner.execute(GONE[gone])
        await point.reads(81, 79, 81, at=1)  # read before the collector hears of it
        await point.configure()
        await point.reads(81, at=4)
        alarm = await the_alarm(owner)
        assert (alarm["state"], alarm["shelved"], alarm["pending_since"]) == ("normal", None, None)
        assert await owner.fetchval("SELECT count(*) FROM grafana.alarms WHERE source = 'limit'") == 0
    assert await events(owner) == ["raised", "shelved", "withdrawn"]


async def test_a_limit_that_is_enabled_again_raises_again(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        await owner.execute("UPDATE limits SET enabled = false")
        await point.configure()
        await owner.execute("UPDATE limits SET enabled = true")
        await point.configure()
        await point.reads(81, at=5)
    assert await events(owner) == ["raised", "withdrawn", "raised"]


async def test_what_was_lost_between_database_and_collector_is_told_again(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        await owner.execute("UPDATE alarms SET active = false, acknowledged = true")  # a restore of a backup, a hand
        await point.configure()
        await point.reads(81, at=1)
        assert (await the_alarm(owner))["state"] == "unacknowledged"


# -- people


async def test_two_who_acknowledge_at_once_are_one_entry(settings, owner, database_url, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
    alarm = await the_alarm(owner)

    async def acknowledge(name):
        connection = await asyncpg.connect(database_url)
        async with connection.transaction():
            done = await happen(
                connection, [Happening(alarm_id=alarm["id"], event=Event.ACKNOWLEDGED, time=START, actor=name)]
            )
        await connection.close()
        return bool(done.applied)

    assert sorted(await asyncio.gather(acknowledge("Ann"), acknowledge("Bob"))) == [False, True]
    assert await events(owner) == ["raised", "acknowledged"]


async def test_what_is_gone_cannot_be_acknowledged(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(79)
    assert (await person(owner, Event.ACKNOWLEDGED)).applied == ()
    assert await events(owner) == []


async def test_a_shelf_returns_by_itself_and_asks_anew_for_attention(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        await person(owner, Event.ACKNOWLEDGED)
        await person(owner, Event.SHELVED, note="works", until=START)
        await point.reads(81, at=1)
        alarm = await the_alarm(owner)
        assert (alarm["state"], alarm["shelved"], alarm["shelved_until"]) == ("unacknowledged", None, None)
    assert await events(owner) == ["raised", "acknowledged", "shelved", "shelf_ended"]


async def test_a_shelf_for_once_ends_with_its_alarm(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
        later = await owner.fetchval("SELECT now() + interval '1 h'")
        await person(owner, Event.SHELVED, note="works", until=later, shelf=Shelf.ONCE)
        await point.reads(79, at=1)
        assert (await the_alarm(owner))["state"] == "normal"
    assert await events(owner) == ["raised", "shelved", "cleared", "shelf_ended"]


async def test_maintenance_ends_by_itself(settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await person(owner, Event.OUT_OF_SERVICE, note="new pump", until=START)
        await point.reads(79)
        assert (await the_alarm(owner))["out_of_service_until"] is None
    assert await events(owner) == ["out_of_service", "service_due"]


@pytest.mark.parametrize("column", ["shelved_until", "shelved_reason", "shelved_by"])
async def test_a_shelf_without_an_end_a_reason_or_a_name_is_refused(column, owner, device):
    await add_limit(owner, device)
    await owner.execute(
        "UPDATE alarms SET shelved = 'timed', shelved_at = now(), shelved_until = now(), shelved_by = 'Ann', shelved_reason = 'x'"
    )
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute(f"UPDATE alarms SET {column} = NULL")


async def test_programs_may_not_change_the_journal(pool, settings, owner, device):
    await add_limit(owner, device)
    async with watched(settings, owner, device) as point:
        await point.reads(81)
    for statement in ("DELETE FROM alarm_events", "UPDATE alarm_events SET note = 'x'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement)


async def test_a_real_device_beyond_its_limit_is_an_alarm_and_one_that_dies_is_another(settings, owner, make_device):
    value = 50

    def behave(request):
        return None if value is None else answer(request, value.to_bytes(2, "big") * request[4])

    async with scripted(behave) as peer:
        device = await make_device(port=peer.port)
        await add_limit(owner, device)
        async with background(CollectorProgram(settings).run()):

            async def is_read():
                return await owner.fetchval("SELECT count(*) FROM readings")

            await until(is_read)
            value = 90

            async def is_raised():
                return (await the_alarm(owner))["state"] == "unacknowledged"

            await until(is_raised)
            took = await owner.fetchval("SELECT extract(epoch FROM recorded_at - time) FROM alarm_events")
            assert took < 60
            value = None

            async def is_offline():
                limit, lost = await the_alarm(owner), await the_alarm(owner, "device")
                return lost["active"] and limit["uncertain"] and limit["suppressed_by"] == lost["id"]

            await until(is_offline)
            value = 50

            async def is_well():
                limit, lost = await the_alarm(owner), await the_alarm(owner, "device")
                return not lost["active"] and limit["state"] == "returned" and limit["suppressed_by"] is None

            await until(is_well)
