"""How devices do that have only calculated points: no unit tells it, so their newest values do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.polling.units import DeviceCondition
from ddms.lines import CalculatedDevice
from ddms.plan import PolledPoint
from ddms.quality import Reason, reason_of

_NEVER = -1


class CalculatedDevices:
    """The devices of this collector that have only calculated points.

    One is online while each of its points has a value, and in error while one has none, as a unit is that refuses a register;
    it is never offline: it has no line that could be dead. Of a point that was not calculated yet nothing is known.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._points = np.empty(0, np.int32)
        self._of = np.empty(0, np.int32)  # the device of each
        self._quality = np.empty(0, np.int16)
        self._told: dict[int, DeviceCondition] = {}

    def fit(self, devices: Sequence[CalculatedDevice], points: Sequence[PolledPoint]) -> None:
        """Go on with these devices; `points` has at least theirs."""
        known = dict(zip(self._points.tolist(), self._quality.tolist(), strict=True))
        of = sorted((point, device.device_id) for device in devices for point in device.points)
        self._points, self._of = np.array(of, np.int32).reshape(-1, 2).T
        self._quality = np.array([known.get(point, _NEVER) for point, _ in of], np.int16)
        self._names = {point.id: point.key for point in points}
        self._told = {
            device.device_id: self._told[device.device_id] for device in devices if device.device_id in self._told
        }

    def look(self, readings: NDArray[Any]) -> tuple[list[int], list[DeviceCondition]]:
        """Return the devices of which something was calculated in these readings, and the new states among them."""
        if not len(self._points):
            return [], []
        place = np.searchsorted(self._points, readings["point_id"]).clip(max=len(self._points) - 1)
        ours = np.flatnonzero(self._points[place] == readings["point_id"])
        self._quality[place[ours]] = readings["quality"][ours]
        seen = np.unique(self._of[place[ours]]).tolist()
        found = [self._condition(device) for device in seen]
        changed = [condition for condition in found if self._told.get(condition.device_id) != condition]
        self._told.update((condition.device_id, condition) for condition in changed)
        return seen, changed

    def _condition(self, device: int) -> DeviceCondition:
        members = np.flatnonzero((self._of == device) & (self._quality >= Reason.TIMEOUT))
        trouble = "; ".join(
            f"{self._names[point]}: {reason_of(quality).explanation}"
            for point, quality in zip(self._points[members].tolist(), self._quality[members].tolist(), strict=True)
        )
        return DeviceCondition(device, "error" if trouble else "online", 0, None, trouble or None)
