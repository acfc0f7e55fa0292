"""The configuration of a site: each field once, with its kind, bounds, unit, default and what it means.

GraphQL's types, the checks, files, the command line and the table in docs/configuration.md are made of `Site`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import api.graphql.enums  # noqa: F401 - shows Priority in GraphQL
from api.graphql.described import describe_enum
from api.site import kinds
from api.site.kinds import BACKUPS, DAYS, HOURS, MINUTES, MONTHS, PERCENT, SECONDS, AtLeast, Choice, Kind, Whole
from ddms.alarms import Priority
from ddms.errors import Sentence
from ddms.languages import languages

if TYPE_CHECKING:

    class Language(StrEnum):
        """A language in which the system speaks: one of those that have a file."""

        EN = "en"
else:
    Language = StrEnum("Language", {code.upper(): code for code in languages()})

describe_enum(
    Language,
    name="Language",
    description="A language in which the system speaks.",
    values={code.upper(): f"{each.english}." for code, each in languages().items()},
)


class Weekday(StrEnum):
    """A day of the week."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Month(StrEnum):
    """A month of the year."""

    JANUARY = "january"
    FEBRUARY = "february"
    MARCH = "march"
    APRIL = "april"
    MAY = "may"
    JUNE = "june"
    JULY = "july"
    AUGUST = "august"
    SEPTEMBER = "september"
    OCTOBER = "october"
    NOVEMBER = "november"
    DECEMBER = "december"


for _calendar_word in (Weekday, Month):
    describe_enum(
        _calendar_word,
        name=_calendar_word.__name__,
        description=str(_calendar_word.__doc__),
        values={word.name: f"{word.name.capitalize()}." for word in _calendar_word},
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What is declared of a field, beside its name, type and default."""

    kind: Kind
    title: str
    """A few words for people, which fit behind "the"."""
    means: str
    effect: str
    """When a change of it takes effect."""
    past: bool
    """Whether it also changes or removes what is there already."""
    own: bool
    """Whether another site, set up alike, has another value."""


AT_ONCE = Sentence("at once")


def _field(
    kind: Kind, default: Any, title: str, means: str, effect: str = AT_ONCE, *, past: bool = False, own: bool = False
) -> Any:
    meaning = Meaning(kind=kind, title=title, means=means, effect=effect, past=past, own=own)
    return field(default=default, metadata={"meaning": meaning})


_PRIORITY = Choice(Priority)
_ROLLUP_1M = Sentence("retention of rollups of a minute")
_ROLLUP_1H = Sentence("retention of rollups of an hour")
_DISK_FILLING = Sentence("limit of the disk")
_CERTIFICATE_SOON = Sentence("late limit of certificates")
_AT_CLEANUP = Sentence("at the cleanup after the next announcement, a day later or two")
_AT_SIGN_IN = Sentence("for those who sign in from now on")
_WHEN_KEPT = Sentence("within a minute, unless the newest backup failed")
_AT_BACKUP = Sentence("with the next backup")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the owner decides for the whole site, as the programs use it."""

    site_name: str = _field(
        kinds.Name(),
        "",
        Sentence("name of the site"),
        Sentence("What the site is called, on its pages and in files; may be empty."),
        own=True,
    )
    time_zone: str = _field(
        kinds.Zone(),
        "UTC",
        Sentence("time zone"),
        Sentence("Where the site is, `Europe/Berlin`: whose days count, and by whose clock schedules run."),
        own=True,
    )
    shifts: tuple[dict[str, Any], ...] = _field(
        kinds.Shifts(),
        (),
        Sentence("shifts"),
        Sentence(
            "When people work, by the site's clock, `Early 06:00-14:00; Late mon-fri 14:00-22:00; Night 22:00-06:00`: what `series` and exports are told by. Between shifts may be a gap."
        ),
    )
    week_start: Weekday = _field(
        Choice(Weekday),
        Weekday.MONDAY,
        Sentence("first day of the week"),
        Sentence("On which day a week begins in `series`, exports and on dashboards."),
    )
    fiscal_month: Month = _field(
        Choice(Month),
        Month.JANUARY,
        Sentence("first month of the fiscal year"),
        Sentence("With which month a fiscal year and its quarters begin."),
    )
    language: Language = _field(
        Choice(Language),
        Language.EN,
        Sentence("language"),
        Sentence("In which language the system speaks when nobody says otherwise."),
    )
    cleanup_time: time = _field(
        kinds.TimeOfDay(),
        time(2),
        Sentence("time of the cleanup"),
        Sentence("When expired readings are removed each day, `02:00`, in the site's time zone."),
        Sentence("after the cleanup that is announced"),
    )
    compress_after_days: int = _field(
        Whole(1, 365, DAYS),
        7,
        Sentence("age of compression"),
        Sentence("Readings older than this are compressed, in days; those that are compressed stay so."),
        Sentence("within hours, when the database compresses next"),
        past=True,
    )
    retention_days: int = _field(
        Whole(1, 3650, DAYS),
        90,
        Sentence("retention of new devices"),
        Sentence(
            "How long a new device keeps its readings unless it says otherwise, in days; those that are there keep what they have."
        ),
        Sentence("for devices that are added from now on"),
    )
    rollup_1m_days: int = _field(
        Whole(1, 36500, DAYS),
        400,
        _ROLLUP_1M,
        Sentence("How long rollups of a minute are kept, in days; at least as long as their readings."),
        _AT_CLEANUP,
        past=True,
    )
    rollup_1h_days: int = _field(
        Whole(1, 36500, DAYS, at_least=AtLeast("rollup_1m_days", _ROLLUP_1M)),
        3650,
        _ROLLUP_1H,
        Sentence("How long rollups of an hour are kept, in days; at least as long as those of a minute."),
        _AT_CLEANUP,
        past=True,
    )
    rollup_1d_days: int = _field(
        Whole(1, 36500, DAYS, at_least=AtLeast("rollup_1h_days", _ROLLUP_1H)),
        36500,
        Sentence("retention of rollups of a day"),
        Sentence("How long rollups of a day are kept, in days; at least as long as those of an hour."),
        _AT_CLEANUP,
        past=True,
    )
    audit_days: int = _field(
        Whole(90, 3650, DAYS),
        730,
        Sentence("retention of the audit"),
        Sentence("How long entries of the audit are kept, in days."),
        Sentence("in the next night, with the job `audit`"),
        past=True,
    )
    session_idle_minutes: int = _field(
        Whole(5, 43200, MINUTES),
        480,
        Sentence("idle time of sessions"),
        Sentence("How long a browser that does nothing stays signed in, in minutes; to a minute and a half."),
        _AT_SIGN_IN,
    )
    session_hours: int = _field(
        Whole(1, 8760, HOURS),
        168,
        Sentence("duration of sessions"),
        Sentence("How long a browser stays signed in whatever it does, in hours."),
        _AT_SIGN_IN,
    )
    shelf_hours: int = _field(
        Whole(1, 720, HOURS),
        24,
        Sentence("longest shelf"),
        Sentence("For how long an alarm may be shelved at the longest, in hours."),
        Sentence("for shelves from now on"),
    )
    device_alarm_priority: Priority = _field(
        _PRIORITY,
        Priority.HIGH,
        Sentence("priority of silent devices"),
        Sentence("How much it matters when a device does not answer; also of alarms that are there."),
        past=True,
    )
    connection_alarm_priority: Priority = _field(
        _PRIORITY,
        Priority.CRITICAL,
        Sentence("priority of silent connections"),
        Sentence(
            "How much it matters when nothing behind a connection of several devices answers; also of alarms that are there."
        ),
        past=True,
    )
    disk_filling_percent: int = _field(
        Whole(10, 99, PERCENT),
        85,
        _DISK_FILLING,
        Sentence(
            "The database's disk is an alarm when more of it is used, in percent; from a little below on it is none."
        ),
    )
    disk_full_percent: int = _field(
        Whole(10, 99, PERCENT, at_least=AtLeast("disk_filling_percent", _DISK_FILLING)),
        95,
        Sentence("critical limit of the disk"),
        Sentence("The database's disk is a critical alarm when more of it is used, in percent."),
    )
    spool_filling_percent: int = _field(
        Whole(10, 99, PERCENT),
        80,
        Sentence("limit of spools"),
        Sentence("A collector's spool or a far site's stream is an alarm when more of it is used, in percent."),
    )
    late_points_percent: int = _field(
        Whole(1, 99, PERCENT),
        5,
        Sentence("limit of late points"),
        Sentence("Ingest is an alarm when more of a collector's points miss their last three intervals, in percent."),
    )
    backlog_seconds: int = _field(
        Whole(10, 86400, SECONDS),
        120,
        Sentence("limit of the backlog"),
        Sentence("Readings that have waited in a spool or a far site's stream for longer are an alarm, in seconds."),
    )
    clock_off_seconds: int = _field(
        Whole(1, 3600, SECONDS),
        2,
        Sentence("limit of clocks"),
        Sentence("A clock that differs by more from the database's is an alarm, in seconds."),
    )
    certificate_soon_days: int = _field(
        Whole(1, 365, DAYS),
        7,
        _CERTIFICATE_SOON,
        Sentence("A watched certificate that is valid for less is an alarm of high priority, in days."),
    )
    certificate_days: int = _field(
        Whole(1, 365, DAYS, at_least=AtLeast("certificate_soon_days", _CERTIFICATE_SOON)),
        30,
        Sentence("early limit of certificates"),
        Sentence("A watched certificate that is valid for less is an alarm of medium priority, in days."),
    )
    backup_schedule: str = _field(
        kinds.Schedule(),
        "0 1 * * *",
        Sentence("schedule of backups"),
        Sentence(
            "When a backup is made, five fields of cron in the site's time zone, `0 1 * * *` for each night at one; empty: never by itself."
        ),
    )
    backups_kept: int = _field(
        Whole(1, 1000, BACKUPS),
        30,
        Sentence("number of backups kept"),
        Sentence(
            "How many of the newest backups are kept; older ones are removed, unless a person or the number of months keeps them."
        ),
        _WHEN_KEPT,
        past=True,
    )
    backups_kept_monthly: int = _field(
        Whole(0, 1200, MONTHS),
        12,
        Sentence("number of months kept"),
        Sentence("Of how many months the first backup is kept besides."),
        _WHEN_KEPT,
        past=True,
    )
    backup_portable: bool = _field(
        kinds.Switch(),
        False,
        Sentence("portability of backups"),
        Sentence(
            "Whether scheduled backups hold history as rows, which restore on any edition of the storage, and take longer."
        ),
        _AT_BACKUP,
    )
    backup_recipients: str = _field(
        kinds.Recipients(),
        "",
        Sentence("recipients of backups"),
        Sentence(
            "Public keys of age (`age1…`), one a line, for which backups are encrypted: whoever has one of the secret keys can read them, the server cannot; empty: not encrypted."
        ),
        _AT_BACKUP,
    )
    verify_schedule: str = _field(
        kinds.Schedule(),
        "0 4 * * 0",
        Sentence("schedule of verifications"),
        Sentence(
            "When the newest backup is restored into a scratch database and compared, five fields of cron in the site's time zone; empty: never by itself."
        ),
    )
    verified_within_days: int = _field(
        Whole(1, 3650, DAYS),
        14,
        Sentence("age of the newest verified backup"),
        Sentence("How old the newest verified backup may be before it is a system alarm, in days."),
    )

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Site":
        """Make it of its row."""
        return cls(**{name: _as_used(meaning.kind, row[name]) for name, meaning in MEANINGS.items()})


def _as_used(kind: Kind, stored: Any) -> Any:
    if isinstance(stored, list):
        return tuple(stored)
    return kind.type(stored) if issubclass(kind.type, StrEnum) else stored


MEANINGS: Mapping[str, Meaning] = {f.name: f.metadata["meaning"] for f in fields(Site)}
"""The fields by name, in the order in which they are shown and checked."""
DEFAULTS: Mapping[str, Any] = {f.name: f.metadata["meaning"].kind.shown(f.default) for f in fields(Site)}


def shown(row: Any) -> dict[str, Any]:
    """Return what a person configures, as it is shown and audited."""
    return {name: meaning.kind.shown(row[name]) for name, meaning in MEANINGS.items()}


def stored(values: Mapping[str, Any]) -> list[Any]:
    """Return what the database has of values, in the order of the fields."""
    return [meaning.kind.stored(values[name]) for name, meaning in MEANINGS.items()]


def written(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values as text."""
    return {name: MEANINGS[name].kind.written(value) for name, value in values.items()}


def spell(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Bring all values to their one spelling; give what is wrong with them, field by field."""
    for name, meaning in MEANINGS.items():
        try:
            values[name] = meaning.kind.spelled(values[name], values, meaning.title)
        except ValueError as error:
            yield name, error.args[0]


def bounds(kind: Kind) -> str:
    """Return in English what a kind takes, for descriptions and documents; empty when that goes without saying."""
    if isinstance(kind, Whole):
        assert kind.unit is not None  # noqa: S101 - each has one
        return f"{kind.least:,} to {kind.most:,} {kind.unit.name}"
    return ", ".join(f"`{word}`" for word in kind.choices)


def explained(meaning: Meaning, takes: str) -> str:
    """Return in English what a field means, what it takes, and when a change is in force."""
    effect = "" if meaning.effect == AT_ONCE else f" In force {meaning.effect}."
    return f"{meaning.means}{f' Takes {takes}.' if takes else ''}{effect}"
