"""Compressors and conveyors."""

from random import Random

from demo.electrical import hours_since_commissioning
from demo.signals import Noise, approach, load, load_hours, ramp, within


class Compressor:
    """A screw compressor that loads below `cut_in` bar and idles above `cut_out`: the well-known saw-tooth."""

    def __init__(self, random: Random, *, rated_kw: float, cut_in: float, cut_out: float, serial: str) -> None:
        self.serial_number = serial
        self._rated = rated_kw
        self._cut_in, self._cut_out = cut_in, cut_out
        self._shift = random.uniform(-900, 900)
        self._noise = Noise(random, 0.01, 3)
        self.pressure = random.uniform(cut_in, cut_out)
        self.state = 2
        self.oil_temperature, self.dew_point = 78.0, 3.0
        self.current = self.hours = self.loaded_hours = self.energy = 0.0

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        if self.pressure < self._cut_in:
            self.state = 2
        elif self.pressure > self._cut_out:
            self.state = 1
        loaded = self.state == 2
        self.pressure += dt / 40 * ((1.0 if loaded else 0.0) - 0.85 * load(now, self._shift))
        power = self._rated * (0.98 if loaded else 0.27)
        self.current = approach(self.current, power * 1.75, dt, 1.5) * (1 + self._noise.step(dt) * 0.3)
        self.oil_temperature = approach(self.oil_temperature, 86 if loaded else 70, dt, 90)
        self.dew_point = 3.2 + 0.8 * load(now) + 20 * self._noise.value
        self.hours = 9_300 + hours_since_commissioning(now, 0.97)
        self.loaded_hours = 5_100 + 0.85 * load_hours(now, self._shift)
        self.energy = self._rated * (0.27 * (self.hours - self.loaded_hours) + 0.98 * self.loaded_hours)


class Conveyor:
    """A belt that runs with the day's load; now and then it jams, rarely somebody pulls the cord."""

    def __init__(self, random: Random, *, rated_th: float) -> None:
        self._rated = rated_th
        self._start = random.uniform(0, 600)
        self._feed = Noise(random, 0.09, 15)
        self._past = random.uniform(2, 6) * 1e5
        self.jam = self.pull_cord = False
        self.running = True
        self.speed = 1.6
        self.current = self.throughput = 0.0
        self.motor_temperature = 48.0
        self.total = 0.0

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        self.jam = within(now, 2400, 35, self._start)
        self.pull_cord = within(now, 14_700, 50, self._start)
        self.running = not (self.jam or self.pull_cord)
        self.speed = ramp(self.speed, 1.6 if self.running else 0.0, dt * 0.4)
        share = self.speed / 1.6
        self.throughput = max(0.0, self._rated * share * load(now) * (1 + self._feed.step(dt)))
        blocked = within(now + 4, 2400, 4, self._start)  # the motor pushes before the jam is seen
        self.current = 4 * share + 38 * self.throughput / self._rated + (30 if blocked else 0)
        self.motor_temperature = approach(self.motor_temperature, 30 + 0.9 * self.current, dt, 400)
        if not self.total:  # a little too much, so that a restarted plant never counts backwards
            self.total = self._past + 0.97 * self._rated * load_hours(now)
        self.total += self.throughput * dt / 3600
