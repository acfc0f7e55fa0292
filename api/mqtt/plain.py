"""Plain MQTT: a topic a point, with the reading as JSON."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from api.live.mirror import Mirror, MirroredState
from api.mqtt.broker import Message
from api.mqtt.catalogue import Catalogue, PublishedPoint, escaped
from ddms.quality import quality_of, reason_of
from ddms.settings import Settings, Switch
from ddms.stream import to_datetime

STATE = "$state"
"""In the place of the point's key, which cannot be this: how the device is doing."""


class Reading(NamedTuple):
    """A reading; its time in milliseconds since 1970 UTC."""

    point: int
    time: int
    value: float
    quality: int
    text: str | None


def newest(mirror: Mirror, catalogue: Catalogue, points: Iterable[int] | None = None) -> Iterator[Reading]:
    """Return the newest reading of each point that is published and was ever read."""
    for point in catalogue.points if points is None else points:
        if point < len(mirror.times) and mirror.times[point]:
            values = mirror.times[point], mirror.values[point], mirror.qualities[point]
            yield Reading(point, *(each.item() for each in values), mirror.texts.get(point))  # type: ignore[call-arg]


def topic_of(template: str, group: str, device: str, point: str) -> str:
    """Return a topic; a device without a group lacks that level's name, not the level."""
    return template.format(group=escaped(group) or "-", device=escaped(device), point=point)


def _payload(point: PublishedPoint, reading: Reading, *, historical: bool) -> bytes:
    value = point.typed(reading.value, reading.text) if reading.quality < 16 else None
    said = {"value": value, "time": to_datetime(reading.time * 1000), "quality": quality_of(reading.quality).value}
    if reading.quality:
        said["reason"] = reason_of(reading.quality).label
    if point.unit:
        said["unit"] = point.unit
    if historical:
        said["historical"] = True
    return orjson.dumps(said, option=orjson.OPT_UTC_Z)


class Plain:
    """What is told of devices and readings."""

    commands = None

    def __init__(self, settings: Settings, mirror: Mirror, _births: int, topics: Iterable[str]) -> None:
        self._template, self._qos = settings.mqtt_topic, settings.mqtt_qos
        self._keep = settings.mqtt_retain is Switch.ON
        self._status = self._template.partition("{")[0] + "status"
        self._mirror = mirror
        self._catalogue = Catalogue(())
        self._topics: dict[int, str] = {}
        self._states: dict[int, str] = {}
        self._told: dict[str, MirroredState] = {}
        self.kept = set(topics)
        """The topics that the broker keeps something of."""
        self.will = Message(self._status, b'{"state":"offline"}', 1, True)

    def begin(self, catalogue: Catalogue) -> Iterator[Message]:
        """Say that we are here, and how everything is; of what is gone the broker keeps nothing."""
        yield self._online()
        yield from self.renew(catalogue, everything=True)

    def _online(self, **more: object) -> Message:
        said = {"state": "online", "since": datetime.now(UTC), **more}
        return Message(self._status, orjson.dumps(said, option=orjson.OPT_UTC_Z), 1, True)

    def renew(self, catalogue: Catalogue, *, everything: bool = False) -> Iterator[Message]:
        """Take what is published now; tell what is new, or is called otherwise."""
        before, self._catalogue = self._topics, catalogue
        groups = {device.number: (device.group, device.name) for device in catalogue.devices.values()}
        self._topics = {
            number: topic_of(self._template, *groups[device.number], point.key)
            for number, (device, point) in catalogue.points.items()
        }
        self._states = {number: topic_of(self._template, *names, STATE) for number, names in groups.items()}
        wanted = {*self._topics.values(), *self._states.values()} if self._keep else set()
        yield from (Message(topic, b"", 1, True) for topic in sorted(self.kept - wanted))
        self.kept = wanted
        self._told = {
            topic: state for topic, state in self._told.items() if topic in self._states.values() and not everything
        }
        yield from self.settle(self._mirror.states.values())
        if self._keep:
            changed = [n for n, topic in self._topics.items() if everything or topic != before.get(n)]
            yield from self.readings(newest(self._mirror, catalogue, changed))

    def readings(self, readings: Iterable[Reading], *, historical: bool = False) -> Iterator[Message]:
        """Return the messages of readings; the past is not what the broker keeps."""
        for reading in readings:
            if topic := self._topics.get(reading.point):
                payload = _payload(self._catalogue.points[reading.point][1], reading, historical=historical)
                yield Message(topic, payload, self._qos, self._keep and not historical)

    def settle(self, states: Iterable[MirroredState]) -> Iterator[Message]:
        """Tell how devices are doing."""
        for state in states:
            topic = self._states.get(state.device_id)
            if topic and self._told.get(topic) != state:
                self._told[topic] = state
                said = {"state": state.state, "since": state.since, "error": state.last_error}
                yield Message(topic, orjson.dumps(said, option=orjson.OPT_UTC_Z), 1, self._keep)

    def lost(self, first: datetime, last: datetime) -> Iterator[Message]:
        """Say from when to when readings were not told."""
        yield self._online(lost={"from": first, "to": last})

    def end(self) -> Iterator[Message]:
        """Say that we go."""
        yield self.will
