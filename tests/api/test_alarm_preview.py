"""`alarmPreview`: what limits would have done, against what the collector's flush wrote for the same readings."""

import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.alarmed import START, add_limit, watched
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import halls_fixture  # noqa: F401 - a fixture

PREVIEW = """query ($point: ID!, $limits: [LimitInput!]!, $from: DateTime!, $to: DateTime, $n: Int = 1000) {
  alarmPreview(point: $point, limits: $limits, from: $from, to: $to, occurrences: $n) {
    key kind count seconds longestSeconds share fleeting chattering stands from to parts { from to source }
    occurrences { from to seconds extreme } } }"""
LEVEL = {
    "key": "level",
    "name": "Level",
    "registerTable": "HOLDING",
    "address": 0,
    "dataType": "UINT16",
    "intervalSeconds": 1,
}


async def tank(api: Api, **changes) -> tuple[int, int]:
    """Make a device with the point `level`; return both numbers."""
    device = await add(api, "Tank", points=[LEVEL | changes, LEVEL | {"key": "other", "name": "Other", "address": 1}])
    return int(device["id"].partition("_")[2]), device["points"]["level"]


async def store(owner: asyncpg.Connection, point: int, values, *, start: datetime, step: float = 1) -> None:
    rows = [
        (start + timedelta(seconds=place * step), point, value, 16 if value is None else 0)
        for place, value in enumerate(values)
    ]
    await owner.copy_records_to_table("readings", records=rows, columns=["time", "point_id", "value", "quality"])


async def preview(api: Api, point: int, *limits, start: datetime, actor: str = "viewer", **more):
    return await api.ask(
        PREVIEW, actor, point=f"pt_{point}", limits=list(limits), **{"from": start.isoformat()}, **more
    )


def span(found) -> list[tuple[float, float | None]]:
    """Return when an alarm would have been there, in seconds from the start, oldest first."""
    times = [(one["from"], one["to"]) for one in reversed(found["occurrences"])]
    return [tuple(t and (datetime.fromisoformat(t) - START).total_seconds() for t in pair) for pair in times]


@pytest.mark.parametrize("seed", range(4))
async def test_it_tells_what_the_journal_of_the_flush_tells(api: Api, owner: asyncpg.Connection, settings, seed):
    dice = random.Random(seed)
    device, point = await tank(api)
    limits = [
        {"kind": "HIGH", "threshold": 60, "hysteresis": dice.choice((0, 4)), "onDelaySeconds": dice.choice((0, 30))},
        {
            "kind": "LOW",
            "threshold": 40,
            "offDelaySeconds": dice.choice((0, 50)),
            "onDelaySeconds": dice.choice((0, 80)),
        },
        {"kind": "RATE", "threshold": 3, "periodSeconds": dice.choice((10, 40)), "direction": "ABOVE"},
        {"kind": "BIT", "bit": dice.randrange(5)},
        {"kind": "VALUE", "alarmValues": [44, 50, 58], "inverted": True, "onDelaySeconds": 20},
    ]
    names = {
        "onDelaySeconds": "on_delay_s",
        "offDelaySeconds": "off_delay_s",
        "periodSeconds": "period_s",
        "alarmValues": "alarm_values",
    }
    for limit in limits:
        more = {names.get(name, name): value for name, value in limit.items() if name not in {"kind", "threshold"}}
        if "direction" in more:
            more["direction"] = more["direction"].lower()
        await add_limit(owner, device, limit["kind"].lower(), limit.get("threshold"), **more)
    values, value = [], 50
    for _ in range(120):
        value = min(70, max(30, value + dice.choice((-4, -2, 0, 2, 4))))
        values.append(None if dice.random() < 0.08 else value)
    async with watched(settings, owner, device) as one:
        for place, value in enumerate(values):
            await one.reads(value, at=10 * place)
    rows = await owner.fetch(
        "SELECT a.limit_key, e.event, e.time FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id "
        "WHERE a.source = 'limit' AND e.event IN ('raised', 'cleared') ORDER BY e.id"
    )
    end = START + timedelta(seconds=1300)
    for found in await preview(api, point, *limits, start=START, to=end.isoformat()):
        told = [r for r in rows if r["limit_key"] == found["kind"].lower()]
        times = [(r["time"] - START).total_seconds() for r in told]
        journal = [(times[at], times[at + 1] if at + 1 < len(times) else None) for at in range(0, len(times), 2)]
        assert span(found) == journal, found["kind"]
        assert found["count"] == len(journal)


async def test_it_tells_how_long_how_often_and_the_extremes(api: Api, owner: asyncpg.Connection):
    _, point = await tank(api)
    await store(owner, point, [50] * 10 + [90, 95, 91] + [50] * 27 + [85] * 30 + [50] * 10 + [81], start=START)
    end = START + timedelta(seconds=100)
    (found,) = await preview(api, point, {"kind": "HIGH", "threshold": 80}, start=START, to=end.isoformat())
    assert (found["count"], found["seconds"], found["longestSeconds"], found["share"]) == (3, 53, 30, 0.53)
    assert (found["fleeting"], found["chattering"], found["stands"]) == (1, 0, True)
    assert [(one["seconds"], one["extreme"]) for one in found["occurrences"]] == [(20, 81), (30, 85), (3, 95)]
    assert [part["source"] for part in found["parts"]] == ["RAW"]


async def test_a_low_limit_shows_its_lowest_value_and_chatter_is_counted(api: Api, owner: asyncpg.Connection):
    _, point = await tank(api)
    await store(owner, point, [50, 9, 50, 8, 50, 7, 50], start=START)
    (found,) = await preview(api, point, {"kind": "LOW", "threshold": 10}, start=START, n=2)
    assert (found["count"], found["chattering"]) == (3, 1)
    assert [one["extreme"] for one in found["occurrences"]] == [7, 8]


async def test_a_deviation_is_taken_from_the_other_point(api: Api, owner: asyncpg.Connection):
    device, point = await tank(api)
    other = await owner.fetchval("SELECT id FROM points WHERE device_id = $1 AND key = 'other'", device)
    await store(owner, point, [50, 50, 50, 50], start=START)
    await store(owner, other, [50, 58, 61, 50], start=START)
    limit = {"kind": "DEVIATION", "threshold": 10, "referenceKey": "other", "direction": "BELOW"}
    (found,) = await preview(api, point, limit, start=START)
    assert span(found) == [(2, 3)]
    assert found["occurrences"][0]["extreme"] == 11


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ([{"kind": "HIGH", "threshold": 10}, {"kind": "LOW", "threshold": 20}], "limits.0.threshold"),
        ([{"kind": "HIGH"}], "limits.0.threshold"),
        ([{"kind": "DEVIATION", "threshold": 1, "referenceKey": "nowhere"}], "limits.0.referenceKey"),
    ],
)
async def test_wrong_limits_are_refused_in_the_words_of_saving(api: Api, limits, field):
    _, point = await tank(api)
    answer = await api.post(PREVIEW, point=f"pt_{point}", limits=limits, **{"from": START.isoformat()})
    error = answer["errors"][0]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == field


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"point": "pt_999"}, "NOT_FOUND"), ({"from": "2199-01-01T00:00:00Z"}, "INVALID"), ({"n": 1001}, "INVALID")],
)
async def test_what_cannot_be_previewed_is_refused(api: Api, changes, code):
    _, point = await tank(api)
    limits = [{"kind": "HIGH", "threshold": 80}]
    asked = {"point": f"pt_{point}", "limits": limits, "from": START.isoformat()} | changes
    assert await api.code(PREVIEW, **asked) == code


async def test_where_readings_are_gone_rollups_say_what_they_can(api: Api, owner: asyncpg.Connection):
    device, point = await tank(api)
    await owner.execute("UPDATE devices SET retention_days = 1 WHERE id = $1", device)
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=3)
    await owner.executemany(
        "INSERT INTO rollup_1m (point_id, bucket, total, good, count, sum, min, max, worst) VALUES ($1, $2, 60, 60, 60, 0, $3, $4, 0)",
        [(point, begin + timedelta(minutes=n), 20 if n == 5 else 50, 90 if n in {2, 3} else 60) for n in range(10)],
    )
    await store(owner, point, [50, 99, 50], start=datetime.now(UTC) - timedelta(hours=1))
    levels = {"kind": "HIGH", "threshold": 80}, {"kind": "LOW", "threshold": 30}
    high, low, bit = await preview(api, point, *levels, {"kind": "BIT", "bit": 0}, start=begin)
    assert [part["source"] for part in high["parts"]] == ["MINUTES", "RAW"]
    assert [one["seconds"] for one in high["occurrences"]] == [1, 120]
    assert [(one["seconds"], one["extreme"]) for one in low["occurrences"]] == [(60, 20)]
    assert ([part["source"] for part in bit["parts"]], bit["count"]) == (["RAW"], 1)


async def test_without_readings_nothing_would_have_happened(api: Api):
    _, point = await tank(api)
    (found,) = await preview(api, point, {"kind": "HIGH", "threshold": 80}, start=START)
    assert (found["count"], found["share"], found["occurrences"]) == (0, 0, [])


async def test_points_out_of_sight_are_not_there(halls):
    asked = {"limits": [{"kind": "HIGH", "threshold": 80}], "from": START.isoformat()}
    assert await halls.api.code(PREVIEW, "viewer3", point=halls.fourth.point, **asked) == "NOT_FOUND"
    (found,) = await halls.api.ask(PREVIEW, "viewer3", point=halls.third.point, **asked)
    assert found["count"] == 0
