"""Child processes that end with the demo, even when it is killed: on Linux the kernel tells them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ddms.settings import PREFIX

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_LAST_LINES = 8


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return what a child gets: our environment without the settings of another DDMS or PostgreSQL, and `more`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "PG", "GF_"))}
    return ours | dict(more)


class Child:
    """A running program: in a session of its own, so that Ctrl-C reaches the demo alone, its output in a log file.

    `end` is the signal that ends it in order; it gets it as well when the demo is killed. `prepare` runs in the child
    before the program.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        end: signal.Signals = signal.SIGTERM,
        prepare: Callable[[], None] | None = None,
        stdout: int | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._end = end
        parent = os.getpid()

        def before() -> None:
            if prepare:
                prepare()
            if _LIBC:
                _LIBC.prctl(_PR_SET_PDEATHSIG, end)
                if os.getppid() != parent:  # the demo died before the kernel was told
                    os._exit(1)

        with log.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout if stdout is not None else output,
                stderr=output,
                env=environment(env or {}),
                start_new_session=True,
                preexec_fn=before,  # noqa: PLW1509 - the demo has no threads
            )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def ask_to_end(self) -> None:
        """Ask it to end, without waiting."""
        if self.alive:
            self.process.send_signal(self._end)

    def end(self, patience: float = 5.0) -> None:
        """End it; one that does not within `patience` seconds is killed."""
        self.ask_to_end()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def last_lines(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
