"""Memory is given back from time to time, where the C library can."""

import asyncio
import ctypes
import sys
import threading

import pytest

from api.ground import memory


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no glibc")
def test_the_c_library_is_asked():
    assert memory._trim()(0) in {0, 1}


async def test_it_is_done_again_and_again_aside(monkeypatch):
    done, threads = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def trim(_: int) -> int:
        threads.append(threading.get_ident())
        if len(threads) == 2:
            loop.call_soon_threadsafe(done.set)
        return 1

    monkeypatch.setattr(memory, "_SECONDS", 0.0)
    monkeypatch.setattr(memory, "_trim", lambda: trim)
    work = asyncio.create_task(memory.give_back_now_and_then())
    await done.wait()
    work.cancel()
    assert threading.get_ident() not in threads
