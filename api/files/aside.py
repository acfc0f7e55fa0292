"""Work with files happens in a few threads of its own: the event loop goes on, and so does everybody else's work in threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="files")


async def aside(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Do what takes long without stopping the event loop; it knows the caller's language, as `asyncio.to_thread` does."""
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(
        _THREADS, lambda: context.run(function, *arguments, **named)
    )
