"""Kills and outages against devices that count up: nothing stored twice, nothing lost but the flush in flight.

`python -m bench.faults [--kills N] [--seed S]`, or `make faults KILLS=200`. A PostgreSQL of its own (the demo's wheel),
a plant of units of which each counts the reads that it answered, and the collector. In random order and time it kills
the collector (-9), kills PostgreSQL (-9) or pauses either. In the end each number that a unit sent must be in the
database once. Numbers sent in the last second before a kill of the collector are the flush in flight.
"""

import argparse
import asyncio
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import asyncpg
import uvloop

from demo.postgres import Postgres
from migrations import migrate

UNITS, PORT = 20, 20_100
IN_FLIGHT = 1.2  # seconds before a kill of the collector; a flush is due each 0.1 s, one takes up to a second


class Counting(asyncio.Protocol):
    """Modbus units whose register pair (uint32) is the number of reads that they answered."""

    def __init__(self, plant: "Plant") -> None:
        self.plant = plant

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        for start in range(0, len(data) - 11, 12):
            transaction, _, _, unit, function, _, count = struct.unpack_from(">HHHBBHH", data, start)
            number = len(self.plant.sent[unit])
            self.plant.sent[unit].append(time.time())
            body = struct.pack(">I", number) + bytes(2 * count - 4)
            self.transport.write(
                struct.pack(">HHHBBB", transaction, 0, 3 + len(body), unit, function, len(body)) + body
            )


class Plant(threading.Thread):
    """The counting units, on a thread of their own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.sent: dict[int, list[float]] = {unit: [] for unit in range(1, UNITS + 1)}

    def run(self) -> None:
        uvloop.run(self._serve())

    async def _serve(self) -> None:
        await asyncio.get_running_loop().create_server(lambda: Counting(self), "127.0.0.1", PORT)
        await asyncio.sleep(7200)


class Run:
    """One run: its programs, and what happened to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.postgres = Postgres(folder / "database")
        self.collector: subprocess.Popen | None = None
        self.collector_kills: list[float] = []
        self.done: Counter[str] = Counter()

    def start_collector(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
        env |= {
            "DDMS_DATABASE_URL": self.postgres.url(user="ddms_app", database="faults"),
            "DDMS_SPOOL_DIRECTORY": str(self.folder / "spool"),
            "DDMS_COLLECTOR_METRICS_PORT": "0",
        }
        with (self.folder / "collector.log").open("ab") as log:
            self.collector = subprocess.Popen(
                [sys.executable, "-m", "ddms", "collector"], env=env, stdout=log, stderr=log
            )

    def kill_collector(self) -> None:
        assert self.collector is not None
        self.collector_kills.append(time.time())
        self.collector.kill()
        self.collector.wait()
        self.start_collector()

    def kill_database(self) -> None:
        os.kill(self._postmaster(), signal.SIGKILL)
        time.sleep(self.random.uniform(0.2, 4))
        self.postgres.stop()
        self.postgres.start()

    def _postmaster(self) -> int:
        return int((self.postgres.data / "postmaster.pid").read_text().splitlines()[0])

    def kill_both(self) -> None:
        os.kill(self._postmaster(), signal.SIGKILL)
        time.sleep(self.random.uniform(0, 3))
        assert self.collector is not None
        self.collector_kills.append(time.time())
        self.collector.kill()
        self.collector.wait()
        self.postgres.stop()
        self.postgres.start()
        self.start_collector()

    def pause_collector(self) -> None:
        self._pause(self.collector.pid)

    def pause_database(self) -> None:
        self._pause(self._postmaster())

    def _pause(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.random.uniform(0.2, 2))
        os.kill(pid, signal.SIGCONT)

    def fault(self) -> None:
        """Let one thing go wrong, after a while of peace."""
        time.sleep(self.random.uniform(0.5, 3.5))
        happening = self.random.choices(
            [self.kill_collector, self.kill_database, self.kill_both, self.pause_collector, self.pause_database],
            weights=[8, 4, 2, 1, 1],
        )[0]
        self.done[happening.__name__] += 1
        happening()

    @property
    def kills(self) -> int:
        """Programs killed so far."""
        return self.done["kill_collector"] + self.done["kill_database"] + 2 * self.done["kill_both"]


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:{PORT}')")
    await connection.execute(
        f"INSERT INTO devices (name, connection_id, unit_id) SELECT 'unit ' || u, 1, u FROM generate_series(1, {UNITS}) u"
    )
    await connection.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT id, 'count', 'Count', 'holding', 0, 'uint32', 1 FROM devices"
    )
    await connection.close()


async def stored(url: str) -> dict[int, Counter[int]]:
    """Return how often each number of each unit is in the database."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT d.unit_id, r.value FROM readings r JOIN points p ON p.id = r.point_id JOIN devices d ON d.id = p.device_id"
        " WHERE r.quality < 16"
    )
    await connection.close()
    found: dict[int, Counter[int]] = {unit: Counter() for unit in range(1, UNITS + 1)}
    for row in rows:
        found[row["unit_id"]][int(row["value"])] += 1
    return found


def report(run: Run, plant: Plant, found: dict[int, Counter[int]], end: float) -> int:
    """Print what happened; return how many readings were lost or doubled against the promise."""
    lost = in_flight = 0
    for unit, times in plant.sent.items():
        for number, at in enumerate(times):
            if number not in found[unit] and at < end:
                excused = any(at - 0.2 <= kill <= at + IN_FLIGHT for kill in run.collector_kills)
                in_flight, lost = in_flight + excused, lost + (not excused)
    doubled = sum(count - 1 for numbers in found.values() for count in numbers.values())
    sent = sum(len(times) for times in plant.sent.values())
    print(f"kills {run.kills}: " + ", ".join(f"{name} {count}" for name, count in sorted(run.done.items())))
    print(f"readings answered {sent}, stored {sum(len(n) for n in found.values())}")
    print(f"lost in the flush in flight {in_flight}, lost otherwise {lost}, stored twice {doubled}")
    return lost + doubled


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="ddms-faults-") as name:
        run, plant = Run(Path(name), arguments.seed), Plant()
        with run.postgres:
            asyncio.run(_create(run.postgres.url()))
            url = run.postgres.url(database="faults")
            asyncio.run(migrate(url))
            asyncio.run(fill(url))
            plant.start()
            run.start_collector()
            try:
                time.sleep(4)
                while run.kills < arguments.kills:
                    run.fault()
                    if sum(run.done.values()) % 20 == 0:
                        print(f"… {run.kills} kills", flush=True)
                end = time.time()
                time.sleep(15)  # the database returns within 10 s, the spool is replayed
                run.collector.terminate()
                run.collector.wait(20)
            finally:
                run.collector.kill()
            bad = report(run, plant, asyncio.run(stored(url)), end)
            if bad:
                print((run.folder / "collector.log").read_text()[-4000:])
    sys.exit(1 if bad else 0)


async def _create(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE faults")
    await connection.close()


if __name__ == "__main__":
    main()
