"""Grafana's role, through which any SQL may come (docs/decisions/0013): kept to its limits from outside."""

import logging
from typing import Any

from api.ground.database import Database

GUARD_GRAFANA = "-- ddms:guard_grafana\nSELECT ended, removed FROM guard_grafana()"
RESTORE_ROLES = "-- ddms:restore_roles\nSELECT restore_roles()"

logger = logging.getLogger("api.roles")


async def guard_grafana(database: Database) -> dict[str, Any] | None:
    """End its sessions that lifted their own limits, remove what it left on the disk."""
    ended = removed = 0
    while row := await database.row(GUARD_GRAFANA):
        ended, removed = ended + row["ended"], removed + row["removed"]
        if not row["removed"]:
            break
    if not ended and not removed:
        return None
    logger.warning(
        "Grafana's role exceeded its limits: %d sessions were ended, %d large objects removed; who asks what through it?",
        ended, removed,
    )  # fmt: skip
    return {"ended": ended, "removed": removed}


async def restore_roles(database: Database) -> dict[str, Any] | None:
    """Change back what Grafana's role changed of itself: its settings, its password."""
    changed = await database.value(RESTORE_ROLES)
    if not changed:
        return None
    logger.warning("roles, rights or settings were not as they must be, and were restored by %d statements", changed)
    return {"statements": changed}
