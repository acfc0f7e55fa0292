"""Readings that people write, through GraphQL."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.graphql.context import Info
from api.graphql.described import argument, field, input_type, output_type
from api.graphql.payloads import UserError, mutation
from api.ground.ids import IdKind, from_id
from api.readings.manual import FIND_WRITABLE, MOST_READINGS, Written, write
from ddms.errors import Code, DdmsError, Sentence


@input_type
class ManualReading:
    """A reading that somebody writes."""

    point: strawberry.ID = field(description="The point.")
    time: datetime = field(description="When it was so: from 1970, within what retention keeps, not in the future.")
    value: float | None = field(default=None, description="The value in the point's unit; not of a text.")
    text: str | None = field(default=None, description="Of a string point: its text, at most 2,000 characters.")
    unit: str | None = field(default=None, description="The point's unit, to be sure: another one is refused.")


@output_type
class WriteReadingsPayload:
    """The answer of writeReadings."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    written: int | None = field(
        default=None, description="How many are new, or in the place of others; null when there were errors."
    )
    unchanged: int | None = field(default=None, description="How many were there already, as they are.")


@strawberry.type
class ReadingMutations:
    """Readings that people write."""

    @mutation
    async def write_readings(
        self,
        info: Info,
        readings: Annotated[list[ManualReading], argument(f"The readings, 1 to {MOST_READINGS:,}.")],
        replace: Annotated[
            bool, argument("Whether they take the place of others that people wrote for the same times.")
        ] = False,
    ) -> WriteReadingsPayload:
        """Write readings by hand: all of them or none. They have the quality UNCERTAIN and the reason MANUAL; twice the same is no
        mistake. What a device told is never replaced, and no limit is judged by them.
        """
        if not 1 <= len(readings) <= MOST_READINGS:
            raise DdmsError(Code.INVALID, Sentence("give 1 to {} readings", MOST_READINGS), field="readings")
        wanted = [
            Written(
                point=from_id(IdKind.POINT, one.point, f"readings.{place}.point"),
                time=one.time,
                value=one.value,
                text=one.text,
                unit=one.unit,
            )
            for place, one in enumerate(readings)
        ]
        found = await info.context.database.rows(FIND_WRITABLE, list({one.point for one in wanted}))
        async with info.context.everything.transaction() as statements:
            written, unchanged = await write(statements, found, info.context.actor, wanted, replace=replace)
        return WriteReadingsPayload(written=written, unchanged=unchanged)
