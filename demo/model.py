"""The simulated plant: its devices' models, moved on by the wall clock."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

from ddms.registers import RegisterTable
from demo import inventory
from demo.electrical import EnergyMeter, SolarInverter
from demo.hydraulics import Pump, Tank
from demo.image import Words, image
from demo.inventory import PlantDevice
from demo.machines import Compressor, Conveyor
from demo.thermal import Chiller, TemperatureLoop
from demo.weather import WeatherStation

TICK = 0.5
"""Seconds between two states of the plant."""

_WARM_UP = 1200.0
_WARM_UP_TICKS = 4
_LONGEST_LAG = 600.0
_MODELS: dict[str, Callable[..., Any]] = {
    model.__name__: model
    for model in (
        EnergyMeter,
        SolarInverter,
        Pump,
        Tank,
        TemperatureLoop,
        Chiller,
        WeatherStation,
        Compressor,
        Conveyor,
    )
}
_PUMPS = ("filled_by", "emptied_by")


class Plant:
    """All devices; the same seed and start give the same plant.

    It begins twenty minutes before `start`, at a round ten minutes, so that tanks and furnaces are in full swing.
    """

    def __init__(self, start: float, *, seed: int = 1, table: inventory.Inventory | None = None) -> None:
        self.inventory = table or inventory.read()
        self.begun = start
        self.models: dict[str, Any] = {}
        for device in self.inventory.devices:
            self.models[device.name] = self._model(device, seed)
        self._ticks = math.floor((start - _WARM_UP) / 600) * 600 / TICK
        self._images: dict[str, dict[RegisterTable, Words]] = {}
        self._devices = {device.name: device for device in self.inventory.devices}
        self._trips = [(self.models[d.name], d.faults.trips) for d in self.inventory.devices if d.faults.trips]
        self._step_until(start - 60, _WARM_UP_TICKS)
        self._step_until(start)

    def _model(self, device: PlantDevice, seed: int) -> Any:
        arguments = dict(device.arguments)
        for role in _PUMPS:
            if role in arguments:
                arguments[role] = self.models[arguments[role]]
        return _MODELS[device.model](Random(f"{seed} {device.name}"), **arguments)  # noqa: S311 - noise, no secret

    @property
    def now(self) -> float:
        """The time of the state, a multiple of `TICK`."""
        return self._ticks * TICK

    def advance(self, now: float, step: float = TICK) -> None:
        """Move all models on to `now` in steps of so many seconds; after a long sleep of the computer they jump."""
        if now - self.now > _LONGEST_LAG:
            self._ticks = math.floor((now - TICK) / TICK)
        self._step_until(now, round(step / TICK))

    def _step_until(self, now: float, ticks: int = 1) -> None:
        while self.now + ticks * TICK <= now:
            self._ticks += ticks
            for model, spell in self._trips:
                model.trips = spell.since(self.now, self.begun) is not None
            for model in self.models.values():
                model.step(self.now, ticks * TICK)
            self._images.clear()

    def registers(self, name: str) -> dict[RegisterTable, Words]:
        """Return the registers of a device in the state of now."""
        if name not in self._images:
            self._images[name] = image(self._devices[name], self.models[name], self.now, self.begun)
        return self._images[name]
