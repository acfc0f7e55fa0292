"""What is known of the devices that are watched: their states, the newest readings and the last ten minutes."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ddms.quality import Quality, quality_of

TREND_SECONDS = 600
_TREND_READINGS = 1200
_MISSED_INTERVALS = 3
_GRACE = 10.0
"""Seconds that a reading may be late beside: with three missed intervals the rule by which dashboards draw a gap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One reading; `time` is in seconds since 1970."""

    time: float
    value: float | None
    text: str | None
    code: int

    @property
    def quality(self) -> Quality:
        """How far it can be trusted."""
        return quality_of(self.code)


@dataclass(kw_only=True, slots=True)
class Point:
    """A measured value, its newest reading, and those of the last minutes, oldest first."""

    id: str
    key: str
    name: str
    unit: str
    patience: float
    newest: Reading | None = None
    trend: deque[Reading] = field(default_factory=lambda: deque(maxlen=_TREND_READINGS))

    def take(self, reading: Reading) -> bool:
        """Keep a reading that is newer than what is known; return whether it is."""
        if self.newest and reading.time <= self.newest.time:
            return False
        self.newest = reading
        self.trend.append(reading)
        return True

    def stale(self, now: float) -> bool:
        """Whether the newest reading is too old to stand for the present."""
        return self.newest is not None and now - self.newest.time > self.patience

    def shows(self, now: float) -> bool:
        """Whether there is a value that may be shown as the present one."""
        return self.newest is not None and self.newest.quality is not Quality.BAD and not self.stale(now)

    def steps(self, now: float, count: int) -> list[float]:
        """Return the last ten minutes in `count` equal steps: the last value known in each, NaN where there was none."""
        width = TREND_SECONDS / count
        begin, readings, result = now - TREND_SECONDS, iter(self.trend), []
        ahead, current = next(readings, None), None
        for step in range(count):
            end = begin + (step + 1) * width
            while ahead and ahead.time <= end:
                current, ahead = ahead, next(readings, None)
            value = current.value if current and end - current.time <= self.patience else None
            result.append(math.nan if value is None else value)
        return result


@dataclass(kw_only=True, slots=True)
class Device:
    """A device with its points."""

    id: str
    name: str
    state: str
    points: list[Point]

    def counts(self, now: float) -> tuple[int, int]:
        """Return how many points have a value that can be shown, and how many there are."""
        shown = sum(point.shows(now) for point in self.points)
        return shown, len(self.points)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which devices and points are watched: all, or by name; upper and lower case are the same."""

    devices: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    group: str | None = None

    @property
    def everything(self) -> bool:
        """Whether all devices are watched, also those that are added later."""
        return not self.devices and self.group is None


class Board:
    """The devices that are watched."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.devices: list[Device] = []
        self.points: dict[str, Point] = {}
        self.word = "connecting …"
        """What stands in the headline: empty while all is well, else why what is shown is not the present."""
        self.skew = 0.0
        """Seconds that the API's clock is ahead of ours: ages are told by its clock."""

    def load(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Take the devices as they are configured now; readings of points that are still there are kept."""
        known, self.points = self.points, {}
        self.devices = [self._device(node, known) for node in nodes if self._is_wanted(node)]

    def _is_wanted(self, node: Mapping[str, Any]) -> bool:
        return not self.wanted.devices or node["name"].casefold() in self.wanted.devices

    def _is_kept(self, row: Mapping[str, Any]) -> bool:
        return bool(row["enabled"]) and (not self.wanted.keys or row["key"].casefold() in self.wanted.keys)

    def _device(self, node: Mapping[str, Any], known: Mapping[str, Point]) -> Device:
        points = [self._point(row, known.get(row["id"])) for row in node["points"] if self._is_kept(row)]
        self.points.update((point.id, point) for point in points)
        return Device(id=node["id"], name=node["name"], state=node["status"]["state"], points=points)

    @staticmethod
    def _point(row: Mapping[str, Any], before: Point | None) -> Point:
        heartbeat = row["heartbeatSeconds"] if row["deadband"] else 0
        patience = _MISSED_INTERVALS * row["intervalSeconds"] + _GRACE + heartbeat
        point = Point(id=row["id"], key=row["key"], name=row["name"], unit=row["unit"], patience=patience)
        if before:
            point.newest, point.trend = before.newest, before.trend
        return point

    def history(self, series: Iterable[Mapping[str, Any]]) -> None:
        """Put what was stored before the trend that is known."""
        for one in series:
            point, columns = self.points.get(one["point"]["id"]), one["columns"]
            if point is None or point.trend:
                continue
            rows = zip(columns["time"], columns["value"], strict=False)  # a point with texts has no values
            point.trend.extend(Reading(time=t / 1000, value=v, text=None, code=0) for t, v in rows)

    def read(self, columns: Mapping[str, Sequence[Any]]) -> list[tuple[Point, Reading]]:
        """Take readings, as columns; return those that are new."""
        new = []
        rows = zip(*(columns[name] for name in ("pointId", "time", "value", "text", "quality")), strict=True)
        for point_id, time, value, text, code in rows:
            reading = Reading(time=time / 1000, value=value, text=text, code=code)
            if (point := self.points.get(point_id)) and point.take(reading):
                new.append((point, reading))
        return new

    def states(self, devices: Iterable[Mapping[str, Any]]) -> None:
        """Take the states of devices."""
        states = {row["deviceId"]: row["state"] for row in devices}
        for device in self.devices:
            device.state = states.get(device.id, device.state)
