"""ASCII frames: the bytes of a frame as hexadecimal text between a colon and a line's end, with an LRC.

The text and its checksum are pymodbus's work. Its framer gives up all it has at the first character that is no digit, and
takes what begins with such a one for an error of the program: so it is handed one frame at a time.

Source: Modbus over Serial Line V1.02, sections 2.5.2 (frame) and 6.2.1 (LRC).
"""

import re
from collections.abc import Iterator

from pymodbus.framer import FramerAscii
from pymodbus.pdu import DecodePDU

from collector.line.rtu import FrameShape

_FRAMER = FramerAscii(DecodePDU(is_server=False))
_FRAME = re.compile(rb":[^:\r]*\r\n")


def framed(body: bytes) -> bytes:
    """Return unit, function and what follows as a frame."""
    return _FRAMER.encode(body[1:], body[0], 0)


def frames(buffer: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the end and the bytes of each whole frame with a right checksum, whatever lies between them."""
    for match in _FRAME.finditer(buffer):
        try:
            _, unit, _, rest = _FRAMER.decode(match[0])
        except ValueError:  # no digits
            continue
        if len(rest) > 1:  # one without anything behind its function answers nothing
            yield match.end(), bytes([unit]) + rest


def holds_broken(buffer: bytes, shape: FrameShape) -> bool:
    """Whether a whole answer of a shape is there whose checksum, or a digit, is wrong."""
    head = b":" + bytes(shape).hex().encode()
    return any(match[0].lower().startswith(head) for match in _FRAME.finditer(buffer))
