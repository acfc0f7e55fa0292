"""Pumps with variable-speed drives, and the tanks that they fill and empty."""

from random import Random

from demo.electrical import hours_since_commissioning
from demo.signals import EPOCH, Noise, approach, load, ramp

_RATED_RPM = 1480.0
_OVERCURRENT = 14


class Pump:
    """A centrifugal pump with a drive: flow follows speed, torque its square (the affinity laws).

    `wanted` is the speed it is told, 0 to 1; a tank or the demand of a network sets it. `trips`: its drive switched off.
    """

    def __init__(self, random: Random, *, rated_kw: float, rated_flow: float, follows_demand: bool = False) -> None:
        self.rated_flow = rated_flow
        self.firmware = f"V{random.randint(2, 4)}.{random.randint(0, 9)}.{random.randint(0, 9)}"
        self.wanted = 0.0
        self.trips = False
        self._rated_kw = rated_kw
        self._follows_demand = follows_demand
        self._noise = Noise(random, 0.008, 3)
        self._speed = 0.0
        self._share = random.uniform(0.4, 0.6)
        self.fault = self.running = self.ready = self.warning = self.at_setpoint = False
        self.fault_code = self.warning_code = self.starts = 0
        self.speed = self.frequency = self.current = self.torque = self.power = self.flow = 0.0
        self.pressure = 0.3
        self.drive_temperature = 35.0
        self.hours = 0.0

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`."""
        self.starts = self.starts or int((now - EPOCH) / 300)
        self._supervise()
        if self._follows_demand:
            self.wanted = 0.55 + 0.45 * load(now)
        target = 0.0 if self.fault else self.wanted
        if self._speed < 0.02 < target:
            self.starts += 1
        self._speed = ramp(self._speed, target, dt / 8)  # eight seconds from standstill to full speed
        self.running = self._speed > 0.02
        self.at_setpoint = self.running and abs(self._speed - target) < 0.01
        self._measure(now, dt)

    def _supervise(self) -> None:
        self.fault = self.trips
        self.fault_code = _OVERCURRENT if self.trips else 0
        self.warning = self.drive_temperature > 58
        self.warning_code = 21 if self.warning else 0
        self.ready = not self.trips

    def _measure(self, now: float, dt: float) -> None:
        speed = self._speed
        noisy = (1 + self._noise.step(dt)) if self.running else 0.0
        self.speed = _RATED_RPM * speed + (3 * self._noise.value / 0.008 if self.running else 0.0)
        self.frequency = 50 * speed
        self.flow = self.rated_flow * speed * noisy
        self.torque = 88 * speed * speed * noisy + (6 if self.running else 0)
        self.power = self._rated_kw * (0.05 * speed + 0.83 * speed**3) * noisy
        self.current = self._rated_kw * 1.9 * (0.28 * (speed > 0.02) + 0.62 * speed * speed) * (noisy or 1)
        self.pressure = 0.3 + 4.6 * speed * speed + 0.02 * self._noise.value / 0.008
        self.drive_temperature = approach(self.drive_temperature, 31 + 24 * speed * speed, dt, 120)
        self.hours = 4_000 + hours_since_commissioning(now, self._share)

    @property
    def status_word(self) -> int:
        """The bits as one word."""
        bits = (self.ready, self.running, False, self.fault, False, False, False, self.warning, self.at_setpoint)
        return sum(1 << i for i, bit in enumerate(bits) if bit)


class Tank:
    """A tank between pumps: `filled_by` starts when it is low, `emptied_by` when it is high, with hysteresis.

    `demand` and `supply` (m³/h at full load) are what the rest of the plant takes or brings. The sizes are small, so
    that a tank fills within minutes.
    """

    def __init__(
        self,
        random: Random,
        *,
        height: float,
        area: float,
        filled_by: Pump | None = None,
        emptied_by: Pump | None = None,
        demand: float = 0.0,
        supply: float = 0.0,
        warmth: float = 14.0,
    ) -> None:
        self._height = height
        self._area = area
        self._filled_by = filled_by
        self._emptied_by = emptied_by
        self._demand = demand
        self._supply = supply
        self._warmth = warmth
        self._waves = Noise(random, 0.004, 2)
        self._weather = Noise(random, 0.6, 900)
        self._level = height * random.uniform(0.35, 0.7)
        self._active = random.random() < 0.5
        self.temperature = warmth
        self.level = self.level_percent = self.volume = 0.0
        self.inlet_valve = self.outlet_valve = self.level_low = self.level_high = self.overfill = False

    def step(self, now: float, dt: float) -> None:
        """Move on to `now`: what flowed in and out, then what the controller makes of the level."""
        busy = 0.4 + 0.6 * load(now)  # water is wanted at night as well
        inflow = (self._filled_by.flow if self._filled_by else 0.0) + self._supply * busy
        outflow = (self._emptied_by.flow if self._emptied_by else 0.0) + self._demand * busy
        self._level += (inflow - outflow) / 3600 / self._area * dt
        self._level = min(max(self._level, 0.0), self._height)
        self._control()
        self.level = max(0.0, self._level + (self._waves.step(dt) if inflow > 1 else 0.0))
        self.volume = self._level * self._area
        self.level_percent = 100 * self._level / self._height
        self.temperature = self._warmth + self._weather.step(dt) + 0.004 * self.level_percent
        self.inlet_valve, self.outlet_valve = inflow > 0.5, outflow > 0.5
        self._switch()

    def _control(self) -> None:
        share = self._level / self._height
        if self._filled_by:
            self._active = share < 0.35 if not self._active else share < 0.8
            self._filled_by.wanted = 0.94 if self._active else 0.0
        elif self._emptied_by:
            self._active = share > 0.75 if not self._active else share > 0.3
            self._emptied_by.wanted = 0.92 if self._active else 0.0

    def _switch(self) -> None:
        share = self._level / self._height
        self.level_low, self.level_high, self.overfill = share < 0.36, share > 0.78, share > 0.95
