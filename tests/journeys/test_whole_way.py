"""The whole way: what a foreign client reads from a foreign device is what GraphQL answers, in every type and order."""

import asyncio
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from pyModbusTCP.client import ModbusClient

from collector.app import CollectorProgram
from ddms.registers import ByteOrder
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import foreign_server
from tests.support.running import background
from tests.support.words import NUMBERS, as_sent

CREATE = "mutation ($input: DeviceInput!) { createDevice(input: $input) { errors { code message } device { id } } }"
LATEST = '{ device(name: "Every type") { status { state } points { key latest { value quality } } } }'


def points() -> dict[str, tuple[dict[str, object], bytes]]:
    """Each data type in each byte order, one after the other: how it is asked for, and what the device holds."""
    found: dict[str, tuple[dict[str, object], bytes]] = {}
    address = 0
    for data_type, (form, number) in NUMBERS.items():
        for order in ByteOrder:
            key = f"{data_type.value}_{order.value.lower()}"
            held = as_sent(struct.pack(form, number), order)
            about = {
                "registerTable": "HOLDING",
                "address": address,
                "dataType": data_type.name,
                "byteOrder": order.name,
            }
            found[key] = {"key": key, "name": key, "intervalSeconds": 1} | about, held
            address += len(held) // 2
    return found


def as_a_foreign_client_reads_it(port: int, point: dict[str, object], held: bytes) -> float:
    """Read the registers with pyModbusTCP and put the value together by struct."""
    client = ModbusClient("127.0.0.1", port)
    words = client.read_holding_registers(int(str(point["address"])), len(held) // 2)
    client.close()
    assert words is not None
    order = ByteOrder[str(point["byteOrder"])]
    form = next(form for data_type, (form, _) in NUMBERS.items() if data_type.name == point["dataType"])
    number = struct.unpack(form, as_sent(struct.pack(f">{len(words)}H", *words), order))[0]
    return float(str(np.float32(number))) if form == ">f" else float(number)  # as the device's own display shows it


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool")


async def test_every_type_in_every_byte_order_reaches_graphql_as_a_foreign_client_reads_it(api: Api, settings):
    wanted = points()
    with foreign_server() as (port, registers):
        for point, held in wanted.values():
            registers.set_holding_registers(point["address"], struct.unpack(f">{len(held) // 2}H", held))
        device = {"name": "Every type", "endpoint": f"tcp://127.0.0.1:{port}", "unitId": 1}
        made = await api.ask(CREATE, input=device | {"points": [point for point, _ in wanted.values()]})
        assert made["errors"] == []
        async with background(CollectorProgram(settings).run()), asyncio.timeout(60):
            while True:
                answer = await api.ask(LATEST)
                if all(point["latest"] for point in answer["points"]):
                    break
                await asyncio.sleep(0.1)
        foreign = {
            key: await asyncio.to_thread(as_a_foreign_client_reads_it, port, *asked) for key, asked in wanted.items()
        }
    assert {point["key"]: point["latest"]["value"] for point in answer["points"]} == foreign
    assert {point["latest"]["quality"] for point in answer["points"]} == {"GOOD"}
    assert len(foreign) == len(NUMBERS) * 4
    assert all(math.isclose(foreign[f"{t.value}_abcd"], number, rel_tol=1e-7) for t, (_, number) in NUMBERS.items())
