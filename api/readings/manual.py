"""Readings that people write: of a meter without a line, or of a time in which nothing was read.

They are stored as an import stores its own (`ddms.history`), so that rollups, `latest` and retention hear of them; what a
device told is never replaced.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from api.ground import audit
from api.ground.actor import Actor
from api.ground.database import Row, Statements
from api.ground.ids import IdKind, to_id
from ddms import inputs
from ddms.errors import Code, DdmsError, Mistakes, Sentence
from ddms.history.judge import judge
from ddms.history.points import Points
from ddms.history.rows import Rows
from ddms.history.store import Store
from ddms.quality import Reason
from ddms.registers import DataType
from ddms.stream import to_microseconds

MOST_READINGS, MOST_AUDITED = 1_000, 100
FIND_WRITABLE = """-- ddms:find_writable_points
SELECT p.id, p.key, p.data_type, p.unit, p.valid_min, p.valid_max, d.id AS device_id, d.name AS device, d.retention_days, c.before
  FROM points p JOIN devices d ON d.id = p.device_id JOIN retention_cuts(now()) c ON c.device_id = d.id AND c.source = 'readings'
 WHERE p.id = any($1::int[]) AND d.deleted_at IS NULL
"""
# Those that are there at these times and were not written by people.
FIND_TOLD = """-- ddms:find_told_readings
SELECT w.place FROM unnest($1::int[], $2::timestamptz[]) WITH ORDINALITY AS w (point_id, time, place)
 WHERE EXISTS (SELECT FROM readings r WHERE r.point_id = w.point_id AND r.time = w.time AND r.quality <> $3)
    OR EXISTS (SELECT FROM texts t WHERE t.point_id = w.point_id AND t.time = w.time AND t.quality <> $3)
"""
MAKE_IMPORTED = """-- ddms:make_imported_once
CREATE TEMPORARY TABLE imported (time timestamptz, point_id int, value float8, quality smallint) ON COMMIT DROP
"""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A reading that somebody writes."""

    point: int
    time: datetime
    value: float | None
    text: str | None
    unit: str | None


async def write(
    everything: Statements, found: Sequence[Row], actor: Actor, readings: Sequence[Written], *, replace: bool
) -> tuple[int, int]:
    """Store readings of points that were `found` for the caller; return how many are new or other, and how many were there.

    All mistakes are raised at once, each with its place: `readings.2.value`.
    """
    rows, points = _checked(found, readings)
    await _check_told(everything, readings)
    await everything.connection.execute(MAKE_IMPORTED)
    stored = await Store(everything.connection, points, replace=replace).add(rows)
    if stored.differing and not replace:
        sentence = "another value was written for one of these times: `replace: true` puts this one in its place"
        raise DdmsError(Code.CONFLICT, sentence, field="readings")
    written = stored.new + stored.replaced
    if written:
        await _record(everything, actor, readings)
    return written, len(readings) - written


def _checked(found: Sequence[Row], readings: Sequence[Written]) -> tuple[Rows, Points]:
    points, by_number = Points(found), {row["id"]: row for row in found}
    places = points.places([(to_id(IdKind.POINT, number),) for number in by_number])
    place_of = dict(zip(by_number, places.tolist(), strict=True))
    mistakes = [
        one for place, reading in enumerate(readings) for one in _wrong(place, reading, by_number.get(reading.point))
    ]
    seen: dict[tuple[int, datetime], int] = {}
    for place, reading in enumerate(readings):
        if seen.setdefault((reading.point, reading.time), place) != place:
            mistakes.append(
                _mistake(place, "time", Sentence("this point has a reading at this time already, further up"))
            )
    _raise(mistakes)
    rows = Rows(
        lines=np.arange(len(readings)),
        targets=np.array([place_of[one.point] for one in readings], np.int64),
        times=np.array([to_microseconds(one.time) for one in readings], np.int64),
        values=np.array([math.nan if one.value is None else one.value for one in readings]),
        codes=np.full(len(readings), Reason.MANUAL, np.int16),
        texts=np.array([one.text for one in readings], object)
        if any(one.text is not None for one in readings)
        else None,
    )
    judged = judge(rows, points, take_expired=False, newest_wins=False)
    _raise([_mistake(one.line, "time", one.sentence) for one in judged.mistakes])
    return judged.rows, points


def _wrong(place: int, reading: Written, point: Row | None) -> Iterable[DdmsError]:
    """Give what is wrong with a reading by itself."""
    if point is None:
        sentence = Sentence("there is no {} {}: it may have been deleted", "point", to_id(IdKind.POINT, reading.point))
        yield DdmsError(Code.NOT_FOUND, sentence, field=f"readings.{place}.point")
        return
    if reading.unit is not None and reading.unit != point["unit"]:
        yield _mistake(place, "unit", Sentence("the unit of {} is {!r}", point["key"], point["unit"]))
    kind = DataType(point["data_type"])
    if kind.is_text:
        if reading.text is None or reading.value is not None:
            yield _mistake(place, "text", Sentence("{} is a text: give `text` and no value", point["key"]))
        else:
            yield from _text(place, reading.text)
    elif reading.value is None or reading.text is not None:
        yield _mistake(place, "value", Sentence("{} is a number: give `value` and no text", point["key"]))
    elif unfit := _unfit(reading.value, kind, point):
        yield _mistake(place, "value", unfit)


def _text(place: int, text: str) -> Iterable[DdmsError]:
    try:
        inputs.text(text)
    except ValueError as error:
        yield _mistake(place, "text", error.args[0])


def _unfit(value: float, kind: DataType, point: Row) -> Sentence | None:
    if not math.isfinite(value):
        return Sentence("write a finite number")
    if kind in {DataType.BOOL, DataType.BIT} and value not in {0.0, 1.0}:
        return Sentence("{} is a switch: write 0 or 1", point["key"])
    low, high = point["valid_min"], point["valid_max"]
    if (low is not None and value < low) or (high is not None and value > high):
        return Sentence(
            "{} is outside the valid range of {}: {} to {}",
            value,
            point["key"],
            "-∞" if low is None else low,
            "∞" if high is None else high,
        )
    return None


def _mistake(place: int, name: str, sentence: str) -> DdmsError:
    return DdmsError(Code.INVALID, sentence, field=f"readings.{place}.{name}")


def _raise(mistakes: Sequence[DdmsError]) -> None:
    if mistakes:
        raise Mistakes(mistakes[:20], count=len(mistakes))


async def _check_told(everything: Statements, readings: Sequence[Written]) -> None:
    columns = [one.point for one in readings], [one.time for one in readings]
    rows = await everything.rows(FIND_TOLD, *columns, Reason.MANUAL.value)
    _raise(
        [
            DdmsError(
                Code.CONFLICT,
                "the device told a reading at this time, which stays",
                field=f"readings.{row['place'] - 1}.time",
            )
            for row in rows
        ]
    )


async def _record(everything: Statements, actor: Actor, readings: Sequence[Written]) -> None:
    for number, of_point in groupby(sorted(readings, key=lambda one: (one.point, one.time)), key=lambda one: one.point):
        each = list(of_point)
        told: list[Any] = [
            [one.time.isoformat(), one.value if one.text is None else one.text] for one in each[:MOST_AUDITED]
        ]
        await audit.record(
            everything,
            actor,
            "reading.write",
            to_id(IdKind.POINT, number),
            after={"count": len(each), "readings": told},
        )
