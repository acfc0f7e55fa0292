"""The shifts of a site as a person writes them: `Early 06:00-14:00; Late mon-fri 14:00-22:00; Night sun-thu 22:00-06:00`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ddms import inputs
from ddms.errors import Sentence

MOST = 50
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 1440
_WEEK = 7 * _DAY
_DAY_LIST = rf"(?:{'|'.join(_DAYS)})(?:[-,](?:{'|'.join(_DAYS)}))*"
_SHIFT = re.compile(
    rf"(?P<name>.*?)(?:\s+(?P<days>{_DAY_LIST}))?\s+(?P<start>\d?\d:\d\d)\s*[-–]\s*(?P<end>\d?\d:\d\d)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One shift: `days` on which it begins, 1 is Monday; `start` and `end` in minutes of the day, by the site's clock.

    An end that is not after its start is on the next day.
    """

    name: str
    days: tuple[int, ...]
    start: int
    end: int

    @property
    def length(self) -> int:
        """How long it is, in minutes, on a day without a change of the clock."""
        return (self.end - self.start - 1) % _DAY + 1

    def spans(self) -> list[tuple[int, int]]:
        """Return from which minute of the week to which it is; the last may end in the next week."""
        begins = [(day - 1) * _DAY + self.start for day in self.days]
        return [(begin, begin + self.length) for begin in begins]

    def row(self) -> dict[str, Any]:
        """Return it as the database has it."""
        return {"name": self.name, "days": list(self.days), "start": _clock(self.start), "end": _clock(self.end)}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Shift":
        """Make it of what the database has."""
        return cls(
            name=row["name"],
            days=tuple(row["days"]),
            start=_minutes(row["start"], row["name"]),
            end=_minutes(row["end"], row["name"]),
        )

    def __str__(self) -> str:
        days = "" if len(self.days) == len(_DAYS) else f" {_days_written(self.days)}"
        return f"{self.name}{days} {_clock(self.start)}-{_clock(self.end)}"


def write(shifts: Iterable[Shift]) -> str:
    """Write shifts in their one spelling."""
    return "; ".join(map(str, shifts))


def read(text: str) -> list[Shift]:
    """Read shifts, parted by `;` or a line each; raises ValueError with a sentence. None may begin while another lasts."""
    parts = [part.strip() for part in re.split(r"[;；\n]", text) if part.strip()]
    if len(parts) > MOST:
        raise ValueError(Sentence("at most {} shifts", MOST))
    shifts = [_read_one(part) for part in parts]
    _check_apart(shifts)
    return shifts


def _read_one(text: str) -> Shift:
    match = _SHIFT.fullmatch(text)
    if match is None or not match["name"].strip():
        sentence = Sentence(
            "{!r} is not a shift: write its name, its days when it is not on each, and its times, `Early mon-fri 06:00-14:00`",
            inputs.shortened(text),
        )
        raise ValueError(sentence)
    name = inputs.name(match["name"], most=40)
    days = _days_read(match["days"].lower()) if match["days"] else tuple(range(1, 8))
    return Shift(name=name, days=days, start=_minutes(match["start"], name), end=_minutes(match["end"], name))


def _minutes(text: str, name: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _DAY:
        raise ValueError(Sentence("{} of the shift {!r} is no time of day: write 00:00 to 24:00", text, name))
    return (hours * 60 + minutes) % _DAY


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days_read(text: str) -> tuple[int, ...]:
    days: set[int] = set()
    for part in text.split(","):
        row = [_DAYS.index(day) for day in part.split("-")]
        days |= {(row[0] + step) % 7 + 1 for step in range((row[-1] - row[0]) % 7 + 1)}
    return tuple(sorted(days))


def _days_written(days: tuple[int, ...]) -> str:
    """Write days, three and more in a row as `mon-fri`; such a row may go on over Sunday."""
    gaps = [place for place in range(7) if place + 1 in days and (place - 1) % 7 + 1 not in days]
    runs = []
    for first in gaps:
        length = next(n for n in range(1, 8) if (first + n) % 7 + 1 not in days)
        names = [_DAYS[(first + n) % 7] for n in range(length)]
        runs.append(f"{names[0]}-{names[-1]}" if length > 2 else ",".join(names))
    return ",".join(runs)


def _check_apart(shifts: list[Shift]) -> None:
    spans = sorted(((*span, shift) for shift in shifts for span in shift.spans()), key=lambda span: span[:2])
    around = [*spans, *((begin + _WEEK, end, shift) for begin, end, shift in spans[:1])]
    for (_, end, one), (begin, _, other) in pairwise(around):
        if begin < end:
            sentence = Sentence(
                "the shift {!r} begins on {} {} while {!r} lasts: at each moment there is one shift at most",
                other.name, _DAYS[begin // _DAY % 7], _clock(begin % _DAY), one.name,
            )  # fmt: skip
            raise ValueError(sentence)
