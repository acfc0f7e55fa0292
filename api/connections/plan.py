"""Plans: which requests poll a device, what they cost its line, and whether the intervals can be kept."""

from datetime import datetime
from typing import Annotated

import strawberry

from api.devices.types import Device, by_number
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.ground.database import Row
from api.ground.ids import IdKind, from_id
from ddms import load
from ddms.endpoints import Endpoint
from ddms.lines import READ_LINES, ConnectionConfiguration, LineSettings, of_rows
from ddms.load import Load, Overrun
from ddms.registers import RegisterTable

READ_PACE = """-- ddms:read_pace
SELECT d.id, d.connection_id, s.answer_seconds, s.late_seconds, p.overrun_since
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id LEFT JOIN grafana.polling p ON p.device_id = d.id
 WHERE d.deleted_at IS NULL AND d.connection_id = (SELECT connection_id FROM devices WHERE id = $1)
"""

describe_enum(
    Overrun,
    name="Overrun",
    description="Whether the intervals can be kept.",
    values={
        "NONE": "They can.",
        "AT_TIMES": "When slow and fast polls are due together, the fast ones are late.",
        "ALWAYS": "The polls need more time than there is: some are skipped.",
    },
)


@output_type
class PlannedRequest:
    """One request of the plan."""

    register_table: RegisterTable = field(description="The table that is read.")
    address: int = field(description="First address, counted from 0.")
    count: int = field(description="How many registers, or bits.")
    wanted: int = field(description="Registers that a point uses.")
    filled: int = field(description="Registers read along because they lie between wanted ones.")
    points: list[str] = field(description="Keys of the points that it brings.")
    interval_seconds: float = field(description="How often it is sent, in seconds.")
    expected_seconds: float = field(
        description="How long it keeps the line busy, with the pause before it, in seconds."
    )
    measured: bool = field(
        description="Whether the time was measured; else it is assumed from others on the line, or 20 ms."
    )


@output_type
class PlannedLoad:
    """What requests cost together."""

    requests: int = field(description="Requests in a cycle of all of them.")
    points: int = field(description="Points that they bring.")
    wanted: int = field(description="Registers that a point uses.")
    filled: int = field(description="Registers read along because they lie between wanted ones.")
    requests_per_second: float = field(description="Requests a second, on average.")
    cycle_seconds: float = field(description="Expected time of a cycle in which all of them are due, in seconds.")
    budget_seconds: float | None = field(
        description="The time for it, in seconds: the shortest interval; null without a request."
    )
    busy: float = field(description="Share of the line's time that they take, 0.25 for a quarter; above 1 is too much.")
    overrun: Overrun = field(description="Whether the intervals can be kept.")
    measured: bool = field(description="Whether all times were measured; false while some are assumed.")

    @classmethod
    def of(cls, sum_of: Load) -> "PlannedLoad":
        """Make it of a sum."""
        names = ("requests", "points", "wanted", "filled", "requests_per_second", "cycle_seconds", "budget_seconds", "busy", "overrun", "measured")  # fmt: skip
        return cls(**{name: getattr(sum_of, name) for name in names})


@output_type
class Plan:
    """How a device is polled, and what its line has to do besides."""

    device: Device = field(description="The device.")
    requests: list[PlannedRequest] = field(description="Its requests; none when it has no enabled point.")
    load: PlannedLoad = field(description="What this device costs.")
    line_units: int = field(description="Units that share its connection, this one included.")
    line_load: PlannedLoad = field(description="What all units of its connection cost together: they share its time.")
    answer_seconds: float | None = field(
        description="Mean answer time that a collector measured, in seconds; null before the first."
    )
    late_seconds: float | None = field(
        description="Mean time by which its polls began late in the last minute, in seconds."
    )
    overrun_since: datetime | None = field(
        description="Since when polls are skipped because the line is too slow; null while the intervals are kept."
    )


def _request(planned: load.Request) -> PlannedRequest:
    block = planned.block
    return PlannedRequest(
        register_table=block.table,
        address=block.address,
        count=block.count,
        wanted=block.wanted,
        filled=block.count - block.wanted,
        points=[point.key for point in block.points],
        interval_seconds=planned.interval_s,
        expected_seconds=planned.seconds,
        measured=planned.measured,
    )


@strawberry.type
class PlanQueries:
    """Queries about plans."""

    @resolver
    async def plan(
        self, info: Info, device: Annotated[strawberry.ID, argument("The device; it may be disabled.")]
    ) -> Plan | None:
        """How a device is polled: its requests, what they cost, and the load of its whole connection; null when there is none."""
        number = from_id(IdKind.DEVICE, device, "device")
        found = await by_number(info.context.database, number)
        if found is None or found.deleted_at is not None:
            return None
        async with info.context.database.connection() as statements:
            paces = {row["id"]: row for row in await statements.rows(READ_PACE, number)}
            if number not in paces:  # deleted this moment
                return None
            pace = paces[number]
            lines = of_rows(await statements.rows(READ_LINES, pace["connection_id"], number))
        times = {key: row["answer_seconds"] for key, row in paces.items() if row["answer_seconds"] is not None}
        return _plan(found, lines.get(pace["connection_id"]), times, pace)


def _plan(device: Device, line: ConnectionConfiguration | None, times: dict[int, float], pace: Row) -> Plan:
    settings = line.line if line else LineSettings.to(Endpoint.parse(device.endpoint))
    everything = load.requests(line, times) if line else []
    own = [request for request in everything if request.device_id == device.number]
    return Plan(
        device=device,
        requests=[_request(request) for request in own],
        load=PlannedLoad.of(load.total(settings, own)),
        line_units=len(line.units) if line else 0,
        line_load=PlannedLoad.of(load.total(settings, everything)),
        answer_seconds=pace["answer_seconds"],
        late_seconds=pace["late_seconds"],
        overrun_since=pace["overrun_since"],
    )
