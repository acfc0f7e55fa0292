"""Devices: what is watched, and how it is doing."""

import asyncio
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import strawberry

from api.context import Info
from api.database import Database, Row
from api.described import argument, describe_enum, field, output_type, resolver
from api.groups import LIST_GROUPS_OF, Group
from api.limits import PAGE_SIZE
from api.mirror import State
from api.points import LIST_POINTS, Point
from api.scalars import IdKind, from_id, to_id
from ddms.errors import Code, DdmsError

T = TypeVar("T")

_DEVICE = """
SELECT d.id, d.name, lower(d.name) AS sorted, d.description, c.endpoint, d.unit_id, d.enabled, d.max_words, d.max_bits, d.max_gap,
       d.retention_days, f.name AS profile,
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
"""
_BETWEEN = "   AND ($4::text IS NULL OR lower(d.name) > $4) AND ($5::text IS NULL OR lower(d.name) < $5)\n"
FIRST_DEVICES = f"-- ddms:first_devices\n{_DEVICE}{_CHOSEN}{_BETWEEN} ORDER BY lower(d.name) LIMIT $6"
LAST_DEVICES = f"-- ddms:last_devices\n{_DEVICE}{_CHOSEN}{_BETWEEN} ORDER BY lower(d.name) DESC LIMIT $6"
_COUNT = "SELECT count(*) FROM devices d LEFT JOIN device_states s ON s.device_id = d.id"
COUNT_DEVICES = f"-- ddms:count_devices\n{_COUNT}{_CHOSEN}"
FIND_DEVICE = f"-- ddms:find_device\n{_DEVICE} WHERE d.id = $1"
ALL_DEVICES = f"-- ddms:all_devices\n{_DEVICE} WHERE d.deleted_at IS NULL ORDER BY lower(d.name)"
DEVICES_OF_CONNECTIONS = f"-- ddms:devices_of_connections\n{_DEVICE} WHERE d.connection_id = any($1::int[]) AND d.deleted_at IS NULL ORDER BY lower(d.name)"
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
    first_failure: datetime | None = field(description="The first of the failed attempts in a row.")
    last_error: str | None = field(description="What the last failed attempt said.")

    @classmethod
    def of_state(cls, state: State) -> "DeviceStatus":
        """Make it of the state in the mirror."""
        values = asdict(state)
        return cls(**values | {"device_id": to_id(IdKind.DEVICE, state.device_id), "state": DeviceState(state.state)})


_STATUS = ("name", "since", "last_seen", "failures", "first_failure", "last_error")
_OWN = (
    "name", "description", "endpoint", "unit_id", "enabled", "max_words", "max_bits", "max_gap", "retention_days", "profile",
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
    endpoint: str = field(description="Where it is: `tcp://host:502`, `rtu+tcp://host:502`, `serial:///dev/ttyUSB0`.")
    unit_id: int = field(description="Its Modbus unit id, 0 to 255.")
    enabled: bool = field(description="Whether it is polled.")
    max_words: int = field(description="Most registers in one request.")
    max_bits: int = field(description="Most coils or discrete inputs in one request.")
    max_gap: int = field(description="Unwanted registers that may be read along to join two requests into one.")
    retention_days: int = field(description="How long its readings are kept, in days.")
    profile: str | None = field(
        description="Name of the profile that it follows; null when all its points are its own."
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


def alone(database: Database, row: Row | None) -> Device | None:
    """Make one device of its row."""
    return row and Device.of(row, Siblings(database, [row["id"]]))


@output_type
class PageInfo:
    """Where a page lies in its list, as Relay wants it."""

    has_next_page: bool = field(description="Whether more follow; pass endCursor as `after`.")
    has_previous_page: bool = field(description="Whether there are some before; pass startCursor as `before`.")
    start_cursor: str | None = field(description="Cursor of the first one.")
    end_cursor: str | None = field(description="Cursor of the last one.")


@output_type
class DeviceEdge:
    """A device in a list."""

    cursor: str = field(description="Its place in the list; it stays right when others come and go.")
    node: Device = field(description="The device.")


@output_type
class DeviceConnection:
    """A page of devices, by name."""

    edges: list[DeviceEdge] = field(description="The devices with their cursors.")
    page_info: PageInfo = field(description="Where this page lies.")
    text: strawberry.Private[str | None]
    state: strawberry.Private[DeviceState | None]
    group: strawberry.Private[int | None]

    @resolver
    def nodes(self) -> list[Device]:
        """The devices."""
        return [edge.node for edge in self.edges]

    @resolver
    async def total_count(self, info: Info) -> int:
        """How many devices pass the filter."""
        count: int = await info.context.database.value(COUNT_DEVICES, self.text, self.state, self.group)
        return count


def _cursor(sorted_name: str) -> str:
    return urlsafe_b64encode(sorted_name.encode()).decode().rstrip("=")


def _from_cursor(cursor: str | None, field_name: str) -> str | None:
    try:
        return cursor and b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except ValueError as error:
        raise DdmsError(
            Code.INVALID, "this is not a cursor of this list: take one from pageInfo", field=field_name
        ) from error


def _page_size(first: int | None, last: int | None) -> int:
    if first is not None and last is not None:
        raise DdmsError(Code.INVALID, "give first or last, not both", field="first")
    size = next((given for given in (first, last) if given is not None), 50)
    if not 1 <= size <= PAGE_SIZE:
        raise DdmsError(Code.INVALID, f"a page has 1 to {PAGE_SIZE} devices", field="first" if last is None else "last")
    return size


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
        first: Annotated[int | None, argument("How many from the start, at most 100; 50 when left out.")] = None,
        after: Annotated[str | None, argument("Only those after this cursor.")] = None,
        last: Annotated[int | None, argument("How many from the end, at most 100.")] = None,
        before: Annotated[str | None, argument("Only those before this cursor.")] = None,
        text: Annotated[str | None, argument("Only those with this text in their name.")] = None,
        state: Annotated[DeviceState | None, argument("Only those in this state.")] = None,
        group: Annotated[strawberry.ID | None, argument("Only those in this group.")] = None,
    ) -> DeviceConnection:
        """Devices by name, a page at a time."""
        size = _page_size(first, last)
        between = _from_cursor(after, "after"), _from_cursor(before, "before")
        number = None if group is None else from_id(IdKind.GROUP, group, "group")
        statement = FIRST_DEVICES if last is None else LAST_DEVICES
        rows = await info.context.database.rows(statement, text, state, number, *between, size + 1)
        more, rows = len(rows) > size, rows[:size]
        if last is not None:
            rows.reverse()
        siblings = Siblings(info.context.database, [row["id"] for row in rows])
        edges = [DeviceEdge(cursor=_cursor(row["sorted"]), node=Device.of(row, siblings)) for row in rows]
        page = PageInfo(
            has_next_page=more if last is None else before is not None,
            has_previous_page=more if last is not None else after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        return DeviceConnection(edges=edges, page_info=page, text=text, state=state, group=number)
