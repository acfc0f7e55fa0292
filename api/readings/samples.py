"""Samples: the rows of a history as objects, page by page."""

from bisect import bisect_right
from datetime import UTC, datetime

import numpy as np

from api.graphql.described import field, output_type
from api.graphql.enums import reason_of
from api.readings.history import History
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Quality, Reason, quality_of

MOST_SAMPLES = 10_000


@output_type
class Sample:
    """One row of a series as an object: a reading, or a bucket of readings."""

    time: datetime = field(description="When it was read, or where the bucket begins.")
    value: float | None = field(description="The value, or the average; null when it is bad or a text.")
    min: float | None = field(description="The lowest value; null without one.")
    max: float | None = field(description="The highest value; null without one.")
    count: int = field(description="How many readings with a value.")
    text: str | None = field(description="The text of a string point; null where the point has a number.")
    quality: Quality = field(description="How far it can be trusted; the worst of a bucket.")
    reason: Reason = field(description="Why it is not better.")


@output_type
class SamplePage:
    """A page of samples, oldest first."""

    nodes: list[Sample] = field(description="The samples.")
    has_next_page: bool = field(description="Whether more follow: pass endCursor as `after`.")
    end_cursor: str | None = field(description="Cursor of the last one; null when there are none.")


_Row = tuple[int, float, float, float, int, int, str | None]


def page_of(history: History, first: int, after: str | None) -> SamplePage:
    """Return at most `first` samples after the cursor `after`: the milliseconds of its time."""
    if not 1 <= first <= MOST_SAMPLES:
        raise DdmsError(
            Code.INVALID, Sentence("`first` is 1 to {}: ask for columns, or in pages", MOST_SAMPLES), field="first"
        )
    if after is not None and not after.isdecimal():
        raise DdmsError(Code.INVALID, "this is not the cursor of a sample: pass an endCursor", field="after")
    rows = _samples(history)
    start = 0 if after is None else bisect_right(rows, int(after), key=lambda row: row[0])
    page = rows[start : start + first]
    return SamplePage(
        nodes=[_sample(row) for row in page],
        has_next_page=start + first < len(rows),
        end_cursor=str(page[-1][0]) if page else None,
    )


def _samples(history: History) -> list[_Row]:
    size = len(history.times)
    nothing = np.full(size, np.nan)
    numbers = [history.columns.get(name, nothing) for name in ("value", "min", "max")]
    codes = [history.columns.get(name, np.zeros(size, np.int32)) for name in ("count", "quality")]
    columns = [history.times, *numbers, *codes]
    if history.marks is not None:
        columns = [column[~history.marks] for column in columns]
    texts = history.texts or [None] * len(columns[0])
    return list(zip(*(column.tolist() for column in columns), texts, strict=True))


def _sample(row: _Row) -> Sample:
    milliseconds, value, low, high, count, quality, text = row
    return Sample(
        time=datetime.fromtimestamp(milliseconds / 1000, UTC),
        value=_number(value),
        min=_number(low),
        max=_number(high),
        count=count,
        text=text,
        quality=quality_of(quality),
        reason=reason_of(quality),
    )


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
