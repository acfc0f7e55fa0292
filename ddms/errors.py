"""The one error that inner code raises on purpose."""

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
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    SETTINGS = "SETTINGS"
    SCHEMA_VERSION = "SCHEMA_VERSION"


class DdmsError(Exception):
    """Something a person can put right.

    `message` is a sentence that says what to do; `field` is the input that was wrong, as the caller
    named it (`points.2.address`), or None.
    """

    def __init__(self, code: Code, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
