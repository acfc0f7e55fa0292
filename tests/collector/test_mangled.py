"""Modbus TCP answers of peers that lie about lengths, return no transaction ids, or break off; with neighbours beside them."""

import asyncio
import random
import struct
from contextlib import asynccontextmanager

import pytest

from collector.line.tcp import ReadError, TcpLine, line
from ddms.endpoints import Endpoint, Transport
from ddms.lines import LineSettings
from ddms.quality import Reason
from tests.support.devices import Request, answer, exception, scripted, words

HEALTHY, LYING = 1, 2


def with_length(frame: bytes, change: int) -> bytes:
    """The same bytes under a header that counts more or fewer of them."""
    (length,) = struct.unpack_from(">H", frame, 4)
    return frame[:4] + struct.pack(">H", length + change) + frame[6:]


def numbered(frame: bytes, transaction: int) -> bytes:
    return struct.pack(">H", transaction) + frame[2:]


@asynccontextmanager
async def opened(behave):
    async with scripted(behave) as device:
        link = line(LineSettings(endpoint=Endpoint(Transport.TCP, "127.0.0.1", device.port)))
        await link.open(1.0)
        try:
            yield link, device
        finally:
            link.close()


async def reason_of(link, unit=LYING, *, count=1, timeout=1.0) -> Reason:
    with pytest.raises(ReadError) as caught:
        await link.read(unit, 3, 0, count, timeout)
    return caught.value.reason


@pytest.mark.parametrize("change", [-4, -2, -1, 1, 2, 100, 9000])
async def test_an_answer_is_as_long_as_its_request_says_whatever_its_header_says(change):
    async with opened(lambda r: with_length(words(r), change)) as (link, _):
        for _ in range(3):
            assert await link.read(LYING, 3, 0, 2, 1.0) == b"\0\7\0\7"


async def test_an_answer_with_a_header_one_too_long_is_read():
    async with opened(lambda r: struct.pack(">H", r[0]) + bytes.fromhex("0000 0006 03 03 02 0028")) as (link, _):
        for _ in range(3):
            assert await link.read(3, 3, 0, 1, 1.0) == b"\0\x28"


@pytest.mark.parametrize("change", [-1, 1, 3])
async def test_an_exception_has_nine_bytes_whatever_its_header_says(change):
    async with opened(lambda r: with_length(exception(r, 2), change)) as (link, _):
        for _ in range(3):
            assert await reason_of(link) is Reason.ILLEGAL_ADDRESS


LIES = {
    "an exception announced too long": lambda r: with_length(exception(r, 2), 1),
    "an exception announced too short": lambda r: with_length(exception(r, 2), -1),
    "an answer announced too long": lambda r: with_length(words(r), 1),
    "an answer announced too short": lambda r: with_length(words(r), -1),
    "an answer and a byte too many": lambda r: words(r) + b"\0",
    "an answer that breaks off": lambda r: words(r)[:-1],
    "an answer that breaks off after its header": lambda r: words(r)[:8],
    "another's unit id": lambda r: answer(r, b"\0\7" * r[4], unit=99),
    "a wrong number of bytes": lambda r: answer(r, b"\0\7" * (r[4] + 1)),
    "noise": lambda _: b"\xff\x00" * 20,
    "zeros": lambda _: bytes(40),
    "an answer twice": lambda r: words(r) * 2,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_a_neighbours_answer_behind_a_lying_one_is_read(lie):
    """Both are in flight, and both answers come in one segment."""
    held: list[Request] = []

    def behave(request):
        held.append(request)
        if len(held) < 2:
            return None
        first, second = sorted(held, key=lambda r: -r[1])
        held.clear()
        return lie(first) + words(second, value=9)

    async with opened(behave) as (link, _):
        for _ in range(3):
            lying = asyncio.ensure_future(link.read(LYING, 3, 0, 2, 0.1))
            assert await link.read(HEALTHY, 3, 0, 2, 1.0) == b"\0\x09\0\x09"
            await asyncio.wait([lying])
            assert lying.exception() is not None or lying.result() == b"\0\7\0\7"


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
async def test_a_neighbour_that_is_asked_after_a_lying_unit_is_read(lie):
    async with opened(lambda r: lie(r) if r[1] == LYING else words(r, value=9)) as (link, _):
        for _ in range(3):
            try:
                assert await link.read(LYING, 3, 0, 2, 0.05) == b"\0\7\0\7"
            except ReadError as error:
                assert error.reason is not Reason.TIMEOUT, "something was answered"  # noqa: PT017 - some are read
            assert await link.read(HEALTHY, 3, 0, 2, 1.0) == b"\0\x09\0\x09"


async def test_an_answer_that_breaks_off_is_not_filled_up_with_the_neighbours_first_byte():
    """The neighbour's first byte comes first, and the rest of its answer after it."""
    held: list[Request] = []

    def behave(request):
        held.append(request)
        if len(held) < 2:
            return None
        first, second = sorted(held, key=lambda r: -r[1])
        whole = words(second, value=9)
        return [words(first, value=0x0700)[:-1] + whole[:1], whole[1:]]

    async with opened(behave) as (link, _):
        lying = asyncio.ensure_future(link.read(LYING, 3, 0, 2, 0.3))
        assert await link.read(HEALTHY, 3, 0, 2, 1.0) == b"\0\x09\0\x09"
        with pytest.raises(ReadError):
            await lying


async def test_an_answer_whose_end_looks_like_anothers_beginning_is_read_though_that_one_is_silent():
    async with opened(lambda r: None if r[1] == LYING else words(r, value=0)) as (link, _):
        silent = asyncio.ensure_future(link.read(LYING, 3, 0, 2, 0.5))
        assert await link.read(HEALTHY, 3, 0, 2, 0.4) == bytes(4)
        with pytest.raises(ReadError):
            await silent


IDS = {
    "zero": lambda _: 0,
    "its bytes exchanged": lambda t: t >> 8 | (t & 0xFF) << 8,
    "a number of its own": lambda t: t + 4000,
    "always the same": lambda _: 0x1234,
}


@pytest.mark.parametrize("number", IDS.values(), ids=IDS.keys())
async def test_a_transaction_id_that_is_not_returned_is_tolerated(number):
    async with opened(lambda r: numbered(words(r, value=r[3]), number(r[0]))) as (link, _):
        for address in range(5):
            assert await link.read(LYING, 3, address, 1, 0.1) == bytes([0, address])


async def test_exceptions_without_their_transaction_id_are_told():
    async with opened(lambda r: numbered(exception(r, 2), 0)) as (link, _):
        assert await reason_of(link) is Reason.ILLEGAL_ADDRESS


async def test_without_transaction_ids_a_late_answer_is_not_taken_for_the_next():
    """The line is closed after a time-out, because nothing tells the two apart."""
    asked: list[Request] = []

    def behave(request):
        asked.append(request)
        if len(asked) == 2:
            return None
        late = [numbered(words(asked[1], value=1), 0)] if len(asked) == 3 and device.connections == 1 else []
        return [*late, numbered(words(request, value=2), 0)]

    async with opened(behave) as (link, device):
        assert await link.read(LYING, 3, 0, 1, 1.0) == b"\0\2"
        assert await reason_of(link, timeout=0.05) is Reason.TIMEOUT
        assert not link.is_open
        await link.open(1.0)
        assert await link.read(LYING, 3, 0, 1, 1.0) == b"\0\2"


async def test_without_transaction_ids_requests_at_once_take_turns():
    async with opened(lambda r: numbered(words(r, value=r[3]), 0)) as (link, _):
        assert await link.read(LYING, 3, 5, 1, 1.0) == b"\0\5"
        both = await asyncio.gather(link.read(1, 3, 10, 1, 1.0), link.read(1, 3, 20, 1, 1.0))
        assert both == [b"\0\x0a", b"\0\x14"]


async def test_the_second_copy_of_an_answer_is_not_taken_for_the_next():
    before: list[bytes] = []

    def behave(request):
        before.append(words(request, value=len(before)))
        return [*before[-2:-1], before[-1]]

    async with opened(behave) as (link, _):
        for turn in range(4):
            assert await link.read(LYING, 3, 0, 1, 1.0) == bytes([0, turn])


async def test_what_answers_strangely_is_not_called_silent():
    async with opened(lambda r: answer(r, b"\0\7", transaction=r[0] + 99, unit=9)) as (link, _):
        assert await reason_of(link, timeout=0.1) is Reason.WRONG_UNIT


# -- mangled at random


class Wire(asyncio.Transport):
    """The other end of a line, held in the hand: what is written is kept."""

    def __init__(self):
        super().__init__()
        self.requests: list[Request] = []

    def write(self, data):
        transaction, _, _, unit, function, address, count = struct.unpack(">HHHBBHH", data)
        self.requests.append((transaction, unit, function, address, count))

    def is_closing(self):
        return False

    def abort(self):
        pass


def truth(request: Request) -> bytes:
    """What the registers hold: each unit and address something else, zeros among it."""
    _, unit, _, address, count = request
    return b"".join(
        struct.pack(">H", 0 if (unit + a) % 3 == 0 else unit << 8 | a) for a in range(address, address + count)
    )


def mangled(chance: random.Random, frame: bytes, *, alone: bool) -> bytes:
    """What a lying unit makes of an answer."""
    ways = [
        lambda: with_length(frame, chance.choice([-2, -1, 1, 2, 7, 90])),
        lambda: frame[: chance.randrange(len(frame))],
        lambda: with_length(frame[:-1], chance.choice([-1, 0])),
        lambda: frame + chance.randbytes(chance.randrange(1, 30)),
        lambda: chance.randbytes(chance.randrange(1, 30)) + frame,
        lambda: frame[:6] + bytes([frame[6] ^ 0x40]) + frame[7:],
        lambda: frame[:8] + bytes([frame[8] ^ 2]) + frame[9:],
        lambda: frame * 2,
        lambda: bytes(chance.randrange(1, 40)),
        lambda: chance.randbytes(chance.randrange(1, 60)),
        lambda: b"",
    ]
    if alone:
        ways.append(lambda: numbered(frame, chance.choice([0, 0xFFFF])))
    return chance.choice(ways)()


def feed(link: TcpLine, chance: random.Random, data: bytes) -> None:
    """Give bytes to a line, cut at random."""
    while data:
        size = chance.choice([1, 2, 3, 7, 50, len(data)])
        link.data_received(data[:size])
        data = data[size:]


async def round_of(link: TcpLine, wire: Wire, chance: random.Random, units: list[int]) -> None:
    """Ask all units at once; the odd ones answer rightly, the even one lies."""
    wire.requests.clear()
    asked = [(unit, chance.randrange(50), chance.randrange(1, 9)) for unit in units]
    reads = [asyncio.ensure_future(link.read(unit, 3, address, count, 60.0)) for unit, address, count in asked]
    await asyncio.sleep(0)
    answers = [
        frame if request[1] % 2 else mangled(chance, frame, alone=len(units) == 1)
        for request in wire.requests
        for frame in [answer(request, truth(request))]
    ]
    chance.shuffle(answers)
    feed(link, chance, b"".join(answers))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    healthy = [read for read, unit in zip(reads, units, strict=True) if unit % 2]
    if healthy:
        await asyncio.wait_for(asyncio.wait(healthy), 5)
    for read, (unit, address, count) in zip(reads, asked, strict=True):
        if unit % 2 or (read.done() and read.exception() is None):
            assert read.result() == truth((0, unit, 3, address, count))
        read.cancel()
    await asyncio.wait(reads)


@pytest.mark.parametrize("seed", range(40))
async def test_however_answers_are_mangled_no_wrong_value_is_taken_and_no_neighbour_loses_its_own(seed):
    chance = random.Random(seed)
    together, alone, wire = (*(TcpLine(Endpoint(Transport.TCP, "127.0.0.1", 502)) for _ in range(2)), Wire())
    for _ in range(50):
        units = chance.choice([[1], [2], [1, 2], [1, 2, 3], [2, 3, 5, 7]])
        link = alone if len(units) == 1 else together
        if not link.is_open:  # it closes itself after a time-out where no transaction ids are returned
            link.connection_made(wire)
        await round_of(link, wire, chance, units)
    together.close()
    alone.close()


FLOODS = {
    "frames of nobody": lambda _: struct.pack(">HHHBB", 0x9999, 0, 2, 5, 3) * 4_096,
    "frames with the right number": lambda r: struct.pack(">HHHBB", r[0], 0, 2, 99, 3) * 4_096,
    "noise": lambda _: b"\x55" * 32_768,
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
async def test_a_peer_that_sends_more_than_all_answers_is_hung_up_on(flood):
    async with opened(flood) as (link, _):
        assert await reason_of(link) is Reason.MALFORMED
        assert not link.is_open


async def test_late_answers_that_come_all_at_once_are_no_flood():
    held: list[bytes] = []

    def behave(request):
        held.append(words(request))
        return b"".join(held) if len(held) > 20 else None

    async with opened(behave) as (link, _):
        for _ in range(20):
            assert await reason_of(link, count=125, timeout=0.02) is Reason.TIMEOUT
        assert await link.read(LYING, 3, 0, 125, 5.0) == b"\0\7" * 125
