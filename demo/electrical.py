"""Energy meters and a solar inverter."""

import math
from random import Random

from demo.signals import DAY, EPOCH, Noise, approach, load, load_hours, sun, sun_hours


class EnergyMeter:
    """A three-phase meter of a consumer whose load follows the working day."""

    def __init__(self, random: Random, *, rated_kw: float, serial: str = "") -> None:
        self.serial_number = serial
        self._rated = rated_kw
        self._shift = random.uniform(-1800, 1800)
        self._past_kwh = random.uniform(0.5, 3) * rated_kw * 100
        self._grid = [Noise(random, 0.9, 30) for _ in range(3)]
        self._unbalance = [1 + random.uniform(-0.04, 0.04) for _ in range(3)]
        self._flicker = Noise(random, 0.012, 4)
        self._frequency = Noise(random, 0.012, 20)
        self.voltage_l1 = self.voltage_l2 = self.voltage_l3 = 230.0
        self.current_l1 = self.current_l2 = self.current_l3 = 0.0
        self.power = self.reactive_power = self.energy = self.distortion = 0.0
        self.power_factor = 0.9
        self.frequency = 50.0

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        share = load(now, self._shift)
        self.power = self._rated * share * (1 + self._flicker.step(dt))
        self.energy = self._past_kwh + self._rated * load_hours(now, self._shift)
        self.power_factor = 0.86 + 0.1 * share
        self.reactive_power = self.power * math.tan(math.acos(self.power_factor))
        self.frequency = 50 + self._frequency.step(dt)
        self.distortion = 4.5 + 6 * (1 - share) + 20 * self._flicker.value
        volts = [233 - 5 * share + noise.step(dt) for noise in self._grid]
        amperes = [
            self.power * 1000 / 3 / volt / self.power_factor * unbalance
            for volt, unbalance in zip(volts, self._unbalance, strict=True)
        ]
        self.voltage_l1, self.voltage_l2, self.voltage_l3 = volts
        self.current_l1, self.current_l2, self.current_l3 = amperes


class SolarInverter:
    """Follows the sun and the clouds; at night it measures nothing."""

    def __init__(self, random: Random, *, peak_kw: float, serial: str) -> None:
        self.serial_number = serial
        self._peak = peak_kw
        self._clouds = Noise(random, 0.18, 120)
        self._past_kwh = 41_000.0
        self.power: float | None = None
        self.frequency: float | None = None
        self.dc_voltage: float | None = None
        self.temperature = 25.0
        self.energy = 0.0
        self.state = 2

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        light = sun(now) * min(1.0, 0.82 + self._clouds.step(dt))
        self.energy = self._past_kwh + 0.82 * self._peak * sun_hours(now)
        self.temperature = approach(self.temperature, 22 + 33 * light, dt, 300)
        awake = light > 0.02
        self.state = 4 if awake else 2  # as SunSpec counts them: 4 produces, 2 sleeps
        self.power = self._peak * light if awake else None
        self.dc_voltage = 610 + 90 * light if awake else None
        self.frequency = 50 + 0.01 * math.sin(now / 17) if awake else None


def hours_since_commissioning(now: float, share: float) -> float:
    """Return the operating hours of a machine that runs this share of the time."""
    return (now - EPOCH) / DAY * 24 * share
