"""A part of the field of `bench.look` that is really there: gateways that a real collector polls, so that its metrics are of polls.

They serve the plant's own values. One is as it should be, on one a unit refuses, one is too slow for what is asked of it.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.latest import free_port
from bench.look_signals import Signals
from bench.plant import Unit
from ddms.database import Connection

COLLECTOR = "hall-south"
REGISTERS = 4
"""So many has each point of a device, one after the other, as `look_plant.INSERT_POINTS` has it."""
_HEAD = struct.Struct(">HHHBB")
_PACKED = {"float32": ">f", "uint16": ">H", "uint32": ">I", "bool": ">H"}
NUMBERED = "format('tcp://10.20.%s.%s:502', (id - 1) / 8, 10 + (id - 1) % 8)"
"""The endpoint of a connection that nobody can reach: `look_plant` stores what it would answer."""
MOVE = "WITH free AS (DELETE FROM leases WHERE connection_id = $1) UPDATE connections SET endpoint = $2 WHERE id = $1"
PUT_BACK = f"UPDATE connections SET endpoint = {NUMBERED} WHERE endpoint <> {NUMBERED}"


@dataclass(frozen=True)
class Manner:
    """How a gateway does: so many seconds until each answer, and the unit that refuses; 0: none."""

    delay: float
    refuses: int = 0


MANNERS = (Manner(0.02), Manner(0.05, refuses=7), Manner(0.9))
"""Those of the connections that are really there; twenty units that take 0.9 s each cannot be asked every 10 s."""


class Gateway(Unit):
    """Answers reads of the units of a connection, in its manner."""

    def __init__(self, values: Signals, first: int, manner: Manner) -> None:
        self._values, self._first, self._manner = values, first, manner

    def answer(self, transaction: int, unit: int, function: int, address: int, count: int) -> None:
        if unit == self._manner.refuses:
            written = _HEAD.pack(transaction, 0, 3, unit, function | 0x80) + b"\x02"
        else:
            held = self._registers(self._first + unit - 1)[address : address + count]
            bits = sum(bool(value) << place for place, value in enumerate(held))
            body = bits.to_bytes((count + 7) // 8, "little") if function <= 2 else struct.pack(f">{count}H", *held)
            written = _HEAD.pack(transaction, 0, 3 + len(body), unit, function) + bytes([len(body)]) + body
        asyncio.get_running_loop().call_later(self._manner.delay, self.transport.write, written)

    def _registers(self, device: int) -> list[int]:
        points = np.arange(10 * device, 10 * device + 10)
        found = [0] * (REGISTERS * 10 + 125)
        for place, value in enumerate(self._values.at(np.array([int(time.time())]), points)[0]):
            kind = self._values.kinds[points[place]].type
            packed = (
                struct.pack(_PACKED[kind], value if kind == "float32" else int(value))
                if kind in _PACKED
                else b"AUTO\0\0\0\0"
            )
            for more in range(len(packed) // 2):
                found[REGISTERS * place + more] = int.from_bytes(packed[2 * more : 2 * more + 2])
        return found


@asynccontextmanager
async def field(connection: Connection, values: Signals, gateways: int, units: int) -> AsyncIterator[None]:
    """Serve some of the last connections, but for the last, on free ports of this machine, and say so in the database."""
    loop, servers, there = asyncio.get_running_loop(), [], range(max(1, gateways - 4), gateways)
    for number, manner in zip(there, MANNERS, strict=False):
        port, made = free_port(), partial(Gateway, values, (number - 1) * units, manner)
        servers.append(await loop.create_server(made, "127.0.0.1", port))
        await connection.execute(MOVE, number, f"tcp://127.0.0.1:{port}")
    try:
        yield
    finally:
        for server in servers:
            server.close()
        await connection.execute(PUT_BACK)
