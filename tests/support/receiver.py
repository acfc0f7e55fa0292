"""A receiver of webhooks: a bare HTTP server that answers as it is told, and keeps what came."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """A message as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def says(status: int, *headers: str, body: bytes = b"") -> Answer:
    """Answer with a status."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join([f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *headers])
        writer.write(f"{head}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


@dataclass
class Receiver:
    """What came, and how it is answered; told of each message by `came`."""

    url: str = ""
    answer: Answer = field(default_factory=lambda: says(204))
    got: list[Received] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def wait(self, count: int) -> list[Received]:
        """Wait until so many messages came."""
        async with asyncio.timeout(60), self.came:
            await self.came.wait_for(lambda: len(self.got) >= count)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                pairs = [line.partition(": ") for line in head.splitlines()[1:] if line]
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                async with self.came:
                    self.got.append(Received(headers, body))
                    self.came.notify_all()
                await self.answer(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serve a receiver on a free port of the loopback."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    receiver.url = f"http{'s' if context else ''}://127.0.0.1:{port}/told?key=s3cret"
    try:
        yield receiver
    finally:
        server.close()
