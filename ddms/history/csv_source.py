"""CSV as tables of some megabytes, whatever the size of the file; plain or gzip."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ddms.errors import Code, DdmsError, Sentence
from ddms.history.rows import Column, Mistake, Table

TABLE_BYTES = 3 * 2**20
_LONGEST_QUOTE = 2**20
_LONGEST_LINE = 4 * 2**20
_PACKED = 8.0  # so much smaller are readings in gzip, about
_GZIP = b"\x1f\x8b"
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


class CsvSource:
    """A CSV file: its columns, and its rows from a place on."""

    def __init__(
        self, file: Path, *, encoding: str = "utf-8", delimiter: str = "", columns: Sequence[str] = (), skip: int = 0
    ) -> None:
        self.file, self._encoding, self._skip, self._given = file, encoding, skip, tuple(columns)
        with self._open() as stream:
            lines, head = 0, b""
            for _ in range(skip + (not columns)):
                head = _line(stream)
                lines += 1
            text = self._decode(head, lines)
            self.delimiter = delimiter or max(
                ",;\t", key=(text if not columns else _line(stream).decode(encoding, "replace")).count
            )
        names = list(columns) or next(csv.reader([text], delimiter=self.delimiter), [])
        self.columns = [
            name.strip().removeprefix("\ufeff").lstrip("'")
            if name[:2] in {"'=", "'+", "'-", "'@"}
            else name.strip().removeprefix("\ufeff")
            for name in names
        ]
        if not any(self.columns):
            raise DdmsError(Code.INVALID, f"{file} is empty: its first line must name the columns")
        self.total = file.stat().st_size * (_PACKED if self._is_packed else 1.0)
        self.has_end = True
        """Whether its last line has an end; known after the last table."""

    @contextmanager
    def _open(self) -> Generator[BinaryIO, None, None]:
        """Open the file as lines of UTF-8, or of an encoding that ends lines as that does."""
        with ExitStack() as stack:
            stream: BinaryIO = stack.enter_context(self.file.open("rb"))
            head = stream.read(4)
            stream.seek(0)
            if head.startswith(_WORKBOOK):
                sentence = f"{self.file} is a workbook or an archive: save it as `CSV UTF-8`, or unpack it"
                raise DdmsError(Code.INVALID, sentence)
            self._is_packed = head.startswith(_GZIP)
            if self._is_packed:
                stream = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=stream)))
                head = _line(stream)[:4]
                stream.seek(0)
            if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                utf8, other = codecs.lookup("utf-8"), codecs.lookup("utf-16")
                self._encoding = "utf-8"
                recoded = codecs.StreamRecoder(stream, utf8.encode, utf8.decode, other.streamreader, other.streamwriter)
                stream = cast("BinaryIO", recoded)
            yield stream

    def tables(self, place: int = 0, line: int = 0) -> Generator[Table, None, None]:
        """Read on from a place, the number of bytes before it; `line` is how many lines these have."""
        with self._open() as stream:
            if place:
                self._go_to(stream, place)
            else:
                for _ in range(self._skip + (not self._given)):
                    place, line = place + len(_line(stream)), line + 1
            while part := self._part(stream, line):
                text = self._decode(part, line + 1)
                place += len(part)
                table = self._table(text, line, place)
                line = table.line
                yield table

    def _go_to(self, stream: BinaryIO, place: int) -> None:
        if isinstance(stream, io.BufferedReader):
            stream.seek(place)
            return
        # By lines, because what is recoded may give more than was asked for.
        while place > 0 and (part := _line(stream)):
            place -= len(part)

    def _part(self, stream: BinaryIO, line: int) -> bytes:
        """Read some whole lines; a line that ends inside of quotes goes on."""
        try:
            part = stream.read(TABLE_BYTES)
            part += _line(stream) if part else b""
            whole = len(part)
            while part.count(b'"') % 2 and (more := _line(stream)):
                part += more
                if len(part) - whole > _LONGEST_QUOTE:
                    where = line + 1 + part[:whole].count(b"\n")
                    raise DdmsError(
                        Code.INVALID, f"line {where} or one before it: a quote is not closed", field="quote"
                    )
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DdmsError(
                Code.INVALID, f"{self.file} is cut off or damaged after line {line:,} ({error}): fetch it again"
            ) from error
        return part

    def _decode(self, part: bytes, line: int) -> str:
        try:
            return part.decode("utf-8-sig" if line <= 1 and self._encoding == "utf-8" else self._encoding)
        except UnicodeDecodeError as error:
            where = line + part[: error.start].count(b"\n")
            raise DdmsError(
                Code.INVALID, f"line {where} is not {self._encoding}: say what it is, --encoding cp1252 for example"
            ) from error
        except LookupError as error:
            raise DdmsError(Code.INVALID, f"{self._encoding!r} is no encoding", field="encoding") from error

    def _table(self, text: str, line: int, place: int) -> Table:
        self.has_end = text.endswith(("\n", "\r"))
        if (cells := self._plain(text)) is not None:
            count = len(cells[0])
            named: dict[str, Column] = dict(zip(self.columns, cells, strict=True))
            return Table(columns=named, lines=np.arange(line + 1, line + count + 1), place=place, line=line + count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        try:
            if '"' in text:  # a row may have several lines, and is told by its first one
                numbered = [(reader.line_num, row) for row in reader]
                rows, ends = [row for _, row in numbered], [number for number, _ in numbered]
                lines = np.array([0, *ends[:-1]], np.int64)[: len(rows)] + 1
            else:
                rows = list(reader)
                lines = np.arange(1, len(rows) + 1)
        except csv.Error as error:
            raise DdmsError(Code.INVALID, f"line {line + reader.line_num}: {error}") from error
        table = Table(columns={}, lines=lines + line, place=place, line=line + reader.line_num)
        width = len(self.columns)
        if set(map(len, rows)) != {width}:
            rows = self._whole(table, rows)
        columns = list(zip(*rows, strict=True)) or [()] * width
        table.columns = dict(zip(self.columns, columns, strict=True))
        return table

    def _plain(self, text: str) -> list[list[str]] | None:
        """Cut a text without quotes into columns, several times as fast; None when a line has not just as many cells."""
        text = text.replace("\r\n", "\n")
        if '"' in text or "\r" in text:
            return None
        text += "" if text.endswith("\n") else "\n"
        letters, width = np.frombuffer(text.encode(), np.uint8), len(self.columns)
        ends = letters[(letters == ord("\n")) | (letters == ord(self.delimiter))] == ord("\n")
        if len(ends) % width or not ends[width - 1 :: width].all() or ends.sum() * width != len(ends):
            return None
        flat = text[:-1].replace("\n", self.delimiter).split(self.delimiter)
        return [flat[place::width] for place in range(width)]

    def _whole(self, table: Table, rows: list[list[str]]) -> list[list[str]]:
        """Leave out empty lines, and set apart those that have too few or too many cells."""
        kept = []
        for place, row in enumerate(rows):
            if len(row) == len(self.columns):
                kept.append(place)
            elif row:
                sentence = Sentence("it has {} cells instead of {}", len(row), len(self.columns))
                if place == len(rows) - 1 and not self.has_end:
                    sentence = Sentence(
                        "the file ends in the middle of it, after {} of {} cells", len(row), len(self.columns)
                    )
                table.broken.append((Mistake(int(table.lines[place]), sentence), row))
        table.lines = table.lines[kept]
        return [rows[place] for place in kept]


def _line(stream: BinaryIO) -> bytes:
    try:
        line = stream.readline(_LONGEST_LINE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DdmsError(Code.INVALID, f"the file is cut off or damaged ({error}): fetch it again") from error
    if len(line) >= _LONGEST_LINE and not line.endswith(b"\n"):
        raise DdmsError(Code.INVALID, f"a line is longer than {_LONGEST_LINE:,} bytes: is it a CSV file?")
    return line
