"""RTU frames, as bytes and what tells them apart. Pure.

Source: Modbus over Serial Line V1.02, sections 2.5.1 (frame, silent time) and 6.2.2 (CRC).
"""

from collections.abc import Iterator
from typing import NamedTuple

from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

IDENTIFICATION = 0x2B  # the only function besides reads, whose answer says its own length object by object
_KNOWN = frozenset({1, 2, 3, 4, IDENTIFICATION})
_FASTEST_COUNTED = 19_200  # above it the silent time is fixed (section 2.5.1.1)
_FIXED_SILENCE = 0.00175
_BITS_A_CHARACTER = 11


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def checksum(data: bytes) -> bytes:
    """Return the CRC-16/MODBUS of some bytes, as it is sent: low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def framed(body: bytes) -> bytes:
    """Return unit, function and what follows as a frame."""
    return body + checksum(body)


class FrameShape(NamedTuple):
    """What tells one answer from another: who sent it, to which function, how many data bytes."""

    unit: int
    function: int
    size: int


def frames(buffer: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the bytes of each whole answer with a right checksum, whatever lies between them."""
    start = 0
    while start <= len(buffer) - 5:
        end = _end(buffer, start)
        if start < end <= len(buffer) and checksum(buffer[start : end - 2]) == buffer[end - 2 : end]:
            yield end, buffer[start : end - 2]
            start = end
        else:
            start += 1


def _end(buffer: bytes, start: int) -> int:
    """Return where an answer ends that begins here, also when its end is still to come; 0 if none can begin here."""
    function = buffer[start + 1]
    if function & 0x7F not in _KNOWN:
        return 0
    if function & 0x80:
        return start + 5
    if function != IDENTIFICATION:
        return start + 5 + buffer[start + 2]
    return start + int(ReadDeviceInformationResponse.calculateRtuFrameSize(buffer[start:]))


def holds_broken(buffer: bytes, shape: FrameShape) -> bool:
    """Whether a whole answer of a shape is there whose checksum is wrong."""
    return 0 <= buffer.find(bytes(shape)) <= len(buffer) - shape.size - 5


def silent_seconds(baud_rate: int) -> float:
    """Return the silence that must lie between two frames: 3.5 characters, by which units know where one begins."""
    return 3.5 * _BITS_A_CHARACTER / baud_rate if baud_rate <= _FASTEST_COUNTED else _FIXED_SILENCE
