"""What a backup is read from: one moment of the database, which pg_dump and our own connections share."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg

from ddms.backups import manifest, programs
from ddms.backups.programs import Program
from ddms.database import connect, explain
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

LIST_UNREADABLE = """-- ddms:list_unreadable
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND (
       NOT has_schema_privilege(n.oid, 'USAGE')
    OR NOT CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT') ELSE has_table_privilege(c.oid, 'SELECT') END
    OR c.relkind <> 'S' AND row_security_active(c.oid))
 ORDER BY n.nspname <> 'public', 1
"""
EXPORT_SNAPSHOT = "-- ddms:export_snapshot\nSELECT pg_export_snapshot()"
READ_NUMBER = "-- ddms:read_version_number\nSELECT current_setting('server_version_num')::int"
BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
LOCK_PATIENCE_MS = 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One moment of the database, `snapshot`, seen by `connection`; it lasts as long as that one's transaction."""

    settings: Settings
    """With the login for backups."""
    program: Program
    snapshot: str
    connection: asyncpg.Connection

    @property
    def arguments(self) -> tuple[list[str], dict[str, str]]:
        """How pg_dump is called, and its environment."""
        where, environment = programs.connection_of(self.settings)
        role = [f"--role={self.settings.database_role}"] if self.settings.database_role else []
        # What lies compressed is not made smaller by more effort; what does not is text, of which the lightest is enough.
        method = "zstd:3" if self.program.has_zstd else "gzip:1" if self.program.major >= 16 else "1"
        common = [
            "--format=custom", f"--compress={method}", f"--snapshot={self.snapshot}", f"--lock-wait-timeout={LOCK_PATIENCE_MS}",
            "--verbose", "--no-password", *role, f"--dbname={where}",
        ]  # fmt: skip
        return common, environment

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[asyncpg.Connection]:
        """Open another connection that sees the same moment."""
        connection = await connect(self.settings, "backup")
        try:
            with _explained():
                await manifest.prepare_session(connection)
                await connection.execute(BEGIN)
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{self.snapshot}'")
                yield connection
        finally:
            await ended(connection)


async def ended(connection: asyncpg.Connection) -> None:
    """End a session, and what it does just now: the server is told, so that it does not go on for nobody."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.close(timeout=5)


@contextmanager
def _explained() -> Iterator[None]:
    """Explain what the database says, and nothing else: what the disk or a program says has its own sentences."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
        raise explain(error) from error


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Source]:
    """Take a moment of the database, after a look whether all of it may be read."""
    login = settings.for_backups
    connection = await connect(login, "backup")
    try:
        with _explained():
            await manifest.prepare_session(connection)
            await _check_rights(connection)
            number: Any = await connection.fetchval(READ_NUMBER)
            program = await programs.find(login, "pg_dump", number // 10_000)
            await connection.execute(BEGIN)
            snapshot = await connection.fetchval(EXPORT_SNAPSHOT)
            yield Source(settings=login, program=program, snapshot=snapshot, connection=connection)
    finally:
        await ended(connection)


async def _check_rights(connection: asyncpg.Connection) -> None:
    unreadable = [row[0] for row in await connection.fetch(LIST_UNREADABLE)]
    if unreadable:
        sentence = Sentence(
            "the role {} may not read all of the database ({} and {} more): let DDMS_BACKUP_DATABASE_URL name a superuser",
            await connection.fetchval("SELECT current_user"),
            unreadable[0],
            len(unreadable) - 1,
        )
        raise DdmsError(Code.FORBIDDEN, sentence)
