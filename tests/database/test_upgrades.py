"""Upgrading: what earlier versions of DDMS left in a database comes along, row by row, and the programs go on with it.

Each file of tests/released is a plant as the DDMS of then kept it (see tests/support/released.py).
"""

from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from api.access.passwords import verified
from collector.polling.polled_lines import PolledLines
from ddms import database
from ddms.database import OLDEST_PROGRAM, SCHEMA_VERSION, check_schema, connect
from ddms.errors import DdmsError
from ddms.settings import Settings
from migrations import migrate
from tests.support.api_server import serving
from tests.support.released import KEPT, Released, put_back

# What all schemas have, and no upgrade may change.
LASTING = {
    "readings": "point_id, time, value, quality",
    "texts": "point_id, time, text, quality",
    "latest": "point_id, time, value, quality, text",
    "connections": "id, endpoint, baud_rate, parity, stop_bits, timeout_ms",
    "devices": "id, name, connection_id, unit_id, enabled, retention_days",
    "points": "id, device_id, key, name, unit, register_table, address, data_type, byte_order, scale, value_offset, interval_s::float8, deadband",
    "groups": "id, name",
    "device_groups": "group_id, device_id",
    "audit_log": "at, actor, action, subject",
    "collectors": "name, sequence",
}
MINUTES = """
SELECT count(*), count(*) FILTER (WHERE r.count = m.count AND abs(r.sum - m.sum) <= 1e-9 * greatest(1, abs(m.sum)) AND r.min = m.min AND r.max = m.max)
  FROM (SELECT point_id, date_bin('1 minute', time, '2000-01-01Z') AS bucket, count(value), sum(value), min(value), max(value) FROM readings
         WHERE value IS NOT NULL AND time < (SELECT complete FROM rollup_levels WHERE place = 1) GROUP BY 1, 2) m
  LEFT JOIN rollup_1m r USING (point_id, bucket)
"""
WHOLE = """query ($from: DateTime!, $to: DateTime!) {
  devices(first: 100) { totalCount nodes { name status { state } points { key latest { time value quality text } } } }
  series(points: ["pt_1"], from: $from, to: $to, raw: true) { count }
}"""


async def digests(connection: asyncpg.Connection) -> dict[str, Any]:
    """Return what stands in the tables that last, as a number each."""
    return {
        table: await connection.fetchval(f"SELECT (count(*), sum(hash_record_extended(r, 0)))::text FROM (SELECT {names} FROM {table}) r")
        for table, names in LASTING.items()
    }  # fmt: skip


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
async def released(request: pytest.FixtureRequest, empty_database_url: str) -> Released:
    path: Path = request.param
    return await put_back(path, empty_database_url)


@pytest.mark.unmeasured  # migrations and statements, which others run too
async def test_an_upgrade_brings_along_what_a_plant_left_and_the_programs_go_on_with_it(
    released: Released, empty_database_url: str, tmp_path: Path
):
    settings = Settings(database_url=empty_database_url, database_role="ddms_app", spool_directory=tmp_path)
    owner = await connect(Settings(database_url=empty_database_url), "tests")
    before = await digests(owner)
    assert before["readings"].startswith(f"({released.rows['readings']},")

    await migrate(empty_database_url)
    assert await digests(owner) == before
    await check_schema(owner)
    hashed = await owner.fetchval("SELECT password_hash FROM users WHERE name = 'owner'")
    assert await verified(hashed, released.password), "the password of then lets its owner in"

    # However long ago that was.
    await owner.execute(
        "UPDATE api_tokens SET expires_at = now() + interval '1 day'; UPDATE devices SET retention_days = 3650"
    )
    await owner.execute("CALL refresh_rollups()")
    minutes, right = await owner.fetchrow(MINUTES)
    assert minutes == right > 500
    collector = await connect(settings, "tests")
    polled = await PolledLines().read(collector, {row["id"] for row in await owner.fetch("SELECT id FROM connections")})
    await collector.close()
    assert sum(len(unit.points) for line in polled.values() for unit in line.units) == await owner.fetchval(
        "SELECT count(*) FROM points p JOIN devices d ON d.id = p.device_id WHERE p.enabled AND d.enabled AND p.expression = ''"
    )
    begin, end = await owner.fetchrow("SELECT min(time), max(time) + interval '1 s' FROM readings WHERE point_id = 1")
    asked = {"query": WHOLE, "variables": {"from": begin.isoformat(), "to": end.isoformat()}}
    async with serving(settings) as (url, _), httpx2.AsyncClient(timeout=60) as client:
        answer = (
            await client.post(f"{url}/graphql", json=asked, headers={"Authorization": f"Bearer {released.token}"})
        ).json()
    assert "errors" not in answer
    devices = answer["data"]["devices"]
    assert devices["totalCount"] == len(devices["nodes"]) == released.rows["devices"]
    assert (
        sum(point["latest"] is not None for device in devices["nodes"] for point in device["points"])
        == released.rows["latest"]
    )
    assert answer["data"]["series"][0]["count"] == await owner.fetchval(
        "SELECT count(*) FROM readings WHERE point_id = 1"
    )
    await owner.close()


def test_there_are_kept_databases_and_none_is_of_the_future():
    assert len(KEPT) >= 3
    assert max(path.stem for path in KEPT) <= SCHEMA_VERSION


async def test_a_program_of_before_goes_on_with_a_newer_schema_that_says_so(owner, monkeypatch, caplog):
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    await check_schema(owner)
    assert "this program goes on until it is replaced" in caplog.text
    monkeypatch.setattr(database, "SCHEMA_VERSION", f"{int(OLDEST_PROGRAM) - 1:04}")
    with pytest.raises(DdmsError, match="install the newer DDMS; back to the older one leads `ddms backup restore`"):
        await check_schema(owner)


async def test_a_program_of_before_does_not_change_a_newer_schema(owner, database_url):
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DdmsError, match="has schema 9999, this program knows only"):
        await migrate(database_url)
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == "9999"


def test_a_program_works_with_its_own_schema():
    assert OLDEST_PROGRAM <= SCHEMA_VERSION
