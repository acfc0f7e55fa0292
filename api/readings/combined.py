"""`combined`: one series over many points (the sum of pumps 1 to 8), and one divided by another, made by the database."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, input_type, output_type, resolver
from api.graphql.scalars import CountColumn, Duration, NumberColumn, TextColumn, TimeColumn
from api.ground import columns
from api.ground.buckets import NO_SHIFTS, Calendar
from api.ground.database import Database
from api.ground.prices import priced_points
from api.points.types import Point
from api.readings.chosen import chosen, pay_for
from api.readings.history import HAS_SHIFTS, MOST_ROWS, HistorySpan
from api.readings.measures import Measure, Over
from api.readings.states import State, states_of
from ddms.errors import Code, DdmsError, Sentence

MOST_TERMS, MOST_RATIOS = 10, 10
_OF_STATES = {Measure.STATE_SECONDS, Measure.STARTS}
_OF_COUNTERS = {Measure.INCREASE, Measure.RATE}
_WITHOUT_UNIT = {Measure.COUNT, Measure.STARTS}


@input_type
class CombinedTerm:
    """Points of which one series is made."""

    name: str = field(description="What it is called in the answer, and in `ratios`.")
    points: list[strawberry.ID] | None = field(default=None, description="These points.")
    devices: list[strawberry.ID] | None = field(default=None, description="The points of these devices.")
    groups: list[strawberry.ID] | None = field(default=None, description="The points of the devices in these groups.")
    keys: list[str] | None = field(
        default=None, description="Of devices and groups only the points with these keys; alone, those of all devices."
    )
    take: Measure = field(default=Measure.TIME_WEIGHTED_AVERAGE, description="What is taken of each point.")
    over: Over = field(default=Over.SUM, description="How the points become one.")
    state: str | None = field(
        default=None, description="What STATE_SECONDS and STARTS are about: `> 0`, `1..5`, the name of a value."
    )


@input_type
class CombinedRatio:
    """One term divided by another, bucket by bucket."""

    name: str = field(description="What it is called in the answer.")
    divide: str = field(description="The name of the term above the line.")
    by: str = field(description="The name of the term below it.")
    times: float = field(default=1.0, description="What the quotient is multiplied with: 100 for percent.")
    unit: str | None = field(default=None, description="Its unit; made of the two units when left out.")


@output_type
class CombinedValues:
    """A column of values: a term, or a ratio."""

    name: str = field(description="As it was asked for.")
    unit: str = field(description="Its unit.")
    value: NumberColumn = field(description="The value of each bucket; null where there is none.")
    points: CountColumn = field(
        description="Of how many points each value is made: fewer than the term has, where some had none. Of a ratio those below the line."
    )
    reason: TextColumn = field(
        description="Why a value is null: `no value` (of any point), `division by zero`, or `out of range`; else null."
    )


@output_type
class Combined:
    """Series of several points each, on the same buckets."""

    bucket: Duration = field(description="How long a bucket is; of shifts the longest.")
    time: TimeColumn = field(description="Where each bucket begins.")
    until: TimeColumn = field(description="Where each ends.")
    shift: TextColumn = field(description="The name of each bucket's shift, with the calendar SHIFT; else empty.")
    values: list[CombinedValues] = field(description="The terms as they were asked for, then the ratios.")


class _Term(NamedTuple):
    """A term whose points are known."""

    name: str
    unit: str
    take: Measure
    over: Over
    states: dict[State | None, list[int]]


_TERM = """term_{n} AS (
    SELECT v.time, {over}(summable(v.value)) AS value, count(v.value)::int AS points
      FROM ({series}) s CROSS JOIN LATERAL unnest(s.times, s.{take}) AS v (time, value)
     WHERE v.value::float8 <> 'NaN' GROUP BY v.time)"""
_SERIES = "SELECT times, {take} FROM series({points}, $1, $2, 1000000, $3::text::interval, $4, '{{{take}}}', $5, $6, {lows}, {highs})"
_NO_VALUE = "CASE WHEN {0}.value IS NULL THEN 'no value' END"
_RATIO = """CASE WHEN abs({0}.value) < 1e150 AND abs({1}.value) BETWEEN 1e-100 AND 1e150 THEN {2} * ({0}.value / {1}.value) END"""
_NO_RATIO = """CASE WHEN {0}.value IS NULL OR {1}.value IS NULL THEN 'no value' WHEN {1}.value = 0 THEN 'division by zero'
              WHEN NOT (abs({0}.value) < 1e150 AND abs({1}.value) BETWEEN 1e-100 AND 1e150) THEN 'out of range' END"""


_COMBINED = """-- ddms:read_combined history
WITH calendar AS (SELECT coalesce(c.step, $3::text::interval) AS step, coalesce(c.time_zone, $4) AS zone FROM (SELECT) o LEFT JOIN calendar_grid($6) c ON $6 IS NOT NULL),
grid AS (SELECT time, coalesce(lead(time) OVER (ORDER BY time), time + step) AS until, step, zone
           FROM calendar CROSS JOIN bucket_starts($3::text::interval, $4, $5, $1, $2::timestamptz + step + interval '1 day', $6) AS time),
{terms}
SELECT max(g.step)::text AS bucket, array_send(array_agg(g.time ORDER BY g.time)) AS time, array_send(array_agg(g.until ORDER BY g.time)) AS until,
       CASE WHEN $6 = 'shift' THEN array_agg((SELECT p.name FROM shift_spans(g.zone, g.time, g.time + interval '1 second') p WHERE p.starts = g.time) ORDER BY g.time) END AS names, {arrays}
  FROM grid g {joins} WHERE g.time < $2"""


def _statement(terms: Sequence[_Term], ratios: Sequence[CombinedRatio]) -> tuple[str, list[Any]]:
    """Return the statement, and its parameters after the six of the span; names of callers stand in neither."""
    places, parameters, parts, cells = {term.name: f"term_{n}" for n, term in enumerate(terms)}, [], [], []

    def placed(value: Any, kind: str) -> str:
        parameters.append(value)
        return f"${6 + len(parameters)}::{kind}"

    for n, term in enumerate(terms):
        series = " UNION ALL ".join(
            _SERIES.format(
                take=term.take,
                points=placed(numbers, "int[]"),
                lows=placed(state and [*state.lows], "float8[]"),
                highs=placed(state and [*state.highs], "float8[]"),
            )
            for state, numbers in term.states.items()
        )
        parts.append(_TERM.format(n=n, over=term.over, take=term.take, series=series))
        cells.append((f"term_{n}.value", f"term_{n}.points", _NO_VALUE.format(f"term_{n}")))
    for ratio in ratios:
        above, below = places[ratio.divide], places[ratio.by]
        factor = placed(ratio.times, "float8")
        cells.append((_RATIO.format(above, below, factor), f"{below}.points", _NO_RATIO.format(above, below)))
    arrays = ", ".join(
        f"array_send(array_agg(coalesce({value}, 'NaN') ORDER BY g.time)), array_send(array_agg(coalesce({points}, 0) ORDER BY g.time)), array_agg({reason} ORDER BY g.time)"
        for value, points, reason in cells
    )
    joins = " ".join(f"LEFT JOIN term_{n} ON term_{n}.time = g.time" for n in range(len(terms)))
    return _COMBINED.format(terms=", ".join(parts), arrays=arrays, joins=joins), parameters


@strawberry.type
class CombinedQueries:
    """Queries about many points as one."""

    @resolver
    async def combined(
        self,
        info: Info,
        *,
        of: Annotated[list[CombinedTerm], argument("The terms, at most 10, of at most 1,000 points together.")],
        ratios: Annotated[list[CombinedRatio] | None, argument("Terms divided by each other, at most 10.")] = None,
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out.")] = None,
        bucket: Annotated[Duration | None, argument("How long a bucket is: PT15M, PT8H, P1D, P1W, P1M, P1Y.")] = None,
        time_zone: Annotated[str, argument("Whose days, weeks, months and years buckets are.")] = "UTC",
        origin: Annotated[datetime | None, argument("A moment at which a bucket begins.")] = None,
        calendar: Annotated[
            Calendar | None, argument("Buckets by the calendar of the site, instead of `bucket`.")
        ] = None,
    ) -> Combined:
        """Series over many points: sum, mean, lowest and highest of them in each bucket; and one divided by another.

        All of it is made in the database. Points of different units are refused: a sum of kW and °C is nothing.
        """
        if (bucket is None) == (calendar is None):
            raise DdmsError(Code.INVALID, "give `bucket` or `calendar`: how long the buckets are", field="bucket")
        span = HistorySpan.checked(
            1,
            from_,
            to,
            most=MOST_ROWS,
            bucket=bucket,
            time_zone=time_zone,
            origin=origin,
            raw=False,
            calendar=calendar,
        )
        ratios = ratios or []
        _check_names(of, ratios)
        database = info.context.database
        if calendar is Calendar.SHIFT and not await database.value(HAS_SHIFTS):
            raise DdmsError(Code.INVALID, NO_SHIFTS, field="calendar")
        terms, count = [], 0
        for term in of:
            found = await chosen(database, term.points, term.devices, term.groups, term.keys)
            pay_for(
                info.context, len(found), priced_points(term.points, term.devices, term.groups, term.keys), span.rows
            )
            terms.append(_term(term, found))
            count += len(found)
        if count * span.rows > MOST_ROWS:
            sentence = Sentence("{} points in {} buckets are too many: at most {:,} values are put together", count, span.rows, MOST_ROWS)  # fmt: skip
            raise DdmsError(Code.INVALID, sentence, field="bucket")
        return await _read(database, span, terms, ratios)


async def _read(
    database: Database, span: HistorySpan, terms: Sequence[_Term], ratios: Sequence[CombinedRatio]
) -> Combined:
    sql, parameters = _statement(terms, ratios)
    buckets = (span.bucket, span.time_zone, span.origin, span.calendar)
    row = await database.row(sql, span.start, span.end, *buckets, *parameters)
    assert row is not None  # noqa: S101 - an aggregate has one row
    units = {term.name: term.unit for term in terms}
    named = [(term.name, term.unit) for term in terms]
    named += [(ratio.name, _unit_of(ratio, units)) for ratio in ratios]
    cells = [*row.values()][4:]
    return Combined(
        bucket=Duration(row["bucket"]),
        time=TimeColumn(columns.microseconds(row["time"]) // 1000),
        until=TimeColumn(columns.microseconds(row["until"]) // 1000),
        shift=TextColumn(row["names"] or []),
        values=[
            CombinedValues(
                name=name,
                unit=unit,
                value=NumberColumn(columns.numbers(cells[3 * n])),
                points=CountColumn(columns.integers(cells[3 * n + 1])),
                reason=TextColumn(cells[3 * n + 2]),
            )
            for n, (name, unit) in enumerate(named)
        ],
    )


def _check_names(terms: Sequence[CombinedTerm], ratios: Sequence[CombinedRatio]) -> None:
    if not 1 <= len(terms) <= MOST_TERMS:
        raise DdmsError(Code.INVALID, Sentence("give 1 to {} terms", MOST_TERMS), field="of")
    if len(ratios) > MOST_RATIOS:
        raise DdmsError(Code.INVALID, Sentence("at most {} ratios", MOST_RATIOS), field="ratios")
    called = [*(term.name for term in terms), *(ratio.name for ratio in ratios)]
    [(name, times)] = Counter(called).most_common(1)
    if times > 1:
        raise DdmsError(Code.INVALID, Sentence("two are called {!r}: give each its own name", name[:40]), field="of")
    known = {term.name for term in terms}
    for ratio in ratios:
        for name in (ratio.divide, ratio.by):
            if name not in known:
                sentence = Sentence("no term is called {!r}: there are {}", name[:40], ", ".join(sorted(known)))
                raise DdmsError(Code.INVALID, sentence, field="ratios")
        if not abs(ratio.times) < 1e100:
            raise DdmsError(Code.INVALID, "`times` is a number below 1e100", field="ratios")


def _term(term: CombinedTerm, points: list[Point]) -> _Term:
    """Return a term, or raise what its points cannot give."""
    if texts := [point.id for point in points if point.data_type.is_text]:
        raise DdmsError(Code.INVALID, Sentence("{} is a text: it cannot be put together with others", texts[0]), field="of")  # fmt: skip
    if term.take in _OF_COUNTERS and (others := [point.id for point in points if not point.counter]):
        sentence = Sentence("{} is no counter: it has no increase (`counter: true` makes it one)", others[0])
        raise DdmsError(Code.INVALID, sentence, field="of")
    if term.take in _OF_STATES and term.state is None:
        sentence = Sentence('{} needs a state: `state: "> 0"`, or the name of a value', term.take.name)
        raise DdmsError(Code.INVALID, sentence, field="of")
    units = sorted({point.unit for point in points})
    if len(units) > 1 and term.take not in _OF_STATES | _WITHOUT_UNIT:
        told = ", ".join(unit or "none" for unit in units[:5])
        sentence = Sentence("the points of {!r} have different units ({}): put together what has one, by `keys`", term.name[:40], told)  # fmt: skip
        raise DdmsError(Code.INVALID, sentence, field="of")
    unit = "" if term.take in _WITHOUT_UNIT else "s" if term.take is Measure.STATE_SECONDS else units[0]
    if term.take is Measure.RATE:
        unit = f"{unit}/h"
    states: dict[State | None, list[int]] = {None: [point.number for point in points]}
    if term.state is not None and term.take in _OF_STATES:
        states = dict(states_of(term.state, points).items())
    return _Term(term.name, unit, term.take, term.over, states)


def _unit_of(ratio: CombinedRatio, units: dict[str, str]) -> str:
    if ratio.unit is not None:
        return ratio.unit
    above, below = units[ratio.divide], units[ratio.by]
    if above == below:
        return ""
    return f"{above or '1'}/{below}" if below else above
