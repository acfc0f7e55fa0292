"""Groups: devices that people look at together, and the mutations that change them."""

from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, input_type, output_type, resolver
from api.graphql.pages import BY_NAME, After, Before, Connection, Descending, First, Last, Listing, NameOrder, Page
from api.graphql.payloads import UserError
from api.graphql.together import together
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id
from ddms.errors import Code, DdmsError

if TYPE_CHECKING:
    from api.alarms.types import AlarmSummary

MOST_DEVICES = 5000
LISTS = {"devices", "add_devices", "remove_devices"}

_GROUP = """
SELECT g.*, lower(g.name) AS by_name, (SELECT count(*) FROM device_groups m JOIN devices d ON d.id = m.device_id
              WHERE m.group_id = g.id AND d.deleted_at IS NULL) AS device_count
  FROM groups g
"""
FIND_GROUP = f"""-- ddms:find_group
{_GROUP} WHERE ($1::int IS NULL OR g.id = $1) AND ($2::text IS NULL OR lower(g.name) = lower(btrim($2)))
"""
GROUPS: Listing["Group"] = Listing(
    "groups",
    f"{_GROUP} WHERE ($1::text IS NULL OR position(lower($1) IN lower(g.name)) > 0)",
    parameters=1,
    orders=BY_NAME,
)
LIST_GROUPS_OF = """-- ddms:list_groups_of
SELECT m.device_id, g.*, (SELECT count(*) FROM device_groups n JOIN devices d ON d.id = n.device_id
                           WHERE n.group_id = g.id AND d.deleted_at IS NULL) AS device_count
  FROM device_groups m JOIN groups g ON g.id = m.group_id
 WHERE m.device_id = any($1::int[]) ORDER BY lower(g.name)
"""


@output_type
class Group:
    """Devices that people look at together: a hall, a line, all pumps. `devices(group: …)` lists them."""

    id: strawberry.ID = field(description="Opaque and stable, `grp_3`.")
    name: str = field(description="Unique; upper and lower case are the same.")
    description: str = field(description="What a person should know of it.")
    device_count: int = field(description="How many devices are in it.")
    version: int = field(description="Grows with each change; updateGroup may ask for it.")
    created_at: datetime = field(description="When it was made.")
    updated_at: datetime = field(description="When it was last changed.")
    number: strawberry.Private[int]

    @resolver
    async def alarm_summary(self, info: Info) -> Annotated["AlarmSummary", strawberry.lazy("api.alarms.types")]:
        """How many alarms its devices and their connections have now, and the worst of them."""
        from api.alarms.types import AlarmSummary, summaries_of_groups  # noqa: PLC0415 - groups and alarms know each other

        return await together(info.context, summaries_of_groups, self.number) or AlarmSummary.of(None)

    @classmethod
    def of(cls, row: Row) -> "Group":
        """Make it of its row."""
        own = (f.name for f in fields(cls) if f.init and f.name not in {"id", "number"})
        return cls(id=to_id(IdKind.GROUP, row["id"]), number=row["id"], **{name: row[name] for name in own})


@input_type
class GroupInput:
    """A group, as it shall be."""

    name: str = field(description="1 to 120 characters, unique; upper and lower case are the same.")
    description: str = field(default="", description="What a person should know of it, at most 2,000 characters.")
    devices: list[strawberry.ID] = field(
        default_factory=list, description=f"The devices in it, at most {MOST_DEVICES:,}."
    )


@input_type
class GroupChanges:
    """What shall be different; what is left out stays."""

    name: str | None = field(default=strawberry.UNSET, description="1 to 120 characters, unique.")
    description: str | None = field(default=strawberry.UNSET, description="What a person should know of it.")
    devices: list[strawberry.ID] | None = field(
        default=strawberry.UNSET,
        description=f"All its devices from now on, at most {MOST_DEVICES:,}; instead of the next two.",
    )
    add_devices: list[strawberry.ID] | None = field(
        default=strawberry.UNSET, description="Devices that come to it; one that is in it already stays."
    )
    remove_devices: list[strawberry.ID] | None = field(
        default=strawberry.UNSET, description="Devices that leave it; one that is not in it is no mistake."
    )


@output_type
class GroupPayload:
    """The answer of createGroup and updateGroup."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    group: Group | None = field(default=None, description="The group, as it is now; null when there were errors.")


@output_type
class DeleteGroupPayload:
    """The answer of deleteGroup."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The group that is gone; null when there were errors."
    )


@strawberry.type
class GroupQueries:
    """Queries about groups."""

    @resolver
    async def groups(
        self,
        info: Info,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        text: Annotated[str | None, argument("Only those with this text in their name.")] = None,
        order_by: Annotated[NameOrder, argument("Their order.")] = NameOrder.NAME,
        descending: Descending = False,
    ) -> Connection[Group]:
        """Groups, a page at a time."""
        page = Page(first=first, after=after, last=last, before=before, order=order_by, descending=descending)
        return await GROUPS.page(info.context.database, page, (text,), lambda rows: [Group.of(row) for row in rows])

    @resolver
    async def group(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, argument("Its id.")] = None,  # noqa: A002 - GraphQL's word
        name: Annotated[str | None, argument("Its name; upper and lower case are the same.")] = None,
    ) -> Group | None:
        """One group, by its id or its name; null when there is none."""
        if (id is None) == (name is None):
            raise DdmsError(Code.INVALID, "say which group: give its id or its name", field="id")
        number = None if id is None else from_id(IdKind.GROUP, id)
        row = await info.context.database.row(FIND_GROUP, number, name)
        return row and Group.of(row)


async def by_number(info: Info, number: int) -> Group | None:
    """Return a group, or None when it is gone."""
    row = await info.context.database.row(FIND_GROUP, number, None)
    return row and Group.of(row)
