"""Lines against devices that we did not write, and against devices that lie."""

import asyncio
import select
import struct
import time

import pytest
import uvloop

from collector.line.tcp import ReadError, line
from ddms.endpoints import Endpoint, Transport
from ddms.errors import DdmsError
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.devices import answer, exception, foreign_server, scripted, words
from tests.support.ports import free_port

LINES = []


@pytest.fixture(autouse=True)
async def hang_up():
    yield
    while LINES:
        LINES.pop().close()
    await asyncio.sleep(0)


async def opened(port: int, transport: Transport = Transport.TCP):
    link = line(LineSettings(endpoint=Endpoint(transport, "127.0.0.1", port)))
    await link.open(1.0)
    LINES.append(link)
    return link


async def reason_of(link, *, function=3, address=0, count=2, timeout=1.0) -> Reason:
    with pytest.raises(ReadError) as caught:
        await link.read(1, function, address, count, timeout)
    return caught.value.reason


async def test_every_table_of_a_foreign_device_is_read():
    with foreign_server() as (port, registers):
        registers.set_coils(3, [True, False, True])
        registers.set_discrete_inputs(0, [False, True] * 5)
        registers.set_holding_registers(100, [1, 0xFFFF])
        registers.set_input_registers(65_535, [42])
        link = await opened(port)
        assert await link.read(1, 1, 3, 3, 1.0) == bytes([0b101])
        assert await link.read(1, 2, 0, 10, 1.0) == bytes([0b10101010, 0b10])
        assert await link.read(1, 3, 100, 2, 1.0) == b"\x00\x01\xff\xff"
        assert await link.read(1, 4, 65_535, 1, 1.0) == b"\x00\x2a"
        assert await reason_of(link, function=3, address=65_535, count=2) is Reason.ILLEGAL_ADDRESS
        link.close()
        assert not link.is_open


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11])
async def test_an_exception_is_its_own_reason(code):
    async with scripted(lambda request: exception(request, code)) as device:
        assert await reason_of(await opened(device.port)) == 32 + code


@pytest.mark.parametrize("code", [0, 9, 12, 32, 33, 34, 99, 255])
async def test_an_exception_that_modbus_does_not_know_is_no_other_reason(code):
    async with scripted(lambda request: exception(request, code)) as device:
        assert await reason_of(await opened(device.port)) is Reason.UNKNOWN_EXCEPTION


async def test_of_an_exception_that_modbus_does_not_know_the_number_is_told():
    async with scripted(lambda request: exception(request, 0x20)) as device:
        with pytest.raises(ReadError, match=r"Modbus does not know \(exception 32\)"):
            await (await opened(device.port)).read(1, 3, 0, 1, 1.0)


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (lambda _: None, Reason.TIMEOUT),
        (lambda r: answer(r, b"\0" * 4, unit=9), Reason.WRONG_UNIT),
        (lambda r: answer(r, b"\0" * 2), Reason.MALFORMED),
        (lambda r: answer(r, b"\0" * 6), Reason.MALFORMED),
        (lambda r: answer((*r[:2], 4, *r[3:]), b"\0" * 4), Reason.MALFORMED),
        (lambda r: struct.pack(">HHHBB", r[0], 0, 2, r[1], 3), Reason.MALFORMED),
        (lambda r: struct.pack(">HHHBBB", r[0], 0, 3, r[1], 3, 4), Reason.MALFORMED),
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.MALFORMED),
        (lambda r: struct.pack(">HHHBBB", r[0], 0, 9000, r[1], 3, 4), Reason.MALFORMED),
        (lambda r: answer(r, b"\0" * 4)[:9], Reason.MALFORMED),
    ],
    ids=["silence", "other unit", "too short", "too long", "other function", "no byte count",
         "byte count only", "not modbus", "absurd length", "half a frame"],
)  # fmt: skip
async def test_what_is_not_the_answer_is_never_taken_for_a_value(behave, reason):
    async with scripted(behave) as device:
        assert await reason_of(await opened(device.port)) is reason


async def test_an_answer_that_comes_a_byte_at_a_time_is_put_together():
    async with scripted(lambda r: [bytes([b]) for b in words(r)]) as device:
        assert await (await opened(device.port)).read(1, 3, 0, 2, 1.0) == b"\0\7\0\7"


async def test_two_answers_in_one_packet_reach_their_own_requests():
    held = []

    def behave(request):
        held.append(request)
        return b"".join(words(r, value=r[3]) for r in reversed(held)) if len(held) == 2 else None

    async with scripted(behave) as device:
        link = await opened(device.port)
        both = await asyncio.gather(link.read(1, 3, 10, 1, 1.0), link.read(1, 3, 20, 1, 1.0))
        assert both == [b"\0\x0a", b"\0\x14"]


async def test_a_late_answer_is_not_taken_for_the_next():
    late = []

    def behave(request):
        late.append(request)
        return None if len(late) == 1 else [words(late[0], value=1), words(request, value=2)]

    async with scripted(behave) as device:
        link = await opened(device.port)
        assert await reason_of(link, timeout=0.05) is Reason.TIMEOUT
        assert await link.read(1, 3, 0, 2, 1.0) == b"\0\2\0\2"
        assert link.late == 1


async def test_a_device_that_hangs_up_is_closed_and_can_be_opened_again():
    def behave(_):
        raise ConnectionResetError

    async with scripted(behave) as device:
        link = await opened(device.port)
        assert await reason_of(link) is Reason.CLOSED
        assert not link.is_open
        await link.open(1.0)
        assert link.is_open


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_came_in_time_counts_although_this_program_was_held_up_until_later(run):
    async def asked(port: int) -> bytes:
        link = line(LineSettings(endpoint=Endpoint(Transport.TCP, "127.0.0.1", port)))

        def hold_up() -> None:
            time.sleep(0.3)
            if link.is_open:
                select.select([link._transport.get_extra_info("socket").fileno()], [], [], 60)

        asyncio.get_running_loop().call_soon(hold_up)
        await link.open(0.1)
        asyncio.get_running_loop().call_later(0.01, hold_up)  # uvloop sends at the end of its turn
        data = await link.read(1, 3, 0, 1, 0.1)
        link.close()
        await asyncio.sleep(0.05)
        return data

    with foreign_server() as (port, _):
        assert run(asked(port)) == b"\0\0"


async def test_where_nobody_listens_the_connection_is_refused():
    with pytest.raises(ReadError) as caught:
        await opened(free_port())
    assert caught.value.reason is Reason.REFUSED


async def test_a_name_that_does_not_resolve_is_unreachable():
    with pytest.raises(ReadError) as caught:
        await line(LineSettings(endpoint=Endpoint.parse("tcp://no-such-host.invalid:502"))).open(5.0)
    assert caught.value.reason is Reason.UNREACHABLE


async def test_a_serial_port_that_is_not_there_says_so():
    with pytest.raises(ReadError) as caught:
        await line(LineSettings(endpoint=Endpoint.parse("serial:///dev/ttyNOTHERE"))).open(1.0)
    assert caught.value.reason is Reason.NO_PORT


async def test_a_gateway_that_accepts_and_never_answers_costs_the_timeout():
    async with scripted(lambda _: None) as device:
        link = await opened(device.port)
        assert await reason_of(link, timeout=0.3) is Reason.TIMEOUT


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("tcp://10.0.0.5", "tcp://10.0.0.5:502"),
        ("tcp://Gateway.Local:1502", "tcp://gateway.local:1502"),
        ("tcp://[fe80::1]:502", "tcp://[fe80::1]:502"),
        ("rtu+tcp://moxa:4001", "rtu+tcp://moxa:4001"),
        ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB0"),
    ],
)
def test_endpoints_have_one_spelling(text, stored):
    assert str(Endpoint.parse(text)) == stored
    assert Endpoint.parse(stored) == Endpoint.parse(text)


@pytest.mark.parametrize("text", ["", "10.0.0.5", "http://x:1", "tcp://", "tcp://a b:5", "tcp://a:0", "tcp://a:65536", "tcp://a:5/x", "serial://ttyS0"])  # fmt: skip
def test_what_is_not_an_endpoint_is_refused_with_advice(text):
    with pytest.raises(DdmsError, match="write tcp://host:port"):
        Endpoint.parse(text)
