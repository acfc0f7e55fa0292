"""A far site in a test: its programs, a device that counts, and what of it is in the database."""

import asyncio
from contextlib import asynccontextmanager

from collector import app
from collector.far import link, program
from collector.far import store as far_store
from collector.ingest import site as site_module
from collector.ingest import stream as stream_module
from collector.storing import store
from tests.support.running import background, until

SITE = "mine"
AFTER = "SELECT array_agg(value::int ORDER BY time) FROM readings WHERE quality = 0"


def hasten(monkeypatch) -> None:
    """Let take tenths of seconds what takes seconds between machines."""
    monkeypatch.setattr(link, "AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(link, "ACK_SECONDS", 1.0)
    monkeypatch.setattr(program, "TRY_SECONDS", 0.1)
    monkeypatch.setattr(far_store, "RECONNECT_SECONDS", 0.1)
    monkeypatch.setattr(far_store, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(store, "SPOOL_INTERVAL", 0.1)
    monkeypatch.setattr(app, "SETTLE_SECONDS", 0.02)
    monkeypatch.setattr(site_module, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(site_module, "TELL_SECONDS", 0.1)
    monkeypatch.setattr(stream_module, "LOOK_SECONDS", 0.2)


async def at_site(owner, device: int, site: str = SITE) -> None:
    """Make a device one of a site, and read it ten times a second."""
    await owner.execute("UPDATE points SET interval_s = 0.1 WHERE device_id = $1", device)
    await owner.execute(
        "UPDATE connections SET site = $2 WHERE id = (SELECT connection_id FROM devices WHERE id = $1)", device, site
    )


@asynccontextmanager
async def running(settings, program):
    program = program(settings)
    async with background(program.run()):
        yield program


def every_one_once(values, least: int = 0) -> bool:
    """Whether all that the device gave is there, in order; what was read just when the program ended may not be."""
    return bool(values) and len(values) >= least and values == list(range(values[0], values[0] + len(values)))


async def more(owner, count: int) -> list[int]:
    async def enough():
        values = await owner.fetchval(AFTER)
        return values if values and len(values) >= count else None

    return await until(enough)


async def served(ingest):
    return await until(lambda: asyncio.sleep(0, next((site for site in ingest.sites if site.is_served), None)))
