"""Buckets: how long one may be, and where they may count from. The database makes them (`bucket_edges`)."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ddms.errors import Code, DdmsError, Sentence

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MOST_PERCENTILES = 10
_DURATION = re.compile(r"P(?:(?P<days>[1-9]\d{0,3})D|(?P<weeks>[1-9]\d?)W|(?P<months>1|3)M|(?P<years>1)Y|T(?:(?P<hours>[1-9]\d{0,3})H)?(?:(?P<minutes>[1-9]\d{0,4})M)?(?:(?P<seconds>[1-9]\d{0,5})S)?)", re.ASCII)  # fmt: skip
_SECONDS = {"days": 86400, "weeks": 604_800, "months": 28 * 86400, "years": 365 * 86400, "hours": 3600, "minutes": 60, "seconds": 1}  # fmt: skip


class Calendar(StrEnum):
    """Whose buckets follow the calendar of the site."""

    HOUR = "hour"
    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    FISCAL_QUARTER = "fiscal_quarter"
    FISCAL_YEAR = "fiscal_year"

    @property
    def shortest(self) -> timedelta:
        """How long a bucket is at its shortest; of shifts about."""
        return timedelta(hours=_SHORTEST[self])


_SHORTEST = {
    Calendar.HOUR: 1,
    Calendar.SHIFT: 4,
    Calendar.DAY: 23,
    Calendar.WEEK: 167,
    Calendar.MONTH: 28 * 24,
    Calendar.QUARTER: 90 * 24,
    Calendar.YEAR: 365 * 24,
    Calendar.FISCAL_QUARTER: 90 * 24,
    Calendar.FISCAL_YEAR: 365 * 24,
}
NO_SHIFTS = Sentence(
    "no shifts are configured: `ddms config set 'shifts=Early 06:00-14:00; Late 14:00-22:00; Night 22:00-06:00'`"
)


def length_of(bucket: str) -> timedelta:
    """Return how long a bucket is, a month or year at its shortest; raise when it is none."""
    match = _DURATION.fullmatch(bucket)
    if not match or not any(match.groups()):
        raise DdmsError(
            Code.INVALID,
            Sentence("{!r} is not a bucket: write PT10S, PT15M, PT8H, P1D, P1W, P1M, P3M or P1Y", bucket[:40]),
            field="bucket",
        )
    return timedelta(seconds=sum(int(number) * _SECONDS[name] for name, number in match.groupdict().items() if number))


def check_origin(origin: datetime | None) -> None:
    """Raise when buckets cannot count from here."""
    if origin and not EARLIEST <= origin <= LATEST:
        raise DdmsError(Code.INVALID, "an origin lies between 1970 and 2200", field="origin")
