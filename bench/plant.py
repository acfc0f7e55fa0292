"""A plant for benchmarks: a Modbus TCP server that costs as little as it can, in a process of its own.

`python -m bench.plant PORT ENDPOINTS [MODE]` serves ENDPOINTS ports from PORT on. Each unit answers every read with
registers that hold a counter of the second; MODE `faulty` lets every tenth unit hang, be missing behind its gateway
(exception 11) or answer as another unit.
"""

import asyncio
import struct
import sys
import time

import uvloop

_HEAD = struct.Struct(">HHHBB")


class Unit(asyncio.Protocol):
    """Answers reads of function 1–4, whatever the unit id."""

    faulty = False

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        self.rest = b""

    def data_received(self, data):
        data = self.rest + data
        while len(data) >= 12:
            transaction, _, _, unit, function, address, count = struct.unpack_from(">HHHBBHH", data)
            data = data[12:]
            self.answer(transaction, unit, function, address, count)
        self.rest = data

    def answer(self, transaction, unit, function, address, count):
        if self.faulty and unit % 10 == 0:
            kind = (self.port + unit // 10) % 3
            if kind == 0:
                return  # hangs
            if kind == 1:
                self.transport.write(_HEAD.pack(transaction, 0, 3, unit, function | 0x80) + b"\x0b")
                return
            unit += 1  # lies
        size = (count + 7) // 8 if function <= 2 else 2 * count
        body = registers(address, count) if function > 2 else bytes(size)
        self.transport.write(_HEAD.pack(transaction, 0, 3 + size, unit, function) + bytes([size]) + body)


def registers(address: int, count: int) -> bytes:
    """Return registers whose value changes each second."""
    now = int(time.time())
    return struct.pack(f">{count}H", *[(now + address + i) & 0xFFFF for i in range(count)])


async def serve(port: int, endpoints: int) -> None:
    loop = asyncio.get_running_loop()
    for i in range(endpoints):
        await loop.create_server(Unit, "127.0.0.1", port + i)
    print("ready", flush=True)
    await asyncio.sleep(900)  # a bench that was killed leaves nothing behind


def main() -> None:
    port, endpoints = int(sys.argv[1]), int(sys.argv[2])
    Unit.faulty = sys.argv[3:] == ["faulty"]
    uvloop.run(serve(port, endpoints))


if __name__ == "__main__":
    main()
