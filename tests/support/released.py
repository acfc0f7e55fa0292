"""Databases of earlier schemas with what a plant left in them, kept as rows: what an upgrade must bring along.

`python -m tests.support.released URL FOLDER --password … --token …` keeps one, of a demo that ran with the DDMS of then:
at each release, and before a change of the schema that others must not lose data by. The tables themselves are made by
the migrations, which nobody changes once they were released.
"""

import argparse
import asyncio
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from migrations import migrate_to

FOLDER = Path(__file__).parents[1] / "released"
KEPT = sorted(FOLDER.glob("*.zip"))
MOMENT = (2026, 1, 1, 0, 0, 0)  # the same rows are the same file
LIST_TABLES = """
SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('alembic_version', 'migrating') GROUP BY 1 ORDER BY 1
"""
SET_SEQUENCES = """
DO $$
DECLARE numbered record;
BEGIN
    FOR numbered IN
        SELECT c.oid::regclass AS of, a.attname AS name, pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND pg_get_serial_sequence(c.oid::regclass::text, a.attname) IS NOT NULL
    LOOP
        EXECUTE format('SELECT setval(%L, greatest(max(%I)::bigint, 1)) FROM %s', numbered.sequence, numbered.name, numbered.of);
    END LOOP;
END $$
"""


@dataclass(frozen=True)
class Released:
    """What is known of a kept database beside its rows: its schema, how many rows each table has, who may come in."""

    schema: str
    rows: dict[str, int]
    password: str
    token: str


async def keep(url: str, folder: Path, password: str, token: str) -> Path:
    """Keep what is in a database."""
    connection = await asyncpg.connect(url)
    schema = await connection.fetchval("SELECT version_num FROM alembic_version")
    path, rows = folder / f"{schema}.zip", {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, columns in await connection.fetch(LIST_TABLES):
            part = io.BytesIO()
            await connection.copy_from_table(name, columns=columns, output=part, format="text")
            rows[name] = part.getvalue().count(b"\n")
            _write(archive, f"rows/{name}", part.getvalue())
            _write(archive, f"columns/{name}", json.dumps(columns).encode())
        about = {"schema": schema, "rows": rows, "password": password, "token": token}
        _write(archive, "about.json", json.dumps(about, indent=1).encode())
    await connection.close()
    return path


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, MOMENT), content, zipfile.ZIP_DEFLATED)


async def put_back(path: Path, url: str) -> Released:
    """Make an empty database what was kept."""
    with zipfile.ZipFile(path) as archive:
        about: dict[str, Any] = json.loads(archive.read("about.json"))
        await migrate_to(url, about["schema"])
        connection = await asyncpg.connect(url)
        await connection.execute("SET session_replication_role = replica")  # no trigger: what they did is there
        await connection.execute(f"TRUNCATE {', '.join(about['rows'])} CASCADE")
        for name in about["rows"]:
            columns = json.loads(archive.read(f"columns/{name}"))
            content = io.BytesIO(archive.read(f"rows/{name}"))
            await connection.copy_to_table(name, columns=columns, source=content, format="text")
        await connection.execute(SET_SEQUENCES)
        await connection.close()
    return Released(**about)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path, default=FOLDER, nargs="?")
    parser.add_argument("--password", required=True)
    parser.add_argument("--token", required=True)
    given = parser.parse_args()
    print(asyncio.run(keep(given.url, given.folder, given.password, given.token)))


if __name__ == "__main__":
    main()
