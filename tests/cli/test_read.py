"""`ddms read`: as the collector reads, through the collector where it polls."""

import asyncio
import json

import pytest

from tests.support.command_line import ddms_beside
from tests.support.devices import exception, foreign_server, scripted, words
from tests.support.field import collector_fixture  # noqa: F401 - a fixture
from tests.support.rtu_devices import foreign_rtu_server, serial_cable
from tests.support.words import words_of


async def put_points(owner, device: int, *points):
    for key, address, data_type in points:
        await owner.execute(
            "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
            " VALUES ($1, $2, $2, 'holding', $3, $4, 1)", device, key, address, data_type,
        )  # fmt: skip


async def test_the_sentence_stands_beside_the_label_and_no_library_warns():
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [0x7F80, 0x0001])
        code, out, error = await ddms_beside(
            "read", "--endpoint", f"tcp://127.0.0.1:{port}", "--point", "holding:0:float32", "--point", "holding:65535"
        )
    assert (code, error) == (0, "")
    assert "– not_a_number: the registers do not hold a finite number" in out
    async with scripted(lambda r: exception(r, 2)) as device:
        code, out, _ = await ddms_beside(
            "read", "--endpoint", f"tcp://127.0.0.1:{device.port}", "--point", "holding:40001"
        )
    assert code == 1
    assert (
        "illegal_address: exception 2: the device has no such register; if 40001 is a manual's number, the address is 0"
        in out
    )


async def test_one_point_of_a_device_is_read_and_a_wrong_key_is_told(settings, owner, make_device):
    with foreign_server() as (port, registers):
        registers.set_holding_registers(0, [41, 42])
        await put_points(owner, await make_device(port=port), ("flow_rate", 1, "uint16"))
        _, out, _ = await ddms_beside("read", "Mixer 1", "--point", "flow_rate", "--json", settings=settings)
        answer = json.loads(out)
        assert [(v["key"], v["value"]) for v in answer["values"]] == [("flow_rate", 42)]
        assert [(r["address"], r["count"]) for r in answer["requests"]] == [(1, 1)]
    code, _, error = await ddms_beside("read", "Mixer 1", "--point", "flowrate", settings=settings)
    assert (code, "the device has no point 'flowrate'; did you mean flow_rate" in error) == (1, True)


async def test_a_read_asks_what_the_collector_asks(settings, owner, make_device):
    async with scripted(lambda r: words(r) if r[3] + r[4] <= 6 else exception(r, 2)) as device:
        number = await make_device(port=device.port)
        await owner.execute("UPDATE devices SET max_words = 4, max_gap = 0 WHERE id = $1", number)
        await put_points(owner, number, ("a", 1, "uint16"), ("b", 2, "float32"), ("c", 4, "uint32"), ("d", 6, "uint16"))
        _, out, _ = await ddms_beside("read", "Mixer 1", "--json", settings=settings)
    asked = [(request[3], request[4]) for request in device.requests]
    assert asked == [(0, 4), (4, 3), (4, 2), (6, 1)]
    assert [value["reason"] for value in json.loads(out)["values"]] == [
        "good",
        "good",
        "good",
        "good",
        "illegal_address",
    ]


async def test_a_silent_block_does_not_hide_the_others(settings, owner, make_device):
    async with scripted(lambda r: None if r[3] <= 20 < r[3] + r[4] else words(r)) as device:
        number = await make_device(port=device.port)
        await put_points(owner, number, ("a", 19, "uint16"), ("b", 21, "uint16"), ("c", 90, "uint16"))
        _, out, _ = await ddms_beside("read", "Mixer 1", "--json", settings=settings)
    assert [value["value"] for value in json.loads(out)["values"]] == [7, 7, 7, 7]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--endpoint", "tcp://127.0.0.1:9", "--point", "coil:0", "--parity", "none"], "--parity is for serial lines"),
        (["--endpoint", "serial:///dev/null", "--point", "coil:0", "--baud-rate", "5"], "not in the range"),
        (["--endpoint", "tcp://127.0.0.1", "--point", "holding:400001"], "400001 is a manual's number"),
        (
            ["--endpoint", "tcp://127.0.0.1", "--point", "holdin:1"],
            "TABLE is one of coil, discrete_input, input, holding;",
        ),
        (["Mixer", "--unit", "3"], "--unit goes with --endpoint"),
    ],
)
async def test_options_that_cannot_be_are_refused_with_a_sentence(options, said):
    code, _, error = await ddms_beside("read", *options)
    assert code in {1, 2}
    assert said in error


@pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")
async def test_a_serial_line_is_read_with_the_options_of_its_line():
    with serial_cable() as (ours, theirs, _), foreign_rtu_server(theirs, 2) as server:
        server.get_slave(2).set_values("words", 0, words_of("f", 12.5, "ABCD"))
        code, out, error = await ddms_beside(
            "read", "--endpoint", f"serial://{ours}", "--unit", "2", "--point", "holding:0:float32", "--parity", "none",
            "--baud-rate", "19200", "--stop-bits", "2", "--pause", "0.05",
        )  # fmt: skip
    assert (code, error) == (0, "")
    assert "12.5" in out


@pytest.mark.filterwarnings("ignore:isSet:DeprecationWarning")
async def test_a_polled_serial_line_is_read_through_its_collector(settings, owner, collector):
    with serial_cable() as (ours, theirs, _), foreign_rtu_server(theirs, 2) as server:
        server.get_slave(2).set_values("words", 0, [4711])
        line = await owner.fetchval(
            "INSERT INTO connections (endpoint, parity, timeout_ms) VALUES ($1, 'none', 500) RETURNING id",
            f"serial://{ours}",
        )
        device = await owner.fetchval(
            "INSERT INTO devices (name, connection_id, unit_id) VALUES ('Meter', $1, 2) RETURNING id", line
        )
        await put_points(owner, device, ("count", 0, "uint16"))
        async with asyncio.timeout(20):
            while not await owner.fetchval("SELECT count(*) FROM latest"):
                await asyncio.sleep(0.1)
        code, out, error = await ddms_beside("read", "Meter", settings=settings)
        assert (code, error) == (0, "")
        assert "4711" in out
        assert "Read through the collector 'test', which polls this line." in out
        at = ["--endpoint", f"serial://{ours}"]
        _, out, _ = await ddms_beside("probe", *at, "--unit", "2", "--address", "0", "--json", settings=settings)
        assert json.loads(out)["through"] == "test"
        code, _, error = await ddms_beside("read", "Meter", "--baud-rate", "9600", settings=settings)
        assert code == 1
        assert "polls serial://" in error
        code, _, error = await ddms_beside("read", *at, "--point", "holding:0", "--direct", settings=settings)
        assert code == 1
        assert "the serial port cannot be opened" in error
