"""Whether the devices and groups that somebody named are there, and in the caller's sight."""

from collections.abc import Sequence

import strawberry

from api.ground.database import Database
from api.ground.ids import IdKind, from_ids
from ddms.errors import Code, DdmsError, Sentence

MOST = 1_000

FIND_MISSING = """-- ddms:find_missing_devices
SELECT ARRAY(SELECT unnest($1::int[]) EXCEPT SELECT id FROM devices WHERE deleted_at IS NULL) AS devices,
       ARRAY(SELECT unnest($2::int[]) EXCEPT SELECT id FROM groups) AS groups
"""


async def that_are_there(
    database: Database, devices: Sequence[strawberry.ID] | None, groups: Sequence[strawberry.ID] | None
) -> tuple[list[int] | None, list[int] | None]:
    """Return the numbers of devices and of groups, none of what was not named; one that is not there is NOT_FOUND."""
    wanted = None if devices is None else from_ids(IdKind.DEVICE, devices, "devices", MOST)
    of = None if groups is None else from_ids(IdKind.GROUP, groups, "groups", MOST)
    missing = await database.row(FIND_MISSING, wanted or [], of or []) if wanted or of else None
    for kind, name in ((IdKind.DEVICE, "devices"), (IdKind.GROUP, "groups")):
        if missing and missing[name]:
            sentence = Sentence("there is no {} {}_{}: it may have been deleted", kind.name.lower(), kind, missing[name][0])  # fmt: skip
            raise DdmsError(Code.NOT_FOUND, sentence, field=name)
    return wanted, of
