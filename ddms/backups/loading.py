"""The two ways of a backup into a new database.

Native: pg_restore makes everything as it was, the chunks too. Rows: our migrations make the schema of the backup, on
whichever edition the server has; pg_restore loads the ordinary tables, and history comes as rows, chunk by chunk.
Both may be cut off at any moment and called again.
"""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing

from ddms.backups import reading, target
from ddms.backups.archive import Archive, Entry
from ddms.backups.manifest import HISTORY, quoted
from ddms.backups.reading import Opened, Report
from ddms.backups.target import Stage
from ddms.database import Connection, connect, explained
from ddms.settings import Settings
from migrations import migrate_to

CATALOG = "_timescaledb_catalog"
JOBS_AT_MOST = 8

HAS_TABLE = "-- ddms:has_restored_table\nSELECT to_regclass($1) IS NOT NULL"
HAS_ROWS = "SELECT EXISTS (SELECT FROM ONLY {}.{})"
IS_DONE = "-- ddms:is_part_done\nSELECT EXISTS (SELECT FROM ddms_restore.done WHERE item = $1)"
NOTE_DONE = "-- ddms:note_part_done\nINSERT INTO ddms_restore.done (item) VALUES ($1)"
LIST_ORDINARY = """-- ddms:list_ordinary_tables
SELECT string_agg(format('public.%I', relname), ', ') FROM pg_class c
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname NOT IN ('alembic_version', 'migrating')
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
"""


async def load_native(settings: Settings, opened: Opened, again: bool, _stage: Stage, report: Report) -> None:
    """Make everything as it was."""
    archive, contents = opened.archive, opened.contents
    database = target.name_of(settings)
    own = [] if await _owner_is_here(settings, contents.owner) else ["--no-owner"]
    if opened.timescaledb:
        await _make_extension(settings, opened.timescaledb)
    report(None, "makes the tables")
    if not await _asked(settings, HAS_TABLE, "public.alembic_version"):
        await archive.restore(database, "--section=pre-data", "--single-transaction", *own)
    catalog = [entry for entry in contents.data() if entry.schema == CATALOG]
    # They point at each other, so the order matters: no two at once.
    if catalog and not await _asked(settings, HAS_ROWS.format(CATALOG, "hypertable")):
        await archive.restore(database, "--single-transaction", entries=catalog)
    rest = [e for e in contents.data() if e.schema != CATALOG]
    sequences = [e for e in contents.entries if e.kind == "SEQUENCE SET"]
    wanted = await _without_rows(settings, rest) if again else rest
    jobs = f"--jobs={min(os.cpu_count() or 1, JOBS_AT_MOST)}"
    heard = _Heard(report, len(wanted))
    # An earlier run may have made triggers already: they fire for an empty table too, and keys would be checked too early.
    await archive.restore(
        database, jobs, "--exit-on-error", "--verbose", entries=[*wanted, *sequences], hear=heard.hear, quietly=again
    )
    report(None, "makes the indexes and keys")
    await archive.restore(database, jobs, "--section=post-data", *own, again=again)
    report(None, "ends the load")
    if opened.timescaledb:
        await _asked(settings, "SELECT timescaledb_post_restore()")


class _Heard:
    """Which table pg_restore loads, and how many are done."""

    def __init__(self, report: Report, tables: int) -> None:
        self._report, self._tables, self._done = report, tables, 0

    def hear(self, said: str) -> None:
        if said.startswith("finished item") and "TABLE DATA" in said:
            self._done += 1
            self._report(
                None, f"loads tables, {self._done} of {self._tables} are done, the last one {said.rpartition(' ')[2]}"
            )


async def _owner_is_here(settings: Settings, owner: str) -> bool:
    return bool(await _asked(settings, target.HAS_ROLE, owner))


async def _make_extension(settings: Settings, version: str) -> None:
    """Make TimescaleDB of the version that the backup has, and let it wait for its catalogue."""
    found = await _asked(settings, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    if found and found != version:  # an empty database that was given may have another one
        await _asked(settings, "DROP EXTENSION timescaledb CASCADE")
        found = None
    if not found:
        await _asked(settings, f"CREATE EXTENSION timescaledb VERSION {quoted(version)}")
    await _asked(settings, "SELECT timescaledb_pre_restore()")


async def update_extension(settings: Settings) -> None:
    """Bring TimescaleDB to the newest version that the server has; it wants to be the first word of a session."""
    await _asked(settings, "ALTER EXTENSION timescaledb UPDATE")


async def _asked(settings: Settings, statement: str, *arguments: object) -> object:
    """Ask in a session of its own: another version of the extension, and its mode of restoring, want new ones."""
    connection = await connect(settings, "restore")
    try:
        with explained():
            return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


async def _without_rows(settings: Settings, entries: list[Entry]) -> list[Entry]:
    """Return the tables that are empty: each was loaded whole or not at all."""
    connection = await connect(settings, "restore")
    try:
        with explained():
            asked = [HAS_ROWS.format(quoted(e.schema), quoted(e.name)) for e in entries]
            return [e for e, question in zip(entries, asked, strict=True) if not await connection.fetchval(question)]
    finally:
        await connection.close()


async def load_rows(settings: Settings, opened: Opened, _again: bool, stage: Stage, report: Report) -> None:
    """Make the schema by our migrations, load the ordinary tables, then history."""
    if stage is Stage.BEGUN:
        report(None, f"makes the schema {opened.schema}")
        await migrate_to(settings.dsn(), opened.schema)
        await _load_ordinary(settings, opened.archive, report)
    connection = await connect(settings, "restore")
    try:
        with explained():
            await connection.execute("SET statement_timeout = 0")
            await connection.execute("SET synchronous_commit = off")
            async for part in reading.parts(opened):
                if not await connection.fetchval(IS_DONE, part.item):
                    report(part.share, f"loads {part.table}")
                    async with aclosing(part.rows()) as rows:
                        await _load_part(connection, part, rows)
            await connection.execute("SET synchronous_commit = on")
            await target.reach(connection, Stage.LOADED)  # whose commit waits for all before it
    finally:
        await connection.close()


async def _load_ordinary(settings: Settings, archive: Archive, report: Report) -> None:
    report(None, "loads all but history")
    connection = await connect(settings, "restore")
    try:
        with explained():
            await connection.execute(f"TRUNCATE {await connection.fetchval(LIST_ORDINARY)}")
    finally:
        await connection.close()
    contents = await archive.contents()
    ordinary = [e for e in contents.entries if e.schema == "public" and e.kind in {"TABLE DATA", "SEQUENCE SET"}]
    left_out = {*HISTORY, "alembic_version", "migrating"}
    entries = [e for e in ordinary if e.kind == "SEQUENCE SET" or e.name not in left_out]
    await archive.restore(
        target.name_of(settings), "--data-only", "--single-transaction", entries=entries, quietly=True
    )
    connection = await connect(settings, "restore")
    try:
        await target.reach(connection, Stage.ORDINARY)
    finally:
        await connection.close()


async def _load_part(connection: Connection, part: reading.Part, rows: reading.Rows) -> None:
    """Load some rows of history, and note in the same transaction that they are there."""
    first = await anext(rows, None)
    async with connection.transaction():
        if first is not None:
            columns, piece = first

            async def all_rows() -> AsyncIterator[bytes]:
                yield piece
                async for _, more in rows:
                    yield more

            await connection.copy_to_table(
                part.table, schema_name="public", columns=list(columns), source=all_rows(), format="text"
            )
        await connection.execute(NOTE_DONE, part.item)
