"""Memory: what a dear moment took is given back to the system, which the C library does not do by itself."""

import asyncio
import ctypes
from collections.abc import Callable
from pathlib import Path

_SECONDS = 5.0
_GROWN = 1.03
_ROWS = Path("/proc/self/statm")


def _trim() -> Callable[[int], int] | None:
    """Return glibc's `malloc_trim`; musl, in the container, and others have none and need none."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return trim


def resident_pages() -> int:
    """Return how many pages of memory the program has."""
    return int(_ROWS.read_text(encoding="ascii").split()[1])


async def give_back_now_and_then() -> None:
    """Look at the memory from time to time; where it has grown, give back what is free. It takes a few milliseconds."""
    trim = _trim()
    if trim is None or not _ROWS.exists():
        await asyncio.Event().wait()
        return
    usual = resident_pages()
    while True:
        await asyncio.sleep(_SECONDS)
        if resident_pages() > usual * _GROWN:
            await asyncio.to_thread(trim, 0)
            usual = resident_pages()
