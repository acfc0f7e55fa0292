"""Buckets by the calendar of a place, and averages weighted by time, against a model in plain Python."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest

from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, flush_batch, replay_batch
from ddms.quality import Reason
from ddms.stream import to_microseconds

Reading = tuple[datetime, float | None, int]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PACE, GAP = timedelta(seconds=60), timedelta(seconds=190)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kathmandu",
]
# Of each zone a week in which the clock changes, forth or back; Sao Paulo's skips midnight, Havana's repeats it.
CHANGES = {
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "America/Sao_Paulo": [date(2018, 11, 4), date(2018, 2, 18)],
    "Australia/Lord_Howe": [date(2026, 10, 4), date(2026, 4, 5)],
    "America/Havana": [date(2024, 3, 10), date(2024, 11, 3)],
}
WEEKS = [(zone, day) for zone in ZONES for day in CHANGES.get(zone, [date(2026, 5, 6)])]


def edges_of(step: timedelta, zone: str, origin: datetime, start: datetime, end: datetime) -> list[datetime]:
    """Return where buckets begin around a time: local times whole steps from the origin, looked up in the zone."""
    place = ZoneInfo(zone)
    local = origin.astimezone(place).replace(tzinfo=None)
    local += (start.astimezone(place).replace(tzinfo=None) - local) // step * step - 2 * step - DAY // step * step
    edges: set[datetime] = set()
    while not edges or max(edges) < end + 2 * step:
        first, second = (local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1))
        skipped = first.astimezone(place).replace(tzinfo=None) - local
        if not skipped or skipped < step:
            edges.add(first)
        if not skipped and second - first >= step:
            edges.add(second)
        local += step
    ordered = sorted(edges)
    return [e for e in ordered if max(x for x in ordered if x <= start) <= e <= min(x for x in ordered if x >= end)]


@pytest.mark.parametrize(("zone", "day"), WEEKS, ids=[f"{zone} {day}" for zone, day in WEEKS])
async def test_buckets_of_hours_and_days_begin_at_the_same_local_times_over_changes_of_the_clock(owner, zone, day):
    chance = random.Random(str((zone, day)))
    middle = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for hours in (1, 2, 3, 6, 8, 12, 24, 48, 168):
        step = timedelta(hours=hours)
        for at in (None, "06:00", "05:30", "02:30", "00:00"):
            origin = (
                datetime.fromisoformat(f"2026-01-05T{at or '00:00'}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
            )
            if at is None:
                origin = datetime(2000, 1, 3, tzinfo=ZoneInfo(zone)).astimezone(UTC)
            start = middle + timedelta(seconds=chance.randrange(-4 * 86_400, 0))
            end = middle + timedelta(seconds=chance.randrange(1, 4 * 86_400))
            begins = await owner.fetch(
                "SELECT * FROM bucket_starts($1, $2, $3, $4, $5)", step, zone, origin if at else None, start, end
            )
            found = [row[0] for row in begins]
            assert found == edges_of(step, zone, origin, start, end)[:-1], (step, at, start, end)


async def test_shifts_begin_at_six_two_and_ten_whatever_the_clock_does(owner):
    berlin = ZoneInfo("Europe/Berlin")
    origin = datetime(2026, 1, 1, 6, tzinfo=berlin)
    for day in (date(2026, 3, 27), date(2026, 10, 23)):
        start = datetime(day.year, day.month, day.day, 6, tzinfo=berlin)
        end = datetime(day.year, day.month, day.day + 4, 6, tzinfo=berlin)
        rows = await owner.fetch(
            "SELECT * FROM bucket_starts('8 hours', 'Europe/Berlin', $1, $2, $3)", origin, start, end
        )
        assert [row[0].astimezone(berlin).hour for row in rows] == [6, 14, 22] * 4


@pytest.mark.parametrize(
    ("step", "origin", "expected"),
    [
        ("1 month", None, ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]),
        ("1 month", "2020-05-15T06:00", ["2025-12-15T06:00", "2026-01-15T06:00", "2026-02-15T06:00", "2026-03-15T06:00"]),
        ("3 months", None, ["2026-01-01"]),
        ("1 year", None, ["2026-01-01"]),
        ("1 year", "2020-10-01T00:00", ["2025-10-01"]),
    ],
)  # fmt: skip
async def test_months_and_years_are_those_of_the_place(owner, step, origin, expected):
    berlin = ZoneInfo("Europe/Berlin")
    rows = await owner.fetch(
        "SELECT * FROM bucket_starts($1::text::interval, 'Europe/Berlin', $2, '2026-01-03Z', '2026-03-31T22:00:01Z')",
        step,
        origin and datetime.fromisoformat(origin).replace(tzinfo=berlin),
    )
    wanted = [datetime.fromisoformat(text).replace(tzinfo=berlin) for text in expected]
    if step == "3 months":
        wanted.append(datetime(2026, 4, 1, tzinfo=berlin))
    assert [row[0] for row in rows] == wanted


@pytest.fixture
async def point(owner: asyncpg.Connection, make_device) -> int:
    """A point that is read each minute, of a device that keeps its readings."""
    await make_device()
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("UPDATE points SET interval_s = 60")
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('line 1', '0')")
    await owner.execute(MAKE_INCOMING)
    return await owner.fetchval("SELECT id FROM points")


def batch(point: int, readings: list[Reading]) -> Batch:
    rows = [(point, to_microseconds(t), np.nan if v is None else v, q, True) for t, v, q in readings]
    return Batch(readings=np.array(rows, READINGS), texts=[])


def irregular(start: datetime, days: float, chance: random.Random) -> list[Reading]:
    """Return readings as a plant gives them: some close together, some bad, with silences short and long."""
    readings: list[Reading] = []
    time = start
    while time < start + days * DAY:
        bad = chance.random() < 0.05
        readings.append((time, None if bad else round(chance.uniform(-50, 50), 2), Reason.TIMEOUT if bad else 0))
        silence = chance.choice([1] * 12 + [190, 191, 3600, 20_000])
        time += timedelta(
            milliseconds=round(1000 * silence * chance.uniform(1, 90)) if silence == 1 else 1000 * silence
        )
    return readings


def held_between(readings: list[Reading], start: datetime, end: datetime, gap: timedelta = GAP) -> tuple[float, float]:
    """Return value times seconds, and seconds, of what the readings hold between two moments."""
    integral = covered = 0.0
    nexts = [*(time for time, *_ in readings[1:]), datetime.now(UTC)]
    for (time, value, _), after in zip(readings, nexts, strict=True):
        until = after if after - time <= gap else time + PACE
        seconds = (min(until, end) - max(time, start)).total_seconds()
        if value is not None and seconds > 0:
            integral, covered = integral + value * seconds, covered + seconds
    return integral, covered


async def weighted(owner: asyncpg.Connection, point: int, *asked: object) -> asyncpg.Record:
    (row,) = await owner.fetch(
        "SELECT * FROM series(ARRAY[$1::int], $2, $3, 100000, $4, $5, '{average,count,weighted,covered}', $6)",
        point,
        *asked,
    )
    return row


def check(row: asyncpg.Record, readings: list[Reading], gap: timedelta = GAP) -> None:
    """Compare each bucket of a series with what the readings say."""
    times, until = row["times"] or [], row["until"] or [time + row["bucket"] for time in row["times"] or []]
    for time, end, found, covered in zip(times, until, row["weighted"] or [], row["covered"] or [], strict=True):
        integral, seconds = held_between([r for r in readings if time - DAY < r[0] < end + DAY], time, end, gap)
        assert covered == pytest.approx(seconds, abs=1e-5), time
        assert np.isnan(found) if not seconds else found == pytest.approx(integral / seconds, abs=1e-6), time


@pytest.mark.parametrize(("zone", "day"), WEEKS, ids=[f"{zone} {day}" for zone, day in WEEKS])
async def test_an_average_weighted_by_time_is_that_of_the_readings_at_every_level(owner, point, zone, day):
    chance = random.Random(str((zone, day)))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - 2 * DAY
    await owner.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", start - DAY)
    readings = irregular(start, 4, chance)
    late = chance.sample(readings, len(readings) // 10)
    await flush_batch(owner, "line 1", 1, batch(point, [r for r in readings if r not in late]))
    await owner.execute(f"CALL refresh_rollups('{(start + 3.3 * DAY).isoformat()}')")
    await replay_batch(owner, "line 1", batch(point, sorted(late)))
    await owner.execute(f"CALL refresh_rollups('{(start + 3.3 * DAY).isoformat()}')")
    buckets: Counter[str] = Counter()
    for step in (
        10 * timedelta(seconds=1),
        timedelta(minutes=1),
        timedelta(minutes=15),
        HOUR,
        6 * HOUR,
        8 * HOUR,
        DAY,
        2 * DAY,
    ):
        for origin in (
            None,
            datetime(2018, 1, 1, 6, tzinfo=ZoneInfo(zone)),
            datetime(2018, 1, 1, 6, 0, 7, tzinfo=ZoneInfo(zone)),
        ):
            begin = start + timedelta(seconds=chance.randrange(86_400))
            row = await weighted(
                owner, point, begin, begin + timedelta(seconds=chance.randrange(3600, 2 * 86_400)), step, zone, origin
            )
            buckets[row["level"]] += len(row["times"] or [])
            check(row, readings)
    assert min(buckets[level] for level in ("raw", "1m")) > 0


async def test_ten_for_59_minutes_and_twenty_for_one_give_ten_and_a_sixth(owner, point):
    start = datetime(2026, 3, 1, tzinfo=UTC)
    await owner.execute("UPDATE points SET deadband = 1, heartbeat_s = 3600")
    await owner.execute("UPDATE rollup_levels SET complete = $1", start - DAY)
    readings = [
        (start, 10.0, 0),
        *((start + timedelta(minutes=59, seconds=s), 20.0, 0) for s in range(60)),
        (start + HOUR, 10.0, 0),
    ]
    await flush_batch(owner, "line 1", 1, batch(point, readings))
    for refreshed in (False, True):
        if refreshed:
            await owner.execute(f"CALL refresh_rollups('{(start + 2 * DAY).isoformat()}')")
        row = await weighted(owner, point, start, start + HOUR, HOUR, "UTC", None)
        assert row["average"] == [pytest.approx((10 + 60 * 20) / 61)]
        assert (row["weighted"], row["covered"]) == ([pytest.approx((59 * 10 + 20) / 60)], [3600])


async def test_a_value_that_the_deadband_held_back_weighs_on_in_the_buckets_after_it(owner, point):
    start = datetime(2026, 3, 1, tzinfo=UTC)
    await owner.execute("UPDATE points SET deadband = 1, heartbeat_s = 3600")
    await owner.execute("UPDATE rollup_levels SET complete = $1", start - DAY)
    readings = [
        (start + timedelta(minutes=m), v, 0) for m, v in ((0, 1.0), (50, 5.0), (70, 2.0), (130, 4.0), (400, 1.0))
    ]
    await flush_batch(owner, "line 1", 1, batch(point, readings))
    await owner.execute(f"CALL refresh_rollups('{(start + 2 * DAY).isoformat()}')")
    for step in (timedelta(minutes=5), timedelta(minutes=15), HOUR, DAY):
        check(
            await weighted(owner, point, start + timedelta(minutes=60), start + 0.5 * DAY, step, "UTC", None),
            readings,
            GAP + HOUR,
        )


async def test_rollups_of_before_have_no_weighted_average_until_they_are_made_again(owner, point):
    start = (datetime.now(UTC) - 3 * DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    await owner.execute("UPDATE rollup_levels SET complete = $1", start - DAY)
    readings = irregular(start, 2, random.Random(3))
    await flush_batch(owner, "line 1", 1, batch(point, readings))
    await owner.execute("CALL refresh_rollups()")
    for level in ("1m", "1h", "1d"):
        await owner.execute(
            f"UPDATE rollup_{level} SET first_at = NULL, last_at = NULL, held = NULL, integral = NULL, covered = NULL"
        )
    row = await weighted(owner, point, start, start + DAY, HOUR, "UTC", None)
    assert np.isnan(row["weighted"]).all()
    assert not np.isnan(row["average"]).all()
    await owner.execute("INSERT INTO rollup_backfill (since, before) VALUES ($1, $2)", start - DAY, start + 4 * DAY)
    await owner.execute("CALL refresh_rollups()")
    for step in (timedelta(minutes=1), HOUR, DAY):
        check(await weighted(owner, point, start, start + 2 * DAY, step, "UTC", None), readings)
    assert await owner.fetchval("SELECT count(*) FROM rollup_backfill") == 0


async def test_the_newest_value_weighs_up_to_now(owner, point):
    now = await owner.fetchval("SELECT now()")
    await owner.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", now - DAY)
    await flush_batch(owner, "line 1", 1, batch(point, [(now - timedelta(seconds=100), 5.0, 0)]))
    row = await weighted(owner, point, now - HOUR, now + HOUR, 6 * HOUR, "UTC", None)
    assert row["weighted"][-1] == 5
    assert 0 < sum(row["covered"]) < 190
