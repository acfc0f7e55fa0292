"""Several collectors: each connection has one, a dead one's are taken over, a new one gets its share."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from collector.polling.leases import Leases
from tests.support.devices import scripted, words
from tests.support.running import background, until


@pytest.fixture
async def collectors(owner):
    """Two collectors that are known to be alive."""
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('a', '0'), ('b', '0')")
    return Leases("a"), Leases("b")


async def nothing(_):
    """Stop no polling, since there is none."""


async def tick(owner, leases, stop=nothing):
    await leases.tick(owner, stop)
    return sorted(leases.held)


async def test_two_collectors_share_and_never_hold_the_same(owner, make_device, collectors):
    for port in range(1, 8):
        await make_device(f"Device {port}", port=port)
    one, two = collectors
    assert len(await tick(owner, one)) == 4
    assert len(await tick(owner, two)) == 3
    assert not one.held & two.held


async def test_a_silent_collector_loses_its_connections_when_its_lease_runs_out(owner, make_device, collectors):
    for port in (1, 2):
        await make_device(f"Device {port}", port=port)
    one, two = collectors
    await tick(owner, one)
    await tick(owner, two)
    await owner.execute("UPDATE leases SET expires_at = now() - interval '1 s' WHERE collector = 'a'")
    await owner.execute("UPDATE collectors SET seen_at = now() - interval '1 min' WHERE name = 'a'")
    assert len(await tick(owner, two)) == 2
    stopped = []

    async def stop(connections):
        stopped.extend(connections)

    await owner.execute("UPDATE collectors SET seen_at = now() - interval '1 min' WHERE name = 'b'")
    assert len(await tick(owner, one, stop)) == 0, "what another took is not polled any more"
    assert len(stopped) == 1


async def test_one_that_joins_gets_its_share_after_the_other_stopped_polling(owner, make_device):
    for port in range(1, 5):
        await make_device(f"Device {port}", port=port)
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('a', '0')")
    one, two = Leases("a"), Leases("b")
    assert len(await tick(owner, one)) == 4
    await owner.execute("INSERT INTO collectors (name, version) VALUES ('b', '0')")
    assert await tick(owner, two) == []
    free_when_stopped = []

    async def stop(connections):
        free_when_stopped.append(await owner.fetchval("SELECT count(*) FROM leases WHERE collector = 'a'"))

    assert len(await tick(owner, one, stop)) == 2
    assert free_when_stopped == [4], "given back only after the polling ended"
    assert len(await tick(owner, two)) == 2


async def test_a_disabled_device_needs_no_lease(owner, make_device, collectors):
    device_id = await make_device()
    one, _ = collectors
    assert len(await tick(owner, one)) == 1
    await owner.execute("UPDATE devices SET enabled = false WHERE id = $1", device_id)
    assert await tick(owner, one) == []
    assert await owner.fetchval("SELECT count(*) FROM leases") == 0


@asynccontextmanager
async def collector(settings, name, tmp_path):
    own = replace(settings, collector_name=name, spool_directory=tmp_path / name)
    program = CollectorProgram(own)
    async with background(program.run()):
        yield program


async def test_two_running_collectors_poll_each_device_once_and_one_takes_over(settings, owner, make_device, tmp_path):
    async with scripted(words) as left, scripted(words) as right:
        for name, device in (("Left", left), ("Right", right)):
            await make_device(name, port=device.port)
        async with collector(settings, "a", tmp_path) as one:
            await until(lambda: asyncio.sleep(0, len(one.tasks) == 2))
            async with collector(settings, "b", tmp_path) as two:
                await until(lambda: asyncio.sleep(0, len(one.tasks) == len(two.tasks) == 1))
                await asyncio.sleep(1)
                began, before = asyncio.get_running_loop().time(), len(left.times) + len(right.times)
                await asyncio.sleep(3)
                seconds = asyncio.get_running_loop().time() - began
                assert len(left.times) + len(right.times) - before <= 2 * (seconds + 1), (
                    "two devices, one poll a second each"
                )
            await until(lambda: asyncio.sleep(0, len(one.tasks) == 2))
