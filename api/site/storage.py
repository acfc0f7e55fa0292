"""Storage: how many readings are kept in how many bytes, how fast it grows, when the disk will be full."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import field, output_type, resolver
from api.graphql.messages import told
from api.graphql.scalars import BigInt
from api.ground.database import Database

READ_STORAGE = """-- ddms:read_storage
SELECT current_setting('server_version') AS server_version, pg_database_size(current_database()) AS bytes, storage_growth() AS growth,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb_version, compression_available() AS compression
"""
LIST_STORAGE_TABLES = "-- ddms:list_storage_tables\nSELECT * FROM storage_tables()"
LIST_STORAGE_JOBS = "-- ddms:list_storage_jobs\nSELECT * FROM storage_jobs()"
RECORD_STORAGE = """-- ddms:record_storage
INSERT INTO storage_history (day, bytes, readings, disk_bytes, disk_free_bytes)
SELECT current_date, pg_database_size(current_database()), (SELECT rows FROM storage_tables() WHERE name = 'readings'), $1, $2
ON CONFLICT (day) DO UPDATE SET at = now(), bytes = excluded.bytes, readings = excluded.readings,
       disk_bytes = excluded.disk_bytes, disk_free_bytes = excluded.disk_free_bytes
"""
FORGET_STORAGE = "-- ddms:forget_storage\nDELETE FROM storage_history WHERE day < current_date - 366"
FAR_AWAY = timedelta(days=36_500)


async def record_storage(disk_path: Path | None, database: Database) -> dict[str, Any] | None:
    """Take down how much is stored today, and how much is free."""
    await database.value(RECORD_STORAGE, *(disk_of(disk_path) or (None, None)))
    await database.value(FORGET_STORAGE)
    return None


@output_type
class StorageTable:
    """A table of history. Rows are estimates from statistics."""

    name: str = field(description="`readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`.")
    rows: BigInt = field(description="How many rows it has, about.")
    bytes: BigInt = field(description="What it takes now, with its indexes, in bytes.")
    bytes_per_row: float | None = field(description="Bytes a row; null when there are none.")
    chunks: int | None = field(description="In how many chunks; null on plain PostgreSQL.")
    compressed_chunks: int | None = field(
        description="How many of them are compressed; null where there are no chunks."
    )
    bytes_before: BigInt | None = field(
        description="What the compressed chunks took before, in bytes; null when none is compressed."
    )
    bytes_after: BigInt | None = field(description="What they take now, in bytes; null when none is compressed.")
    saved: float | None = field(
        description="Which share of it compression saved, 0 to 1; null when none is compressed."
    )
    oldest: datetime | None = field(description="Where its oldest chunk begins; null where there are no chunks.")
    newest: datetime | None = field(description="Where its newest chunk ends; null where there are no chunks.")


@output_type
class StorageJob:
    """A job that the database runs by itself."""

    job: str = field(description="What it does, `compression`.")
    subject: str = field(description="The table it does it to.")
    last_started: datetime | None = field(description="When its last run began.")
    last_success: datetime | None = field(description="When a run was last done without an error.")
    failures: BigInt = field(description="How many runs failed.")
    failed: bool = field(description="Whether the last run failed.")
    next_start: datetime | None = field(description="When it runs next.")


@output_type
class Storage:
    """What is stored, and what it takes."""

    edition: str = field(
        description="`community` (TimescaleDB), `apache` (its Apache edition) or `plain` (PostgreSQL)."
    )
    edition_advice: str | None = field(
        description="How to come to an edition that does more, with all that is stored; null where there is none to come to."
    )
    server_version: str = field(description="Version of PostgreSQL.")
    timescaledb_version: str | None = field(description="Version of TimescaleDB; null on plain PostgreSQL.")
    compression: bool = field(description="Whether this edition compresses old readings; only community does.")
    bytes: BigInt = field(description="Size of the database in bytes.")
    growth_bytes_per_day: float | None = field(
        description="How much it grows a day, over the last 30 days; null before the second day."
    )
    disk_bytes: BigInt | None = field(
        description="Size of the disk in bytes; null when the API cannot see it (setting DDMS_DISK_PATH)."
    )
    disk_free_bytes: BigInt | None = field(description="What is free of it, in bytes; null when the API cannot see it.")
    full_on: datetime | None = field(
        description="When the disk will be full if it goes on like this; null when it does not grow, or nobody knows."
    )
    database: strawberry.Private[Database]

    @resolver
    async def tables(self) -> list[StorageTable]:
        """The tables of history."""
        return await read_tables(self.database)

    @resolver
    async def jobs(self) -> list[StorageJob]:
        """The jobs that the database runs by itself; `jobs` has those of DDMS."""
        return [StorageJob(**dict(row)) for row in await self.database.rows(LIST_STORAGE_JOBS)]


async def read_tables(database: Database) -> list[StorageTable]:
    """Read what each table of history takes."""
    return [_table(row) for row in await database.rows(LIST_STORAGE_TABLES)]


def _table(row: Any) -> StorageTable:
    before, after, rows = row["before_bytes"], row["after_bytes"], row["rows"]
    return StorageTable(
        name=row["name"],
        rows=rows,
        bytes=row["bytes"],
        bytes_per_row=row["bytes"] / rows if rows else None,
        chunks=row["chunks"],
        compressed_chunks=row["compressed_chunks"],
        bytes_before=before,
        bytes_after=after,
        saved=1 - after / before if before else None,
        oldest=row["oldest"],
        newest=row["newest"],
    )


def disk_of(path: Path | None) -> tuple[int, int] | None:
    """Return size and free bytes of the disk under a folder, or None when it cannot be seen."""
    if path is None:
        return None
    try:
        disk = os.statvfs(path)
    except OSError:
        return None
    return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize


def full_on(free: int | None, growth: float | None) -> datetime | None:
    """Return when a disk is full that loses `growth` of its free bytes each day."""
    if free is None or growth is None or growth <= 0:
        return None
    left = timedelta(days=min(free / growth, FAR_AWAY.days))
    return datetime.now(UTC) + left if left < FAR_AWAY else None


async def read_storage(database: Database, disk_path: Path | None) -> Storage:
    """Read what is stored; the tables are read when they are asked for."""
    row: Any = await database.row(READ_STORAGE)
    disk = await asyncio.to_thread(disk_of, disk_path)
    size, free = disk or (None, None)
    advice = await database.edition_advice()
    return Storage(
        edition=database.edition.value,
        edition_advice=advice and told(advice),
        server_version=row["server_version"],
        timescaledb_version=row["timescaledb_version"],
        compression=row["compression"],
        bytes=row["bytes"],
        growth_bytes_per_day=row["growth"],
        disk_bytes=None if size is None else BigInt(size),
        disk_free_bytes=None if free is None else BigInt(free),
        full_on=full_on(free, row["growth"]),
        database=database,
    )


@strawberry.type
class StorageQueries:
    """Queries about storage."""

    @resolver
    async def storage(self, info: Info) -> Storage:
        """What is stored, what it takes, how fast it grows."""
        return await read_storage(info.context.database, info.context.settings.disk_path)
