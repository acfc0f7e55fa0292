"""`ddms probe`, `scan` and `plan`, as an engineer calls them."""

import asyncio
import json
import signal

from tests.support.command_line import ddms_beside, started
from tests.support.devices import exception, foreign_server, scripted, words
from tests.support.ports import free_port
from tests.support.words import words_of


async def test_probe_shows_the_most_plausible_first():
    with foreign_server() as (port, registers):
        registers.set_holding_registers(100, words_of("f", 230.5, "CDAB"))
        at = ["probe", "--endpoint", f"tcp://127.0.0.1:{port}", "--address", "100"]
        code, out, _ = await ddms_beside(*at)
        assert code == 0
        assert "100: 8000  101: 4366" in out
        first = out.splitlines()[3].split()
        assert first[1:5] == ["100", "float32", "CDAB", "230.5"]
        _, out, _ = await ddms_beside(*at, "--json", "--expected", "230")
        assert json.loads(out)["candidates"][0]["data_type"] == "float32"


async def test_probe_of_nothing_says_why():
    code, _, error = await ddms_beside("probe", "--endpoint", f"tcp://127.0.0.1:{free_port()}", "--address", "0")
    assert code == 1
    assert "the connection was refused" in error


def unit_two(request):
    if request[1] != 2:
        return None
    return words(request) if request[3] + request[4] <= 10 else exception(request, 2)


async def test_scan_prints_units_and_ranges():
    async with scripted(unit_two) as device:
        code, out, _ = await ddms_beside(
            "scan", "--endpoint", f"tcp://127.0.0.1:{device.port}", "--units", "1-3", "--addresses", "0-20",
            "--table", "holding", "--timeout", "0.1",
        )  # fmt: skip
    assert code == 0
    assert out.startswith("unit 2  (")
    assert "  holding             0 – 9         10\n" in out


async def test_a_scan_that_is_interrupted_prints_what_it_found():
    async with scripted(unit_two) as device:
        process = await started(
            "scan", "--endpoint", f"tcp://127.0.0.1:{device.port}", "--units", "2-247", "--timeout", "2", "--json"
        )
        async with asyncio.timeout(60):
            while len(device.requests) < 3:
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, error = await asyncio.wait_for(process.communicate(), 60)
    answer = json.loads(out)
    assert error == b""
    assert process.returncode == 0
    assert answer["complete"] is False
    assert [unit["unit_id"] for unit in answer["units"]] == [2]


async def test_a_scan_that_finds_nothing_fails():
    async with scripted(lambda _: None) as device:
        code, out, _ = await ddms_beside(
            "scan", "--endpoint", f"tcp://127.0.0.1:{device.port}", "--units", "1-2", "--timeout", "0.1"
        )
    assert code == 1
    assert "0 units answered" in out


async def test_ranges_that_are_none_are_refused():
    code, _, error = await ddms_beside("scan", "--endpoint", "tcp://127.0.0.1", "--units", "9-300")
    assert code == 1
    assert "--units: '9-300' is not FROM-TO within 0-255" in error


async def test_plan_shows_requests_cycle_and_load(settings, owner, make_device):
    with foreign_server() as (port, _):
        device_id = await make_device("Mixer 1", port=port)
        for key, address in (("a", 2), ("b", 60)):
            await owner.execute(
                "INSERT INTO points (device_id, key, name, register_table, address, data_type, interval_s)"
                " VALUES ($1, $2, $2, 'holding', $3, 'float32', 1)", device_id, key, address,
            )  # fmt: skip
        code, out, _ = await ddms_beside("plan", "mixer 1", "--json", settings=settings)
        assert code == 0
        plan = json.loads(out)
        assert [(r["address"], r["count"], r["wanted"], r["filled"]) for r in plan["requests"]] == [
            (0, 4, 3, 1),
            (60, 2, 2, 0),
        ]
        load = plan["line_load"]
        assert (load["cycle_seconds"], load["busy"], load["overrun"]) == (0.04, 0.04, "none")
        assert load["measured"] is False
        _, out, _ = await ddms_beside("plan", "Mixer 1", "--measure", settings=settings)
        assert "Overrun: none (the intervals can be kept). Times are as measured." in out
    code, _, error = await ddms_beside("plan", "nobody", settings=settings)
    assert (code, "there is no device 'nobody'" in error) == (1, True)


async def test_plan_says_that_a_device_is_offline_and_that_nobody_polls(settings, owner, make_device):
    number = await make_device("Mixer 1")
    await owner.execute(
        "INSERT INTO device_states (device_id, state, since, last_error) VALUES ($1, 'offline', '2026-11-01 10:00Z', 'no answer')",
        number,
    )
    _, out, _ = await ddms_beside("plan", "Mixer 1", settings=settings)
    assert "Mixer 1 is offline since 2026-11-01 10:00 UTC: no answer." in out
    assert "No collector polls this line now." in out
