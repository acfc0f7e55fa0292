"""A collector that flushes what a test tells it to."""

import asyncio
import time

import asyncpg
import numpy as np

from api.live.resume import Heard
from collector.storing.decode import READINGS, Batch, Text
from collector.storing.flush import MAKE_INCOMING, flush_batch, replay_batch
from tests.support.api_server import Api, add, api_fixture, serving, tokens_fixture  # noqa: F401 - fixtures


class Collector:
    """Flushes as the collector does."""

    def __init__(self, connection: asyncpg.Connection, name: str = "line 1") -> None:
        self.connection, self.name, self.sequence = connection, name, 0

    @classmethod
    async def started(cls, connection: asyncpg.Connection, name: str = "line 1") -> "Collector":
        await connection.execute(MAKE_INCOMING)
        await connection.execute("INSERT INTO collectors (name, version) VALUES ($1, '0')", name)
        return cls(connection, name)

    def batch(self, values: list[tuple[int, float]], at: float | None, texts: list[tuple[int, str]] = ()) -> Batch:
        readings = np.zeros(len(values), READINGS)
        begin = int((at or time.time()) * 1e6)
        for row, (point, value) in enumerate(values):
            readings[row]["point_id"], readings[row]["value"] = point, value
            readings[row]["time"], readings[row]["stored"] = begin + row * 1000, True
        said = [Text(point, begin + number * 1000, text, 0) for number, (point, text) in enumerate(texts)]
        return Batch(readings, said)

    async def flush(self, *values: tuple[int, float], at: float | None = None, texts=()) -> None:
        self.sequence += 1
        await flush_batch(self.connection, self.name, self.sequence, self.batch(list(values), at, texts))

    async def replay(self, *values: tuple[int, float], at: float) -> None:
        await replay_batch(self.connection, self.name, self.batch(list(values), at))


async def heard_by(api: Api, collector: Collector) -> None:
    """Wait until the API has heard of the newest flush."""
    async with asyncio.timeout(60):
        while api.parts.hub.mirror.heard.get(collector.name, Heard(0, 0)).sequence < collector.sequence:
            await asyncio.sleep(0.01)
