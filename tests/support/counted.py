"""Points whose history tests ask about, their readings, and rollups up to a time."""

from datetime import UTC, datetime, timedelta

import asyncpg

START = datetime(2026, 3, 25, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Reading = tuple[datetime, float | None, int]


async def add_counter(owner: asyncpg.Connection, **more: object) -> int:
    """Add a counter of 16 bits; return its number."""
    connection = await owner.fetchval("INSERT INTO connections (endpoint) VALUES ('tcp://10.0.0.1:502') RETURNING id")
    device = await owner.fetchval(
        "INSERT INTO devices (name, connection_id, unit_id, retention_days) VALUES ('meter', $1, 1, 3650) RETURNING id", connection
    )  # fmt: skip
    values = {
        "key": "energy",
        "name": "Energy",
        "unit": "kWh",
        "register_table": "holding",
        "address": 0,
        "data_type": "uint16",
    }
    values |= {"interval_s": 60, "counter": True, "device_id": device} | more
    names, places = ", ".join(values), ", ".join(f"${n}" for n in range(1, len(values) + 1))
    number: int = await owner.fetchval(f"INSERT INTO points ({names}) VALUES ({places}) RETURNING id", *values.values())
    return number


async def store(owner: asyncpg.Connection, point: int, readings: list[Reading]) -> None:
    await owner.executemany("INSERT INTO readings VALUES ($1, $2, $3, $4)", [(t, point, v, q) for t, v, q in readings])


async def roll_up(owner: asyncpg.Connection, up_to: datetime) -> None:
    """Have rollups up to a time."""
    await owner.execute("UPDATE rollup_levels SET complete = $1", START - 2 * DAY)
    await owner.execute(f"CALL refresh_rollups('{up_to.isoformat()}')")
