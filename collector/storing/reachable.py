"""What the collector sees of devices and connections, as conditions of their alarms.

A device that is offline is an alarm; when nothing behind a connection of several devices answers, that is one alarm of the
connection, and those of its devices are raised under it. So a device waits a moment for its neighbours, and so does the
connection when it is back.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ddms.alarms import Event

HOLD_SECONDS = 8.0
"""How long a device's alarm waits for its neighbours: behind a gateway that dies they go offline one after the other, and
behind one that returns they come back so."""


class Lost(NamedTuple):
    """What happened to a device or a connection; `seconds` is how long ago it began."""

    source: str
    number: int
    event: Event
    detail: str | None
    seconds: float


class Reachability:
    """The devices of this collector's connections, those that are offline, and which alarms stand."""

    def __init__(self) -> None:
        self._connections: dict[int, frozenset[int]] = {}
        self._offline: dict[int, tuple[float, str | None]] = {}
        self._seen: set[int] = set()  # of which it is known whether they are offline
        self._active: set[tuple[str, int]] = set()
        self._connection_of: dict[int, int] = {}
        self._changed: set[int] = set()  # connections of which something was told, or that wait
        self._returned: dict[int, float] = {}  # since when something behind a connection that was dead answers

    def fit(self, connections: Mapping[int, frozenset[int]], active: set[tuple[str, int]]) -> None:
        """Go on with other connections; `active` are alarms that stand in the database of those that are new."""
        before = self._names()
        self._connections = dict(connections)
        self._connection_of = {device: number for number, devices in connections.items() for device in devices}
        self._changed = set(connections)
        devices, ours = self._connection_of.keys(), self._names()
        self._active = (self._active & ours) | (active & (ours - before))
        self._offline = {device: told for device, told in self._offline.items() if device in devices}
        self._seen &= devices
        self._returned = {number: since for number, since in self._returned.items() if number in connections}

    def _names(self) -> set[tuple[str, int]]:
        return {("connection", number) for number in self._connections} | {("device", d) for d in self._connection_of}

    def unknown(self, connections: Mapping[int, frozenset[int]]) -> bool:
        """Return whether there are connections or devices among these of whose alarms the database must be asked."""
        devices = frozenset().union(*connections.values())
        return not (connections.keys() <= self._connections.keys() and devices <= self._connection_of.keys())

    def note(self, device_id: int, *, offline: bool, detail: str | None, now: float) -> None:
        """Take a device's state; `now` counts seconds and never goes back."""
        if device_id not in self._connection_of:
            return
        self._seen.add(device_id)
        self._changed.add(self._connection_of[device_id])
        if offline:
            since, _ = self._offline.get(device_id, (now, None))
            self._offline[device_id] = (since, detail)
        else:
            self._offline.pop(device_id, None)

    def look(self, now: float) -> list[Lost]:
        """Return what happened since the last look."""
        found: list[Lost] = []
        looked, self._changed = self._changed, set()
        for number in looked:
            devices = self._connections[number]
            offline = [device for device in devices if device in self._offline]
            known = devices <= self._seen
            is_dead = len(devices) > 1 and len(offline) == len(devices)
            if is_dead:
                since = min(self._offline[device][0] for device in offline)
                found += self._change(
                    "connection", number, stands=True, told=(since, self._offline[offline[0]][1]), now=now
                )
                self._returned.pop(number, None)
            elif known or any(device in self._seen - self._offline.keys() for device in devices):
                stands = bool(offline) and self._still_returns(number, now)
                found += self._change("connection", number, stands=stands, told=(now, None), now=now)
            for device in devices & self._seen:
                told = self._offline.get(device)
                waits = told is not None and len(devices) > 1 and not is_dead and now - told[0] < HOLD_SECONDS
                if waits:
                    self._changed.add(number)
                else:
                    found += self._change("device", device, stands=told is not None, told=told or (now, None), now=now)
        return found

    def _still_returns(self, connection: int, now: float) -> bool:
        """Whether a connection that was dead is given time: its devices answer one after the other, and none should call meanwhile."""
        if ("connection", connection) not in self._active:
            return False
        if now - self._returned.setdefault(connection, now) < HOLD_SECONDS:
            self._changed.add(connection)
            return True
        del self._returned[connection]
        return False

    def _change(
        self, source: str, number: int, *, stands: bool, told: tuple[float, str | None], now: float
    ) -> list[Lost]:
        if stands == ((source, number) in self._active):
            return []
        (self._active.add if stands else self._active.discard)((source, number))
        return [Lost(source, number, Event.RAISED if stands else Event.CLEARED, told[1], now - told[0])]

    def differing(self, active: set[tuple[str, int]]) -> list[Lost]:
        """Return what the database, of which `active` are the alarms that stand, should be told once more."""
        known = {("device", device) for device in self._seen} | {("connection", n) for n in self._connections}
        return [
            Lost(source, number, Event.RAISED if (source, number) in self._active else Event.CLEARED, None, 0.0)
            for source, number in sorted((self._active ^ active) & known)
        ]
