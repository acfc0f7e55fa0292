"""A connection to a broker: MQTT 3.1.1 as far as a publisher needs it.

Whole batches are written at once, and what was published counts as taken when the broker said so: it acknowledges what has
QoS 1, and answers a ping, before which it has read all that has QoS 0.
https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ddms.errors import Sentence
from ddms.settings import Settings

KEEP_ALIVE, PATIENCE = 30, 15.0
"""Seconds until the broker gives a silent client up, and until we give up a broker that does not answer."""
MOST_IN_FLIGHT = 1_000
"""Messages of QoS 1 that are not acknowledged yet."""
LONGEST_ANSWER = 1_000_000

CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0, 0xD0
DISCONNECT = b"\xe0\x00"
REFUSALS = {
    1: "it does not speak MQTT 3.1.1",
    2: "it refuses the client's name; set DDMS_MQTT_NODE",
    3: "it is not ready",
    4: "user or password is wrong: check DDMS_MQTT_URL and DDMS_MQTT_PASSWORD",
    5: "the user may not connect: check DDMS_MQTT_URL, DDMS_MQTT_PASSWORD and the broker's rights",
}


class Message(NamedTuple):
    """What is published; one that is retained is given to whoever subscribes later."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


def _length(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _text(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return len(raw).to_bytes(2, "big") + raw


def packet(kind: int, *parts: bytes) -> bytes:
    """Return a packet: its first byte, how long it is, and its parts."""
    body = b"".join(parts)
    return bytes([kind]) + _length(len(body)) + body


def _connect(client: str, user: str | None, password: str | None, will: Message | None) -> bytes:
    flags = (
        0x02
        | (0 if will is None else 0x04 | will.qos << 3 | will.retain << 5)
        | (user is not None) << 7
        | (password is not None) << 6
    )
    head = _text("MQTT") + bytes([4, flags]) + KEEP_ALIVE.to_bytes(2, "big")
    login = [_text(each) for each in (user, password) if each is not None]
    last = [] if will is None else [_text(will.topic), _text(will.payload)]
    return packet(0x10, head, _text(client), *last, *login)


def _found(came: bytes, at: int) -> tuple[int, int, int] | None:
    """Return the next packet: its first byte, where its body begins, and where it ends; None: more of it has to come."""
    head = came[at + 1 : at + 5]
    size = next((place + 1 for place, byte in enumerate(head) if byte < 0x80), 0)
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[:size]))
    if length > LONGEST_ANSWER or (not size and len(head) == 4):
        raise ConnectionError("it does not answer as a broker does")
    end = at + 1 + size + length
    return (came[at], end - length, end) if size and end <= len(came) else None


class Broker:
    """An open connection. Whatever goes wrong ends it, and is an `OSError` for whoever uses it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._number = 0
        self._unacknowledged: set[int] = set()
        self._pings = 0
        self._moved = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None

    @classmethod
    async def connect(cls, settings: Settings, client: str, will: Message | None) -> "Broker":
        """Connect to the broker of the settings, which publishes the will when we are gone without a word."""
        assert settings.mqtt_url  # noqa: S101 - without it nothing is published
        url = urlsplit(settings.mqtt_url)
        safe = url.scheme == "mqtts"
        user = None if url.username is None else unquote(url.username)
        given = settings.mqtt_password or (None if url.password is None else unquote(url.password))
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(
                url.hostname,
                url.port or (8883 if safe else 1883),
                ssl=ssl.create_default_context(cadata=settings.mqtt_ca) if safe else None,
            )
            broker = cls(reader, writer)
            try:
                writer.write(_connect(client, user, given if user is not None else None, will))
                await broker._welcome()
            except BaseException:
                writer.transport.abort()
                raise
        broker._reading = asyncio.create_task(broker._read())
        return broker

    async def _welcome(self) -> None:
        try:
            head = await self._reader.readexactly(4)
        except asyncio.IncompleteReadError as error:  # no OSError; a port of TLS that is spoken to plainly does so
            why = (
                "it closes the connection without a word: check the port, and whether it is mqtts://, in DDMS_MQTT_URL"
            )
            raise ConnectionError(why) from error
        if head[:2] != bytes([CONNACK, 2]):
            raise ConnectionError("it does not answer as a broker does")
        if head[3]:
            raise ConnectionError(REFUSALS.get(head[3], f"it refuses us ({head[3]})"))

    async def publish(self, messages: Iterable[Message]) -> None:
        """Publish messages in their order; return when the broker has them all."""
        parts: list[bytes] = []
        for message in messages:
            parts.append(self._publication(message))
            if len(self._unacknowledged) >= MOST_IN_FLIGHT or len(parts) >= 10 * MOST_IN_FLIGHT:
                await self._taken(parts)
                parts = []
        if parts:
            await self._taken(parts)

    def _publication(self, message: Message) -> bytes:
        head = message.topic.encode()
        head = len(head).to_bytes(2, "big") + head
        if message.qos:
            self._number = self._number % 0xFFFF + 1
            self._unacknowledged.add(self._number)
            head += self._number.to_bytes(2, "big")
        kind = bytes([PUBLISH | message.qos << 1 | message.retain])
        return kind + _length(len(head) + len(message.payload)) + head + message.payload

    async def _taken(self, parts: list[bytes]) -> None:
        self._writer.write(b"".join(parts) + bytes([PINGREQ, 0]))
        self._pings += 1
        await self._until(lambda: not self._unacknowledged and not self._pings)

    async def ping(self) -> None:
        """Ask whether the broker is there; it gives up who says nothing for long."""
        await self._taken([])

    async def subscribe(self, topic: str) -> None:
        """Ask for the messages of a topic, for `on_message`."""
        self._number = self._number % 0xFFFF + 1
        self._unacknowledged.add(self._number)
        self._writer.write(packet(SUBSCRIBE, self._number.to_bytes(2, "big"), _text(topic), b"\x01"))
        await self._until(lambda: not self._unacknowledged)

    async def _until(self, true: Callable[[], bool]) -> None:
        """Wait for the broker; one that says nothing at all for `PATIENCE` is given up, one that is slow is not."""
        while not true():
            self.check()
            self._moved.clear()
            async with asyncio.timeout(PATIENCE):
                await self._moved.wait()

    def check(self) -> None:
        """Raise what ended the connection, if something did."""
        if self._reading and self._reading.done():
            failed = None if self._reading.cancelled() else self._reading.exception()
            raise failed or ConnectionError("the broker closed the connection")

    async def _read(self) -> None:
        """Hear the broker, many packets at once: of each message it says that it has it."""
        came = b""
        try:
            while more := await self._reader.read(65_536):
                came, at = came + more, 0
                while found := _found(came, at):
                    kind, begin, at = found
                    self._hear(kind, came[begin:at])
                came = came[at:]
                self._moved.set()
            raise ConnectionError("the broker closed the connection")
        finally:
            self._moved.set()

    def _hear(self, kind: int, body: bytes) -> None:
        if kind in {PUBACK, SUBACK}:
            self._unacknowledged.discard(int.from_bytes(body[:2], "big"))
        elif kind == PINGRESP:
            self._pings -= 1
        elif kind & 0xF0 == PUBLISH:
            self._take(kind, body)

    def _take(self, kind: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic, payload = body[2:end].decode("utf-8", "replace"), body[end:]
        if kind & 0x06:  # what is asked for with QoS 1 is acknowledged
            self._writer.write(packet(PUBACK, payload[:2]))
            payload = payload[2:]
        self.on_message(topic, payload)

    async def close(self, last: Iterable[Message] = ()) -> None:
        """Publish last words, if the connection still is, and end it: the will is not published then."""
        with suppress(OSError):
            async with asyncio.timeout(2):
                self.check()
                await self.publish(last)
                self._writer.write(DISCONNECT)
                await self._writer.drain()
        await self.abort()

    async def abort(self) -> None:
        """End the connection without a word."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        with suppress(OSError):
            self._writer.close()
            async with asyncio.timeout(1):
                await self._writer.wait_closed()


def explain(settings: Settings, error: BaseException) -> Sentence:
    """Return what is wrong with the broker, in a sentence that says where it is looked for."""
    assert settings.mqtt_url  # noqa: S101 - it was asked for
    url = urlsplit(settings.mqtt_url)
    where = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
    why = str(error) or ("it does not answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
    return Sentence("the MQTT broker {} cannot be told anything: {}", where, why)
