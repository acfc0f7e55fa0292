"""One connection task: its units do not hold up each other, and what failed comes back."""

import asyncio
import struct

from ddms.endpoints import Transport
from ddms.quality import Reason
from tests.support.devices import HANG_UP, answer, exception, foreign_server, scripted, words
from tests.support.polled import configuration, point, polling, unit, until
from tests.support.ports import free_port
from tests.support.transports import datagrams


async def test_a_foreign_device_is_polled_at_its_interval():
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [123, *struct.unpack(">2H", struct.pack(">f", 1.5))])
        async with polling(configuration(port, unit(1, point(1, 0, interval_s=1)))) as (task, notebook):
            await until(lambda: len(notebook.answers) >= 3)
        assert notebook.values(1)[0] == (123.0, 0)
        assert notebook.state_of(1).state == "online"
        assert task.statistics.connects == 1
        at = [answer[1] for answer in notebook.answers]
        assert at[-1] - at[0] >= (len(at) - 2) * 1_000_000, "one at once, then one a second"


async def test_a_silent_unit_is_demoted_and_its_neighbours_keep_their_interval():
    def behave(request):
        return None if request[1] == 2 else words(request)

    async with scripted(behave) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in (1, 2, 3)]
        async with polling(configuration(device.port, *units)) as (task, notebook):
            await until(lambda: notebook.state_of(2) and notebook.state_of(2).state == "offline")
            start = len(device.requests)
            await asyncio.sleep(3.2)
            later = [r[1] for r in device.requests[start:]]
        assert later.count(2) == 0
        assert later.count(1) >= 3
        assert later.count(3) >= 3
        assert {quality for _, quality in notebook.values(2)} == {Reason.TIMEOUT}
        assert notebook.state_of(2).last_error == Reason.TIMEOUT.explanation
        assert task.statistics.demotions == 1


async def test_a_device_may_have_a_time_out_of_its_own():
    """Unit 2 takes longer than its line waits, and may; unit 3 takes as long, and may not."""

    def behave(data: bytes) -> list[bytes]:
        unit_id, reply = data[6], data[:4] + struct.pack(">HBBBH", 5, data[6], 3, 2, 7)
        if unit_id == 1:
            return [reply]
        asyncio.get_running_loop().call_later(0.5, peer.transport.sendto, reply, peer.peers[-1])
        return []

    async with datagrams(behave) as peer:
        units = [
            unit(n, point(n, 0, interval_s=2), timeout=timeout) for n, timeout in ((1, None), (2, 30.0), (3, None))
        ]
        async with polling(configuration(peer.port, *units, transport=Transport.UDP, timeout=0.2)) as (_, notebook):
            await until(lambda: len(notebook.values(2)) >= 2 and len(notebook.values(1)) >= 2 and notebook.values(3))
        assert {quality for _, quality in notebook.values(1) + notebook.values(2)} == {0}
        assert {quality for _, quality in notebook.values(3)} == {Reason.TIMEOUT}


async def test_a_poll_that_fails_beside_one_that_does_not_makes_one_lasting_error():
    def behave(request):
        return exception(request, 4) if request[3] == 0 else words(request)

    async with scripted(behave) as device:
        points = [point(1, 0, interval_s=2), point(2, 1, interval_s=2), point(3, 100, interval_s=1)]
        async with polling(configuration(device.port, unit(1, *points))) as (_, notebook):
            await until(lambda: len(notebook.values(1)) >= 3 and len(notebook.values(3)) >= 4)
        told = [(state.state, state.last_error) for state in notebook.states]
        error = f"p1 and 1 more: {Reason.DEVICE_FAILURE.explanation}"
        assert told[-1] == ("error", error)
        assert told.count(("error", error)) == 1, "a state is told when it changes"
        assert notebook.values(3)[-1] == (7.0, 0)


async def test_a_block_that_is_only_too_long_for_the_device_is_no_error():
    def behave(request):
        return exception(request, 3) if request[4] > 4 else words(request)

    async with scripted(behave) as device:
        points = [point(n, n, interval_s=1) for n in range(1, 7)]
        async with polling(configuration(device.port, unit(1, *points))) as (_, notebook):
            await until(lambda: len(notebook.values(6)) >= 3)
        assert {state.state for state in notebook.states} == {"online"}
        assert {quality for _, quality in notebook.values(1)} == {0}


async def test_a_demoted_unit_is_tried_again_and_comes_back_by_itself():
    dead = True

    def behave(request):
        return None if dead else words(request)

    async with scripted(behave) as device:
        points = [point(1, 0, interval_s=1), point(2, 100, interval_s=2)]
        async with polling(configuration(device.port, unit(1, *points)), retry_seconds=1.0) as (_, notebook):
            await until(lambda: notebook.state_of(1) and notebook.state_of(1).failures >= 5)
            retries = device.times[-2:]
            assert retries[1] - retries[0] >= 0.9, "one a second"
            dead = False
            await until(lambda: notebook.state_of(1).state == "online")
            await until(lambda: notebook.values(2)[-1] == (7.0, 0))
        assert notebook.state_of(1).failures == 0


async def test_a_refused_connection_makes_all_its_units_offline_and_heals():
    port = free_port()
    units = [unit(n, point(n, 0, interval_s=1)) for n in (1, 2)]
    async with polling(configuration(port, *units), retry_seconds=0.5) as (_, notebook):
        await until(lambda: [notebook.state_of(n) and notebook.state_of(n).state for n in (1, 2)] == ["offline"] * 2)
        assert notebook.values(1)[0][1] == Reason.REFUSED
        with foreign_server(port):
            await until(lambda: [notebook.state_of(n).state for n in (1, 2)] == ["online"] * 2)


async def test_one_bad_register_is_found_and_its_neighbours_go_on():
    def behave(request):
        _, _, _, address, count = request
        return exception(request, 2) if address <= 7 < address + count else words(request)

    async with scripted(behave) as device:
        points = [point(i, i, interval_s=1) for i in range(16)]
        async with polling(configuration(device.port, unit(1, *points))) as (_, notebook):
            await until(lambda: len(notebook.answers) >= 12)
            await until(lambda: notebook.state_of(1))
        first = {i: notebook.values(i)[0] for i in range(16)}
        assert [i for i, (_, quality) in first.items() if quality] == [7]
        assert first[7][1] == Reason.ILLEGAL_ADDRESS
        assert notebook.state_of(1).state == "error"
        assert "p7: exception 2" in notebook.state_of(1).last_error
        assert len(notebook.values(7)) >= 2, "the bad register goes on to be reported"


async def test_a_busy_device_is_asked_again_within_the_cycle():
    busy = iter([True, True, False])

    async with scripted(lambda r: exception(r, 6) if next(busy, False) else words(r)) as device:
        async with polling(configuration(device.port, unit(1, point(1, 0)))) as (_, notebook):
            await until(lambda: notebook.answers)
        assert notebook.values(1) == [(7.0, 0)]
        assert len(device.requests) == 3


async def test_a_device_failure_is_bad_but_not_offline():
    async with scripted(lambda r: exception(r, 4)) as device:
        async with polling(configuration(device.port, unit(1, point(1, 0, interval_s=1)))) as (_, notebook):
            await until(lambda: len(notebook.answers) >= 4)
        assert notebook.values(1)[0][1] == Reason.DEVICE_FAILURE
        assert notebook.state_of(1).state == "error"


async def test_a_device_that_closes_after_each_answer_is_read_all_the_same():
    connections = 0

    async def hang_up_after_one(reader, writer):
        nonlocal connections
        connections += 1
        transaction, _, _, unit_id, function, address, count = struct.unpack(">HHHBBHH", await reader.readexactly(12))
        writer.write(words((transaction, unit_id, function, address, count)))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up_after_one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with polling(configuration(port, unit(1, point(1, 0, interval_s=1)))) as (_, notebook):
        await until(lambda: len(notebook.answers) >= 3)
    server.close()
    assert {quality for _, quality in notebook.values(1)} == {0}
    assert connections >= 3


async def test_units_that_answer_are_read_though_the_device_hangs_up_or_is_busy_between_them():
    script = iter(["answer", "answer and hang up", "busy", "answer", "answer and hang up"])

    def behave(request):
        turn = next(script, "answer")
        if turn == "busy":
            return exception(request, 6)
        return (
            [words(request, value=request[1]), HANG_UP] if turn == "answer and hang up" else words(request, request[1])
        )

    async with scripted(behave) as device:
        units = [unit(n, point(n, 0, interval_s=1)) for n in range(1, 6)]
        async with polling(configuration(device.port, *units)) as (task, notebook):
            await until(lambda: len(notebook.answers) >= 10)
        for n in range(1, 6):
            assert {*notebook.values(n)} == {(n, 0)}
        assert device.connections == task.statistics.connects == 3
        assert task.statistics.errors == {Reason.BUSY: 1, Reason.CLOSED: 2}
        assert task.statistics.requests == task.statistics.answers + 3


async def test_a_change_of_configuration_leaves_the_connection_and_the_other_units_alone():
    async with scripted(words) as device:
        one, two = unit(1, point(1, 0, interval_s=1)), unit(2, point(2, 5, interval_s=1))
        async with polling(configuration(device.port, one)) as (task, notebook):
            await until(lambda: notebook.answers)
            task.configure(configuration(device.port, one, two))
            await until(lambda: any(r[1] == 2 for r in device.requests), 2)
            task.configure(configuration(device.port, two))
            await asyncio.sleep(0.1)
            before = len(device.requests)
            await asyncio.sleep(1.2)
        assert {r[1] for r in device.requests[before:]} == {2}
        assert device.connections == 1


async def test_several_requests_are_in_flight_where_the_device_takes_them():
    waiting, most, connections = 0, 0, 0

    async def slow(reader, writer):
        nonlocal connections
        connections += 1

        async def reply(head):
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            await asyncio.sleep(0.05)
            waiting -= 1
            transaction, _, _, unit_id, function, address, count = struct.unpack(">HHHBBHH", head)
            writer.write(answer((transaction, unit_id, function, address, count), b"\0\1" * count))

        replies = []
        try:
            while True:
                replies.append(asyncio.create_task(reply(await reader.readexactly(12))))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    units = [unit(n, point(n, 0, interval_s=1)) for n in range(1, 9)]
    async with polling(configuration(port, *units, max_in_flight=4)) as (_, notebook):
        await until(lambda: len(notebook.answers) >= 8)
    server.close()
    await asyncio.sleep(0.1)
    assert most == 4
    assert connections == 1


async def test_pauses_and_closing_after_each_cycle_are_kept():
    async with scripted(words) as device:
        units = [unit(1, point(1, 0, interval_s=1), point(2, 1000, interval_s=1))]
        config = configuration(device.port, *units, request_pause=0.1, close_after_cycle=True)
        async with polling(config) as (_, notebook):
            await until(lambda: len(notebook.answers) >= 6)
        assert device.connections >= 3
        assert device.times[1] - device.times[0] >= 0.1


async def test_a_job_borrows_the_open_line_between_polls():
    async with scripted(words) as device:
        async with polling(configuration(device.port, unit(1, point(1, 0)))) as (task, notebook):
            await until(lambda: notebook.answers)
            assert await task.borrow(lambda link: link.read(9, 3, 50, 1, 1.0)) == b"\0\7"
        assert device.requests[-1][1:] == (9, 3, 50, 1)
        assert device.connections == 1
