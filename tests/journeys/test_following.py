"""A running collector follows what is changed by GraphQL within 5 s, and other connections notice nothing."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import foreign_server, scripted, words
from tests.support.running import background

CONNECTIONS = "{ connections { id endpoint version collector } }"
UPDATE_CONNECTION = """mutation ($id: ID!, $version: Int!, $changes: ConnectionChanges!) {
  updateConnection(id: $id, version: $version, changes: $changes) { errors { code message } } }"""
CREATE_PROFILE = (
    "mutation ($input: ProfileInput!) { createProfile(input: $input) { errors { message } profile { id } } }"
)
UPDATE_PROFILE = """mutation ($id: ID!, $changes: ProfileChanges!) {
  updateProfile(id: $id, version: 1, changes: $changes, dryRun: false) { errors { message } applied } }"""
UPDATE_POINT = (
    "mutation ($id: ID!, $changes: PointChanges!) { updatePoint(id: $id, changes: $changes) { errors { message } } }"
)
LATEST = "query ($id: ID!) { device(id: $id) { points { key latest { value } } } }"
WITHIN = 60.0  # a limit; the promise is 5 s, on a machine that has nothing else to do it takes 1.5 s


def word(address: int, key: str = "level") -> dict[str, object]:
    return {"key": key, "registerTable": "HOLDING", "address": address, "dataType": "UINT16", "intervalSeconds": 1}


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool")


@asynccontextmanager
async def beside_another(api: Api, settings):
    """Run a collector that polls another device too; in the end that one must have noticed nothing."""
    async with scripted(words) as other:
        await add(api, "Other", endpoint=f"tcp://127.0.0.1:{other.port}", points=[word(0)])
        async with background(CollectorProgram(settings).run()):
            await until(lambda: asyncio.sleep(0, len(other.requests) > 1))
            yield
            before = len(other.requests)
            await until(lambda: asyncio.sleep(0, len(other.requests) > before))
        assert other.connections == 1


async def until(condition, seconds: float = WITHIN):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def value(api: Api, device: dict, key: str = "level") -> float | None:
    points = {point["key"]: point["latest"] for point in (await api.ask(LATEST, id=device["id"]))["points"]}
    return points[key] and points[key]["value"]


async def shows(api: Api, device: dict, wanted: float, key: str = "level") -> bool:
    return await value(api, device, key) == wanted


async def test_of_changed_connection_settings(api: Api, settings):
    async with scripted(words) as device, beside_another(api, settings):
        watched = await add(api, "Watched", endpoint=f"tcp://127.0.0.1:{device.port}", points=[word(0)])
        await until(lambda: shows(api, watched, 7))
        assert device.connections == 1
        connection = next(c for c in await api.ask(CONNECTIONS) if str(device.port) in c["endpoint"])
        assert connection["collector"] == "line 1"
        closing = {"closeAfterCycle": True, "timeoutMs": 400}
        payload = await api.ask(UPDATE_CONNECTION, id=connection["id"], version=1, changes=closing)
        assert payload["errors"] == []
        await until(lambda: asyncio.sleep(0, device.connections >= 3))


async def test_of_a_gateway_that_moved(api: Api, settings):
    with foreign_server() as (port, bank), foreign_server() as (new_port, new_bank):
        bank.set_holding_registers(0, [1])
        new_bank.set_holding_registers(0, [2])
        async with beside_another(api, settings):
            watched = await add(api, "Watched", endpoint=f"tcp://127.0.0.1:{port}", points=[word(0)])
            await until(lambda: shows(api, watched, 1))
            connection = next(c for c in await api.ask(CONNECTIONS) if str(port) in c["endpoint"])
            moved = {"endpoint": f"tcp://127.0.0.1:{new_port}"}
            await api.ask(UPDATE_CONNECTION, id=connection["id"], version=1, changes=moved)
            await until(lambda: shows(api, watched, 2))


async def test_of_a_changed_profile(api: Api, settings):
    with foreign_server() as (port, bank):
        bank.set_holding_registers(0, [10, 20, 30])
        profile = (await api.ask(CREATE_PROFILE, input={"name": "Tank", "points": [word(0)]}))["profile"]["id"]
        async with beside_another(api, settings):
            at = f"tcp://127.0.0.1:{port}"
            tanks = [await add(api, f"Tank {n}", endpoint=at, unitId=n, profile="Tank", points=[]) for n in (1, 2)]
            for tank in tanks:
                await until(lambda tank=tank: shows(api, tank, 10))
            changes = {"points": [word(1), word(2, "flow")]}
            assert (await api.ask(UPDATE_PROFILE, id=profile, changes=changes))["applied"]
            async with asyncio.timeout(WITHIN):
                for tank in tanks:
                    await until(lambda tank=tank: shows(api, tank, 20))
                    await until(lambda tank=tank: shows(api, tank, 30, "flow"))


async def test_of_a_changed_point(api: Api, settings):
    with foreign_server() as (port, bank):
        bank.set_holding_registers(0, [10, 20])
        async with beside_another(api, settings):
            watched = await add(api, "Watched", endpoint=f"tcp://127.0.0.1:{port}", points=[word(0)])
            await until(lambda: shows(api, watched, 10))
            await api.ask(UPDATE_POINT, id=f"pt_{watched['points']['level']}", changes={"address": 1, "scale": 0.5})
            await until(lambda: shows(api, watched, 10.0))
            bank.set_holding_registers(1, [44])
            await until(lambda: shows(api, watched, 22.0))
