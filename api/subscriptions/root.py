"""Subscriptions: where their events come from."""

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from typing import Annotated

import strawberry

from api.alarms.enums import AlarmSource
from api.alarms.feed import AlarmFeed
from api.backups.restores import ROWS as RESTORE_ROWS
from api.backups.store import ROWS as BACKUP_ROWS
from api.devices.types import DeviceStatus
from api.export.jobs import ROWS as EXPORT_ROWS
from api.export.jobs import read as read_export
from api.export.types import Export
from api.field.requests import Scan, read_scan, scan_of
from api.graphql.context import Context, Info
from api.graphql.described import argument, subscription
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, from_ids, to_id
from api.live.broadcast import Source
from api.live.followed import Followed, RowsChanged
from api.live.hub import Configured, FieldRequestChanged, Hub, Reconnected, StatesChanged
from api.live.mirror import Mirror
from api.live.resume import ResumeToken
from api.site.jobs import ROWS as JOB_ROWS
from api.site.jobs import jobs_of
from api.subscriptions.alarms import MOST_SHOWN, USUAL_SHOWN, AlarmChoice, AlarmsEvent, AlarmsSource, AlarmToken
from api.subscriptions.backups import BackupsEvent, BackupsSource
from api.subscriptions.events import DeviceStatesEvent, EventKind, ReadingsEvent, SnapshotReason
from api.subscriptions.jobs import JobsEvent, JobsSource
from api.subscriptions.readings import ReadingsSource
from ddms.alarms import Priority
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
FIND_GROUP = "-- ddms:find_group\nSELECT id FROM groups WHERE id = $1"


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


@dataclass(eq=False)
class ExportSource(Source):
    """An export in the background."""

    followed: Followed
    row: Row

    def snapshot(self, reason: str) -> Export:
        """Return what it is now."""
        self.row = self.followed.rows.get(self.row["id"], self.row)
        return Export.of(self.row)

    def react(self, event: object) -> Export | None:
        """Return what it is now, if it went on."""
        match event:
            case RowsChanged(self.followed, rows) if any(row["id"] == self.row["id"] for row in rows):
                return self.snapshot("CHANGED")
            case Reconnected():
                return self.snapshot("RECONNECTED")
        return None


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
        return StatesSource(mirror, await info.context.sight() if chosen is None else chosen)

    @subscription
    async def alarms(
        self,
        info: Info,
        *,
        priorities: Annotated[list[Priority] | None, argument("Only alarms of these priorities.")] = None,
        sources: Annotated[list[AlarmSource] | None, argument("Only alarms that watch this.")] = None,
        group: Annotated[
            strawberry.ID | None,
            argument("Only alarms of the devices of this group, and of the connections that they are behind."),
        ] = None,
        devices: Annotated[list[strawberry.ID] | None, argument("Only alarms of these devices.")] = None,
        first: Annotated[int, argument(f"How many alarms a snapshot has at most, 0 to {MOST_SHOWN:,}.")] = USUAL_SHOWN,
        resume_from: Annotated[
            str | None,
            argument("The `resumeToken` of the last event that was heard: what happened since then comes first."),
        ] = None,
    ) -> AsyncIterable[AlarmsEvent]:
        """Follow alarms: first a snapshot of those that are not normal, or hidden, then what happens to each, with the alarm
        as it is after that."""
        _connected(info.context.hub)
        if not 0 <= first <= MOST_SHOWN:
            raise DdmsError(Code.INVALID, Sentence("`first` is 0 to {}", MOST_SHOWN), field="first")
        if resume_from:
            AlarmToken.of(resume_from)
        chosen = None if devices is None else frozenset(from_ids(IdKind.DEVICE, devices, "devices"))
        await _refuse_unknown(info.context, (), chosen or ())
        choice = AlarmChoice(
            priorities=None if priorities is None else frozenset(priorities),
            sources=None if sources is None else frozenset(sources),
            group=None if group is None else await _group(info.context, group),
            devices=chosen,
            sight=await info.context.sight(),
        )
        feed = info.context.hub.alarms
        assert isinstance(feed, AlarmFeed)  # noqa: S101 - the hub does not know more of it
        return AlarmsSource(feed, info.context.database, choice, first)

    @subscription
    async def jobs(self, info: Info) -> AsyncIterable[JobsEvent]:
        """Follow the scheduled jobs: first a snapshot of all, then those that begin, end, go on, are paused or get another due time.
        Jobs that run every few seconds are told of as often."""
        hub = info.context.hub
        _connected(hub)
        source = JobsSource(hub.rows[JOB_ROWS], {job.name: job for job in jobs_of(info.context.settings)})
        await hub.follow_rows(source.followed, source)
        return source

    @subscription
    async def backups(self, info: Info) -> AsyncIterable[BackupsEvent]:
        """Follow backups, their verifications and restores: first a snapshot of those that wait, run, or are there, the newest 100
        backups; then each that is asked for, goes on (once a second), ends, is copied or removed."""
        hub = info.context.hub
        _connected(hub)
        source = BackupsSource(hub.rows[BACKUP_ROWS], hub.rows[RESTORE_ROWS])
        for followed in (source.backups, source.restores):
            await hub.follow_rows(followed, source)
        return source

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

    @subscription
    async def export_progress(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The export's id.")],  # noqa: A002 - GraphQL's word
    ) -> AsyncIterable[Export]:
        """Follow an export in the background: how it is now, then once a second while it is made, up to DONE, FAILED or CANCELLED."""
        hub = info.context.hub
        _connected(hub)
        await info.context.sight()
        source = ExportSource(hub.rows[EXPORT_ROWS], await read_export(info.context, from_id(IdKind.EXPORT, id)))
        await hub.follow_rows(source.followed, source)
        return source


async def _group(context: Context, group: strawberry.ID) -> int:
    number = from_id(IdKind.GROUP, group, "group")
    if await context.database.value(FIND_GROUP, number) is None:
        raise DdmsError(Code.NOT_FOUND, Sentence("there is no group {}", group), field="group")
    return number


async def _refuse_unknown(context: Context, points: Iterable[int], devices: Iterable[int]) -> None:
    """Refuse what does not exist; what was made this moment may not have been heard of yet."""
    mirror, limited = context.hub.mirror, context.person is not None
    strange_points = [point for point in points if limited or point not in mirror.directory.points]
    strange_devices = [device for device in devices if limited or device not in mirror.states]
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
    if not limited or not (
        mirror.directory.points.keys() >= {*strange_points} and mirror.states.keys() >= {*strange_devices}
    ):
        await context.hub.refresh()
