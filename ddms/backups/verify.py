"""Verifying a backup: it is restored into a scratch database, compared with its manifest, tried, and dropped again."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from ddms.backups import reading, target
from ddms.backups.reading import Report
from ddms.backups.restore import Order, restore
from ddms.database import TROUBLE, check_schema, connect
from ddms.errors import Code, DdmsError, Sentence
from ddms.settings import Settings

# What each role must see of a database that it works with.
NOTE = """-- ddms:note_verification
UPDATE backups SET verification = CASE WHEN $2::text IS NULL THEN 'verified' ELSE 'failed' END, verified_at = CASE WHEN $2::text IS NULL THEN now() ELSE verified_at END,
       verify_started_at = now() - make_interval(secs => $3), verify_seconds = $3, verify_error = $2, verify_details = $4, progress = NULL, doing = NULL
 WHERE name = $1 AND state = 'done' RETURNING id
"""
TRIALS = {
    "ddms_app": "SELECT count(*) FROM devices",
    "ddms_grafana": "SELECT count(*) FROM grafana.devices",
    "ddms_grafana_limited": "SELECT count(*) FROM limited_grafana.devices",
}


async def verify(
    settings: Settings, named: str, *, keys: Sequence[Any] = (), report: Report = lambda _, __: None
) -> dict[str, Any]:
    """Verify a backup by its name or the path of its file; return what was compared.

    `differences` holds a sentence for each thing that is not as it must be; a backup without any is verified. What keeps
    it from being restored at all raises `DdmsError`. The scratch database is gone afterwards; those that killed
    verifications left are dropped first.
    """
    found = reading.find(settings, named)
    if found.manifest is None:
        sentence = "the manifest of {} is not beside it, so there is nothing to compare with: `ddms backup restore` can restore it all the same"
        raise DdmsError(Code.NOT_FOUND, Sentence(sentence, found.data))
    if found.manifest["encrypted"] and not keys:
        sentence = "the backup {} is encrypted and the key is not here: verify it where the key is, `ddms backup verify {} --identity FILE`"
        raise DdmsError(Code.INVALID, Sentence(sentence, found.name, found.name), field="identity")
    where = _where(settings)
    await drop_left_overs(settings)
    async with target.scratch(where.for_backups) as scratch:
        order = Order(named=str(found.data), database=scratch, keys=keys, is_scratch=True)
        told = await restore(where, order, report)
        report(None, "tries it as the programs do")
        trouble = await _try(target.at(where.for_backups, scratch))
    differences = [*told["differences"], *told["faults"], *trouble]
    tables = found.manifest["tables"]
    return {
        "way": told["way"],
        "edition": told["edition"],
        "schema": told["schema"],
        "seconds": told["seconds"],
        "bytes": told["bytes"],
        "tables": len(tables),
        "rows": sum(table["rows"] for table in tables),
        "samples": sum(len(table.get("samples", ())) for table in tables),
        "differences": differences,
    }


async def drop_left_overs(settings: Settings) -> None:
    """Drop the scratch databases of verifications that were killed: each takes as much room as the database itself."""
    await target.drop_scratch(_where(settings).for_backups)


def error_of(told: dict[str, Any]) -> str | None:
    """Return what differs in one sentence; None when the backup is verified."""
    differences = told["differences"]
    more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
    return f"{differences[0]}{more}" if differences else None


async def note(settings: Settings, named: str, told: dict[str, Any] | None, error: str | None) -> bool:
    """Note the result of a verification where the database of DDMS is in reach and knows the backup; return whether it does."""
    try:
        name = reading.find(settings, named).name
        connection = await connect(settings, "verify")
        try:
            await check_schema(connection)
            seconds = told["seconds"] if told else 0.0
            return bool(
                await connection.fetchval(NOTE, name, error or (error_of(told) if told else None), seconds, told)
            )
        finally:
            await connection.close()
    except TROUBLE:
        return False


def _where(settings: Settings) -> Settings:
    """Return the settings of the server of scratch databases, which may be another one."""
    if settings.verify_database_url is None:
        return settings
    url, password = settings.verify_database_url, settings.verify_database_password
    return replace(settings, backup_database_url=url, backup_database_password=password, disk_path=None)


async def _try(settings: Settings) -> list[str]:
    """Make the checks that the programs make as they start, in their roles."""
    trouble = []
    for role, question in TRIALS.items():
        try:
            connection = await connect(replace(settings, database_role=role), "verify")
            try:
                if role == "ddms_app":
                    await check_schema(connection)
                await connection.execute(question)
            finally:
                await connection.close()
        except (DdmsError, asyncpg.PostgresError) as error:
            trouble.append(f"{role} cannot work with it: {error}")
    return trouble
