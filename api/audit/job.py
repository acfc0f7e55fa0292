"""What is done for the audit each day: its chain is checked and its end told to the log, then what is too old is erased."""

import logging
from typing import Any

from api.audit.chain import verify
from api.ground.database import Database
from ddms.errors import Code, DdmsError, Sentence

FORGET_AUDIT = "-- ddms:forget_audit\nSELECT forget_audit()"

logger = logging.getLogger("api.audit")


async def keep_audit(database: Database) -> dict[str, Any]:
    """Check the chain, log its head, erase what is older than `audit_days`; a broken chain is left as it is."""
    async with database.transaction() as statements:
        found = await verify(statements)
    if found.broken:
        sentence = Sentence("the audit is not as it was written, at entry {}: {}", found.at, found.broken)
        raise DdmsError(Code.CONFLICT, sentence)
    erased = 0
    while gone := await database.value(FORGET_AUDIT):
        erased += gone
    logger.info("the audit has %d entries, its head is %s", found.entries, found.head)
    return {"entries": found.entries, "number": found.head.number, "hash": found.head.hash.hex(), "erased": erased}
