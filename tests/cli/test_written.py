"""`--write` of scan, probe and sunspec: files that `ddms devices import` takes as they are."""

import asyncio
import signal

import pytest
import yaml

from tests.support.command_line import ddms_beside, ddms_on, started
from tests.support.devices import exception, foreign_server, scripted, words
from tests.support.ports import free_port
from tests.support.sunspec_device import of, sunspec_server


def small(request):
    if request[1] not in {2, 3}:
        return None
    return words(request) if request[3] + request[4] <= 10 else exception(request, 2)


async def test_a_scan_writes_what_the_import_takes_and_leaves_out_what_is_there(settings, database_url, tmp_path):
    file = tmp_path / "plant.yaml"
    async with scripted(small) as device:
        at = f"tcp://127.0.0.1:{device.port}"
        there = tmp_path / "there.yaml"
        there.write_text(
            f"devices:\n- {{name: Pump, endpoint: '{at}', unit_id: 3}}\n- {{name: '127.0.0.1:{device.port} unit 2', endpoint: tcp://10.0.0.1}}\n"
        )
        assert (await ddms_on(settings, "devices", "import", str(there))).returncode == 0
        code, out, error = await ddms_beside(
            "scan", "--endpoint", at, "--units", "1-3", "--addresses", "0-20", "--table", "holding", "--timeout", "0.2",
            "--pause", "0.01", "--write", str(file), settings=settings,
        )  # fmt: skip
    assert (code, "2 units answered" in out) == (0, True), error
    text = file.read_text()
    assert f"# unit 3 at {at} is the device 'Pump' already: left out" in text
    written = yaml.safe_load(text)
    assert [one["name"] for one in written["devices"]] == [f"127.0.0.1:{device.port} unit 2 (2)"]
    assert written["connections"] == [{"endpoint": at, "request_pause_ms": 10}]
    for more in (["--dry-run"], []):
        done = await ddms_on(settings, "devices", "import", str(file), *more)
        assert (done.returncode, done.stderr.count("mistake")) == (0, 0), done.stderr


async def test_a_probe_writes_the_best_way_and_names_the_next(tmp_path):
    with foreign_server() as (port, bank):
        bank.set_holding_registers(100, [0x8000, 0x4366])
        code, out, error = await ddms_beside(
            "probe", "--endpoint", f"tcp://127.0.0.1:{port}", "--address", "100", "--write", "-"
        )
    assert code == 0, error
    (device,) = yaml.safe_load(out)["devices"]
    assert device["points"] == [{"key": "holding_100", "register_table": "holding", "address": 100, "data_type": "float32", "byte_order": "CDAB"}]  # fmt: skip
    assert out.count("# or {") == 3


async def test_a_file_that_is_there_is_not_written_over(tmp_path):
    file = tmp_path / "roof.yaml"
    file.write_text("mine")
    with sunspec_server(of(103)) as port:
        at = ["sunspec", f"127.0.0.1:{port}", "--write", str(file)]
        code, _, error = await ddms_beside(*at)
        assert (code, file.read_text()) == (1, "mine")
        assert "is there already: give another name, or --force" in error
        code, out, error = await ddms_beside(*at, "--force", "--models", "103", "--profile")
        assert (code, error.count("points are in")) == (0, 1)
        assert [*yaml.safe_load(file.read_text())] == ["profiles"]
        assert "103  40070     50 registers" in out
        code, _, error = await ddms_beside("sunspec", f"127.0.0.1:{port}", "--write", str(tmp_path / "no" / "x.yaml"))
        assert (code, "there is no directory" in error) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--models", "103;160"], 1, "is no list of models: write 103,160"),
        (["--profile"], 2, "--write FILE"),
        (["--baud-rate", "9600"], 2, "is for serial lines"),
        (["--base", "40000"], 1, "the connection was refused"),
    ],
)
async def test_what_cannot_be_says_why(arguments, code, said):
    done, _, error = await ddms_beside("sunspec", f"127.0.0.1:{free_port()}", *arguments)
    assert (done, said in error) == (code, True), error


async def test_a_device_without_sunspec_exits_with_1_and_says_what_was_there(tmp_path):
    with foreign_server() as (port, _):
        code, out, _ = await ddms_beside("sunspec", f"127.0.0.1:{port}", "--write", str(tmp_path / "x"))
    assert code == 1
    assert "no SunS in holding registers of unit 1: 40000: 00000000" in out
    assert not (tmp_path / "x").exists()


async def test_a_walk_that_is_interrupted_keeps_what_it_found(tmp_path):
    whole = of(103)

    def stuck(request):
        first = request[3] - 40_000
        if first < 0 or first >= 122:
            return None
        return words(request)[:9] + b"".join(w.to_bytes(2, "big") for w in whole[first : first + request[4]])

    async with scripted(stuck) as device:
        at = f"127.0.0.1:{device.port}"
        process = await started("sunspec", at, "--timeout", "30", "--write", str(tmp_path / "x"))
        while not device.requests or device.requests[-1][3] != 40_122:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert b"the walk was ended before it was complete" in out
    assert len(yaml.safe_load((tmp_path / "x").read_text())["devices"][0]["points"]) > 20
