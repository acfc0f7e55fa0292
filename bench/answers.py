"""What the answers of a report take beside the plain average: time-weighted, increase, deviation, percentiles, states.

`DDMS_TEST_DATABASE_URL=… python -m bench.answers`: a meter read each minute for 400 days, a temperature and a pump's switch
each 10 s for 60 days, with their rollups. All questions in turn, 60 rounds of one run: the statement alone as the API sends it,
then as a client of the API asks it; medians, the least, and how often the plain average's time. `--reuse` takes the database of
an earlier run.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg
import httpx2

from api.readings.history import READ_PERCENTILES, READ_SERIES, READ_STATES
from bench.collector import fresh_database
from bench.history import reused
from bench.latest import free_port, until_ready
from bench.processes import TRUSTING, running

NAME, ROUNDS = "ddms_bench_answers", 60
FILL = """
INSERT INTO connections (endpoint) VALUES ('tcp://10.0.0.1:502');
INSERT INTO devices (name, connection_id, unit_id, retention_days) SELECT 'Pump', id, 1, 3650 FROM connections;
INSERT INTO points (device_id, key, name, unit, register_table, address, data_type, interval_s, counter)
SELECT d.id, key, key, unit, 'holding', address, data_type, interval_s, counter
  FROM devices d, (VALUES ('energy', 'kWh', 0, 'uint32', 60, true), ('temperature', '°C', 2, 'float32', 10, false), ('runs', '', 4, 'uint16', 10, false))
       AS p (key, unit, address, data_type, interval_s, counter);
UPDATE rollup_levels SET complete = date_bin(unit, '{start}', '2000-01-01Z');
INSERT INTO readings (time, point_id, value, quality)
SELECT t, 1, 2 * n, 0 FROM generate_series(timestamptz '{start}', '{end}', '1 minute') WITH ORDINALITY AS g (t, n);
INSERT INTO readings (time, point_id, value, quality)
SELECT t, 2, round((60 + 10 * sin(n / 1000.0) + random())::numeric, 1), 0 FROM generate_series(timestamptz '{end}' - interval '60 days', '{end}', '10 seconds') WITH ORDINALITY AS g (t, n);
INSERT INTO readings (time, point_id, value, quality)
SELECT t, 3, (n % 700 < 400)::int, 0 FROM generate_series(timestamptz '{end}' - interval '60 days', '{end}', '10 seconds') WITH ORDINALITY AS g (t, n);
"""
SPANS = {
    "14 days of a counter by hour": (1, timedelta(days=14), "PT1H"),
    "a day of a counter by 15 min": (1, timedelta(days=1), "PT15M"),
    "a year of a counter by day": (1, timedelta(days=365), "P1D"),
    "30 days of a temperature by day": (2, timedelta(days=30), "P1D"),
    "30 days of a pump by day": (3, timedelta(days=30), "P1D"),
}
COLUMNS = {
    "value": "plain average",
    "timeWeightedAverage": "time-weighted",
    "increase": "increase",
    "standardDeviation": "deviation",
}
_DATABASE = {
    "value": "average",
    "timeWeightedAverage": "weighted",
    "increase": "increase",
    "standardDeviation": "deviation",
}


async def prepare(server: str) -> tuple[str, str, datetime]:
    """Return the URL of a filled database, a viewer's token, the end of the readings."""
    if "--reuse" not in sys.argv:
        url = await fresh_database(server, NAME)
        connection = await asyncpg.connect(url)
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        await connection.execute(FILL.format(start=end - timedelta(days=400), end=end))
        await connection.execute("CALL refresh_rollups()")
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    url, secret = await reused(server, NAME)
    connection = await asyncpg.connect(url)
    end = await connection.fetchval("SELECT max(time) FROM readings")
    await connection.close()
    return url, secret, end


def statements(point: int, start: datetime, end: datetime, bucket: str) -> dict[str, tuple]:
    """Return the statements of each answer with their parameters, by its label."""
    span = ([point], start, end)
    found: dict[str, tuple] = {
        label: (READ_SERIES, *span, 10_000, bucket, "UTC", [_DATABASE[name]], None, None)
        for name, label in COLUMNS.items()
        if name != "increase" or point == 1
    }
    found["percentiles 50, 95"] = (READ_PERCENTILES, *span, bucket, "UTC", None, None, [0.5, 0.95])
    if point == 3:
        found["state seconds, starts"] = (READ_STATES, *span, 10_000, bucket, "UTC", None, None, [1.0], [1.0])
    return found


def queries(point: int, start: datetime, end: datetime, bucket: str) -> dict[str, str]:
    """Return the same as a client asks it."""
    span = f'points: ["pt_{point}"], from: "{start.isoformat()}", to: "{end.isoformat()}", bucket: "{bucket}"'
    found = {
        label: f"{{ series({span}) {{ columns {{ time {name} }} }} }}"
        for name, label in COLUMNS.items()
        if name != "increase" or point == 1
    }
    found["percentiles 50, 95"] = (
        f"{{ series({span}, percentiles: [50, 95]) {{ columns {{ time percentiles {{ value }} }} }} }}"
    )
    if point == 3:
        found["state seconds, starts"] = (
            f'{{ series({span}, state: "1") {{ columns {{ time stateSeconds starts }} }} }}'
        )
    return found


async def turns(actions: dict[str, Callable]) -> dict[str, list[float]]:
    """Return the milliseconds of each, all of them in turn, so that a loaded moment meets all."""
    taken: dict[str, list[float]] = {label: [] for label in actions}
    for number in range(ROUNDS + 5):
        for label, action in actions.items():
            began = time.perf_counter()
            await action()
            if number >= 5:
                taken[label].append((time.perf_counter() - began) * 1000)
    return taken


async def measure(url: str, secret: str, address: str, end: datetime) -> None:
    await until_ready(address)
    connection = await asyncpg.connect(url, server_settings={"intervalstyle": "iso_8601"})
    print(
        "| | alone ms (least) | × plain (least) | asked of the API ms (least) | × plain (least) |\n|---|---|---|---|---|"
    )
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as client:
        for span, (point, length, bucket) in SPANS.items():
            asked = queries(point, end - length, end, bucket)
            alone = await turns(
                {
                    label: lambda one=one: connection.fetch(*one)
                    for label, one in statements(point, end - length, end, bucket).items()
                }
            )

            async def ask(query: str) -> None:
                answer = await client.post(f"{address}/graphql", json={"query": query})
                assert b'"errors"' not in answer.content[:300], answer.text[:500]

            whole = await turns({label: lambda query=query: ask(query) for label, query in asked.items()})
            print(f"| **{span}** | | | | |")
            for label in asked:
                told = "".join(_told(times[label], times["plain average"]) for times in (alone, whole))
                print(f"| {label} |{told}", flush=True)
    await connection.close()


def _told(taken: list[float], plain: list[float]) -> str:
    middle, least = median(taken), min(taken)
    return f" {middle:.1f} ({least:.1f}) | {middle / median(plain):.1f} ({least / min(plain):.1f}) |"


def main() -> None:
    url, secret, end = asyncio.run(prepare(os.environ["DDMS_TEST_DATABASE_URL"]))
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    print(f"load {os.getloadavg()[0]:.1f}")
    with running(sys.executable, "-m", "ddms", "api", env=environment):
        asyncio.run(measure(url, secret, f"http://127.0.0.1:{port}", end))


if __name__ == "__main__":
    main()
