"""The plan by GraphQL: assumed before a device is polled, measured afterwards, with the overrun that an operator sees."""

import asyncio
from dataclasses import replace

import pytest

from collector.app import CollectorProgram
from collector.polling import pace
from collector.storing import store
from ddms.load import ASSUMED_SECONDS
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.devices import foreign_server
from tests.support.running import background

LOAD = "requests points wanted filled requestsPerSecond cycleSeconds budgetSeconds busy overrun measured"
PLAN = f"""query ($device: ID!) {{ plan(device: $device) {{
  device {{ name }} answerSeconds lateSeconds overrunSince lineUnits load {{ {LOAD} }} lineLoad {{ {LOAD} }}
  requests {{ registerTable address count wanted filled points intervalSeconds expectedSeconds measured }} }} }}"""


def holding(key: str, address: int, interval: int = 1) -> dict[str, object]:
    return {
        "key": key,
        "registerTable": "HOLDING",
        "address": address,
        "dataType": "UINT16",
        "intervalSeconds": interval,
    }


@pytest.fixture
def settings(settings, tmp_path):
    return replace(settings, collector_name="line 1", spool_directory=tmp_path / "spool")


async def test_a_plan_shows_requests_and_the_load_of_the_whole_connection(api: Api):
    device = await add(api, "Mixer", points=[holding("a", 0), holding("b", 3), holding("c", 500, 10)])
    await add(api, "Neighbour", unitId=2, points=[holding("a", 0)])
    plan = await api.ask(PLAN, "viewer", device=device["id"])
    first, second = plan["requests"]
    assert (first["registerTable"], first["address"], first["count"]) == ("HOLDING", 0, 4)
    assert (first["wanted"], first["filled"], first["points"]) == (2, 2, ["a", "b"])
    assert (second["intervalSeconds"], second["expectedSeconds"], second["measured"]) == (10, ASSUMED_SECONDS, False)
    assert plan["load"] | {"cycleSeconds": None, "busy": None} == {
        "requests": 2, "points": 3, "wanted": 3, "filled": 2, "requestsPerSecond": 1.1, "cycleSeconds": None,
        "budgetSeconds": 1, "busy": None, "overrun": "NONE", "measured": False,
    }  # fmt: skip
    assert (plan["lineUnits"], plan["lineLoad"]["requests"]) == (2, 3)
    assert plan["answerSeconds"] is None


async def test_a_device_without_points_has_an_empty_plan_and_a_disabled_one_is_planned_too(api: Api):
    empty = await add(api, "Empty", points=[])
    plan = await api.ask(PLAN, device=empty["id"])
    assert (plan["requests"], plan["lineUnits"], plan["load"]["budgetSeconds"]) == ([], 0, None)
    disabled = await add(api, "Disabled", enabled=False, points=[holding("a", 0)])
    assert len((await api.ask(PLAN, device=disabled["id"]))["requests"]) == 1
    assert await api.ask(PLAN, device="dev_999") is None


async def test_a_running_collector_measures_answers_and_tells_of_an_overrun(api: Api, settings, owner, monkeypatch):
    monkeypatch.setattr(pace, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(store, "SEEN_SECONDS", 0.5)
    with foreign_server() as (port, _):
        far = [holding(f"p{i}", 1000 * i) for i in range(4)]
        device = await add(api, "Slow", endpoint=f"tcp://127.0.0.1:{port}", points=far)
        await owner.execute("UPDATE connections SET request_pause_ms = 500")
        async with background(CollectorProgram(settings).run()):
            async with asyncio.timeout(60):
                while (plan := await api.ask(PLAN, device=device["id"]))["overrunSince"] is None:
                    await asyncio.sleep(0.2)
    assert 0 < plan["answerSeconds"] < 0.4
    assert plan["lateSeconds"] > 0
    assert plan["load"]["measured"]
    assert plan["lineLoad"]["overrun"] == "ALWAYS"
    assert plan["lineLoad"]["cycleSeconds"] > 2
    shown = await owner.fetchval("SELECT overrun FROM grafana.polling WHERE overrun_since IS NOT NULL")
    assert shown.startswith("polls are skipped")
