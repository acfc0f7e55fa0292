"""`ddms mqtt`: whether the broker of the settings takes what is published, and under which topics that is."""

import asyncio
from itertools import islice

import click

from ddms.cli import settings as read_settings
from ddms.database import open_pool, read_edition
from ddms.errors import Code, DdmsError
from ddms.settings import MqttFormat, Settings


@click.command
@click.option(
    "--topics", default=10, show_default=True, type=click.IntRange(0, 100_000), help="How many topics to show."
)
def mqtt(topics: int) -> None:
    """Try the MQTT broker of the settings DDMS_MQTT_…, and show the first topics of points; nothing is published."""
    settings = read_settings()
    if settings.mqtt_url is None:
        raise DdmsError(
            Code.SETTINGS,
            "DDMS_MQTT_URL says which broker, such as mqtts://ddms@broker.example:8883",
            field="DDMS_MQTT_URL",
        )
    asyncio.run(_try(settings, topics))


async def _try(settings: Settings, most: int) -> None:
    from api.ground.database import Database  # noqa: PLC0415 - help needs none of the API's parts
    from api.live.mirror import Mirror  # noqa: PLC0415
    from api.mqtt.broker import Broker, explain  # noqa: PLC0415
    from api.mqtt.catalogue import Catalogue  # noqa: PLC0415
    from api.mqtt.plain import Plain  # noqa: PLC0415
    from api.mqtt.sparkplug import Sparkplug  # noqa: PLC0415

    kind = Sparkplug if settings.mqtt_format is MqttFormat.SPARKPLUG else Plain
    mirror = Mirror()
    form = kind(settings, mirror, 0, ())
    try:
        broker = await Broker.connect(settings, settings.mqtt_node.partition("/")[2] + "-try", None)
        await broker.ping()
        await broker.close()
    except OSError as error:
        raise DdmsError(Code.UNAVAILABLE, explain(settings, error)) from error
    click.echo("the broker takes us")
    pool = await open_pool(settings, "mqtt", size=1)
    try:
        async with pool.acquire() as connection:
            edition = await read_edition(connection)
        database = Database(pool, edition)
        await mirror.load(database)
        catalogue = await Catalogue.read(database, settings.mqtt_groups)
    finally:
        pool.terminate()
    click.echo(
        f"published: {len(catalogue.points):,} points of {len(catalogue.devices):,} devices, as {settings.mqtt_format.value}"
    )
    for message in islice(form.begin(catalogue), most):
        shown = message.payload.decode() if kind is Plain else f"{len(message.payload)} bytes"
        click.echo(f"{message.topic}  {shown}")
