"""Health and metrics: whether the API works, for monitors; no authentication."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from api.execution.response import encode
from api.ground.database import Database
from api.ground.metrics import DATABASE_UP, DEVICES, REGISTRY
from ddms import VERSION
from ddms.database import SCHEMA_VERSION
from ddms.errors import DdmsError

CACHED_SECONDS = 10.0
ANSWER_SECONDS = 1.5

COUNT_STATES = """-- ddms:count_states
SELECT CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state, count(*) AS count
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id WHERE d.deleted_at IS NULL GROUP BY 1
"""
STATES = ("unknown", "online", "error", "offline", "disabled")


class Health:
    """What monitors ask for, remembered for a moment so that they cost nothing."""

    def __init__(self, database: Database, measure: Callable[[], None]) -> None:
        self._database = database
        self._measure = measure
        self._started = time.monotonic()
        self._metrics: tuple[float, bytes] = (-CACHED_SECONDS, b"")
        self._asking = asyncio.Lock()

    async def _count(self) -> dict[str, int] | None:
        """Return the devices by state, or None when the database does not answer in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                rows = await self._database.rows(COUNT_STATES)
        except (DdmsError, TimeoutError):
            return None
        return {row["state"]: row["count"] for row in rows}

    async def health(self) -> Response:
        """Answer /health: 200 when all is well, 503 when the database is away."""
        states = await self._count()
        answer: dict[str, Any] = {
            "status": "unavailable" if states is None else "ok",
            "version": VERSION,
            "edition": self._database.edition.value,
            "schemaVersion": SCHEMA_VERSION,
            "database": "unreachable" if states is None else "ok",
            "devices": None if states is None else {"online": states.get("online", 0), "total": sum(states.values())},
            "uptime": round(time.monotonic() - self._started, 1),
        }
        if states is not None and (advice := await self._database.edition_advice()):
            answer["editionAdvice"] = advice
        headers = {"Cache-Control": "no-store"}
        return Response(encode(answer), 503 if states is None else 200, headers, "application/json")

    async def metrics(self) -> Response:
        """Answer /metrics, at most 10 s old."""
        async with self._asking:
            if time.monotonic() - self._metrics[0] >= CACHED_SECONDS:
                await self._collect()
        return Response(self._metrics[1], headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _collect(self) -> None:
        states = await self._count()
        self._measure()
        DATABASE_UP.set(states is not None)
        for state in STATES:
            DEVICES.labels(state).set((states or {}).get(state, 0))
        self._metrics = (time.monotonic(), generate_latest(REGISTRY))
