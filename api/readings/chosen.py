"""Which points are meant: by their ids, or by devices, groups and keys."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import strawberry

from api.devices.there import that_are_there
from api.graphql.context import Context
from api.graphql.described import argument
from api.ground.database import Database
from api.ground.ids import IdKind, from_ids
from api.points.types import LIST_POINTS, Point
from ddms.errors import Code, DdmsError, Sentence

MOST_POINTS = 1_000
MOST_OF_EACH = 1_000

OfDevices: TypeAlias = Annotated[list[strawberry.ID] | None, argument("The points of these devices.")]
OfGroups: TypeAlias = Annotated[list[strawberry.ID] | None, argument("The points of the devices in these groups.")]
WithKeys: TypeAlias = Annotated[
    list[str] | None, argument("Of devices and groups only the points with these keys; alone, those of all devices.")
]

FIND_CHOSEN = """-- ddms:find_chosen_points
SELECT p.id FROM points p JOIN devices d ON d.id = p.device_id
 WHERE d.deleted_at IS NULL AND ($3::text[] IS NULL OR p.key = any($3))
   AND (($1::int[] IS NULL AND $2::int[] IS NULL) OR p.device_id = any($1)
        OR p.device_id IN (SELECT device_id FROM device_groups WHERE group_id = any($2::int[])))
 ORDER BY lower(d.name), d.id, p.register_table, p.address, p.bit NULLS FIRST, p.key LIMIT $4
"""


async def chosen(
    database: Database,
    points: Sequence[strawberry.ID] | None,
    devices: Sequence[strawberry.ID] | None,
    groups: Sequence[strawberry.ID] | None,
    keys: Sequence[str] | None,
) -> list[Point]:
    """Return the points as they were given, then those of devices and groups by device; each once.

    With `keys` only those of devices and groups that are called so; without devices and groups those of every device.
    What is not there, or not in the caller's sight, is NOT_FOUND; what is nothing, or more than 1,000 points, is refused.
    """
    if not points and devices is None and groups is None and keys is None:
        raise DdmsError(Code.INVALID, "say which points: `points`, or `devices`, `groups` and `keys`", field="points")
    numbers = from_ids(IdKind.POINT, points or (), "points", MOST_POINTS)
    if devices is not None or groups is not None or keys is not None:
        numbers += await _of_devices(database, devices, groups, keys)
        numbers = list(dict.fromkeys(numbers))
    if not numbers:
        sentence = "there are no such points: the groups are empty, or no device has these keys"
        raise DdmsError(Code.NOT_FOUND, sentence, field="points")
    if len(numbers) > MOST_POINTS:
        raise DdmsError(
            Code.INVALID, Sentence("at most {:,} points at once: ask in parts", MOST_POINTS), field="points"
        )
    return await by_numbers(database, numbers)


def pay_for(context: Context, found: int, priced: int, rows: int) -> None:
    """Take out of the caller's budget what more points cost than the operation was priced at."""
    if found > priced:
        context.budgets.take(context.who, (found - priced) * (1 + rows // 50))


async def by_numbers(database: Database, numbers: list[int]) -> list[Point]:
    """Return points in the order of their numbers; one that is not there raises."""
    found = {row["id"]: Point.of(row) for row in await database.rows(LIST_POINTS, numbers, None)}
    for number in numbers:
        if number not in found:
            raise DdmsError(
                Code.NOT_FOUND, Sentence("there is no point pt_{}: it may have been deleted", number), field="points"
            )
    return [found[number] for number in numbers]


async def _of_devices(database: Database, devices: Any, groups: Any, keys: Any) -> list[int]:
    wanted, of = await that_are_there(database, devices, groups)
    if keys is not None and len(keys) > MOST_OF_EACH:
        raise DdmsError(Code.INVALID, Sentence("at most {} ids fit into one request: ask in parts", MOST_OF_EACH), field="keys")  # fmt: skip
    return [row["id"] for row in await database.rows(FIND_CHOSEN, wanted, of, keys, MOST_POINTS + 1)]
