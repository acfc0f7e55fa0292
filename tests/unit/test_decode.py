"""Decoding: what becomes a value, what becomes a quality, and what is stored."""

import struct

import numpy as np
import pytest

from collector.storing.decode import MICROSECONDS, Answer, PointArrays, decode
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from ddms.registers import DataType
from tests.support.polled import point


class Bench:
    """One unit's points, decoded answer by answer."""

    def __init__(self, *points):
        self.arrays = PointArrays()
        self.polls = plan(points, RequestLimits())
        for poll in self.polls:
            for block in poll.blocks:
                block.slots = self.arrays.place(block.points, poll.interval_s)

    def answer(self, second: float, *words: int, reason=Reason.GOOD) -> Answer:
        data = struct.pack(f">{len(words)}H", *words) if words else None
        return self.polls[0].blocks[0], int(second * MICROSECONDS), data, reason

    def read(self, second: float, *words: int, reason=Reason.GOOD):
        return decode([self.answer(second, *words, reason=reason)], self.arrays)


def only(batch):
    assert len(batch.readings) == 1
    return batch.readings[0]


def test_scale_and_offset_make_the_value():
    reading = only(Bench(point(1, 0, scale=0.1, offset=-40.0)).read(5, 650))
    assert reading["value"] == pytest.approx(25.0)
    assert (reading["time"], reading["quality"]) == (5_000_000, 0)


def test_a_failed_read_is_a_reason_and_never_a_number():
    reading = only(Bench(point(1, 0, scale=2.0, offset=5.0)).read(5, reason=Reason.TIMEOUT))
    assert np.isnan(reading["value"])
    assert reading["quality"] == Reason.TIMEOUT
    assert reading["stored"]


def test_a_sentinel_is_compared_before_scaling():
    unit = Bench(point(1, 0, DataType.INT16, scale=0.1, sentinels=(-32768.0, 32767.0)))
    assert [only(unit.read(t, w))["quality"] for t, w in enumerate((0x8000, 0x7FFF, 0x7FFE))] == [64, 64, 0]


def test_a_value_outside_its_range_is_bad():
    unit = Bench(point(1, 0, scale=0.1, valid_min=0.0, valid_max=100.0))
    readings = [only(unit.read(t, w)) for t, w in enumerate((1000, 1001))]
    assert [r["quality"] for r in readings] == [0, Reason.OUT_OF_RANGE]
    assert np.isnan(readings[1]["value"])


@pytest.mark.parametrize("words", [(0x7FC0, 0), (0x7F80, 0), (0xFF80, 0), (0x7FA0, 1)])
def test_infinity_and_every_nan_are_not_numbers(words):
    assert only(Bench(point(1, 0, DataType.FLOAT32)).read(1, *words))["quality"] == Reason.NOT_A_NUMBER


def test_a_huge_value_times_a_huge_scale_is_not_a_number():
    unit = Bench(point(1, 0, DataType.FLOAT64, scale=1e300))
    assert only(unit.read(1, *struct.unpack(">4H", struct.pack(">d", 1e300))))["quality"] == Reason.NOT_A_NUMBER


def stored(unit, *readings):
    return [bool(only(unit.read(*reading))["stored"]) for reading in readings]


def test_without_a_deadband_everything_is_stored():
    assert stored(Bench(point(1, 0)), (1, 5), (2, 5), (3, 5)) == [True, True, True]


def test_a_deadband_stores_larger_changes_and_a_heartbeat():
    unit = Bench(point(1, 0, deadband=2.0, heartbeat_s=60))
    assert stored(unit, (0, 10), (1, 12), (2, 13), (3, 12), (59, 13), (62, 13), (63, 13)) == [
        True, False, True, False, False, True, False,
    ]  # fmt: skip


def test_slow_creep_is_measured_from_what_was_stored():
    unit = Bench(point(1, 0, deadband=2.0))
    assert stored(unit, *[(t, 10 + t) for t in range(7)]) == [True, False, False, True, False, False, True]


def test_a_change_of_quality_is_stored_whatever_the_deadband():
    unit = Bench(point(1, 0, deadband=1000.0))
    qualities = [
        unit.read(0, 5),
        unit.read(1, reason=Reason.TIMEOUT),
        unit.read(2, reason=Reason.TIMEOUT),
        unit.read(3, 5),
    ]
    assert [bool(only(batch)["stored"]) for batch in qualities] == [True, True, False, True]


def test_a_rider_is_stored_at_its_own_interval():
    unit = Bench(point(1, 0, interval_s=1), point(2, 0, interval_s=5))
    kept = [t for t in range(16) if decode([unit.answer(t, t)], unit.arrays).readings["stored"][1]]
    assert kept == [0, 5, 10, 15]


def test_a_late_poll_does_not_make_a_rider_miss_its_turn():
    unit = Bench(point(1, 0, interval_s=1), point(2, 0, interval_s=5))
    kept = [t for t in (0.4, 1, 2, 3, 4, 5.2, 6) if unit.read(t, 1).readings["stored"][1]]
    assert kept == [0.4, 5.2]


def test_a_clock_that_was_set_back_stops_nothing():
    unit = Bench(point(1, 0, deadband=5.0))
    assert stored(unit, (10_000, 1), (500, 1), (501, 1)) == [True, True, False]


def test_several_readings_of_a_point_in_one_batch_see_each_other():
    unit = Bench(point(1, 0, deadband=2.0))
    batch = decode([unit.answer(t, w) for t, w in enumerate((10, 11, 14, 15))], unit.arrays)
    assert batch.readings["value"].tolist() == [10, 11, 14, 15]
    assert batch.readings["stored"].tolist() == [True, False, True, False]


def test_strings_are_texts_when_they_change_and_have_no_number():
    unit = Bench(point(1, 0, DataType.STRING, length=2))
    hello, world = struct.unpack(">2H", b"ab\0\0"), struct.unpack(">2H", b"cd\0\0")
    batches = [unit.read(0, *hello), unit.read(1, *hello), unit.read(2, *world), unit.read(3, reason=Reason.TIMEOUT)]
    assert [[(t.text, t.quality) for t in b.texts] for b in batches] == [
        [("ab", 0)], [], [("cd", 0)], [(None, Reason.TIMEOUT)],
    ]  # fmt: skip
    assert not any(b.readings["stored"].any() for b in batches)
    assert [only(b)["quality"] for b in batches] == [0, 0, 0, Reason.TIMEOUT]


def test_a_changed_point_goes_on_from_what_was_stored():
    unit = Bench(point(1, 0, deadband=5.0))
    unit.read(0, 100)
    again = Bench(point(1, 0, deadband=50.0))
    again.arrays = unit.arrays
    again.polls[0].blocks[0].slots = unit.arrays.place([point(1, 0, deadband=50.0)], 10)
    assert [only(again.read(t, w))["stored"] for t, w in ((1, 120), (2, 160))] == [False, True]


def test_ten_thousand_points_are_decoded_in_one_go_and_stay_apart():
    unit = Bench(*[point(i, i, scale=float(i)) for i in range(100)])
    answers = [unit.answer(t, *[w + t for w in range(100)]) for t in range(100)]
    batch = decode(answers, unit.arrays)
    assert len(batch.readings) == 10_000
    assert all(r["value"] == (r["point_id"] + r["time"] // MICROSECONDS) * r["point_id"] for r in batch.readings)
