"""A publisher to MQTT at work, and its broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.mqtt.publisher import Publisher
from ddms.settings import Settings
from tests.support.mqtt import BrokerProgram, Listener, broker_of, listening


@pytest.fixture(name="broker")
async def broker_fixture(tmp_path: Path) -> AsyncIterator[BrokerProgram]:
    async with broker_of(tmp_path) as program:
        yield program


@pytest.fixture(name="listener")
async def listener_fixture(broker: BrokerProgram) -> AsyncIterator[Listener]:
    async with listening(broker) as one:
        yield one


@pytest.fixture(name="published")
def published_fixture(settings: Settings, broker: BrokerProgram) -> Settings:
    return replace(settings, mqtt_url=broker.url)


@contextlib.asynccontextmanager
async def publishing(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """A publisher at work, as beside the API."""
    task = asyncio.create_task(Publisher(settings).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(owner: asyncpg.Connection, sql: str) -> Any:
    """Wait until the database says so."""
    async with asyncio.timeout(60):
        while not (found := await owner.fetchval(f"SELECT {sql}")):
            await asyncio.sleep(0.02)
    return found


async def begun(owner: asyncpg.Connection) -> None:
    """Wait until something publishes."""
    await until(owner, "seen_at IS NOT NULL AND heard IS NOT NULL FROM mqtt")
