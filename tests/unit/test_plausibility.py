"""The probe finds out how a device writes its values."""

import struct
import time

import pytest

from collector.field.plausibility import rank
from collector.field.probe import candidates
from ddms.registers import ByteOrder, DataType
from tests.support.words import words_of


def ranked(around: dict[int, int], address: int = 100, before=None, expected=None):
    return rank(candidates(around, before or around, address, is_bits=False), expected)


def placed(words: list[int], address: int = 100) -> dict[int, int]:
    """Return the words at an address, with nothing in the registers around them."""
    return dict.fromkeys(range(95, 114), 0) | {address + i: word for i, word in enumerate(words)}


USUAL = [*DataType][: [*DataType].index(DataType.STRING)]
VALUES = [230.5, 0.98, -17.25, 49.9871, 1500.0]


@pytest.mark.parametrize("order", ["ABCD", "CDAB"])
@pytest.mark.parametrize("value", VALUES)
def test_a_float_is_found_in_both_usual_orders(value, order):
    best = ranked(placed(words_of("f", value, order)))[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.FLOAT32, ByteOrder(order), 0)
    assert best.decoded(best.words) == pytest.approx(value)


@pytest.mark.parametrize("order", ["BADC", "DCBA"])
@pytest.mark.parametrize("value", VALUES)
def test_a_float_with_swapped_bytes_is_among_the_first_and_first_when_the_value_is_known(value, order):
    """Swapped bytes of a float are sometimes a sensible float as well: 49.9871 is also 0.759."""
    words = placed(words_of("f", value, order))
    right = (DataType.FLOAT32, ByteOrder(order), 0)
    assert right in [(c.data_type, c.byte_order, c.offset) for c in ranked(words)[:6]]
    best = ranked(words, expected=value * 1.01)[0]
    assert (best.data_type, best.byte_order, best.offset) == right


def test_a_float_one_address_beside_is_found():
    best = ranked(placed(words_of("f", 230.5), 101))[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.FLOAT32, ByteOrder.ABCD, 1)
    best = ranked(placed(words_of("f", 230.5), 99))[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.FLOAT32, ByteOrder.ABCD, -1)


@pytest.mark.parametrize("order", ["ABCD", "CDAB"])
def test_a_long_counter_is_found(order):
    best = ranked(placed(words_of("I", 734_211, order)))[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.UINT32, ByteOrder(order), 0)


@pytest.mark.parametrize("value", [17, 2305, 999])
def test_a_word_alone_is_a_word(value):
    best = ranked(placed([value]))[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.UINT16, ByteOrder.ABCD, 0)


def test_a_small_negative_word_is_signed():
    best = ranked(placed(words_of("h", -173)))[0]
    assert (best.data_type, best.offset) == (DataType.INT16, 0)


@pytest.mark.parametrize("order", ["ABCD", "DCBA"])
def test_a_double_is_found(order):
    best = ranked(placed(words_of("d", 12_345.75, order)))[0]
    assert (best.data_type, best.byte_order) == (DataType.FLOAT64, ByteOrder(order))


def test_a_text_is_found():
    words = list(struct.unpack(">4H", b"PM5340\0\0"))
    best = ranked(placed(words[:3]))[0]
    assert (best.data_type, best.decoded(best.words)) == (DataType.STRING, "PM5340")


def test_an_expected_value_comes_first_also_when_it_is_scaled():
    best = ranked(placed([2305, 4711]), expected=230.5)[0]
    assert (best.data_type, best.scale, best.offset) == (DataType.UINT16, 0.1, 0)
    assert "within 0.0% of 230.5, times 0.1" in best.why
    best = ranked(placed(words_of("f", 21.37, "CDAB")), expected=21.4)[0]
    assert (best.data_type, best.byte_order, best.scale) == (DataType.FLOAT32, ByteOrder.CDAB, 1)


def test_the_order_in_which_a_value_changes_a_little_wins():
    before, now = words_of("I", 0x0001_FFFE), words_of("I", 0x0002_0003)
    best = ranked(placed(now), before=placed(before))[0]
    assert (best.data_type, best.byte_order) == (DataType.UINT32, ByteOrder.ABCD)
    assert "changes a little" in best.why


def test_three_phases_support_each_other():
    words = [*words_of("f", 229.8713), *words_of("f", 231.0077), *words_of("f", 230.4129)]
    best = ranked(placed(words))[0]
    assert best.data_type is DataType.FLOAT32
    assert "its neighbour is alike" in best.why


def test_what_is_no_number_is_last():
    found = ranked(placed([0x7FC0, 0x0000]))
    nan = next(c for c in found if c.data_type is DataType.FLOAT32 and c.byte_order is ByteOrder.ABCD and not c.offset)
    assert (nan.score, nan.why) == (0, ["not a number"])
    assert nan.as_dict(100)["value"] is None


def test_all_orders_and_types_are_tried():
    found = ranked(placed([1, 2, 3, 4]))
    at_address = {(c.data_type, c.byte_order) for c in found if c.offset == 0 and c.data_type in USUAL}
    assert len(at_address) == 4 + 2 * 3 + 4 * 6
    assert all(0 <= c.score <= 100 and c.why for c in found)


def test_decimal_digits_and_dates_are_proposed_where_they_are_plausible_and_else_not_at_all():
    coded = {kind for kind in DataType if kind.is_time or kind.value.startswith("bcd")}
    best = ranked(placed([0x1234, 0x5678]), expected=12345678)[0]
    assert (best.data_type, best.byte_order, best.offset) == (DataType.BCD32, ByteOrder.ABCD, 0)
    now = int(time.time())
    best = ranked(placed([now >> 16, now & 0xFFFF]))[0]
    assert (best.data_type, best.offset) == (DataType.UNIX32, 0)
    assert not coded & {c.data_type for c in ranked(placed([0x00AF, 0xB5F3]))}
