"""Changes of limits through GraphQL: checked, audited, in one transaction each."""

from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, given, input_type, output_type
from api.graphql.payloads import UserError, mutation
from api.ground.ids import IdKind, from_ids
from api.limits.changes import MOST_AT_ONCE, change_limits, delete_limits, set_limits
from api.limits.types import FIND_LIMITS, NULLABLE, AlarmLimit, LimitChanges, LimitInput

MOST_IDS = 1000


@input_type
class PointLimitsInput:
    """Points, and limits that each of them gets."""

    ids: list[strawberry.ID] = field(description="The points, `pt_345`.")
    limits: list[LimitInput] = field(
        description="The limits; one of the same key is changed, others of the point stay."
    )


@output_type
class LimitsPayload:
    """The answer of setLimits and updateLimits."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; then nothing was changed.")
    limits: list[AlarmLimit] = field(default_factory=list, description="The limits that were meant, as they are now.")


@output_type
class DeleteLimitsPayload:
    """The answer of deleteLimits."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; then nothing was deleted.")
    deleted_ids: list[strawberry.ID] = field(default_factory=list, description="The limits that are gone.")


async def _limits(info: Info, numbers: list[int]) -> list[AlarmLimit]:
    rows = {row["id"]: AlarmLimit.of(row) for row in await info.context.database.rows(FIND_LIMITS, numbers)}
    return [rows[number] for number in numbers if number in rows]


@strawberry.type
class LimitMutations:
    """Changes of limits."""

    @mutation
    async def set_limits(
        self,
        info: Info,
        points: Annotated[
            list[PointLimitsInput], argument(f"Which points get which limits, at most {MOST_AT_ONCE:,} limits in all.")
        ],
    ) -> LimitsPayload:
        """Give points limits, all or none: the same to many points, or to each its own. It can be repeated: a limit of the
        same key is changed. Collectors follow within 5 seconds; alarms that are active are compared anew."""
        wanted = [
            (from_ids(IdKind.POINT, one.ids, f"points.{place}.ids", MOST_AT_ONCE), one.limits)
            for place, one in enumerate(points)
        ]
        async with info.context.database.transaction() as statements:
            numbers = await set_limits(statements, info.context.actor, wanted)
        return LimitsPayload(limits=await _limits(info, numbers))

    @mutation
    async def update_limits(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], argument(f"The limits, at most {MOST_IDS:,}.")],
        changes: Annotated[LimitChanges, argument("What shall be different.")],
    ) -> LimitsPayload:
        """Change the same of one limit or of many, all or none: a threshold, the priority, whether they are watched. What is
        changed on a device stays when its profile changes; disabled, a limit of the profile is switched off for this device."""
        numbers = from_ids(IdKind.LIMIT, ids, "ids", MOST_IDS)
        async with info.context.database.transaction() as statements:
            await change_limits(statements, info.context.actor, numbers, given(changes, NULLABLE))
        return LimitsPayload(limits=await _limits(info, numbers))

    @mutation
    async def delete_limits(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], argument(f"The limits, at most {MOST_IDS:,}.")],
    ) -> DeleteLimitsPayload:
        """Delete limits. Their alarms end; what the journal has of them stays. One of a profile comes back with applyProfile
        only."""
        numbers = from_ids(IdKind.LIMIT, ids, "ids", MOST_IDS)
        async with info.context.database.transaction() as statements:
            await delete_limits(statements, info.context.actor, numbers)
        return DeleteLimitsPayload(deleted_ids=list(dict.fromkeys(ids)))
