"""The files of an archive: Parquet by pyarrow, or CSV in gzip where that is not installed. What is read is read once, in order."""

import csv
import gzip
import hashlib
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.quality import Reason, quality_of
from ddms.registers import DataType
from ddms.stream import to_datetime, to_microseconds

COLUMNS = ("time", "device", "point", "unit", "value", "text", "quality", "reason", "point_id")
_ROWS = 131_072
_HEADER = 19
_EPOCH_2000 = 946_684_800_000_000
_SECONDS = 4 * 3600
_ROW = np.dtype(
    [("fields", ">i2"), ("a", ">i4"), ("time", ">i8"), ("b", ">i4"), ("value", ">f8"), ("c", ">i4"), ("code", ">i2")]
)

READ_READINGS = """-- ddms:read_archived
SELECT time, coalesce(value, 'NaN') AS value, quality FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time
"""
READ_TEXTS = """-- ddms:read_archived_texts
SELECT time, text, quality FROM texts WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time
"""


class ArchivedPoint(NamedTuple):
    """A point in an archive."""

    number: int
    key: str
    name: str
    unit: str
    data_type: str
    device_number: int
    device: str
    deleted: bool

    @property
    def has_texts(self) -> bool:
        """Whether it may have texts: it is one, or its integers may be longer than numbers are exact."""
        return (kind := DataType(self.data_type)).is_text or kind.is_long


class Part(NamedTuple):
    """Some rows of one point; without `texts` these are numbers."""

    point: ArchivedPoint
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    codes: NDArray[np.int16]
    texts: list[str | None] | None = None


class Writer(Protocol):
    """Writes parts into a file."""

    def write(self, part: Part) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Write the end of the file."""
        ...


def quality_and_reason(code: int) -> tuple[str, str]:
    """Return the words for a code; one that is not known is its own reason, so that nothing is lost."""
    if code == 0:
        return "good", ""
    known = {reason.value: reason.label for reason in Reason}
    return quality_of(code).value, known.get(code, str(code))


class ParquetWriter:
    """Parquet with zstd: a row group each some hundred thousand rows."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        import pyarrow as pa  # noqa: PLC0415 - an extra of 165 MB, slow to import
        from pyarrow import parquet  # noqa: PLC0415

        self._arrow = pa
        words, number = pa.dictionary(pa.int32(), pa.string()), pa.int32()
        kinds = {"time": pa.timestamp("us", tz="UTC"), "value": pa.float64(), "text": pa.string(), "point_id": number}
        self._schema = pa.schema([(name, kinds.get(name, words)) for name in COLUMNS])
        self._parquet = parquet.ParquetWriter(stream, self._schema, compression="zstd", store_schema=False)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, part: Part) -> None:
        """Add rows; they are written when there are enough for a row group."""
        self._waiting.append(self._arrow.record_batch(self._columns(part), schema=self._schema))
        self._rows += len(part.times)
        if self._rows >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the end of the file."""
        self._flush()
        self._parquet.close()

    def _flush(self) -> None:
        if self._waiting:
            table = self._arrow.Table.from_batches(self._waiting).unify_dictionaries()
            self._parquet.write_table(table, row_group_size=2 * _ROWS)
        self._waiting, self._rows = [], 0

    def _columns(self, part: Part) -> list[Any]:
        arrow, rows, point = self._arrow, len(part.times), part.point
        codes, places = np.unique(part.codes, return_inverse=True)
        words = [quality_and_reason(int(code)) for code in codes]
        zeros = np.zeros(rows, np.int32)
        fixed = [arrow.DictionaryArray.from_arrays(zeros, [word]) for word in (point.device, point.key, point.unit)]
        told = [
            arrow.DictionaryArray.from_arrays(places.astype(np.int32), arrow.array(column, arrow.string()))
            for column in zip(*words, strict=True)
        ]
        return [
            arrow.array(part.times, arrow.timestamp("us", tz="UTC")),
            *fixed,
            arrow.array(part.values, mask=np.isnan(part.values)),
            arrow.nulls(rows, arrow.string()) if part.texts is None else arrow.array(part.texts, arrow.string()),
            *told,
            arrow.array(np.full(rows, point.number, np.int32)),
        ]


class CsvWriter:
    """CSV in gzip, as the standard has it."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._packed = gzip.GzipFile(fileobj=stream, mode="wb", filename="", mtime=0, compresslevel=6)
        self._text = io.TextIOWrapper(self._packed, encoding="utf-8", newline="", write_through=False)
        self._csv = csv.writer(self._text, lineterminator="\n")
        self._csv.writerow(COLUMNS)

    def write(self, part: Part) -> None:
        """Add rows."""
        point = part.point
        words = {int(code): quality_and_reason(int(code)) for code in np.unique(part.codes)}
        times = np.datetime_as_string(part.times.view("datetime64[us]"))
        values = ["" if value != value else repr(value) for value in part.values.tolist()]  # noqa: PLR0124 - NaN
        texts: Iterable[str | None] = [""] * len(times) if part.texts is None else part.texts
        self._csv.writerows(
            (f"{time}Z", point.device, point.key, point.unit, value, text, *words[code], point.number)
            for time, value, text, code in zip(times.tolist(), values, texts, part.codes.tolist(), strict=True)
        )

    def close(self) -> None:
        """Write the end of the file."""
        self._text.flush()
        self._text.detach()
        self._packed.close()


class _Summing(io.BufferedIOBase):
    """A file that knows its checksum when it is written."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._stream = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self.sum = hashlib.sha256()
        self.bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self.sum.update(part)
        self.bytes += len(part)
        with self._told():
            return self._stream.write(part)

    def tell(self) -> int:
        return self.bytes

    def close(self) -> None:
        if self._stream.closed:
            return
        with self._told():
            try:
                self._stream.flush()
                os.fsync(self._stream.fileno())
            finally:
                with suppress(OSError):  # which flushes once more
                    self._stream.close()
        super().close()

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            sentence = f"{self._file} cannot be written ({error.strerror}); what was written before is whole"
            raise DdmsError(Code.UNAVAILABLE, sentence) from error


class Written(NamedTuple):
    """A file that is there now."""

    bytes: int
    sha256: str


async def write_file(
    file: Path, form: str, parts: AsyncIterator[Part], aside: Callable[..., Awaitable[Any]]
) -> Written:
    """Write a file aside and rename it: it is there whole or not at all. `aside` runs what takes long in a thread."""
    unfinished = file.with_name(f".{file.name}.part")
    stream = _Summing(unfinished)
    try:
        writer: Writer = ParquetWriter(stream) if form == "parquet" else CsvWriter(stream)
        async for part in parts:
            await aside(writer.write, part)
        await aside(writer.close)
        stream.close()
        unfinished.replace(file)
    finally:
        with suppress(DdmsError):  # told already
            stream.close()
        unfinished.unlink(missing_ok=True)
    return Written(stream.bytes, stream.sum.hexdigest())


async def read_parts(
    connection: Connection, points: Iterable[ArchivedPoint], begin: datetime, end: datetime
) -> AsyncIterator[Part]:
    """Read the readings of points, one after the other, each by time; then its texts."""
    for point in points:
        if not DataType(point.data_type).is_text:
            async for part in _numbers(connection, point, begin, end):
                yield part
        if point.has_texts:
            cursor = await connection.cursor(READ_TEXTS, point.number, begin, end)
            while rows := await cursor.fetch(10_000):
                times = np.array([to_microseconds(row["time"]) for row in rows], np.int64)
                codes = np.array([row["quality"] for row in rows], np.int16)
                yield Part(point, times, np.full(len(rows), np.nan), codes, [row["text"] for row in rows])


async def _numbers(connection: Connection, point: ArchivedPoint, begin: datetime, end: datetime) -> AsyncIterator[Part]:
    """Read on from the last row that was given, so that no more than a part is in memory."""
    while True:
        taken = bytearray()
        status = await connection.copy_from_query(
            f"{READ_READINGS} LIMIT {_ROWS}", point.number, begin, end, output=_keep(taken), format="binary", timeout=_SECONDS
        )  # fmt: skip
        count = int(status.rpartition(" ")[2])
        rows = np.frombuffer(bytes(taken[_HEADER : _HEADER + count * _ROW.itemsize]), _ROW)
        times = rows["time"].astype(np.int64) + _EPOCH_2000
        if count:
            yield Part(point, times, rows["value"].astype(np.float64), rows["code"].astype(np.int16))
        if count < _ROWS:
            return
        begin = to_datetime(int(times[-1]) + 1)


def _keep(taken: bytearray) -> Callable[[bytes], Awaitable[None]]:
    async def take(part: bytes) -> None:
        taken.extend(part)

    return take
