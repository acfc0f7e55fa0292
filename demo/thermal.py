"""Temperature loops, a chiller and the weather."""

import math
from random import Random

from demo.signals import DAY, EPOCH, Noise, approach, load, local, sun

_STEP_SECONDS = 600.0


class TemperatureLoop:
    """A furnace with a PI controller that follows a recipe of setpoints, ten minutes each."""

    def __init__(self, random: Random, *, recipe: list[float]) -> None:
        self._recipe = recipe
        self._start = random.uniform(0, _STEP_SECONDS)
        self._noise = Noise(random, 0.12, 2)
        self._gain = 1.9 * max(recipe)  # degrees above ambient at full output, in the long run
        self._tau = random.uniform(140, 220)
        self._integral = (recipe[0] - 22) / self._gain
        self._temperature = self._sensor = recipe[0]
        self.setpoint = self.process_value = recipe[0]
        self.output = 0.0
        self.recipe_step = 0
        self.deviation_high = self.deviation_low = self.sensor_break = False

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        self.recipe_step = int((now + self._start) / _STEP_SECONDS) % len(self._recipe)
        self.setpoint = self._recipe[self.recipe_step]
        error = self.setpoint - self._sensor
        proportional = error * 4 / self._gain
        output = min(max(proportional + self._integral, 0.0), 1.0)
        if 0 < output < 1 or error * (output - 0.5) < 0:  # no wind-up while the heater is at its end
            self._integral += proportional * dt / 60
        self._temperature = approach(self._temperature, 22 + self._gain * output, dt, self._tau)
        self._sensor = approach(self._sensor, self._temperature, dt, 12)  # the lag that makes it overshoot
        self.output = 100 * output
        self.process_value = self._sensor + self._noise.step(dt)
        self.deviation_high, self.deviation_low = error < -5, error > 5


class Chiller:
    """Cools water to 6 °C with up to four stages, which switch by the supply temperature."""

    def __init__(self, random: Random, *, rated_kw: float) -> None:
        self._rated = rated_kw
        self._noise = Noise(random, 0.03, 5)
        self._since = 0.0
        self.supply_temperature, self.return_temperature = 6.0, 11.0
        self.flow = rated_kw * 0.155
        self.stages = 2
        self.power = self.cooling = 0.0

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        heat = self._rated * 0.8 * load(now)
        self._since += dt
        if self._since > 45 and abs(self.supply_temperature - 6) > 0.7:  # a compressor must not start too often
            self.stages = min(max(self.stages + (1 if self.supply_temperature > 6 else -1), 0), 4)
            self._since = 0.0
        self.cooling = approach(self.cooling, self._rated * self.stages / 4, dt, 12)
        self.supply_temperature += (heat - self.cooling) / (self._rated * 60) * dt * 2.2 + self._noise.step(dt) * 0.02
        self.return_temperature = self.supply_temperature + heat / (self.flow * 1.163) + self._noise.value
        self.power = 4 + self.cooling / 3.6


class WeatherStation:
    """The weather on the roof; calm nights, windy afternoons."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._warmth = Noise(random, 1.5, 3600)
        self._gust = Noise(random, 0.45, 8)
        self._turn = Noise(random, 25, 60)
        self._front = Noise(random, 6, 7200)
        self._clouds = Noise(random, 0.18, 120)
        self.temperature = self.humidity = self.air_pressure = self.wind_speed = 0.0
        self.wind_direction = self.irradiance = self.rain = 0.0
        self.battery = 12.6

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        warm = math.cos(2 * math.pi * (local(now) / DAY - 15 / 24))
        self.temperature = 14 + 6 * warm + self._warmth.step(dt)
        self.humidity = min(max(62 - 18 * warm - 3 * self._warmth.value, 15.0), 99.0)
        self.air_pressure = 1013 + self._front.step(dt)
        self.wind_speed = max(0.0, (3.2 + 1.6 * warm) * (1 + self._gust.step(dt)))
        self.wind_direction = (235 + self._turn.step(dt)) % 360
        self.irradiance = 940 * sun(now) * min(1.0, max(0.1, 0.82 + self._clouds.step(dt)))
        self.rain = 310 + (now - EPOCH) / DAY * 1.9
        self.battery = 12.3 + 1.3 * min(1.0, 2 * sun(now)) + 0.02 * self._gust.value
