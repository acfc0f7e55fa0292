"""Connections: how each endpoint is reached, and the mutation that changes it."""

import asyncio
from enum import StrEnum
from typing import Annotated

import strawberry

from api.connections.plan import PlannedLoad
from api.connections.store import SETTINGS
from api.devices.types import DEVICES_OF_CONNECTIONS, Device, Siblings
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, input_type, output_type, resolver
from api.graphql.payloads import UserError
from api.ground.database import Database, Row
from api.ground.ids import IdKind, to_id
from ddms import load
from ddms.lines import READ_LINES, ConnectionConfiguration, of_rows

LIST_CONNECTIONS = """-- ddms:list_connections
SELECT c.*, l.collector FROM connections c LEFT JOIN leases l ON l.connection_id = c.id AND l.expires_at > now()
 WHERE ($1::int IS NULL OR c.id = $1) AND ($2::text IS NULL OR position(lower($2) IN lower(c.endpoint)) > 0)
 ORDER BY c.endpoint
"""
FIND_CONNECTIONS = """-- ddms:find_connections
SELECT c.*, l.collector FROM connections c LEFT JOIN leases l ON l.connection_id = c.id AND l.expires_at > now() WHERE c.id = any($1::int[])
"""
READ_ANSWER_SECONDS = """-- ddms:read_answer_seconds
SELECT device_id, answer_seconds FROM device_states WHERE answer_seconds IS NOT NULL
"""


class Parity(StrEnum):
    """The check bit of a character on a serial line."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


describe_enum(
    Parity,
    name="Parity",
    description="The check bit of a character on a serial line.",
    values={"NONE": "None; Modbus then wants 2 stop bits.", "EVEN": "Even, as Modbus says.", "ODD": "Odd."},
)


class Together:
    """Connections that were asked for together: the devices and the plans of all of them are read by one statement each."""

    def __init__(self, database: Database, connections: list[int]) -> None:
        self._database = database
        self._connections = connections
        self._devices: asyncio.Task[dict[str, list[Device]]] | None = None
        self._lines: asyncio.Task[tuple[dict[int, ConnectionConfiguration], dict[int, float]]] | None = None

    async def devices(self, endpoint: str) -> list[Device]:
        """Return the devices of one of them."""
        self._devices = self._devices or asyncio.create_task(self._read_devices())
        return (await self._devices).get(endpoint, [])

    async def _read_devices(self) -> dict[str, list[Device]]:
        rows = await self._database.rows(DEVICES_OF_CONNECTIONS, self._connections)
        siblings, found = Siblings(self._database, [row["id"] for row in rows]), dict[str, list[Device]]()
        for row in rows:
            found.setdefault(row["endpoint"], []).append(Device.of(row, siblings))
        return found

    async def load(self, connection: int) -> PlannedLoad | None:
        """Return what the polls of one of them cost."""
        self._lines = self._lines or asyncio.create_task(self._read_lines())
        lines, times = await self._lines
        line = lines.get(connection)
        return PlannedLoad.of(load.total(line.line, load.requests(line, times))) if line else None

    async def _read_lines(self) -> tuple[dict[int, ConnectionConfiguration], dict[int, float]]:
        alone = self._connections[0] if len(self._connections) == 1 else None
        async with self._database.connection() as statements:
            lines = of_rows(await statements.rows(READ_LINES, alone, None))
            times = {row["device_id"]: row["answer_seconds"] for row in await statements.rows(READ_ANSWER_SECONDS)}
        return lines, times


@output_type
class ModbusConnection:
    """One endpoint and how it is reached. All units behind it share it; it is made when a device first names it."""

    id: strawberry.ID = field(description="Opaque and stable, `con_3`.")
    endpoint: str = field(
        description="Where it leads, such as `tcp://host:502`, `rtu+udp://host:4001` or `serial:///dev/ttyUSB0`; all forms: docs/collector.md."
    )
    baud_rate: int = field(description="Bits a second, of a serial line.")
    data_bits: int = field(description="Bits of a character, of a serial line: 8; with ASCII frames often 7.")
    parity: Parity = field(description="The check bit, of a serial line.")
    stop_bits: int = field(description="1 or 2, of a serial line.")
    timeout_ms: int = field(description="How long an answer, or the connection itself, is waited for, in milliseconds.")
    connect_pause_ms: int = field(description="Pause after connecting, before the first request, in milliseconds.")
    request_pause_ms: int = field(description="Pause before each request, in milliseconds.")
    max_in_flight: int = field(
        description="Requests that may wait for their answers at the same time, of Modbus TCP, UDP and TLS."
    )
    close_after_cycle: bool = field(
        description="Whether it is closed after each cycle, for devices that serve several masters."
    )
    site: str = field(description="The far site whose collectors alone poll it; empty when it has none.")
    version: int = field(description="Grows with each change; updateConnection asks for it.")
    collector: str | None = field(description="The collector that polls it now; null when none does.")
    number: strawberry.Private[int]
    together: strawberry.Private[Together]

    @resolver
    async def devices(self) -> list[Device]:
        """The devices behind it, by name."""
        return await self.together.devices(self.endpoint)

    @resolver
    async def load(self) -> PlannedLoad | None:
        """What the polls of its devices cost together; null while nothing is polled."""
        return await self.together.load(self.number)

    @classmethod
    def of(cls, row: Row, together: Together) -> "ModbusConnection":
        """Make it of its row."""
        values = {name: row[name] for name in (*SETTINGS, "version", "collector")} | {"parity": Parity(row["parity"])}
        return cls(id=to_id(IdKind.CONNECTION, row["id"]), number=row["id"], together=together, **values)


@input_type
class ConnectionChanges:
    """What shall be different; what is left out stays."""

    endpoint: str | None = field(
        default=strawberry.UNSET,
        description="Its new address, when the gateway moved: all devices behind it go along.",
    )
    baud_rate: int | None = field(
        default=strawberry.UNSET, description="Bits a second, 300 to 4,000,000; of a serial line only."
    )
    data_bits: int | None = field(
        default=strawberry.UNSET, description="Bits of a character: 8, of ASCII frames also 7; of a serial line only."
    )
    parity: Parity | None = field(default=strawberry.UNSET, description="The check bit; of a serial line only.")
    stop_bits: int | None = field(
        default=strawberry.UNSET, description="Bits that end a character, 1 or 2; of a serial line only."
    )
    timeout_ms: int | None = field(
        default=strawberry.UNSET, description="How long to wait for each answer, 50 to 30,000 ms."
    )
    connect_pause_ms: int | None = field(
        default=strawberry.UNSET, description="How long to rest after connecting, 0 to 10,000 ms."
    )
    request_pause_ms: int | None = field(
        default=strawberry.UNSET, description="How long to rest between two requests, 0 to 10,000 ms."
    )
    max_in_flight: int | None = field(
        default=strawberry.UNSET,
        description="1 to 16; more than 1 only for Modbus TCP, UDP and TLS, and only if the device takes it.",
    )
    close_after_cycle: bool | None = field(
        default=strawberry.UNSET, description="Whether to close it after each cycle."
    )
    site: str | None = field(
        default=strawberry.UNSET,
        description="The far site whose collectors alone shall poll it; empty: those of no site.",
    )


@output_type
class ConnectionPayload:
    """The answer of updateConnection."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    connection: ModbusConnection | None = field(
        default=None, description="The connection, as it is now; null when there were errors."
    )


async def read(info: Info, number: int | None, text: str | None = None) -> list[ModbusConnection]:
    """Return one connection, or all those with a text in their endpoint."""
    rows = await info.context.database.rows(LIST_CONNECTIONS, number, text)
    together = Together(info.context.database, [row["id"] for row in rows])
    return [ModbusConnection.of(row, together) for row in rows]


async def by_numbers(database: Database, numbers: list[int]) -> dict[int, ModbusConnection]:
    """Return connections, by number."""
    rows, together = await database.rows(FIND_CONNECTIONS, numbers), Together(database, numbers)
    return {row["id"]: ModbusConnection.of(row, together) for row in rows}


@strawberry.type
class ConnectionQueries:
    """Queries about connections."""

    @resolver
    async def connections(
        self,
        info: Info,
        text: Annotated[str | None, argument("Only those with this text in their endpoint.")] = None,
    ) -> list[ModbusConnection]:
        """The connections, by endpoint; also one whose devices are all gone, which keeps its settings."""
        return await read(info, None, text)
