"""The newest readings and the history of points."""

import time
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

LATEST = "query ($devices: [ID!], $points: [ID!]) { latest(devices: $devices, points: $points) { count columns { pointId deviceId key time value quality text } } }"
SERIES = """query ($points: [ID!]!, $from: DateTime!, $to: DateTime, $max: Int) {
  series(points: $points, from: $from, to: $to, maxPoints: $max) {
    point { key } source from to truncated continueFrom count columns { time value quality text }
    samples { time value text quality reason } } }"""
START = datetime(2026, 7, 1, 6, tzinfo=UTC)


async def fill(owner: asyncpg.Connection, point: int, values: list[float | None]) -> None:
    rows = [
        (START + timedelta(seconds=10 * i), point, value, 0 if value is not None else 16)
        for i, value in enumerate(values)
    ]
    await owner.executemany("INSERT INTO readings (time, point_id, value, quality) VALUES ($1, $2, $3, $4)", rows)


async def test_latest_brings_all_devices_as_columns_in_one_order(api: Api, owner: asyncpg.Connection):
    first, second = await add(api, "A"), await add(api, "B")
    now = time.time()
    await api.read(owner, {second["points"]["flow"]: None, first["points"]["flow"]: 2.5}, at=now)
    mode = first["points"]["mode"]
    await api.read(owner, {mode: None}, at=now + 1, **{f"p{mode}": "auto"})
    latest = await api.ask(LATEST)
    columns = latest["columns"]
    assert latest["count"] == 3
    assert columns["pointId"] == [f"pt_{n}" for n in (first["points"]["flow"], mode, second["points"]["flow"])]
    assert columns["deviceId"] == [first["id"], first["id"], second["id"]]
    assert columns["key"] == ["flow", "mode", "flow"]
    assert columns["value"] == [2.5, None, None]
    assert columns["text"] == [None, "auto", None]
    assert columns["quality"] == [0, 0, 16]
    assert columns["time"][0] == int(now * 1000)
    assert (await api.ask(LATEST, devices=[second["id"]]))["columns"]["value"] == [None]
    assert (await api.ask(LATEST, points=[f"pt_{mode}"]))["count"] == 1
    assert (await api.ask(LATEST, points=[]))["count"] == 0
    assert (await api.ask(LATEST, devices=["dev_12345"]))["columns"]["pointId"] == []


async def test_a_point_shows_its_newest_reading_as_an_object(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await api.read(owner, {device["points"]["flow"]: None})
    query = "query ($id: ID!) { device(id: $id) { points { key latest { time value quality reason } } } }"
    latest = {point["key"]: point["latest"] for point in (await api.ask(query, id=device["id"]))["points"]}
    assert (latest["flow"]["value"], latest["flow"]["quality"], latest["flow"]["reason"]) == (None, "BAD", "TIMEOUT")
    assert datetime.fromisoformat(latest["flow"]["time"]).tzinfo is not None
    assert latest["running"] is None


async def test_a_series_has_its_gaps(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await fill(owner, device["points"]["flow"], [1.0, None, 3.0])
    (series,) = await api.ask(SERIES, points=[f"pt_{device['points']['flow']}"], **{"from": START.isoformat()})
    assert (series["point"], series["source"], series["truncated"], series["continueFrom"]) == (
        {"key": "flow"},
        "RAW",
        False,
        None,
    )
    assert series["columns"]["value"] == [1.0, None, 3.0]
    assert series["columns"]["quality"] == [0, 16, 0]
    assert series["columns"]["time"] == [int(START.timestamp() * 1000) + 10_000 * i for i in range(3)]
    assert [s["reason"] for s in series["samples"]] == ["GOOD", "TIMEOUT", "GOOD"]
    assert series["samples"][1]["value"] is None


async def test_a_series_that_is_cut_off_says_where_it_goes_on(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await fill(owner, device["points"]["flow"], [float(i) for i in range(10)])
    asked = {"points": [f"pt_{device['points']['flow']}"], "max": 4}
    start, values = START.isoformat(), []
    while start:
        (series,) = await api.ask(SERIES, **asked, **{"from": start})
        values += series["columns"]["value"]
        assert series["truncated"] == (series["continueFrom"] is not None)
        start = series["continueFrom"]
    assert values == [float(i) for i in range(10)]


async def test_a_series_is_from_inclusive_to_exclusive_and_keeps_the_order_asked_for(
    api: Api, owner: asyncpg.Connection
):
    device = await add(api)
    flow, running = device["points"]["flow"], device["points"]["running"]
    await fill(owner, flow, [0.0, 1.0, 2.0])
    span = {"from": "2026-07-01T14:00:10+08:00", "to": "2026-07-01T06:00:20Z"}
    both = await api.ask(SERIES, points=[f"pt_{running}", f"pt_{flow}"], **span)
    assert [series["point"]["key"] for series in both] == ["running", "flow"]
    assert [series["columns"]["value"] for series in both] == [[], [1.0]]


async def test_a_series_of_texts(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    mode = device["points"]["mode"]
    await owner.execute("INSERT INTO texts (time, point_id, text) VALUES ($1, $2, 'auto')", START, mode)
    (series,) = await api.ask(SERIES, points=[f"pt_{mode}"], **{"from": START.isoformat()})
    assert (series["count"], series["columns"]["text"], series["columns"]["value"]) == (1, ["auto"], [])
    assert [s["text"] for s in series["samples"]] == ["auto"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"points": []}, "INVALID"),
        ({"points": ["pt_1"] * 20_001}, "INVALID"),
        ({"points": ["pt_99"]}, "NOT_FOUND"),
        ({"points": ["dev_1"]}, "INVALID"),
        ({"to": START.isoformat()}, "INVALID"),
        ({"max": 0}, "INVALID"),
        ({"max": 1_000_001}, "INVALID"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "INVALID"),
    ],
)
async def test_a_series_that_cannot_be_is_refused(api: Api, changed, code):
    await add(api)
    assert await api.code(SERIES, **({"points": ["pt_1"], "from": START.isoformat()} | changed)) == code
