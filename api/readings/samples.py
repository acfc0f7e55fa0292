"""Samples: the rows of a history as objects, page by page."""

from bisect import bisect_right
from datetime import datetime
from itertools import compress

import numpy as np

from api.graphql.described import field, output_type
from api.graphql.enums import reason_of
from api.readings.history import History
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Quality, Reason, quality_of
from ddms.stream import to_datetime
from ddms.value_names import Lookup

MOST_SAMPLES = 10_000


@output_type
class Sample:
    """One row of a series as an object: a reading, or a bucket of readings."""

    time: datetime = field(description="When it was read, or where the bucket begins.")
    value: float | None = field(
        description="The value, or the average of a bucket, in which each reading counts the same; null when it is bad or a text."
    )
    time_weighted_average: float | None = field(
        description="The average of a bucket in which each value counts by how long it held; the value itself without buckets."
    )
    min: float | None = field(description="The lowest value; null without one.")
    max: float | None = field(description="The highest value; null without one.")
    increase: float | None = field(description="How much a counter counted in a bucket, in its unit; else null.")
    rate: float | None = field(description="The increase an hour; else null.")
    count: int = field(description="How many readings with a value.")
    text: str | None = field(
        description="The text of a string point; of an integer beyond 2^53, which a number cannot hold, all of its digits."
    )
    quality: Quality = field(description="How far it can be trusted; the worst of a bucket.")
    reason: Reason = field(description="Why it is not better.")
    value_name: str | None = field(
        description="What the value is called: `Fault`; of a bucket, where it was the same in all of it; null without a name."
    )


@output_type
class SamplePage:
    """A page of samples, oldest first."""

    nodes: list[Sample] = field(description="The samples.")
    has_next_page: bool = field(description="Whether more follow: pass endCursor as `after`.")
    end_cursor: str | None = field(description="Cursor of the last one; null when there are none.")


_Row = tuple[int, float, float, float, float, float, float, int, int, str | None, str | None]


def page_of(history: History, names: Lookup, first: int, after: str | None) -> SamplePage:
    """Return at most `first` samples after the cursor `after`: the microseconds of its time."""
    if not 1 <= first <= MOST_SAMPLES:
        raise DdmsError(
            Code.INVALID, Sentence("`first` is 1 to {}: ask for columns, or in pages", MOST_SAMPLES), field="first"
        )
    if after is not None and not after.isdecimal():
        raise DdmsError(Code.INVALID, "this is not the cursor of a sample: pass an endCursor", field="after")
    rows = _samples(history, names)
    start = 0 if after is None else bisect_right(rows, int(after), key=lambda row: row[0])
    page = rows[start : start + first]
    return SamplePage(
        nodes=[_sample(row) for row in page],
        has_next_page=start + first < len(rows),
        end_cursor=str(page[-1][0]) if page else None,
    )


def _samples(history: History, names: Lookup) -> list[_Row]:
    size = len(history.times)
    nothing = np.full(size, np.nan)
    numbers = [
        history.columns.get(name, nothing)
        for name in ("value", "timeWeightedAverage", "min", "max", "increase", "rate")
    ]
    codes = [history.columns.get(name, np.zeros(size, np.int32)) for name in ("count", "quality")]
    columns = [history.times, *numbers, *codes]
    called = [names.get(value) for value in history.settled()] if names else [None] * size
    if history.marks is not None:
        columns = [column[~history.marks] for column in columns]
    texts = history.texts or [None] * size
    if history.marks is not None:
        shown = [not mark for mark in history.marks.tolist()]
        texts, called = [*compress(texts, shown)], [*compress(called, shown)]
    return list(zip(*(column.tolist() for column in columns), texts, called, strict=True))


def _sample(row: _Row) -> Sample:
    microseconds, value, weighted, low, high, increase, rate, count, quality, text, name = row
    return Sample(
        time=to_datetime(microseconds),
        value=_number(value),
        time_weighted_average=_number(weighted),
        min=_number(low),
        max=_number(high),
        increase=_number(increase),
        rate=_number(rate),
        count=count,
        text=text,
        quality=quality_of(quality),
        reason=reason_of(quality),
        value_name=name,
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
