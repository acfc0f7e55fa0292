"""What happens to alarms, written as the collector and the API write it."""

from datetime import UTC, datetime
from typing import Any

import asyncpg

from ddms.alarm_rows import Happening, happen
from ddms.alarms import Event


async def alarm_of(owner: asyncpg.Connection, device: str, source: str = "device") -> int:
    """Return the number of a device's alarm, or of the connection that it is behind."""
    return await owner.fetchval(
        "SELECT a.id FROM alarms a JOIN devices d ON d.id = $1 AND a.source = $2 "
        "WHERE CASE $2 WHEN 'device' THEN a.device_id = d.id ELSE a.connection_id = d.connection_id END",
        int(device.partition("_")[2]), source,
    )  # fmt: skip


async def happens(owner: asyncpg.Connection, *alarms: int, event: Event = Event.RAISED, **more: Any) -> None:
    """Let something happen to alarms, in one transaction."""
    now = datetime.now(UTC)
    async with owner.transaction():
        await happen(owner, [Happening(alarm_id=alarm, event=event, time=now, **more) for alarm in alarms])
