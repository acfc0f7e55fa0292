"""What an export shall hold: its parameters, checked before the database is asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from importlib.util import find_spec
from typing import TypeVar
from zoneinfo import ZoneInfo

from api.ground.buckets import MOST_PERCENTILES, Calendar, check_origin, length_of
from api.readings.measures import Measure, Over
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence
from ddms.languages import languages

MOST_POINTS = 20_000
MOST_COLUMNS = 1_000
MOST_WIDE_ROWS = 50_000_000
MOST_CELLS = 100_000_000
"""Of a workbook: ten worksheets of raw readings."""
MOST_DAYS = 7_305
_PARAMETERS = 25_000

PARAMETERS = {
    "device": "a device's id or name; several are several of them",
    "group": "a group's id or name: all points of all its devices",
    "point": "a point's id",
    "key": "only points with this key; several are several of them",
    "from": "beginning, inclusive: ISO 8601, or back from now: -7d, -12h, -90m",
    "to": "end, exclusive; now when left out",
    "level": "raw (each reading), 1m, 1h or 1d (buckets of a minute, an hour, a day of the time zone)",
    "bucket": "instead of a level: buckets of PT15M, PT8H, P1W, P1M, P3M, P1Y, those of the time zone",
    "origin": "a time at which a bucket begins: with PT8H and 2026-01-01T06:00 shifts begin at 6, 14 and 22 o'clock",
    "calendar": "instead of a level: buckets of the site's calendar: hour, shift, day, week, month, quarter, year, fiscal_quarter or fiscal_year",
    "state": "of buckets: what state_seconds and starts are about: > 0, 1..5, a number or the name of a value",
    "shape": "long (a row for each reading), wide (a row for each time, a column for each point) or annotations (what people wrote down of it)",
    "measure": "of wide buckets: what a cell holds, as time_weighted_average, min, max, increase or rate; the average when left out, of counters the increase",
    "over": "of wide buckets: all chosen points as one column, their sum, mean, min or max",
    "step": "of wide raw: a row for each so many seconds; the shortest interval of the points when left out",
    "percentile": "of buckets in the long shape: a column percentile_95 for 95; several are several of them, at most 10",
    "timezone": "in which times are written, and days begin: Asia/Shanghai; the site's when left out",
    "times": "of csv and xlsx: local (of the time zone), utc, or epoch (seconds since 1970)",
    "language": "of csv and xlsx: in which the header is written; its columns are called as programs call them when left out",
    "format": "csv, xlsx, parquet or arrow",
    "dialect": "of csv: standard, or spreadsheet (local time without its offset, a byte order mark)",
    "delimiter": "of csv: comma, semicolon or tab",
    "decimal": "of csv: point or comma (then cells are divided by semicolons)",
}
"""Each parameter of an export, and what it says."""
_SEVERAL = {"device", "group", "point", "key", "percentile"}

_BACK = re.compile(r"-(\d{1,9})\s*(s|m|h|d|w)")
_PLUS = re.compile(r"(:[\d:.]+) (\d\d:?\d\d)$")
"""What an address makes of the plus of an offset that is not written as %2B: a blank."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Level(StrEnum):
    """How fine it is."""

    RAW = "raw"
    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"


class FileShape(StrEnum):
    """What a row is."""

    LONG = "long"
    WIDE = "wide"
    ANNOTATIONS = "annotations"


class Format(StrEnum):
    """What a file is."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def is_columnar(self) -> bool:
        """Whether it has columns with types, of the long shape, which pyarrow writes."""
        return self in {Format.PARQUET, Format.ARROW}

    @property
    def ending(self) -> str:
        """What the name of its file ends with; Arrow calls its streams so."""
        return "arrows" if self is Format.ARROW else self.value


class Dialect(StrEnum):
    """For whom a CSV file is written."""

    STANDARD = "standard"
    SPREADSHEET = "spreadsheet"


class Decimal(StrEnum):
    """What stands between a number and its fraction in a CSV file."""

    POINT = "point"
    COMMA = "comma"


class Times(StrEnum):
    """How times are written."""

    LOCAL = "local"
    UTC = "utc"
    EPOCH = "epoch"


class Delimiter(StrEnum):
    """What stands between the cells of a CSV file."""

    COMMA = "comma"
    SEMICOLON = "semicolon"
    TAB = "tab"

    @property
    def character(self) -> str:
        """The character itself."""
        return {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";", Delimiter.TAB: "\t"}[self]


_ABOUT = {
    Calendar.HOUR: "PT1H",
    Calendar.SHIFT: "PT8H",
    Calendar.DAY: "P1D",
    Calendar.WEEK: "P1W",
    Calendar.MONTH: "P1M",
    Calendar.QUARTER: "P3M",
    Calendar.YEAR: "P1Y",
    Calendar.FISCAL_QUARTER: "P3M",
    Calendar.FISCAL_YEAR: "P1Y",
}
_NAMES = {Format.XLSX: "xlsx", Format.PARQUET: "Parquet", Format.ARROW: "Arrow"}
E = TypeVar("E", bound=StrEnum)


@dataclass(frozen=True, kw_only=True)
class ExportChoice:
    """What shall be exported, and how it shall be written; without a `timezone` it is the site's."""

    devices: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    from_: datetime
    to: datetime
    level: Level = Level.RAW
    bucket: str | None = None
    origin: datetime | None = None
    calendar: Calendar | None = None
    state: str | None = None
    shape: FileShape = FileShape.LONG
    measure: Measure | None = None
    over: Over | None = None
    step: timedelta | None = None
    percentiles: tuple[float, ...] = ()
    timezone: str = ""
    times: Times = Times.LOCAL
    language: str | None = None
    format: Format = Format.CSV
    dialect: Dialect = Dialect.STANDARD
    delimiter: Delimiter = Delimiter.COMMA
    decimal: Decimal = Decimal.POINT

    @property
    def length(self) -> str | None:
        """How long its buckets are, as ISO 8601 writes it, of a calendar about; None when each reading is a row."""
        if self.calendar:
            return _ABOUT[self.calendar]
        return self.bucket or {Level.MINUTE: "PT1M", Level.HOUR: "PT1H", Level.DAY: "P1D"}.get(self.level)

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @classmethod
    def of(cls, given: Sequence[tuple[str, str]]) -> "ExportChoice":
        """Make it of parameters; a mistake is a `DdmsError` that names the parameter."""
        values = _by_name(given)
        zone = _zone(values["timezone"][0]) if "timezone" in values else None
        now = datetime.now(UTC)
        ends = {name: _time(name, values[name][0], now, zone) for name in ("from", "to", "origin") if name in values}
        if "from" not in ends:
            raise DdmsError(Code.INVALID, "say from when: an ISO 8601 time, or -7d", field="from")
        decimal = _one_of(Decimal, "decimal", values)
        if decimal is Decimal.COMMA:
            values.setdefault("delimiter", [Delimiter.SEMICOLON])
        choice = cls(
            devices=tuple(values.get("device", ())),
            groups=tuple(values.get("group", ())),
            points=tuple(values.get("point", ())),
            keys=tuple(values.get("key", ())),
            from_=ends["from"],
            to=ends.get("to", now),
            level=_one_of(Level, "level", values),
            bucket=values["bucket"][0] if "bucket" in values else None,
            origin=ends.get("origin"),
            calendar=_one_of(Calendar, "calendar", values) if "calendar" in values else None,
            state=values["state"][0] if "state" in values else None,
            shape=_one_of(FileShape, "shape", values),
            measure=_named(Measure, "measure", values),
            over=_named(Over, "over", values),
            step=_step(values),
            percentiles=_percentiles(values),
            timezone=zone.key if zone else "",
            times=_one_of(Times, "times", values),
            language=_language(values),
            format=_one_of(Format, "format", values),
            dialect=_one_of(Dialect, "dialect", values),
            delimiter=_one_of(Delimiter, "delimiter", values),
            decimal=decimal,
        )
        choice.check()
        return choice

    def check(self) -> None:
        """Refuse what cannot be, before the database is asked."""
        if not (self.devices or self.groups or self.points):
            raise DdmsError(Code.INVALID, "say what: a device, a group or a point", field="device")
        if self.from_ >= self.to:
            raise DdmsError(Code.INVALID, "`from` must be before `to`", field="from")
        if self.to - self.from_ > timedelta(days=MOST_DAYS):
            sentence: str = Sentence(
                "at most {} years at once: choose a later `from` or an earlier `to`", MOST_DAYS // 365
            )
            raise DdmsError(Code.INVALID, sentence, field="from")
        if self.bucket is not None:
            length_of(self.bucket)
            if self.level is not Level.RAW:
                raise DdmsError(Code.INVALID, "give a bucket or a level, not both", field="bucket")
        self._check_calendar()
        check_origin(self.origin)
        if self.origin and not self.length:
            raise DdmsError(Code.INVALID, "raw readings have no buckets: give a bucket to the origin", field="origin")
        if self.state and not (self.length and self.shape is FileShape.LONG):
            raise DdmsError(
                Code.INVALID,
                "a state is for buckets in the long shape: give a level, a bucket or a calendar",
                field="state",
            )
        if self.percentiles and not (self.length and self.shape is FileShape.LONG):
            raise DdmsError(
                Code.INVALID,
                "percentiles are of buckets in the long shape: give a level, a bucket or a calendar",
                field="percentile",
            )
        if self.step and (self.length or self.shape is not FileShape.WIDE):
            raise DdmsError(Code.INVALID, "a step is for raw readings in the wide shape", field="step")
        self._check_measure()
        self._check_format()

    def _check_measure(self) -> None:
        if (self.measure or self.over) and not (self.length and self.shape is FileShape.WIDE):
            sentence = "measures, and what is made over points, are for buckets in the wide shape"
            raise DdmsError(Code.INVALID, sentence, field="measure" if self.measure else "over")
        if self.measure in {Measure.STATE_SECONDS, Measure.STARTS}:
            raise DdmsError(Code.INVALID, "a state has its columns in the long shape", field="measure")

    def _check_format(self) -> None:
        columnar, name = self.format.is_columnar, _NAMES.get(self.format, "CSV")
        if self.shape is FileShape.ANNOTATIONS and (self.length or columnar):
            raise DdmsError(Code.INVALID, "annotations are CSV or xlsx, and have no level", field="shape")
        if columnar and self.shape is FileShape.WIDE:
            sentence: str = Sentence("{} has the long shape: its readers turn it themselves", name)
            raise DdmsError(Code.INVALID, sentence, field="shape")
        if columnar and (self.times is not Times.LOCAL or self.language):
            sentence = Sentence("{} holds moments and the names of programs: leave out `times` and `language`", name)
            raise DdmsError(Code.INVALID, sentence, field="times" if self.times is not Times.LOCAL else "language")
        if columnar and find_spec("pyarrow") is None:
            sentence = Sentence("{} is not installed on this server (`pip install 'ddms[parquet]'`): take CSV", name)
            raise DdmsError(Code.INVALID, sentence, field="format")
        if self.decimal is Decimal.COMMA and self.format is not Format.CSV:
            sentence = Sentence("{} has numbers, which each program shows in its own way: leave out `decimal`", name)
            raise DdmsError(Code.INVALID, sentence, field="decimal")
        if self.decimal is Decimal.COMMA and self.delimiter is Delimiter.COMMA:
            sentence = "with a decimal comma cells are divided by a semicolon or a tab: choose another `delimiter`"
            raise DdmsError(Code.INVALID, sentence, field="delimiter")

    def _check_calendar(self) -> None:
        others = {"bucket": self.bucket, "origin": self.origin, "level": self.level is not Level.RAW}
        if self.calendar and (other := next((name for name, value in others.items() if value), None)):
            sentence = Sentence("`calendar` says how long buckets are and where they begin: leave out `{}`", other)
            raise DdmsError(Code.INVALID, sentence, field=other)


def _by_name(given: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    if len(given) > _PARAMETERS:
        raise DdmsError(
            Code.INVALID, Sentence("at most {:,} points: name devices or groups", MOST_POINTS), field="point"
        )
    values: dict[str, list[str]] = {}
    for name, text in given:
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise DdmsError(
                Code.INVALID,
                Sentence("{!r} is no parameter of an export: there are {}", name[:40], known),
                field=name[:40],
            )
        if not text:
            continue
        if "\0" in text:
            raise DdmsError(Code.INVALID, "a null character stands in no name", field=name)
        values.setdefault(name, []).append(text)
        if len(values[name]) > 1 and name not in _SEVERAL:
            raise DdmsError(Code.INVALID, Sentence("give {} once", name), field=name)
    return values


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(inputs.fit(inputs.zone, name, "timezone"))


def _time(name: str, text: str, now: datetime, zone: ZoneInfo | None) -> datetime:
    if text == "now":
        return now
    try:
        if back := _BACK.fullmatch(text):
            return now - timedelta(**{_UNITS[back[2]]: int(back[1])})
        time = datetime.fromisoformat(_PLUS.sub(r"\1+\2", text))
        if time.tzinfo is None and zone:
            time = time.replace(tzinfo=zone)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    sentence = Sentence(
        "{!r} is not a time: write 2026-07-04T06:00:00Z (without an offset when you give `timezone`), -7d or now",
        text[:40],
    )
    raise DdmsError(Code.INVALID, sentence, field=name)


def _one_of(kind: type[E], name: str, values: dict[str, list[str]]) -> E:
    members = list(kind)
    given = values.get(name, [members[0].value])[0]
    if given not in members:
        raise DdmsError(
            Code.INVALID, Sentence("{} is one of {}, not {!r}", name, ", ".join(members), given[:40]), field=name
        )
    return kind(given)


def _named(kind: type[E], name: str, values: dict[str, list[str]]) -> E | None:
    if name not in values:
        return None
    members, given = {member.name.lower(): member for member in kind}, values[name][0]
    if given not in members:
        sentence = Sentence("{} is one of {}, not {!r}", name, ", ".join(members), given[:40])
        raise DdmsError(Code.INVALID, sentence, field=name)
    return members[given]


def _step(values: dict[str, list[str]]) -> timedelta | None:
    if "step" not in values:
        return None
    given = values["step"][0]
    if not re.fullmatch(r"[0-9]{1,5}", given) or not 1 <= int(given) <= 86_400:
        raise DdmsError(Code.INVALID, "a step is a number of seconds, 1 to 86400", field="step")
    return timedelta(seconds=int(given))


def _percentiles(values: dict[str, list[str]]) -> tuple[float, ...]:
    given = values.get("percentile", [])
    known = all(re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,6})?", text) and float(text) <= 100 for text in given)
    if not known or len(given) > MOST_PERCENTILES:
        raise DdmsError(
            Code.INVALID, Sentence("percentiles are 0 to 100, at most {}", MOST_PERCENTILES), field="percentile"
        )
    return tuple(dict.fromkeys(float(text) for text in given))


def _language(values: dict[str, list[str]]) -> str | None:
    given = values["language"][0] if "language" in values else None
    if given and given not in languages():
        sentence = Sentence("{} is one of {}, not {!r}", "language", ", ".join(languages()), given[:40])
        raise DdmsError(Code.INVALID, sentence, field="language")
    return given
