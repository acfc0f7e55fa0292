"""States, deviation, percentiles and the value at a time against a model in plain Python: at every level, with gaps and bad readings."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import pstdev

import asyncpg
import pytest

from ddms.quality import Reason
from tests.support.counted import DAY, HOUR, START, Reading, add_counter, roll_up, store

PACE, GAP = timedelta(seconds=60), timedelta(seconds=190)
RUNS = ([5e-324], [math.inf])  # > 0
STEPS = (timedelta(minutes=15), HOUR, 6 * HOUR, DAY, timedelta(seconds=90))


def run_of_a_pump(chance: random.Random, days: int) -> list[Reading]:
    """Return what is read of a pump that runs for a while and stands for a while, is not read for hours, and fails at times."""
    readings: list[Reading] = []
    time, runs = START - DAY, False
    while time < START + days * DAY:
        time += timedelta(seconds=chance.choice([60, 60, 60, 75, 20]))
        if chance.random() < 0.003:
            time += timedelta(hours=chance.choice([1, 5, 30]))
        runs ^= chance.random() < 0.01
        bad = chance.random() < 0.05
        readings.append((time, None, Reason.TIMEOUT) if bad else (time, round(runs * chance.uniform(10, 50), 1), 0))
    return readings


def spans(readings: list[Reading]) -> Iterator[tuple[datetime, datetime]]:
    """Give from when to when it ran, as each value holds to the next reading, or where none came for one interval."""
    for (time, value, _), (after, *_) in zip(readings, [*readings[1:], (readings[-1][0] + DAY, None, 0)], strict=True):
        if value:
            yield time, after if after <= time + GAP else time + PACE


def starts(readings: list[Reading]) -> Iterator[datetime]:
    """Give when it was seen running for the first time after it stood."""
    known = [(time, value) for time, value, _ in readings if value is not None]
    for (_, before), (time, value) in zip(known, known[1:], strict=False):
        if value and not before:
            yield time


def seconds_within(readings: list[Reading], begin: datetime, end: datetime) -> float:
    return sum(max(0.0, (min(b, end) - max(a, begin)).total_seconds()) for a, b in spans(readings))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)


@pytest.mark.parametrize("rolled", [-1.0, 2.6, 9.0], ids=["readings", "half rolled up", "rolled up"])
async def test_answers_are_those_of_the_readings_at_every_level(owner: asyncpg.Connection, chance, rolled: float):
    point = await add_counter(owner, counter=False, data_type="float32")
    readings = run_of_a_pump(chance, 4)
    await store(owner, point, readings)
    await roll_up(owner, START + rolled * DAY)
    began = [*starts(readings)]
    for step in STEPS:
        start, end = START, START + (4 * DAY if step >= HOUR else DAY)
        state = await owner.fetchrow(
            "SELECT * FROM series($1, $2, $3, step => $4, wanted => '{in_state,entered}', lows => $5, highs => $6)",
            [point], start, end, step, *RUNS,
        )  # fmt: skip
        for time, seconds, entered in zip(state["times"], state["in_state"], state["entered"], strict=True):
            assert seconds == pytest.approx(seconds_within(readings, time, time + step)), (step, time)
            assert (entered or 0) == sum(time <= begun < time + step for begun in began), (step, time)
        assert sum(state["in_state"]) == pytest.approx(seconds_within(readings, start, end))
        spread = await owner.fetchrow("SELECT * FROM series($1, $2, $3, step => $4, wanted => '{deviation,count}')", [point], start, end, step)  # fmt: skip
        found = await owner.fetchrow("SELECT * FROM series_percentiles($1, $2, $3, $4, 'UTC', NULL, NULL, '{0,0.5,0.95,1}')", [point], start, end, step)  # fmt: skip
        ranks = dict(zip(found["times"], found["found"], strict=True))
        for time, deviation in zip(spread["times"], spread["deviation"], strict=True):
            values = sorted(value for at, value, _ in readings if time <= at < time + step and value is not None)
            if values:
                assert deviation == pytest.approx(pstdev(values), abs=1e-6), (step, time)
                nearest = [values[max(0, math.ceil(share * len(values)) - 1)] for share in (0, 0.5, 0.95, 1)]
                assert ranks[time] == nearest, (step, time)
            else:
                assert time not in ranks


async def test_sketches_of_months_are_near_the_readings_and_exact_for_hours(owner: asyncpg.Connection, chance):
    point = await add_counter(owner, counter=False, data_type="float32", interval_s=1)
    values = [round(chance.gauss(50, 0.02), 3) for _ in range(12 * 1440)]
    await store(owner, point, [(START + n * PACE, value, 0) for n, value in enumerate(values)])
    await roll_up(owner, START + 20 * DAY)
    await owner.execute("DELETE FROM readings")
    end, shares = START + 12 * DAY, [0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0]
    ask = "SELECT * FROM series_percentiles($1, $2, $3, $4, 'UTC', NULL, NULL, $5)"
    for step, within, level in ((HOUR, 0, "1h"), (DAY, 0.02, "1d"), (timedelta(days=4), 0.02, "1d"), (timedelta(hours=6), 0.02, "1h")):  # fmt: skip
        row = await owner.fetchrow(ask, [point], START, end, step, shares)
        assert row["level"] == level
        for time, found in zip(row["times"], row["found"], strict=True):
            begin = int((time - START) / PACE)
            of = sorted(values[max(begin, 0) : begin + int(step / PACE)])
            for share, value in zip(shares, found, strict=True):
                low, high = (min(max(math.ceil((share + by) * len(of)) - 1, 0), len(of) - 1) for by in (-within, within))  # fmt: skip
                assert of[low] - 1e-5 <= value <= of[high] + 1e-5, (step, share)


async def test_a_day_with_an_hour_of_which_no_sketch_is_known_has_none_and_its_rollup_is_made(
    owner: asyncpg.Connection,
):
    point = await add_counter(owner, counter=False, data_type="float32")
    await store(owner, point, [(START + n * PACE, float(n), 0) for n in range(180)])
    await roll_up(owner, START + 2 * DAY)
    await owner.execute("UPDATE rollup_1h SET sketch = NULL WHERE bucket = $1", START)
    await owner.execute("DELETE FROM readings WHERE time < $1", START + HOUR)
    await owner.execute(f"CALL rebuild_rollups('{START.isoformat()}', '{(START + DAY).isoformat()}')")
    assert [row["sketch"] is None for row in await owner.fetch("SELECT sketch FROM rollup_1h ORDER BY bucket")] == [
        True,
        False,
        False,
    ]
    await owner.execute("UPDATE rollup_1d SET sketch = NULL")
    await owner.execute(f"CALL rebuild_rollups('{START.isoformat()}', '{(START + DAY).isoformat()}')")
    assert await owner.fetchval("SELECT count FROM rollup_1d WHERE sketch IS NULL") == 180
    ask = "SELECT found FROM series_percentiles($1, $2, $3, '2 hours', 'UTC', NULL, NULL, '{0.5}')"
    await owner.execute("UPDATE devices SET retention_days = 1")
    assert await owner.fetchval(ask, [point], START, START + 4 * HOUR) == [[None], [149.0]]


async def test_of_erased_readings_minutes_are_left_and_a_switch_is_exact(owner: asyncpg.Connection):
    point = await add_counter(owner, counter=False, data_type="bool", register_table="coil", interval_s=10)
    await owner.execute("UPDATE devices SET retention_days = 1")
    await store(owner, point, [(START + n * timedelta(seconds=10), float(n % 30 < 11), 0) for n in range(360)])
    await roll_up(owner, START + 2 * DAY)
    ask = "SELECT in_state, entered FROM series($1, $2, $3, step => '1 hour', wanted => '{in_state,entered}', lows => '{1}', highs => '{1}')"
    before = await owner.fetchrow(ask, [point], START, START + HOUR)
    await owner.execute("DELETE FROM readings")
    after = await owner.fetchrow(ask, [point], START, START + HOUR)
    assert before == after == ([12 * 110], [11])


async def test_the_value_at_a_time_is_the_last_known_or_lies_between_two_but_never_in_an_outage(owner):
    point = await add_counter(owner, counter=False, data_type="float32")
    await owner.execute("UPDATE devices SET retention_days = 3650")
    late = START + DAY
    await store(owner, point, [(START, 10.0, 0), (START + PACE, 20.0, 0), (START + 2 * PACE, None, Reason.TIMEOUT), (late, 30.0, 0)])  # fmt: skip
    moments = [START - PACE, START, START + PACE / 2, START + 2 * PACE, late]
    ask = "SELECT value, time, interpolated FROM values_at($1, $2, $3)"
    held = await owner.fetch(ask, [point], moments, False)
    assert [tuple(row) for row in held] == [(None, None, False), (10, START, False), (10, START, False), (20, START + PACE, False), (30, late, False)]  # fmt: skip
    between = await owner.fetch(ask, [point], moments, True)
    assert [(row["value"], row["interpolated"]) for row in between] == [(None, False), (10, False), (15, True), (20, False), (30, False)]  # fmt: skip
    await roll_up(owner, late + 2 * DAY)
    await owner.execute("DELETE FROM readings")
    [old] = await owner.fetch("SELECT value, level FROM values_at($1, $2, false)", [point], [late + 3 * DAY])
    assert tuple(old) == (30, "rollup")
