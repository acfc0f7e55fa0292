"""Finds a real database for the tests and the benchmarks, and makes a fresh one for each of them in milliseconds.

`python -m tests.support.database` starts one by itself, prints its URL and keeps it until it is interrupted.
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from ddms.database import read_edition
from migrations import migrate
from tests.support.database_sources import WAYS
from tests.support.servers import PassedOver, Server

PREFIX = "ddms_test_"
LEFT_OVER_AFTER = 2 * 3600  # seconds

COPY_TEMPLATE = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
# What belongs to a database but is kept outside of it does not come along with the template.
COPY_SETTINGS = """-- tests:copy_settings
INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT copy.oid, s.setrole, s.setconfig FROM pg_database copy, pg_database template
  JOIN pg_db_role_setting s ON s.setdatabase = template.oid WHERE copy.datname = $1 AND template.datname = $2
"""
COPY_RIGHTS = """-- tests:copy_rights
UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = $2) WHERE datname = $1
"""
LEFT_OVERS = """-- tests:left_overs
SELECT datname FROM pg_database WHERE datname LIKE 'ddms\\_test\\_%' AND split_part(datname, '_', 3) ~ '^\\d+$'
   AND split_part(datname, '_', 3)::bigint < $1
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The server that was found, what it is, and the migrated template on it."""

    server: Server
    description: str
    edition: str
    template: str
    passed_over: tuple[str, ...] = ()

    def publish(self) -> None:
        """Tell the processes that this one starts (xdist's workers) to use the same."""
        os.environ |= {
            "DDMS_TEST_DATABASE_URL": self.server.url,
            "DDMS_TEST_TEMPLATE": self.template,
            "DDMS_TEST_EDITION": self.edition,
        }

    def give_back(self) -> None:
        """Drop the template where the server stays, stop the server where it is ours."""
        if self.server.guardian is None:
            asyncio.run(drop(self.server.url, self.template))
        self.server.stop()


def find_server(ways: Sequence[Callable[[], Server]] = WAYS) -> tuple[Server, tuple[str, ...]]:
    """Take the first way that works; with it go the reasons why those before did not.

    `DDMS_TEST_WAY`, a way's name, leaves only that one: `DDMS_TEST_WAY=wheel make test`.
    """
    passed_over: list[str] = []
    only = os.environ.get("DDMS_TEST_WAY")
    for way in ways:
        if only and way.__name__ != only:
            continue
        try:
            return way(), tuple(passed_over)
        except PassedOver as reason:
            passed_over.append(str(reason))
    raise PassedOver("; ".join(passed_over) or f"DDMS_TEST_WAY={only} is none of {', '.join(w.__name__ for w in ways)}")


def find() -> Found:
    """Find a server and migrate a template on it."""
    server, passed_over = find_server()
    try:
        return asyncio.run(_prepared(server, passed_over))
    except BaseException:
        server.stop()
        raise


async def _prepared(server: Server, passed_over: tuple[str, ...]) -> Found:
    await _drop_left_overs(server.url)
    template = new_name()
    url = await create(server.url, template)
    await migrate(url)
    connection = await asyncpg.connect(url)
    edition = (await read_edition(connection)).value
    description = await _describe(connection)
    if edition != "plain":
        # A server with a job scheduler would otherwise sit in the template, which then cannot be copied.
        await connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
    await connection.close()
    await _close_to_visitors(server.url, template)
    return Found(
        server=server,
        description=f"{description}, from {server.origin}",
        edition=edition,
        template=template,
        passed_over=passed_over,
    )


async def _describe(connection: asyncpg.Connection) -> str:
    postgresql = await connection.fetchval("SELECT split_part(current_setting('server_version'), ' ', 1)")
    timescaledb = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    return f"PostgreSQL {postgresql} " + (f"with TimescaleDB {timescaledb}" if timescaledb else "without TimescaleDB")


async def _close_to_visitors(server_url: str, template: str) -> None:
    connection = await asyncpg.connect(server_url)
    await connection.execute(f"ALTER DATABASE {template} WITH ALLOW_CONNECTIONS false")
    await connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", template
    )
    await connection.close()


async def _drop_left_overs(server_url: str) -> None:
    """Drop what killed runs left on a server that is not ours."""
    connection = await asyncpg.connect(server_url)
    for (name,) in await connection.fetch(LEFT_OVERS, int(time.time()) - LEFT_OVER_AFTER):
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()


def new_name() -> str:
    """Return a name that says when, so that what a killed run left can be told from what is in use."""
    return f"{PREFIX}{int(time.time())}_{secrets.token_hex(4)}"


async def create(server_url: str, name: str, *, template: str | None = None) -> str:
    """Create a database, empty or as a copy of the template, and return its URL."""
    connection = await asyncpg.connect(server_url)
    try:
        if template is None:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        else:
            await connection.execute(COPY_TEMPLATE.format(name=name, template=template))
            await connection.execute(COPY_SETTINGS, name, template)
            await connection.execute(COPY_RIGHTS, name, template)
    finally:
        await connection.close()
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


async def drop(server_url: str, name: str) -> None:
    """Drop a database, whoever is still connected."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


def main() -> None:
    server, passed_over = find_server()
    for reason in passed_over:
        print(f"passed over: {reason}", file=sys.stderr)
    print(f"from {server.origin}; Ctrl-C ends it", file=sys.stderr)
    print(server.url, flush=True)
    try:
        while server.guardian is None or server.guardian.poll() is None:
            time.sleep(1)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
