"""Readings: the newest ones of many devices, and the history of some points."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import strawberry
from numpy.typing import NDArray

from api import columns
from api.context import Info
from api.database import Database, Row
from api.described import argument, describe_enum, field, output_type, resolver
from api.enums import reason_of
from api.points import LIST_POINTS, Point, Reading
from api.scalars import IdColumn, IdKind, NumberColumn, QualityColumn, TextColumn, TimeColumn, from_ids
from ddms.errors import Code, DdmsError
from ddms.quality import quality_of
from ddms.registers import DataType

MOST_ROWS = 1_000_000
MOST_SERIES = 1_000
MOST_SAMPLES = 10_000

READ_LATEST = """-- ddms:read_latest
SELECT count(*) AS count, array_send(array_agg(point_id)) AS points, array_send(array_agg(device_id)) AS devices,
       array_send(array_agg(time)) AS times, array_send(array_agg(coalesce(value, 'NaN'))) AS numbers,
       array_send(array_agg(quality)) AS qualities,
       array_agg(key) AS keys, array_agg(text) AS texts
  FROM (SELECT l.point_id, p.device_id, p.key, l.time, l.value, l.quality, l.text
          FROM latest l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id
         WHERE d.deleted_at IS NULL AND (($1::int[] IS NULL AND $2::int[] IS NULL) OR p.id = any($1) OR p.device_id = any($2))
         ORDER BY p.device_id, p.id) newest
"""
READ_SERIES = """-- ddms:read_series
SELECT wanted.id, s.count, array_send(s.times) AS times, array_send(s.numbers) AS numbers,
       array_send(s.qualities) AS qualities
  FROM unnest($1::int[]) WITH ORDINALITY AS wanted(id, place)
 CROSS JOIN LATERAL (
       SELECT count(*) AS count, array_agg(time) AS times, array_agg(value) AS numbers, array_agg(quality) AS qualities
         FROM (SELECT time, coalesce(value, 'NaN') AS value, quality FROM readings
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
 ORDER BY wanted.place
"""
READ_TEXT_SERIES = """-- ddms:read_text_series
SELECT wanted.id, s.count, array_send(s.times) AS times, NULL::bytea AS numbers, array_send(s.qualities) AS qualities, s.texts
  FROM unnest($1::int[]) WITH ORDINALITY AS wanted(id, place)
 CROSS JOIN LATERAL (
       SELECT count(*) AS count, array_agg(time) AS times, array_agg(quality) AS qualities, array_agg(text) AS texts
         FROM (SELECT time, text, quality FROM texts
                WHERE point_id = wanted.id AND time >= $2 AND time < $3 ORDER BY time LIMIT $4) r) s
 ORDER BY wanted.place
"""


@output_type
class LatestColumns:
    """The newest readings as columns of one length, by device and point; a point never read is left out."""

    row: strawberry.Private[Row]

    @resolver
    def point_id(self) -> IdColumn:
        """The point of each reading."""
        return IdColumn(columns.ids(IdKind.POINT.value, columns.integers(self.row["points"])))

    @resolver
    def device_id(self) -> IdColumn:
        """The device of each point."""
        return IdColumn(columns.ids(IdKind.DEVICE.value, columns.integers(self.row["devices"])))

    @resolver
    def key(self) -> TextColumn:
        """The key of each point."""
        return TextColumn(self.row["keys"] or [])

    @resolver
    def time(self) -> TimeColumn:
        """When each was read."""
        return TimeColumn(columns.times(self.row["times"]))

    @resolver
    def value(self) -> NumberColumn:
        """The value of each; null when it is bad or a text."""
        return NumberColumn(columns.numbers(self.row["numbers"]))

    @resolver
    def quality(self) -> QualityColumn:
        """The quality code of each."""
        return QualityColumn(columns.codes(self.row["qualities"]))

    @resolver
    def text(self) -> TextColumn:
        """The text of each; null when its point has a number."""
        return TextColumn(self.row["texts"] or [])


@output_type
class Latest:
    """The newest reading of each chosen point."""

    count: int = field(description="How many points were read at least once.")
    columns: LatestColumns = field(description="The readings as columns.")


class SeriesSource(StrEnum):
    """Where a series was taken from."""

    RAW = "raw"


describe_enum(
    SeriesSource,
    name="SeriesSource",
    description="Where a series was taken from.",
    values={"RAW": "Each reading as it was stored."},
)


@output_type
class SeriesColumns:
    """A series as columns of one length, oldest first."""

    row: strawberry.Private[dict[str, Any]]

    @resolver
    def time(self) -> TimeColumn:
        """When each was read."""
        return TimeColumn(self.row["times"])

    @resolver
    def value(self) -> NumberColumn:
        """The value of each; null when it is bad: a gap, not to be drawn through."""
        return NumberColumn(self.row["numbers"])

    @resolver
    def quality(self) -> QualityColumn:
        """The quality code of each."""
        return QualityColumn(self.row["qualities"])

    @resolver
    def text(self) -> TextColumn:
        """The text of each, for a string point: stored when it changed; empty for a number."""
        return TextColumn(self.row["texts"])


@output_type
class Series:
    """The history of one point."""

    point: Point = field(description="The point.")
    source: SeriesSource = field(description="Where it was taken from.")
    from_: datetime = field(name="from", description="Its beginning, inclusive.")
    to: datetime = field(description="Its end, exclusive.")
    truncated: bool = field(description="Whether there were more readings than asked for: go on at continueFrom.")
    continue_from: datetime | None = field(description="The `from` that goes on where this ends; null at the end.")
    count: int = field(description="Number of rows.")
    row: strawberry.Private[dict[str, Any]]

    @resolver
    def columns(self) -> SeriesColumns:
        """The series as columns: the cheap way."""
        return SeriesColumns(row=self.row)

    @resolver
    def samples(self) -> list[Reading]:
        """The series as objects: the convenient way, for at most 10,000 rows."""
        if self.count > MOST_SAMPLES:
            raise DdmsError(
                Code.INVALID,
                f"at most {MOST_SAMPLES} samples are served as objects: ask for columns, or for less",
                field="maxPoints",
            )
        texts = self.row["texts"] or [None] * self.count
        numbers = self.row["numbers"].tolist() or [np.nan] * self.count
        rows = zip(self.row["times"].tolist(), numbers, self.row["qualities"].tolist(), texts, strict=True)
        return [_sample(*row) for row in rows]


def _sample(milliseconds: int, value: float, quality: int, text: str | None) -> Reading:
    return Reading(
        time=datetime.fromtimestamp(milliseconds / 1000, UTC),
        value=None if np.isnan(value) else value,
        text=text,
        quality=quality_of(quality),
        reason=reason_of(quality),
    )


def _cut(row: Row, most: int) -> dict[str, Any]:
    """Return a row's columns, at most `most` long; `next` is the first time that was cut off."""
    times: NDArray[np.int64] = columns.times(row["times"])
    return {
        "times": times[:most],
        "numbers": columns.numbers(row["numbers"])[:most],
        "qualities": columns.codes(row["qualities"])[:most],
        "texts": (row.get("texts") or [])[:most],
        "next": columns.moment(row["times"], most),
    }


class _Ask:
    """What a caller wants of `series`, checked before the database is asked."""

    def __init__(
        self, points: list[strawberry.ID], from_: datetime, to: datetime | None, max_points: int | None
    ) -> None:
        self.points = from_ids(IdKind.POINT, points, "points", MOST_SERIES)
        self.from_, self.to = from_, to or datetime.now(UTC) + timedelta(seconds=1)
        if not self.points:
            raise DdmsError(Code.INVALID, "give at least one point", field="points")
        if self.from_ >= self.to:
            raise DdmsError(Code.INVALID, "`from` must be before `to`", field="from")
        share = MOST_ROWS // len(self.points)
        self.most = min(share, 100_000) if max_points is None else max_points
        if not 1 <= self.most <= share:
            raise DdmsError(
                Code.INVALID,
                f"for {len(self.points)} points maxPoints is 1 to {share}: {MOST_ROWS} rows in all",
                field="maxPoints",
            )

    @cached_property
    def _between(self) -> tuple[datetime, datetime, int]:
        return self.from_, self.to, self.most + 1

    async def answer(self, database: Database) -> list[Series]:
        """Read the points and their series."""
        found = {row["id"]: Point.of(row) for row in await database.rows(LIST_POINTS, self.points, None)}
        for number, text in zip(self.points, self.points, strict=True):
            if number not in found:
                raise DdmsError(
                    Code.NOT_FOUND, f"there is no point pt_{text}: it may have been deleted", field="points"
                )
        texts = [n for n in self.points if found[n].data_type is DataType.STRING]
        numbers = [n for n in self.points if found[n].data_type is not DataType.STRING]
        rows = await database.rows(READ_SERIES, numbers, *self._between) if numbers else []
        rows += await database.rows(READ_TEXT_SERIES, texts, *self._between) if texts else []
        read = {row["id"]: _cut(row, self.most) for row in rows}
        return [self._series(found[number], read[number]) for number in self.points]

    def _series(self, point: Point, row: dict[str, Any]) -> Series:
        return Series(
            point=point,
            source=SeriesSource.RAW,
            from_=self.from_,
            to=self.to,
            truncated=row["next"] is not None,
            continue_from=row["next"],
            count=len(row["times"]),
            row=row,
        )


@strawberry.type
class ReadingQueries:
    """Queries about readings."""

    @resolver
    async def latest(
        self,
        info: Info,
        devices: Annotated[list[strawberry.ID] | None, argument("All points of these devices.")] = None,
        points: Annotated[list[strawberry.ID] | None, argument("These points.")] = None,
    ) -> Latest:
        """The newest readings of devices and points, or of all of them when neither is given."""
        wanted = None if points is None else from_ids(IdKind.POINT, points, "points")
        of = None if devices is None else from_ids(IdKind.DEVICE, devices, "devices")
        row = await info.context.database.row(READ_LATEST, wanted, of)
        assert row is not None  # noqa: S101 - an aggregate has one row
        return Latest(count=row["count"], columns=LatestColumns(row=row))

    @resolver
    async def series(
        self,
        info: Info,
        points: Annotated[list[strawberry.ID], argument("The points, at most 1,000.")],
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out.")] = None,
        max_points: Annotated[
            int | None,
            argument(
                "Most rows for each point; more are cut off and `truncated` says so. All points together have at most "
                "1,000,000; when left out, each has its share of them, at most 100,000."
            ),
        ] = None,
    ) -> list[Series]:
        """The history of points, in the order in which they are given."""
        return await _Ask(points, from_, to, max_points).answer(info.context.database)
