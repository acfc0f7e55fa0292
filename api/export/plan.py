"""The points of an export, what it is called, and how large it will be."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from api.export.choice import MOST_CELLS, MOST_COLUMNS, MOST_POINTS, MOST_WIDE_ROWS, ExportChoice, FileShape, Format
from api.ground.buckets import NO_SHIFTS, Calendar, length_of
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, from_id
from api.readings.measures import Measure
from api.readings.states import state_of
from ddms.errors import Code, DdmsError, Sentence
from ddms.registers import DataType
from ddms.value_names import Lookup, lookup

FIND_EXPORTED = """-- ddms:find_exported
SELECT p.id, p.key, p.name, p.unit, p.data_type, p.interval_s, p.counter, p.value_names, d.name AS device
  FROM points p JOIN devices d ON d.id = p.device_id
 WHERE p.id = any($1::int[]) OR p.device_id = any($2::int[])
    OR p.device_id IN (SELECT m.device_id FROM device_groups m JOIN devices g ON g.id = m.device_id
                        WHERE m.group_id = any($3::int[]) AND g.deleted_at IS NULL)
 ORDER BY lower(d.name), d.id, p.register_table, p.address, p.bit NULLS FIRST, p.key LIMIT $4
"""
READ_TIME_ZONE = "-- ddms:read_time_zone\nSELECT time_zone FROM configuration"
FIND_DEVICE_NUMBERS = """-- ddms:find_device_numbers
SELECT id, lower(name) AS called, name FROM devices WHERE id = any($1::int[]) OR (lower(name) = any($2::text[]) AND deleted_at IS NULL)
"""
FIND_GROUP_NUMBERS = """-- ddms:find_group_numbers
SELECT id, lower(name) AS called, name FROM groups WHERE id = any($1::int[]) OR lower(name) = any($2::text[])
"""
HAS_SHIFTS = "-- ddms:export_has_shifts\nSELECT shifts <> '[]' FROM configuration"
# What is rolled up, and for the rest what the level below has; of tables that people with limited rights have too.
_OF_MINUTES = """SELECT point_id, bucket, total FROM rollup_1m {0}
 UNION ALL SELECT point_id, time, 1 FROM readings WHERE time >= (SELECT complete FROM rollup_levels WHERE place = 1)"""
_OF_HOURS = f"""SELECT point_id, bucket, total FROM rollup_1h {{0}}
 UNION ALL {_OF_MINUTES.format("WHERE bucket >= (SELECT complete FROM rollup_levels WHERE place = 2)")}"""  # noqa: S608 - constants
_OF_DAYS = f"""SELECT point_id, bucket, total FROM rollup_1d
 UNION ALL {_OF_HOURS.format("WHERE bucket >= (SELECT complete FROM rollup_levels WHERE place = 3)")}"""  # noqa: S608 - constants
_SOURCES = {"1m": _OF_MINUTES.format(""), "1h": _OF_HOURS.format(""), "1d": _OF_DAYS}
COUNT_RAW = """-- ddms:count_raw
SELECT coalesce(sum(total), 0)::bigint FROM ({source}) r WHERE point_id = any($1::int[]) AND bucket >= date_bin($4, $2, '2000-01-01Z') AND bucket < $3
"""
COUNT_BUCKETS = """-- ddms:count_buckets
SELECT count(DISTINCT (point_id, date_bin($4, bucket, '2000-01-01Z'))) FROM ({source}) r
 WHERE point_id = any($1::int[]) AND bucket >= date_bin($4, $2, '2000-01-01Z') AND bucket < $3
"""
# What people wrote down of some points: of themselves, their devices, the groups of these, the whole site.
ANNOTATED = """annotations a WHERE a.starts_at < $3 AND coalesce(a.ends_at, a.starts_at) >= $2
   AND (a.point_id = any($1::int[]) OR (a.device_id IS NULL AND a.group_id IS NULL)
        OR (a.point_id IS NULL AND a.device_id IN (SELECT device_id FROM points WHERE id = any($1)))
        OR a.group_id IN (SELECT m.group_id FROM points o JOIN device_groups m ON m.device_id = o.device_id WHERE o.id = any($1)))"""
COUNT_ANNOTATIONS = f"-- ddms:count_annotations_exported\nSELECT count(*) FROM {ANNOTATED}"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_ID = re.compile(r"(dev|grp|pt)_[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A point in an export."""

    number: int
    device: str
    key: str
    name: str
    unit: str
    is_text: bool
    is_long: bool
    is_counter: bool
    interval: timedelta
    value_names: Lookup

    @classmethod
    def of(cls, row: Row) -> "Exported":
        """Make it of its row."""
        return cls(
            number=row["id"],
            device=row["device"],
            key=row["key"],
            name=row["name"],
            unit=row["unit"],
            is_text=DataType(row["data_type"]).is_text,
            is_long=DataType(row["data_type"]).is_long,
            is_counter=row["counter"],
            interval=timedelta(seconds=row["interval_s"]),
            value_names=lookup(row["value_names"]),
        )


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """An export that can be made: a choice, and what it found. `step` is that of the rows of the wide shape."""

    choice: ExportChoice
    points: tuple[Exported, ...]
    title: str
    step: timedelta

    @property
    def audited(self) -> dict[str, object]:
        """What the audit says of it: which data left the house."""
        choice = self.choice
        return {
            "points": len(self.points),
            "from": choice.from_.isoformat(),
            "to": choice.to.isoformat(),
            "level": choice.calendar or choice.bucket or choice.level.value,
            "shape": choice.shape.value,
            "format": choice.format.value,
        }

    @property
    def filename(self) -> str:
        """A name that says what is in the file."""
        zone, level = self.choice.zone, self.choice.calendar or self.choice.bucket or self.choice.level
        times = [time.astimezone(zone).strftime("%Y%m%d-%H%M") for time in (self.choice.from_, self.choice.to)]
        title = re.sub(r"[^\w.-]+", "-", self.title).strip("-.")[:80] or "export"
        return f"{title}_{times[0]}_{times[1]}_{level}.{self.choice.format.ending}"

    @property
    def grid_start(self) -> datetime:
        """Where the first row of the wide shape begins, of raw readings; buckets are the database's, which knows the zone's."""
        return self.choice.from_ - (self.choice.from_ - _EPOCH) % self.step

    @property
    def wide_rows(self) -> int:
        """How many rows the wide shape has."""
        return -((self.grid_start - self.choice.to) // self.step)

    @property
    def width(self) -> int:
        """About how many columns the file has."""
        return 2 + len(self.points) if self.choice.shape is FileShape.WIDE else 24 if self.choice.length else 10

    async def rows(self, statements: Statements) -> int:
        """Return about how many rows there will be: counted in the rollups, so at once."""
        if self.choice.shape is FileShape.WIDE:
            return self.wide_rows
        numbers = [point.number for point in self.points]
        if self.choice.shape is FileShape.ANNOTATIONS:
            noted: int = await statements.value(COUNT_ANNOTATIONS, numbers, self.choice.from_, self.choice.to)
            return noted
        if not self.choice.length or self.step < timedelta(minutes=1):
            hours = self.choice.to - self.choice.from_ > timedelta(hours=6)
            source, unit = ("1h", timedelta(hours=1)) if hours else ("1m", timedelta(minutes=1))
            statement = COUNT_RAW.format(source=_SOURCES[source])
        else:
            days, hours = self.step >= timedelta(days=1), self.step >= timedelta(hours=1)
            source, unit = "1d" if days else "1h" if hours else "1m", self.step
            statement = COUNT_BUCKETS.format(source=_SOURCES[source])
        count: int = await statements.value(statement, numbers, self.choice.from_, self.choice.to, unit)
        return count


async def plan(statements: Statements, choice: ExportChoice) -> ExportPlan:
    """Find the points of a choice; what is not there, or is too much, is a `DdmsError`."""
    if choice.calendar is Calendar.SHIFT and not await statements.value(HAS_SHIFTS):
        raise DdmsError(Code.INVALID, NO_SHIFTS, field="calendar")
    if not choice.timezone:
        choice = replace(choice, timezone=await statements.value(READ_TIME_ZONE))
    named = [
        *await _numbers(statements, FIND_DEVICE_NUMBERS, IdKind.DEVICE, choice.devices),
        *await _numbers(statements, FIND_GROUP_NUMBERS, IdKind.GROUP, choice.groups),
    ]
    devices, groups = ([n for k, n, _ in named if k is kind] for kind in (IdKind.DEVICE, IdKind.GROUP))
    chosen = [from_id(IdKind.POINT, text, "point") for text in choice.points]
    rows = await statements.rows(FIND_EXPORTED, chosen, devices, groups, MOST_POINTS + 1)
    points = [Exported.of(row) for row in rows if not choice.keys or row["key"] in choice.keys]
    if missing := sorted(set(chosen) - {row["id"] for row in rows}):
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no point pt_{}: it may have been deleted", missing[0]), field="point"
        )
    if len(points) > MOST_POINTS:
        raise DdmsError(Code.INVALID, Sentence("at most {:,} points at once: ask in parts", MOST_POINTS), field="point")
    if choice.shape is FileShape.WIDE or choice.length:
        points = _numbers_only(points, chosen)
    if choice.state:
        for point in points:
            state_of(choice.state, point.value_names, f"{point.device} / {point.key}")
    if not points:
        raise DdmsError(Code.NOT_FOUND, "no points with values are among what was chosen", field="device")
    points = _measured(choice, points)
    made = _checked(choice, points, _title([name for _, _, name in named], points))
    await _check_size(statements, made)
    return made


async def _check_size(statements: Statements, made: ExportPlan) -> None:
    if made.choice.format is Format.XLSX and (about := await made.rows(statements)) * made.width > MOST_CELLS:
        sentence = Sentence(
            "about {:,} rows are more than a spreadsheet opens: a coarser level, a shorter range, or CSV", about
        )
        raise DdmsError(Code.INVALID, sentence, field="format")


def _measured(choice: ExportChoice, points: list[Exported]) -> list[Exported]:
    """Return the points that have what is taken of them, and may be put together."""
    if choice.measure in {Measure.INCREASE, Measure.RATE}:
        points = [point for point in points if point.is_counter]
    if not points:
        raise DdmsError(Code.NOT_FOUND, "no counters are among what was chosen", field="measure")
    units = sorted({point.unit for point in points})
    if choice.over and len(units) > 1 and choice.measure is not Measure.COUNT:
        told = ", ".join(unit or "none" for unit in units[:5])
        sentence = Sentence("the points have different units ({}): put together what has one, by `key`", told)
        raise DdmsError(Code.INVALID, sentence, field="over")
    return points


def _numbers_only(points: list[Exported], chosen: Sequence[int]) -> list[Exported]:
    if texts := [point.number for point in points if point.is_text and point.number in chosen]:
        sentence = Sentence("pt_{} is a text: it has a place in the long shape, of level raw", texts[0])
        raise DdmsError(Code.INVALID, sentence, field="point")
    return [point for point in points if not point.is_text]


def _checked(choice: ExportChoice, points: list[Exported], title: str) -> ExportPlan:
    length = choice.length
    step = length_of(length) if length else choice.step or min(point.interval for point in points)
    made = ExportPlan(choice=choice, points=tuple(points), title=title, step=step)
    if choice.shape is FileShape.WIDE:
        if len(points) > MOST_COLUMNS:
            sentence = Sentence(
                "{:,} points are too many columns: {:,} at most, or the long shape", len(points), MOST_COLUMNS
            )
            raise DdmsError(Code.INVALID, sentence, field="shape")
        if made.wide_rows > MOST_WIDE_ROWS:
            sentence = Sentence(
                "{:,} rows are too many: a larger step, a coarser level or a shorter range", made.wide_rows
            )
            raise DdmsError(Code.INVALID, sentence, field="step")
    return made


def _title(names: Sequence[str], points: Sequence[Exported]) -> str:
    if len(names) == 1:
        return names[0]
    devices = {point.device for point in points}
    if len(points) == 1:
        return f"{points[0].device} {points[0].key}"
    return devices.pop() if len(devices) == 1 else f"{len(points)} points"


async def _numbers(
    statements: Statements, sql: str, kind: IdKind, given: Sequence[str]
) -> list[tuple[IdKind, int, str]]:
    """Return the rows of devices or groups that were named by id or by name, each once."""
    if not given:
        return []
    ids = {text: from_id(kind, text, kind.name.lower()) for text in given if _ID.fullmatch(text)}
    names = {text: text.strip().lower() for text in given if text not in ids}
    rows = await statements.rows(sql, list(ids.values()), list(names.values()))
    found = {row["id"]: row["name"] for row in rows}
    called = {row["called"] for row in rows}
    for text in given:
        if (text in ids and ids[text] not in found) or (text in names and names[text] not in called):
            sentence = Sentence(
                "there is no {} {!r}: it may have been renamed or deleted", kind.name.lower(), text[:120]
            )
            raise DdmsError(Code.NOT_FOUND, sentence, field=kind.name.lower())
    return [(kind, number, name) for number, name in found.items()]
