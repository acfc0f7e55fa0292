"""The alarms that are shown, in memory, and what happens to them: read once for all who follow.

The journal is followed by the transactions that wrote it. A message of the database only says that there is something new;
what is read then is all that became visible since, so nothing is left out, whatever order the commits had.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.alarms.journal import ENTRIES_AFTER
from api.alarms.types import ALARM, FIND_ALARMS, SHOWN
from api.ground.database import Database, Row

MOST_EVENTS = 10_000
"""What happened since somebody last listened is given up to so many events; the journal has the rest."""

READ_SHOWN = f"-- ddms:read_shown_alarms\n{ALARM} WHERE {SHOWN}"
READ_PLACES = """-- ddms:read_places_of_devices
SELECT d.id, d.connection_id, array_agg(m.group_id) FILTER (WHERE m.group_id IS NOT NULL) AS groups
  FROM devices d LEFT JOIN device_groups m ON m.device_id = d.id WHERE d.deleted_at IS NULL GROUP BY d.id
"""
READ_POSITION = "-- ddms:read_journal_position\nSELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# One snapshot tells both: what is visible, and from which transaction on something may not be yet. The upper bound leaves out
# entries of another cluster, from which the database was restored.
READ_SINCE = f"""-- ddms:read_alarm_events_since
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS position, f.*
  FROM (SELECT) one LEFT JOIN (
       SELECT e.*, e.transaction::text::bigint AS written_by FROM ({ENTRIES_AFTER}) e
        WHERE e.transaction >= $1::text::xid8 AND e.transaction < pg_snapshot_xmax(pg_current_snapshot()) AND NOT e.id = any($3::bigint[])
        ORDER BY e.id LIMIT $2) f ON true
 ORDER BY f.id
"""  # noqa: S608 - constants are put in


@dataclass(frozen=True)
class AlarmsHappened:
    """What happened to alarms, in order, and how these are after it."""

    events: tuple[Row, ...]
    alarms: Mapping[int, Row]


@dataclass(kw_only=True)
class Since:
    """Entries of the journal since a position, and where to go on after them."""

    events: list[Row]
    position: int
    complete: bool


async def read_since(database: Database, position: int, told: Iterable[int] = ()) -> Since:
    """Return what became visible since a position, but for what was told."""
    rows = await database.rows(READ_SINCE, str(position), MOST_EVENTS + 1, list(told))
    events = [row for row in rows if row["id"] is not None]
    now = rows[0]["position"]
    return Since(events=events[:MOST_EVENTS], position=now, complete=len(events) <= MOST_EVENTS and position <= now)


async def read_alarms(database: Database, events: list[Row]) -> dict[int, Row]:
    """Return the alarms of some events, as they are now."""
    numbers = sorted({row["alarm_id"] for row in events})
    return {row["id"]: row for row in await database.rows(FIND_ALARMS, numbers)} if numbers else {}


@dataclass
class AlarmFeed:
    """What followers of alarms are told from."""

    shown: dict[int, Row] = field(default_factory=dict)
    """Alarms that are not normal, or hidden, by number."""
    connection_of: dict[int, int] = field(default_factory=dict)
    """The connection of each device."""
    members: dict[int, set[int]] = field(default_factory=dict)
    """The devices of each group."""
    position: int = 0
    behind: bool = False
    """Whether there was more than one reading gives: follow again."""
    _told: dict[int, int] = field(default_factory=dict)
    """Entries that were told and may be read once more, with their transactions."""
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def load(self, database: Database) -> None:
        """Read what is shown; what happened while nobody listened is told by the next `follow`."""
        async with self._reading:
            await self._load(database)

    async def follow(self, database: Database) -> AlarmsHappened | None:
        """Read what happened since the last time; None when that is nothing."""
        async with self._reading:
            return await self._follow(database)

    async def _load(self, database: Database) -> None:
        if not self.position:
            self.position = await database.value(READ_POSITION)
            self._told = {row["id"]: row["written_by"] for row in (await read_since(database, self.position)).events}
        places = await database.rows(READ_PLACES)
        self.connection_of = {row["id"]: row["connection_id"] for row in places}
        members: dict[int, set[int]] = {}
        for row in places:
            for group in row["groups"] or ():
                members.setdefault(group, set()).add(row["id"])
        self.members = members
        self.shown = {row["id"]: row for row in await database.rows(READ_SHOWN)}

    async def _follow(self, database: Database) -> AlarmsHappened | None:
        since = await read_since(database, self.position, self._told)
        new = since.events
        alarms = await read_alarms(database, new)
        self._told |= {row["id"]: row["written_by"] for row in new}
        self.behind = len(new) == MOST_EVENTS and not since.complete
        if not self.behind:
            self.position = since.position
            self._told = {number: by for number, by in self._told.items() if by >= self.position}
        for number, row in alarms.items():
            if is_shown(row):
                self.shown[number] = row
            else:
                self.shown.pop(number, None)
        return AlarmsHappened(tuple(new), alarms) if new else None


def is_shown(row: Mapping[str, Any]) -> bool:
    """As `SHOWN` says it."""
    hidden = row["shelved"] is not None or row["out_of_service_until"] is not None
    return row["removed_at"] is None and (row["state"] != "normal" or hidden)
