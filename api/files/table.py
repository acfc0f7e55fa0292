"""Tables: CSV as spreadsheets write it, with commas, semicolons or tabs, read cell by cell with their places."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping

from api.files.cells import Cell
from api.files.mistakes import Finder, Place
from api.files.spreadsheet import restored
from ddms.errors import Sentence
from ddms.inputs import shortened

_SEPARATORS = ",;\t"


class Table:
    """A table whose first line names its `columns`, in any case and order."""

    def __init__(self, text: str, known: Collection[str], *, needs: str, finder: Finder) -> None:
        text = text.removeprefix("\ufeff")
        self._finder = finder
        self.separator = _separator(text, known)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        self.columns = self._read_header(known, needs)

    @property
    def decimal_comma(self) -> bool:
        """Whether 1,5 is a number: the comma is free where it does not separate the cells."""
        return self.separator != ","

    def _read_header(self, known: Collection[str], needs: str) -> list[str]:
        """Return the columns; all that is wrong with them is told, and then nothing can be read."""
        names: list[str] = []
        for place, written in enumerate(self._next() or [], 1):
            name, at = _spelled(written), Place(1, place)
            if name in names:
                self._finder.add(at, name, "the column stands twice")
            elif name not in known:
                sentence = Sentence("there is no such column: the columns are {}", ", ".join(known))
                self._finder.add(at, shortened(written), sentence)
            if len(self._finder) > len(known):
                break
            names.append(name)
        if needs not in names:
            self._finder.add(Place(1, 1), needs, "this column is missing")
        self._finder.finish()
        return names

    def rows(self) -> Iterator[tuple[Place, Mapping[str, Cell]]]:
        """Give the cells of each row that has any, by column, and where the row begins."""
        while True:
            line = self._reader.line_num + 1
            row = self._next()
            if row is None:
                return
            if len(row) > len(self.columns) and any(row[len(self.columns) :]):
                at = Place(line, len(self.columns) + 1)
                self._finder.add(at, "", "more cells than columns: a text with a separator in it is put in quotes")
            elif any(row):
                yield (
                    Place(line, 1),
                    {
                        column: Cell(Place(line, place), restored(cell))
                        for place, (column, cell) in enumerate(zip(self.columns, row, strict=False), 1)
                        if cell.strip()
                    },
                )

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            place = Place(max(1, self._reader.line_num), 1)
            self._finder.add(place, "", Sentence("this is not CSV: {}", str(error)))
            self._finder.finish()
            return None


def _spelled(written: str) -> str:
    return "_".join(written.replace("-", " ").lower().split())


def _separator(text: str, known: Collection[str]) -> str:
    """Return that by which the first line falls into most columns that are known."""
    first = text[:10_000].lstrip("\r\n").split("\n", 1)[0].replace('"', "")

    def fitting(separator: str) -> int:
        return sum(_spelled(name) in known for name in first.split(separator))

    return max(_SEPARATORS, key=fitting)
