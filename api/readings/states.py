"""States: what a condition on values says, `> 0`, `2..4` or the names of values, as ranges that the database looks for."""

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from api.points.types import Point
from ddms.errors import Code, DdmsError, Sentence
from ddms.value_names import Lookup

MOST_PARTS = 32
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_COMPARED = re.compile(rf"(>=|<=|!=|<>|>|<|=|==)\s*({_NUMBER})")
_BETWEEN = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})")
_ONE = re.compile(_NUMBER)


class State(NamedTuple):
    """Ranges of values, both ends inside: a value in one of them is in the state."""

    lows: tuple[float, ...]
    highs: tuple[float, ...]


def state_of(text: str, called: Lookup, of: str) -> State:
    """Read a condition, or several separated by commas of which one must hold; a name is one of the values `called` so."""
    names = {name.casefold(): value for value, name in called.items()}
    if (whole := names.get(text.strip().casefold())) is not None:
        return State((whole,), (whole,))
    parts = text.split(",")
    if len(parts) > MOST_PARTS:
        raise DdmsError(Code.INVALID, Sentence("a state has at most {} parts", MOST_PARTS), field="state")
    ranges = [one for part in parts for one in _ranges(part.strip(), names, of, called)]
    return State(tuple(low for low, _ in ranges), tuple(high for _, high in ranges))


def states_of(text: str, points: Iterable[Point]) -> dict[State, list[int]]:
    """Return the points by what the condition says of them; a text is in no state."""
    found: dict[State, list[int]] = {}
    for point in points:
        if point.data_type.is_text:
            sentence = Sentence("{} is a text: only numbers are in a state", point.id)
            raise DdmsError(Code.INVALID, sentence, field="state")
        found.setdefault(state_of(text, point.names, point.id), []).append(point.number)
    return found


def _ranges(part: str, names: dict[str, float], of: str, called: Lookup) -> Iterator[tuple[float, float]]:
    if (named := names.get(part.casefold())) is not None:
        yield named, named
    elif match := _BETWEEN.fullmatch(part):
        low, high = float(match[1]), float(match[2])
        if low > high:
            raise DdmsError(Code.INVALID, Sentence("{!r} is empty: write the lower number first", part[:40]), field="state")  # fmt: skip
        yield low, high
    elif match := _COMPARED.fullmatch(part):
        yield from _compared(match[1], float(match[2]))
    elif _ONE.fullmatch(part):
        yield float(part), float(part)
    else:
        known = ", ".join([*called.values()][:10])
        sentence: str = Sentence("{!r} is no state: write > 0, 1..5, != 3 or a number", part[:40])
        if known:
            sentence = Sentence("{!r} is no state of {}: write > 0, 1..5, != 3, a number or one of {}", part[:40], of, known)  # fmt: skip
        raise DdmsError(Code.INVALID, sentence, field="state")


def _compared(sign: str, value: float) -> Iterator[tuple[float, float]]:
    above, below = math.nextafter(value, math.inf), math.nextafter(value, -math.inf)
    match sign:
        case ">":
            yield above, math.inf
        case ">=":
            yield value, math.inf
        case "<":
            yield -math.inf, below
        case "<=":
            yield -math.inf, value
        case "=" | "==":
            yield value, value
        case _:
            yield -math.inf, below
            yield above, math.inf
