"""Probes and scans: longer questions to the field, whose progress can be followed and which can be cancelled."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import strawberry

from api.field.trial import CANCEL_FIELD_REQUEST, FromSite, IdentityObject, ask, checked_target, identity_of, start
from api.graphql.context import Info
from api.graphql.described import argument, describe_enum, field, output_type, resolver
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.database import Row
from api.ground.ids import IdKind, from_id, to_id
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Reason
from ddms.registers import ADDRESSES, ByteOrder, DataType, RegisterTable

READ_SCAN = """-- ddms:read_scan
SELECT id, state, progress, result, error, created_at, finished_at FROM field_requests WHERE id = $1 AND kind = 'scan'
"""

_REASONS = {reason.label: reason for reason in Reason}


class FieldRequestState(StrEnum):
    """How far a request to the field is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


describe_enum(
    FieldRequestState,
    name="FieldRequestState",
    description="How far a request to the field is.",
    values={
        "PENDING": "No collector has taken it yet.",
        "RUNNING": "A collector works on it.",
        "DONE": "It is complete.",
        "FAILED": "It could not be done; `error` says why.",
        "CANCELLED": "It was cancelled; what was found until then is there.",
    },
)


@output_type
class ProbeCandidate:
    """One way to read registers."""

    address: int = field(description="Where the value begins.")
    offset: int = field(description="The same, from the address that was asked: -1, 0 or 1.")
    data_type: DataType = field(description="The type.")
    byte_order: ByteOrder = field(description="The byte order.")
    length: int | None = field(description="Registers of a text; null for a number.")
    words: list[int] = field(description="The raw words, as the device sent them.")
    value: float | None = field(description="The number that this would be; null for a text and for no number.")
    text: str | None = field(description="The text that this would be; null for a number.")
    scale: float = field(description="What the value is to be multiplied with, to come near the expected one.")
    score: float = field(description="Plausibility, 0 to 100.")
    why: list[str] = field(description="What speaks for it and against it.")


@output_type
class ProbePayload:
    """The answer of probe."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    candidates: list[ProbeCandidate] = field(default_factory=list, description="The most plausible first.")
    identity: list[IdentityObject] = field(
        default_factory=list, description="What the device says of itself; empty when it says nothing."
    )
    refused: list[int] = field(default_factory=list, description="Addresses around it that the device refuses.")


@output_type
class RegisterRange:
    """Registers that can be read, without a gap."""

    register_table: RegisterTable = field(description="The table.")
    address: int = field(description="The first address.")
    count: int = field(description="How many registers, or bits.")


@output_type
class ScannedUnit:
    """A unit that answers."""

    unit_id: int = field(description="Its Modbus unit id.")
    reason: Reason = field(description="GOOD, or the exception that it answered first.")
    milliseconds: float = field(description="How long its first answer took, in milliseconds.")
    ranges: list[RegisterRange] = field(description="What can be read.")
    notes: list[str] = field(description="What else was noticed.")


@output_type
class Scan:
    """A scan that runs or ran."""

    id: strawberry.ID = field(description="Opaque, `req_12`.")
    state: FieldRequestState = field(description="How far it is.")
    progress: float = field(description="How far it is, 0 to 1.")
    error: str | None = field(description="Why it failed; null unless it did.")
    created_at: datetime = field(description="When it was asked.")
    finished_at: datetime | None = field(description="When it ended.")
    units: list[ScannedUnit] = field(description="The units found so far.")
    notes: list[str] = field(description="What else was noticed.")
    requests: int = field(description="Modbus requests sent so far.")


@output_type
class ScanPayload:
    """The answer of scan and cancelScan."""

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when it was done.")
    scan: Scan | None = field(default=None, description="The scan; ask for it again to see its progress.")


def _candidate(found: dict[str, Any]) -> ProbeCandidate:
    value = None if found["value"] is None else float(found["value"])  # jsonb knows no 1e18 that is not an integer
    return ProbeCandidate(
        **found
        | {"value": value, "data_type": DataType(found["data_type"]), "byte_order": ByteOrder(found["byte_order"])}
    )


def _unit(found: dict[str, Any]) -> ScannedUnit:
    ranges = [RegisterRange(**r | {"register_table": RegisterTable(r["register_table"])}) for r in found["ranges"]]
    return ScannedUnit(**found | {"reason": _REASONS.get(found["reason"], Reason.GOOD), "ranges": ranges})


async def read_scan(info: Info, number: int) -> Scan | None:
    """Return a scan as it is now."""
    row = await info.context.database.row(READ_SCAN, number)
    return row and scan_of(row)


def scan_of(row: Row) -> Scan:
    """Return the scan of a request's row."""
    found = row["result"] or {}
    return Scan(
        id=to_id(IdKind.REQUEST, row["id"]),
        state=FieldRequestState(row["state"]),
        progress=row["progress"],
        error=row["error"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        units=[_unit(unit) for unit in found.get("units", [])],
        notes=found.get("notes", []),
        requests=found.get("requests", 0),
    )


def _check(right: bool, sentence: str, name: str, code: Code = Code.INVALID) -> None:
    if not right:
        raise DdmsError(code, sentence, field=name)


@strawberry.type
class FieldRequestQueries:
    """What was asked at the field."""

    @resolver
    async def scan(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The scan's id.")],  # noqa: A002
    ) -> Scan | None:
        """A scan, with its progress and what it found so far; null when there is none."""
        return await read_scan(info, from_id(IdKind.REQUEST, id))


@strawberry.type
class FieldRequestMutations:
    """What an engineer asks before the register map is known."""

    @mutation
    async def probe(
        self,
        info: Info,
        *,
        endpoint: Annotated[str, argument("Where the device is: `tcp://host:502`, …")],
        register_table: Annotated[RegisterTable, argument("The table to read.")],
        address: Annotated[int, argument("The address, counted from 0; the one before and after are tried too.")],
        unit_id: Annotated[int, argument("Its Modbus unit id, 0 to 255.")] = 1,
        expected: Annotated[
            float | None, argument("What the device's display shows, in the point's unit: what is nearest comes first.")
        ] = None,
        timeout_ms: Annotated[int, argument("How long to wait for each answer, 50 to 10000 ms.")] = 1000,
        site: FromSite = None,
    ) -> ProbePayload:
        """Decode registers in every type and byte order, the most plausible first; saves nothing."""
        target = checked_target(endpoint, unit_id, timeout_ms, site)
        _check(0 <= address < ADDRESSES, "an address is 0 to 65535", "address")
        asked = target | {"register_table": register_table.value, "address": address, "expected": expected}
        answer = await ask(info.context, "probe", asked)
        return ProbePayload(
            candidates=[_candidate(c) for c in answer["candidates"]],
            refused=answer["refused"],
            identity=identity_of(answer),
        )

    @mutation
    async def scan(
        self,
        info: Info,
        *,
        endpoint: Annotated[str, argument("Where to look: `tcp://host:502`, …")],
        tables: Annotated[list[RegisterTable], argument("Register tables to try; the first finds the units.")],
        unit_from: Annotated[int, argument("First unit id, 0 to 255.")] = 1,
        unit_to: Annotated[int, argument("Last unit id, 0 to 255.")] = 247,
        address_from: Annotated[int, argument("First address, 0 to 65535, counted from 0.")] = 0,
        address_to: Annotated[int, argument("Last address, 0 to 65535, counted from 0.")] = 999,
        timeout_ms: Annotated[int, argument("How long to wait for each answer, 50 to 10000 ms.")] = 300,
        site: FromSite = None,
    ) -> ScanPayload:
        """Start to look for units and their registers; it can take minutes, see the query `scan`."""
        target = checked_target(endpoint, unit_from, timeout_ms, site)
        _check(0 <= unit_from <= unit_to <= 255, "unit ids are a range within 0 to 255", "unitTo")
        _check(0 <= address_from <= address_to < ADDRESSES, "addresses are a range within 0 to 65535", "addressTo")
        _check(bool(tables), "name at least one table", "tables")
        _check(
            RegisterTable.CALCULATED not in tables,
            "what is calculated lies in no register: name one of the other tables",
            "tables",
        )
        asked = target | {
            "tables": list(dict.fromkeys(table.value for table in tables)), "unit_from": unit_from,
            "unit_to": unit_to, "address_from": address_from, "address_to": address_to,
        }  # fmt: skip
        number = await start(info.context, "scan", asked)
        return ScanPayload(scan=await read_scan(info, number))

    @mutation
    async def cancel_scan(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The scan's id.")],  # noqa: A002
    ) -> ScanPayload:
        """End a scan; what it found stays. One that has ended already is left as it is."""
        number = from_id(IdKind.REQUEST, id)
        _check(await read_scan(info, number) is not None, Sentence("there is no scan {}", id), "id", Code.NOT_FOUND)
        async with info.context.database.transaction() as statements:
            if await statements.value(CANCEL_FIELD_REQUEST, number):
                await audit.record(statements, info.context.actor, "field.cancel", id)
        return ScanPayload(scan=await read_scan(info, number))
