"""The live stream: how the readings of one flush travel in NOTIFY payloads from a collector to every API.

A payload is text below 8,000 bytes: `<sequence>:<part>:<parts>:<collector>:<r|t><base64>`, where r holds packed
readings and t the texts as JSON. PostgreSQL delivers the notifications of one transaction in order and unmixed.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

CHANNEL = "ddms_readings"
READING = np.dtype([("point_id", ">u4"), ("time", ">i8"), ("value", ">f8"), ("quality", "u1")])
"""One reading: point, microseconds since 1970 UTC, value (NaN when bad or a text), quality code."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAYLOAD_BYTES = 7_900  # PostgreSQL's limit is 7,999


@dataclass(frozen=True, kw_only=True, slots=True)
class Flush:
    """What one collector committed in one transaction; a text that is None was removed."""

    collector: str
    sequence: int
    readings: NDArray[Any]
    texts: dict[int, str | None]


def to_datetime(microseconds: int) -> datetime:
    """Return microseconds since 1970 UTC as a datetime, without the rounding of floats."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(moment: datetime) -> int:
    """Return a datetime as microseconds since 1970 UTC."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def pack(flush: Flush) -> list[str]:
    """Return the payloads of a flush; at least one, even when it is empty."""
    room = (_PAYLOAD_BYTES - len(flush.collector.encode()) - 40) * 3 // 4
    rows = room // READING.itemsize
    bodies = [b"r" + b64encode(flush.readings[i : i + rows].tobytes()) for i in range(0, len(flush.readings), rows)]
    bodies += [b"t" + b64encode(orjson.dumps(part)) for part in _text_parts(flush.texts, room)]
    bodies = bodies or [b"r"]
    return [
        f"{flush.sequence}:{part}:{len(bodies)}:{flush.collector}:{body.decode()}" for part, body in enumerate(bodies)
    ]


def _text_parts(texts: dict[int, str | None], room: int) -> list[list[tuple[int, str | None]]]:
    parts: list[list[tuple[int, str | None]]] = []
    left = 0
    for item in texts.items():
        size = len(orjson.dumps(item)) + 1
        if size > left:
            parts.append([])
            left = room - 2
        parts[-1].append(item)
        left -= size
    return parts


class Unpacker:
    """Joins the payloads of each flush again; one per LISTEN connection."""

    def __init__(self) -> None:
        self._parts: dict[str, list[str]] = {}

    def feed(self, payload: str) -> Flush | None:
        """Take one payload; return the flush when it is whole. A flush that began before we listened is dropped."""
        sequence, part, parts, rest = payload.split(":", 3)
        collector, _, body = rest.rpartition(":")
        if part == "0":
            self._parts[collector] = []
        bodies = self._parts.get(collector)
        if bodies is None or len(bodies) != int(part):
            return None
        bodies.append(body)
        if len(bodies) < int(parts):
            return None
        del self._parts[collector]
        return _join(collector, int(sequence), bodies)


def _join(collector: str, sequence: int, bodies: list[str]) -> Flush:
    raw = b"".join(b64decode(body[1:]) for body in bodies if body[0] == "r")
    texts = [item for body in bodies if body[0] == "t" for item in orjson.loads(b64decode(body[1:]))]
    return Flush(
        collector=collector,
        sequence=sequence,
        readings=np.frombuffer(raw, READING),
        texts=dict(texts),
    )
