"""Counters and shifts as callers see them: `series`, samples and exports say the same."""

import csv
import io
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

START = datetime(2026, 3, 30, 3, tzinfo=UTC)  # 05:00 in Berlin
SERIES = """query ($points: [ID!]!, $from: DateTime!, $to: DateTime!, $calendar: Calendar, $bucket: Duration, $raw: Boolean! = false) {
  series(points: $points, from: $from, to: $to, calendar: $calendar, bucket: $bucket, raw: $raw) {
    source bucket columns { time increase rate restarts shift } samples { nodes { time increase rate } } } }"""
CONFIGURE = 'mutation ($shifts: String!) { updateConfiguration(changes: { shifts: $shifts, timeZone: "Europe/Berlin" }) { errors { field message } configuration { shifts } } }'


async def counter(api: Api, owner: asyncpg.Connection) -> int:
    """Add a meter that counts 1 a minute for 12 hours, and is set back once; return its number."""
    device = await add(api)
    point: int = device["points"]["flow"]
    await owner.execute("UPDATE points SET counter = true, unit = 'kWh' WHERE id = $1", point)
    await owner.execute(
        "UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", START - timedelta(days=1)
    )
    readings = [(START + timedelta(minutes=n), point, float(n if n < 600 else n - 600), 0) for n in range(721)]
    await owner.copy_records_to_table("readings", records=readings)
    return point


def during(hours: float = 12) -> dict[str, str]:
    return {"from": START.isoformat(), "to": (START + timedelta(hours=hours)).isoformat()}


async def exported(api: Api, **parameters: str) -> list[dict[str, str]]:
    response = await api.client.get(f"{api.url}/export", params=parameters, headers=api.headers("viewer"))
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text)))


async def test_the_energy_of_each_shift_is_the_same_in_graphql_and_in_files(api: Api, owner: asyncpg.Connection):
    point = await counter(api, owner)
    done = await api.ask(CONFIGURE, "owner", shifts="Early 6:00-14:00\nLate 14:00-16:00")
    assert done == {"errors": [], "configuration": {"shifts": "Early 06:00-14:00; Late 14:00-16:00"}}
    [series] = await api.ask(SERIES, points=[f"pt_{point}"], calendar="SHIFT", **during())
    columns = series["columns"]
    assert (columns["shift"], columns["increase"]) == ([None, "Early", "Late", None], [59, 480, 119, 61])
    assert (columns["restarts"], [round(rate) for rate in columns["rate"]]) == ([0, 0, 1, 0], [60, 60, 60, 60])
    assert [node["increase"] for node in series["samples"]["nodes"]] == columns["increase"]
    long = await exported(api, point=f"pt_{point}", calendar="shift", timezone="Europe/Berlin", **during())
    told = [(row["time"][11:16], row["shift"], float(row["increase"]), row["restarts"]) for row in long]
    assert told == [
        ("16:00", "", 59, "0"),
        ("06:00", "Early", 480, "0"),
        ("14:00", "Late", 119, "1"),
        ("16:00", "", 61, "0"),
    ]
    wide = await exported(api, point=f"pt_{point}", calendar="shift", shape="wide", **during())
    assert [float(row["Pump / flow [kWh]"]) for row in wide if row["time"] >= "2026-03-30T03"] == [480, 119, 61]


async def test_parquet_has_the_names_of_shifts(api: Api, owner: asyncpg.Connection):
    parquet = pytest.importorskip("pyarrow.parquet")
    point = await counter(api, owner)
    await api.ask(CONFIGURE, "owner", shifts="Early 6:00-14:00")
    asked = {"point": f"pt_{point}", "calendar": "shift", "format": "parquet"} | during(10)
    response = await api.client.get(f"{api.url}/export", params=asked, headers=api.headers("viewer"))
    rows = parquet.read_table(io.BytesIO(response.content)).to_pylist()
    assert [(row["shift"], row["increase"], row["restarts"]) for row in rows] == [
        (None, 59, 0),
        ("Early", 480, 0),
        (None, 180, 1),
    ]


@pytest.mark.parametrize(
    ("asked", "field", "told"),
    [
        ({"calendar": "SHIFT"}, "calendar", "no shifts are configured: `ddms config set"),
        ({"calendar": "DAY", "bucket": "PT1H"}, "bucket", "leave out `bucket`"),
        ({"raw": True}, "raw", "raw readings have no increase: leave out `raw`"),
    ],
)
async def test_what_has_no_answer_is_refused_with_what_to_do(api: Api, owner: asyncpg.Connection, asked, field, told):
    point = await counter(api, owner)
    [error] = (await api.post(SERIES, points=[f"pt_{point}"], **during(), **asked))["errors"]
    assert told in error["message"]
    assert error["extensions"]["field"] == field


async def test_shifts_that_overlap_are_refused_by_name(api: Api):
    done = await api.ask(CONFIGURE, "owner", shifts="Early 06:00-14:00; Late 13:00-22:00")
    [error] = done["errors"]
    assert error["field"] == "shifts"
    assert error["message"].startswith("the shift 'Late' begins on mon 13:00 while 'Early' lasts")


async def test_hours_of_a_counter_are_whole_whatever_the_time_asked_for(api: Api, owner: asyncpg.Connection):
    point = await counter(api, owner)
    [series] = await api.ask(SERIES, points=[f"pt_{point}"], bucket="PT1H", **during(3))
    assert series["columns"]["increase"] == [59, 60, 60]
    assert series["columns"]["shift"] == []
