"""Rollups and series: right at every level, whatever comes late, is bad, or is gone."""

import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest

from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch, replay_batch
from ddms.quality import Reason
from ddms.stream import to_microseconds

UNITS = {"1m": timedelta(minutes=1), "1h": timedelta(hours=1), "1d": timedelta(days=1)}
START = datetime(2026, 3, 27, tzinfo=UTC)  # a Friday; on Sunday Europe's summer time begins
END = START + timedelta(days=4)
BERLIN = ZoneInfo("Europe/Berlin")
Reading = tuple[int, datetime, float | None, int]


@pytest.fixture
async def points(owner: asyncpg.Connection, make_device) -> list[int]:
    """Three points, never read before START, of a device that keeps its readings."""
    device = await make_device()
    await owner.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type)"
        " SELECT $1, 'p' || i, 'P', 'holding', i, 'int16' FROM generate_series(1, 2) AS i",
        device,
    )
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("UPDATE points SET interval_s = 10")
    await owner.execute("UPDATE rollup_levels SET complete = $1", START)
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('line 1', '0')")
    await owner.execute(MAKE_INCOMING)
    return [row["id"] for row in await owner.fetch("SELECT id FROM points ORDER BY id")]


def some(points: list[int], count: int, seed: int) -> list[Reading]:
    """Return readings at random moments, of which every tenth is bad and some are uncertain."""
    chance = random.Random(seed)
    moments = chance.sample(range(int((END - START).total_seconds() * 10)), count)
    readings: list[Reading] = []
    for moment in sorted(moments):
        quality = chance.choice([Reason.GOOD] * 8 + [Reason.CLOCK, Reason.TIMEOUT])
        value = None if quality >= Reason.TIMEOUT else float(chance.randint(-1000, 1000))
        readings.append((chance.choice(points), START + timedelta(milliseconds=100 * moment), value, quality))
    return readings


def batch(readings: Iterable[Reading]) -> Batch:
    rows = [(p, to_microseconds(t), np.nan if v is None else v, q, True) for p, t, v, q in readings]
    return Batch(readings=np.array(rows, READINGS), texts=[])


def expected(readings: Iterable[Reading], unit: timedelta) -> dict[tuple[int, datetime], dict[str, float | None]]:
    """Return what a rollup must hold, computed the slow and obvious way."""
    buckets = defaultdict(list)
    for reading in sorted(readings, key=lambda r: r[1]):
        buckets[reading[0], START + (reading[1] - START) // unit * unit].append(reading)
    return {key: _rolled(bucket) for key, bucket in buckets.items()}


def _rolled(bucket: list[Reading]) -> dict[str, float | None]:
    values = [value for _, _, value, _ in bucket if value is not None]
    return {
        "total": len(bucket),
        "good": sum(quality == 0 for *_, quality in bucket),
        "count": len(values),
        "sum": sum(values),
        "min": min(values, default=None),
        "max": max(values, default=None),
        "first": values[0] if values else None,
        "last": values[-1] if values else None,
        "worst": max(quality for *_, quality in bucket),
        "first_at": bucket[0][1],
        "last_at": bucket[-1][1],
        "held": bucket[-1][2],
        **dict(zip(("integral", "covered"), held_between(bucket, bucket[0][1], bucket[-1][1]), strict=True)),
    }


def held_between(
    readings: Iterable[Reading], start: datetime, end: datetime, pace: int = 10, gap: int = 40
) -> tuple[float, float]:
    """Return what one point's readings hold between two moments, the slow way: value times seconds, and seconds."""
    ordered = sorted(readings, key=lambda r: r[1])
    integral = covered = 0.0
    for (_, time, value, _), after in zip(ordered, [*(r[1] for r in ordered[1:]), datetime.now(UTC)], strict=True):
        until = after if after - time <= timedelta(seconds=gap) else time + timedelta(seconds=pace)
        seconds = (min(until, end) - max(time, start)).total_seconds()
        if value is not None and seconds > 0:
            integral, covered = integral + value * seconds, covered + seconds
    return pytest.approx(integral), pytest.approx(covered)


def without_weights(buckets: dict[tuple[int, datetime], dict[str, Any]]) -> dict[tuple[int, datetime], dict[str, Any]]:
    """Leave out what the views do not show."""
    gone = {"first_at", "last_at", "held", "integral", "covered"}
    return {key: {name: v for name, v in row.items() if name not in gone} for key, row in buckets.items()}


async def rolled(owner: asyncpg.Connection, source: str) -> dict[tuple[int, datetime], dict[str, float | None]]:
    rows = [dict(row) for row in await owner.fetch(f"SELECT * FROM {source}")]
    assert {row.pop(name, None) for row in rows for name in ("rise", "restarts", "rise_from", "rise_to")} <= {None}
    for name in ("squares", "sketch"):  # see test_answers
        for row in rows:
            row.pop(name, None)
    return {(row.pop("point_id"), row.pop("bucket")): row for row in rows}


async def refresh(owner: asyncpg.Connection, up_to: datetime = END) -> None:
    await owner.execute(f"CALL refresh_rollups('{up_to.isoformat()}')")


async def series(owner: asyncpg.Connection, points: list[int], from_: datetime, to: datetime, *more: object) -> list:
    names = ", ".join(f"${place}" for place in range(1, 4 + len(more)))
    rows = await owner.fetch(f"SELECT * FROM series({names})", points, from_, to, *more)
    return sorted(rows, key=lambda row: row["point_id"])


async def test_every_level_equals_the_readings_when_they_come_in_order_late_and_twice(owner, points):
    readings = some(points, 3000, seed=1)
    chance = random.Random(2)
    late = chance.sample(readings, 300)
    in_time = [reading for reading in readings if reading not in late]
    for number in range(10):
        part = in_time[number * 270 : (number + 1) * 270]
        await flush_batch(owner, "line 1", number, batch(part))
        await replay_batch(owner, "test", batch(late[number * 30 : (number + 1) * 30]))
        await replay_batch(owner, "test", batch(part[:5]))  # a commit that was cut off comes a second time
        if number % 2:
            await refresh(owner, chance.choice(part)[1])
    await refresh(owner)
    for level, unit in UNITS.items():
        assert await rolled(owner, f"rollup_{level}") == expected(readings, unit)
        assert await rolled(owner, f"readings_{level}") == without_weights(expected(readings, unit))
    assert await owner.fetchval("SELECT count(*) FROM rollup_late") == 0


async def test_what_is_not_rolled_up_yet_is_there_too(owner, points):
    readings = some(points, 1000, seed=3)
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner, START + timedelta(days=2, hours=5, minutes=7, seconds=3))
    for level, unit in UNITS.items():
        assert await rolled(owner, f"readings_{level}") == without_weights(expected(readings, unit))


@pytest.mark.parametrize("step", [None, "10 seconds", "90 seconds", "10 minutes", "6 hours", "1 day", "7 days"])
async def test_the_average_over_a_range_is_that_of_its_readings_at_every_step(owner, points, step):
    readings = some(points, 2000, seed=4)
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner, START + timedelta(days=3, hours=1, minutes=2))
    width = await owner.fetchval("SELECT $1::text::interval", step)
    for row in await series(owner, points, START + timedelta(hours=7), END, 50, width):
        inside = [r for r in readings if r[0] == row["point_id"] and row["starts"] <= r[1] < row["ends"]]
        values = [value for _, _, value, _ in inside if value is not None]
        total = sum(a * n for a, n in zip(row["average"], row["count"], strict=True) if n)
        assert sum(row["count"]) == len(values)
        assert total / len(values) == pytest.approx(sum(values) / len(values))
        assert (np.nanmin(row["lowest"]), np.nanmax(row["highest"])) == (min(values), max(values))
        assert max(row["worst"]) == max(quality for *_, quality in inside)


async def test_a_day_of_the_site_has_23_hours_when_summer_time_begins(owner, points):
    readings = some(points[:1], 2000, seed=5)
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner)
    day = timedelta(days=1)
    (row,) = await series(owner, points[:1], START + day, START + 2.5 * day, 50, day, "Europe/Berlin")
    assert (row["level"], row["starts"].astimezone(BERLIN).hour, row["ends"].astimezone(BERLIN).hour) == ("1h", 0, 0)
    for time, average, count in zip(row["times"], row["average"], row["count"], strict=True):
        date = time.astimezone(BERLIN).date()
        values = [v for _, t, v, _ in readings if v is not None and t.astimezone(BERLIN).date() == date]
        assert (count, average) == (len(values), pytest.approx(sum(values) / len(values)))
    sunday = datetime(2026, 3, 29, tzinfo=BERLIN)
    assert sunday in row["times"]
    assert row["times"][-1] - sunday.astimezone(UTC) <= timedelta(hours=23)


async def test_days_of_a_zone_that_is_half_an_hour_off_are_made_of_minutes(owner, points):
    readings = some(points[:1], 500, seed=6)
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner)
    (row,) = await series(owner, points[:1], START, END, 50, timedelta(days=1), "Asia/Kolkata")
    assert row["level"] == "1m"
    zone = ZoneInfo("Asia/Kolkata")
    days = {t.astimezone(zone).date() for _, t, _, _ in readings}
    assert [time.astimezone(zone).date() for time in row["times"]] == sorted(days)


async def test_few_readings_come_as_they_are_and_many_from_the_level_that_fits(owner, points):
    await owner.execute("UPDATE points SET interval_s = 10")
    readings = [(points[0], START + timedelta(seconds=10 * n), float(n), 0) for n in range(8640)]
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner)
    chosen = {}
    for most in (8640, 1000, 100, 24, 3):
        (row,) = await series(owner, points[:1], START, START + timedelta(days=1), most)
        chosen[most] = (row["level"], row["bucket"])
        assert len(row["times"]) <= most
    assert chosen == {
        8640: ("raw", None),
        1000: ("1m", timedelta(minutes=2)),
        100: ("1m", timedelta(minutes=15)),
        24: ("1h", timedelta(hours=2)),
        3: ("1h", timedelta(hours=12)),
    }


async def test_more_readings_than_expected_are_never_cut_but_rolled_up(owner, points):
    readings = [(points[0], START + timedelta(seconds=n), float(n), 0) for n in range(3600)]
    await flush_batch(owner, "line 1", 1, batch(readings))
    await owner.execute("UPDATE points SET interval_s = 3600")  # it was a second before
    (row,) = await series(owner, points[:1], START, START + timedelta(hours=1), 100)
    assert (row["level"], sum(row["count"])) == ("1m", 3600)


async def test_where_the_readings_are_gone_the_rollups_answer(owner, points):
    readings = some(points[:1], 500, seed=7)
    await flush_batch(owner, "line 1", 1, batch(readings))
    await refresh(owner)
    await owner.execute("DELETE FROM readings")
    await owner.execute("UPDATE devices SET retention_days = 30")
    (row,) = await series(owner, points[:1], START, START + timedelta(minutes=100), 1000)
    assert (row["level"], row["bucket"]) == ("1m", timedelta(minutes=1))
    assert row["size"] > 0


async def test_the_open_bucket_is_told_and_holds_the_newest_reading(owner, points):
    now = await owner.fetchval("SELECT now()")
    await flush_batch(owner, "line 1", 1, batch([(points[0], now, 5.0, 0)]))
    (row,) = await series(owner, points[:1], now - timedelta(hours=2), now + timedelta(seconds=1), 10)
    assert row["open_from"] == row["times"][-1] <= now < row["ends"]
    (row,) = await series(owner, points[:1], now - timedelta(days=2), now - timedelta(days=1), 10)
    assert (row["open_from"], row["times"]) == (None, None)


async def test_a_late_reading_does_not_cost_a_rollup_its_readings_that_are_gone(owner, points):
    minute = START + timedelta(hours=1)
    await flush_batch(
        owner, "line 1", 1, batch([(points[0], minute + timedelta(seconds=s), 1.0, 0) for s in range(50)])
    )
    await refresh(owner)
    await owner.execute("DELETE FROM readings WHERE time < $1", minute + timedelta(seconds=40))
    late = [(points[0], minute + timedelta(seconds=55), 9.0, 0), (points[1], minute, 7.0, 0)]
    await replay_batch(owner, "test", batch(late))
    await refresh(owner)
    for level in UNITS:
        found = await rolled(owner, f"rollup_{level}")
        assert {(point, row["total"], row["sum"]) for (point, _), row in found.items()} == {
            (points[0], 50, 50.0),
            (points[1], 1, 7.0),
        }


async def test_a_flush_that_began_before_a_claim_is_waited_for(owner, points, database_url):
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            assert await other.fetchval("SELECT rolled_up_to()") == START
            await other.execute("INSERT INTO readings VALUES ($1, $2, 3.0, 0)", START, points[0])
            await refresh(owner)  # cannot claim the minute yet, and does not wait long
            assert await owner.fetchval("SELECT complete FROM rollup_levels WHERE place = 0") == START
        await refresh(owner)
        assert await rolled(owner, "rollup_1d") == expected([(points[0], START, 3.0, 0)], UNITS["1d"])
    finally:
        await other.close()


async def test_readings_that_were_stored_past_the_collector_are_rolled_up_by_rebuilding(owner, points):
    await refresh(owner)
    readings = some(points, 200, seed=8)
    await owner.executemany("INSERT INTO readings (point_id, time, value, quality) VALUES ($1, $2, $3, $4)", readings)
    await owner.execute(f"CALL rebuild_rollups('{START.isoformat()}', '{END.isoformat()}')")
    for level, unit in UNITS.items():
        assert await rolled(owner, f"rollup_{level}") == expected(readings, unit)


async def test_values_beyond_all_measure_stop_no_rollup(owner, points):
    readings = [(points[0], START + timedelta(seconds=n), 1.7e308, 0) for n in range(3)]
    await flush_batch(owner, "line 1", 1, batch([*readings, (points[1], START, 1.0, 0)]))
    await refresh(owner)
    found = await rolled(owner, "rollup_1d")
    assert found[points[0], START]["max"] == 1.7e308
    assert found[points[1], START]["sum"] == 1.0
    (row,) = await series(owner, points[:1], START, END, 10, timedelta(hours=1))
    assert row["highest"] == [1.7e308]


async def test_readings_of_a_day_that_is_to_be_rolled_up_again_are_not_erased_before(owner: asyncpg.Connection, points):
    day = START + timedelta(days=1)
    await owner.execute("UPDATE rollup_levels SET complete = $1", END)
    await owner.execute("SELECT note_late_days($1, $2)", [points[0], points[0]], [day, day + timedelta(days=1)])
    assert await owner.fetchval("SELECT rolled_up_before('readings')") == day
    assert [await owner.fetchval("SELECT roll_up_late_days()") for _ in range(3)] == [True, True, False]
    assert await owner.fetchval("SELECT rolled_up_before('readings')") == END
