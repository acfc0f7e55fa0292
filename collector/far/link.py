"""The line to NATS: connected again for ever, and what is told, published and asked over it.

A site has three subjects: `ddms.<site>.flush` is kept by its stream; `ddms.<site>.ask` is answered by `ddms ingest`, which
tells changes on `ddms.<site>.told`. Answers come to `_INBOX_<site>`, so that no site may hear or forge those of another.
"""

import asyncio
import logging
import ssl
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nats.errors
import nats.js.errors
import orjson
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg

from collector.line.requests import tune
from ddms import nkeys
from ddms.errors import Code, DdmsError
from ddms.settings import Settings

ACK_SECONDS, ASK_SECONDS = 5.0, 10.0
CONNECT_SECONDS, CLOSE_SECONDS, AGAIN_SECONDS = 5, 3.0, 1
DEAD_MS = 30_000
"""For how long the other end may acknowledge nothing that is on its way to it."""

logger = logging.getLogger("ddms.nats")

Heard = Callable[[str, str], None]
"""Takes a channel and what was told on it."""

TROUBLE = (nats.errors.Error, nats.js.errors.Error, OSError)
"""All that comes instead of an answer when something is wrong with NATS; `TimeoutError` is an `OSError`."""


@contextmanager
def heeded() -> Iterator[None]:
    """Let nobody wait for the end of a program in vain.

    What NATS's client waits with, `asyncio.wait_for`, forgets on Python 3.11 that it was cancelled when the answer comes in
    the same moment; then a program that is told once to end goes on for ever.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


class _Client(Client):
    """Gives up a line that is dead, though it says nothing: what is on its way keeps a quarter of an hour for it else."""

    ended = False
    """Whether it shall connect no more: what ends its attempts may be forgotten too (see `heeded`)."""

    def end(self) -> None:
        """Let no other attempt begin."""
        self.ended = True

    async def _connect_to_server(self, s: Srv) -> None:
        if self.ended:
            raise asyncio.CancelledError
        await super()._connect_to_server(s)
        tune(self._transport._bare_io_writer.get_extra_info("socket"), DEAD_MS)  # type: ignore[union-attr]


class Link:
    """One connection to NATS in the name of a site. `on_change` is called when it is lost, and when it is back."""

    def __init__(self, settings: Settings, site: str, program: str) -> None:
        self.site = site
        self.on_change: Callable[[], None] = lambda: None
        self.generation = 0
        """Grows each time that it was lost: what was on its way then may be gone."""
        self._settings, self._program = settings, program
        self.client = _Client()
        self._is_begun = False
        self.listeners: list[Heard] = []
        self._why: Exception | None = None
        self._refused: Exception | None = None

    @property
    def connected(self) -> bool:
        """Whether the server is there."""
        return bool(self.client.is_connected)

    @property
    def most_bytes(self) -> int:
        """The largest message that the server takes."""
        return int(self.client.max_payload)

    def subject(self, what: str) -> str:
        """Return a subject of the site."""
        return f"ddms.{self.site}.{what}"

    async def open(self) -> None:
        """Connect; raises `DdmsError`. What is lost later is connected again by itself, for ever."""
        settings = self._settings
        client, self._why = _Client(), None
        where, account = _account(settings)
        identity = account | _identity(settings.nats_credentials, client)
        connecting = client.connect(
            where,
            name=f"ddms-{self._program}",
            inbox_prefix=f"_INBOX_{self.site}",
            connect_timeout=CONNECT_SECONDS,
            reconnect_time_wait=AGAIN_SECONDS,
            max_reconnect_attempts=-1,
            ping_interval=10,
            pending_size=0,  # what is said while it is away fails at once, and waits where it is safe
            tls=_tls(settings),
            disconnected_cb=self._lost,
            reconnected_cb=self._back,
            error_cb=self._trouble,
            **identity,
        )
        self.client, self._is_begun = client, True
        # By itself it would try for ever, and may forget that it was told to end: its next attempt ends it then.
        ending = asyncio.get_running_loop().call_later(CONNECT_SECONDS + 2, client.end)
        try:
            async with asyncio.timeout(CONNECT_SECONDS + 1):
                with heeded():
                    await connecting
        except TROUBLE as error:
            await self.close()
            raise explain(self._why or error) from error
        finally:
            ending.cancel()
        self.on_change()

    async def _lost(self) -> None:
        self.generation += 1
        self._refused = None
        self.on_change()

    async def _back(self) -> None:
        self.on_change()

    async def _trouble(self, error: Exception) -> None:
        if "authorization" not in str(self._why).lower():  # what comes after it says only that the line was cut
            self._why = error
        if _is_refusal(error):
            self._refused = error
        logger.debug("NATS: %r", error)

    async def publish(self, body: bytes, name: str, *, late: bool, headers: Mapping[str, str] | None = None) -> None:
        """Hand a message over to the stream; returns when it is kept there. Raises `TROUBLE`.

        A message of the same name is kept once, so what was cut off may be published again.
        """
        told = {"Nats-Msg-Id": name} | ({"Ddms-Late": "1"} if late else {}) | dict(headers or {})
        try:
            with heeded():
                await self.client.jetstream(timeout=ACK_SECONDS).publish(self.subject("flush"), body, headers=told)
        except TimeoutError:
            if self._refused:
                raise self._refused from None
            raise

    async def ask(self, question: dict[str, Any]) -> Any:
        """Ask `ddms ingest`; raises `DdmsError`, also for what it refuses."""
        try:
            with heeded():
                answer = await self.client.request(self.subject("ask"), pack(question), timeout=ASK_SECONDS)
            found = unpack(answer.data)
        except (*TROUBLE, ValueError, zlib.error) as error:
            raise explain(self._refused or error) from error
        if "error" in found:
            raise DdmsError(Code(found["code"]), found["error"])
        return found["found"]

    async def listen(self) -> None:
        """Call the listeners with each `<channel> <payload>` that the site is told; also after the line was lost."""

        async def told(message: Msg) -> None:
            channel, _, payload = message.data.decode(errors="replace").partition(" ")
            for hear in list(self.listeners):
                hear(channel, payload)

        await self.client.subscribe(self.subject("told"), cb=told)

    async def close(self) -> None:
        """Hang up; a server that does not take what is on its way to it is not waited for."""
        self.client.end()
        if self._is_begun and not self.client.is_closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    with heeded():
                        await self.client.close()


def pack(content: Any) -> bytes:
    """Return what is asked or answered as bytes."""
    return zlib.compress(orjson.dumps(content), 1)


def unpack(body: bytes, most: int = 256 * 1024**2) -> Any:
    """Return what was packed; raises `ValueError` or `zlib.error`, also when it is larger than that."""
    inflate = zlib.decompressobj()
    content = inflate.decompress(body, most)
    if inflate.unconsumed_tail:
        raise ValueError("it is too large")
    return orjson.loads(content)


def _is_refusal(error: BaseException) -> bool:
    return "permissions violation" in str(error).lower()


def explain(error: BaseException) -> DdmsError:
    """Turn what is wrong with NATS into a sentence that says what to do."""
    if isinstance(error, DdmsError):
        return error
    said = str(error) or type(error).__name__
    if isinstance(error, nats.errors.NoRespondersError):
        said = "nobody answers for this site: does `ddms ingest` run, and does DDMS_INGEST_SITES name the site?"
    elif isinstance(error, nats.js.errors.NoStreamResponseError):
        said = "the site has no stream yet: `ddms ingest` makes it when it first reaches the server"
    elif isinstance(error, nats.js.errors.APIError) and error.description:
        said = f"the stream takes nothing ({error.description}): does `ddms ingest` run? DDMS_INGEST_STREAM_MAX_BYTES is its size"
    elif _is_refusal(error):
        said = f"NATS does not let this site speak ({said}): do DDMS_SITE and the key belong together in hub.conf?"
    elif "authorization" in said.lower():
        said = (
            "NATS refuses the user, password or key: check DDMS_NATS_URL, DDMS_NATS_PASSWORD and DDMS_NATS_CREDENTIALS"
        )
    else:
        said = f"NATS cannot be reached ({said}): is it running, is DDMS_NATS_URL right?"
    return DdmsError(Code.UNAVAILABLE, said)


def _account(settings: Settings) -> tuple[str, dict[str, str]]:
    """Return where the server is, and who we are by a password."""
    url = urlsplit(settings.nats_url or "")
    if settings.nats_password is None:
        return url.geturl(), {}
    where = url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
    return where, {"user": unquote(url.username or ""), "password": settings.nats_password}


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.nats_ca is None:
        return ssl.create_default_context() if (settings.nats_url or "").startswith("tls:") else None
    try:
        return ssl.create_default_context(cafile=settings.nats_ca)
    except OSError as error:  # an SSLError is one
        sentence = f"{settings.nats_ca} cannot be read as certificates in PEM ({error}): DDMS_NATS_CA names the file of the authority"
        raise DdmsError(Code.SETTINGS, sentence, field="DDMS_NATS_CA") from error


def _identity(path: Path | None, client: Client) -> dict[str, Any]:
    """Return what proves who we are, by the seed in a file; the client's own way would need another library."""
    if path is None:
        return {}
    key = nkeys.read(path)
    client._public_nkey = key.public
    token = key.token
    return {"signature_cb": key.sign} | ({"user_jwt_cb": lambda: token} if token is not None else {})


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than that."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
