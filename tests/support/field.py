"""A collector as its own program, and a foreign meter for what the API asks of the field."""

import asyncio
import contextlib
import os
import sys

import asyncpg
import pytest

from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import foreign_server

TEST = """mutation ($endpoint: String!, $unitId: Int = 1, $timeoutMs: Int = 1000, $site: String, $points: [PointInput!]!) {
  testConnection(endpoint: $endpoint, unitId: $unitId, timeoutMs: $timeoutMs, site: $site, points: $points) {
    errors { code field message }
    requests { registerTable address count milliseconds words reason explanation }
    values { key raw value text reason explanation } } }"""


POINTS = [
    {"key": "power", "registerTable": "HOLDING", "address": 0, "dataType": "FLOAT32", "byteOrder": "CDAB", "scale": 2.0, "offset": 1.0},
    {"key": "count", "registerTable": "HOLDING", "address": 2, "dataType": "UINT16"},
    {"key": "name", "registerTable": "HOLDING", "address": 3, "dataType": "STRING", "length": 2},
]  # fmt: skip


@pytest.fixture(name="meter")
def meter_fixture():
    """A device that we did not write; gives its endpoint."""
    with foreign_server() as (port, bank):
        bank.set_holding_registers(0, [0x0000, 0x4148, 777, 0x4142, 0x4300])  # 12.5 with its words swapped; ABC
        yield f"tcp://127.0.0.1:{port}"


@pytest.fixture(name="collector")
async def collector_fixture(settings, owner: asyncpg.Connection, tmp_path):
    """A collector, as its own program."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")} | {
        "DDMS_DATABASE_URL": settings.database_url,
        "DDMS_DATABASE_ROLE": "ddms_app",
        "DDMS_COLLECTOR_NAME": "test",
        "DDMS_COLLECTOR_METRICS_PORT": "0",
        "DDMS_SPOOL_DIRECTORY": str(tmp_path),
    }
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ddms", "collector", env=environment, stderr=log
        )
    try:
        async with asyncio.timeout(60):
            while not await owner.fetchval("SELECT count(*) FROM collectors"):
                await asyncio.sleep(0.05)
                assert process.returncode is None, (tmp_path / "log").read_text()
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        async with asyncio.timeout(60):
            await process.wait()
