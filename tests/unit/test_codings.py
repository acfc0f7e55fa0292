"""Data types that numpy has no type for: decimal digits, dates, parts of words, and what is no value of them.

The numbers are those by which makers explain them: Modulo-10000 of ION meters (12345678 is 1234, 5678), DATETIME of Schneider's iEM3000
(year from 2000; month and day; hour and minute; milliseconds), the three registers of PowerLogic's Series 3000.
"""

import struct
from datetime import UTC, datetime

import numpy as np
import pytest

from collector.storing.decode import PointArrays, decode
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from ddms.registers import ByteOrder, DataType, Field, Register, RegisterTable, layout, sentinel, value_span
from tests.support.polled import point


def read(data_type: DataType, *words: int, order: ByteOrder = ByteOrder.ABCD, **field) -> float:
    sent = np.frombuffer(struct.pack(f">{len(words)}H", *words), np.uint8).reshape(1, -1)
    return layout((Field(0, data_type, order, field.get("bit"), len(words), field.get("length")),)).decode(sent)[0, 0]


def at(*moment: int) -> float:
    return datetime(*moment, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("data_type", "words", "value"),
    [
        (DataType.BCD16, [0x1234], 1234),
        (DataType.BCD32, [0x1234, 0x5678], 12345678),
        (DataType.BCD64, [0x0000, 0x0000, 0x0012, 0x3456], 123456),
        (DataType.MOD10K16, [9999], 9999),
        (DataType.MOD10K32, [1234, 5678], 12345678),
        (DataType.MOD10K32, [0xFFF4, 0xF280], -123456),  # -12 and -3456
        (DataType.MOD10K48, [1, 0, 5], 100000005),
        (DataType.MOD10K64, [0, 12, 3456, 7890], 1234567890),
        (DataType.UINT24, [0xAB12, 0x3456], 0x123456),
        (DataType.INT24, [0x00FF, 0xFFFE], -2),
        (DataType.UINT48, [1, 0, 2], 2**32 + 2),
        (DataType.INT48, [0xFFFF, 0xFFFF, 0xFFFD], -3),
        (DataType.SIGNED16, [0x8005], -5),
        (DataType.SIGNED16, [0x8000], 0),
        (DataType.SIGNED32, [0x8000, 0x0101], -257),
        (DataType.UNIX32, [0x6A49, 0x4F80], 0x6A494F80),
        (DataType.UNIX64, [0, 0, 0x6A49, 0x4F80], 0x6A494F80),
        (DataType.DATETIME3, [0x0704, 0x7E06, 0x051E], at(2026, 7, 4, 6, 5, 30)),
        (DataType.DATETIME4, [26, 0x07C4, 0x0605, 30_500], at(2026, 7, 4, 6, 5, 30) + 0.5),
        (DataType.DATETIME_BCD, [0x2607, 0x0406, 0x0530], at(2026, 7, 4, 6, 5, 30)),
        (DataType.DATETIME4, [24, 0x021D, 0x0000, 0], at(2024, 2, 29)),
    ],
)
def test_words_become_the_value_that_the_maker_means(data_type, words, value):
    assert read(data_type, *words) == value
    swapped = [word >> 8 | (word & 255) << 8 for word in reversed(words)]
    assert read(data_type, *swapped, order=ByteOrder.DCBA) == value


@pytest.mark.parametrize(
    ("data_type", "words"),
    [
        (DataType.BCD16, [0x12A4]),
        (DataType.BCD32, [0xFFFF, 0xFFFF]),
        (DataType.BCD64, [0, 0, 0, 0x000F]),
        (DataType.MOD10K16, [10_000]),
        (DataType.MOD10K32, [1, 0xFFFF]),  # one of them is negative
        (DataType.MOD10K64, [0, 0, 0x8000, 0]),
        (DataType.UNIX64, [0xFFFF, 0, 0, 0]),
        (DataType.DATETIME3, [0x0D01, 0x7E00, 0]),  # month 13
        (DataType.DATETIME4, [26, 0x061F, 0, 0]),  # the 31st of June
        (DataType.DATETIME4, [25, 0x021D, 0, 0]),  # the 29th of February
        (DataType.DATETIME4, [26, 0x0704, 0x0685, 0]),  # the device says: invalid
        (DataType.DATETIME4, [0, 0, 0, 0]),
        (DataType.DATETIME_BCD, [0x2607, 0x0406, 0x0561]),
        (DataType.DATETIME_BCD, [0x2607, 0x0406, 0x0A30]),
    ],
)
def test_what_is_no_value_of_its_type_is_bad_with_that_reason_and_never_a_number(data_type, words):
    assert np.isnan(read(data_type, *words))
    arrays = PointArrays()
    (poll,) = plan([point(1, 0, data_type)], RequestLimits())
    poll.blocks[0].slots = arrays.place(poll.blocks[0].points, 10)
    answer = poll.blocks[0], 1, struct.pack(f">{len(words)}H", *words), Reason.GOOD
    (reading,) = decode([answer], arrays).readings
    assert np.isnan(reading["value"])
    assert reading["quality"] == Reason.NO_VALUE


def test_a_field_of_bits_is_what_is_between_its_ends():
    assert read(DataType.BITS, 0b1011_0110_0000_0000, bit=9, length=3) == 0b011
    assert read(DataType.BITS, 0xFFFF, bit=0, length=16) == 0xFFFF
    fields = (Field(0, DataType.BITS, ByteOrder.ABCD, 12, 1, 4), Field(0, DataType.BIT, ByteOrder.ABCD, 3, 1))
    assert layout(fields).decode(np.array([[0xA0, 0x08]], np.uint8)).tolist() == [[10, 1]]


def test_sixteen_decimal_digits_are_told_with_all_of_them():
    words = {DataType.BCD64: [0x9999, 0x9999, 0x9999, 0x9999], DataType.MOD10K64: [9999, 9999, 9999, 9999]}
    for data_type, sent in words.items():
        one = layout((Field(0, data_type, ByteOrder.ABCD, None, 4),))
        raw = np.frombuffer(struct.pack(">8H", *sent, 0xFFFF, 0, 0, 1), np.uint8).reshape(2, -1)
        assert one.long_integers(raw) == {0: 9_999_999_999_999_999}


def test_texts_of_one_character_a_word_and_of_utf_16_are_read():
    low = layout((Field(0, DataType.STRING_LOW, ByteOrder.ABCD, None, 4),))
    assert low.text(0, b"\0A\0b\0\xe9\0\0") == "Abé"
    wide = layout((Field(0, DataType.STRING_UTF16, ByteOrder.ABCD, None, 4),))
    assert wide.text(0, "泵 1\0".encode("utf-16-be")) == "泵 1"
    swapped = layout((Field(0, DataType.STRING_UTF16, ByteOrder.BADC, None, 2),))
    assert swapped.text(0, "泵1".encode("utf-16-le")) == "泵1"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data_type": DataType.BITS}, "bit"),
        ({"data_type": DataType.BITS, "bit": 4}, "length"),
        ({"data_type": DataType.BITS, "bit": 12, "length": 5}, "length"),
        ({"data_type": DataType.BITS, "bit": 4, "length": 1}, "length"),
        ({"data_type": DataType.STRING_UTF16}, "length"),
        ({"data_type": DataType.BCD32, "length": 2}, "length"),
        ({"data_type": DataType.DATETIME4, "address": 65533}, "address"),
    ],
)
def test_a_register_that_cannot_be_is_told_by_its_field(changes, field):
    found = Register(**{"table": RegisterTable.HOLDING, "address": 0} | changes).problem()
    assert found is not None
    assert found[0] == field


def test_a_type_says_what_values_can_come():
    assert value_span(DataType.BCD32, 0.1, 0) == (0, 9_999_999.9)
    assert sentinel(DataType.INT24, 0x800000) == -(2**23)
    assert sentinel(DataType.UINT48, -1) == 2**48 - 1
    assert (DataType.UINT24.bits, DataType.INT48.bits, DataType.UINT8_LOW.bits, DataType.UINT64.bits) == (24, 48, 8, 53)
    with pytest.raises(ValueError, match="never comes"):
        sentinel(DataType.MOD10K16, 10_000)
