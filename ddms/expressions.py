"""Expressions over points, as people write them: read into programs, never run as code of anything. Pure.

`if(running, power / flow, 0)` names points of the same device by their keys; `"Meter 7".power` one of another device. A
program is the expression in postfix, its inputs and constants by number: devices of one profile have the same program,
whatever they are called, and so have those that differ in numbers only. How it is computed is in `ddms.calculation`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from ddms import inputs
from ddms.errors import Sentence

MOST_LENGTH = 2000
MOST_INPUTS = 100
MOST_DEPTH = 50
LARGEST = 1.7e308


class Reference(NamedTuple):
    """A point that an expression names: of another device by its name, else of the same one."""

    key: str
    device: str | None = None

    def __str__(self) -> str:
        if self.device is None:
            return self.key
        quote = '"' if '"' not in self.device else "'"
        return f"{quote}{self.device.replace(quote, quote * 2)}{quote}.{self.key}"


class Step(NamedTuple):
    """One step of a program: put the number or the input of a place on the stack; or let an operation take so many `terms` from it."""

    operation: str
    terms: int = 0
    place: int = 0


Program = tuple[Step, ...]


class Expression(NamedTuple):
    """An expression that was read: its program, its numbers, and the points that are its inputs, in the order of their places."""

    program: Program
    numbers: tuple[float, ...]
    references: tuple[Reference, ...]


FUNCTIONS: Mapping[str, tuple[int, int]] = {
    "if": (3, 3), "min": (1, 50), "max": (1, 50), "mean": (1, 50), "clamp": (3, 3), "abs": (1, 1), "sqrt": (1, 1),
    "round": (1, 2), "floor": (1, 1), "ceil": (1, 1), "exp": (1, 1), "ln": (1, 1), "log10": (1, 1), "sin": (1, 1),
    "cos": (1, 1), "tan": (1, 1), "atan2": (2, 2), "radians": (1, 1), "degrees": (1, 1), "bit": (2, 2), "good": (1, 1),
}  # fmt: skip
"""How many arguments each function takes, at least and at most."""
_WORDS = {"and", "or", "not"}
_STRENGTH = {
    "or": 1, "and": 2, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "**": 8,
}  # fmt: skip
_NOT, _COMPARED, _SIGN, _POWER = 3, 4, 7, 8
_HINTS = {
    "^": "**", "=": "==", "<>": "!=", "&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "×": "*", "·": "*", "÷": "/",
    "−": "-", "–": "-", "（": "(", "）": ")", "，": ",", ";": ",", "；": ",", "“": '"', "”": '"', "„": '"', "‘": "'",
    "’": "'", "＋": "+", "－": "-", "＊": "*", "／": "/", "[": "(", "]": ")", "{": "(", "}": ")",
}  # fmt: skip
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>0[xX][0-9A-Fa-f]{1,13}|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<reference>(?:"(?:[^"]|"")*"|'(?:[^']|'')*')\s*\.\s*(?:[A-Za-z_][A-Za-z0-9_]*)?|"(?:[^"]|"")*"?|'(?:[^']|'')*'?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>\*\*|==|!=|<=|>=|<>|&&|\|\||.))""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def _tokens(text: str) -> Iterator[_Token]:
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        assert match is not None  # noqa: S101 - any character is a sign
        assert match.lastgroup is not None  # noqa: S101 - as each is in a group
        word = match[match.lastgroup]
        if match.lastgroup == "word" and word.lower() in {*_WORDS, *FUNCTIONS}:
            word = word.lower()  # as spreadsheets write them
        yield _Token(match.lastgroup, word, match.start(match.lastgroup), match.end())
        place = match.end()
    yield _Token("end", "", end, end)


class _Parser:
    """Reads by the strength of operators; what it recurses into is counted, so that no nesting is too deep for Python."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0
        self.steps: list[Step] = []
        self.numbers: list[float] = []
        self.references: dict[Reference, int] = {}

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def parse(self) -> Expression:
        self._expression(0)
        if self._token.kind != "end":
            raise self._unexpected()
        return Expression(tuple(self.steps), tuple(self.numbers), tuple(self.references))

    def _expression(self, least: int) -> None:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ValueError(Sentence("it is nested more than {} deep: make points of its parts", MOST_DEPTH))
        self._operand(least)
        while _STRENGTH.get(operator := self._token.text, 0) > least and self._token.kind in {"sign", "word"}:
            strength = _STRENGTH[operator]
            self._next += 1
            self._expression(strength - 1 if strength == _POWER else strength)
            self.steps.append(Step(operator, 2))
            if strength == _COMPARED and _STRENGTH.get(self._token.text) == _COMPARED:
                raise ValueError(
                    Sentence("character {} compares a second time: write a < b and b < c", self._token.start + 1)
                )
        self._depth -= 1

    def _operand(self, least: int) -> None:
        token = self._token
        self._next += 1
        if token.kind == "number":
            number = float(int(token.text, 16)) if token.text[:2] in {"0x", "0X"} else float(token.text)
            if number > LARGEST:
                raise ValueError(Sentence("{} is more than a number can be", inputs.shortened(token.text, 20)))
            self.steps.append(Step("number", place=len(self.numbers)))
            self.numbers.append(number)
        elif token.text in {"-", "+"}:
            self._expression(_SIGN)
            if token.text == "-":
                self.steps.append(Step("negative", 1))
        elif token.text == "not" and least <= _NOT:
            self._expression(_NOT)
            self.steps.append(Step("not", 1))
        elif token.text == "(":
            self._expression(0)
            self._take(")")
        elif token.kind == "word" and token.text not in _WORDS:
            self._call(token.text) if self._token.text == "(" else self._refer(Reference(token.text))
        elif token.kind == "reference":
            self._refer(_reference(token.text))
        else:
            self._next -= 1
            raise self._unexpected()

    def _call(self, name: str) -> None:
        if name not in FUNCTIONS:
            raise ValueError(
                Sentence("there is no function {!r}: there are {}", inputs.shortened(name), ", ".join(FUNCTIONS))
            )
        self._next += 1
        count = 0
        while count == 0 or self._token.text == ",":
            self._next += count > 0
            self._expression(0)
            count += 1
        self._take(")")
        least, most = FUNCTIONS[name]
        if not least <= count <= most:
            told = str(least) if least == most else f"{least}–{most}"
            raise ValueError(Sentence("{} takes {} values, here are {}", f"{name}()", told, count))
        self.steps.append(Step(name, count))

    def _refer(self, reference: Reference) -> None:
        try:
            inputs.key(reference.key)
        except ValueError:
            raise ValueError(
                Sentence(
                    '{!r} is no point\'s key: write keys as `flow_rate`, those of other devices as `"Pump 1".flow_rate`',
                    inputs.shortened(reference.key),
                )
            ) from None
        place = self.references.setdefault(reference, len(self.references))
        if place >= MOST_INPUTS:
            raise ValueError(
                Sentence("it names more than {} points: make points of its parts, and add those up", MOST_INPUTS)
            )
        self.steps.append(Step("input", place=place))

    def _take(self, sign: str) -> None:
        if self._token.text != sign:
            raise self._unexpected(sign)
        self._next += 1

    def _unexpected(self, wanted: str = "") -> ValueError:
        token = self._token
        if (meant := _HINTS.get(token.text)) is not None:
            return ValueError(Sentence("character {} is {}: write {}", token.start + 1, token.text, meant))
        if token.text == ",":
            return ValueError(
                Sentence(
                    "character {} is a comma, which stands between the values of a function: write 1.5 with a point",
                    token.start + 1,
                )
            )
        if token.kind == "end":
            return ValueError(
                Sentence("it ends too early: a {} is missing", wanted) if wanted else Sentence("it ends too early")
            )
        if wanted:
            return ValueError(Sentence("character {} is {!r}, where a {} or an operator should be", token.start + 1, inputs.shortened(token.text), wanted))  # fmt: skip
        return ValueError(
            Sentence("character {} is {!r}, which has no place there", token.start + 1, inputs.shortened(token.text))
        )


def _reference(text: str) -> Reference:
    quote = text[0]
    name, closed, key = text[1:].rpartition(quote)
    if not closed:
        raise ValueError(Sentence("{} has no second quotation mark", inputs.shortened(text)))
    key = key.strip().removeprefix(".").strip()
    if not key:
        raise ValueError(Sentence("{} is no point: write the device and the key, `\"Pump 1\".flow`", inputs.shortened(text)))  # fmt: skip
    return Reference(key, inputs.name(name.replace(quote * 2, quote)))


@lru_cache(maxsize=8192)
def parse(text: str) -> Expression:
    """Read an expression; raises `ValueError` with a sentence that says what is wrong, and where."""
    if len(text) > MOST_LENGTH:
        raise ValueError(Sentence("an expression has at most {:,} characters: make points of its parts", MOST_LENGTH))
    return _Parser(text).parse()


def problems_of(text: str, key: str, *, is_factor: bool = False) -> Iterator[str]:
    """Give what is wrong with an expression of the point of this key; a factor names points of its own device."""
    try:
        named = parse(text).references
    except ValueError as error:
        yield error.args[0]
        return
    if not named:
        yield Sentence("it names no point: write the key of one, as `flow_rate`")
    if Reference(key) in named:
        yield Sentence("it names the point itself: name the points that it is made of")
    if is_factor and any(one.device is not None for one in named):
        yield Sentence("a value is scaled by registers of the same device: name them by their keys")


def renamed(text: str, change: Callable[[Reference], Reference]) -> str:
    """Return an expression with other names for its points, all else as it was written."""
    parts, done = [], 0
    tokens = list(_tokens(text))
    for token, after in pairwise(tokens):
        if token.kind == "reference":
            before = _reference(token.text)
        elif token.kind == "word" and token.text not in _WORDS and after.text != "(":
            before = Reference(token.text)
        else:
            continue
        if (now := change(before)) != before:
            parts += [text[done : token.start], str(now)]
            done = token.end
    return "".join([*parts, text[done:]])
