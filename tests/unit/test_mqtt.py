"""MQTT: a broker that says nothing, and what stands in a message."""

import asyncio

import orjson
import pytest

from api.live.mirror import Mirror
from api.mqtt.broker import Broker, Message, explain
from api.mqtt.catalogue import Catalogue
from api.mqtt.plain import Plain
from api.mqtt.sparkplug import Sparkplug
from ddms.settings import Settings


async def test_a_broker_that_closes_without_a_word_is_told_as_a_failure():
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    settings = Settings(mqtt_url=f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(OSError, match="without a word") as caught:
        await Broker.connect(settings, "ddms", None)
    assert "mqtts://, in DDMS_MQTT_URL" in explain(settings, caught.value)
    server.close()


def test_each_time_is_written_as_the_document_shows():
    (status,) = Plain(Settings(), Mirror(), 0, ()).begin(Catalogue(()))
    assert orjson.loads(status.payload)["since"].endswith("Z")


def test_what_the_broker_keeps_of_plain_readings_is_taken_back_when_sparkplug_is_chosen():
    form = Sparkplug(Settings(), Mirror(), 0, ["ddms/Hall 1/Pump/flow"])
    birth, *others = form.begin(Catalogue(()))
    assert "NBIRTH" in birth.topic
    assert others == [Message("ddms/Hall 1/Pump/flow", b"", 1, True)]
    assert len(list(form.begin(Catalogue(())))) == 1
