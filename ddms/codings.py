"""Numbers that are no types of numpy: what registers hold becomes values, all blocks at once. Pure.

Each function takes (blocks, fields, words), most significant first, and returns (blocks, fields): whole numbers of 64 bits, where
`NO_NUMBER` stands for what is none, or floats with NaN. Nothing is guessed: a digit above 9 or a 31st of June is no value.

The forms are those that makers name so: DATETIME of Schneider's iEM3000 and PM series (four registers, after IEC 60870-5-4), the
date in three registers of PowerLogic's Series 3000 and 4000, Modulo-10000 of ION meters.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

Words = NDArray[Any]
Ints = NDArray[np.int64]
NO_NUMBER = np.iinfo(np.int64).min
LAST_SECOND = 253_402_300_799
"""The last second of the year 9999, since 1970: later there are no dates."""


def _whole(words: Words) -> Ints:
    """Return registers put together, the first one the most significant."""
    total = np.zeros(words.shape[:2], np.int64)
    for place in range(words.shape[2]):
        total = (total << 16) | words[:, :, place].astype(np.int64)
    return total


def uint(words: Words, bits: int) -> Ints:
    """The lowest bits of registers that have more."""
    lowest: Ints = _whole(words) & ((1 << bits) - 1)
    return lowest


def int_(words: Words, bits: int) -> Ints:
    """As `uint`, in two's complement."""
    sign = 1 << (bits - 1)
    signed: Ints = (uint(words, bits) ^ sign) - sign
    return signed


def magnitude(words: Words) -> Ints:
    """The highest bit is the sign, the others the magnitude; 0x8001 is -1, and 0x8000 is 0."""
    whole, sign = _whole(words), 1 << (16 * words.shape[2] - 1)
    size = whole & (sign - 1)
    signed: Ints = np.where(whole & sign, -size, size)
    return signed


def bcd(words: Words) -> Ints:
    """Four decimal digits a register, 8-4-2-1: 0x1234 is 1234."""
    total, is_wrong = np.zeros(words.shape[:2], np.int64), np.zeros(words.shape[:2], np.bool_)
    for place in range(words.shape[2]):
        word = words[:, :, place].astype(np.int64)
        for shift in (12, 8, 4, 0):
            digit = word >> shift & 15
            is_wrong |= digit > 9
            total = total * 10 + digit
    return np.where(is_wrong, NO_NUMBER, total)


def mod10k(words: Words) -> Ints:
    """A register counts to 9,999: 12 and 3456 are 123456; of a negative value each register is negative or 0."""
    parts = words.astype(np.uint16).view(np.int16).astype(np.int64)
    total = np.zeros(words.shape[:2], np.int64)
    for place in range(words.shape[2]):
        total = total * 10_000 + parts[:, :, place]
    is_wrong = (np.abs(parts) > 9_999).any(axis=2) | ((parts < 0).any(axis=2) & (parts > 0).any(axis=2))
    return np.where(is_wrong, NO_NUMBER, total)


def unix(words: Words) -> Ints:
    """Seconds since 1970; beyond the year 9999 they are none."""
    whole = _whole(words)
    return np.where((whole < 0) | (whole > LAST_SECOND), NO_NUMBER, whole)


def _moment(date: tuple[Ints, Ints, Ints], clock: tuple[Ints, Ints, NDArray[Any]]) -> NDArray[np.float64]:
    """Return seconds since 1970 of year, month and day, and of hour, minute and second, as if the clock showed UTC.

    NaN where there is no such moment.
    """
    (year, month, day), (hour, minute, second) = date, clock
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    days = months.astype("M8[M]").astype("M8[D]") + (day - 1).astype("m8[D]")
    is_right = (month >= 1) & (month <= 12) & (day >= 1) & (days.astype("M8[M]").astype(np.int64) == months)
    is_right &= (hour < 24) & (minute < 60) & (second < 60)
    return np.where(is_right, days.astype(np.int64) * 86_400.0 + hour * 3600.0 + minute * 60.0 + second, np.nan)


def datetime3(words: Words) -> NDArray[np.float64]:
    """Month and day, year from 1900 and hour, minute and second, a byte each."""
    parts = words.astype(np.int64)
    high, low = parts >> 8, parts & 255
    return _moment((high[..., 1] + 1900, high[..., 0], low[..., 0]), (low[..., 1], high[..., 2], low[..., 2]))


def datetime4(words: Words) -> NDArray[np.float64]:
    """Year from 2000; month, weekday and day; summer time and hour, invalid and minute; milliseconds."""
    parts = words.astype(np.int64)
    year, date, clock, milliseconds = (parts[..., place] for place in range(4))
    days = (year & 127) + 2000, date >> 8 & 15, date & 31
    found = _moment(days, (clock >> 8 & 31, clock & 63, milliseconds / 1000))
    return np.where(clock & 128, np.nan, found)  # the device says that it does not know the time


def datetime_bcd(words: Words) -> NDArray[np.float64]:
    """Year from 2000, month, day, hour, minute and second, two decimal digits each: 0x2607 0x0406 0x0530."""
    parts = words.astype(np.int64)
    is_wrong = ((parts[..., np.newaxis] >> np.array([12, 8, 4, 0]) & 15) > 9).any(axis=(2, 3))
    high, low = (parts >> 12) * 10 + (parts >> 8 & 15), (parts >> 4 & 15) * 10 + (parts & 15)
    found = _moment((high[..., 0] + 2000, low[..., 0], high[..., 1]), (low[..., 1], high[..., 2], low[..., 2]))
    return np.where(is_wrong, np.nan, found)


@cache
def _half_floats() -> NDArray[np.float64]:
    """Return the shortest decimal of each float of 16 bits, by its bits."""
    return np.array([float(str(half)) for half in np.arange(2**16, dtype=np.uint16).view(np.float16)])


def shortest(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Return the shortest decimals that are these floats of 16 or 32 bits: 0.1 as 0.1, not as 0.10000000149011612."""
    if numbers.dtype.itemsize == 2:
        return _half_floats()[numbers.astype(np.float16).view(np.uint16)]
    native = np.ascontiguousarray(numbers, np.float32)
    # orjson writes the shortest decimal of a float32 (Ryu), and what is not finite as null.
    read = np.array(orjson.loads(orjson.dumps(native.ravel(), option=orjson.OPT_SERIALIZE_NUMPY)), np.float64)
    return np.where(np.isfinite(native), read.reshape(native.shape), native)


Decoder = Callable[[Words], NDArray[Any]]
