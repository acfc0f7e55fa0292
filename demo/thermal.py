"""Temperature loops and a chiller."""

from random import Random

from demo.signals import Noise, approach, load

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
