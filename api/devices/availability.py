"""`availability`: for how much of a time devices answered, the worst ones first."""

from datetime import UTC, datetime
from typing import Annotated

import strawberry

from api.devices.there import that_are_there
from api.devices.types import Device, by_numbers
from api.graphql.context import Info
from api.graphql.described import argument, field, output_type, resolver
from api.ground.buckets import EARLIEST
from ddms.errors import Code, DdmsError, Sentence

MOST_DEVICES = 1_000

READ_AVAILABILITY = """-- ddms:read_availability
SELECT * FROM device_availability($1, $2, $3::int[], $4::int[]) ORDER BY share NULLS LAST, offline DESC, device_id LIMIT $5
"""


@output_type
class DeviceAvailability:
    """How a device did in a time."""

    device: Device = field(description="The device.")
    availability: float | None = field(
        description="The share of the time in which it answered, 0 to 1; what is not known and what it was disabled does not count. Null when nothing is known."
    )
    online_seconds: float = field(description="For how many seconds it answered.")
    error_seconds: float = field(description="For how many seconds it answered, with errors; they count as answered.")
    offline_seconds: float = field(description="For how many seconds it did not answer.")
    disabled_seconds: float = field(description="For how many seconds it was not to be read.")
    outages: int = field(description="How often it went offline; one that lasted already at the beginning counts.")
    longest_outage_seconds: float = field(description="How long the longest outage lasted within the time.")


@strawberry.type
class AvailabilityQueries:
    """Queries about how devices did."""

    @resolver
    async def availability(
        self,
        info: Info,
        *,
        from_: Annotated[datetime, strawberry.argument(name="from", description="Beginning, inclusive.")],
        to: Annotated[datetime | None, argument("End, exclusive; now when left out, or when it is later.")] = None,
        devices: Annotated[list[strawberry.ID] | None, argument("Only these devices.")] = None,
        groups: Annotated[list[strawberry.ID] | None, argument("Only the devices in these groups.")] = None,
        first: Annotated[int, argument("How many, at most 1,000.")] = 100,
    ) -> list[DeviceAvailability]:
        """For how much of a time devices answered, the worst first: by the changes of their state, kept as long as their readings."""
        end = min(to or datetime.now(UTC), datetime.now(UTC))
        if from_ < EARLIEST or from_ >= end:
            raise DdmsError(Code.INVALID, "`from` must be before `to`, and in the past", field="from")
        if not 1 <= first <= MOST_DEVICES:
            raise DdmsError(Code.INVALID, Sentence("`first` is 1 to {:,}", MOST_DEVICES), field="first")
        of, within = await that_are_there(info.context.database, devices, groups)
        rows = await info.context.database.rows(READ_AVAILABILITY, from_, end, of, within, first)
        found = await by_numbers(info.context.database, [row["device_id"] for row in rows])
        return [
            DeviceAvailability(
                device=found[row["device_id"]],
                availability=row["share"],
                online_seconds=row["online"],
                error_seconds=row["error"],
                offline_seconds=row["offline"],
                disabled_seconds=row["disabled"],
                outages=row["outages"],
                longest_outage_seconds=row["longest"],
            )
            for row in rows
            if row["device_id"] in found
        ]
