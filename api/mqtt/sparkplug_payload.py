"""The payload of Sparkplug B: protocol buffers, of which a publisher needs few fields. Pure.

Numbers of fields and of data types are those of section 6.4 of https://sparkplug.eclipse.org/specification/version/3.0/
documents/sparkplug-specification-3.0.0.pdf; how they are written is https://protobuf.dev/programming-guides/encoding/.
"""

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache, partial
from typing import TypeAlias

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = 2**64 - 1
GOOD, BAD = 192, 0
"""Values of the property Quality; there is but one other, for what a host finds stale."""


class Type(IntEnum):
    """Data types that readings come to."""

    INT32 = 3
    INT64 = 4
    UINT64 = 8
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12


Property: TypeAlias = tuple[Type, int | str]


def _varint(number: int) -> bytes:
    number &= _MASK  # a negative one in two's complement
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(number)


_of_alias = lru_cache(100_000)(partial(_number, 2))


def _bytes(field: int, raw: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(raw)) + raw


def _value(kind: Type, value: bool | float | str) -> bytes:
    """Return the field of a metric, of 10 to 15, that has values of this type."""
    if kind is Type.STRING:
        return _bytes(15, str(value).encode())
    if kind is Type.DOUBLE:
        return b"\x69" + struct.pack("<d", value)
    if kind is Type.BOOLEAN:
        return _number(14, bool(value))
    return _number(11, int(value))


def properties(given: dict[str, Property]) -> bytes:
    """Return the field of a metric that holds its properties."""
    keys = b"".join(_bytes(1, key.encode()) for key in given)
    values = b"".join(
        _bytes(2, _number(1, kind) + (_bytes(8, str(v).encode()) if kind is Type.STRING else _number(3, int(v))))
        for kind, v in given.values()
    )
    return _bytes(9, keys + values)


def metric(
    kind: Type,
    value: bool | float | str | None,
    milliseconds: int,
    *,
    name: str = "",
    alias: int | None = None,
    historical: bool = False,
    more: bytes = b"",
) -> bytes:
    """Return a metric of a payload; its name stands in births, elsewhere its alias does. `more`: its properties.

    The type is told each time, though births say it: what hosts are built of (sparkplug-payload) reads no value without.
    """
    parts = [_bytes(1, name.encode())] if name else []
    if alias is not None:
        parts.append(_of_alias(alias))
    parts += [_number(3, milliseconds), _number(4, kind)]
    if historical:
        parts.append(b"\x28\x01")
    parts.append(b"\x38\x01" if value is None else _value(kind, value))
    return _bytes(2, b"".join(parts) + more)


def payload(milliseconds: int, metrics: Iterable[bytes], seq: int | None) -> bytes:
    """Return a payload; `seq`: its number, which NDEATH lacks."""
    head = _number(1, milliseconds) + b"".join(metrics)
    return head if seq is None else head + _number(3, seq)


def fields(raw: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Return the fields of a message that somebody sent, by their numbers; raises ValueError."""
    at = 0
    while at < len(raw):
        tag, at = _read(raw, at)
        kind = tag & 7
        if kind == _VARINT:
            value: int | bytes
            value, at = _read(raw, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
            if kind == _BYTES:
                size, at = _read(raw, at)
            if not 0 <= size <= len(raw) - at:
                raise ValueError(raw)
            value, at = raw[at : at + size], at + size
        yield tag >> 3, value


def _read(raw: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(raw[at : at + 10]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError(raw)
