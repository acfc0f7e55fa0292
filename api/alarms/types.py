"""Alarms: what is wrong now, and what an operator should know of it."""

from datetime import datetime
from typing import Any, Self, TypeVar

import strawberry

from api.alarms.enums import AlarmSource
from api.alarms.outages import Outage, outages
from api.alarms.sentences import sentence, texts_of
from api.connections.types import ModbusConnection
from api.connections.types import by_numbers as connections_by_numbers
from api.devices.types import Device
from api.devices.types import by_numbers as devices_by_numbers
from api.graphql.context import Info
from api.graphql.described import field, output_type, resolver
from api.graphql.enums import reason_of
from api.graphql.messages import told
from api.graphql.together import Read, together
from api.ground.database import Database, Row
from api.ground.ids import IdKind, to_id
from api.limits.types import FIND_LIMITS, AlarmLimit
from api.points.types import LIST_POINTS, Point, Reading
from ddms import value_names
from ddms.alarms import Priority, Shelf, State
from ddms.quality import Quality, Reason, quality_of

T = TypeVar("T")
RANK = "CASE a.priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END"
SHOWN = "a.removed_at IS NULL AND (a.state <> 'normal' OR a.shelved IS NOT NULL OR a.out_of_service_until IS NOT NULL)"
"""As the index alarms_shown_idx has it."""
IS_SHELVED, IS_OUT = "coalesce(a.shelved_until > now(), false)", "coalesce(a.out_of_service_until > now(), false)"
CALLS = f"(a.active AND NOT a.acknowledged AND NOT {IS_SHELVED} AND NOT {IS_OUT} AND a.suppressed_by IS NULL)"
ALARM = f"""
SELECT a.*, {IS_SHELVED} AS is_shelved, {IS_OUT} AS is_out, {CALLS} AS calls,
       {RANK} * 1e11::float8 - extract(epoch FROM coalesce(a.active_since, a.changed_at))::float8 AS by_priority,
       coalesce(a.active_since, '-infinity') AS by_raised, coalesce(a.connection_id, d.connection_id) AS behind, c.endpoint,
       p.unit, p.value_names, l.reference_key, l.period_s, l.bit, l.cause, l.consequence, l.action, l.respond_within_s,
       n.time AS latest_time, n.value AS latest_value, n.text AS latest_text, n.quality AS latest_quality
  FROM alarms a
  LEFT JOIN limits l ON l.id = a.limit_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN devices d ON d.id = a.device_id
  LEFT JOIN connections c ON c.id = coalesce(a.connection_id, d.connection_id) LEFT JOIN latest n ON n.point_id = a.point_id
"""  # noqa: S608 - constants are put in
FIND_ALARMS = f"-- ddms:find_alarms\n{ALARM} WHERE a.id = any($1::int[])"
ALARMS_OF_DEVICES = (
    f"-- ddms:alarms_of_devices\n{ALARM} WHERE a.device_id = any($1::int[]) AND {SHOWN} ORDER BY by_priority, a.id"
)
_SUMMARY = f"""
SELECT m.owner, count(*) FILTER (WHERE a.active) AS active, count(*) FILTER (WHERE {CALLS}) AS calling,
       count(*) FILTER (WHERE {IS_SHELVED} OR {IS_OUT}) AS hidden,
       {", ".join(f"count(*) FILTER (WHERE a.active AND a.priority = '{p}' AND NOT {IS_SHELVED} AND NOT {IS_OUT}) AS {p}" for p in Priority)},
       (array_agg(a.id ORDER BY a.active DESC, {RANK}, a.suppressed_by IS NOT NULL, a.active_since DESC, a.id)
           FILTER (WHERE a.state <> 'normal' AND NOT {IS_SHELVED} AND NOT {IS_OUT}))[1] AS worst
  FROM m JOIN alarms a ON a.id = m.alarm_id GROUP BY m.owner
"""  # noqa: S608 - constants are put in
SUMMARY_OF_DEVICES = f"""-- ddms:alarm_summary_of_devices
WITH m AS (SELECT a.device_id AS owner, a.id AS alarm_id FROM alarms a WHERE a.device_id = any($1::int[]) AND {SHOWN}) {_SUMMARY}
"""  # noqa: S608 - constants are put in
SUMMARY_OF_GROUPS = f"""-- ddms:alarm_summary_of_groups
WITH member AS (SELECT m.group_id AS owner, d.id, d.connection_id FROM device_groups m JOIN devices d ON d.id = m.device_id
                 WHERE m.group_id = any($1::int[]) AND d.deleted_at IS NULL),
     m AS (SELECT owner, a.id AS alarm_id FROM member JOIN alarms a ON a.device_id = member.id WHERE {SHOWN}
           UNION SELECT owner, a.id FROM member JOIN alarms a ON a.connection_id = member.connection_id AND a.source = 'connection' WHERE {SHOWN})
{_SUMMARY}
"""  # noqa: S608 - constants are put in


@output_type
class AlarmShelf:
    """That an alarm is on the shelf: nobody is called by it until then."""

    kind: Shelf = field(description="Until a time, or until it clears.")
    at: datetime = field(description="Since when.")
    until: datetime = field(description="When it comes back by itself, at the latest.")
    by: str = field(description="Who shelved it.")
    reason: str = field(description="Why.")


@output_type
class AlarmOutOfService:
    """That an alarm is out of service: what it watches is in maintenance."""

    at: datetime = field(description="Since when.")
    until: datetime = field(description="When it comes back by itself.")
    by: str = field(description="Who put it out of service.")
    reason: str = field(description="Why.")


@strawberry.type
class AlarmFields:
    """What an alarm says by itself."""

    id: strawberry.ID = field(description="Opaque and stable, `alm_7`.")
    source: AlarmSource = field(description="What it watches.")
    kind: str = field(
        description="The kind of the limit, `high_high`; `offline` of devices and connections; of the system what it is about."
    )
    priority: Priority = field(description="How much it matters.")
    state: State = field(description="Its state by ISA-18.2.")
    active: bool = field(description="Whether the condition is there, delays included.")
    acknowledged: bool = field(
        description="Whether somebody took note of it; true when there is nothing to acknowledge."
    )
    latched: bool = field(description="Whether it stays until it is acknowledged after the condition is gone.")
    uncertain: bool = field(
        description="Whether the newest reading is bad or missing, so that nobody knows how it is now."
    )
    calls: bool = field(
        description="Whether somebody is called: active, not acknowledged, not shelved, suppressed or out of service."
    )
    active_since: datetime | None = field(description="When it was raised last, by the time of the reading.")
    cleared_at: datetime | None = field(description="When it cleared last; null while it is active.")
    changed_at: datetime = field(description="When its state last changed.")
    value: float | None = field(
        description="The value with which it was raised or cleared, in the point's unit; of a deviation the distance, of a rate the change."
    )
    quality: Quality | None = field(description="How far that value could be trusted.")
    threshold: float | None = field(description="The limit that was in force then.")
    value_now: Reading | None = field(
        description="The newest reading of its point; of the system what was measured last, while it is active."
    )
    detail: str = field(description="What is wrong, in a sentence.")
    cause: str = field(description="What is probably the matter; empty when nobody wrote it.")
    consequence: str = field(description="What happens when nobody does anything.")
    action: str = field(description="What to do.")
    respond_within_seconds: int | None = field(description="Within how long, in seconds.")
    acknowledged_at: datetime | None = field(description="When somebody took note of the newest occurrence.")
    acknowledged_by: str | None = field(description="Who that was.")
    note: str | None = field(description="The newest note of a person.")
    shelf: AlarmShelf | None = field(description="That it is shelved; null when it is not.")
    out_of_service: AlarmOutOfService | None = field(
        description="That it is out of service; null when it is in service."
    )
    device_id: strawberry.ID | None = field(description="The device; null of a connection and of the system.")
    device_name: str | None = field(description="The device's name, also after it was deleted.")
    point_id: strawberry.ID | None = field(description="The point; only of a limit's alarm.")
    point_name: str | None = field(description="The point's name, also after it was deleted.")
    limit_id: strawberry.ID | None = field(description="The limit, `lim_4`; only of a limit's alarm.")
    limit_key: str | None = field(description="The limit's key within its point.")
    endpoint: str | None = field(description="The endpoint that it is about, or behind which its device is.")
    subject: str | None = field(
        description="Of the system: whose alarm it is of this kind, such as a collector's name."
    )
    removed_at: datetime | None = field(
        description="When its limit, device or connection was removed; then it stands in the journal only."
    )
    number: strawberry.Private[int]
    numbers: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> Self:
        """Make it of its row, as `ALARM` selects it."""
        return cls(
            id=to_id(IdKind.ALARM, row["id"]),
            number=row["id"],
            numbers=row,
            source=AlarmSource(row["source"]),
            priority=Priority(row["priority"]),
            state=State(row["state"]),
            quality=None if row["quality"] is None else quality_of(row["quality"]),
            value_now=_value_now(row),
            detail=told(sentence(row)),
            respond_within_seconds=row["respond_within_s"],
            shelf=_shelf(row),
            out_of_service=_out_of_service(row),
            device_id=_id(IdKind.DEVICE, row["device_id"]),
            point_id=_id(IdKind.POINT, row["point_id"]),
            limit_id=_id(IdKind.LIMIT, row["limit_id"]),
            **texts_of(row),
            **{name: row[name] for name in _AS_THEY_ARE},
        )


@output_type
class Alarm(AlarmFields):
    """Something that is watched, and whether it is as it should be. There is one for each limit, device and connection."""

    @resolver
    async def device(self, info: Info) -> Device | None:
        """The device; null of a connection and of the system, and when it was erased."""
        return await one_of(info, devices_by_numbers, self.numbers["device_id"])

    @resolver
    async def point(self, info: Info) -> Point | None:
        """The point; null when it is no limit's alarm, and when the point was deleted."""
        return await one_of(info, points_by_numbers, self.numbers["point_id"])

    @resolver
    async def limit(self, info: Info) -> AlarmLimit | None:
        """The limit, as it is now; null when it is no limit's alarm, and when the limit was deleted."""
        return await one_of(info, limits_by_numbers, self.numbers["limit_id"])

    @resolver
    async def connection(self, info: Info) -> ModbusConnection | None:
        """The connection that it is about, or behind which its device is."""
        return await one_of(info, connections_by_numbers, self.numbers["behind"])

    @resolver
    async def outage(self, info: Info) -> Outage | None:
        """Of a device or connection: its newest run of failures, also when it is over."""
        return await one_of(info, outages, self.number)

    @resolver
    async def suppressed_by(self, info: Info) -> "Alarm | None":
        """The alarm that explains this one, by which it is suppressed; null when none does."""
        return await one_of(info, by_numbers, self.numbers["suppressed_by"])


_AS_THEY_ARE = (
    "kind", "active", "acknowledged", "latched", "uncertain", "calls", "active_since", "cleared_at", "changed_at", "value",
    "threshold", "acknowledged_at", "acknowledged_by", "note", "device_name", "point_name", "limit_key", "endpoint", "subject",
    "removed_at",
)  # fmt: skip


@output_type
class AlarmSummary:
    """How many alarms there are now, and the worst of them."""

    active: int = field(description="How many are active, also hidden ones.")
    calling: int = field(description="How many call somebody: active, not acknowledged, not hidden.")
    hidden: int = field(description="How many are shelved or out of service.")
    critical: int = field(description="Active critical ones that are not shelved or out of service.")
    high: int = field(description="The same of high priority.")
    medium: int = field(description="The same of medium priority.")
    low: int = field(description="The same of low priority.")
    worst_number: strawberry.Private[int | None]

    @resolver
    async def worst(self, info: Info) -> Alarm | None:
        """The one that matters most: active before what is gone, by priority, the newest first; none that is shelved or
        out of service. Null when all is well."""
        return await one_of(info, by_numbers, self.worst_number)

    @classmethod
    def of(cls, row: Row | None) -> "AlarmSummary":
        """Make it of its row; None when there are no alarms."""
        names = ("active", "calling", "hidden", *Priority)
        return cls(**{str(n): row[n] if row else 0 for n in names}, worst_number=row and row["worst"])


def _id(kind: IdKind, number: int | None) -> strawberry.ID | None:
    return None if number is None else to_id(kind, number)


async def one_of(info: Info, read: Read[T], number: int | None) -> T | None:
    """Return what has a number, if any: all that ask for one of a kind are asked about at once."""
    if number is None:
        return None
    return await together(info.context, read, number)


def _value_now(row: Row) -> Reading | None:
    if row["latest_time"] is None:
        return _measured(row)
    code = row["latest_quality"]
    return Reading(
        time=row["latest_time"],
        value=row["latest_value"],
        text=row["latest_text"],
        quality=quality_of(code),
        reason=reason_of(code),
        value_name=value_names.lookup(row["value_names"] or {}).get(row["latest_value"]),
    )


def _measured(row: Row) -> Reading | None:
    """Return the newest value of an alarm of the system that is active."""
    if row["measured_at"] is None or not row["active"]:
        return None
    return Reading(time=row["measured_at"], value=row["measured"], text=None, quality=Quality.GOOD, reason=Reason.GOOD)


def _shelf(row: Row) -> AlarmShelf | None:
    if not row["is_shelved"]:
        return None
    until, by, reason = (row[f"shelved_{name}"] for name in ("until", "by", "reason"))
    return AlarmShelf(kind=Shelf(row["shelved"]), at=row["shelved_at"], until=until, by=by, reason=reason)


def _out_of_service(row: Row) -> AlarmOutOfService | None:
    if not row["is_out"]:
        return None
    return AlarmOutOfService(**{name: row[f"out_of_service_{name}"] for name in ("at", "until", "by", "reason")})


async def by_numbers(database: Database, numbers: list[int]) -> dict[int, Alarm]:
    """Return alarms, also removed ones, by number."""
    return {row["id"]: Alarm.of(row) for row in await database.rows(FIND_ALARMS, numbers)}


async def points_by_numbers(database: Database, numbers: list[int]) -> dict[int, Point]:
    """Return points, by number."""
    return {row["id"]: Point.of(row) for row in await database.rows(LIST_POINTS, numbers, None)}


async def limits_by_numbers(database: Database, numbers: list[int]) -> dict[int, AlarmLimit]:
    """Return limits, by number."""
    return {row["id"]: AlarmLimit.of(row) for row in await database.rows(FIND_LIMITS, numbers)}


async def of_devices(database: Database, devices: list[int]) -> dict[int, list[Alarm]]:
    """Return the alarms of devices that are not normal, or hidden; the worst first."""
    found: dict[int, list[Alarm]] = {}
    for row in await database.rows(ALARMS_OF_DEVICES, devices):
        found.setdefault(row["device_id"], []).append(Alarm.of(row))
    return found


async def summaries_of_devices(database: Database, devices: list[int]) -> dict[int, AlarmSummary]:
    """Return how many alarms devices have; one that has none is left out."""
    return {row["owner"]: AlarmSummary.of(row) for row in await database.rows(SUMMARY_OF_DEVICES, devices)}


async def summaries_of_groups(database: Database, groups: list[int]) -> dict[int, AlarmSummary]:
    """Return how many alarms groups have, with those of the connections of their devices; one that has none is left out."""
    return {row["owner"]: AlarmSummary.of(row) for row in await database.rows(SUMMARY_OF_GROUPS, groups)}
