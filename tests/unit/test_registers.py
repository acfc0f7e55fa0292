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
    assert decode_one(data_type, order, as_sent(struct.pack(form, number), order)) == number


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
