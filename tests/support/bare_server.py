"""A server of a test's own, for what would disturb others: roles belong to the whole server.

TimescaleDB, where it is installed, is not preloaded.
"""

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import asyncpg
import pytest

from tests.support.database import create, new_name
from tests.support.database_sources import wheel
from tests.support.debian_root import BINARIES, SERVERS, debian_root
from tests.support.servers import Binaries, PassedOver, Server, start


def bare_server() -> Server:
    """Start one; TimescaleDB is installed there when a Debian root can be had."""
    try:
        root = debian_root()
    except PassedOver:
        return wheel()
    binaries = Binaries(folder=BINARIES, root=root, user="postgres")
    return start(binaries, origin="a Debian 13 root, nothing preloaded", parent=root / SERVERS)


@pytest.fixture(scope="module")
def bare() -> Iterator[Server]:
    """A server for the tests of one file."""
    server = bare_server()
    yield server
    server.stop()


def as_role(url: str, role: str, password: str) -> str:
    """Return the URL for another role."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:{quote(password, safe='')}@{parts.hostname}:{parts.port}").geturl()


async def forget_everything(server: Server) -> None:
    """Drop all databases of tests and DDMS's roles, as on a server that has never seen DDMS."""
    connection = await asyncpg.connect(server.url)
    for (name,) in await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'ddms%'"):
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for name in ("ddms_app", "ddms_grafana", "ddms_limited", "ddms_grafana_limited", "plant"):
        await connection.execute(f"DROP ROLE IF EXISTS {name}")
    await connection.close()


async def owned_database(server: Server, attributes: str) -> str:
    """Make the role `plant`, and a database that it owns; return the database's URL for it."""
    connection = await asyncpg.connect(server.url)
    await connection.execute(f"CREATE ROLE plant LOGIN PASSWORD 'p' {attributes}")
    url = await create(server.url, name := new_name())
    await connection.execute(f"ALTER DATABASE {name} OWNER TO plant")
    await connection.close()
    return as_role(url, "plant", "p")
