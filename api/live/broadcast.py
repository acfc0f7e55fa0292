"""Broadcasts: a subscription that many ask for in the same words is executed and encoded once.

Everything between a collector's flush and the subscribers' queues happens in one step without waiting, so that a
snapshot and the changes after it can never overtake each other.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

from api.ground.metrics import BROADCASTS, DELIVERED, QUEUED_BYTES, SKIPPED, SUBSCRIPTIONS, WAITING_SUBSCRIBERS
from api.live.mirror import Mirror
from api.live.resume import Heard
from ddms import tracing

QUEUE_MESSAGES = 32
QUEUE_BYTES = 4_000_000


class Source(ABC):
    """What a subscription shows: made by its resolver, asked by its broadcast."""

    minimum_interval: float = 0.0
    """Seconds for which what an event brought waits for what comes after it; 0 when nothing has to wait."""

    @abstractmethod
    def snapshot(self, reason: str) -> object:
        """Return all that the subscriber watches, as it is now; null when there were errors."""

    @abstractmethod
    def react(self, event: object) -> object | None:
        """Return what an event changes for the subscriber, or None."""

    def hold(self, event: object) -> bool:
        """Keep what an event brought until the minimum interval is over; say whether anything was kept."""
        return False

    def released(self) -> object:
        """Return what was held."""
        raise AssertionError("nothing is held here")

    async def resumed(self, token: str, until: Mapping[str, Heard]) -> Sequence[object]:
        """Return what was missed since the token and before `until`; nothing where a snapshot tells all."""
        return ()

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        """Pass for the stream that GraphQL expects of a subscription's resolver; broadcasts never iterate over it."""
        yield self.snapshot("STARTED")


class Result(NamedTuple):
    """An encoded result; `token` is where to go on after it, for who resumes."""

    payload: bytes
    token: str | None = None


Encoded: TypeAlias = Callable[[object], Result]
"""Executes the subscription's document on one event, and encodes what comes out."""


class Envelope(Protocol):
    """How a message is written for some clients; equal envelopes write it equally, so it is done once for all of them."""

    def __call__(self, result: Result) -> bytes:
        """Return the bytes that are sent."""

    def __hash__(self) -> int: ...


class Sink(Protocol):
    """Where a subscriber's bytes go."""

    def push(self, sent: bytes) -> bool:
        """Send at once, or return False when there is no room."""

    async def push_when_writable(self, sent: bytes) -> None:
        """Send as soon as there is room."""


class Subscriber:
    """One client's end: what it cannot take at once waits in a bounded queue."""

    def __init__(self, broadcast: "Broadcast", envelope: Envelope, sink: Sink) -> None:
        self.envelope = envelope
        self.joined_at = broadcast.heard()
        """What the snapshot, its first result, holds of each collector."""
        self._broadcast = broadcast
        self._sink = sink
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._behind = False
        self._waiting = False
        self._ready = asyncio.Event()

    def offer(self, sent: bytes) -> None:
        """Send what is new, at once if all before it is sent and there is room."""
        if self._waiting or not self._sink.push(sent):
            self.queue(sent)

    def queue(self, sent: bytes) -> None:
        """Keep it; a full queue is dropped, and a fresh snapshot sent in its place when there is room."""
        self._waiting = True
        self._ready.set()
        if self._behind:
            return
        if self._queue and (len(self._queue) >= QUEUE_MESSAGES or self._bytes + len(sent) > QUEUE_BYTES):
            self._queue.clear()
            self._bytes = 0
            self._behind = True
            SKIPPED.inc()
        else:
            self._queue.append(sent)
            self._bytes += len(sent)

    async def run(self, resume_from: str | None = None) -> None:
        """Send what was missed, if there is a token, then what waits, until cancelled."""
        for sent in await self._broadcast.missed(self, resume_from) if resume_from else ():
            await self._sink.push_when_writable(sent)
        while True:
            await self._ready.wait()
            while self._behind or self._queue:
                await self._sink.push_when_writable(self._next())
            self._waiting = False
            self._ready.clear()

    def _next(self) -> bytes:
        if self._behind:
            self._behind = False
            return self.envelope(self._broadcast.snapshot("TOO_SLOW"))
        sent = self._queue.popleft()
        self._bytes -= len(sent)
        return sent

    @property
    def waiting_bytes(self) -> int:
        """How much waits."""
        return self._bytes

    def leave(self) -> None:
        """End it."""
        self._broadcast.leave(self)


class Broadcast:
    """One distinct subscription and all who watch it."""

    def __init__(self, source: Source, encoded: Encoded, mirror: Mirror, ended: Callable[[], None]) -> None:
        self._source = source
        self._encoded = encoded
        self._mirror = mirror
        self._ended = ended
        self._subscribers: dict[Envelope, set[Subscriber]] = {}
        self._snapshot: tuple[int, str, Result] | None = None
        self._release: asyncio.TimerHandle | None = None
        self._released_at = 0.0

    def join(self, envelope: Envelope, sink: Sink) -> Subscriber:
        """Add a subscriber, whose first result is a snapshot."""
        subscriber = Subscriber(self, envelope, sink)
        subscriber.queue(envelope(self.snapshot("STARTED")))
        self._subscribers.setdefault(envelope, set()).add(subscriber)
        SUBSCRIPTIONS.inc()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Remove a subscriber; the last one ends the broadcast."""
        same = self._subscribers.get(subscriber.envelope, set())
        if subscriber in same:
            same.remove(subscriber)
            SUBSCRIPTIONS.dec()
            if not same:
                del self._subscribers[subscriber.envelope]
            if not self._subscribers:
                if self._release:
                    self._release.cancel()
                self._ended()

    def has_snapshot(self) -> bool:
        """Whether a subscriber who joins now gets the result that was executed for the others."""
        return self._snapshot is not None and self._snapshot[:2] == (self._mirror.tick, "STARTED")

    def snapshot(self, reason: str) -> Result:
        """Return an encoded snapshot; who asks at the same moment for the same reason gets the same one."""
        tick = self._mirror.tick
        if self._snapshot is None or self._snapshot[:2] != (tick, reason):
            self._snapshot = (tick, reason, self._encoded(self._source.snapshot(reason)))
        return self._snapshot[2]

    def hear(self, event: object) -> None:
        """Pass an event on to all subscribers, if it changes anything for them."""
        if self._source.hold(event):
            if self._release is None:
                loop = asyncio.get_running_loop()
                due = self._released_at + self._source.minimum_interval
                self._release = loop.call_at(max(due, loop.time()), self._released)
        elif (change := self._source.react(event)) is not None:
            self._send(change)

    def _released(self) -> None:
        self._release, self._released_at = None, asyncio.get_running_loop().time()
        self._send(self._source.released())

    def _send(self, change: object) -> None:
        self._snapshot = None
        result = self._encoded(change)
        with tracing.event(subscribers=sum(map(len, self._subscribers.values())), size=len(result.payload)):
            for envelope, subscribers in self._subscribers.items():
                sent = envelope(result)
                DELIVERED.inc(len(subscribers))
                for subscriber in subscribers:
                    subscriber.offer(sent)

    async def missed(self, subscriber: Subscriber, token: str) -> list[bytes]:
        """Return what a subscriber missed from its token to its snapshot; nothing where a snapshot tells all."""
        events = await self._source.resumed(token, subscriber.joined_at)
        return [subscriber.envelope(self._encoded(event)) for event in events]

    def heard(self) -> Mapping[str, Heard]:
        """Return the newest commit of each collector that subscribers were told of."""
        return dict(self._mirror.heard)

    def waiting(self) -> list[int]:
        """Return how many bytes wait for each subscriber."""
        return [subscriber.waiting_bytes for same in self._subscribers.values() for subscriber in same]


class Broadcasts:
    """All broadcasts, by what makes two subscriptions the same: document, variables, operation, role."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._running: dict[Hashable, Broadcast] = {}

    def find(self, key: Hashable) -> Broadcast | None:
        """Return a running broadcast."""
        return self._running.get(key)

    def start(self, key: Hashable, source: Source, encoded: Encoded) -> Broadcast:
        """Start one, unless somebody did so meanwhile."""
        if key not in self._running:
            self._running[key] = Broadcast(source, encoded, self._mirror, lambda: self._end(key))
            BROADCASTS.set(len(self._running))
        return self._running[key]

    def _end(self, key: Hashable) -> None:
        del self._running[key]
        BROADCASTS.set(len(self._running))

    def measure(self) -> None:
        """Tell the metrics what waits for subscribers."""
        waiting = [size for broadcast in self._running.values() for size in broadcast.waiting() if size]
        QUEUED_BYTES.set(sum(waiting))
        WAITING_SUBSCRIBERS.set(len(waiting))

    def publish(self, event: object) -> None:
        """Tell all of them of an event."""
        for broadcast in tuple(self._running.values()):
            broadcast.hear(event)
