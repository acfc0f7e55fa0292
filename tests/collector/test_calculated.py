"""Calculated points from a foreign device's registers to the database: written by a person, polled by the program."""

import asyncio

import asyncpg

from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import foreign_server
from tests.support.field import TEST, collector_fixture  # noqa: F401 - fixtures

LATEST = """SELECT d.name || '.' || p.key, coalesce(nullif(q.reason, 'good'), l.value::text) FROM latest l
  JOIN points p ON p.id = l.point_id JOIN devices d ON d.id = p.device_id JOIN qualities q ON q.code = l.quality"""


def register(key: str, address: int, **more) -> dict[str, object]:
    return {
        "key": key,
        "registerTable": "HOLDING",
        "address": address,
        "dataType": "INT16",
        "intervalSeconds": 1,
    } | more


def calculated(key: str, expression: str) -> dict[str, object]:
    return {"key": key, "expression": expression, "intervalSeconds": 1}


async def shown(owner: asyncpg.Connection, **expected: str) -> bool:
    """Wait until these points show what is expected of them."""
    wanted = {key.replace("_of_", "."): value for key, value in expected.items()}
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(30):
            while not wanted.items() <= (found := dict(await owner.fetch(LATEST))).items():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(found) from None
    return True


async def site(owner: asyncpg.Connection, expected: tuple[str, str | None]) -> bool:
    """Wait until the device that has only calculated points does as expected."""
    found = None
    async with asyncio.timeout(60):
        while found != expected:
            found = tuple(await owner.fetchrow("SELECT state, last_error FROM grafana.devices WHERE device = 'Site'"))
            await asyncio.sleep(0.05)
    return True


async def test_values_are_calculated_of_registers_of_two_devices_and_spoiled_by_what_spoils_them(
    api: Api, collector, owner: asyncpg.Connection
):
    with foreign_server() as (port, meter), foreign_server() as (other_port, pump):
        meter.set_holding_registers(0, [2301, 0xFFFF, 3])
        pump.set_holding_registers(0, [10])
        line, other = f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{other_port}"
        points = [
            register("u", 0, scaleBy="10 ** u_sf"), register("u_sf", 1, sentinels=[-32768]), register("i", 2), calculated("p", "u * i"),
        ]  # fmt: skip
        values = (await api.ask(TEST, endpoint=line, points=points))["values"]
        assert [(value["key"], value["value"]) for value in values] == [
            ("u", 230.1),
            ("u_sf", -1),
            ("i", 3),
            ("p", 690.3),
        ]
        trial = [
            points[2],
            calculated("x", '"Meter".p + i'),
            calculated("y", "z"),
            calculated("z", "y"),
            calculated("w", '"Meter".p'),
        ]
        values = (await api.ask(TEST, endpoint=line, points=trial))["values"]
        assert [value["reason"] for value in values] == ["GOOD", *["INPUT_STALE"] * 4]
        await add(api, "Meter", endpoint=line, points=points)
        await add(api, "Pump", endpoint=other, points=[register("flow", 0), calculated("each", '"Meter".p / flow')])
        await add(api, "Site", endpoint=other, unitId=9, points=[calculated("sum", '"Meter".p + "Pump".flow')])
        assert await shown(owner, Meter_of_p="690.3", Pump_of_each="69.03", Site_of_sum="700.3")
        assert await site(owner, ("online", None))
        meter.set_holding_registers(0, [2301, 0, 2])
        assert await shown(owner, Meter_of_u="2301", Meter_of_p="4602", Site_of_sum="4612")
        pump.set_holding_registers(0, [0])
        assert await shown(owner, Pump_of_each="division_by_zero", Site_of_sum="4602")
        meter.set_holding_registers(0, [2301, 0x8000, 2])
        assert await shown(owner, Meter_of_u_sf="sentinel", Meter_of_u="input_bad", Pump_of_each="input_bad")
        assert await site(
            owner, ("error", "sum: an input of the calculation is bad, or the register that it is scaled by")
        )
        meter.set_holding_registers(0, [5, 1, 2])
        assert await shown(owner, Site_of_sum="100", Pump_of_flow="0")
        assert await site(owner, ("online", None))
