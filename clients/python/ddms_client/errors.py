"""What goes wrong, as one exception."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    code: str
    """For programs: `INVALID`, `NOT_FOUND`, `RATE_LIMITED`; docs/api.md has all. `HTTP_404`: something else answered."""
    message: str
    """What to do, in a sentence."""
    field: str | None = None
    """The input that was wrong, as it was named: `readings.2.value`."""
    reference: str | None = None
    """By which whoever runs DDMS finds what happened: `ddms errors show 4f7a-2c09`."""
    retry_after: float | None = None
    """After how many seconds to try again."""


class DdmsError(Exception):
    """DDMS refused something, or did not answer."""

    def __init__(self, errors: list[Problem], data: dict[str, Any] | None = None) -> None:
        super().__init__("; ".join(f"{one.field}: {one.message}" if one.field else one.message for one in errors))
        self.errors = errors
        self.data = data
        """What was answered beside the errors."""

    @property
    def code(self) -> str:
        """The code of the first."""
        return self.errors[0].code

    @property
    def reference(self) -> str | None:
        """The reference of the first that has one."""
        return next((one.reference for one in self.errors if one.reference), None)


def problems(errors: list[dict[str, Any]]) -> list[Problem]:
    """Return the errors of an answer, or of a change's payload."""
    return [_problem(error, error.get("extensions") or {}) for error in errors]


def _problem(error: dict[str, Any], more: dict[str, Any]) -> Problem:
    return Problem(
        error.get("code") or more.get("code") or "INVALID",  # GraphQL's own: the document does not fit
        error.get("message") or "the answer has no message: ask for `errors { code field message }`",
        error.get("field") or more.get("field"),
        more.get("reference"),
        more.get("retryAfterSeconds"),
    )
