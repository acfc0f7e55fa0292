"""Export of one device's week (10 points at 10 s, 604,800 readings) over HTTP, beside psql's `COPY … TO STDOUT` of the same rows.

`DDMS_TEST_DATABASE_URL=… python -m bench.export`. psql is measured with the table as it is (time, point, value, quality),
and with the same columns as the export's (labels, quality and reason as words), which PostgreSQL's own CSV then writes.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import time
import zlib

import asyncpg

from bench.latest import free_port, prepared, until_ready
from bench.processes import TRUSTING, memory_mib, running

ROUNDS = 5
POINTS = 10
FILL = """INSERT INTO readings SELECT t, p.id, round((50 + 10 * sin(extract(epoch FROM t) / 3600 + p.id))::numeric, 2),
    CASE WHEN hashtext(t::text) % 200 = 0 THEN 16 ELSE 0 END FROM points p, generate_series(now() - interval '7 days', now() - interval '10 s', '10 s') t"""
TABLE = "COPY (SELECT time, point_id, value, quality FROM readings ORDER BY point_id, time) TO STDOUT"
SAME = """COPY (SELECT r.time, d.name, p.key, p.name, p.unit, r.value, NULL, q.quality, q.reason FROM points p JOIN devices d ON d.id = p.device_id
    CROSS JOIN LATERAL (SELECT * FROM readings WHERE point_id = p.id ORDER BY time) r JOIN qualities q ON q.code = r.quality) TO STDOUT (FORMAT csv)"""


async def fill(url: str) -> int:
    connection = await asyncpg.connect(url)
    await connection.execute(FILL, timeout=600)
    await connection.execute("UPDATE readings SET value = NULL WHERE quality > 0", timeout=600)
    await connection.execute("VACUUM ANALYZE readings", timeout=600)
    await connection.execute("UPDATE points SET interval_s = 10")
    rows = await connection.fetchval("SELECT count(*) FROM readings")
    await connection.close()
    return rows


async def download(address: str, secret: str, query: str, *, pace: float = 0) -> tuple[float, float, int, int]:
    """Return seconds to the first byte and to the last, bytes and lines; `pace` is a pause after each part."""
    host, port = address.removeprefix("http://").split(":")
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
    head = (
        f"GET /export?{query} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode())
    answered = await reader.readuntil(b"\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 200"), answered
    first, size, lines, tail = time.perf_counter() - began, 0, 0, b""
    while part := await reader.read(2**20):
        size, lines, tail = size + len(part), lines + part.count(b"\n"), (tail + part)[-8:]
        await asyncio.sleep(pace)
    assert tail.endswith(b"0\r\n\r\n"), "cut short"
    writer.close()
    return first, time.perf_counter() - began, size, lines


def psql(url: str, sql: str) -> float:
    began = time.perf_counter()
    subprocess.run(["psql", url, "-qXc", sql], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def line(
    label: str, taken: list[float], base: float, *, rows: int, size: int | None = None, memory: float | None = None
) -> str:
    middle = statistics.median(taken)
    told = f"{size / 1e6:.0f}" if size else "–"
    grown = f"{memory:.0f}" if memory is not None else "–"
    return (
        f"| {label} | {middle:.2f} | {min(taken):.2f} | {rows / middle:,.0f} | {middle / base:.2f} | {told} | {grown} |"
    )


async def measure(address: str, url: str, secret: str, rows: int, pid: int) -> list[str]:
    await until_ready(address)
    queries = {
        "`/export`, long": "device=dev_1&from=-8d",
        "`/export`, long, for a spreadsheet": "device=dev_1&from=-8d&dialect=spreadsheet&timezone=Asia/Shanghai",
        "`/export`, with a decimal comma": "device=dev_1&from=-8d&decimal=comma",
        "`/export`, xlsx": "device=dev_1&from=-8d&format=xlsx",
        "`/export`, wide": "device=dev_1&from=-7d&shape=wide",
        "`/export`, Arrow": "device=dev_1&from=-8d&format=arrow",
        "`/export`, Parquet": "device=dev_1&from=-8d&format=parquet",
    }
    taken: dict[str, list[float]] = {name: [] for name in queries}
    table, same, sizes, before = [], [], {}, memory_mib(pid)
    await download(address, secret, queries["`/export`, long"])
    grown = {}
    for _ in range(ROUNDS):
        if shutil.which("psql"):
            table.append(await asyncio.to_thread(psql, url, TABLE))
            same.append(await asyncio.to_thread(psql, url, SAME))
        for name, query in queries.items():
            _, seconds, sizes[name], lines = await download(address, secret, query)
            assert lines > rows // POINTS or "format=" in query
            taken[name].append(seconds)
            grown.setdefault(name, memory_mib(pid) - before)  # Parquet is last: its library stays
    before = memory_mib(pid)
    slow = await download(address, secret, queries["`/export`, long"], pace=0.05)
    base = statistics.median(table) if table else statistics.median(taken["`/export`, long"])
    told = [line("psql, the table as it is", table, base, rows=rows)] if table else []
    told += [line("psql, the same columns", same, base, rows=rows)] if same else []
    told += [line(n, taken[n], base, rows=rows, size=sizes[n], memory=grown[n]) for n in queries]
    return [
        *told,
        f"\nA client that reads slowly ({slow[1]:.0f} s): the API's memory grew by {memory_mib(pid) - before:.0f} MiB",
    ]


async def compression(address: str, secret: str) -> str:
    """Say what gzip of level 1 would cost: nginx does it, in C, beside the API."""
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET /export?device=dev_1&from=-8d HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {secret}\r\n\r\n".encode()
    )
    content = await reader.read()
    writer.close()
    began = time.perf_counter()
    packed = zlib.compress(content, 1)
    return f"gzip of level 1: {time.perf_counter() - began:.2f} s of CPU, {len(content) / len(packed):.1f} × smaller"


def main() -> None:
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    url, secret = asyncio.run(prepared(server, "ddms_bench_export", endpoints=1, units=1, registers=POINTS))
    rows = asyncio.run(fill(url))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    environment = {"DDMS_DATABASE_URL": url, "DDMS_API_PORT": str(port), "DDMS_LOG_LEVEL": "warning"} | TRUSTING
    for name in [name for name in os.environ if name.startswith("DDMS_")]:
        del os.environ[name]
    with running(sys.executable, "-m", "ddms", "api", env=environment) as api:
        told = asyncio.run(measure(address, url, secret, rows, api.pid))
        packed = asyncio.run(compression(address, secret))
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(f"\nExport of {rows:,} readings (goal: under 1 s; load {load:.1f} for each core)")
    print(
        "| | median s | best s | rows/s | × psql, the table | MB | API's memory grew by MiB so far |\n|---|---|---|---|---|---|---|"
    )
    print("\n".join(told))
    print(packed)


if __name__ == "__main__":
    main()
