"""The schedule: polls are due together, on the clock, and a new one at once."""

from types import SimpleNamespace

import pytest

from collector.polling.clock import Clock
from collector.polling.polls import PollState
from collector.polling.schedule import Schedule
from collector.polling.units import UnitState
from ddms.lines import Unit
from ddms.plan import RequestLimits, plan
from tests.support.polled import point

STANDS = 5000.0


@pytest.fixture(autouse=True)
def monotonic_clock_that_stands(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("collector.polling.schedule.time", SimpleNamespace(monotonic=lambda: STANDS))


class FixedClock(Clock):
    """A clock that stands still."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def now(self) -> int:
        return int(self.seconds * 1e6)


def polls(*intervals: float) -> list[PollState]:
    """The polls of one unit, one an interval."""
    points = tuple(point(n, 200 * n, interval_s=interval) for n, interval in enumerate(intervals))
    unit = UnitState(Unit(device_id=1, name="unit", unit_id=1, limits=RequestLimits(), points=points))
    return [PollState(unit, poll) for poll in plan(points, RequestLimits())]


def test_new_polls_are_due_at_once_and_then_on_whole_multiples_of_their_interval():
    schedule = Schedule(FixedClock(1_000_003.25))  # 3.25 s after a multiple of 10 s
    fast, slow = polls(1, 10)
    assert schedule.next_due is None
    schedule.fit([slow, fast])
    assert schedule.next_due < STANDS
    assert schedule.take() == [fast, slow]
    assert schedule.take() == []
    assert schedule.next_due - STANDS == pytest.approx(0.75)
    schedule.fit([slow])
    assert schedule.next_due - STANDS == pytest.approx(6.75)
    assert schedule.take() == [], "what was scheduled before notices nothing"


def test_a_poll_that_is_due_twice_is_taken_once_and_counted():
    schedule = Schedule(FixedClock(59.999))
    (poll,) = polls(60)
    schedule.fit([poll])
    assert schedule.next_due < STANDS
    schedule.at_once([poll])
    assert schedule.take() == [poll]
    assert schedule.next_due - STANDS > 55, "a moment before it was due it is not repeated"


def test_what_is_gone_is_due_no_more():
    schedule = Schedule(FixedClock(0.5))
    one, two = polls(1, 2)
    schedule.fit([one, two])
    schedule.fit([two])
    assert schedule.take() == [two]
    schedule.fit([])
    assert schedule.next_due is None


def test_fractions_of_a_second_are_due_on_the_clock_and_missed_turns_are_skipped_and_counted(monkeypatch):
    clock = FixedClock(1_700_000_000.26)
    schedule = Schedule(clock)
    fast, slow = polls(0.1, 0.25)
    schedule.fit([fast, slow])
    schedule.take()
    assert schedule.next_due - STANDS == pytest.approx(0.04)
    assert schedule.shortest == 0.1
    late = STANDS + 0.04 + 0.45
    monkeypatch.setattr("collector.polling.schedule.time", SimpleNamespace(monotonic=lambda: late))
    clock.seconds += 0.49
    before = fast.unit.statistics.polls
    assert schedule.take_faster(0.25) == [fast]
    assert (fast.unit.statistics.polls - before, fast.unit.statistics.overruns) == (1, 4), (
        "not queued: 4 turns are gone"
    )
    assert schedule.take_faster(0.25) == []
    assert schedule.next_due <= late, "the slow one was left to who takes all"
    assert schedule.take() == [slow]
