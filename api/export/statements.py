"""The statements of an export: PostgreSQL writes each line as it stands in the file, Python passes bytes on.

A line is one text column, copied as CSV whose delimiter and quote stand in no line; its own quotes are written by the
statement. So times and numbers are formatted where that is cheapest, and no cell is quoted twice.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from api.export.choice import Dialect, FileShape
from api.export.plan import ANNOTATED, Exported, ExportPlan
from api.files.spreadsheet import FORMULA, defused
from api.ground.database import Statements
from api.readings.states import state_of
from ddms.quality import Reason

COPY = {"format": "csv", "delimiter": "\x02", "quote": "\x01", "escape": "\x01", "encoding": "utf-8"}
_CELLS_AT_ONCE = 500_000

FIRST_BUCKET = """-- ddms:first_bucket
SELECT * FROM bucket_starts($1::text::interval, $2, $3, $5, $5::timestamptz + interval '1 microsecond', $4)
"""
RAW_LINES = """-- ddms:export_raw
SELECT {time} || $4::text || coalesce(r.value::text, '') || {digits} || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, value, quality FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""
# Control characters would end a line or a cell.
_TEXT_CELL = f"""coalesce('"' || replace(regexp_replace(regexp_replace({{text}}, '[[:cntrl:]]+', ' ', 'g'),
         '{FORMULA.replace("'", "''")}', '\\1''\\2', 'g'), '"', '""') || '"', '')"""
TEXT_LINES = f"""-- ddms:export_texts
SELECT {{time}} || $4::text || {_TEXT_CELL.format(text="r.text")}
       || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, text, quality FROM texts WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""  # noqa: S608 - only the rule of formulas is put in
LEVEL_LINES = f"""-- ddms:export_level
SELECT {{time}} || $4::text || array_to_string(array[average, lowest, highest, first, last, count, good, weighted, covered, increase, rate, restarts, deviation, in_state, entered], $7::text, '')
       || $7::text || {_TEXT_CELL.format(text="r.name")} || CASE worst WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[worst + 1], '') END
  FROM (SELECT b.time AS moment, b.time, average, lowest, highest, first, last, count, good, weighted, covered, increase, rate, restarts, deviation, s.in_state, s.entered, b.name, worst
          FROM series_buckets($1, $2, $3, $8::text::interval, $9, $10, $12, $11) b {{states}} ORDER BY b.time) r
"""  # noqa: S608 - only the rule of formulas is put in
ANNOTATION_LINES = f"""-- ddms:export_annotations
SELECT {{time}} || $4::text || coalesce({{end}}, '') || $4::text
       || {" || $4::text || ".join(_TEXT_CELL.format(text=f"r.{name}") for name in ("device", "point", "in_group", "text", "created_by"))}
  FROM (SELECT a.starts_at AS moment, a.ends_at, d.name AS device, p.key AS point, g.name AS in_group, a.text, a.created_by
          FROM (SELECT * FROM {ANNOTATED}) a LEFT JOIN devices d ON d.id = a.device_id LEFT JOIN points p ON p.id = a.point_id
          LEFT JOIN groups g ON g.id = a.group_id ORDER BY a.starts_at, a.id) r
"""  # noqa: S608 - constants are put in
WITHOUT_STATES = "CROSS JOIN (SELECT NULL::float8 AS in_state, NULL::int AS entered) s"
STATES = """LEFT JOIN (SELECT time, in_state, entered FROM series_buckets({point}, $2, $3, {buckets}, '{{in_state,entered}}', {calendar}, {lows}, {highs})) s ON s.time = b.time"""
WIDE_LINES = """-- ddms:export_wide
SELECT {time} || $4::text || array_to_string(array_agg(c.value ORDER BY w.place), $4::text, '')
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
# What a value is called, in the same cell; $8 has the names as cells.
NAMES = "coalesce($8::jsonb ->> (r.value + 0)::text, {digits})"
BUCKET_CELLS = """(SELECT p.point_id, b.time, coalesce(b.increase, b.average) FROM point_holds p
          CROSS JOIN LATERAL series_buckets(p.point_id, $2, $3, $5::text::interval, $6, $7, CASE WHEN p.counter THEN '{increase}' ELSE '{average}' END::text[], $8) b
          WHERE p.point_id = any($1::int[]))"""

_TIMES = {
    Dialect.STANDARD: "to_json(r.moment)::text",
    Dialect.SPREADSHEET: "(r.moment::timestamp(3))::text",
}
ANNOTATION_COLUMNS = ("from", "to", "device", "point", "group", "text", "created_by")
LABELS = ("device", "point", "name", "unit")
RAW_COLUMNS = ("time", *LABELS, "value", "text", "quality", "reason")
LEVEL_COLUMNS = (
    "time", *LABELS, "average", "lowest", "highest", "first", "last", "count", "good", "time_weighted_average", "covered_seconds",
    "increase", "rate", "restarts", "standard_deviation", "state_seconds", "starts", "shift", "quality", "reason",
)  # fmt: skip


class Statement(NamedTuple):
    """One statement with its parameters; its rows are lines."""

    sql: str
    parameters: tuple[Any, ...]


def cell(text: str, delimiter: str) -> str:
    """Write a text as a cell of CSV in which no spreadsheet sees a formula."""
    text = re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text)
    text = defused(text)
    return '"' + text.replace('"', '""') + '"' if set(text) & {'"', ",", ";", "|", delimiter} else text


def header(plan: ExportPlan) -> bytes:
    """Return the first line of the file."""
    choice, delimiter = plan.choice, plan.choice.delimiter.character
    names = [*(LEVEL_COLUMNS if choice.length else RAW_COLUMNS)]
    if choice.shape is FileShape.WIDE:
        names = ["time", *wide_names(plan.points)]
    elif choice.shape is FileShape.ANNOTATIONS:
        names = [*ANNOTATION_COLUMNS]
    line = delimiter.join(cell(name, delimiter) for name in names) + "\n"
    return line.encode("utf-8-sig" if choice.dialect is Dialect.SPREADSHEET else "utf-8")


def wide_names(points: Sequence[Exported]) -> list[str]:
    """Return what the columns of the wide shape are called: device, point and unit."""
    return [f"{p.device} / {p.key}" + (f" [{p.unit}]" if p.unit else "") for p in points]


def _ends(delimiter: str, before: int) -> list[str]:
    """Return what follows a value, by quality code: the empty cells `before` it, the quality and the reason."""
    known = {reason.value: f"{reason.quality}{delimiter}{reason.label}" for reason in Reason}
    unknown = f"bad{delimiter}"
    ends = [delimiter * before + known.get(code, unknown) for code in range(max(known) + 1)]
    ends[0] = delimiter * before + f"good{delimiter}"
    return ends


def _labels(point: Exported, delimiter: str, after: int = 1) -> str:
    names = (point.device, point.key, point.name, point.unit)
    return delimiter + delimiter.join(cell(name, delimiter) for name in names) + delimiter * after


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
    choice, delimiter, time = plan.choice, plan.choice.delimiter.character, _TIMES[plan.choice.dialect]
    for point in plan.points:
        sql = TEXT_LINES if point.is_text else RAW_LINES
        labels = _labels(point, delimiter, 2 if point.is_text else 1)
        named = bool(point.value_names) and not point.is_text
        ends = _ends(delimiter, 1 if point.is_text or point.is_long or named else 2)
        digits = DIGITS if point.is_long else "''"
        more: tuple[Any, ...] = (delimiter,) if point.is_long or named else ()
        if named:
            digits = NAMES.format(digits=digits)
            more = (delimiter, {f"{value:.0f}": cell(name, delimiter) for value, name in point.value_names.items()})
        sql = sql.format(time=time, digits=f"$7::text || {digits}" if more else "''")
        yield Statement(sql, (point.number, choice.from_, choice.to, labels, ends[0], ends, *more))


def _levels(plan: ExportPlan) -> Iterator[Statement]:
    choice, delimiter = plan.choice, plan.choice.delimiter.character
    places = {"point": "$1", "buckets": "$8::text::interval, $9, $10", "calendar": "$11", "lows": "$13", "highs": "$14"}
    states = STATES.format(**places) if choice.state else WITHOUT_STATES
    sql = LEVEL_LINES.format(time=_TIMES[choice.dialect], states=states)
    ends = _ends(delimiter, 1)
    for point in plan.points:
        span = (point.number, choice.from_, choice.to)
        yield Statement(
            sql,
            (
                *span,
                _labels(point, delimiter),
                ends[0],
                ends,
                delimiter,
                *buckets_of(plan),
                wanted_of(point),
                *state_of_point(plan, point),
            ),
        )


def _annotations(plan: ExportPlan) -> Iterator[Statement]:
    choice, time = plan.choice, _TIMES[plan.choice.dialect]
    sql = ANNOTATION_LINES.format(time=time, end=time.replace("moment", "ends_at"))
    numbers = [point.number for point in plan.points]
    yield Statement(sql, (numbers, choice.from_, choice.to, choice.delimiter.character))


def _wide(plan: ExportPlan, starts: datetime) -> Iterator[Statement]:
    choice, delimiter = plan.choice, plan.choice.delimiter.character
    grid, cells = (GRID_OF_BUCKETS, BUCKET_CELLS) if choice.length else (GRID, RAW_CELLS)
    step = buckets_of(plan) if choice.length else (plan.step,)
    sql = WIDE_LINES.format(time=_TIMES[choice.dialect], grid=grid, cells=cells)
    numbers = [point.number for point in plan.points]
    for begin, end in _slices(plan, starts):
        yield Statement(sql, (numbers, begin, end, delimiter, *step))


def _slices(plan: ExportPlan, starts: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut the range so that PostgreSQL sorts a part at a time."""
    length = plan.step * max(1, _CELLS_AT_ONCE // len(plan.points))
    while starts < plan.choice.to:
        yield starts, min(starts + length, plan.choice.to)
        starts += length
