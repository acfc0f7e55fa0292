"""The database schema: forward-only migrations, each one file of SQL that Alembic runs in order.

`migrate` may be called by several programs at once: a lock lets one do the work.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import asyncpg

from ddms.database import OLDEST_PROGRAM, explain, read_schema, refuse_newer, refuse_unfinished
from ddms.errors import Code, DdmsError, Sentence
from ddms.quality import Reason
from ddms.settings import Settings
from migrations.passwords import hashed, set_password
from migrations.timescaledb import convert

ROLES = {
    "ddms_app": "LOGIN",
    "ddms_grafana": "LOGIN",
    "ddms_limited": "NOLOGIN ROLE ddms_app",
    "ddms_grafana_limited": "LOGIN",
}

READ_PLACE = """-- ddms:read_place
SELECT current_database() AS name, pg_encoding_to_char(d.encoding) AS encoding, current_user AS role,
       has_schema_privilege('public', 'CREATE') AND has_database_privilege(d.oid, 'CREATE') AS may_create, o.rolname AS owner,
       (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS may_create_roles,
       ARRAY(SELECT name FROM unnest($1::text[]) name WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)) AS missing
  FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE d.datname = current_database()
"""
MAKE_LOCK = "-- ddms:make_migrating\nCREATE TABLE IF NOT EXISTS public.migrating ()"
LOCK = "LOCK TABLE public.migrating IN EXCLUSIVE MODE"
FILL_QUALITIES = """-- ddms:fill_qualities
INSERT INTO qualities (code, quality, reason, explanation) SELECT * FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[])
ON CONFLICT (code) DO UPDATE SET quality = excluded.quality, reason = excluded.reason, explanation = excluded.explanation
"""
WRITE_SUPPORT = """-- ddms:write_schema_support
INSERT INTO schema_support (oldest) VALUES ($1) ON CONFLICT (single) DO UPDATE SET oldest = excluded.oldest
"""
KEEP_HASH = "-- ddms:keep_password\nUPDATE secrets SET grafana_password = $1"
READ_FAULTS = "-- ddms:read_role_faults\nSELECT fault, remedy, vital FROM role_faults()"


async def migrate(
    url: str,
    settings: Settings | None = None,
    *,
    to_timescaledb: Callable[[str], None] | None = None,
    restoring: bool = False,
) -> list[asyncpg.Record]:
    """Bring the database at `url` to the newest schema, as the role of the URL, which owns what it makes.

    With `to_timescaledb` plain tables become hypertables; it is told how far that is. Returns what is not as it must be
    of the roles because this role may not mend it: `fault`, `remedy` (SQL), `vital`. Raises `DdmsError` when the
    database cannot be reached or used, or a backup is being restored into it, unless it is the restore that asks.
    """
    with _explained():
        await _prepare(url, restoring=restoring)
        await _migrate(url)
        return await _finish(url, settings or Settings(), to_timescaledb)


async def migrate_to(url: str, revision: str) -> None:
    """Make the schema of an older version in an empty database, for a backup that has it."""
    with _explained():
        await _prepare(url, restoring=True)
        await _migrate(url, revision)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _explain(error) from error


def _explain(error: BaseException) -> DdmsError:
    """Say what a migration was refused, which is another thing than a connection that was."""
    refused = isinstance(error, asyncpg.PostgresError) and not isinstance(
        error,
        asyncpg.InvalidAuthorizationSpecificationError
        | asyncpg.InvalidCatalogNameError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError
        | asyncpg.PostgresConnectionError,
    )
    if refused and isinstance(error, asyncpg.InsufficientPrivilegeError):
        sentence = "the role may not do what the migration needs ({}): run `ddms migrate` as the owner of the database"
        return DdmsError(Code.FORBIDDEN, Sentence(sentence, error))
    if refused:
        return DdmsError(
            Code.CONFLICT, Sentence("the database refuses the migration, and nothing was changed: {}", error)
        )
    return explain(error)


async def _prepare(url: str, *, restoring: bool) -> None:
    """Refuse, with a sentence that says what to do, what could only end in the middle."""
    connection = await asyncpg.connect(url)
    try:
        place = await connection.fetchrow(READ_PLACE, list(ROLES))
        if place["encoding"] != "UTF8":
            sentence = "the database {} is encoded in {}: names and texts need UTF8; make it anew: CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
            raise DdmsError(Code.CONFLICT, Sentence(sentence, place["name"], place["encoding"], place["name"]))
        if not place["may_create"]:
            sentence = "the role {} may not make schemas and tables in the database {}: run `ddms migrate` as its owner ({}), or let a superuser run ALTER DATABASE {} OWNER TO {}"
            told = (place["role"], place["name"], place["owner"], place["name"], place["role"])
            raise DdmsError(Code.FORBIDDEN, Sentence(sentence, *told))
        if place["missing"] and not place["may_create_roles"]:
            sentence = (
                "the role {} may not create roles: let a superuser run ALTER ROLE {} CREATEROLE, or make them: {}"
            )
            made = "; ".join(f"CREATE ROLE {name} {ROLES[name]}" for name in place["missing"])
            raise DdmsError(Code.FORBIDDEN, Sentence(sentence, place["role"], place["role"], made))
        refuse_newer(await read_schema(connection))
        if not restoring:
            await refuse_unfinished(connection)
        # Where two come at once, the one that is later may stumble over the other's table, which is as good.
        with suppress(asyncpg.UniqueViolationError, asyncpg.DuplicateTableError, asyncpg.DuplicateObjectError):
            await connection.execute(MAKE_LOCK)
    finally:
        await connection.close()


async def _migrate(url: str, revision: str = "head") -> None:
    from migrations.running import upgrade  # noqa: PLC0415 - it imports what programs that migrate nothing do without

    await upgrade(url, revision, LOCK)


async def _finish(url: str, settings: Settings, to_timescaledb: Callable[[str], None] | None) -> list[asyncpg.Record]:
    """Do what is done each time, also when the schema was the newest: after a restore, on another edition."""
    connection = await asyncpg.connect(url)
    try:
        rows = [(r.value, r.quality.value, r.label, r.explanation) for r in Reason]
        async with connection.transaction():
            await connection.execute(LOCK)
            await connection.execute(FILL_QUALITIES, *(list(column) for column in zip(*rows, strict=True)))
            await connection.execute(WRITE_SUPPORT, OLDEST_PROGRAM)
            if to_timescaledb:
                await convert(connection, to_timescaledb)
            await connection.execute("SELECT apply_compression()")  # also when the edition is another one since
            await connection.execute("SELECT limit_views()")
            await _restore_roles(connection, settings)
        return list(await connection.fetch(READ_FAULTS))
    finally:
        await connection.close()


async def _restore_roles(connection: asyncpg.Connection, settings: Settings) -> None:
    for name, attribute in ROLES.items():  # a restored database may have come to a server that has none
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
            await connection.execute(f"CREATE ROLE {name} {attribute}")
    if settings.app_password:
        await set_password(connection, "ddms_app", settings.app_password)
    verifier = None
    if settings.grafana_password:
        verifier = hashed(settings.grafana_password)
        for name in ("ddms_grafana", "ddms_grafana_limited"):
            await set_password(connection, name, verifier or settings.grafana_password)
    await connection.execute(KEEP_HASH, verifier)
    await connection.execute("SELECT restore_roles()")
