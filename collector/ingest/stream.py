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
        self._link, self._leaf, self._max_bytes = link, leaf, max_bytes
        self.name = f"ddms-{link.site}"
        self.pending = 0
        """Messages in the stream that are not acknowledged yet, as it was seen last."""
        self.newest: datetime | None = None
        """When the last message that was taken came into the stream."""
        self._queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._subscription: Subscription | None = None
        self._delivered = 0
        self._generation = 0
        self._looked = 0.0

    @property
    def _jetstream(self) -> JetStreamContext:
        return self._link.client.jetstream(domain=self._link.site if self._leaf else None)

    async def begin(self) -> None:
        """Make the stream where there is none, and read it from the oldest message; raises `link.TROUBLE`."""
        with heeded():
            await self._begin()

    async def _begin(self) -> None:
        await self.end()
        self._generation, self._delivered, self._queue = self._link.generation, 0, asyncio.Queue()
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

    async def _make(self, stream: JetStreamContext) -> None:
        wanted = StreamConfig(
            name=self.name,
            subjects=[self._link.subject("flush")],
            retention=RetentionPolicy.WORK_QUEUE,
            discard=DiscardPolicy.NEW,
            max_bytes=self._max_bytes,
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
        self.newest, self.pending = found[-1].metadata.timestamp, found[-1].metadata.num_pending
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
        self.pending = (info.num_pending or 0) + (info.num_ack_pending or 0)
        if info.config.deliver_subject != (self._subscription.subject if self._subscription else None):
            raise BegunAnewError("another program reads it")

    async def done(self, messages: Sequence[Msg]) -> None:
        """Acknowledge messages: they are stored."""
        for message in messages:
            await message.ack()

    async def end(self) -> None:
        """Read no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None and self._link.connected:
            with suppress(Exception):  # of a line that was lost
                await subscription.unsubscribe()

    @property
    def lag(self) -> float:
        """How old the newest message is that was taken, in seconds, while others wait behind it; 0 when none does."""
        return max(0.0, (datetime.now(UTC) - self.newest).total_seconds()) if self.newest and self.pending else 0.0


def is_late(message: Msg) -> bool:
    """Return whether a message waited in a spool or in the stream, so that nobody follows its values live."""
    waited = (datetime.now(UTC) - message.metadata.timestamp).total_seconds()
    return waited > LATE_SECONDS or bool(message.headers and "Ddms-Late" in message.headers)
