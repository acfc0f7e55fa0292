"""Modbus registers: their tables, data types and byte orders, and how their bytes become numbers.

Pure: no input, no output. Blocks of one layout are decoded together, because a plant has many devices of few kinds.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddms import codings
from ddms.codings import NO_NUMBER, shortest
from ddms.errors import Sentence

ADDRESSES = 65_536
MAX_WORDS = 125
MAX_BITS = 2_000


class RegisterTable(StrEnum):
    """The four tables of Modbus; the function code is the one that reads it (Modbus V1.1b3, section 6). And none, of what is calculated."""

    COIL = "coil"
    DISCRETE_INPUT = "discrete_input"
    INPUT = "input"
    HOLDING = "holding"
    CALCULATED = "calculated"

    @property
    def function(self) -> int:
        """Function code that reads this table."""
        return _FUNCTIONS[self]

    @property
    def is_bits(self) -> bool:
        """Whether an address holds one bit (else a word of 16)."""
        return self in {RegisterTable.COIL, RegisterTable.DISCRETE_INPUT}


MODBUS_TABLES = (RegisterTable.COIL, RegisterTable.DISCRETE_INPUT, RegisterTable.INPUT, RegisterTable.HOLDING)
_FUNCTIONS = {
    RegisterTable.COIL: 1,
    RegisterTable.DISCRETE_INPUT: 2,
    RegisterTable.HOLDING: 3,
    RegisterTable.INPUT: 4,
}


class ByteOrder(StrEnum):
    """Order in which a device sends the bytes A B C D of a value, A being the most significant.

    Words of 16 bits know only AB (ABCD, CDAB) and BA (DCBA, BADC); for 64 bits the same rule goes on:
    CDAB swaps words, BADC swaps the bytes in each word, DCBA does both.
    """

    ABCD = "ABCD"
    DCBA = "DCBA"
    BADC = "BADC"
    CDAB = "CDAB"

    @property
    def swaps_words(self) -> bool:
        """Whether the least significant word comes first."""
        return self in {ByteOrder.CDAB, ByteOrder.DCBA}

    @property
    def swaps_bytes(self) -> bool:
        """Whether the least significant byte of each word comes first."""
        return self in {ByteOrder.BADC, ByteOrder.DCBA}


class DataType(StrEnum):
    """What the bits of a register mean."""

    BOOL = "bool"
    BIT = "bit"
    UINT8_LOW = "uint8_low"
    UINT8_HIGH = "uint8_high"
    INT8_LOW = "int8_low"
    INT8_HIGH = "int8_high"
    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    STRING = "string"
    BITS = "bits"
    UINT24 = "uint24"
    INT24 = "int24"
    UINT48 = "uint48"
    INT48 = "int48"
    SIGNED16 = "signed16"
    SIGNED32 = "signed32"
    BCD16 = "bcd16"
    BCD32 = "bcd32"
    BCD64 = "bcd64"
    MOD10K16 = "mod10k16"
    MOD10K32 = "mod10k32"
    MOD10K48 = "mod10k48"
    MOD10K64 = "mod10k64"
    UNIX32 = "unix32"
    UNIX64 = "unix64"
    DATETIME3 = "datetime3"
    DATETIME4 = "datetime4"
    DATETIME_BCD = "datetime_bcd"
    STRING_LOW = "string_low"
    STRING_UTF16 = "string_utf16"

    @property
    def words(self) -> int:
        """Registers of one value; a string's are given by its length."""
        return _SHAPES[self].words

    @property
    def dtype(self) -> str:
        """The numpy type of its bytes in big-endian order."""
        return _SHAPES[self].dtype

    @property
    def bits(self) -> int | None:
        """How many bits its whole number has, at most the 53 that a value holds; None where it is none."""
        if self in {DataType.BOOL, DataType.BIT}:
            return 1
        if "int" not in self.value:
            return None
        return min(53, int(self.value.lstrip("uint").split("_")[0]))

    @property
    def is_text(self) -> bool:
        """Whether it is a text, and no number."""
        return _SHAPES[self].words == 0

    @property
    def is_long(self) -> bool:
        """Whether it may be an integer beyond 2^53."""
        return self in _LONG

    @property
    def is_time(self) -> bool:
        """Whether it is a date and time: its value is seconds since 1970."""
        return self in _TIMES

    @property
    def is_checked(self) -> bool:
        """Whether its registers may hold what is no value of it: a digit above 9, or a date that is none."""
        return self in _CHECKED


class _Shape(NamedTuple):
    words: int
    dtype: str
    byte: int | None = None  # the one byte of a word that counts
    coding: codings.Decoder | None = None  # how its words become a number, where numpy has no type for it


_SHAPES = {
    DataType.BOOL: _Shape(1, "u1"),
    DataType.BIT: _Shape(1, ">u2"),
    DataType.UINT8_LOW: _Shape(1, "u1", 1),
    DataType.UINT8_HIGH: _Shape(1, "u1", 0),
    DataType.INT8_LOW: _Shape(1, "i1", 1),
    DataType.INT8_HIGH: _Shape(1, "i1", 0),
    DataType.UINT16: _Shape(1, ">u2"),
    DataType.INT16: _Shape(1, ">i2"),
    DataType.UINT32: _Shape(2, ">u4"),
    DataType.INT32: _Shape(2, ">i4"),
    DataType.UINT64: _Shape(4, ">u8"),
    DataType.INT64: _Shape(4, ">i8"),
    DataType.FLOAT16: _Shape(1, ">f2"),
    DataType.FLOAT32: _Shape(2, ">f4"),
    DataType.FLOAT64: _Shape(4, ">f8"),
    DataType.STRING: _Shape(0, "S"),
    DataType.BITS: _Shape(1, ">u2"),
    DataType.UINT24: _Shape(2, ">u2", coding=partial(codings.uint, bits=24)),
    DataType.INT24: _Shape(2, ">u2", coding=partial(codings.int_, bits=24)),
    DataType.UINT48: _Shape(3, ">u2", coding=partial(codings.uint, bits=48)),
    DataType.INT48: _Shape(3, ">u2", coding=partial(codings.int_, bits=48)),
    DataType.SIGNED16: _Shape(1, ">u2", coding=codings.magnitude),
    DataType.SIGNED32: _Shape(2, ">u2", coding=codings.magnitude),
    DataType.BCD16: _Shape(1, ">u2", coding=codings.bcd),
    DataType.BCD32: _Shape(2, ">u2", coding=codings.bcd),
    DataType.BCD64: _Shape(4, ">u2", coding=codings.bcd),
    DataType.MOD10K16: _Shape(1, ">u2", coding=codings.mod10k),
    DataType.MOD10K32: _Shape(2, ">u2", coding=codings.mod10k),
    DataType.MOD10K48: _Shape(3, ">u2", coding=codings.mod10k),
    DataType.MOD10K64: _Shape(4, ">u2", coding=codings.mod10k),
    DataType.UNIX32: _Shape(2, ">u4"),
    DataType.UNIX64: _Shape(4, ">u2", coding=codings.unix),
    DataType.DATETIME3: _Shape(3, ">u2", coding=codings.datetime3),
    DataType.DATETIME4: _Shape(4, ">u2", coding=codings.datetime4),
    DataType.DATETIME_BCD: _Shape(3, ">u2", coding=codings.datetime_bcd),
    DataType.STRING_LOW: _Shape(0, "S"),
    DataType.STRING_UTF16: _Shape(0, "S"),
}
_LONG = {DataType.INT64, DataType.UINT64, DataType.BCD64, DataType.MOD10K64}
_TIMES = {
    DataType.UNIX32, DataType.UNIX64, DataType.DATETIME3, DataType.DATETIME4, DataType.DATETIME_BCD,
}  # fmt: skip
_CHECKED = {data_type for data_type in DataType if data_type.value.startswith(("bcd", "mod10k"))} | _TIMES
_BOUNDS = {
    DataType.UINT24: (0.0, 2.0**24 - 1),
    DataType.INT24: (-(2.0**23), 2.0**23 - 1),
    DataType.UINT48: (0.0, 2.0**48 - 1),
    DataType.INT48: (-(2.0**47), 2.0**47 - 1),
    DataType.SIGNED16: (1 - 2.0**15, 2.0**15 - 1),
    DataType.SIGNED32: (1 - 2.0**31, 2.0**31 - 1),
    DataType.BCD16: (0.0, 1e4 - 1),
    DataType.BCD32: (0.0, 1e8 - 1),
    DataType.BCD64: (0.0, 1e16 - 1),
    DataType.MOD10K16: (1 - 1e4, 1e4 - 1),
    DataType.MOD10K32: (1 - 1e8, 1e8 - 1),
    DataType.MOD10K48: (1 - 1e12, 1e12 - 1),
    DataType.MOD10K64: (1 - 1e16, 1e16 - 1),
} | dict.fromkeys(_TIMES, (0.0, float(codings.LAST_SECOND)))
"""The smallest and the largest raw value, where they are not those of the numpy type."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Register:
    """Where a value lies and how it is written there."""

    table: RegisterTable
    address: int
    data_type: DataType
    byte_order: ByteOrder = ByteOrder.ABCD
    bit: int | None = None
    length: int | None = None

    @property
    def size(self) -> int:
        """Addresses it takes: words, or bits of a bit table."""
        return self.data_type.words or self.length or 1

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + self.size

    def _length_problem(self) -> Sentence | None:
        if (self.data_type.is_text or self.data_type is DataType.BITS) != (self.length is not None):
            return Sentence(
                "a length is given for texts, in registers, and for bits, how many they are, and only for these"
            )
        if self.length is None:
            return None
        if self.data_type is DataType.BITS and self.bit is not None and not 2 <= self.length <= 16 - self.bit:
            return Sentence("a field of bits from {} up has a length of 2 to {}", self.bit, 16 - self.bit)
        return None if 1 <= self.length <= MAX_WORDS else Sentence("a text has 1 to 125 registers")

    def problem(self) -> tuple[str, str] | None:
        """Return the field that is wrong and a sentence that says what to do, or None."""
        if self.table is RegisterTable.CALCULATED:
            return "register_table", "what is calculated lies in no register: name one of the other tables"
        if not 0 <= self.address < ADDRESSES:
            if (meant := manual_address(self.table, self.address)) is not None:
                return "address", Sentence(
                    "{} is a manual's number: as an address, counted from 0, it is {}", self.address, meant
                )
            return "address", "an address is 0 to 65535, counted from 0 (holding register 40001 is 0)"
        if (self.data_type is DataType.BOOL) != self.table.is_bits:
            return (
                "dataType",
                "coils and discrete inputs are bool, and only they: use bit for one bit of a word",
            )
        if (self.data_type in {DataType.BIT, DataType.BITS}) != (self.bit is not None):
            return "bit", "a bit is given for the data types bit and bits, and only for them"
        if self.bit is not None and not 0 <= self.bit <= 15:
            return "bit", "a word has the bits 0 (least significant) to 15"
        if problem := self._length_problem():
            return "length", problem
        if self.end > ADDRESSES:
            return (
                "address",
                Sentence("{} registers from {} reach beyond the last address, 65535", self.size, self.address),
            )
        return None


_MANUAL_DIGIT = {RegisterTable.DISCRETE_INPUT: 1, RegisterTable.INPUT: 3, RegisterTable.HOLDING: 4}


def manual_address(table: RegisterTable, number: int) -> int | None:
    """Return the address that a number in a manual's notation stands for: 40001 and 400001 are holding register 0.

    None when the number is not of this table in that notation. Five digits may be an address as well: SunSpec's are.
    """
    for top in (10_000, 100_000):
        first = _MANUAL_DIGIT.get(table, 0) * top
        if first and first < number < first + min(top, ADDRESSES + 1):
            return number - first - 1
    return None


def bounds(data_type: DataType) -> tuple[float, float] | None:
    """Return the smallest and the largest raw value of a type; None for a text."""
    if data_type.is_text:
        return None
    if data_type in _BOUNDS:
        return _BOUNDS[data_type]
    if data_type in {DataType.BOOL, DataType.BIT}:
        return 0.0, 1.0
    if data_type in {DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64}:
        most = float(np.finfo(data_type.dtype).max)
        return -most, most
    limits = np.iinfo(data_type.dtype)
    return float(limits.min), float(limits.max)


def value_span(data_type: DataType, scale: float, offset: float) -> tuple[float, float] | None:
    """Return the smallest and the largest value that a point can have; None for a text."""
    raw = bounds(data_type)
    return raw and (min(r * scale for r in raw) + offset, max(r * scale for r in raw) + offset)


def sentinel(data_type: DataType, number: float) -> float:
    """Return the raw value that a sentinel stands for.

    Manuals give bit patterns: 0x8000 of an int16 is -32768, and -1 of a uint16 is 65535. Raises `ValueError` with a sentence
    for what the type cannot hold.
    """
    limits = bounds(data_type)
    if limits is None:
        raise ValueError("a text has no sentinels: they are numbers")
    if not math.isfinite(number):
        raise ValueError("leave out NaN and infinities: a reading that is not a finite number is bad by itself")
    low, high = limits
    if "int" in data_type.value:
        if number != math.floor(number):
            raise ValueError(Sentence("{} is no whole number, and {} holds no other", number, data_type.value))
        modulus = high - low + 1
        if high < number < modulus:
            return number - modulus
        if low == 0 and -modulus / 2 <= number < 0:
            return number + modulus
    if low <= number <= high and not (data_type in {DataType.BOOL, DataType.BIT} and number not in {0, 1}):
        return number
    raise ValueError(Sentence("{} holds {:.15g} to {:.15g}: {:.15g} never comes", data_type.value, low, high, number))


def as_read(data_type: DataType, number: float) -> float:
    """Return a number as decoding gives it: 0.1 in a float32 is 0.10000000149011612."""
    if data_type not in {DataType.FLOAT16, DataType.FLOAT32}:
        return number
    with np.errstate(over="ignore"):
        return float(np.dtype(data_type.dtype).type(number))


class Field(NamedTuple):
    """A register inside a block: `offset` in words (or bits) from the block's first address."""

    offset: int
    data_type: DataType
    byte_order: ByteOrder
    bit: int | None
    size: int
    length: int | None = None


def byte_positions(field: Field) -> list[int]:
    """Return where the field's bytes lie in the block, most significant first."""
    words = range(field.offset, field.offset + field.size)
    ordered = reversed(words) if field.byte_order.swaps_words else words
    first, second = (1, 0) if field.byte_order.swaps_bytes else (0, 1)
    positions = [2 * word + half for word in ordered for half in (first, second)]
    if field.data_type is DataType.STRING_LOW:  # one character a register
        return positions[1::2]
    only = _SHAPES[field.data_type].byte
    return positions if only is None else [positions[only]]


EXACT = 2**53
"""Up to here a float of 64 bits holds every integer."""


class _Group(NamedTuple):
    """Fields of one data type, decoded by one numpy operation."""

    dtype: str
    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    bits: tuple[NDArray[np.uint16], NDArray[np.uint16]] | None
    """By how much a word is shifted, and what of it is kept then."""
    coding: codings.Decoder | None = None
    is_long: bool = False


def _is_none(group: _Group, numbers: NDArray[Any]) -> Any:
    return numbers == NO_NUMBER if group.coding is not None else False


class Layout:
    """How the fields of a block are decoded; blocks with equal fields share one (see `layout`)."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields

    @cached_property
    def _groups(self) -> list[_Group]:
        return [self._group(data_type) for data_type in dict.fromkeys(f.data_type for f in self.fields)
                if not data_type.is_text]  # fmt: skip

    def _group(self, data_type: DataType) -> _Group:
        members = [(column, f) for column, f in enumerate(self.fields) if f.data_type is data_type]
        columns = np.array([column for column, _ in members], np.intp)
        if data_type is DataType.BOOL:
            return _Group("bool", columns, np.array([f.offset for _, f in members], np.intp), None)
        positions = np.array([byte_positions(f) for _, f in members], np.intp)
        if data_type not in {DataType.BIT, DataType.BITS}:
            shape = _SHAPES[data_type]
            return _Group(shape.dtype, columns, positions, None, shape.coding, data_type.is_long)
        bits = np.array([f.bit for _, f in members], np.uint16)
        masks = np.array([(1 << (f.length or 1)) - 1 for _, f in members], np.uint16)
        return _Group(data_type.dtype, columns, positions, (bits, masks))

    def decode(self, raw: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Decode many blocks at once.

        `raw` is (blocks, bytes) as the devices sent them; the answer is (blocks, fields), raw values before
        scale and offset, NaN for strings and for what is no value of its type. Floats of 32 and 16 bits become the shortest decimal that they are.
        Integers beyond 2^53 lose their last digits: `long_integers` has them.
        """
        values = np.full((len(raw), len(self.fields)), np.nan)
        for group in self._groups:
            numbers: NDArray[Any]
            if group.dtype == "bool":
                numbers = np.unpackbits(raw, axis=1, bitorder="little")[:, group.positions]
            else:
                numbers = self._numbers(group, raw)
                if group.bits is not None:
                    shift, mask = group.bits
                    numbers = (numbers >> shift) & mask
                elif group.coding is not None:
                    numbers = np.where(numbers == NO_NUMBER, np.nan, numbers)
            with np.errstate(invalid="ignore"):  # a device may send any bits, also a NaN that signals
                values[:, group.columns] = shortest(numbers) if group.dtype in {">f2", ">f4"} else numbers
        return values

    @staticmethod
    def _numbers(group: _Group, raw: NDArray[np.uint8]) -> NDArray[Any]:
        numbers = np.take(raw, group.positions, axis=1).view(group.dtype)
        return numbers[:, :, 0] if group.coding is None else group.coding(numbers)

    @cached_property
    def long_columns(self) -> list[int]:
        """Columns that may be integers beyond 2^53."""
        return [column for group in self._long_groups for column in group.columns.tolist()]

    @cached_property
    def _long_groups(self) -> list[_Group]:
        return [group for group in self._groups if group.is_long]

    def long_integers(self, raw: NDArray[np.uint8]) -> dict[int, int]:
        """Return the integers beyond 2^53 in many blocks, by their place in what `decode` returns, row after row."""
        found: dict[int, int] = {}
        for group in self._long_groups:
            numbers = self._numbers(group, raw)
            beyond = (np.abs(numbers.astype(np.float64)) >= EXACT) & ~_is_none(group, numbers)
            for row, place in zip(*np.nonzero(beyond), strict=True):
                found[int(row * len(self.fields) + group.columns[place])] = int(numbers[row, place])
        return found

    @cached_property
    def text_columns(self) -> list[int]:
        """Columns that are strings."""
        return [column for column, f in enumerate(self.fields) if f.data_type.is_text]

    def text(self, column: int, raw: bytes) -> str:
        """Decode one string of one block: up to the first NUL, without spaces at its end, as UTF-8 or Latin-1, or as UTF-16."""
        field = self.fields[column]
        sent = bytes(raw[i] for i in byte_positions(field))
        if field.data_type is DataType.STRING_UTF16:
            return sent.decode("utf-16-be", "replace").split("\0", 1)[0].rstrip()
        characters = sent.split(b"\0", 1)[0].rstrip()
        try:
            return characters.decode("utf-8")
        except UnicodeDecodeError:
            return characters.decode("latin-1")


@lru_cache(maxsize=4096)
def layout(fields: tuple[Field, ...]) -> Layout:
    """Return the one layout of these fields."""
    return Layout(fields)
