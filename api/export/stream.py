"""An export on its way: from PostgreSQL's COPY to whoever takes the bytes, as fast as they are taken."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from api.export.choice import Format, Times
from api.export.columnar import write_columnar
from api.export.plan import ExportPlan
from api.export.statements import COPY, columns, header, statements
from api.export.workbook import Workbook
from api.ground.database import LIMITED_PATH, LIMITED_ROLE, WORK_FOR, Statements
from ddms.database import Connection, check_schema, connect
from ddms.errors import DdmsError
from ddms.settings import Settings

MOST_SECONDS = 4 * 3600
_PART_BYTES = 128 * 1024

BEGIN = "-- ddms:begin_export\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
PREPARE = """-- ddms:prepare_export
SELECT set_config('TimeZone', $1, true), set_config('DateStyle', 'ISO', true), set_config('statement_timeout', $2, true),
       set_config('client_connection_check_interval', '5s', true)
"""

Sink = Callable[[bytes | bytearray], Awaitable[None]]
Told = Callable[[int], None]


@asynccontextmanager
async def opened(places: Sequence[Settings], person: int | None = None) -> AsyncIterator[Connection]:
    """Lend a connection of its own, at the first place that answers: an export may last, and a pooled one would be missed.

    All of it sees the database as it was at one moment, for a limited `person` what is in sight of it. When the block is
    left, by an error too, its statement ends.
    """
    for place in places[:-1]:
        with suppress(DdmsError):
            connection = await _connect(place, person)
            break
    else:
        connection = await _connect(places[-1], person)
    try:
        if person is not None:
            await Statements(connection).value(WORK_FOR, str(person))
        await check_schema(connection)
        await connection.execute(BEGIN)
        yield connection
    finally:
        await connection.close(timeout=5)


async def _connect(settings: Settings, person: int | None) -> Connection:
    if person is None:
        return await connect(settings, "export")
    return await connect(replace(settings, database_role=LIMITED_ROLE), "export", search_path=LIMITED_PATH)


async def write(connection: Connection, plan: ExportPlan, sink: Sink, told: Told = lambda _: None) -> int:
    """Write the whole file; return how many rows it has. `told` is called with how many there are so far."""
    choice = plan.choice
    zone = "UTC" if choice.times is Times.UTC else choice.timezone
    await Statements(connection).value(PREPARE, zone, f"{MOST_SECONDS}s")
    if choice.format.is_columnar:
        return await write_columnar(connection, plan, sink, told)
    if choice.format is Format.XLSX:
        book = Workbook(columns(plan), sink)
        try:
            rows = await _write_lines(connection, plan, book.write, told)
            await book.close()
        finally:
            book.abandon()
        return rows
    return await _write_lines(connection, plan, sink, told, header(plan))


async def _write_lines(connection: Connection, plan: ExportPlan, sink: Sink, told: Told, head: bytes = b"") -> int:
    """Write lines; return how many there are, without the head.

    `sink` is awaited with one part after the other: while it waits, PostgreSQL does.
    """
    pending, rows, seen = bytearray(head), 0, -bool(head)

    async def pass_on(part: bytes) -> None:
        nonlocal pending, seen
        pending += part
        if len(pending) >= _PART_BYTES:
            whole, pending = pending, bytearray()
            seen += whole.count(b"\n")
            told(seen)
            await sink(whole)

    for statement in await statements(plan, Statements(connection)):
        status = await connection.copy_from_query(
            statement.sql, *statement.parameters, output=pass_on, timeout=MOST_SECONDS, **COPY
        )
        rows += int(status.rpartition(" ")[2])
    await sink(pending)
    return rows
