"""Parquet as tables of some ten thousand rows; needs pyarrow, an extra of 165 MB that is not in the image."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from ddms.errors import Code, DdmsError
from ddms.history.rows import NO_TIME, Column, Floats, Moments, Table

_ROWS, _CELLS = 65_536, 524_288
_DAY = 86_400_000_000
_PER_SECOND = {"s": 1_000_000, "ms": 1_000, "us": 1}
NOT_INSTALLED = (
    "Parquet is not installed here (`pip install 'ddms[parquet]'`; it is not in the image): use CSV, plain or .csv.gz"
)


class ParquetSource:
    """A Parquet file: its columns, and its rows from one on. Its lines are its rows, from 1."""

    delimiter = ","
    has_end = True

    def __init__(self, file: Path) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415 - an extra, slow to import
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError:
            raise DdmsError(Code.INVALID, NOT_INSTALLED) from None
        self.file, self._arrow = file, pa
        try:
            self._parquet: Any = parquet.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise DdmsError(Code.INVALID, f"{file} is no whole Parquet file ({error}): fetch it again") from error
        self.columns: list[str] = list(self._parquet.schema_arrow.names)
        self.total = float(self._parquet.metadata.num_rows)
        self._rows = max(1, min(_ROWS, _CELLS // max(1, len(self.columns))))

    def tables(self, place: int = 0, line: int = 0) -> Generator[Table, None, None]:
        """Read on from a row, after `place` rows."""
        before = line = 0
        try:
            for group in range(self._parquet.num_row_groups):
                before, whole = line, self._parquet.metadata.row_group(group).num_rows
                if before + whole <= place:
                    line += whole
                    continue
                for batch in self._parquet.iter_batches(self._rows, row_groups=[group]):
                    begin, line = line, line + batch.num_rows
                    if line > place:
                        yield self._table(batch.slice(max(0, place - begin)), line)
        except (self._arrow.ArrowException, OSError) as error:
            raise DdmsError(
                Code.INVALID, f"{self.file} is damaged after row {line:,} ({error}): fetch it again"
            ) from error

    def _table(self, batch: Any, line: int) -> Table:
        columns = {name: self._column(array) for name, array in zip(batch.schema.names, batch.columns, strict=True)}
        return Table(columns=columns, lines=np.arange(line - batch.num_rows + 1, line + 1), place=line, line=line)

    def _column(self, array: Any) -> Column:
        kinds = self._arrow.types
        if kinds.is_dictionary(array.type):
            array = array.dictionary_decode()
        empty = np.asarray(array.is_null())
        if kinds.is_timestamp(array.type):
            whole = array.cast(self._arrow.int64()).fill_null(0).to_numpy(zero_copy_only=False)
            unit = array.type.unit
            times = whole // 1000 if unit == "ns" else whole * _PER_SECOND[unit]
            return Moments(np.where(empty, NO_TIME, times), array.type.tz is not None)
        if kinds.is_date(array.type):
            days = (
                array.cast(self._arrow.date32()).cast(self._arrow.int32()).fill_null(0).to_numpy(zero_copy_only=False)
            )
            return Moments(np.where(empty, NO_TIME, days.astype(np.int64) * _DAY), False)
        if (
            kinds.is_floating(array.type)
            or kinds.is_integer(array.type)
            or kinds.is_decimal(array.type)
            or kinds.is_boolean(array.type)
        ):
            if kinds.is_boolean(array.type):
                array = array.cast(self._arrow.int8())
            values = array.cast(self._arrow.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
            return Floats(values.astype(np.float64), empty)
        return ["" if value is None else value if isinstance(value, str) else str(value) for value in array.to_pylist()]
