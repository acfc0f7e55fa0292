"""The collector as a whole: from a foreign device's registers to the database, while things change."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from collector.field import requests
from tests.support.devices import foreign_server, scripted, words
from tests.support.ports import free_port
from tests.support.running import background, database_away, until


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool", flush_interval=0.0)


@asynccontextmanager
async def collecting(settings):
    program = CollectorProgram(settings)
    async with background(program.run()):
        yield program


async def value_of(owner, point_id: int):
    return await owner.fetchval("SELECT value FROM latest WHERE point_id = $1", point_id)


async def point_of(owner, device_id: int) -> int:
    return await owner.fetchval("SELECT id FROM points WHERE device_id = $1 ORDER BY id LIMIT 1", device_id)


async def test_a_device_is_polled_as_soon_as_it_is_in_the_database(settings, owner, make_device):
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [4711])
        async with collecting(settings) as program:
            await until(lambda: asyncio.sleep(0, program.store.connected))
            point_id = await point_of(owner, await make_device(port=port))
            assert await until(lambda: value_of(owner, point_id)) == 4711
            registers.set_holding_registers(0, [4712])
            await until(lambda: is_value(owner, point_id, 4712))


async def is_value(owner, point_id, value) -> bool:
    return await value_of(owner, point_id) == value


async def is_after(owner, point_id, value) -> bool:
    return (await value_of(owner, point_id) or 0) > value


async def test_a_change_acts_at_once_and_disturbs_nobody_else(settings, owner, make_device):
    async with scripted(words) as other:
        await make_device("Other", port=other.port)
        with foreign_server() as (port, registers):
            registers.set_holding_registers(0, [1, 2])
            device_id = await make_device(port=port)
            point_id = await point_of(owner, device_id)
            async with collecting(settings):
                await until(lambda: value_of(owner, point_id))
                await owner.execute("UPDATE points SET address = 1 WHERE id = $1", point_id)
                await until(lambda: is_value(owner, point_id, 2))
                await owner.execute("UPDATE devices SET enabled = false WHERE id = $1", device_id)
                await asyncio.sleep(1.5)
                registers.set_holding_registers(0, [8, 9])
                await asyncio.sleep(1.5)
                assert await value_of(owner, point_id) == 2
        assert other.connections == 1


async def test_readings_go_on_through_an_outage_of_the_database(settings, owner, database_url, make_device):
    async with scripted(lambda request: words(request, len(device.requests))) as device:  # it counts
        point_id = await point_of(owner, await make_device(port=device.port))
        await owner.execute("UPDATE connections SET timeout_ms = 10000")
        async with collecting(settings) as program:
            await until(lambda: value_of(owner, point_id))
            async with database_away(owner, database_url), asyncio.timeout(60):
                while program.store.spool.count < 4:
                    await asyncio.sleep(0.1)
            now = len(device.requests)
            await until(lambda: is_after(owner, point_id, now))
            async with asyncio.timeout(60):
                while program.store.spool.count:
                    await asyncio.sleep(0.1)
    rows = await owner.fetch("SELECT value FROM readings WHERE point_id = $1 ORDER BY time", point_id)
    values = [row["value"] for row in rows]
    assert values == list(range(1, len(values) + 1)), "no hole"
    assert len(values) >= now


async def ask(owner, **parameters):
    request = {
        "endpoint": "tcp://127.0.0.1:1", "unit_id": 1, "timeout_ms": 500,
        "points": [
            {"key": key, "register_table": "holding", "address": address, "data_type": "uint16", "byte_order": "ABCD",
             "bit": None, "length": None, "scale": 0.5, "value_offset": 0.0}
            for key, address in (("a", 0), ("b", 3))
        ],
    } | parameters  # fmt: skip
    sql = "INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('test_connection', $1, 'test') RETURNING id"
    request_id = await owner.fetchval(sql, request)

    async def finished():
        row = await owner.fetchrow("SELECT state, result, error FROM field_requests WHERE id = $1", request_id)
        return row if row["state"] in {"done", "failed"} else None

    return await until(finished)


async def test_a_connection_is_tested_in_the_collector(settings, owner):
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [10, 0, 0, 30])
        async with collecting(settings):
            row = await ask(owner, endpoint=f"tcp://127.0.0.1:{port}")
        assert row["state"] == "done"
        (request,) = row["result"]["requests"]
        assert (request["address"], request["words"]) == (0, [10, 0, 0, 30])
        assert request["milliseconds"] > 0
        assert [(v["key"], v["raw"], v["value"]) for v in row["result"]["values"]] == [("a", 10, 5), ("b", 30, 15)]


async def test_a_request_that_meets_a_mistake_of_ours_fails_instead_of_running_for_ever(settings, owner, monkeypatch):
    async def stumbles(*_):
        raise RuntimeError("a mistake")

    monkeypatch.setitem(requests.KINDS, "test_connection", stumbles)
    async with collecting(settings):
        row = await ask(owner)
    assert row["state"] == "failed"
    assert "RuntimeError('a mistake')" in row["error"]


async def test_a_test_of_nothing_says_why(settings, owner):
    async with collecting(settings):
        row = await ask(owner, endpoint=f"tcp://127.0.0.1:{free_port()}")
        assert [request["reason"] for request in row["result"]["requests"]] == ["refused"]
        assert [(v["value"], v["reason"]) for v in row["result"]["values"]] == [(None, "refused")] * 2
        broken = await ask(owner, points=[{"key": "a"}])
        assert "cannot be understood" in broken["error"]
