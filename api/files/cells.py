"""Cells: what stands in one place of a file, CSV or YAML, read as the type of the field that it is for."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple, get_args, get_type_hints

from api.files.mistakes import Finder, Place
from ddms import inputs
from ddms.errors import Sentence

LIST = ";"
"""Between the values of a list in one cell."""
Reader = Callable[[Any], Any]


class Cell(NamedTuple):
    """A value as it is written: a text, or a list of texts; None when it is left out."""

    place: Place
    value: Any

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written there."""
        return self.value is None or (isinstance(self.value, str) and not self.value.strip())


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ValueError("write a text")  # noqa: TRY004 - a mistake of the file, not of the program
    return raw


def _parts(raw: Any) -> list[str]:
    parts = raw if isinstance(raw, list) else _text(raw).split(LIST)
    return [part for part in map(_text, parts) if part.strip()]


def _enum(kind: type[StrEnum]) -> Reader:
    known = {member.value.lower(): member for member in kind}

    def read(raw: Any) -> StrEnum:
        word = "_".join(_text(raw).lower().split())
        if word not in known:
            told = ", ".join(member.value for member in kind)
            raise ValueError(Sentence("{!r} is not known here: write one of {}", inputs.shortened(raw), told))
        return known[word]

    return read


def readers(kind: type, *, decimal_comma: bool, without: Iterable[str] = ()) -> dict[str, Reader]:
    """Return how the cells of each field of a dataclass are read."""
    number = partial(inputs.number, decimal_comma=decimal_comma)
    whole = partial(inputs.whole, decimal_comma=decimal_comma)
    simple: dict[type, Reader] = {
        bool: lambda raw: inputs.switch(_text(raw)),
        int: lambda raw: whole(_text(raw)),
        float: lambda raw: number(_text(raw)),
        str: _text,
    }
    lists: dict[Any, Reader] = {
        list[float]: lambda raw: [number(part) for part in _parts(raw)],
        list[str]: lambda raw: [part.strip() for part in _parts(raw)],
    }

    def of(hint: Any) -> Reader:
        if of_cell := getattr(next(iter(get_args(hint)), None), "of_cell", None):
            return of_cell  # type: ignore[no-any-return]
        inner = hint if hint in lists else next((one for one in get_args(hint) if one is not type(None)), hint)
        return lists.get(inner) or simple.get(inner) or _enum(inner)

    hints = get_type_hints(kind)
    return {f.name: of(hints[f.name]) for f in fields(kind) if f.name not in {*without}}


def values(cells: Mapping[str, Cell], readers: Mapping[str, Reader], finder: Finder) -> dict[str, Any]:
    """Read cells; the mistakes are noted, and what is wrong is left out, as is what is empty."""
    found = {}
    for name, cell in cells.items():
        if name not in readers:
            finder.add(cell.place, name, Sentence("this is not known here: write one of {}", ", ".join(readers)))
        elif not cell.is_empty:
            try:
                found[name] = readers[name](cell.value)
            except ValueError as error:
                finder.add(cell.place, name, error.args[0])
    return found
