"""A process beside the API for work that should cost those who ask the API nothing.

It is given the settings on its standard input, whose end is its end too: it ends with this program, however that ends.
"""

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from ddms import logs
from ddms.settings import Settings

PATIENCE = 30.0  # seconds for which it may put its things in order


@asynccontextmanager
async def beside(module: str, settings: Settings, *, hears: bool = False) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module as a process until the block ends; `hears`: what it writes is for us."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE if hears else None,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    try:
        order = pickle.dumps(settings)
        process.stdin.write(len(order).to_bytes(4, "big") + order)
        yield process
    finally:
        process.stdin.close()
        await asyncio.shield(_ended(process))


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def given() -> Settings:
    """Return the settings that this process was given, with its log set up as they say."""
    read = sys.stdin.buffer.read
    settings: Settings = pickle.loads(read(int.from_bytes(read(4), "big")))  # noqa: S301 - it is our own program's
    logs.set_up(level=settings.log_level, form=settings.log_format)
    return settings


def cancel_at_end(task: "asyncio.Future[Any]") -> None:
    """Cancel what this process does when its standard input ends."""
    loop = asyncio.get_running_loop()

    def end() -> None:  # nothing comes any more but its end
        loop.remove_reader(sys.stdin.fileno())
        task.cancel()

    loop.add_reader(sys.stdin.fileno(), end)
