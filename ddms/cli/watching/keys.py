"""The keys of a terminal, without waiting for Enter."""

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto


class Key(Enum):
    """What a key asks for."""

    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    OPEN = auto()
    BACK = auto()
    END = auto()


_KEYS = {
    b"\x1b[A": Key.UP, b"\x1bOA": Key.UP, b"k": Key.UP,
    b"\x1b[B": Key.DOWN, b"\x1bOB": Key.DOWN, b"j": Key.DOWN,
    b"\x1b[5~": Key.PAGE_UP, b"\x1b[6~": Key.PAGE_DOWN, b" ": Key.PAGE_DOWN,
    b"\r": Key.OPEN, b"\n": Key.OPEN, b"\x1b[C": Key.OPEN, b"\x1bOC": Key.OPEN,
    b"\x1b": Key.BACK, b"\x7f": Key.BACK, b"\x08": Key.BACK, b"\x1b[D": Key.BACK, b"\x1bOD": Key.BACK,
    b"q": Key.END,
}  # fmt: skip

_ONE = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)


@contextmanager
def pressed(heard: Callable[[Key], None]) -> Iterator[bool]:
    """Tell of each key while it lasts; gives whether there are keys: not where standard input is no terminal."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield False
        return
    import termios  # noqa: PLC0415 - Windows has none
    import tty  # noqa: PLC0415

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def read() -> None:
        for sequence in _ONE.findall(os.read(terminal, 1024)):  # a slow line brings several at once
            if key := _KEYS.get(sequence):
                heard(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, read)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
