"""A device with limits whose readings a test hands to a store, and what became of its alarms."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from collector.polling.polled_lines import PolledLines
from collector.polling.units import DeviceCondition
from collector.storing.spool import Spool
from collector.storing.store import Store
from ddms.plan import RequestLimits, plan
from ddms.quality import Reason
from tests.support.polled import point

START = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)


async def add_limit(owner, device_id: int, kind: str = "high", threshold: float | None = 80, **more) -> int:
    """Give the device's point `level` a limit; return its id."""
    values = {"key": kind, "kind": kind, "threshold": threshold} | more
    names = ", ".join(values)
    places = ", ".join(f"${n}" for n in range(2, len(values) + 2))
    return await owner.fetchval(
        f"INSERT INTO limits (point_id, {names}) SELECT id, {places} FROM points WHERE device_id = $1 AND key = 'level' RETURNING id",
        device_id, *values.values(),
    )  # fmt: skip


class Watched:
    """One point of a device: its readings go straight to a store, with the times that a test says."""

    def __init__(self, store: Store, owner, device_id: int, point_id: int) -> None:
        self.store, self.owner, self.device_id, self.point_id = store, owner, device_id, point_id
        ((self.block,),) = [poll.blocks for poll in plan([point(point_id, 0)], RequestLimits())]
        self.block.slots = store.place(self.block.points, 1)

    async def configure(self) -> None:
        """Hear of the limits as the collector does."""
        lines = await PolledLines().read(self.owner, await connections(self.owner))
        self.store.alarms.fit(lines, await self.store.alarms.ask(self.owner, lines))

    async def reads(self, *values: int | None, at: float = 0) -> None:
        """Flush one reading a second from `at` seconds on; one that is None is a device that did not answer."""
        for second, value in enumerate(values):
            moment = int((START + timedelta(seconds=at + second)).timestamp() * 1e6)
            data = None if value is None else value.to_bytes(2, "big")
            self.store.answer(self.block, moment, data, Reason.TIMEOUT if value is None else Reason.GOOD)
            await self.store.flush()

    async def is_told(self, state: str, *devices: int) -> None:
        for device in devices or (self.device_id,):
            failures = 3 if state == "offline" else 0
            self.store.state(DeviceCondition(device, state, failures, None, "no answer" if failures else None))
        await self.store.flush()


@asynccontextmanager
async def watched(settings, owner, device_id: int):
    """Open a store as the collector has it, and the device's point `level` for it."""
    store = Store(settings, Spool(settings.spool_folder, settings.spool_max_bytes))
    store.spool.open()
    store.alarms.open()
    await store.connect()
    number = await owner.fetchval("SELECT id FROM points WHERE device_id = $1 AND key = 'level'", device_id)
    one = Watched(store, owner, device_id, number)
    await one.configure()
    try:
        yield one
    finally:
        await store.close()


async def connections(owner) -> set[int]:
    return {row["id"] for row in await owner.fetch("SELECT id FROM connections")}


async def journal(owner, source: str = "limit") -> list[tuple[str, float]]:
    """Return the events of the alarms of a source, with the seconds from the start."""
    rows = await owner.fetch(
        "SELECT e.* FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id WHERE a.source = $1 ORDER BY e.time, e.id",
        source,
    )
    return [(row["event"], (row["time"] - START).total_seconds()) for row in rows]


async def events(owner, source: str = "limit") -> list[str]:
    rows = await owner.fetch(
        "SELECT e.event FROM alarm_events e JOIN alarms a ON a.id = e.alarm_id WHERE a.source = $1 ORDER BY e.id",
        source,
    )
    return [row["event"] for row in rows]


async def the_alarm(owner, source: str = "limit"):
    return await owner.fetchrow("SELECT * FROM alarms WHERE source = $1 ORDER BY id", source)
