"""Sparkplug B: DDMS is an edge node, its devices are the node's, its points their metrics.

A host knows by births what there is, by deaths what is not to be believed, and by numbers that it missed nothing; section 6 of
https://sparkplug.eclipse.org/specification/version/3.0/documents/sparkplug-specification-3.0.0.pdf.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from itertools import groupby

from api.live.mirror import Mirror, MirroredState
from api.mqtt.broker import Message
from api.mqtt.catalogue import Catalogue, PublishedDevice, PublishedPoint, escaped
from api.mqtt.plain import Reading, newest
from api.mqtt.sparkplug_payload import BAD, GOOD, Property, Type, fields, metric, payload, properties
from ddms import VERSION
from ddms.quality import Quality, quality_of, reason_of
from ddms.settings import Settings

REBIRTH = "Node Control/Rebirth"
MOST_METRICS = 5_000
"""In one message."""
_TYPES = {bool: Type.BOOLEAN, int: Type.INT64, float: Type.DOUBLE, str: Type.STRING}


def _now() -> int:
    return int(time.time() * 1000)


def _quality(code: int) -> dict[str, Property]:
    """Return the properties that say how far a reading is to be believed; an uncertain one is good there, with a reason."""
    known = BAD if quality_of(code) is Quality.BAD else GOOD
    more: dict[str, Property] = {"Reason": (Type.STRING, reason_of(code).label)} if code else {}
    return {"Quality": (Type.INT32, known), **more}


@cache
def _properties(code: int) -> bytes:
    return properties(_quality(code))


class Sparkplug:
    """What is told of devices and readings."""

    def __init__(self, settings: Settings, mirror: Mirror, births: int, topics: Iterable[str]) -> None:
        self._group, _, self._node = settings.mqtt_node.partition("/")
        self._mirror = mirror
        self._births = births % 256
        self._seq = 255
        self._catalogue = Catalogue(())
        self._born: dict[int, PublishedDevice] = {}
        self.kept: set[str] = set()
        self._plain = sorted(topics)
        """Of when it was published plainly: the broker still keeps something of these."""
        self.commands = self._topic("NCMD")
        self.will = self._death()

    @staticmethod
    def asks_for_rebirth(raw: bytes) -> bool:
        """Return whether a command asks for all births; what is no payload asks for nothing."""
        try:
            metrics = [dict(fields(one)) for number, one in fields(raw) if number == 2 and isinstance(one, bytes)]
        except ValueError:
            return False
        return any(one.get(1) == REBIRTH.encode() and one.get(14) for one in metrics)

    def _topic(self, kind: str, device: str | None = None) -> str:
        return f"spBv1.0/{self._group}/{kind}/{self._node}" + ("" if device is None else f"/{escaped(device)}")

    def _death(self) -> Message:
        births = metric(Type.INT64, self._births, _now(), name="bdSeq")
        return Message(self._topic("NDEATH"), payload(_now(), [births], None), 1)

    def _message(self, kind: str, metrics: Iterable[bytes] = (), device: str | None = None) -> Message:
        self._seq = (self._seq + 1) % 256
        return Message(self._topic(kind, device), payload(_now(), metrics, self._seq))

    def begin(self, catalogue: Catalogue) -> Iterator[Message]:
        """Give birth to the node and to all devices: their newest values are in it."""
        self._catalogue, self._seq, now = catalogue, 255, _now()
        known = [
            metric(Type.INT64, self._births, now, name="bdSeq"),
            metric(Type.BOOLEAN, False, now, name=REBIRTH),
            metric(Type.STRING, VERSION, now, name="Properties/DDMS"),
        ]
        yield self._message("NBIRTH", known)
        yield from (Message(topic, b"", 1, True) for topic in self._plain)
        self._plain = []
        self._born = {}
        for device in catalogue.devices.values():
            yield self._birth(device)
        yield from self.settle(self._mirror.states.values())

    def _birth(self, device: PublishedDevice) -> Message:
        self._born[device.number] = device
        read = {one.point: one for one in newest(self._mirror, self._catalogue, [p.number for p in device.points])}
        return self._message("DBIRTH", [_born(point, read.get(point.number)) for point in device.points], device.name)

    def _bury(self, number: int) -> Iterator[Message]:
        if device := self._born.pop(number, None):
            yield self._message("DDEATH", (), device.name)

    def renew(self, catalogue: Catalogue) -> Iterator[Message]:
        """Take what is published now: what is gone or renamed dies, what is new or different is born."""
        self._catalogue = catalogue
        before = dict(self._born)
        for number, device in before.items():
            now = catalogue.devices.get(number)
            if now is None or now.name != device.name:
                yield from self._bury(number)
        changed = [each for number, each in catalogue.devices.items() if before.get(number) != each]
        for device in changed:
            yield self._birth(device)
        yield from self.settle(self._mirror.states.values())

    def readings(self, readings: Iterable[Reading], *, historical: bool = False) -> Iterator[Message]:
        """Return the messages of readings, one for what comes of a device in a row; who was dead and answers is born before."""
        points = self._catalogue.points
        known = [one for one in readings if one.point in points]
        known.sort(key=lambda one: points[one.point][0].number)  # stable: within a device the order stays
        for number, found in groupby(known, lambda one: points[one.point][0].number):
            own = list(found)
            device = self._catalogue.devices[number]
            if number not in self._born:
                if not historical and all(quality_of(one.quality) is Quality.BAD for one in own):
                    continue  # its death said so
                yield self._birth(device)
            for first in range(0, len(own), MOST_METRICS):
                part = [_data(points[one.point][1], one, historical) for one in own[first : first + MOST_METRICS]]
                yield self._message("DDATA", part, device.name)

    def settle(self, states: Iterable[MirroredState]) -> Iterator[Message]:
        """Let devices die that are offline, and be born that are back."""
        for state in states:
            if state.state == "offline":
                yield from self._bury(state.device_id)
            elif state.device_id not in self._born and state.device_id in self._catalogue.devices:
                yield self._birth(self._catalogue.devices[state.device_id])

    def lost(self, _first: datetime, _last: datetime) -> Iterator[Message]:
        """Say nothing: Sparkplug has no word for it; the log and `ddms doctor` have."""
        yield from ()

    def end(self) -> Iterator[Message]:
        """Die, as one must who goes."""
        yield self._death()


def _typed(point: PublishedPoint, reading: Reading | None) -> tuple[Type, bool | float | str | None]:
    kind = Type.UINT64 if point.is_unsigned else _TYPES[point.kind]
    value = None if reading is None or reading.quality >= 16 else point.typed(reading.value, reading.text)
    return kind, int(value) if point.kind is int and value is not None else value


def _born(point: PublishedPoint, reading: Reading | None) -> bytes:
    kind, value = _typed(point, reading)
    more: dict[str, Property] = {"engUnit": (Type.STRING, point.unit)} if point.unit else {}
    if reading is not None:
        more |= _quality(reading.quality)
    at = _now() if reading is None else reading.time
    return metric(kind, value, at, name=point.key, alias=point.number, more=properties(more) if more else b"")


def _data(point: PublishedPoint, reading: Reading, historical: bool) -> bytes:
    kind, value = _typed(point, reading)
    return metric(
        kind, value, reading.time, alias=point.number, historical=historical, more=_properties(reading.quality)
    )
