"""The manifest: what is in a backup, read in the very snapshot that pg_dump reads.

`verify` reads the same of a restored database and compares. Checksums are sums of a hash of each row, so that they need no
order and no memory, and are the same whether rows lie compressed or not, on whichever edition.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from ddms import VERSION
from ddms.database import READ_SCHEMA_VERSION, Connection, read_edition
from ddms.errors import Code, DdmsError

FORMAT = 1
HISTORY = {"readings": "time", "texts": "time", "rollup_1m": "bucket", "rollup_1h": "bucket", "rollup_1d": "bucket"}
"""The tables of history, with the column of their time."""
WINDOWS = 24
"""So many windows of time are sampled."""
SAMPLED_ROWS = 50_000
"""So many rows of a table are sampled at most, about: a hash costs as much as the dump of fifty rows that lie compressed."""
_CROWDED = 4
"""A window may have so many times the rows of an even share."""
_WIDTHS = tuple(timedelta(seconds=seconds) for seconds in (3600, 1200, 300, 60, 10))
WHOLE_ROWS = 200_000
"""A table of no more rows has a checksum of all of them."""
# Different from one moment to the next, or of this server alone: nothing that would be missed.
CHANGING = {
    "alembic_version",
    "claims",
    "locks",
    "leases",
    "storing",
    "migrating",
    "backups",
    "restores",
    "rollup_backfill",
}

READ_VERSIONS = """-- ddms:read_versions
SELECT current_setting('server_version_num')::int AS number, split_part(current_setting('server_version'), ' ', 1) AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb, current_database() AS database,
       pg_database_size(current_database()) AS bytes, now() AS taken_at
"""
LIST_TABLES = """-- ddms:list_backed_up_tables
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attname) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND NOT EXISTS (
       SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 GROUP BY c.relname ORDER BY c.relname
"""
READ_CONFIGURATION = "-- ddms:read_configuration_of_backup\nSELECT to_jsonb(c) - 'single' FROM configuration c"
SESSION = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "lock_timeout": "60s",
    "client_connection_check_interval": "1s",
    "idle_in_transaction_session_timeout": "0",
}
"""How rows are written as text, on which their checksums depend; and patience."""


END_NO_TRANSACTION = """-- ddms:end_no_transaction
SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'  -- of PostgreSQL 17
"""


async def prepare_session(connection: Connection) -> None:
    """Let a session write rows as checksums want them, whatever its role has set."""
    for name, value in SESSION.items():
        await connection.execute(f"SET {name} = '{value}'")
    await connection.execute(END_NO_TRANSACTION)


def quoted(name: str) -> str:
    """Quote a name of PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


def checksum(columns: Sequence[str]) -> str:
    """Return the SQL of a checksum of rows."""
    row = ", ".join(quoted(name) for name in columns)
    # 56 bits of a hash a row: sums of whole numbers are exact, and come in any order.
    hashed = f"('x' || encode(substring(sha256(convert_to(ROW ({row})::text, 'UTF8')) FOR 7), 'hex'))::bit(56)::bigint"
    return f"coalesce(sum({hashed}), 0)::text"


async def read_versions(connection: Connection) -> dict[str, Any]:
    """Return the versions of what a database was made by."""
    found = await connection.fetchrow(READ_VERSIONS)
    return {
        "ddms": VERSION,
        "schema": await connection.fetchval(READ_SCHEMA_VERSION),
        "postgresql": found["postgresql"],
        "timescaledb": found["timescaledb"],
        "edition": (await read_edition(connection)).value,
    }


async def read_tables(connection: Connection, *, most: int = SAMPLED_ROWS) -> list[dict[str, Any]]:
    """Return what each table holds: `name columns rows first last samples`, in the snapshot of the connection."""
    found = []
    for table in await connection.fetch(LIST_TABLES):
        name, columns = table["name"], list(table["columns"])
        if name in CHANGING:
            continue
        read = (
            _read_history(connection, name, columns, most)
            if name in HISTORY
            else _read_small(connection, name, columns)
        )
        found.append({"name": name, "columns": columns} | await read)
    return found


async def read_again(connection: Connection, tables: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the same of another database: of the tables, columns and windows that a manifest tells, where they are there."""
    there = {row["name"]: set(row["columns"]) for row in await connection.fetch(LIST_TABLES)}
    return [
        await _read_again(connection, table)
        for table in tables
        if table["name"] in there and there[table["name"]] >= set(table["columns"])
    ]


async def _read_again(connection: Connection, table: dict[str, Any]) -> dict[str, Any]:
    name, columns, samples = table["name"], table["columns"], table.get("samples", [])
    if name not in HISTORY:
        small = await _read_small(connection, name, columns)
        return {"name": name} | (small if samples else {"rows": small["rows"]})
    found = await _read_bounds(connection, name)
    windows = [(datetime.fromisoformat(sample["from"]), datetime.fromisoformat(sample["to"])) for sample in samples]
    return (
        {"name": name}
        | found
        | {"samples": [await read_sample(connection, name, columns, *window) for window in windows]}
    )


async def _read_small(connection: Connection, name: str, columns: Sequence[str]) -> dict[str, Any]:
    rows = await connection.fetchval(f"SELECT count(*) FROM public.{quoted(name)}")
    if rows > WHOLE_ROWS:
        return {"rows": rows}
    whole = {
        "rows": rows,
        "checksum": await connection.fetchval(f"SELECT {checksum(columns)} FROM public.{quoted(name)}"),
    }
    return {"rows": rows, "samples": [whole]}


async def _read_bounds(connection: Connection, name: str) -> dict[str, Any]:
    time = HISTORY[name]
    rows, first, last = await connection.fetchrow(f"SELECT count(*), min({time}), max({time}) FROM public.{name}")
    return {"rows": rows, "first": first and first.isoformat(), "last": last and last.isoformat()}


async def _read_history(connection: Connection, name: str, columns: Sequence[str], most: int) -> dict[str, Any]:
    found = await _read_bounds(connection, name)
    windows = []
    if found["rows"]:
        first, last = (datetime.fromisoformat(found[end]) for end in ("first", "last"))
        windows = choose_windows(first, last, found["rows"], most)
    samples = []
    for start, end in windows:
        until = await _narrow(connection, name, start, end, most * _CROWDED // WINDOWS)
        samples.append(await read_sample(connection, name, columns, start, until))
    return found | {"samples": samples}


async def _narrow(connection: Connection, name: str, start: datetime, end: datetime, most: int) -> datetime:
    """Return the end of a window that has not many more rows than others have: a site may have grown."""
    rows = await connection.fetchval(f"SELECT count(*) FROM public.{quoted(name)} WHERE {_within(name, start, end)}")
    return end if rows <= most else start + (end - start) * most / rows


def choose_windows(first: datetime, last: datetime, rows: int, most: int) -> list[tuple[datetime, datetime]]:
    """Return the windows of time that are sampled: evenly from the first row to the last, both inside."""
    whole = (last - first).total_seconds() or 1.0
    width = next((w for w in _WIDTHS if rows * w.total_seconds() * WINDOWS / whole <= most), _WIDTHS[-1])
    beginnings = {_floor(first + (last - first) * place / (WINDOWS - 1), width) for place in range(WINDOWS)}
    return [(start, start + width) for start in sorted(beginnings)]


def _floor(moment: datetime, width: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // width * width


def _within(name: str, start: datetime, end: datetime) -> str:
    """Return the SQL of a window of time: literals, so that the planner leaves out the other chunks."""
    return f"{HISTORY[name]} >= '{start.isoformat()}' AND {HISTORY[name]} < '{end.isoformat()}'"


async def read_sample(
    connection: Connection, name: str, columns: Sequence[str], start: datetime, end: datetime
) -> dict[str, Any]:
    """Return how many rows a window of time has, and their checksum."""
    rows, found = await connection.fetchrow(
        f"SELECT count(*), {checksum(columns)} FROM public.{quoted(name)} WHERE {_within(name, start, end)}"
    )
    return {"from": start.isoformat(), "to": end.isoformat(), "rows": rows, "checksum": found}


async def read(connection: asyncpg.Connection, *, sealed: bool = False) -> dict[str, Any]:
    """Return all of the manifest that is read from the database; `sealed`: no value of the configuration is in it."""
    found = await connection.fetchrow(READ_VERSIONS)
    configuration = await connection.fetchval(READ_CONFIGURATION)
    if configuration is None:
        raise DdmsError(Code.UNAVAILABLE, "the database holds no configuration: is it the one of DDMS?")
    return {
        "taken_at": found["taken_at"].isoformat(),
        "versions": await read_versions(connection),
        "database": {"name": found["database"], "bytes": found["bytes"]},
        "site": {} if sealed else {"time_zone": configuration["time_zone"]},
        "configuration": {"version": configuration["version"]} | ({} if sealed else {"values": configuration}),
        "dashboards": list_dashboards(find_dashboards()),
        "tables": await read_tables(connection),
    }


def slim(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as it is kept in the database: what a person asks for, without what only a verification needs."""
    tables = [
        {key: table[key] for key in ("name", "rows", "first", "last") if key in table} for table in manifest["tables"]
    ]
    return manifest | {"tables": tables}


def find_dashboards() -> Path | None:
    """Return the folder of the dashboards that Grafana is given here: in a container, an installation or a checkout."""
    root = Path(__file__).parents[2]
    places = (Path("/etc/ddms/dashboards"), root / "demo/shipped/grafana/dashboards", root / "grafana/dashboards")
    return next((place for place in places if place.is_dir()), None)


def list_dashboards(folder: Path | None) -> list[dict[str, Any]]:
    """Return the dashboards that this DDMS shows, with the checksums of their files."""
    if folder is None:
        return []
    return [{"file": str(path.relative_to(folder)), "sha256": _sha256(path)} for path in sorted(folder.rglob("*.json"))]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def differences(expected: Iterable[dict[str, Any]], found: Iterable[dict[str, Any]]) -> list[str]:
    """Return, in sentences, where two lists of tables differ in what the first one tells."""
    told = {table["name"]: table for table in found}
    return [text for table in expected for text in _of_table(table, told.get(table["name"]))]


def _of_table(expected: dict[str, Any], found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return [f"{expected['name']} is missing"]
    name = expected["name"]
    wrong = [
        f"{name}: {key} is {found.get(key)}, expected {expected[key]}"
        for key in ("rows", "first", "last")
        if key in expected and found.get(key) != expected[key]
    ]
    for one, other in zip(expected.get("samples", ()), found.get("samples", ()), strict=False):
        if one != other:
            wrong.append(f"{name}: the rows {_where(one)} differ")
    return wrong


def _where(sample: dict[str, Any]) -> str:
    return f"from {sample['from']} to {sample['to']}" if "from" in sample else "of it"
