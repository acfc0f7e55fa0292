"""Shelves and maintenance whose time has come end by themselves.

The collector and the API both look, so that it happens where one of them does not run; a row that one of them has ended
is not due any more for the other.
"""

from ddms.alarm_rows import Asks, Happening, happen
from ddms.alarms import Event

# A row that somebody changes just now is left for the next look: its shelf may get another end.
READ_DUE = """-- ddms:read_due_alarms
SELECT id, shelved_until, out_of_service_until, shelved_until <= now() AS shelf_ended, out_of_service_until <= now() AS service_due
  FROM alarms
 WHERE removed_at IS NULL AND (state <> 'normal' OR shelved IS NOT NULL OR out_of_service_until IS NOT NULL)
   AND (shelved_until <= now() OR out_of_service_until <= now())
 ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""


async def end_due(connection: Asks) -> int:
    """Let end what is due, and say how much that was; the transaction is the caller's."""
    due = []
    for row in await connection.fetch(READ_DUE):
        if row["shelf_ended"]:
            due.append(Happening(alarm_id=row["id"], event=Event.SHELF_ENDED, time=row["shelved_until"]))
        if row["service_due"]:
            due.append(Happening(alarm_id=row["id"], event=Event.SERVICE_DUE, time=row["out_of_service_until"]))
    return len((await happen(connection, due)).applied) if due else 0
