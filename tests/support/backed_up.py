"""A database with something in every corner, and backups of it in each form."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from ddms.backups import dump, sealed
from ddms.backups.folder import BackupFiles
from ddms.settings import Settings
from tests.support import client_programs

FILL = r"""
INSERT INTO connections (endpoint) VALUES ('tcp://a:502');
INSERT INTO devices (name, connection_id, unit_id) SELECT 'd' || n, 1, n FROM generate_series(1, 3) n;
INSERT INTO points (device_id, key, name, register_table, address, data_type)
SELECT d, 'k' || n, E'K\t"\\,', 'holding', 2 * n, 'float32' FROM generate_series(1, 3) d, generate_series(1, 2) n;
INSERT INTO readings (time, point_id, value, quality)
SELECT '2026-07-01Z'::timestamptz + s * interval '7 minutes', p, CASE WHEN s % 7 = 0 THEN NULL WHEN s % 11 = 0 THEN 'Infinity' ELSE s / 3.0 END, s % 3
  FROM generate_series(1, 1000) s, generate_series(1, 6) p;
INSERT INTO texts (time, point_id, text) SELECT '2026-07-01Z'::timestamptz + s * interval '1 hour', 1, E'a\tb\\N\n\\.\n' || s FROM generate_series(1, 200) s;
INSERT INTO latest (point_id, time, value, quality) SELECT point_id, max(time), 1, 0 FROM readings GROUP BY 1;
INSERT INTO users (name, role, password_hash) VALUES ('ann', 'owner', 'x');
INSERT INTO audit_log (actor, action, subject) VALUES ('ann', 'user.create', 'usr_1'), ('ann', 'device.create', 'dev_1');
"""
UNDER_WAY = """
INSERT INTO collectors (name, version) VALUES ('line 1', '0');
INSERT INTO leases VALUES (1, 'line 1', now() + interval '1 day');
INSERT INTO claims (name, pid, beacon) VALUES ('backups', 1, '{1,2}');
INSERT INTO api_tokens (name, role, hash, expires_at, user_id) VALUES ('browser', 'owner', sha256('a'), now() + interval '1 day', 1), ('key', 'viewer', sha256('b'), now() + interval '1 day', NULL);
INSERT INTO sessions (token_id, rights, idle, address) VALUES (1, 0, '1 hour', '');
INSERT INTO field_requests (kind, parameters, requested_by) VALUES ('scan', '{}', 'ann');
INSERT INTO scheduled_jobs (name, schedule, due_at, started_at) VALUES ('backup', 'every 20 s', now(), now());
INSERT INTO retention_notice (due_at) VALUES (now());
INSERT INTO backups (name, state, reason, verification) VALUES ('native', 'running', 'asked', 'waiting'), ('other', 'waiting', 'asked', NULL);
INSERT INTO restores (backup, database, state) VALUES ('older', 'x', 'running');
"""


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """Backups `native`, `portable` and `sealed` in a folder, of a database that stays as it was."""

    settings: Settings
    keys: list[object]
    edition: str

    @property
    def folder(self) -> Path:
        return self.settings.backup_directory

    def files(self, name: str) -> BackupFiles:
        return BackupFiles(folder=self.folder, name=name, portable=name == "portable", encrypted=name == "sealed")

    def on(self, server_url: str) -> Settings:
        """Return the settings of a program that restores them onto another server."""
        return replace(self.settings, backup_database_url=server_url)


async def back_up(url: str, folder: Path, edition: str) -> BackedUp:
    """Fill a fresh database, and make the backups of it."""
    connection = await asyncpg.connect(url)
    await connection.execute(FILL)
    await connection.execute("CALL refresh_rollups()")  # makes transactions of its own
    await connection.execute(UNDER_WAY)
    if edition == "community":
        await connection.execute(
            "SELECT compress_chunk(c) FROM show_chunks('readings', older_than => '2026-07-04Z'::timestamptz) c"
        )
    await connection.close()
    secret, public = sealed.new_pair()
    settings = Settings(
        database_url=url, backup_database_url=url, backup_directory=folder, postgres_programs=client_programs.folder()
    )
    made = BackedUp(settings=settings, keys=sealed.identities([secret]), edition=edition)
    for name in ("native", "portable", "sealed"):
        await dump.make(settings, dump.Order(files=made.files(name), recipients=[public] if name == "sealed" else []))
    return made


def elsewhere(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def backed_up_once(url: str, folder: Path, edition: str) -> BackedUp:
    return asyncio.run(back_up(url, folder, edition))
