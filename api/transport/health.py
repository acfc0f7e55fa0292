"""Health and metrics: whether the API works, for monitors; no authentication."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from api.backups.standing import read_standing, tell_standing
from api.execution.response import encode
from api.ground.database import Database
from api.ground.metrics import ALARMS, DATABASE_UP, DEVICES, REGISTRY, TROUBLES
from api.ground.replicas import Replica
from api.ground.scheduler import Job
from api.mqtt.standing import tell_publishing
from api.webhooks.standing import tell_webhooks
from ddms import VERSION
from ddms.alarms import Priority, State
from ddms.database import SCHEMA_VERSION, TROUBLE
from ddms.health import READ_HEALTH, troubles

CACHED_SECONDS = 10.0
REASONS_SECONDS = 5.0
ANSWER_SECONDS = 1.5
START_SECONDS = 10.0  # until then the live stream may still be on its way
JOB_SLACK = 120.0  # seconds; a replica that takes over may begin so late

COUNT_STATES = """-- ddms:count_states
SELECT CASE WHEN d.enabled THEN coalesce(s.state, 'unknown') ELSE 'disabled' END AS state, count(*) AS count
  FROM devices d LEFT JOIN device_states s ON s.device_id = d.id WHERE d.deleted_at IS NULL GROUP BY 1
"""
READ_JOBS = """-- ddms:read_health_of_jobs
SELECT job.name, run.error, s.started_at IS NOT NULL OR s.paused_at IS NOT NULL AS is_excused, extract(epoch FROM now() - s.due_at)::float8 AS late
  FROM unnest($1::text[]) job (name) LEFT JOIN scheduled_jobs s USING (name)
  LEFT JOIN LATERAL (SELECT error FROM job_runs WHERE job_runs.job = job.name ORDER BY id DESC LIMIT 1) run ON true
"""
# As the index alarms_shown_idx has it.
COUNT_ALARMS = """-- ddms:count_alarms
SELECT priority, CASE WHEN shelved_until > now() THEN 'shelved' WHEN out_of_service_until > now() THEN 'out_of_service'
                      WHEN suppressed_by IS NOT NULL THEN 'suppressed' ELSE state END AS state, count(*) AS count
  FROM alarms WHERE removed_at IS NULL AND (state <> 'normal' OR shelved IS NOT NULL OR out_of_service_until IS NOT NULL) GROUP BY 1, 2
"""
ALARM_STATES = (
    *(state.value for state in State if state is not State.NORMAL),
    "shelved",
    "suppressed",
    "out_of_service",
)
STATES = ("unknown", "online", "error", "offline", "disabled")


class Health:
    """What monitors ask for, remembered for a moment so that they cost nothing."""

    def __init__(
        self,
        database: Database,
        measure: Callable[[], None],
        *,
        is_live: Callable[[], bool],
        jobs: Sequence[Job] = (),
        replicas: Sequence[Replica] = (),
    ) -> None:
        self._database = database
        self._measure = measure
        self._is_live = is_live
        self._jobs = jobs
        self._replicas = replicas
        self._started = time.monotonic()
        self._metrics: tuple[float, bytes] = (-CACHED_SECONDS, b"")
        self._reasons: tuple[float, list[str]] = (-REASONS_SECONDS, [])
        self._newest: float | None = None
        self._asking, self._looking = asyncio.Lock(), asyncio.Lock()

    async def _count(self) -> dict[str, int] | None:
        """Return the devices by state, or None when the database does not answer in time."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                rows = await self._database.rows(COUNT_STATES)
        except TROUBLE:
            return None
        return {row["state"]: row["count"] for row in rows}

    async def reasons(self) -> list[str]:
        """Say, a sentence each, what of the promises is not kept; at most some seconds old."""
        async with self._looking:
            if time.monotonic() - self._reasons[0] >= REASONS_SECONDS:
                self._reasons = (time.monotonic(), await self._look())
        if time.monotonic() - self._started < START_SECONDS:
            return self._reasons[1]
        ill = [
            f"the replica {one.name}: {one.detail}; the primary is asked" for one in self._replicas if not one.is_well
        ]
        if self._is_live():
            return [*self._reasons[1], *ill]
        return [*self._reasons[1], *ill, "the live stream is not heard: subscribers get nothing"]

    async def _look(self) -> list[str]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return [*await self._of_site(), *await self._of_jobs()]
        except TROUBLE:
            return ["the database is too slow, or too full, to say how the site does"]

    async def _of_site(self) -> list[str]:
        row = await self._database.row(READ_HEALTH)
        if row is None:
            return []
        self._newest = None if row["newest"] is None else time.monotonic() - row["newest"]
        return list(troubles(row))

    async def _of_jobs(self) -> list[str]:
        found = []
        for row in await self._database.rows(READ_JOBS, [job.name for job in self._jobs]):
            if row["error"]:
                found.append(f"the job {row['name']} fails: {row['error']}")
            late = time.monotonic() - self._started if row["late"] is None else row["late"]
            if late > JOB_SLACK and not row["is_excused"]:
                found.append(f"the job {row['name']} is due for {late:.0f} s, and nobody runs it")
        return found

    async def health(self) -> Response:
        """Answer /health: 200 while it can answer, also when something is wrong or much is asked, 503 when the database is away.

        What is degraded is not cured by a restart, and other replicas see the same: nobody should take this one away.
        """
        states = await self._count()
        crowded = states is None and self._database.is_crowded
        away = states is None and not crowded
        if crowded:
            reasons = ["callers keep all connections to the database busy"]
        else:
            reasons = ["the database cannot be reached"] if away else await self.reasons()
        status = "unavailable" if away else "degraded" if reasons else "ok"
        answer: dict[str, Any] = {
            "status": status,
            "reasons": reasons,
            "version": VERSION,
            "edition": self._database.edition.value,
            "schemaVersion": SCHEMA_VERSION,
            "database": "unreachable" if away else "ok",
            "devices": None if states is None else {"online": states.get("online", 0), "total": sum(states.values())},
            "readingAge": None if self._newest is None else round(time.monotonic() - self._newest, 1),
            "uptime": round(time.monotonic() - self._started, 1),
        }
        if states is not None and (advice := await self._database.edition_advice()):
            answer["editionAdvice"] = advice
        if self._replicas:
            answer["replicas"] = [
                {"name": one.name, "state": one.state.value, "lagSeconds": round(one.lag, 1)} for one in self._replicas
            ]
        headers = {"Cache-Control": "no-store"}
        return Response(encode(answer), 503 if away else 200, headers, "application/json")

    async def metrics(self) -> Response:
        """Answer /metrics, at most 10 s old."""
        async with self._asking:
            if time.monotonic() - self._metrics[0] >= CACHED_SECONDS:
                await self._collect()
        return Response(self._metrics[1], headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _collect(self) -> None:
        states = await self._count()
        TROUBLES.set(0 if states is None else len(await self.reasons()))
        self._measure()
        DATABASE_UP.set(states is not None)
        for state in STATES:
            DEVICES.labels(state).set((states or {}).get(state, 0))
        await self._count_alarms()
        await self._look_at_backups()
        self._metrics = (time.monotonic(), generate_latest(REGISTRY))

    async def _count_alarms(self) -> None:
        """Count the alarms; when the database does not answer, what was counted last is not told as if it were now."""
        ALARMS.clear()
        with suppress(*TROUBLE):
            async with asyncio.timeout(ANSWER_SECONDS):
                found = {
                    (row["priority"], row["state"]): row["count"] for row in await self._database.rows(COUNT_ALARMS)
                }
            for priority in Priority:
                for state in ALARM_STATES:
                    ALARMS.labels(priority.value, state).set(found.get((priority.value, state), 0))

    async def _look_at_backups(self) -> None:
        """Tell how the backups stand; when the database does not answer, nothing is told of them."""
        tell_standing(None)
        with suppress(*TROUBLE):
            async with asyncio.timeout(ANSWER_SECONDS):
                tell_standing(await read_standing(self._database))
                await tell_publishing(self._database)
                await tell_webhooks(self._database)
