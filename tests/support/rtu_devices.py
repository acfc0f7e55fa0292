"""RTU devices for the tests: foreign servers on a serial line made of pseudo-terminals, and a scripted one over TCP."""

import asyncio
import os
import select
import struct
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple

import modbus_tk.defines
import serial
from modbus_tk.modbus_rtu import RtuServer

from collector.line.rtu import checksum, framed
from tests.support.devices import serving


@contextmanager
def serial_cable() -> Iterator[tuple[str, str, Callable[[], None]]]:
    """Two serial ports that are wired together; give back their paths, and what pulls the cable out."""
    ends = [os.openpty(), os.openpty()]
    stop, told = os.pipe()
    for master, slave in ends:
        tty.setraw(master)
        tty.setraw(slave)

    def carry() -> None:
        masters = [master for master, _ in ends]
        while True:
            ready, _, _ = select.select([*masters, stop], [], [])
            if stop in ready:
                return
            for source in ready:
                with suppress(OSError):
                    os.write(masters[1 - masters.index(source)], os.read(source, 4096))

    carrier = threading.Thread(target=carry)
    carrier.start()
    open_ends = [fd for end in ends for fd in end]

    def pull() -> None:
        if carrier.is_alive():
            os.write(told, b"x")
            carrier.join()
        while open_ends:
            os.close(open_ends.pop())

    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1]), pull
    finally:
        pull()
        os.close(stop)
        os.close(told)


@contextmanager
def foreign_rtu_server(path: str, *units: int) -> Iterator[RtuServer]:
    """modbus_tk's server at a serial port, with 100 registers and 32 bits in each table of each unit."""
    server = RtuServer(serial.Serial(path, 19_200, timeout=0.05), error_on_missing_slave=False)
    server.set_timeout(0.02)
    for unit in units:
        slave = server.add_slave(unit)
        slave.add_block("words", modbus_tk.defines.HOLDING_REGISTERS, 0, 100)
        slave.add_block("inputs", modbus_tk.defines.ANALOG_INPUTS, 0, 100)
        slave.add_block("coils", modbus_tk.defines.COILS, 0, 32)
        slave.add_block("contacts", modbus_tk.defines.DISCRETE_INPUTS, 0, 32)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.close()


class RtuRequest(NamedTuple):
    """A read request as it came."""

    unit: int
    function: int
    address: int
    count: int


def rtu_request(unit: int, function: int, address: int, count: int) -> bytes:
    """Return a read request with its checksum."""
    return framed(struct.pack(">BBHH", unit, function, address, count))


def rtu_words(request: RtuRequest, value: int = 7, *, unit: int | None = None, function: int | None = None) -> bytes:
    """Return an answer whose registers all hold `value`, or one of another unit or function."""
    head = bytes([request.unit if unit is None else unit, function or request.function, 2 * request.count])
    return framed(head + struct.pack(">H", value) * request.count)


def rtu_exception(request: RtuRequest, code: int) -> bytes:
    """Return an exception answer."""
    return framed(bytes([request.unit, request.function | 0x80, code]))


class RtuScript:
    """A device that does what a function says: bytes to send (a list: one after the other), None for silence."""

    def __init__(self, behave: Callable[[RtuRequest], "bytes | list[bytes | float] | None"]) -> None:
        self.behave = behave
        self.requests: list[RtuRequest] = []
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while frame := await reader.readexactly(8):
                assert frame[6:] == checksum(frame[:6])
                request = RtuRequest(*struct.unpack(">BBHH", frame[:6]))
                self.requests.append(request)
                reply = self.behave(request)
                for part in reply if isinstance(reply, list) else [reply]:
                    if isinstance(part, float):
                        await asyncio.sleep(part)
                    elif part is not None:
                        writer.write(part)
                        await writer.drain()
                        await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def scripted_rtu(behave: Callable[[RtuRequest], "bytes | list[bytes | float] | None"]):
    """Serve a device that speaks RTU frames over TCP and does what a function says."""
    return serving(RtuScript(behave))


@asynccontextmanager
async def serial_gateway(path: str):
    """A gateway that passes bytes between its TCP port and a serial port, as a serial server does; give the port."""
    link = serial.Serial(path, 19_200, timeout=0)
    loop = asyncio.get_running_loop()
    clients: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.append(writer)
        while data := await reader.read(256):
            os.write(link.fileno(), data)
        writer.close()

    def answered() -> None:
        data = os.read(link.fileno(), 256)
        for writer in clients:
            writer.write(data)

    loop.add_reader(link.fileno(), answered)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        loop.remove_reader(link.fileno())
        link.close()
        for writer in clients:
            writer.transport.abort()
        await asyncio.sleep(0.05)
