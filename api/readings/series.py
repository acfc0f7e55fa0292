"""`series`: the history of points in GraphQL, as columns or as objects."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import numpy as np
import strawberry
from numpy.typing import NDArray

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.scalars import CountColumn, Duration, NumberColumn, QualityColumn, TextColumn, TimeColumn
from api.graphql.selection import selected_names
from api.ground.buckets import MOST_PERCENTILES
from api.ground.prices import priced_points
from api.points.types import Point
from api.readings.chosen import OfDevices, OfGroups, WithKeys, chosen, pay_for
from api.readings.history import DATABASE_NAMES, OF_BUCKETS, OF_STATES, Asked, History, HistorySpan, read
from api.readings.measures import Calendar
from api.readings.samples import SamplePage, page_of
from api.readings.states import states_of
from ddms.errors import Code, DdmsError, Sentence
from ddms.value_names import Lookup


class SeriesSource(StrEnum):
    """What a series is made of."""

    RAW = "raw"
    MINUTES = "1m"
    HOURS = "1h"
    DAYS = "1d"


describe_enum(
    SeriesSource,
    name="SeriesSource",
    description="What a series is made of: the readings, or a rollup that keeps their count, sum and extremes.",
    values={
        "RAW": "The readings as they were stored.",
        "MINUTES": "Rollups of one minute.",
        "HOURS": "Rollups of one hour.",
        "DAYS": "Rollups of one day of UTC.",
    },
)


@output_type
class SeriesGap:
    """A time without data, an outage: longer than three intervals of the point (and its heartbeat) without a reading."""

    from_: datetime = field(
        name="from", description="When the next reading was due, or the beginning of what was asked for."
    )
    to: datetime = field(description="When the next one came, or the end of what was asked for.")


@output_type
class SeriesPercentile:
    """A percentile of each bucket, by nearest rank: the lowest value at or below which so much of the readings lies."""

    percent: float = field(description="Which one: 95.")
    value: NumberColumn = field(description="The value in each bucket; null where there is none.")


@output_type
class SeriesColumns:
    """A series as columns of one length, oldest first. Where an outage begins there is a row of nulls."""

    history: strawberry.Private[History]
    names: strawberry.Private[Lookup]

    @resolver
    def time(self) -> TimeColumn:
        """When each was read, or where each bucket begins."""
        return TimeColumn(self.history.times // 1000)

    @resolver
    def value(self) -> NumberColumn:
        """The value of each reading, or the average of each bucket; null when there is none: not to be drawn through.

        In the average each reading counts the same, however long its value held; timeWeightedAverage is the other one.
        """
        return NumberColumn(self._numbers("value"))

    @resolver
    def time_weighted_average(self) -> NumberColumn:
        """The average of each bucket in which each value counts by how long it held, also over the bucket's edges.

        A value holds to the next reading, through an outage for one interval of its point; a bad reading holds nothing.
        Null where none held, and for rollups made before DDMS could tell, which are made again in the background.
        Without buckets it is the value itself.
        """
        return NumberColumn(self._numbers("timeWeightedAverage"))

    @resolver
    def covered_seconds(self) -> NumberColumn:
        """For how many seconds of each bucket a value held; average timeWeightedAverage over buckets by this weight.

        Without buckets it is 0.
        """
        return NumberColumn(self._numbers("coveredSeconds"))

    @resolver
    def increase(self) -> NumberColumn:
        """How much a counter counted in each bucket, in its unit: from the last value before the bucket to its last value.

        Right where the counter begins again at its modulus, is set back or replaced. What was counted in an outage belongs
        to the bucket in which the next value came, so all buckets add up. Null of a point that is no counter, and where no value came.
        """
        return NumberColumn(self._numbers("increase"))

    @resolver
    def rate(self) -> NumberColumn:
        """The increase of each bucket an hour (of kWh: kW), over the time between the values that it was counted from.

        So it is right after an outage and in the bucket that still fills. Null as `increase`, and of a single first value.
        """
        return NumberColumn(self._numbers("rate"))

    @resolver
    def restarts(self) -> CountColumn:
        """How often the counter was set back in each bucket (a reset, another meter); from then on it was counted from 0."""
        return CountColumn(self._numbers("restarts"))

    @resolver
    def state_seconds(self) -> NumberColumn:
        """For how many seconds of each bucket the value was in `state`, as each value holds (see timeWeightedAverage).

        Exact: rollups whose values are all in the state, or all out of it, are taken whole, the others looked at down to the
        readings. Where those are erased, a minute counts by its average; a switch stays exact. Empty without `state`.
        """
        return NumberColumn(self._numbers("stateSeconds"))

    @resolver
    def starts(self) -> CountColumn:
        """How often the value came into `state` in each bucket: a value in it after one that was not. Empty without `state`."""
        return CountColumn(self._numbers("starts"))

    @resolver
    def standard_deviation(self) -> NumberColumn:
        """How far the values of each bucket lie around their average (of the population, each reading counts the same)."""
        return NumberColumn(self._numbers("standardDeviation"))

    @resolver
    def percentiles(self) -> list[SeriesPercentile]:
        """A column for each of the `percentiles` that were asked for, in their order; empty without."""
        return [
            SeriesPercentile(percent=float(name.removeprefix("percentile ")), value=NumberColumn(column))
            for name, column in self.history.columns.items()
            if name.startswith("percentile ")
        ]

    @resolver
    def shift(self) -> TextColumn:
        """The name of each bucket's shift, with the calendar SHIFT; null between shifts. Empty with others."""
        return TextColumn(self.history.names)

    @resolver
    def min(self) -> NumberColumn:
        """The lowest value in each bucket."""
        return NumberColumn(self._numbers("min"))

    @resolver
    def max(self) -> NumberColumn:
        """The highest value in each bucket."""
        return NumberColumn(self._numbers("max"))

    @resolver
    def first(self) -> NumberColumn:
        """The first value in each bucket."""
        return NumberColumn(self._numbers("first"))

    @resolver
    def last(self) -> NumberColumn:
        """The last value in each bucket."""
        return NumberColumn(self._numbers("last"))

    @resolver
    def count(self) -> CountColumn:
        """How many readings with a value are in each bucket; average `value` over buckets by value × count."""
        return CountColumn(self._numbers("count"))

    @resolver
    def good(self) -> NumberColumn:
        """Which share of the readings in each bucket was good, 0 to 1."""
        return NumberColumn(self._numbers("good"))

    @resolver
    def quality(self) -> QualityColumn:
        """The quality code of each reading, the worst of each bucket; null where an outage begins."""
        codes, marks = self._numbers("quality"), self.history.marks
        if marks is None:
            return QualityColumn(codes)
        return QualityColumn(
            [None if mark else code for code, mark in zip(codes.tolist(), marks.tolist(), strict=True)]
        )

    @resolver
    def text(self) -> TextColumn:
        """The text of each, for a string point: stored when it changed; and all digits of integers beyond 2^53.

        Empty where all are numbers.
        """
        return TextColumn(self.history.texts)

    @resolver
    def value_name(self) -> TextColumn:
        """What the value of each reading is called, or of each bucket in which it was the same; null without a name.

        Empty where no value of the point has a name.
        """
        return TextColumn([self.names.get(value) for value in self.history.settled()] if self.names else [])

    def _numbers(self, name: str) -> NDArray[np.generic]:
        return self.history.columns.get(name, np.empty(0))


@output_type
class Series:
    """The history of one point."""

    point: Point = field(description="The point.")
    source: SeriesSource = field(description="What it is made of.")
    bucket: Duration | None = field(
        description="How long a bucket is, `PT15M`; null when each row is one reading. Where the clock changes one may be shorter or longer."
    )
    from_: datetime = field(
        name="from", description="Its beginning, inclusive; with buckets, where the first one begins."
    )
    to: datetime = field(description="Its end, exclusive; with buckets, where the last one ends.")
    open_from: datetime | None = field(
        description="Where the bucket begins that is not over and will change; null when none is open."
    )
    truncated: bool = field(
        description="Whether it was cut off at maxPoints: go on at continueFrom. Only raw readings and texts are."
    )
    continue_from: datetime | None = field(description="The `from` that goes on where this ends; null at the end.")
    count: int = field(description="Number of rows, without those that only mark an outage.")
    gaps: list[SeriesGap] = field(description="Where data are missing.")
    percentile_source: SeriesSource | None = field(
        description="What percentiles are made of: the readings, where at most 10,000 are expected that are there still, or where buckets "
        "are not made of hours; else the sketches that hours and days keep, within 2.5 % of the readings' ranks. Null without percentiles."
    )
    history: strawberry.Private[History]

    @classmethod
    def of(cls, point: Point, history: History) -> "Series":
        """Make it of what was read."""
        return cls(
            point=point,
            source=SeriesSource(history.level),
            bucket=None if history.bucket is None else Duration(history.bucket),
            from_=history.starts,
            to=history.ends,
            open_from=history.open_from,
            truncated=history.next is not None,
            continue_from=history.next,
            count=len(history.times) - (0 if history.marks is None else int(history.marks.sum())),
            percentile_source=SeriesSource(history.percentiles_of) if history.percentiles_of else None,
            gaps=[SeriesGap(from_=gap.start, to=gap.end) for gap in history.gaps],
            history=history,
        )

    @resolver
    def columns(self) -> SeriesColumns:
        """The series as columns: the cheap way."""
        return SeriesColumns(history=self.history, names=self.point.names)

    @resolver
    def samples(
        self,
        first: Annotated[int, argument("How many, at most 10,000.")] = 1000,
        after: Annotated[str | None, argument("Go on after this cursor.")] = None,
    ) -> SamplePage:
        """The series as objects, without rows that only mark an outage: the convenient way."""
        return page_of(self.history, self.point.names, first, after)


_MaxPoints: TypeAlias = Annotated[
    int | None,
    argument(
        "Most rows for each point, 10,000 when left out. Where more readings are to be expected, they come in "
        "buckets. All points together have at most 1,000,000."
    ),
]
_Bucket: TypeAlias = Annotated[
    Duration | None,
    argument("How long a bucket is: PT10S, PT15M, PT8H, P1D, P1W, P1M, P3M, P1Y; chosen by itself when left out."),
]
_Origin: TypeAlias = Annotated[
    datetime | None,
    argument(
        "A moment at which a bucket begins: with PT8H and 2026-01-01T06:00:00+01:00 shifts begin at 6, 14 and 22 "
        "o'clock in Europe/Berlin, in summer too. Midnight when left out, of a Monday, or of the first of January."
    ),
]
_Calendar: TypeAlias = Annotated[
    Calendar | None,
    argument(
        "Buckets by the calendar of the site, in its time zone, instead of `bucket`, `timeZone` and `origin`: shifts, "
        "weeks, fiscal years, as they are configured."
    ),
]
_State: TypeAlias = Annotated[
    str | None,
    argument(
        "What `stateSeconds` and `starts` are about: `> 0`, `>= 5`, `1..5`, `!= 3`, a number or the name of a value, "
        "`Running`; several with commas between them, of which one must hold."
    ),
]


@strawberry.type
class SeriesQueries:
    """Queries about history."""

    @resolver
    async def series(
        self,
        info: Info,
        *,
        points: Annotated[
            list[strawberry.ID] | None, argument("These points. With those of devices and groups at most 1,000.")
        ] = None,
        devices: OfDevices = None,
        groups: OfGroups = None,
        keys: WithKeys = None,
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out.")] = None,
        max_points: _MaxPoints = None,
        bucket: _Bucket = None,
        time_zone: Annotated[
            str, argument("Whose hours, days, weeks, months and years buckets are, as Europe/Berlin.")
        ] = "UTC",
        origin: _Origin = None,
        calendar: _Calendar = None,
        state: _State = None,
        percentiles: Annotated[
            list[float] | None, argument("Percentiles of each bucket, 0 (the lowest) to 100 (the highest), at most 10.")
        ] = None,
        raw: Annotated[
            bool,
            argument("Each reading as it was stored, never in buckets; what is beyond maxPoints is cut off and said."),
        ] = False,
    ) -> list[Series]:
        """The history of points: as they are given, then those of devices and groups, by device."""
        span = HistorySpan.checked(
            max(1, len(points or ())), from_, to,
            most=max_points, bucket=bucket, time_zone=time_zone, origin=origin, raw=raw, calendar=calendar,
        )  # fmt: skip
        names = selected_names(info)
        asked_for = _checked(names, state, percentiles, raw=raw)
        found = await chosen(info.context.database, points, devices, groups, keys)
        span = span.shared_by(len(found), max_points)
        pay_for(info.context, len(found), priced_points(points, devices, groups, keys), span.rows)
        if "samples" in names:
            names |= {"value", "min", "max", "count", "quality"}
        if "valueName" in names:
            names |= {"value", "min", "max"}
        asked = Asked(
            states=states_of(state, found) if state is not None and names & OF_STATES else {}, percents=asked_for
        )
        histories = await read(info.context.database, found, span, DATABASE_NAMES.keys() & names, asked)
        now = datetime.now(UTC)
        for point in found:
            histories[point.number].find_gaps(point, now)
        return [Series.of(point, histories[point.number]) for point in found]


def _checked(
    names: frozenset[str], state: str | None, percentiles: list[float] | None, *, raw: bool
) -> tuple[float, ...]:
    """Return the percents that are to be found, or raise what does not fit together."""
    if raw and (asked := [name for name in OF_BUCKETS if name in names]):
        raise DdmsError(Code.INVALID, Sentence("raw readings have no {}: leave out `raw`", asked[0]), field="raw")
    if state is None and (asked := sorted(names & OF_STATES)):
        sentence = Sentence('{} needs a state: `state: "> 0"`, or the name of a value', asked[0])
        raise DdmsError(Code.INVALID, sentence, field="state")
    if percentiles is None and "percentiles" in names:
        raise DdmsError(Code.INVALID, "say which percentiles: `percentiles: [50, 95]`", field="percentiles")
    percents = tuple(dict.fromkeys(percentiles or ()))
    if len(percents) > MOST_PERCENTILES or not all(0 <= percent <= 100 for percent in percents):
        sentence = Sentence("percentiles are 0 to 100, at most {}", MOST_PERCENTILES)
        raise DdmsError(Code.INVALID, sentence, field="percentiles")
    return percents if "percentiles" in names else ()
