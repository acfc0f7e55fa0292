"""Datagrams and ASCII frames: against devices that we did not write, and against those that repeat, mangle and lose."""

import asyncio
import contextlib
import random
import socket
import struct
import time

import pytest

from collector.line import ascii_frames, rtu
from collector.line.tcp import ReadError, line
from ddms.endpoints import Endpoint
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.devices import scripted
from tests.support.ports import free_port
from tests.support.transports import UNIT, datagrams, pymodbus_server

TRANSPORTS = ["udp", "rtu+udp", "ascii+udp", "ascii+tcp", "ascii+serial"]
FRAMED = {"rtu": rtu.framed, "ascii": ascii_frames.framed}


@contextlib.asynccontextmanager
async def opened(endpoint: str, **form):
    link = line(LineSettings(endpoint=Endpoint.parse(endpoint), **form))
    await link.open(1.0)
    try:
        yield link
    finally:
        link.close()


async def reason_of(link, *, unit=UNIT, function=3, address=0, count=2, timeout=0.2) -> Reason:
    with pytest.raises(ReadError) as caught:
        await link.read(unit, function, address, count, timeout)
    return caught.value.reason


@pytest.mark.parametrize("scheme", TRANSPORTS)
async def test_a_foreign_device_is_read(scheme):
    async with pymodbus_server(scheme) as endpoint, opened(endpoint, parity="none") as link:
        assert await link.read(UNIT, 3, 1, 3, 5.0) == b"\0\x08\0\x09\0\x0a"
        assert await link.read(UNIT, 4, 0, 1, 5.0) == b"\0\x07"
        assert await reason_of(link, address=3, count=5, timeout=5.0) is Reason.ILLEGAL_ADDRESS
        assert await link.read(UNIT, 3, 0, 1, 5.0) == b"\0\x07"


def request_of(data: bytes, frames: str) -> tuple[int, int, int, int]:
    """Return unit, function, address and count of a request as it came."""
    body = {"mbap": lambda: data[6:], "rtu": lambda: data[:-2], "ascii": lambda: bytes.fromhex(data[1:-4].decode())}
    return struct.unpack(">BBHH", body[frames]())


def answer_of(data: bytes, frames: str, **other: int) -> bytes:
    """Return the right answer to a request, in which each register holds its address; or one of another unit or function."""
    unit, function, address, count = request_of(data, frames)
    values = b"".join(struct.pack(">H", other.get("value", address + i)) for i in range(count))
    body = bytes([other.get("unit", unit), other.get("function", function), len(values)]) + values
    if frames == "mbap":
        return data[:4] + struct.pack(">H", len(body)) + body
    return FRAMED[frames](body)


DATAGRAMS = [("udp", "mbap"), ("rtu+udp", "rtu"), ("ascii+udp", "ascii")]


@pytest.mark.parametrize(("scheme", "frames"), DATAGRAMS)
async def test_datagrams_that_come_twice_are_never_the_next_answer(scheme, frames):
    sent: list[bytes] = []

    def behave(data: bytes) -> list[bytes]:
        """Send the answers to earlier requests once more, each to where it belongs, before the one to this request."""
        for answer, there in zip(sent[-4:], peer.peers[-5:], strict=False):
            peer.transport.sendto(answer, there)
        sent.append(answer_of(data, frames))
        return [sent[-1], sent[-1]]

    async with datagrams(behave) as peer, opened(f"{scheme}://127.0.0.1:{peer.port}") as link:
        for address in range(30):
            assert await link.read(UNIT, 3, address, 1, 5.0) == struct.pack(">H", address)


@pytest.mark.parametrize(("scheme", "frames"), DATAGRAMS)
async def test_a_late_answer_is_not_taken_for_the_next_even_when_a_gateway_sends_it_to_the_newest_socket(
    scheme, frames
):
    held: list[bytes] = []

    def behave(data: bytes) -> list[bytes]:
        held.append(answer_of(data, frames))
        return [] if len(held) == 1 else held[-2:] if len(held) == 2 else held[-1:]

    async with datagrams(behave) as peer, opened(f"{scheme}://127.0.0.1:{peer.port}") as link:
        assert await reason_of(link, address=5, timeout=0.1) is Reason.TIMEOUT
        assert await link.read(UNIT, 3, 9, 2, 5.0) == b"\0\x09\0\x0a"  # one request was lost, not the line


@pytest.mark.parametrize(("scheme", "frames"), DATAGRAMS)
@pytest.mark.parametrize(
    "mangled",
    [
        lambda right: b"",
        lambda right: b"\x00",
        lambda right: right[:-3],
        lambda right: b"no Modbus at all\r\n",
        lambda right: bytes(300),
        lambda right: right[:7] + bytes([right[7] ^ 1]) + right[8:],  # the function, or a digit
    ],
)
async def test_garbage_is_no_value_and_costs_no_other_request(scheme, frames, mangled):
    async with (
        datagrams(
            lambda data: [mangled(answer_of(data, frames))] if peer.came[1:] == [] else [answer_of(data, frames)]
        ) as peer,
        opened(f"{scheme}://127.0.0.1:{peer.port}") as link,
    ):
        assert await reason_of(link, address=5, timeout=0.3) in {Reason.MALFORMED, Reason.TIMEOUT}
        assert await link.read(UNIT, 3, 9, 2, 5.0) == b"\0\x09\0\x0a"


@pytest.mark.parametrize(("scheme", "frames"), DATAGRAMS)
async def test_another_units_answer_is_none(scheme, frames):
    async with (
        datagrams(lambda data: [answer_of(data, frames, unit=3)]) as peer,
        opened(f"{scheme}://127.0.0.1:{peer.port}") as link,
    ):
        assert await reason_of(link) is Reason.WRONG_UNIT


@pytest.mark.parametrize("scheme", ["udp", "rtu+udp", "ascii+udp"])
async def test_where_nobody_listens_a_datagram_is_refused_at_once_and_one_may_come_later(scheme):
    port = free_port()
    frames = dict(DATAGRAMS)[scheme]
    async with opened(f"{scheme}://127.0.0.1:{port}") as link:
        assert await reason_of(link, timeout=10.0) is Reason.REFUSED
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Echo(frames), local_addr=("127.0.0.1", port)
        )
        assert await link.read(UNIT, 3, 9, 1, 5.0) == b"\0\x09"
        transport.close()


class _Echo(asyncio.DatagramProtocol):
    def __init__(self, frames: str) -> None:
        self.frames = frames

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(answer_of(data, self.frames), addr)


@pytest.mark.parametrize("scheme", ["udp", "rtu+udp", "ascii+udp"])
async def test_a_name_that_does_not_resolve_is_unreachable(scheme):
    with pytest.raises(ReadError) as caught:
        await line(LineSettings(endpoint=Endpoint.parse(f"{scheme}://no-such-host.invalid:502"))).open(5.0)
    assert caught.value.reason is Reason.UNREACHABLE


@pytest.mark.parametrize("scheme", ["tcp", "udp", "rtu+tcp", "rtu+udp", "ascii+tcp", "ascii+udp"])
async def test_a_name_that_gets_another_address_is_looked_up_again(scheme, monkeypatch):
    looked_up, where = socket.getaddrinfo, ["127.0.0.2"]

    def resolver(host, *rest, **more):
        return looked_up(where[0] if host == "meter.plant" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    port, frames = free_port(), "mbap" if "+" not in scheme else scheme.partition("+")[0]

    async def talk(reader, writer):
        mine = writer.get_extra_info("sockname")[0]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while data := await (
                reader.readuntil(b"\r\n") if frames == "ascii" else reader.readexactly(12 if frames == "mbap" else 8)
            ):
                writer.write(answer_of(data, frames, value=int(mine[-1])))

    class Datagrams(_Echo):
        def datagram_received(self, data, addr):
            mine = self.transport.get_extra_info("sockname")[0]
            self.transport.sendto(answer_of(data, self.frames, value=int(mine[-1])), addr)

    async with contextlib.AsyncExitStack() as stack:
        for host in ("127.0.0.2", "127.0.0.3"):
            if scheme.endswith("udp"):
                made = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: Datagrams(frames), (host, port)
                )
                stack.callback(made[0].close)
            else:
                stack.callback((await asyncio.start_server(talk, host, port)).close)
        async with opened(f"{scheme}://meter.plant:{port}") as link:
            assert await link.read(UNIT, 3, 0, 1, 5.0) == b"\0\2"
            where[0] = "127.0.0.3"
            link.close()
            await link.open(5.0)
            assert await link.read(UNIT, 3, 0, 1, 5.0) == b"\0\3"


# -- ASCII frames


def text_of(body: bytes) -> bytes:
    return ascii_frames.framed(body)


@pytest.mark.parametrize(
    ("came", "reason"),
    [
        (lambda right: right, None),
        (lambda right: right.lower(), None),
        (lambda right: b"noise " + right, None),
        (lambda right: b":1103" + right, None),
        (lambda right: b":zz\r\n" + right, None),
        (lambda right: text_of(bytes([UNIT, 0x83])) + right, None),  # an exception that does not say which
        (lambda right: b"\xff" * 40 + right, None),
        (lambda right: right[:-4] + b"00\r\n", Reason.MALFORMED),
        (lambda right: right[:8] + b"x" + right[9:], Reason.MALFORMED),
        (lambda right: right.replace(b":", b";"), Reason.MALFORMED),
        (lambda right: right[:-2], Reason.MALFORMED),
        (lambda right: text_of(bytes([UNIT, 3, 2, 0, 5])), Reason.MALFORMED),
        (lambda right: text_of(bytes([3, 3, 4, 0, 5, 0, 6])), Reason.WRONG_UNIT),
        (lambda right: text_of(bytes([UNIT, 0x83, 2])), Reason.ILLEGAL_ADDRESS),
    ],
)
async def test_what_comes_as_text_is_the_answer_or_no_value(came, reason):
    async with (
        datagrams(lambda data: [came(answer_of(data, "ascii"))]) as peer,
        opened(f"ascii+udp://127.0.0.1:{peer.port}") as link,
    ):
        if reason is None:
            assert await link.read(UNIT, 3, 5, 2, 5.0) == b"\0\x05\0\x06"
        else:
            assert await reason_of(link, address=5, timeout=0.3) is reason


def test_however_text_is_mangled_no_wrong_frame_is_found():
    chance = random.Random(5)
    body = bytes([UNIT, 3, 4, 0, 5, 0, 6])
    for _ in range(3000):
        mangled = bytearray(text_of(body))
        for _ in range(chance.randrange(1, 3)):
            mangled[chance.randrange(len(mangled))] = chance.randrange(256)
        for _, found in ascii_frames.frames(bytes(mangled)):
            # An LRC is a sum: two changes may hide each other, one never does.
            assert found == body or sum(a != b for a, b in zip(found, body, strict=False)) != 1


async def test_a_late_answer_as_text_is_not_taken_for_the_next():
    held: list[bytes] = []

    async def talk(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while frame := await reader.readuntil(b"\r\n"):
                held.append(answer_of(frame, "ascii"))
                if len(held) > 1:
                    writer.write(held[0] + b"".join(held[1:]) if len(held) == 2 else held[-1])

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with opened(f"ascii+tcp://127.0.0.1:{port}") as link:
        assert await reason_of(link, address=5, timeout=0.2) is Reason.TIMEOUT
        assert await link.read(UNIT, 3, 9, 2, 5.0) == b"\0\x09\0\x0a"
    server.close()


async def test_dead_peers_of_every_transport_cost_a_living_one_nothing():
    """Ten silent lines of each kind ask side by side with one that lives: each waits for its own."""
    async with contextlib.AsyncExitStack() as stack:
        silent = await stack.enter_async_context(datagrams(lambda _: []))
        mute = await stack.enter_async_context(scripted(lambda _: None))
        living = await stack.enter_async_context(pymodbus_server("ascii+tcp"))
        ends = [f"{scheme}://127.0.0.1:{silent.port}" for scheme in ("udp", "rtu+udp", "ascii+udp")]
        ends += [f"{scheme}://127.0.0.1:{mute.port}" for scheme in ("ascii+tcp", "rtu+tcp", "tcp")]
        dead = [await stack.enter_async_context(opened(end)) for end in ends for _ in range(10)]
        link = await stack.enter_async_context(opened(living))
        waiting = [asyncio.create_task(reason_of(one, timeout=20.0)) for one in dead]
        began = time.monotonic()
        for _ in range(20):
            assert await link.read(UNIT, 3, 1, 1, 15.0) == b"\0\x08"
        assert not any(one.done() for one in waiting)
        assert time.monotonic() - began < 20.0
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
