"""`latest`: the newest readings of many devices, as columns."""

import time
from typing import Annotated

import numpy as np
import strawberry

from api import columns
from api.context import Info
from api.database import Row
from api.described import argument, field, output_type, resolver
from api.scalars import IdColumn, IdKind, NumberColumn, QualityColumn, TextColumn, TimeColumn, from_ids

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
    def age(self) -> NumberColumn:
        """How long ago each was read, in seconds."""
        return NumberColumn(np.round(time.time() - columns.times(self.row["times"]) / 1000, 3))

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


@strawberry.type
class LatestQueries:
    """Queries about the newest readings."""

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
