"""A workbook (xlsx) that is sent while it is made: a ZIP file of worksheets whose rows come ready from PostgreSQL.

Nothing of it is kept but what is being packed. A worksheet that is full goes on in the next one. Sources: ECMA-376, parts 1
and 2 (Office Open XML); what Excel takes is limited to 1,048,576 rows and 16,384 columns.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from api.export.writing import BOLD, FINE, WHOLE, worksheet_text

MOST_ROWS = 1_048_576
_MOST_BYTES = 1_900_000_000
"""Of a worksheet: one of 2 GB would need an extension of ZIP that not each program reads."""
_LEVEL = 1
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_RELATIONS = f"""{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"""
_FORMATS = {FINE: "yyyy\\-mm\\-dd\\ hh:mm:ss.000", WHOLE: "yyyy\\-mm\\-dd\\ hh:mm:ss"}
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="{len(_FORMATS)}">'
    + "".join(f'<numFmt numFmtId="{163 + style}" formatCode="{code}"/>' for style, code in _FORMATS.items())
    + '</numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    f'<cellXfs count="{2 + len(_FORMATS)}"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    + "".join(
        f'<xf numFmtId="{163 + style}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for style in _FORMATS
    )
    + '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_FOOT = b"</sheetData></worksheet>"

Sink = Callable[[bytes | bytearray], Awaitable[None]]


class Heading(NamedTuple):
    """What a column is called, and how wide it is, in characters."""

    title: str
    width: int


class _Sent(io.RawIOBase):
    """What a ZIP file is written into, which it cannot seek in: kept until it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, part: bytes) -> int:  # type: ignore[override]
        self.pending += part
        return len(part)


class Workbook:
    """A workbook of one table; what `write` is given are rows of it, `<row>…</row>` and a line feed each."""

    def __init__(self, headings: Sequence[Heading], sink: Sink, most_rows: int = MOST_ROWS) -> None:
        self._sink, self._most = sink, most_rows
        self._file = _Sent()
        self._zip = ZipFile(self._file, "w", ZIP_DEFLATED, compresslevel=_LEVEL)
        self._zip.writestr("_rels/.rels", _RELATIONS)  # first: by this other programs know what the file is
        self._zip.writestr("xl/styles.xml", _STYLES)
        self._head = _head_of(headings).encode()
        self._sheets = 0
        self._begin()

    async def write(self, part: bytes | bytearray) -> None:
        """Add whole rows; returns when the file's reader can take more."""
        for rows in self._divided(bytes(part)):
            await asyncio.to_thread(self._sheet.write, rows)
            await self._send()

    async def close(self) -> None:
        """Write the end of the file."""
        await asyncio.to_thread(self._end)
        await self._send()

    def abandon(self) -> None:
        """Let go of what was not written to its end; after `close` there is nothing to do."""
        with suppress(Exception):  # whatever it is, nobody reads this file
            self._sheet.close()
            self._zip.close()

    def _divided(self, part: bytes) -> Iterator[bytes]:
        """Cut rows where a worksheet is full, and begin the next."""
        while part:
            count = part.count(b"\n")
            if self._rows + count <= self._most and self._bytes < _MOST_BYTES:
                self._rows += count
                self._bytes += len(part)
                yield part
                return
            end = 0
            for _ in range(self._most - self._rows if self._bytes < _MOST_BYTES else 0):
                end = part.index(b"\n", end) + 1
            if end:
                yield part[:end]
            part = part[end:]
            self._finish()
            self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet: IO[bytes] = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._sheet.write(self._head)
        self._rows, self._bytes = 1, len(self._head)

    def _finish(self) -> None:
        self._sheet.write(_FOOT)
        self._sheet.close()

    def _end(self) -> None:
        self._finish()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(f'<sheet name="DDMS {n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
        book = f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews><workbookView/></bookViews><sheets>{sheets}</sheets></workbook>'
        parts = [(f"rId{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in numbers] + [
            ("styles", "styles", "styles.xml")
        ]
        related = "".join(f'<Relationship Id="{i}" Type="{_OFFICE}/{kind}" Target="{to}"/>' for i, kind, to in parts)
        kinds = [("workbook.xml", "sheet.main"), *((to, kind) for _, kind, to in parts)]
        types = "".join(f'<Override PartName="/xl/{to}" ContentType="{_TYPE}.{kind}+xml"/>' for to, kind in kinds)
        self._zip.writestr("xl/workbook.xml", book)
        self._zip.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{related}</Relationships>',
        )
        self._zip.writestr(
            "[Content_Types].xml",
            f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        )
        self._zip.close()

    async def _send(self) -> None:
        if self._file.pending:
            whole, self._file.pending = self._file.pending, bytearray()
            await self._sink(whole)


def _head_of(headings: Sequence[Heading]) -> str:
    """Return the beginning of each worksheet, to the end of its first row, which stays in sight."""
    widths = "".join(
        f'<col min="{n}" max="{n}" width="{heading.width}" customWidth="1"/>' for n, heading in enumerate(headings, 1)
    )
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    cells = "".join(worksheet_text(heading.title, BOLD) for heading in headings)
    return (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{cells}</row>\n"
    )
