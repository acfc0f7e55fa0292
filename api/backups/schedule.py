"""What is done for backups when it is time: a row is added to the queue, or the newest backup asked to be verified."""

from datetime import UTC, datetime, timedelta
from typing import Any

from api.backups import store
from api.ground.cron import Cron
from api.ground.database import Database
from ddms.backups.folder import new_name

READ_SCHEDULE = "-- ddms:read_backup_schedule\nSELECT backup_schedule, backup_portable, time_zone FROM configuration"
IS_SCHEDULED = """-- ddms:is_backup_scheduled
SELECT EXISTS (SELECT FROM backups WHERE reason = 'scheduled' AND state IN ('waiting', 'running'))
"""
ASK_NEWEST = """-- ddms:verify_newest_backup
UPDATE backups SET verification = 'waiting', verify_asked_at = now(), verify_asked_by = NULL, cancelled_at = NULL
 WHERE id = (SELECT id FROM backups WHERE state = 'done' AND removed_at IS NULL AND NOT encrypted ORDER BY asked_at DESC, id DESC LIMIT 1)
   AND verification IS DISTINCT FROM 'running' RETURNING name
"""
_SLACK = timedelta(seconds=90)


async def add_scheduled(database: Database) -> dict[str, Any] | None:
    """Add the backup that is due, exactly one each time that the schedule comes: its name is that time.

    So none is made twice, whatever clocks do and however many replicas think that it is theirs. While one waits or is
    made there is no use in another.
    """
    site = await database.row(READ_SCHEDULE)
    assert site  # noqa: S101 - the configuration is one row
    now = datetime.now(UTC)
    due = Cron(site["backup_schedule"], site["time_zone"]).before(now) if site["backup_schedule"].strip() else now
    async with database.transaction() as statements:
        if await statements.value(IS_SCHEDULED):
            return {"waits": "for the one before"}
        name = new_name(due.astimezone(UTC))
        added = await statements.value(store.ADD_BACKUP, name, "scheduled", None, site["backup_portable"])
        # It was made already: so somebody runs the job by hand, unless another replica added it this moment.
        if added is None and now - due > _SLACK and not await statements.value(IS_SCHEDULED):
            name = new_name(now)
            added = await statements.value(store.ADD_BACKUP, name, "scheduled", None, site["backup_portable"])
        if added is None:
            return {"made": name}
        await store.ask(statements)
    return {"backup": name}


async def ask_to_verify(database: Database) -> dict[str, Any] | None:
    """Ask for the newest backup to be verified; one that is sealed this server cannot open."""
    async with database.transaction() as statements:
        name = await statements.value(ASK_NEWEST)
        if name is None:
            return None
        await store.ask(statements)
    return {"backup": name}
