"""History of points as columns: what is asked of the database, and where data are missing.

The database chooses the level and makes the buckets (the function `series`); whole arrays come from it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.ground import columns
from api.ground.database import Database, Row
from api.points.types import Point
from ddms import inputs
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Reason
from ddms.registers import DataType

MOST_ROWS = 1_000_000
MOST_SERIES = 1_000
USUAL_ROWS = 10_000
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_BAD_RETRY_MS = 180_000
"""A device that is offline is tried once a minute: its readings are no nearer to each other."""

READ_SERIES = """-- ddms:read_series
SELECT s.point_id, s.level, s.bucket::text AS bucket, extract(epoch FROM s.bucket)::float8 AS seconds, s.starts, s.ends, s.open_from,
       array_send(s.times) AS times, array_send(s.average) AS value, array_send(s.lowest) AS min, array_send(s.highest) AS max,
       array_send(s.first) AS first, array_send(s.last) AS last, array_send(s.count) AS count, array_send(s.good) AS good,
       array_send(s.worst) AS quality
  FROM series($1, $2, $3, $4, $5::text::interval, $6, $7) s
"""
READ_RAW = """-- ddms:read_raw
SELECT wanted.id AS point_id, array_send(s.times) AS times, array_send(s.value) AS value, array_send(s.quality) AS quality
  FROM unnest($1::int[]) AS wanted (id)
 CROSS JOIN LATERAL (
       SELECT array_agg(time) AS times, array_agg(value) AS value, array_agg(quality) AS quality
         FROM (SELECT time, coalesce(value, 'NaN') AS value, quality FROM readings
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
"""
READ_TEXTS = """-- ddms:read_texts
SELECT wanted.id AS point_id, array_send(s.times) AS times, NULL::bytea AS value, array_send(s.quality) AS quality, s.texts
  FROM unnest($1::int[]) AS wanted (id)
 CROSS JOIN LATERAL (
       SELECT array_agg(time) AS times, array_agg(quality) AS quality, array_agg(text) AS texts
         FROM (SELECT time, text, quality FROM texts
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
"""

DATABASE_NAMES = {
    "value": "average",
    "min": "lowest",
    "max": "highest",
    "first": "first",
    "last": "last",
    "count": "count",
    "good": "good",
    "quality": "worst",
}
_DURATION = re.compile(r"P(?:(?P<days>[1-9]\d{0,3})D|(?P<weeks>[1-9]\d?)W|(?P<months>1|3)M|(?P<years>1)Y|T(?:(?P<hours>[1-9]\d{0,3})H)?(?:(?P<minutes>[1-9]\d{0,4})M)?(?:(?P<seconds>[1-9]\d{0,5})S)?)")  # fmt: skip
_DAYS = {"days": 1, "weeks": 7, "months": 28, "years": 365, "hours": 1 / 24, "minutes": 1 / 1440, "seconds": 1 / 86400}


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A time without data: from where a reading was due to the next one."""

    start: datetime
    end: datetime


@dataclass(kw_only=True, slots=True)
class History:
    """The history of one point: columns of one length, oldest first.

    `times` are milliseconds since 1970 UTC; a column that was not asked for is missing. `bucket` is None for readings
    as they are; then `next` is the first time that was cut off. `marks` are rows put in where an outage begins.
    """

    level: str
    bucket: str | None
    seconds: float
    starts: datetime
    ends: datetime
    open_from: datetime | None
    next: datetime | None
    times: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    texts: list[str | None]
    gaps: list[Gap] = field(default_factory=list)
    marks: NDArray[np.bool_] | None = None

    def find_gaps(self, point: Point, now: datetime) -> None:
        """Find where data are missing, at the ends as well; a text, stored when it changes, has no gaps."""
        if point.data_type is DataType.STRING:
            return
        expected = 1000 * (self.seconds or point.interval_seconds)
        allowed = 1000.0 * (10 + 3 * point.interval_seconds + (point.heartbeat_seconds if point.deadband else 0))
        allowed += 1000 * self.seconds
        end = self.next or min(self.ends, now)
        edges = np.concatenate([self.times, [_milliseconds(end)]])
        limits = np.full(len(self.times), float(allowed))
        if not self.seconds and "quality" in self.columns:
            bad = self.columns["quality"] >= Reason.TIMEOUT
            limits[bad] = np.maximum(limits[bad], _BAD_RETRY_MS)
        found = np.flatnonzero(np.diff(edges) > limits)
        begins = (self.times[found] + expected).astype(np.int64)
        spans = [*zip(begins.tolist(), edges[found + 1].tolist(), strict=True)]
        if edges[0] - _milliseconds(self.starts) > allowed:
            spans.insert(0, (_milliseconds(self.starts), int(edges[0])))
        self.gaps = [Gap(start=_moment(start), end=_moment(end)) for start, end in spans]
        self._mark(found + 1, begins)

    def _mark(self, places: NDArray[np.intp], times: NDArray[np.int64]) -> None:
        """Put in a row without a value where an outage begins, so that no line is drawn through it."""
        if not len(places):
            return
        self.marks = np.insert(np.zeros(len(self.times), np.bool_), places, values=True)
        self.times = np.insert(self.times, places, times)
        for name, column in self.columns.items():
            self.columns[name] = np.insert(column, places, np.nan if column.dtype.kind == "f" else 0)


def _milliseconds(moment: datetime) -> int:
    return (moment - EARLIEST) // timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime:
    return EARLIEST + timedelta(milliseconds=milliseconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistorySpan:
    """What a caller wants of the history of `count` points, checked before the database is asked."""

    start: datetime
    end: datetime
    most: int
    bucket: str | None
    time_zone: str
    raw: bool

    @classmethod
    def checked(
        cls,
        count: int,
        start: datetime,
        end: datetime | None,
        *,
        most: int | None,
        bucket: str | None,
        time_zone: str,
        raw: bool,
    ) -> "HistorySpan":
        """Return it, or raise what does not fit."""
        end = end or datetime.now(UTC) + timedelta(seconds=1)
        if not count:
            raise DdmsError(Code.INVALID, "give at least one point", field="points")
        if start >= end:
            raise DdmsError(Code.INVALID, "`from` must be before `to`", field="from")
        if start < EARLIEST or end > LATEST:
            raise DdmsError(
                Code.INVALID, "a history lies between 1970 and 2200", field="from" if start < EARLIEST else "to"
            )
        share = MOST_ROWS // count
        most = min(share, USUAL_ROWS) if most is None else most
        if not 1 <= most <= share:
            raise DdmsError(
                Code.INVALID,
                Sentence("for {} points maxPoints is 1 to {}: {} rows in all", count, share, MOST_ROWS),
                field="maxPoints",
            )
        if bucket is not None:
            _check_bucket(bucket, end - start, share, raw=raw)
        check_zone(time_zone)
        return cls(start=start, end=end, most=most, bucket=bucket, time_zone=time_zone, raw=raw)


def _check_bucket(bucket: str, span: timedelta, share: int, *, raw: bool) -> None:
    match = _DURATION.fullmatch(bucket)
    if not match or not any(match.groups()):
        raise DdmsError(
            Code.INVALID,
            Sentence("{!r} is not a bucket: write PT10S, PT15M, PT1H, P1D, P1W, P1M, P3M or P1Y", bucket[:40]),
            field="bucket",
        )
    if raw:
        raise DdmsError(Code.INVALID, "raw readings have no buckets: leave out `bucket` or `raw`", field="bucket")
    days = sum(int(number) * _DAYS[name] for name, number in match.groupdict().items() if number)
    if (buckets := int(span / timedelta(days=days)) + 2) > share:
        raise DdmsError(
            Code.INVALID,
            Sentence("that would be {} buckets a point, at most {} fit: take longer ones", buckets, share),
            field="bucket",
        )


def check_zone(name: str) -> None:
    """Raise when no time zone has this name."""
    inputs.fit(inputs.zone, name, "timeZone")


async def read(database: Database, points: list[Point], span: HistorySpan, wanted: Iterable[str]) -> dict[int, History]:
    """Read the history of points, by their numbers; `wanted` names columns."""
    texts = [point.number for point in points if point.data_type is DataType.STRING]
    numbers = [point.number for point in points if point.data_type is not DataType.STRING]
    found: dict[int, History] = {}
    if numbers and not span.raw:
        names = [DATABASE_NAMES[name] for name in wanted]
        asked = (numbers, span.start, span.end, span.most, span.bucket, span.time_zone, names)
        found |= {row["point_id"]: _rolled(row) for row in await database.rows(READ_SERIES, *asked)}
    elif numbers:
        rows = await database.rows(READ_RAW, numbers, span.start, span.end, span.most + 1)
        found |= {row["point_id"]: _as_read(row, span) for row in rows}
    if texts:
        rows = await database.rows(READ_TEXTS, texts, span.start, span.end, span.most + 1)
        found |= {row["point_id"]: _as_read(row, span) for row in rows}
    return found


def _rolled(row: Row) -> History:
    raw = row["bucket"] is None
    kept = {name: _column(name, row[name]) for name in DATABASE_NAMES if row[name] is not None}
    if raw and "value" in kept:
        kept |= _as_buckets(kept["value"], kept["quality"])
    return History(
        level=row["level"],
        bucket=row["bucket"],
        seconds=row["seconds"] or 0.0,
        starts=row["starts"],
        ends=row["ends"],
        open_from=row["open_from"],
        next=None,
        times=columns.times(row["times"]),
        columns=kept,
        texts=[],
    )


def _as_read(row: Row, span: HistorySpan) -> History:
    values, quality = columns.numbers(row["value"])[: span.most], columns.codes(row["quality"])[: span.most]
    return History(
        level="raw",
        bucket=None,
        seconds=0.0,
        starts=span.start,
        ends=span.end,
        open_from=None,
        next=columns.moment(row["times"], span.most),
        times=columns.times(row["times"])[: span.most],
        columns={"quality": quality}
        if row["value"] is None
        else _as_buckets(values, quality) | {"value": values, "quality": quality},
        texts=(row.get("texts") or [])[: span.most],
    )


def _column(name: str, sent: bytes) -> NDArray[Any]:
    match name:
        case "count":
            return columns.integers(sent)
        case "quality":
            return columns.codes(sent)
        case _:
            return columns.numbers(sent)


def _as_buckets(values: NDArray[np.float64], quality: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """Return what a bucket of each single reading would hold."""
    counts = (~np.isnan(values)).astype(np.int32)
    return {
        "min": values,
        "max": values,
        "first": values,
        "last": values,
        "count": counts,
        "good": (quality == 0) * 1.0,
    }
