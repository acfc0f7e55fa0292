"""Memory: what a dear moment took is given back to the system, which the C library does not do by itself."""

import asyncio
import ctypes
from collections.abc import Callable

_SECONDS = 5.0


def _trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; other libraries, musl in the container too, have none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


async def give_back_now_and_then() -> None:
    """Give back what is free, from time to time; it takes a millisecond or two, in a thread."""
    trim = _trim()
    while trim:
        await asyncio.sleep(_SECONDS)
        await asyncio.to_thread(trim, 0)
    await asyncio.Event().wait()
