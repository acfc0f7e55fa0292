"""The newest readings of many points as columns, from the mirror or, while that is not connected, from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from api.ground import columns
from api.ground.database import Database
from api.ground.ids import IdKind
from api.live.mirror import Directory, Mirror
from ddms.quality import Reason
from ddms.value_names import Lookup, lookups

READ_LATEST = """-- ddms:read_latest
SELECT count(*) AS count, array_send(array_agg(point_id)) AS points, array_send(array_agg(device_id)) AS devices,
       array_send(array_agg(time)) AS times, array_send(array_agg(coalesce(value, 'NaN'))) AS numbers,
       array_send(array_agg(quality)) AS qualities,
       array_agg(key) AS keys, array_agg(text) AS texts,
       jsonb_object_agg(point_id, value_names) FILTER (WHERE value_names <> '{}') AS value_names
  FROM (SELECT l.point_id, p.device_id, p.key, p.value_names, l.time, l.value, l.quality, l.text
          FROM latest l JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id
         WHERE d.deleted_at IS NULL AND (($1::int[] IS NULL AND $2::int[] IS NULL) OR p.id = any($1) OR p.device_id = any($2))
         ORDER BY p.device_id, p.id) newest
"""


@dataclass(frozen=True, kw_only=True)
class LatestReadings:
    """Columns of one length, by device and point; each is encoded once, for all who ask before something changes."""

    points: NDArray[Any]
    devices: NDArray[Any]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[Any]
    keys: list[str]
    texts: list[str | None]
    names: Mapping[int, Lookup]

    @cached_property
    def encoded_points(self) -> orjson.Fragment:
        """The ids of the points."""
        return columns.ids(IdKind.POINT.value, self.points)

    @cached_property
    def encoded_devices(self) -> orjson.Fragment:
        """The ids of their devices."""
        return columns.ids(IdKind.DEVICE.value, self.devices)

    @cached_property
    def encoded_times(self) -> orjson.Fragment:
        """The times."""
        return _encoded(self.times)

    @cached_property
    def encoded_values(self) -> orjson.Fragment:
        """The values."""
        return _encoded(self.values)

    @cached_property
    def encoded_qualities(self) -> orjson.Fragment:
        """The quality codes."""
        return _encoded(self.qualities)

    @cached_property
    def encoded_keys(self) -> orjson.Fragment:
        """The keys of the points."""
        return orjson.Fragment(orjson.dumps(self.keys))

    @cached_property
    def encoded_texts(self) -> orjson.Fragment:
        """The texts."""
        return orjson.Fragment(orjson.dumps(self.texts))

    @cached_property
    def encoded_value_names(self) -> orjson.Fragment | list[str | None]:
        """What the values are called."""
        return columns.value_names(self.names, self.points, self.values)


def _encoded(column: NDArray[Any]) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY))


class LatestOfAll:
    """What the mirror holds, encoded once for each change of it."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._tick = -1
        self._newest: LatestReadings | None = None

    def get(self) -> LatestReadings:
        """Return the newest readings of all points."""
        if self._newest is None or self._tick != self._mirror.tick:
            self._tick, self._newest = self._mirror.tick, of_mirror(self._mirror, self._mirror.directory.points)
        return self._newest


def chosen(directory: Directory, points: list[int] | None, devices: list[int] | None) -> set[int]:
    """Return these points and all points of these devices, as far as they are there."""
    found = {point for point in points or () if point in directory.points}
    return found.union(*(directory.by_device.get(device, ()) for device in devices or ()))


def of_mirror(mirror: Mirror, wanted: Any) -> LatestReadings:
    """Return the newest readings of points that are in the mirror's directory; one that was never read is left out."""
    entries = mirror.directory.points
    read = [point for point in sorted(wanted, key=lambda p: (entries[p].device_id, p)) if mirror.times[point]]
    points = np.array(read, np.intp)
    qualities = mirror.qualities[points]
    texts: list[str | None] = [None] * len(read)
    if mirror.texts:
        texts = [
            mirror.texts.get(p) if q < Reason.TIMEOUT else None for p, q in zip(read, qualities.tolist(), strict=True)
        ]
    return LatestReadings(
        points=points,
        devices=np.array([entries[point].device_id for point in read], np.int32),
        times=mirror.times[points],
        values=mirror.values[points],
        qualities=qualities,
        keys=[entries[point].key for point in read],
        texts=texts,
        names=mirror.directory.value_names,
    )


async def of_database(database: Database, points: list[int] | None, devices: list[int] | None) -> LatestReadings:
    """Return the newest readings as they are stored; of all points when nothing is named."""
    row: Any = await database.row(READ_LATEST, points, devices)
    return LatestReadings(
        points=columns.integers(row["points"]),
        devices=columns.integers(row["devices"]),
        times=columns.times(row["times"]),
        values=columns.numbers(row["numbers"]),
        qualities=columns.codes(row["qualities"]),
        keys=row["keys"] or [],
        texts=row["texts"] or [],
        names=lookups(row["value_names"]),
    )
