"""Changes of profiles through GraphQL: a dry run first, then all devices at once, in one transaction."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type
from api.graphql.payloads import UserError, mutation
from api.graphql.versions import Version
from api.ground.ids import IdKind, from_id, from_ids
from api.profiles.store import apply_profile, change_profile, create_profile, delete_profile, read_profile
from api.profiles.types import LIST_PROFILES, Profile, ProfileChanges, ProfileDifference, ProfileInput

MOST_DEVICES = 5000


@output_type
class ProfilePayload:
    """The answer of createProfile."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    profile: Profile | None = field(default=None, description="The profile, as it is now; null when there were errors.")


@output_type
class ChangeProfilePayload:
    """The answer of updateProfile and applyProfile."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; then nothing was changed.")
    profile: Profile | None = field(default=None, description="The profile, as it is now; null when there were errors.")
    difference: ProfileDifference | None = field(
        default=None, description="What is different, or would be; null when there were errors."
    )
    applied: bool = field(default=False, description="Whether it was done; false for a dry run.")


@output_type
class DeleteProfilePayload:
    """The answer of deleteProfile."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    deleted_id: strawberry.ID | None = field(
        default=None, description="The profile that is gone; null when there were errors."
    )


async def _by_number(info: Info, number: int) -> Profile | None:
    row = await info.context.database.row(LIST_PROFILES, number, None)
    return row and Profile.of(row)


@strawberry.type
class ProfileMutations:
    """Changes of profiles."""

    @mutation
    async def create_profile(
        self,
        info: Info,
        input: Annotated[ProfileInput, argument("The profile.")],  # noqa: A002 - GraphQL's word
    ) -> ProfilePayload:
        """Add a profile; applyProfile then lets devices follow it."""
        async with info.context.database.transaction() as statements:
            number = await create_profile(statements, info.context.actor, input.checked())
        return ProfilePayload(profile=await _by_number(info, number))

    @mutation
    async def update_profile(
        self,
        info: Info,
        *,
        id: Annotated[strawberry.ID, argument("The profile.")],  # noqa: A002 - GraphQL's word
        version: Version,
        changes: Annotated[ProfileChanges, argument("What shall be different.")],
        dry_run: Annotated[bool, argument("Only show what would be different.")] = True,
        remove_points: Annotated[
            bool, argument("Remove points that `points` leaves out from all its devices, with their readings.")
        ] = False,
    ) -> ChangeProfilePayload:
        """Change a profile and all devices that follow it; fields that were changed on a device stay as they are there."""
        number = from_id(IdKind.PROFILE, id)
        async with info.context.database.transaction() as statements:
            before = await read_profile(statements, number, version)
            found_changes = await change_profile(
                statements,
                info.context.actor,
                number,
                before=before,
                after=changes.over(before),
                remove_points=remove_points,
                dry_run=dry_run,
            )
        difference = ProfileDifference.of(found_changes)
        return ChangeProfilePayload(profile=await _by_number(info, number), difference=difference, applied=not dry_run)

    @mutation
    async def apply_profile(
        self,
        info: Info,
        *,
        profile: Annotated[strawberry.ID, argument("The profile.")],
        devices: Annotated[list[strawberry.ID], argument(f"The devices, at most {MOST_DEVICES:,}.")],
        dry_run: Annotated[bool, argument("Only show what would be different.")] = True,
        remove_points: Annotated[
            bool, argument("Remove points that came from another profile, with their readings.")
        ] = False,
    ) -> ChangeProfilePayload:
        """Let devices follow a profile, with every field as it says; points of other keys stay the device's own."""
        number = from_id(IdKind.PROFILE, profile, "profile")
        chosen = from_ids(IdKind.DEVICE, devices, "devices", MOST_DEVICES)
        async with info.context.database.transaction() as statements:
            found_changes = await apply_profile(
                statements, info.context.actor, number, chosen, remove_points=remove_points, dry_run=dry_run
            )
        difference = ProfileDifference.of(found_changes)
        return ChangeProfilePayload(profile=await _by_number(info, number), difference=difference, applied=not dry_run)

    @mutation
    async def delete_profile(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The profile.")],  # noqa: A002 - GraphQL's word
    ) -> DeleteProfilePayload:
        """Delete a profile. The devices that followed it keep its points as their own."""
        number = from_id(IdKind.PROFILE, id)
        async with info.context.database.transaction() as statements:
            await delete_profile(statements, info.context.actor, number)
        return DeleteProfilePayload(deleted_id=id)
