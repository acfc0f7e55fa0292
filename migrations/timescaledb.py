"""The way to the better edition: plain tables of history become hypertables, with all that is in them."""

from collections.abc import Callable

import asyncpg

from ddms.database import Connection, TimescaleDb, find_timescaledb
from ddms.errors import Code, DdmsError

TABLES = (
    ("readings", "time", "1 day"),
    ("texts", "time", "7 days"),
    ("rollup_1m", "bucket", "3 days"),
    ("rollup_1h", "bucket", "60 days"),
    ("rollup_1d", "bucket", "1200 days"),
)
"""Each with its column of time and the length of a chunk, as the migrations 0002 and 0007 make them."""

CONVERT = """-- ddms:make_hypertable
SELECT create_hypertable($1::text::regclass, by_range($2::text::name, $3::text::interval), create_default_indexes => false, migrate_data => true)
"""


async def convert(connection: Connection, tell: Callable[[str], None]) -> None:
    """Make hypertables, all in the caller's transaction; `tell` hears how far it is. Raises `DdmsError` when it cannot."""
    match await find_timescaledb(connection):
        case TimescaleDb.ABSENT:
            raise DdmsError(Code.CONFLICT, "this PostgreSQL server has no TimescaleDB: install it there first")
        case TimescaleDb.NOT_LOADED:
            sentence = "TimescaleDB is installed but not loaded: set shared_preload_libraries = 'timescaledb' on the server, restart it, and try again"
            raise DdmsError(Code.CONFLICT, sentence)
        case TimescaleDb.USED:
            tell("The tables are hypertables already.")
            return
        case TimescaleDb.READY:
            pass
    await connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    for number, (table, column, chunk) in enumerate(TABLES, 1):
        size = await connection.fetchval("SELECT pg_size_pretty(pg_total_relation_size($1::text::regclass))", table)
        tell(f"{number} of {len(TABLES)}: {table}, {size}")
        try:
            await connection.execute(CONVERT, table, column, chunk)
        except asyncpg.DiskFullError as error:
            sentence = "the disk of the database is full, and nothing was changed: a table needs its own size once more while it is copied"
            raise DdmsError(Code.UNAVAILABLE, sentence) from error
