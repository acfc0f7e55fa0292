"""Changes of groups through GraphQL: validated, audited, in one transaction each."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, given
from api.graphql.payloads import mutation
from api.ground.ids import IdKind, from_id, from_ids
from api.groups.store import change_group, create_group, delete_group
from api.groups.types import (
    LISTS,
    MOST_DEVICES,
    DeleteGroupPayload,
    GroupChanges,
    GroupInput,
    GroupPayload,
    by_number,
)


@strawberry.type
class GroupMutations:
    """Changes of groups."""

    @mutation
    async def create_group(
        self,
        info: Info,
        input: Annotated[GroupInput, argument("The group.")],  # noqa: A002 - GraphQL's word
    ) -> GroupPayload:
        """Make a group of devices."""
        devices = from_ids(IdKind.DEVICE, input.devices, "devices", MOST_DEVICES)
        async with info.context.database.transaction() as statements:
            number = await create_group(statements, info.context.actor, input.name, input.description, devices)
        return GroupPayload(group=await by_number(info, number))

    @mutation
    async def update_group(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The group.")],  # noqa: A002 - GraphQL's word
        changes: Annotated[GroupChanges, argument("What shall be different.")],
        version: Annotated[
            int | None,
            argument(
                "The version that you read: a change by somebody else meanwhile is then a CONFLICT. Left out, this change "
                "comes on top, as is right for addDevices and removeDevices."
            ),
        ] = None,
    ) -> GroupPayload:
        """Rename a group, describe it, choose its devices; what is not named stays."""
        number = from_id(IdKind.GROUP, id)
        wanted = given(changes)
        devices = {name: from_ids(IdKind.DEVICE, wanted[name], name, MOST_DEVICES) for name in LISTS & wanted.keys()}
        async with info.context.database.transaction() as statements:
            await change_group(statements, info.context.actor, number, wanted | devices, version)
        return GroupPayload(group=await by_number(info, number))

    @mutation
    async def delete_group(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The group.")],  # noqa: A002 - GraphQL's word
    ) -> DeleteGroupPayload:
        """Delete a group. Its devices stay."""
        number = from_id(IdKind.GROUP, id)
        async with info.context.database.transaction() as statements:
            await delete_group(statements, info.context.actor, number)
        return DeleteGroupPayload(deleted_id=id)
