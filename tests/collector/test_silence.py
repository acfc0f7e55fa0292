"""Silence: a session that hangs, a line out of step, a block that is never answered, and when what is offline is tried."""

import asyncio
import struct

import pytest

from collector.polling.retry import wait_before
from collector.polling.units import Reopening
from ddms.endpoints import Transport
from ddms.plan import block_of, without_gaps
from ddms.quality import Reason
from tests.support.devices import answer, exception, scripted, words
from tests.support.polled import configuration, point, polling, unit, until
from tests.support.rtu_devices import rtu_words, scripted_rtu

PEERS = {Transport.TCP: (scripted, words), Transport.RTU_OVER_TCP: (scripted_rtu, rtu_words)}


def test_what_is_offline_is_tried_after_5_10_20_40_and_then_every_60_seconds():
    assert [wait_before(attempt) for attempt in (*range(7), 10_000)] == [5, 10, 20, 40, 60, 60, 60, 60]


@pytest.mark.parametrize("transport", PEERS)
async def test_a_session_that_hangs_is_opened_again_within_three_timeouts(transport):
    """The first connection is acknowledged and never answered; asked once in ten seconds, nothing is lost all the same."""
    serve, right = PEERS[transport]
    async with serve(lambda request: right(request) if device.connections > 1 else None) as device:
        config = configuration(device.port, unit(1, point(1, 0, interval_s=10)), transport=transport, timeout=0.2)
        async with polling(config) as (task, notebook):
            await until(lambda: (7.0, 0) in notebook.values(1))
            assert len(device.requests) <= 5
            assert device.connections == 2
            assert notebook.state_of(1).state == "online"
            assert task.statistics.reopens == {Reopening.SILENT: 1}


@pytest.mark.parametrize("transport", PEERS)
async def test_a_session_that_hangs_later_takes_no_unit_of_many_offline(transport):
    serve, right = PEERS[transport]
    hung = False

    def behave(request):
        return None if hung and device.connections == 1 else right(request)

    async with serve(behave) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in range(1, 6)]
        async with polling(configuration(device.port, *units, transport=transport, timeout=0.2)) as (task, notebook):
            await until(lambda: len(notebook.answers) >= 5)
            hung = True
            await until(lambda: device.connections == 2)
            before = len(notebook.answers)
            await until(lambda: len(notebook.answers) > before + 10)
            assert {notebook.state_of(n).state for n in range(1, 6)} == {"online"}
            assert task.statistics.reopens == {Reopening.SILENT: 1}


async def test_a_line_on_which_nothing_ever_answers_is_not_opened_again_all_the_time():
    async with scripted(lambda _: None) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in range(1, 5)]
        async with polling(configuration(device.port, *units, timeout=0.1), retry_seconds=0.2) as (task, notebook):
            await until(lambda: notebook.state_of(4) and notebook.state_of(4).failures > 6)
            assert task.statistics.requests > 30
            assert device.connections <= 3


async def test_a_dead_unit_among_living_ones_reopens_nothing():
    async with scripted(lambda r: None if r[1] == 2 else words(r)) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in (1, 2, 3)]
        async with polling(configuration(device.port, *units, timeout=0.1), retry_seconds=0.5) as (task, notebook):
            await until(lambda: notebook.state_of(2) and notebook.state_of(2).failures > 4)
            assert device.connections == 1
            assert not task.statistics.reopens


@pytest.mark.parametrize("transport", PEERS)
async def test_a_line_out_of_step_is_found_and_cured(transport):
    """On its first connection, each answer belongs to the request before."""
    serve, right = PEERS[transport]
    held = []

    def behave(request):
        true = right(request, value=request[-4])  # the unit
        if device.connections > 1:
            return true
        held.append(true)
        return held[-2] if len(held) > 1 else None

    async with serve(behave) as device:
        units = [unit(n, *(point(10 * n + i, i, interval_s=1) for i in range(n))) for n in (1, 2, 3)]
        async with polling(configuration(device.port, *units, transport=transport, timeout=0.2)) as (task, notebook):
            await until(lambda: all((n, 0) in notebook.values(10 * n) for n in (1, 2, 3)))
            assert task.statistics.reopens == {Reopening.OUT_OF_STEP: 1}
            for n in (1, 2, 3):
                assert {value for value, quality in notebook.values(10 * n) if not quality} == {n}


async def test_a_peer_that_forgets_transaction_ids_is_polled_however_many_requests_are_in_flight():
    async with scripted(lambda r: answer(r, struct.pack(">H", r[1]), transaction=0)) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in range(1, 7)]
        async with polling(configuration(device.port, *units, max_in_flight=4)) as (_, notebook):
            await until(lambda: len(notebook.values(6)) >= 3)
            for n in range(1, 7):
                assert {*notebook.values(n)} == {(n, 0)}


# -- blocks that are never answered


def silent_where(address: int):
    """A device that says nothing to requests that touch a register."""
    return lambda r: None if r[3] <= address < r[3] + r[4] else words(r)


def asked_for(device) -> list[tuple[int, int]]:
    return [request[3:] for request in device.requests]


async def test_a_block_that_is_silent_alone_is_one_bad_block_and_the_others_are_polled():
    async with scripted(silent_where(100)) as device:
        points = [point(1, 0, interval_s=1), point(2, 100, interval_s=1), point(3, 200, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.2)) as (task, notebook):
            await until(lambda: notebook.state_of(1) and notebook.state_of(1).state == "error")
            await until(lambda: len(notebook.values(3)) > 6)
            assert {quality for _, quality in notebook.values(1) + notebook.values(3)} == {0}
            assert {quality for _, quality in notebook.values(2)} == {Reason.TIMEOUT}
            assert "p2: the device did not answer" in notebook.state_of(1).last_error
            assert task.statistics.demotions == 0
            assert asked_for(device).count((100, 1)) <= 4, "it is asked no more, for ten minutes"


async def test_a_silent_block_is_parted_at_its_gaps_first():
    async with scripted(silent_where(4)) as device:
        points = [point(n, n, interval_s=1) for n in (1, 2, 6, 7)] + [point(9, 500, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.2)) as (_, notebook):
            await until(lambda: all((7.0, 0) in notebook.values(n) for n in (1, 2, 6, 7)))
            assert asked_for(device).count((1, 7)) <= 3
            assert {(1, 2), (6, 2)} <= {*asked_for(device)}
            await until(lambda: notebook.state_of(1).state == "online")


async def test_one_silent_register_is_found_and_its_neighbours_are_read():
    async with scripted(silent_where(5)) as device:
        points = [point(n, n, interval_s=1) for n in range(8)] + [point(9, 500, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.1)) as (_, notebook):
            await until(lambda: all((7.0, 0) in notebook.values(n) for n in (0, 1, 2, 3, 4, 6, 7)))
            await until(lambda: "; " not in (notebook.state_of(1).last_error or "; "))
            assert notebook.state_of(1).last_error == f"p5: {Reason.TIMEOUT.explanation}"
            assert notebook.values(5)[-1][1] == Reason.TIMEOUT


async def test_a_device_whose_only_block_is_silent_is_found_again_by_its_parts():
    async with scripted(silent_where(3)) as device:
        points = [point(1, 0, interval_s=1), point(2, 6, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.1), retry_seconds=0.3) as (
            _,
            notebook,
        ):
            await until(lambda: all((7.0, 0) in notebook.values(n) for n in (1, 2)))
            await until(lambda: notebook.state_of(1).state == "online")


async def test_a_unit_that_is_silent_for_a_block_costs_its_neighbours_nothing():
    """The parts are asked for in the time that nobody needs: never between the neighbours' polls."""
    quiet = silent_where(5)
    async with scripted(lambda r: quiet(r) if r[1] == 1 else words(r)) as device:
        first = unit(1, *(point(n, n, interval_s=1) for n in range(8)), point(9, 500, interval_s=1))
        others = [unit(n, point(10 * n, 0, interval_s=1)) for n in (2, 3, 4)]
        async with polling(configuration(device.port, first, *others, timeout=0.2)) as (task, notebook):
            await until(lambda: "; " not in ((notebook.state_of(1) and notebook.state_of(1).last_error) or "; "))
            for n in (2, 3, 4):
                assert {*notebook.values(10 * n)} == {(7.0, 0)}
            assert task.statistics.overruns == 0


async def test_a_device_that_dies_while_a_block_is_silent_goes_offline_and_comes_back():
    dead = False
    quiet = silent_where(100)
    async with scripted(lambda r: None if dead else quiet(r)) as device:
        points = [point(1, 0, interval_s=1), point(2, 100, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.1), retry_seconds=0.5) as (
            _,
            notebook,
        ):
            await until(lambda: notebook.state_of(1) and notebook.state_of(1).state == "error")
            dead = True
            await until(lambda: notebook.state_of(1).state == "offline")
            dead = False
            await until(lambda: notebook.state_of(1).state == "error")
            assert notebook.values(1)[-1] == (7.0, 0)


async def test_a_block_that_a_gateway_gets_no_answer_to_is_one_bad_block_too():
    async with scripted(lambda r: exception(r, 11) if r[3] == 100 else words(r)) as device:
        points = [point(1, 0, interval_s=1), point(2, 100, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points))) as (task, notebook):
            await until(lambda: notebook.state_of(1) and notebook.state_of(1).state == "error")
            assert {quality for _, quality in notebook.values(1)} == {0}
            assert {quality for _, quality in notebook.values(2)} == {Reason.GATEWAY_TARGET}
            assert task.statistics.demotions == 0


async def test_one_lost_answer_marks_nothing_and_loses_no_other_block():
    lost = iter([False, True])
    async with scripted(lambda r: None if r[3] == 100 and next(lost, False) else words(r)) as device:
        points = [point(n, address, interval_s=1) for n, address in ((1, 0), (2, 100), (3, 200))]
        async with polling(configuration(device.port, unit(1, *points))) as (_, notebook):
            await until(lambda: len(notebook.values(3)) >= 4)
            assert {quality for _, quality in notebook.values(1) + notebook.values(3)} == {0}
            assert [quality for _, quality in notebook.values(2)][:3] == [0, Reason.TIMEOUT, 0]
            assert {state.state for state in notebook.states} == {"online"}
            assert len(device.requests) >= 12
            await asyncio.sleep(0)


async def test_a_silent_block_that_answers_again_as_a_whole_is_read_as_one():
    quiet = silent_where(4)
    mended = False
    async with scripted(lambda r: words(r) if mended else quiet(r)) as device:
        points = [point(n, n, interval_s=1) for n in (1, 7)] + [point(9, 500, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points), timeout=0.1)) as (task, notebook):
            await until(lambda: (7, 1) in asked_for(device))
            await until(lambda: notebook.state_of(1).state == "online")
            mended = True
            (poll,) = task.units[0].polls
            (whole,) = poll.silent
            poll.silent[whole] = 0.0  # ten minutes later
            await until(lambda: not poll.silent)
            before = len(device.requests)
            await until(lambda: len(device.requests) >= before + 4)
            assert {*asked_for(device)[before:]} == {(1, 7), (500, 1)}


def test_a_block_is_parted_where_no_point_is():
    block = block_of([point(1, 0), point(2, 1), point(3, 5), point(4, 9)])
    assert [(part.address, part.count) for part in without_gaps(block)] == [(0, 2), (5, 1), (9, 1)]
    assert without_gaps(block_of([point(1, 0), point(2, 1)]))[0].count == 2
