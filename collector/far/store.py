"""The store of a far collector: each flush becomes a message in the site's stream, or else waits in the spool.

A message is a batch as it lies in the spool, with what else happened: devices that changed state, alarms, a sign of life.
All are numbered in the order in which they came, and go in this order: while something waits in the spool, what is new
waits behind it. A number is taken once, so a message that may have come already is sent again.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from collector.far.connection import FarConnection
from collector.far.link import TROUBLE, Link, explain, wait_for
from collector.polling.units import Pace
from collector.storing.decode import READINGS, Batch
from collector.storing.spool import Spool, SpoolFullError, SpoolUnreadableError, encode
from collector.storing.store import OTHERS_SECONDS, READ_NEWEST, RECONNECT_SECONDS, SEEN_SECONDS, Store
from ddms import VERSION, tracing
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

MOST_READINGS = 20_000
"""In one message: half of what a server takes by default."""
WAIT_SECONDS = 1.0
WAIT_FOR_OTHERS = 10.0  # flushes do not wait again and again for what nobody answers

logger = logging.getLogger("ddms.collector")


class FarStore(Store):
    """Publishes instead of committing."""

    def __init__(self, settings: Settings, spool: Spool, link: Link) -> None:
        super().__init__(settings, spool)
        self.epoch = secrets.token_hex(8)
        self.number = 0
        self._link = link
        self.asks = FarConnection(link, settings.collector_name)
        self._back = asyncio.Event()
        link.on_change = self._changed
        self.on_known: Callable[[], None] = lambda: None
        """Called when `ddms ingest` first knows this collector."""

    @property
    def connected(self) -> bool:
        """Whether readings go to the stream (else to the spool)."""
        return self._link.connected

    def _changed(self) -> None:
        if self._link.connected:
            self.complaints.over("database")
            self._back.set()
        else:
            self.away(ConnectionError("the connection was lost"))

    def away(self, error: BaseException) -> None:
        """Say why readings go to the spool."""
        self._back.clear()
        self.complaints.about("database", f"readings go to the spool: {explain(error).message}")

    # -- flush

    async def _store_or_keep(self, batch: Batch) -> bool:
        parts = [Batch(batch.readings[i : i + MOST_READINGS], []) for i in range(0, len(batch.readings), MOST_READINGS)]
        for part in parts[:-1]:
            await self._send(part._replace(told=self._told()))
        await self._send_all(parts[-1]._replace(texts=batch.texts))
        return True

    async def _store_states(self) -> None:
        """Send what no readings took along; a sign of life only where it is heard."""
        due = self.connected and monotonic() - self._seen_stored >= SEEN_SECONDS
        if due or self.alarms.waiting or (self._states and self.connected):
            await self._send_all(Batch(np.empty(0, READINGS), []))

    async def _send_all(self, batch: Batch) -> None:
        """Send a batch with all that happened beside it."""
        states, self._states = self._states, {}
        told = self._told() | {
            "states": [list(state) for state in states.values()],
            "changes": [list(change) for change in self.alarms.send()],
        }
        if monotonic() - self._seen_stored >= SEEN_SECONDS and self.connected:
            health = self._health()
            told |= {
                "health": list(health),
                "seen": [list(self._paces.get(device, Pace(device, None, None, None))) for device in self._seen],
            }
            self._seen, self._seen_stored = set(), monotonic()
        batch = batch._replace(told=told)
        if await self._send(batch):
            self.alarms.settle()
            if "health" in told:
                await asyncio.to_thread(self.spool.told, told["health"][1])
        else:
            self._states = states | self._states

    def _told(self) -> dict[str, Any]:
        self.number += 1
        return {"collector": self.name, "version": VERSION, "epoch": self.epoch, "number": self.number}

    async def _send(self, batch: Batch) -> bool:
        """Bring a message into the stream, or else to the disk; return whether it is in one of them."""
        if self.connected and self.spool.oldest() is None:
            try:
                await self._publish(batch, late=False)
            except TROUBLE as error:
                self._say(error)
            except asyncio.CancelledError:  # nobody knows whether it came: it is sent again, and taken once
                with suppress(SpoolFullError):
                    self.spool.append(batch)
                raise
            else:
                self.complaints.over("stream")
                return True
        return await self._spool(batch)

    async def _publish(self, batch: Batch, *, late: bool) -> None:
        told = batch.told or {}
        with tracing.published(self.name, told["number"], readings=len(batch.readings), late=late) as headers:
            await self._link.publish(encode(batch), f"{told['epoch']}.{told['number']}", late=late, headers=headers)

    def _say(self, error: BaseException) -> None:
        self.complaints.about("stream", f"readings go to the spool: {explain(error).message}")

    # -- spool

    async def replay_spool(self) -> None:
        """Bring the spool into the stream, oldest first, whenever it takes something; for ever."""
        while True:
            path = self.spool.oldest()
            if path is None or not self.connected:
                await wait_for(self._back, WAIT_SECONDS) if path else await asyncio.sleep(WAIT_SECONDS)
                if not self.connected or path is None:
                    continue
            try:
                batch = await asyncio.to_thread(self.spool.read, path)
                if batch is None:
                    continue
                for part in self._parts(batch, path.stem):
                    await self._publish(part, late=True)
                await asyncio.to_thread(self.spool.remove, path)
                self.statistics.replayed += len(batch.readings)
                self.complaints.over("stream")
            except SpoolUnreadableError as error:
                self.complaints.about("replay", f"the replay waits: {error}")
                await asyncio.sleep(WAIT_SECONDS)
            except TROUBLE as error:
                self._say(error)
                await asyncio.sleep(WAIT_SECONDS)

    def _parts(self, batch: Batch, stem: str) -> Iterator[Batch]:
        """Give a batch as messages; one that was written when this collector reached the database has no number yet."""
        if batch.told is not None:
            yield batch
            return
        for number, start in enumerate(range(0, max(1, len(batch.readings)), MOST_READINGS), 1):
            told = self._told() | {"epoch": f"spool {stem}", "number": number}
            self.number -= 1
            yield Batch(batch.readings[start : start + MOST_READINGS], batch.texts if number == 1 else [], told)

    # -- connection

    @property
    def is_known(self) -> bool:
        """Whether `ddms ingest` knew this collector, and so answers it."""
        return self._registered

    async def stay_connected(self) -> None:
        """Come back to the server whenever it is lost, and give `ddms ingest` a sign of life; for ever.

        Raises `DdmsError` when another collector has this one's name before it ever had it itself.
        """
        while True:
            await asyncio.sleep(RECONNECT_SECONDS)
            try:
                await self.connect()
            except DdmsError as error:
                if error.code is Code.CONFLICT and not self._registered:
                    raise
                self.missing(error)
            self._pending.set()

    def missing(self, error: DdmsError) -> None:
        """Say that changes do not come, and why."""
        self.complaints.about("ingest", f"changes of the configuration do not come: {error.message}")

    async def connect(self) -> None:
        """Connect to NATS, and take this collector's name at `ddms ingest`; raises `DdmsError`."""
        if self._link.client.is_reconnecting:
            raise DdmsError(Code.UNAVAILABLE, "the connection to NATS was lost, and is tried again each second")
        if not self._link.connected:
            await self._link.open()
            logger.info("connected to NATS; %d batches wait in the spool", self.spool.count)
        if not self.asks.identity:
            self.asks.identity = await asyncio.to_thread(_identity, self.spool.directory)
        await self.asks.ask(ask="hello", version=VERSION)
        if not self._registered:
            self._registered = True
            self.on_known()
        self.complaints.over("ingest")

    async def _hear_of_others(self) -> None:
        if not self._others or not self._registered or monotonic() - self._others_asked < OTHERS_SECONDS:
            return
        self._others_asked = monotonic()
        try:
            for number, moment, value, quality in await self.asks.fetch(READ_NEWEST, self._others):
                self._points.cells.hear(number, moment, value, quality)
        except DdmsError as error:
            self.complaints.about("others", f"what other collectors read is not known: {error.message}")
            self._others_asked += WAIT_FOR_OTHERS
        else:
            self.complaints.over("others")

    async def close(self) -> None:
        """Send what is pending."""
        await self.flush()
        self.spool.close()


def _identity(folder: Path) -> str:
    """Return what tells this collector from another of its name: whoever has its spool is the same one, started anew."""
    path = folder / "identity"
    try:
        if found := path.read_text(encoding="ascii").strip():
            return found
    except (OSError, ValueError):
        pass
    made = secrets.token_hex(16)
    with suppress(OSError):  # on a full disk it is another one the next time, and waits until it is not seen any more
        path.write_text(made, encoding="ascii")
    return made
