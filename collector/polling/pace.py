"""The pace of a line: how long its units take to answer, and whether their polls keep the intervals."""

import logging
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime

from collector.polling.units import Pace, Statistics, UnitState

LOOK_SECONDS = 10.0
WINDOW = 6  # looks: a minute
WEIGHT = 0.2  # of the newest look in the smoothed answer time
SKIPPED_SHARE, SKIPPED_LEAST = 0.05, 2  # of the polls of a window: a hiccup is no overrun

logger = logging.getLogger("ddms.collector")


class UnitPace:
    """What was seen of one unit at the last looks."""

    def __init__(self) -> None:
        self.answer_seconds: float | None = None
        self.overrun_since: datetime | None = None
        self._answers, self._answer_seconds = 0, 0.0
        self._window: deque[tuple[int, float, int]] = deque(maxlen=WINDOW + 1)
        self._window.append((0, 0.0, 0))

    def look(self, counted: Statistics) -> float | None:
        """Take what was counted since the last look; return the mean lateness of the window, if a poll was due."""
        if answers := counted.answers - self._answers:
            mean = (counted.answer_seconds - self._answer_seconds) / answers
            self.answer_seconds = mean if self.answer_seconds is None else _smoothed(self.answer_seconds, mean)
            self._answers, self._answer_seconds = counted.answers, counted.answer_seconds
        self._window.append((counted.polls, counted.late_seconds, counted.overruns))
        polls, late, skipped = (now - then for now, then in zip(self._window[-1], self._window[0], strict=True))
        overrun = skipped >= SKIPPED_LEAST and skipped > SKIPPED_SHARE * (polls + skipped)
        self.overrun_since = (self.overrun_since or datetime.now(UTC)) if overrun else None
        return late / polls if polls else None


def _smoothed(before: float, newest: float) -> float:
    return before + WEIGHT * (newest - before)


class LinePace:
    """Looks at all units of a line from time to time, and logs when they stop or begin again to keep their intervals."""

    def __init__(self) -> None:
        self._units: dict[int, UnitPace] = {}
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._overrun = False

    @property
    def is_due(self) -> bool:
        """Whether it is time to look."""
        return time.monotonic() >= self._next_look

    def look(self, line: object, units: Iterable[UnitState]) -> list[Pace]:
        """Return the pace of the units that answer."""
        self._next_look = time.monotonic() + LOOK_SECONDS
        before, self._units = self._units, {}
        paces = []
        for unit in units:
            device_id = unit.config.device_id
            pace = self._units[device_id] = before.get(device_id) or UnitPace()
            late = pace.look(unit.statistics)
            if not unit.demoted:
                paces.append(Pace(device_id, pace.answer_seconds, late, pace.overrun_since))
        self._tell(line, [pace for pace in paces if pace.overrun_since])
        return paces

    def _tell(self, line: object, skipped: list[Pace]) -> None:
        if bool(skipped) == self._overrun:
            return
        self._overrun = bool(skipped)
        if self._overrun:
            logger.warning(
                "%s: overrun: polls of %d units are skipped, the line is too slow for them", line, len(skipped)
            )
        else:
            logger.info("%s: the intervals are kept again", line)
