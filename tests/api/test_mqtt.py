"""MQTT: what a consumer gets of readings, through brokers and clients that we did not write."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from api.mqtt import publisher
from api.mqtt.beside import publish_beside
from ddms.cli.mqtt import mqtt
from ddms.settings import Settings
from tests.support.api_server import Api, add, api_fixture, tokens_fixture  # noqa: F401 - fixtures
from tests.support.certificates import write_certificate
from tests.support.flushing import Collector
from tests.support.mqtt import Listener, broker_of, listening
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
FLOW = "ddms/Hall 1/Pump/flow"


async def test_each_reading_comes_under_its_topic_with_its_time_quality_and_unit(api: Api, owner, published, listener):
    device = await add(api, groups=["Hall 1"])
    collector = await Collector.started(owner)
    async with publishing(published):
        await listener.until(lambda got: got and got[0]["topic"] == "ddms/status")
        assert got_state(listener)["state"] == "online"
        await begun(owner)
        at = 1_793_786_400.12
        points = device["points"]
        values = (points["flow"], 83.5), (points["running"], 1.0), (points["mode"], float("nan"))
        await collector.flush(*values, at=at, texts=[(points["mode"], "auto")])
        message = await listener.value(FLOW, 83.5)
        said = {"value": 83.5, "time": "2026-11-04T10:00:00.120000Z", "quality": "good", "unit": "m³/h"}
        assert (message["payload"], message["qos"]) == (said, 1)
        await listener.value("ddms/Hall 1/Pump/mode", "auto")
        assert (await listener.value("ddms/Hall 1/Pump/running", True))["payload"]["value"] is True
        await collector.flush((points["mode"], float("nan")), at=at + 10)
        await listener.until(lambda _: len(listener.of("ddms/Hall 1/Pump/mode")) == 2)
        assert listener.of("ddms/Hall 1/Pump/mode")[1]["value"] == "auto"
    await listener.until(lambda _: got_state(listener)["state"] == "offline")


def got_state(listener: Listener) -> dict[str, Any]:
    return listener.of("ddms/status")[-1]


async def test_what_the_broker_missed_comes_from_history_in_order_and_once(
    api: Api, owner, published, broker, listener
):
    device = await add(api, groups=["Hall 1"])
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    async with publishing(published):
        await begun(owner)
        await collector.flush((flow, 1.0))
        await listener.value(FLOW, 1)
        await until(owner, "published = 1 FROM mqtt")
        await broker.stop()
        await until(owner, "failing_since IS NOT NULL FROM mqtt")
        for value in range(2, 40):
            await collector.flush((flow, float(value)))
        ready = listener.ready
        await broker.start()
        await listener.until(lambda _: listener.ready > ready)
        await until(owner, "failing_since IS NULL FROM mqtt")
        await collector.flush((flow, 40.0))
        await listener.value(FLOW, 40)
    missed = [one["value"] for one in listener.of(FLOW) if one.get("historical")]
    assert missed == list(range(2, 40))
    assert await owner.fetchval("SELECT lost_from IS NULL FROM mqtt")


async def test_a_restart_goes_on_where_it_ended(api: Api, owner, published, listener):
    device = await add(api, groups=["Hall 1"])
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    async with publishing(published):
        await begun(owner)
        await collector.flush((flow, 1.0))
        await until(owner, "published = 1 FROM mqtt")
    for value in (2.0, 3.0):
        await collector.flush((flow, value))
    await collector.replay((flow, 0.5), at=time.time() - 600)
    async with publishing(replace(published, mqtt_retain="off")):
        await collector.flush((flow, 4.0))
        await listener.value(FLOW, 4)
        await until(owner, "published = 5 FROM mqtt")
    found = [(one["value"], one.get("historical", False)) for one in listener.of(FLOW) if one]
    assert sorted(found) == [(0.5, True), (1, False), (2, True), (3, True), (4, found[-1][1])]


async def test_what_the_journal_forgot_is_said_to_be_lost(api: Api, owner, published, listener):
    device = await add(api, groups=["Hall 1"])
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    async with publishing(published):
        await begun(owner)
        await collector.flush((flow, 1.0))
        await until(owner, "published = 1 FROM mqtt")
    await collector.flush((flow, 2.0))
    await collector.flush((flow, 3.0))
    await owner.execute("DELETE FROM flushes WHERE sequence <= 2")
    async with publishing(published):
        await until(owner, "lost_from IS NOT NULL FROM mqtt")
        await listener.until(lambda _: any("lost" in one for one in listener.of("ddms/status")))
        await listener.until(lambda _: {"value": 3}.items() <= {"value": listener.of(FLOW)[-1]["value"]}.items())


async def test_names_make_topics_and_what_is_gone_or_renamed_is_taken_back(
    api: Api, owner, published, broker, listener
):
    device = await add(api, "Pump +1/#2", groups=["Hall 1"])
    await add(api, "Elsewhere", groups=["Hall 2"])
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    topic = "ddms/Hall 1/Pump %2B1%2F%232/flow"
    async with publishing(replace(published, mqtt_groups=("hall 1",))):
        await begun(owner)
        await collector.flush((flow, 1.0))
        await listener.value(topic, 1)
        await owner.execute("UPDATE devices SET name = 'Pump 1' WHERE id = $1", int(device["id"][4:]))
        await listener.value("ddms/Hall 1/Pump 1/flow", 1)
        await listener.until(lambda _: listener.of(topic)[-1] is None)
        async with listening(broker) as later:
            await later.value("ddms/Hall 1/Pump 1/flow", 1)
            kept = {message["topic"] for message in later.got}
            assert topic not in kept
            assert not any("Elsewhere" in one for one in kept)
    await owner.execute("UPDATE devices SET deleted_at = now() WHERE id = $1", int(device["id"][4:]))
    async with publishing(published):
        await listener.until(lambda _: listener.of("ddms/Hall 1/Pump 1/flow")[-1] is None)


async def test_two_programs_publish_once_and_one_takes_over(api: Api, owner, published, listener):
    device = await add(api, groups=["Hall 1"])
    flow = device["points"]["flow"]
    collector = await Collector.started(owner)
    async with publishing(published) as first, publishing(published):
        await begun(owner)
        await collector.flush((flow, 1.0))
        await listener.value(FLOW, 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await collector.flush((flow, 2.0))
        await listener.value(FLOW, 2)
    told = [one["value"] for one in listener.of(FLOW)]
    assert (told.count(1), told[-1]) == (1 + told[1:].count(1), 2)


async def test_a_password_and_a_certificate_of_an_own_authority_are_used_and_a_wrong_one_is_told(
    api: Api, owner, settings: Settings, tmp_path: Path
):
    certificate = tmp_path / "broker.pem"
    write_certificate(certificate, 30, "127.0.0.1", "127.0.0.1")
    await add(api, groups=["Hall 1"])
    async with broker_of(tmp_path, password="kept: well+%", certificate=certificate) as broker:
        known = replace(settings, mqtt_url=broker.url, mqtt_password=broker.password, mqtt_ca=certificate.read_text())
        for wrong, told in (
            (replace(known, mqtt_password="guessed"), "check DDMS_MQTT_URL, DDMS_MQTT_PASSWORD"),
            (replace(known, mqtt_ca=None), "CERTIFICATE_VERIFY_FAILED"),
        ):
            await owner.execute("UPDATE mqtt SET failing_since = NULL, last_error = NULL")
            async with publishing(wrong):
                error = await until(owner, "last_error FROM mqtt")
            assert told in error
            assert "guessed" not in error
        async with publishing(known), listening(broker, "ddms/status") as listener:
            await listener.until(lambda _: listener.of("ddms/status"))
            await until(owner, "failing_since IS NULL FROM mqtt")


async def test_the_api_starts_a_process_that_publishes_and_ends_with_it(api: Api, owner, published, listener):
    await add(api, groups=["Hall 1"])
    task = asyncio.create_task(publish_beside(published))
    await listener.until(lambda _: listener.of("ddms/status"))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await listener.until(lambda _: got_state(listener)["state"] == "offline")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as a broker"),
        (b" \x02\x00\x00" + b"\xff" * 9, "does not answer as a broker"),
        (b" \x02\x00\x00" + b"\x40\xff\xff\xff\x7f", "does not answer as a broker"),
        (b" \x02\x00\x02", "client's name"),
    ],
)
async def test_what_is_no_broker_is_said_to_be_none(api: Api, owner, settings: Settings, answer: bytes, told: str):
    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(answer)
        await reader.read(10_000)
        writer.close()

    server = await asyncio.start_server(lie, "127.0.0.1", 0)
    async with publishing(replace(settings, mqtt_url=f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")):
        assert told in await until(owner, "last_error FROM mqtt")
    server.close()


async def test_ddms_mqtt_tries_the_broker_and_shows_topics_without_publishing(
    api: Api, owner, published, listener, monkeypatch
):
    await add(api, groups=["Hall 1"])
    monkeypatch.setattr("ddms.cli.mqtt.read_settings", lambda: published)
    said = (await asyncio.to_thread(CliRunner().invoke, mqtt)).output
    assert "the broker takes us" in said
    assert "published: 3 points of 1 devices, as plain" in said
    assert "ddms/Hall 1/Pump/$state" in said
    assert listener.got == []
    monkeypatch.setattr("ddms.cli.mqtt.read_settings", lambda: replace(published, mqtt_url=None))
    assert "DDMS_MQTT_URL" in str((await asyncio.to_thread(CliRunner().invoke, mqtt)).exception)


async def test_what_finds_no_room_in_memory_comes_from_history_once(api: Api, owner, published, listener, monkeypatch):
    monkeypatch.setattr(publisher, "MOST_PENDING", 3)
    device = await add(api, groups=["Hall 1"])
    collector = await Collector.started(owner)
    async with publishing(replace(published, mqtt_retain="off")):
        await begun(owner)
        for value in range(60):
            await collector.flush((device["points"]["flow"], float(value)), (device["points"]["running"], value % 2.0))
        await until(owner, "published >= 120 FROM mqtt")
    assert [one["value"] for one in listener.of(FLOW)] == list(range(60))
    assert await owner.fetchval("SELECT lost_from IS NULL FROM mqtt")
