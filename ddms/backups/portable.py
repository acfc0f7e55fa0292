"""The portable form: a tar of a dump of all but history, and of history as rows, that any edition of the storage reads.

Its members, in this order: `database.dump.0001` and on, pieces of a dump in custom format that are to be put together;
then `history/readings/0001.copy.gz` and on, each by itself what `COPY readings (point_id, time, …) FROM STDIN` takes in
text format, with the names of the columns in `history/readings/columns`. Nothing is held but one member in memory.
"""

import asyncio
import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import asyncpg

from ddms.backups import programs
from ddms.backups.manifest import HISTORY, quoted
from ddms.backups.programs import Words
from ddms.backups.source import Source

MEMBER_BYTES = 16 * 1024**2
_RAW_BYTES = 4 * 1024**2
_STEP = {"readings": timedelta(days=1), "texts": timedelta(days=30), "rollup_1m": timedelta(days=7)}
_LONG_STEP = timedelta(days=365)
_SHARE_OF_REST = 0.05

LIST_COLUMNS = """-- ddms:list_columns
SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


class Tar:
    """A tar that is written into a pipe; every member is whole in memory, since its size comes first."""

    def __init__(self, target: int) -> None:
        self._target = target

    async def add(self, name: str, content: bytes) -> None:
        """Write one member; the loop goes on meanwhile."""
        head = tarfile.TarInfo(name)
        head.size, head.mode, head.mtime = len(content), 0o600, int(time.time())
        padding = b"\0" * (-len(content) % tarfile.BLOCKSIZE)
        await asyncio.to_thread(self._write, head.tobuf(tarfile.PAX_FORMAT), content, padding)

    async def end(self) -> None:
        """Write the end."""
        await asyncio.to_thread(self._write, b"\0" * (2 * tarfile.BLOCKSIZE))

    def _write(self, *pieces: bytes) -> None:
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[os.write(self._target, left) :]


async def write(moment: Source, target: int, report: Callable[[float, str], None]) -> None:
    """Write the whole tar into a pipe."""
    tar = Tar(target)
    report(0.0, "reads all but history")
    await _write_rest(moment, tar)
    share = (1 - _SHARE_OF_REST) / len(HISTORY)
    async with moment.reader() as connection:
        for place, table in enumerate(HISTORY):

            def tell(done: float, begun: float = _SHARE_OF_REST + share * place, table: str = table) -> None:
                report(begun + share * done, f"reads {table}")

            await _write_history(connection, table, tar, tell)
    await tar.end()


async def _write_rest(moment: Source, tar: Tar) -> None:
    """Write the dump of all but history, in pieces."""
    arguments, environment = moment.arguments
    without = [f"--exclude-table-data=public.{table}" for table in HISTORY]
    arguments += ["--exclude-schema=_timescaledb_*", "--exclude-schema=timescaledb_*", *without]
    words = Words()
    async with programs.running(moment.program, arguments, environment, stdout=asyncio.subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - both were asked for
        assert process.stderr is not None  # noqa: S101
        hearing = asyncio.create_task(words.follow(process.stderr))
        number, piece = 1, bytearray()
        while read := await process.stdout.read(1024**2):
            piece += read
            if len(piece) >= MEMBER_BYTES:
                await tar.add(f"database.dump.{number:04}", bytes(piece))
                number, piece = number + 1, bytearray()
        await tar.add(f"database.dump.{number:04}", bytes(piece))
        code = await process.wait()
        await hearing
    if code:
        raise programs.explain("pg_dump", code, words.complaints)


async def _write_history(connection: asyncpg.Connection, table: str, tar: Tar, report: Callable[[float], None]) -> None:
    names = [row[0] for row in await connection.fetch(LIST_COLUMNS, f"public.{table}")]
    await tar.add(f"history/{table}/columns", "\n".join(names).encode())
    moment = HISTORY[table]
    first, last = await connection.fetchrow(f"SELECT min({moment}), max({moment}) FROM public.{table}")
    if first is None:
        return
    member = _Member(tar, table)
    windows = list(_windows(first, last, _STEP.get(table, _LONG_STEP)))
    for place, (start, end) in enumerate(windows):
        report(place / len(windows))
        rows = f"SELECT {', '.join(map(quoted, names))} FROM public.{table} WHERE {moment} >= '{start.isoformat()}' AND {moment} < '{end.isoformat()}'"
        await connection.copy_from_query(rows, output=member.take, format="text", timeout=None)
    await member.end()


def _windows(first: datetime, last: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Give windows of time that hold all from the first to the last: of the width of chunks, where they begin."""
    start = datetime(1970, 1, 1, tzinfo=UTC) + (first - datetime(1970, 1, 1, tzinfo=UTC)) // step * step
    while start <= last:
        yield start, start + step
        start += step


class _Member:
    """Packs the rows of a table, whole rows in each member of the tar."""

    def __init__(self, tar: Tar, table: str) -> None:
        self._tar, self._table = tar, table
        self._number, self._rows = 0, bytearray()
        self._begin()

    def _begin(self) -> None:
        self._packed, self._gzip = bytearray(), zlib.compressobj(1, wbits=31)

    async def take(self, rows: bytes) -> None:
        """Take what COPY writes: whole rows or not."""
        self._rows += rows
        if len(self._rows) < _RAW_BYTES:
            return
        whole = self._rows.rfind(b"\n") + 1
        piece = bytes(self._rows[:whole])
        del self._rows[:whole]
        self._packed += await asyncio.to_thread(self._gzip.compress, piece)
        if len(self._packed) >= MEMBER_BYTES:
            await self._end_member()

    async def _end_member(self) -> None:
        self._packed += self._gzip.flush()
        self._number += 1
        await self._tar.add(f"history/{self._table}/{self._number:04}.copy.gz", bytes(self._packed))
        self._begin()

    async def end(self) -> None:
        """Write what is left."""
        self._packed += self._gzip.compress(bytes(self._rows))
        await self._end_member()
