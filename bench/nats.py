"""Readings over NATS into the database: how many a second, how soon they are rows, and how a site catches up.

`DDMS_TEST_DATABASE_URL=… python -m bench.nats [--seconds 20] [--rate 50000] [--points 10000]`. A NATS server and `ddms
ingest` of their own. Senders publish what collectors would: each site its share of the rate, a message each tenth of a
second, waiting for the stream's acknowledgement. Then one site more, which was offline for an hour (`--offline` seconds,
at a tenth of the rate), sends what it has as fast as it is taken, beside the others. A row's moment is when its
transaction is committed, seen by NOTIFY; p99 is over messages, from the time of their readings.
"""

import argparse
import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import numpy as np
import uvloop

from bench.collector import fresh_database
from bench.processes import cpu_seconds, running
from collector.far.link import Link
from collector.storing.decode import READINGS, Batch
from collector.storing.spool import encode
from ddms.settings import Settings
from ddms.stream import Unpacker

PORT, METRICS_PORT, SITES, MOST = 20_140, 20_141, 4, 20_000
PROGRAM = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
LATE = "late"


async def fill(url: str, points: int) -> dict[str, list[int]]:
    """Make the sites' devices and points; return the points of each."""
    connection = await asyncpg.connect(url)
    found = {}
    for number, site in enumerate([*(f"site-{n}" for n in range(SITES)), LATE]):
        line = await connection.fetchval(
            "INSERT INTO connections (endpoint, site) VALUES ($1, $2) RETURNING id",
            f"tcp://127.0.0.1:{20_200 + number}",
            site,
        )
        device = await connection.fetchval(
            "INSERT INTO devices (name, connection_id, unit_id) VALUES ($1, $2, 1) RETURNING id", site, line
        )
        rows = await connection.fetch(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
            " SELECT $1, 'p' || n, 'P' || n, 'holding', n, 'uint16', 1 FROM generate_series(0, $2::int - 1) n RETURNING id",
            device, points // SITES,
        )  # fmt: skip
        found[site] = [row[0] for row in rows]
    await connection.close()
    return found


class Sender:
    """A collector of a site, of which only the sending is left."""

    def __init__(self, settings: Settings, site: str, points: list[int]) -> None:
        self.link = Link(settings, site, "bench")
        self.points = np.array(points, np.int32)
        self.number = 0

    async def send(self, moment: float, count: int, *, late: bool = False) -> None:
        """Publish a message of readings that were taken at a moment."""
        self.number += 1
        readings = np.zeros(count, READINGS)
        readings["point_id"] = np.resize(np.roll(self.points, -self.number * count), count)
        readings["time"] = int(moment * 1e6) + np.arange(count) // len(self.points)
        readings["value"], readings["stored"] = self.number, True
        told = {"collector": self.link.site, "version": "0", "epoch": "bench", "number": self.number}
        await self.link.publish(encode(Batch(readings, [], told)), f"bench.{self.number}", late=late)

    async def run(self, rate: float, seconds: float) -> None:
        """Send a message each tenth of a second; one that comes too late for its turn is sent at once."""
        begin = time.time()
        for turn in range(int(seconds * 10)):
            await asyncio.sleep(begin + turn / 10 - time.time())
            await self.send(time.time(), round(rate / 10))


class Ears:
    """Hears of commits, and notes how old the readings in them are."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self._unpacker = Unpacker()

    def __call__(self, _connection: object, _process: int, _channel: str, payload: str) -> None:
        flush = self._unpacker.feed(payload)
        if flush is not None and len(flush.readings):
            moments = np.unique(flush.readings["time"] // 1000)
            self.ages += [time.time() - moment / 1000 for moment in moments.tolist()]

    def say(self, label: str, stored: int, seconds: float) -> None:
        """Print what was heard, and begin anew."""
        ages = sorted(self.ages) or [float("nan")]
        p50, p99 = (ages[min(len(ages) - 1, int(len(ages) * share))] * 1000 for share in (0.5, 0.99))
        print(f"| {label} | {stored / seconds:,.0f} | {p50:.0f} | {p99:.0f} | {ages[-1] * 1000:.0f} |", flush=True)
        self.ages = []


async def measure(
    url: str, settings: Settings, points: dict[str, list[int]], arguments: argparse.Namespace, pids: list[int]
) -> None:
    """Send, and say what became of it."""
    connection, ears = await asyncpg.connect(url), Ears()
    channel = await connection.fetchval("SELECT channel('ddms_readings')")
    await connection.add_listener(channel, ears)
    senders = [Sender(settings, site, numbers) for site, numbers in points.items()]
    for sender in senders:
        await sender.link.open()
        await _until_taken(sender)
    *present, absent = senders
    count = "SELECT count(*) FROM readings"
    print("| | readings/s | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|")
    for label, rate, offline in (
        (f"{arguments.rate:,} readings/s", arguments.rate, 0),
        (f"{arguments.rate // 5:,} readings/s", arguments.rate // 5, 0),
        (f"the same, while a site catches up {arguments.offline} s", arguments.rate // 5, arguments.offline),
    ):
        before, start = await connection.fetchval(count), time.monotonic()
        cpu, ears.ages = [cpu_seconds(pid) for pid in pids], []
        sending = [sender.run(rate / SITES, arguments.seconds) for sender in present]
        if offline:
            sending.append(_catch_up(absent, arguments.rate / 10, offline, connection))
        await asyncio.gather(*sending)
        taken = time.monotonic() - start
        for _ in range(200):
            total = await connection.fetchval(count)
            await asyncio.sleep(0.05)
            if total == await connection.fetchval(count):
                break
        stored = total - before
        ears.say(label, stored, taken)
        used = [f"{100 * (cpu_seconds(pid) - was) / taken:.0f} %" for pid, was in zip(pids, cpu, strict=True)]
        print(f"CPU of nats-server and ddms ingest: {', '.join(used)}; load {os.getloadavg()[0]:.1f}", flush=True)
    for sender in senders:
        await sender.link.close()
    await connection.close()


async def _until_taken(sender: Sender) -> None:
    """Send until there is a stream: `ddms ingest` makes it."""
    for _ in range(600):
        with suppress(Exception):
            await sender.send(time.time() - 7200, 1, late=True)
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("ddms ingest made no stream")


async def _catch_up(sender: Sender, rate: float, offline: int, connection: asyncpg.Connection) -> None:
    """Send what was read in the time offline, a message a second, and say how fast it became rows."""
    begin, start = time.time() - offline - 60, time.monotonic()
    for second in range(offline):
        await sender.send(begin + second, min(MOST, round(rate)), late=True)
    site = sender.link.site
    while await connection.fetchval("SELECT number FROM ingested WHERE collector = $1", site) != sender.number:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    taken = time.monotonic() - start
    print(f"a site that was offline for {offline} s caught up in {taken:.1f} s: {offline / taken:.0f} times real time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--offline", type=int, default=3600)
    arguments = parser.parse_args()
    uvloop.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    url = await fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_nats")
    points = await fill(url, arguments.points)
    settings = Settings(nats_url=f"nats://127.0.0.1:{PORT}")
    with tempfile.TemporaryDirectory(prefix="ddms-nats-") as name:
        file = Path(name) / "nats.conf"
        file.write_text(
            f'listen: "127.0.0.1:{PORT}"\nmax_payload: 8MB\njetstream {{ store_dir: "{name}", max_file_store: 8GB }}\n'
        )
        env = {
            "DDMS_DATABASE_URL": url,
            "DDMS_NATS_URL": f"nats://127.0.0.1:{PORT}",
            "DDMS_INGEST_SITES": ",".join(points),
            "DDMS_INGEST_METRICS_PORT": str(METRICS_PORT),
        }
        log = Path(name) / "ingest.log"
        with running(PROGRAM, "-c", str(file)) as server:
            while True:
                with suppress(OSError):
                    socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
                    break
                await asyncio.sleep(0.05)
            with running(sys.executable, "-m", "ddms", "ingest", env=env, log=log) as ingest:
                try:
                    await measure(url, settings, points, arguments, [server.pid, ingest.pid])
                finally:
                    print(log.read_text()[-1500:], file=sys.stderr)


if __name__ == "__main__":
    main()
