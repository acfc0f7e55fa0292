"""Where the events of the subscription `readings` come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from api.ground.database import Database, Row
from api.live.broadcast import Source
from api.live.hub import Configured, Reconnected, Replayed
from api.live.mirror import Arrived, Mirror, Readings
from api.live.resume import Heard, ResumeToken, missed, token_of
from api.subscriptions.events import EventKind, GapReason, ReadingsEvent, ReadingsGap, SnapshotReason

EVENT_READINGS = 10_000
"""The most readings in an event of what was missed."""


@dataclass
class ReadingsSource(Source):
    """The readings of some points, and of all points of some devices."""

    mirror: Mirror
    database: Database
    points: list[int]
    devices: list[int]
    minimum_interval: float = 0.0
    _held: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._chosen = self._resolve()

    def _resolve(self) -> NDArray[np.intp]:
        directory = self.mirror.directory
        chosen = {point for point in self.points if point in directory.points}
        chosen.update(point for device in self.devices for point in directory.by_device.get(device, ()))
        return np.array(sorted(chosen), np.intp)

    def snapshot(self, reason: str) -> ReadingsEvent:
        """Return the newest reading of each chosen point."""
        return self._event(self.mirror.newest(self._chosen), SnapshotReason[reason])

    def react(self, event: object) -> ReadingsEvent | None:
        """Return the chosen among the readings that arrived."""
        match event:
            case Arrived():
                mine = event.of(self._chosen)
                return self._event(mine, None) if mine else None
            case Replayed(span):
                return self._event(Readings.none(), None, EventKind.LATE, ReadingsGap.of(span, GapReason.STORED_LATE))
            case Reconnected():
                self._chosen = self._resolve()
                return self.snapshot("RECONNECTED")
            case Configured():
                before, self._chosen = self._chosen, self._resolve()
                return None if np.array_equal(before, self._chosen) else self.snapshot("CONFIGURATION")
            case _:
                return None

    def hold(self, event: object) -> bool:
        """Keep what an event brought for later; say whether anything was kept. Other events do not wait."""
        if self.minimum_interval and isinstance(event, Arrived) and (mine := event.of(self._chosen)):
            self._held.update(mine.points.tolist())
            return True
        return False

    def released(self) -> ReadingsEvent:
        """Return the newest reading of each point that changed since the last time."""
        points, self._held = sorted(self._held), set()
        return self._event(self.mirror.newest(np.array(points, np.intp)), None)

    async def resumed(self, token: str, until: Mapping[str, Heard]) -> list[ReadingsEvent]:
        """Return what was missed since the token and before `until`; each text of a point needs an event of its own.

        Only the last event goes on after all of them: who stops earlier has to hear them again.
        """
        found = await missed(self.database, ResumeToken.of(token), until, self._chosen.tolist())
        read = Readings(
            points=found.points, times=found.times, values=found.numbers, qualities=found.qualities, texts={}
        )
        events = [
            self._event(readings, None, EventKind.RESUMED, token=token)
            for readings in (*in_parts(read), *texts_apart(found.texts))
        ]
        events[0].gaps = ReadingsGap.of(found.too_old, GapReason.TOO_OLD) + ReadingsGap.of(found.too_many, GapReason.TOO_MANY)  # fmt: skip
        events[-1].resume_token = token_of(until)
        return events

    def _event(
        self,
        readings: Readings,
        reason: SnapshotReason | None,
        kind: EventKind | None = None,
        gaps: list[ReadingsGap] | None = None,
        token: str | None = None,
    ) -> ReadingsEvent:
        return ReadingsEvent(
            kind=kind or (EventKind.SNAPSHOT if reason else EventKind.CHANGES),
            reason=reason,
            resume_token=token or token_of(self.mirror.heard),
            gaps=gaps or [],
            readings_=readings,
            directory=self.mirror.directory,
        )


def in_parts(read: Readings) -> list[Readings]:
    """Return readings in events of a size that clients take: many refuse messages of more than 1 MiB."""
    return [
        Readings(
            points=read.points[start : start + EVENT_READINGS],
            times=read.times[start : start + EVENT_READINGS],
            values=read.values[start : start + EVENT_READINGS],
            qualities=read.qualities[start : start + EVENT_READINGS],
            texts={},
        )
        for start in range(0, max(len(read.points), 1), EVENT_READINGS)
    ]


def texts_apart(rows: list[Row]) -> list[Readings]:
    """Return texts, in the order of time, such that no point is twice in one of the results."""
    apart: list[list[Row]] = []
    seen: dict[int, int] = {}
    for row in rows:
        place = seen[row["point_id"]] = seen.get(row["point_id"], -1) + 1
        if place == len(apart):
            apart.append([])
        apart[place].append(row)
    return [
        Readings(
            points=np.array([row["point_id"] for row in part], np.intp),
            times=np.array([int(row["time"].timestamp() * 1000) for row in part], np.int64),
            values=np.array([np.nan if row["value"] is None else row["value"] for row in part]),
            qualities=np.array([row["quality"] for row in part], np.uint8),
            texts={row["point_id"]: row["text"] for row in part if row["text"] is not None},
        )
        for part in apart
    ]
