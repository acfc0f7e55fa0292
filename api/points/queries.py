"""Queries about points: pages of those of all devices."""

from enum import StrEnum
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.ground.ids import IdKind, from_id, from_ids
from api.points.types import Point


class PointOrder(StrEnum):
    """By what points are listed."""

    CREATED = "created"
    KEY = "key"
    NAME = "name"


describe_enum(
    PointOrder,
    name="PointOrder",
    description="By what points are listed.",
    values={
        "CREATED": "By when they were added: nothing moves when one is renamed.",
        "KEY": "By key.",
        "NAME": "By name; upper and lower case are the same.",
    },
)
POINTS: Listing[Point] = Listing(
    "points",
    """
SELECT p.*, lower(p.name) AS by_name, l.time AS latest_time, l.value AS latest_value, l.text AS latest_text, l.quality AS latest_quality
  FROM points p JOIN devices d ON d.id = p.device_id LEFT JOIN latest l ON l.point_id = p.id
 WHERE d.deleted_at IS NULL AND ($1::int[] IS NULL OR p.id = any($1)) AND ($2::int IS NULL OR p.device_id = $2)
   AND ($3::text IS NULL OR position(lower($3) IN lower(p.name || ' ' || p.key)) > 0)
   AND ($4::boolean IS NULL OR (p.enabled AND d.enabled) = $4)
""",
    parameters=4,
    orders={PointOrder.CREATED: ("id", "int"), PointOrder.KEY: ("key", "text"), PointOrder.NAME: ("by_name", "text")},
)


@strawberry.type
class PointQueries:
    """Queries about points."""

    @resolver
    async def points(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        ids: Annotated[
            list[strawberry.ID] | None, argument("Only these, at most 1,000; one that is unknown is left out.")
        ] = None,
        device: Annotated[strawberry.ID | None, argument("Only those of this device.")] = None,
        text: Annotated[str | None, argument("Only those with this text in their name or key.")] = None,
        enabled: Annotated[bool | None, argument("Only those that are read, or that are not.")] = None,
        order_by: Annotated[PointOrder, argument("Their order.")] = PointOrder.CREATED,
        descending: Descending = False,
    ) -> Connection[Point]:
        """Points of all devices, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        chosen = None if ids is None else from_ids(IdKind.POINT, ids, "ids", 1000)
        of = None if device is None else from_id(IdKind.DEVICE, device, "device")
        filters = chosen, of, text, enabled
        return await POINTS.page(info.context.database, page, filters, lambda rows: [Point.of(row) for row in rows])
