"""The announcement: what the next run will erase is made known a day before."""

import logging
from datetime import timedelta

from api.ground.database import Database, Row

ANNOUNCED_BEFORE = timedelta(hours=23)
"""How long history is announced before it is erased: a day, of which summer time may take an hour."""
SCHEDULE = "schedule"
# A backup reads each table to its end: until then no chunk can be dropped, and who tried would let readers wait.
READ_NOTICE = """-- ddms:read_retention_notice
SELECT n.*, n.due_at <= now() AND NOT EXISTS (
           SELECT FROM retention_runs WHERE state = 'failed' AND requested_by = $1 AND started_at > now() - interval '1 hour')
       AND NOT EXISTS (SELECT FROM backups WHERE state = 'running' AND started_at > now() - interval '12 hours') AS is_due,
       (SELECT coalesce(sum(due_rows), 0) FROM retention_state)::bigint AS rows, (SELECT coalesce(sum(due_bytes), 0) FROM retention_state)::bigint AS bytes,
       (SELECT count(DISTINCT device_id) FROM retention_state WHERE due_rows > 0) AS devices
  FROM retention_notice n
"""
ANNOUNCE = """-- ddms:announce_retention
INSERT INTO retention_notice (due_at) VALUES (next_cleanup(now() + $1::interval))
ON CONFLICT (single) DO UPDATE SET announced_at = now(), due_at = excluded.due_at RETURNING due_at
"""
STORE_DUE = """-- ddms:store_retention_due
INSERT INTO retention_state AS k (device_id, source, due_before)
SELECT device_id, source, before FROM retention_cuts($1)
ON CONFLICT (device_id, source) DO UPDATE SET due_before = excluded.due_before
"""
COUNT_DUE = """-- ddms:count_retention_due
UPDATE retention_state k SET due_rows = n.rows, due_bytes = (n.rows * n.width)::bigint
  FROM (SELECT s.device_id, s.source, w.width, CASE WHEN s.since < s.due_before THEN history_count(s.source, s.device_id, s.since, s.due_before) ELSE 0 END AS rows
          FROM (SELECT device_id, source, due_before, coalesce(dirty_from, erased_before) AS since FROM retention_state) s JOIN history_widths() w USING (source)) n
 WHERE k.device_id = n.device_id AND k.source = n.source
"""

logger = logging.getLogger("api.retention")


async def announce(database: Database) -> Row:
    """Say what the next run will erase: the first cleanup time that is a day away."""
    async with database.transaction() as statements:
        due_at = await statements.value(ANNOUNCE, ANNOUNCED_BEFORE)
        await statements.value(STORE_DUE, due_at)
        await statements.value(COUNT_DUE)
        notice = await statements.row(READ_NOTICE, SCHEDULE)
    assert notice is not None  # noqa: S101 - just written
    if notice["rows"]:
        logger.warning(
            "retention: at %s about %d rows (%d MB) of %d devices will be erased; what is needed can be kept by `ddms history archive` or an export, see retentionPreview",
            notice["due_at"].isoformat(), notice["rows"], notice["bytes"] // 1_000_000, notice["devices"],
        )  # fmt: skip
    return notice
