"""Exports as Parquet and as a stream of Arrow: binary COPY read by numpy, row groups written by pyarrow as they fill."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.export.choice import Format
from api.export.plan import Exported, ExportPlan
from api.export.statements import DIGITS, RAW_COLUMNS, asked_of, beside, buckets_of, level_columns, wanted_of
from api.ground.buckets import Calendar
from ddms.database import Connection
from ddms.quality import Reason
from ddms.stream import to_microseconds

_ROWS = 100_000
_HEADER = 19
_CODES = 256
_EPOCH_2000_US = 946_684_800_000_000

RAW_ROWS = """-- ddms:export_raw_rows
SELECT time, coalesce(value, 'NaN') AS value, quality FROM readings WHERE point_id = any($1::int[]) AND time >= $2 AND time < $3 ORDER BY time
"""
LEVEL_ROWS = """-- ddms:export_level_rows
SELECT b.time, coalesce(average, 'NaN'), coalesce(lowest, 'NaN'), coalesce(highest, 'NaN'), coalesce(first, 'NaN'), coalesce(last, 'NaN'),
       count::float8, good, coalesce(weighted, 'NaN'), coalesce(covered, 'NaN'),
       coalesce(increase, 'NaN'), coalesce(rate, 'NaN'), coalesce(restarts::float8, 'NaN'),
       coalesce(deviation, 'NaN'), coalesce(s.in_state, 'NaN'), coalesce(s.entered::float8, 'NaN'), {found}worst
  FROM series_buckets(($1::int[])[1], $2, $3, $4::text::interval, $5, $6, $8, $7) b {more} ORDER BY b.time
"""
SHIFT_NAMES = """-- ddms:export_shift_names
SELECT starts, name FROM configuration CROSS JOIN LATERAL shift_spans(time_zone, $1, $2)
"""
TEXT_ROWS = """-- ddms:export_text_rows
SELECT time, 'NaN'::float8 AS value, text, quality FROM texts WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time
"""
LONG_ROWS = """-- ddms:export_long_rows
SELECT r.moment AS time, coalesce(value, 'NaN') AS value, nullif({digits}, '') AS text, quality
  FROM (SELECT time AS moment, value, quality FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""

Sink = Callable[[bytes | bytearray], Awaitable[None]]


class _Part(NamedTuple):
    """Rows of one point."""

    point: Exported
    times: NDArray[np.int64]
    numbers: list[NDArray[np.float64]]
    codes: NDArray[np.int16]
    texts: list[str | None] | None = None


class _Rows:
    """Takes the bytes of a binary COPY of a time, some float8 and a smallint, none of them null; gives whole rows."""

    def __init__(self, numbers: int) -> None:
        fields = [("fields", ">i2"), ("length", ">i4"), ("time", ">i8")]
        for place in range(numbers):
            fields += [(f"length_{place}", ">i4"), (f"number_{place}", ">f8")]
        self._layout = np.dtype([*fields, ("length_code", ">i4"), ("code", ">i2")])
        self._numbers = numbers
        self._pending = bytearray()
        self._skip = _HEADER

    def take(self, part: bytes) -> None:
        """Take what came."""
        if self._skip:
            dropped = min(self._skip, len(part))
            part, self._skip = part[dropped:], self._skip - dropped
        self._pending += part

    def full(self) -> bool:
        """Whether there are enough rows to be written."""
        return len(self._pending) >= _ROWS * self._layout.itemsize

    def give(self, point: Exported) -> _Part:
        """Return the whole rows that are there; two bytes that end a COPY are none."""
        count = len(self._pending) // self._layout.itemsize
        rows = np.frombuffer(bytes(self._pending[: count * self._layout.itemsize]), self._layout)
        del self._pending[: count * self._layout.itemsize]
        numbers = [rows[f"number_{place}"].astype(np.float64) for place in range(self._numbers)]
        texts = [point.value_names.get(value) for value in numbers[0].tolist()] if point.value_names else None
        return _Part(
            point, rows["time"].astype(np.int64) + _EPOCH_2000_US, numbers, rows["code"].astype(np.int16), texts
        )


class _File(io.RawIOBase):
    """What pyarrow writes into: kept until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self.pending += part
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written


class _Writer:
    """A file of the long shape."""

    def __init__(self, plan: ExportPlan, shifts: dict[int, str]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra of 165 MB, slow to import
        import pyarrow.parquet  # noqa: PLC0415

        self._arrow = pa
        self._raw = raw = not plan.choice.length
        self._shifts = shifts
        text = pa.string()
        kinds = {
            "time": pa.timestamp("us", tz="UTC"),
            "count": pa.int32(),
            "restarts": pa.int32(),
            "starts": pa.int32(),
        }
        kinds |= dict.fromkeys(("device", "point", "name", "unit", "text", "shift", "quality", "reason"), text)
        names = RAW_COLUMNS if raw else level_columns(plan.choice)
        self.schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in names])
        self.file = _File()
        if plan.choice.format is Format.ARROW:
            self._rows = pa.ipc.new_stream(self.file, self.schema)
        else:
            self._rows = pyarrow.parquet.ParquetWriter(self.file, self.schema, compression="zstd")
        self._words = [pa.array(words, text) for words in _words()]
        self._waiting: list[Any] = []

    def write(self, part: _Part) -> None:
        """Add the rows of a part; they are written when there are enough for a row group."""
        if len(part.times):
            self._waiting.append(self._arrow.record_batch(list(self._columns(part)), schema=self.schema))
        if sum(batch.num_rows for batch in self._waiting) >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        self._flush()
        self._rows.close()

    def _flush(self) -> None:
        if self._waiting:
            self._rows.write_table(self._arrow.Table.from_batches(self._waiting))
            self._waiting = []

    def _columns(self, part: _Part) -> Iterator[Any]:
        arrow, rows, text = self._arrow, len(part.times), self._arrow.string()
        yield arrow.array(part.times, type=arrow.timestamp("us", tz="UTC"))
        for label in (part.point.device, part.point.key, part.point.name, part.point.unit):
            yield arrow.repeat(arrow.scalar(label, text), rows)
        for field, numbers in zip(list(self.schema)[5:], part.numbers, strict=False):
            whole = arrow.types.is_integer(field.type)
            column = np.nan_to_num(numbers).astype(np.int32) if whole else numbers
            yield arrow.array(column, type=field.type, mask=np.isnan(numbers))
        if self._raw:
            yield arrow.nulls(rows, text) if part.texts is None else arrow.array(part.texts, text)
        else:
            yield arrow.array([self._shifts.get(time) for time in part.times.tolist()], text)
        codes = arrow.array(np.minimum(part.codes, _CODES - 1))
        for words in self._words:
            yield words.take(codes)


def _words() -> tuple[list[str], list[str | None]]:
    """Return the quality and the reason of each quality code, by its number."""
    known = {reason.value: reason for reason in Reason}
    qualities = [known[code].quality.value if code in known else "bad" for code in range(_CODES)]
    return qualities, [known[code].label if code in known and code else None for code in range(_CODES)]


async def write_columnar(connection: Connection, plan: ExportPlan, sink: Sink, told: Callable[[int], None]) -> int:
    """Write the whole file; return how many rows it has."""
    choice, raw = plan.choice, not plan.choice.length
    shifts: dict[int, str] = {}
    if choice.calendar is Calendar.SHIFT:
        found = await connection.fetch(SHIFT_NAMES, choice.from_, choice.to)
        shifts = {to_microseconds(row["starts"]): row["name"] for row in found}
    writer, rows = _Writer(plan, shifts), 0
    sql, numbers = (RAW_ROWS, 1) if raw else _levels(plan)

    async def add(part: _Part) -> None:
        nonlocal rows
        rows += len(part.times)
        told(rows)
        await asyncio.to_thread(writer.write, part)
        await send()

    async def send() -> None:
        if writer.file.pending:
            whole, writer.file.pending = writer.file.pending, bytearray()
            await sink(whole)

    for point in plan.points:
        if point.is_text or (raw and point.is_long):
            async for part in _texts(connection, point, plan):
                await add(part)
            continue
        taken = _Rows(numbers)
        asked = () if raw else (*buckets_of(plan), wanted_of(point), *asked_of(plan, point))

        async def take(part: bytes, taken: _Rows = taken, point: Exported = point) -> None:
            taken.take(part)
            if taken.full():
                await add(taken.give(point))

        await connection.copy_from_query(
            sql, [point.number], choice.from_, choice.to, *asked, output=take, format="binary", timeout=4 * 3600
        )
        await add(taken.give(point))
    await asyncio.to_thread(writer.close)
    await send()
    return rows


def _levels(plan: ExportPlan) -> tuple[str, int]:
    """Return the statement of the buckets of a point, and how many numbers its rows have."""
    buckets = ("$4::text::interval, $5, $6", "$7")
    joined = beside(plan.choice, point="($1::int[])[1]", points="$1::int[]", buckets=buckets, first=9)
    percents = len(plan.choice.percentiles)
    found = "".join(f"coalesce(({joined['percentiles']})[{n + 1}], 'NaN'), " for n in range(percents))
    return LEVEL_ROWS.format(more=joined["more"], found=found), 15 + percents


async def _texts(connection: Connection, point: Exported, plan: ExportPlan) -> Any:
    sql = TEXT_ROWS if point.is_text else LONG_ROWS.format(digits=DIGITS)
    cursor = await connection.cursor(sql, point.number, plan.choice.from_, plan.choice.to)
    while rows := await cursor.fetch(10_000):
        times = np.array([int(row["time"].astimezone(UTC).timestamp() * 1e6) for row in rows], np.int64)
        codes = np.array([row["quality"] for row in rows], np.int16)
        texts = [point.value_names.get(row["value"], row["text"]) for row in rows]
        yield _Part(point, times, [np.array([row["value"] for row in rows])], codes, texts)
