"""What polling costs: 1,000 units on 50 endpoints, 10 registers each second, beside Telegraf on the same plant.

`DDMS_TEST_DATABASE_URL=… python -m bench.collector [--telegraf PATH] [--seconds N]`; with `--calculated` what calculated
points, registers that scale others and names on a tenth of the points cost, and nothing else. CPU is the program's own (user
and system), per request of 10 registers; PostgreSQL and the plant are other processes.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench.processes import cpu_seconds, memory_mib, plant, running
from migrations import migrate

PORT, ENDPOINTS, UNITS, REGISTERS = 20_000, 50, 20, 10


async def fresh_database(server: str, name: str) -> str:
    """Create an empty, migrated database on the server and return its URL."""
    admin = await asyncpg.connect(server)
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    url = urlsplit(server)._replace(path=f"/{name}").geturl()
    await migrate(url)
    return url


async def fill(
    url: str, *, endpoints: int = ENDPOINTS, units: int = UNITS, registers: int = REGISTERS, changes: Sequence[str] = ()
) -> None:
    """Make devices of `registers` uint16 points each, read each second; then change them by these statements."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO connections (endpoint) SELECT 'tcp://127.0.0.1:' || ($1::int + e) FROM generate_series(0, $2::int - 1) e",
        PORT, endpoints,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT format('unit %s/%s', c.id, u), c.id, u FROM connections c, generate_series(1, $1::int) u",
        units,
    )
    await connection.execute(
        """INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)
        SELECT d.id, 'r' || a, 'Register ' || a, 'holding', a, 'uint16', 1 FROM devices d, generate_series(0, $1::int - 1) a""",
        registers,
    )
    for statement in changes:
        await connection.execute(statement)
    await connection.close()


# A point of each ten becomes another: each device keeps as many.
CALCULATE = """
WITH made AS (
    UPDATE points SET register_table = 'calculated', address = 0, data_type = 'float64', expression = 'if(r1 > 0, r0 / r1, 0) * 100'
     WHERE key = 'r9' RETURNING id, device_id)
INSERT INTO point_inputs (point_id, place, input_id, reference)
SELECT m.id, CASE q.key WHEN 'r1' THEN 0 ELSE 1 END, q.id, q.key FROM made m JOIN points q ON q.device_id = m.device_id AND q.key IN ('r0', 'r1')
"""
SCALE = """
WITH made AS (UPDATE points SET scale_by = '10 ** -(r1 % 3)' WHERE key = 'r9' RETURNING id, device_id)
INSERT INTO point_inputs (point_id, place, input_id, reference)
SELECT m.id, 0, q.id, q.key FROM made m JOIN points q ON q.device_id = m.device_id AND q.key = 'r1'
"""
NAME = """UPDATE points SET value_names = '{"0": {"name": "Off"}, "7": {"name": "Running", "color": "green"}}' WHERE key = 'r8'"""
VARIANTS = {
    "10 points that are read": (),
    "9 that are read, one of them with names, 1 calculated": (CALCULATE, NAME),
    "10 that are read, 1 of them scaled by another": (SCALE,),
}


def measure_calculated(server: str, seconds: int, rounds: int = 3) -> None:
    """Measure the variants in turns, so that each meets the same machine; print the mean of the rounds, and each."""
    found: dict[str, list[dict[str, float]]] = {label: [] for label in VARIANTS}
    with tempfile.TemporaryDirectory() as name, plant(PORT, ENDPOINTS):
        for _ in range(rounds):
            for label, statements in VARIANTS.items():
                url = asyncio.run(fresh_database(server, "ddms_bench"))
                asyncio.run(fill(url, changes=statements))
                found[label].append(measure_ddms(url, seconds, 1.0, Path(name)))
    plain = sum(r["µs/request"] for r in found["10 points that are read"]) / rounds
    print(f"\n{ENDPOINTS * UNITS} units on {ENDPOINTS} endpoints, each second, a flush each 1 s")
    print(
        "| each device has | µs CPU a request | each round | × | MiB | readings/s | bad |\n|---|---|---|---|---|---|---|"
    )
    for label, results in found.items():
        cost = [r["µs/request"] for r in results]
        mean = sum(cost) / rounds
        rest = [sum(r[column] for r in results) / rounds for column in ("MiB", "readings/s", "bad")]
        told = ", ".join(f"{one:.0f}" for one in cost)
        print(f"| {label} | {mean:.1f} | {told} | {mean / plain:.2f} | {rest[0]:.0f} | {rest[1]:.0f} | {rest[2]:.0f} |")


async def count(url: str, since: float, until: float) -> tuple[int, int]:
    """Return how many readings were stored in this time (less 3 s, for what is on its way), and how many are not good."""
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(
        "SELECT count(*), count(*) FILTER (WHERE quality > 0) FROM readings WHERE time > to_timestamp($1) AND time < to_timestamp($2)",
        since - 3, until - 3,
    )  # fmt: skip
    await connection.close()
    return row[0], row[1]


def measure_ddms(url: str, seconds: int, flush_interval: float, folder: Path) -> dict[str, float]:
    """Run the collector on the filled database."""
    env = {
        "DDMS_DATABASE_URL": url,
        "DDMS_FLUSH_INTERVAL": str(flush_interval),
        "DDMS_SPOOL_DIRECTORY": str(folder / "spool"),
        "DDMS_COLLECTOR_METRICS_PORT": "0",
    }
    env |= {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
    with running(sys.executable, "-m", "ddms", "collector", env=env, log=folder / "ddms.log") as process:
        return _sample(process.pid, seconds, lambda since: asyncio.run(count(url, since, time.time())))


def _sample(pid: int, seconds: int, counted) -> dict[str, float]:
    time.sleep(6)
    before, since = cpu_seconds(pid), time.time()
    time.sleep(seconds)
    cpu, wall = cpu_seconds(pid) - before, time.time() - since
    readings, bad = counted(since)
    requests = UNITS * ENDPOINTS * wall
    return {
        "µs/request": cpu / requests * 1e6,
        "core %": cpu / wall * 100,
        "MiB": memory_mib(pid),
        "readings/s": readings / wall,
        "bad": bad,
    }


LATENESS = """
SELECT d.unit_id % 10 = 0 AS faulty, count(*), count(*) FILTER (WHERE quality < 16),
       percentile_cont(ARRAY[0.5, 0.99, 1.0]) WITHIN GROUP (ORDER BY (extract(epoch FROM r.time) + 0.05) % 1 - 0.05)
  FROM readings r JOIN points p ON p.id = r.point_id JOIN devices d ON d.id = p.device_id
 WHERE p.key = 'r0' AND r.time > to_timestamp($1) AND r.time < to_timestamp($2) GROUP BY 1 ORDER BY 1
"""


def measure_lateness(url: str, seconds: int, folder: Path) -> list[asyncpg.Record]:
    """Run the collector on a plant of which every tenth unit is dead; polls are due at each full second."""
    env = {"DDMS_DATABASE_URL": url, "DDMS_SPOOL_DIRECTORY": str(folder / "spool"), "DDMS_COLLECTOR_METRICS_PORT": "0"}
    with running(sys.executable, "-m", "ddms", "collector", env=env, log=folder / "ddms.log"):
        time.sleep(15)  # until the dead are known as dead
        since = time.time()
        time.sleep(seconds)

    async def read() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(LATENESS, since, since + seconds - 1)
        finally:
            await connection.close()

    return asyncio.run(read())


def print_lateness(server: str, seconds: int) -> None:
    """Print how late the living are polled while 100 of 1,000 units hang, are missing or lie."""
    print("\n1,000 units, each second; 100 of them dead. Lateness of polls, ms")
    print("| | units | readings/unit/s | good | p50 | p99 | worst |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for label, mode in (("all alive", ()), ("100 dead", ("faulty",))):
            with plant(PORT, ENDPOINTS, *mode):
                url = asyncio.run(fresh_database(server, "ddms_bench"))
                asyncio.run(fill(url))
                for faulty, rows, good, late in measure_lateness(url, seconds, Path(name)):
                    units = ENDPOINTS * UNITS * (0.1 if faulty else 0.9)
                    which = f"{label}: {'the units that are dead in the second run' if faulty else 'the others'}"
                    p50, p99, worst = (float(x) * 1000 for x in late)
                    print(
                        f"| {which} | {units:.0f} | {rows / units / (seconds - 1):.2f} | {good / rows:.1%} | {p50:.0f} | {p99:.0f} | {worst:.0f} |"
                    )


def telegraf_configuration(database: str | None) -> str:
    """Return a configuration for the same registers: one wide row a request, one input a unit."""
    parts = ['[agent]\n  interval = "1s"\n  flush_interval = "1s"\n  metric_buffer_limit = 100000\n  quiet = true\n']
    fields = ", ".join(
        f'{{ address = {a}, name = "r{a}", type = "UINT16", output = "FLOAT64" }}' for a in range(REGISTERS)
    )
    for e in range(ENDPOINTS):
        parts.append(
            f'[[inputs.modbus]]\n  name = "e{e}"\n  controller = "tcp://127.0.0.1:{PORT + e}"\n  timeout = "1s"\n'
            '  configuration_type = "request"\n'
        )
        parts += [
            f'  [[inputs.modbus.request]]\n    slave_id = {u}\n    byte_order = "ABCD"\n    register = "holding"\n'
            f'    measurement = "plant"\n    fields = [ {fields} ]\n'
            for u in range(1, UNITS + 1)
        ]
    if database is None:
        parts.append("[[outputs.discard]]\n")
    else:
        parts.append(f'[[outputs.postgresql]]\n  connection = "{database}"\n  tags_as_foreign_keys = false\n')
    return "".join(parts)


def measure_telegraf(program: str, database: str | None, seconds: int, folder: Path) -> dict[str, float]:
    """Run Telegraf on the same plant."""
    configuration = folder / "telegraf.conf"
    configuration.write_text(telegraf_configuration(database))
    with running(program, "--config", str(configuration), log=folder / "telegraf.log") as process:
        if database is None:
            return _sample(process.pid, seconds, lambda _: (0, 0))
        return _sample(process.pid, seconds, lambda since: asyncio.run(_count_wide(database, since)))


async def _count_wide(url: str, since: float) -> tuple[int, int]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetchval("SELECT count(*) FROM plant WHERE time > to_timestamp($1)", since)
    await connection.close()
    return rows * REGISTERS, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--telegraf", default=shutil.which("telegraf"))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--calculated", action="store_true", help="what calculated points cost, and nothing else")
    arguments = parser.parse_args()
    server = os.environ["DDMS_TEST_DATABASE_URL"]
    if arguments.calculated:
        return measure_calculated(server, arguments.seconds)
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name, plant(PORT, ENDPOINTS):
        folder = Path(name)
        for interval in (1.0, 0.1):
            url = asyncio.run(fresh_database(server, "ddms_bench"))
            asyncio.run(fill(url))
            results[f"DDMS, a flush each {interval:g} s"] = measure_ddms(url, arguments.seconds, interval, folder)
        if arguments.telegraf:
            url = asyncio.run(fresh_database(server, "ddms_bench_telegraf"))
            for label, database in (("Telegraf, discarding", None), ("Telegraf into PostgreSQL", url)):
                results[label] = measure_telegraf(arguments.telegraf, database, arguments.seconds, folder)
    _print_costs(results)
    return print_lateness(server, max(arguments.seconds, 70))


def _print_costs(results: dict[str, dict[str, float]]) -> None:
    peer = results.get("Telegraf into PostgreSQL")
    print(f"\n{ENDPOINTS * UNITS} units on {ENDPOINTS} endpoints, {REGISTERS} registers each second")
    print("| | µs CPU a request | × Telegraf | core % | MiB | readings/s | bad |\n|---|---|---|---|---|---|---|")
    for label, r in results.items():
        ratio = f"{r['µs/request'] / peer['µs/request']:.2f}" if peer else "–"
        print(
            f"| {label} | {r['µs/request']:.0f} | {ratio} | {r['core %']:.1f} | {r['MiB']:.0f} | {r['readings/s']:.0f} | {r['bad']:.0f} |"
        )


if __name__ == "__main__":
    main()
