"""Registers: every data type in every byte order, checked against struct, and what is not a register."""

import struct

import numpy as np
import pytest

from ddms.registers import ByteOrder, DataType, Field, Layout, Register, RegisterTable, layout
from tests.support.words import NUMBERS, as_sent


def decode_one(data_type: DataType, order: ByteOrder, data: bytes, bit: int | None = None) -> float:
    field = Field(0, data_type, order, bit, len(data) // 2)
    return layout((field,)).decode(np.frombuffer(data, np.uint8).reshape(1, -1))[0, 0]


@pytest.mark.parametrize("order", ByteOrder)
@pytest.mark.parametrize("data_type", NUMBERS)
def test_numbers_are_decoded_in_every_byte_order(data_type, order):
    form, number = NUMBERS[data_type]
    short = float(str(np.float32(number))) if data_type is DataType.FLOAT32 else number
    assert decode_one(data_type, order, as_sent(struct.pack(form, number), order)) == short


def test_a_float_is_the_shortest_decimal_that_it_is():
    chance = np.random.default_rng(5)
    bits = np.concatenate(
        [chance.integers(0, 2**32, 5000, np.uint32), np.arange(0x3DCCCCC0, 0x3DCCCCE0, dtype=np.uint32)]
    )
    for number in bits.view(np.float32):
        if np.isfinite(number):
            sent = struct.pack(">f", number)
            assert decode_one(DataType.FLOAT32, ByteOrder.ABCD, sent) == float(str(number)), number
    for number in np.arange(2**16, dtype=np.uint16).view(np.float16)[::37]:
        if np.isfinite(number):
            assert decode_one(DataType.FLOAT16, ByteOrder.ABCD, struct.pack(">e", number)) == float(str(number))


@pytest.mark.parametrize("words", [b"\x7f\x80\0\0", b"\xff\x80\0\0", b"\x7f\xc0\0\0", b"\x7f\x80\0\1"])
def test_what_is_no_finite_float_stays_none(words):
    assert not np.isfinite(decode_one(DataType.FLOAT32, ByteOrder.ABCD, words))


def test_integers_beyond_2_to_the_53_are_told_with_all_of_their_digits():
    numbers = [2**53 - 1, 2**53 + 1, 2**63 + 1, 2**64 - 1, 5]
    fields = (Field(0, DataType.UINT16, ByteOrder.ABCD, None, 1), Field(1, DataType.UINT64, ByteOrder.CDAB, None, 4))
    raw = [b"\0\7" + as_sent(struct.pack(">Q", number), ByteOrder.CDAB) for number in numbers]
    sent = np.frombuffer(b"".join(raw), np.uint8).reshape(len(numbers), -1)
    assert layout(fields).long_integers(sent) == {3: 2**53 + 1, 5: 2**63 + 1, 7: 2**64 - 1}
    negative = np.frombuffer(struct.pack(">q", -(2**53) - 1), np.uint8).reshape(1, -1)
    assert layout((Field(0, DataType.INT64, ByteOrder.ABCD, None, 4),)).long_integers(negative) == {0: -(2**53) - 1}


@pytest.mark.parametrize(
    ("data_type", "expected"),
    [
        (DataType.UINT8_HIGH, 0xF1),
        (DataType.UINT8_LOW, 0x82),
        (DataType.INT8_HIGH, -15),
        (DataType.INT8_LOW, -126),
    ],
)
def test_half_words_are_the_high_and_the_low_byte_of_a_word(data_type, expected):
    assert decode_one(data_type, ByteOrder.ABCD, b"\xf1\x82") == expected
    assert decode_one(data_type, ByteOrder.BADC, b"\x82\xf1") == expected


def test_bits_are_counted_from_the_least_significant():
    assert [decode_one(DataType.BIT, ByteOrder.ABCD, b"\x80\x05", bit) for bit in range(16)] == [
        1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    ]  # fmt: skip


def test_coils_are_counted_from_the_first_byte():
    fields = tuple(Field(i, DataType.BOOL, ByteOrder.ABCD, None, 1) for i in (0, 2, 9))
    assert layout(fields).decode(np.array([[0b101, 0b10]], np.uint8)).tolist() == [[1, 1, 1]]


def test_many_blocks_of_mixed_fields_are_decoded_together():
    fields = (
        Field(0, DataType.FLOAT32, ByteOrder.CDAB, None, 2),
        Field(2, DataType.UINT16, ByteOrder.ABCD, None, 1),
        Field(2, DataType.BIT, ByteOrder.ABCD, 0, 1),
        Field(3, DataType.STRING, ByteOrder.ABCD, None, 2),
        Field(5, DataType.FLOAT32, ByteOrder.CDAB, None, 2),
    )
    blocks = [
        as_sent(struct.pack(">f", i), ByteOrder.CDAB) + struct.pack(">H", i) + b"ab\0c" + as_sent(struct.pack(">f", -i), ByteOrder.CDAB)
        for i in range(100)
    ]  # fmt: skip
    values = Layout(fields).decode(np.frombuffer(b"".join(blocks), np.uint8).reshape(100, -1))
    assert values[:, 0].tolist() == list(range(100))
    assert values[:, 1].tolist() == list(range(100))
    assert values[:, 2].tolist() == [i % 2 for i in range(100)]
    assert np.isnan(values[:, 3]).all()
    assert values[:, 4].tolist() == [-i for i in range(100)]


@pytest.mark.parametrize(
    ("data", "order", "text"),
    [
        (b"PM5560\0\0", ByteOrder.ABCD, "PM5560"),
        (b"MP5506\0\0", ByteOrder.BADC, "PM5560"),
        (b"V1.2    ", ByteOrder.ABCD, "V1.2"),
        ("Füße".encode("latin-1") + b"\0\0\0\0", ByteOrder.ABCD, "Füße"),
        (b"\0\0\0\0\0\0\0\0", ByteOrder.ABCD, ""),
    ],
)
def test_strings_end_at_nul_and_lose_their_padding(data, order, text):
    assert layout((Field(0, DataType.STRING, order, None, 4),)).text(0, data) == text


@pytest.mark.parametrize(
    ("register", "field"),
    [
        ({"address": -1}, "address"),
        ({"address": 65_536}, "address"),
        ({"address": 65_535, "data_type": DataType.UINT32}, "address"),
        ({"data_type": DataType.BOOL}, "dataType"),
        ({"table": RegisterTable.COIL}, "dataType"),
        ({"data_type": DataType.BIT}, "bit"),
        ({"bit": 3}, "bit"),
        ({"data_type": DataType.BIT, "bit": 16}, "bit"),
        ({"data_type": DataType.STRING}, "length"),
        ({"data_type": DataType.STRING, "length": 126}, "length"),
        ({"length": 2}, "length"),
    ],
)
def test_what_is_not_a_register_says_which_field_is_wrong(register, field):
    wrong = Register(**({"table": RegisterTable.HOLDING, "address": 0, "data_type": DataType.UINT16} | register))
    problem = wrong.problem()
    assert problem is not None
    assert problem[0] == field


def test_a_right_register_has_no_problem():
    register = Register(table=RegisterTable.INPUT, address=65_532, data_type=DataType.FLOAT64)
    assert register.problem() is None
    assert (register.size, register.end) == (4, 65_536)
