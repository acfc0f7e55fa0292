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


@pytest.mark.parametrize(
    ("data_type", "form", "raw", "line", "value"),
    [
        (DataType.UINT16, ">H", 2301, (0.1, 0.0), 230.1),
        (DataType.UINT16, ">H", 3, (0.1, 0.0), 0.3),
        (DataType.INT16, ">h", -123, (0.01, -40.0), -41.23),
        (DataType.UINT32, ">I", 4_294_967_295, (0.001, 0.0), 4_294_967.295),
        (DataType.UINT16, ">H", 7, (1 / 3, 0.0), 7 * (1 / 3)),
        (DataType.UINT16, ">H", 7, (1e300, 0.0), 7e300),
        (DataType.FLOAT32, ">f", 0.1, (1.0, 0.0), 0.1),
        (DataType.FLOAT32, ">f", 0.1, (3.0, 0.0), 0.3),
        (DataType.FLOAT32, ">f", 4.35, (100.0, 0.0), 435.0),
        (DataType.FLOAT32, ">f", 3.4028235e38, (2.0, 0.0), 6.805647e38),
        (DataType.FLOAT32, ">f", 1.1e-42, (1.0, 1.0), 1.0),
        (DataType.FLOAT32, ">f", 0.0, (3.0, 0.0), 0.0),
        (DataType.FLOAT64, ">d", 0.1, (1.0, 0.0), 0.1),
    ],
)
def test_a_number_is_the_one_that_the_device_meant(data_type, form, raw, line, value):
    (scale, offset), sent = line, struct.pack(form, raw)
    words = struct.unpack(f">{len(sent) // 2}H", sent)
    reading = only(Bench(point(1, 0, data_type, scale=scale, offset=offset)).read(1, *words))
    assert (reading["value"], reading["quality"]) == (value, 0)


@pytest.mark.parametrize("sentinel", [-3.4028235e38, float(np.float32(-3.4028235e38))])
def test_a_sentinel_of_a_float_may_be_written_by_any_of_its_decimals(sentinel):
    unit = Bench(point(1, 0, DataType.FLOAT32, sentinels=(sentinel,)))
    assert only(unit.read(1, 0xFF7F, 0xFFFF))["quality"] == Reason.SENTINEL


def big(number: int) -> tuple[int, ...]:
    return struct.unpack(">4H", struct.pack(">Q", number))


def test_an_integer_beyond_2_to_the_53_keeps_its_digits_as_a_text_and_is_uncertain_where_the_number_is_not_exact():
    unit = Bench(point(1, 0, DataType.UINT64))
    seen = []
    for second, number in enumerate((5, 6, 2**53 + 1, 2**53 + 1, 2**60, 7, 8)):
        batch = unit.read(second, *big(number))
        seen.append((float(only(batch)["value"]), int(only(batch)["quality"]), [text.text for text in batch.texts]))
    assert seen == [
        (5, 0, [None]),  # what was there before the start of the collector is not known
        (6, 0, []),
        (2**53, Reason.ROUNDED, ["9007199254740993"]),
        (2**53, Reason.ROUNDED, []),
        (2**60, 0, ["1152921504606846976"]),
        (7, 0, [None]),
        (8, 0, []),
    ]


def test_a_long_integer_is_scaled_with_all_of_its_digits():
    batch = Bench(point(1, 0, DataType.UINT64, scale=0.001)).read(1, *big(2**63 + 1))
    assert [text.text for text in batch.texts] == ["9223372036854775.809"]
    assert (only(batch)["value"], only(batch)["quality"]) == (9223372036854775.809, Reason.ROUNDED)


def test_a_failed_read_of_a_long_integer_changes_no_text():
    unit = Bench(point(1, 0, DataType.UINT64))
    unit.read(1, *big(2**53 + 1))
    assert unit.read(2, reason=Reason.TIMEOUT).texts == []
    assert unit.read(3, *big(2**53 + 1)).texts == []


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
