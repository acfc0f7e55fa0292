"""Values as devices send them, made without our own decoding."""

import struct

from ddms.registers import ByteOrder, DataType


def words_of(kind: str, value, order: str = "ABCD") -> list[int]:
    words = list(struct.unpack(f">{struct.calcsize(kind) // 2}H", struct.pack(">" + kind, value)))
    if order in {"CDAB", "DCBA"}:
        words.reverse()
    return [w >> 8 | (w & 0xFF) << 8 for w in words] if order in {"BADC", "DCBA"} else words


NUMBERS = {
    DataType.UINT16: (">H", 54_321),
    DataType.INT16: (">h", -12_345),
    DataType.UINT32: (">I", 3_000_000_001),
    DataType.INT32: (">i", -2_000_000_001),
    DataType.UINT64: (">Q", 2**52 + 1),
    DataType.INT64: (">q", -(2**52) - 1),
    DataType.FLOAT16: (">e", -1.5),
    DataType.FLOAT32: (">f", 3.140000104904175),
    DataType.FLOAT64: (">d", -2.718281828459045),
}


def as_sent(big_endian: bytes, order: ByteOrder) -> bytes:
    """What a device of this byte order sends for a value, derived from the letters A B C D, not from our code."""
    words = [big_endian[i : i + 2] for i in range(0, len(big_endian), 2)]
    match order:
        case ByteOrder.ABCD:
            pass
        case ByteOrder.CDAB:
            words.reverse()
        case ByteOrder.BADC:
            words = [w[::-1] for w in words]
        case ByteOrder.DCBA:
            words = [w[::-1] for w in reversed(words)]
    return b"".join(words)
