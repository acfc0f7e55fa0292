"""Rollups, kept by the database; the API only says when."""

from typing import Any

from api.ground.database import Database

REFRESH_ROLLUPS = "-- ddms:refresh_rollups\nCALL refresh_rollups()"


async def refresh_rollups(database: Database) -> dict[str, Any] | None:
    """Bring the rollups up to date."""
    await database.value(REFRESH_ROLLUPS)
    return None
