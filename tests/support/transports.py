"""pymodbus's servers over every transport, and a peer of datagrams that does what a function says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer, ModbusUdpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from tests.support.ports import free_port
from tests.support.rtu_devices import serial_cable

UNIT = 17
VALUES = [7, 8, 9, 10]
SERVERS = {
    "tls": (ModbusTlsServer, FramerType.TLS),
    "udp": (ModbusUdpServer, FramerType.SOCKET),
    "rtu+udp": (ModbusUdpServer, FramerType.RTU),
    "ascii+udp": (ModbusUdpServer, FramerType.ASCII),
    "ascii+tcp": (ModbusTcpServer, FramerType.ASCII),
}


def registers() -> SimDevice:
    """Return a unit with four registers."""
    return SimDevice(UNIT, [SimData(0, values=VALUES, datatype=DataType.REGISTERS)])


@asynccontextmanager
async def pymodbus_server(scheme: str, **form: object) -> AsyncIterator[str]:
    """pymodbus's server; give back the endpoint."""
    if scheme == "ascii+serial":
        with serial_cable() as (ours, theirs, _):
            async with serving(ModbusSerialServer(registers(), framer=FramerType.ASCII, port=theirs, **form)):
                yield f"ascii+serial://{ours}"
        return
    kind, framer = SERVERS[scheme]
    port = free_port()
    async with serving(kind(registers(), framer=framer, address=("127.0.0.1", port), **form)):
        yield f"{scheme}://127.0.0.1:{port}"


@asynccontextmanager
async def serving(server: ModbusTcpServer | ModbusUdpServer | ModbusSerialServer) -> AsyncIterator[None]:
    """Let a server of pymodbus run."""
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()


class DatagramScript(asyncio.DatagramProtocol):
    """A peer that answers each datagram with those that a function makes of it."""

    def __init__(self, behave: Callable[[bytes], list[bytes]]) -> None:
        self.behave, self.came, self.peers = behave, list[bytes](), list[tuple[str, int]]()
        self.port = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.append(data)
        self.peers.append(addr)
        for reply in self.behave(data):
            self.transport.sendto(reply, addr)


@asynccontextmanager
async def datagrams(behave: Callable[[bytes], list[bytes]]) -> AsyncIterator[DatagramScript]:
    """A peer of datagrams on a free port."""
    transport, script = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: DatagramScript(behave), local_addr=("127.0.0.1", 0)
    )
    script.port = transport.get_extra_info("sockname")[1]
    try:
        yield script
    finally:
        transport.close()
