"""What devices say of themselves: over every kind of frames, in parts, and when they know nothing of it."""

import asyncio
import contextlib
import struct

import pytest
from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.server import ModbusTcpServer

from collector.field.identity import identity
from collector.field.routes import Route
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from tests.support.ports import free_port
from tests.support.transports import UNIT, datagrams, pymodbus_server, registers, serving

SAID = {"VendorName": "Acme", "ProductCode": "PM-9", "MajorMinorRevision": "2.1", "ProductName": "Power meter"}
HEARD = {"vendor": "Acme", "product_code": "PM-9", "revision": "2.1", "product_name": "Power meter"}


@contextlib.asynccontextmanager
async def routed(endpoint: str):
    route = Route(LineSettings(endpoint=Endpoint.parse(endpoint), timeout=5.0, parity="none"))
    await route.open()
    try:
        yield route
    finally:
        route.close()


def told() -> ModbusDeviceIdentification:
    return ModbusDeviceIdentification(info_name=SAID)


@pytest.mark.parametrize("framer", [FramerType.SOCKET, FramerType.RTU, FramerType.ASCII])
async def test_a_foreign_device_says_who_it_is(framer):
    port = free_port()
    scheme = {FramerType.SOCKET: "tcp", FramerType.RTU: "rtu+tcp", FramerType.ASCII: "ascii+tcp"}[framer]
    server = ModbusTcpServer(registers(), framer=framer, identity=told(), address=("127.0.0.1", port))
    async with serving(server), routed(f"{scheme}://127.0.0.1:{port}") as route:
        found = await identity(route, UNIT, 5.0)
        assert {name: found[name] for name in HEARD} == HEARD
        assert await route.read(UNIT, 3, 0, 1, 5.0) == b"\0\7"


@pytest.mark.parametrize("scheme", ["udp", "rtu+udp", "ascii+udp", "ascii+serial"])
async def test_it_says_so_over_every_transport(scheme):
    async with pymodbus_server(scheme, identity=told()) as endpoint, routed(endpoint) as route:
        found = await identity(route, UNIT, 5.0)
        assert {name: found[name] for name in HEARD} == HEARD


def framed(data: bytes, body: bytes) -> bytes:
    return data[:4] + struct.pack(">H", len(body) + 1) + data[6:7] + body


async def heard(behave) -> tuple[dict[str, str] | None, list[bytes]]:
    async with (
        datagrams(lambda data: [framed(data, body) for body in behave(data[7:])]) as peer,
        routed(f"udp://127.0.0.1:{peer.port}") as route,
    ):
        return await identity(route, UNIT, 0.2), [data[7:] for data in peer.came]


async def test_what_comes_in_parts_is_put_together():
    def behave(body: bytes) -> list[bytes]:
        _, _, level, place = body
        more, following = (0xFF, place + 1) if place < 2 else (0, 0)
        text = [b"Acme", b"PM-9", b"2.1"][place]
        return [bytes([0x2B, 0x0E, level, 0x83, more, following, 1, place, len(text)]) + text]

    found, asked = await heard(behave)
    assert found == {"vendor": "Acme", "product_code": "PM-9", "revision": "2.1"}
    assert len(asked) == 3


async def test_a_device_that_goes_round_in_a_circle_is_left():
    text = b"Acme"
    found, asked = await heard(lambda body: [bytes([0x2B, 0x0E, body[2], 1, 0xFF, 0, 1, 0, len(text)]) + text])
    assert (found, len(asked)) == ({"vendor": "Acme"}, 1)


async def test_a_device_that_knows_only_the_basics_is_asked_for_those():
    def behave(body: bytes) -> list[bytes]:
        if body[2] != 1:
            return [bytes([0xAB, 3])]
        return [bytes([0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 6]) + "Wärme".encode()]

    assert (await heard(behave))[0] == {"vendor": "Wärme"}


@pytest.mark.parametrize(
    ("behave", "requests"),
    [
        (lambda _: [bytes([0xAB, 1])], 1),
        (lambda _: [], 1),
        (lambda _: [bytes([0x2B, 0x0E])], 1),
        (lambda _: [bytes([0x2B, 0x0E, 3, 1, 0, 0, 2, 0, 200]) + b"short"], 1),
        (lambda body: [bytes([3, 2, 0, 0])], 1),
    ],
)
async def test_a_device_that_knows_nothing_of_it_is_asked_once_and_not_blamed(behave, requests):
    found, asked = await heard(behave)
    assert found is None or set(found) <= {"vendor"}
    assert len(asked) == requests


async def test_a_line_goes_on_after_a_device_that_did_not_understand():
    def behave(data: bytes) -> list[bytes]:
        return [] if data[7] == 0x2B else [framed(data, bytes([3, 2, 0, 9]))]

    async with datagrams(behave) as peer, routed(f"udp://127.0.0.1:{peer.port}") as route:
        assert await identity(route, UNIT, 0.1) is None
        assert await asyncio.wait_for(route.read(UNIT, 3, 0, 1, 5.0), 60) == b"\0\x09"
