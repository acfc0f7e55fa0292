"""`ddms migrate`, `ddms init` and `ddms settings`: what an installation begins with."""

import asyncio
import re
import secrets
from dataclasses import fields
from functools import partial
from typing import Any

import asyncpg
import click
import orjson
from argon2 import PasswordHasher

from ddms import inputs
from ddms.cli import settings as read_settings
from ddms.cli.tables import AS_JSON, print_json, progress
from ddms.database import check_schema, connect, find_timescaledb, read_edition
from ddms.edition_advice import ADVICE
from ddms.errors import Code, DdmsError
from ddms.settings import PREFIX, Settings

ONE_AT_A_TIME = "-- ddms:lock_first_owner\nSELECT name FROM locks WHERE name = 'first owner' FOR UPDATE"
INSERT_FIRST_OWNER = """-- ddms:insert_first_owner
INSERT INTO users (name, role, password_hash) SELECT $1, 'owner', $2
 WHERE NOT EXISTS (SELECT FROM users WHERE role = 'owner') RETURNING id
"""


@click.command
@AS_JSON
@click.option("--to-timescaledb", is_flag=True, help="Also make hypertables of plain tables, with all that is in them.")
def migrate(as_json: bool, to_timescaledb: bool) -> None:
    """Bring the database to this version's schema, and its roles, rights and settings to what they must be.

    Run it as the role that owns the database; it makes the roles ddms_app and ddms_grafana, with the passwords in
    DDMS_APP_PASSWORD and DDMS_GRAFANA_PASSWORD. Running it twice, or twice at once, does no harm.

    --to-timescaledb copies every reading and needs as much disk again. Until it is done the tables are
    locked: collectors keep what they read in their spools, queries of history wait. Cut off, it leaves all as it was.
    """
    from migrations import migrate as run  # noqa: PLC0415

    settings = read_settings()
    _ensure_keys(settings)
    with progress("bringing the database to this version's schema", hidden=to_timescaledb):  # which tells what it does
        left = asyncio.run(run(settings.dsn(), settings, to_timescaledb=_tell if to_timescaledb else None))
    edition, version, advice = asyncio.run(_found(settings))
    undone = [dict(row) for row in left]
    if as_json:
        print_json({"edition": edition, "schemaVersion": version, "advice": advice, "undone": undone})
        return
    click.echo(f"The database has schema {version}; its storage edition is {edition}.")
    _tell_left(undone, advice)


def _ensure_keys(settings: Settings) -> None:
    """Make the key with which the API tells Grafana who somebody is, where a folder for it is set and empty."""
    if settings.keys_directory:
        from api.ground.signing import ensure  # noqa: PLC0415 - a library that only this needs

        if ensure(settings.keys_directory):
            _tell(f"A signing key is made in {settings.keys_directory}.")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _tell_left(undone: list[dict[str, Any]], advice: str | None) -> None:
    """Say what this role could not do, and what would be better."""
    if advice:
        _tell(f"Note: {advice}.")
    if undone:
        _tell(
            "Note: this role may not do what follows; let a superuser do it, where there is one (docs/deployment.md):"
        )
    for row in undone:
        _tell(f"- {row['fault']}{'' if row['vital'] else ' (a second line of defence)'}:\n  {row['remedy']};")


async def _found(settings: Settings) -> tuple[str, str, str | None]:
    connection = await connect(settings, "migrate")
    try:
        await check_schema(connection)
        version = await connection.fetchval("-- ddms:schema_version\nSELECT version_num FROM alembic_version")
        return (await read_edition(connection)).value, version, ADVICE.get(await find_timescaledb(connection))
    finally:
        await connection.close()


@click.command
@click.option("--name", default="owner", show_default=True, help="Name of the first owner.")
@AS_JSON
def init(name: str, as_json: bool) -> None:
    """Create the first owner, with a password that is shown once.

    Fails when an owner exists already: a lost password is replaced by another owner, or by `ddms users reset-password`.
    """
    name = inputs.fit(partial(inputs.name, most=64), name, "--name")
    password = secrets.token_urlsafe(15)
    settings = read_settings()
    _ensure_keys(settings)
    asyncio.run(_create_owner(settings, name, password))
    if as_json:
        print_json({"name": name, "password": password})
    else:
        click.echo(f"The owner is {name!r}, the password {password}\nIt is not shown again: keep it in a safe place.")


async def _create_owner(settings: Settings, name: str, password: str) -> None:
    from api.ground import audit  # noqa: PLC0415 - GraphQL is slow to import
    from api.ground.actor import COMMAND_LINE  # noqa: PLC0415
    from api.ground.database import Statements  # noqa: PLC0415

    password_hash = await asyncio.to_thread(PasswordHasher().hash, password)
    connection = await connect(settings, "init")
    try:
        await check_schema(connection)
        async with connection.transaction():
            await connection.execute(ONE_AT_A_TIME)
            created = await connection.fetchval(INSERT_FIRST_OWNER, name, password_hash)
            if created is not None:
                after = {"name": name, "role": "owner"}
                await audit.record(Statements(connection), COMMAND_LINE, "user.create", f"usr_{created}", after=after)
    except asyncpg.CheckViolationError as error:
        sentence = "a name has 1 to 64 characters and no space at its ends"
        raise DdmsError(Code.INVALID, sentence, field="--name") from error
    finally:
        await connection.close()
    if created is None:
        raise DdmsError(
            Code.ALREADY_EXISTS, "an owner exists already: `ddms users` lists people, adds them and gives new passwords"
        )


@click.command
@AS_JSON
def settings(as_json: bool) -> None:
    """List all settings: variable, meaning, value now (secrets are hidden)."""
    values = read_settings()
    rows = [
        (PREFIX + f.name.upper(), f.metadata["meaning"], _shown(f.name, getattr(values, f.name)))
        for f in fields(values)
    ]
    if as_json:
        table = [{"variable": v, "meaning": m, "value": x} for v, m, x in rows]
        click.echo(orjson.dumps(table, option=orjson.OPT_INDENT_2).decode())
        return
    width = max(len(variable) for variable, _, _ in rows)
    for variable, meaning, value in rows:
        click.echo(f"{variable:<{width}}  {meaning} [{value}]")
    click.echo("\nEach can also be given as a file: DDMS_<NAME>_FILE=/path.")


def _shown(name: str, value: object) -> str:
    if value is None:
        return "not set"
    if "password" in name:
        return "hidden"
    if name.endswith(("_url", "_urls")):
        urls = value if isinstance(value, tuple) else (str(value),)
        return ",".join(re.sub(r"(//[^/@:]*):.*@", r"\1:…@", url) for url in urls)
    if name == "openid_providers" and isinstance(value, tuple):
        return ",".join(provider.name for provider in value)
    return ",".join(value) if isinstance(value, tuple) else str(value)
