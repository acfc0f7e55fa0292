"""How well the alarm system does, counted in SQL: journals of which it is known what must come out."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

BEGIN = datetime(2024, 11, 4, tzinfo=UTC)
END = BEGIN + timedelta(days=7)


class Journal:
    """Writes entries as the collector does, each in a transaction of its own unless told otherwise."""

    def __init__(self, owner: asyncpg.Connection, alarms: list[int]) -> None:
        self.owner, self.alarms = owner, alarms

    async def write(self, seconds: float, event: str, alarm: int = 0, priority: str = "low", *, hidden: bool = False):
        await self.owner.execute(
            "INSERT INTO alarm_events (time, alarm_id, device_id, kind, priority, event, state, hidden) "
            "SELECT $1, id, device_id, kind, $3, $4, 'normal', $5 FROM alarms WHERE id = $2",
            BEGIN + timedelta(seconds=seconds), self.alarms[alarm], priority, event, hidden,
        )  # fmt: skip

    async def occurs(self, seconds: float, lasts: float = 60, alarm: int = 0, priority: str = "low"):
        await self.write(seconds, "raised", alarm, priority)
        await self.write(seconds + lasts, "cleared", alarm, priority)

    async def ask(self, function: str, arguments: str = "$1, $2", begin: datetime = BEGIN, end: datetime = END):
        return await self.owner.fetch(f"SELECT * FROM {function}({arguments})", begin, end)

    async def performance(self, arguments: str = "$1, $2"):
        (row,) = await self.ask("alarm_performance", arguments)
        return row


@pytest.fixture
async def journal(owner, make_device) -> Journal:
    for name in ("Mixer 1", "Mixer 2"):
        await make_device(name, port=len(name) + int(name[-1]))
    alarms = await owner.fetch("SELECT id FROM alarms WHERE source = 'device' ORDER BY id")
    return Journal(owner, [row["id"] for row in alarms])


async def test_without_alarms_all_is_quiet(journal):
    found = await journal.performance()
    assert (found["alarms"], found["per_day"], found["benchmark"], found["windows"]) == (0, 0, "acceptable", 7 * 144)


async def test_rates_are_those_of_one_operator(journal):
    for number in range(14):
        await journal.occurs(number * 1000)
    assert (await journal.performance())["per_day"] == pytest.approx(2)
    assert (await journal.performance("$1, $2, operators => 2"))["per_day"] == pytest.approx(1)


@pytest.mark.parametrize(("alarms", "benchmark"), [(150, "acceptable"), (151, "manageable"), (301, "overloaded")])
async def test_a_day_is_compared_with_the_benchmarks(journal, alarms, benchmark):
    await journal.owner.execute(
        "INSERT INTO alarm_events (time, alarm_id, kind, priority, event, state) "
        "SELECT $1::timestamptz + make_interval(secs => n), $2, 'offline', 'low', 'raised', 'normal' FROM generate_series(0, $3::int - 1) n",
        BEGIN, journal.alarms[0], alarms,
    )  # fmt: skip
    (found,) = await journal.ask("alarm_performance", end=BEGIN + timedelta(days=1))
    assert found["benchmark"] == benchmark


async def test_windows_of_ten_minutes_count_each_priority_and_are_there_without_alarms(journal):
    await journal.occurs(10, priority="high")
    await journal.occurs(100, alarm=1)
    await journal.occurs(1300)
    rows = await journal.ask("alarm_windows", end=BEGIN + timedelta(minutes=30))
    assert [(row["alarms"], row["high"], row["low"]) for row in rows] == [(2, 1, 1), (0, 0, 0), (1, 0, 1)]


async def test_a_flood_begins_above_ten_and_ends_below_five(journal):
    for window, count in enumerate([10, 11, 5, 4, 12]):
        for number in range(count):
            await journal.occurs(window * 600 + number * 40, lasts=20)
    floods = await journal.ask("alarm_floods")
    starts = [(row["begins"] - BEGIN).total_seconds() / 600 for row in floods]
    assert [(row["alarms"], row["most"]) for row in floods] == [(16, 11), (12, 12)]
    assert starts == [1, 4]


async def test_an_alarm_that_was_hidden_when_it_was_raised_does_not_count(journal):
    await journal.write(0, "raised", hidden=True)
    await journal.write(60, "cleared", hidden=True)
    async with journal.owner.transaction():
        await journal.write(100, "raised", alarm=1)
        await journal.write(95, "suppressed", alarm=1, hidden=True)
    found = await journal.performance()
    assert (found["alarms"], found["hidden"]) == (0, 2)
    assert not any(row["alarms"] for row in await journal.ask("alarm_windows"))


async def test_one_that_is_suppressed_later_did_call(journal):
    await journal.write(100, "raised")
    await journal.write(108, "suppressed", hidden=True)
    assert (await journal.performance())["alarms"] == 1


async def test_the_worst_alarms_have_their_share(journal):
    for number in range(3):
        await journal.occurs(number * 1000, lasts=5)
    await journal.occurs(5000, alarm=1)
    rows = await journal.ask("alarm_worst")
    assert [(row["device"], row["alarms"], row["share"], row["fleeting"]) for row in rows] == [
        ("Mixer 1", 3, 0.75, 3), ("Mixer 2", 1, 0.25, 0),
    ]  # fmt: skip
    assert [row["alarms"] for row in await journal.ask("alarm_worst", "$1, $2, most => 1")] == [3]
    assert (await journal.performance())["fleeting"] == 3


async def test_three_times_within_a_minute_is_chatter_twice_is_not(journal):
    for second in (0, 20, 60, 200, 230):
        await journal.occurs(second, lasts=5)
    for second in (0, 31, 61):
        await journal.occurs(second, lasts=5, alarm=1)
    assert (await journal.performance())["chattering"] == 1
    assert [row["repeats"] for row in await journal.ask("alarm_worst")] == [1, 0]


async def test_what_stands_more_than_a_day_is_stale_also_from_before_and_for_ever(journal):
    await journal.write(-90_000, "raised")
    await journal.write(-1000, "raised", alarm=1)
    await journal.write(85_300, "cleared", alarm=1)
    await journal.write(100_000, "raised", alarm=1)
    rows = await journal.ask("alarm_stale")
    found = [(row["device"], (row["raised_at"] - BEGIN).total_seconds(), row["ended_at"]) for row in rows]
    assert found == [("Mixer 1", -90_000, None), ("Mixer 2", 100_000, None)]
    assert (await journal.performance())["stale"] == 2


async def test_what_was_over_before_the_period_is_not_stale_in_it(journal):
    await journal.occurs(-200_000, lasts=150_000)
    assert await journal.ask("alarm_stale") == []


async def test_the_time_to_acknowledge_is_told_and_what_nobody_acknowledged(journal):
    for number, seconds in enumerate((10, 20, 60)):
        await journal.write(number * 1000, "raised")
        await journal.write(number * 1000 + seconds, "acknowledged")
        await journal.write(number * 1000 + 100, "cleared")
    await journal.occurs(5000)
    await journal.occurs(6000)
    found = await journal.performance()
    assert (found["acknowledged"], found["unacknowledged"], found["median_seconds"]) == (3, 2, 20)
    assert found["p95_seconds"] == pytest.approx(56)


async def test_priorities_stand_beside_what_is_aimed_at(journal):
    await journal.occurs(0, priority="critical")
    for number in range(3):
        await journal.occurs(1000 * number + 1000)
    rows = await journal.ask("alarm_priorities")
    assert [(row["priority"], row["alarms"], row["share"], row["target_share"]) for row in rows] == [
        ("critical", 1, 0.25, 0.01), ("high", 0, 0, 0.05), ("medium", 0, 0, 0.15), ("low", 3, 0.75, 0.8),
    ]  # fmt: skip


async def test_only_the_chosen_devices_count(journal):
    await journal.occurs(0)
    await journal.occurs(0, alarm=1)
    device = await journal.owner.fetchval("SELECT id FROM devices WHERE name = 'Mixer 2'")
    for function in ("alarm_performance", "alarm_worst"):
        rows = await journal.ask(function, f"$1, $2, ARRAY[{device}]")
        assert [row["alarms"] for row in rows] == [1]


async def test_shelves_and_maintenance_are_counted(journal):
    await journal.write(10, "shelved", hidden=True)
    await journal.write(20, "out_of_service", alarm=1, hidden=True)
    found = await journal.performance()
    assert (found["shelved"], found["out_of_service"], found["shelved_now"]) == (1, 1, 0)


async def test_grafana_sees_the_same(journal):
    await journal.occurs(0)
    await journal.owner.execute("SET ROLE ddms_grafana")
    found = await journal.ask("grafana.alarm_performance")
    assert [row["alarms"] for row in found] == [1]
    for name in ("alarm_windows", "alarm_floods", "alarm_worst", "alarm_stale", "alarm_priorities"):
        await journal.ask(f"grafana.{name}")


async def test_a_limited_person_sees_in_grafana_what_is_in_sight(journal):
    await journal.occurs(0)
    await journal.occurs(0, alarm=1)
    person = await journal.owner.fetchval(
        "WITH u AS (INSERT INTO users (name, role, limited) VALUES ('ann', 'viewer', true) RETURNING id), "
        "g AS (INSERT INTO groups (name) VALUES ('hall') RETURNING id), "
        "m AS (INSERT INTO device_groups (group_id, device_id) SELECT g.id, d.id FROM g, devices d WHERE d.name = 'Mixer 2'), "
        "r AS (INSERT INTO user_groups SELECT u.id, g.id FROM u, g) SELECT id FROM u"
    )
    await journal.owner.execute("SET ROLE ddms_grafana_limited")
    worst = f"/*ddms:person {person}*/ SELECT device, alarms FROM limited_grafana.alarm_worst($1, $2)"
    assert [tuple(row) for row in await journal.owner.fetch(worst, BEGIN, END)] == [("Mixer 2", 1)]
    for said in (f"/*ddms:person {person + 1}*/ ", ""):
        found = await journal.owner.fetchval(
            f"{said}SELECT alarms FROM limited_grafana.alarm_performance($1, $2)", BEGIN, END
        )
        assert found == 0
