"""Values and qualities as other systems write them."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ddms.errors import Sentence
from ddms.history.rows import Floats, Integers, Mistake, Numbers
from ddms.quality import Reason

_WORDS = {
    **dict.fromkeys(("good", "ok", "valid", "true"), Reason.GOOD),
    **dict.fromkeys(("uncertain", "questionable", "suspect"), Reason.IMPORTED_UNCERTAIN),
    **dict.fromkeys(("bad", "invalid", "false"), Reason.IMPORTED_BAD),
}
_LABELS = {reason.label: reason for reason in Reason if reason is not Reason.GOOD}
_SWITCHES = {"true": 1.0, "false": 0.0}
NO_VALUE, WRONG = -1, -2
"""In place of the code of a quality: the cell is empty; it holds a mistake."""


class Qualities(StrEnum):
    """Whose numbers stand in the column of qualities; words are understood always."""

    WORDS = "words"
    DDMS = "ddms"
    OPC_DA = "opc-da"
    OPC_UA = "opc-ua"


class ValueReader:
    """Reads numbers, with a decimal comma or a point; some words are no number but say that a reading is bad."""

    def __init__(self, *, comma: bool = False, bad: Sequence[str] = ()) -> None:
        self._comma = comma
        self._bad = {word.strip().lower() for word in bad}

    def read(self, column: Sequence[str] | Floats, lines: Integers) -> tuple[Numbers, NDArray[np.int16], list[Mistake]]:
        """Return values (NaN where there is none), codes (NO_VALUE where the cell is empty), and what is no number."""
        if isinstance(column, Floats):
            values, codes = column.values.copy(), np.where(column.empty, NO_VALUE, 0).astype(np.int16)
            strange = np.flatnonzero(~np.isfinite(values) & ~column.empty)
            texts = {int(place): repr(float(values[place])) for place in strange}
        else:
            values, codes = np.full(len(column), np.nan), np.zeros(len(column), np.int16)
            try:
                values[:] = list(map(float, column))
                texts = {place: column[place] for place in np.flatnonzero(~np.isfinite(values)).tolist()}
                if any("_" in text for text in column):  # which Python takes
                    texts |= {place: text for place, text in enumerate(column) if "_" in text}
            except ValueError:
                texts = dict(enumerate(column))
        mistakes = []
        for place, text in texts.items():
            values[place], codes[place], sentence = self._one(text)
            if sentence is not None:
                mistakes.append(Mistake(int(lines[place]), sentence))
        return values, codes, mistakes

    def _one(self, text: str) -> tuple[float, int, Sentence | None]:
        word = text.strip()
        if not word:
            return np.nan, NO_VALUE, None
        if word.lower() in self._bad:
            return np.nan, Reason.IMPORTED_BAD, None
        if word.lower() in _SWITCHES:
            return _SWITCHES[word.lower()], 0, None
        try:
            number = float(word.replace(",", ".") if self._comma and "." not in word else word)
        except ValueError:
            number = None
        if number is None or "_" in word or (self._comma and "." in word and "," in word):
            hint = (
                ": is it a decimal comma, --decimal comma?"
                if "," in word and not self._comma
                else ": --bad takes it for a bad reading"
            )
            return np.nan, WRONG, Sentence("{!r} is not a number" + hint, word[:40])
        if not np.isfinite(number):
            return np.nan, WRONG, Sentence("{!r} is not a finite number: --bad takes it for a bad reading", word[:40])
        return number, 0, None


class QualityReader:
    """Reads qualities: words, our own reasons, or the numbers of OPC."""

    def __init__(self, kind: Qualities = Qualities.WORDS) -> None:
        self._kind = kind
        self._known: dict[tuple[str, str], int | None] = {}

    def read(
        self, words: Sequence[str], reasons: Sequence[str] | None, lines: Integers
    ) -> tuple[NDArray[np.int16], list[Mistake]]:
        """Return our codes; WRONG where there is a mistake."""
        codes, mistakes = np.zeros(len(words), np.int16), []
        for place, pair in enumerate(zip(words, reasons or [""] * len(words), strict=True)):
            if pair not in self._known:
                self._known[pair] = self._one(*pair)
            code = self._known[pair]
            if code is None:
                told = "/".join(filter(None, pair))[:40]
                codes[place] = WRONG
                mistakes.append(Mistake(int(lines[place]), Sentence("{!r} is not a quality: see --qualities", told)))
            else:
                codes[place] = code
        return codes, mistakes

    def _one(self, word: str, reason: str) -> int | None:
        word, reason = word.strip().lower(), reason.strip().lower()
        if reason.isdecimal():  # of a newer version: an archive has its number
            return min(int(reason), 32_767)
        if reason:
            return _LABELS.get(reason)
        if not word:
            return 0
        if word in _WORDS:
            return _WORDS[word]
        try:
            number = int(float(word))
        except (ValueError, OverflowError):
            return None
        return self._number(number)

    def _number(self, number: int) -> int | None:
        match self._kind:
            case Qualities.DDMS:
                return number if number in {reason.value for reason in Reason} else None
            case Qualities.OPC_DA:  # the two highest bits of eight: bad, uncertain, not used, good
                return (Reason.IMPORTED_BAD, Reason.IMPORTED_UNCERTAIN, None, Reason.GOOD)[number >> 6 & 3]
            case Qualities.OPC_UA:  # the two highest bits of 32: good, uncertain, bad
                return (Reason.GOOD, Reason.IMPORTED_UNCERTAIN, Reason.IMPORTED_BAD, None)[number >> 30 & 3]
        return None
