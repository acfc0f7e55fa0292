"""The publisher beside the API: a process of its own, so that what it does costs those who ask the API nothing."""

import asyncio
import logging
from contextlib import suppress

from api.ground.beside import beside, cancel_at_end, given
from api.mqtt.publisher import Publisher
from ddms.settings import Settings

AGAIN_SECONDS = 5.0

logger = logging.getLogger("api.mqtt")


async def publish_beside(settings: Settings) -> None:
    """Keep the process running, for ever."""
    while True:
        async with beside("api.mqtt.beside", settings) as process:
            await process.wait()
        logger.error("the publisher ended with %s, and is started again", process.returncode)
        await asyncio.sleep(AGAIN_SECONDS)


def main() -> None:
    """Publish until standard input ends."""
    with suppress(asyncio.CancelledError):
        asyncio.run(_publish(given()))


async def _publish(settings: Settings) -> None:
    task = asyncio.ensure_future(Publisher(settings).run())
    cancel_at_end(task)
    await task


if __name__ == "__main__":
    main()
