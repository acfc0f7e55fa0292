"""Backups by the command line: made by the command itself, so that it needs no other program than the database."""

import asyncio
from pathlib import Path
from typing import Any

from api.backups import store
from api.backups.copying import copy_due
from api.backups.work import CANCELLED, READ_RECIPIENTS, Queue, claimed
from api.ground import audit
from api.ground.actor import COMMAND_LINE
from api.ground.database import Database, Row
from ddms.backups import dump, folder, sealed
from ddms.backups.folder import BackupFiles
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

BEGIN = """-- ddms:begin_backup_by_hand
UPDATE backups SET state = 'running', started_at = now(), attempt = attempt + 1 WHERE id = $1 RETURNING *
"""


async def create(settings: Settings, database: Database, *, portable: bool, hear: dump.Report) -> Row:
    """Make a backup in the folder of backups; return its row. When this is cancelled, so is the backup."""
    async with claimed(database) as has:
        if not has:
            sentence = "another program makes or verifies a backup just now: wait until it is done, `ddms backup list` shows it"
            raise DdmsError(Code.CONFLICT, sentence)
        queue = Queue(settings, database, hear)
        await queue.tidy()
        async with database.transaction() as statements:
            number = await store.create(statements, COMMAND_LINE, portable=portable)
            row = await statements.row(BEGIN, number)
        assert row  # noqa: S101 - it was made just now
        try:
            await queue.make(row)
        except asyncio.CancelledError:
            await asyncio.shield(database.value(CANCELLED, number))
            raise
        await queue.remove_surplus()
        await copy_due(queue)
        return await store.read(database, number)


async def create_elsewhere(
    settings: Settings, database: Database, *, portable: bool, to: Path, hear: dump.Report
) -> dict[str, Any]:
    """Make a backup in a folder of its own, of which DDMS keeps nothing but the entry in the audit; return its manifest."""
    keys = sealed.recipients(await database.value(READ_RECIPIENTS))
    name = folder.new_name(await database.value("-- ddms:read_now\nSELECT now()"))
    files = BackupFiles(folder=to, name=name, portable=portable, encrypted=bool(keys))
    async with database.transaction() as statements:
        await audit.record(
            statements, COMMAND_LINE, "backup.create", name, after={"portable": portable, "folder": str(to)}
        )
    return await dump.make(settings, dump.Order(files=files, recipients=keys), hear)


async def remove(settings: Settings, database: Database, text: str) -> Row:
    """Remove the files of a backup, at once where they are here."""
    row = await store.find(database, text)
    async with database.transaction() as statements:
        await store.remove(statements, COMMAND_LINE, row["id"])
    where = settings.backup_directory
    files = BackupFiles(folder=where, name=row["name"], portable=row["portable"], encrypted=row["encrypted"])
    if where.is_dir():
        await asyncio.to_thread(files.remove)
    return row
