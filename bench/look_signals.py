"""The values of a plant of any size, as functions of time: what `bench.look` fills its database with.

Each point has a shape, a middle, a height and a phase of its own, so that the same seed gives the same plant, and any time
of it can be computed by itself.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.storing.decode import READINGS

SEED = 20261127
POSTGRES_EPOCH = 946_684_800
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


class Kind(NamedTuple):
    """A point of a machine: wave swings by the hour and the day, counter rises, switch, set is a setpoint, text."""

    key: str
    name: str
    unit: str
    type: str
    shape: str
    middle: float = 0
    height: float = 0


MACHINES: dict[str, tuple[Kind, ...]] = {
    "Pump": (
        Kind("flow", "Flow", "m³/h", "float32", "wave", 42, 6), Kind("pressure", "Discharge pressure", "bar", "float32", "wave", 5.2, 0.5),
        Kind("bearing", "Bearing temperature", "°C", "float32", "wave", 58, 7), Kind("current", "Motor current", "A", "float32", "wave", 21, 3),
        Kind("speed", "Speed", "1/min", "uint16", "wave", 1450, 40), Kind("energy", "Energy", "kWh", "uint32", "counter", 11),
        Kind("running", "Running", "", "bool", "switch"), Kind("valve", "Valve open", "", "bool", "switch"),
        Kind("starts", "Starts", "", "uint32", "counter", 0.3), Kind("mode", "Mode", "", "string", "text"),
    ),
    "Tank": (
        Kind("level", "Level", "m", "float32", "wave", 3.1, 0.9), Kind("temperature", "Temperature", "°C", "float32", "wave", 24, 4),
        Kind("inlet", "Inlet", "m³/h", "float32", "wave", 18, 5), Kind("outlet", "Outlet", "m³/h", "float32", "wave", 18, 4),
        Kind("ph", "Acidity", "pH", "float32", "wave", 7.1, 0.3), Kind("conductivity", "Conductivity", "µS/cm", "float32", "wave", 640, 60),
        Kind("filled", "Filled", "m³", "uint32", "counter", 18), Kind("agitator", "Agitator", "", "bool", "switch"),
        Kind("overfill", "Overfill switch", "", "bool", "switch"), Kind("medium", "Medium", "", "string", "text"),
    ),
    "Meter": (
        Kind("voltage", "Voltage L1", "V", "float32", "wave", 231, 3), Kind("voltage_l2", "Voltage L2", "V", "float32", "wave", 230, 3),
        Kind("voltage_l3", "Voltage L3", "V", "float32", "wave", 232, 3), Kind("current", "Current", "A", "float32", "wave", 180, 60),
        Kind("power", "Active power", "kW", "float32", "wave", 112, 40), Kind("factor", "Power factor", "", "float32", "wave", 0.92, 0.04),
        Kind("frequency", "Frequency", "Hz", "float32", "wave", 50, 0.03), Kind("energy", "Energy", "kWh", "uint32", "counter", 112),
        Kind("breaker", "Breaker closed", "", "bool", "switch"), Kind("tariff", "Tariff", "", "string", "text"),
    ),
    "Oven": (
        Kind("temperature", "Temperature", "°C", "float32", "wave", 182, 6), Kind("setpoint", "Setpoint", "°C", "float32", "set", 180),
        Kind("output", "Output", "%", "float32", "wave", 55, 20), Kind("exhaust", "Exhaust temperature", "°C", "float32", "wave", 96, 12),
        Kind("humidity", "Humidity", "% RH", "float32", "wave", 31, 8), Kind("power", "Heating power", "kW", "float32", "wave", 24, 7),
        Kind("energy", "Energy", "kWh", "uint32", "counter", 24), Kind("door", "Door closed", "", "bool", "switch"),
        Kind("fan", "Fan", "", "bool", "switch"), Kind("recipe", "Recipe", "", "string", "text"),
    ),
}  # fmt: skip
"""Ten points each; on the first an alarm may stand."""


class Signals:
    """What each point reads at any time; points are counted from 0, ten a device."""

    def __init__(self, devices: int, since: int) -> None:
        machines = list(MACHINES.values())
        kinds = [kind for n in range(devices) for kind in machines[n % len(machines)]]
        dice = np.random.default_rng(SEED)
        self.kinds, self._since = kinds, since
        self._shape = np.array([kind.shape for kind in kinds])
        self._middle = np.array([kind.middle for kind in kinds])
        self._height = np.array([kind.height for kind in kinds])
        self._phase = dice.uniform(0, 6.28, len(kinds))
        self._middle[self._shape == "wave"] *= dice.uniform(0.97, 1.03, int((self._shape == "wave").sum()))
        self.alarming = np.zeros(len(kinds))
        """Since when, in seconds of Unix time, a point stands beyond its limit; 0: it does not."""

    @property
    def numbers(self) -> NDArray[Any]:
        """The points that have readings: all but texts."""
        return np.flatnonzero(self._shape != "text")

    def high(self, point: int) -> float:
        """Return a limit that the point only passes when it alarms."""
        return float(np.round(self._middle[point] + 1.3 * self._height[point], 2))

    def spread(self, points: NDArray[Any], step: int) -> NDArray[Any]:
        """Return how far the values of a step lie from its middle, about."""
        within = min(1.0, step / 3600)
        counted = self._middle[points] * step / 7200
        return np.where(self._shape[points] == "counter", counted, 0.3 * within * self._height[points])

    def at(self, times: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
        """Return the values, a row a time, a column a point."""
        t, phase, shape = times[:, None].astype(float), self._phase[points], self._shape[points]
        middle, height = self._middle[points], self._height[points]
        slow = np.sin(t * (6.2832 / 86_400) + phase)
        wave = middle + height * (0.7 * slow + 0.25 * np.sin(t * (6.2832 / 2700) + 3 * phase))
        wave += height * 0.04 * np.sin(t * 1.7 + 11 * phase)
        begun = self.alarming[points]
        wave += np.where((begun > 0) & (t >= begun), 2.6 * height, 0)
        hours = (t - self._since) / 3600 + 2.5 * np.sin(
            t * (6.2832 / 86_400) + phase
        )  # more by day than by night, never back
        counter = np.floor(hours * middle + 1000 * (phase + 1))
        switch = np.sin(t * (6.2832 / 7200) + phase) > -0.75
        value = np.where(shape == "wave", np.round(wave, 2), np.where(shape == "counter", counter, middle))
        return np.where(shape == "switch", switch, value)


def readings(signals: Signals, times: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return the readings of points (counted from 0) at times, in the order of time."""
    found = np.zeros((len(times), len(points)), READINGS)
    found["time"], found["point_id"] = times[:, None] * 1_000_000, points + 1
    found["value"], found["stored"] = signals.at(times, points), True
    return found.reshape(-1)


_FIELDS = {
    "point_id": ">i4", "bucket": ">i8", "total": ">i4", "good": ">i4", "count": ">i4", "sum": ">f8", "min": ">f8", "max": ">f8", "first": ">f8",
    "last": ">f8", "worst": ">i2", "first_at": ">i8", "last_at": ">i8", "held": ">f8", "integral": ">f8", "covered": ">f8",
}  # fmt: skip
ROLLUP = tuple(_FIELDS)
"""The columns of a rollup."""


def rollups(
    signals: Signals, times: NDArray[Any], points: NDArray[Any], step: int, interval: int = 10
) -> Iterator[bytes]:
    """Give what a binary COPY of ROLLUP takes: of points, point by point, the buckets that begin at these times."""
    value = signals.at(times + step // 2, points).T.reshape(-1)
    spread = np.repeat(signals.spread(points, step), len(times))
    begin = np.tile((times - POSTGRES_EPOCH) * 1_000_000, len(points))
    count, held = step // interval, step - interval
    columns: list[Any] = [np.repeat(points + 1, len(times)), begin, count, count, count, value * count, value - spread]
    columns += [value + spread, value - spread / 2, value + spread / 2, 0, begin, begin + held * 1_000_000]
    columns += [value + spread / 2, value * held, held]
    yield from (_COPY_HEAD, _packed(columns, len(begin)), _COPY_END)


def _packed(columns: list[Any], count: int) -> bytes:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in _FIELDS.items():
        fields += [(f"{name}_size", ">i4"), (name, kind)]
    rows = np.zeros(count, fields)
    rows["fields"] = len(ROLLUP)
    for (name, kind), column in zip(_FIELDS.items(), columns, strict=True):
        rows[f"{name}_size"], rows[name] = int(kind[2]), column
    return rows.tobytes()
