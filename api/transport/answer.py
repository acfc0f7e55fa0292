"""An answer over HTTP: its headers, and gzip where it pays."""

import asyncio
import gzip
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from starlette.types import Send

from api.graphql.context import Context
from api.ground.turns import TryLater
from api.transport.request import GRAPHQL_JSON, JSON, HttpRequest
from ddms.errors import Code, DdmsError

GZIP_BYTES = 4_096
"""From this size an answer is compressed: below, it saves no round trip and costs more than it spares."""

LARGE_BYTES = 65_536
"""From this size it matters whether the client reads."""

_IN_A_THREAD_BYTES = 100_000
_TYPES = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in (JSON, GRAPHQL_JSON)}
_VARY = (b"vary", b"Accept, Accept-Encoding, Accept-Language")
_GZIPPED = (b"content-encoding", b"gzip")


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    media: str
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})
    context: Context | None = None
    """Whose it is, where that is known."""


async def send_answer(send: Send, request: HttpRequest, answer: Answer) -> None:
    """Send it."""
    body = answer.body
    headers = [_TYPES[answer.media], _VARY, (b"x-request-id", request.id.encode())]
    if len(body) >= GZIP_BYTES and request.takes_gzip:
        body = await _compressed(body)
        headers.append(_GZIPPED)
    headers.append((b"content-length", b"%d" % len(body)))
    if answer.headers:
        headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    if answer.context and answer.context.cookies:
        headers += [(b"set-cookie", cookie.encode()) for cookie in answer.context.cookies]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    large = len(body) >= LARGE_BYTES
    await send({"type": "http.response.body", "body": body, "more_body": large})
    if large:  # the server takes this when the client has read what is before it
        await send({"type": "http.response.body", "body": b""})


_STATUS: dict[Code, tuple[int, dict[str, str]]] = {
    Code.UNAUTHENTICATED: (401, {"WWW-Authenticate": "Bearer"}),
    Code.INVALID: (400, {}),
    Code.NOT_FOUND: (400, {}),
    Code.FORBIDDEN: (403, {}),
    Code.CONFLICT: (409, {}),
    Code.RATE_LIMITED: (429, {"Retry-After": "1"}),
}


def status_of(error: DdmsError) -> tuple[int, dict[str, str]]:
    """Return the status and the headers that tell an error over HTTP."""
    status, headers = _STATUS.get(error.code, (503, {"Retry-After": "5"}))
    return status, headers | {"Retry-After": str(error.seconds)} if isinstance(error, TryLater) else headers


async def _compressed(body: bytes) -> bytes:
    if len(body) < _IN_A_THREAD_BYTES:
        return gzip.compress(body, 1, mtime=0)
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0)
