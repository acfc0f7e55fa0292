"""Readings to export, and what the API's `/export` answers."""

import csv
import io
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx2

from tests.support.api_server import Api

START = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Levels are complete up to when the database was migrated: what is stored here is older.
FORGET_ROLLUPS = "UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')"


async def fetch(api: Api, actor: str | None = "viewer", **parameters) -> httpx2.Response:
    parameters = {"from" if name == "from_" else name: value for name, value in parameters.items()}
    headers = api.headers(actor) if actor else {}
    return await api.client.get(f"{api.url}/export", params=parameters, headers=headers)


async def table(api: Api, **parameters) -> list[list[str]]:
    response = await fetch(api, **parameters)
    assert response.status_code == 200, response.text
    return list(csv.reader(io.StringIO(response.text)))


async def put(owner: asyncpg.Connection, point: int, values: list[float | None], *, start=START, step=MINUTE) -> None:
    """Store readings; None is one that timed out."""
    await owner.execute(FORGET_ROLLUPS, START - timedelta(days=2))
    rows = [(start + step * n, point, value, 16 if value is None else 0) for n, value in enumerate(values)]
    await owner.copy_records_to_table("readings", records=rows)


def during(minutes: float = 60) -> dict[str, str]:
    return {"from_": START.isoformat(), "to": (START + MINUTE * minutes).isoformat()}
