"""When polls are due: at whole multiples of their interval by the wall clock, all those of one interval together."""

import time
from collections.abc import Iterable
from math import inf

from collector.polling.clock import Clock
from collector.polling.polls import PollState
from ddms.intervals import microseconds

_TOO_SOON = 0.05  # of an interval: a poll that close to the one before would only repeat it


class Beat:
    """The polls of one interval, in seconds, and when they are due, by the monotonic clock."""

    __slots__ = ("due", "interval_s", "polls")

    def __init__(self, interval_s: float, due: float) -> None:
        self.interval_s = interval_s
        self.due = due
        self.polls: list[PollState] = []


class Schedule:
    """The polls of one line."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats: dict[float, Beat] = {}
        self._at_once: list[PollState] = []
        self.is_shared = False

    def fit(self, polls: Iterable[PollState]) -> None:
        """Schedule these polls instead of those before; new ones are due at once, and then with all the others."""
        now = time.monotonic()
        known = {poll for beat in self._beats.values() for poll in beat.polls}.difference(self._at_once)
        before, self._beats, self._at_once = self._beats, {}, []
        for poll in sorted(polls, key=lambda poll: poll.poll.interval_s):
            interval = poll.poll.interval_s
            if interval not in self._beats:
                due = before[interval].due if interval in before else self._after(interval, now)
                self._beats[interval] = Beat(interval, due)
            self._beats[interval].polls.append(poll)
            if poll not in known:
                self._at_once.append(poll)
        self.is_shared = len({poll.unit for beat in self._beats.values() for poll in beat.polls}) > 1

    def at_once(self, polls: Iterable[PollState]) -> None:
        """Let polls be due now, whenever they are due again."""
        self._at_once += polls

    @property
    def shortest(self) -> float:
        """The shortest interval, in seconds; infinite when there is nothing to poll."""
        return next(iter(self._beats), inf)

    @property
    def next_due(self) -> float | None:
        """When the next poll is due, by the monotonic clock; None when there is nothing to poll."""
        if self._at_once:
            return -inf
        return min((beat.due for beat in self._beats.values()), default=None)

    def take(self) -> list[PollState]:
        """Return the polls that are due now, the shortest interval first, each once."""
        due, self._at_once = self._at_once, []
        for poll in due:
            poll.unit.statistics.polls += 1
        return list(dict.fromkeys(due + self.take_faster(inf)))

    def take_faster(self, interval_s: float) -> list[PollState]:
        """Return the polls that are due now on the clock and have a shorter interval than this, the shortest first."""
        now = time.monotonic()
        due: list[PollState] = []
        for beat in self._beats.values():
            if beat.interval_s >= interval_s:
                break
            if beat.due <= now:
                _note_lateness(beat, now)
                beat.due = self._after(beat.interval_s, now)
                due += beat.polls
        return due

    def _after(self, interval: float, now: float) -> float:
        every = microseconds(interval)
        due = now + (every - self._clock.now() % every) / 1e6
        return due if due - now > interval * _TOO_SOON else due + interval


def _note_lateness(beat: Beat, now: float) -> None:
    late = now - beat.due
    skipped = int(late / beat.interval_s)
    for poll in beat.polls:
        statistics = poll.unit.statistics
        statistics.polls += 1
        statistics.late_seconds += late
        statistics.overruns += skipped
