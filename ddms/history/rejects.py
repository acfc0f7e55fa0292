"""The file of rejects: each line that was not taken, as it stood, with why; to be put right and imported again."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ddms.errors import Code, DdmsError
from ddms.history.rows import Floats, Mistake, Moments, Table
from ddms.stream import to_datetime

OF_REJECTS = ("ddms_line", "ddms_mistake")
"""Two columns that a file of rejects has more; an import leaves them out."""


class Rejects:
    """Writes rejected lines; what is written is on the disk before the batch is stored."""

    def __init__(self, file: Path, columns: Sequence[str], delimiter: str, *, size: int = 0) -> None:
        self.file = file
        self._columns = [name for name in columns if name not in OF_REJECTS]
        if size and file.exists():  # the lines of a batch that was not stored are written again
            os.truncate(file, size)
        self._stream = file.open("a" if size else "w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, delimiter=delimiter, lineterminator="\n")
        if not size:
            self._writer.writerow([*self._columns, *OF_REJECTS])

    def write(self, table: Table, mistakes: Iterable[Mistake]) -> int:
        """Write the lines with mistakes; return how long the file is."""
        told: dict[int, list[str]] = {}
        for mistake in mistakes:
            told.setdefault(mistake.line, []).append(str(mistake.sentence))
        broken = {mistake.line: cells for mistake, cells in table.broken}
        try:
            for line, sentences in sorted(told.items()):
                self._writer.writerow([*self._whole(table, line, broken), line, "; ".join(sentences)])
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            sentence = f"{self.file} cannot be written ({error.strerror}): run it again when it can, it goes on"
            raise DdmsError(Code.UNAVAILABLE, sentence) from error
        return os.fstat(self._stream.fileno()).st_size

    def _whole(self, table: Table, line: int, broken: Mapping[int, list[str]]) -> list[str]:
        """Return the cells of a line, with empty ones where it has too few."""
        if line not in broken:
            return _cells(table, line)
        return broken[line] + [""] * (len(self._columns) - len(broken[line]))

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # told by `write`
            self._stream.close()


def _cells(table: Table, line: int) -> list[str]:
    place = int(np.searchsorted(table.lines, line))
    cells = []
    for name, column in table.columns.items():
        if name in OF_REJECTS:
            continue
        if isinstance(column, Moments):
            cells.append(
                to_datetime(int(column.times[place])).isoformat().removesuffix("" if column.is_utc else "+00:00")
            )
        elif isinstance(column, Floats):
            cells.append("" if column.empty[place] else repr(float(column.values[place])))
        else:
            cells.append(column[place])
    return cells
