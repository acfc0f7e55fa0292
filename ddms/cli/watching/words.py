"""How readings are written: as a value, or as why there is none."""

import math
from collections.abc import Sequence

from ddms.cli.watching.board import Point, Reading
from ddms.quality import Quality, reason_of

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = ".:-=+*#@"
_LARGE, _TOO_LARGE = 1e6, 1e12
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def value(point: Point, reading: Reading) -> str:
    """Return the value with its unit; what is bad has none, but a reason."""
    if reading.quality is Quality.BAD:
        return f"– {_reason(reading)}"
    mark = "" if reading.quality is Quality.GOOD else " ?"
    number = reading.text if reading.value is None else _number(reading.value)
    return f"{number or ''} {point.unit}".rstrip() + mark


def _number(number: float) -> str:
    whole = _LARGE <= abs(number) < _TOO_LARGE  # what a counter of energy shows
    return f"{number:.0f}" if whole else f"{number:.6g}"


def _reason(reading: Reading) -> str:
    try:
        return reason_of(reading.code).label.replace("_", " ")
    except KeyError:
        return f"bad ({reading.code})"  # of a newer API


def shown(point: Point, now: float) -> tuple[str, str]:
    """Return what a table shows for a point now, and its quality: good, uncertain, bad, stale, or none."""
    if point.newest is None:
        return "– not read yet", "none"
    if point.stale(now):
        return "– stale", "stale"
    return value(point, point.newest), point.newest.quality.value


def age(point: Point, now: float) -> str:
    """Return how old the newest reading is."""
    if point.newest is None:
        return ""
    seconds = max(0.0, now - point.newest.time)
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    for unit, length, most in (("min", _MINUTE, 2 * _HOUR), ("h", _HOUR, 2 * _DAY)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / _DAY:.0f} d"


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """Return values as bars between their lowest and highest; a gap is a blank."""
    bars = _ASCII_BARS if ascii_only else _BARS
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return " " * len(values)
    low, high = min(known), max(known)
    if high == low:
        return "".join(bars[0] if math.isfinite(v) else " " for v in values)
    scale = (len(bars) - 1) / (high - low)
    return "".join(bars[round((v - low) * scale)] if math.isfinite(v) else " " for v in values)
