"""How a message is sent: signed as Standard Webhooks says, to no address that the owner does not allow, within its time.

An address is checked when it is connected to, so that a name which gets another one leads nowhere else; redirects are not
followed, proxies of the environment are not used, and of an answer no more is read than is needed to tell what was wrong.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import asyncio
import hmac
import secrets
import socket
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from ddms import VERSION
from ddms.errors import Sentence
from ddms.targets import Targets

SECONDS = 10.0
"""All of an attempt: name, connection, TLS, request, answer."""
MOST_CONNECTIONS = 8
"""To one target."""
_ANSWER_BYTES = 300
_PREFIX = "whsec_"


def new_secret() -> str:
    """Return a secret as libraries of Standard Webhooks take it."""
    return _PREFIX + b64encode(secrets.token_bytes(32)).decode()


def signature(keys: Iterable[str], event: str, timestamp: int, body: bytes) -> str:
    """Return the header webhook-signature: one signature for each secret, so that a receiver has either while they change."""
    signed = f"{event}.{timestamp}.".encode() + body
    each = (hmac.digest(b64decode(key.removeprefix(_PREFIX)), signed, sha256) for key in keys)
    return " ".join(f"v1,{b64encode(one).decode()}" for one in each)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of an attempt; no `error`: it was taken."""

    status: int | None = None
    error: str | None = None
    seconds: float = 0.0


class _Refused(Exception):  # noqa: N818 - the address is
    """An address that may not be spoken to."""


_NAMES = ThreadPoolExecutor(16, "webhook-names")
"""A look-up that hangs cannot be ended: it holds up no thread that others wait for."""


async def _addresses(host: str) -> list[str]:
    """Return the addresses of a host, each once."""
    with suppress(ValueError):
        return [str(ip_address(host))]
    found = await asyncio.get_running_loop().run_in_executor(
        _NAMES, partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@cache
def _trust() -> ssl.SSLContext:
    """Return whose certificates are believed: read once, since that takes a while."""
    return ssl.create_default_context()


class _Guarded(httpcore2.AnyIOBackend):
    """Connects to allowed addresses only: what is checked is what is connected to."""

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self._targets = targets

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        """Look a name up, and connect to the first address that is allowed and answers; of forbidden ones none is tried."""
        addresses = await _addresses(host)
        for address in addresses:
            if not self._targets.may_reach(host, ip_address(address.partition("%")[0])):
                raise _Refused(address)
        for address in addresses[:-1]:
            try:
                return await super().connect_tcp(address, port, *arguments, **named)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(addresses[-1], port, *arguments, **named)


class Sender:
    """Sends to one target, over a few connections that stay open between messages."""

    def __init__(self, targets: Iterable[str]) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=_trust(),
            max_connections=MOST_CONNECTIONS,
            keepalive_expiry=30.0,
            network_backend=_Guarded(Targets.of(targets)),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def send(self, url: str, keys: Iterable[str], event: str, body: bytes) -> Outcome:
        """Send a message once; whatever goes wrong is in the outcome."""
        began = time.monotonic()
        status, error = None, None
        try:
            async with asyncio.timeout(SECONDS):
                status, error = await self._sent(url, keys, event, body)
        except _Refused as refused:
            error = Sentence("{} is not among DDMS_WEBHOOK_TARGETS", str(refused))
        except TimeoutError:
            error = Sentence("no answer in {} s", f"{SECONDS:.0f}")
        except Exception as broken:  # noqa: BLE001 - whatever a target does is its own failure
            error = f"{type(broken).__name__}: {broken}"[:_ANSWER_BYTES].rstrip(": ")
        return Outcome(status=status, error=error, seconds=time.monotonic() - began)

    async def _sent(self, url: str, keys: Iterable[str], event: str, body: bytes) -> tuple[int, str | None]:
        timestamp = int(time.time())
        headers: Mapping[str, str] = {
            "Host": urlsplit(url).netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": f"DDMS/{VERSION}",
            "Webhook-Id": event,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": signature(keys, event, timestamp, body),
        }
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
            if 200 <= response.status < 300:
                await _begun(response, 65_536)  # the rest of a short answer, so that the connection can be used again
                return response.status, None
            if 300 <= response.status < 400:
                return response.status, Sentence("it leads elsewhere ({}), which is not followed", response.status)
            said = (await _begun(response, _ANSWER_BYTES)).decode("utf-8", "replace").strip()
            return response.status, f"{response.status} {said}".strip()[:_ANSWER_BYTES]


async def _begun(response: httpcore2.Response, most: int) -> bytes:
    """Return the beginning of an answer; what is longer is not read, and its connection is closed."""
    said = b""
    async for part in response.aiter_stream():
        said += part
        if len(said) >= most:
            break
    return said[:most]
