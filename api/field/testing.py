"""Testing a device that is saved: read once, as it is polled, so that somebody who stands beside it sees at once how it does."""

from typing import Annotated

import strawberry

from api.devices.store import unknown
from api.field.trial import MOST_TESTED, TestConnectionPayload, ask, payload_of
from api.graphql.context import Info
from api.graphql.described import argument
from api.graphql.payloads import mutation
from api.ground.database import Database, Row
from api.ground.ids import IdKind, from_id, to_id
from ddms import lines
from ddms.errors import Code, DdmsError, Sentence

READ_TESTED_DEVICE = """-- ddms:read_tested_device
SELECT d.id, d.name, d.unit_id, d.max_words, d.max_bits, d.max_gap, c.endpoint, coalesce(d.answer_timeout_ms, c.timeout_ms) AS timeout_ms
  FROM devices d JOIN connections c ON c.id = d.connection_id WHERE d.id = $1 AND d.deleted_at IS NULL
"""
READ_TESTED_POINTS = (
    "-- ddms:read_tested_points\nSELECT * FROM points WHERE device_id = $1 AND enabled ORDER BY id LIMIT $2"
)
_LIMITS = ("unit_id", "max_words", "max_bits", "max_gap", "endpoint", "timeout_ms")


async def _tested(database: Database, number: int) -> tuple[Row, list[Row]]:
    device = await database.row(READ_TESTED_DEVICE, number)
    if device is None:
        raise unknown(number)
    points = await database.rows(READ_TESTED_POINTS, number, MOST_TESTED)
    if not points:
        raise DdmsError(
            Code.INVALID,
            Sentence("{} has no point that is enabled: there is nothing to read", device["name"]),
            field="id",
        )
    return device, points


@strawberry.type
class TestMutations:
    """What an engineer asks of a device that is saved."""

    __test__ = False

    @mutation
    async def test_device(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument("The device.")],  # noqa: A002 - GraphQL's word
    ) -> TestConnectionPayload:
        """Read the points of a device once, through a collector, outside its turn; the device's dashboard shows how it went, nothing else is stored."""
        context, number = info.context, from_id(IdKind.DEVICE, id)
        device, points = await _tested(context.database, number)
        asked = {name: device[name] for name in _LIMITS} | {
            "device_id": number,
            "points": [lines.row_of(lines.point(point)) for point in points],
        }
        recorded = "device.test", to_id(IdKind.DEVICE, number), {"endpoint": device["endpoint"], "points": len(points)}
        return payload_of(await ask(context, "test_connection", asked, recorded=recorded))
