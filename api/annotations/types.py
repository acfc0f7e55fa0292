"""Annotations: what people know of a time, and the mutations' inputs."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, input_type, output_type, resolver
from api.graphql.pages import After, Before, Connection, Descending, First, Last, Listing, Page
from api.graphql.payloads import UserError
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id


class _Order(StrEnum):
    TIME = "time"


_ANNOTATION = """
SELECT a.*, d.name AS device_name, p.name AS point_name, g.name AS group_name
  FROM annotations a LEFT JOIN devices d ON d.id = a.device_id LEFT JOIN points p ON p.id = a.point_id LEFT JOIN groups g ON g.id = a.group_id
"""
_OF_SITE = "(a.device_id IS NULL AND a.group_id IS NULL)"
FIND_ANNOTATION = f"-- ddms:find_annotation\n{_ANNOTATION} WHERE a.id = $1"
ANNOTATIONS: Listing["Annotation"] = Listing(
    "annotations",
    f"""{_ANNOTATION}
 WHERE ($1::int IS NULL OR a.device_id = $1 OR a.group_id IN (SELECT group_id FROM device_groups WHERE device_id = $1) OR {_OF_SITE})
   AND ($2::int IS NULL OR a.point_id = $2 OR {_OF_SITE}
        OR (a.point_id IS NULL AND a.device_id = (SELECT device_id FROM points WHERE id = $2))
        OR a.group_id IN (SELECT m.group_id FROM device_groups m JOIN points o ON o.device_id = m.device_id WHERE o.id = $2))
   AND ($3::int IS NULL OR a.group_id = $3 OR a.device_id IN (SELECT device_id FROM device_groups WHERE group_id = $3) OR {_OF_SITE})
   AND ($4::timestamptz IS NULL OR coalesce(a.ends_at, a.starts_at) >= $4) AND ($5::timestamptz IS NULL OR a.starts_at < $5)
   AND ($6::text IS NULL OR position(lower($6) IN lower(a.text)) > 0) AND ($7::text IS NULL OR a.created_by = $7)""",  # noqa: S608 - constants are put in
    parameters=7,
    orders={_Order.TIME: ("starts_at", "timestamptz")},
)


@output_type
class Annotation:
    """What people know of a time: "filter changed". It is of a point, a device, a group, or, with none of them, of the whole site."""

    id: strawberry.ID = field(description="Opaque and stable, `ann_3`.")
    start: datetime = field(name="from", description="When it was, or began.")
    end: datetime | None = field(name="to", description="When it ended; null: it is a moment.")
    text: str = field(description="What there is to know.")
    device_id: strawberry.ID | None = field(
        description="The device that it is of, also when it is of one of its points."
    )
    device_name: str | None = field(description="The device's name.")
    point_id: strawberry.ID | None = field(description="The point that it is of.")
    point_name: str | None = field(description="The point's name.")
    group_id: strawberry.ID | None = field(description="The group that it is of.")
    group_name: str | None = field(description="The group's name.")
    created_by: str = field(description="Who wrote it, by name.")
    created_at: datetime = field(description="When it was written.")
    updated_by: str | None = field(description="Who changed it last; null: nobody did.")
    updated_at: datetime | None = field(description="When it was last changed.")
    version: int = field(description="Grows with each change; updateAnnotation may ask for it.")

    @classmethod
    def of(cls, row: Row) -> "Annotation":
        """Make it of its row."""
        kinds = (("device_id", IdKind.DEVICE), ("point_id", IdKind.POINT), ("group_id", IdKind.GROUP))
        ids: dict[str, Any] = {name: None if row[name] is None else to_id(kind, row[name]) for name, kind in kinds}
        return cls(
            id=to_id(IdKind.ANNOTATION, row["id"]),
            start=row["starts_at"],
            end=row["ends_at"],
            **ids,
            **{name: row[name] for name in _AS_THEY_ARE},
        )


_AS_THEY_ARE = (
    "text", "device_name", "point_name", "group_name", "created_by", "created_at", "updated_by", "updated_at", "version",
)  # fmt: skip


@input_type
class AnnotationInput:
    """An annotation, as it shall be: of a point, a device, a group, or with none of them of the whole site."""

    start: datetime = field(name="from", description="When it was, or began; from 1970 to 2100.")
    end: datetime | None = field(name="to", default=None, description="When it ended; left out: it is a moment.")
    text: str = field(description="What there is to know, 1 to 2,000 characters.")
    point: strawberry.ID | None = field(default=None, description="The point that it is of.")
    device: strawberry.ID | None = field(default=None, description="Or the device.")
    group: strawberry.ID | None = field(default=None, description="Or the group.")


@input_type
class AnnotationChanges:
    """What shall be different; what is left out stays."""

    starts_at: datetime | None = field(name="from", default=strawberry.UNSET, description="When it was, or began.")
    ends_at: datetime | None = field(
        name="to", default=strawberry.UNSET, description="When it ended; null: it is a moment."
    )
    text: str | None = field(default=strawberry.UNSET, description="What there is to know, 1 to 2,000 characters.")


@output_type
class AnnotationPayload:
    """The answer of createAnnotation and updateAnnotation."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    annotation: Annotation | None = field(default=None, description="As it is now; null when there were errors.")


@output_type
class DeleteAnnotationPayload:
    """The answer of deleteAnnotation."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The annotation that is gone; null when there were errors."
    )


@strawberry.type
class AnnotationQueries:
    """Queries about annotations."""

    @resolver
    async def annotations(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        device: Annotated[
            strawberry.ID | None,
            argument("Only what concerns this device: of it, its points, its groups, the whole site."),
        ] = None,
        point: Annotated[
            strawberry.ID | None,
            argument("Only what concerns this point: of it, its device, the device's groups, the whole site."),
        ] = None,
        group: Annotated[
            strawberry.ID | None,
            argument("Only what concerns this group: of it, its devices and their points, the whole site."),
        ] = None,
        from_: Annotated[
            datetime | None, strawberry.argument(name="from", description="Only what was since then, inclusive.")
        ] = None,
        to: Annotated[datetime | None, argument("Only what began before then.")] = None,
        text: Annotated[
            str | None, argument("Only those with this in their text; upper and lower case are the same.")
        ] = None,
        created_by: Annotated[str | None, argument("Only what this one wrote, by name.")] = None,
        descending: Descending = True,
    ) -> Connection[Annotation]:
        """What people know of times, a page at a time, the newest first."""
        page = Page(first=first, after=after, last=last, before=before, order=_Order.TIME, descending=descending)
        subjects = ((IdKind.DEVICE, device), (IdKind.POINT, point), (IdKind.GROUP, group))
        about = [given and from_id(kind, given, kind.noun) for kind, given in subjects]
        filters = (*about, from_, to, text, created_by)
        return await ANNOTATIONS.page(
            info.context.database, page, filters, lambda rows: [Annotation.of(row) for row in rows]
        )


async def by_number(info: Info, number: int) -> Annotation | None:
    """Return an annotation, or None when it is gone."""
    row = await info.context.database.row(FIND_ANNOTATION, number)
    return row and Annotation.of(row)
