"""History of points as columns: what is asked of the database, and where data are missing.

The database chooses the level and makes the buckets (the function `series`); whole arrays come from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.ground import columns
from api.ground.buckets import EARLIEST, LATEST, NO_SHIFTS, Calendar, check_origin, length_of
from api.ground.database import Database, Row
from api.ground.prices import priced_rows
from api.points.types import Point
from api.readings.states import State
from ddms import inputs, intervals
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Reason
from ddms.registers import EXACT
from ddms.stream import to_datetime, to_microseconds

MOST_ROWS = 1_000_000
USUAL_ROWS = 10_000
_SECOND = 1_000_000
_BAD_RETRY = 180 * _SECOND
"""A device that is offline is tried once a minute: its readings are no nearer to each other."""

READ_SERIES = """-- ddms:read_series history
SELECT s.point_id, s.level, s.bucket::text AS bucket, extract(epoch FROM s.bucket)::float8 AS seconds, s.starts, s.ends, s.open_from,
       array_send(s.times) AS times, array_send(s.average) AS value, array_send(s.lowest) AS min, array_send(s.highest) AS max,
       array_send(s.first) AS first, array_send(s.last) AS last, array_send(s.count) AS count, array_send(s.good) AS good,
       array_send(s.worst) AS quality, array_send(s.weighted) AS "timeWeightedAverage", array_send(s.covered) AS "coveredSeconds", array_send(s.until) AS until,
       array_send(s.increase) AS increase, array_send(s.rate) AS rate, array_send(s.restarts) AS restarts,
       array_send(s.deviation) AS "standardDeviation", s.names
  FROM series($1, $2, $3, $4, $5::text::interval, $6, $7, $8, $9) s
"""
CHOOSE_STEP = "-- ddms:choose_step history\nSELECT series_step($1, $2)::text"
READ_STATES = """-- ddms:read_states history
SELECT s.point_id, array_send(s.times) AS times, array_send(s.in_state) AS seconds, array_send(s.entered) AS starts
  FROM series($1, $2, $3, $4, $5::text::interval, $6, '{in_state,entered}', $7, $8, $9, $10) s
"""
READ_PERCENTILES = """-- ddms:read_percentiles history
SELECT p.point_id, p.level, array_send(p.times) AS times, p.found
  FROM series_percentiles($1, $2, $3, $4::text::interval, $5, $6, $7, $8) p
"""
READ_RAW = """-- ddms:read_raw history
SELECT wanted.id AS point_id, array_send(s.times) AS times, array_send(s.value) AS value, array_send(s.quality) AS quality
  FROM unnest($1::int[]) AS wanted (id)
 CROSS JOIN LATERAL (
       SELECT array_agg(time) AS times, array_agg(value) AS value, array_agg(quality) AS quality
         FROM (SELECT time, coalesce(value, 'NaN') AS value, quality FROM readings
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
"""
READ_TEXTS = """-- ddms:read_texts history
SELECT wanted.id AS point_id, array_send(s.times) AS times, NULL::bytea AS value, array_send(s.quality) AS quality, s.texts
  FROM unnest($1::int[]) AS wanted (id)
 CROSS JOIN LATERAL (
       SELECT array_agg(time) AS times, array_agg(quality) AS quality, array_agg(text) AS texts
         FROM (SELECT time, text, quality FROM texts
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
"""
# Texts are stored when they change: the one of a reading is the newest of then.
READ_DIGITS = """-- ddms:read_digits history
SELECT point_id, array_send(array_agg(time ORDER BY time)) AS times, array_agg(text ORDER BY time) AS texts FROM (
    SELECT point_id, time, text FROM texts WHERE point_id = any($1::int[]) AND time >= $2 AND time < $3
     UNION ALL
    SELECT w.id, t.time, t.text FROM unnest($1::int[]) AS w (id) CROSS JOIN LATERAL (
        SELECT time, text FROM texts WHERE point_id = w.id AND time < $2 ORDER BY time DESC LIMIT 1) t) t
 GROUP BY point_id
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
    "timeWeightedAverage": "weighted",
    "coveredSeconds": "covered",
    "increase": "increase",
    "rate": "rate",
    "restarts": "restarts",
    "standardDeviation": "deviation",
}
OF_BUCKETS = ("increase", "rate", "restarts", "standardDeviation", "stateSeconds", "starts", "percentiles")
"""Columns that readings as they are have not."""
OF_STATES = frozenset({"stateSeconds", "starts"})
HAS_SHIFTS = "-- ddms:has_shifts\nSELECT shifts <> '[]' FROM configuration"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A time without data: from where a reading was due to the next one."""

    start: datetime
    end: datetime


@dataclass(kw_only=True, slots=True)
class History:
    """The history of one point: columns of one length, oldest first.

    `times` are microseconds since 1970 UTC; a column that was not asked for is missing. `bucket` is None for readings
    as they are; then `next` is the first time that was cut off. `until` is where each bucket ends: a month is as long as
    it is, and a day of 25 hours has 25. `names` are those of shifts. `marks` are rows put in where an outage begins. Percentiles are the columns
    `percentile 95.0`; `percentiles_of` is the level that they were found in.
    """

    level: str
    bucket: str | None
    until: NDArray[np.int64]
    starts: datetime
    ends: datetime
    open_from: datetime | None
    next: datetime | None
    times: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    texts: list[str | None]
    names: list[str | None] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    marks: NDArray[np.bool_] | None = None
    percentiles_of: str | None = None

    def add(self, name: str, times: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Add a column whose rows are of these times; 0 of what is counted, else NaN where there is none."""
        column = np.full(len(self.times), np.nan if values.dtype.kind == "f" else 0, values.dtype.newbyteorder("="))
        if len(self.times):
            places = np.minimum(np.searchsorted(self.times, times), len(self.times) - 1)
            same = self.times[places] == times
            column[places[same]] = values[same]
        self.columns[name] = column

    def settled(self) -> list[float]:
        """Return the value of each reading, or of each bucket in which it did not change; else NaN."""
        nothing = np.full(len(self.times), np.nan)
        values, low, high = (self.columns.get(name, nothing) for name in ("value", "min", "max"))
        if self.bucket is not None:
            values = np.where(low == high, values, nothing)
        settled: list[float] = values.tolist()
        return settled

    def find_gaps(self, point: Point, now: datetime) -> None:
        """Find where data are missing, at the ends as well; a text, stored when it changes, has no gaps."""
        if point.data_type.is_text:
            return
        allowed = intervals.microseconds(
            10 + 3 * point.interval_seconds + (point.heartbeat_seconds if point.deadband else 0)
        )
        end = self.next or min(self.ends, now)
        nexts = np.append(self.times, to_microseconds(end))
        limits = np.full(len(self.times), allowed)
        due = self.until
        if self.bucket is None:
            due = self.times + intervals.microseconds(point.interval_seconds)
            if "quality" in self.columns:
                bad = self.columns["quality"] >= Reason.TIMEOUT
                limits[bad] = np.maximum(limits[bad], _BAD_RETRY)
        found = np.flatnonzero(nexts[1:] - self.until > limits)
        begins = due[found]
        spans = [*zip(begins.tolist(), nexts[found + 1].tolist(), strict=True)]
        if nexts[0] - to_microseconds(self.starts) > allowed:
            spans.insert(0, (to_microseconds(self.starts), int(nexts[0])))
        self.gaps = [Gap(start=to_datetime(start), end=to_datetime(end)) for start, end in spans]
        self._mark(found + 1, begins)

    def _mark(self, places: NDArray[np.intp], times: NDArray[np.int64]) -> None:
        """Put in a row without a value where an outage begins, so that no line is drawn through it."""
        if not len(places):
            return
        self.marks = np.insert(np.zeros(len(self.times), np.bool_), places, values=True)
        self.times = np.insert(self.times, places, times)
        for labels in (self.texts, self.names):
            for place in reversed(places.tolist() if labels else []):
                labels.insert(place, None)
        for name, column in self.columns.items():
            self.columns[name] = np.insert(column, places, np.nan if column.dtype.kind == "f" else 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistorySpan:
    """What a caller wants of the history of `count` points, checked before the database is asked."""

    start: datetime
    end: datetime
    most: int
    bucket: str | None
    time_zone: str
    origin: datetime | None
    raw: bool
    calendar: Calendar | None = None

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
        origin: datetime | None = None,
        raw: bool,
        calendar: Calendar | None = None,
    ) -> "HistorySpan":
        """Return it, or raise what does not fit."""
        end = end or datetime.now(UTC) + timedelta(seconds=1)
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
        if calendar is not None:
            _check_calendar(calendar, end - start, share, others={"bucket": bucket, "origin": origin, "raw": raw})
        check_zone(time_zone)
        check_origin(origin)
        if origin and raw:
            raise DdmsError(Code.INVALID, "raw readings have no buckets: leave out `origin` or `raw`", field="origin")
        return cls(
            start=start,
            end=end,
            most=most,
            bucket=bucket,
            time_zone=time_zone,
            origin=origin,
            raw=raw,
            calendar=calendar,
        )

    @property
    def rows(self) -> int:
        """How many rows a point has at most."""
        return priced_rows(self.end - self.start, self.bucket, self.calendar, self.most)

    def shared_by(self, count: int, most: int | None) -> "HistorySpan":
        """Return it for so many points: what all of them have together is limited."""
        return HistorySpan.checked(
            count, self.start, self.end,
            most=most, bucket=self.bucket, time_zone=self.time_zone, origin=self.origin, raw=self.raw, calendar=self.calendar,
        )  # fmt: skip


def _check_calendar(calendar: Calendar, span: timedelta, share: int, *, others: dict[str, object]) -> None:
    for name, value in others.items():
        if value:
            sentence = Sentence("`calendar` says how long buckets are and where they begin: leave out `{}`", name)
            raise DdmsError(Code.INVALID, sentence, field=name)
    if (buckets := int(span / calendar.shortest) + 2) > share:
        raise DdmsError(Code.INVALID, _too_many(buckets, share), field="calendar")


def _check_bucket(bucket: str, span: timedelta, share: int, *, raw: bool) -> None:
    length = length_of(bucket)
    if raw:
        raise DdmsError(Code.INVALID, "raw readings have no buckets: leave out `bucket` or `raw`", field="bucket")
    if (buckets := int(span / length) + 2) > share:
        raise DdmsError(Code.INVALID, _too_many(buckets, share), field="bucket")


def _too_many(buckets: int, share: int) -> Sentence:
    return Sentence("that would be {} buckets a point, at most {} fit: take longer ones", buckets, share)


def check_zone(name: str) -> None:
    """Raise when no time zone has this name."""
    inputs.fit(inputs.zone, name, "timeZone")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is asked of buckets beside their columns: points by the state that is looked for, and percents."""

    states: dict[State, list[int]] = field(default_factory=dict)
    percents: tuple[float, ...] = ()


async def read(
    database: Database, points: list[Point], span: HistorySpan, wanted: Iterable[str], asked: Asked = Asked()
) -> dict[int, History]:
    """Read the history of points, by their numbers; `wanted` names columns."""
    if (asked.states or asked.percents) and span.bucket is None and span.calendar is None:
        span = replace(span, bucket=await database.value(CHOOSE_STEP, span.end - span.start, span.most))
    found = await _read(database, points, span, wanted)
    for state, numbers in asked.states.items():
        of = (numbers, span.start, span.end, span.most, span.bucket, span.time_zone, span.origin, span.calendar, *state)
        for row in await database.rows(READ_STATES, *of):
            history, times = found[row["point_id"]], columns.microseconds(row["times"])
            history.add("stateSeconds", times, columns.numbers(row["seconds"]))
            history.add("starts", times, columns.integers(row["starts"]))
    if asked.percents:
        numbers = [point.number for point in points if not point.data_type.is_text]
        buckets = (span.bucket, span.time_zone, span.origin, span.calendar)
        shares = [percent / 100 for percent in asked.percents]
        for row in await database.rows(READ_PERCENTILES, numbers, span.start, span.end, *buckets, shares):
            history, times = found[row["point_id"]], columns.microseconds(row["times"])
            history.percentiles_of = row["level"]
            values = np.array(row["found"] or [], np.float64).reshape(len(times), len(asked.percents))
            for percent, column in zip(asked.percents, values.T, strict=True):
                history.add(f"percentile {percent}", times, column)
    return found


async def _read(
    database: Database, points: list[Point], span: HistorySpan, wanted: Iterable[str]
) -> dict[int, History]:
    if span.calendar is Calendar.SHIFT and not await database.value(HAS_SHIFTS):
        raise DdmsError(Code.INVALID, NO_SHIFTS, field="calendar")
    texts = [point.number for point in points if point.data_type.is_text]
    numbers = [point.number for point in points if not point.data_type.is_text]
    found: dict[int, History] = {}
    if numbers and not span.raw:
        names = [DATABASE_NAMES[name] for name in wanted]
        asked = (
            numbers,
            span.start,
            span.end,
            span.most,
            span.bucket,
            span.time_zone,
            names,
            span.origin,
            span.calendar,
        )
        found |= {row["point_id"]: _rolled(row) for row in await database.rows(READ_SERIES, *asked)}
    elif numbers:
        rows = await database.rows(READ_RAW, numbers, span.start, span.end, span.most + 1)
        found |= {row["point_id"]: _as_read(row, span) for row in rows}
    if texts:
        rows = await database.rows(READ_TEXTS, texts, span.start, span.end, span.most + 1)
        found |= {row["point_id"]: _as_read(row, span) for row in rows}
    await _add_digits(database, points, found, span)
    return found


async def _add_digits(database: Database, points: list[Point], found: dict[int, History], span: HistorySpan) -> None:
    """Put the digits of integers beyond 2^53, which are stored as texts, beside readings as they are."""
    beyond: dict[int, NDArray[np.bool_]] = {}
    for point in points:
        if point.data_type.is_long and "value" in (history := found[point.number]).columns and not history.bucket:
            values = history.columns["value"]
            if (long := (np.abs(values) >= EXACT * min(1.0, abs(point.scale)))).any():
                beyond[point.number] = long
    for row in await database.rows(READ_DIGITS, [*beyond], span.start, span.end) if beyond else ():
        history, long = found[row["point_id"]], beyond[row["point_id"]]
        places = np.searchsorted(columns.microseconds(row["times"]), history.times, side="right") - 1
        texts = row["texts"]
        history.texts = [
            texts[at] if is_long and at >= 0 else None
            for at, is_long in zip(places.tolist(), long.tolist(), strict=True)
        ]


def _rolled(row: Row) -> History:
    raw = row["bucket"] is None
    kept = {name: _column(name, row[name]) for name in DATABASE_NAMES if row[name] is not None}
    if raw and "value" in kept:
        kept |= _as_buckets(kept["value"], kept["quality"])
    times = columns.microseconds(row["times"])
    length = round(_SECOND * (row["seconds"] or 0))
    return History(
        level=row["level"],
        bucket=row["bucket"],
        until=times + length if row["until"] is None else columns.microseconds(row["until"]),
        starts=row["starts"],
        ends=row["ends"],
        open_from=row["open_from"],
        next=None,
        times=times,
        columns=kept,
        texts=[],
        names=row["names"] or [],
    )


def _as_read(row: Row, span: HistorySpan) -> History:
    values, quality = columns.numbers(row["value"])[: span.most], columns.codes(row["quality"])[: span.most]
    times = columns.microseconds(row["times"])[: span.most]
    return History(
        level="raw",
        bucket=None,
        until=times,
        starts=span.start,
        ends=span.end,
        open_from=None,
        next=columns.moment(row["times"], span.most),
        times=times,
        columns={"quality": quality}
        if row["value"] is None
        else _as_buckets(values, quality) | {"value": values, "quality": quality},
        texts=(row.get("texts") or [])[: span.most],
    )


def _column(name: str, sent: bytes) -> NDArray[Any]:
    match name:
        case "count" | "restarts":
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
        "timeWeightedAverage": values,
        "coveredSeconds": np.zeros(len(values)),
    }
