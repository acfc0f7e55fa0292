"""Times as other systems write them, as microseconds of UTC; those of a clock that is changed twice a year too."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from ddms.errors import Code, DdmsError, Sentence
from ddms.history.rows import NO_TIME, Integers, Mistake, Moments

_EPOCH, _LOCAL_EPOCH = datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1)  # noqa: DTZ001 - of a local clock
_EXCEL_EPOCH_DAYS = 25_569  # 1970-01-01, counted from 1899-12-30
_DAY, _MINUTE = 86_400_000_000, 60_000_000
_UNIX = {"unix": 1_000_000, "unix-ms": 1_000, "unix-us": 1, "unix-ns": 0.001}
_LONGEST = 9_000_000_000_000_000  # the year 2255
_SHORTEST_TEXT = len("2026-01-01T00:00:00")
_LONGEST_TEXT = len("2026-01-01T00:00:00.123456")
_UTC_ENDS = ("Z", "+00:00")
_STRANGE = Sentence("{!r} is not a time of the format {}", "", "")


class Ambiguous(StrEnum):
    """What a local time means that a clock shows twice, when summer time ends."""

    REFUSE = "refuse"
    EARLIER = "earlier"
    LATER = "later"


class TimeReader:
    """Reads times: of ISO 8601, of Unix or Excel, or of a pattern as `strptime` has it."""

    def __init__(
        self, form: str = "iso", zone: ZoneInfo | None = None, ambiguous: Ambiguous = Ambiguous.REFUSE
    ) -> None:
        if form not in {"iso", "excel", *_UNIX} and "%" not in form:
            sentence = (
                f"{form!r} is no format of times: iso, excel, {', '.join(_UNIX)}, or a pattern like %d.%m.%Y %H:%M:%S"
            )
            raise DdmsError(Code.INVALID, sentence, field="time-format")
        self._form, self._zone, self._ambiguous = form, zone, ambiguous
        self._minutes: dict[int, tuple[int, int]] = {}

    def read(self, column: Sequence[str] | Moments, lines: Integers) -> tuple[Integers, list[Mistake]]:
        """Return the times, NO_TIME where one is a mistake."""
        if isinstance(column, Moments):
            return (column.times, []) if column.is_utc else self._of_local(column.times, lines)
        if self._form in _UNIX:
            return self._numbers(column, lines, lambda number: number * _UNIX[self._form])
        if self._form == "excel":
            times, mistakes = self._numbers(
                column, lines, lambda number: round((number - _EXCEL_EPOCH_DAYS) * 86_400_000) * 1000
            )
            local, more = self._of_local(times, lines)
            return local, mistakes + more
        if self._form == "iso" and (fast := _in_one_go(column)) is not None:
            times, is_utc = fast
            return (times, []) if is_utc else self._of_local(times, lines)
        return self._one_by_one(column, lines)

    def _numbers(
        self, column: Sequence[str], lines: Integers, made: Callable[[float], float]
    ) -> tuple[Integers, list[Mistake]]:
        times, mistakes = np.full(len(column), NO_TIME), []
        for place, text in enumerate(column):
            try:
                whole = text.isdecimal() and self._form != "excel"
                time = int(made(int(text))) if whole else round(made(float(text)))
            except (ValueError, OverflowError):
                time = NO_TIME
            if abs(time) <= _LONGEST:
                times[place] = time
            else:
                mistakes.append(self._strange(text, lines[place]))
        return times, mistakes

    def _strange(self, text: str, line: int) -> Mistake:
        return Mistake(int(line), Sentence(_STRANGE.template, text[:40], self._form))

    def _one_by_one(self, column: Sequence[str], lines: Integers) -> tuple[Integers, list[Mistake]]:
        """Read each distinct text once; those without an offset are put right together."""
        known: dict[str, tuple[int, bool] | None] = {}
        times, is_local = np.full(len(column), NO_TIME), np.zeros(len(column), bool)
        mistakes = []
        for place, text in enumerate(column):
            if text not in known:
                known[text] = self._one(text)
            if (read := known[text]) is None:
                mistakes.append(self._strange(text, lines[place]))
            else:
                times[place], is_local[place] = read
        if is_local.any():
            times[is_local], more = self._of_local(times[is_local], lines[is_local])
            mistakes += more
        return times, mistakes

    def _one(self, text: str) -> tuple[int, bool] | None:
        try:
            if self._form == "iso":
                time = datetime.fromisoformat(text.strip())
            else:
                time = datetime.strptime(text.strip(), self._form)  # noqa: DTZ007 - the zone is put right below
        except ValueError:
            return None
        if time.tzinfo is None:
            return (time - _LOCAL_EPOCH) // timedelta(microseconds=1), True
        return (time - _EPOCH) // timedelta(microseconds=1), False

    def _of_local(self, times: Integers, lines: Integers) -> tuple[Integers, list[Mistake]]:
        """Turn times of a local clock into UTC; what its changes are is looked up once a minute of the clock."""
        there = times != NO_TIME
        if self._zone is None:
            sentence = Sentence("the time has no offset: say of which zone it is, --timezone Europe/Berlin")
            return np.full(len(times), NO_TIME), [Mistake(int(line), sentence) for line in lines[there]]
        minutes, places = np.unique(times // _MINUTE, return_inverse=True)
        offsets = np.array([self._offsets(int(m)) if times.size else (0, 0) for m in minutes], np.int64).reshape(-1, 2)
        earlier, later = offsets[places, 0], offsets[places, 1]
        result = np.where(there, times - (later if self._ambiguous is Ambiguous.LATER else earlier), NO_TIME)
        skipped = there & (earlier < later)
        twice = there & (earlier > later) & (self._ambiguous is Ambiguous.REFUSE)
        result[skipped | twice] = NO_TIME
        return result, [
            self._clock(times[place], lines[place], bool(skipped[place])) for place in np.flatnonzero(skipped | twice)
        ]

    def _offsets(self, minute: int) -> tuple[int, int]:
        """Return what to take off a minute of the clock when it is the first, and when it is the second time that it shows it."""
        if (found := self._minutes.get(minute)) is None:
            try:
                local = _LOCAL_EPOCH + timedelta(minutes=minute)
                both = [local.replace(tzinfo=self._zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1)]
                found = (both[0] // timedelta(microseconds=1), both[1] // timedelta(microseconds=1))
            except OverflowError:  # NO_TIME, or a year that no calendar has
                found = (0, 0)
            if len(self._minutes) > 1_000_000:
                self._minutes.clear()
            self._minutes[minute] = found
        return found

    def _clock(self, time: int, line: int, skipped: bool) -> Mistake:
        text = f"{_LOCAL_EPOCH + timedelta(microseconds=int(time)):%Y-%m-%d %H:%M:%S}"
        if skipped:
            return Mistake(
                int(line), Sentence("{} does not exist in {}: the clock was put forward then", text, self._zone)
            )
        sentence = Sentence(
            "{} is twice in {}, when the clock was put back: choose --ambiguous earlier or later", text, self._zone
        )
        return Mistake(int(line), sentence)


def _in_one_go(column: Sequence[str]) -> tuple[Integers, bool] | None:
    """Read times that all look the same, of UTC or without an offset, as fast as numpy can; None: they do not."""
    if not column or min(map(len, column)) < _SHORTEST_TEXT:
        return None
    end = next((end for end in _UTC_ENDS if column[0].endswith(end)), "")
    if end:
        if not all(text.endswith(end) for text in column):
            return None
        column = [text[: -len(end)] for text in column]
    # A time has two dashes; numpy drops offsets, which have a third one, or a plus.
    joined = "".join(column)
    if "+" in joined or "Z" in joined or joined.count("-") != 2 * len(column) or max(map(len, column)) > _LONGEST_TEXT:
        return None
    if not all(text[16:17] == ":" for text in column):
        return None
    try:
        times = np.array(column, "datetime64[us]").view(np.int64)
    except ValueError:
        return None
    return (times, bool(end)) if (np.abs(times) <= _LONGEST).all() else None
