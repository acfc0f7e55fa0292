"""The publisher beside the API: a process of its own, so that what it does costs those who ask the API nothing.

It is given the settings on its standard input, whose end is its end too.
"""

import asyncio
import logging
import pickle
import sys
from contextlib import suppress

from api.mqtt.publisher import Publisher
from ddms import logs
from ddms.settings import Settings

AGAIN_SECONDS, PATIENCE = 5.0, 10.0

logger = logging.getLogger("api.mqtt")


async def publish_beside(settings: Settings) -> None:
    """Keep the process running, for ever."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api.mqtt.beside", stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        assert process.stdin is not None  # noqa: S101 - it was asked for
        try:
            order = pickle.dumps(settings)
            process.stdin.write(len(order).to_bytes(4, "big") + order)
            await process.wait()
        finally:
            process.stdin.close()
            if process.returncode is None:
                await asyncio.shield(_ended(process))
        logger.error("the publisher ended with %s, and is started again", process.returncode)
        await asyncio.sleep(AGAIN_SECONDS)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def main() -> None:
    """Publish until standard input ends."""
    read = sys.stdin.buffer.read
    settings: Settings = pickle.loads(read(int.from_bytes(read(4), "big")))  # noqa: S301 - it is our own program's
    logs.set_up(level=settings.log_level, form=settings.log_format)
    with suppress(asyncio.CancelledError):
        asyncio.run(_publish(settings))


async def _publish(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(Publisher(settings).run())

    def end() -> None:
        loop.remove_reader(sys.stdin.fileno())
        task.cancel()

    loop.add_reader(sys.stdin.fileno(), end)  # nothing comes any more but its end
    await task


if __name__ == "__main__":
    main()
