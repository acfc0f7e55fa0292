"""Broadcasts: a subscription that many ask for in the same words is executed and encoded once.

Everything between a collector's flush and the subscribers' queues happens in one step without waiting, so that a
snapshot and the changes after it can never overtake each other.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from graphql import Executor

from api.execution import encode, response
from api.metrics import BROADCASTS, DELIVERED, SKIPPED, SUBSCRIPTIONS
from api.mirror import Mirror

QUEUE_MESSAGES = 32
QUEUE_CHARACTERS = 4_000_000


class Source(Protocol):
    """What a subscription shows: made by its resolver, asked by its broadcast."""

    def snapshot(self, reason: str) -> object:
        """Return all that the subscriber watches, as it is now."""

    def react(self, event: object) -> object | None:
        """Return what an event changes for the subscriber, or None."""


class Subscriber:
    """One client's end: a bounded queue of encoded results."""

    def __init__(self, broadcast: "Broadcast") -> None:
        self._broadcast = broadcast
        self._queue: deque[str] = deque()
        self._characters = 0
        self._behind = False
        self._ready = asyncio.Event()

    def offer(self, result: str) -> None:
        """Take a result; a full queue is dropped, and a fresh snapshot sent in its place when there is room."""
        if self._behind:
            return
        if self._queue and (len(self._queue) >= QUEUE_MESSAGES or self._characters + len(result) > QUEUE_CHARACTERS):
            self._queue.clear()
            self._characters = 0
            self._behind = True
            SKIPPED.inc()
        else:
            self._queue.append(result)
            self._characters += len(result)
        self._ready.set()

    async def next(self) -> str:
        """Wait for the next result."""
        await self._ready.wait()
        if self._behind:
            self._behind = False
            result = self._broadcast.snapshot("TOO_SLOW")
        else:
            result = self._queue.popleft()
            self._characters -= len(result)
        if not self._queue:
            self._ready.clear()
        return result

    def leave(self) -> None:
        """End it."""
        self._broadcast.leave(self)


class Broadcast:
    """One distinct subscription and all who watch it."""

    def __init__(self, source: Source, executor: Executor[Any], mirror: Mirror, ended: Callable[[], None]) -> None:
        self._source = source
        self._executor = executor
        self._mirror = mirror
        self._ended = ended
        self._subscribers: set[Subscriber] = set()
        self._snapshot: tuple[int, str, str] | None = None

    def join(self) -> Subscriber:
        """Add a subscriber, whose first result is a snapshot."""
        subscriber = Subscriber(self)
        subscriber.offer(self.snapshot("STARTED"))
        self._subscribers.add(subscriber)
        SUBSCRIPTIONS.inc()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; the last one ends the broadcast."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
            SUBSCRIPTIONS.dec()
            if not self._subscribers:
                self._ended()

    def snapshot(self, reason: str) -> str:
        """Return an encoded snapshot; who asks at the same moment for the same reason gets the same one."""
        tick = self._mirror.tick
        if self._snapshot is None or self._snapshot[:2] != (tick, reason):
            self._snapshot = (tick, reason, self._encoded(self._source.snapshot(reason)))
        return self._snapshot[2]

    def hear(self, event: object) -> None:
        """Pass an event on to all subscribers, if it changes anything for them."""
        change = self._source.react(event)
        if change is not None:
            result = self._encoded(change)
            DELIVERED.inc(len(self._subscribers))
            for subscriber in self._subscribers:
                subscriber.offer(result)

    def _encoded(self, event: object) -> str:
        result: Any = self._executor.build_per_event_executor(event).execute_operation(False)
        return encode(response(result)).decode()


class Broadcasts:
    """All broadcasts, by what makes two subscriptions the same: document, variables, operation, role."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._running: dict[Hashable, Broadcast] = {}

    def find(self, key: Hashable) -> Broadcast | None:
        """Return a running broadcast."""
        return self._running.get(key)

    def start(self, key: Hashable, source: Source, executor: Executor[Any]) -> Broadcast:
        """Start one, unless somebody did so meanwhile."""
        if key not in self._running:
            self._running[key] = Broadcast(source, executor, self._mirror, lambda: self._end(key))
            BROADCASTS.set(len(self._running))
        return self._running[key]

    def _end(self, key: Hashable) -> None:
        del self._running[key]
        BROADCASTS.set(len(self._running))

    def publish(self, event: object) -> None:
        """Tell all of them of an event."""
        for broadcast in tuple(self._running.values()):
            broadcast.hear(event)
