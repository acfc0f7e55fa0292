"""What travels between the steps of an import: tables of cells, and readings with the lines that they stand on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ddms.errors import Sentence
from ddms.quality import Reason

Integers: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]
NO_TIME = np.iinfo(np.int64).min
READINGS = np.dtype([("point_id", "i4"), ("time", "i8"), ("value", "f8"), ("quality", "i2")])
_CLOSER_LOOKS = 20


class Mistake(NamedTuple):
    """A reading that cannot be taken: the line, and why not."""

    line: int
    sentence: Sentence


class Mistakes:
    """Mistakes as a person wants them: the first ones each, the others counted by their kind."""

    def __init__(self) -> None:
        self.first: list[Mistake] = []
        self.kinds: Counter[str] = Counter()

    def add(self, found: Iterable[Mistake]) -> None:
        """Take note of some."""
        for one in found:
            self.kinds[one.sentence.template] += 1
            if self.kinds[one.sentence.template] <= _CLOSER_LOOKS // 4 and len(self.first) < _CLOSER_LOOKS:
                self.first.append(one)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.kinds.total()

    def told(self) -> list[str]:
        """Return a line each for the first ones and for the kinds of which there are more."""
        lines = [f"line {one.line}: {one.sentence}" for one in sorted(self.first)]
        shown = Counter(one.sentence.template for one in self.first)
        more = ((kind, count - shown[kind]) for kind, count in self.kinds.items() if count > shown[kind])
        return lines + [
            f"and {count:,} more like: {kind.replace('{!r}', '…').replace('{}', '…')}" for kind, count in more
        ]


class Moments(NamedTuple):
    """A column of times as numbers: microseconds since 1970, of UTC or of a local clock; NO_TIME where there is none."""

    times: Integers
    is_utc: bool


class Floats(NamedTuple):
    """A column of numbers; `empty` where there is none, which NaN is not."""

    values: Numbers
    empty: NDArray[np.bool_]


Column: TypeAlias = Sequence[str] | Moments | Floats
"""A column of a file: texts, empty where there is nothing, or what Parquet knows better."""


@dataclass(kw_only=True)
class Table:
    """Some rows of a file; `place` and `line` say how far the file is when they are stored."""

    columns: dict[str, Column]
    lines: Integers
    place: int
    line: int
    broken: list[tuple[Mistake, list[str]]] = field(default_factory=list)
    """Lines that are no row, with their cells: too few of them, or cut off."""


@dataclass(kw_only=True)
class Rows:
    """Readings: of which target (-1: none), when, and what; `lines` say where they stand."""

    lines: Integers
    targets: Integers
    times: Integers
    values: Numbers
    codes: NDArray[np.int16]
    texts: NDArray[Any] | None = None
    """Of points that are texts, and all digits of large integers; None where there is none."""

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def no_number(self) -> NDArray[np.bool_]:
        """Whether it is a text and no number: what is not bad has a value otherwise. Of large integers digits come apart."""
        result: NDArray[np.bool_] = np.isnan(self.values) & (self.codes < Reason.TIMEOUT)
        return result

    @property
    def has_text(self) -> NDArray[np.bool_]:
        """Whether it has a text."""
        texts = [] if self.texts is None else self.texts.tolist()
        return np.array([text is not None for text in texts] or np.zeros(len(self)), bool)

    def where(self, chosen: NDArray[Any]) -> "Rows":
        """Return some of them, by a mask or by their places."""
        texts = None if self.texts is None else self.texts[chosen]
        return Rows(
            lines=self.lines[chosen],
            targets=self.targets[chosen],
            times=self.times[chosen],
            values=self.values[chosen],
            codes=self.codes[chosen],
            texts=texts,
        )
