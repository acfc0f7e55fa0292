"""Changes of single points through GraphQL: checked as in createDevice, audited, in one transaction each."""

from typing import Annotated

import strawberry

from api.devices import notices
from api.graphql.context import Info
from api.graphql.described import argument, field, given, input_type, output_type
from api.graphql.payloads import UserError, mutation
from api.ground.ids import IdKind, from_id, from_ids
from api.limits.types import LimitInput
from api.points.store import change_point, create_points, delete_points
from api.points.types import LIST_POINTS, Point, PointInput
from api.points.value_names import ValueNameInput
from ddms.registers import ByteOrder, DataType, RegisterTable

MOST_DELETED = 1000
NULLABLE = frozenset({"bit", "length", "modulus", "valid_min", "valid_max"})


@input_type
class PointChanges:
    """What shall be different; what is left out stays. Null takes away bit, length, modulus, validMin and validMax."""

    key: str | None = field(default=strawberry.UNSET, description="Its short name, unique in its device: `flow_rate`.")
    register_table: RegisterTable | None = field(default=strawberry.UNSET, description="The table it is read from.")
    address: int | None = field(default=strawberry.UNSET, description="Protocol address, counted from 0.")
    data_type: DataType | None = field(default=strawberry.UNSET, description="What its bits mean.")
    name: str | None = field(default=strawberry.UNSET, description="A name for people, `Flow rate`.")
    unit: str | None = field(default=strawberry.UNSET, description="Unit of the value, `m³/h`, at most 24 characters.")
    bit: int | None = field(
        default=strawberry.UNSET, description="Which bit of the word, 0 to 15, of BITS the lowest; only for these."
    )
    length: int | None = field(
        default=strawberry.UNSET, description="Words of a text, 1 to 125, or bits of BITS, 2 to 16; only for these."
    )
    byte_order: ByteOrder | None = field(default=strawberry.UNSET, description="The order of its bytes.")
    scale: float | None = field(default=strawberry.UNSET, description="value = raw × scale + offset; not 0.")
    offset: float | None = field(default=strawberry.UNSET, description="value = raw × scale + offset.")
    scale_by: str | None = field(
        default=strawberry.UNSET,
        description="By what registers of the same device it is multiplied besides; empty: by none.",
    )
    expression: str | None = field(
        default=strawberry.UNSET,
        description="What is computed of other points; a register that is given takes it away.",
    )
    counter: bool | None = field(default=strawberry.UNSET, description="Whether it counts up, as a meter does.")
    modulus: float | None = field(
        default=strawberry.UNSET,
        description="The value, in its unit, at which a counter begins at 0 again; null: as its data type says.",
    )
    interval_seconds: float | None = field(
        default=strawberry.UNSET, description="How often it is read, 0.1 to 86,400 seconds (a day), to the millisecond."
    )
    deadband: float | None = field(
        default=strawberry.UNSET,
        description="A change smaller than this, in its unit, is not stored before the heartbeat.",
    )
    heartbeat_seconds: int | None = field(
        default=strawberry.UNSET, description="With a deadband it is stored at least this often, 1 to 86400 seconds."
    )
    valid_min: float | None = field(
        default=strawberry.UNSET, description="A value below this, in the point's unit, is bad; null: no limit."
    )
    valid_max: float | None = field(
        default=strawberry.UNSET, description="A value above this, in the point's unit, is bad; null: no limit."
    )
    sentinels: list[float] | None = field(
        default=strawberry.UNSET, description="Raw values that mean no value, at most 8."
    )
    value_names: list[ValueNameInput] | None = field(
        default=strawberry.UNSET, description="All names of its values from now on; an empty list takes them away."
    )
    enabled: bool | None = field(default=strawberry.UNSET, description="Whether it is read.")
    limits: list[LimitInput] | None = field(
        default=strawberry.UNSET,
        description="All its limits from now on; setLimits, updateLimits and deleteLimits change one without naming the others.",
    )


@output_type
class PointsPayload:
    """The answer of createPoints."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; then nothing was added.")
    points: list[Point] = field(default_factory=list, description="The points that were added.")
    notices: list[str] = field(
        default_factory=list,
        description="What was done and yet may be a mistake, such as a sentinel taken as a bit pattern.",
    )


@output_type
class PointPayload:
    """The answer of updatePoint."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    point: Point | None = field(default=None, description="The point, as it is now; null when there were errors.")
    notices: list[str] = field(
        default_factory=list,
        description="What was done and yet may be a mistake, such as a sentinel taken as a bit pattern.",
    )


@output_type
class DeletePointsPayload:
    """The answer of deletePoints."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; then nothing was deleted.")
    deleted_ids: list[strawberry.ID] = field(default_factory=list, description="The points that are gone.")


@strawberry.type
class PointMutations:
    """Changes of single points."""

    @mutation
    async def create_points(
        self,
        info: Info,
        device: Annotated[strawberry.ID, argument("The device that gets them.")],
        points: Annotated[list[PointInput], argument("The points; their keys are new in the device.")],
    ) -> PointsPayload:
        """Add points to a device, all or none; its other points stay as they are. They are read within 5 seconds."""
        number = from_id(IdKind.DEVICE, device, "device")
        async with info.context.database.transaction() as statements:
            created = await create_points(statements, info.context.actor, number, points)
        rows = await info.context.database.rows(LIST_POINTS, created, None)
        return PointsPayload(points=[Point.of(row) for row in rows], notices=notices.of_points(points))

    @mutation
    async def update_point(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The point.")],  # noqa: A002 - GraphQL's word
        changes: Annotated[PointChanges, argument("What shall be different.")],
    ) -> PointPayload:
        """Change a point; what is not named stays, its readings too. It acts within 5 seconds."""
        number = from_id(IdKind.POINT, id)
        async with info.context.database.transaction() as statements:
            changed = await change_point(statements, info.context.actor, number, given(changes, NULLABLE))
        row = await info.context.database.row(LIST_POINTS, [number], None)
        return PointPayload(point=row and Point.of(row), notices=notices.of_points([changed]))

    @mutation
    async def delete_points(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], argument(f"The points, at most {MOST_DELETED:,}.")],
    ) -> DeletePointsPayload:
        """Delete points with all their readings, for ever; to only stop reading one, updatePoint with enabled: false."""
        numbers = from_ids(IdKind.POINT, ids, "ids", MOST_DELETED)
        async with info.context.database.transaction() as statements:
            await delete_points(statements, info.context.actor, numbers)
        return DeletePointsPayload(deleted_ids=list(dict.fromkeys(ids)))
