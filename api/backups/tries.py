"""What the queue of backups does beside making them: it verifies those that wait for it, and restores."""

import logging
from typing import TYPE_CHECKING, Any

from api.ground.database import Row
from ddms.backups import target, verify
from ddms.backups.restore import Order, restore
from ddms.errors import DdmsError

if TYPE_CHECKING:
    from api.backups.work import Queue

BEGIN_VERIFICATION = """-- ddms:begin_verification
UPDATE backups SET verification = 'running', verify_started_at = now(), verify_error = NULL, cancelled_at = NULL, progress = NULL, doing = NULL
 WHERE id = (SELECT id FROM backups WHERE verification = 'waiting' AND state = 'done' AND removed_at IS NULL ORDER BY verify_asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""
# What is gone cannot be verified.
DROP_VERIFICATIONS = """-- ddms:drop_verifications
UPDATE backups SET verification = CASE WHEN verified_at IS NULL THEN NULL ELSE 'verified' END
 WHERE verification = 'waiting' AND (state <> 'done' OR removed_at IS NOT NULL)
"""
END_VERIFICATION = """-- ddms:end_verification
UPDATE backups SET verification = CASE WHEN $2::text IS NULL THEN 'verified' ELSE 'failed' END, verified_at = CASE WHEN $2::text IS NULL THEN now() ELSE verified_at END,
       verify_seconds = extract(epoch FROM now() - verify_started_at), verify_error = $2, verify_details = $3, progress = NULL, doing = NULL WHERE id = $1
"""
CANCEL_VERIFICATION = """-- ddms:end_cancelled_verification
UPDATE backups SET verification = CASE WHEN verified_at IS NULL THEN NULL ELSE 'verified' END, progress = NULL, doing = NULL WHERE id = $1
"""
INTERRUPT_RESTORES = """-- ddms:interrupt_restores
UPDATE restores SET state = 'failed', error = 'the program that did it ended: ask for it again, and it goes on', finished_at = now(),
       progress = NULL, doing = NULL WHERE state = 'running'
"""
BEGIN_RESTORE = """-- ddms:begin_restore
UPDATE restores SET state = 'running', started_at = now(), finished_at = NULL, error = NULL, progress = NULL, doing = NULL
 WHERE id = (SELECT id FROM restores WHERE state = 'waiting' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *, EXISTS (SELECT FROM restores other WHERE other.id < restores.id AND other.database = restores.database AND other.started_at IS NOT NULL) AS is_begun
"""
END_RESTORE = """-- ddms:end_restore
UPDATE restores SET state = $2, error = $3, details = $4, finished_at = now(), progress = NULL, doing = NULL WHERE id = $1
"""
TELL = "-- ddms:tell_progress_of_restore\nUPDATE restores SET progress = $2, doing = left($3, 500) WHERE id = $1 RETURNING cancelled_at"
READ_CANCELLED = "-- ddms:read_cancelled_restore\nSELECT cancelled_at FROM restores WHERE id = $1"

logger = logging.getLogger("api.backups")


async def do_due(queue: "Queue") -> dict[str, Any]:
    """Restore and verify what waits, one after the other; return what became of it."""
    done: dict[str, Any] = {}
    await queue.database.value(INTERRUPT_RESTORES)
    while row := await queue.database.row(BEGIN_RESTORE):
        done[f"restore into {row['database']}"] = await _restore(queue, row)
    await queue.database.value(DROP_VERIFICATIONS)
    while row := await queue.database.row(BEGIN_VERIFICATION):
        done[f"verification of {row['name']}"] = await _verify(queue, row)
    return done


async def _verify(queue: "Queue", row: Row) -> str:
    number, told, error = row["id"], None, None
    try:
        told = await queue.watched(number, lambda tell: verify.verify(queue.settings, row["name"], report=tell))
        if told is None:
            await queue.database.value(CANCEL_VERIFICATION, number)
            return "cancelled"
        error = verify.error_of(told)
    except Exception as trouble:  # noqa: BLE001 - whatever it is, this backup was not verified, and the row says why
        error = _said(trouble)
    await queue.database.value(END_VERIFICATION, number, error, told)
    logger.log(logging.WARNING if error else logging.INFO, "the backup %s is %s", row["name"], error or "verified")
    return error or "verified"


async def _restore(queue: "Queue", row: Row) -> str:
    number, database = row["id"], row["database"]
    order = Order(named=row["backup"], database=database, again=row["is_begun"], asked_by=row["asked_by"] or "")
    try:
        told = await queue.watched(number, lambda tell: restore(queue.settings, order, tell), (TELL, READ_CANCELLED))
        if told is None:
            await _give_up(queue, database)
    except Exception as trouble:  # noqa: BLE001 - as above
        await queue.database.value(END_RESTORE, number, "failed", _said(trouble), None)
        return _said(trouble)
    state = "cancelled" if told is None else "done"
    await queue.database.value(END_RESTORE, number, state, None, told)
    logger.info("the restore of %s into %s is %s", row["backup"], database, state)
    return state


async def _give_up(queue: "Queue", database: str) -> None:
    """Drop the database of a restore that was cancelled, if it is one: marked as unfinished, or empty."""
    login = queue.settings.for_backups
    if await target.has(login, database):
        await target.read_mark(target.at(login, database))
        await target.drop(login, database)


def _said(trouble: Exception) -> str:
    return str(trouble) if isinstance(trouble, DdmsError) else f"{type(trouble).__name__}: {trouble}"
