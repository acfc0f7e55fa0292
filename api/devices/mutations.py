"""Changes of devices through GraphQL: validated, audited, in one transaction each."""

from dataclasses import replace
from typing import Annotated, Any

import strawberry

from api.devices import notices
from api.devices.store import (
    LOCK_DEVICE,
    DeviceInput,
    create_device,
    delete_device,
    read_device,
    store_device,
    unknown,
)
from api.devices.types import Device, by_number
from api.graphql.context import Info
from api.graphql.described import argument, field, given, input_type, output_type
from api.graphql.payloads import UserError, mutation
from api.graphql.versions import Version
from api.ground.actor import Actor
from api.ground.database import Statements
from api.ground.ids import IdKind, from_id
from api.points.types import PointInput
from api.profiles.followed import followed
from api.retention.deletions import Erasure
from api.retention.deletions import by_number as erasure_by_number
from ddms.errors import Code, DdmsError, Sentence


@input_type
class DeviceChanges:
    """What shall be different; what is left out stays."""

    name: str | None = field(default=strawberry.UNSET, description="1 to 120 characters, unique.")
    endpoint: str | None = field(default=strawberry.UNSET, description="Where it is: `tcp://host:502`, …")
    unit_id: int | None = field(default=strawberry.UNSET, description="Its Modbus unit id, 0 to 255.")
    description: str | None = field(default=strawberry.UNSET, description="What a person should know of it.")
    enabled: bool | None = field(default=strawberry.UNSET, description="Whether it is polled.")
    max_words: int | None = field(default=strawberry.UNSET, description="Most registers in one request, 1 to 125.")
    max_bits: int | None = field(
        default=strawberry.UNSET, description="Most coils or discrete inputs in one request, 1 to 2000."
    )
    max_gap: int | None = field(
        default=strawberry.UNSET,
        description="Unwanted registers that may be read along to join two requests into one, 0 to 124.",
    )
    retention_days: int | None = field(default=strawberry.UNSET, description="How long its readings are kept, in days.")
    profile: str | None = field(
        default=strawberry.UNSET,
        description="Name of the profile that it follows from now on: points of it that the device has not are added, of "
        "the same key the device's counts; applyProfile puts all back to the profile's. Null: it follows none, and keeps its points.",
    )
    trend_point: str | None = field(
        default=strawberry.UNSET,
        description="Key of the point that stands for the device in lists; null: the one with the most important limit, else the first number with a "
        "unit that is no counter's.",
    )
    answer_timeout_ms: int | None = field(
        default=strawberry.UNSET,
        description="How long an answer of it is waited for, 50 to 30,000 ms; null: as long as its connection says.",
    )
    groups: list[str] | None = field(
        default=strawberry.UNSET,
        description="Names of the groups that it shall be in; one that is not there yet is made.",
    )
    points: list[PointInput] | None = field(
        default=strawberry.UNSET,
        description="All its points from now on. Points are the same when their keys are; one that is missing here is "
        "removed with its readings, which needs `removePoints: true`.",
    )


@output_type
class DevicePayload:
    """The answer of createDevice and updateDevice."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    device: Device | None = field(default=None, description="The device, as it is now; null when there were errors.")
    notices: list[str] = field(
        default_factory=list,
        description="What was done and yet may be a mistake: another device with this unit id, a manual's number as an address, "
        "a sentinel that was taken as a bit pattern.",
    )


@output_type
class DeleteDevicePayload:
    """The answer of deleteDevice."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The device that is gone; null when there were errors."
    )
    erasure: Erasure | None = field(
        default=None,
        description="With keepHistory: false, how far its history is erased; ask `erasure` again for progress.",
    )


@strawberry.type
class DeviceMutations:
    """Changes of devices."""

    @mutation
    async def create_device(
        self,
        info: Info,
        input: Annotated[DeviceInput, argument("The device.")],  # noqa: A002 - GraphQL's word
    ) -> DevicePayload:
        """Add a device with its points; a collector polls it within 5 seconds."""
        async with info.context.database.transaction() as statements:
            number = await create_device(statements, info.context.actor, input.checked())
            noticed = await notices.of_device(statements, number, input)
        return DevicePayload(device=await by_number(info.context.database, number), notices=noticed)

    @mutation
    async def update_device(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The device.")],  # noqa: A002 - GraphQL's word
        version: Version,
        changes: Annotated[DeviceChanges, argument("What shall be different.")],
        remove_points: Annotated[
            bool, argument("Remove points that `points` leaves out, with their readings.")
        ] = False,
    ) -> DevicePayload:
        """Change a device; what is not named stays. It acts within 5 seconds."""
        number = from_id(IdKind.DEVICE, id)
        async with info.context.database.transaction() as statements:
            noticed = await _update(
                statements,
                info.context.actor,
                number,
                version=version,
                changes=given(changes, {"profile", "trend_point", "answer_timeout_ms"}),
                remove_points=remove_points,
            )
        return DevicePayload(device=await by_number(info.context.database, number), notices=noticed)

    @mutation
    async def delete_device(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The device.")],  # noqa: A002 - GraphQL's word
        keep_history: Annotated[bool, argument("Whether its readings stay (true) or go with it, for ever (false).")],
    ) -> DeleteDevicePayload:
        """Delete a device; it is gone from lists and polling at once. With keepHistory its readings can still be read by
        the ids of its points; without, they are erased in the background. A device that was deleted with its history
        kept can be deleted again without."""
        number = from_id(IdKind.DEVICE, id)
        async with info.context.database.transaction() as statements:
            erasure = await delete_device(statements, info.context.actor, number, keep_history=keep_history)
        return DeleteDevicePayload(deleted_id=id, erasure=await erasure_by_number(info.context.database, erasure))


async def _update(
    statements: Statements, actor: Actor, number: int, *, version: int, changes: dict[str, Any], remove_points: bool
) -> list[str]:
    found = await statements.value(LOCK_DEVICE, number)
    before = await read_device(statements, number)
    if found is None or before is None:
        raise unknown(number)
    if found != version:
        raise DdmsError(
            Code.CONFLICT,
            Sentence("somebody changed the device meanwhile (version {}): read it again", found),
            field="version",
        )
    after = DeviceInput(**before.own() | {"points": before.points} | changes).checked()
    if after.profile is not None and after.profile != before.profile:
        profile = await followed(statements, after.profile)
        after = replace(after, profile=profile.name, points=after.points + profile.missing_in(after.points))
    await store_device(statements, actor, number, before, after, remove_points=remove_points)
    if {"endpoint", "unit_id", "points"} & changes.keys():
        return await notices.of_device(statements, number, after)
    return []
