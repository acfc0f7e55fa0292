"""What was under way when the backup was made is put right: nobody is at it any more."""

from typing import Any

import orjson

from ddms.backups.manifest import slim
from ddms.database import Connection

AHEAD = 1000
"""So many numbers of devices and points are left out: a collector's spool may hold readings of points made since the backup."""

CUT_OFF = "the database was restored from a backup that was made while this was under way"
SETTLE = {
    "claims": "DELETE FROM claims",
    "leases": "DELETE FROM leases",
    "export_links": "DELETE FROM export_links",
    "openid_sign_ins": "DELETE FROM openid_sign_ins",
    "idempotency_keys": "DELETE FROM idempotency_keys WHERE NOT done",
    # Browsers sign in again: since the backup a session may have been ended for a reason.
    "sessions": "UPDATE api_tokens SET revoked_at = now() WHERE revoked_at IS NULL AND id IN (SELECT token_id FROM sessions)",
    # What collectors would begin now at machines was asked for at another time.
    "field_requests": "UPDATE field_requests SET state = 'failed', error = $1, finished_at = now() WHERE state IN ('pending', 'running')",
    "erasures": "UPDATE erasures SET state = 'pending' WHERE state = 'running'",
    "retention_runs": "UPDATE retention_runs SET state = 'interrupted', error = $1, finished_at = now() WHERE state = 'running'",
    # Old history is old by now: it is announced again, a day before it goes.
    "retention_notice": "DELETE FROM retention_notice",
    "retention_state": "UPDATE retention_state SET due_before = NULL WHERE due_before IS NOT NULL",
    "scheduled_jobs": "UPDATE scheduled_jobs SET started_at = NULL, progress = NULL, doing = NULL, asked_at = NULL",
    "restores": "UPDATE restores SET state = 'failed', error = $1, finished_at = now(), progress = NULL, doing = NULL WHERE state IN ('waiting', 'running')",
}
"""By table, in this order; an older schema may lack some, as it lacks what is done there."""

THIS_BACKUP = """-- ddms:settle_this_backup
UPDATE backups SET state = 'done', finished_at = coalesce(finished_at, $2::text::timestamptz), error = NULL, progress = NULL, doing = NULL,
       bytes = $3, database_bytes = $4, checksum = $5, manifest = $6::text::jsonb WHERE name = $1 AND state <> 'done'
"""
OTHER_BACKUPS = """-- ddms:settle_other_backups
UPDATE backups SET state = 'failed', error = $1, finished_at = now(), progress = NULL, doing = NULL WHERE state IN ('waiting', 'running')
"""
VERIFICATIONS = """-- ddms:settle_verifications
UPDATE backups SET verification = CASE WHEN verified_at IS NULL THEN NULL ELSE 'verified' END, progress = NULL, doing = NULL
 WHERE verification IN ('waiting', 'running')
"""
ADVANCE = """-- ddms:advance_numbers
SELECT setval(pg_get_serial_sequence(name, 'id'), (SELECT last_value FROM pg_sequences WHERE schemaname = 'public' AND sequencename = name || '_id_seq') + $1)
  FROM unnest(ARRAY['points', 'devices']) name
 WHERE EXISTS (SELECT FROM pg_sequences WHERE schemaname = 'public' AND sequencename = name || '_id_seq' AND last_value IS NOT NULL)
"""
ENTER = """-- ddms:enter_restore
INSERT INTO audit_log (actor, action, subject, after, actor_kind, transport) VALUES ($1, 'backup.restore', $2, $3::text::jsonb, 'program', 'command line')
"""
HAS_TABLE = "-- ddms:has_table\nSELECT to_regclass('public.' || $1) IS NOT NULL"


async def settle(connection: Connection, manifest: dict[str, Any] | None) -> None:
    """Put right what was under way; in the caller's transaction, on the schema that the backup has."""
    for table, statement in SETTLE.items():
        if await connection.fetchval(HAS_TABLE, table):
            await connection.execute(f"-- ddms:settle_{table}\n{statement}", *((CUT_OFF,) if "$1" in statement else ()))
    await connection.execute(ADVANCE, AHEAD)
    if not await connection.fetchval(HAS_TABLE, "backups"):
        return
    if manifest:
        told = orjson.dumps(slim(manifest)).decode()
        size = manifest["database"]["bytes"]
        await connection.execute(
            THIS_BACKUP, manifest["name"], manifest["ended_at"], manifest["bytes"], size, manifest["checksum"], told
        )
    await connection.execute(OTHER_BACKUPS, CUT_OFF)
    await connection.execute(VERIFICATIONS)
