"""Devices: what is watched, and how it is doing."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.graphql.together import together
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id, to_id
from api.groups.types import LIST_GROUPS_OF, Group
from api.live.mirror import MirroredState
from api.points.types import LIST_POINTS, Point
from ddms.errors import Code, DdmsError

if TYPE_CHECKING:
    from api.alarms.types import Alarm, AlarmSummary

T = TypeVar("T")

_DEVICE = """
SELECT d.id, d.name, lower(d.name) AS by_name, coalesce(s.last_seen, '-infinity') AS by_last_seen, d.description, c.endpoint, d.unit_id, d.enabled, d.max_words, d.max_bits, d.max_gap,
       d.retention_days, f.name AS profile, d.trend_point, d.answer_timeout_ms,
       array(SELECT g.name FROM groups g JOIN device_groups m ON m.group_id = g.id WHERE m.device_id = d.id ORDER BY lower(g.name)) AS groups,
       d.version, d.created_at, d.updated_at, d.deleted_at,
       CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state,
       s.since, s.last_seen, coalesce(s.failures, 0) AS failures, s.first_failure, s.last_error
  FROM devices d JOIN connections c ON c.id = d.connection_id LEFT JOIN device_states s ON s.device_id = d.id
  LEFT JOIN profiles f ON f.id = d.profile_id
"""
_CHOSEN = """
 WHERE d.deleted_at IS NULL AND ($1::text IS NULL OR position(lower($1) IN lower(d.name)) > 0)
   AND ($2::text IS NULL OR $2 = CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END)
   AND ($3::int IS NULL OR EXISTS (SELECT FROM device_groups m WHERE m.group_id = $3 AND m.device_id = d.id))
   AND ($4::boolean IS NULL OR d.enabled = $4)
   AND ($5::int IS NULL OR d.profile_id = $5)
"""
_COUNT = "SELECT count(*) FROM devices d LEFT JOIN device_states s ON s.device_id = d.id"
FIND_DEVICE = f"-- ddms:find_device\n{_DEVICE} WHERE d.id = $1"
ALL_DEVICES = f"-- ddms:all_devices\n{_DEVICE} WHERE d.deleted_at IS NULL ORDER BY lower(d.name)"
DEVICES_OF_CONNECTIONS = f"-- ddms:devices_of_connections\n{_DEVICE} WHERE d.connection_id = any($1::int[]) AND d.deleted_at IS NULL ORDER BY lower(d.name)"
FIND_DEVICES = f"-- ddms:find_devices\n{_DEVICE} WHERE d.id = any($1::int[])"
FIND_DEVICE_BY_NAME = f"-- ddms:find_device_by_name\n{_DEVICE} WHERE lower(d.name) = lower($1) AND d.deleted_at IS NULL"


class DeviceState(StrEnum):
    """How a device is doing."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    ERROR = "error"
    OFFLINE = "offline"
    DISABLED = "disabled"


describe_enum(
    DeviceState,
    name="DeviceState",
    description="How a device is doing.",
    values={
        "UNKNOWN": "Not polled yet.",
        "ONLINE": "It answers.",
        "ERROR": "It answers, but refuses some registers.",
        "OFFLINE": "It failed 3 times in a row; it is tried again every 60 s.",
        "DISABLED": "Switched off by a person; it is not polled.",
    },
)


@output_type
class DeviceStatus:
    """What the collector sees of a device."""

    device_id: strawberry.ID = field(description="The device.")
    name: str = field(description="The device's name.")
    state: DeviceState = field(description="How it is doing.")
    since: datetime | None = field(description="Since when it is in this state.")
    last_seen: datetime | None = field(description="When it last answered.")
    failures: int = field(description="Failed attempts in a row.")
    first_failure: datetime | None = field(
        description="The first of the failed attempts in a row; null while it answers."
    )
    last_error: str | None = field(description="What the last failed attempt said.")

    @classmethod
    def of_state(cls, state: MirroredState) -> "DeviceStatus":
        """Make it of the state in the mirror."""
        values = asdict(state)
        return cls(**values | {"device_id": to_id(IdKind.DEVICE, state.device_id), "state": DeviceState(state.state)})


_STATUS = ("name", "since", "last_seen", "failures", "first_failure", "last_error")
_OWN = (
    "name", "description", "endpoint", "unit_id", "enabled", "max_words", "max_bits", "max_gap", "retention_days", "profile", "trend_point",
    "answer_timeout_ms",
    "version", "created_at", "updated_at", "deleted_at",
)  # fmt: skip


class Siblings:
    """Devices that were asked for together: the points of all of them are read by one statement."""

    def __init__(self, database: Database, devices: Sequence[int]) -> None:
        self._database = database
        self._devices = devices
        self._points: asyncio.Task[dict[int, list[Point]]] | None = None
        self._groups: asyncio.Task[dict[int, list[Group]]] | None = None

    async def points(self, device: int) -> list[Point]:
        """Return the points of one of them."""
        self._points = self._points or asyncio.create_task(self._read(Point.of, LIST_POINTS, None, self._devices))
        return (await self._points).get(device, [])

    async def groups(self, device: int) -> list[Group]:
        """Return the groups of one of them."""
        self._groups = self._groups or asyncio.create_task(self._read(Group.of, LIST_GROUPS_OF, self._devices))
        return (await self._groups).get(device, [])

    async def _read(self, make: Callable[[Row], T], sql: str, *parameters: Any) -> dict[int, list[T]]:
        found: dict[int, list[T]] = {}
        for row in await self._database.rows(sql, *parameters):
            found.setdefault(row["device_id"], []).append(make(row))
        return found


@output_type
class Device:
    """Something that speaks Modbus: a PLC, a meter, a drive."""

    id: strawberry.ID = field(description="Opaque and stable, `dev_12`.")
    name: str = field(description="Unique; upper and lower case are the same.")
    description: str = field(description="What a person should know of it.")
    endpoint: str = field(
        description="Where it is, such as `tcp://host:502`, `rtu+udp://host:4001` or `serial:///dev/ttyUSB0`."
    )
    unit_id: int = field(description="Its Modbus unit id, 0 to 255.")
    enabled: bool = field(description="Whether it is polled.")
    max_words: int = field(description="Most registers in one request, 1 to 125.")
    max_bits: int = field(description="Most coils or discrete inputs in one request, 1 to 2000.")
    max_gap: int = field(description="Unwanted registers that may be read along to join two requests into one.")
    retention_days: int = field(description="How long its readings are kept, in days.")
    profile: str | None = field(
        description="Name of the profile that it follows; null when all its points are its own."
    )
    trend_point: str | None = field(
        description="Key of the point that stands for it in lists; null, or one that it has not: the one with the most important limit, "
        "else the first number with a unit that is no counter's."
    )
    answer_timeout_ms: int | None = field(
        description="How long an answer of it is waited for, in milliseconds; null: as long as its connection says."
    )
    version: int = field(description="Grows with each change; updateDevice asks for it.")
    created_at: datetime = field(description="When it was added.")
    updated_at: datetime = field(description="When it was last changed.")
    deleted_at: datetime | None = field(description="When it was deleted, if its history was kept.")
    status: DeviceStatus = field(description="How it is doing.")
    number: strawberry.Private[int]
    siblings: strawberry.Private[Siblings]

    @resolver
    async def points(self) -> list[Point]:
        """Its points, by table and address."""
        return await self.siblings.points(self.number)

    @resolver
    async def groups(self) -> list[Group]:
        """The groups that it is in, by name."""
        return await self.siblings.groups(self.number)

    @resolver
    async def alarms(self, info: Info) -> list[Annotated["Alarm", strawberry.lazy("api.alarms.types")]]:
        """Its alarms that are not normal, or hidden; the worst first."""
        from api.alarms.types import of_devices  # noqa: PLC0415 - devices and alarms know each other

        return await together(info.context, of_devices, self.number) or []

    @resolver
    async def alarm_summary(self, info: Info) -> Annotated["AlarmSummary", strawberry.lazy("api.alarms.types")]:
        """How many alarms it has now, and the worst of them."""
        from api.alarms.types import AlarmSummary, summaries_of_devices  # noqa: PLC0415 - devices and alarms know each other

        return await together(info.context, summaries_of_devices, self.number) or AlarmSummary.of(None)

    @classmethod
    def of(cls, row: Row, siblings: Siblings) -> "Device":
        """Make it of its row."""
        id_ = to_id(IdKind.DEVICE, row["id"])
        status = {name: row[name] for name in _STATUS}
        return cls(
            id=id_,
            number=row["id"],
            siblings=siblings,
            status=DeviceStatus(device_id=id_, state=DeviceState(row["state"]), **status),
            **{name: row[name] for name in _OWN},
        )


async def by_number(database: Database, number: int) -> Device | None:
    """Return a device, also one that was deleted with its history kept."""
    return alone(database, await database.row(FIND_DEVICE, number))


async def by_numbers(database: Database, numbers: list[int]) -> dict[int, Device]:
    """Return devices, also those that were deleted with their history kept, by number."""
    rows, siblings = await database.rows(FIND_DEVICES, numbers), Siblings(database, numbers)
    return {row["id"]: Device.of(row, siblings) for row in rows}


def alone(database: Database, row: Row | None) -> Device | None:
    """Make one device of its row."""
    return row and Device.of(row, Siblings(database, [row["id"]]))


class DeviceOrder(StrEnum):
    """By what devices are listed."""

    NAME = "name"
    STATE = "state"
    LAST_SEEN = "last_seen"
    CREATED = "created"


describe_enum(
    DeviceOrder,
    name="DeviceOrder",
    description="By what devices are listed.",
    values={
        "NAME": "By name; upper and lower case are the same.",
        "STATE": "By state, in the order of the alphabet: disabled, error, offline, online, unknown.",
        "LAST_SEEN": "By when they last answered; those that never did come first.",
        "CREATED": "By when they were added: nothing moves when a device is renamed or changes its state.",
    },
)
DEVICES: Listing[Device] = Listing(
    "devices",
    _DEVICE + _CHOSEN,
    parameters=5,
    count=_COUNT + _CHOSEN,
    orders={
        DeviceOrder.NAME: ("by_name", "text"),
        DeviceOrder.STATE: ("state", "text"),
        DeviceOrder.LAST_SEEN: ("by_last_seen", "timestamptz"),
        DeviceOrder.CREATED: ("id", "int"),
    },
)


@strawberry.type
class DeviceQueries:
    """Queries about devices."""

    @resolver
    async def device(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument("Its id.")] = None,  # noqa: A002 - GraphQL's word
        name: Annotated[str | None, argument("Its name; upper and lower case are the same.")] = None,
    ) -> Device | None:
        """One device, by its id or its name; null when there is none."""
        if (id is None) == (name is None):
            raise DdmsError(Code.INVALID, "say which device: give its id or its name", field="id")
        if id is not None:
            return await by_number(info.context.database, from_id(IdKind.DEVICE, id))
        return alone(info.context.database, await info.context.database.row(FIND_DEVICE_BY_NAME, name))

    @resolver
    async def devices(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        text: Annotated[str | None, argument("Only those with this text in their name.")] = None,
        state: Annotated[DeviceState | None, argument("Only those in this state.")] = None,
        group: Annotated[strawberry.ID | None, argument("Only those in this group.")] = None,
        enabled: Annotated[bool | None, argument("Only those that are polled, or that are not.")] = None,
        profile: Annotated[strawberry.ID | None, argument("Only those that follow this profile.")] = None,
        order_by: Annotated[DeviceOrder, argument("Their order.")] = DeviceOrder.NAME,
        descending: Descending = False,
    ) -> Connection[Device]:
        """Devices, a page at a time: `devices(first: 20, state: OFFLINE, orderBy: LAST_SEEN)`."""
        database = info.context.database
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        group_number = None if group is None else from_id(IdKind.GROUP, group, "group")
        profile_number = None if profile is None else from_id(IdKind.PROFILE, profile, "profile")

        def together(rows: list[Row]) -> list[Device]:
            siblings = Siblings(database, [row["id"] for row in rows])
            return [Device.of(row, siblings) for row in rows]

        return await DEVICES.page(database, page, (text, state, group_number, enabled, profile_number), together)
