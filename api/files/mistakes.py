"""Mistakes in a file: all of them are found before any is told, each with its line, its column and what to write."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from ddms.errors import DdmsError, Mistake, Mistakes, Sentence
from ddms.inputs import shortened

MOST_TOLD = 50
"""So many are told one by one; the others by their kind, with the lines that they are on."""
_LINES_TOLD = 20
_MOST_FOUND = 10_000
"""After so many a file is not read any further: it is another kind of file, or meant to keep others waiting."""


class Place(NamedTuple):
    """Where something stands. In CSV the column counts cells, as a spreadsheet does; in YAML, characters."""

    line: int
    column: int


class _Found(NamedTuple):
    place: Place
    name: str
    sentence: str

    @property
    def kind(self) -> tuple[str, str]:
        return self.name, getattr(self.sentence, "template", self.sentence)


class Finder:
    """Gathers the mistakes of one file."""

    def __init__(self) -> None:
        self._found: list[_Found] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, place: Place, name: str, sentence: str) -> None:
        """Note a mistake; `name` is the field, empty when it is none's. Raises all of them when there are too many."""
        self._found.append(_Found(place, shortened(name), sentence))
        if len(self._found) >= _MOST_FOUND:
            self.finish()

    def finish(self) -> None:
        """Raise what was found, by line."""
        if self._found:
            found = sorted(self._found, key=lambda one: one.place)
            told = [mistake(*one) for one in found[:MOST_TOLD]]
            raise Mistakes([*told, *_by_kind(found[MOST_TOLD:])], count=len(found))


def mistake(place: Place, name: str, sentence: str) -> Mistake:
    """Return the error of a place."""
    line, column = place
    message = (
        Sentence("line {}, column {}: {}: {}", line, column, name, sentence)
        if name
        else Sentence("line {}, column {}: {}", line, column, sentence)
    )
    return Mistake(message, line=line, column=column)


def stop(place: Place, name: str, sentence: str) -> DdmsError:
    """Return the error after which nothing more can be read of a file."""
    return Mistakes([mistake(place, name, sentence)], count=1)


def _by_kind(found: list[_Found]) -> Iterator[Mistake]:
    for (name, _), group in groupby(sorted(found, key=lambda one: (one.kind, one.place)), key=lambda one: one.kind):
        alike = list(group)
        lines = list(dict.fromkeys(str(one.place.line) for one in alike))
        told = ", ".join(lines[:_LINES_TOLD]) + (", …" if lines[_LINES_TOLD:] else "")
        first = alike[0]
        message = Sentence("{} more of the kind {}: {} (lines {})", len(alike), name, first.sentence, told)
        yield Mistake(message, line=first.place.line, column=first.place.column)
