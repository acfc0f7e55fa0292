"""Modbus devices for the tests: foreign servers that we did not write, and a scripted one that misbehaves."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from pyModbusTCP.server import DataBank, ModbusServer

from tests.support.ports import free_port

HANG_UP = b""
"""In a list of what to send: close the connection."""
Request = tuple[int, int, int, int, int]
"""Transaction, unit, function, address, count."""


@contextmanager
def foreign_server(port: int = 0) -> Iterator[tuple[int, DataBank]]:
    """pyModbusTCP's server on a free port; give back the port and its registers."""
    port = port or free_port()
    server = ModbusServer("127.0.0.1", port, no_block=True)
    server.start()
    try:
        yield port, server.data_bank
    finally:
        server.stop()


def answer(request: Request, data: bytes, *, unit: int | None = None, transaction: int | None = None) -> bytes:
    """Return a right answer to a request, or one from another unit or with another transaction id."""
    body = bytes([request[2], len(data)]) + data
    head = struct.pack(
        ">HHHB",
        request[0] if transaction is None else transaction,
        0,
        len(body) + 1,
        request[1] if unit is None else unit,
    )
    return head + body


def exception(request: Request, code: int) -> bytes:
    """Return an exception answer."""
    return struct.pack(">HHHBBB", request[0], 0, 3, request[1], request[2] | 0x80, code)


def words(request: Request, value: int = 7) -> bytes:
    """Return an answer whose registers all hold `value`."""
    return answer(request, struct.pack(">H", value) * request[4])


class Script:
    """A device that does what a function says: bytes to send, None for silence, an exception to hang up."""

    def __init__(self, behave: Callable[[Request], "bytes | list[bytes] | None"]) -> None:
        self.behave = behave
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while head := await reader.readexactly(12):
                transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", head)
                request = (transaction, unit, function, address, count)
                self.requests.append(request)
                self.times.append(asyncio.get_running_loop().time())
                reply = self.behave(request)
                for part in reply if isinstance(reply, list) else [reply]:
                    if part == HANG_UP:
                        return
                    if part is not None:
                        writer.write(part)
                        await writer.drain()
                        await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(script):
    """Serve a scripted device, which has `talk`, `port` and `writers`, on a free port of the loopback interface."""
    server = await asyncio.start_server(script.talk, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for writer in script.writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)


def scripted(behave: Callable[[Request], "bytes | list[bytes] | None"]):
    """Serve a device that speaks Modbus TCP and does what a function says."""
    return serving(Script(behave))


class Counter:
    """A device whose register says how often it was read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, request):
        self.count += 1
        return answer(request, struct.pack(">H", self.count) * request[4])
