"""The day before the first start of the demo's plant, so that the history and the performance of alarms have something to show at once.

The plant's models run through that day; their values are judged by the limits as the collector judges live ones, and what
comes of it goes into the journal as what became known late. An operator who is made up acknowledges some time later.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import numpy as np
from numpy.typing import NDArray

from collector.storing.decode import READINGS, Batch
from collector.storing.flush import MAKE_INCOMING, replay_batch
from collector.storing.reachable import Reachability
from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event
from ddms.judged import JudgedLimits, Standing
from ddms.limits import Limit, LimitKind
from ddms.quality import Reason
from demo.image import value_of
from demo.inventory import Inventory, PlantDevice
from demo.model import Plant

DAYS, TICK_SECONDS = 1, 20
_KEPT_TICKS = 6  # a changing value is stored each two minutes
_OPERATOR = "demo operator"
_ANSWERS_WITHIN = {"critical": 100.0, "high": 300.0, "medium": 900.0, "low": 2400.0}

READ_POINTS = """-- ddms:demo_read_points
SELECT d.name, p.key, p.id FROM points p JOIN devices d ON d.id = p.device_id
"""
READ_ALARMS = """-- ddms:demo_read_alarms
SELECT a.id, a.source, d.name AS device, p.key AS point, a.limit_key
  FROM alarms a JOIN devices d ON d.id = a.device_id LEFT JOIN points p ON p.id = a.point_id WHERE a.source IN ('limit', 'device')
UNION ALL
SELECT a.id, 'connection', d.name, NULL, NULL FROM alarms a JOIN devices d ON d.connection_id = a.connection_id WHERE a.source = 'connection'
"""

Subject = tuple[str, str, str | None, str | None]
"""What an alarm watches: its source, a device (of a connection any behind it), and of a limit the point's and its own key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What was read, of which points (`point_id` in `readings` is a place in `points`), and what happened to alarms, in order."""

    points: tuple[tuple[str, str], ...]
    readings: NDArray[Any]
    events: tuple[tuple[Subject, Happening], ...]


def remember(inventory: Inventory, now: float, days: float = DAYS) -> Past:
    """Run the plant through the day (or `days`) before `now`; takes some seconds."""
    pumps = {name for device in inventory.devices for name in device.arguments.values() if isinstance(name, str)}
    needed = tuple(
        device for device in inventory.devices if device.limits or device.name in pumps or device.model == "Tank"
    )
    past = _Past(replace(inventory, devices=needed), now - days * 86_400)
    ticks = [past.tick(moment) for moment in np.arange(past.begin, now - TICK_SECONDS, TICK_SECONDS).tolist()]
    events = [*past.events, *_answers(past.events, past.priorities, now)]
    events.sort(key=lambda one: one[1].time)
    return Past(points=tuple(past.places), readings=_kept(ticks), events=tuple(events))


class _Past:
    """The plant in the past, with what watches it."""

    def __init__(self, inventory: Inventory, begin: float) -> None:
        self.begin = begin
        self.events: list[tuple[Subject, Happening]] = []
        self._plant = Plant(begin, table=inventory)
        self._devices = [device for device in inventory.devices if device.limits]
        read = [(device, key) for device in self._devices for key in _keys(device)]
        self.places = {(device.name, key): place for place, (device, key) in enumerate(read)}
        self._read = read
        limits = [(device, limit) for device in self._devices for limit in device.limits]
        self._subjects: list[Subject] = [("limit", d.name, one.point, one.fields["key"]) for d, one in limits]
        self.priorities = {s: one.fields["priority"] for s, (_, one) in zip(self._subjects, limits, strict=True)}
        self._judged = JudgedLimits()
        numbers = range(len(limits))
        self._judged.fit([self._limit(n, *limits[n]) for n in numbers], {n: Standing() for n in numbers})
        self._numbers = {device.name: n for n, device in enumerate(inventory.devices)}
        self._names = list(self._numbers)
        gateways = {gateway.key: n for n, gateway in enumerate(inventory.gateways)}
        self._reach = Reachability()
        behind = {n: frozenset(self._numbers[d.name] for d in inventory.behind(key)) for key, n in gateways.items()}
        self._reach.fit(behind, set())
        self._first_behind = {n: self._names[min(devices)] for n, devices in behind.items()}
        self._all = inventory.devices

    def _limit(self, number: int, device: PlantDevice, limit: Any) -> Limit:
        fields = {name: value for name, value in limit.fields.items() if name in Limit.__dataclass_fields__}
        reference = limit.fields.get("reference_key")
        fields |= {"kind": LimitKind(fields["kind"]), "alarm_values": tuple(map(float, fields.get("alarm_values", ())))}
        other = None if reference is None else self.places[device.name, reference]
        return Limit(id=number, point_id=self.places[device.name, limit.point], reference_id=other, **fields)

    def tick(self, moment: float) -> NDArray[Any]:
        """Move on to `moment`, and return what a collector would have read."""
        self._plant.advance(moment, TICK_SECONDS)
        dead = {device.name for device in self._all if self._is_dead(device)}
        readings = np.empty(len(self._read), READINGS)
        readings["point_id"], readings["time"] = np.arange(len(self._read)), int(moment * 1e6)
        for place, (device, key) in enumerate(self._read):
            value = None if device.name in dead else self._value(device, key)
            readings["value"][place] = np.nan if value is None else value
            good = Reason.TIMEOUT if device.name in dead else Reason.SENTINEL if value is None else Reason.GOOD
            readings["quality"][place] = good
        for found in self._judged.judge(readings):
            subject, more = self._subjects[found.limit_id], found._asdict()
            more = {name: more[name] for name in ("value", "quality", "threshold")}
            self._note(subject, found.event, moment, **more)
        self._look(dead, moment)
        return readings

    def _is_dead(self, device: PlantDevice) -> bool:
        spells = (device.faults.silent, device.faults.closes)
        return any(spell and spell.since(self._plant.now, self._plant.begun) is not None for spell in spells)

    def _value(self, device: PlantDevice, key: str) -> float | None:
        value = value_of(device, self._plant.models[device.name], key, self._plant.now, self._plant.begun)
        return None if value is None else round(float(value), 3)

    def _look(self, dead: set[str], moment: float) -> None:
        for name, number in self._numbers.items():
            self._reach.note(number, offline=name in dead, detail="no answer" if name in dead else None, now=moment)
        for lost in self._reach.look(moment):
            device = self._first_behind[lost.number] if lost.source == "connection" else self._names[lost.number]
            self._note((lost.source, device, None, None), lost.event, moment - lost.seconds, detail=lost.detail)

    def _note(self, subject: Subject, event: Event | None, moment: float, **more: Any) -> None:
        if event is not None:
            time = datetime.fromtimestamp(moment, UTC)
            self.events.append((subject, Happening(alarm_id=0, event=event, time=time, late=True, **more)))


def _keys(device: PlantDevice) -> list[str]:
    """Return the keys of the points that the device's limits need."""
    needed = {limit.point for limit in device.limits} | {limit.fields.get("reference_key") for limit in device.limits}
    return [point.key for point in device.points if point.key in needed]


def _kept(ticks: list[NDArray[Any]]) -> NDArray[Any]:
    """Return what is stored: values each two minutes, states when they change."""
    kept, before = [], None
    for number, readings in enumerate(ticks):
        chosen = np.full(len(readings), True) if before is None else readings["quality"] != before["quality"]
        is_state = readings["value"] == np.round(readings["value"])
        if before is not None:
            chosen |= is_state & (readings["value"] != before["value"])
        chosen |= number % _KEPT_TICKS == 0
        kept.append(readings[chosen])
        before = readings
    found = np.concatenate(kept)
    found["stored"] = True
    return found


def _answers(
    events: Iterable[tuple[Subject, Happening]], priorities: dict[Subject, str], now: float
) -> list[tuple[Subject, Happening]]:
    """Return how an operator acknowledges: the sooner, the more it matters, and what comes meanwhile at once with it."""
    dice = Random(1)  # noqa: S311 - no secret
    answered: dict[Subject, datetime] = {}
    found = []
    for subject, one in events:
        if one.event is not Event.RAISED or one.time < answered.get(subject, one.time):
            continue
        mean = _ANSWERS_WITHIN[priorities.get(subject, "high")]
        answered[subject] = one.time + timedelta(seconds=15 + dice.expovariate(1 / mean))
        if answered[subject].timestamp() < now:
            acknowledged = replace(one, event=Event.ACKNOWLEDGED, time=answered[subject], actor=_OPERATOR, value=None)
            found.append((subject, replace(acknowledged, quality=None, threshold=None, detail=None)))
    return found


async def store(connection: asyncpg.Connection, past: Past) -> None:
    """Store it, within the caller's transaction or its own."""
    points = {(row["name"], row["key"]): row["id"] for row in await connection.fetch(READ_POINTS)}
    numbers = np.array([points[name] for name in past.points], np.int32)
    readings = past.readings.copy()
    readings["point_id"] = numbers[readings["point_id"]]
    await connection.execute(MAKE_INCOMING)
    await replay_batch(connection, "demo", Batch(readings, []))
    rows = await connection.fetch(READ_ALARMS)
    alarms = {(row["source"], row["device"], row["point"], row["limit_key"]): row["id"] for row in rows}
    async with connection.transaction():
        await happen(connection, [replace(one, alarm_id=alarms[subject]) for subject, one in past.events])
