"""Copies of the backups at the second place: made after each backup, removed with it, tried again when they fail."""

import asyncio
import logging
from typing import Any

from api.backups.work import Queue
from api.ground.database import Row
from ddms.backups import copies
from ddms.backups.folder import BackupFiles
from ddms.errors import DdmsError

# Of one that is done `due_at` is when its copy is tried again; one that was removed has its `copied_at` until its copy is gone.
LIST_UNCOPIED = """-- ddms:list_uncopied_backups
SELECT id, name, portable, encrypted FROM backups WHERE state = 'done' AND removed_at IS NULL AND copied_at IS NULL AND due_at <= now() ORDER BY asked_at DESC
"""
LIST_SURPLUS = "-- ddms:list_surplus_copies\nSELECT id, name, portable, encrypted FROM backups WHERE removed_at IS NOT NULL AND copied_at IS NOT NULL AND due_at <= now()"
COPIED = "-- ddms:note_copy\nUPDATE backups SET copied_at = now(), copy_error = NULL, progress = NULL, doing = NULL WHERE id = $1"
GONE = "-- ddms:note_removed_copy\nUPDATE backups SET copied_at = NULL, copy_error = NULL WHERE id = $1"
NOT_COPIED = """-- ddms:note_failed_copy
UPDATE backups SET copy_error = $2, due_at = now() + interval '15 minutes', progress = NULL, doing = NULL WHERE id = $1
"""

logger = logging.getLogger("api.backups")


async def copy_due(queue: Queue) -> dict[str, Any]:
    """Copy what is not copied yet, the newest first, and remove the copies of what was removed; a failure fails no backup."""
    if queue.settings.backup_copy is None:
        return {}
    done: dict[str, Any] = {}
    for row in await queue.database.rows(LIST_UNCOPIED):
        done |= await _try(queue, row, COPIED)
    for row in await queue.database.rows(LIST_SURPLUS):
        done |= await _try(queue, row, GONE)
    return done


async def _try(queue: Queue, row: Row, note: str) -> dict[str, Any]:
    files = BackupFiles(
        folder=queue.settings.backup_directory, name=row["name"], portable=row["portable"], encrypted=row["encrypted"]
    )
    try:
        if note == GONE:
            await copies.remove(queue.settings, files)
        else:
            manifest = await asyncio.to_thread(files.read_manifest)

            async def work(tell: Any) -> bool:
                tell(None, "copies it to the second place")
                await copies.copy(queue.settings, files, manifest)
                return True

            if not await queue.watched(row["id"], work):
                return {}
    except DdmsError as error:
        await queue.database.value(NOT_COPIED, row["id"], error.message)
        logger.warning("the copy of %s: %s", row["name"], error.message)
        return {f"copy of {row['name']}": error.message}
    await queue.database.value(note, row["id"])
    return {f"copy of {row['name']}": "removed" if note == GONE else "done"}
