"""Many websocket clients in one process, as cheap as Python allows; used by `bench.live`.

Reads what to do as one line of JSON, prints `ready` when all have their first message, and after each further line
what was heard until then.
"""

import asyncio
import json
import re
import sys
import time
from typing import NamedTuple

import uvloop

DOCUMENT = """subscription ($devices: [ID!]) {{ readings(devices: $devices) {{
  kind columns {{ pointId time value quality }} word{number}: __typename }} }}"""
_TIME = re.compile(rb'"time":\[(\d+)')


class Asked(NamedTuple):
    """How many clients there are, and what they ask for; no documents: the peer, which sends by itself."""

    port: int
    clients: int
    sleepers: int
    secret: str
    documents: int


class Heard:
    """What the clients heard."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.messages = self.characters = 0


class Client(asyncio.Protocol):
    """One client: it shakes hands, subscribes, and measures each change."""

    def __init__(self, heard: Heard, sends: list[bytes], ready: asyncio.Semaphore, *, sleeps: bool) -> None:
        self.heard, self.sends, self.ready, self.sleeps = heard, list(sends), ready, sleeps
        self.buffer = bytearray()
        self.handler = self.shake

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(
            b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.handler():
            pass

    def shake(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        assert self.buffer.startswith(b"HTTP/1.1 101"), bytes(self.buffer)
        del self.buffer[: end + 4]
        self.handler = self.frame
        if self.sends:
            self.transport.write(masked(self.sends.pop(0)))
        else:
            self.ready.release()
        return True

    def frame(self) -> bool:
        buffer, start = self.buffer, 2
        if len(buffer) < 10:
            return False
        size = buffer[1]
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start + size:
            return False
        if buffer[0] == 0x81:
            self.message(buffer[start : min(start + size, start + 30_000)], size)
        del buffer[: start + size]
        return True

    def message(self, text: bytearray, size: int) -> None:
        if self.sends:
            self.transport.write(masked(self.sends.pop(0)))
            if self.sleeps and not self.sends:
                self.transport.pause_reading()
                self.ready.release()
        elif b'"SNAPSHOT"' in text[:200]:
            self.ready.release()
        else:
            self.heard.messages += 1
            self.heard.characters += size
            if self.heard.messages % 7 == 0 and (match := _TIME.search(text)):
                self.heard.lags.append((time.time() - int(match[1]) / 1000) * 1000)


def masked(text: bytes) -> bytes:
    """Return a client's frame, masked by zeros."""
    head = bytes((0x81, 0x80 | len(text))) if len(text) < 126 else b"\x81\xfe" + len(text).to_bytes(2, "big")
    return head + bytes(4) + text


async def ask(asked: Asked) -> list[str]:
    """Return the ids of all devices."""
    reader, writer = await asyncio.open_connection("127.0.0.1", asked.port)
    body = b'{"query":"{ latest { columns { deviceId } } }"}'
    head = f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {asked.secret}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = json.loads((await reader.read()).partition(b"\r\n\r\n")[2])
    writer.close()
    return sorted(set(answer["data"]["latest"]["columns"]["deviceId"]))


async def main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    asked = Asked(**json.loads(await lines.readline()))
    devices = await ask(asked) if asked.documents else []
    heard, ready = Heard(), asyncio.Semaphore(0)
    sleeping = [False] * asked.clients + [True] * asked.sleepers
    for number, sleeps in enumerate(sleeping):
        sends = []
        if asked.documents:
            payload = {
                "query": DOCUMENT.format(number=number % asked.documents),
                "variables": {"devices": devices},
            }
            init = {"type": "connection_init", "payload": {"token": asked.secret}}
            sends = [json.dumps(part).encode() for part in (init, {"id": "1", "type": "subscribe", "payload": payload})]
        await loop.create_connection(
            lambda sends=sends, sleeps=sleeps: Client(heard, sends, ready, sleeps=sleeps), "127.0.0.1", asked.port
        )
    for _ in sleeping:
        await ready.acquire()
    print("ready", flush=True)
    while await lines.readline():
        lags = sorted(heard.lags) or [0.0]
        told = {"messages": heard.messages, "characters": heard.characters}
        print(json.dumps(told | {"p50": lags[len(lags) // 2], "p99": lags[int(0.99 * len(lags))]}), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
