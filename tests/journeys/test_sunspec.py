"""A SunSpec device, from its own description to its values: what GraphQL shows is what pysunspec2 reads of it."""

import asyncio
from dataclasses import replace

import pytest
import yaml

from collector.app import CollectorProgram
from tests.support.api_server import Api, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.command_line import ddms_beside
from tests.support.running import background
from tests.support.sunspec_device import as_pysunspec2_reads, of, same, sunspec_server

WALK = """mutation ($endpoint: String!) { sunspec(endpoint: $endpoint) { errors { message } base description notes deviceFile profileFile
  models { number label address length pointCount } points { key name unit model address dataType scaleBy remark } } }"""
IMPORT = """mutation ($text: String!, $dryRun: Boolean!) {
  importDevices(text: $text, format: YAML, dryRun: $dryRun) { errors { line message } applied } }"""
LATEST = '{ device(name: "Acme PV 10 4711") { points { key latest { value text quality } } } }'


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool")


async def test_a_sunspec_device_is_walked_imported_and_read(api: Api, settings, tmp_path):
    with sunspec_server(of(103, 160, 802, absent=0)) as port:
        at = f"tcp://127.0.0.1:{port}"
        theirs = await asyncio.to_thread(as_pysunspec2_reads, port)
        async with background(CollectorProgram(settings).run()):
            await until(api, "{ collectors { nodes { name } } }", lambda found: found["nodes"])
            walk = await api.ask(WALK, "admin", endpoint=at)
            assert walk["errors"] == []
            assert [model["number"] for model in walk["models"]] == [1, 103, 160, 802]
            shown = {one["key"]: one["remark"] for one in walk["points"]}
            for dry_run in (True, False):
                done = await api.ask(IMPORT, "admin", text=walk["deviceFile"], dryRun=dry_run)
                assert done["errors"] == []
            points = await until(api, LATEST, lambda device: all(point["latest"] for point in device["points"]))
            await check_again(settings, at, tmp_path / "again.yaml")
    ours = {shown[p["key"]]: p["latest"]["text"] or p["latest"]["value"] for p in points["points"]}
    assert len(ours) > 120
    assert {name: (value, theirs[name]) for name, value in ours.items() if not same(value, theirs[name])} == {}
    assert {point["latest"]["quality"] for point in points["points"]} <= {"GOOD", "UNCERTAIN"}


async def until(api: Api, query, condition):
    async with asyncio.timeout(60):
        while not condition(found := await api.ask(query)):
            await asyncio.sleep(0.2)
    return found


async def check_again(settings, endpoint, file):
    """The command asks the collector that polls the device now, and does not write it twice."""
    code, out, error = await ddms_beside("sunspec", endpoint, "--write", str(file), settings=settings)
    assert (code, "4 models" in out) == (0, True), error
    assert "is the device 'Acme PV 10 4711' already: left out" in file.read_text()
    assert yaml.safe_load(file.read_text()) == {"devices": []}
