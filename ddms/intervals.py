"""How often a point is read: seconds, from 0.1 s to 24 h, to the millisecond."""

SHORTEST, LONGEST = 0.1, 86_400


def tidy(seconds: float) -> float:
    """Return an interval as people write it: 10 and not 10.0."""
    return int(seconds) if seconds % 1 == 0 else seconds


def microseconds(seconds: float) -> int:
    """Return an interval in the unit of all times."""
    return round(seconds * 1_000_000)
