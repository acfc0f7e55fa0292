"""How plausible it is that registers mean a certain value. Pure.

A score from 0 to 100 that begins at 50. What adds and what takes away (the reasons are given along):

| seen | score |
|---|---|
| not a number, or a text with unprintable characters | 0 |
| magnitude 0.001 to 1,000,000 | +15 |
| magnitude beyond that, to 1e-6 and 1e9 | −20 |
| still smaller or larger (a wrong order makes such), denormal | −45 |
| zero: it says nothing | −10 |
| a float32 of a good magnitude (1 of 8 random ones has it) with at most 5 significant digits (random: 7 or more) | +20 |
| the same, but its last word is empty, which may be another register | +6 |
| any other float32 of a good magnitude | +12 |
| a float64 of a good magnitude with at most 9 significant digits / with more | +14 / +10 |
| a float64 whose second half would be no float32 | +6 |
| an integer of 32 or 64 bits whose first word is not empty, of a good magnitude | +8 |
| an integer of 32 or 64 bits whose first word is empty: the shorter one says the same | −4 |
| an integer at the end of its range: -1, the largest, the smallest; often "no value" | −25 |
| an unsigned integer just below its largest: rather a small negative one | −10 |
| a signed integer that is not negative: the unsigned one says the same | −3 |
| types that few devices use: float16 −15, 8 bits −20, 64-bit integer −6 | |
| swapped bytes in a word (few devices do) | −4 |
| not at the address that was given | −6 |
| changed between two reads by at most 5 % | +10 |
| changed by more than half | −20 |
| the same type beside it gives a value of the same magnitude (phases, channels) | +8 |
| a text of at least 4 characters, all printable | +35 |
| a date and time within three days of now; any other is left out | 85 |
| decimal digits (BCD) that fill their words; others are left out | 65 |

With an expected value the distance counts 90 %, also for integers times 0.001 … 1000 (`scale`), the above 10 %.
"""

import math
import re
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ddms.registers import ByteOrder, DataType, Field, layout

GOOD_MAGNITUDE = (1e-3, 1e6)
KNOWN_MAGNITUDE = (1e-6, 1e9)
FEW_DIGITS = {DataType.FLOAT32: 5, DataType.FLOAT64: 9}
NEAR = 0.0005
SCALES = (1.0, 0.1, 0.01, 0.001, 10.0, 100.0, 1000.0)
_FLOATS = frozenset({DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64})
_DECIMAL = frozenset({DataType.BCD32, DataType.BCD64})
_NEAR_SECONDS = 3 * 86_400
_RARE = {
    DataType.FLOAT16: 15,
    DataType.UINT64: 6,
    DataType.INT64: 6,
    DataType.UINT8_LOW: 20,
    DataType.UINT8_HIGH: 20,
    DataType.INT8_LOW: 20,
    DataType.INT8_HIGH: 20,
}


@dataclass(kw_only=True, slots=True)
class Candidate:
    """One way to read the registers at `offset` from the address that was given; `words` as the device sent them."""

    offset: int
    data_type: DataType
    byte_order: ByteOrder
    words: tuple[int, ...]
    before: tuple[int, ...] | None = None  # the same registers a moment earlier
    beside: list[tuple[int, ...]] = field(default_factory=list)  # those of the value before, and of the next one
    score: float = 50.0
    scale: float = 1.0
    why: list[str] = field(default_factory=list)

    @property
    def by_significance(self) -> tuple[int, ...]:
        """The words, the most significant first."""
        ordered = reversed(self.words) if self.byte_order.swaps_words else self.words
        return tuple(w >> 8 | (w & 0xFF) << 8 if self.byte_order.swaps_bytes else w for w in ordered)

    def decoded(self, words: tuple[int, ...]) -> float | str:
        """Return the value of some words, read this way."""
        if self.data_type is DataType.BOOL:
            return float(words[0])
        raw = np.array(words, ">u2").tobytes()
        as_field = Field(0, self.data_type, self.byte_order, None, len(words))
        if self.data_type.is_text:
            return layout((as_field,)).text(0, raw)
        return float(layout((as_field,)).decode(np.frombuffer(raw, np.uint8).reshape(1, -1))[0][0])

    def count(self, points: float, why: str) -> None:
        """Add to the score, with the reason."""
        self.score += points
        self.why.append(why)

    def as_dict(self, address: int) -> dict[str, Any]:
        """Return it as it is stored and shown."""
        value = self.decoded(self.words)
        return {
            "offset": self.offset,
            "address": address + self.offset,
            "data_type": self.data_type.value,
            "byte_order": self.byte_order.value,
            "length": len(self.words) if self.data_type.is_text else None,
            "words": list(self.words),
            "value": value if isinstance(value, float) and math.isfinite(value) else None,
            "text": value if isinstance(value, str) else None,
            "scale": self.scale,
            "score": round(self.score, 1),
            "why": self.why,
        }


def rank(candidates: list[Candidate], expected: float | None = None) -> list[Candidate]:
    """Score all candidates and return them, the most plausible first."""
    for candidate in candidates:
        _judge(candidate)
        if expected is not None:
            _compare(candidate, expected)
    shown = [c for c in candidates if c.score or not _is_coded(c)]
    return sorted(shown, key=lambda c: (-c.score, abs(c.offset), len(c.words)))


def _judge(c: Candidate) -> None:
    value = c.decoded(c.words)
    if isinstance(value, str):
        _judge_text(c, value)
    elif not math.isfinite(value):
        c.score, c.why = 0.0, ["not a number"]
        return
    else:
        if _is_coded(c):
            _judge_coded(c, value)
            return
        _judge_magnitude(c, value)
        (_judge_float if c.data_type in _FLOATS else _judge_integer)(c, value)
        _judge_change(c, value)
        _judge_neighbours(c, value)
    if c.offset:
        c.count(-6, f"at address {c.offset:+d}")
    if c.byte_order.swaps_bytes and len(c.words) > 0:
        c.count(-4, "swapped bytes are rare")
    if rare := _RARE.get(c.data_type):
        c.count(-rare, "a rare type")
    c.score = min(100.0, max(0.0, c.score))


def _judge_coded(c: Candidate, value: float) -> None:
    """Of dates only those near to now are plausible, of decimal digits only many: others come about by chance."""
    if c.data_type.is_time:
        near = abs(value - time.time()) < _NEAR_SECONDS
        c.score, c.why = (85.0, ["a date of these days"]) if near else (0.0, ["a date far away"])
    elif all(c.words) and value >= 10 ** (4 * len(c.words) - 3):
        c.score, c.why = 65.0, ["all digits are decimal"]
    else:
        c.score, c.why = 0.0, ["few digits"]
    if c.offset and c.score:
        c.count(-6, f"at address {c.offset:+d}")
    if c.byte_order.swaps_bytes and c.score:
        c.count(-4, "swapped bytes are rare")


def _is_coded(c: Candidate) -> bool:
    return c.data_type.is_time or c.data_type in _DECIMAL


def _judge_text(c: Candidate, text: str) -> None:
    if not text or not text.isascii() or not text.isprintable():
        c.score, c.why = 0.0, ["not printable"]
    elif len(text) < 4 or len(re.findall(r"[\w .:/+-]", text)) < 0.75 * len(text):
        c.count(-25, "hardly a text")
    else:
        c.count(35, "printable text")


def _judge_magnitude(c: Candidate, value: float) -> None:
    size = abs(value)
    if size == 0:
        c.count(-10, "zero says nothing")
    elif GOOD_MAGNITUDE[0] <= size <= GOOD_MAGNITUDE[1]:
        c.count(15, "moderate magnitude")
    elif KNOWN_MAGNITUDE[0] <= size <= KNOWN_MAGNITUDE[1]:
        c.count(-20, "unusual magnitude")
    else:
        c.count(-45, "absurd magnitude")


def _is_moderate(value: float) -> bool:
    return GOOD_MAGNITUDE[0] <= abs(value) <= GOOD_MAGNITUDE[1]


def _judge_float(c: Candidate, value: float) -> None:
    if not _is_moderate(value) or c.data_type is DataType.FLOAT16:  # all float16 have few digits
        return
    number: np.floating[Any] = np.dtype(c.data_type.dtype).type(value)
    shortest = np.format_float_scientific(number, trim="-").partition("e")[0]
    is_short = len(shortest.replace(".", "").lstrip("-")) <= FEW_DIGITS[c.data_type]
    if not c.by_significance[1]:
        c.count(6, "few decimals, but an empty word")
    elif is_short:
        c.count(20 if c.data_type is DataType.FLOAT32 else 14, "few decimals")
    else:
        c.count(12 if c.data_type is DataType.FLOAT32 else 10, "a sensible float")
    if c.data_type is DataType.FLOAT64 and any(half := c.by_significance[2:]):
        second = float(np.array(half, ">u2").view(">f4")[0])
        if not _is_moderate(second):
            c.count(6, "its second half alone is no float")


def _judge_integer(c: Candidate, value: float) -> None:
    bits = 8 if c.data_type in {DataType.UINT8_LOW, DataType.UINT8_HIGH, DataType.INT8_LOW, DataType.INT8_HIGH} else 16
    bits = bits if len(c.words) == 1 else 16 * len(c.words)
    signed = c.data_type.value.startswith("int")
    top = 2.0 ** (bits - signed)
    if value in {top - 1, -top} or (signed and value == -1):
        c.count(-25, 'end of the range: rather "no value"')
    elif not signed and top - 1000 * (bits > 8) < value:
        c.count(-10, "rather a small negative number")
    if signed and value >= 0:
        c.count(-3, "unsigned says the same")
    if bits > 16 and _is_moderate(value):
        if c.by_significance[0] in {0, 0xFFFF}:
            c.count(-4, "the shorter type says the same")
        else:
            c.count(8, "all words are used")


def _judge_change(c: Candidate, value: float) -> None:
    if c.before is None or c.before == c.words:
        return
    earlier = c.decoded(c.before)
    if isinstance(earlier, str) or not math.isfinite(earlier):
        return
    change = abs(value - earlier) / max(abs(value), abs(earlier), 1e-9)
    if change <= 0.05:
        c.count(10, "changes a little")
    elif change > 0.5:
        c.count(-20, "jumps between two reads")


def _judge_neighbours(c: Candidate, value: float) -> None:
    if not _is_moderate(value):
        return
    for words in c.beside:
        other = c.decoded(words)
        if isinstance(other, float) and math.isfinite(other) and 0.25 <= abs(other / value) <= 4 and words != c.words:
            c.count(8, "its neighbour is alike")
            return


def _compare(c: Candidate, expected: float) -> None:
    """Let the distance to an expected value count 90 %: full to 0.05 %, nothing from a quarter off on."""
    value = c.decoded(c.words)
    if isinstance(value, str) or not math.isfinite(value):
        c.score *= 0.1
        return
    scales = SCALES if c.data_type not in _FLOATS else (1.0,)
    error, scale = min((abs(value * s - expected) / max(abs(expected), 1e-9), s) for s in scales)
    plain = abs(value - expected) / max(abs(expected), 1e-9)
    if plain <= error + 0.001:
        error, scale = plain, 1.0
    c.scale = scale
    closeness = max(0.0, 1 - 2 * (max(error, NEAR) - NEAR) ** 0.5)
    if error < 0.1:
        c.why.insert(0, f"within {error:.1%} of {expected:g}" + (f", times {scale:g}" if scale != 1 else ""))
    c.score = 90 * closeness * (1 if scale == 1 else 0.98) + 0.1 * c.score
