"""What real signals are made of: inertia, noise, ramps, and the curve of a working day."""

import math
import time
from random import Random

DAY = 86_400.0
EPOCH = 1_735_689_600.0
"""2025-01-01 UTC: when the plant was commissioned; counters began here."""

_TURN = 2 * math.pi
# Waves of the load of a factory: period in seconds, size, hour or second of the peak. The daily ones make the shifts,
# the short ones the machines that come and go.
_WAVES = (
    (DAY, 0.24, 12.5 * 3600),
    (DAY / 2, 0.07, 9.0 * 3600),
    (1_130.0, 0.035, 0.0),
    (307.0, 0.03, 90.0),
    (71.0, 0.02, 11.0),
)
_MEAN = 0.58


def local(now: float) -> float:
    """Return the wall clock's local standard time in seconds (no summer time: counters must not jump)."""
    return now - time.timezone


def load(now: float, shift: float = 0.0) -> float:
    """Return the load of the plant, 0.2 to 1 of what is rated; `shift` parts consumers from each other."""
    t = local(now) - shift
    return _MEAN + sum(size * math.cos(_TURN * (t - peak) / period) for period, size, peak in _WAVES)


def load_hours(now: float, shift: float = 0.0) -> float:
    """Return the integral of `load` since `EPOCH` in hours: what a counter of energy shows for 1 kW rated."""
    return (_antiderivative(local(now) - shift) - _antiderivative(local(EPOCH) - shift)) / 3600


def _antiderivative(t: float) -> float:
    return _MEAN * t + sum(
        size * period / _TURN * math.sin(_TURN * (t - peak) / period) for period, size, peak in _WAVES
    )


def sun(now: float) -> float:
    """Return how much of the brightest clear sky there is: a half sine from 6 to 18 o'clock, 0 at night."""
    return max(0.0, math.sin(_TURN * (local(now) / DAY - 0.25)))


def sun_hours(now: float) -> float:
    """Return the integral of `sun` since `EPOCH` in hours."""
    days, today = divmod(local(now) - local(EPOCH), DAY)
    hour = min(max(today / 3600, 6.0), 18.0)
    return (days * 2 + 1 - math.cos(math.pi * (hour - 6) / 12)) * 12 / math.pi


def within(now: float, every: float, lasting: float, start: float = 0.0) -> bool:
    """Whether an event that comes every so many seconds is on."""
    return (now + start) % every < lasting


def approach(value: float, target: float, dt: float, tau: float) -> float:
    """Return a value that nears its target with the time constant `tau`."""
    return value + (target - value) * (1 - math.exp(-dt / tau))


def ramp(value: float, target: float, step: float) -> float:
    """Return a value that goes towards its target by at most `step`."""
    return value + min(max(target - value, -step), step)


class Noise:
    """Noise that drifts (Ornstein-Uhlenbeck): mean 0, standard deviation `size`, memory of `tau` seconds."""

    def __init__(self, random: Random, size: float, tau: float = 10.0) -> None:
        self._random = random
        self._size = size
        self._tau = tau
        self.value = random.gauss(0, size)

    def step(self, dt: float) -> float:
        """Move on by `dt` seconds and return the value."""
        keep = math.exp(-dt / self._tau)
        self.value = self.value * keep + self._random.gauss(0, self._size) * math.sqrt(1 - keep * keep)
        return self.value
