"""PgBouncer in transaction mode before the tests' server, with the configuration that we deliver."""

import asyncio
import os
import re
import secrets
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tests.support.debian_root import SERVERS, debian_root
from tests.support.ports import free_port
from tests.support.servers import Binaries, PassedOver, guarded

OURS = Path(__file__).parents[2] / "deploy/pgbouncer.ini"
OLDEST = (1, 21)


def _found() -> tuple[Binaries, Path]:
    """Return the PgBouncer of this machine or of the Debian root, and the folder below which its files may lie."""
    ways = [(Binaries(folder=Path("/usr/sbin")), Path(tempfile.gettempdir()))]
    if os.geteuid() == 0:
        root = debian_root()
        ways.append((Binaries(folder=Path("/usr/sbin"), root=root, user="postgres"), root / SERVERS))
    for binaries, parent in ways:
        if (binaries.root / "usr/sbin/pgbouncer").exists():
            done = subprocess.run(
                binaries.command("pgbouncer", "--version"), check=False, capture_output=True, text=True
            )
            if (version := re.search(r"PgBouncer (\d+)\.(\d+)", done.stdout)) and (
                int(version[1]),
                int(version[2]),
            ) >= OLDEST:
                return binaries, parent
    raise PassedOver("there is no PgBouncer of 1.21 or newer here")


def _configured(name: str, value: object, text: str) -> str:
    changed, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
    assert count == 1, name
    return changed


@asynccontextmanager
async def pooled(database_url: str, *, server_connections: int) -> AsyncIterator[str]:
    """Run it before a database, with a role of its own that has the programs' rights; give the URL."""
    binaries, parent = _found()
    url, port = urlsplit(database_url), free_port()
    role, database = f"pooled_{secrets.token_hex(4)}", url.path[1:]
    owner = await asyncpg.connect(database_url)
    await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'right' IN ROLE ddms_app")
    folder = Path(tempfile.mkdtemp(prefix="ddms-pgbouncer-", dir=parent))
    text = OURS.read_text().replace(
        "ddms = host=127.0.0.1 port=5432 dbname=ddms", f"{database} = host={url.hostname} port={url.port or 5432}"
    )
    text = _configured("auth_file", binaries.inside(folder / "userlist.txt"), _configured("listen_port", port, text))
    text = _configured("default_pool_size", server_connections, text) + "unix_socket_dir =\n"
    (folder / "userlist.txt").write_text(f'"{role}" "right"\n')
    (folder / "pgbouncer.ini").write_text(text)
    for path in (folder, *folder.iterdir()):
        os.chown(path, *binaries.ids())
    command = binaries.command("pgbouncer", binaries.inside(folder / "pgbouncer.ini"))
    guardian = guarded(command, directory=folder)  # which ends it, and removes the folder, whatever becomes of this run
    try:
        async with asyncio.timeout(60):
            while not _listens(port):
                assert guardian.poll() is None, (folder / "log").read_text()
                await asyncio.sleep(0.05)
        yield f"postgresql://{role}:right@127.0.0.1:{port}/{database}"
    finally:
        assert guardian.stdin is not None
        guardian.stdin.close()
        await asyncio.to_thread(guardian.wait, 20)
        await owner.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", role)
        await owner.execute(f"DROP ROLE {role}")
        await owner.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
