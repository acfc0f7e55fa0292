"""What the API asks to be done at the devices: a row in `field_requests`, told by NOTIFY, answered in the row.

A device that is polled already is asked over its own line between two polls, since many accept one connection only.
Requests run side by side; one whose row becomes `cancelled` stops at once, and keeps what it found so far.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg

from collector.field import probe, scan, sunspec, trial
from collector.field.routes import Route
from collector.line.tcp import Reader, ReadError
from collector.polling.poller import ConnectionTask
from ddms.database import Connection, secret_channel
from ddms.endpoints import Endpoint
from ddms.errors import DdmsError
from ddms.lines import LineSettings, line_settings

MOST_AT_ONCE = 16
LOOK_SECONDS = 1.0
PROGRESS_SECONDS = 0.3

Report = Callable[[float, dict[str, Any]], None]
"""Takes progress (0–1) and what was found so far."""
Work = Callable[[Reader, Mapping[str, Any], Report], Awaitable[dict[str, Any]]]
Outcome = tuple[str, dict[str, Any] | None, str | None]

KINDS: dict[str, Work] = {
    "test_connection": trial.test_connection,
    "probe": probe.probe,
    "scan": scan.scan,
    "sunspec": sunspec.sunspec,
}

logger = logging.getLogger("ddms.collector")

# A device that another collector polls is that one's to ask: it has the line.
CLAIM_REQUEST = """-- ddms:claim_request
UPDATE field_requests SET state = 'running', collector = $1
 WHERE id = (SELECT r.id FROM field_requests r WHERE r.state = 'pending' AND NOT EXISTS (
                 SELECT FROM leases l JOIN connections c ON c.id = l.connection_id
                  WHERE c.endpoint = r.parameters ->> 'endpoint' AND l.collector <> $1 AND l.expires_at > now())
              AND coalesce((SELECT site FROM connections WHERE endpoint = r.parameters ->> 'endpoint'), r.parameters ->> 'site', '')
                  = coalesce((SELECT site FROM collectors WHERE name = $1), '')
              ORDER BY r.id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id, kind, parameters
"""
FAIL_ABANDONED = """-- ddms:fail_abandoned_requests
UPDATE field_requests r SET state = 'failed', error = 'the collector was stopped meanwhile: ask again', finished_at = now()
 WHERE state = 'running' AND (collector = $1 OR NOT EXISTS (
     SELECT FROM collectors c WHERE c.name = r.collector AND c.seen_at > now() - interval '30 s'))
"""
IS_ANY_PENDING = (
    "-- ddms:is_any_request_pending\nSELECT EXISTS (SELECT FROM field_requests WHERE state = 'pending') AS is_any"
)
TELL_PROGRESS = """-- ddms:tell_request_progress
UPDATE field_requests SET progress = $2, result = $3 WHERE id = $1 AND state = 'running'
"""
# Naming the progress too lets the trigger tell those who follow.
KEEP_FOUND = """-- ddms:keep_what_a_request_found
UPDATE field_requests SET result = $2, progress = progress WHERE id = $1 AND state = 'cancelled'
"""
FINISH_REQUEST = """-- ddms:finish_request
UPDATE field_requests SET state = $2, result = coalesce($3, result), error = $4, progress = 1, finished_at = now()
 WHERE id = $1 AND state = 'running'
"""
READ_LINE_SETTINGS = "-- ddms:read_line_settings\nSELECT * FROM connections WHERE endpoint = $1"


async def answer_requests(
    connection: Connection, collector: str, task_of: Callable[[Endpoint], ConnectionTask | None]
) -> None:
    """Work off all requests that wait, and those that come meanwhile; return when there is none."""
    desk = _Desk(connection, collector, task_of)
    try:
        await desk.work()
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConnectionError(str(error)) from error
    finally:
        await desk.stop()


class _Desk:
    """The requests that run, on one connection that takes one statement at a time."""

    def __init__(
        self, connection: Connection, collector: str, task_of: Callable[[Endpoint], ConnectionTask | None]
    ) -> None:
        self._connection, self._collector, self._task_of = connection, collector, task_of
        self._turn = asyncio.Lock()
        self._look = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}

    async def work(self) -> None:
        """Claim and run until nothing waits and nothing runs."""
        await self._connection.add_listener(await secret_channel(self._connection, "ddms_field_requests"), self._hear)
        await self._do(FAIL_ABANDONED, self._collector)
        while True:
            self._look.clear()
            while len(self._running) < MOST_AT_ONCE and (row := await self._row(CLAIM_REQUEST, self._collector)):
                self._running[row["id"]] = asyncio.create_task(self._answer(row["id"], row["kind"], row["parameters"]))
            if not self._running and not (await self._row(IS_ANY_PENDING))["is_any"]:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()

    async def stop(self) -> None:
        """Cancel what runs."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _hear(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        number, _, state = str(payload).partition(":")
        if state == "cancelled" and (task := self._running.get(int(number))):
            task.cancel()
        elif state == "pending":
            self._look.set()

    async def _do(self, sql: str, *parameters: Any) -> None:
        async with self._turn:
            await self._connection.execute(sql, *parameters)

    async def _row(self, sql: str, *parameters: Any) -> Any:
        async with self._turn:
            return await self._connection.fetchrow(sql, *parameters)

    async def _answer(self, number: int, kind: str, parameters: dict[str, Any]) -> None:
        told = _Told()
        telling = asyncio.create_task(self._tell(number, told))
        try:
            outcome = await self._outcome(number, kind, parameters, told)
            await self._do(FINISH_REQUEST, number, *outcome)
        except asyncio.CancelledError:
            if told.result is not None:
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await self._do(KEEP_FOUND, number, told.result)
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            logger.warning("the answer to field request %d cannot be stored: %r", number, error)
        finally:
            telling.cancel()
            self._running.pop(number, None)
            self._look.set()

    async def _outcome(self, number: int, kind: str, parameters: dict[str, Any], told: "_Told") -> Outcome:
        try:
            endpoint = Endpoint.parse(parameters["endpoint"])
            row = await self._row(READ_LINE_SETTINGS, str(endpoint))
            settings = line_settings(row) if row else LineSettings.to(endpoint)
            # A scan waits for each answer for a moment only, as a device may that is known: a connection needs its time.
            timeout = max(parameters["timeout_ms"] / 1000, settings.timeout if kind == "scan" or row else 0)
            route = Route(replace(settings, timeout=timeout), self._task_of)
            try:
                if kind == "scan":  # to which silence is an answer
                    await route.open()
                return "done", await KINDS[kind](route, parameters, told), None
            finally:
                route.close()
        except ReadError as error:
            return "failed", None, str(error)
        except (DdmsError, KeyError, TypeError, ValueError) as error:
            logger.warning("request %d cannot be understood: %r", number, error)
            return "failed", None, f"the request cannot be understood: {error}"
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            raise
        except Exception as error:  # whatever it is, who asked must not wait for an answer that never comes
            logger.exception("request %d could not be done", number)
            return "failed", None, f"it could not be done ({error!r}): the log of the collector says why"

    async def _tell(self, number: int, told: "_Told") -> None:
        said = 0.0
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            while True:
                await asyncio.sleep(PROGRESS_SECONDS)
                if told.progress != said:
                    said = told.progress
                    await self._do(TELL_PROGRESS, number, said, told.result)


class _Told:
    """The newest progress of a request."""

    def __init__(self) -> None:
        self.progress = 0.0
        self.result: dict[str, Any] | None = None

    def __call__(self, progress: float, result: dict[str, Any]) -> None:
        self.progress, self.result = progress, result
