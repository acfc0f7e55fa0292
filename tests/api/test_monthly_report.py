"""docs/monthly-report.md: each query runs as it stands on the page, and answers what stands below it.

`WRITE_REPORT=1` writes the answers anew.
"""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures

PAGE = Path(__file__).parents[2] / "docs/monthly-report.md"
QUERY = re.compile(r"```graphql\n(.*?)```\n```json\n(.*?)```", re.DOTALL)
START = datetime(2026, 2, 28, 23, tzinfo=UTC)
STEP = timedelta(minutes=15)
SHIFTS = "Early 06:00-14:00; Late 14:00-22:00; Night 22:00-06:00"
CONFIGURE = 'mutation ($shifts: String!) { updateConfiguration(changes: { shifts: $shifts, timeZone: "Europe/Berlin" }) { errors { message } } }'


async def plant(api: Api, owner: asyncpg.Connection) -> None:
    """Two pumps in a group, read each quarter of an hour: the first runs half of each hour, the second two of five days."""
    devices = [await add(api, f"Pump {n}", endpoint=f"tcp://10.0.0.{n}", groups=["Pumps"]) for n in (1, 2)]
    await owner.execute("UPDATE devices SET retention_days = 3650")
    await owner.execute(
        "UPDATE points SET key = 'energy', data_type = 'uint32', length = NULL, counter = true, unit = 'kWh' WHERE key = 'mode'"
    )
    await owner.execute("UPDATE points SET interval_s = 900")
    await owner.execute(
        "UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", START - timedelta(days=2)
    )
    readings = []
    for device, power in zip(devices, (2.0, 8.0), strict=True):
        flow, runs, energy = (device["points"][key] for key in ("flow", "running", "mode"))
        counted = 1000.0
        for n in range(-1, 31 * 96):
            on = n % 4 < 2 if power == 2 else n % 480 < 192
            readings += [
                (START + n * STEP, flow, on * (20.0 + n % 7), 0),
                (START + n * STEP, runs, float(on), 0),
                (START + n * STEP, energy, counted, 0),
            ]
            counted += on * power / 4
    await owner.copy_records_to_table("readings", records=readings)
    await owner.execute("DELETE FROM device_state_changes")
    for device, hours, state in [(1, -1, "online"), (1, 100, "offline"), (1, 107.43, "online"), (2, -1, "online")]:
        await owner.execute(
            "INSERT INTO device_state_changes VALUES ($1, $2, $3)", device, START + timedelta(hours=hours), state
        )
    assert (await api.ask(CONFIGURE, "owner", shifts=SHIFTS)) == {"errors": []}


async def test_each_query_of_the_monthly_report_answers_what_stands_below_it(api: Api, owner: asyncpg.Connection):
    await plant(api, owner)
    page = PAGE.read_text(encoding="utf-8")
    assert len(re.findall("```graphql", page)) == len(QUERY.findall(page)) > 6
    for query, told in QUERY.findall(page):
        answer = await api.post(query, "viewer")
        assert "errors" not in answer, (query, answer)
        if os.environ.get("WRITE_REPORT"):
            written = json.dumps(answer["data"], ensure_ascii=False)
            page = page.replace(f"{query}```\n```json\n{told}```", f"{query}```\n```json\n{written}\n```")
        else:
            assert answer["data"] == json.loads(told), query
    if os.environ.get("WRITE_REPORT"):
        PAGE.write_text(page, encoding="utf-8")
    for address in re.findall(r"https://ddms.example(/export[^\"]*)", page):
        response = await api.client.get(f"{api.url}{address}", headers=api.headers("viewer"))
        assert response.status_code == 200, response.text
        assert len(response.text.splitlines()) > 500
