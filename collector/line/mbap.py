"""Where the answers lie in what a Modbus TCP peer sends, whatever its headers say. Pure.

Gateways are in use that announce one length and send another. So the length of an answer follows from its request, that
of an exception is known, and where an answer begins is told by its transaction id, unit, function and number of data
bytes: more than chance or a register's value can imitate. A peer that returns no transaction id is recognised by the rest
of the head, with the right length, or at the very beginning of what came.

Source: Modbus Messaging on TCP/IP V1.0b, section 3.1.3 (the header).
"""

import struct

from collector.line.requests import HEAD_BYTES, ReadRequest

_IDENTITY = struct.Struct(">HH")
_HEADER = struct.Struct(">HHH")
_EXCEPTION = struct.Struct(">HHBB")
EXCEPTION_BYTES = 9
_LEAST_LENGTH, _MOST_LENGTH = 2, 254  # of unit, function and data, as a header counts them


def is_answer(buffer: bytes, at: int, request: ReadRequest) -> bool:
    """Whether an answer or an exception to a request begins here, by all of its head but transaction id and length."""
    return buffer[at + 6 : at + HEAD_BYTES] == request.right[4:] or is_exception(buffer, at, request)


def is_exception(buffer: bytes, at: int, request: ReadRequest) -> bool:
    """Whether it is an exception, by unit and function."""
    return len(buffer) >= at + EXCEPTION_BYTES and buffer[at + 6 : at + 8] == _refusal(request)


def end_of(buffer: bytes, at: int, request: ReadRequest) -> int:
    """Return where the answer to a request ends that begins here."""
    return at + (EXCEPTION_BYTES if is_exception(buffer, at, request) else request.whole)


def find(buffer: bytes, request: ReadRequest, transaction: int, begin: int = 0) -> int:
    """Return where the answer with this transaction id begins, or -1."""
    identity = _IDENTITY.pack(transaction, 0)
    at = buffer.find(identity, begin)
    while at >= 0 and not is_answer(buffer, at, request):
        at = buffer.find(identity, at + 1)
    return at


def may_begin(buffer: bytes, first: int, last: int, transaction: int) -> int:
    """Return where from `first` on the answer with this transaction id may begin, its head being still to come; else `last`."""
    identity = _IDENTITY.pack(transaction, 0)
    places = range(max(first, len(buffer) - HEAD_BYTES + 1), min(last, len(buffer)))
    return next((at for at in places if identity.startswith(buffer[at : at + len(identity)])), last)


def find_nameless(buffer: bytes, request: ReadRequest, *, in_step: bool) -> int:
    """Return where an answer begins that has the right head but for its transaction id, or -1.

    `in_step`: what came begins with a frame, so that its length may be a lie.
    """
    if in_step and buffer[2:4] == b"\0\0" and is_answer(buffer, 0, request):
        return 0
    places = [
        at - 2
        for at in (buffer.find(request.right, 2), buffer.find(_EXCEPTION.pack(0, 3, *_refusal(request)), 2))
        if at >= 2 and is_answer(buffer, at - 2, request)
    ]
    return min(places, default=-1)


def frame(buffer: bytes) -> tuple[int, int] | None:
    """Return transaction id and end of the frame at the beginning, by its own header; None if there is no header."""
    if len(buffer) < _HEADER.size:
        return None
    transaction, protocol, length = _HEADER.unpack_from(buffer)
    if protocol != 0 or not _LEAST_LENGTH <= length <= _MOST_LENGTH:
        return None
    return transaction, _HEADER.size + length


def swapped(transaction: int) -> int:
    """Return a transaction id with its bytes exchanged, as some devices return it."""
    return transaction >> 8 | (transaction & 0xFF) << 8


def _refusal(request: ReadRequest) -> bytes:
    return bytes((request.unit, request.function | 0x80))
