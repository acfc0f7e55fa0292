"""The dashboard Report: what it shows is what `series` says, by the calendar, in the states that a person writes above it."""

import asyncpg
import pytest

from tests.support.counted import DAY, START, add_counter, roll_up, store

HOURS = 3600
MORNING = 'UPDATE configuration SET shifts = \'[{"name": "Early", "days": [1, 2, 3, 4, 5, 6, 7], "start": "06:00", "end": "14:00"}]\''
IN_STATE = "SELECT time, seconds, starts FROM in_state($1, $2, $3, $4, 'day') ORDER BY time"


@pytest.fixture
async def pump(owner: asyncpg.Connection) -> int:
    """A switch that is on from 6 to 18 o'clock of each day, read each minute."""
    point = await add_counter(owner, counter=False, data_type="uint16")
    await owner.execute(
        """UPDATE points SET value_names = '{"0": {"name": "Off"}, "1": {"name": "Running"}}' WHERE id = $1""", point
    )
    minutes = [START - DAY + n * DAY / 1440 for n in range(4 * 1440)]
    await store(owner, point, [(time, float(6 <= time.hour < 18), 0) for time in minutes])
    await roll_up(owner, START + 2 * DAY)
    return point


async def test_values_are_told_by_day_and_shift_as_series_has_them(pump, owner, viewer):
    days = await viewer.fetch("SELECT * FROM answers($1, $2, $3, 'day') ORDER BY time", [pump], START, START + 2 * DAY)
    assert [(d["time"], d["until"], d["mean"], d["lowest"], d["highest"]) for d in days] == [
        (START + n * DAY, START + (n + 1) * DAY, pytest.approx(0.5), 0, 1) for n in range(2)
    ]
    assert [(d["first"], d["last"], d["deviation"], d["covered"]) for d in days] == [
        (0, 0, pytest.approx(0.5), pytest.approx(DAY.total_seconds()))
    ] * 2
    assert await viewer.fetch("SELECT * FROM answers($1, $2, $3, 'shift')", [pump], START, START + DAY) == [], (
        "there are none yet"
    )
    await owner.execute(MORNING)
    shifts = await viewer.fetch(
        "SELECT shift, mean FROM answers($1, $2, $3, 'shift') WHERE shift IS NOT NULL", [pump], START, START + DAY
    )
    assert [tuple(row) for row in shifts] == [("Early", 1.0)]
    percentiles = await viewer.fetch(
        "SELECT found FROM percentiles($1, $2, $3, '{0.05,0.95}', 'day')", [pump], START, START + DAY
    )
    assert [row["found"] for row in percentiles] == [[0, 1]]


@pytest.mark.parametrize(
    ("state", "hours", "starts"),
    [("> 0", 12, 1), ("running", 12, 1), (" Off ", 12, 1), ("<= 0", 12, 1), (">=1", 12, 1), ("0", 12, 1), ("= 1", 12, 1), ("< 2", 24, 0), ("< 0", 0, 0)],
)  # fmt: skip
async def test_hours_and_starts_are_those_of_the_state_that_a_person_writes(pump, viewer, state, hours, starts):
    days = await viewer.fetch(IN_STATE, [pump], START, START + 2 * DAY, state)
    assert [(d["seconds"], d["starts"] or 0) for d in days] == [(pytest.approx(hours * HOURS), starts)] * 2


@pytest.mark.parametrize("state", ["", ">", "Stopped", "> 1e400", "1; DROP TABLE points", "> '0", "NaN", "9" * 5000])
async def test_what_is_no_state_shows_nothing(pump, viewer, state):
    assert await viewer.fetch(IN_STATE, [pump], START, START + DAY, state) == []


async def test_the_devices_that_answered_least_are_told(pump, owner, viewer):
    await owner.execute("DELETE FROM device_state_changes")
    changes = [(START, "online"), (START + DAY / 4, "offline"), (START + DAY / 2, "error")]
    await owner.executemany(
        "INSERT INTO device_state_changes (device_id, time, state) SELECT device_id, $2, $3 FROM points WHERE id = $1",
        [(pump, *c) for c in changes],
    )
    (row,) = await viewer.fetch(
        "SELECT share, offline, outages, longest FROM availability(array(SELECT device_id FROM devices), $1, $2)",
        START,
        START + DAY,
    )
    assert tuple(row) == (0.75, 6 * HOURS, 1, 6 * HOURS)


async def test_of_very_many_buckets_longer_ones_are_shown(pump, owner):
    taken = "SELECT shown_calendar($1, $2, make_interval(days => $3))"
    assert await owner.fetchval(taken, "hour", 10, 90) == "hour"
    assert await owner.fetchval(taken, "hour", 100, 90) == "day"
    assert await owner.fetchval(taken, "day", 1000, 90) == "month"
    assert await owner.fetchval(taken, "week", 1000, 90) == "week"
