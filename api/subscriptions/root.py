"""Subscriptions: where their events come from."""

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import Annotated

import strawberry

from api.devices.types import DeviceStatus
from api.field.requests import Scan, read_scan, scan_of
from api.graphql.context import Context, Info
from api.graphql.described import argument, subscription
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, from_ids, to_id
from api.live.broadcast import Source
from api.live.hub import Configured, FieldRequestChanged, Hub, Reconnected, StatesChanged
from api.live.mirror import Mirror
from api.live.resume import ResumeToken
from api.subscriptions.events import DeviceStatesEvent, EventKind, ReadingsEvent, SnapshotReason
from api.subscriptions.readings import ReadingsSource
from ddms.errors import Code, DdmsError, Sentence

MOST_SECONDS = 3600

FIND_MISSING = """-- ddms:find_missing
SELECT 'point' AS kind, wanted.id FROM unnest($1::int[]) AS wanted(id)
 WHERE NOT EXISTS (SELECT FROM points p JOIN devices d ON d.id = p.device_id WHERE p.id = wanted.id AND d.deleted_at IS NULL)
 UNION ALL
SELECT 'device', wanted.id FROM unnest($2::int[]) AS wanted(id)
 WHERE NOT EXISTS (SELECT FROM devices d WHERE d.id = wanted.id AND d.deleted_at IS NULL)
 LIMIT 1
"""


@dataclass
class StatesSource(Source):
    """The states of some devices, or of all."""

    mirror: Mirror
    devices: frozenset[int] | None

    def __post_init__(self) -> None:
        self._present = self._resolve()

    def _resolve(self) -> set[int]:
        return {number for number in self.mirror.states if self.devices is None or number in self.devices}

    def snapshot(self, reason: str) -> DeviceStatesEvent:
        """Return the state of each chosen device."""
        states = [DeviceStatus.of_state(self.mirror.states[number]) for number in sorted(self._present)]
        return DeviceStatesEvent(kind=EventKind.SNAPSHOT, reason=SnapshotReason[reason], devices=states)

    def react(self, event: object) -> DeviceStatesEvent | None:
        """Return the chosen among the devices whose state changed."""
        match event:
            case StatesChanged(states):
                mine = [DeviceStatus.of_state(state) for state in states if state.device_id in self._present]
                return DeviceStatesEvent(kind=EventKind.CHANGES, reason=None, devices=mine) if mine else None
            case Reconnected():
                self._present = self._resolve()
                return self.snapshot("RECONNECTED")
            case Configured():
                before, self._present = self._present, self._resolve()
                return None if before == self._present else self.snapshot("CONFIGURATION")
            case _:
                return None


@dataclass(eq=False)
class ScanSource(Source):
    """A scan, while it goes on."""

    number: int
    scan: Scan | None = None

    def take(self, row: Row) -> None:
        """Take what it is now."""
        self.scan = scan_of(row)

    def snapshot(self, reason: str) -> Scan:
        """Return what it is now."""
        assert self.scan is not None  # noqa: S101 - it is read before anybody joins
        return self.scan

    def react(self, event: object) -> Scan | None:
        """Return what it is now, if it is the one that went on."""
        return self.scan if event == FieldRequestChanged(self.number) else None


def _connected(hub: Hub) -> Mirror:
    if not hub.connected.is_set():
        raise DdmsError(
            Code.UNAVAILABLE, "the live stream is not connected to the database yet: try again in a few seconds"
        )
    return hub.mirror


@strawberry.type(description="What is pushed, over websockets (graphql-transport-ws) or as server-sent events.")
class Subscription:
    """What is pushed, over graphql-transport-ws or as server-sent events. Who asks in the same words is served by one execution."""

    @subscription
    async def readings(
        self,
        info: Info,
        points: Annotated[list[strawberry.ID] | None, argument("Points to watch.")] = None,
        devices: Annotated[
            list[strawberry.ID] | None, argument("Devices to watch with all their points, also those added later.")
        ] = None,
        minimum_interval: Annotated[
            float,
            argument(
                "Shortest time between two events, in seconds, 0 to 3600: what came meanwhile is told by its newest value."
            ),
        ] = 0.0,
        resume_from: Annotated[
            str | None,
            argument("The `resumeToken` of the last event that was heard: what was missed since then comes first."),
        ] = None,
    ) -> AsyncIterable[ReadingsEvent]:
        """Follow readings: first a snapshot of the newest ones, then each as it arrives from the collectors."""
        mirror = _connected(info.context.hub)
        if not 0 <= minimum_interval <= MOST_SECONDS:
            raise DdmsError(
                Code.INVALID, Sentence("the interval is 0 to {} seconds", MOST_SECONDS), field="minimumInterval"
            )
        if resume_from:
            ResumeToken.of(resume_from)
        if not points and not devices:
            raise DdmsError(Code.INVALID, "choose what to watch: give points, devices, or both", field="devices")
        chosen_points = from_ids(IdKind.POINT, points or [], "points")
        chosen_devices = from_ids(IdKind.DEVICE, devices or [], "devices")
        await _refuse_unknown(info.context, chosen_points, chosen_devices)
        return ReadingsSource(mirror, info.context.database, chosen_points, chosen_devices, minimum_interval)

    @subscription
    async def device_states(
        self,
        info: Info,
        devices: Annotated[list[strawberry.ID] | None, argument("Devices to watch; all when left out.")] = None,
    ) -> AsyncIterable[DeviceStatesEvent]:
        """Follow which devices are online: first a snapshot of all states, then each change."""
        mirror = _connected(info.context.hub)
        chosen = None if devices is None else frozenset(from_ids(IdKind.DEVICE, devices, "devices"))
        await _refuse_unknown(info.context, (), chosen or ())
        return StatesSource(mirror, chosen)

    @subscription
    async def scan_progress(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The scan's id.")],  # noqa: A002 - GraphQL's word
    ) -> AsyncIterable[Scan]:
        """Follow a scan: how it is now, then each step, up to the state DONE, FAILED or CANCELLED, after which nothing comes."""
        number = from_id(IdKind.REQUEST, id)
        source = ScanSource(number)
        info.context.hub.follow(source)
        scan = await read_scan(info, number)
        if scan is None:
            raise DdmsError(
                Code.NOT_FOUND, Sentence("there is no scan {}: the mutation scan starts one", id), field="id"
            )
        source.scan = source.scan or scan  # a later one may have come meanwhile
        return source


async def _refuse_unknown(context: Context, points: Iterable[int], devices: Iterable[int]) -> None:
    """Refuse what does not exist; what was made this moment may not have been heard of yet."""
    mirror = context.hub.mirror
    strange_points = [point for point in points if point not in mirror.directory.points]
    strange_devices = [device for device in devices if device not in mirror.states]
    if not strange_points and not strange_devices:
        return
    missing = await context.database.row(FIND_MISSING, strange_points, strange_devices)
    if missing and missing["kind"] == "point":
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no point {}", to_id(IdKind.POINT, missing["id"])), field="points"
        )
    if missing:
        raise DdmsError(
            Code.NOT_FOUND, Sentence("there is no device {}", to_id(IdKind.DEVICE, missing["id"])), field="devices"
        )
    await context.hub.refresh()
