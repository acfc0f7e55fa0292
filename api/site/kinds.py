"""The kinds of fields that the configuration has: what each takes, how it is read from text, and how it is stored."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from api.ground.cron import Cron
from api.site import shifts
from ddms import inputs
from ddms.backups.sealed import recipients
from ddms.errors import DdmsError, Sentence

Values = Mapping[str, Any]
_MOST_SCHEDULE = 100


class FieldKind(StrEnum):
    """What kind of value a field of the configuration takes."""

    WHOLE = "whole"
    SWITCH = "switch"
    CHOICE = "choice"
    TIME_OF_DAY = "time_of_day"
    TIME_ZONE = "time_zone"
    SCHEDULE = "schedule"
    NAME = "name"
    RECIPIENTS = "recipients"
    SHIFTS = "shifts"


class Unit(NamedTuple):
    """A unit, as people read it."""

    name: str


DAYS, HOURS, MINUTES, SECONDS = (
    Unit(Sentence("days")),
    Unit(Sentence("hours")),
    Unit(Sentence("minutes")),
    Unit(Sentence("seconds")),
)
BACKUPS, MONTHS, PERCENT = Unit(Sentence("backups")), Unit(Sentence("months")), Unit(Sentence("percent"))


class Kind:
    """A kind of field. A value is what GraphQL shows; it is stored in the database, and written in files as text."""

    word: FieldKind
    type: Any = str
    unit: Unit | None = None
    least: int | None = None
    most: int | None = None
    choices: Sequence[str] = ()
    may_be_empty = False

    def read(self, text: str) -> Any:
        """Read a value that was written as text; raises ValueError with a sentence."""
        return text

    def spelled(self, value: Any, values: Values, title: str) -> Any:
        """Return a value in its one spelling, beside all others; raises ValueError with a sentence."""
        del values, title
        return value

    def written(self, value: Any) -> str:
        """Write a value as text."""
        return str(value)

    def shown(self, stored: Any) -> Any:
        """Return a value as it is shown, of what the database has."""
        return stored

    def stored(self, value: Any) -> Any:
        """Return what the database has of a value."""
        return value


class AtLeast(NamedTuple):
    """Another field that a value may not be below."""

    name: str
    title: str


class Whole(Kind):
    """A whole number of a unit, from `least` to `most`."""

    word = FieldKind.WHOLE
    type = int

    def __init__(self, least: int, most: int, unit: Unit, *, at_least: AtLeast | None = None) -> None:
        self.least, self.most, self.unit, self.at_least = least, most, unit, at_least

    def read(self, text: str) -> int:
        """Read `90`, or `0x5A`."""
        return inputs.whole(text)

    def spelled(self, value: int, values: Values, title: str) -> int:
        """Check the bounds, also that of another field."""
        assert self.least is not None and self.most is not None and self.unit is not None  # noqa: S101, PT018
        if not self.least <= value <= self.most:
            sentence = Sentence(
                "the {} takes {:,} to {:,} {}, not {:,}", title, self.least, self.most, self.unit.name, value
            )
            raise ValueError(sentence)
        if self.at_least and value < (floor := values[self.at_least.name]):
            sentence = Sentence(
                "the {} takes {:,} to {:,} {}, not {:,}: at least as many as the {}",
                title, floor, self.most, self.unit.name, value, self.at_least.title,
            )  # fmt: skip
            raise ValueError(sentence)
        return value


class Switch(Kind):
    """Yes or no."""

    word = FieldKind.SWITCH
    type = bool
    choices = ("true", "false")

    def read(self, text: str) -> bool:
        """Read `true`, `no`, and so on."""
        return inputs.switch(text)

    def written(self, value: bool) -> str:
        """Write `true` or `false`."""
        return "true" if value else "false"


class Choice(Kind):
    """One of few words."""

    word = FieldKind.CHOICE

    def __init__(self, words: type[StrEnum]) -> None:
        self.type, self.choices = words, [str(word) for word in words]

    def read(self, text: str) -> StrEnum:
        """Read one of the words, in any case."""
        word = text.strip().lower()
        if word not in self.choices:
            sentence = Sentence("write {}, not {!r}", " / ".join(self.choices), inputs.shortened(text))
            raise ValueError(sentence)
        chosen: StrEnum = self.type(word)
        return chosen

    def shown(self, stored: str) -> Any:
        """Return the word."""
        return self.type(stored)


class TimeOfDay(Kind):
    """A time of day, `02:00`."""

    word = FieldKind.TIME_OF_DAY

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return it with two digits each."""
        del values, title
        return self.shown(self.stored(value))

    def shown(self, stored: time) -> str:
        """Return hours and minutes."""
        return f"{stored:%H:%M}"

    def stored(self, value: str) -> time:
        """Return the time; raises ValueError with a sentence."""
        try:
            return datetime.strptime(value.strip(), "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
        except ValueError as error:
            sentence = "write a time of day as 02:00"
            raise ValueError(sentence) from error


class Zone(Kind):
    """A time zone of the IANA database."""

    word = FieldKind.TIME_ZONE

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return it in its one spelling."""
        del values, title
        return inputs.zone(value)


class Schedule(Kind):
    """Five fields of cron in the site's time zone; empty: never."""

    word = FieldKind.SCHEDULE
    may_be_empty = True

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return its five fields with a space between them; one that never comes is refused."""
        del title
        if not value.strip():
            return ""
        if len(value) > _MOST_SCHEDULE:
            raise ValueError(Sentence("it has at most {} characters", _MOST_SCHEDULE))
        try:
            return Cron(value, _zone_of(values)).text
        except DdmsError as error:
            raise ValueError(error.message) from error


def _zone_of(values: Values) -> str:
    """Return the site's zone; when that is wrong, which is told by itself, any."""
    try:
        return ZoneInfo(inputs.zone(values["time_zone"])).key
    except ValueError:
        return "UTC"


class Name(Kind):
    """A line of text, which may be empty."""

    word = FieldKind.NAME
    may_be_empty = True
    most = inputs.MOST_NAME

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return it in its one spelling."""
        del values, title
        return inputs.name(value, least=0)


class Recipients(Kind):
    """Public keys of age, one a line; empty: none."""

    word = FieldKind.RECIPIENTS
    may_be_empty = True

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return them one a line, each once."""
        del values, title
        try:
            return "\n".join(recipients(value))
        except DdmsError as error:
            raise ValueError(error.message) from None


class Shifts(Kind):
    """The shifts of a site, `Early 06:00-14:00; Night mon-fri 22:00-06:00`; empty: none. The database has them apart."""

    word = FieldKind.SHIFTS
    may_be_empty = True

    def spelled(self, value: str, values: Values, title: str) -> str:
        """Return them in their one spelling."""
        del values, title
        return shifts.write(shifts.read(value))

    def shown(self, stored: list[dict[str, Any]]) -> str:
        """Return them as they are written."""
        return shifts.write([shifts.Shift.of(row) for row in stored])

    def stored(self, value: str) -> list[dict[str, Any]]:
        """Return them as objects."""
        return [shift.row() for shift in shifts.read(value)]
