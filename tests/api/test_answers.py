"""What a report asks: states, percentiles, values at a time, groups and ratios; and what is refused, with what to do."""

import csv
import io
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

START = datetime(2026, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERIES = """query ($points: [ID!], $groups: [ID!], $devices: [ID!], $keys: [String!], $from: DateTime!, $to: DateTime!, $state: String, $percentiles: [Float!], $bucket: Duration = "PT1H", $raw: Boolean! = false) {
  series(points: $points, groups: $groups, devices: $devices, keys: $keys, from: $from, to: $to, state: $state, percentiles: $percentiles, bucket: $bucket, raw: $raw) {
    point { id key } percentileSource columns { time %s } } }"""
COMBINED = """query ($of: [CombinedTerm!]!, $ratios: [CombinedRatio!], $from: DateTime!, $to: DateTime!, $bucket: Duration = "PT1H") {
  combined(of: $of, ratios: $ratios, from: $from, to: $to, bucket: $bucket) { bucket time until values { name unit value points reason } } }"""
VALUES = """query ($points: [ID!], $at: [DateTime!]!, $interpolate: Boolean! = false) {
  valuesAt(points: $points, at: $at, interpolate: $interpolate) { value age interpolated valueName } }"""
SPAN = {"from": START.isoformat(), "to": (START + 2 * HOUR).isoformat()}


@pytest.fixture
async def pumps(api: Api, owner: asyncpg.Connection) -> dict[str, list[str]]:
    """Two pumps in a group, of which the first runs for 20 minutes of each hour with 30 l/min, the second the first hour with 10."""
    devices = [await add(api, f"Pump {n}", endpoint=f"tcp://10.0.0.{n}", groups=["Pumps"]) for n in (1, 2)]
    flows, tanks = ([device["points"][key] for device in devices] for key in ("flow", "running"))
    await owner.execute("UPDATE points SET unit = 'l/min', interval_s = 60 WHERE key = 'flow'")
    await owner.execute(
        "UPDATE points SET key = 'total', data_type = 'uint32', register_table = 'holding', counter = true, unit = 'l', interval_s = 60 WHERE key = 'running'"
    )
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", START - 24 * HOUR)
    minutes = [(START + timedelta(minutes=n), n) for n in range(121)]
    readings = [(time, flows[0], 30.0 * (10 <= n % 60 < 30), 0) for time, n in minutes]
    readings += [(time, flows[1], 10.0 * (n < 60), 0) for time, n in minutes]
    readings += [(time, tanks[0], 10.0 * n, 0) for time, n in minutes]
    readings += [(time, tanks[1], 5.0 * min(n, 59), 0) for time, n in minutes]
    await owner.copy_records_to_table("readings", records=readings)
    group = await owner.fetchval("SELECT 'grp_' || id FROM groups")
    return {"flows": [f"pt_{n}" for n in flows], "totals": [f"pt_{n}" for n in tanks], "groups": [group]}


async def test_running_hours_and_starts_of_a_group_are_found_by_its_key(api: Api, pumps):
    asked = {"groups": pumps["groups"], "keys": ["flow"], "state": "> 0"} | SPAN
    first, second = await api.ask(SERIES % "stateSeconds starts standardDeviation", **asked)
    assert [first["point"]["id"], second["point"]["id"]] == pumps["flows"]
    assert (first["columns"]["stateSeconds"], first["columns"]["starts"]) == ([1200, 1200], [1, 1])
    assert (second["columns"]["stateSeconds"], second["columns"]["starts"]) == ([3600, 0], [0, 0])
    assert second["columns"]["standardDeviation"] == [0, 0]


async def test_a_state_is_called_by_its_name_and_percentiles_come_in_their_order(api: Api, owner, pumps):
    names = {"0": {"name": "Off"}, "30": {"name": "Full, at last"}}
    await owner.execute("UPDATE points SET value_names = $1 WHERE key = 'flow'", names)
    one = {"points": pumps["flows"][:1]} | SPAN
    [found] = await api.ask(SERIES % "stateSeconds", **one, state="full, AT last")
    assert found["columns"]["stateSeconds"] == [1200, 1200]
    [found] = await api.ask(SERIES % "percentiles { percent value }", **one, percentiles=[100, 50, 66.7])
    assert found["percentileSource"] == "RAW"
    assert [(p["percent"], p["value"]) for p in found["columns"]["percentiles"]] == [
        (100, [30, 30]), (50, [0, 0]), (66.7, [30, 30])]  # fmt: skip


async def test_a_sum_of_a_group_and_what_it_gives_divided_by_another(api: Api, pumps):
    flow = {"name": "flow", "groups": pumps["groups"], "keys": ["flow"]}
    litres = {"name": "litres", "groups": pumps["groups"], "keys": ["total"], "take": "INCREASE"}
    second = {"name": "second", "points": pumps["flows"][1:], "take": "STATE_SECONDS", "state": "> 0"}
    most = {"name": "most", "points": pumps["flows"], "take": "MAX", "over": "MAX"}
    begun = {"name": "begun", "groups": pumps["groups"], "keys": ["flow"], "take": "STARTS", "state": "> 0"}
    ratio = {"name": "each", "divide": "litres", "by": "second", "times": 60}
    found = await api.ask(COMBINED, of=[flow, litres, second, most, begun], ratios=[ratio], **SPAN)
    values = {one["name"]: one for one in found["values"]}
    assert values["flow"] | {"value": [20, 10]} == values["flow"]
    assert (values["flow"]["unit"], values["flow"]["points"]) == ("l/min", [2, 2])
    assert (values["litres"]["value"], values["most"]["value"]) == ([590 + 295, 600], [30, 30])
    assert (values["begun"]["value"], values["begun"]["unit"]) == ([1, 1], "")
    assert (values["each"]["value"], values["each"]["unit"]) == ([885 / 3600 * 60, None], "l/s")
    assert values["each"]["reason"] == [None, "division by zero"]
    assert [at - begin for begin, at in zip(found["time"], found["until"], strict=True)] == [3_600_000] * 2


async def test_a_value_at_a_time_has_its_age_and_lies_between_two_on_request(api: Api, pumps):
    asked = {"points": pumps["totals"][:1], "at": [(START + timedelta(seconds=s)).isoformat() for s in (-1, 90, 7290)]}
    held = await api.ask(VALUES, **asked)
    assert [(one["value"], one["age"]) for one in held] == [(None, None), (10, 30), (1200, 90)]
    between = await api.ask(VALUES, **asked, interpolate=True)
    assert [(one["value"], one["interpolated"]) for one in between] == [(None, False), (15, True), (1200, False)]


async def test_what_is_no_answer_is_refused_by_its_field(api: Api, owner: asyncpg.Connection, pumps):
    empty = await owner.fetchval("INSERT INTO groups (name) VALUES ('Empty') RETURNING 'grp_' || id")
    flows, totals = pumps["flows"], pumps["totals"]
    text = await owner.fetchval("SELECT 'pt_' || id FROM points WHERE key = 'mode' LIMIT 1")
    state, percent = SERIES % "stateSeconds", SERIES % "percentiles { value }"
    one = {"name": "a", "points": flows}
    for query, asked, field, told in [
        (state, {"state": "> 0"}, "points", "say which points"),
        (state, {"points": flows}, "state", "needs a state"),
        (state, {"points": flows, "state": "on"}, "state", "'on' is no state: write > 0"),
        (state, {"points": flows, "state": ""}, "state", "'' is no state"),
        (state, {"points": flows, "state": "5..1"}, "state", "lower number first"),
        (state, {"points": flows, "state": "1," * 40}, "state", "at most 32 parts"),
        (state, {"points": [text], "state": "> 0"}, "state", "is a text"),
        (state, {"groups": [empty], "state": "> 0"}, "points", "the groups are empty"),
        (state, {"groups": ["grp_999"], "state": "> 0"}, "groups", "there is no group grp_999"),
        (state, {"keys": ["none"], "state": "> 0"}, "points", "no device has these keys"),
        (state, {"points": flows, "state": "> 0", "raw": True, "bucket": None}, "raw", "leave out `raw`"),
        (percent, {"points": flows}, "percentiles", "say which"),
        (percent, {"points": flows, "percentiles": [101]}, "percentiles", "0 to 100"),
        (percent, {"points": flows, "percentiles": [-0.1]}, "percentiles", "0 to 100"),
        (percent, {"points": flows, "percentiles": [*range(11)]}, "percentiles", "at most 10"),
        (percent, {"points": flows, "percentiles": [5], "bucket": "PT1S", "from": "2016-01-01T00:00:00Z"}, None, "the operation costs up to"),
        (percent, {"points": flows, "percentiles": [5], "from": SPAN["to"], "to": SPAN["from"]}, "from", "before `to`"),
        (COMBINED, {"of": []}, "of", "1 to 10 terms"),
        (COMBINED, {"of": [one, one]}, "of", "own name"),
        (COMBINED, {"of": [{"name": "a", "points": [flows[0], totals[0]]}]}, "of", "different units (l, l/min)"),
        (COMBINED, {"of": [{"name": "a", "points": [text]}]}, "of", "is a text"),
        (COMBINED, {"of": [one | {"take": "INCREASE"}]}, "of", "is no counter"),
        (COMBINED, {"of": [one | {"take": "STARTS"}]}, "of", "needs a state"),
        (COMBINED, {"of": [one], "bucket": None}, "bucket", "give `bucket` or `calendar`"),
        (COMBINED, {"of": [one], "ratios": [{"name": "b", "divide": "a", "by": "c"}]}, "ratios", "no term is called 'c'"),
        (COMBINED, {"of": [one], "bucket": "PT1S", "from": "2026-03-01T00:00:00Z"}, "bucket", "take longer ones"),
        (COMBINED, {"of": [one], "from": "1980-01-01T00:00:00Z", "bucket": "PT30M"}, "bucket", "2 points in 81"),
        (VALUES, {"points": flows, "at": []}, "at", "1 to 1,000 times"),
        (VALUES, {"points": flows, "at": ["1900-01-01T00:00:00Z"]}, "at", "between 1970 and 2200"),
    ]:  # fmt: skip
        [error] = (await api.post(query, **(SPAN if query != VALUES else {}) | asked))["errors"]
        assert (told in error["message"], error["extensions"].get("field")) == (True, field), (asked, error)


async def test_availability_counts_what_is_known_and_names_the_worst_first(api: Api, owner: asyncpg.Connection, pumps):
    await owner.execute("DELETE FROM device_state_changes")
    changes = [(1, -5, "online"), (1, 30, "offline"), (1, 45, "online"), (2, 10, "online"), (2, 70, "disabled")]
    for device, minute, state in changes:
        await owner.execute("INSERT INTO device_state_changes VALUES ($1, $2, $3)", device, START + timedelta(minutes=minute), state)  # fmt: skip
    query = "query ($from: DateTime!, $to: DateTime!) { availability(from: $from, to: $to) { device { name } availability onlineSeconds offlineSeconds disabledSeconds outages longestOutageSeconds } }"
    worst, second = await api.ask(query, **SPAN)
    assert (worst["device"]["name"], worst["availability"], worst["outages"]) == ("Pump 1", 105 / 120, 1)
    assert (worst["offlineSeconds"], worst["longestOutageSeconds"]) == (900, 900)
    assert (second["availability"], second["onlineSeconds"], second["disabledSeconds"]) == (1, 3600, 3000)
    gone = query.replace("availability(from", 'availability(groups: ["grp_999"], from')
    [error] = (await api.post(gone, **SPAN))["errors"]
    assert error["message"].startswith("there is no group grp_999"), error


async def test_exports_have_deviation_and_states_in_csv_and_parquet(api: Api, pumps):
    asked = {"point": pumps["flows"][0], "bucket": "PT1H", "state": "> 0", "timezone": "UTC"} | SPAN
    response = await api.client.get(f"{api.url}/export", params=asked, headers=api.headers("viewer"))
    rows = [*csv.DictReader(io.StringIO(response.text))]
    assert [(row["state_seconds"], row["starts"]) for row in rows] == [("1200", "1")] * 2
    assert float(rows[0]["standard_deviation"]) == pytest.approx(30 * (1 / 3 * 2 / 3) ** 0.5)
    refused = await api.client.get(f"{api.url}/export", params=asked | {"state": "on"}, headers=api.headers("viewer"))
    assert "'on' is no state" in refused.text
    parquet = pytest.importorskip("pyarrow.parquet")
    response = await api.client.get(
        f"{api.url}/export", params=asked | {"format": "parquet"}, headers=api.headers("viewer")
    )
    table = parquet.read_table(io.BytesIO(response.content)).to_pylist()
    assert [(row["state_seconds"], row["starts"], row["count"]) for row in table] == [(1200, 1, 60)] * 2
