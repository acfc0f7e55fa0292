"""Columns: whole arrays on their way from the database, or from the live stream, to the JSON encoder.

PostgreSQL sends an array as one value (`array_send`): 20 bytes of header, then for each element its length (4 bytes)
and its bytes, big-endian. Elements of one length without NULLs are a numpy array with a fixed stride.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

_HEADER = 20
_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_2000_US = 946_684_800_000_000
_TIME = np.dtype([("length", ">i4"), ("item", ">i8")])
_NUMBER = np.dtype([("length", ">i4"), ("item", ">f8")])
_INT = np.dtype([("length", ">i4"), ("item", ">i4")])
_SMALL = np.dtype([("length", ">i4"), ("item", ">i2")])


def _items(sent: bytes | None, layout: np.dtype[Any]) -> NDArray[Any]:
    if sent is None or len(sent) <= _HEADER:
        return np.empty(0, layout["item"].newbyteorder("="))
    items = np.frombuffer(sent, layout, offset=_HEADER)["item"]
    return items.astype(items.dtype.newbyteorder("="))


def times(sent: bytes | None) -> NDArray[np.int64]:
    """Return an array of timestamptz as milliseconds since 1970 UTC."""
    return microseconds(sent) // 1000


def microseconds(sent: bytes | None) -> NDArray[np.int64]:
    """Return an array of timestamptz as microseconds since 1970 UTC."""
    return _items(sent, _TIME) + _EPOCH_2000_US


def numbers(sent: bytes | None) -> NDArray[np.float64]:
    """Return an array of float8; NaN, where the value is missing, is encoded as null."""
    return _items(sent, _NUMBER)


def integers(sent: bytes | None) -> NDArray[np.int32]:
    """Return an array of int."""
    return _items(sent, _INT)


def codes(sent: bytes | None) -> NDArray[np.int16]:
    """Return an array of smallint."""
    return _items(sent, _SMALL)


def ids(prefix: str, rows: NDArray[Any]) -> orjson.Fragment:
    """Return opaque ids as ready JSON."""
    if not len(rows):
        return orjson.Fragment(b"[]")
    joint = f'","{prefix}_'
    return orjson.Fragment(f'["{prefix}_{joint.join(map(str, rows.tolist()))}"]')


def moment(sent: bytes | None, place: int) -> datetime | None:
    """Return one element of an array of timestamptz, exactly, or None beyond its end."""
    if sent is None or len(sent) < _HEADER + (place + 1) * _TIME.itemsize:
        return None
    since_2000 = int(np.frombuffer(sent, _TIME, count=1, offset=_HEADER + place * _TIME.itemsize)["item"][0])
    return _EPOCH_2000 + timedelta(microseconds=since_2000)


def value_names(
    names: Mapping[int, Mapping[float, str]], points: NDArray[Any], values: NDArray[Any]
) -> orjson.Fragment | list[str | None]:
    """Return what values are called: `names` by point and value; null for a value without one."""
    if not names:
        return orjson.Fragment(b"[" + b",".join([b"null"] * len(points)) + b"]")
    nothing: Mapping[float, str] = {}
    return [names.get(p, nothing).get(v) for p, v in zip(points.tolist(), values.tolist(), strict=True)]
