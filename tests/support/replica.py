"""A primary of its own with a streaming replica, both real: for what happens between the two, and when one of them dies."""

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from ddms.settings import Settings
from migrations import migrate
from tests.support import servers
from tests.support.database_sources import debian_binaries, installed_binaries, wheel_binaries
from tests.support.guardian import remove
from tests.support.servers import PREFIX, Binaries, PassedOver, Server

DATABASE = "ddms_replicated"
PATIENCE = 60.0  # seconds


@dataclass(kw_only=True)
class Pair:
    """Two servers; which of them is the primary changes when the replica is promoted."""

    binaries: Binaries
    primary: Server
    replica: Server

    def url(self, server: Server, **words: str) -> str:
        """Return the superuser's URL of the database on one of them."""
        query = "&".join(f"{name}={value}" for name, value in words.items())
        return urlsplit(server.url)._replace(path=f"/{DATABASE}", query=query).geturl()

    @property
    def both(self) -> str:
        """The URL with both hosts: whoever takes writes is found."""
        other = urlsplit(self.replica.url).netloc.rpartition("@")[2]
        url = urlsplit(self.url(self.primary, target_session_attrs="read-write"))
        return url._replace(netloc=f"{url.netloc},{other}").geturl()

    def settings(self, folder: Path, **changes: object) -> Settings:
        """Return the settings of a program that knows both."""
        usual = {
            "database_url": self.both,
            "database_role": "ddms_app",
            "replica_urls": (self.url(self.replica),),
            "api_port": 0,
            "collector_metrics_port": 0,
            "spool_directory": folder / "spool",
        }
        return Settings(**usual | changes)

    async def execute(self, server: Server, sql: str) -> object:
        """Run a statement as the superuser; return its first value."""
        connection = await asyncpg.connect(self.url(server))
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    async def caught_up(self) -> None:
        """Wait until the replica has what the primary has now."""
        position = await self.execute(self.primary, "SELECT pg_current_wal_lsn()::text")
        async with asyncio.timeout(PATIENCE):
            while not await self.execute(self.replica, f"SELECT pg_last_wal_replay_lsn() >= '{position}'"):
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Let the replica replay nothing for a while: it lags more and more."""
        await self.execute(self.replica, "SELECT pg_wal_replay_pause()")
        try:
            yield
        finally:
            await self.execute(self.replica, "SELECT pg_wal_replay_resume()")

    @contextlib.contextmanager
    def hung(self, server: Server) -> Iterator[None]:
        """Let a whole server hang, as behind a network that swallows everything."""
        held = processes(folder_of(server))
        _tell(held, signal.SIGSTOP)
        try:
            yield
        finally:
            _tell(held, signal.SIGCONT)

    @contextlib.contextmanager
    def killed(self, server: Server) -> Iterator[None]:
        """Kill a server as a power cut does."""
        _tell(processes(folder_of(server)), signal.SIGKILL)
        yield


def _tell(held: list[int], number: signal.Signals) -> None:
    for process in held:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def folder_of(server: Server) -> Path:
    """Return the folder that a server lives in."""
    assert server.folder is not None
    return server.folder


def processes(folder: Path) -> list[int]:
    """Return the numbers of a server's processes, the postmaster first."""
    postmaster = (folder / "data/postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [int(postmaster), *map(int, children)]


def _binaries() -> tuple[Binaries, Path | None]:
    reasons = []
    for way in (installed_binaries, debian_binaries, wheel_binaries):
        try:
            return way()
        except PassedOver as reason:
            reasons.append(str(reason))
    raise PassedOver("; ".join(reasons))


def _copied(binaries: Binaries, parent: Path | None, primary: Server) -> Server:
    """Copy a running server and start the copy as its replica."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent or tempfile.gettempdir()))
    os.chown(folder, *binaries.ids())
    inside = f"{binaries.inside(folder)}/data"
    command = binaries.command(
        "pg_basebackup", "-d", primary.url, "-D", inside, "-R", "-X", "stream", "-c", "fast", "--no-sync"
    )
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=servers.environment())
    if done.returncode != 0:
        remove(str(folder))
        raise PassedOver(f"pg_basebackup: {done.stderr.strip()}")
    return servers.run(folder, binaries, f"a replica of {primary.origin}", urlsplit(primary.url).password or "")


@contextlib.contextmanager
def pair() -> Iterator[Pair]:
    """Start a primary with the tables of DDMS, and a replica of it."""
    binaries, parent = _binaries()
    primary = servers.start(binaries, origin="tests", parent=parent)
    started = [primary]
    try:
        asyncio.run(_made(primary))
        started.append(replica := _copied(binaries, parent, primary))
        yield Pair(binaries=binaries, primary=primary, replica=replica)
    finally:
        for server in started:
            server.stop()
            remove(str(folder_of(server)))


async def _made(primary: Server) -> None:
    connection = await asyncpg.connect(primary.url)
    await connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
    # A test sees within milliseconds what takes seconds between machines.
    await connection.execute("ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms'")
    await connection.close()
    await migrate(urlsplit(primary.url)._replace(path=f"/{DATABASE}").geturl())


def _or_skipped() -> Iterator[Pair]:
    try:
        with pair() as both:
            yield both
    except PassedOver as reason:
        pytest.skip(f"no server of our own can be started: {reason}")


@pytest.fixture(name="replicated", scope="module")
def replicated_fixture() -> Iterator[Pair]:
    """A primary and its replica, for all tests of a module."""
    yield from _or_skipped()


@pytest.fixture(name="both")
def both_fixture() -> Iterator[Pair]:
    """A primary and its replica of one test, which may end them."""
    yield from _or_skipped()
