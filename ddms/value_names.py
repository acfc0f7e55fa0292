"""Names for values: what a state is called, `3=Fault:red`, and in which colour it is shown. Pure."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from ddms import inputs
from ddms.errors import Sentence

MOST_NAMES = 256
MOST_LENGTH = 60
LARGEST = 10**15 - 1
"""Up to here PostgreSQL writes a float of 64 bits with all its digits, by which the names are looked up."""


class ValueColor(StrEnum):
    """In which colour a value is shown."""

    GREEN = "green"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"
    BLUE = "blue"
    PURPLE = "purple"
    GREY = "grey"


class Named(NamedTuple):
    """A value, what it is called, and its colour; None: no own one."""

    value: float
    name: str
    color: ValueColor | None = None


_SPELLINGS = {"gray": "grey"}
_BETWEEN = re.compile(r"\s*[,;\n]\s*(?=[+-]?[0-9][0-9a-fA-FxX.]*\s*=)")
_ENTRY = re.compile(r"\s*([^=]*?)\s*=\s*(.*?)\s*", re.DOTALL)
_WITH_COLOUR = re.compile(
    rf"(.*?)\s*:(?:\s*({'|'.join((*ValueColor, *_SPELLINGS))})|([A-Za-z]+))", re.DOTALL | re.IGNORECASE
)
"""A colon and a colour, or a colon and at once a word, which was meant to be one."""


def written(names: Iterable[Named]) -> str:
    """Return names as files have them, `0=Off, 1=On:green`; `read` reads it."""
    return ", ".join(f"{one.value:.0f}={one.name}" + (f":{one.color}" if one.color else "") for one in names)


def read(text: str) -> list[Named]:
    """Read names as people write them into a cell; raises `ValueError` with a sentence."""
    return [_entry(part) for part in _BETWEEN.split(text.strip(" ,;\r\n\t"))]


def _entry(text: str) -> Named:
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise ValueError(
            Sentence("{!r} names no value: write value=name, as `0=Off, 1=On:green`", inputs.shortened(text))
        )
    return of_texts(match[1], match[2])


def of_texts(value: str, name: str, color: str | None = None) -> Named:
    """Return a value and its name as they are written; the name may end in its colour, `On:green`."""
    if color is None and (match := _WITH_COLOUR.fullmatch(name)):
        name, color = match[1], match[2] or match[3]
    return Named(inputs.number(value), name, None if color is None else _color(color))


def _color(text: str) -> ValueColor:
    word = text.strip().lower()
    word = _SPELLINGS.get(word, word)
    if word not in [*ValueColor]:
        raise ValueError(
            Sentence("{!r} is no colour here: write one of {}", inputs.shortened(text), ", ".join(ValueColor))
        )
    return ValueColor(word)


def checked(names: Iterable[Named]) -> list[Named]:
    """Return names in their one spelling, by value; raises `ValueError` with a sentence."""
    found: dict[int, Named] = {}
    for value, raw, color in names:
        if not -LARGEST <= value <= LARGEST or value != int(value):
            raise ValueError(Sentence("{:.15g} has no name: names are for whole numbers of up to 15 digits", value))
        name = inputs.name(raw, most=MOST_LENGTH)
        if _WITH_COLOUR.fullmatch(name) or _BETWEEN.search(f"{name} "):
            raise ValueError(
                Sentence(
                    "{!r} would not be read again from a file: a name does not end in a colon and a word, which is its colour, "
                    "and has no number with = after a comma",
                    name,
                )
            )
        if (known := found.get(int(value))) is not None:
            raise ValueError(Sentence("{:.0f} has two names, {!r} and {!r}: keep one", value, known.name, name))
        found[int(value)] = Named(float(value), name, color)
    if len(found) > MOST_NAMES:
        raise ValueError(Sentence("a point has names for at most {} values", MOST_NAMES))
    return [found[value] for value in sorted(found)]


def stored(names: Iterable[Named]) -> dict[str, dict[str, str]]:
    """Return names as the column `value_names` has them: by value as a text, so that SQL finds one without a search."""
    return {f"{one.value:.0f}": {"name": one.name} | ({"color": one.color.value} if one.color else {}) for one in names}


Lookup = Mapping[float, str]
"""What the values of one point are called."""


def lookup(column: Mapping[str, Mapping[str, Any]]) -> dict[float, str]:
    """Return what values are called, of a column `value_names`."""
    return {float(value): one["name"] for value, one in column.items()}


def lookups(columns: Mapping[str, Mapping[str, Mapping[str, Any]]] | None) -> dict[int, Lookup]:
    """Return what the values of points are called, of columns `value_names` by the points' numbers."""
    return {int(point): lookup(column) for point, column in (columns or {}).items()}


def of_stored(column: Mapping[str, Mapping[str, Any]]) -> list[Named]:
    """Return the names of a column `value_names`, by value."""
    found = [
        Named(float(value), one["name"], ValueColor(one["color"]) if "color" in one else None)
        for value, one in column.items()
    ]
    return sorted(found, key=lambda one: one.value)
