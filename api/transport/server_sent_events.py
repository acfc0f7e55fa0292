"""GraphQL over server-sent events, for those behind a proxy without websockets.

Protocol: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct connections mode: each operation is
a request of its own, answered by `next` events and `complete`. The id of an event is its resume token, which browsers
send back as `Last-Event-ID` when they connect again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from starlette.types import Send

from api.execution.documents import Operation
from api.execution.follow import follow
from api.graphql.context import Context
from api.ground.limits import LIVE_CONNECTIONS
from api.ground.metrics import EVENT_STREAMS
from api.live.broadcast import Result
from api.transport.request import EVENT_STREAM, ClientLeft, HttpRequest
from ddms.errors import Code, DdmsError, Sentence

BEAT_SECONDS = 15.0
_BEAT, _COMPLETE = b":\n\n", b"event: complete\ndata:\n\n"


class Event:
    """How a result is written as an event; for all clients alike."""

    def __call__(self, result: Result) -> bytes:
        """Return the bytes of a `next` event."""
        id_ = b"id: %b\n" % result.token.encode() if result.token else b""
        return b"event: next\n%bdata: %b\n\n" % (id_, result.payload)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event)

    def __hash__(self) -> int:
        return hash(Event)


class EventStream:
    """One answer that is a stream of events; begins with its first event, so that before it an error can be told."""

    def __init__(self, request: HttpRequest, send: Send, context: Context) -> None:
        self.context = context
        self.began = False
        self._request = request
        self._send = send
        self._task = asyncio.current_task()
        self._lasts = True
        self._ended = self._is_left = False
        self._sending = asyncio.Lock()

    def push(self, sent: bytes) -> bool:
        """Say that the events have to wait for their turn."""
        return False

    async def push_when_writable(self, sent: bytes) -> None:
        """Send as soon as the client has read enough."""
        async with self._sending:
            if not self.began:
                self.began = True
                headers = [
                    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
                    (b"cache-control", b"no-cache"),
                    (b"x-accel-buffering", b"no"),
                    (b"x-request-id", self._request.id.encode()),
                    *((b"set-cookie", cookie.encode()) for cookie in self.context.cookies),
                ]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": sent, "more_body": True})

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do what fills it until that is done, the client is gone, or its token ends."""
        watchers = [asyncio.create_task(work()) for work in (self._watch, self._beat, self._expire)]
        try:
            await work()
        except asyncio.CancelledError:
            if not self._ended:
                raise
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
            if self._is_left:
                raise ClientLeft from None
            if not self.began:
                raise DdmsError(Code.UNAVAILABLE, Sentence("ended before the first event: connect again")) from None
        finally:
            for watcher in watchers:
                watcher.cancel()
        if self.began:
            await self._send({"type": "http.response.body", "body": b""})

    async def follow(self, operation: Operation, variables: dict[str, Any] | None) -> None:
        """Send a subscription's events."""
        token = self._request.header(b"last-event-id") or None
        await follow(operation, self.context, variables, Event(), self, resume_from=token)

    async def answer(
        self, work: Callable[[], Awaitable[bytes]], unread: Callable[[int], AbstractContextManager[None]]
    ) -> None:
        """Send the one answer of a query or mutation; `unread` counts its bytes until they are read."""
        self._lasts = False
        encoded = await work()
        with unread(len(encoded)):
            await self.push_when_writable(Event()(Result(encoded)) + _COMPLETE)

    async def end(self, _reason: str) -> None:
        """End it, because its token is no longer valid; who connects again is told why.

        A query or mutation is answered all the same, as any other request that was let in: it may be the one that ended
        the token.
        """
        if self._lasts:
            self._cut()

    async def come_back(self, reason: str) -> None:
        """End it; browsers connect again by themselves."""
        await self.end(reason)

    async def _watch(self) -> None:
        await self._request.left()
        self._is_left = True
        self._cut()

    def _cut(self) -> None:
        self._ended = True
        if self._task:
            self._task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            if self.began:
                await self.push_when_writable(_BEAT)

    async def _expire(self) -> None:
        if self.context.caller:
            await asyncio.sleep((self.context.caller.expires_at - datetime.now(UTC)).total_seconds())
            await self.end("the token expired")


class EventStreams:
    """All streams that are open."""

    def __init__(self) -> None:
        self.open: set[EventStream] = set()

    async def serve(self, stream: EventStream, work: Callable[[], Awaitable[None]]) -> None:
        """Serve one, filled by `work`; raises `DdmsError` when its caller has too many already."""
        mine = stream.context.who
        if sum(other.context.who == mine for other in self.open) >= LIVE_CONNECTIONS:
            raise DdmsError(
                Code.RATE_LIMITED, Sentence("you have {} event streams open: close some of them", LIVE_CONNECTIONS)
            )
        self.open.add(stream)
        EVENT_STREAMS.inc()
        try:
            await stream.run(work)
        finally:
            self.open.discard(stream)
            EVENT_STREAMS.dec()
