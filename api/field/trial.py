"""Commissioning: asking a collector to read a device before it is saved."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Annotated, Any, TypeAlias

import strawberry

from api.connections.store import problems
from api.devices.store import checked_points
from api.graphql.context import Context, Info
from api.graphql.described import argument, field, output_type
from api.graphql.payloads import UserError, mutation
from api.ground import audit
from api.ground.database import Database
from api.ground.database_errors import foreign
from api.points.types import PointInput
from api.site.system import ALIVE
from ddms.endpoints import Endpoint
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Reason
from ddms.registers import RegisterTable

MOST_TESTED = 200
ANSWER_SECONDS = 15.0

READ_SITE_OF_ENDPOINT = "-- ddms:read_site_of_endpoint\nSELECT site FROM connections WHERE endpoint = $1"
COLLECTOR_IS_ALIVE = """-- ddms:collector_is_alive
SELECT EXISTS (SELECT FROM collectors WHERE site = $1 AND seen_at > now() - $2::interval)
"""
IS_FOREIGN = "-- ddms:is_foreign\nSELECT is_foreign($1)"
INSERT_FIELD_REQUEST = """-- ddms:insert_field_request
INSERT INTO field_requests (kind, parameters, requested_by) VALUES ($1, $2, $3) RETURNING id
"""
READ_FIELD_REQUEST = "-- ddms:read_field_request\nSELECT state, result, error FROM field_requests WHERE id = $1"
CANCEL_FIELD_REQUEST = """-- ddms:cancel_field_request
UPDATE field_requests SET state = 'cancelled', finished_at = now() WHERE id = $1 AND state IN ('pending', 'running') RETURNING id
"""

logger = logging.getLogger("api.commissioning")
_REASONS = {reason.label: reason for reason in Reason}


@output_type
class TestedRequest:
    """One request that was sent to the device."""

    __test__ = False

    register_table: RegisterTable = field(description="The table that was read.")
    address: int = field(description="First address, counted from 0.")
    count: int = field(description="How many registers, or bits.")
    milliseconds: float | None = field(
        description="How long the answer took, in milliseconds; null when there was none."
    )
    words: list[int] | None = field(description="The raw words (or bits); null when there was no answer.")
    reason: Reason = field(description="GOOD, or what went wrong.")
    explanation: str = field(description="What an engineer should know, or do.")


@output_type
class TestedValue:
    """One point, as it would be read."""

    __test__ = False

    key: str = field(description="The point's key.")
    raw: float | None = field(description="The decoded number before scale and offset; null when there is none.")
    value: float | None = field(description="The value in the point's unit; null when there is none.")
    text: str | None = field(description="The text of a string point; null where the point has a number.")
    reason: Reason = field(description="GOOD, or why there is no value.")
    explanation: str = field(description="What an engineer should know, or do.")


@output_type
class IdentityObject:
    """One thing that a device says of itself, by Modbus function 43 / 14."""

    name: str = field(
        description="`vendor`, `product_code`, `revision` …, or `object_128` of those that are the maker's own."
    )
    text: str = field(description="What the device says.")


@output_type
class TestConnectionPayload:
    """The answer of testConnection and testDevice."""

    __test__ = False

    errors: list[UserError] = field(default_factory=list, description="What was wrong; empty when the test ran.")
    requests: list[TestedRequest] = field(default_factory=list, description="What was sent, and what came back.")
    values: list[TestedValue] = field(default_factory=list, description="What the points would show.")
    identity: list[IdentityObject] = field(
        default_factory=list, description="What the device says of itself; empty when it says nothing."
    )


def _reason(label: str | None) -> Reason:
    return Reason.GOOD if label is None else _REASONS.get(label, Reason.MALFORMED)


def _request(answer: dict[str, Any]) -> TestedRequest:
    reason = _reason(answer.get("reason"))
    return TestedRequest(
        register_table=RegisterTable(answer["register_table"]),
        address=answer["address"],
        count=answer["count"],
        milliseconds=answer.get("milliseconds"),
        words=answer.get("words"),
        reason=reason,
        explanation=reason.explanation,
    )


def _float(number: float | None) -> float | None:
    """Return a number of JSON as a float: jsonb turns 1e18 into an integer, which GraphQL would refuse."""
    return None if number is None else float(number)


def _value(answer: dict[str, Any]) -> TestedValue:
    reason = _reason(answer.get("reason"))
    return TestedValue(
        key=answer["key"],
        raw=_float(answer.get("raw")),
        value=_float(answer.get("value")),
        text=answer.get("text"),
        reason=reason,
        explanation=reason.explanation,
    )


def payload_of(answer: dict[str, Any]) -> TestConnectionPayload:
    """Return what a collector's answer says."""
    return TestConnectionPayload(
        requests=[_request(request) for request in answer.get("requests", [])],
        values=[_value(value) for value in answer.get("values", [])],
        identity=identity_of(answer),
    )


def identity_of(answer: dict[str, Any]) -> list[IdentityObject]:
    """Return what the device said of itself, as a collector's answer has it."""
    return [IdentityObject(name=name, text=text) for name, text in (answer.get("identity") or {}).items()]


FromSite: TypeAlias = Annotated[
    str | None,
    argument(
        "The far site whose collectors reach it; left out: that of the connection to there, if there is one, else none."
    ),
]


def checked_target(endpoint: str, unit_id: int, timeout_ms: int, site: str | None) -> dict[str, Any]:
    """Return what every request to the field names; raises `DdmsError` for what cannot be."""
    if not 0 <= unit_id <= 255:
        raise DdmsError(Code.INVALID, "a unit id is 0 to 255", field="unitId")
    if not 50 <= timeout_ms <= 10_000:
        raise DdmsError(Code.INVALID, "a time-out is 50 to 10000 ms", field="timeoutMs")
    parsed = Endpoint.parse(endpoint)
    for name, sentence in problems(parsed, 1, {"site": site or ""}):
        raise DdmsError(Code.INVALID, sentence, field=name)
    target = {"endpoint": str(parsed), "unit_id": unit_id, "timeout_ms": timeout_ms}
    return target if site is None else target | {"site": site}


def _points(points: list[PointInput]) -> dict[str, Any]:
    if not 1 <= len(points) <= MOST_TESTED:
        raise DdmsError(Code.INVALID, Sentence("give 1 to {} points to read", MOST_TESTED), field="points")
    return {"points": [point.row() for point in checked_points(points)]}


Recorded: TypeAlias = tuple[str, str, Any]
"""How the audit calls it: an action, its subject, and what is worth knowing."""


async def _see_that_somebody_is_there(database: Database, endpoint: str, asked: str | None) -> None:
    """Refuse at once what no collector would take; raises `DdmsError`."""
    saved = await database.value(READ_SITE_OF_ENDPOINT, endpoint)
    if saved is not None and asked not in (None, saved):
        sentence = Sentence("{} is saved already, with the site {!r}: leave the site out", endpoint, saved)
        raise DdmsError(Code.CONFLICT, sentence, field="site")
    if await database.value(COLLECTOR_IS_ALIVE, site := saved or asked or "", ALIVE):
        return
    if site:
        sentence = Sentence(
            "no collector of the site {} was heard of: does one run there, is the line up, does `ddms ingest` run?",
            site,
        )
        raise DdmsError(Code.UNAVAILABLE, sentence)
    raise DdmsError(
        Code.UNAVAILABLE, "no collector is running, and only collectors reach the devices: start `ddms collector`"
    )


async def start(context: Context, kind: str, parameters: dict[str, Any], *, recorded: Recorded | None = None) -> int:
    """Ask the collectors for something, and return the request's number at once; the audit has it with its parameters."""
    is_saved = "device_id" in parameters  # of a device that is in sight, or it would not have been found
    if context.person is not None and not is_saved and await context.database.value(IS_FOREIGN, parameters["endpoint"]):
        raise foreign()
    await _see_that_somebody_is_there(context.database, parameters["endpoint"], parameters.get("site"))
    async with context.database.transaction() as statements:
        number: int = await statements.value(INSERT_FIELD_REQUEST, kind, parameters, context.actor.name)
        action, subject, after = recorded or (f"field.{kind}", parameters["endpoint"], parameters)
        await audit.record(statements, context.actor, action, subject, after=after)
    return number


async def ask(
    context: Context, kind: str, parameters: dict[str, Any], *, recorded: Recorded | None = None
) -> dict[str, Any]:
    """Ask the collectors for something, and wait for the answer."""
    with context.hub.field_changes() as changed:
        number = await start(context, kind, parameters, recorded=recorded)
        try:
            return await _answer(context.database, number, changed)
        finally:
            with suppress(DdmsError):
                await context.database.value(CANCEL_FIELD_REQUEST, number)


async def _answer(database: Database, number: int, changed: asyncio.Event) -> dict[str, Any]:
    deadline = time.monotonic() + ANSWER_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        changed.clear()
        row = await database.row(READ_FIELD_REQUEST, number)
        if row and row["state"] == "done":
            result: dict[str, Any] = row["result"]
            return result
        if row is None or row["state"] in {"failed", "cancelled"}:
            raise DdmsError(
                Code.UNAVAILABLE, Sentence("the collector could not do it: {}", row["error"] if row else "it is gone")
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), min(left, 2.0))
    raise DdmsError(
        Code.TIMEOUT,
        Sentence("no answer within {:.0f} s: is the collector busy, does the device answer at all?", ANSWER_SECONDS),
    )


@strawberry.type
class CommissioningMutations:
    """What an engineer does before a device is saved."""

    @mutation
    async def test_connection(
        self,
        info: Info,
        *,
        endpoint: Annotated[str, argument("Where the device is: `tcp://host:502`, …")],
        points: Annotated[list[PointInput], argument("What to read there, 1 to 200 points.")],
        unit_id: Annotated[int, argument("Its Modbus unit id, 0 to 255.")] = 1,
        timeout_ms: Annotated[int, argument("How long to wait for each answer, 50 to 10000 ms.")] = 1000,
        site: FromSite = None,
    ) -> TestConnectionPayload:
        """Read a device once, through a collector: shows raw words and decoded values, saves nothing."""
        asked = checked_target(endpoint, unit_id, timeout_ms, site) | _points(points)
        return payload_of(await ask(info.context, "test_connection", asked))
