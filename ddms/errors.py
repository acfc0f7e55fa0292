"""The one error that inner code raises on purpose."""

from collections.abc import Sequence
from enum import StrEnum


class Code(StrEnum):
    """What kind of mistake it was; stable, for programs to act on."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    BUSY = "BUSY"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    SETTINGS = "SETTINGS"
    SCHEMA_VERSION = "SCHEMA_VERSION"


class Sentence(str):
    """A sentence for a person: a template, and what was put into it.

    It is the English text. Whoever translates it looks up the template and puts the same values in again, so that a
    message and its translation cannot part.
    """

    __slots__ = ("template", "values")

    template: str
    values: tuple[object, ...]

    def __new__(cls, template: str, *values: object) -> "Sentence":
        """Put the values in, by `str.format`."""
        made = super().__new__(cls, template.format(*values))
        made.template = template
        made.values = values
        return made

    def __reduce__(self) -> tuple[type["Sentence"], tuple[object, ...]]:
        """Pass between processes whole."""
        return type(self), (self.template, *self.values)


class DdmsError(Exception):
    """Something a person can put right.

    `message` is a sentence that says what to do, a `Sentence` where something was put in; `field` is the input that was wrong, as the caller
    named it (`points.2.address`), or None.
    """

    def __init__(self, code: Code, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class Mistake(DdmsError):  # noqa: N818 - it is a mistake of the file
    """A mistake in a file, with the place where it stands."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        super().__init__(Code.INVALID, message, field=f"line {line}")
        self.line = line
        self.column = column


class Mistakes(DdmsError):  # noqa: N818 - they are the caller's
    """All mistakes of a file, or of a change: `each` tells them, `count` says how many there are, since those of a kind are told together."""

    def __init__(self, each: Sequence[DdmsError], *, count: int) -> None:
        super().__init__(Code.INVALID, each[0].message, field=each[0].field)
        self.each = each
        self.count = count
