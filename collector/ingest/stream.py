"""A site's stream: its messages in their order, from the oldest that is not acknowledged.

The consumer is made anew each time that its messages are begun to be read, so all that was not acknowledged comes again,
in order: what a program held that was killed does not come behind newer ones. It numbers what it delivers; a number
that is missing, or one that comes twice, means that it is to be begun anew.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, DiscardPolicy, RetentionPolicy, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

from collector.far.link import Link, heeded

CONSUMER = "ingest"
MOST_MESSAGES, MOST_BYTES = 256, 4_000_000
"""In one turn: how many are on their way at once, and how many bytes are stored together."""
ACK_WAIT_SECONDS, DUPLICATE_SECONDS = 600.0, 120.0
LOOK_SECONDS = 5.0
LATE_SECONDS = 30.0


class BegunAnewError(Exception):
    """What was being read is to be begun anew, for this reason."""


class SiteStream:
    """The messages of one site. `leaf`: its stream lies on its own leaf node, in the domain of the site's name."""

    def __init__(self, link: Link, *, leaf: bool, max_bytes: int) -> None:
        self._link, self._leaf, self._wanted_bytes = link, leaf, max_bytes
        self.name = f"ddms-{link.site}"
        self.is_known = False
        """Whether what is said here of the stream is ours to say: another program may read it."""
        self.pending = 0
        """Messages in the stream that are not acknowledged yet, as it was seen last."""
        self.bytes = self.max_bytes = 0
        """How large the stream is, and may become, as it was seen last."""
        self.newest: datetime | None = None
        """When the last message that was stored came into the stream."""
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._taken: Sequence[Msg] = ()
        self._noticed: datetime | None = None
        self._subscription: Subscription | None = None
        self._delivered = 0
        self._generation = 0
        self._looked = 0.0

    @property
    def missing(self) -> str:
        """What to do when nobody answers for the stream."""
        if self._leaf:
            return f"its stream is not reached: is its leaf node connected, with JetStream in the domain {self._link.site}?"
        return "the server has no JetStream: hub.conf in docs/sites.md has how it is switched on"

    @property
    def _jetstream(self) -> JetStreamContext:
        return self._link.client.jetstream(domain=self._link.site if self._leaf else None)

    async def begin(self) -> None:
        """Make the stream where there is none, and read it from the oldest message; raises `link.TROUBLE`."""
        with heeded():
            await self._begin()

    async def _begin(self) -> None:
        await self.end()
        self._generation, self._delivered, self._queue, self._taken = self._link.generation, 0, asyncio.Queue(), ()
        stream = self._jetstream
        await self._make(stream)
        with suppress(NotFoundError):
            await stream.delete_consumer(self.name, CONSUMER)
        inbox = self._link.client.new_inbox()
        queue = self._queue
        self._subscription = await self._link.client.subscribe(inbox, cb=queue.put)
        made = ConsumerConfig(
            durable_name=CONSUMER,
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=MOST_MESSAGES,
        )
        await stream.add_consumer(self.name, made)
        self.is_known = True

    async def _make(self, stream: JetStreamContext) -> None:
        wanted = StreamConfig(
            name=self.name,
            subjects=[self._link.subject("flush")],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=self._wanted_bytes,
            duplicate_window=DUPLICATE_SECONDS,
        )
        try:
            await stream.add_stream(wanted)
        except BadRequestError:  # it is there, with another size
            await stream.update_stream(wanted)

    async def take(self) -> Sequence[Msg]:
        """Return the next messages, in order, as many as are there; none after a while without any.

        Raises `BegunAnewError`.
        """
        await self._look()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = [await self._queue.get()]
        except TimeoutError:
            return []
        size = len(found[0].data)
        while size < MOST_BYTES and not self._queue.empty():
            found.append(self._queue.get_nowait())
            size += len(found[-1].data)
        for message in found:
            self._delivered += 1
            about = message.metadata
            if about.sequence.consumer != self._delivered or about.num_delivered != 1:
                raise BegunAnewError("a message is missing or came twice")
        self._taken, self.pending = found, found[-1].metadata.num_pending + len(found)
        return found

    async def _look(self) -> None:
        """See that the consumer is there: another program may have begun anew, or the stream is gone."""
        if self._link.generation != self._generation:
            raise BegunAnewError("the line was lost")
        if monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = monotonic()
        with heeded():
            info = await self._jetstream.consumer_info(self.name, CONSUMER)
        if info.config.deliver_subject != (self._subscription.subject if self._subscription else None):
            raise BegunAnewError("another program reads it")

    async def done(self, messages: Sequence[Msg]) -> None:
        """Acknowledge messages: they are stored."""
        for message in messages:
            await message.ack()
        self.newest, self._taken, self._noticed = messages[-1].metadata.timestamp, (), None
        self.pending = max(0, self.pending - len(messages))

    async def measure(self) -> None:
        """See how much is in the stream; raises `link.TROUBLE`."""
        with heeded():
            info = await self._jetstream.stream_info(self.name)
        self.pending, self.bytes, self.max_bytes = info.state.messages, info.state.bytes, info.config.max_bytes or 0
        self._noticed = (self._noticed or datetime.now(UTC)) if self.pending else None

    async def end(self) -> None:
        """Read no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._link.connected:
            with suppress(Exception):  # of a line that was lost
                await subscription.unsubscribe()

    @property
    def waiting_since(self) -> datetime | None:
        """When the oldest message that is not stored came, or was first seen to be there; None when none waits."""
        waiting = self._taken or self._queue._queue  # type: ignore[attr-defined]
        return waiting[0].metadata.timestamp if waiting else self._noticed

    @property
    def lag(self) -> float:
        """How old the oldest message is that is not stored, in seconds; 0 when none waits."""
        since = self.waiting_since
        return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0


def is_late(message: Msg) -> bool:
    """Return whether a message waited in a spool or in the stream, so that nobody follows its values live."""
    waited = (datetime.now(UTC) - message.metadata.timestamp).total_seconds()
    return waited > LATE_SECONDS or bool(message.headers and "Ddms-Late" in message.headers)


def trace_of(message: Msg) -> str | None:
    """Return the `traceparent` of what published a message, where that is traced."""
    return (message.headers or {}).get("traceparent")
