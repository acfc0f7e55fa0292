"""RTU lines against devices that we did not write, over a serial line and over TCP, and against devices that lie."""

import asyncio
import contextlib
import os
import random
import time
from contextlib import asynccontextmanager

import pytest
from modbus_tk.utils import calculate_crc
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from collector.line.rtu import checksum
from collector.line.tcp import ReadError, line
from ddms.endpoints import Endpoint, Transport
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.ports import free_port
from tests.support.rtu_devices import (
    foreign_rtu_server,
    framed,
    rtu_exception,
    rtu_request,
    rtu_words,
    scripted_rtu,
    serial_cable,
    serial_gateway,
)

# modbus_tk 1.1.5 calls Event.isSet, and so cannot serve where warnings are errors.
pytestmark = [pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")]
LINES = []


@pytest.fixture(autouse=True)
async def hang_up():
    yield
    while LINES:
        LINES.pop().close()
    await asyncio.sleep(0)


async def opened(endpoint: Endpoint, **form):
    link = line(LineSettings(endpoint=endpoint, **form))
    await link.open(1.0)
    LINES.append(link)
    return link


async def over_tcp(port: int):
    return await opened(Endpoint(Transport.RTU_OVER_TCP, "127.0.0.1", port))


async def at_port(path: str, **form):
    return await opened(Endpoint(Transport.SERIAL, path), **{"parity": "none"} | form)


async def reason_of(link, *, unit=1, function=3, address=0, count=2, timeout=0.2) -> Reason:
    with pytest.raises(ReadError) as caught:
        await link.read(unit, function, address, count, timeout)
    return caught.value.reason


async def asserts_every_table(link, server):
    slave = server.get_slave(5)
    slave.set_values("coils", 3, [1, 0, 1])
    slave.set_values("contacts", 0, [0, 1] * 5)
    slave.set_values("words", 10, [1, 0xFFFF])
    slave.set_values("inputs", 99, [42])
    assert await link.read(5, 1, 3, 3, 1.0) == bytes([0b101])
    assert await link.read(5, 2, 0, 10, 1.0) == bytes([0b10101010, 0b10])
    assert await link.read(5, 3, 10, 2, 1.0) == b"\x00\x01\xff\xff"
    assert await link.read(5, 4, 99, 1, 1.0) == b"\x00\x2a"
    assert len(await link.read(5, 3, 0, 100, 1.0)) == 200
    assert await reason_of(link, unit=5, address=99, timeout=1.0) is Reason.ILLEGAL_ADDRESS
    assert await reason_of(link, unit=6) is Reason.TIMEOUT
    assert await link.read(5, 4, 99, 1, 1.0) == b"\x00\x2a"


async def test_every_table_of_a_foreign_device_is_read_over_a_serial_line():
    with serial_cable() as (ours, theirs, _), foreign_rtu_server(theirs, 5) as server:
        await asserts_every_table(await at_port(ours), server)


async def test_every_table_of_a_foreign_device_is_read_through_a_serial_gateway():
    with serial_cable() as (gateways, theirs, _), foreign_rtu_server(theirs, 5) as server:
        async with serial_gateway(gateways) as port:
            await asserts_every_table(await over_tcp(port), server)


@asynccontextmanager
async def pymodbus_server():
    table = [SimData(0, values=[7, 8, 9, 10], datatype=DataType.REGISTERS)]
    port = free_port()
    server = ModbusTcpServer(SimDevice(17, table), framer=FramerType.RTU, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()


async def test_a_second_foreign_device_agrees():
    async with pymodbus_server() as port:
        link = await over_tcp(port)
        assert await link.read(17, 3, 1, 3, 1.0) == b"\0\x08\0\x09\0\x0a"
        assert await reason_of(link, unit=17, address=3, count=5, timeout=1.0) is Reason.ILLEGAL_ADDRESS


def test_the_checksum_is_that_of_a_foreign_implementation():
    for data in (b"", b"\x01\x03\x00\x00\x00\x0a", bytes(range(256))):
        assert int.from_bytes(checksum(data), "big") == calculate_crc(data)
    assert rtu_request(1, 3, 0, 10).hex() == "01030000000ac5cd"


@pytest.mark.parametrize("unit", [0, 1, 247, 255])
async def test_every_unit_id_can_be_asked(unit):
    async with scripted_rtu(rtu_words) as device:
        assert await (await over_tcp(device.port)).read(unit, 4, 65_535, 1, 1.0) == b"\0\7"
        assert device.requests == [(unit, 4, 65_535, 1)]


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11])
async def test_an_exception_is_its_own_reason(code):
    async with scripted_rtu(lambda request: rtu_exception(request, code)) as device:
        assert await reason_of(await over_tcp(device.port)) == 32 + code


def broken(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (lambda _: None, Reason.TIMEOUT),
        (lambda r: rtu_words(r, unit=9), Reason.WRONG_UNIT),
        (lambda r: rtu_words(r, function=4), Reason.MALFORMED),
        (lambda r: rtu_words(r._replace(count=1)), Reason.MALFORMED),
        (lambda r: rtu_words(r._replace(count=3)), Reason.MALFORMED),
        (lambda r: broken(rtu_words(r)), Reason.MALFORMED),
        (lambda r: broken(rtu_exception(r, 2)), Reason.MALFORMED),
        (lambda r: rtu_words(r)[:6], Reason.MALFORMED),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.MALFORMED),
        (lambda _: bytes(1500), Reason.MALFORMED),
        (lambda r: framed(bytes([r.unit, r.function])), Reason.MALFORMED),
        (lambda r: rtu_request(*r), Reason.TIMEOUT),
    ],
    ids=["silence", "other unit", "other function", "too short", "too long", "checksum", "checksum of an exception",
         "half a frame", "not modbus", "noise", "no byte count", "its own echo"],
)  # fmt: skip
async def test_what_is_not_the_answer_is_never_taken_for_a_value(behave, reason):
    async with scripted_rtu(behave) as device:
        assert await reason_of(await over_tcp(device.port)) is reason


async def test_a_broken_answer_does_not_cost_the_whole_timeout():
    async with scripted_rtu(lambda r: broken(rtu_words(r))) as device:
        link = await over_tcp(device.port)
        async with asyncio.timeout(60):
            assert await reason_of(link, timeout=3600.0) is Reason.MALFORMED


@pytest.mark.parametrize(
    "behave",
    [
        lambda r: [bytes([b]) for b in rtu_words(r)],
        lambda r: b"\x00\xff\x03" + rtu_words(r),
        lambda r: [rtu_request(*r), rtu_words(r)],
        lambda r: [rtu_request(*r) + b"\xff", 0.15, rtu_words(r)],
        lambda r: [b"\x00" + rtu_request(*r), 0.15, rtu_words(r)],
        lambda r: [broken(rtu_request(*r)) + bytes(40), 0.15, rtu_words(r)],
        lambda r: rtu_words(r, value=9, unit=2) + rtu_words(r),
        lambda r: rtu_words(r) + rtu_words(r, value=9),
    ],
    ids=[
        "a byte at a time",
        "after noise",
        "after its echo",
        "long after its echo and noise",
        "long after noise and its echo",
        "long after a broken echo and much noise",
        "after another's answer",
        "twice",
    ],
)
async def test_the_right_answer_is_found_in_what_comes(behave):
    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\7\0\7"
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\7\0\7"


@pytest.mark.parametrize("seed", range(4))
async def test_however_answers_are_mangled_no_wrong_value_is_taken_and_no_neighbour_loses_its_own(seed):
    chance = random.Random(seed)

    def behave(request):
        right = rtu_words(request, value=request.unit << 8 | request.address)
        if request.unit == 1:
            return right
        ways = [
            right,
            broken(right),
            right[: chance.randrange(len(right))],
            right + chance.randbytes(chance.randrange(1, 30)),
            [rtu_request(*request), chance.randbytes(chance.randrange(1, 30)), right],
            right * 2,
            rtu_words(request, value=99, unit=3),
            rtu_words(request._replace(count=request.count + 1), value=99),
            rtu_exception(request, 2),
            b"",
        ]
        return chance.choice(ways)

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        for _ in range(40):
            address, count = chance.randrange(200), chance.randrange(1, 9)
            with contextlib.suppress(ReadError):
                assert await link.read(2, 3, address, count, 0.03) == bytes([2, address]) * count
            assert await link.read(1, 3, address, count, 1.0) == bytes([1, address]) * count


async def test_an_echo_that_looks_like_an_answer_is_not_one():
    async with scripted_rtu(lambda r: [rtu_request(*r), framed(bytes([r.unit, 1, 3, 1, 2, 3]))]) as device:
        assert await (await over_tcp(device.port)).read(1, 1, 0x0300, 24, 1.0) == b"\1\2\3"


async def test_a_late_answer_is_not_taken_for_the_next_of_the_same_length():
    asked = []

    def behave(request):
        asked.append(request)
        if len(asked) == 1:
            return None
        if len(asked) == 2:  # only now comes the answer to the first request
            return [rtu_words(asked[0], value=1), 0.05, rtu_words(request, value=2)]
        return rtu_words(request, value=3)

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        assert await reason_of(link, timeout=0.05) is Reason.TIMEOUT
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\3\0\3"
        assert [r.count for r in device.requests] == [2, 1, 2]
        assert link.late == 1
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\3\0\3"
        assert len(device.requests) == 4, "trust is back: no more short requests"


async def test_a_late_answer_is_not_taken_either_when_the_line_was_made_anew_meanwhile():
    asked = []

    def behave(request):
        asked.append(request)
        if len(asked) == 1:
            return None
        if len(asked) == 2:  # a serial gateway gives the late answer to whoever is connected now
            return [rtu_words(asked[0], value=1), 0.05, rtu_words(request, value=2)]
        return rtu_words(request, value=3)

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        assert await reason_of(link, timeout=0.05) is Reason.TIMEOUT
        link.close()
        again = await over_tcp(device.port)  # as after a change of the connection's settings
        assert await again.read(1, 3, 0, 2, 1.0) == b"\0\3\0\3"
        assert [r.count for r in device.requests] == [2, 1, 2]


async def test_a_late_exception_does_not_shift_the_answers():
    asked = []

    def behave(request):
        asked.append(request)
        if len(asked) == 1:
            return None
        if len(asked) == 2:
            return [rtu_exception(asked[0], 6), 0.1, rtu_words(request, value=2)]
        return rtu_words(request, value=len(asked))

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        assert await reason_of(link, timeout=0.05) is Reason.TIMEOUT
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\3\0\3"
        assert await link.read(1, 3, 0, 1, 1.0) == b"\0\4"


async def test_a_silent_unit_costs_the_others_nothing_after_its_timeout():
    async with scripted_rtu(lambda r: None if r.unit == 9 else rtu_words(r)) as device:
        link = await over_tcp(device.port)
        for _ in range(3):
            assert await reason_of(link, unit=9, timeout=0.05) is Reason.TIMEOUT
            assert await link.read(1, 3, 0, 2, 1.0) == b"\0\7\0\7"
        assert device.connections == 1


async def test_a_device_with_a_random_delay_never_gives_anothers_value():
    delays = [0.0, 0.0, 0.12, 0.0, 0.0, 0.0, 0.07, 0.0, 0.0] * 12

    def behave(request):
        return [delays.pop() if delays else 0.0, rtu_words(request, value=request.address)]

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        values = []
        for address in range(60):
            try:
                values.append((address, await link.read(1, 3, address, 1 + address % 2, 0.05)))
            except ReadError as error:
                assert error.reason is Reason.TIMEOUT  # noqa: PT017 - some are answered
    assert len(values) > 20
    assert all(int.from_bytes(data[:2], "big") == address for address, data in values)


async def test_requests_at_once_take_turns():
    async with scripted_rtu(lambda r: [0.02, rtu_words(r, value=r.address)]) as device:
        link = await over_tcp(device.port)
        both = await asyncio.gather(link.read(1, 3, 10, 1, 0.2), link.read(1, 3, 20, 1, 0.2))
        assert both == [b"\0\x0a", b"\0\x14"]


async def test_a_gateway_that_closes_after_each_answer_is_closed_and_can_be_opened_again():
    def behave(_):
        raise ConnectionResetError

    async with scripted_rtu(behave) as device:
        link = await over_tcp(device.port)
        assert await reason_of(link) is Reason.CLOSED
        assert not link.is_open
        assert await reason_of(link) is Reason.CLOSED
        await link.open(1.0)
        assert link.is_open


async def test_where_nobody_listens_the_connection_is_refused():
    with pytest.raises(ReadError) as caught:
        await over_tcp(free_port())
    assert caught.value.reason is Reason.REFUSED


async def test_a_name_that_does_not_resolve_is_unreachable():
    with pytest.raises(ReadError) as caught:
        await line(LineSettings(endpoint=Endpoint.parse("rtu+tcp://no-such-host.invalid:502"))).open(5.0)
    assert caught.value.reason is Reason.UNREACHABLE


@pytest.mark.parametrize(
    ("name", "why"), [("ttyNOTHERE", "No such file"), ("an ordinary file", "ioctl"), (".", "directory")]
)
async def test_what_is_no_serial_port_says_so(tmp_path, name, why):
    (tmp_path / "an ordinary file").touch()
    with pytest.raises(ReadError) as caught:
        await at_port(str(tmp_path / name))
    assert caught.value.reason is Reason.NO_PORT
    assert why in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
async def test_a_serial_port_that_is_not_permitted_says_so(tmp_path):
    port = tmp_path / "ttyS9"
    port.touch(mode=0)
    with pytest.raises(ReadError, match="Permission denied") as caught:
        await at_port(str(port))
    assert caught.value.reason is Reason.NO_PORT


async def test_two_masters_at_one_serial_port_are_kept_apart():
    with serial_cable() as (ours, _, _):
        await at_port(ours)
        with pytest.raises(ReadError) as caught:
            await at_port(ours)
        assert caught.value.reason is Reason.NO_PORT


async def test_a_serial_adapter_that_is_pulled_out_is_closed():
    with serial_cable() as (ours, _, pull):
        link = await at_port(ours)
        waiting = asyncio.ensure_future(link.read(1, 3, 0, 1, 5.0))
        await asyncio.sleep(0.1)
        pull()
        with pytest.raises(ReadError) as caught:
            await waiting
        assert caught.value.reason is Reason.CLOSED
        assert not link.is_open


async def test_frames_on_a_serial_line_are_parted_by_three_and_a_half_characters():
    with serial_cable() as (ours, theirs, _), foreign_rtu_server(theirs, 1):
        link = await at_port(ours, baud_rate=1200)
        began = time.monotonic()
        await link.read(1, 3, 0, 1, 1.0)
        await link.read(1, 3, 0, 1, 1.0)
        assert time.monotonic() - began > 3.5 * 11 / 1200  # a pause may be longer on a busy machine, never shorter


async def test_a_peer_that_sends_without_end_is_hung_up_on():
    async with scripted_rtu(lambda _: b"\x55" * 2_000_000) as device:
        link = await over_tcp(device.port)
        with pytest.raises(ReadError) as caught:
            await link.read(1, 3, 0, 1, 30.0)
        assert caught.value.reason is Reason.MALFORMED
        assert not link.is_open
