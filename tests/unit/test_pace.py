"""The pace: answer times are smoothed, skipped polls are an overrun, a hiccup is none."""

import logging

from collector.polling.pace import WEIGHT, LinePace, UnitPace
from collector.polling.units import Statistics, UnitState
from tests.support.polled import point, unit


def test_the_first_mean_counts_whole_and_later_ones_are_smoothed():
    counted, pace = Statistics(), UnitPace()
    assert pace.look(counted) is None
    assert pace.answer_seconds is None
    counted.answers, counted.answer_seconds = 10, 1.0
    pace.look(counted)
    assert pace.answer_seconds == 0.1
    counted.answers, counted.answer_seconds = 20, 3.0
    pace.look(counted)
    assert pace.answer_seconds == 0.1 + WEIGHT * (0.2 - 0.1)
    pace.look(counted)
    assert pace.answer_seconds == 0.1 + WEIGHT * (0.2 - 0.1), "without an answer nothing is learned"


def poll(counted: Statistics, *, done: int, skipped: int) -> None:
    counted.polls += done
    counted.overruns += skipped
    counted.late_seconds += 1.5 * skipped


def test_skipped_polls_are_an_overrun_until_a_minute_without_them():
    counted, pace = Statistics(), UnitPace()
    poll(counted, done=20, skipped=30)
    assert pace.look(counted) == 45 / 20
    since = pace.overrun_since
    assert since is not None
    for _ in range(5):
        poll(counted, done=10, skipped=0)
        pace.look(counted)
        assert pace.overrun_since == since
    poll(counted, done=10, skipped=0)
    assert pace.look(counted) == 0
    assert pace.overrun_since is None


def test_a_hiccup_is_no_overrun():
    counted, pace = Statistics(), UnitPace()
    poll(counted, done=9, skipped=1)
    pace.look(counted)
    assert pace.overrun_since is None


def test_an_overrun_and_its_end_are_logged_once_for_the_line(caplog):
    caplog.set_level(logging.INFO, "ddms.collector")
    line, state = LinePace(), UnitState(unit(1, point(1, 0)))
    for skipped in (5, 5, 0, 0, 0, 0, 0, 0, 0, 0):
        poll(state.statistics, done=5, skipped=skipped)
        (pace,) = line.look("tcp://gateway:502", [state])
        assert pace.device_id == 1
    assert [record.message for record in caplog.records] == [
        "tcp://gateway:502: overrun: polls of 1 units are skipped, the line is too slow for them",
        "tcp://gateway:502: the intervals are kept again",
    ]


def test_a_unit_that_is_offline_has_no_pace():
    state = UnitState(unit(1, point(1, 0)))
    state.failures = 3
    assert LinePace().look("line", [state]) == []
