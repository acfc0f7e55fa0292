"""How the backups stand, for `/metrics`: read from the database, so that each replica tells the same, whoever makes them."""

import math

from api.ground.database import Database, Row
from api.ground.metrics import (
    BACKUP_AGE,
    BACKUP_FOLDER_FREE,
    BACKUP_PROGRESS,
    BACKUP_SECONDS,
    BACKUP_SIZE,
    BACKUP_VERIFIED_AGE,
    BACKUP_VERIFIED_WITHIN,
    BACKUPS,
    BACKUPS_BYTES,
    BACKUPS_FAILED,
    VERIFICATION_SECONDS,
)

READ_STANDING = """-- ddms:read_standing_of_backups
SELECT *, extract(epoch FROM now() - newest_at)::float8 AS newest_age, extract(epoch FROM now() - verified_made_at)::float8 AS verified_age,
       within_days * 86400 AS within
  FROM grafana.backup_standing
"""
_GAUGES = {
    "newest_age": (BACKUP_AGE, math.inf),
    "verified_age": (BACKUP_VERIFIED_AGE, math.inf),
    "within": (BACKUP_VERIFIED_WITHIN, math.nan),
    "newest_bytes": (BACKUP_SIZE, math.nan),
    "newest_seconds": (BACKUP_SECONDS, math.nan),
    "verify_seconds": (VERIFICATION_SECONDS, math.nan),
    "failed_in_a_row": (BACKUPS_FAILED, math.nan),
    "backups": (BACKUPS, math.nan),
    "bytes": (BACKUPS_BYTES, math.nan),
    "free_bytes": (BACKUP_FOLDER_FREE, math.nan),
}
"""What a column of the view is told as, and what is told while it is null."""


async def read_standing(database: Database) -> Row | None:
    """Return how the backups stand."""
    return await database.row(READ_STANDING)


def tell_standing(row: Row | None) -> None:
    """Tell the metrics how the backups stand; None: nobody knows."""
    for name, (gauge, missing) in _GAUGES.items():
        value = math.nan if row is None else row[name]
        gauge.set(missing if value is None else value)
    BACKUP_PROGRESS.clear()
    if row and row["running_kind"]:
        BACKUP_PROGRESS.labels(row["running_kind"]).set(math.nan if row["progress"] is None else row["progress"])
