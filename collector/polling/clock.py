"""The clock that stamps readings: the server's wall clock, read through the monotonic one.

Between two looks at the wall clock time only goes forward, evenly; when the wall clock was set, readings are
`uncertain` (reason `clock`) until the next look, and from then on carry the new time.
"""

import time

from ddms.quality import Reason

_SET_BY_HAND = 0.5  # seconds; NTP slews by less between two looks


class Clock:
    """Wall time in microseconds since 1970 UTC."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self.quality = Reason.GOOD

    def now(self) -> int:
        """Return the time in microseconds."""
        return self.at(time.monotonic())

    def at(self, monotonic: float) -> int:
        """Return what the time was, in microseconds, when the monotonic clock showed this."""
        return int((monotonic + self._offset) * 1e6)

    def look(self) -> float:
        """Compare with the wall clock, once a second; return by how many seconds it was set, else 0."""
        offset = time.time() - time.monotonic()
        step, self._offset = offset - self._offset, offset
        was_set = abs(step) > _SET_BY_HAND
        self.quality = Reason.CLOCK if was_set else Reason.GOOD
        return step if was_set else 0.0
