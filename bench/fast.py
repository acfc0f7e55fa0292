"""How punctual ten readings a second are: 10 points at 0.1 s and, of the same device, 200 points at 10 s in 20 requests.

`DDMS_TEST_DATABASE_URL=… python -m bench.fast [--seconds N] [--answer-ms N]`. The device is pymodbus's server, over TCP and as RTU
over a pseudo-terminal, and needs some milliseconds for each answer. Beside it the same by the loop that people write with pymodbus's
client: it waits for the next tenth of a second, reads, and when ten seconds are over reads what is slow.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import numpy as np
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from bench.collector import fresh_database
from bench.processes import running
from tests.support.ports import free_port
from tests.support.rtu_devices import serial_cable

EVERY, SLOW_EVERY, SETTLING = 0.1, 10.0, 12.0
SLOW = range(1000, 3000, 100)  # where 20 requests begin, each of 10 registers

POINTS = """
INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)
SELECT d.id, 'r' || a, 'Register ' || a, 'holding', a, 'uint16', CASE WHEN a < 10 THEN 0.1 ELSE 10 END
  FROM devices d, (SELECT generate_series(0, 9) UNION ALL SELECT s + n FROM generate_series(1000, 2900, 100) s, generate_series(0, 9) n) w (a)
"""
TIMES = """
SELECT extract(epoch FROM r.time)::float8 FROM readings r JOIN points p ON p.id = r.point_id
 WHERE p.key = $3 AND r.quality < 16 AND r.time BETWEEN to_timestamp($1) AND to_timestamp($2) ORDER BY 1
"""


async def serve(where: str, answer: float) -> None:
    """Be the device, for ever."""

    async def act(*_: object) -> None:
        await asyncio.sleep(answer)

    device = SimDevice(1, [SimData(0, count=4000, values=7, datatype=DataType.REGISTERS)], action=act)
    server = (
        ModbusTcpServer(device, address=("127.0.0.1", int(where)))
        if where.isdigit()
        else ModbusSerialServer(device, framer=FramerType.RTU, port=where, baudrate=115_200)
    )
    await server.serve_forever()


async def loop(where: str, seconds: float) -> None:
    """Be what people write; print when each fast reading, and each slow one, came."""
    client = (
        AsyncModbusTcpClient("127.0.0.1", port=int(where))
        if where.isdigit()
        else AsyncModbusSerialClient(where, framer=FramerType.RTU, baudrate=115_200)
    )
    await client.connect()
    fast, slow, end, slow_due = [], [], time.time() + seconds, 0.0
    while time.time() < end:
        await asyncio.sleep(EVERY - time.time() % EVERY)
        await client.read_holding_registers(0, count=10, device_id=1)
        fast.append(time.time())
        if time.time() >= slow_due:
            slow_due = time.time() // SLOW_EVERY * SLOW_EVERY + SLOW_EVERY
            for address in SLOW:
                await client.read_holding_registers(address, count=10, device_id=1)
            slow.append(time.time())
    print(json.dumps([fast, slow]))


@contextmanager
def device(transport: str, answer: float) -> Iterator[tuple[str, str]]:
    """Run the device; give its endpoint, and what the loop calls it."""
    with ExitStack() as stack:
        if transport == "tcp":
            theirs = ours = str(free_port())
            endpoint = f"tcp://127.0.0.1:{ours}"
        else:
            ours, theirs, _ = stack.enter_context(serial_cable())
            endpoint = f"serial://{ours}"
        command = [sys.executable, "-m", "bench.fast", "--serve", theirs, "--answer-ms", str(answer * 1000)]
        stack.enter_context(running(*command))
        time.sleep(3)
        yield endpoint, ours


async def fill(url: str, endpoint: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO connections (endpoint, baud_rate, parity) VALUES ($1, 115200, 'none')", endpoint
    )
    await connection.execute(
        "INSERT INTO devices (name, connection_id, unit_id) SELECT 'Press', id, 1 FROM connections"
    )
    await connection.execute(POINTS)
    await connection.close()


async def times(url: str, since: float, until: float, key: str) -> list[float]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(TIMES, since, until, key)
    await connection.close()
    return [row[0] for row in rows]


def by_ddms(endpoint: str, seconds: int) -> tuple[list[float], list[float]]:
    """Run the collector; return when a fast point and a slow one were read."""
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench"))
    asyncio.run(fill(url, endpoint))
    with tempfile.TemporaryDirectory() as folder:
        env = {"DDMS_DATABASE_URL": url, "DDMS_SPOOL_DIRECTORY": f"{folder}/spool", "DDMS_COLLECTOR_METRICS_PORT": "0"}
        env |= {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
        with running(sys.executable, "-m", "ddms", "collector", env=env, log=Path(folder) / "log"):
            time.sleep(SETTLING)
            since = time.time()
            time.sleep(seconds + 1)
    fast, slow = (asyncio.run(times(url, since, since + seconds, key)) for key in ("r0", "r2900"))
    return fast, slow


def by_loop(where: str, seconds: int) -> tuple[list[float], list[float]]:
    """Run the loop; return the same of it."""
    command = [sys.executable, "-m", "bench.fast", "--loop", where, "--seconds", str(seconds)]
    fast, slow = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return fast, slow


def row(label: str, fast: list[float], slow: list[float]) -> str:
    """Return what is printed of one run."""
    gaps = np.diff(fast) * 1000
    median, p1, p99 = np.percentile(gaps, [50, 1, 99])
    turns = round((fast[-1] - fast[0]) / EVERY)
    late = np.percentile(np.mod(np.array(fast) + EVERY / 2, EVERY) - EVERY / 2, 99) * 1000
    return f"| {label} | {len(fast)} | {turns + 1 - len(fast)} | {median:.1f} | {p1:.1f} | {p99:.1f} | {gaps.max():.1f} | {late:.1f} | {len(slow)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--answer-ms", type=float, default=5.0, help="what the device needs for each answer")
    parser.add_argument("--serve", metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--loop", metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seconds, answer = arguments.seconds, arguments.answer_ms / 1000
    if arguments.serve:
        return asyncio.run(serve(arguments.serve, answer))
    if arguments.loop:
        return asyncio.run(loop(arguments.loop, seconds))
    print(
        f"10 points each 0.1 s and 200 each 10 s for {seconds} s; answers take {arguments.answer_ms:g} ms; distances in ms"
    )
    print("| | readings | turns missed | median | p1 | p99 | longest | p99 after the tenth | slow rounds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for transport in ("tcp", "rtu"):
        with device(transport, answer) as (endpoint, where):
            print(row(f"{transport}: DDMS", *by_ddms(endpoint, seconds)), flush=True)
            print(row(f"{transport}: a loop", *by_loop(where, seconds)), flush=True)
    return None


if __name__ == "__main__":
    main()
