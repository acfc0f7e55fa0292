"""Live readings without a gap: graphql-transport-ws, connected again and resumed for as long as it takes."""

import asyncio
import json
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from ddms_client._asking import LATER, pauses
from ddms_client._questions import gap_of
from ddms_client.errors import DdmsError, Problem, problems
from ddms_client.schema import EventKind, SnapshotReason
from ddms_client.series import Gap, PointReading, readings_of

FOLLOW = """subscription ($points: [ID!], $devices: [ID!], $minimumInterval: Float!, $resumeFrom: String) {
  readings(points: $points, devices: $devices, minimumInterval: $minimumInterval, resumeFrom: $resumeFrom) {
    kind reason resumeToken gaps { from to reason } columns { pointId time value text quality valueName }
  }
}"""
_FINAL = {4400: "INVALID", 4401: "UNAUTHENTICATED", 4403: "UNAUTHENTICATED", 4406: "INVALID"}
"""Codes with which a websocket is closed for good: not understood, token ended, token wrong, another protocol."""
_REMEMBERED = 100_000
"""How many readings are known again when they come twice: as many as the API gives at once after a break."""
_MISSED = {"RECONNECTED", "TOO_SLOW"}
"""Snapshots in place of events, which are asked for again."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What came: readings that were not told before, and gaps."""

    kind: EventKind
    reason: SnapshotReason | None
    readings: list[PointReading]
    gaps: list[Gap]
    """Times of which the stream does not give all readings: ask `series` for them."""
    resume_token: str
    """Kept by a program that ends, `live(resume_from=…)` goes on after this event."""


class _TryAgainError(Exception):
    """The connection is of no use any more, another one is; after so many seconds."""

    def __init__(self, why: str, seconds: float = 0) -> None:
        super().__init__(why)
        self.seconds = seconds


class Follower:
    """One subscription over as many connections as it takes."""

    def __init__(self, url: str, token: str | None, options: dict[str, Any], timeout: float, patience: float) -> None:
        self._url, self._token, self._options = url, token, options
        self._timeout, self._patience = timeout, patience
        self._known: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._socket: ClientConnection | None = None
        self._ended = asyncio.Event()

    async def close(self) -> None:
        """End it; who iterates comes to the end."""
        self._ended.set()
        if self._socket:
            await self._socket.close()

    async def follow(self, variables: dict[str, Any]) -> AsyncGenerator[Event, None]:
        """Give events for ever. Until the first one, `patience` seconds without a connection are an error, later none are."""
        give_up: float | None = time.monotonic() + self._patience
        waits = pauses()
        while not self._ended.is_set():
            try:
                async with aclosing(self._connected(variables)) as events:
                    async for event in events:
                        give_up, waits = None, pauses()
                        variables = variables | {"resumeFrom": event.resume_token}
                        if event.readings or event.gaps:
                            yield event
                why, seconds = "the stream ended", 0.0
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, _TryAgainError) as problem:
                if refused := _refusal(problem):
                    raise refused from None
                why, seconds = str(problem), getattr(problem, "seconds", 0.0)
            pause = max(next(waits), seconds)
            if self._ended.is_set():
                return
            if give_up is not None and time.monotonic() + pause > give_up:
                raise DdmsError([Problem("UNAVAILABLE", f"{self._url} cannot be followed: {why}")])
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), pause)

    async def _connected(self, variables: dict[str, Any]) -> AsyncGenerator[Event, None]:
        async with connect(self._url, subprotocols=["graphql-transport-ws"], max_size=None, open_timeout=self._timeout, ping_timeout=60, **self._options) as socket:  # type: ignore[list-item]  # fmt: skip
            self._socket = socket
            if self._ended.is_set():
                return
            payload = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            async with asyncio.timeout(self._timeout):
                while json.loads(await socket.recv())["type"] != "connection_ack":
                    pass
            asked = {"query": FOLLOW, "variables": variables}
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
            token = variables["resumeFrom"]
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await socket.send('{"type": "pong"}')
                elif message["type"] == "complete":
                    return
                elif message["type"] in {"next", "error"}:
                    told = _told(message["payload"])
                    if told["reason"] in _MISSED and token:
                        raise _TryAgainError("events were left out")
                    token = told["resumeToken"]
                    yield self._event(told)

    def _event(self, told: dict[str, Any]) -> Event:
        columns = told["columns"]
        readings = readings_of(PointReading, columns)
        keys = list(zip(columns["pointId"], columns["time"], strict=True))
        new = [one for key, one in zip(keys, readings, strict=True) if key not in self._known]
        self._known.update(dict.fromkeys(keys))
        while len(self._known) > max(_REMEMBERED, 2 * len(keys)):
            self._known.popitem(last=False)
        return Event(
            kind=EventKind(told["kind"]),
            reason=told["reason"] and SnapshotReason(told["reason"]),
            readings=new,
            gaps=[gap_of(gap) for gap in told["gaps"]],
            resume_token=told["resumeToken"],
        )


def _told(payload: Any) -> dict[str, Any]:
    """Return what an event tells, or raise what was refused."""
    errors = payload if isinstance(payload, list) else payload.get("errors")
    if not errors:
        told: dict[str, Any] = payload["data"]["readings"]
        return told
    found = problems(errors)
    if found[0].code in LATER:
        raise _TryAgainError(found[0].message, found[0].retry_after or 0)
    raise DdmsError(found)


def _refusal(problem: Exception) -> DdmsError | None:
    """Return what trying again does not help against."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return DdmsError([Problem("UNTRUSTED", f"the certificate is not trusted: {problem.verify_message}; give your own authority as `ca`")])  # fmt: skip
    if (
        isinstance(problem, InvalidStatus)
        and 400 <= (status := problem.response.status_code) < 500
        and status not in {408, 429}
    ):
        return DdmsError([Problem(f"HTTP_{status}", f"there is no websocket of DDMS: the answer was {status}")])
    if isinstance(problem, ConnectionClosed) and problem.rcvd and problem.rcvd.code in _FINAL:
        reason = problem.rcvd.reason or f"the websocket was closed with {problem.rcvd.code}"
        number = re.search(r"\(([0-9a-f]{4}-[0-9a-f]{4})\)$", reason)
        return DdmsError([Problem(_FINAL[problem.rcvd.code], reason, reference=number and number[1])])
    return None
