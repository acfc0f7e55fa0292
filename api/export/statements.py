"""The statements of an export: PostgreSQL writes each line as it stands in the file, Python passes bytes on.

A line is one text column, copied as CSV whose delimiter and quote stand in no line; its own quotes are written by the
statement. So times and numbers are formatted where that is cheapest, and no cell is quoted twice.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from api.export.choice import Dialect, FileShape, Level
from api.export.plan import Exported, ExportPlan
from api.files.spreadsheet import FORMULA, defused
from api.ground.database import Statements
from ddms.quality import Reason

COPY = {"format": "csv", "delimiter": "\x02", "quote": "\x01", "escape": "\x01", "encoding": "utf-8"}
_CELLS_AT_ONCE = 500_000

PLACE_OF_DAYS = """-- ddms:place_of_days
SELECT series_place('1 day', $1, $2, $3) AS place, bucket_start($2, '1 day', $1) AS starts
"""
RAW_LINES = """-- ddms:export_raw
SELECT {time} || $4::text || coalesce(r.value::text, '') || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, value, quality FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""
# Control characters would end a line or a cell.
TEXT_LINES = f"""-- ddms:export_texts
SELECT {{time}} || $4::text || coalesce('"' || replace(regexp_replace(regexp_replace(r.text, '[[:cntrl:]]+', ' ', 'g'),
         '{FORMULA.replace("'", "''")}', '\\1''\\2', 'g'), '"', '""') || '"', '')
       || CASE r.quality WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[r.quality + 1], '') END
  FROM (SELECT time AS moment, text, quality FROM texts WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""  # noqa: S608 - only the rule of formulas is put in
LEVEL_LINES = """-- ddms:export_level
SELECT {time} || $4::text || array_to_string(array[sum / nullif(count, 0), min, max, first, last, count, good::float8 / total], $7::text, '')
       || CASE worst WHEN 0 THEN $5::text ELSE coalesce(($6::text[])[worst + 1], '') END
  FROM (SELECT bucket AS moment, b.* FROM {buckets} b ORDER BY bucket) r
"""
BUCKETS = "(SELECT * FROM readings_{level} WHERE point_id = any($1::int[]) AND bucket >= $2 AND bucket < $3)"
DAYS = """(SELECT point_id, bucket_start(bucket, '1 day', {zone}) AS bucket, sum(total)::int AS total, sum(good)::int AS good, sum(count)::int AS count,
                  sum(sum) AS sum, min(min) AS min, max(max) AS max, (array_agg(first ORDER BY bucket) FILTER (WHERE count > 0))[1] AS first,
                  (array_agg(last ORDER BY bucket DESC) FILTER (WHERE count > 0))[1] AS last, max(worst) AS worst
             FROM readings_{level} WHERE point_id = any($1::int[]) AND bucket >= $2 AND bucket < $3 GROUP BY 1, 2)"""
WIDE_LINES = """-- ddms:export_wide
SELECT {time} || $4::text || array_to_string(array_agg(c.value ORDER BY w.place), $4::text, '')
  FROM {grid} AS r (moment) CROSS JOIN unnest($1::int[]) WITH ORDINALITY AS w (id, place)
  LEFT JOIN {cells} AS c (point_id, moment, value) ON c.point_id = w.id AND c.moment = r.moment
 GROUP BY r.moment ORDER BY r.moment
"""
GRID = "generate_series($2::timestamptz, $3::timestamptz - interval '1 microsecond', $5::interval)"
GRID_OF_DAYS = """(SELECT day AT TIME ZONE $6 FROM generate_series($2::timestamptz AT TIME ZONE $6,
        ($3::timestamptz AT TIME ZONE $6) - interval '1 microsecond', $5::interval) AS day)"""
RAW_CELLS = """(SELECT DISTINCT ON (point_id, moment) point_id, date_bin($5::interval, time, '2000-01-01Z') AS moment, value
           FROM readings WHERE point_id = any($1::int[]) AND time >= $2 AND time < $3 ORDER BY point_id, moment, time DESC)"""
LEVEL_CELLS = "(SELECT point_id, bucket, sum / nullif(count, 0) FROM {buckets} b)"

_TIMES = {
    Dialect.STANDARD: "to_json(r.moment)::text",
    Dialect.SPREADSHEET: "(r.moment::timestamp(3))::text",
}
LABELS = ("device", "point", "name", "unit")
RAW_COLUMNS = ("time", *LABELS, "value", "text", "quality", "reason")
LEVEL_COLUMNS = (
    "time", *LABELS, "average", "lowest", "highest", "first", "last", "count", "good", "quality", "reason",
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
    names = [*(RAW_COLUMNS if choice.level is Level.RAW else LEVEL_COLUMNS)]
    if choice.shape is FileShape.WIDE:
        names = ["time", *wide_names(plan.points)]
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


async def source_of(plan: ExportPlan, database: Statements) -> tuple[str, datetime]:
    """Return the level whose rollups make up the buckets, and where the first bucket begins."""
    choice = plan.choice
    if choice.level is not Level.DAY:
        return choice.level.value, plan.grid_start
    row = await database.row(PLACE_OF_DAYS, choice.timezone, choice.from_, choice.to)
    assert row is not None  # noqa: S101 - it has no FROM
    return ["1m", "1m", "1h", "1d"][row["place"]], row["starts"]


async def statements(plan: ExportPlan, database: Statements) -> Iterator[Statement]:
    """Return the statements whose lines, one after the other, are the file."""
    choice = plan.choice
    source, starts = await source_of(plan, database)
    if choice.shape is FileShape.WIDE:
        return _wide(plan, source, starts)
    return _raw(plan) if choice.level is Level.RAW else _levels(plan, source, starts)


def _raw(plan: ExportPlan) -> Iterator[Statement]:
    choice, delimiter, time = plan.choice, plan.choice.delimiter.character, _TIMES[plan.choice.dialect]
    for point in plan.points:
        sql = TEXT_LINES if point.is_text else RAW_LINES
        labels, ends = _labels(point, delimiter, 2 if point.is_text else 1), _ends(delimiter, 1 if point.is_text else 2)
        yield Statement(sql.format(time=time), (point.number, choice.from_, choice.to, labels, ends[0], ends))


def _levels(plan: ExportPlan, source: str, starts: datetime) -> Iterator[Statement]:
    choice, delimiter = plan.choice, plan.choice.delimiter.character
    buckets, zone = (DAYS, (choice.timezone,)) if choice.level is Level.DAY else (BUCKETS, ())
    sql = LEVEL_LINES.format(time=_TIMES[choice.dialect], buckets=buckets.format(level=source, zone="$8"))
    ends = _ends(delimiter, 1)
    for point in plan.points:
        labels = _labels(point, delimiter)
        yield Statement(sql, ([point.number], starts, choice.to, labels, ends[0], ends, delimiter, *zone))


def _wide(plan: ExportPlan, source: str, starts: datetime) -> Iterator[Statement]:
    choice, delimiter, days = plan.choice, plan.choice.delimiter.character, plan.choice.level is Level.DAY
    buckets = (DAYS if days else BUCKETS).format(level=source, zone="$6")
    cells = RAW_CELLS if choice.level is Level.RAW else LEVEL_CELLS.format(buckets=buckets)
    sql = WIDE_LINES.format(time=_TIMES[choice.dialect], grid=GRID_OF_DAYS if days else GRID, cells=cells)
    numbers = [point.number for point in plan.points]
    zone = (choice.timezone,) if days else ()
    for begin, end in _slices(plan, starts, days=days):
        yield Statement(sql, (numbers, begin, end, delimiter, plan.step, *zone))


def _slices(plan: ExportPlan, starts: datetime, *, days: bool) -> Iterator[tuple[datetime, datetime]]:
    """Cut the range so that PostgreSQL sorts a part at a time; days of a time zone are few, and not all 24 hours long."""
    length = plan.choice.to - starts if days else plan.step * max(1, _CELLS_AT_ONCE // len(plan.points))
    while starts < plan.choice.to:
        yield starts, min(starts + length, plan.choice.to)
        starts += length
