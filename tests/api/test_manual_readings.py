"""Readings that people write: stored, shown with a mark, idempotent, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from api.ground.roles import Role
from api.readings.manual import MOST_READINGS
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.halls import limited_person

WRITE = "mutation ($readings: [ManualReading!]!, $replace: Boolean) { writeReadings(readings: $readings, replace: $replace) { errors { code field message } written unchanged } }"
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


async def write(api: Api, *readings: dict, actor: str = "admin", replace: bool = False) -> dict:
    payload = await api.ask(WRITE, actor, readings=list(readings), replace=replace)
    return payload if payload["errors"] else {"written": payload["written"], "unchanged": payload["unchanged"]}


async def test_written_readings_are_stored_once_and_shown_with_their_mark(api: Api, owner):
    pump = await add(api)
    flow, mode = (f"pt_{pump['points'][key]}" for key in ("flow", "mode"))
    first = (
        {"point": flow, "time": at(0), "value": 12.5, "unit": "m³/h"},
        {"point": mode, "time": at(1), "text": "HAND"},
    )
    assert await write(api, *first) == {"written": 2, "unchanged": 0}
    assert await write(api, *first, {"point": flow, "time": at(5), "value": 14}) == {"written": 1, "unchanged": 2}
    latest = await api.ask("{ latest { columns { value text quality } } }", "viewer")
    assert (14.0 in latest["columns"]["value"], "HAND" in latest["columns"]["text"]) == (True, True)
    series = f'{{ series(points: ["{flow}"], from: "{NOON - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", to: "{NOON + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}") {{ samples {{ nodes {{ value quality reason }} }} }} }}'
    assert (await api.ask(series, "viewer"))[0]["samples"]["nodes"] == [
        {"value": 12.5, "quality": "UNCERTAIN", "reason": "MANUAL"}, {"value": 14.0, "quality": "UNCERTAIN", "reason": "MANUAL"},
    ]  # fmt: skip
    exported = await api.client.get(f"{api.url}/export?point={flow}&from=-7d", headers=api.headers("viewer"))
    assert exported.text.splitlines()[1].endswith("12.5,,uncertain,manual")
    assert await owner.fetchval("SELECT count(*) FROM rollup_late_days") > 0, "rollups are made anew"
    entry = await owner.fetchrow(
        "SELECT subject, after FROM audit_log WHERE action = 'reading.write' ORDER BY id LIMIT 1"
    )
    assert (entry["subject"], entry["after"]["readings"][0][1]) == (flow, 12.5)


async def test_another_value_takes_the_place_of_a_written_one_only_when_asked_and_never_of_a_devices(api: Api, owner):
    flow = (await add(api))["points"]["flow"]
    one = {"point": f"pt_{flow}", "time": at(0), "value": 1}
    await write(api, one)
    assert (await write(api, one | {"value": 2}))["errors"][0]["code"] == "CONFLICT"
    assert await write(api, one | {"value": 2}, replace=True) == {"written": 1, "unchanged": 0}
    await owner.execute("INSERT INTO readings VALUES ($1, $2, 7, 0)", NOON + timedelta(minutes=1), flow)
    (error,) = (await write(api, one | {"time": at(1)}, one | {"time": at(2)}, replace=True))["errors"]
    assert (error["code"], error["field"]) == ("CONFLICT", "readings.0.time")
    rows = await owner.fetch("SELECT value, quality FROM readings WHERE point_id = $1 ORDER BY time", flow)
    assert [tuple(row) for row in rows] == [(2, 8), (7, 0)], "all of a call or nothing"


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"point": "pt_99"}, "NOT_FOUND", "readings.1.point"),
        ({"unit": "°C"}, "INVALID", "readings.1.unit"),
        ({"value": None}, "INVALID", "readings.1.value"),
        ({"text": "x"}, "INVALID", "readings.1.value"),
        ({"value": 1e6}, "INVALID", "readings.1.value"),
        ({"time": "1969-12-31T23:59:59Z"}, "INVALID", "readings.1.time"),
        ({"time": "2100-01-01T00:00:00Z"}, "INVALID", "readings.1.time"),
        ({"time": (NOON - timedelta(days=100)).isoformat()}, "INVALID", "readings.1.time"),
        ({"time": at(0)}, "INVALID", "readings.1.time"),
    ],
)
async def test_a_reading_that_cannot_be_is_refused_by_its_place_and_nothing_is_stored(
    api: Api, owner, wrong, code, field
):
    flow = (await add(api))["points"]["flow"]
    await owner.execute("UPDATE points SET valid_max = 100")
    good = {"point": f"pt_{flow}", "time": at(0), "value": 1}
    payload = await write(api, good, good | {"time": at(1)} | wrong)
    assert [(e["code"], e["field"]) for e in payload["errors"]] == [(code, field)]
    assert await owner.fetchval("SELECT count(*) FROM readings") == 0


async def test_a_call_has_its_bound_and_a_limited_person_writes_to_own_points_only(api: Api, owner):
    mine, theirs = [(await add(api, name, groups=[name]))["points"]["flow"] for name in ("Mine", "Theirs")]
    many = [{"point": f"pt_{mine}", "time": at(n), "value": n} for n in range(MOST_READINGS + 1)]
    assert (await write(api, *many))["errors"][0]["message"] == "give 1 to 1000 readings"
    assert (await write(api))["errors"][0]["code"] == "INVALID"
    assert await write(api, *many[1:]) == {"written": MOST_READINGS, "unchanged": 0}
    await limited_person(owner, api, "vera", Role.ADMIN, "grp_1")
    assert await write(api, many[0], actor="vera") == {"written": 1, "unchanged": 0}
    payload = await write(api, many[0] | {"point": f"pt_{theirs}"}, actor="vera")
    assert payload["errors"][0]["code"] == "NOT_FOUND"
