"""The journal of the alarms: what happened, the newest first, in pages that stay fast however long it is.

Entries lie in the order of time for all alarms together, for one device, one alarm, one priority, one event, one person:
the planner finds a page in one of these. It cannot know where in time the entries of some devices lie; so of a group, or
of what a limited person sees, the newest entries of each device are taken by themselves (a lane), as long as these are few.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Self

import strawberry

from api.alarms.enums import AlarmSource
from api.alarms.listed import IN_GROUP
from api.alarms.types import Alarm, by_numbers, one_of
from api.devices.types import Device
from api.devices.types import by_numbers as devices_by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id, to_id
from ddms.alarms import Event, Priority, State
from ddms.quality import Quality, quality_of

_TIME = StrEnum("_TIME", {"TIME": "time"})
_COLUMNS = """e.id, e.time, e.recorded_at, e.alarm_id, e.device_id, e.kind, e.priority, e.event, e.state, e.actor, e.note, e.until, e.value,
       e.quality, e.threshold, e.cause_id, e.late, e.hidden"""
_ENTRY = "SELECT e.*, a.source, a.device_name, a.point_name, a.point_id, a.subject"
ENTRIES_AFTER = f"{_ENTRY} FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id"
_PASSES = """($3::text IS NULL OR e.priority = $3) AND ($4::text[] IS NULL OR e.priority = any($4)) AND ($5::text IS NULL OR e.event = $5)
   AND ($6::text[] IS NULL OR e.event = any($6)) AND ($7::text IS NULL OR e.actor_key = lower($7))
   AND ($8::timestamptz IS NULL OR e.time >= $8) AND ($9::timestamptz IS NULL OR e.time < $9)"""
_OF_THESE = "($1::int[] IS NULL OR e.device_id = any($1) OR e.alarm_id = any($2::int[]))"
_LANE = f"""SELECT {_COLUMNS} FROM alarm_events e WHERE e.{{of}} = lane.number AND {_PASSES}
   AND ($10::text IS NULL OR (e.time, e.id) > ($10::text::timestamptz, $11::bigint))
   AND ($12::text IS NULL OR (e.time, e.id) < ($12::text::timestamptz, $13::bigint))
 ORDER BY e.time{{way}}, e.id{{way}} LIMIT $14"""  # noqa: S608 - constants are put in
_LANES = f"""{_ENTRY} FROM (
    SELECT found.* FROM unnest($1::int[]) AS lane (number) CROSS JOIN LATERAL ({_LANE.replace("{of}", "device_id")}) found
     UNION ALL
    SELECT found.* FROM unnest($2::int[]) AS lane (number) CROSS JOIN LATERAL ({_LANE.replace("{of}", "alarm_id")}) found
) e JOIN alarms a ON a.id = e.alarm_id"""  # noqa: S608 - constants are put in
_COUNT = f"SELECT count(*) FROM alarm_events e WHERE {_OF_THESE} AND {_PASSES}"  # noqa: S608 - constants are put in


def _listing(name: str, rows: str) -> Listing["AlarmEvent"]:
    orders: dict[StrEnum, tuple[str, str]] = {_TIME.TIME: ("time", "timestamptz")}
    return Listing(name, rows, parameters=9, count=_COUNT, orders=orders, custom_plans=True)


ALL = _listing("alarm_journal", f"{ENTRIES_AFTER} WHERE {_OF_THESE} AND {_PASSES}")
LANES = _listing("alarm_journal_in_lanes", _LANES.replace("{{way}}", "{way}"))
MOST_LANES = 300
RARE = set(Event) - {Event.RAISED, Event.CLEARED, Event.ACKNOWLEDGED}
"""Of these a device has so few that its lane would be read to the end."""
READ_ALARMS_OF = f"""-- ddms:read_numbers_of_alarms
SELECT a.id FROM alarms a WHERE ($1::int IS NULL OR a.id = $1) AND ($2::int IS NULL OR a.point_id = $2)
   AND ($3::int IS NULL OR a.device_id = $3) AND ($4::int IS NULL OR {IN_GROUP.format(group="$4")})
"""  # noqa: S608 - constants are put in
READ_DEVICES_OF = """-- ddms:read_numbers_of_devices
SELECT m.device_id AS id FROM device_groups m WHERE ($1::int IS NULL OR m.group_id = $1) AND ($2::int IS NULL OR m.device_id = $2)
"""
READ_CONNECTIONS_OF = """-- ddms:read_alarms_of_connections
SELECT a.id FROM alarms a WHERE a.source = 'connection' AND ($1::int IS NULL OR a.connection_id IN
       (SELECT d.connection_id FROM device_groups m JOIN devices d ON d.id = m.device_id WHERE m.group_id = $1 AND d.deleted_at IS NULL))
"""


@strawberry.type
class AlarmEventFields:
    """What an entry of the journal says by itself."""

    id: strawberry.ID = field(description="Opaque and stable, `aev_12`.")
    time: datetime = field(description="When it happened: the time of the reading, or of what a person did.")
    recorded_at: datetime = field(description="When the database learned of it.")
    late: bool = field(description="Whether it became known late, because the database was away.")
    hidden: bool = field(description="Whether the alarm was shelved, suppressed or out of service after it.")
    alarm_id: strawberry.ID = field(description="The alarm.")
    source: AlarmSource = field(description="What the alarm watches.")
    kind: str = field(description="The alarm's kind: `high`, `offline`.")
    priority: Priority = field(description="The priority that it had then.")
    event: Event = field(description="What happened.")
    state: State = field(description="Its state after that.")
    actor: str | None = field(description="Who did it; null: the value did, or time.")
    note: str | None = field(description="Why: the person's reason or note, of DDMS a sentence.")
    until: datetime | None = field(description="When a shelf or a maintenance will end.")
    value: float | None = field(description="The value then.")
    quality: Quality | None = field(description="How far the value could be trusted.")
    threshold: float | None = field(description="The limit in force then.")
    device_id: strawberry.ID | None = field(description="The device; null of a connection and of the system.")
    device_name: str | None = field(description="The device's name, also after it was deleted.")
    point_id: strawberry.ID | None = field(description="The point; only of a limit's alarm.")
    point_name: str | None = field(description="The point's name, also after it was deleted.")
    subject: str | None = field(
        description="Of a connection its endpoint; of the system whose alarm it is of this kind."
    )
    number: strawberry.Private[int]
    numbers: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row, **more: Any) -> Self:
        """Make it of its row, as `ENTRIES_AFTER` selects it."""
        device, point = row["device_id"], row["point_id"]
        return cls(
            id=to_id(IdKind.ALARM_EVENT, row["id"]),
            number=row["id"],
            numbers=row,
            alarm_id=to_id(IdKind.ALARM, row["alarm_id"]),
            source=AlarmSource(row["source"]),
            priority=Priority(row["priority"]),
            event=Event(row["event"]),
            state=State(row["state"]),
            quality=None if row["quality"] is None else quality_of(row["quality"]),
            device_id=None if device is None else to_id(IdKind.DEVICE, device),
            point_id=None if point is None else to_id(IdKind.POINT, point),
            **{name: row[name] for name in _AS_THEY_ARE},
            **more,
        )


@output_type
class AlarmEvent(AlarmEventFields):
    """Something that happened to an alarm: an entry of the journal."""

    @resolver
    async def alarm(self, info: Info) -> Alarm:
        """The alarm, as it is now."""
        alarm = await one_of(info, by_numbers, self.numbers["alarm_id"])
        assert alarm is not None  # noqa: S101 - an alarm of which the journal knows stays
        return alarm

    @resolver
    async def device(self, info: Info) -> Device | None:
        """The device; null of a connection and of the system, and when it was erased."""
        return await one_of(info, devices_by_numbers, self.numbers["device_id"])

    @resolver
    async def cause(self, info: Info) -> Alarm | None:
        """The alarm by which it was suppressed; null but for that event."""
        return await one_of(info, by_numbers, self.numbers["cause_id"])


_AS_THEY_ARE = (
    "time", "recorded_at", "late", "hidden", "kind", "actor", "note", "until", "value", "threshold", "device_name", "point_name", "subject",
)  # fmt: skip


class Chosen(NamedTuple):
    """Whose entries are wanted."""

    alarm: int | None = None
    point: int | None = None
    device: int | None = None
    group: int | None = None


async def lanes(database: Database, chosen: Chosen, *, limited: bool) -> tuple[list[int] | None, list[int] | None]:
    """Return the devices and the alarms whose entries are wanted; None for all."""
    async with database.connection() as statements:
        if chosen.alarm is not None or chosen.point is not None:
            return [], [row["id"] for row in await statements.rows(READ_ALARMS_OF, *chosen)]
        if chosen.group is not None or (limited and chosen.device is None):
            devices = {row["id"] for row in await statements.rows(READ_DEVICES_OF, chosen.group, chosen.device)}
            if chosen.device is not None:
                return list(devices), []
            return list(devices), [row["id"] for row in await statements.rows(READ_CONNECTIONS_OF, chosen.group)]
    return (None, None) if chosen.device is None else ([chosen.device], [])


def _one_or_some(values: list[Any] | None) -> tuple[Any, list[Any] | None]:
    """Return one value by itself: an index whose first column is it gives the order of time, one of some does not."""
    return (values[0], None) if values and len(values) == 1 else (None, values)


@strawberry.type
class JournalQueries:
    """Queries about what happened to alarms."""

    @resolver
    async def alarm_journal(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        alarm: Annotated[strawberry.ID | None, argument("Only of this alarm.")] = None,
        point: Annotated[strawberry.ID | None, argument("Only of the alarms of this point.")] = None,
        device: Annotated[strawberry.ID | None, argument("Only of the alarms of this device.")] = None,
        group: Annotated[
            strawberry.ID | None,
            argument("Only of the devices of this group, and of the connections that they are behind."),
        ] = None,
        priorities: Annotated[list[Priority] | None, argument("Only these priorities.")] = None,
        events: Annotated[list[Event] | None, argument("Only these events.")] = None,
        actor: Annotated[str | None, argument("Only what this one did, by name.")] = None,
        from_: Annotated[
            datetime | None, strawberry.argument(name="from", description="Only since then, inclusive.")
        ] = None,
        to: Annotated[datetime | None, argument("Only until then, exclusive.")] = None,
        descending: Descending = True,
    ) -> Connection[AlarmEvent]:
        """What happened to alarms, a page at a time, the newest first. `totalCount` reads all that passes: of a long
        journal ask for it with a filter only."""
        page = Page(first=first, after=after, last=last, before=before, order=_TIME.TIME, descending=descending)
        chosen = Chosen(
            alarm=None if alarm is None else from_id(IdKind.ALARM, alarm, "alarm"),
            point=None if point is None else from_id(IdKind.POINT, point, "point"),
            device=None if device is None else from_id(IdKind.DEVICE, device, "device"),
            group=None if group is None else from_id(IdKind.GROUP, group, "group"),
        )
        database = info.context.database
        devices, alarms = await lanes(database, chosen, limited=info.context.person is not None)
        count = len(devices or ()) + len(alarms or ())
        rare = actor is not None or (events is not None and RARE.issuperset(events))
        listing = LANES if devices is not None and (count < 2 or (count <= MOST_LANES and not rare)) else ALL
        filters = devices, alarms, *_one_or_some(priorities), *_one_or_some(events), actor, from_, to
        return await listing.page(database, page, filters, lambda rows: [AlarmEvent.of(row) for row in rows])
