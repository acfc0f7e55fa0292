"""The program `ddms ingest`: one task a site, one ear for changes, /metrics and /health."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from collector.app import run
from collector.ingest import metrics
from collector.ingest.site import Site
from ddms import tracing
from ddms.addresses import listen_on
from ddms.database import TROUBLE, listen, open_pool, wait_until_ready
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

CHANNELS = ("ddms_configuration", "ddms_field_requests")
RETRY_SECONDS = 2.0


class Ingest:
    """The sites, and what all of them share."""

    def __init__(self, settings: Settings) -> None:
        if not settings.ingest_sites:
            raise DdmsError(
                Code.SETTINGS,
                "DDMS_INGEST_SITES names no site: whose readings shall be stored?",
                field="DDMS_INGEST_SITES",
            )
        self._settings = settings
        self.sites: list[Site] = []

    async def run(self) -> None:
        """Run until cancelled; a side task that dies ends the program."""
        settings = self._settings
        listener = listen_on(settings.ingest_metrics_host, settings.ingest_metrics_port, "DDMS_INGEST_METRICS")
        server = metrics.serve(listener, self.sites)
        try:
            await wait_until_ready(settings, "ingest")
            pool = await open_pool(settings, "ingest-asked", size=4, fewest=0)
            try:
                self.sites += [Site(settings, name, pool) for name in settings.ingest_sites]
                async with asyncio.TaskGroup() as group:
                    for site in self.sites:
                        group.create_task(site.run(), name=site.name)
                        group.create_task(site.watch(), name=f"watch {site.name}")
                    group.create_task(self._listen(), name="listen")
            finally:
                # In a task of its own, as the collector ends: a time-out in one that was cancelled would end it here.
                await asyncio.create_task(self._hang_up())
                pool.terminate()
        finally:
            server.shutdown()
            server.server_close()

    async def _hang_up(self) -> None:
        for site in self.sites:
            await site.link.close()

    async def _listen(self) -> None:
        """Tell the sites what the database tells; after it was away they look at everything."""
        told: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
        ears: dict[str, Callable[[str], None]] = {}
        for name in CHANNELS:
            ears[name] = lambda payload, name=name: told.put_nowait((name, payload))  # type: ignore[misc]
        while True:
            with suppress(*TROUBLE):
                async with listen(self._settings, "ingest-listen", ears) as lost, asyncio.TaskGroup() as group:
                    end = group.create_task(_end_with(lost, told))
                    told.put_nowait((CHANNELS[0], ""))
                    while (one := await told.get()) is not None:
                        for site in self.sites:
                            await site.tell(*one)
                    await end
            await asyncio.sleep(RETRY_SECONDS)


async def _end_with(lost: asyncio.Event, told: asyncio.Queue[tuple[str, str] | None]) -> None:
    await lost.wait()
    told.put_nowait(None)


def serve(settings: Settings) -> int:
    """Run until it is stopped; return the exit code."""
    with tracing.exported(settings.otlp_endpoint, "ingest"):
        return run(Ingest(settings).run())
