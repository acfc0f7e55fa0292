"""The job that ends shelves and maintenance whose time has come, also where no collector runs."""

from typing import Any

from api.alarms.store import Asking
from api.ground.database import Database
from ddms.alarms_due import end_due


async def end_shelves(database: Database) -> dict[str, Any] | None:
    """Let end what is due; the alarms that come back stand in the journal."""
    async with database.transaction() as statements:
        ended = await end_due(Asking(statements))
    return {"ended": ended} if ended else None
