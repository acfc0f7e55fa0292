"""`valuesAt`: what was known of points at given times, and for how long."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.ground.buckets import EARLIEST, LATEST
from api.ground.database import Row
from api.ground.prices import priced_points
from api.points.types import Point
from api.readings.chosen import OfDevices, OfGroups, WithKeys, chosen, pay_for
from ddms.errors import Code, DdmsError, Sentence

MOST_VALUES, MOST_TIMES = 10_000, 1_000

READ_VALUES = """-- ddms:read_values_at history
SELECT point_id, moment, value, time, interpolated, level FROM values_at($1::int[], $2::timestamptz[], $3)
"""


@output_type
class ValueAt:
    """What was known of a point at a time."""

    point: Point = field(description="The point.")
    at: datetime = field(description="The time that was asked about.")
    value: float | None = field(description="The value then; null when nothing had been read before.")
    value_name: str | None = field(description="What the value is called: `Fault`; null without a name.")
    read_at: datetime | None = field(description="When the last known value was read.")
    age: float | None = field(description="How old it was then, in seconds: say yourself how old is too old.")
    interpolated: bool = field(description="Whether it lies on the line between two readings.")
    erased: bool = field(description="Whether the reading is erased: then it is the last one of a minute, hour or day.")

    @classmethod
    def of(cls, point: Point, row: Row) -> "ValueAt":
        """Make it of its row."""
        read_at, at, value = row["time"], row["moment"], row["value"]
        return cls(
            point=point,
            at=at,
            value=value,
            value_name=None if row["interpolated"] else point.names.get(value),
            read_at=read_at,
            age=None if read_at is None else (at - read_at).total_seconds(),
            interpolated=row["interpolated"],
            erased=row["level"] == "rollup",
        )


@strawberry.type
class ValueQueries:
    """Queries about values at a time."""

    @resolver
    async def values_at(
        self,
        info: Info,
        *,
        at: Annotated[list[datetime], argument("The times, at most 1,000.")],
        points: Annotated[list[strawberry.ID] | None, argument("These points.")] = None,
        devices: OfDevices = None,
        groups: OfGroups = None,
        keys: WithKeys = None,
        interpolate: Annotated[
            bool,
            argument(
                "Between two readings on the straight line between them. Never through an outage: there it is the last known value."
            ),
        ] = False,
    ) -> list[ValueAt]:
        """The last known value of each point at each time, by point: at most 10,000 in all. Texts are left out."""
        if not 1 <= len(at) <= MOST_TIMES:
            raise DdmsError(Code.INVALID, Sentence("give 1 to {:,} times", MOST_TIMES), field="at")
        if not all(EARLIEST <= time <= LATEST for time in at):
            raise DdmsError(Code.INVALID, "a history lies between 1970 and 2200", field="at")
        found = await chosen(info.context.database, points, devices, groups, keys)
        pay_for(info.context, len(found), priced_points(points, devices, groups, keys), 50 * len(at))
        by_number = {point.number: point for point in found if not point.data_type.is_text}
        if (count := len(by_number) * len(at)) > MOST_VALUES:
            sentence = Sentence(
                "that would be {:,} values, at most {:,} fit: fewer points or times", count, MOST_VALUES
            )
            raise DdmsError(Code.INVALID, sentence, field="at")
        rows = await info.context.database.rows(READ_VALUES, [*by_number], at, interpolate)
        return [ValueAt.of(by_number[row["point_id"]], row) for row in rows]
