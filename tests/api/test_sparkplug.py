"""Sparkplug B: what a host sees, which decodes it by a library that we did not write."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from api.mqtt.sparkplug import Sparkplug
from ddms.settings import MqttFormat, Settings
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.flushing import Collector
from tests.support.mqtt import Listener
from tests.support.node import needs_node_clients
from tests.support.publishing import (  # noqa: F401 - fixtures
    begun,
    broker_fixture,
    listener_fixture,
    published_fixture,
    publishing,
    until,
)

pytestmark = [needs_node_clients]
NODE = "spBv1.0/Plant/{}/ddms"
NBIRTH, NDEATH, NCMD = (NODE.format(kind) for kind in ("NBIRTH", "NDEATH", "NCMD"))
DBIRTH, DDEATH, DDATA = (NODE.format(kind) + "/Pump" for kind in ("DBIRTH", "DDEATH", "DDATA"))


@pytest.fixture
def sparkplug(published: Settings) -> Settings:
    return replace(published, mqtt_format=MqttFormat.SPARKPLUG, mqtt_node="Plant/ddms")


def metrics(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of a payload by name or alias."""
    return {metric.get("name") or metric["alias"]: metric for metric in payload["metrics"]}


def kinds(listener: Listener) -> list[str]:
    return [message["topic"].split("/")[2] for message in listener.got]


async def came(listener: Listener, topic: str, count: int = 1) -> list[dict[str, Any]]:
    await listener.until(lambda _: len(listener.of(topic)) >= count)
    return listener.of(topic)


async def test_births_say_what_there_is_and_data_only_what_is_new(api: Api, owner, sparkplug, listener):
    points = (await add(api))["points"]
    collector = await Collector.started(owner)
    await collector.flush((points["flow"], 83.5), at=1_793_786_400.12)
    async with publishing(sparkplug):
        (device,) = await came(listener, DBIRTH)
        (node,) = listener.of(NBIRTH)
        assert (kinds(listener), node["seq"], device["seq"]) == (["NBIRTH", "DBIRTH"], 0, 1)
        assert (metrics(node)["Node Control/Rebirth"]["type"], metrics(node)["Node Control/Rebirth"]["value"]) == (
            "Boolean",
            False,
        )
        flow = metrics(device)["flow"]
        assert (flow["alias"], flow["value"], flow["timestamp"]) == (points["flow"], 83.5, 1_793_786_400_120)
        types = {name: metric["type"] for name, metric in metrics(device).items()}
        assert (types["flow"], types["running"], types["mode"]) == ("Double", "Boolean", "String")
        assert metrics(device)["mode"]["value"] is None
        assert flow["properties"] == {
            "engUnit": {"type": "String", "value": "m³/h"},
            "Quality": {"type": "Int32", "value": 192},
        }
        await begun(owner)
        await collector.flush((points["flow"], -2.25), (points["running"], 1.0), at=1_793_786_401)
        (data,) = await came(listener, DDATA)
        told = metrics(data)
        assert (data["seq"], told.keys()) == (2, {points["flow"], points["running"]})
        assert (told[points["flow"]]["value"], told[points["running"]]["value"]) == (-2.25, True)
        assert not any(metric.get("name") or metric.get("isHistorical") for metric in told.values())
    (death,) = await came(listener, NDEATH)
    assert metrics(death)["bdSeq"]["value"] == metrics(node)["bdSeq"]["value"]
    assert death.get("seq") is None
    async with publishing(sparkplug):
        _, again = await came(listener, NBIRTH, 2)
        assert metrics(again)["bdSeq"]["value"] == metrics(node)["bdSeq"]["value"] + 1
    assert all((message["qos"], message["retain"]) == (message["topic"] == NDEATH, False) for message in listener.got)


async def test_numbers_have_no_gap_and_come_round(api: Api, owner, sparkplug, listener):
    points = (await add(api))["points"]
    collector = await Collector.started(owner)
    async with publishing(sparkplug):
        await begun(owner)
        for value in range(300):
            await collector.flush((points["flow"], float(value)))
            if value % 5 == 4:  # what comes together is told together
                await came(listener, DDATA, value // 10)
        await listener.until(lambda _: metrics(listener.of(DDATA)[-1])[points["flow"]]["value"] == 299)
        await listener.say(NCMD, "rebirth")
        await came(listener, NBIRTH, 2)
    numbers = [message["payload"]["seq"] for message in listener.got if "seq" in (message["payload"] or ())]
    assert all(after in {0, (before + 1) % 256} for before, after in pairwise(numbers))
    values = [metric["value"] for payload in listener.of(DDATA) for metric in payload["metrics"]]
    assert values == list(range(300))


async def test_a_device_dies_and_is_born_as_it_goes_and_comes_and_is_renamed(api: Api, owner, sparkplug, listener):
    device = await add(api)
    number = int(device["id"][4:])
    async with publishing(sparkplug):
        await came(listener, DBIRTH)
        await begun(owner)
        told = "SELECT pg_notify(channel('ddms_states'), $1)"
        for state, topic, count in (("offline", DDEATH, 1), ("online", DBIRTH, 2)):
            await owner.execute(
                "INSERT INTO device_states (device_id, state) VALUES ($1, $2) ON CONFLICT (device_id) DO UPDATE SET state = $2",
                number,
                state,
            )
            await owner.execute(told, str(number))
            await came(listener, topic, count)
        await owner.execute("UPDATE devices SET name = 'Pump/7' WHERE id = $1", number)
        await came(listener, DDEATH, 2)
        await came(listener, NODE.format("DBIRTH") + "/Pump%2F7")
        await owner.execute("UPDATE points SET unit = 'l/s' WHERE id = $1", device["points"]["flow"])
        _, changed = await came(listener, NODE.format("DBIRTH") + "/Pump%2F7", 2)
        assert metrics(changed)["flow"]["properties"]["engUnit"]["value"] == "l/s"
        await add(api, "Fan")
        await came(listener, NODE.format("DBIRTH") + "/Fan")
        await owner.execute("UPDATE devices SET deleted_at = now() WHERE id = $1", number)
        await came(listener, NODE.format("DDEATH") + "/Pump%2F7")


async def test_what_came_late_is_historical_and_a_host_may_ask_for_births(api: Api, owner, sparkplug, broker, listener):
    points = (await add(api))["points"]
    collector = await Collector.started(owner)
    async with publishing(sparkplug):
        await begun(owner)
        await collector.flush((points["flow"], 1.0))
        await until(owner, "published = 1 FROM mqtt")
        await broker.stop()
        await until(owner, "failing_since IS NOT NULL FROM mqtt")
        await collector.flush((points["flow"], 2.0))
        await collector.flush((points["flow"], 3.0))
        ready = listener.ready
        await broker.start()
        await listener.until(lambda _: listener.ready > ready)
        await until(owner, "failing_since IS NULL FROM mqtt")
        births = len(listener.of(NBIRTH))
        await listener.say(NCMD, "//////8=")  # no payload at all
        await listener.say(NCMD, "rebirth")
        await came(listener, NBIRTH, births + 1)
        await collector.flush((points["flow"], 4.0))
        await listener.until(lambda _: [m["value"] for p in listener.of(DDATA) for m in p["metrics"]][-1] == 4)
        await until(owner, "published = 4 FROM mqtt")
    late = [m for p in listener.of(DDATA) for m in p["metrics"] if m.get("isHistorical")]
    assert [m["value"] for m in late] in ([2, 3], [])  # before the host was back they were told to nobody


@pytest.mark.parametrize("raw", [b"", b"\xff" * 20, b"\x12\x7f", b"\x12\x02\x0a\xff", b"\x08", b"\x0b\x0c"])
def test_what_is_no_command_asks_for_nothing(raw: bytes):
    assert not Sparkplug.asks_for_rebirth(raw)
