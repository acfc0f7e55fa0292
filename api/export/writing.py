"""How a line of an export is written, as CSV or as the row of a worksheet: in SQL what differs from row to row, here what does not.

Each of its methods that takes SQL returns SQL of one cell; PostgreSQL puts them together, with `between` between them.
"""

import re
from abc import ABC, abstractmethod
from xml.sax.saxutils import escape

from api.export.choice import Decimal, Dialect, ExportChoice, Format, Times
from api.files.spreadsheet import FORMULA, defused

_EPOCH = "trim_scale(extract(epoch FROM {}))::text"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]+")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""What a workbook takes for a character: `_x000D_` (ECMA-376, ST_Xstring)."""


BOLD, FINE, WHOLE = 1, 2, 3
"""The styles in a workbook: of the header, of times to the millisecond, and to the second."""


class Writing(ABC):
    """A way to write cells."""

    between = ""
    end = ""
    """What ends a line."""
    time_columns: tuple[str, ...] = ("time",)

    @abstractmethod
    def time(self, sql: str) -> str:
        """Return the first cell, or cells, of a line: a moment."""

    @abstractmethod
    def later(self, sql: str) -> str:
        """Return another moment, which may be null."""

    @abstractmethod
    def number(self, sql: str) -> str:
        """Return a number, which may be null."""

    @abstractmethod
    def numbers(self, array: str) -> str:
        """Return all numbers of an array, as so many cells."""

    @abstractmethod
    def text(self, sql: str) -> str:
        """Return a text, which may be null."""

    @abstractmethod
    def digits(self, sql: str) -> str:
        """Return a text of digits, empty where there is none."""

    @abstractmethod
    def cell(self, text: str) -> str:
        """Write a text that is known, maybe empty."""

    def cells(self, *texts: str) -> str:
        """Write texts, each after another cell."""
        return "".join(self.between + self.cell(text) for text in texts)


class Csv(Writing):
    """Lines of CSV."""

    def __init__(self, choice: ExportChoice) -> None:
        self.between = choice.delimiter.character
        self._comma = choice.decimal is Decimal.COMMA
        local = choice.dialect is Dialect.SPREADSHEET
        self._time = "({}::timestamp(3))::text" if local else "to_json({})::text"
        if choice.times is Times.EPOCH:
            self._time = _EPOCH
        if self._comma and (local or choice.times is Times.EPOCH):
            self._time = self._pointed(self._time)

    def _pointed(self, sql: str) -> str:
        return f"replace({sql}, '.', ',')" if self._comma else sql

    def time(self, sql: str) -> str:  # noqa: D102
        return self._time.format(sql)

    def later(self, sql: str) -> str:  # noqa: D102
        return f"coalesce({self.time(sql)}, '')"

    def number(self, sql: str) -> str:  # noqa: D102
        return f"coalesce({self._pointed(f'({sql})::text')}, '')"

    def numbers(self, array: str) -> str:  # noqa: D102
        return self._pointed(f"array_to_string({array}, '{self.between}', '')")

    def text(self, sql: str) -> str:  # noqa: D102
        plain = f"regexp_replace({sql}, '[[:cntrl:]]+', ' ', 'g')"  # those would end a line or a cell
        rule = FORMULA.replace("'", "''")
        return f"""coalesce('"' || replace(regexp_replace({plain}, '{rule}', '\\1''\\2', 'g'), '"', '""') || '"', '')"""

    def digits(self, sql: str) -> str:  # noqa: D102
        return sql

    def cell(self, text: str) -> str:
        """Write a text as a cell in which no spreadsheet sees a formula."""
        text = defused(_CONTROL.sub(" ", text))
        return '"' + text.replace('"', '""') + '"' if set(text) & {'"', ",", ";", "|", self.between} else text


class Worksheet(Writing):
    """Rows of a worksheet: numbers are numbers, texts are texts whatever they begin with, and times are those of the clock on the wall.

    A time that a worksheet can count with has no offset, so that stands beside it. Source: ECMA-376, part 1, 18.3.
    """

    end = "</row>"
    _TEXT = '<c t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>"

    def __init__(self, choice: ExportChoice) -> None:
        self._times = choice.times
        self.time_columns = ("time", "utc_offset") if choice.times is Times.LOCAL else ("time",)
        self._style = WHOLE if choice.length else FINE

    def _moment(self, sql: str) -> str:
        if self._times is Times.EPOCH:
            return f"'<c><v>' || {_EPOCH.format(sql)} || '</v></c>'"
        # Days since the last one of 1899, as Excel counts them.
        serial = f"(extract(epoch FROM {sql}::timestamp)::float8 / 86400 + 25569)::text"
        return f"""'<c s="{self._style}"><v>' || {serial} || '</v></c>'"""

    def time(self, sql: str) -> str:  # noqa: D102
        if self._times is not Times.LOCAL:
            return f"'<row>' || {self._moment(sql)}"
        offset = f"to_char({sql}, 'TZH:TZM')"
        return f"'<row>' || {self._moment(sql)} || '{self._TEXT[0]}' || {offset} || '{self._TEXT[1]}'"

    def later(self, sql: str) -> str:  # noqa: D102
        return f"coalesce({self._moment(sql)}, '<c/>')"

    def number(self, sql: str) -> str:  # noqa: D102
        # A worksheet has no infinity, and refuses to be opened with one.
        return f"CASE WHEN abs({sql}) < 'Infinity' THEN '<c><v>' || ({sql})::text || '</v></c>' ELSE '<c/>' END"

    def numbers(self, array: str) -> str:  # noqa: D102
        joined = f"'<c><v>' || array_to_string({array}, '</v></c><c><v>', '') || '</v></c>'"
        return f"regexp_replace({joined}, '<c><v>(|-?Infinity|NaN)</v></c>', '<c/>', 'g')"

    def text(self, sql: str) -> str:  # noqa: D102
        plain = rf"regexp_replace({sql}, '[[:cntrl:]\uFFFE\uFFFF]+', ' ', 'g')"
        plain = f"regexp_replace({plain}, '_(x[[:xdigit:]]{{4}}_)', '_x005F_\\1', 'g')"
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            plain = f"replace({plain}, '{character}', '{entity}')"
        return f"coalesce('{self._TEXT[0]}' || {plain} || '{self._TEXT[1]}', '<c/>')"

    def digits(self, sql: str) -> str:  # noqa: D102
        return f"coalesce('{self._TEXT[0]}' || nullif({sql}, '') || '{self._TEXT[1]}', '<c/>')"

    def cell(self, text: str) -> str:
        """Write a text."""
        return worksheet_text(text) if text else "<c/>"


def worksheet_text(text: str, style: int = 0) -> str:
    """Write a text as the cell of a worksheet."""
    text = escape(_ESCAPE.sub("_x005F_", _CONTROL.sub(" ", text)))
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def writing_of(choice: ExportChoice) -> Writing:
    """Return how the lines of an export are written."""
    return Worksheet(choice) if choice.format is Format.XLSX else Csv(choice)
