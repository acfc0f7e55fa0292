"""Points that are read ten times a second, and what is read beside them."""

import asyncio
import struct
from contextlib import asynccontextmanager

import pytest

from collector.polling import asking
from ddms.endpoints import Transport
from tests.support.devices import answer, scripted, words
from tests.support.polled import configuration, point, polling, unit, until
from tests.support.transports import datagrams

FAST, SLOW = 0, range(1000, 3000, 100)


def where(data: bytes) -> tuple[int, int]:
    """The unit and the address of a request."""
    return data[6], struct.unpack(">H", data[8:10])[0]


@asynccontextmanager
async def answering(seconds):
    """A peer that needs so many seconds for its answer, a function of unit and address; None is silence."""

    def behave(data: bytes) -> list[bytes]:
        if (wait := seconds(*where(data))) is not None:
            reply = data[:4] + struct.pack(">HBBBH", 5, data[6], 3, 2, 7)
            asyncio.get_running_loop().call_later(wait, peer.transport.sendto, reply, peer.peers[-1])
        return []

    async with datagrams(behave) as peer:
        yield peer


@pytest.mark.parametrize("fast_takes", [0.001, 0.15], ids=["a fast point", "one that takes longer than its interval"])
async def test_fast_and_slow_requests_take_turns_and_neither_starves(fast_takes):
    async with answering(lambda _, address: fast_takes if address == FAST else 0.06) as peer:
        slow = [point(n, address, interval_s=3600) for n, address in enumerate(SLOW, 2)]
        device = unit(1, point(1, FAST, interval_s=0.1), *slow)
        async with polling(configuration(peer.port, device, transport=Transport.UDP, timeout=20.0)) as (task, notebook):
            await until(lambda: len(notebook.values(SLOW.index(2900) + 2)) == 1)
        asked = [where(data)[1] for data in peer.came]
        rounds = asked[asked.index(SLOW[0]) : asked.index(SLOW[-1]) + 1]
        assert [address for address in rounds if address != FAST] == [*SLOW], "each once"
        assert rounds.count(FAST) >= 4, "in the 1.2 s of the slow ones"
        assert not any(one == other == FAST for one, other in zip(rounds, rounds[1:], strict=False))
        assert task.statistics.polls > 4


async def test_a_fast_point_is_read_between_the_time_outs_of_neighbours_that_died_together():
    async with scripted(lambda request: words(request) if request[1] == 1 else None) as device:
        units = [unit(1, point(1, 0, interval_s=0.1)), *(unit(n, point(n, 0, interval_s=3600)) for n in range(2, 6))]
        async with polling(configuration(device.port, *units, timeout=0.3)) as (_, notebook):
            await until(lambda: len(notebook.states) >= 5)
        asked = [request[1] for request in device.requests]
        firsts = [asked.index(number) for number in range(2, 6)]
        assert all(1 in asked[before:after] for before, after in zip(firsts, firsts[1:], strict=False))


@pytest.mark.parametrize("answered_before", [True, False])
async def test_a_slow_unit_beside_a_fast_one_comes_back(answered_before):
    """It takes longer than the fast one ever leaves the line alone."""
    lives = answered_before
    async with answering(lambda number, _: 0.001 if number == 1 else 0.25 if lives else None) as peer:
        units = [unit(1, point(1, 0, interval_s=0.1)), unit(2, point(2, 0, interval_s=1))]
        config = configuration(peer.port, *units, transport=Transport.UDP, timeout=2.0)
        async with polling(config, retry_seconds=0.2) as (_, notebook):
            if answered_before:
                await until(lambda: notebook.state_of(2) and notebook.state_of(2).state == "online")
            lives = False
            await until(lambda: notebook.state_of(2) and notebook.state_of(2).state == "offline")
            lives = True
            await until(lambda: notebook.state_of(2).state == "online")
            await until(lambda: notebook.values(2)[-1] == (7.0, 0))


async def test_the_good_parts_of_a_silent_block_are_found_on_a_line_that_is_never_quiet(monkeypatch):
    monkeypatch.setattr(asking, "ANYWAY_SECONDS", 0.5)

    def behave(request):
        return None if request[3] <= 6 < request[3] + request[4] else words(request)

    async with scripted(behave) as device:
        points = [point(n, n, interval_s=0.1) for n in (1, 2, 6, 7)] + [point(9, 500, interval_s=0.1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.1)) as (_, notebook):
            await until(lambda: all(notebook.values(n) and notebook.values(n)[-1] == (7.0, 0) for n in (1, 2, 7, 9)))
        assert notebook.values(6)[-1][1] > 0


async def test_a_reading_of_each_tenth_of_a_second_has_its_own_time():
    async with scripted(lambda request: answer(request, struct.pack(">H", len(device.requests)))) as device:
        async with polling(configuration(device.port, unit(1, point(1, 0, interval_s=0.1)))) as (_, notebook):
            await until(lambda: len(notebook.answers) >= 20)
        times = [answered[1] for answered in notebook.answers]
        assert times == sorted(set(times))
        assert [value for value, _ in notebook.values(1)] == [*range(1, len(times) + 1)], "in one flush, in their order"
        assert times[-1] - times[0] >= (len(times) - 3) * 100_000, "one at once, then ten a second, each a little late"
