"""Kills, outages and full disks against devices that count up: nothing stored twice, nothing lost but the flush in flight.

`python -m bench.faults [--kills N] [--faults N] [--seed S]`, or `make faults KILLS=200`. A PostgreSQL of its own (the
demo's wheel) on a small disk of its own (a tmpfs, where this user may mount one), a plant of units of which each counts
the reads that it answered, and two collectors that share one spool folder. In random order and time it kills a collector
(-9) and starts it again at once or after the other took over, kills PostgreSQL (-9), pauses either with all its processes,
fills the disk of the database, makes the database read only, starts a third collector under a name that is taken, or lets
the disk of the spool be full (RLIMIT_FSIZE) or its folder unusable while the database is away. In the end each number
that a unit sent must be in the database once. Numbers sent in the last second before a kill of a collector are the flush
in flight; what could not even be spooled must be exactly what the collectors counted as lost. And no alarm may be lost, stuck
or told twice (`bench.faults_alarms`).
"""

import argparse
import asyncio
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx2
import uvloop

from bench import faults_alarms
from bench.processes import children
from demo.postgres import Postgres
from migrations import migrate

UNITS, PORTS, METRICS_PORT = 20, range(20_100, 20_104), 20_110
NAMES = ("one", "two")
DISK = "size=256m,mode=0755"
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
        for port in PORTS:
            await asyncio.get_running_loop().create_server(lambda: Counting(self), "127.0.0.1", port)
        await asyncio.sleep(7200)


class Collector:
    """One of the collectors."""

    def __init__(self, name: str, environment: dict[str, str], log: Path, port: int) -> None:
        self.name = name
        self.port = port
        self.environment = environment | {
            "DDMS_COLLECTOR_NAME": name,
            "DDMS_COLLECTOR_METRICS_PORT": str(self.port),
        }
        self.log = log
        self.process: subprocess.Popen | None = None

    def start(self, **more: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "ddms", "collector"],
            env=self.environment | more,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        threading.Thread(target=self._keep_log, args=[process.stderr], daemon=True).start()
        if not more:
            self.process = process
        return process

    def _keep_log(self, stream) -> None:
        """Write the log for the collector, whose own files may be limited."""
        with self.log.open("ab", buffering=0) as log:
            for line in stream:
                log.write(line)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def limit(self, size: int | None) -> None:
        """Let no file of it grow beyond a size."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def lost(self) -> int:
        """Return how many readings it says it lost."""
        for attempt in range(100):
            if self.process.poll() is not None:
                raise RuntimeError(f"the collector {self.name} ended:\n{self.log.read_text()[-4000:]}")
            try:
                text = httpx2.get(f"http://127.0.0.1:{self.port}/metrics", timeout=10).text
                break
            except httpx2.HTTPError:  # it starts
                time.sleep(0.1 + attempt / 100)
        else:
            raise RuntimeError(f"the collector {self.name} is mute:\n{self.log.read_text()[-4000:]}")
        return int(float(re.search(r"^ddms_collector_lost_readings_total (\S+)$", text, re.MULTILINE)[1]))


class Run:
    """One run: its programs, and what happened to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.log = folder / "collector.log"
        self.random = random.Random(seed)
        self.disk = folder / "database"
        self.disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", DISK, "none", str(self.disk)]
        self.has_disk = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        self.postgres = Postgres(self.disk)
        self.collectors: list[Collector] = []
        self.collector_kills: list[float] = []
        self.full: list[tuple[float, float]] = []
        self.counted_lost = 0
        self.done: Counter[str] = Counter()

    def start_collectors(self) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("DDMS_")}
        env |= {
            "DDMS_DATABASE_URL": self.postgres.url(user="ddms_app", database="faults"),
            "DDMS_SPOOL_DIRECTORY": str(self.folder / "spool"),
        }
        self.collectors = [Collector(name, env, self.log, METRICS_PORT + i) for i, name in enumerate(NAMES)]
        for collector in self.collectors:
            collector.start()

    def any(self) -> Collector:
        return self.random.choice(self.collectors)

    def end(self) -> None:
        self.kill_collectors()

    def kill_collectors(self) -> None:
        for collector in self.collectors:
            collector.kill()

    def report(self) -> None:
        """Tell what only this kind of run knows, while all still runs."""

    def unmount(self) -> None:
        if self.has_disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    def kill_collector(self) -> None:
        collector = self.any()
        self.collector_kills.append(time.time())
        collector.kill()
        collector.start()

    def leave_collector_dead(self) -> None:
        """Kill one, and let the other take its lines over."""
        collector = self.any()
        self.collector_kills.append(time.time())
        collector.kill()
        time.sleep(self.random.uniform(25, 30))
        collector.start()

    def start_a_taken_name(self) -> None:
        """Start another collector with the name of one that runs: it must go, and harm nothing."""
        third = self.any().start(DDMS_COLLECTOR_METRICS_PORT="0")
        if third.wait(40) != 1:
            raise RuntimeError("a second collector of one name was let in")

    def fill_database_disk(self) -> None:
        """Leave the database no room; it may go down, and then it is started when there is room again."""
        ballast = self.disk / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(65_536))
            time.sleep(self.random.uniform(5, 20))
        finally:
            ballast.unlink()
        time.sleep(1)
        if not self.postgres._ready():
            self.postgres.stop()
            self.postgres.start()
        time.sleep(5)

    def make_database_read_only(self) -> None:
        asyncio.run(self._set_read_only("on"))
        time.sleep(self.random.uniform(3, 15))
        asyncio.run(self._set_read_only("off"))
        time.sleep(3)

    async def _set_read_only(self, state: str) -> None:
        """Change what new sessions may do, and end those that there are."""
        connection = await asyncpg.connect(self.postgres.url())
        await connection.execute(f"ALTER DATABASE faults SET default_transaction_read_only = {state}")
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'")
        await connection.close()

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
        self.collector_kills.append(time.time())
        self.kill_collectors()
        for collector in self.collectors:  # they begin with what they last knew, some of the time
            collector.start()
        time.sleep(self.random.choice([0, 4]))
        self.postgres.stop()
        self.postgres.start()

    def pause_collector(self) -> None:
        self._pause([self.any().process.pid])

    def pause_database(self) -> None:
        postmaster = self._postmaster()
        self._pause([postmaster, *children(postmaster)])

    def _pause(self, pids: list[int]) -> None:
        """Stop processes, now and then for longer than the collector waits for a commit."""
        stopped = [pid for pid in pids if _signalled(pid, signal.SIGSTOP)]
        time.sleep(self.random.uniform(0.2, 2) if self.random.random() < 0.8 else 23)
        for pid in stopped:
            _signalled(pid, signal.SIGCONT)

    def full_disk(self) -> None:
        """No file of the collectors may grow beyond 100 bytes while the database is away."""
        self._without_room(
            lambda: [collector.limit(100) for collector in self.collectors],
            lambda: [collector.limit(None) for collector in self.collectors],
        )

    def unusable_folder(self) -> None:
        """Something else lies where the spool was, while the database is away."""
        spool, aside = self.folder / "spool", self.folder / "aside"

        def take() -> None:
            spool.rename(aside)
            spool.write_text("")

        def give_back() -> None:
            spool.unlink()
            aside.rename(spool)

        self._without_room(take, give_back)

    def _without_room(self, take: Callable[[], object], give_back: Callable[[], object]) -> None:
        before = self._lost()
        os.kill(self._postmaster(), signal.SIGKILL)
        time.sleep(self.random.uniform(0, 2))
        began = time.time()
        take()
        time.sleep(self.random.uniform(2, 5))
        give_back()
        self.full.append((began - IN_FLIGHT, time.time() + IN_FLIGHT))
        time.sleep(2 * IN_FLIGHT)  # until all of it is counted
        self.counted_lost += self._lost() - before
        self.postgres.stop()
        self.postgres.start()

    def _lost(self) -> int:
        return sum(collector.lost() for collector in self.collectors)

    def fault(self) -> None:
        """Let one thing go wrong, after a while of peace: each once at first, then the most likely most often."""
        time.sleep(self.random.uniform(0.5, 3.5))
        faults = self.faults()
        never = [fault for fault in faults if not self.done[fault.__name__]]
        happening = self.random.choices(never or list(faults), None if never else list(faults.values()))[0]
        self.done[happening.__name__] += 1
        happening()

    def faults(self) -> dict[Callable[[], None], float]:
        """Return what may go wrong, and how likely."""
        return {
            self.kill_collector: 8, self.kill_database: 4, self.kill_both: 2, self.pause_collector: 1,
            self.pause_database: 1, self.full_disk: 0.5, self.unusable_folder: 0.5, self.leave_collector_dead: 0.5,
            self.start_a_taken_name: 1, self.make_database_read_only: 2,
        } | ({self.fill_database_disk: 3} if self.has_disk else {})  # fmt: skip

    @property
    def kills(self) -> int:
        """Programs killed so far."""
        done = self.done
        return done["kill_collector"] + done["leave_collector_dead"] + done["kill_database"] + 3 * done["kill_both"]


def _signalled(pid: int, number: int) -> bool:
    """Send a signal; False when the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


async def fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    for port in PORTS:
        await connection.execute(f"INSERT INTO connections (endpoint) VALUES ('tcp://127.0.0.1:{port}')")
    await connection.execute(
        "INSERT INTO devices (name, connection_id, unit_id)"
        f" SELECT 'unit ' || u, 1 + u % {len(PORTS)}, u FROM generate_series(1, {UNITS}) u"
    )
    await connection.execute(
        "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
        " SELECT id, 'count', 'Count', 'holding', 0, 'uint32', 1 FROM devices"
    )
    await connection.execute(faults_alarms.ADD_LIMITS)
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
    lost = in_flight = no_room = 0
    for unit, times in plant.sent.items():
        for number, at in enumerate(times):
            if number not in found[unit] and at < end:
                killed = any(at - 0.2 <= kill <= at + IN_FLIGHT for kill in run.collector_kills)
                full = not killed and any(start <= at <= stop for start, stop in run.full)
                in_flight, no_room, lost = in_flight + killed, no_room + full, lost + (not killed and not full)
    doubled = sum(count - 1 for numbers in found.values() for count in numbers.values())
    sent = sum(len(times) for times in plant.sent.values())
    print(f"\n{run.kills} kills, {run.done.total()} faults\n\n| fault | times |\n|---|---|")
    for name, count in sorted(run.done.items()):
        print(f"| {name.replace('_', ' ')} | {count} |")
    print("\n| readings | |\n|---|---|")
    for what, count in (
        ("answered by the units", sent),
        ("stored", sum(len(numbers) for numbers in found.values())),
        ("lost in the flush in flight of a kill", in_flight),
        ("lost with the database away and no room for the spool", no_room),
        ("… as the collector counted", run.counted_lost),
        ("lost otherwise", lost),
        ("stored twice", doubled),
    ):
        print(f"| {what} | {count} |")
    return lost + doubled + max(0, no_room - run.counted_lost)


def main(kind: type[Run] = Run) -> None:
    parser = argparse.ArgumentParser(description=sys.modules[kind.__module__].__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--faults", type=int, default=0, help="go on until so many faults happened")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--stay", action="store_true", help="kill nothing, go on until Ctrl-C")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # what was started is ended too
    with tempfile.TemporaryDirectory(prefix="ddms-faults-") as name:
        run, plant = kind(Path(name), arguments.seed), Plant()
        if not run.has_disk:
            print("no tmpfs can be mounted here: the disk of the database is not filled", flush=True)
        try:
            bad = _go(run, plant, arguments)
        finally:
            run.unmount()
    sys.exit(1 if bad else 0)


def _go(run: Run, plant: Plant, arguments: argparse.Namespace) -> int:
    with run.postgres:
        asyncio.run(_create(run.postgres.url()))
        url = run.postgres.url(database="faults")
        asyncio.run(migrate(url))
        asyncio.run(fill(url))
        plant.start()
        run.start_collectors()
        try:
            time.sleep(8)
            with suppress(KeyboardInterrupt):
                while arguments.stay:
                    time.sleep(1)
            while not arguments.stay and (run.kills < arguments.kills or run.done.total() < arguments.faults):
                run.fault()
                if run.done.total() % 10 == 0:
                    print(f"… {run.done.total()} faults, {run.kills} kills", flush=True)
            end = time.time()
            time.sleep(20)  # the database returns within 10 s, the spool is replayed
            run.report()
            for collector in run.collectors:
                collector.process.terminate()
                collector.process.wait(30)
        finally:
            run.end()
        bad = report(run, plant, asyncio.run(stored(url)), end) + asyncio.run(faults_alarms.check(url))
        if bad:
            print(run.log.read_text()[-6000:])
        return bad


async def _create(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE faults")
    await connection.close()


if __name__ == "__main__":
    main()
