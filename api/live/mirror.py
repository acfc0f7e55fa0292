"""The mirror: the newest reading of every point and what points there are, in memory, for subscribers.

Filled from the database when LISTEN begins, then kept by the collectors' stream.
"""

import sys
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from api.ground import columns
from api.ground.database import Database
from api.live.resume import Heard
from ddms.stream import Flush
from ddms.value_names import Lookup, lookups

READ_DIRECTORY = """-- ddms:read_directory
SELECT (SELECT array_send(array_agg(id ORDER BY id)) FROM devices WHERE deleted_at IS NULL) AS devices,
       (SELECT array_agg(name ORDER BY id) FROM devices WHERE deleted_at IS NULL) AS names,
       array_send(array_agg(p.id)) AS points, array_send(array_agg(p.device_id)) AS of_devices,
       array_agg(p.key) AS keys, array_agg(p.unit) AS units,
       jsonb_object_agg(p.id, p.value_names) FILTER (WHERE p.value_names <> '{}') AS value_names
  FROM (SELECT p.id, p.device_id, p.key, p.unit, p.value_names FROM points p JOIN devices d ON d.id = p.device_id WHERE d.deleted_at IS NULL
         ORDER BY p.device_id, p.id) p
"""
READ_NEWEST = """-- ddms:read_newest
SELECT array_send(array_agg(point_id)) AS points, array_send(array_agg(time)) AS times,
       array_send(array_agg(coalesce(value, 'NaN'))) AS numbers, array_send(array_agg(quality)) AS qualities,
       array_agg(point_id) FILTER (WHERE text IS NOT NULL) AS text_points,
       array_agg(text) FILTER (WHERE text IS NOT NULL) AS texts
  FROM latest
"""
READ_HEARD = "-- ddms:read_heard\nSELECT name, sequence, replays FROM collectors"
READ_STATES = """-- ddms:read_states
SELECT d.id AS device_id, d.name, CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state,
       s.since, s.last_seen, coalesce(s.failures, 0) AS failures, s.first_failure, s.last_error
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id
 WHERE d.deleted_at IS NULL AND ($1::int[] IS NULL OR d.id = any($1)) ORDER BY d.id
"""


class PointEntry(NamedTuple):
    """What a subscriber may want to know of a point."""

    device_id: int
    device: str
    key: str
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MirroredState:
    """How a device is doing."""

    device_id: int
    name: str
    state: str
    since: datetime | None
    last_seen: datetime | None
    failures: int
    first_failure: datetime | None
    last_error: str | None


@dataclass(kw_only=True)
class Directory:
    """Which points there are, by point and by device."""

    points: dict[int, PointEntry] = field(default_factory=dict)
    by_device: dict[int, list[int]] = field(default_factory=dict)
    value_names: dict[int, Lookup] = field(default_factory=dict)
    """What values are called, of the points that have names for them."""


class Mirror:
    """Times (milliseconds since 1970 UTC), values and qualities, indexed by point id; time 0 means never read."""

    def __init__(self) -> None:
        self.times = np.zeros(0, np.int64)
        self.values = np.zeros(0)
        self.qualities = np.zeros(0, np.uint8)
        self.texts: dict[int, str] = {}
        self.directory = Directory()
        self.states: dict[int, MirroredState] = {}
        self.heard: dict[str, Heard] = {}
        """The newest commit of each collector that is in here."""
        self.tick = 0
        """Grows with every change, so that equal ticks mean equal content."""

    async def load(self, database: Database) -> None:
        """Read everything; what the stream brought meanwhile stays when it is newer."""
        await self.load_directory(database)
        await self.load_states(database, None)
        for row in await database.rows(READ_HEARD):  # before the readings: what is heard of is in them
            self.hear(row["name"], row["sequence"], row["replays"])
        await self.load_newest(database)

    async def load_newest(self, database: Database) -> None:
        """Read the newest readings; one that the stream brought stays when it is newer."""
        row = await database.row(READ_NEWEST)
        assert row is not None  # noqa: S101 - an aggregate has one row
        points = columns.integers(row["points"])
        times = columns.times(row["times"])
        fresh = self.put(
            points, times, columns.numbers(row["numbers"]), columns.codes(row["qualities"]).astype(np.uint8)
        )
        fresh_points = set(points[fresh].tolist())
        texts = zip(row["text_points"] or (), row["texts"] or (), strict=True)
        self.texts |= {point: text for point, text in texts if point in fresh_points}

    async def load_directory(self, database: Database) -> None:
        """Read which points there are."""
        row = await database.row(READ_DIRECTORY)
        assert row is not None  # noqa: S101 - an aggregate has one row
        names = dict(zip(columns.integers(row["devices"]).tolist(), row["names"] or (), strict=True))
        points, devices = columns.integers(row["points"]).tolist(), columns.integers(row["of_devices"]).tolist()
        texts = map(sys.intern, row["keys"] or ()), map(sys.intern, row["units"] or ())
        entries = map(PointEntry, devices, map(names.__getitem__, devices), *texts)
        directory = Directory(points=dict(zip(points, entries, strict=True)), value_names=lookups(row["value_names"]))
        for device, own in groupby(zip(devices, points, strict=True), itemgetter(0)):
            directory.by_device[device] = [point for _, point in own]
        self.directory = directory
        self.grow(max(points, default=0) + 1)
        self.tick += 1

    async def load_states(self, database: Database, devices: list[int] | None) -> list[MirroredState]:
        """Read the states of some devices, or of all; return those that are different now."""
        states = {row["device_id"]: MirroredState(**row) for row in await database.rows(READ_STATES, devices)}
        changed = [state for number, state in states.items() if self.states.get(number) != state]
        self.states = states if devices is None else self.states | states
        self.tick += 1
        return changed

    def hear(self, collector: str, sequence: int, replays: int) -> None:
        """Take note of a collector's commit."""
        before = self.heard.get(collector, Heard(0, 0))
        self.heard[collector] = Heard(max(sequence, before.sequence), max(replays, before.replays))

    def grow(self, size: int) -> None:
        """Make room for points up to `size`."""
        if size > len(self.times):
            more = max(size, 2 * len(self.times)) - len(self.times)
            self.times = np.concatenate([self.times, np.zeros(more, np.int64)])
            self.values = np.concatenate([self.values, np.full(more, np.nan)])
            self.qualities = np.concatenate([self.qualities, np.zeros(more, np.uint8)])

    def put(
        self, points: NDArray[Any], times: NDArray[np.int64], values: NDArray[Any], qualities: NDArray[Any]
    ) -> NDArray[np.bool_]:
        """Take readings (times ascending within a point) that are not older than what is known; say which."""
        self.grow(int(points.max(initial=-1)) + 1)
        fresh: NDArray[np.bool_] = times >= self.times[points]
        chosen = points[fresh]
        self.times[chosen], self.values[chosen] = times[fresh], values[fresh]
        self.qualities[chosen] = qualities[fresh]
        self.tick += 1
        return fresh

    def apply(self, flush: Flush) -> "Readings":
        """Take one flush of a collector; return it as columns."""
        arrived = Readings.of(flush)
        self.put(arrived.points, arrived.times, arrived.values, arrived.qualities)
        self.texts |= arrived.texts
        for point in flush.texts.keys() - arrived.texts.keys():
            self.texts.pop(point, None)
        self.hear(flush.collector, flush.sequence, 0)
        return arrived

    def newest(self, points: NDArray[np.intp]) -> "Readings":
        """Return the newest readings of some points; a point that was never read is left out."""
        points = points[self.times[points] != 0]
        numbers = points.tolist() if self.texts else []
        return Readings(
            points=points,
            times=self.times[points],
            values=self.values[points],
            qualities=self.qualities[points],
            texts={point: self.texts[point] for point in numbers if point in self.texts},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """Readings as columns of one length; texts by point."""

    points: NDArray[np.intp]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.uint8]
    texts: dict[int, str]

    @classmethod
    def of(cls, flush: Flush) -> "Readings":
        """Take them from a flush."""
        return cls(
            points=flush.readings["point_id"].astype(np.intp),
            times=flush.readings["time"].astype(np.int64) // 1000,
            values=flush.readings["value"].astype(np.float64),
            qualities=flush.readings["quality"].astype(np.uint8),
            texts={point: text for point, text in flush.texts.items() if text is not None},
        )

    @classmethod
    def none(cls) -> "Readings":
        """Return no readings."""
        return cls(
            points=np.empty(0, np.intp), times=np.empty(0, np.int64), values=np.empty(0), qualities=np.empty(0, np.uint8),
            texts={},
        )  # fmt: skip

    def at(self, rows: NDArray[Any]) -> "Readings":
        """Return some rows."""
        points = self.points[rows]
        chosen = points.tolist() if self.texts else []
        return Readings(
            points=points,
            times=self.times[rows],
            values=self.values[rows],
            qualities=self.qualities[rows],
            texts={point: self.texts[point] for point in chosen if point in self.texts},
        )


class Arrived:
    """The readings of one flush, found by point: one index for all who look for theirs."""

    def __init__(self, readings: Readings, size: int) -> None:
        self.readings = readings
        self._row = np.full(size, -1, np.intp)
        self._row[readings.points] = np.arange(len(readings.points))
        self._repeats = np.count_nonzero(self._row >= 0) < len(readings.points)

    def of(self, points: NDArray[np.intp]) -> Readings | None:
        """Return the readings of these points, or None without any."""
        rows = self._row[points[points < len(self._row)]]
        rows = rows[rows >= 0]
        if not len(rows):
            return None
        if self._repeats:  # a point was read several times, as when a spool is replayed
            rows = np.flatnonzero(np.isin(self.readings.points, points))
        return self.readings.at(rows)
