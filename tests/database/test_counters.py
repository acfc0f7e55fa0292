"""The increase of counters against a model in plain Python: roll-over, reset, gaps, bad readings, at every level; and shifts."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from ddms.quality import Reason
from tests.support.counted import DAY, HOUR, START, Reading, add_counter, roll_up, store

MODULUS = 65_536


def counted(before: float, value: float, modulus: float | None = MODULUS) -> tuple[float, bool]:
    """Return what was counted between two values, and whether the counter was set back in between."""
    if value >= before - 0.01 * abs(before):
        return value - before, False
    if modulus and 0 <= value - before + modulus <= modulus / 2:
        return value - before + modulus, False
    return value, True


def increases(readings: list[Reading], edges: list[datetime]) -> dict[datetime, tuple[float, int]]:
    """Return increase and restarts of each bucket in which a value came."""
    found: dict[datetime, tuple[float, int]] = {}
    before = None
    for time, value, _ in readings:
        if value is None:
            continue
        step, restarted = (0.0, False) if before is None else counted(before, value)
        before = value
        begin = max((edge for edge in edges if edge <= time), default=None)
        if begin is not None:
            total, restarts = found.get(begin, (0.0, 0))
            found[begin] = total + step, restarts + restarted
    return found


def run_of_a_counter(chance: random.Random, days: int) -> list[Reading]:
    """Return what a counter of 16 bits shows that goes round, is set back, is not read for hours, and fails at times."""
    readings: list[Reading] = []
    time, value = START - DAY, 60_000.0
    while time < START + days * DAY:
        time += timedelta(seconds=chance.choice([60, 60, 60, 75, 300]))
        if chance.random() < 0.004:
            time += timedelta(hours=chance.choice([1, 5, 30]))
        if chance.random() < 0.003:
            value = float(chance.randrange(0, 30))
        value = (value + chance.randrange(0, 90)) % MODULUS
        bad = chance.random() < 0.05
        readings.append((time, None, Reason.TIMEOUT) if bad else (time, value, 0))
    return readings


async def series(owner: asyncpg.Connection, point: int, start: datetime, end: datetime, step: timedelta | None, **more):
    """Return the increase and the restarts of each bucket, by its begin; buckets without a value are left out."""
    row = await owner.fetchrow(
        "SELECT * FROM series($1, $2, $3, step => $4, time_zone => $5, wanted => '{average,increase,rate,restarts}', calendar => $6)",
        [point], start, end, step, more.get("zone", "UTC"), more.get("calendar"),
    )  # fmt: skip
    columns = zip(row["times"] or [], row["increase"] or [], row["restarts"] or [], strict=True)
    return {time: (increase, restarts) for time, increase, restarts in columns if increase == increase}  # noqa: PLR0124


def same(found: dict[datetime, tuple[float, int]], wanted: dict[datetime, tuple[float, int]]) -> bool:
    return found == {time: (pytest.approx(total), restarts) for time, (total, restarts) in wanted.items()}


@pytest.mark.parametrize("rolled", [-1.0, 2.6, 9.0], ids=["readings", "half rolled up", "rolled up"])
async def test_the_increase_is_that_of_the_readings_at_every_level(owner: asyncpg.Connection, rolled: float):
    point = await add_counter(owner)
    readings = run_of_a_counter(random.Random(f"counter {rolled}"), 6)
    await store(owner, point, readings)
    await roll_up(owner, START + rolled * DAY)
    for step in (timedelta(minutes=1), timedelta(minutes=15), HOUR, 6 * HOUR, DAY, timedelta(seconds=90)):
        start, end = START + 2 * HOUR, START + 6 * DAY if step >= HOUR else START + DAY
        first = start if step <= HOUR else START
        edges = [first + n * step for n in range(int((end - first) / step) + 2)]
        wanted = {time: one for time, one in increases(readings, edges).items() if time < end}
        found = await series(owner, point, start, end, step)
        assert same(found, wanted), step


async def test_the_buckets_of_an_hour_add_up_to_those_of_a_day_and_a_gap_belongs_to_the_hour_in_which_the_next_value_came(
    owner,
):
    point = await add_counter(owner)
    await store(owner, point, [(START + timedelta(minutes=n), 100.0 + n, 0) for n in (50, 59, 61, 600, 610)])
    await roll_up(owner, START + 2 * DAY)
    hours = await series(owner, point, START, START + DAY, HOUR)
    assert hours == {START: (9, 0), START + HOUR: (2, 0), START + 10 * HOUR: (549, 0)}
    assert await series(owner, point, START, START + DAY, DAY) == {START: (560, 0)}


@pytest.mark.parametrize(
    ("more", "values", "wanted", "restarts"),
    [
        ({}, [65_530, 5], 11, 0),  # through all of its 16 bits
        ({"data_type": "uint32", "modulus": 1_000_000, "scale": 0.1}, [999_999.5, 1.5], 2.0, 0),  # a display of six digits
        ({"data_type": "int32", "scale": 1.0}, [2**31 - 1, -(2**31)], 1, 0),  # through the sign
        ({}, [30_000, 40], 40, 1),  # half a round is no roll-over: it was set back, or is another meter
        ({"data_type": "float32"}, [4_711.5, 3.25], 3.25, 1),  # a float never begins again by itself
        ({"data_type": "float32", "value_offset": 10.0}, [500.0, 12.0], 2.0, 1),  # from its zero
        ({"data_type": "float64"}, [5_000.5, 5_000.0, 5_001.0], 0.5, 0),  # a correction is not a reset
        ({"data_type": "float64"}, [1.5e308, -1.5e308, 3.0], 0.0, 0),
    ],
)  # fmt: skip
async def test_a_counter_goes_round_and_is_set_back(owner, more, values, wanted, restarts):
    point = await add_counter(owner, **more)
    await store(owner, point, [(START + timedelta(seconds=20 * n), float(v), 0) for n, v in enumerate(values)])
    for up_to in (START - DAY, START + DAY):
        await roll_up(owner, up_to)
        [[total, found]] = (await series(owner, point, START, START + HOUR, HOUR)).values()
        assert (total, found) == (pytest.approx(wanted), restarts)


async def test_the_rate_is_over_the_time_between_the_values_also_after_an_outage(owner: asyncpg.Connection):
    point = await add_counter(owner)
    bad = [(START + timedelta(minutes=n), None, Reason.TIMEOUT) for n in range(70, 180, 10)]
    await store(owner, point, [(START, 0.0, 0), (START + HOUR, 12.0, 0), *bad, (START + 3 * HOUR, 32.0, 0)])
    for up_to in (START - DAY, START + DAY):
        await roll_up(owner, up_to)
        rates = await owner.fetchval(
            "SELECT rate FROM series($1, $2, $3, step => '1 hour', wanted => '{rate}')", [point], START, START + DAY
        )
        assert [rate if rate == rate else None for rate in rates] == [None, 12.0, None, 10.0]  # noqa: PLR0124


async def test_a_point_that_is_no_counter_has_no_increase(owner: asyncpg.Connection):
    point = await add_counter(owner, counter=False)
    await store(owner, point, [(START, 1.0, 0), (START + timedelta(minutes=1), 5.0, 0)])
    assert await series(owner, point, START, START + HOUR, HOUR) == {}
    await roll_up(owner, START + DAY)
    assert await owner.fetchval("SELECT count(rise) FROM rollup_1h") == 0


async def test_what_becomes_a_counter_later_is_counted_from_its_readings(owner: asyncpg.Connection):
    point = await add_counter(owner, counter=False)
    readings = run_of_a_counter(random.Random("later"), 3)
    await store(owner, point, readings)
    await roll_up(owner, START + 4 * DAY)
    await owner.execute("UPDATE points SET counter = true")
    await owner.execute(f"CALL refresh_rollups('{(START + 4 * DAY).isoformat()}')")
    wanted = increases([one for one in readings if one[0] < START + 3 * DAY], [START + n * DAY for n in range(3)])
    assert same(await series(owner, point, START, START + 3 * DAY, DAY), wanted)


async def test_shifts_are_those_of_the_configuration_through_a_change_of_the_clock(owner: asyncpg.Connection):
    shifts = [
        {"name": "Early", "days": [1, 2, 3, 4, 5, 6, 7], "start": "06:00", "end": "14:00"},
        {"name": "Night", "days": [1, 2, 3, 4, 5, 6, 7], "start": "22:00", "end": "06:00"},
    ]
    await owner.execute("UPDATE configuration SET shifts = $1::jsonb, time_zone = 'Europe/Berlin'", shifts)
    point = await add_counter(owner)
    start = datetime(2026, 3, 28, 5, tzinfo=ZoneInfo("Europe/Berlin"))
    begin = start.astimezone(UTC)
    await store(owner, point, [(begin + timedelta(minutes=n), float(n), 0) for n in range(2940)])
    await roll_up(owner, START + 9 * DAY)
    row = await owner.fetchrow(
        "SELECT * FROM series($1, $2, $3, wanted => '{increase}', calendar => 'shift')", [point], begin, begin + 2 * DAY
    )
    local = [f"{time.astimezone(start.tzinfo):%d %H:%M}" for time in row["times"]]
    told = list(zip(local, row["names"], row["increase"], strict=True))
    assert told == [
        ("27 22:00", "Night", 59), ("28 06:00", "Early", 480), ("28 14:00", None, 480), ("28 22:00", "Night", 420),
        ("29 06:00", "Early", 480), ("29 14:00", None, 480), ("29 22:00", "Night", 480),
    ]  # fmt: skip
    assert [until - time for time, until in zip(row["times"], row["until"], strict=True)][3] == timedelta(hours=7)
    rows = await owner.fetch(
        "SELECT * FROM series_buckets($1, $2, $3, NULL, NULL, NULL, '{increase}', 'shift')",
        point,
        begin,
        begin + 2 * DAY,
    )
    assert [(r["time"], r["name"], r["increase"]) for r in rows] == list(
        zip(row["times"], row["names"], row["increase"], strict=True)
    )


@pytest.mark.parametrize(
    ("calendar", "wanted"),
    [
        ("week", ["2026-03-22", "2026-03-29", "2026-04-05"]),
        ("fiscal_year", ["2025-10-01", "2026-10-01"]),
        ("fiscal_quarter", ["2026-01-01", "2026-04-01", "2026-07-01"]),
        ("month", ["2026-03-01", "2026-04-01", "2026-05-01"]),
    ],
)
async def test_weeks_and_fiscal_years_begin_as_the_site_says(owner: asyncpg.Connection, calendar, wanted):
    await owner.execute(
        "UPDATE configuration SET week_start = 'sunday', fiscal_month = 'october', time_zone = 'Asia/Shanghai'"
    )
    zone = ZoneInfo("Asia/Shanghai")
    start, end = datetime(2026, 3, 27, tzinfo=zone), datetime(2026, 4, 2, tzinfo=zone)
    edges = await owner.fetchval(
        "SELECT calendar_edges($1, step, time_zone, origin, $2, $3) FROM calendar_grid($1)", calendar, start, end
    )
    assert [f"{edge.astimezone(zone):%Y-%m-%d}" for edge in edges] == wanted
