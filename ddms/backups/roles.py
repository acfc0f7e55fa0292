"""The roles of DDMS on a server that may never have seen them: made before a restore, put right after it."""

from collections.abc import Sequence

import asyncpg

from ddms.database import Connection
from ddms.settings import Settings
from migrations import READ_FAULTS, ROLES, migrate

MISSING = "-- ddms:missing_roles\nSELECT name FROM unnest($1::text[]) name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)"
# Whose hash it is: this server's, or that of the server where the backup was made.
KNOWN_PASSWORD = """-- ddms:known_password
SELECT s.grafana_password FROM secrets s JOIN pg_authid r ON r.rolname = 'ddms_grafana' AND r.rolpassword = s.grafana_password
"""  # noqa: S105 - how it is asked for
KEEP_PASSWORD = "-- ddms:keep_known_password\nUPDATE secrets SET grafana_password = $1"  # noqa: S105


async def make_missing(connection: Connection) -> list[str]:
    """Make the roles that the server has not, without passwords; return their names."""
    missing = [row[0] for row in await connection.fetch(MISSING, list(ROLES))]
    for name in ROLES:  # in this order: one is a member of another
        if name in missing:
            try:
                await connection.execute(f"CREATE ROLE {name} {ROLES[name]}")
            except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
                continue  # another database of the server has just got them
    return missing


async def finish(settings: Settings, connection: Connection, made: Sequence[str]) -> list[str]:
    """Bring a restored database to this version's schema, and rights and settings of the roles to what they must be.

    Passwords of roles that were here stay; those that were made get them from this program's settings, if it has some.
    Returns what is still not as it must be, in sentences.
    """
    try:
        known = await connection.fetchval(KNOWN_PASSWORD)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError):
        known = None
    passwords = Settings()
    if made:
        passwords = Settings(app_password=settings.app_password, grafana_password=settings.grafana_password)
    await migrate(settings.dsn(), passwords, restoring=True)
    if known is not None and not made:
        await connection.execute(KEEP_PASSWORD, known)
    for row in await connection.fetch(READ_FAULTS):  # what the owner of the database may not, this login may
        await connection.execute(row["remedy"])
    return [row["fault"] for row in await connection.fetch(READ_FAULTS)]
