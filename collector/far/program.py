"""The collector program of a far site: as any other, but all that is the database's goes over NATS."""

import asyncio
from typing import Any

from collector import app
from collector.far.connection import FarConnection
from collector.far.link import Link
from collector.far.store import FarStore
from collector.polling.leases import Leases
from collector.storing.spool import Spool
from ddms.database import Connection
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

BEGIN_SECONDS, TRY_SECONDS = 30.0, 1.0
"""How long the name may still be that of a collector with another spool: as long as `ddms ingest` believes that it lives."""


class FarLeases(Leases):
    """Leases that `ddms ingest` keeps for us."""

    async def take(self, connection: Any) -> tuple[set[int], int]:
        """Renew, and take what is free; return what is held, and how much of it is a fair share."""
        found = await connection.ask(ask="leases")
        return set(found["held"]), found["share"]


class FarCollector(app.CollectorProgram):
    """A collector that reaches no database."""

    store: FarStore

    def __init__(self, settings: Settings) -> None:
        self.link = Link(settings, settings.site or "", settings.collector_name)
        super().__init__(settings)
        self.leases = FarLeases(settings.collector_name, settings.site or "")
        self.store.on_known = self._look

    def _make_store(self, spool: Spool) -> FarStore:
        return FarStore(self.settings, spool, self.link)

    async def _connect(self, program: str) -> Connection:
        """Return what asks `ddms ingest`; raises `DdmsError` while that is not to be had."""
        del program
        if not (self.link.connected and self.store.is_known):
            raise DdmsError(Code.UNAVAILABLE, "`ddms ingest` is away")
        return FarConnection(self.link, self.settings.collector_name, self.store.asks.identity)

    async def _begin(self, *, has_work: bool) -> None:
        """Come to NATS and to `ddms ingest`; one that is away is waited for, by those with work into the spool."""
        del has_work
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                while True:
                    try:
                        return await self.store.connect()
                    except DdmsError as error:
                        if error.code is not Code.CONFLICT:
                            return self.store.missing(error)
                        conflict = error
                    await asyncio.sleep(TRY_SECONDS)
        except TimeoutError:
            raise conflict from None

    async def _listen(self) -> None:
        """Hear of changes; when the line was lost, look at everything, since something may have been missed."""
        self.link.listeners.append(self._hear)
        client, generation = None, -1
        while True:
            if self.link.connected and (client is not self.link.client or generation != self.link.generation):
                if client is not self.link.client:  # one that came back by itself hears what it heard before
                    await self.link.listen()
                client, generation = self.link.client, self.link.generation
                self._look()
            await asyncio.sleep(TRY_SECONDS)

    def _look(self) -> None:
        self._hear_change()
        self._asked.set()

    async def _give_leases_back(self) -> None:
        await super()._give_leases_back()
        await self.link.close()

    def _hear(self, channel: str, payload: str) -> None:
        if channel == "ddms_configuration":
            self._hear_change()
        elif channel == "ddms_field_requests" and payload.endswith(":pending"):
            self._asked.set()


def serve(settings: Settings) -> int:
    """Run the collector of a far site until it is stopped; return the exit code."""
    return app.run(FarCollector(settings).run())
