"""When what does not answer is tried again: after 5, 10, 20 and 40 s, and then every 60 s, for ever.

A blink is over within seconds, and an outage of hours must not cost the line more than a moment a minute.
"""

FIRST_SECONDS = 5.0
MOST_SECONDS = 60.0


def wait_before(attempt: int, most: float = MOST_SECONDS) -> float:
    """Return the seconds to wait before an attempt; the first one is number 0. They count from the attempt before."""
    return min(FIRST_SECONDS * (1 << min(attempt, 10)), most)
