"""Making a backup: one moment, read by pg_dump and for the manifest at once, written so that it is whole or absent."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from ddms.backups import folder, manifest, portable, programs, source
from ddms.backups.folder import BackupFiles, size
from ddms.backups.programs import Words
from ddms.backups.source import Source
from ddms.backups.way import make_way
from ddms.backups.writer import PipeEnd, Written, through_a_pipe
from ddms.settings import Settings

T = TypeVar("T")
Report: TypeAlias = Callable[[float | None, str], None]
"""Is told how much is done, 0 to 1 or None, and what is done just now."""

# As the planner knows them: to measure each would wait for whoever locks it.
LIST_SIZES = """-- ddms:list_table_sizes
SELECT n.nspname || '.' || c.relname AS name, greatest(c.relpages, 1)::bigint * 8192 AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
"""
_READS = 'dumping contents of table "'


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be made: `files` says where and which form; `recipients` are public keys of age."""

    files: BackupFiles
    recipients: Sequence[str] = ()


async def make(settings: Settings, order: Order, report: Report = lambda _, __: None) -> dict[str, Any]:
    """Make a backup; return its manifest. What goes wrong is a `DdmsError`; then, and when cancelled, nothing is left."""
    files, began = order.files, datetime.now(UTC)
    folder.prepare(files.folder)
    report(None, "looks at the database")
    async with source.opened(settings) as moment:
        sizes = {row["name"]: row["bytes"] for row in await moment.connection.fetch(LIST_SIZES)}
        await _check_room(moment, files)
        with folder.written(files.data) as part:
            written, found = await _beside(_read(moment, order, part, sizes, report), make_way(moment.settings))
    whole = _told(order, moment, began, written) | found
    folder.write_manifest(files.manifest, whole)
    return whole


def _told(order: Order, moment: Source, began: datetime, written: Written) -> dict[str, Any]:
    files = order.files
    return {
        "format": manifest.FORMAT,
        "name": files.name,
        "file": files.data.name,
        "portable": files.portable,
        "encrypted": files.encrypted,
        "recipients": list(order.recipients),
        "bytes": written.bytes,
        "checksum": written.checksum,
        "began_at": began.isoformat(),
        "ended_at": datetime.now(UTC).isoformat(),
        "pg_dump": moment.program.version,
    }


async def _check_room(moment: Source, files: BackupFiles) -> None:
    """Refuse what will not fit: as much is needed as the last one took, else a part of the database's size."""
    whole = await moment.connection.fetchval("SELECT pg_database_size(current_database())")
    same = [m for m in folder.find(files.folder) if m["portable"] == files.portable]
    if same:
        last = max(same, key=lambda found: str(found["taken_at"]))
        needed = last["bytes"] * 1.1 * max(1.0, whole / last["database"]["bytes"])
    else:  # what lies compressed gets no smaller; the rest is a third
        edition = (await manifest.read_versions(moment.connection))["edition"]
        needed = whole * (0.9 if edition == "community" else 0.35)
    folder.check_free(files.folder, int(needed))


async def _read(
    moment: Source, order: Order, part: Path, sizes: dict[str, int], report: Report
) -> tuple[Written, dict[str, Any]]:
    """Read the dump and what the manifest tells, at once."""
    told = manifest.read(moment.connection, sealed=bool(order.recipients))
    reading = asyncio.create_task(told)
    try:
        written = await _write(moment, order, part, sizes, report)
        report(None, "counts and samples what was backed up")
        return written, await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _write(moment: Source, order: Order, part: Path, sizes: dict[str, int], report: Report) -> Written:
    async with through_a_pipe(part, order.recipients) as (target, told, writing):
        producing = (
            _tar(moment, target, told, report)
            if order.files.portable
            else _dump(moment, target, _Progress(sizes, told, report))
        )
        await _both(producing, writing)
    return told


async def _beside(work: Coroutine[Any, Any, T], watch: Coroutine[Any, Any, None]) -> T:
    """Work while something is watched that may end it."""
    working, watching = asyncio.create_task(work), asyncio.create_task(watch)
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            watching.result()
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _both(producing: Awaitable[None], writing: "asyncio.Future[None]") -> None:
    """Produce and write to the end; when writing fails first, that is the reason that matters."""
    task = asyncio.ensure_future(producing)
    try:
        await asyncio.wait((task, writing), return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            writing.result()
        await task
        await writing
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tar(moment: Source, target: PipeEnd, told: Written, report: Report) -> None:
    await portable.write(moment, target.descriptor, lambda done, doing: report(done, _with_bytes(doing, told)))
    target.close()


async def _dump(moment: Source, target: PipeEnd, progress: "_Progress") -> None:
    arguments, environment = moment.arguments
    words = Words(progress.hear)
    async with programs.running(moment.program, arguments, environment, stdout=target.descriptor) as process:
        target.close()  # now pg_dump alone holds it
        assert process.stderr is not None  # noqa: S101 - it was asked for
        telling = asyncio.create_task(progress.tell())
        try:
            await words.follow(process.stderr)
            code = await process.wait()
        finally:
            telling.cancel()
    if code:
        raise programs.explain("pg_dump", code, words.complaints)


def _with_bytes(doing: str, told: Written) -> str:
    return f"{doing}, {size(told.bytes)} written" if told.bytes else doing


class _Progress:
    """How far pg_dump is: the sizes of the tables that it read, and of the one it reads what its bytes say."""

    def __init__(self, sizes: dict[str, int], told: Written, report: Report) -> None:
        self._sizes, self._told, self._report = sizes, told, report
        self._whole = sum(sizes.values()) or 1
        self._read, self._table, self._since = 0, "", 0
        self._highest = 0.0

    def hear(self, said: str) -> None:
        """Take a line that pg_dump says."""
        if said.startswith(_READS):
            self._read += self._sizes.get(self._table, 0)
            self._table, self._since = said.removeprefix(_READS).rstrip('"'), self._told.bytes
            self._tell()

    async def tell(self) -> None:
        """Tell each second."""
        while True:
            await asyncio.sleep(1)
            self._tell()

    def _tell(self) -> None:
        # Bytes of the file for those of the tables: as they were until now, at first a third.
        ratio = self._since / self._read if self._read and self._since else 1 / 3
        of_this = min(self._sizes.get(self._table, 0), (self._told.bytes - self._since) / max(ratio, 0.01))
        self._highest = max(self._highest, min(0.99, (self._read + of_this) / self._whole))
        self._report(
            self._highest,
            _with_bytes(f"reads {_name(self._table)}" if self._table else "reads what there is", self._told),
        )


def _name(table: str) -> str:
    schema, _, name = table.partition(".")
    return name if schema == "public" else "chunks of history" if schema == "_timescaledb_internal" else table
