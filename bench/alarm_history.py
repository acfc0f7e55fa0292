"""What looking back at alarms costs: the preview of a year of one point, and the performance of a month of a long journal.

`DDMS_TEST_DATABASE_URL=… python -m bench.alarm_history`. `DDMS_BENCH_JOURNAL` is the number of entries in the journal,
10 million unless told otherwise, over 300 days: a month has a tenth of them.
"""

import asyncio
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx2

from bench.alarm_live import token
from bench.collector import fill, fresh_database
from bench.latest import free_port, until_ready
from bench.processes import TRUSTING, running

DAYS = 300
INDEXES = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'alarm_events' AND indexname <> 'alarm_events_pkey'"
)
# Occurrences of three entries each, of 40,000 alarms of which some are much worse than others.
FILL_JOURNAL = """
INSERT INTO alarm_events (time, recorded_at, alarm_id, device_id, kind, priority, event, state, value, threshold, transaction)
SELECT t + e.after, t + e.after, a.id, a.device_id, a.kind, (ARRAY['low', 'low', 'low', 'low', 'medium', 'high'])[1 + n % 6], e.event, 'returned', 90, 80,
       (n::text)::xid8
  FROM generate_series($1::bigint, $1 + $2 - 1) n
 CROSS JOIN LATERAL (SELECT now() - interval '300 days' + n * $3::interval) AS x (t)
  JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM alarms WHERE source = 'limit') a ON a.place = (n * 7919 % 40000) * (n % 7) / 6
 CROSS JOIN (VALUES (1, 'raised', interval '0'), (2, 'acknowledged', interval '40 s'), (3, 'cleared', interval '200 s')) AS e (place, event, after)
 ORDER BY n, e.place
"""
ADD_LIMITS = """
INSERT INTO limits (point_id, key, kind, threshold)
SELECT p.id, k.kind, k.kind, k.threshold FROM points p CROSS JOIN (VALUES ('low_low', 1), ('low', 2), ('high', 8), ('high_high', 9)) AS k (kind, threshold)
"""
MAKE_DEVICE = """
INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:502');
INSERT INTO devices (name, connection_id, unit_id, retention_days) VALUES ('Year', 1, 1, 400);
INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)
SELECT 1, k, k, 'holding', n, 'uint16', 10 FROM (VALUES ('level', 0), ('other', 1)) v (k, n)
"""
# Ten days each time: a wave of a day with noise.
FILL_YEAR = """
INSERT INTO readings (time, point_id, value, quality)
SELECT t, p, 50 + 30 * sin(extract(epoch FROM t) / 86400 * 6.283) + random(), 0
  FROM (SELECT date_trunc('day', now()) - make_interval(days => 365 - $1::int * 10) AS start) s
 CROSS JOIN generate_series(s.start, least(now(), s.start + interval '10 days' - interval '1 s'), interval '10 s') t
 CROSS JOIN unnest('{1,2}'::int[]) p
"""
PREVIEW = """query ($limits: [LimitInput!]!, $from: DateTime!) {
  alarmPreview(point: "pt_1", limits: $limits, from: $from) { count seconds share fleeting chattering occurrences { from to extreme } } }"""
_LEVELS = [
    {"kind": kind, "threshold": threshold, "hysteresis": 2, "onDelaySeconds": 30}
    for kind, threshold in (("LOW_LOW", 20.5), ("LOW", 25), ("HIGH", 75), ("HIGH_HIGH", 80))
]
LIMITS: dict[str, list[dict[str, object]]] = {
    "one level": [_LEVELS[2]],
    "a level in the noise": [{"kind": "HIGH", "threshold": 80.5}],
    "four levels": _LEVELS,
    "a rate": [{"kind": "RATE", "threshold": 2}],
    "a deviation from another point": [{"kind": "DEVIATION", "threshold": 0.9, "referenceKey": "other"}],
}
QUESTIONS = ("alarm_performance", "alarm_windows", "alarm_floods", "alarm_worst", "alarm_stale", "alarm_priorities")


async def fill_journal(connection: asyncpg.Connection, entries: int) -> None:
    await connection.execute("ALTER TABLE alarm_events DISABLE TRIGGER alarm_events_told")
    indexes = await connection.fetch(INDEXES)
    for row in indexes:
        await connection.execute(f"DROP INDEX {row['indexname']}")
    occurrences, step = entries // 3, 200_000
    for first in range(0, occurrences, step):
        pace = timedelta(days=DAYS) / occurrences
        await connection.execute(FILL_JOURNAL, first, min(step, occurrences - first), pace)
    for row in indexes:
        await connection.execute(row["indexdef"])
    await connection.execute("ALTER TABLE alarm_events ENABLE TRIGGER alarm_events_told")
    await connection.execute("VACUUM ANALYZE alarm_events")


async def a_year(server: str) -> tuple[str, str]:
    """Fill a year of two points of one device, in the columnstore where there is one; return the URL and a token."""
    url = await fresh_database(server, "ddms_bench_year")
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_DEVICE)
    for month in range(37):
        await connection.execute(FILL_YEAR, month)
    if await connection.fetchval("SELECT compression_available()"):
        await connection.execute(
            "SELECT compress_chunk(c) FROM show_chunks('readings', older_than => interval '1 day') c"
        )
    await connection.execute("VACUUM ANALYZE readings")
    await connection.close()
    return url, await token(url)


def measure_preview(server: str) -> None:
    """Ask for the preview of a year over HTTP."""
    url, secret = asyncio.run(a_year(server))
    port = free_port()
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    print("\nPreview of a year of one point, 3.15 million readings\n| limits | raised | least ms |\n|---|---|---|")
    with running(sys.executable, "-m", "ddms", "api", env=environment):
        asyncio.run(until_ready(f"http://127.0.0.1:{port}"))
        for label, limits in LIMITS.items():
            asyncio.run(_ask_preview(f"http://127.0.0.1:{port}/graphql", secret, label, limits))


async def _ask_preview(url: str, secret: str, label: str, limits: list[dict[str, object]]) -> None:
    begin = (datetime.now(UTC) - timedelta(days=365)).isoformat()
    body = {"query": PREVIEW, "variables": {"limits": limits, "from": begin}}
    took = []
    async with httpx2.AsyncClient(timeout=60, headers={"Authorization": f"Bearer {secret}"}) as client:
        for _ in range(5):
            start = time.perf_counter()
            answer = (await client.post(url, json=body)).json()
            took.append(time.perf_counter() - start)
    counts = ", ".join(f"{one['count']:,}" for one in answer["data"]["alarmPreview"])
    print(f"| {label} | {counts} | {min(took) * 1000:,.0f} |", flush=True)


async def measure_performance(server: str, entries: int) -> None:
    url = await fresh_database(server, "ddms_bench_c")
    await fill(url)
    connection = await asyncpg.connect(url)
    await connection.execute(ADD_LIMITS)
    await fill_journal(connection, entries)
    print(f"\nA journal of {entries:,} entries over {DAYS} days\n| | 1 day, ms | 30 days, ms |\n|---|---|---|")
    for name in QUESTIONS:
        medians = []
        for days in (1, 30):
            took = []
            for _ in range(3):
                start = time.perf_counter()
                await connection.fetch(f"SELECT * FROM grafana.{name}(now() - interval '{days} days', now())")
                took.append(time.perf_counter() - start)
            medians.append(statistics.median(took) * 1000)
        print(f"| {name} | " + " | ".join(f"{median:,.0f}" for median in medians) + " |", flush=True)
    await connection.close()


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    entries = int(os.environ.get("DDMS_BENCH_JOURNAL", "10_000_000"))
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    measure_preview(server)
    if entries:
        asyncio.run(measure_performance(server, entries))


if __name__ == "__main__":
    main()
