"""The simulated plant: its table, its physics, its registers as a foreign client reads them, its faults."""

import asyncio
import math
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from itertools import pairwise
from typing import Any

import pytest
from pyModbusTCP.client import ModbusClient

from ddms.alarms import Priority
from ddms.limits import LimitKind, WrittenLimit, faults
from ddms.registers import DataType, Register, RegisterTable
from demo import inventory
from demo.gateway import Server, listen
from demo.inventory import PlantDevice, PlantPoint, Spell
from demo.model import TICK, Plant

MORNING = 1_790_000_000.0  # a whole number of ticks, on a day when the plant works
INVENTORY = inventory.read()
FORMATS = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q",
    "float16": "e", "float32": "f", "float64": "d",
}  # fmt: skip


def device(name: str) -> PlantDevice:
    return next(d for d in INVENTORY.devices if d.name.startswith(name))


@pytest.fixture
async def plant() -> Plant:
    return Plant(MORNING)


@pytest.fixture
async def servers(plant: Plant) -> AsyncIterator[dict[str, Server]]:
    opened = {gateway.key: await listen(plant, gateway.key, "127.0.0.1", 0) for gateway in INVENTORY.gateways}
    yield opened
    for server in opened.values():
        server.close()
    await asyncio.sleep(0)


async def ask(server: Server, unit: int, register: Register, *, patience: float = 60) -> tuple[list[int] | None, int]:
    """Read a register with a client that is neither ours nor pymodbus; give back words or bits, and the exception."""

    def read() -> tuple[list[int] | None, int]:
        client = ModbusClient(port=server.port, unit_id=unit, timeout=patience, auto_open=True)
        functions: dict[RegisterTable, Callable[..., Any]] = {
            RegisterTable.COIL: client.read_coils,
            RegisterTable.DISCRETE_INPUT: client.read_discrete_inputs,
            RegisterTable.HOLDING: client.read_holding_registers,
            RegisterTable.INPUT: client.read_input_registers,
        }
        words = functions[register.table](register.address, register.size)
        exception = client.last_except
        client.close()
        return words, exception

    return await asyncio.to_thread(read)


def decode(words: list[int], register: Register) -> float | str:
    """Decode as the letters of the byte order say, one by one: A is the most significant byte."""
    received = b"".join(word.to_bytes(2, "big") for word in words)
    places = {"ABCD": (0, 1), "BADC": (1, 0), "CDAB": (0, 1), "DCBA": (1, 0)}[register.byte_order]
    pairs = [bytes((received[i + places[0]], received[i + places[1]])) for i in range(0, len(received), 2)]
    data = b"".join(reversed(pairs) if register.byte_order in ("CDAB", "DCBA") else pairs)
    match register.data_type:
        case DataType.BOOL:
            return words[0]
        case DataType.STRING:
            return data.rstrip(b"\0").decode()
        case DataType.BIT:
            return words[0] >> (register.bit or 0) & 1
        case DataType.UINT8_HIGH:
            return words[0] >> 8
        case DataType.UINT8_LOW:
            return words[0] & 255
        case DataType.INT8_LOW:
            return struct.unpack("b", bytes([words[0] & 255]))[0]
        case kind:
            return struct.unpack(f">{FORMATS[kind]}", data)[0]


def resolution(point: PlantPoint, value: float) -> float:
    """Return how far a register can be from the value that it stands for."""
    kind = point.register.data_type
    digits = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-12}
    return abs(value) * digits[kind] if kind in digits else 0.5001 * point.scale


def test_the_plant_has_at_least_25_devices_of_kinds_people_know():
    assert len(INVENTORY.devices) >= 25
    assert {"EnergyMeter", "Pump", "Tank", "TemperatureLoop", "Compressor", "WeatherStation", "Conveyor"} <= {
        d.model for d in INVENTORY.devices
    }


def test_every_register_of_the_table_is_one_that_ddms_accepts():
    problems = [(d.name, p.key, p.register.problem()) for d in INVENTORY.devices for p in d.points]
    assert not [found for found in problems if found[2]]


def test_names_unit_ids_and_keys_are_unique_and_faults_name_points():
    assert len({d.name.lower() for d in INVENTORY.devices}) == len(INVENTORY.devices)
    assert len({(d.gateway, d.unit_id) for d in INVENTORY.devices}) == len(INVENTORY.devices)
    assert {d.gateway for d in INVENTORY.devices} == {gateway.key for gateway in INVENTORY.gateways}
    for d in INVENTORY.devices:
        keys = [p.key for p in d.points]
        assert len(set(keys)) == len(keys)
        assert {shift.point for shift in d.faults.shifts} | {limit.point for limit in d.limits} <= set(keys)
        assert {*d.faults.refuses, *(d.faults.no_value.points if d.faults.no_value else ())} <= set(keys)
        assert all(1 <= p.interval_s <= 60 for p in d.points)


def test_every_limit_of_the_table_is_one_that_ddms_accepts():
    for d in INVENTORY.devices:
        points = {point.key: point for point in d.points}
        for key in {limit.point for limit in d.limits}:
            names = {field.name for field in fields(WrittenLimit)}
            written = [
                WrittenLimit(
                    **{k: v for k, v in limit.fields.items() if k in names} | {"kind": LimitKind(limit.fields["kind"])}
                )
                for limit in d.limits
                if limit.point == key
            ]
            low, high = points[key].valid
            span = -math.inf if low is None else low, math.inf if high is None else high
            data_type, others = points[key].register.data_type, set(points) - {key}
            assert not faults(written, own_key=key, other_keys=others, span=span, data_type=data_type), (d.name, key)


def test_limits_of_the_table_are_of_all_priorities_and_most_kinds_and_say_what_to_do():
    limits = [limit.fields for d in INVENTORY.devices for limit in d.limits]
    assert {one["priority"] for one in limits} == set(Priority)
    assert len({one["kind"] for one in limits}) >= 7
    assert all(one[text].strip() for one in limits for text in ("cause", "consequence", "action"))


def test_values_that_people_would_not_believe_do_not_occur():
    plant = Plant(MORNING)
    for i in range(240):
        plant.advance(MORNING + 30 * i)
        for d in INVENTORY.devices:
            for point in d.points:
                value = getattr(plant.models[d.name], point.key)
                low, high = point.valid
                assert value is None or isinstance(value, str) or math.isfinite(value)
                assert value is None or low is None or low <= value <= high, (d.name, point.key, value)


async def test_what_a_foreign_client_reads_is_the_model_for_every_point(plant: Plant, servers: dict[str, Server]):
    for d in INVENTORY.devices:
        for point in d.points:
            if point.key in d.faults.refuses:
                continue
            words, _ = await ask(servers[d.gateway], d.unit_id, point.register)
            assert words is not None, (d.name, point.key)
            expected = getattr(plant.models[d.name], point.key)
            read = decode(words, point.register)
            if expected is None:
                assert read in point.sentinels, (d.name, point.key)
            elif isinstance(expected, str):
                assert read == expected
            else:
                assert float(read) * point.scale == pytest.approx(float(expected), abs=resolution(point, expected))


async def test_a_block_over_gaps_is_answered_and_one_beyond_the_map_is_refused(servers: dict[str, Server]):
    whole = Register(table=RegisterTable.HOLDING, address=0, data_type=DataType.STRING, length=27)
    beyond = Register(table=RegisterTable.HOLDING, address=190, data_type=DataType.STRING, length=30)
    assert len((await ask(servers["pumps"], 1, whole))[0] or ()) == 27
    assert await ask(servers["pumps"], 1, beyond) == (None, 2)


async def test_an_unknown_unit_is_the_gateways_exception_11(servers: dict[str, Server]):
    assert await ask(servers["pumps"], 99, device("P-101").points[0].register) == (None, 11)


async def test_writing_is_refused(servers: dict[str, Server]):
    def write() -> tuple[bool, int]:
        client = ModbusClient(port=servers["tanks"].port, unit_id=1)
        return bool(client.write_single_coil(0, True)), client.last_except

    assert await asyncio.to_thread(write) == (False, 1)


def moments(spell: Spell | None, since: float = MORNING) -> tuple[float, float]:
    """Return a time in the middle of the next fault, and one after it."""
    assert spell is not None
    first = 0.0 if spell.first is None else MORNING + spell.first
    begin = first + max(0, math.ceil((since - first) / spell.every)) * spell.every
    return begin + spell.lasting / 2, begin + spell.lasting + 2


async def test_a_silent_device_answers_again(plant: Plant, servers: dict[str, Server]):
    d = device("P-106")
    during, after = moments(d.faults.silent)
    plant.advance(during)
    assert await ask(servers["pumps"], d.unit_id, d.points[0].register, patience=0.3) == (None, 0)
    neighbour = device("P-105")
    assert (await ask(servers["pumps"], neighbour.unit_id, neighbour.points[0].register))[0] is not None
    plant.advance(after)
    assert (await ask(servers["pumps"], d.unit_id, d.points[0].register))[0] is not None


async def test_a_device_that_closes_the_connection_takes_new_ones_later(plant: Plant, servers: dict[str, Server]):
    d = device("Conveyor B-2")
    during, after = moments(d.faults.closes)
    plant.advance(during)
    async with asyncio.timeout(60):  # closed, not silent
        reader, writer = await asyncio.open_connection("127.0.0.1", servers["loading"].port)
        writer.write(bytes.fromhex("0001 0000 0006 01 03 0000 0001"))
        assert await reader.read() == b""
        writer.close()
    plant.advance(after)
    assert (await ask(servers["loading"], 1, d.points[0].register))[0] is not None


async def test_a_refused_register_spoils_a_block_but_not_its_neighbours(servers: dict[str, Server]):
    d = device("Main incomer 2")
    points = {p.key: p.register for p in d.points}
    assert await ask(servers["switchgear"], d.unit_id, points["distortion"]) == (None, 2)
    assert (await ask(servers["switchgear"], d.unit_id, points["energy"]))[0] is not None


async def test_a_lost_sensor_says_so_by_its_sentinel_and_a_float_by_nan(plant: Plant, servers: dict[str, Server]):
    loop, meter = device("TIC-204"), device("Feeder cold store")
    value = next(p for p in loop.points if p.key == "process_value")
    factor = next(p for p in meter.points if p.key == "power_factor")
    plant.advance(moments(loop.faults.no_value)[0])
    assert (await ask(servers["heat"], loop.unit_id, value.register))[0] == [0x8000]
    plant.advance(moments(loop.faults.no_value)[1])
    assert (await ask(servers["heat"], loop.unit_id, value.register))[0] != [0x8000]
    plant.advance(moments(meter.faults.no_value, plant.now)[0])
    words, _ = await ask(servers["switchgear"], meter.unit_id, factor.register)
    assert words is not None
    assert math.isnan(float(decode(words, factor.register)))


async def test_the_slow_device_is_slow_but_in_time(servers: dict[str, Server]):
    weather = device("Weather")
    assert 0.3 < weather.faults.slow < 0.9, "slower than its neighbours, faster than the usual time-out"
    assert await ask(servers["mast"], 1, weather.points[0].register, patience=0.3) == (None, 0)
    assert (await ask(servers["mast"], 1, weather.points[0].register))[0] is not None


async def test_a_taken_port_gets_another_one(plant: Plant, servers: dict[str, Server]):
    second = await listen(plant, "pumps", "127.0.0.1", servers["pumps"].port)
    assert second.port != servers["pumps"].port
    second.close()


def test_the_same_seed_and_start_give_the_same_plant():
    one, two = Plant(MORNING), Plant(MORNING)
    one.advance(MORNING + 60)
    two.advance(MORNING + 60)
    for d in INVENTORY.devices:
        assert one.registers(d.name) == two.registers(d.name)


def test_the_plant_is_alive_from_the_first_second():
    plant = Plant(MORNING)
    before = {d.name: plant.registers(d.name) for d in INVENTORY.devices}
    plant.advance(MORNING + 5)
    changed = [name for name, registers in before.items() if plant.registers(name) != registers]
    assert len(changed) > 25


def test_a_tank_fills_while_its_pump_runs_and_falls_while_it_stands():
    plant = Plant(MORNING)
    tank, pump = plant.models["T-102 process water tank"], plant.models["P-102 transfer pump"]
    rising = falling = 0
    for i in range(3600):
        before, flow = tank.volume, pump.flow
        plant.advance(MORNING + (i + 1) * TICK)
        if flow > 100:
            rising += 1
            assert tank.volume > before
        elif flow == 0:
            falling += 1
            assert tank.volume < before
    assert rising > 100
    assert falling > 100


def test_a_furnace_settles_at_its_setpoint():
    plant = Plant(MORNING)
    loop = plant.models["TIC-202 oven zone 1"]
    reached, steps = 0, 0
    for i in range(240):
        setpoint = loop.setpoint
        plant.advance(MORNING + 10 * (i + 1))
        steps += loop.setpoint != setpoint
        reached += abs(loop.process_value - loop.setpoint) < 1.5
    assert steps >= 3
    assert reached > 120


def test_counters_never_count_backwards_not_even_over_a_restart():
    counters = {"energy", "hours", "loaded_hours", "starts", "rain", "total"}
    values: dict[tuple[str, str], list[float]] = {}
    plant = Plant(MORNING)
    for moment in (0, 200, 500):
        plant.advance(MORNING + moment)
        _note(values, plant, counters)
    _note(values, Plant(MORNING + 600), counters)
    assert values
    for where, row in values.items():
        assert all(a <= b for a, b in pairwise(row)), (where, row)


def _note(values: dict[tuple[str, str], list[float]], plant: Plant, keys: set[str]) -> None:
    for d in INVENTORY.devices:
        for key in keys & {p.key for p in d.points}:
            values.setdefault((d.name, key), []).append(getattr(plant.models[d.name], key))


def test_after_a_long_sleep_of_the_computer_the_plant_jumps():
    plant = Plant(MORNING)
    plant.advance(MORNING + 30 * 86_400)  # tick by tick it would be beyond the limit of a test
    assert plant.now == pytest.approx(MORNING + 30 * 86_400, abs=TICK)
