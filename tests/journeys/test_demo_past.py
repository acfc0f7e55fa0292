"""The past of the demo's plant: what its alarms would have been, by the evaluation that live readings go through."""

import time
from collections import Counter
from dataclasses import replace

import asyncpg

from ddms.alarms import Event
from demo import inventory, loading, past

MORNING = 1_790_000_000.0
INVENTORY = inventory.read()
PORTS = {gateway.key: gateway.port for gateway in INVENTORY.gateways}
MINUTES = 1 / 1440


def raised(found: past.Past, within: float) -> set[tuple[str, str]]:
    """Return sources and devices of what was raised within so many seconds of the beginning."""
    end = min(one.time for _, one in found.events).timestamp() + within
    return {
        (subject[0], subject[1])
        for subject, one in found.events
        if one.event is Event.RAISED and one.time.timestamp() <= end
    }


def test_within_two_minutes_the_plant_raises_alarms_of_every_sort():
    found = past.remember(INVENTORY, MORNING, 10 * MINUTES)
    assert raised(found, 120) >= {
        ("device", "P-106 cooling water pump"),
        ("limit", "P-103 product pump"),
        ("limit", "Compressor K-1"),
        ("limit", "Chiller C-1"),
        ("connection", "Conveyor B-1"),
    }


def test_what_the_faults_raise_clears_and_comes_back():
    found = past.remember(INVENTORY, MORNING, 120 * MINUTES)
    seen = Counter((subject, one.event) for subject, one in found.events)
    for subject in {subject for subject, _ in found.events if subject[1] in {"P-103 product pump", "Compressor K-1"}}:
        assert seen[subject, Event.RAISED] >= 2
        assert seen[subject, Event.CLEARED] >= 1


def test_it_looks_like_a_plant_and_not_like_a_storm():
    found = past.remember(INVENTORY, MORNING, 1 / 4)
    tens = Counter(int(one.time.timestamp() // 600) for _, one in found.events if one.event is Event.RAISED)
    assert max(tens.values()) <= 20
    assert sum(tens.values()) / 36 <= 5, "alarms in ten minutes"


async def test_a_past_is_in_the_journal_late_and_leaves_nothing_stuck(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    found = past.remember(INVENTORY, time.time() // 60 * 60, 1 / 8)
    await past.store(owner, found)
    journal = await owner.fetch("SELECT event, late, actor FROM alarm_events")
    counted = Counter(row["event"] for row in journal)
    wanted = Counter(one.event.value for _, one in found.events if one.event is not Event.ACKNOWLEDGED)
    assert {event: counted[event] for event in wanted} == wanted
    assert counted["acknowledged"] > 0
    assert all(row["late"] for row in journal)
    assert counted["suppressed"] == counted["unsuppressed"] + await owner.fetchval(
        "SELECT count(*) FROM alarms WHERE suppressed_by IS NOT NULL"
    )
    assert await owner.fetchval("SELECT count(*) FROM readings") == len(found.readings)


async def test_a_past_that_ended_well_is_over(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    found = past.remember(INVENTORY, time.time() // 60 * 60, 1 / 8)
    over = {subject for subject, _ in found.events}
    last = {subject: one.event for subject, one in found.events if one.event in {Event.RAISED, Event.CLEARED}}
    await past.store(owner, replace(found, events=tuple(e for e in found.events if last[e[0]] is Event.CLEARED)))
    assert over
    assert await owner.fetchval("SELECT count(*) FROM alarms WHERE active OR suppressed_by IS NOT NULL") == 0
