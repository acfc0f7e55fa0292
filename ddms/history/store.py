"""Readings of a file into the database: each batch in one transaction with how far the file is, rollups and `latest` with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ddms.database import Connection
from ddms.history.points import Points
from ddms.history.rows import READINGS, Rows
from ddms.storing import READ_ROLLED_UP, copy, note_minutes
from ddms.storing import rows as packed
from ddms.stream import to_datetime, to_microseconds

_DAY = 86_400_000_000
_LISTED = 5

MAKE_IMPORTED = """-- ddms:make_imported
CREATE TEMPORARY TABLE IF NOT EXISTS imported (time timestamptz, point_id int, value float8, quality smallint) ON COMMIT DELETE ROWS
"""
# An import touches many chunks and the planner must see which, so no generic plans; and no limit to what is unpacked.
PREPARE = "-- ddms:prepare_import\nSELECT set_config('plan_cache_mode', 'force_custom_plan', false), set_config('client_connection_check_interval', '5s', false)"
UNPACK = "-- ddms:unpack_without_limit\nSELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true) WHERE compression_available()"
READ_COMPLETE = "-- ddms:read_complete_minutes\nSELECT complete FROM rollup_levels WHERE place = 1"
NOTE_DAYS = "-- ddms:note_late_days\nSELECT note_late_days($1::int[], $2::timestamptz[])"
IS_ANY_THERE = """-- ddms:is_any_there
SELECT EXISTS (SELECT FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS w (point, first, last)
                CROSS JOIN LATERAL (SELECT FROM readings r WHERE r.point_id = w.point AND r.time BETWEEN w.first AND w.last AND r.time BETWEEN $4 AND $5 LIMIT 1) found)
"""
COMPARE = """-- ddms:compare_imported
SELECT i.point_id, i.time, i.value, i.quality, r.value AS stored, r.quality AS stored_quality, (i.value, i.quality) IS DISTINCT FROM (r.value, r.quality) AS differs
  FROM imported i JOIN readings r ON r.point_id = i.point_id AND r.time = i.time WHERE r.point_id = any($3::int[]) AND r.time BETWEEN $1 AND $2
"""
COUNT_THERE = f"""-- ddms:count_there
SELECT count(*) AS there, count(*) FILTER (WHERE differs) AS differing FROM ({COMPARE.partition(chr(10))[2]}) c
"""  # noqa: S608 - a constant
LIST_DIFFERING = f"""-- ddms:list_differing
SELECT * FROM ({COMPARE.partition(chr(10))[2]}) c WHERE differs ORDER BY time LIMIT {_LISTED}
"""  # noqa: S608 - a constant
ADD_IMPORTED = """-- ddms:add_imported
INSERT INTO readings (time, point_id, value, quality) SELECT time, point_id, value, quality FROM imported ON CONFLICT DO NOTHING
"""
REPLACE_IMPORTED = """-- ddms:replace_imported
INSERT INTO readings AS r (time, point_id, value, quality) SELECT time, point_id, value, quality FROM imported
    ON CONFLICT (point_id, time) DO UPDATE SET value = excluded.value, quality = excluded.quality
 WHERE (excluded.value, excluded.quality) IS DISTINCT FROM (r.value, r.quality)
"""
TEXTS_THERE = """-- ddms:texts_there
SELECT count(*) AS there, count(*) FILTER (WHERE (i.text, i.quality) IS DISTINCT FROM (t.text, t.quality)) AS differing
  FROM unnest($1::timestamptz[], $2::int[], $3::text[], $4::smallint[]) AS i (time, point_id, text, quality)
  JOIN texts t ON t.point_id = i.point_id AND t.time = i.time
"""
ADD_TEXTS = """-- ddms:add_imported_texts
INSERT INTO texts AS t (time, point_id, text, quality) SELECT * FROM unnest($1::timestamptz[], $2::int[], $3::text[], $4::smallint[])
    ON CONFLICT (point_id, time) DO UPDATE SET text = excluded.text, quality = excluded.quality
 WHERE $5 AND (excluded.text, excluded.quality) IS DISTINCT FROM (t.text, t.quality)
"""
RENEW_LATEST = """-- ddms:renew_latest_by_import
INSERT INTO latest AS l (time, point_id, value, quality, text)
SELECT * FROM unnest($1::timestamptz[], $2::int[], $3::float8[], $4::smallint[], $5::text[])
    ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value, quality = excluded.quality, text = excluded.text
 WHERE l.time < excluded.time OR ($6 AND l.time = excluded.time)
"""
EXPIRED_TEXTS = """-- ddms:note_expired_texts
UPDATE retention_state k SET dirty_from = least(k.dirty_from, w.first), changes = k.changes + 1
  FROM (SELECT p.device_id, min(date_bin('1 day', u.time, '2000-01-01Z')) AS first FROM unnest($1::int[], $2::timestamptz[]) AS u (point_id, time)
          JOIN points p ON p.id = u.point_id GROUP BY 1) w
 WHERE k.device_id = w.device_id AND k.source = 'texts' AND w.first < k.erased_before
"""
TELL_IMPORT = """-- ddms:tell_import
SELECT pg_notify(channel('ddms_replays'), json_build_object('collector', NULL, 'sequence', 0, 'first', $1::timestamptz, 'last', $2::timestamptz)::text)
"""
ROLL_UP_DAY = "-- ddms:roll_up_late_days\nSELECT roll_up_late_days()"
COUNT_LATE_DAYS = "-- ddms:count_late_days\nSELECT count(DISTINCT day) FROM rollup_late_days"


@dataclass(kw_only=True)
class Stored:
    """What became of a batch: new readings, those that were there already, and those among them with another value."""

    new: int = 0
    there: int = 0
    differing: int = 0
    replaced: int = 0
    examples: list[str] = field(default_factory=list)


class Store:
    """Stores batches on one connection; to be used inside of a transaction."""

    def __init__(self, connection: Connection, points: Points, *, replace: bool) -> None:
        self._connection, self._points, self._replace = connection, points, replace

    async def prepare(self) -> None:
        """Make ready what the session needs."""
        await self._connection.execute(MAKE_IMPORTED)
        await self._connection.fetchrow(PREPARE)

    async def add(self, rows: Rows, *, dry: bool = False) -> Stored:
        """Store rows, sorted by point and time and each once; `dry` only says what would become of them."""
        if not len(rows):
            return Stored()
        await self._connection.fetchrow(UNPACK)
        rolled_up_to: datetime = await self._connection.fetchval(READ_ROLLED_UP)
        kinds = np.array([target.is_text for target in self._points.targets], bool)[rows.targets]
        only_texts = kinds | rows.no_number
        numbers, texts = rows.where(~only_texts), self._texts(rows, only_texts)
        stored, readings = Stored(), self._readings(numbers)
        if len(readings):
            stored = await self._numbers(readings, dry=dry)
        if len(texts):
            await self._add_texts(texts, stored, kinds, dry=dry)
        if not dry and stored.new + stored.replaced:
            await self._note(readings, rolled_up_to)
            await self._renew_latest(rows, texts, kinds)
            first, last = to_datetime(int(np.min(rows.times))), to_datetime(int(np.max(rows.times)))
            await self._connection.fetchval(TELL_IMPORT, first, last)
        return stored

    def _readings(self, rows: Rows) -> NDArray[Any]:
        readings = np.empty(len(rows), READINGS)
        numbers = np.array([target.number for target in self._points.targets], np.int64)
        readings["point_id"], readings["time"] = numbers[rows.targets], rows.times
        readings["value"], readings["quality"] = rows.values, rows.codes
        return readings

    async def _numbers(self, readings: NDArray[Any], *, dry: bool) -> Stored:
        """Copy right away where nothing is stored yet: that is several times as fast."""
        connection, whole = self._connection, packed(readings)
        first, last = to_datetime(int(readings["time"].min())), to_datetime(int(readings["time"].max()))
        if not await connection.fetchval(IS_ANY_THERE, *_spans(readings), first, last):
            try:
                if not dry:
                    async with connection.transaction():
                        await copy(connection, "readings", whole)
                return Stored(new=len(readings))
            except asyncpg.UniqueViolationError:
                pass  # somebody stored one just now
        await connection.execute("-- ddms:empty_imported\nTRUNCATE imported")
        await copy(connection, "imported", whole)
        points = np.unique(readings["point_id"]).tolist()
        found = await connection.fetchrow(COUNT_THERE, first, last, points)
        stored = Stored(new=len(readings) - found["there"], there=found["there"], differing=found["differing"])
        if stored.differing:
            stored.examples = [
                self._differing(row) for row in await connection.fetch(LIST_DIFFERING, first, last, points)
            ]
        if not dry:
            changed = await self._insert()
            if self._replace:
                stored.replaced = changed - stored.new
            else:
                stored.new, stored.there = changed, len(readings) - changed
        return stored

    async def _insert(self) -> int:
        status: str = await self._connection.execute(REPLACE_IMPORTED if self._replace else ADD_IMPORTED)
        return int(status.rpartition(" ")[2])

    def _differing(self, row: Any) -> str:
        name = next(target.name for target in self._points.targets if target.number == row["point_id"])
        told = [
            f"{'none' if value is None else value} ({quality})"
            for value, quality in ((row["stored"], row["stored_quality"]), (row["value"], row["quality"]))
        ]
        return f"{name} at {row['time']:%Y-%m-%dT%H:%M:%S.%fZ}: stored is {told[0]}, the file has {told[1]}"

    def _texts(self, rows: Rows, only: NDArray[np.bool_]) -> list[tuple[datetime, int, str | None, int]]:
        """Return the texts of string points, and the digits of large integers."""
        if rows.texts is None:
            return []
        chosen = rows.where(only | rows.has_text)
        numbers = [self._points.targets[target].number for target in chosen.targets.tolist()]
        times = map(to_datetime, chosen.times.tolist())
        assert chosen.texts is not None  # noqa: S101 - as of the rows
        return list(zip(times, numbers, chosen.texts.tolist(), chosen.codes.tolist(), strict=True))

    async def _add_texts(
        self, texts: Sequence[tuple[Any, ...]], stored: Stored, kinds: NDArray[Any], *, dry: bool
    ) -> None:
        columns = [list(column) for column in zip(*texts, strict=True)]
        found = await self._connection.fetchrow(TEXTS_THERE, *columns)
        changed = len(texts) - found["there"]
        if not dry:
            status: str = await self._connection.execute(ADD_TEXTS, *columns, self._replace)
            changed = int(status.rpartition(" ")[2])
            await self._connection.execute(EXPIRED_TEXTS, columns[1], columns[0])
        if kinds.any():  # else they are the digits of numbers, which are counted already
            new = len(texts) - found["there"]
            stored.new, stored.there = stored.new + new, stored.there + found["there"]
            stored.differing += found["differing"]
            stored.replaced += max(0, changed - new)

    async def _note(self, readings: NDArray[Any], rolled_up_to: datetime) -> None:
        """Say what is to be rolled up again: days that are over as a whole, the running one by minutes."""
        complete = to_microseconds(await self._connection.fetchval(READ_COMPLETE)) // _DAY * _DAY
        past = readings["time"] < complete
        if past.any():
            days = readings["time"][past] // _DAY * _DAY
            once = np.unique(np.stack([readings["point_id"][past], days], axis=1), axis=0)
            await self._connection.fetchval(
                NOTE_DAYS, once[:, 0].tolist(), [to_datetime(day) for day in once[:, 1].tolist()]
            )
        await note_minutes(self._connection, readings[~past], rolled_up_to)

    async def _renew_latest(self, rows: Rows, texts: Sequence[tuple[Any, ...]], kinds: NDArray[Any]) -> None:
        rows = rows.where(kinds | ~rows.no_number)
        points = np.array([target.number for target in self._points.targets], np.int64)[rows.targets]
        newest = np.flatnonzero(np.append(points[1:] != points[:-1], True))[: len(points)]
        numbers, times = points[newest].tolist(), [to_datetime(time) for time in rows.times[newest].tolist()]
        values = [None if np.isnan(value) else value for value in rows.values[newest].tolist()]
        said = {(time, number): text for time, number, text, _ in texts}
        words = [said.get(key) for key in zip(times, numbers, strict=True)]
        codes = rows.codes[newest].tolist()
        await self._connection.execute(RENEW_LATEST, times, numbers, values, codes, words, self._replace)


def _spans(readings: NDArray[Any]) -> tuple[list[int], list[datetime], list[datetime]]:
    """Return of each point when its first and its last reading is; they are sorted."""
    points, first = np.unique(readings["point_id"], return_index=True)
    last = np.append(first[1:], len(readings)) - 1
    times = [[to_datetime(time) for time in readings["time"][place].tolist()] for place in (first, last)]
    return points.tolist(), *times
