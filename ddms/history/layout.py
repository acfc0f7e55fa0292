"""From the cells of a table to readings: which column says what, in a row for each reading or with a column for each point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddms.errors import Code, DdmsError, Sentence
from ddms.history.points import UNKNOWN, Points
from ddms.history.rejects import OF_REJECTS
from ddms.history.rows import NO_TIME, Column, Floats, Integers, Mistake, Moments, Rows, Table
from ddms.history.times import TimeReader
from ddms.history.values import NO_VALUE, WRONG, QualityReader, ValueReader
from ddms.quality import Reason

_TIMES = ("time", "timestamp", "datetime", "date_time", "ts", "zeit", "_time")
_TAGS = ("tag", "tagname", "tag_name", "point", "name", "id")
_ROLES = ("quality", "reason", "text")
_VALUES = ("value", "_value", "val", "wert")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column says what; in the wide shape only the time, and each other column is a point."""

    time: str
    tag: tuple[str, ...] = ()
    value: str = ""
    quality: str = ""
    reason: str = ""
    text: str = ""
    wide: bool = False

    @classmethod
    def of(cls, names: Sequence[str], given: dict[str, str], *, wide: bool | None = None) -> "Columns":
        """Find them in a file: what was `given` by name, our own exports and archives by theirs, else what is usual."""
        for role, name in given.items():
            if name and name not in names:
                told = ", ".join(names[:20])
                raise DdmsError(Code.NOT_FOUND, f"there is no column {name!r}: there are {told}", field=role)
        if twice := sorted({name for name in names if name and names.count(name) > 1}):
            raise DdmsError(Code.INVALID, f"the column {twice[0]!r} is there twice: which one counts?")
        time = given.get("time") or _usual(names, _TIMES)
        if not time:
            raise DdmsError(
                Code.INVALID, f"which column is the time? --time one of {', '.join(names[:20])}", field="time"
            )
        tag = given.get("point") or _usual(names, _TAGS)
        value = given.get("value") or _usual(names, _VALUES)
        if wide or (wide is None and not (tag and value)):
            if given.get("point") or given.get("value"):
                raise DdmsError(Code.INVALID, "the wide shape has a column for each point: no --point, no --value")
            return cls(time=time, wide=True)
        if not tag or not value:
            missing = "point" if not tag else "value"
            raise DdmsError(Code.INVALID, f"which column is the {missing}? --{missing}, or --shape wide", field=missing)
        device = given.get("device") or ("device" if "device" in names and tag == "point" else "")
        number = ("point_id",) if device and "point_id" in names else ()
        ours = ("quality", "reason", "text") if device else ("quality",)
        usual: dict[str, Any] = {
            role: given.get(role) or (role if role in names and role in ours else "") for role in _ROLES
        }
        tags = (device, tag, *number) if device else (tag,)
        return cls(time=time, tag=tags, value=value, wide=False, **usual)


def _usual(names: Sequence[str], usual: Sequence[str]) -> str:
    by_name = {name.lower(): name for name in reversed(names)}
    return next((by_name[word] for word in usual if word in by_name), "")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the readings of a file are read."""

    columns: Columns
    points: Points
    times: TimeReader
    values: ValueReader
    qualities: QualityReader
    skip_unknown: bool = False

    def check(self, names: Sequence[str]) -> None:
        """Refuse a wide file with columns of no known point: each line would have a mistake."""
        if not self.columns.wide:
            return
        columns = [name for name in names if name not in {self.columns.time, *OF_REJECTS, ""}]
        self.points.places([(name,) for name in columns])
        unknown = list(self.points.unknown)
        self.points.unknown.clear()
        if len(unknown) == len(columns):
            told = ", ".join(map(repr, unknown[:20]))
            raise DdmsError(
                Code.NOT_FOUND, f"no column is a known point: {told}; --map says which is which", field="map"
            )
        if unknown and not self.skip_unknown:
            told = "\n".join(f"  {name}" for name in unknown)
            sentence = f"{len(unknown)} columns are no known points; --map says which is which, --unknown skip leaves them out:\n{told}"
            raise DdmsError(Code.NOT_FOUND, sentence, field="map")

    def read(self, table: Table) -> tuple[Rows, list[Mistake]]:
        """Return the readings of a table whose points are known, and what is no reading."""
        return self._wide(table) if self.columns.wide else self._long(table)

    def _long(self, table: Table) -> tuple[Rows, list[Mistake]]:
        names, columns = self.columns, table.columns
        tags = list(zip(*(_texts(columns[name]) for name in names.tag), strict=True))
        targets = self.points.places(tags)
        strangers = [] if self.skip_unknown else np.flatnonzero(targets == UNKNOWN).tolist()
        mistakes = [
            Mistake(int(table.lines[place]), Sentence(_UNKNOWN, " / ".join(tags[place][:2])[:80]))
            for place in strangers
        ]
        known = np.flatnonzero(targets >= 0)
        lines, targets = table.lines[known], targets[known]
        told: NDArray[np.int16] = np.zeros(len(lines), np.int16)
        if names.quality or names.reason:
            words = _texts(_taken(columns[names.quality or names.reason], known))
            reasons = _texts(_taken(columns[names.reason], known)) if names.reason else None
            told, others = self.qualities.read(words, reasons, lines)
            mistakes += others
        times, more = self.times.read(_texts_or_moments(_taken(columns[names.time], known)), lines)
        rows = Rows(lines=lines, targets=targets, times=times, values=np.full(len(lines), np.nan), codes=told)
        value = _taken(columns[names.value], known)
        text = _taken(columns[names.text], known) if names.text else None
        rows, others = self._valued(rows, value, text)
        empty = rows.codes == NO_VALUE
        others += [Mistake(int(line), _NO_VALUE) for line in rows.lines[empty]]
        return rows.where((rows.times != NO_TIME) & (rows.codes >= 0)), mistakes + more + others

    def _wide(self, table: Table) -> tuple[Rows, list[Mistake]]:
        """A column is a point; an empty cell is no reading."""
        times, mistakes = self.times.read(_texts_or_moments(table.columns[self.columns.time]), table.lines)
        there = np.flatnonzero(times != NO_TIME)
        parts, lines, times = [], table.lines[there], times[there]
        for name, column in table.columns.items():
            if name in {self.columns.time, *OF_REJECTS, ""}:
                continue
            target = int(self.points.places([(name,)])[0])
            if target < 0:
                continue
            rows = Rows(
                lines=lines,
                targets=np.full(len(lines), target),
                times=times,
                values=np.full(len(lines), np.nan),
                codes=np.zeros(len(lines), np.int16),
            )
            rows, more = self._valued(rows, _taken(column, there), None)
            parts.append(rows.where(rows.codes >= 0))
            mistakes += [Mistake(line, Sentence("{}: " + told.template, name, *told.values)) for line, told in more]
        return together(parts), mistakes

    def _valued(self, rows: Rows, value: Column, text: Column | None) -> tuple[Rows, list[Mistake]]:
        """Put values and texts into rows whose codes are what the quality says; a code below 0 says that there is none."""
        kinds = np.array([(target.is_text, target.is_text or target.is_long) for target in self.points.targets], bool)
        is_text, takes_text = kinds.reshape(-1, 2)[rows.targets].T
        number = np.flatnonzero(~is_text)
        mistakes: list[Mistake] = []
        told = rows.codes
        if len(number):
            values, codes, mistakes = self.values.read(_texts_or_floats(_taken(value, number)), rows.lines[number])
            rows.values[number] = values
            rows.codes = told.copy()
            rows.codes[number] = _joined(told[number], codes)
        if takes_text.any():
            words = _texts(value if text is None else text)
            rows.texts = np.full(len(rows), None, object)
            for place in np.flatnonzero(takes_text if text is not None else is_text).tolist():
                rows.texts[place] = words[place] or None
            if text is None:
                rows.codes[is_text & ~rows.has_text & (told == 0)] = NO_VALUE
            else:  # an archive has the digits of large integers in rows of their own
                digits = (rows.codes == NO_VALUE) & takes_text
                rows.codes[digits] = told[digits]
        rows.values[rows.codes >= Reason.TIMEOUT] = np.nan
        factors = np.array([(target.factor, target.offset) for target in self.points.targets])
        if (factors != (1.0, 0.0)).any():
            factor, offset = factors[rows.targets].T
            rows.values = rows.values * factor + offset
        return rows, mistakes


_UNKNOWN = "{!r} is no known point: --map says which one it is"
_NO_VALUE = Sentence("it has no value, and no quality says why")


def _joined(told: NDArray[np.int16], codes: NDArray[np.int16]) -> NDArray[np.int16]:
    """Join what the quality and the value say: mistakes first, then what is bad; without a value only bad will do."""
    joined = np.where(codes > 0, np.maximum(told, codes), told)
    joined = np.where((codes == NO_VALUE) & (told >= 0) & (told < Reason.TIMEOUT), NO_VALUE, joined)
    return np.where((codes == WRONG) | (told == WRONG), WRONG, joined).astype(np.int16)


def _taken(column: Column, places: Integers) -> Column:
    """Return the cells of a column at some places."""
    if isinstance(column, Moments):
        return Moments(column.times[places], column.is_utc)
    if isinstance(column, Floats):
        return Floats(column.values[places], column.empty[places])
    return column if len(places) == len(column) else [column[place] for place in places.tolist()]


def _texts(column: Column) -> Sequence[str]:
    """Return a column as texts: numbers as they are written, times are none."""
    if isinstance(column, Floats):
        cells = zip(column.values.tolist(), column.empty.tolist(), strict=True)
        return ["" if empty else f"{value:.17g}" for value, empty in cells]
    if isinstance(column, Moments):
        return [str(time) for time in column.times.tolist()]
    return column


def _texts_or_moments(column: Column) -> Sequence[str] | Moments:
    return _texts(column) if isinstance(column, Floats) else column


def _texts_or_floats(column: Column) -> Sequence[str] | Floats:
    return _texts(column) if isinstance(column, Moments) else column


def together(parts: Sequence[Rows]) -> Rows:
    """Join rows."""
    texts = None
    if any(part.texts is not None for part in parts):
        texts = np.concatenate(
            [np.full(len(part), None, object) if part.texts is None else part.texts for part in parts]
        )
    return Rows(
        lines=np.concatenate([part.lines for part in parts] or [np.empty(0, np.int64)]),
        targets=np.concatenate([part.targets for part in parts] or [np.empty(0, np.int64)]),
        times=np.concatenate([part.times for part in parts] or [np.empty(0, np.int64)]),
        values=np.concatenate([part.values for part in parts] or [np.empty(0)]),
        codes=np.concatenate([part.codes for part in parts] or [np.empty(0, np.int16)]),
        texts=texts,
    )
