"""What a backup costs beside a bare pg_dump, and a restore and a verification beside a bare pg_restore.

`DDMS_TEST_DATABASE_URL=… python -m bench.backups [--readings 10000000] [--rounds 3] [--native]`, on the community edition. The data
are those of `bench.storage`, compressed by the policy's own jobs, with all rollups. The bare ones get the same
compression, the same low priority and the same number of jobs, and take turns with ours; each figure is the median.
The CPU is that of all processes: programs, this one, and the server's. In the end it is measured what 5,000 readings a
second that are stored meanwhile notice of a dump.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np

from bench.collector import fill, fresh_database
from bench.processes import cpu_seconds
from bench.retention import ingest
from bench.storage import A_DAY, CHUNK_DAYS, DEVICES, JOBS, POINTS, copy, plant_of
from ddms.backups import dump, programs, sealed, source, target
from ddms.backups.folder import BackupFiles, size
from ddms.backups.restore import Order, restore
from ddms.backups.verify import verify
from ddms.settings import Settings
from tests.support import client_programs

NAME, NEW = "ddms_bench_backups", "ddms_bench_restored"
PIECE_DAYS, QUIET = 8, 20
ADD_INGESTED = """
INSERT INTO devices (name, connection_id, unit_id) SELECT 'Meanwhile ' || n, 1, 100 + n FROM generate_series(1, 10) n;
INSERT INTO points (device_id, key, name, register_table, address, data_type)
    SELECT id, 'p' || n, 'P', 'holding', n, 'uint16' FROM devices, generate_series(0, 9) n WHERE name LIKE 'Meanwhile%';
INSERT INTO collectors (name, version) VALUES ('bench', '0');
"""


@dataclass
class Taken:
    """What one kind of work took, each time that it was done."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bytes: int = 0
    stages: dict[str, list[float]] = field(default_factory=dict)


class Stages:
    """How long each stage took, by what is told of progress."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}
        self._doing, self._since = "begins", time.perf_counter()

    def tell(self, _: float | None, doing: str) -> None:
        """Take what is told; numbers in it are left out."""
        words = " ".join(word for word in doing.partition(",")[0].partition(";")[0].split() if word.isalpha())
        now = time.perf_counter()
        self.taken[self._doing] = self.taken.get(self._doing, 0) + now - self._since
        self._doing, self._since = words, now


def status_of(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


class Bench:
    """The server, its database with history, and the folder of the backups."""

    def __init__(self, connection: asyncpg.Connection, settings: Settings) -> None:
        self.connection, self.settings = connection, settings
        self.taken: dict[str, Taken] = {}
        self._postmaster = 0
        self._secret, self._public = sealed.new_pair()

    async def prepare(self) -> None:
        """Find the server's first process, which knows what those that ended took, and the programs."""
        self._postmaster = int(status_of(await self.connection.fetchval("SELECT pg_backend_pid()"))[1])
        number = await self.connection.fetchval(source.READ_NUMBER)
        self.pg_dump = await programs.find(self.settings, "pg_dump", number // 10_000)
        self.pg_restore = await programs.find(self.settings, "pg_restore", number // 10_000)

    def _cpu(self) -> float:
        """Return the CPU of this program, its children, and the server with all its processes, those that ended too."""
        ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        running = Path(f"/proc/{self._postmaster}/task/{self._postmaster}/children").read_text().split()
        ended = sum(map(int, status_of(self._postmaster)[13:15])) / os.sysconf("SC_CLK_TCK")
        return ours + ended + sum(cpu_seconds(int(pid)) for pid in (self._postmaster, *running))

    async def take(self, label: str, work: Callable[[Stages], Awaitable[int]]) -> None:
        """Do some work, which returns the bytes that it made, and note what it took."""
        await self.connection.execute("CHECKPOINT")
        stages, cpu, began = Stages(), self._cpu(), time.perf_counter()
        made = await work(stages)
        seconds = time.perf_counter() - began
        stages.tell(None, "")
        taken = self.taken.setdefault(label, Taken())
        taken.seconds.append(seconds)
        taken.cpu.append(self._cpu() - cpu)
        taken.bytes = made
        for doing, share in stages.taken.items():
            taken.stages.setdefault(doing, []).append(share)

    async def run(self, program: programs.Program, *arguments: str, database: str) -> None:
        """Run a program of PostgreSQL as one would by hand.

        With several jobs pg_restore loads the tables of TimescaleDB's catalogue in an order that their keys refuse, and
        goes on: what it takes is measured all the same.
        """
        where, environment = programs.connection_of(self.settings, database)
        async with programs.running(program, [*arguments, f"--dbname={where}"], environment) as process:
            _, said = await process.communicate()
        if process.returncode and "compression_chunk_size" not in said.decode():
            raise RuntimeError(said.decode())

    async def bare_dump(self, _: Stages) -> int:
        """Make a dump as one would by hand."""
        path = self.settings.backup_directory / "bare.dump"
        method = "zstd:3" if self.pg_dump.has_zstd else "gzip:1"
        await self.run(self.pg_dump, "-Fc", f"--compress={method}", f"--file={path}", database=NAME)
        return path.stat().st_size

    def backup(self, name: str, *, portable: bool = False, encrypted: bool = False) -> Callable[[Stages], Any]:
        """Return what makes a backup of ours."""
        files = BackupFiles(folder=self.settings.backup_directory, name=name, portable=portable, encrypted=encrypted)

        async def make(stages: Stages) -> int:
            files.remove()
            order = dump.Order(files=files, recipients=[self._public] if encrypted else [])
            return (await dump.make(self.settings, order, stages.tell))["bytes"]

        return make

    async def bare_restore(self, _: Stages) -> int:
        """Restore as the manual of TimescaleDB says."""
        await self.connection.execute(f"CREATE DATABASE {NEW}")
        for statement in ("CREATE EXTENSION IF NOT EXISTS timescaledb", "SELECT timescaledb_pre_restore()"):
            await self._ask(statement)
        path = self.settings.backup_directory / "bare.dump"
        await self.run(self.pg_restore, "--jobs=2", "--no-owner", str(path), database=NEW)
        await self._ask("SELECT timescaledb_post_restore()")
        return await self._size()

    async def _ask(self, statement: str) -> None:
        connection = await asyncpg.connect(target.at(self.settings, NEW).database_url)
        await connection.execute(statement)
        await connection.close()

    async def _size(self) -> int:
        return int(await self.connection.fetchval("SELECT pg_database_size($1::text)", NEW))

    def restored(self, name: str) -> Callable[[Stages], Any]:
        """Return what restores a backup of ours."""

        async def make(stages: Stages) -> int:
            told = await restore(self.settings, Order(named=name, database=NEW), stages.tell)
            if told["differences"] or told["faults"]:
                raise RuntimeError(told["differences"] + told["faults"])
            return await self._size()

        return make

    async def verified(self, stages: Stages) -> int:
        """Verify our backup."""
        told = await verify(self.settings, "ours", report=stages.tell)
        if told["differences"]:
            raise RuntimeError(told["differences"])
        return int(told["bytes"])

    async def drop(self) -> None:
        """Drop what was restored."""
        await self.connection.execute(f"DROP DATABASE IF EXISTS {NEW} WITH (FORCE)")


async def fill_history(connection: asyncpg.Connection, readings: int) -> int:
    """Store history, roll it up and compress it; return how many readings there are."""
    points = [row["id"] for row in await connection.fetch("SELECT id FROM points ORDER BY device_id, id")]
    days = max(1, round(readings / (A_DAY * DEVICES * POINTS)))
    # Where a chunk of rollup_1h ends, so that the policy finds all chunks old enough.
    end = datetime.fromtimestamp((time.time() - 8 * 86_400) // (CHUNK_DAYS * 86_400) * CHUNK_DAYS * 86_400, UTC)
    start = end - timedelta(days=days)
    await connection.execute("UPDATE rollup_levels SET complete = date_bin(unit, $1, '2000-01-01Z')", start)
    await connection.execute("UPDATE devices SET retention_days = 3650")
    for first in range(0, days, PIECE_DAYS):
        piece = plant_of(min(PIECE_DAYS, days - first), start + timedelta(days=first), points, seed=first)
        for hour in np.array_split(piece, len(piece) // 360):
            await copy(connection, hour)
    await connection.execute("CALL refresh_rollups()")
    for job in await connection.fetch(JOBS):
        await connection.execute(f"CALL run_job({job['job_id']})")
    await connection.execute("VACUUM ANALYZE")
    return days * A_DAY * DEVICES * POINTS


def print_taken(taken: dict[str, Taken], beside: dict[str, str]) -> None:
    """Print what each kind of work took, beside the bare one."""
    print("\n| | seconds | beside bare | CPU seconds | beside bare | size |\n|---|---|---|---|---|---|")
    for label, one in taken.items():
        bare = taken.get(beside.get(label, ""))
        shown = []
        for kind in ("seconds", "cpu"):
            ours = statistics.median(getattr(one, kind))
            shown.append(f"{ours:.1f}")
            shown.append(f"{ours / statistics.median(getattr(bare, kind)) - 1:+.0%}" if bare else "")
        print(f"| {label} | {' | '.join(shown)} | {size(one.bytes)} |")
    print("\nStages (seconds, median):")
    for label, one in taken.items():
        stages = {doing: statistics.median(times) for doing, times in one.stages.items()}
        told = ", ".join(f"{doing} {seconds:.1f}" for doing, seconds in stages.items() if seconds >= 0.05)
        if len(one.stages) > 1:
            print(f"- {label}: {told}")


async def measure_work(bench: Bench, rounds: int, *, portable: bool) -> None:
    """Let the bare ones and ours take turns."""
    for _ in range(rounds):
        await bench.take("bare `pg_dump -Fc`", bench.bare_dump)
        await bench.take("backup", bench.backup("ours"))
        await bench.take("backup, encrypted", bench.backup("sealed", encrypted=True))
        await bench.take("bare `pg_restore -j 2`", bench.bare_restore)
        await bench.drop()
        await bench.take("restore", bench.restored("ours"))
        await bench.drop()
        await bench.take("verification", bench.verified)
    if portable:
        await bench.take("portable backup", bench.backup("portable", portable=True))
        await bench.take("portable, restored", bench.restored("portable"))
        await bench.drop()
    dumped, restored = "bare `pg_dump -Fc`", "bare `pg_restore -j 2`"
    beside = dict.fromkeys(("backup", "backup, encrypted"), dumped) | dict.fromkeys(
        ("restore", "verification"), restored
    )
    print_taken(bench.taken, beside)


async def measure_flushes(bench: Bench, rounds: int) -> None:
    """Print how long flushes take while nothing else is done, during a bare dump, and during ours."""
    await bench.connection.execute(ADD_INGESTED)
    points = [row["id"] for row in await bench.connection.fetch("SELECT id FROM points ORDER BY id DESC LIMIT 100")]
    flushes: dict[str, list[float]] = {"nothing": [], "bare `pg_dump -Fc`": [], "backup": []}
    work = (lambda: asyncio.sleep(QUIET), lambda: bench.bare_dump(Stages()), lambda: bench.backup("ours")(Stages()))
    async with ingest(bench.settings, points) as ingesting:
        for _ in range(rounds):
            for label, one in zip(flushes, work, strict=True):
                await asyncio.sleep(2)
                del ingesting.seconds[:]
                until = time.monotonic() + QUIET
                while time.monotonic() < until:
                    await one()
                flushes[label] += ingesting.seconds
    print(
        "\n| flushes of 100 readings, 50 each second, during | p50 | p99 | longest | flushes |\n|---|---|---|---|---|"
    )
    for label, taken in flushes.items():
        p50, p99 = np.percentile(np.array(taken) * 1000, [50, 99])
        print(f"| {label} | {p50:.1f} ms | {p99:.1f} ms | {max(taken) * 1000:.0f} ms | {len(taken)} |", flush=True)


async def measure(server: str, readings: int, rounds: int, folder: Path, *, portable: bool) -> None:
    """Fill, measure, print."""
    url = await fresh_database(server, NAME)
    await fill(url, endpoints=1, units=DEVICES, registers=POINTS)
    settings = Settings(
        database_url=url, backup_database_url=url, backup_directory=folder, postgres_programs=client_programs.folder()
    )
    connection = await asyncpg.connect(url)
    began = time.perf_counter()
    stored = await fill_history(connection, readings)
    whole = await connection.fetchval("SELECT pg_database_size(current_database())")
    print(
        f"\n{stored:,} readings with all rollups, compressed: a database of {size(whole)}, filled in {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    bench = Bench(connection, settings)
    await bench.prepare()
    await bench.drop()
    await measure_work(bench, rounds, portable=portable)
    await measure_flushes(bench, rounds)
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readings", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--native", action="store_true", help="no portable backup: of 100 million readings it takes half an hour"
    )
    parser.add_argument("--folder", type=Path, help="where the backups are written; else a temporary folder")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ddms-bench-", dir=given.folder))
    try:
        work = measure(
            os.environ["DDMS_TEST_DATABASE_URL"], given.readings, given.rounds, folder, portable=not given.native
        )
        asyncio.run(work)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
