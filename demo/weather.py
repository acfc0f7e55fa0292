"""The weather on the roof: temperature, wind, sun and rain."""

import math
from random import Random

from demo.signals import DAY, EPOCH, Noise, local, sun


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
