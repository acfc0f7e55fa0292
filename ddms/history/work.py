"""An import from its first table to its last: read, judge, store; it can be cut off anywhere and goes on when it is run again."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import numpy as np

from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.history.judge import Judged, judge
from ddms.history.layout import Layout
from ddms.history.points import Points
from ddms.history.rejects import Rejects
from ddms.history.rows import Mistake, Mistakes, Table
from ddms.history.store import COUNT_LATE_DAYS, ROLL_UP_DAY, Store, Stored

_HEAD_BYTES = 2**20
_EXAMPLES = 5

FIND_UNFINISHED = """-- ddms:find_unfinished_import
SELECT id, place, line, rejects_bytes, counts FROM history_imports WHERE fingerprint = $1 AND state = 'running' ORDER BY id DESC LIMIT 1
"""
BEGIN_IMPORT = """-- ddms:begin_import
INSERT INTO history_imports (file, fingerprint, requested_by) VALUES ($1, $2, $3) RETURNING id
"""
NOTE_PLACE = """-- ddms:note_place_of_import
UPDATE history_imports SET place = $2, line = $3, rejects_bytes = $4, counts = $5, updated_at = now() WHERE id = $1
"""
END_IMPORT = "-- ddms:end_import\nUPDATE history_imports SET state = $2, counts = $3, updated_at = now() WHERE id = $1"
CLAIM = "-- ddms:claim_import\nSELECT claim($1)"


class Source(Protocol):
    """A file as tables."""

    file: Path
    columns: list[str]
    delimiter: str
    has_end: bool
    total: float
    """Of how many places it is, bytes or rows; of packed files about."""

    def tables(self, place: int = 0, line: int = 0) -> Generator[Table, None, None]:
        """Read on from a place."""
        ...


@dataclass(kw_only=True)
class Counts:
    """What became of the readings of a file."""

    lines: int = 0
    read: int = 0
    new: int = 0
    there: int = 0
    differing: int = 0
    replaced: int = 0
    repeated: int = 0
    rejected: int = 0
    expired: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, table: Table, judged: Judged, stored: Stored, rejected: int) -> None:
        """Add a batch."""
        rows = judged.rows
        self.lines = table.line
        self.read += len(rows) + judged.repeated
        self.repeated += judged.repeated
        self.expired += judged.expired
        self.rejected += rejected
        self.new, self.there = self.new + stored.new, self.there + stored.there
        self.differing, self.replaced = self.differing + stored.differing, self.replaced + stored.replaced
        if len(rows):
            self.first = min(int(np.min(rows.times)), self.first if self.first is not None else 2**62)
            self.last = max(int(np.max(rows.times)), self.last if self.last is not None else -(2**62))


@dataclass(kw_only=True)
class Report:
    """How an import went."""

    file: str
    counts: Counts
    mistakes: Mistakes
    points: Points
    examples: list[str] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    """Numbers of the points that got readings."""
    went_on: int = 0
    """From which line on, when an earlier run was cut off there."""
    stopped: bool = False
    has_end: bool = True


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What shall be done with readings that are not simply new."""

    dry: bool = False
    replace: bool = False
    take_expired: bool = False
    rejects: Path | None = None


Tell = Callable[[int, Counts], None]


def fingerprint(file: Path, how: str) -> str:
    """Return what tells a file, read in one way, from all others."""
    made = hashlib.sha256(f"{file.name}\0{file.stat().st_size}\0{file.stat().st_mtime_ns}\0{how}\0".encode())
    with file.open("rb") as stream:
        made.update(stream.read(_HEAD_BYTES))
    return made.hexdigest()


class Import:
    """One file on its way into the database."""

    def __init__(self, connection: Connection, source: Source, layout: Layout, wishes: Wishes, tell: Tell) -> None:
        self._connection, self._source, self._layout, self._wishes, self._tell = (
            connection,
            source,
            layout,
            wishes,
            tell,
        )
        self._store = Store(connection, layout.points, replace=wishes.replace)
        self._rejects: Rejects | None = None
        self._number = 0
        self.report = Report(file=source.file.name, counts=Counts(), mistakes=Mistakes(), points=layout.points)

    async def run(self, how: str, who: str, begun: Callable[[], Awaitable[None]]) -> Report:
        """Bring the file in; `begun` is awaited in the transaction in which it begins."""
        await self._store.prepare()
        place, line, size = 0, 0, 0
        if not self._wishes.dry:
            place, line, size = await self._begin(fingerprint(self._source.file, how), who, begun)
        if self._wishes.rejects:
            source = self._source
            self._rejects = Rejects(self._wishes.rejects, source.columns, source.delimiter, size=size)
        try:
            await self._go_through(place, line)
        finally:
            if self._rejects:
                self._rejects.close()
        self.report.has_end = self._source.has_end
        if not self._wishes.dry:
            state = "stopped" if self.report.stopped else "done"
            await self._connection.execute(END_IMPORT, self._number, state, asdict(self.report.counts))
        return self.report

    async def _begin(self, mark: str, who: str, begun: Callable[[], Awaitable[None]]) -> tuple[int, int, int]:
        """Go on where an earlier run of the same file was cut off, or begin."""
        connection, file = self._connection, self._source.file
        if not await connection.fetchval(CLAIM, f"import {mark}"):
            raise DdmsError(Code.CONFLICT, f"{file} is being imported by another program just now")
        row = await connection.fetchrow(FIND_UNFINISHED, mark)
        if row is not None:
            known = {one.name for one in fields(Counts)}
            self.report.counts = Counts(**{name: value for name, value in row["counts"].items() if name in known})
            self._number, self.report.went_on = row["id"], row["line"]
            return row["place"], row["line"], row["rejects_bytes"]
        async with connection.transaction():
            self._number = await connection.fetchval(BEGIN_IMPORT, file.name, mark, who)
            await begun()
        return 0, 0, 0

    async def _go_through(self, place: int, line: int) -> None:
        """Read the next table while the database stores the one before."""
        tables = self._source.tables(place, line)
        reading = asyncio.create_task(asyncio.to_thread(self._next, tables))
        try:
            while (read := await reading) is not None:
                reading = asyncio.create_task(asyncio.to_thread(self._next, tables))
                await self._take(*read)
        finally:
            await asyncio.gather(reading, return_exceptions=True)  # its thread cannot be ended
            tables.close()

    def _next(self, tables: Generator[Table, None, None]) -> tuple[Table, Judged, list[Mistake]] | None:
        table = next(tables, None)
        if table is None:
            return None
        rows, mistakes = self._layout.read(table)
        wishes = self._wishes
        judged = judge(rows, self._layout.points, take_expired=wishes.take_expired, newest_wins=wishes.replace)
        return table, judged, [mistake for mistake, _ in table.broken] + mistakes + judged.mistakes

    async def _take(self, table: Table, judged: Judged, mistakes: list[Mistake]) -> None:
        report = self.report
        report.mistakes.add(mistakes)
        if mistakes and self._rejects is None and not self._wishes.dry:
            report.stopped = True
        targets = self._layout.points.targets
        report.used.update(targets[target].number for target in set(judged.rows.targets.tolist()))
        if report.stopped:  # the rest is only looked at, so that all mistakes are told at once
            report.counts.rejected += len(mistakes)
            self._tell(table.place, report.counts)
            return
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            stored = await self._store.add(judged.rows, dry=self._wishes.dry)
            report.counts.add(table, judged, stored, len(mistakes))
            size = self._rejects.write(table, mistakes) if self._rejects else 0
            if not self._wishes.dry:
                await self._connection.execute(
                    NOTE_PLACE, self._number, table.place, table.line, size, asdict(report.counts)
                )
        except BaseException:
            await _roll_back(transaction)
            raise
        await (transaction.rollback() if self._wishes.dry else transaction.commit())
        report.examples += stored.examples[: _EXAMPLES - len(report.examples)]
        self._tell(table.place, report.counts)


async def _roll_back(transaction: Any) -> None:
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it is away, and has done so itself
        await transaction.rollback()


async def roll_up(connection: Connection, tell: Callable[[int], None]) -> None:
    """Bring the rollups up to date, day by day; the API would do it too, in its own time."""
    total = await connection.fetchval(COUNT_LATE_DAYS)
    done = 0
    while await connection.fetchval(ROLL_UP_DAY, timeout=3600):
        done += 1
        if done % 10 == 0:
            tell(total - await connection.fetchval(COUNT_LATE_DAYS))
