"""The newest readings and the history of points."""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.history import history

LATEST = "query ($devices: [ID!], $points: [ID!]) { latest(devices: $devices, points: $points) { count columns { pointId deviceId key time value quality text } } }"
SERIES = """query ($points: [ID!]!, $from: DateTime!, $to: DateTime, $max: Int, $bucket: Duration, $zone: String! = "UTC", $raw: Boolean! = false, $origin: DateTime) {
  series(points: $points, from: $from, to: $to, maxPoints: $max, bucket: $bucket, timeZone: $zone, raw: $raw, origin: $origin) {
    point { key } source bucket from to openFrom truncated continueFrom count gaps { from to }
    columns { time value timeWeightedAverage coveredSeconds min max first last count good quality text }
    samples { nodes { time value timeWeightedAverage min max count text quality reason } hasNextPage endCursor } } }"""
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
    async with asyncio.timeout(60):
        while (latest := await api.ask(LATEST))["count"] < 3:
            await asyncio.sleep(0.01)
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


async def test_latest_is_the_same_from_the_stream_and_from_the_database(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow, running, mode = (device["points"][key] for key in ("flow", "running", "mode"))
    await api.read(owner, {flow: 2.5, running: None, mode: None}, **{f"p{mode}": "auto"})
    async with asyncio.timeout(60):
        while (streamed := await api.ask(LATEST))["count"] < 3:
            await asyncio.sleep(0.01)
    some = await api.ask(LATEST, points=[f"pt_{mode}"], devices=["dev_999"])
    api.parts.hub.connected.clear()  # as while the stream has lost the database
    assert await api.ask(LATEST) == streamed
    assert await api.ask(LATEST, points=[f"pt_{mode}"], devices=["dev_999"]) == some
    api.parts.hub.connected.set()


async def test_latest_knows_what_was_replayed_from_a_spool(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    await api.read(owner, {flow: 1.0})
    await owner.execute("UPDATE latest SET value = 2, time = time + interval '1 s'")
    await owner.execute(
        """SELECT pg_notify(channel('ddms_replays'), '{"collector": "test", "sequence": 1, "first": null, "last": null}')"""
    )
    async with asyncio.timeout(60):
        while (await api.ask(LATEST))["columns"]["value"] != [2.0]:
            await asyncio.sleep(0.01)


async def test_latest_knows_what_was_imported(api: Api, settings, tmp_path: Path):
    device = await add(api)
    file = tmp_path / "new.csv"
    file.write_text(f"time,tag,value\n{datetime.now(UTC).isoformat()},pt_{device['points']['flow']},2\n")
    assert (await history(settings, "import", file)).code == 0
    async with asyncio.timeout(60):
        while (await api.ask(LATEST))["columns"]["value"] != [2.0]:
            await asyncio.sleep(0.01)


async def test_a_point_shows_its_newest_reading_as_an_object(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await api.read(owner, {device["points"]["flow"]: None})
    query = "query ($id: ID!) { device(id: $id) { points { key latest { time value quality reason } } } }"
    latest = {point["key"]: point["latest"] for point in (await api.ask(query, id=device["id"]))["points"]}
    assert (latest["flow"]["value"], latest["flow"]["quality"], latest["flow"]["reason"]) == (None, "BAD", "TIMEOUT")
    assert datetime.fromisoformat(latest["flow"]["time"]).tzinfo is not None
    assert latest["running"] is None


def until(seconds: int) -> dict[str, str]:
    """Return the arguments for so many seconds from START."""
    return {"from": START.isoformat(), "to": (START + timedelta(seconds=seconds)).isoformat()}


async def roll_up(owner: asyncpg.Connection) -> None:
    """Roll up what was stored past the collector."""
    await owner.execute(f"CALL rebuild_rollups('{START.isoformat()}', '{(START + timedelta(days=1)).isoformat()}')")


async def keep(owner: asyncpg.Connection) -> None:
    """Let START be a time of which readings are kept."""
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("UPDATE points SET interval_s = 10")


async def test_a_series_shows_bad_readings_without_a_value(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    await fill(owner, device["points"]["flow"], [1.0, None, 3.0])
    (series,) = await api.ask(SERIES, points=[f"pt_{device['points']['flow']}"], **until(30))
    assert (series["point"], series["source"], series["bucket"], series["truncated"]) == (
        {"key": "flow"},
        "RAW",
        None,
        False,
    )
    columns = series["columns"]
    assert (
        columns["value"] == columns["min"] == columns["max"] == columns["first"] == columns["last"] == [1.0, None, 3.0]
    )
    assert (columns["quality"], columns["count"], columns["good"]) == ([0, 16, 0], [1, 0, 1], [1, 0, 1])
    assert columns["time"] == [int(START.timestamp() * 1000) + 10_000 * i for i in range(3)]
    assert [s["reason"] for s in series["samples"]["nodes"]] == ["GOOD", "TIMEOUT", "GOOD"]
    assert (series["count"], series["gaps"]) == (3, [])


async def test_an_outage_is_a_gap_and_not_drawn_through(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    flow = device["points"]["flow"]
    await fill(owner, flow, [1.0, 2.0, *[9.0] * 30, 3.0])
    await owner.execute("DELETE FROM readings WHERE value = 9")
    await roll_up(owner)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], **until(600))
    at = [datetime.fromisoformat(gap[end]) - START for gap in series["gaps"] for end in ("from", "to")]
    assert at == [timedelta(seconds=s) for s in (20, 320, 330, 600)]
    assert series["columns"]["value"] == [1.0, 2.0, None, 3.0, None]
    assert series["columns"]["quality"] == [0, 0, None, 0, None]
    assert (series["count"], len(series["samples"]["nodes"])) == (3, 3)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], bucket="PT1M", **until(600))
    assert series["columns"]["value"] == [1.5, None, 3.0, None]
    assert [gap["from"] for gap in series["gaps"]] == [(START + timedelta(minutes=m)).isoformat() for m in (1, 6)]


async def test_a_series_without_any_data_is_one_gap(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    for bucket in (None, "PT1H", "P1D"):
        (series,) = await api.ask(SERIES, points=[f"pt_{device['points']['flow']}"], bucket=bucket, **until(86400))
        assert (series["count"], series["columns"]["value"], len(series["gaps"])) == (0, [], 1)
        assert series["samples"] == {"nodes": [], "hasNextPage": False, "endCursor": None}


async def test_many_readings_come_in_buckets_that_keep_the_extremes(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    flow = device["points"]["flow"]
    await fill(owner, flow, [float(i % 7) for i in range(1000)])
    await roll_up(owner)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], max=200, **until(10_000))
    assert (series["source"], series["bucket"]) == ("MINUTES", "PT1M")
    columns = series["columns"]
    assert (min(columns["min"]), max(columns["max"])) == (0.0, 6.0)
    assert sum(v * n for v, n in zip(columns["value"], columns["count"], strict=True)) == sum(
        i % 7 for i in range(1000)
    )
    assert set(columns["good"]) == {1}
    assert (columns["first"][0], columns["last"][0]) == (0.0, 5.0)


async def test_buckets_may_be_days_of_a_time_zone(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    flow = device["points"]["flow"]
    await fill(owner, flow, [1.0, 2.0])
    await roll_up(owner)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], bucket="P1D", zone="Asia/Shanghai", **until(100))
    assert (series["source"], series["bucket"]) == ("HOURS", "P1D")
    assert series["columns"]["value"][0] == 1.5
    assert (series["from"], series["to"]) == ("2026-06-30T16:00:00+00:00", "2026-07-01T16:00:00+00:00")
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], bucket="P1M", **until(100))
    assert (series["source"], series["bucket"], series["from"]) == ("DAYS", "P1M", "2026-07-01T00:00:00+00:00")


async def test_the_newest_bucket_says_that_it_is_open(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    now = datetime.now(UTC)
    await owner.execute(
        "INSERT INTO readings (time, point_id, value) VALUES ($1, $2, 4)", now, device["points"]["flow"]
    )
    asked = {"points": [f"pt_{device['points']['flow']}"], "from": (now - timedelta(days=2)).isoformat()}
    (series,) = await api.ask(SERIES, bucket="P1D", **asked)
    assert series["openFrom"] == now.replace(hour=0, minute=0, second=0, microsecond=0).isoformat()
    assert series["columns"]["value"][-1] == 4.0


BERLIN = ZoneInfo("Europe/Berlin")


async def hourly(
    owner: asyncpg.Connection, point: int, start: datetime, end: datetime, *, without: set[date] = frozenset()
) -> None:
    """Store a reading each hour, except on some days of Berlin; the first days are rolled up."""
    count = (end - start) // timedelta(hours=1)
    moments = [start + timedelta(hours=n) for n in range(count)]
    rows = [(time, point, 1.0, 0) for time in moments if time.astimezone(BERLIN).date() not in without]
    await keep(owner)
    await owner.execute("UPDATE points SET interval_s = 3600")
    await owner.executemany("INSERT INTO readings (time, point_id, value, quality) VALUES ($1, $2, $3, $4)", rows)
    await owner.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", start)
    await owner.execute(f"CALL refresh_rollups('{(start + timedelta(days=9, hours=7)).isoformat()}')")


@pytest.mark.parametrize("bucket", ["P1M", "P1W", "P1D", "P3M", "PT8H", "PT6H", "PT1H"])
async def test_no_bucket_is_taken_for_an_outage_whatever_its_length(api: Api, owner: asyncpg.Connection, bucket):
    flow = (await add(api))["points"]["flow"]
    start, end = datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2026, 11, 1, tzinfo=BERLIN)
    await hourly(owner, flow, start.astimezone(UTC), end.astimezone(UTC))
    asked = {"points": [f"pt_{flow}"], "from": start.isoformat(), "to": end.isoformat(), "zone": "Europe/Berlin"}
    (series,) = await api.ask(SERIES, bucket=bucket, **asked)
    assert [gap for gap in series["gaps"] if datetime.fromisoformat(gap["from"]) < end] == []
    assert series["count"] > 3
    assert sum(series["columns"]["coveredSeconds"]) == (end.astimezone(UTC) - start.astimezone(UTC)).total_seconds()


@pytest.mark.parametrize(
    ("bucket", "without", "count"),
    [
        ("P1D", {date(2026, 3, 29)}, 1),  # 23 hours long
        ("P1D", {date(2026, 10, 25)}, 1),  # 25 hours long
        ("P1M", {date(2026, 2, day) for day in range(1, 29)}, 28),
        ("P1M", {date(2026, 7, day) for day in range(1, 32)}, 31),
    ],
)
async def test_a_bucket_without_readings_is_an_outage_of_its_own_length(
    api: Api, owner: asyncpg.Connection, bucket, without, count
):
    flow = (await add(api))["points"]["flow"]
    start, end = datetime(2026, 1, 1, tzinfo=BERLIN), datetime(2026, 11, 1, tzinfo=BERLIN)
    await hourly(owner, flow, start.astimezone(UTC), end.astimezone(UTC), without=without)
    asked = {"points": [f"pt_{flow}"], "from": start.isoformat(), "to": end.isoformat(), "zone": "Europe/Berlin"}
    (series,) = await api.ask(SERIES, bucket=bucket, **asked)
    ((first, last),) = [
        [datetime.fromisoformat(gap[name]).astimezone(BERLIN).replace(tzinfo=None) for name in ("from", "to")]
        for gap in series["gaps"]
    ]
    assert (first.date(), last - first) == (min(without), timedelta(days=count))


async def test_shifts_begin_at_the_same_hours_of_the_place_in_summer_too(api: Api, owner: asyncpg.Connection):
    flow = (await add(api))["points"]["flow"]
    start, end = datetime(2026, 3, 28, 6, tzinfo=BERLIN), datetime(2026, 3, 30, 6, tzinfo=BERLIN)
    await hourly(owner, flow, start.astimezone(UTC), end.astimezone(UTC))
    asked = {"points": [f"pt_{flow}"], "from": start.isoformat(), "to": end.isoformat(), "zone": "Europe/Berlin"}
    (series,) = await api.ask(SERIES, bucket="PT8H", origin="2026-01-01T06:00:00+01:00", **asked)
    begins = [datetime.fromtimestamp(ms / 1000, BERLIN).hour for ms in series["columns"]["time"]]
    assert begins == [6, 14, 22] * 2
    assert (series["source"], series["columns"]["count"]) == ("HOURS", [8, 8, 7, 8, 8, 8])
    (series,) = await api.ask(SERIES, bucket="PT8H", origin="2026-01-01T06:30:00+01:00", **asked)
    assert (series["source"], series["from"]) == ("MINUTES", "2026-03-27T21:30:00+00:00")


async def test_the_average_is_offered_by_readings_and_by_time(api: Api, owner: asyncpg.Connection):
    flow = (await add(api))["points"]["flow"]
    await keep(owner)
    await owner.execute("UPDATE points SET deadband = 1, heartbeat_s = 3600")
    rows = [(START, 10.0), *((START + timedelta(minutes=59, seconds=s), 20.0) for s in range(60))]
    await owner.executemany(
        "INSERT INTO readings (time, point_id, value, quality) VALUES ($1, $2, $3, 0)", [(t, flow, v) for t, v in rows]
    )
    await roll_up(owner)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], bucket="PT1H", **until(3600))
    assert series["columns"]["value"] == [pytest.approx(1210 / 61)]
    # The last reading was at 06:59:59; the next one is far away, so it holds for its interval.
    assert series["columns"]["timeWeightedAverage"] == [pytest.approx((59 * 10 + 20) / 60)]
    assert series["columns"]["coveredSeconds"] == [3600]
    assert series["samples"]["nodes"][0]["timeWeightedAverage"] == pytest.approx((59 * 10 + 20) / 60)
    (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], raw=True, **until(3600))
    assert series["columns"]["timeWeightedAverage"] == series["columns"]["value"]


async def test_the_time_of_a_sample_has_microseconds(api: Api, owner: asyncpg.Connection):
    flow = (await add(api))["points"]["flow"]
    await keep(owner)
    times = [START + timedelta(microseconds=n) for n in (123_455, 123_456, 123_999, 124_000)]
    rows = [(time, flow, 1.0, 0) for time in times]
    await owner.executemany("INSERT INTO readings (time, point_id, value, quality) VALUES ($1, $2, $3, $4)", rows)
    query = """query ($points: [ID!]!, $from: DateTime!, $to: DateTime, $after: String) { series(points: $points, from: $from, to: $to) {
      columns { time } samples(first: 1, after: $after) { nodes { time } endCursor } } }"""
    found, after = [], None
    for _ in times:
        (series,) = await api.ask(query, points=[f"pt_{flow}"], after=after, **until(1))
        found += [datetime.fromisoformat(node["time"]) for node in series["samples"]["nodes"]]
        after = series["samples"]["endCursor"]
    assert found == times
    milliseconds = int(START.timestamp() * 1000)
    assert series["columns"]["time"] == [milliseconds + n for n in (123, 123, 123, 124)]


async def test_integers_beyond_2_to_the_53_have_their_digits_beside_them(api: Api, owner: asyncpg.Connection):
    flow = (await add(api))["points"]["flow"]
    await keep(owner)
    await owner.execute("UPDATE points SET data_type = 'uint64' WHERE id = $1", flow)
    big, text = 2.0**53, "9007199254740993"
    await fill(owner, flow, [big, 5.0, big, big])
    await owner.execute("UPDATE readings SET quality = 2 WHERE value > 5")
    words = [(-10, text), (10, None), (20, text[:-1] + "5")]
    rows = [(START + timedelta(seconds=s), flow, word, 2) for s, word in words]
    await owner.executemany("INSERT INTO texts (time, point_id, text, quality) VALUES ($1, $2, $3, $4)", rows)
    for raw in (False, True):
        (series,) = await api.ask(SERIES, points=[f"pt_{flow}"], raw=raw, **until(600))
        digits = [text, None, text[:-1] + "5", text[:-1] + "5"]
        assert series["columns"]["text"] == [*digits, None]  # the last row marks an outage
        assert [(s["text"], s["reason"]) for s in series["samples"]["nodes"]] == [
            (digit, "ROUNDED" if digit else "GOOD") for digit in digits
        ]


async def test_samples_come_in_pages(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    await fill(owner, device["points"]["flow"], [float(i) for i in range(10)])
    query = """query ($points: [ID!]!, $from: DateTime!, $to: DateTime, $after: String) { series(points: $points, from: $from, to: $to) {
      samples(first: 4, after: $after) { nodes { value } hasNextPage endCursor } } }"""
    values, after, more = [], None, True
    while more:
        (series,) = await api.ask(query, points=[f"pt_{device['points']['flow']}"], after=after, **until(600))
        values += [node["value"] for node in series["samples"]["nodes"]]
        after, more = series["samples"]["endCursor"], series["samples"]["hasNextPage"]
    assert values == [float(i) for i in range(10)]


async def test_raw_readings_that_are_cut_off_say_where_they_go_on(api: Api, owner: asyncpg.Connection):
    device = await add(api)
    await keep(owner)
    await fill(owner, device["points"]["flow"], [float(i) for i in range(10)])
    asked = {"points": [f"pt_{device['points']['flow']}"], "max": 4, "raw": True, **until(100)}
    values = []
    while asked["from"]:
        (series,) = await api.ask(SERIES, **asked)
        values += series["columns"]["value"]
        assert series["truncated"] == (series["continueFrom"] is not None)
        asked["from"] = series["continueFrom"]
    assert values == [float(i) for i in range(10)]


async def test_a_series_is_from_inclusive_to_exclusive_and_keeps_the_order_asked_for(
    api: Api, owner: asyncpg.Connection
):
    device = await add(api)
    await keep(owner)
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
    assert [s["text"] for s in series["samples"]["nodes"]] == ["auto"]


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
        ({"from": "1926-07-01T00:00:00Z"}, "INVALID"),
        ({"to": "2226-07-01T00:00:00Z"}, "INVALID"),
        ({"bucket": "PT0S"}, "INVALID"),
        ({"bucket": "-PT1H"}, "INVALID"),
        ({"bucket": "P2M"}, "INVALID"),
        ({"bucket": "PT"}, "INVALID"),
        ({"bucket": "an hour"}, "INVALID"),
        ({"bucket": "PT1S"}, "INVALID"),
        ({"bucket": "PT1H", "raw": True}, "INVALID"),
        ({"origin": START.isoformat(), "raw": True}, "INVALID"),
        ({"origin": "0001-01-01T00:00:00+14:00"}, "INVALID"),
        ({"zone": "Europe/Atlantis"}, "INVALID"),
        ({"zone": "../../etc/passwd"}, "INVALID"),
        ({"zone": ""}, "INVALID"),
    ],
)
async def test_a_series_that_cannot_be_is_refused(api: Api, changed, code):
    await add(api)
    assert await api.code(SERIES, **({"points": ["pt_1"], "from": START.isoformat()} | changed)) == code
