"""`ddms history import` beside bare COPY of the same readings: CSV long and wide, Parquet, again, and into compressed chunks.

`DDMS_TEST_DATABASE_URL=… python -m bench.import_history [--days N]`. 100 points each 10 s. Bare COPY is binary, straight from
numpy, in transactions of 50,000: what is needed at least, without reading a file, without rollups, and nothing may be there yet.
"""

import argparse
import asyncio
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncpg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.collector import fill, fresh_database
from ddms.history.rows import READINGS
from ddms.storing import copy, rows

POINTS, STEP, BATCH = 100, 10, 50_000
START = np.datetime64("2026-03-01T00:00:00", "us")
COMPRESS = "SELECT count(compress_chunk(c, if_not_compressed => true)) FROM show_chunks('readings') c"


class Plant:
    """Readings of 100 points, and how they are called."""

    def __init__(self, names: list[str], numbers: list[int], days: float, shift: int = 0) -> None:
        steps = int(days * 86_400 / STEP)
        chance = np.random.default_rng(7)
        self.names, self.numbers = names, numbers
        self.times = START + np.arange(steps) * np.timedelta64(STEP, "s") + np.timedelta64(shift, "s")
        self.values = np.round(chance.normal(50, 10, (steps, len(names))).cumsum(axis=0) / 100, 2)

    @property
    def count(self) -> int:
        return self.values.size

    def long(self, file: Path, *, by_point: bool = False) -> Path:
        """Write time, tag, value: as they were taken, or point by point."""
        times = [f"{time}Z" for time in np.datetime_as_string(self.times, "s")]
        columns = [list(map(repr, column)) for column in self.values.T.tolist()]
        with gzip.open(file, "wt", compresslevel=1) if file.suffix == ".gz" else file.open("w") as out:
            out.write("time,tag,value\n")
            if by_point:
                for name, column in zip(self.names, columns, strict=True):
                    out.writelines(f"{time},{name},{value}\n" for time, value in zip(times, column, strict=True))
            else:
                for time, row in zip(times, zip(*columns, strict=True), strict=True):
                    out.writelines(f"{time},{name},{value}\n" for name, value in zip(self.names, row, strict=True))
        return file

    def wide(self, file: Path) -> Path:
        """Write a column a point."""
        with file.open("w") as out:
            out.write(",".join(["time", *self.names]) + "\n")
            for time, row in zip(np.datetime_as_string(self.times, "s"), self.values.tolist(), strict=True):
                out.write(f"{time}Z,{','.join(map(repr, row))}\n")
        return file

    def parquet(self, file: Path) -> Path:
        """Write Parquet of the long shape."""
        steps = len(self.times)
        tags = pa.DictionaryArray.from_arrays(np.tile(np.arange(len(self.names), dtype=np.int32), steps), self.names)
        times = pa.array(np.repeat(self.times, len(self.names)), pa.timestamp("us", tz="UTC"))
        pq.write_table(
            pa.table({"time": times, "tag": tags, "value": self.values.ravel()}), file, row_group_size=200_000
        )
        return file

    async def bare(self, url: str) -> float:
        """Copy; return the seconds."""
        readings = np.empty(self.count, READINGS)
        readings["point_id"] = np.tile(self.numbers, len(self.times))
        readings["time"] = np.repeat(self.times.astype(np.int64), len(self.names))
        readings["value"], readings["quality"] = self.values.ravel(), 0
        connection = await asyncpg.connect(url)
        began = time.perf_counter()
        for place in range(0, len(readings), BATCH):
            part = readings[place : place + BATCH]
            await copy(connection, "readings", rows(part[np.lexsort((part["time"], part["point_id"]))]))
        taken = time.perf_counter() - began
        await connection.close()
        return taken


def run(url: str, file: Path, *options: str) -> tuple[float, float, float]:
    """Import a file; return seconds, seconds of CPU and the most memory in MiB."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    command = [sys.executable, "-m", "ddms", "history", "import", str(file), *options]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment | {"DDMS_DATABASE_URL": url}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, f"{file} was not imported"
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement, timeout=3600)
    await connection.close()


async def empty(url: str) -> None:
    await execute(url, "TRUNCATE readings, latest, rollup_1m, rollup_1h, rollup_1d, rollup_late_days, history_imports")


def told(label: str, count: int, taken: float, base: float, more: tuple[float, float] | None = None) -> None:
    cpu, memory = (f"{more[0] / count * 1e6:.1f}", f"{more[1]:.0f}") if more else ("–", "–")
    print(f"| {label} | {taken:.1f} | {count / taken:,.0f} | {taken / base:.2f} | {cpu} | {memory} |", flush=True)


async def measure(url: str, plant: Plant, folder: Path) -> None:
    print("| | s | readings/s | × bare COPY | µs of CPU a reading | MiB |\n|---|---|---|---|---|---|")
    base = await plant.bare(url)
    told("bare COPY", plant.count, base, base)
    files = {
        "CSV, long, as it was taken": plant.long(folder / "long.csv"),
        "CSV, long, gzip": plant.long(folder / "long.csv.gz"),
        "CSV, long, point by point": plant.long(folder / "points.csv", by_point=True),
        "CSV, wide": plant.wide(folder / "wide.csv"),
        "Parquet": plant.parquet(folder / "long.parquet"),
    }
    for label, file in files.items():
        await empty(url)
        taken, *more = run(url, file)
        told(label, plant.count, taken, base, tuple(more))
    taken, *more = run(url, files["Parquet"])
    told("Parquet, again: all is there", plant.count, taken, base, tuple(more))
    taken, *more = run(url, files["Parquet"], "--dry-run")
    told("Parquet, again, `--dry-run`", plant.count, taken, base, tuple(more))
    connection = await asyncpg.connect(url)
    if await connection.fetchval("SELECT compression_available()"):
        await connection.fetchval(COMPRESS, timeout=3600)
        between = Plant(plant.names, plant.numbers, 1, shift=5)
        taken, *more = run(url, between.parquet(folder / "between.parquet"))
        told(
            "Parquet, between what is compressed", between.count, taken, base * between.count / plant.count, tuple(more)
        )
        await connection.fetchval(COMPRESS, timeout=3600)
        taken, *more = run(url, folder / "between.parquet")
        told("… again: all is there, compressed", between.count, taken, base * between.count / plant.count, tuple(more))
    await connection.close()


async def prepare(url: str, days: float) -> Plant:
    await fill(url, endpoints=10, units=1, registers=10)
    await execute(url, "UPDATE devices SET retention_days = 3650")
    connection = await asyncpg.connect(url)
    found = await connection.fetch(
        "SELECT p.id, d.name || ' / ' || p.key AS tag FROM points p JOIN devices d ON d.id = p.device_id ORDER BY 1"
    )
    await connection.close()
    return Plant([row["tag"] for row in found], [row["id"] for row in found], days)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=3)
    days = parser.parse_args().days
    folder = Path(tempfile.mkdtemp(prefix="ddms-import-"))
    url = asyncio.run(fresh_database(os.environ["DDMS_TEST_DATABASE_URL"], "ddms_bench_import"))
    try:
        asyncio.run(measure(url, asyncio.run(prepare(url, days)), folder))
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
