"""Limits over readings, and what is wrong with limits that somebody wrote."""

import numpy as np
import pytest

from collector.storing.decode import READINGS
from ddms.alarms import Event
from ddms.judged import JudgedLimits, Standing
from ddms.limits import Limit, LimitKind, WrittenLimit, faults
from ddms.registers import DataType

SECOND = 1_000_000
BAD = float("nan")


def limit(kind=LimitKind.HIGH, threshold=80.0, number=1, point_id=1, **more):
    return Limit(id=number, point_id=point_id, kind=kind, threshold=threshold, **more)


def flush(*readings):
    """Readings as (point, second, value); a value that is none is bad."""
    array = np.zeros(len(readings), READINGS)
    for row, (point, second, value) in zip(array, readings, strict=True):
        row["point_id"], row["time"], row["value"] = point, int(second * SECOND), value
        row["quality"] = 16 if np.isnan(value) else 0
    return array


class Line:
    """Limits that stand as a database knows them, and what happened at them, as (event, second)."""

    def __init__(self, *limits):
        self.judged = JudgedLimits()
        self.judged.fit(limits, {one.id: Standing() for one in limits})

    def events(self, *values, point_id=1, at=0):
        return [event for flushed in self.flushes(*values, point_id=point_id, at=at) for event in flushed]

    def flushes(self, *values, point_id=1, at=0):
        for second, value in enumerate(values, at):
            found = self.judged.judge(flush((point_id, second, value)))
            yield [(one.event.value, one.time // SECOND) for one in found if one.event]


def test_a_level_is_raised_beyond_and_cleared_behind_its_hysteresis():
    line = Line(limit(hysteresis=5))
    assert line.events(80, 80.1, 78, 75.1, 75, 80) == [("raised", 1), ("cleared", 4)]


def test_a_low_level_is_the_same_turned_over():
    line = Line(limit(LimitKind.LOW, 10.0, hysteresis=2))
    assert line.events(10, 9.9, 11, 12, 10) == [("raised", 1), ("cleared", 3)]


def test_an_on_delay_runs_by_the_times_of_the_readings():
    line = Line(limit(on_delay_s=3))
    assert line.events(90, 90, 70, 90, 90, 90, 90) == [("raised", 6)]


def test_an_off_delay_runs_by_the_times_of_the_readings():
    line = Line(limit(off_delay_s=2))
    assert line.events(90, 70, 90, 70, 70, 70) == [("raised", 0), ("cleared", 5)]


def test_a_bad_value_neither_raises_nor_clears_and_makes_an_active_alarm_uncertain_once():
    line = Line(limit())
    assert line.events(BAD, 90, BAD, BAD, 90, 70) == [("raised", 1), ("uncertain", 2), ("certain", 4), ("cleared", 5)]


def test_a_delay_goes_on_over_a_bad_value_but_only_a_good_one_raises():
    line = Line(limit(on_delay_s=3))
    assert line.events(90, BAD, BAD, BAD, 90) == [("raised", 4)]


def test_readings_that_came_together_are_judged_one_after_the_other():
    line = Line(limit())
    found = line.judged.judge(flush((1, 0, 70), (1, 1, 90), (1, 2, 70)))
    assert [(one.event, one.time // SECOND) for one in found] == [(Event.RAISED, 1), (Event.CLEARED, 2)]


def test_all_levels_of_a_point_are_alarms_of_their_own():
    kinds = [LimitKind.LOW_LOW, LimitKind.LOW, LimitKind.HIGH, LimitKind.HIGH_HIGH]
    line = Line(
        *(
            limit(kind, threshold, number)
            for number, (kind, threshold) in enumerate(zip(kinds, (5.0, 10.0, 80.0, 90.0), strict=True), 1)
        )
    )
    assert [one.limit_id for one in line.judged.judge(flush((1, 0, 95)))] == [3, 4]
    assert [one.limit_id for one in line.judged.judge(flush((1, 1, 7)))] == [2, 3, 4]


def test_points_without_limits_and_beyond_all_numbers_are_passed_over():
    line = Line(limit(point_id=3))
    assert line.judged.judge(flush((1, 0, 1000), (4, 0, 1000), (999_999, 0, 1000))) == []


def test_a_deviation_is_the_distance_from_the_other_point():
    line = Line(limit(LimitKind.DEVIATION, 5.0, reference_id=2, hysteresis=1))
    assert line.judged.judge(flush((1, 0, 50))) == [], "the other point was never read"
    assert [one.event for one in line.judged.judge(flush((1, 1, 50), (2, 1, 44)))] == [Event.RAISED]
    assert [one.event for one in line.judged.judge(flush((1, 2, 50), (2, 2, BAD)))] == [Event.UNCERTAIN]
    found = line.judged.judge(flush((1, 3, 50), (2, 3, 46.5)))
    assert [one.event for one in found] == [Event.CERTAIN, Event.CLEARED]
    assert found[-1].value == 3.5


def test_a_rate_is_the_change_within_its_period():
    line = Line(limit(LimitKind.RATE, 10.0, period_s=2, direction="above"))
    assert line.events(0, 5, 9, 0, 22, 22, 22) == [("raised", 4), ("cleared", 6)]


def test_a_rate_begins_anew_after_a_bad_value():
    line = Line(limit(LimitKind.RATE, 10.0, period_s=1))
    assert line.events(0, BAD, 100, 101) == []


def test_a_bit_is_an_alarm_when_it_is_set_or_the_other_way_round():
    line = Line(limit(LimitKind.BIT, None, 1, bit=3), limit(LimitKind.BIT, None, 2, bit=0, inverted=True))
    assert [one.limit_id for one in line.judged.judge(flush((1, 0, 0b1001)))] == [1]
    assert [one.limit_id for one in line.judged.judge(flush((1, 1, 0b1000)))] == [2]


def test_a_value_is_an_alarm_when_it_is_one_of_some():
    line = Line(limit(LimitKind.VALUE, None, alarm_values=(3.0, 4.0)))
    assert line.events(1, 3, 4, 2) == [("raised", 1), ("cleared", 3)]


def test_a_clock_that_is_set_back_begins_the_delay_anew():
    line = Line(limit(on_delay_s=5))
    assert line.events(90, at=1000) == []
    assert line.events(90, 90, 90, 90, 90, 90, at=10) == [("raised", 15)]


def test_a_limit_that_changes_while_its_alarm_is_active_is_judged_by_the_new_one():
    line = Line(limit())
    line.events(90)
    line.judged.fit([limit(threshold=95.0)], {})
    assert line.events(90, at=1) == [("cleared", 1)]
    line.judged.fit([limit(threshold=85.0)], {})
    assert line.events(90, at=2) == [("raised", 2)]


def test_a_delay_that_runs_begins_anew_under_another_limit():
    line = Line(limit(on_delay_s=5))
    line.events(90)
    line.judged.fit([limit(threshold=85.0, on_delay_s=5)], {})
    assert line.events(90, 90, 90, 90, 90, 90, at=3) == [("raised", 8)]


def test_a_collector_that_takes_over_goes_on_with_the_delay():
    judged = JudgedLimits()
    judged.fit([limit(on_delay_s=10)], {1: Standing(pending_since=0)})
    found = judged.judge(flush((1, 10, 90)))
    assert [one.event for one in found] == [Event.RAISED]


def test_a_collector_that_takes_over_neither_raises_again_nor_forgets_to_clear():
    judged = JudgedLimits()
    judged.fit([limit()], {1: Standing(active=True)})
    assert judged.judge(flush((1, 0, 90))) == []
    assert [one.event for one in judged.judge(flush((1, 1, 70)))] == [Event.CLEARED]


def test_when_nobody_knows_how_a_limit_stands_the_first_good_reading_says_it():
    judged = JudgedLimits()
    judged.fit([limit()], {})
    assert judged.judge(flush((1, 0, BAD))) == []
    assert [one.event for one in judged.judge(flush((1, 1, 70)))] == [Event.CLEARED], (
        "the database may think that it is active"
    )
    assert judged.judge(flush((1, 2, 70))) == []


@pytest.mark.parametrize("seed", range(5))
def test_all_at_once_finds_what_one_by_one_would(seed):
    """A second evaluation, in plain Python, over random readings of many points with levels and delays."""
    dice = np.random.default_rng(seed)
    limits = [
        limit(LimitKind.HIGH if n % 2 else LimitKind.LOW, 60.0 if n % 2 else 40.0, n, n % 7, hysteresis=float(n % 3), on_delay_s=n % 4, off_delay_s=n % 3)
        for n in range(1, 40)
    ]  # fmt: skip
    line, standing, expected, found = Line(*limits), {}, [], []
    for second in range(0, 200, 2):
        values = [
            (point, when, float(dice.choice([30, 39, 50, 59, 61, 70, BAD])))
            for when in (second, second + 1)
            for point in range(7)
        ]
        found += [
            (one.limit_id, one.event.value, one.time // SECOND)
            for one in line.judged.judge(flush(*values))
            if one.event
        ]
        expected += [
            event
            for value in values
            for one in limits
            if one.point_id == value[0]
            for event in plainly(one, standing, value)
        ]
    assert sorted(found) == sorted(expected)


def plainly(one, standing, reading):
    _, second, value = reading
    active, since, uncertain = standing.get(one.id, (False, None, False))
    if np.isnan(value):
        if active and not uncertain:
            standing[one.id] = (active, since, True)
            yield one.id, "uncertain", second
        return
    if uncertain:
        yield one.id, "certain", second
    beyond = value - one.threshold if one.kind is LimitKind.HIGH else one.threshold - value
    wanted = beyond > (-one.hysteresis if active else 0)
    if wanted == active:
        standing[one.id] = (active, None, False)
        return
    since = second if since is None else since
    if second - since >= (one.off_delay_s if active else one.on_delay_s):
        yield one.id, "raised" if wanted else "cleared", second
        active, since = wanted, None
    standing[one.id] = (active, since, False)


def wrong(*limits, **point):
    return [str(fault.sentence) for fault in faults(limits, own_key="flow", **point)]


def test_limits_in_order_are_right():
    high = WrittenLimit(key="high", kind=LimitKind.HIGH, threshold=80.0, hysteresis=2.0)
    low = WrittenLimit(key="low", kind=LimitKind.LOW, threshold=10.0, hysteresis=2.0)
    assert wrong(high, low, span=(0.0, 100.0), other_keys=[], data_type=DataType.FLOAT32) == []


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([("high", 80.0, {}), ("high_high", 80.0, {})], "high (80.0) must be below high_high (80.0)"),
        ([("low", 10.0, {"hysteresis": 40.0}), ("high", 50.0, {})], "the hysteresis is larger than the band"),
        ([("high", None, {})], "needs a threshold"),
        ([("deviation", 5.0, {})], "another point to compare with"),
        ([("deviation", 5.0, {"reference_key": "flow"})], "a point cannot deviate from itself"),
        ([("deviation", 5.0, {"reference_key": "gone"})], "the device has no point gone"),
        ([("rate", 5.0, {"hysteresis": 5.0})], "must be smaller than the threshold"),
        ([("rate", 0.0, {})], "must be above 0"),
        ([("bit", None, {})], "the number of the bit"),
        ([("value", None, {})], "the values that are an alarm"),
        ([("bit", 1.0, {"bit": 1})], "neither threshold nor hysteresis"),
        ([("high", 100.0, {})], "no valid value is beyond 100.0"),
        ([("high", 50.0, {"hysteresis": 60.0})], "it would never clear"),
        ([("high", 50.0, {"hysteresis": -1.0})], "the hysteresis must be 0 or more"),
    ],
)
def test_what_is_wrong_with_limits_is_said(limits, said):
    written = [
        WrittenLimit(key=kind, kind=LimitKind(kind), threshold=threshold, **more) for kind, threshold, more in limits
    ]
    assert any(said in sentence for sentence in wrong(*written, other_keys=["level"], span=(0.0, 100.0)))


def test_two_limits_of_one_level_or_one_key_are_wrong():
    written = [
        WrittenLimit(key="high", kind=LimitKind.HIGH, threshold=80.0),
        WrittenLimit(key="high", kind=LimitKind.HIGH, threshold=81.0),
    ]
    assert wrong(*written) == ["there are two limits with the key high"]
    other = WrittenLimit(key="upper", kind=LimitKind.HIGH, threshold=81.0)
    (fault,) = faults([written[0], other], own_key="flow")
    assert (fault.place, fault.field) == (1, "kind")


@pytest.mark.parametrize(
    ("kind", "data_type", "more", "field"),
    [
        ("high", DataType.STRING, {"threshold": 1.0}, "kind"),
        ("high", DataType.BOOL, {"threshold": 0.5}, "kind"),
        ("rate", DataType.BIT, {"threshold": 0.5}, "kind"),
        ("bit", DataType.FLOAT32, {"bit": 0}, "kind"),
        ("bit", DataType.UINT16, {"bit": 16}, "bit"),
        ("bit", DataType.BOOL, {"bit": 1}, "bit"),
        ("bit", DataType.UINT64, {"bit": 53}, "bit"),
    ],
)
def test_a_kind_that_makes_no_sense_of_a_type_is_refused(kind, data_type, more, field):
    written = WrittenLimit(key=kind, kind=LimitKind(kind), **more)
    assert [fault.field for fault in faults([written], own_key="flow", data_type=data_type)] == [field]


@pytest.mark.parametrize(
    ("kind", "data_type", "more"),
    [
        ("bit", DataType.BOOL, {"bit": 0}),
        ("bit", DataType.UINT32, {"bit": 31}),
        ("value", DataType.BIT, {"alarm_values": (1.0,)}),
        ("value", DataType.FLOAT32, {"alarm_values": (3.0,)}),
        ("deviation", DataType.BOOL, {"threshold": 0.5, "reference_key": "level"}),
    ],
)
def test_a_kind_that_makes_sense_of_a_type_is_right(kind, data_type, more):
    written = WrittenLimit(key=kind, kind=LimitKind(kind), **more)
    assert faults([written], own_key="flow", other_keys=["level"], data_type=data_type) == []


def test_bits_mean_nothing_when_the_value_is_scaled():
    written = WrittenLimit(key="bit_1", kind=LimitKind.BIT, bit=1)
    assert [fault.field for fault in faults([written], own_key="flow", data_type=DataType.UINT16, is_scaled=True)] == [
        "kind"
    ]
