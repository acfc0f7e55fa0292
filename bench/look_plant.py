"""The filled database of `bench.look`: a plant of 1,000 devices with ten points each and 90 days of history.

Rollups of hours and days are there of all points for all days; rollups of minutes and readings of all for the last hours, of
the devices of the first group for some days, as `FINE` says: all readings of all points would be 7.8 billion.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from typing import Any

import asyncpg
import numpy as np

from bench import look_rows
from bench.look_field import NUMBERED, PUT_BACK, field
from bench.look_signals import MACHINES, ROLLUP, SEED, Signals, readings, rollups
from collector.storing.decode import Batch
from collector.storing.flush import MAKE_INCOMING, STORE_SEEN, flush_batch
from ddms.database import Connection, connect
from ddms.quality import Reason
from ddms.settings import Settings
from ddms.storing import copy, rows

HOUR, DAY = 3600, 86_400
INTERVAL, UNITS, GROUPS = 10, 20, 20
FINE = {"readings": (HOUR // 2, DAY), "rollup_1m": (2 * HOUR, 7 * DAY)}
"""How far back each is filled: of all points, and of those of the first group."""
STEPS = {
    "readings": ("time", INTERVAL),
    "rollup_1m": ("bucket", 60),
    "rollup_1h": ("bucket", HOUR),
    "rollup_1d": ("bucket", DAY),
}
LAST = "SELECT extract(epoch FROM max({time})) FROM {table} WHERE point_id = 1"
COLLECTOR = "hall-north"
HALLS = (
    "Intake",
    "Pumping",
    "Filtration",
    "Storage",
    "Dosing",
    "Cooling",
    "Heating",
    "Drying",
    "Mixing",
    "Packing",
    "Power",
    "Utilities",
    "Effluent",
)

DEVICES = f"INSERT INTO connections (endpoint) SELECT {NUMBERED} FROM generate_series(1, $1::int) id ORDER BY id"
INSERT_DEVICES = """
INSERT INTO devices (name, description, connection_id, unit_id, enabled)
SELECT name, place, 1 + (n - 1) / $4::int, 1 + (n - 1) % $4::int, n % 100 <> 61 FROM unnest($1::text[], $2::text[], $3::int[]) AS u (name, place, n) ORDER BY n
"""
INSERT_POINTS = """
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type, length, interval_s, counter, value_names)
SELECT device, key, name, unit, CASE type WHEN 'bool' THEN 'coil' ELSE 'holding' END, 4 * (number % 10), type, CASE type WHEN 'string' THEN 8 END, $7::int, type = 'uint32',
       CASE key WHEN 'running' THEN '{"0": {"name": "Stopped"}, "1": {"name": "Running", "color": "green"}}' ELSE '{}' END::jsonb
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[]) AS u (device, key, name, unit, type, number) ORDER BY number
"""
INSERT_LIMITS = """
INSERT INTO limits (point_id, key, kind, threshold, priority, cause, consequence, action, respond_within_s)
SELECT point, kind, kind, threshold, priority, 'The value left its usual range', 'Product is lost', 'Look at the device and its neighbours', 600
  FROM unnest($1::int[], $2::text[], $3::float8[], $4::text[]) AS u (point, kind, threshold, priority)
"""
GROUP = """
INSERT INTO groups (name, description) SELECT hall, 'Hall ' || n FROM unnest($1::text[]) WITH ORDINALITY AS u (hall, n) ORDER BY n;
"""
MEMBERS = """
INSERT INTO device_groups SELECT g, d FROM generate_series(1, $1::int) g, generate_series(1, $2::int) d WHERE CASE g WHEN 1 THEN d % 4 = 1 AND d < 49 ELSE d % $1 = g - 1 END
"""
# Ten gateways' worth of trouble: the last gateway is away, some devices do not answer, some refuse registers, some are not reported.
STATES = """
INSERT INTO device_states (device_id, state, since, last_seen, failures, first_failure, last_error, answer_seconds, late_seconds)
SELECT id, state, CASE state WHEN 'online' THEN now() - interval '6 days' ELSE gone END, CASE WHEN silent THEN now() - interval '3 h' WHEN state = 'offline' THEN gone ELSE now() END,
       CASE state WHEN 'offline' THEN extract(epoch FROM now() - gone)::int / 30 ELSE 0 END, CASE state WHEN 'offline' THEN gone END,
       CASE state WHEN 'offline' THEN CASE WHEN id % 3 = 0 THEN 'the connection was refused: is the port right, is another master connected?' ELSE 'the device did not answer in time' END
                  WHEN 'error' THEN 'exception 2: the device has no such register' END, 0.012 + id % 23 * 0.004, 0
  FROM devices, LATERAL (SELECT CASE WHEN connection_id = $1::int OR id % 50 = 29 THEN 'offline' WHEN id % 70 = 33 THEN 'error' ELSE 'online' END AS state, id % 200 = 111 AS silent,
       now() - CASE WHEN connection_id = $1 THEN interval '49 min' ELSE (id % 11 + 1) * interval '37 min' END AS gone) s WHERE enabled
"""
LATEST = """
INSERT INTO latest (point_id, time, value, quality)
SELECT p.id, CASE WHEN s.state = 'offline' THEN greatest(r.time, s.first_failure + interval '10 s') WHEN s.last_seen < now() - interval '1 h' THEN s.last_seen ELSE now() END,
       CASE WHEN s.state = 'offline' OR s.state = 'error' AND p.id % 10 > 6 THEN NULL ELSE r.value END, CASE WHEN s.state = 'offline' THEN 16 WHEN s.state = 'error' AND p.id % 10 > 6 THEN 34 ELSE 0 END
  FROM points p JOIN device_states s USING (device_id) LEFT JOIN LATERAL (SELECT time, value FROM readings r WHERE r.point_id = p.id ORDER BY time DESC LIMIT 1) r ON true
ON CONFLICT DO NOTHING
"""
HOLD = f"""
WITH seen AS (UPDATE collectors SET seen_at = now() WHERE name = '{COLLECTOR}'),
     texts AS (UPDATE latest l SET time = now() FROM points p JOIN device_states s USING (device_id)
                WHERE p.id = l.point_id AND p.data_type = 'string' AND s.last_seen > now() - interval '1 min')
INSERT INTO leases (connection_id, collector, expires_at) SELECT id, '{COLLECTOR}', now() + interval '1 min' FROM connections WHERE endpoint LIKE 'tcp://10.20.%'
    ON CONFLICT (connection_id) DO UPDATE SET expires_at = excluded.expires_at
"""
YOUNG = (
    "UPDATE device_states SET last_seen = last_seen + $1::interval",
    "UPDATE latest SET time = least(now(), time + $1::interval)",
    "UPDATE alarms SET shelved_until = shelved_until + $1::interval, out_of_service_until = out_of_service_until + $1",
)
READ_SIZE = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
COMPLETE = "UPDATE rollup_levels SET complete = date_bin(unit, now(), '2000-01-01Z'), refreshed_at = now()"
TABLES = "readings, rollup_1m, rollup_1h, rollup_1d, latest, devices, points, alarms, alarm_events, limits, device_states, audit_log, job_runs"


def signals(devices: int, days: int, now: int) -> Signals:
    """Return the plant's values; on some devices an alarm stands, as `look_rows.ALARM_STATES` says it."""
    made = Signals(devices, now - days * DAY)
    for number in range(4, devices + 1, 9):
        if number % 10 < 7:
            made.alarming[10 * (number - 1)] = now - (number % 37) * 660 - 360
    return made


async def fill(connection: Connection, devices: int, days: int) -> None:
    """Fill an empty, migrated database; the newest reading is of now."""
    now = _now()
    values = signals(devices, days, now)
    await _devices(connection, devices)
    await _points(connection, values)
    await _history(connection, values, dict.fromkeys(STEPS, now - days * DAY), now)
    gateways = -(-devices // UNITS)
    await connection.execute(STATES, gateways)
    await connection.execute(look_rows.CHANGES)
    await connection.execute(LATEST)
    known = {"$devices": devices, "$days": days, "$gateways": gateways}
    for script in (look_rows.ALARM_STATES, look_rows.JOURNAL, look_rows.TEXTS, look_rows.OFFICE):
        await connection.execute(re.sub(r"\$[a-z]+", lambda found: str(known[found[0]]), script))
    await connection.execute(COMPLETE)
    await connection.execute(f"VACUUM ANALYZE {TABLES}")
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"COMMENT ON DATABASE {name} IS '{size(devices, days)} {now}'")


def _now() -> int:
    return int(time.time()) // INTERVAL * INTERVAL


async def _devices(connection: Connection, devices: int) -> None:
    await connection.execute(DEVICES, -(-devices // UNITS))
    machines, numbers = list(MACHINES), list(range(1, devices + 1))
    names = [f"{machines[(n - 1) % len(machines)]} {100 + n}" for n in numbers]
    halls = [HALLS[n % GROUPS % len(HALLS)] for n in numbers]
    await connection.execute(INSERT_DEVICES, names, [f"{hall}, row {n % 9 + 1}" for hall, n in zip(halls, numbers, strict=True)], numbers, UNITS)  # fmt: skip
    named = ["Cooling water", *(f"{HALLS[n % len(HALLS)]} {n // len(HALLS) + 1}" for n in range(1, GROUPS))]
    await connection.execute(GROUP, named)
    await connection.execute(MEMBERS, GROUPS, devices)


async def _points(connection: Connection, values: Signals) -> None:
    number = list(range(len(values.kinds)))
    columns = [[getattr(kind, name) for kind in values.kinds] for name in ("key", "name", "unit", "type")]
    await connection.execute(INSERT_POINTS, [n // 10 + 1 for n in number], *columns, number, INTERVAL)
    first = number[::10]
    priorities = ["critical", "high", "high", "medium", "medium", "low", "medium"]
    high = [(n + 1, "high", values.high(n), priorities[n // 10 % 7]) for n in first]
    low = [(n + 1, "low", round(values.high(n) * 0.5, 1), "low") for n in first]
    await connection.execute(INSERT_LIMITS, *map(list, zip(*high, *low, strict=True)))


async def _history(connection: Connection, values: Signals, since: dict[str, int], now: int) -> None:
    """Store readings and rollups, each table from its time on; two hours ten days ago the collector was away."""
    every, away = values.numbers, (now - 10 * DAY, now - 10 * DAY + 2 * HOUR)
    some = every[(every // 10 % 4 == 0) & (every < 480)]

    def times(table: str, step: int, back: int, until: int) -> Any:
        found = np.arange(max(since[table], now - back) // step * step, until // step * step, step)
        return found[(found < away[0]) | (found >= away[1])]

    for table, step in (("rollup_1d", DAY), ("rollup_1h", HOUR)):
        await _roll(connection, values, table, (times(table, step, now, now), every, step))
    for points, which in ((every, 0), (some, 1)):
        readings_until, minutes_until = (now if which == 0 else now - back[0] for back in FINE.values())
        minutes = times("rollup_1m", 60, FINE["rollup_1m"][which], minutes_until)
        await _roll(connection, values, "rollup_1m", (minutes, points, 60))
        read = times("readings", INTERVAL, FINE["readings"][which], readings_until)
        for moments in np.array_split(read, 1 + len(read) * len(points) // 1_000_000):
            await copy(connection, "readings", rows(readings(values, moments, points)))


async def _roll(connection: Connection, values: Signals, table: str, what: tuple[Any, Any, int]) -> None:
    """Store the rollups of some times and points, of a step."""
    times, points, step = what
    for some in np.array_split(points, 1 + len(points) * len(times) // 1_000_000) if len(times) else ():
        source = _blocks(rollups(values, times, some, step))
        await connection.copy_to_table(table, source=source, columns=ROLLUP, format="binary")


async def _blocks(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


ANSWERING = "SELECT device_id, state FROM device_states JOIN devices d ON d.id = device_id JOIN connections c ON c.id = connection_id WHERE last_seen > now() - interval '1 day' AND state <> 'offline' AND NOT device_id % 200 = 111 AND endpoint LIKE 'tcp://10.20.%'"


@asynccontextmanager
async def polled(url: str, devices: int, days: int, *, is_there: bool = False) -> AsyncIterator[None]:
    """Store readings of what answers each 10 s, by the collector's own flush, so that nothing grows old meanwhile.

    `is_there`: some gateways are served, for a collector to poll.
    """
    connection = await connect(Settings(database_url=url), "bench")
    await connection.execute(MAKE_INCOMING)
    filled = int((await connection.fetchval(READ_SIZE)).rpartition(" ")[2])
    values, owner = signals(devices, days, filled), await asyncpg.connect(url)
    async with field(owner, values, -(-devices // UNITS), UNITS) if is_there else nullcontext():
        task = asyncio.create_task(_poll(connection, values))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            connection.terminate()
    await owner.close()


async def _poll(connection: Connection, values: Signals) -> None:
    states = {row["device_id"]: row["state"] for row in await connection.fetch(ANSWERING)}
    points = values.numbers[np.isin(values.numbers // 10 + 1, list(states))]
    refused = np.isin(points // 10 + 1, [n for n, state in states.items() if state == "error"]) & (points % 10 > 5)
    sequence = int(await connection.fetchval("SELECT sequence FROM collectors WHERE name = $1", COLLECTOR))
    while True:
        began, sequence = time.time(), sequence + 1
        batch = readings(values, np.array([int(began)]), points)
        batch["value"][refused], batch["quality"][refused] = np.nan, Reason.ILLEGAL_ADDRESS
        await flush_batch(connection, COLLECTOR, sequence, Batch(batch, []))
        nothing = [None] * len(states)
        await connection.execute(STORE_SEEN, list(states), nothing, [0.0] * len(states), nothing)
        await connection.execute(HOLD)
        await asyncio.sleep(max(0.0, began + INTERVAL - time.time()))


async def standing(url: str) -> str:
    """Return with what an earlier run filled this database and when, as `fill` wrote it; empty: none did."""
    try:
        connection = await asyncpg.connect(url)
    except asyncpg.InvalidCatalogNameError:
        return ""
    found: str | None = await connection.fetchval(READ_SIZE)
    await connection.close()
    return found or ""


def size(devices: int, days: int) -> str:
    """Return what is written on a filled database."""
    return f"bench.look, {devices} devices, {days} days, seed {SEED}, filled at"


async def refresh(connection: Connection, devices: int, days: int) -> None:
    """Add what was read since an earlier run filled this database or looked at it; what ended meanwhile ends later."""
    filled = int((await connection.fetchval(READ_SIZE)).rpartition(" ")[2])
    await connection.execute(PUT_BACK)
    last = {
        table: int(await connection.fetchval(LAST.format(table=table, time=name))) for table, (name, _) in STEPS.items()
    }
    await _history(
        connection, signals(devices, days, filled), {t: last[t] + step for t, (_, step) in STEPS.items()}, _now()
    )
    for statement in YOUNG:
        await connection.execute(statement, timedelta(seconds=time.time() - last["readings"]))
    await connection.execute(COMPLETE)
