"""The list of alarms: those that need somebody, filtered and ordered as operators look for them."""

from typing import Annotated

import strawberry

from api.alarms.enums import AlarmOrder, AlarmSource
from api.alarms.types import ALARM, CALLS, IS_OUT, IS_SHELVED, SHOWN, Alarm, by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.ground.ids import IdKind, from_id
from ddms.alarms import Priority, State

IN_GROUP = """(EXISTS (SELECT FROM device_groups m WHERE m.group_id = {group} AND m.device_id = a.device_id)
     OR (a.source = 'connection' AND a.connection_id IN (SELECT d.connection_id FROM device_groups m JOIN devices d ON d.id = m.device_id
                                                          WHERE m.group_id = {group} AND d.deleted_at IS NULL)))"""
"""Of a group are the alarms of its devices, and of the connections that they are behind."""
_HIDDEN = f"({IS_SHELVED} OR {IS_OUT} OR a.suppressed_by IS NOT NULL)"
_CHOSEN = f"""
 WHERE a.removed_at IS NULL AND CASE WHEN $1::text[] IS NULL THEN {SHOWN} ELSE a.state = any($1) END
   AND ($2::text[] IS NULL OR a.priority = any($2)) AND ($3::text[] IS NULL OR a.source = any($3))
   AND ($4::int IS NULL OR {IN_GROUP.format(group="$4")}) AND ($5::int IS NULL OR a.device_id = $5) AND ($6::int IS NULL OR a.point_id = $6)
   AND ($7::text IS NULL OR position(lower($7) IN lower(concat_ws(' ', a.device_name, a.point_name, a.limit_key, a.subject, a.kind, a.detail))) > 0)
   AND ($8::boolean IS NULL OR {CALLS} = $8) AND ($9::boolean IS NULL OR {_HIDDEN} = $9) AND ($10::boolean IS NULL OR {IS_SHELVED} = $10)
   AND ($11::boolean IS NULL OR (a.suppressed_by IS NOT NULL) = $11) AND ($12::boolean IS NULL OR {IS_OUT} = $12)
"""
ALARMS: Listing[Alarm] = Listing(
    "alarms",
    ALARM + _CHOSEN,
    parameters=12,
    count=f"SELECT count(*) FROM alarms a {_CHOSEN}",  # noqa: S608 - constants are put in
    orders={
        AlarmOrder.PRIORITY: ("by_priority", "float8"),
        AlarmOrder.RAISED: ("by_raised", "timestamptz"),
        AlarmOrder.CHANGED: ("changed_at", "timestamptz"),
    },
    custom_plans=True,
)


@strawberry.type
class AlarmQueries:
    """Queries about alarms."""

    @resolver
    async def alarm(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("Its id.")],  # noqa: A002 - GraphQL's word
    ) -> Alarm | None:
        """One alarm, whatever its state; null when there is none."""
        number = from_id(IdKind.ALARM, id)
        return (await by_numbers(info.context.database, [number])).get(number)

    @resolver
    async def alarms(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        states: Annotated[
            list[State] | None,
            argument("Only those in these states. Left out: all that are not normal, and those that are hidden."),
        ] = None,
        priorities: Annotated[list[Priority] | None, argument("Only those of these priorities.")] = None,
        sources: Annotated[list[AlarmSource] | None, argument("Only those that watch this.")] = None,
        group: Annotated[
            strawberry.ID | None,
            argument("Only those of the devices of this group, and of the connections that they are behind."),
        ] = None,
        device: Annotated[strawberry.ID | None, argument("Only those of this device.")] = None,
        point: Annotated[strawberry.ID | None, argument("Only those of this point.")] = None,
        text: Annotated[
            str | None, argument("Only those with this text in the name of their device, point, limit or subject.")
        ] = None,
        calls: Annotated[
            bool | None, argument("Only those by which somebody is called, or those by which not.")
        ] = None,
        hidden: Annotated[
            bool | None, argument("Only those that are shelved, suppressed or out of service, or none of these.")
        ] = None,
        shelved: Annotated[bool | None, argument("Only those that are shelved, or that are not.")] = None,
        suppressed: Annotated[bool | None, argument("Only those that another one explains, or that none does.")] = None,
        out_of_service: Annotated[bool | None, argument("Only those out of service, or in service.")] = None,
        order_by: Annotated[AlarmOrder, argument("Their order.")] = AlarmOrder.PRIORITY,
        descending: Descending = False,
    ) -> Connection[Alarm]:
        """Alarms that are not normal, and those that are hidden, a page at a time; the worst first."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        filters = (
            states, priorities, sources,
            None if group is None else from_id(IdKind.GROUP, group, "group"),
            None if device is None else from_id(IdKind.DEVICE, device, "device"),
            None if point is None else from_id(IdKind.POINT, point, "point"),
            text, calls, hidden, shelved, suppressed, out_of_service,
        )  # fmt: skip
        return await ALARMS.page(info.context.database, page, filters, lambda rows: [Alarm.of(r) for r in rows])
