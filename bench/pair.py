"""Two PostgreSQL of the demo's wheel: a primary, and a replica that takes over when the primary is killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg

from demo.postgres import Postgres
from demo.processes import environment


class Standby(Postgres):
    """A streaming replica of another server, copied from it when it has no data yet."""

    def __init__(self, directory: Path, source: Postgres) -> None:
        super().__init__(directory)
        self._source = source

    def _initialise(self) -> None:
        if not self.data.exists():
            new = self.directory / "postgres.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            self._hand_over(new)
            host = str(self._source.socket_directory)
            command = [
                self._bin / "pg_basebackup",
                "-h",
                host,
                "-U",
                "postgres",
                "-D",
                new,
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
            ]
            subprocess.run(command, preexec_fn=self._way, env=environment({}), check=True, capture_output=True)
            for lock in new.glob(".s.PGSQL.*"):  # its socket is in its data
                lock.unlink()
            new.rename(self.data)
        super()._initialise()


class Pair:
    """What a run needs of a server, kept by two: a commit counts when both have it, so nothing is lost with either."""

    def __init__(self, folder: Path) -> None:
        self._folders = [folder / "a", folder / "b"]
        self.primary = Postgres(self._folders[0])
        self.replica: Postgres | None = None

    def __enter__(self) -> "Pair":
        self.primary.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.replica, self.primary):
            if server:
                server.stop()

    def url(self, *, user: str = "postgres", database: str = "postgres") -> str:
        """Return the URL by which a program finds whichever of the two takes writes."""
        hosts = ",".join(quote(str(folder / "postgres"), safe="/") for folder in self._folders)
        return f"postgresql://{user}@/{database}?host={hosts}&port=5432,5432&target_session_attrs=read-write"

    def copy(self) -> None:
        """Make the replica anew, and let commits wait for it."""
        spare = next(folder for folder in self._folders if folder != self.primary.directory)
        shutil.rmtree(spare / "postgres", ignore_errors=True)
        self.replica = Standby(spare, self.primary)
        self.replica.start()
        asyncio.run(self._together())

    async def _together(self) -> None:
        connection = await asyncpg.connect(self.primary.url())
        try:
            await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await connection.execute("SELECT pg_reload_conf()")
            while not await connection.fetchval("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0.05)
        finally:
            await connection.close()

    def promote(self, pause: float) -> None:
        """Kill the primary, let the replica take over after a while, and make the other one its replica."""
        assert self.replica
        kill(self.primary)
        time.sleep(pause)
        asyncio.run(self._promote(self.replica))
        self.primary.stop()
        self.primary = self.replica
        self.copy()

    async def _promote(self, server: Postgres) -> None:
        connection = await asyncpg.connect(server.url())
        try:
            assert await connection.fetchval("SELECT pg_promote()")
        finally:
            await connection.close()

    def restart_replica(self, pause: float) -> None:
        """Kill the replica, and start it again after a while; until then commits wait."""
        assert self.replica
        kill(self.replica)
        time.sleep(pause)
        self.replica.stop()
        self.replica.start()


def kill(server: Postgres) -> None:
    """Kill a server as a power cut would."""
    os.kill(int((server.data / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
