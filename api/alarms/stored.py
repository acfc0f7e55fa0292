"""Stored readings of one point, as a preview of limits compares them: as they were read, and before that in rollups."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from api.ground import columns
from api.ground.database import Row, Statements
from api.readings.series import SeriesSource
from ddms.preview import Values

MOST_READINGS = 4_000_000
"""So many readings are taken as they are, the newest; what is older comes from rollups."""
_STEP = timedelta(days=30)
_TWO_YEARS = timedelta(days=731)

READ_KEPT = """-- ddms:read_point_to_preview
SELECT p.*, now() - make_interval(days => d.retention_days) AS raw_since,
       now() - make_interval(days => greatest(c.rollup_1m_days, d.retention_days)) AS minutes_since,
       now() - make_interval(days => greatest(c.rollup_1h_days, d.retention_days)) AS hours_since
  FROM points p JOIN devices d ON d.id = p.device_id CROSS JOIN configuration c
 WHERE p.id = $1 AND d.deleted_at IS NULL
"""
READ_NEIGHBOURS = "-- ddms:read_points_of_device\nSELECT id, key FROM points WHERE device_id = $1"
READ_VALUES = """-- ddms:read_values
SELECT array_send(array_agg(time)) AS times, array_send(array_agg(value)) AS values
  FROM (SELECT time, CASE WHEN quality < 16 THEN coalesce(value, 'NaN') ELSE 'NaN' END AS value
          FROM readings WHERE point_id = $1 AND time >= $2 AND time < $3 ORDER BY time) r
"""
READ_EXTREMES = {
    source: f"""-- ddms:read_extremes
SELECT array_send(array_agg(bucket)) AS times, array_send(array_agg(coalesce(min, 'NaN'))) AS lows, array_send(array_agg(coalesce(max, 'NaN'))) AS highs
  FROM (SELECT bucket, min, max FROM rollup_{source} WHERE point_id = $1 AND bucket >= $2 AND bucket < $3 ORDER BY bucket) r
"""  # noqa: S608 - a constant is put in
    for source in (SeriesSource.MINUTES, SeriesSource.HOURS, SeriesSource.DAYS)
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the period, and what there is of it."""

    source: SeriesSource
    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Readings as they were read, and before them the lowest and highest value of each bucket."""

    parts: list[Part]
    raw: Values
    lows: Values
    highs: Values


def parts_of(row: Row, start: datetime, end: datetime) -> list[Part]:
    """Part a period by what is kept of a point: readings, and before them minutes, hours, days."""
    fast = end - timedelta(seconds=MOST_READINGS * row["interval_s"])
    begins = {
        SeriesSource.RAW: max(row["raw_since"], fast),
        SeriesSource.MINUTES: max(row["minutes_since"], end - _TWO_YEARS),
        SeriesSource.HOURS: row["hours_since"],
        SeriesSource.DAYS: start,
    }
    parts: list[Part] = []
    for source, since in begins.items():
        begin = max(start, since)
        if begin < end:
            parts.insert(0, Part(source=source, start=begin, end=end))
            end = begin
    return parts


async def read_stored(statements: Statements, number: int, parts: list[Part]) -> Stored:
    """Read them, in steps that keep neither the database nor the memory busy with all at once."""
    raw: list[Values] = []
    lows: list[Values] = []
    highs: list[Values] = []
    for part in parts:
        begin = part.start
        step = _STEP if part.source is SeriesSource.RAW else 12 * _STEP
        while begin < part.end:
            then = min(begin + step, part.end)
            if part.source is SeriesSource.RAW:
                row: Any = await statements.row(READ_VALUES, number, begin, then)
                raw.append(Values(columns.microseconds(row["times"]), columns.numbers(row["values"])))
            else:
                row = await statements.row(READ_EXTREMES[part.source], number, begin, then)
                times = columns.microseconds(row["times"])
                lows.append(Values(times, columns.numbers(row["lows"])))
                highs.append(Values(times, columns.numbers(row["highs"])))
            begin = then
    return Stored(parts=parts, raw=joined(raw), lows=joined(lows), highs=joined(highs))


def joined(parts: list[Values]) -> Values:
    """Return what follows each other as one."""
    if not parts:
        return Values(np.empty(0, np.int64), np.empty(0))
    return Values(np.concatenate([part.times for part in parts]), np.concatenate([part.values for part in parts]))
