"""The statements of an export: PostgreSQL writes each line as it stands in the file, Python passes bytes on.

A line is one text column, copied as CSV whose delimiter and quote stand in no line; its own quotes are written by the
statement. So times and numbers are formatted where that is cheapest, and no cell is quoted twice. How a cell is written, as CSV or as
that of a worksheet, is `writing`'s.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from api.export.choice import Dialect, ExportChoice, FileShape
from api.export.plan import ANNOTATED, Exported, ExportPlan
from api.export.workbook import Heading
from api.export.writing import Writing, writing_of
from api.ground.database import Statements
from api.readings.measures import Measure
from api.readings.states import state_of
from ddms.languages import ENGLISH, Product, language_named
from ddms.quality import Reason

COPY = {"format": "csv", "delimiter": "\x02", "quote": "\x01", "escape": "\x01", "encoding": "utf-8"}
_CELLS_AT_ONCE = 500_000

FIRST_BUCKET = """-- ddms:first_bucket
SELECT * FROM bucket_starts($1::text::interval, $2, $3, $5, $5::timestamptz + interval '1 microsecond', $4)
"""
RAW_LINES = """-- ddms:export_raw
SELECT {time} || $4::text || {number} || {text} || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, value, quality FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""
TEXT_LINES = """-- ddms:export_texts
SELECT {time} || $4::text || {text} || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, text, quality FROM texts WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""
LEVEL_LINES = """-- ddms:export_level
SELECT {time} || $4::text || {numbers} || {between} || {text} || CASE worst WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[worst + 1], '') END
  FROM (SELECT b.time AS moment, array[average, lowest, highest, first, last, count, good, weighted, covered, increase, rate, restarts, deviation, s.in_state, s.entered]
               || {percentiles} AS numbers, b.name, worst
          FROM series_buckets($1, $2, $3, $7::text::interval, $8, $9, $11, $10) b {more} ORDER BY b.time) r
"""
ANNOTATION_LINES = f"""-- ddms:export_annotations
SELECT {{line}}
  FROM (SELECT a.starts_at AS moment, a.ends_at, d.name AS device, p.key AS point, g.name AS in_group, a.text, a.created_by
          FROM (SELECT * FROM {ANNOTATED}) a LEFT JOIN devices d ON d.id = a.device_id LEFT JOIN points p ON p.id = a.point_id
          LEFT JOIN groups g ON g.id = a.group_id ORDER BY a.starts_at, a.id) r
"""  # noqa: S608 - constants are put in
WITHOUT_STATES = "CROSS JOIN (SELECT NULL::float8 AS in_state, NULL::int AS entered) s"
STATES = """LEFT JOIN (SELECT time, in_state, entered FROM series_buckets({point}, $2, $3, {buckets}, '{{in_state,entered}}', {calendar}, {lows}, {highs})) s ON s.time = b.time"""
# A percentile is none where the bucket has no value.
PERCENTILES = """LEFT JOIN (SELECT t.time, ARRAY(SELECT unnest(p.found[t.n:t.n])) AS found
                  FROM series_percentiles({points}, $2, $3, {buckets}, {calendar}, {shares}) p CROSS JOIN LATERAL unnest(p.times) WITH ORDINALITY AS t (time, n)) q ON q.time = b.time"""
FOUND = "coalesce(q.found, array_fill(NULL::float8, array[cardinality({shares})]))"
WIDE_LINES = """-- ddms:export_wide
SELECT {time} || $4::text || {numbers}
  FROM {grid} AS r (moment) CROSS JOIN unnest($1::int[]) WITH ORDINALITY AS w (id, place)
  LEFT JOIN {cells} AS c (point_id, moment, value) ON c.point_id = w.id AND c.moment = r.moment
 GROUP BY r.moment ORDER BY r.moment
"""
GRID = "generate_series($2::timestamptz, $3::timestamptz - interval '1 microsecond', $5::interval)"
GRID_OF_BUCKETS = "(SELECT * FROM bucket_starts($5::text::interval, $6, $7, $2, $3, $8) AS starts WHERE starts >= $2)"
RAW_CELLS = """(SELECT DISTINCT ON (point_id, moment) point_id, date_bin($5::interval, time, '2000-01-01Z') AS moment, value
           FROM readings WHERE point_id = any($1::int[]) AND time >= $2 AND time < $3 ORDER BY point_id, moment, time DESC)"""
# The text of an integer beyond 2^53 is stored when it changes: the newest of then, in the cell after the value.
DIGITS = """CASE WHEN abs(r.value) >= 9007199254740992 * least(1, abs((SELECT scale FROM points WHERE id = $1))) THEN coalesce(
       (SELECT text FROM texts t WHERE t.point_id = $1 AND t.time <= r.moment ORDER BY t.time DESC LIMIT 1), '') ELSE '' END"""
# What a value is called, in the same cell; $7 has the names as cells.
NAMES = "coalesce($7::jsonb ->> (r.value + 0)::text, {digits})"
BUCKET_CELLS = """(SELECT p.point_id, b.time, {value} FROM point_holds p
          CROSS JOIN LATERAL series_buckets(p.point_id, $2, $3, $5::text::interval, $6, $7, {wanted}::text[], $8) b
          WHERE p.point_id = any($1::int[]))"""

ANNOTATION_COLUMNS = ("from", "to", "device", "point", "group", "text", "created_by")
LABELS = ("device", "point", "name", "unit")
RAW_COLUMNS = ("time", *LABELS, "value", "text", "quality", "reason")
LEVEL_COLUMNS = (
    "time", *LABELS, "average", "lowest", "highest", "first", "last", "count", "good", "time_weighted_average", "covered_seconds",
    "increase", "rate", "restarts", "standard_deviation", "state_seconds", "starts", "shift", "quality", "reason",
)  # fmt: skip

TITLES = {
    "time": "Time",
    "utc_offset": "Offset from UTC",
    "from": "From|of an export",
    "to": "To|of an export",
    "device": "Device",
    "point": "Point",
    "group": "Group",
    "name": "Name|of an export",
    "unit": "Unit",
    "value": "Value",
    "text": "Text",
    "created_by": "Created by",
    "average": "Average",
    "lowest": "Lowest",
    "highest": "Highest",
    "first": "First",
    "last": "Last",
    "count": "Number of values",
    "good": "Share of good readings",
    "time_weighted_average": "Time-weighted average",
    "covered_seconds": "Covered (s)",
    "increase": "Increase",
    "rate": "Rate (per hour)",
    "restarts": "Restarts",
    "standard_deviation": "Standard deviation",
    "percentile": "Percentile",
    "state_seconds": "In state (s)",
    "starts": "Starts of the state",
    "shift": "Shift",
    "quality": "Quality",
    "reason": "Reason",
}
"""What the columns are called for people."""


class Statement(NamedTuple):
    """One statement with its parameters; its rows are lines."""

    sql: str
    parameters: tuple[Any, ...]


def columns(plan: ExportPlan) -> list[Heading]:
    """Return the columns of a file, as its readers see them."""
    choice, points = plan.choice, plan.points
    wide = {
        name: max(len(getattr(point, at)) for point in points)
        for name, at in zip(LABELS, ("device", "key", "name", "unit"), strict=True)
    }
    wide |= {"time": 24, "from": 24, "to": 24, "text": 30}
    language = language_named(choice.language or ENGLISH)
    found = []
    for name in _names(plan):
        known, _, percent = name.partition("_") if name.startswith("percentile_") else (name, "", "")
        title = name
        if choice.language and known in TITLES:
            title = f"{language.text(Product.PAGES, TITLES[known])} {percent}".rstrip()
        found.append(Heading(title, min(60, max(wide.get(name, 0), len(title)) + 2)))
    return found


def _over(plan: ExportPlan) -> str:
    """Return what the column of all points together is called."""
    choice, unit = plan.choice, plan.points[0].unit
    measure = f"{choice.measure.name.lower()} of " if choice.measure else ""
    unit = "" if choice.measure is Measure.COUNT else f"{unit}/h" if choice.measure is Measure.RATE else unit
    assert choice.over  # noqa: S101 - else there is no such column
    return f"{choice.over.name.lower()} of {measure}{plan.title}" + (f" [{unit}]" if unit else "")


def _names(plan: ExportPlan) -> list[str]:
    choice, points = plan.choice, plan.points
    times = writing_of(choice).time_columns
    if choice.shape is FileShape.WIDE:
        return [*times, *([_over(plan)] if choice.over else wide_names(points))]
    if choice.shape is FileShape.ANNOTATIONS:
        return ["from", *times[1:], *ANNOTATION_COLUMNS[1:]]
    return [*times, *(level_columns(choice) if choice.length else RAW_COLUMNS)[1:]]


def level_columns(choice: ExportChoice) -> tuple[str, ...]:
    """Return the columns of buckets in the long shape."""
    percentiles = [f"percentile_{percent:g}" for percent in choice.percentiles]
    return (*LEVEL_COLUMNS[:-3], *percentiles, *LEVEL_COLUMNS[-3:])


def header(plan: ExportPlan) -> bytes:
    """Return the first line of a CSV file."""
    writing = writing_of(plan.choice)
    line = writing.between.join(writing.cell(column.title) for column in columns(plan)) + "\n"
    return line.encode("utf-8-sig" if plan.choice.dialect is Dialect.SPREADSHEET else "utf-8")


def wide_names(points: Sequence[Exported]) -> list[str]:
    """Return what the columns of the wide shape are called: device, point and unit."""
    return [f"{p.device} / {p.key}" + (f" [{p.unit}]" if p.unit else "") for p in points]


def _ends(writing: Writing, *before: str) -> list[str]:
    """Return what follows a value, by quality code: the cells `before` it, the quality and the reason."""
    known = {reason.value: (reason.quality.value, reason.label) for reason in Reason} | {0: ("good", "")}
    told = [known.get(code, ("bad", "")) for code in range(max(known) + 1)]
    return [writing.cells(*before, *words) + writing.end for words in told]


def _labels(writing: Writing, point: Exported, *more: str) -> str:
    return writing.cells(point.device, point.key, point.name, point.unit, *more) + writing.between


def buckets_of(plan: ExportPlan) -> tuple[str | None, str, datetime | None, str | None]:
    """Return how long the buckets are, whose they are, and where they count from; and the calendar, which says all that by itself."""
    return plan.choice.length, plan.choice.timezone, plan.choice.origin, plan.choice.calendar


def state_of_point(plan: ExportPlan, point: Exported) -> tuple[list[float], ...]:
    """Return the ranges of the state that is looked for, as two parameters; none where none is."""
    if not plan.choice.state:
        return ()
    state = state_of(plan.choice.state, point.value_names, f"{point.device} / {point.key}")
    return [*state.lows], [*state.highs]


def wanted_of(point: Exported) -> list[str]:
    """Return what is asked of the buckets of a point."""
    return [*_OF_ALL, *(_OF_COUNTERS if point.is_counter else ())]


_OF_ALL = (
    "average",
    "lowest",
    "highest",
    "first",
    "last",
    "count",
    "good",
    "worst",
    "weighted",
    "covered",
    "deviation",
)
_OF_COUNTERS = ("increase", "rate", "restarts")


async def statements(plan: ExportPlan, database: Statements) -> Iterator[Statement]:
    """Return the statements whose lines, one after the other, are the file."""
    choice = plan.choice
    if choice.shape is FileShape.LONG:
        return _levels(plan) if choice.length else _raw(plan)
    if choice.shape is FileShape.ANNOTATIONS:
        return _annotations(plan)
    starts = plan.grid_start
    if choice.length:
        starts = await database.value(FIRST_BUCKET, *buckets_of(plan), choice.from_)
    return _wide(plan, starts)


def _raw(plan: ExportPlan) -> Iterator[Statement]:
    choice, writing = plan.choice, writing_of(plan.choice)
    time, between = writing.time("r.moment"), f"'{writing.between}'"
    for point in plan.points:
        span = (point.number, choice.from_, choice.to)
        if point.is_text:
            sql, ends = TEXT_LINES.format(time=time, text=writing.text("r.text")), _ends(writing)
            yield Statement(sql, (*span, _labels(writing, point, ""), ends[0], ends))
            continue
        text, ends, more = "''", _ends(writing, ""), []
        if point.is_long or point.value_names:
            text = writing.digits(DIGITS if point.is_long else "''")
            ends = _ends(writing)
        if point.value_names:
            text = NAMES.format(digits=text)
            more = [{f"{value:.0f}": writing.cell(name) for value, name in point.value_names.items()}]
        if text != "''":
            text = f"{between} || {text}"
        sql = RAW_LINES.format(time=time, number=writing.number("r.value"), text=text)
        yield Statement(sql, (*span, _labels(writing, point), ends[0], ends, *more))


def _levels(plan: ExportPlan) -> Iterator[Statement]:
    choice, writing = plan.choice, writing_of(plan.choice)
    sql = LEVEL_LINES.format(
        time=writing.time("r.moment"),
        numbers=writing.numbers("r.numbers"),
        between=f"'{writing.between}'",
        text=writing.text("r.name"),
        **beside(choice, point="$1", points="array[$1::int]", buckets=("$7::text::interval, $8, $9", "$10"), first=12),
    )
    ends = _ends(writing)
    for point in plan.points:
        span, labels = (point.number, choice.from_, choice.to), _labels(writing, point)
        yield Statement(
            sql, (*span, labels, ends[0], ends, *buckets_of(plan), wanted_of(point), *asked_of(plan, point))
        )


def beside(choice: ExportChoice, *, point: str, points: str, buckets: tuple[str, str], first: int) -> dict[str, str]:
    """Return what is put beside the buckets of a point, and the percentiles; `first` is the place of what `asked_of` returns."""
    grid, calendar = buckets
    more, found = WITHOUT_STATES, "'{}'::float8[]"
    if choice.state:
        lows, highs = f"${first}", f"${first + 1}"
        more = STATES.format(point=point, buckets=grid, calendar=calendar, lows=lows, highs=highs)
    if choice.percentiles:
        shares = f"${first + 2 * bool(choice.state)}::float8[]"
        more += " " + PERCENTILES.format(points=points, buckets=grid, calendar=calendar, shares=shares)
        found = FOUND.format(shares=shares)
    return {"more": more, "percentiles": found}


def asked_of(plan: ExportPlan, point: Exported) -> tuple[list[float], ...]:
    """Return the parameters of the state that is looked for, and of percentiles; none where there are none."""
    shares = ([percent / 100 for percent in plan.choice.percentiles],) if plan.choice.percentiles else ()
    return (*state_of_point(plan, point), *shares)


def _annotations(plan: ExportPlan) -> Iterator[Statement]:
    choice, writing = plan.choice, writing_of(plan.choice)
    texts = [writing.text(f"r.{name}") for name in ("device", "point", "in_group", "text", "created_by")]
    cells = [writing.time("r.moment"), writing.later("r.ends_at"), *texts]
    line = f" || '{writing.between}' || ".join(cells) + f" || '{writing.end}'"
    numbers = [point.number for point in plan.points]
    yield Statement(ANNOTATION_LINES.format(line=line), (numbers, choice.from_, choice.to))


def _cells(choice: ExportChoice) -> str:
    if choice.measure:
        return BUCKET_CELLS.format(value=f"b.{choice.measure}::float8", wanted=f"'{{{choice.measure}}}'")
    usual = "CASE WHEN p.counter THEN '{increase}' ELSE '{average}' END"
    return BUCKET_CELLS.format(value="coalesce(b.increase, b.average)", wanted=usual)


def _wide(plan: ExportPlan, starts: datetime) -> Iterator[Statement]:
    choice, writing = plan.choice, writing_of(plan.choice)
    grid, cells = (GRID_OF_BUCKETS, _cells(choice)) if choice.length else (GRID, RAW_CELLS)
    step = buckets_of(plan) if choice.length else (plan.step,)
    together = f"array[{choice.over}(summable(c.value))]" if choice.over else "array_agg(c.value ORDER BY w.place)"
    numbers = writing.numbers(together) + f" || '{writing.end}'"
    sql = WIDE_LINES.format(time=writing.time("r.moment"), numbers=numbers, grid=grid, cells=cells)
    points = [point.number for point in plan.points]
    for begin, end in _slices(plan, starts):
        yield Statement(sql, (points, begin, end, writing.between, *step))


def _slices(plan: ExportPlan, starts: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut the range so that PostgreSQL sorts a part at a time."""
    length = plan.step * max(1, _CELLS_AT_ONCE // len(plan.points))
    while starts < plan.choice.to:
        yield starts, min(starts + length, plan.choice.to)
        starts += length
